"""Sparse derivatives between bounds: as the dense ones, group by group, and f is never asked outside."""

from dataclasses import replace

import numpy as np
import pytest

from fastgrad import hessian, jacobian, sparsity
from fastgrad.engine.call import Rows
from fastgrad.formulas.stencils import stencil
from fastgrad.formulas.steps import Steps
from fastgrad.sparsity import Pattern, between
from fastgrad.sparsity.task import Task

LOW, HIGH = 0.0, 2.0
X = np.array([0.0, 0.5, 1.0, 2.0, 1.5, 0.0, 2.0, 1e-7, 1.0])
POINTS = np.stack([np.full(9, 0.7), X, X[::-1], np.full(9, 2.0)])


class Inside:
    """A function that is defined between the bounds only, and counts its calls."""

    def __init__(self, f, low=LOW, high=HIGH):
        self.f, self.low, self.high, self.count = f, low, high, 0

    def __call__(self, x):
        assert (x >= self.low).all()
        assert (x <= self.high).all()
        self.count += 1
        return self.f(x)


def neighbours(x):
    y = x**3 - x
    y[1:] = y[1:] + np.sin(x[:-1])
    y[:-1] = y[:-1] - 2 * x[1:] ** 2
    return y


def of_neighbours(x):
    return np.diag(3 * x**2 - 1) + np.diag(np.cos(x[:-1]), -1) + np.diag(-4 * x[1:], 1)


def chain(x):
    return np.sum((x[1:] - x[:-1] ** 2) ** 2 + np.exp(x[1:] / 3))


def tridiagonal(size):
    return Pattern(np.eye(size) + np.eye(size, k=1) + np.eye(size, k=-1))


@pytest.mark.parametrize("options", [{}, {"order": 4}, {"method": "forward"}, {"method": "backward"}, {"h": 1e-5}])
def test_entries_are_those_of_the_dense_jacobian(options):
    f = Inside(neighbours)
    found = sparsity.jacobian(f, X, pattern=tridiagonal(9), bounds=(LOW, HIGH), **options)
    dense = jacobian(Inside(neighbours), X, bounds=(LOW, HIGH), **options)
    assert found.toarray().tolist() == dense.tolist()
    assert np.abs(found.toarray() - of_neighbours(X)).max() < 1e-3


def test_a_point_that_has_room_is_as_without_bounds():
    x = np.full(9, 0.7)
    found, free = (
        sparsity.jacobian(neighbours, x, pattern=tridiagonal(9), full_output=True, **options)
        for options in ({"bounds": (LOW, HIGH)}, {})
    )
    assert found.value.toarray().tolist() == free.value.toarray().tolist()
    assert (found.nfev, found.h.tolist()) == (free.nfev, free.h.tolist())


@pytest.mark.parametrize("engine", ["auto", "python", "simd", "reference"])
def test_many_points_each_for_itself(engine):
    bounds = np.full(9, LOW), np.full(9, HIGH)
    f = neighbours if engine == "simd" else Inside(neighbours)
    many = sparsity.jacobian(f, POINTS, batch=True, pattern=tridiagonal(9), bounds=bounds, engine=engine)
    for x, found in zip(POINTS, many, strict=True):
        assert np.abs(found.toarray() - of_neighbours(x)).max() < 1e-6
        one = sparsity.jacobian(f, x, pattern=tridiagonal(9), bounds=bounds, engine=engine)
        assert one.toarray().tolist() == found.toarray().tolist()


def test_only_groups_with_columns_that_turn_are_moved_twice():
    x = np.full(900, 0.7)
    pattern = tridiagonal(900)
    whole = sparsity.jacobian(neighbours, x, pattern=pattern, bounds=(LOW, HIGH), full_output=True)
    x[7] = LOW
    one = sparsity.jacobian(Inside(neighbours), x, pattern=pattern, bounds=(LOW, HIGH), full_output=True)
    assert whole.nfev == 6
    assert one.nfev == 6 + 3
    assert np.abs(one.value.toarray() - of_neighbours(x)).max() < 1e-6


def test_no_room_is_no_derivative_where_there_is_an_entry():
    low = np.array([0.0, 0.5, 0.0])
    found = sparsity.jacobian(neighbours, [0.3, 0.5, 0.9], pattern=tridiagonal(3), bounds=(low, [1.0, 0.5, 1.0]))
    assert np.isnan(found.toarray()).tolist() == [[False, True, False]] * 3
    dense = jacobian(neighbours, [0.3, 0.5, 0.9], bounds=(low, [1.0, 0.5, 1.0]))
    entries = ~np.isnan(dense)
    assert found.toarray()[entries].tolist() == dense[entries].tolist()


def test_bounds_that_are_floats_apart():
    high = np.array([1.0, np.nextafter(0.5, 1.0), 1.0])
    found = sparsity.jacobian(neighbours, [0.3, 0.5, 0.9], pattern=tridiagonal(3), bounds=(0.0, high))
    dense = jacobian(neighbours, [0.3, 0.5, 0.9], bounds=(0.0, high))
    assert found.toarray().tolist() == dense.tolist()


def test_the_pattern_is_found_and_checked_inside():
    f = Inside(lambda x: np.sqrt(x[1:]) * np.sqrt(2.0 - x[:-1]) + x[1:])
    found = sparsity.jacobian(f, np.array([0.5, 2.0, 1.0, 2.0]), bounds=[(0, 2)] * 4)
    dense = jacobian(f, np.array([0.5, 2.0, 1.0, 2.0]), bounds=[(0, 2)] * 4)
    mask = found.toarray() != 0.0
    assert np.allclose(found.toarray()[mask], dense[mask], rtol=1e-6)


@pytest.mark.parametrize("missing", [(0, 1), (3, 2), (8, 8)])
def test_a_pattern_that_lacks_an_entry_is_noticed_at_bounds(missing):
    given = np.eye(9) + np.eye(9, k=1) + np.eye(9, k=-1)
    given[missing] = 0.0
    x = np.array([0.0, 0.5, 1.0, 2.0, 1.5, 0.0, 2.0, 1.0, 1.0])
    with pytest.raises(ValueError, match=f"row {missing[0]} and column {missing[1]}"):
        sparsity.jacobian(Inside(neighbours), x, pattern=given, bounds=(LOW, HIGH))


def test_single_precision_inside():
    f = lambda x: neighbours(x).astype(np.float32)
    found = sparsity.jacobian(Inside(f), X, pattern=tridiagonal(9), bounds=(LOW, HIGH), full_output=True)
    dense = jacobian(Inside(f), X, bounds=(LOW, HIGH), full_output=True)
    assert found.value.toarray().tolist() == dense.value.tolist()
    assert found.h.tolist() == dense.h.tolist()


def test_exact_derivatives_ask_for_no_room():
    found = sparsity.jacobian(neighbours, X, pattern=tridiagonal(9), bounds=(LOW, HIGH), method="exact")
    assert np.abs(found.toarray() - of_neighbours(X)).max() < 1e-14
    found = sparsity.hessian(chain, X, bounds=(LOW, HIGH), method="exact")
    assert np.abs(found.toarray() - hessian(chain, X, method="exact")).max() < 1e-13


@pytest.mark.parametrize("pattern", [None, tridiagonal(9)], ids=["found", "given"])
@pytest.mark.parametrize("engine", ["auto", "python", "reference"])
def test_hessians(engine, pattern):
    f = chain if pattern is None else Inside(chain)
    found = sparsity.hessian(f, X, pattern=pattern, bounds=(LOW, HIGH), engine=engine).toarray()
    exact = hessian(chain, X, method="exact")
    assert np.abs(found - exact).max() < 2e-5
    assert (found == found.T).all()
    dense = hessian(Inside(chain), X, bounds=(LOW, HIGH), engine="python")
    entries = tridiagonal(9).matrix().toarray() != 0.0
    assert np.allclose(found[entries], dense[entries], rtol=1e-6, atol=1e-5)


def test_hessians_of_many_points():
    many = sparsity.hessian(Inside(chain), POINTS, batch=True, pattern=tridiagonal(9), bounds=(LOW, HIGH))
    for x, found in zip(POINTS, many, strict=True):
        assert np.abs(found.toarray() - hessian(chain, x, method="exact")).max() < 5e-5


def test_terms_where_there_is_room():
    x = np.full(400, 0.7)
    found = sparsity.hessian(chain, x, bounds=(LOW, HIGH), full_output=True)
    assert found.engine == "terms"
    x[3] = HIGH
    turned = sparsity.hessian(chain, x, bounds=(LOW, HIGH), full_output=True)
    assert turned.engine != "terms"
    assert np.abs((turned.value - sparsity.hessian(chain, x, method="exact")).toarray()).max() < 5e-5


def test_where_nothing_has_to_turn():
    bounds = np.full((1, 3), LOW), np.full((1, 3), HIGH)
    steps, rows = Steps("absolute", np.asarray(0.1)), [0.2, 1.0, 1.8]
    for x, inside in ((rows, True), ([0.2, 1.0, 1.95], False), ([0.0, 1.0, 1.0], False)):
        task = Task(chain, Rows(np.array([x]), (3,)), tridiagonal(3), stencil(2, 2, "central"), steps, (), bounds)
        assert between.fits(task) is inside
        assert between.fits(replace(task, bounds=None))


def test_a_hessian_without_room():
    found = sparsity.hessian(chain, [0.3, 0.5, 0.9], pattern=tridiagonal(3), bounds=([0.0, 0.5, 0.0], [1.0, 0.5, 1.0]))
    assert np.isnan(found.toarray()).tolist() == [[False, True, False], [True, True, True], [False, True, False]]


def test_a_hessian_pattern_that_lacks_entries_is_noticed_at_bounds():
    with pytest.raises(ValueError, match="seems to lack an entry"):
        sparsity.hessian(Inside(chain), X, pattern=np.eye(9), bounds=(LOW, HIGH))

"""Patterns that lack an entry are noticed, and nothing else is."""

import numpy as np
import pytest
from scipy import sparse

import fastgrad
from fastgrad import sparsity
from fastgrad.engine.call import Rows
from fastgrad.formulas.stencils import ORDERS, stencil
from fastgrad.formulas.steps import Steps
from fastgrad.sparsity.agreement import check_curvature, check_pattern
from fastgrad.sparsity.patterns import Pattern
from fastgrad.sparsity.task import Found, Task
from tests.counting import Counting
from tests.sparsity.functions import X, broyden, chain, tridiagonal, untraceable


def test_the_check_takes_two_evaluations_more_and_of_a_hessian_three():
    f = Counting(broyden)
    sparsity.jacobian(f, X, pattern=tridiagonal(12))
    assert len(f.points) == len(set(f.points)) == 8
    f = Counting(untraceable(chain))
    sparsity.hessian(f, X, pattern=tridiagonal(12))
    assert len(f.points) == len(set(f.points)) + 1 == 2 * (12 + 11) + 1 + 3


@pytest.mark.parametrize("method", ORDERS)
@pytest.mark.parametrize("missing", [(0, 1), (7, 6), (11, 11)])
def test_a_pattern_that_is_too_small_is_noticed_and_the_place_named(method, missing):
    small = tridiagonal(12).tolil()
    small[missing] = 0
    with pytest.raises(ValueError, match="row {} and column {}".format(*missing)):
        sparsity.jacobian(broyden, X, pattern=small, method=method)
    with pytest.raises(ValueError, match="row {} and column {}".format(*missing)):
        sparsity.jacobian(untraceable(broyden), np.stack([X, X]), batch=True, pattern=small, method=method)


def test_small_entries_that_are_missing_are_noticed():
    def f(x):
        return 1e3 * np.sin(x) + 0.1 * np.roll(x, 1)

    with pytest.raises(ValueError, match="row 0 and column 11"):
        sparsity.jacobian(f, X, pattern=np.eye(12) + np.eye(12, k=-1))


def test_functions_that_are_random_are_no_missing_entries():
    noise = np.random.default_rng(9)
    sparsity.jacobian(lambda x: x + noise.normal(size=12), X, pattern=np.eye(12), h=1.0)


def test_an_empty_pattern_is_too_small():
    with pytest.raises(ValueError, match="no entry in row"):
        sparsity.jacobian(broyden, X, pattern=np.zeros((12, 12)))


@pytest.mark.parametrize("f", {
    "kinks": lambda x: np.abs(x - 1e-6) + np.maximum(x, 2e-6),
    "waves": lambda x: np.sin(3e4 * x),
    "round-off": lambda x: 1e12 + x**2,
    "jumps": lambda x: np.round(x * 3e5),
}.items(), ids=lambda item: item[0])  # fmt: skip
def test_kinks_waves_and_round_off_are_no_missing_entries(f):
    f, x = f[1], np.linspace(-1, 1, 9) * 5e-6
    found = sparsity.jacobian(f, x, pattern=np.eye(9))
    assert np.array_equal(found.toarray(), fastgrad.jacobian(f, x, engine="python"))


@pytest.mark.parametrize("f", [chain, untraceable(chain)], ids=["traced", "opaque"])
def test_a_hessian_pattern_that_is_too_small_is_noticed(f):
    x = np.random.default_rng(7).normal(size=600 if f is chain else 12)
    with pytest.raises(ValueError, match=r"row 0 and column 1|lack an entry"):
        sparsity.hessian(f, x, pattern=sparse.eye_array(len(x)))
    x[-1] = np.nan
    if f is chain:
        with pytest.raises(ValueError, match="row 0 and column 1"):
            sparsity.hessian(f, x, pattern=sparse.eye_array(len(x)))


def claimed(f, matrices, x, structure, derivative=1, method="central"):
    """A task, and derivatives that somebody claims to have found."""
    pattern = Pattern(np.array(structure))
    steps = Steps("default", np.asarray(2.0**-13))
    found = np.array([m[pattern.rows, pattern.columns] for m in matrices])
    return Task(f, Rows(x, x.shape[1:]), pattern, stencil(derivative, 2, method), steps, ()), Found(
        found, x, EPS, 0, ""
    )


EPS = np.finfo(float).eps
POINTS = np.random.default_rng(1).uniform(0.5, 1.5, (20, 3))


def two(x):
    return np.array([x[0] * x[1], np.sin(x[2])])


def exact_two(x):
    return np.array([[x[1], x[0], 0.0], [0.0, 0.0, np.cos(x[2])]])


@pytest.mark.parametrize("method", ["central", "forward"])
def test_every_missing_entry_is_named(method):
    exact = [exact_two(x) for x in POINTS]
    check_pattern(*claimed(two, exact, POINTS, exact[0] != 0, method=method))
    for i, j in ((0, 0), (0, 1), (1, 2)):
        lacking = exact[0] != 0
        lacking[i, j] = False
        with pytest.raises(ValueError, match=f"no entry in row {i} and column {j}.*depends on coordinate {j}"):
            check_pattern(*claimed(two, exact, POINTS, lacking, method=method))


def test_wrong_numbers_at_the_places_of_a_pattern_are_not_its_fault():
    check_pattern(*claimed(two, [np.full((2, 3), 77.0)] * 20, POINTS, exact_two(POINTS[0]) != 0))


def test_eight_points_of_a_batch_are_looked_at():
    seen = []

    def noted(x):
        seen.append(int(np.abs(POINTS - x).sum(axis=1).argmin()))
        return two(x)

    check_pattern(*claimed(noted, [exact_two(x) for x in POINTS], POINTS, exact_two(POINTS[0]) != 0))
    assert sorted(set(seen)) == [0, 3, 6, 9, 12, 15, 18]
    assert len(seen) == 14


def test_curvature_that_is_not_in_the_pattern():
    f = lambda x: x[0] * x[1] + 2.0 * x[2] ** 2
    exact = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 4.0]])
    check_curvature(*claimed(f, [exact] * 20, POINTS, exact != 0, 2))
    with pytest.raises(ValueError, match="the pattern seems to lack an entry"):
        check_curvature(*claimed(f, [exact] * 20, POINTS, np.eye(3), 2))

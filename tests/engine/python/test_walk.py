"""f along the directions of a table: what it does with the buffer that is lent to it never reaches the derivative."""

import sys

import numpy as np
import pytest

from fastgrad import gradient, hessian, jacobian, jvp, value_and_gradient
from fastgrad.engine.call import Call, Rows
from fastgrad.engine.python.walk import Walk
from fastgrad.formulas import stencils
from fastgrad.formulas.steps import Steps
from fastgrad.program.look import Look

X = np.array([1.0, 2.0, 3.0])
WORKERS = [1, 2] if sys.platform.startswith("linux") else [1]


class Last:
    """Computes again only where its argument is another one than the one before, which it keeps."""

    def __init__(self, keep=lambda x: x, value=lambda x: np.sum(x**2)):
        self.keep, self.value, self.x = keep, value, None

    def __call__(self, x):
        if self.x is None or not np.array_equal(x, self.x):
            self.x = self.keep(x)
            self.v = self.value(x)
        return self.v


KEEPS = {"itself": lambda x: x, "a view": lambda x: x[:], "a view of a view": lambda x: x[None][0], "a copy": np.copy}


@pytest.mark.parametrize("keep", KEEPS.values(), ids=KEEPS)
@pytest.mark.parametrize("method", ["central", "forward", "backward", "adaptive", "complex"])
def test_what_f_keeps_stays_as_it_was(keep, method):
    for workers in WORKERS:
        np.testing.assert_allclose(gradient(Last(keep), X, method=method, workers=workers), 2 * X, rtol=1e-6)
    rows = np.array([X, X + 1, X + 1, X])
    np.testing.assert_allclose(gradient(Last(keep), rows, batch=True, method=method), 2 * rows, rtol=1e-6)


@pytest.mark.parametrize("keep", KEEPS.values(), ids=KEEPS)
def test_what_f_keeps_in_other_operations(keep):
    np.testing.assert_allclose(gradient(Last(keep), X, bounds=(0.0, X)), 2 * X, rtol=1e-6)
    value, slope = value_and_gradient(Last(keep), X)
    assert value == 14.0
    np.testing.assert_allclose(slope, 2 * X, rtol=1e-8)
    np.testing.assert_allclose(hessian(Last(keep), X), 2 * np.eye(3), atol=1e-5)
    squares = Last(keep, np.square)
    np.testing.assert_allclose(jacobian(squares, X), np.diag(2 * X), atol=1e-8)
    np.testing.assert_allclose(jvp(squares, X, np.ones(3)), 2 * X, rtol=1e-8)
    for x in (X.reshape(3, 1), np.array(2.0)):
        np.testing.assert_allclose(gradient(Last(keep if x.ndim else np.copy), x), 2 * x, rtol=1e-8)


def test_an_archive_of_all_arguments():
    archive = []

    def f(x):
        archive.append((x, x.copy()))
        return np.prod(x)

    result = gradient(f, X, full_output=True)
    assert len(archive) == result.nfev == 6
    assert all((kept == then).all() for kept, then in archive)
    assert len({kept.tobytes() for kept, _ in archive}) == 6


def test_keeping_costs_no_call_and_changes_no_bit():
    plain = gradient(lambda x: np.sum(np.sin(x)), X, full_output=True)
    kept = gradient(Last(value=lambda x: np.sum(np.sin(x))), X, full_output=True)
    assert (plain.value == kept.value).all()
    assert plain.nfev == kept.nfev


@pytest.mark.parametrize("later", [1, 2, 3, 5])
@pytest.mark.parametrize("keeps", [False, True])
def test_f_that_writes_from_some_call_on(later, keeps):
    calls, kept = [], []

    def f(x):
        value = x[0] * x[1] * x[2]
        calls.append(0)
        if len(calls) >= later:
            if keeps:
                kept.append(x)
            x[::2] = 7.0
        return value

    np.testing.assert_allclose(gradient(f, X), [6.0, 3.0, 2.0], rtol=1e-9)
    assert all((x[::2] == 7.0).all() for x in kept)


def test_f_that_writes_once_gets_copies_from_then_on():
    given = []

    def f(x):
        given.append(x)
        value = x[0] * x[1]
        if len(given) == 3:
            x[0] = 9.0
        return value

    np.testing.assert_allclose(gradient(f, X[:2]), [2.0, 1.0], rtol=1e-9)


def walk_of(f, table, look=None):
    call = Call(f, Rows(X[None], (3,)), table, Steps("absolute", np.asarray(0.5)))
    look = look or Look(f)
    return Walk(call, look, 1, None), look


def test_values_around_a_point():
    seen = []
    walk, look = walk_of(lambda x: seen.append(x.tolist()) or x[0] + 10 * x[1] + 100 * x[2], stencils.gradient(3))
    rows, h = walk.rows_and_steps(slice(0, 1))
    found, center = walk.around(rows[0], h[0].tolist(), None, walk.room(1)[0])
    assert seen == [[1.5, 2, 3], [0.5, 2, 3], [1, 2.5, 3], [1, 1.5, 3], [1, 2, 3.5], [1, 2, 2.5]]
    assert found.tolist() == [321.5, 320.5, 326.0, 316.0, 371.0, 271.0]
    assert (center, look.count) == (0.0, 6)


def test_points_at_once():
    walk, look = walk_of(np.sum, stencils.gradient(3))
    assert walk.points_at_once() == 1
    walk.call.points = Rows(np.zeros((5000, 3)), (3,))
    assert walk.points_at_once() == 1024
    look.shape = (1000,)
    assert walk.points_at_once() == (1 << 16) // 6000
    look.shape = None
    assert walk.points_at_once() == 1


@pytest.mark.parametrize("method", ["central", "forward", "adaptive", "exact"])
def test_a_dtype_that_names_the_machines_own_byte_order(method):
    x = X.view(X.dtype.newbyteorder("<" if sys.byteorder == "little" else ">"))  # as SciPy reads from MATLAB's files
    np.testing.assert_array_equal(
        gradient(lambda x: np.sum(x**2), x, method=method), gradient(lambda x: np.sum(x**2), X, method=method)
    )
    np.testing.assert_array_equal(jacobian(np.square, x, method=method), jacobian(np.square, X, method=method))
    rows = np.stack([X, X + 1]).view(x.dtype)
    np.testing.assert_allclose(gradient(lambda x: np.sum(x**2), rows, batch=True, method=method), 2 * rows, rtol=1e-7)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("method", ["central", "forward", "adaptive"])
def test_f_that_gives_its_argument_another_dtype_gets_a_new_one(method):
    def f(x):
        value = np.sum(x**2)
        x.dtype = np.int64
        return value

    np.testing.assert_allclose(gradient(f, X, method=method), 2 * X, rtol=1e-6)
    np.testing.assert_allclose(gradient(f, np.array([X, X]), batch=True, method=method), [2 * X, 2 * X], rtol=1e-6)
    np.testing.assert_allclose(hessian(f, X, method=method), 2 * np.eye(3), atol=1e-5)
    np.testing.assert_allclose(jvp(f, X, np.ones(3), method=method), 12.0, rtol=1e-6)

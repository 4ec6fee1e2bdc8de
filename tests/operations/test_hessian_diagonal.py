"""The diagonal of a Hessian: that of the whole, for fewer evaluations, on every engine and by every method."""

import numpy as np
import pytest

from fastgrad import StepWarning, grad, gradient, hessian, hessian_diagonal
from fastgrad.formulas import reference

ROWS = np.random.default_rng(0).normal(size=(6, 5))
BIG = np.random.default_rng(1).normal(size=(2000, 5))


def f(x):
    return np.sum(np.sin(x[1:] * x[:-1])) + x[0] ** 4


def exact(rows):
    """By hand: d2/dx_i2 of sin(x_i x_j) is -x_j**2 sin(x_i x_j)."""
    s = np.sin(rows[:, 1:] * rows[:, :-1])
    found = np.zeros_like(rows)
    found[:, :-1] -= rows[:, 1:] ** 2 * s
    found[:, 1:] -= rows[:, :-1] ** 2 * s
    found[:, 0] += 12.0 * rows[:, 0] ** 2
    return found


SCHEMES = {
    "default": ({}, 1e-6),
    "order 4": ({"order": 4}, 1e-8),
    "order 8": ({"order": 8}, 1e-9),
    "one-sided": ({"method": "forward", "order": 4}, 1e-7),
    "step": ({"h": 1e-3}, 1e-4),
    "adaptive": ({"method": "adaptive"}, 1e-7),
}


@pytest.mark.parametrize("engine", ["auto", "python", "simd", "jit", "reference"])
@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_schemes(scheme, engine):
    options, most = scheme
    many = hessian_diagonal(f, ROWS, batch=True, engine=engine, full_output=True, **options)
    np.testing.assert_allclose(many.value, exact(ROWS), atol=most)
    np.testing.assert_allclose(hessian_diagonal(f, ROWS[1], engine=engine, **options), exact(ROWS)[1], atol=most)
    if not options and engine != "reference":
        assert many.nfev == 6 * 11


def test_exact():
    for rows in (ROWS, BIG):
        np.testing.assert_allclose(hessian_diagonal(f, rows, batch=True, method="exact"), exact(rows), atol=1e-13)
    assert hessian_diagonal(f, BIG, batch=True, full_output=True).engine == "simd"


@pytest.mark.parametrize("engine", ["python", "simd", "jit"])
def test_bounds(engine):
    low = ROWS - 1e-9
    found = hessian_diagonal(f, ROWS, batch=True, bounds=(low, np.inf), engine=engine)
    np.testing.assert_allclose(found, exact(ROWS), atol=1e-5)
    seen = []
    hessian_diagonal(lambda x: seen.append(x.copy()) or f(x), ROWS[0], bounds=(low[0], np.inf), engine="python")
    assert (np.array(seen) >= low[0]).all()


def test_bits_of_the_definition():
    for method, order in (("central", 2), ("central", 6), ("backward", 3)):
        found = hessian_diagonal(f, ROWS[0], method=method, order=order, engine="python")
        np.testing.assert_array_equal(found, reference.hessian_diagonal(f, ROWS[0], method=method, order=order))


def test_shapes():
    found = hessian_diagonal(lambda x: np.sum(x) ** 2, np.ones((2, 3)))
    np.testing.assert_allclose(found, np.full((2, 3), 2.0), rtol=1e-6)
    assert isinstance(hessian_diagonal(np.sin, 1.0), np.float64)
    assert hessian_diagonal(f, np.empty((0, 5)), batch=True).shape == (0, 5)
    out = np.empty(5)
    assert hessian_diagonal(f, ROWS[0], out=out) is out
    single = hessian_diagonal(f, ROWS.astype(np.float32), batch=True)
    assert single.dtype == np.float32


def test_errors_and_warnings():
    with pytest.raises(ValueError, match="method='complex'"):
        hessian_diagonal(f, ROWS[0], method="complex")
    with pytest.raises(ValueError, match="batch=True"):
        hessian_diagonal(lambda x: x[0] ** 2, ROWS)
    for engine in ("python", "simd", "jit"):
        steep, rows = (lambda x: np.exp(1e6 * x[0]) + x[1] ** 2), np.array([[-2.0, 1.0], [1e-6, 2.0]])
        with pytest.warns(StepWarning, match=r"x\[0\]=1e-06"):
            hessian_diagonal(steep, rows[1], engine=engine)
        with pytest.warns(StepWarning, match=r"x\[0\]=1e-06"):
            hessian_diagonal(steep, rows, engine=engine, batch=True)
    with pytest.warns(UserWarning, match=r"x\.T"):
        hessian_diagonal(lambda x: x[0] ** 2 * x[1], np.ones((2, 50)), batch=True)


def test_it_is_that_of_the_hessian_and_of_the_gradient():
    x = ROWS[2]
    np.testing.assert_allclose(hessian_diagonal(f, x), np.diag(hessian(f, x)), atol=1e-7)
    slopes = [
        gradient(lambda t, i=i: grad(f, method="exact")(np.where(np.arange(5) == i, t, x))[i], x[i]) for i in range(5)
    ]
    np.testing.assert_allclose(hessian_diagonal(f, x, method="exact"), slopes, atol=1e-8)

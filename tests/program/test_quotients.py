"""Derivatives of quotients whose partial derivatives are no floats, or none with all digits: against mpmath."""

import mpmath
import numpy as np
import pytest

import fastgrad

mpmath.mp.dps = 60


def logistic(x, m):
    return 1 / (1 + m.exp(-x))


# f with NumPy or mpmath, its first and second derivative, and where
CASES = {
    "1 / exp": (
        lambda x, m: 1 / m.exp(x),
        lambda x: -mpmath.exp(-x),
        lambda x: mpmath.exp(-x),
        (-600.0, -400.0, -1.0, 300.0, 360.0, 400.0, 600.0, 700.0),
    ),
    "logistic": (
        logistic,
        lambda x: logistic(x, mpmath) * logistic(-x, mpmath),
        lambda x: logistic(x, mpmath) * logistic(-x, mpmath) * (1 - 2 * logistic(x, mpmath)),
        (-700.0, -400.0, -354.5, -20.0, 1.0),
    ),
    "1 / (2 - sinh)": (
        lambda x, m: 1 / (2 - m.sinh(x)),
        lambda x: mpmath.cosh(x) / (2 - mpmath.sinh(x)) ** 2,
        None,
        (-690.0, -400.0, 400.0, 690.0),
    ),
    "1 / x": (lambda x, m: 1 / x, lambda x: -1 / x**2, lambda x: 2 / x**3, (1e-100, 1e100, -1e102, 3.0)),
    "log(1 / x)": (lambda x, m: m.log(1 / x), lambda x: -1 / x, None, (1e-250, 1e-160, 2.0, 1e160, 1e250)),
    "sqrt(1 / x)": (lambda x, m: m.sqrt(1 / x), lambda x: -(x ** mpmath.mpf(-1.5)) / 2, None, (1e-160, 1e160, 1e200)),
    "1e200 / x": (lambda x, m: 1e200 * (1 / x), lambda x: mpmath.mpf(-1e200) / x**2, None, (1e170, 1e200, 1e250)),
}
FIRST = [pytest.param(f, slope, where, id=name) for name, (f, slope, _, where) in CASES.items()]
SECOND = [pytest.param(f, curve, where, id=name) for name, (f, _, curve, where) in CASES.items() if curve]


def _check(found, derivative, where):
    for got, x in zip(np.ravel(found), where, strict=True):
        expected = derivative(mpmath.mpf(x))
        assert abs(mpmath.mpf(float(got)) - expected) <= 2e-15 * (1 + abs(x) / 100) * abs(expected), x


@pytest.mark.parametrize(("f", "slope", "where"), FIRST)
def test_gradients(f, slope, where):
    points = np.array(where)[:, None]
    _check([fastgrad.gradient(lambda x: f(x[0], np), row, method="exact") for row in points], slope, where)
    many = np.tile(points, (8, 1))
    _check(fastgrad.gradient(lambda x: f(x[0], np), many, batch=True, method="exact")[: len(where)], slope, where)


@pytest.mark.parametrize(("f", "curve", "where"), SECOND)
def test_hessians(f, curve, where):
    points = np.array(where)[:, None]
    _check([fastgrad.hessian(lambda x: f(x[0], np), row, method="exact") for row in points], curve, where)


@pytest.mark.parametrize("name", ["1 / exp", "logistic"])
def test_along_directions(name):
    f, slope, _, where = CASES[name]
    one = np.ones(1)
    _check([fastgrad.jvp(lambda x: f(x[0], np), x * one, one, method="exact") for x in where], slope, where)
    _check([fastgrad.jacobian(lambda x: f(x, np), x * one, method="exact") for x in where], slope, where)


def test_quotients_of_both_signs_of_size():
    """By both, y / b where 1 / b**2 is no float."""

    def f(x):
        return 1e200 * (x[0] / x[1])

    assert np.allclose(
        fastgrad.gradient(f, np.array([1e-100, 1e150]), method="exact"), [1e50, -1e-200], rtol=1e-14, atol=0
    )
    assert np.allclose(
        fastgrad.gradient(lambda x: np.log(x[0] / x[1]), np.array([1e-200, 1e100]), method="exact"),
        [1e200, -1e-100],
        rtol=1e-14,
        atol=0,
    )


def test_as_many_operations_as_ever():
    """Each quotient takes one division for its own derivatives, and 4 operations with its own."""
    from fastgrad.formulas import stencils
    from fastgrad.program.exact import exact
    from fastgrad.program.trace.recording import trace

    def nodes(f, d):
        return len(exact(trace(f, (d,)), stencils.gradient(d, method="exact")).program.nodes)

    assert nodes(lambda x: x[0] / x[1], 2) == 4
    assert nodes(lambda x: logistic(x[0], np), 1) == 7
    assert nodes(lambda x: np.exp(x[0]) / np.sum(np.exp(x)), 10) == 42

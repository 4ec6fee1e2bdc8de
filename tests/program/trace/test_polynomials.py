"""NumPy's functions of polynomials with traced coefficients, places and zeros."""

import mpmath
import numpy as np
import pytest

import fastgrad
from fastgrad import gradient, jacobian
from fastgrad.program.program import evaluate
from fastgrad.program.trace import polynomials
from fastgrad.program.trace.arrays import FUNCTIONS
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable

X = np.random.default_rng(0).uniform(0.4, 1.6, 8)
FORMS = {
    "polyder": lambda x: np.polyder(x[:5]),
    "a second derivative": lambda x: np.polyder(x[:5], 2),
    "of a constant": lambda x: np.sum(np.polyder(x[:1])) + np.sum(x),
    "polyint": lambda x: np.polyint(x[:5]),
    "with constants": lambda x: np.polyint(x[:3], 2, k=[x[4], 2.0]),
    "with one": lambda x: np.polyint(x[:3], k=3),
    "polyadd": lambda x: np.polyadd(x[:3], x[3:8]),
    "polysub": lambda x: np.polysub(x[:5], [1.0, 2.0]),
    "polymul": lambda x: np.polymul(x[:3], x[3:6]),
    "a quotient": lambda x: np.polydiv(x[:5], x[5:7])[0],
    "a remainder": lambda x: np.polydiv(x[:5], x[5:8])[1],
    "by a longer one": lambda x: np.polydiv(x[:2], x[5:8])[1],
    "poly": lambda x: np.poly(x[:4]),
    "poly1d": lambda x: np.poly1d(x[:4])(x[5]) * np.poly1d(x[:4]).deriv()(2.0) + np.poly1d(x[:3]).integ()(x[1]),
    "a product of two": lambda x: (np.poly1d(x[:3]) * np.poly1d(x[3:6])).coeffs,
    "a sum": lambda x: (np.poly1d(x[:3]) + np.poly1d(x[3:5]) - 2.0)(x[7]),
    "polyfit": lambda x: np.polyfit(np.arange(8.0), x, 2),
    "polyval of the derivative": lambda x: np.polyval(np.polyder(x[:4]), x[4:]),
}


@pytest.mark.parametrize("name", FORMS)
def test_values_and_slopes(name):
    f = FORMS[name]
    program, wanted = trace(f, (8,)), f(X)
    assert program.shape == np.shape(wanted)
    np.testing.assert_allclose(evaluate(program, X), np.ravel(wanted), rtol=1e-12, atol=1e-14)
    found, plain = jacobian(f, X, method="exact", engine="simd"), jacobian(f, X, order=6, engine="python")
    np.testing.assert_allclose(found, plain, rtol=1e-7, atol=1e-8)


def test_characteristic_polynomials_are_refused():
    with pytest.raises(Untraceable, match="characteristic polynomial"):
        trace(lambda x: np.poly(x.reshape(2, 4)[:, :2]), (8,))


def test_all_have_rules():
    for name in ("polyfit", "polyder", "polyint", "polyadd", "polysub", "polymul", "polydiv", "poly"):
        assert FUNCTIONS[getattr(np, name)].__module__ == polynomials.__name__


LEADING_ZEROS = {
    "polymul": lambda x: np.polymul(x[:3], [2.0, 1.0])[0] + x[2],
    "its size": lambda x: np.polymul(x[:3], [2.0, 1.0]).size * x[2],
    "a product's order": lambda x: (np.poly1d(x[:3]) * np.poly1d(x[:3])).order * x[2],
    "a derivative's order": lambda x: np.poly1d(x[:3]).deriv().order * x[2],
    "an order": lambda x: np.poly1d(x[:3]).order * x[2],
    "trim_zeros": lambda x: np.trim_zeros(x[:3]).size * x[2],
    "trim_zeros of ends": lambda x: np.trim_zeros(x[2::-1], "b").size * x[2],
    "a remainder": lambda x: np.polydiv([x[0], x[1], 0.4, x[2]], [1.0, 0.0, 1.0])[1].size * x[2],
}


@pytest.mark.parametrize("name", LEADING_ZEROS)
def test_leading_zeros_that_numpy_trims(name):
    """One of the points has one."""
    f = LEADING_ZEROS[name]
    points = np.random.default_rng(0).uniform(0.5, 1.5, (1500, 3))
    points[700] = (0.0, 0.3, 1.2) if name != "a remainder" else (0.4 + 1e-9, 0.3, 1.2)
    value, slope = fastgrad.value_and_gradient(f, points, batch=True)
    np.testing.assert_allclose(value, [f(x) for x in points], rtol=1e-14)
    np.testing.assert_allclose(slope[700], gradient(f, points[700], engine="python"), rtol=1e-7, atol=1e-8)
    with pytest.raises(fastgrad.EngineError, match="f has a value of its own at"):
        gradient(f, points, batch=True, method="exact")
    assert np.polymul([0.0, 0.0], [1.0, 2.0]).tolist() == FUNCTIONS[np.polymul]([0.0, 0.0], [1.0, 2.0]).tolist()


@pytest.mark.parametrize("x", [0.0, 1e-8, -0.7, 3.0, 24.9, -25.1, 300.0])
def test_i0(x):
    """Even, and with a second derivative at 0."""
    point = np.array([x])
    values = evaluate(trace(lambda x: np.i0(x[0]), (1,)), point)
    assert values[0] == pytest.approx(float(np.i0(x)), rel=1e-14)
    first, second = (float(mpmath.diff(lambda t: mpmath.besseli(0, t), x, n)) for n in (1, 2))
    assert gradient(lambda x: np.i0(x)[0], point, method="exact")[0] == pytest.approx(first, rel=1e-13, abs=1e-300)
    assert fastgrad.hessian(lambda x: np.i0(x)[0], point, method="exact")[0, 0] == pytest.approx(second, rel=1e-12)

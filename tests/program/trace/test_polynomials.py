"""NumPy's functions of polynomials with traced coefficients, places and zeros."""

import numpy as np
import pytest

from fastgrad import jacobian
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

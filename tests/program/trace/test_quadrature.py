"""scipy.integrate.quad of integrands that depend on x."""

import math

import numpy as np
import pytest
import scipy
from scipy.integrate import quad

import fastgrad
from fastgrad.program import scipys
from fastgrad.program.program import evaluate
from fastgrad.program.trace.quadrature import _OF_GAUSS, _PLACES, _WEIGHTS
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable


def test_the_rule_is_gauss_and_kronrods():
    """Exact for polynomials of degree 31, and that of ten points for those of degree 19."""
    places, weights = np.array(_PLACES), np.array(_WEIGHTS)
    weights[-1] /= 2.0  # the middle is one point
    for degree in range(0, 32, 2):
        assert 2.0 * weights @ places**degree == pytest.approx(2.0 / (degree + 1), rel=1e-14)
        if degree < 20:
            assert 2.0 * np.array(_OF_GAUSS) @ places[1::2] ** degree == pytest.approx(2.0 / (degree + 1), rel=1e-14)


INTEGRALS = {
    "a product": lambda x: quad(lambda t: math.exp(-x[0] * t) * math.sin(x[1] * t), 0.0, 1.0)[0],
    "to a limit": lambda x: scipy.integrate.quad(lambda t: np.exp(-x[0] * t**2) * x[1], 0.0, x[1])[0],
    "from a limit": lambda x: quad(math.cos, x[0], 2.0)[0] * x[1],
    "backwards": lambda x: quad(lambda t: math.cos(t * x[0]), x[1], 0.5)[0],
    "with arguments": lambda x: quad(lambda t, a, b: a * t**2 + b, 0.0, 2.0, args=(x[0], x[1]))[0],
    "with one argument": lambda x: quad(lambda t, a: a * t, 0.0, 2.0, args=x[0])[0] * x[1],
    "of numbers": lambda x: quad(math.sin, 0.0, 2.0)[0] * x[0] + quad(lambda t: 1.0 / (1.0 + t**2), 0.0, np.inf)[0],
    "a sum of some": lambda x: sum(quad(lambda t, k: math.cos(k * t * x[0]), 0.0, x[1], (k,))[0] for k in range(3)),
    "closely": lambda x: quad(lambda t: np.exp(x[0] * t), 0.0, 1.0, epsabs=1e-12, epsrel=1e-12)[0],
}


@pytest.mark.parametrize("name", INTEGRALS)
def test_values_and_derivatives(name):
    f, points = INTEGRALS[name], np.random.default_rng(1).uniform(0.6, 1.9, (70, 2))
    program = trace(f, (2,))
    np.testing.assert_allclose([evaluate(program, x)[0] for x in points], [f(x) for x in points], rtol=1e-13)
    wanted = fastgrad.gradient(f, points, batch=True, engine="python")
    for method in ("central", "exact"):
        found = fastgrad.gradient(f, points, batch=True, engine="simd", method=method)
        np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-8)


def test_the_error_is_quadpacks():
    f = lambda x: np.array(quad(lambda t: math.exp(x[0] * t), 0.0, 3.0))
    x = np.array([1.3])
    np.testing.assert_allclose(evaluate(trace(f, (1,)), x), f(x), rtol=1e-6)


def test_where_it_goes_on_f_itself_is_asked():
    points = np.full((400, 2), 1.0)
    points[7, 0] = 1e-4  # a peak beside 0
    f = lambda x: quad(lambda t: 1.0 / (t * t + x[0]), 0.0, 1.0)[0] * x[1]
    assert np.isnan(evaluate(trace(f, (2,)), points[7])[0])
    found = fastgrad.gradient(f, points, batch=True, engine="simd")
    assert found[7, 1] == pytest.approx(math.atan(100.0) * 100.0, rel=1e-7)
    assert found[0, 1] == pytest.approx(math.atan(1.0), rel=1e-9)


def test_what_is_refused():
    for f, reason in (
        (lambda x: quad(lambda t: t * x[0], 0.0, 1.0, points=[0.5])[0], "with full_output=, points= or weight="),
        (lambda x: quad(lambda t: math.exp(-x[0] * t), 0.0, np.inf)[0], "into a float"),
    ):
        with pytest.raises(Untraceable, match=reason):
            trace(f, (2,))


def test_it_has_a_rule():
    assert "quad" in scipys.WITH_RULES["scipy.integrate"]

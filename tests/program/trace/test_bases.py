"""SciPy's interpolators that f makes, of numbers and of traced values."""

import numpy as np
import pytest

import fastgrad
from fastgrad.program.program import evaluate
from fastgrad.program.trace import bases
from fastgrad.program.trace.recording import Untraceable, trace

interpolate = pytest.importorskip("scipy.interpolate")
CubicSpline, interp1d = interpolate.CubicSpline, interpolate.interp1d
PLACES = np.array([0.0, 0.7, 1.5, 2.0, 3.5])
AT = np.array([0.1, 0.9, 1.5, 3.1])
KNOTS = np.array([0.0, 0.0, 0.0, 0.0, 1.2, 3.5, 3.5, 3.5, 3.5])

MADE = {
    "cubic": lambda y: CubicSpline(PLACES, y)(1.1),
    "at places": lambda y: CubicSpline(PLACES, y, bc_type="natural")(AT),
    "at a traced place": lambda y: CubicSpline(PLACES, y)(y[0] * 0.5 + 0.3),
    "clamped beyond": lambda y: CubicSpline(PLACES, y, 0, "clamped")(np.array([-1.0, 4.0])),
    "nowhere beyond": lambda y: CubicSpline(PLACES, y, extrapolate=False)(3.0),
    "a derivative": lambda y: CubicSpline(PLACES, y).derivative()(AT) + CubicSpline(PLACES, y)(AT, 1),
    "integrals": lambda y: CubicSpline(PLACES, y).integrate(0.5, 3.0) + CubicSpline(PLACES, y).antiderivative()(2.0),
    "linear": lambda y: interp1d(PLACES, y)(AT),
    "linear beyond": lambda y: interp1d(PLACES, y, "linear", -1, fill_value="extrapolate")(4.5),
    "by kind": lambda y: interpolate.interp1d(PLACES, y, kind="cubic")(AT),
    "linear at a traced place": lambda y: interp1d(PLACES, y)(y[1] * 0.5 + 0.3),
    "a list": lambda y: interp1d([0, 1, 2.0], [y[0], 2.0, y[1] * y[2]])(0.7),
    "B-splines": lambda y: interpolate.BSpline(KNOTS, y, 3)(AT),
    "of numbers": lambda y: CubicSpline(PLACES, np.cos(PLACES))(y[0]) * y[1],
    "linear, of numbers": lambda y: interp1d(PLACES, np.cos(PLACES))(y) * y[1],
}


@pytest.mark.parametrize("name", MADE)
def test_values_and_derivatives(name):
    f = MADE[name]
    for y in np.random.default_rng(0).uniform(0.2, 3.0, (6, 5)):
        want = np.asarray(f(y))
        program = trace(f, (5,))
        assert program.shape == want.shape
        np.testing.assert_allclose(evaluate(program, y), want.ravel(), rtol=1e-12, atol=1e-13)
        exact = fastgrad.jacobian(f, y, method="exact")
        np.testing.assert_allclose(exact, fastgrad.jacobian(f, y, engine="python", order=6), rtol=1e-7, atol=1e-8)


def test_a_curve_of_rates():
    def price(rates, maturities):
        curve = CubicSpline(PLACES, rates, bc_type="natural")
        return np.sum(np.exp(-curve(maturities) * maturities))

    rates = np.random.default_rng(1).uniform(0.01, 0.05, (300, 5))
    found = fastgrad.gradient(price, rates, batch=True, args=(AT,), engine="simd")
    plain = fastgrad.gradient(price, rates, batch=True, args=(AT,), engine="python")
    np.testing.assert_allclose(found, plain, rtol=1e-8, atol=1e-9)


REFUSED = {
    "traced places": (lambda y: CubicSpline(np.cumsum(y), np.arange(5.0))(1.0), "of traced places or options"),
    "several axes": (lambda y: CubicSpline(PLACES, np.stack([y, y], axis=1))(1.0), "several axes"),
    "slopes at the ends": (lambda y: CubicSpline(PLACES, y, bc_type=((1, 0.5), (1, 0.0)))(1.0), "numbers for bc_type="),
    "a number beyond": (lambda y: interp1d(PLACES, y, fill_value=2.0, bounds_error=False)(4.0), "or fill_value="),
    "its parts": (lambda y: CubicSpline(PLACES, y).c[0, 0], "asks for 'c'"),
    "roots": (lambda y: CubicSpline(PLACES, y).roots()[0], "asks for 'roots'"),
    "traced limits": (lambda y: CubicSpline(PLACES, y).integrate(0.0, y[0]), "between traced places"),
    "not linear": (lambda y: interpolate.PchipInterpolator(PLACES, y)(1.0), "of traced numbers"),
    "ends that differ": (lambda y: CubicSpline(PLACES, y, bc_type="periodic")(1.0), "periodic"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_linear_is_refused(name):
    f, reason = REFUSED[name]
    with pytest.raises(Untraceable, match=reason):
        trace(f, (5,))


def test_other_classes_are_left_alone():
    assert bases.maker(dict) is None
    assert bases.maker(type("CubicSpline", (), {"__init__": lambda self: None})) is None

"""SciPy's interpolators at symbols: values, derivatives, ends, and what they are besides."""

import numpy as np
import pytest
from scipy import interpolate

import fastgrad
from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable

RNG = np.random.default_rng(0)
EVEN, UNEVEN = np.linspace(0.0, 3.0, 40), np.sort(RNG.uniform(0.0, 3.0, 60))
SINES, COSINES = np.sin(EVEN), np.cos(UNEVEN)
CURVE = np.stack([SINES, SINES**2, 1.0 + EVEN], axis=1)
CUBIC, PCHIP = interpolate.CubicSpline(EVEN, SINES), interpolate.PchipInterpolator(UNEVEN, COSINES)
AKIMA = interpolate.Akima1DInterpolator(UNEVEN, COSINES)
PERIODIC = interpolate.CubicSpline(np.linspace(0.0, 1.3, 20), np.r_[0.0, RNG.normal(size=18), 0.0], bc_type="periodic")
IN_SPACE, QUINTIC = interpolate.CubicSpline(EVEN, CURVE), interpolate.make_interp_spline(UNEVEN, COSINES, k=5)
WITHIN = interpolate.BSpline(QUINTIC.t, QUINTIC.c, QUINTIC.k, extrapolate=False)
PIECES = interpolate.PPoly(np.array([[1.0, -2.0, 3.0], [0.5, 1.5, 2.5]]), np.array([0.0, 1.0, 1.5, 2.0]))
SMOOTH = interpolate.UnivariateSpline(EVEN, SINES + 0.01 * RNG.normal(size=40), s=0.01)
ZEROS, FLAT, STRICT = (interpolate.UnivariateSpline(EVEN, SINES, s=0, ext=ext) for ext in (1, "const", "raise"))
LINEAR, CLOSED = interpolate.interp1d(EVEN, SINES), interpolate.interp1d(EVEN, SINES, kind="cubic")
FILLED = interpolate.interp1d(EVEN, SINES, bounds_error=False, fill_value=(-1.0, 2.0))
LONGER = interpolate.interp1d(EVEN, CURVE, axis=0, fill_value="extrapolate")
TCK, (ALONG, _) = interpolate.splrep(EVEN, SINES), interpolate.splprep([SINES, EVEN])


FUNCTIONS = {
    "cubic": lambda x: CUBIC(x[0]) * x[1],
    "derivative": lambda x: CUBIC(x[0], 1) * x[1] + CUBIC(x[1], nu=2),
    "at many places": lambda x: np.sum(CUBIC(x) ** 2),
    "at a number": lambda x: CUBIC(0.5) * x[0],
    "beyond its ends": lambda x: CUBIC(2.0 * x[0] - 1.0) * x[1],
    "of several numbers": lambda x: IN_SPACE(x[0]) @ np.array([1.0, 2.0, 3.0]) * x[1],
    "of several numbers at many places": lambda x: np.sum(IN_SPACE(x) ** 2),
    "pchip": lambda x: PCHIP(x[0]) * x[1],
    "Akima": lambda x: AKIMA(x[0]) * x[1],
    "periodic": lambda x: PERIODIC(x[0]) * x[1],
    "of pieces": lambda x: PIECES(x[0]) * x[1],
    "b-spline": lambda x: QUINTIC(x[0]) * x[1] + QUINTIC(x[1], 2),
    "b-spline within": lambda x: WITHIN(x[0]) * x[1],
    "smoothing": lambda x: SMOOTH(x[0]) * x[1] + SMOOTH(x[1], 1),
    "zeros beyond": lambda x: ZEROS(2.0 * x[0]) * x[1],
    "flat beyond": lambda x: FLAT(2.0 * x[0]) * x[1],
    "interp1d": lambda x: LINEAR(x[0]) * x[1] + CLOSED(x[1]),
    "interp1d filled": lambda x: FILLED(2.0 * x[0]) * x[1],
    "interp1d beyond": lambda x: np.sum(LONGER(2.0 * x[0])) * x[1],
    "interp1d of many": lambda x: np.sum(LONGER(x) ** 2),
    "splev of a curve": lambda x: interpolate.splev(0.4 * x[0], ALONG)[1] * x[1],
    "splev": lambda x: interpolate.splev(x[0], TCK) * x[1] + interpolate.splev(x[1], TCK, der=1),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_derivatives(name):
    f, points = FUNCTIONS[name], np.random.default_rng(1).uniform(0.61, 1.93, (90, 2))
    program = trace(f, (2,))
    wanted = [float(f(x)) for x in points]
    np.testing.assert_allclose([evaluate(program, x)[0] for x in points], wanted, rtol=1e-11, atol=1e-12)
    reference = fastgrad.gradient(f, points, batch=True, engine="python")
    for method in ("central", "exact"):
        found = fastgrad.gradient(f, points, batch=True, engine="simd", method=method)
        np.testing.assert_allclose(found, reference, rtol=1e-5, atol=1e-5)


def test_beyond_the_ends_f_itself_is_asked():
    points = np.tile([[1.0, 1.5]], (400, 1))
    points[7] = [5.0, 1.5]
    for f, kind in (
        (lambda x: LINEAR(x[0]) * x[1], "above the interpolation range"),
        (lambda x: STRICT(x[0]) * x[1], "x value"),
    ):
        with pytest.raises(ValueError, match=kind):
            fastgrad.gradient(f, points, batch=True, engine="simd")
    found = fastgrad.gradient(lambda x: WITHIN(x[0]) * x[1], points, batch=True, engine="simd")
    assert np.isnan(found[7]).all()
    assert np.isfinite(np.delete(found, 7, axis=0)).all()


def test_a_spline_that_changes_between_calls():
    spline = interpolate.CubicSpline(EVEN, SINES)
    f, points = lambda x: spline(x[0]) * x[1], np.random.default_rng(1).uniform(0.6, 1.9, (400, 2))
    before = fastgrad.gradient(f, points, batch=True)
    spline.c *= 2.0
    np.testing.assert_allclose(fastgrad.gradient(f, points, batch=True), 2.0 * before, rtol=1e-9, atol=1e-9)


def test_what_is_refused():
    along_last = interpolate.CubicSpline(EVEN, CURVE.T, axis=1)
    nearest = interpolate.interp1d(EVEN, SINES, kind="nearest")
    for f, reason in (
        (lambda x: along_last(x[0])[0], "another axis"),
        (lambda x: nearest(x[0]), "of a kind that has no rule"),
        (lambda x: interpolate.splev(x[0], TCK, der=1, ext=3), "der= and ext=3"),
    ):
        with pytest.raises(Untraceable, match=reason):
            trace(f, (2,))

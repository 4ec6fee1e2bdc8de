"""What stands for SciPy's interpolators: found wherever they lie, with their methods, in all else SciPy's own."""

import numpy as np
import pytest
from scipy import interpolate

import fastgrad
from fastgrad.program.program import evaluate
from fastgrad.program.trace.interpolators import interpolator
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable

RNG = np.random.default_rng(0)
EVEN, UNEVEN = np.linspace(0.0, 3.0, 40), np.sort(RNG.uniform(0.0, 3.0, 60))
SINES, COSINES = np.sin(EVEN), np.cos(UNEVEN)
CUBIC, PCHIP = interpolate.CubicSpline(EVEN, SINES), interpolate.PchipInterpolator(UNEVEN, COSINES)
QUINTIC = interpolate.make_interp_spline(UNEVEN, COSINES, k=5)
SMOOTH = interpolate.UnivariateSpline(EVEN, SINES + 0.01 * RNG.normal(size=40), s=0.01)


class Model:
    def __init__(self):
        self.spline, self.several = CUBIC, [CUBIC, PCHIP]

    def energy(self, x):
        return self.spline(x[0]) * x[1] + self.several[1](x[1])


FUNCTIONS = {
    "derivative as a spline": lambda x: CUBIC.derivative()(x[0]) * x[1],
    "integral": lambda x: CUBIC.integrate(0.0, 1.0) * x[0] * CUBIC.antiderivative()(x[1]),
    "integral between traced places": lambda x: CUBIC.integrate(0.1 * x[1], x[0]) + QUINTIC.integrate(0.2, x[1]),
    "integral of a smoothing spline": lambda x: SMOOTH.integral(x[0], x[1]) * x[0],
    "made in f": lambda x: interpolate.PchipInterpolator(EVEN, SINES)(x[0]) * x[1],
    "of an object": Model().energy,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_derivatives(name):
    f, points = FUNCTIONS[name], np.random.default_rng(1).uniform(0.61, 1.93, (90, 2))
    program = trace(f, (2,))
    np.testing.assert_allclose([evaluate(program, x)[0] for x in points], [float(f(x)) for x in points], rtol=1e-11)
    reference = fastgrad.gradient(f, points, batch=True, engine="python")
    for method in ("central", "exact"):
        found = fastgrad.gradient(f, points, batch=True, engine="simd", method=method)
        np.testing.assert_allclose(found, reference, rtol=1e-5, atol=1e-5)


def test_in_all_else_they_are_scipys():
    stand_in = interpolator(CUBIC)
    assert stand_in.x is CUBIC.x
    assert stand_in(0.3) == CUBIC(0.3)
    assert stand_in.derivative()(0.3) == CUBIC(0.3, 1)
    assert stand_in.integrate(0.0, 1.0) == CUBIC.integrate(0.0, 1.0)
    assert interpolator(EVEN) is None


def test_a_subclass_of_the_users_is_his_own():
    class Doubled(interpolate.CubicSpline):
        def __call__(self, x, nu=0, extrapolate=None):
            return 2.0 * super().__call__(x, nu, extrapolate)

    spline, points = Doubled(EVEN, SINES), np.random.default_rng(1).uniform(0.6, 1.9, (40, 2))
    found = fastgrad.gradient(lambda x: spline(x[0]) * x[1], points, batch=True)
    np.testing.assert_allclose(found[:, 1], 2.0 * CUBIC(points[:, 0]), rtol=1e-7)


def test_methods_without_rules_are_refused():
    with pytest.raises(Untraceable, match="calls integrate of an interpolator"):
        trace(lambda x: CUBIC.integrate(0.0, x[0], "periodic"), (1,))
    with pytest.raises(Untraceable, match="calls solve of an interpolator"):
        trace(lambda x: CUBIC.solve(x[0])[0], (1,))

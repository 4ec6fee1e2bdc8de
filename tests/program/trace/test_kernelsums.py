"""SciPy's sums over known points: radial functions and densities of samples, at symbols."""

import numpy as np
import pytest
from scipy import interpolate, stats

import fastgrad
from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable

RNG = np.random.default_rng(0)
CENTRES, HEIGHTS = RNG.uniform(0.0, 2.5, (12, 2)), RNG.normal(size=12)
KERNELS = [
    "linear", "thin_plate_spline", "cubic", "quintic", "multiquadric", "inverse_multiquadric", "inverse_quadratic",
    "gaussian",
]  # fmt: skip
RADIAL = {kind: interpolate.RBFInterpolator(CENTRES, HEIGHTS, kernel=kind, epsilon=1.3) for kind in KERNELS}
SEVERAL = interpolate.RBFInterpolator(CENTRES, RNG.normal(size=(12, 3)), degree=2)
SAMPLES = RNG.normal(1.0, 0.5, 30)
ONE, TWO = stats.gaussian_kde(SAMPLES), stats.gaussian_kde(RNG.normal(1.0, 0.5, (2, 25)), weights=np.arange(1.0, 26.0))
ROW = np.array([1.0, 2.0, 3.0])

FUNCTIONS = {
    **{kind: (lambda x, own=own: own(x[None, :])[0] * x[1]) for kind, own in RADIAL.items()},
    "several at many places": lambda x: np.sum(SEVERAL([[x[0], x[1]], [1.0, x[0]]]) @ ROW),
    "radial, made in f": lambda x: interpolate.RBFInterpolator(CENTRES, HEIGHTS)(x[None, :])[0],
    "density": lambda x: ONE(x[0])[0] * x[1] + ONE.pdf([x[1]])[0] + ONE(1.0)[0],
    "densities": lambda x: np.log(ONE.evaluate(x)).sum(),
    "logarithm": lambda x: ONE.logpdf(x).sum(),
    "of two dimensions": lambda x: TWO(x)[0] * x[0] + TWO.logpdf([[x[0], x[1]], [1.0, x[0]]]).sum(),
    "density, made in f": lambda x: stats.gaussian_kde(SAMPLES, bw_method=0.3)(x[0])[0],
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_derivatives(name):
    f, points = FUNCTIONS[name], np.random.default_rng(1).uniform(0.61, 1.93, (30, 2))
    program = trace(f, (2,))
    wanted = [float(f(x)) for x in points]
    np.testing.assert_allclose([evaluate(program, x)[0] for x in points], wanted, rtol=1e-9, atol=1e-11)
    reference = fastgrad.gradient(f, points, batch=True, engine="python")
    for method in ("central", "exact"):
        found = fastgrad.gradient(f, points, batch=True, engine="simd", method=method)
        np.testing.assert_allclose(found, reference, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KERNELS)
def test_at_a_centre(kind):
    f = lambda x: RADIAL[kind](x[None, :])[0]
    values, slopes = fastgrad.value_and_gradient(f, CENTRES, batch=True, method="exact")
    np.testing.assert_allclose(values, HEIGHTS, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(slopes, fastgrad.gradient(f, CENTRES, batch=True, engine="python"), atol=2e-4)


def test_samples_that_change_between_calls():
    density, f = stats.gaussian_kde(SAMPLES), lambda x: density(x[0])[0] * x[1]
    g = fastgrad.grad(f)
    point = np.array([1.2, 1.0])
    np.testing.assert_allclose(g(point)[1], ONE(1.2)[0], rtol=1e-9)
    density.set_bandwidth(0.2)
    np.testing.assert_allclose(g(point)[1], stats.gaussian_kde(SAMPLES, 0.2)(1.2)[0], rtol=1e-9)


def test_what_is_refused():
    nearby = interpolate.RBFInterpolator(CENTRES, HEIGHTS, neighbors=5)
    for f, reason in (
        (lambda x: nearby(x[None, :])[0], "some neighbors"),
        (lambda x: RADIAL["cubic"]([[x[0]]])[0], "as many coordinates"),
        (lambda x: TWO([[x[0]] * 3])[0], "points of 1"),
        (lambda x: stats.gaussian_kde(x)(1.0)[0], "of traced numbers"),
    ):
        with pytest.raises(Untraceable, match=reason):
            trace(f, (2,))

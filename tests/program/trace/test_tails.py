"""Distribution functions and quantiles: SciPy's values, and densities for slopes."""

import numpy as np
import pytest

import fastgrad
from fastgrad import EngineError, derivative, gradient
from fastgrad.program.trace.tails import TAILS

stats = pytest.importorskip("scipy.stats")

SHAPES = {
    "lognorm": (0.7,),
    "weibull_min": (1.5,),
    "gamma": (2.5,),
    "chi2": (3.0,),
    "invgamma": (2.5,),
    "beta": (2.5, 1.5),
    "t": (4.0,),
}
COUNTS = {"poisson": (), "binom": (6,)}
PLACES = np.array([0.1, 0.3, 0.5, 0.8, 0.93])
SIDES = {"cdf": 1.0, "sf": -1.0}
CASES = [(name, method) for name, rules in TAILS.items() for method in rules if name not in COUNTS]


@pytest.mark.parametrize(("name", "method"), CASES)
def test_slopes_are_densities(name, method):
    """Of a quantile the inverse of one; of numbers inside the support."""
    own = getattr(stats, name)(*SHAPES.get(name, ()))
    places = PLACES if method in {"ppf", "isf"} or name == "beta" else own.ppf(PLACES)
    f = getattr(own, method)
    found = derivative(f, places, method="exact")
    if method in SIDES:
        wanted = SIDES[method] * own.pdf(places)
    else:
        wanted = (1.0 if method == "ppf" else -1.0) / own.pdf(f(places))
    np.testing.assert_allclose(found, wanted, rtol=1e-11)
    curves = derivative(f, places, n=2, method="exact")
    np.testing.assert_allclose(curves, derivative(f, places, n=2, order=8, rel_step=1e-3), rtol=1e-5, atol=1e-5)
    many = np.tile(places, 400)[:, None]
    values, slopes = fastgrad.value_and_gradient(lambda x: getattr(own, method)(x[0]), many, batch=True)
    np.testing.assert_allclose(values[: len(places)], f(places), rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(slopes[: len(places), 0], wanted, rtol=2e-7)


@pytest.mark.parametrize(("name", "method"), CASES)
def test_location_and_scale(name, method):
    own, shapes = getattr(stats, name), SHAPES.get(name, ())
    f = lambda p: getattr(own, method)(p[0], *shapes, loc=p[1], scale=p[2])
    point = np.array([0.6, 0.1, 1.3])
    exact = gradient(f, point, method="exact", engine="simd")
    np.testing.assert_allclose(exact, gradient(f, point, order=8, engine="python"), rtol=1e-8, atol=1e-10)
    for out in ([0.6, 0.1, -1.0], [0.6, 0.1, np.nan]):
        assert np.isnan(f(out))
        assert np.isnan(gradient(f, np.array(out), method="exact")).all()


@pytest.mark.parametrize("name", ["gamma", "chi2", "invgamma", "beta"])
def test_outside_of_the_support(name):
    own = getattr(stats, name)(*SHAPES[name])
    for method in SIDES:
        for x in (-1.0, 0.0, *([1.0, 2.0] if name == "beta" else [])):
            f = lambda p, method=method: getattr(own, method)(p[0]) + p[1]
            value, slope = fastgrad.value_and_gradient(f, np.array([x, 1.0]), method="exact")
            assert value == f([x, 1.0])
            assert slope.tolist() == [0.0, 1.0]


@pytest.mark.filterwarnings("ignore::fastgrad.ConstantFunctionWarning")
@pytest.mark.parametrize("k", [-1, 0, 2, 3.5, 6, 7])
@pytest.mark.parametrize("name", COUNTS)
def test_counts(name, k):
    own, point = getattr(stats, name), np.array([0.35])
    for method in SIDES:
        f = lambda p, method=method: getattr(own, method)(k, *COUNTS[name], p[0])
        value, slope = fastgrad.value_and_gradient(f, point, method="exact")
        assert value == pytest.approx(float(f(point)), rel=1e-14, abs=1e-300)
        np.testing.assert_allclose(slope, gradient(f, point, order=8, engine="python"), rtol=1e-8, atol=1e-9)


def test_what_has_no_derivative_is_refused():
    for f, reason in (
        (lambda p: stats.gamma.cdf(1.0, p[0]), "gammainc of another argument than its last"),
        (lambda p: stats.t.cdf(1.0, p[0]), "stdtr of another argument"),
        (lambda p: stats.poisson.cdf(p[0], 2.0), "a count that depends on x"),
        (lambda p: stats.binom.cdf(1, p[0], 0.5), "number of trials that depends on x"),
    ):
        with pytest.raises(EngineError, match=reason):
            gradient(f, np.array([2.0]), method="exact", engine="simd")


@pytest.mark.filterwarnings("ignore::fastgrad.ConstantFunctionWarning")
def test_the_ends_of_shapes_and_counts():
    points = np.random.default_rng(0).uniform(0.2, 2.0, (1500, 1))
    points[5] = -1.0
    for f in (lambda p: stats.poisson.cdf(-1, p[0]), lambda p: stats.poisson.sf(-1, p[0])):
        value, slope = fastgrad.value_and_gradient(f, points, batch=True, method="exact")
        np.testing.assert_array_equal(value, [f(p) for p in points])
        assert np.isnan(slope[5, 0])
        assert slope[6, 0] == 0.0
    assert gradient(lambda p: stats.poisson.cdf(np.inf, p[0]), np.array([1.3]), method="exact") == 0.0
    for z in (-1.2, 0.3):
        for df in (np.inf, 1e8, 1e12):
            found = derivative(lambda t, df=df: stats.t.cdf(t, df), z, method="exact")
            assert found == pytest.approx(stats.norm.pdf(z), rel=1e-7)
    found = derivative(lambda q: stats.norm.ppf(q=q), 0.3, method="exact")
    assert found == pytest.approx(1.0 / stats.norm.pdf(stats.norm.ppf(0.3)), rel=1e-13)

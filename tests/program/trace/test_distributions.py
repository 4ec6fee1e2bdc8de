"""Densities of scipy.stats in f: values and derivatives against SciPy and 40 digits, outside the support too."""

import math

import mpmath
import numpy as np
import pytest

import fastgrad
from fastgrad.program.trace import tails
from fastgrad.program.trace.distributions import DISTRIBUTIONS
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable

stats, special = pytest.importorskip("scipy.stats"), pytest.importorskip("scipy.special")
INF, NAN = math.inf, math.nan
DATA = np.array([0.3, 0.7, 0.45, 0.9])
COUNTS = np.array([0, 3, 1, 7])


def log(x):
    return mpmath.log(x)


# Logarithms of the densities of scale 1 for many digits, and shapes.
LOGARITHMS = {
    "norm": (lambda z: -z * z / 2 - log(2 * mpmath.pi) / 2, ()),
    "expon": (lambda z: -z, ()),
    "uniform": (lambda z: mpmath.mpf(0), ()),
    "gamma": (lambda z, a: (a - 1) * log(z) - z - mpmath.loggamma(a), (2.3,)),
    "beta": (lambda z, a, b: (a - 1) * log(z) + (b - 1) * log(1 - z) - log(mpmath.beta(a, b)), (2.3, 0.8)),
    "t": (
        lambda z, n: mpmath.loggamma((n + 1) / 2) - mpmath.loggamma(n / 2) - log(n * mpmath.pi) / 2
        - (n + 1) / 2 * log(1 + z * z / n),
        (3.5,),
    ),
    "laplace": (lambda z: -abs(z) - log(2), ()),
    "cauchy": (lambda z: -log(mpmath.pi * (1 + z * z)), ()),
    "lognorm": (lambda z, s: -(log(z) ** 2) / (2 * s * s) - log(s * z) - log(2 * mpmath.pi) / 2, (0.7,)),
    "halfnorm": (lambda z: -z * z / 2 - log(mpmath.pi / 2) / 2, ()),
    "weibull_min": (lambda z, c: log(c) + (c - 1) * log(z) - z**c, (1.4,)),
    "chi2": (lambda z, n: (n / 2 - 1) * log(z) - z / 2 - mpmath.loggamma(n / 2) - n / 2 * log(2), (3.5,)),
    "invgamma": (lambda z, a: -(a + 1) * log(z) - 1 / z - mpmath.loggamma(a), (2.3,)),
    "logistic": (lambda z: -z - 2 * log(1 + mpmath.exp(-z)), ()),
    "gumbel_r": (lambda z: -z - mpmath.exp(-z), ()),
    "gumbel_l": (lambda z: z - mpmath.exp(z), ()),
    "halfcauchy": (lambda z: log(2 / mpmath.pi) - log(1 + z * z), ()),
    "rayleigh": (lambda z: log(z) - z * z / 2, ()),
    "pareto": (lambda z, b: log(b) - (b + 1) * log(z), (2.3,)),
}  # fmt: skip
COUNTED = {
    "poisson": (lambda k, m: k * log(m) - m - mpmath.loggamma(k + 1), (2.5,)),
    "binom": (lambda k, n, p: log(mpmath.binomial(n, k)) + k * log(p) + (n - k) * log(1 - p), (9, 0.3)),
    "nbinom": (lambda k, n, p: log(mpmath.binomial(n + k - 1, k)) + n * log(p) + k * log(1 - p), (4.5, 0.3)),
    "bernoulli": (lambda k, p: log(p) if k == 1 else log(1 - p), (0.3,)),
    "geom": (lambda k, p: (k - 1) * log(1 - p) + log(p), (0.3,)),
}


def test_every_distribution_has_its_case():
    assert {*LOGARITHMS, *COUNTED} == set(DISTRIBUTIONS)


def likelihood(name):
    """Of data, with loc, scale and shapes traced, and its logarithm of many digits."""
    exact, shapes = LOGARITHMS[name]
    dist, data = getattr(stats, name), DATA + 2.0 * (name == "pareto")

    def f(x):
        return np.sum(dist.logpdf(data, *x[2:], loc=x[0], scale=x[1]))

    def precise(loc, scale, *rest):
        return sum(exact((mpmath.mpf(float(d)) - loc) / scale, *rest) - log(scale) for d in data)

    return f, precise, np.array([-0.1, 1.7, *shapes])


def slopes(precise, x, h=1e-18):
    with mpmath.workdps(50):
        point = tuple(mpmath.mpf(float(v)) for v in x)
        units = [tuple(int(i == k) for i in range(len(x))) for k in range(len(x))]
        return float(precise(*point)), [float(mpmath.diff(precise, point, u, h=mpmath.mpf(h))) for u in units]


@pytest.mark.parametrize("name", LOGARITHMS)
def test_likelihoods_of_all_parameters(name):
    f, precise, x = likelihood(name)
    value, wanted = slopes(precise, x)
    points = np.tile(x, (50, 1))
    values, found = fastgrad.value_and_gradient(f, points, batch=True, method="exact")
    assert values == pytest.approx(np.full(50, f(x)), rel=2e-14, abs=1e-14)
    assert values[0] == pytest.approx(value, rel=2e-13, abs=1e-14)
    np.testing.assert_allclose(found[0], wanted, rtol=2e-13, atol=2e-14)
    central = fastgrad.gradient(f, points, batch=True, engine="simd", order=4)
    np.testing.assert_allclose(central[0], wanted, rtol=1e-8, atol=1e-8)
    second = fastgrad.hessian(f, x, method="exact")
    plain = fastgrad.jacobian(lambda x: fastgrad.gradient(f, x, method="exact"), x, order=6, engine="python")
    np.testing.assert_allclose(second, plain, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", sorted(LOGARITHMS.keys() - {"uniform"}))
def test_densities_of_what_is_traced(name):
    exact, shapes = LOGARITHMS[name]
    place = 0.37 + (name == "pareto")
    for method, of in (("logpdf", lambda y: y), ("pdf", mpmath.exp)):
        f = lambda x, m=method: getattr(getattr(stats, name), m)(x[0], *shapes)
        value, wanted = slopes(lambda z, of=of: of(exact(z, *shapes)), [place])
        points = np.full((50, 1), place)
        values, found = fastgrad.value_and_gradient(f, points, batch=True, method="exact")
        assert values[0] == pytest.approx(f(points[0]), rel=2e-14, abs=1e-15)
        assert values[0] == pytest.approx(value, rel=1e-13, abs=1e-15)
        assert found[0] == pytest.approx(wanted, rel=1e-13, abs=1e-15)


PLACES = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -2.0, INF, NAN, 1e-300, 40.0, -40.0]
ENDS = [(name, method) for name in LOGARITHMS for method in DISTRIBUTIONS[name].rules]


@pytest.mark.filterwarnings("ignore:every difference is zero")  # a uniform density is flat
@pytest.mark.parametrize(("name", "method"), ENDS)
@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_outside_the_support_values_are_scipys_and_slopes_no_numbers(name, method, scale):
    rule, shapes = getattr(getattr(stats, name), method), LOGARITHMS[name][1]
    places = np.array([p for p in PLACES if not (name == "beta" and p == INF)])
    points = np.tile(places, 5)[:, None]
    with np.errstate(all="ignore"):
        wanted = rule(places, *shapes, 0.0, scale)
        for how in ("central", "exact"):
            values, found = fastgrad.value_and_gradient(
                lambda x: rule(x[0], *shapes, 0.0, scale), points, batch=True, method=how, engine="simd"
            )
            np.testing.assert_allclose(values[: len(places)], wanted, rtol=3e-13, atol=1e-300)
            outside = (wanted == -INF) & np.isfinite(places)
            assert not np.isfinite(found[: len(places), 0][outside]).any()


@pytest.mark.parametrize("name", LOGARITHMS)
def test_outside_the_support_densities_are_flat(name):
    rule, shapes = getattr(stats, name).pdf, np.array(LOGARITHMS[name][1])
    data = np.array([-2.5, -0.3, 0.0, 0.45, 0.7, 7.0])  # of the place 0.1; some inside, some outside
    f = lambda x: np.sum(rule(data, *(shapes * x[2]), x[0], x[1]))
    fixed = lambda x: np.sum(rule(data, *(shapes * x[1]), 0.0, x[0]))  # 0.0 lies at the end of most supports
    for function, x in ((f, np.array([0.1, 1.3, 1.0])), (fixed, np.array([1.3, 1.0]))):
        plain = fastgrad.gradient(function, x, engine="python", order=6)
        np.testing.assert_allclose(fastgrad.gradient(function, x, method="exact"), plain, rtol=1e-9, atol=1e-10)
        second = fastgrad.hessian(function, x, method="exact")
        assert np.isfinite(second[:1, :1]).all()


@pytest.mark.parametrize("name", COUNTED)
def test_counts_that_there_are_not(name):
    shapes = COUNTED[name][1]
    pmf, counts = getattr(stats, name).pmf, np.array([-2.0, -1.0, 0.0, 0.5, 1.0, 1.5, 100.0])
    f = lambda x: np.sum(pmf(counts, *shapes[:-1], x[0]))
    for last in (shapes[-1], 1.0):
        values, found = fastgrad.value_and_gradient(f, np.full((50, 1), last), batch=True, method="exact")
        assert values[0] == pytest.approx(f([last]), rel=1e-14)
        if last != 1.0:
            plain = fastgrad.gradient(f, np.array([last]), engine="python")
            np.testing.assert_allclose(found[0], plain, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize(("name", "method"), ENDS)
def test_scales_that_are_none_make_no_number(name, method):
    rule, shapes = getattr(getattr(stats, name), method), LOGARITHMS[name][1]
    points = np.tile([[scale, loc] for scale in (1.0, 2.0, 0.0, -1.0, NAN) for loc in (0.0, 0.4)], (5, 1))
    with np.errstate(all="ignore"):
        wanted = [rule(0.5, *shapes, x[1], x[0]) for x in points[:10]]
        for how in ("central", "exact"):
            f = lambda x: rule(0.5, *shapes, x[1], x[0])
            values, _ = fastgrad.value_and_gradient(f, points, batch=True, method=how, engine="simd")
            np.testing.assert_allclose(values[:10], wanted, rtol=1e-13)


FUNCTIONS = {  # of what is not integrated below: P(Z <= z), and 1 less it
    "expon": (lambda z: 1 - mpmath.exp(-z), ()),
    "uniform": (lambda z: z, ()),
    "laplace": (lambda z: 1 - mpmath.exp(-z) / 2 if z > 0 else mpmath.exp(z) / 2, ()),
    "logistic": (lambda z: 1 / (1 + mpmath.exp(-z)), ()),
    "gumbel_r": (lambda z: mpmath.exp(-mpmath.exp(-z)), ()),
    "gumbel_l": (lambda z: 1 - mpmath.exp(-mpmath.exp(z)), ()),
    "cauchy": (lambda z: mpmath.atan(z) / mpmath.pi + mpmath.mpf(1) / 2, ()),
    "lognorm": (lambda z, s: mpmath.ncdf(log(z) / s), (0.7,)),
    "rayleigh": (lambda z: 1 - mpmath.exp(-z * z / 2), ()),
    "weibull_min": (lambda z, c: 1 - mpmath.exp(-(z**c)), (1.4,)),
    "pareto": (lambda z, b: 1 - z**-b, (2.3,)),
}
TAILS = [
    (name, method)
    for name in FUNCTIONS
    for method in DISTRIBUTIONS[name].rules.keys() - {"pdf", "logpdf", *tails.TAILS.get(name, ())}
]


def test_every_distribution_function_has_its_case():
    others = {name for name, rules in tails.TAILS.items() if "cdf" in rules}
    with_tails = {name for name, known in DISTRIBUTIONS.items() if "cdf" in known.rules} - others
    assert with_tails == {*FUNCTIONS, "norm"}


@pytest.mark.filterwarnings("ignore:every difference is zero")  # outside the support
@pytest.mark.parametrize(("name", "method"), sorted(TAILS))
@pytest.mark.parametrize("place", [0.83, -0.3])
def test_distribution_functions(name, method, place):
    below, shapes = FUNCTIONS[name]
    x = np.array([place + 1.2 * (name == "pareto"), 0.1, 0.9, *shapes])
    rule = getattr(getattr(stats, name), method)

    def precise(v, loc, scale, *rest):
        part = below((v - loc) / scale, *rest)
        part = 1 - part if "sf" in method else part
        return log(part) if "log" in method else part

    f = lambda x: rule(x[0], *x[3:], x[1], x[2])
    points = np.tile(x, (50, 1))
    with np.errstate(all="ignore"):
        values, found = fastgrad.value_and_gradient(f, points, batch=True, method="exact")
        central = fastgrad.gradient(f, points, batch=True, engine="simd", order=4)
        assert values[0] == pytest.approx(f(x), rel=1e-13, abs=1e-300)
    if np.isfinite(values[0]) and 0.0 < getattr(stats, name).cdf(x[0], *x[3:], x[1], x[2]) < 1.0:
        value, wanted = slopes(precise, x)
        assert values[0] == pytest.approx(value, rel=2e-14)
        np.testing.assert_allclose(found[0], wanted, rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(central[0], wanted, rtol=1e-8, atol=1e-9)
    elif np.isfinite(values[0]):
        assert (found[0] == 0.0).all()
        assert (central[0] == 0.0).all()


def test_survival_with_censored_data():
    times, seen = np.array([0.5, 2.0, 3.5, 1.2]), np.array([1.0, 0.0, 1.0, 0.0])

    def loss(p):
        shape, scale = np.exp(p)
        dead = stats.weibull_min.logpdf(times, shape, scale=scale)
        return -np.sum(seen * dead + (1.0 - seen) * stats.weibull_min.logsf(times, shape, scale=scale))

    def slope(p):
        c, z = np.exp(p[0]), times / np.exp(p[1])
        by_shape = np.sum(seen * (1.0 + c * np.log(z)) - z**c * c * np.log(z))
        return [-by_shape, -np.sum(-seen * c + c * z**c)]

    p = np.array([0.3, 0.7])
    np.testing.assert_allclose(fastgrad.gradient(loss, p, method="exact"), slope(p), rtol=1e-13)


OUTSIDE = {
    "expon": lambda x: stats.expon.logpdf(-2.0, scale=x[0]), "gamma": lambda x: stats.gamma.logpdf(-2.0, x[0]),
    "pareto": lambda x: stats.pareto.logpdf(0.5, x[0]), "beta": lambda x: stats.beta.logpdf(1.5, x[0], 2.0),
    "traced": lambda x: stats.chi2.logpdf(-x[0], 2.3) + stats.rayleigh.logpdf(x[0] - 4.0, scale=x[0]),
    "data": lambda x: np.sum(stats.invgamma.logpdf(MANY, 2.5, 0.0, x[0])),
}  # fmt: skip
MANY = np.append(np.random.default_rng(0).uniform(0.5, 2.0, 600), -5.0)


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_parameter_has_a_slope_outside_the_support(name):
    f, x = OUTSIDE[name], np.array([1.5])
    assert f(x) == -INF
    for found in (
        fastgrad.gradient(f, x, method="exact"), fastgrad.grad(f, method="exact")(x),
        fastgrad.gradient(f, np.tile(x, (40, 1)), batch=True, method="exact"), fastgrad.hessian(f, x, method="exact"),
    ):  # fmt: skip
        assert np.isnan(found).all()


FAR = {
    "laplace.logpdf": (lambda x: stats.laplace.logpdf(x[0]), 2.0),
    "pareto.logpdf": (lambda x: stats.pareto.logpdf(x[0], 500.0), 1.2),
    "pareto.logsf": (lambda x: stats.pareto.logsf(x[0], 500.0) + x[0], 1.2),
}


@pytest.mark.parametrize("name", FAR)
def test_logarithms_that_scipy_takes_of_what_is_too_small(name):
    (f, usual), points = FAR[name], np.full((600, 1), 0.0)
    points[:] = usual
    points[300] = 800.0
    for how in ({"engine": "simd"}, {"method": "exact"}):
        with np.errstate(all="ignore"):
            values, slopes = fastgrad.value_and_gradient(f, points, batch=True, **how)
            assert f(points[300]) == values[300] == -INF
        assert np.isnan(slopes[300])
        assert np.isfinite(slopes[299])


NEAR_NOTHING = {
    "norm.cdf": lambda x: stats.norm.cdf(-1.0, 0.0, x[0]), "norm.logcdf": lambda x: stats.norm.logcdf(-1.0, 0.0, x[0]),
    "uniform.cdf": lambda x: stats.uniform.cdf(0.3, 0.0, x[0]), "lognorm.cdf": lambda x: stats.lognorm.cdf(0.5, x[0]),
    "chi2.logpdf": lambda x: stats.chi2.logpdf(0.5, x[0]), "weibull": lambda x: stats.weibull_min.cdf(0.5, x[0]),
    "outside": lambda x: stats.pareto.pdf(0.5, x[0]) + stats.expon.pdf(-0.5, scale=x[0]) + x[0],
    "bernoulli": lambda x: stats.bernoulli.pmf(1, 1.0 - x[0]), "loggamma": lambda x: special.loggamma(x[0]),
    "poisson": lambda x: stats.poisson.pmf(-1, x[0] - 1.3) + x[0],
    "nbinom": lambda x: stats.nbinom.logpmf(3, x[0], 0.3),
}  # fmt: skip


@pytest.mark.parametrize("name", NEAR_NOTHING)
@pytest.mark.parametrize("operation", [fastgrad.gradient, fastgrad.hessian])
def test_parameters_that_a_step_makes_impossible(name, operation):
    f, points = NEAR_NOTHING[name], np.full((600, 1), 0.8)
    points[300] = 1e-7
    with np.errstate(all="ignore"):
        found = operation(f, points, batch=True, engine="simd")
        plain = operation(f, points[299:301], batch=True, engine="python")
    np.testing.assert_allclose(found[299:301], plain, rtol=1e-4, atol=1e-6)


CDFS = {"cdf": mpmath.ncdf, "logcdf": lambda z: log(mpmath.ncdf(z)), "sf": lambda z: mpmath.ncdf(-z)}
CDFS["logsf"] = lambda z: log(mpmath.ncdf(-z))


@pytest.mark.parametrize("method", CDFS)
def test_the_normal_distribution(method):
    rule = getattr(stats.norm, method)
    for x in ([0.3, 0.1, 1.3], [-7.0, 0.0, 1.0], [6.0, 0.5, 2.0]):
        value, wanted = slopes(lambda v, loc, scale: CDFS[method]((v - loc) / scale), x)
        values, found = fastgrad.value_and_gradient(
            lambda x: rule(x[0], x[1], x[2]), np.tile(x, (50, 1)), batch=True, method="exact"
        )
        assert values[0] == pytest.approx(value, rel=5e-14)
        np.testing.assert_allclose(found[0], wanted, rtol=5e-14, atol=1e-20)


@pytest.mark.parametrize("name", COUNTED)
def test_counts(name):
    exact, shapes = COUNTED[name]
    dist, first = getattr(stats, name), int(name == "geom")
    counts = (COUNTS % 2 if name == "bernoulli" else COUNTS) + first
    known = shapes[:1] if name == "binom" else ()
    x = np.array(shapes[len(known) :], dtype=float)

    def precise(*parameters):
        return sum(exact(mpmath.mpf(int(k)), *known, *parameters) for k in counts)

    f = lambda x: np.sum(dist.logpmf(counts, *known, *x))
    value, wanted = slopes(precise, x)
    values, found = fastgrad.value_and_gradient(f, np.tile(x, (50, 1)), batch=True, method="exact")
    assert values[0] == pytest.approx(value, rel=1e-13)
    np.testing.assert_allclose(found[0], wanted, rtol=1e-13)
    probability = lambda x: np.sum(dist.pmf(counts, *known, *x))
    np.testing.assert_allclose(
        fastgrad.value_and_gradient(probability, x, method="exact")[0], probability(x), rtol=5e-14
    )


@pytest.mark.parametrize("name", COUNTED)
def test_counts_that_cannot_be(name):
    shapes = COUNTED[name][1]
    known = shapes[:1] if name == "binom" else ()
    rule = getattr(stats, name).logpmf
    counts = np.array([-1.0, 0.0, 1.0, 2.5, 3.0, 12.0])
    points = np.tile([[*shapes[len(known) : -1], p] for p in (0.3, 0.9, -0.5, NAN)], (40, 1))
    with np.errstate(all="ignore"):
        for k in counts:
            wanted = [rule(k, *known, *x) for x in points[:4]]
            values, _ = fastgrad.value_and_gradient(
                lambda x, k=k: rule(k, *known, *x), points, batch=True, method="central"
            )
            np.testing.assert_allclose(values[:4], wanted, rtol=1e-13, err_msg=str(k))


def test_what_has_no_rule_is_refused():
    for f, said in (
        (lambda x: stats.gamma.expect(x[0], 2.0), r"scipy\.stats\.gamma\.expect, which has no rule"),
        (lambda x: stats.poisson.logpmf(x[0], 2.0), "a count that depends on x"),
        (lambda x: stats.binom.logpmf(1, x[0], 0.5), "number of trials"),
        (lambda x: stats.norm.logpdf(x[0], scal=2.0), "other parameters than loc, scale"),
    ):
        with pytest.raises(Untraceable, match=said):
            trace(f, (1,))


def test_many_degrees_of_freedom():
    data = np.array([0.3, -1.2])
    f = lambda x: np.sum(stats.t.logpdf(data, x[0]))
    exact = LOGARITHMS["t"][0]
    for df in (3.0, 39.9, 40.1, 1e3, 1e6, 1e9):
        value, wanted = slopes(lambda n: sum(exact(mpmath.mpf(float(d)), n) for d in data), [df], 1e-12)
        values, found = fastgrad.value_and_gradient(f, np.full((30, 1), df), batch=True, method="exact")
        assert values[0] == pytest.approx(value, rel=1e-14)
        assert found[0] == pytest.approx(wanted, rel=1e-7, abs=1e-15)
        known = lambda x, df=df: stats.t.logpdf(x[0], df)
        assert fastgrad.value_and_gradient(known, data[:1], method="exact")[0] == pytest.approx(
            known(data[:1]), rel=1e-14
        )


@pytest.mark.parametrize("method", ["central", "exact"])
def test_a_rate_below_0_is_no_number_of_no_count_either(method):
    points = np.full((400, 2), 0.7)
    points[150, 0] = -1e-7
    f = lambda x: stats.poisson.logpmf(0, x[0]) + x[1]
    with np.errstate(invalid="ignore"):
        found = fastgrad.gradient(f, points, batch=True, method=method)
    assert np.isnan(found[150, 0])
    np.testing.assert_allclose(np.delete(found, 150, axis=0), [[-1.0, 1.0]] * 399, rtol=1e-8)

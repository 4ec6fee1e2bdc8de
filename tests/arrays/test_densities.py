"""Densities of scipy.stats on whole arrays: SciPy's numbers, and derivatives of likelihoods."""

import types

import numpy as np
import pytest
from scipy import stats
from scipy.stats import norm

import fastgrad
from fastgrad import EngineError, gradient
from fastgrad.arrays.densities import _TAILS, LOGARITHMS, _rule
from fastgrad.program.trace.distributions import DISTRIBUTIONS

RNG = np.random.default_rng(0)
NORMAL, PART, COUNTS = RNG.normal(size=600), RNG.uniform(0.05, 0.95, 600), RNG.integers(0, 6, 600).astype(float)
SHAPES = {
    "norm": (NORMAL, ()), "expon": (PART, ()), "gamma": (PART, (2.3,)), "beta": (PART, (1.4, 2.2)),
    "t": (NORMAL, (4.5,)), "laplace": (NORMAL, ()), "cauchy": (NORMAL, ()), "lognorm": (PART, (0.8,)),
    "weibull_min": (PART, (1.7,)), "poisson": (COUNTS, (1.9,)), "binom": (COUNTS, (7.0, 0.3)),
    "nbinom": (COUNTS, (3.5, 0.4)), "bernoulli": (COUNTS > 2, (0.3,)), "geom": (COUNTS + 1.0, (0.3,)),
    "uniform": (PART, ()), "halfnorm": (PART, ()), "chi2": (PART, (3.5,)), "invgamma": (PART, (2.3,)),
    "logistic": (NORMAL, ()), "gumbel_r": (NORMAL, ()), "gumbel_l": (NORMAL, ()), "halfcauchy": (PART, ()),
    "rayleigh": (PART, ()), "pareto": (PART + 1.4, (2.3,)),
}  # fmt: skip


@pytest.mark.parametrize("name", LOGARITHMS)
def test_the_formulas_give_scipys_numbers(name):
    data, shapes = SHAPES[name]
    own, discrete = getattr(stats, name), DISTRIBUTIONS[name].discrete
    more = () if discrete else (0.0 if name in ("beta", "uniform") else -0.1, 1.3)
    for method in ("pmf", "logpmf") if discrete else ("pdf", "logpdf"):
        found = _rule(name, method)(data, *shapes, *more)
        np.testing.assert_allclose(found, getattr(own, method)(data, *shapes, *more), rtol=1e-12, atol=1e-14)
    assert _rule(name, "ppf") is None


@pytest.mark.parametrize("name", LOGARITHMS)
@pytest.mark.parametrize("traced", [False, True])
def test_numbers_outside_the_support(name, traced):
    """Of mixtures, whose other part is there: some of the numbers lie outside, whether the program knows it or not."""
    shapes, own = SHAPES[name][1], getattr(stats, name)
    if DISTRIBUTIONS[name].discrete:
        data, more = np.concatenate([COUNTS - 2.0, COUNTS + 0.5, COUNTS * 9.0]), lambda p: ()
        plain = "pmf"
    else:
        data, more, plain = NORMAL * 2.0, lambda p: (p[1] if traced else 0.1, np.exp(p[2])), "pdf"
    given = lambda p: (*shapes[:-1], *(s * p[0] for s in shapes[-1:]), *more(p))
    for f in (
        lambda p: np.sum(np.log(0.1 + getattr(own, plain)(data, *given(p)))) + np.sum(norm.logpdf(data, p[0], p[2])),
        lambda p: np.sum(np.logaddexp(getattr(own, "log" + plain)(data, *given(p)), norm.logpdf(data, p[0], p[2]))),
    ):
        p = np.array([1.05, 0.2, 1.3])
        found = gradient(f, p, method="exact", engine="arrays")
        wanted = gradient(f, p, engine="python", order=4, h=1e-5)
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-4)


def test_data_that_leave_the_support_between_calls():
    data, p = np.abs(NORMAL) + 0.1, np.array([0.3])
    f = lambda p: np.sum(np.log(0.1 + stats.expon.pdf(data, scale=p[0])))
    g = fastgrad.grad(f, method="exact", engine="arrays")
    for k in range(6):
        np.testing.assert_allclose(g(p), gradient(f, p, engine="python", order=4), rtol=1e-7)
        data[k] *= -1.0


@pytest.mark.parametrize(
    ("name", "method"), [(name, method) for name in _TAILS for method in _TAILS[name]], ids="-".join
)
def test_tails(name, method):
    shapes, own = SHAPES[name][1], getattr(getattr(stats, name), method)
    for data in (NORMAL, PART, 3.0 * NORMAL):
        with np.errstate(divide="ignore"):  # of a generic logarithm of 0
            wanted = own(data, *shapes, 0.3, 2.0)
        np.testing.assert_allclose(_rule(name, method)(data, *shapes, 0.3, scale=2.0), wanted, rtol=1e-12)


def expit(u):
    return 1.0 / (1.0 + np.exp(-u))


LIKELIHOODS = {
    "norm": (lambda p: stats.norm.logpdf(NORMAL, p[0], np.exp(p[1])), [0.1, 0.2]),
    "by name": (lambda p: norm.logpdf(NORMAL, scale=p[1], loc=p[0]), [0.1, 1.2]),
    "given": (lambda p: stats.norm(p[0], scale=p[1]).logpdf(NORMAL), [0.1, 1.2]),
    "given numbers": (lambda p: stats.norm(0.1, 2.0).logpdf(p[0] * NORMAL - p[1]), [0.7, 1.2]),
    "mixture": (
        lambda p: np.log(p[0] * norm.pdf(NORMAL, p[1], 1.0) + (1 - p[0]) * norm.pdf(NORMAL, p[2])),
        [0.3, 1, 2],
    ),
    "tails": (lambda p: norm.logcdf(p[0] * NORMAL) + norm.logsf(NORMAL, p[1]) + norm.cdf(p[1] * NORMAL), [0.7, 0.3]),
    "expon": (lambda p: stats.expon.logpdf(PART, scale=p[0]), [0.7]),
    "gamma": (lambda p: stats.gamma.logpdf(PART, p[0], scale=p[1]), [2.0, 0.5]),
    "beta": (lambda p: stats.beta.logpdf(PART, p[0], p[1]), [2.0, 1.5]),
    "t": (lambda p: stats.t.logpdf(NORMAL, p[0], p[1], p[2]), [4.0, 0.1, 1.1]),
    "cauchy": (lambda p: stats.cauchy.logpdf(NORMAL, p[0], p[1]), [0.1, 1.1]),
    "lognorm": (lambda p: stats.lognorm.logpdf(PART, p[0], scale=p[1]), [0.8, 1.1]),
    "weibull_min": (lambda p: stats.weibull_min.logpdf(PART, p[0], scale=p[1]), [1.8, 1.1]),
    "censored": (
        lambda p: np.where(
            NORMAL > 0, stats.weibull_min.logpdf(PART, p[0], scale=p[1]), stats.weibull_min.logsf(PART, p[0], 0, p[1])
        ),
        [1.8, 1.1],
    ),
    "lognorm of tails": (
        lambda p: stats.lognorm.logsf(PART, p[0], scale=p[1]) + stats.lognorm.cdf(PART, p[1]),
        [0.8, 1.1],
    ),
    "logistic": (lambda p: stats.logistic.logpdf(NORMAL, p[0], p[1]) + stats.logistic.cdf(p[0] * NORMAL), [0.1, 1.1]),
    "gumbel": (lambda p: stats.gumbel_r.logpdf(NORMAL, p[0], p[1]) + stats.gumbel_r.logcdf(NORMAL, p[1]), [0.1, 1.1]),
    "pareto": (lambda p: stats.pareto.logpdf(PART + 1.0, p[0]) + stats.pareto.logsf(PART + 1.0, p[1]), [1.8, 1.1]),
    "chi2": (lambda p: stats.chi2.logpdf(PART, p[0], scale=p[1]) + stats.invgamma.logpdf(PART, p[1]), [1.8, 1.1]),
    "poisson": (lambda p: stats.poisson.logpmf(COUNTS, np.exp(p[0] + p[1] * PART)), [0.1, 0.5]),
    "binom": (lambda p: stats.binom.logpmf(COUNTS, 7, expit(p[0] + p[1] * NORMAL)), [0.1, 0.5]),
    "nbinom": (lambda p: stats.nbinom.logpmf(COUNTS, p[0], p[1]), [3.0, 0.5]),
    "bernoulli": (lambda p: stats.bernoulli.logpmf(COUNTS > 2, expit(p[0] + p[1] * NORMAL)), [0.1, 0.5]),
    "pmf": (lambda p: np.log(stats.poisson.pmf(COUNTS, p[0])), [1.7]),
}


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_likelihoods(name):
    density, p = LIKELIHOODS[name]
    f, x = lambda p: -np.sum(density(p)), np.array(p, dtype=float)
    found = gradient(f, x, method="exact", full_output=True)
    assert found.engine == "arrays"
    np.testing.assert_allclose(found.value, gradient(f, x, order=8), rtol=1e-8, atol=1e-8)
    second = fastgrad.hessian(f, x, method="exact", engine="arrays")
    np.testing.assert_allclose(second, fastgrad.hessian(f, x, order=8), rtol=1e-5, atol=1e-5)


def test_a_likelihood_with_kinks():
    f = lambda p: -np.sum(stats.laplace.logpdf(NORMAL, p[0], p[1]))
    away = NORMAL - 0.1
    expected = [-np.sum(np.sign(away)) / 1.1, 600 / 1.1 - np.sum(np.abs(away)) / 1.1**2]
    np.testing.assert_allclose(gradient(f, np.array([0.1, 1.1]), method="exact"), expected, rtol=1e-12)


def test_numbers_outside_of_the_support_are_not_made_up():
    f = lambda p: -np.sum(stats.expon.logpdf(NORMAL, scale=p[0]))
    with pytest.raises(EngineError, match="cannot run this function: its value is inf"):
        gradient(f, np.array([0.7]), method="exact", engine="arrays")


def test_a_distribution_that_is_changed_later_is_seen(monkeypatch):
    x, f = np.array([0.1, 1.1]), lambda p: -np.sum(stats.norm.logpdf(NORMAL, p[0], p[1]))
    before = [gradient(f, x, method="exact") for _ in range(3)][-1]
    with monkeypatch.context() as here:
        here.setattr(stats, "norm", stats.cauchy)
        np.testing.assert_allclose(gradient(f, x, method="exact"), gradient(f, x, order=8), rtol=1e-8)
    with monkeypatch.context() as here:
        here.setattr(stats.norm, "logpdf", lambda x, a, b: 5.0 * a * x + b * x**2, raising=False)
        np.testing.assert_allclose(gradient(f, x, method="exact"), gradient(f, x, order=8), rtol=1e-8)
    with monkeypatch.context() as here:
        here.setattr(type(stats.norm), "_logpdf", lambda self, x: -3.0 * x**2)
        with pytest.raises(EngineError):
            gradient(f, x, method="exact")
    assert (gradient(f, x, method="exact") == before).all()


class Posterior:
    def __init__(self):
        self.prior, self.more = (
            stats.norm(0.2, scale=1.5),
            {"scale": stats.gamma(2.0), "rows": [stats.t(df=4, loc=0.1)]},
        )
        self.log = norm.logpdf

    def __call__(self, p):
        size = np.exp(p[1])
        told = self.prior.logpdf(p[0]) + self.more["scale"].logpdf(size) + np.log(self.more["rows"][0].pdf(p[1]))
        return np.sum(self.log(NORMAL, p[0], size)) + told


@pytest.mark.parametrize("place", ["object", "closure", "namespace"])
def test_priors_are_made_outside(place):
    f, p = Posterior(), np.array([0.1, 0.2])
    prior, names, log = f.prior, types.SimpleNamespace(prior=f.prior), f.prior.logpdf
    f = {
        "object": f,
        "closure": lambda p: np.sum(log(NORMAL - p[0])) + prior.logpdf(p).sum(),
        "namespace": lambda p: np.sum(names.prior.logpdf(NORMAL * p[1] - p[0])),
    }[place]
    g = fastgrad.grad(f, method="exact", engine="arrays")
    for scale in (1.5, 1.5, 1.5, 0.7):
        prior.kwds["scale"] = scale
        np.testing.assert_allclose(g(p), gradient(f, p, engine="python", order=6), rtol=1e-8)

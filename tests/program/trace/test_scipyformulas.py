"""Distributions without rules of their own, by SciPy's formulas: against SciPy itself, at the ends and outside too."""

import numpy as np
import pytest

import fastgrad
from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable

stats = pytest.importorskip("scipy.stats")
FAMILIES = {
    "vonmises": (2.0,), "genextreme": (0.3,), "genpareto": (0.2,), "skewnorm": (2.0,), "truncnorm": (-1.0, 2.5),
    "invgauss": (0.8,), "gengamma": (2.2, 1.5), "burr": (2.5, 1.3), "burr12": (2.5, 1.3), "fisk": (2.5,),
    "exponnorm": (1.5,), "nakagami": (2.1,), "triang": (0.3,), "loguniform": (0.4, 3.0), "foldnorm": (1.2,),
    "f": (3.0, 5.0), "rice": (0.8,), "maxwell": (), "levy": (), "gibrat": (), "hypsecant": (), "moyal": (),
    "johnsonsu": (0.4, 1.6), "powerlaw": (1.7,), "arcsine": (), "betaprime": (2.5, 3.5), "norminvgauss": (1.5, 0.4),
}  # fmt: skip
ALSO = {"cdf": ("genextreme", "burr", "hypsecant", "maxwell", "triang"), "sf": ("gibrat", "levy", "fisk", "triang"),
        "logcdf": ("moyal", "levy"), "logsf": ("maxwell", "fisk"), "ppf": ("genextreme", "levy", "triang", "chi2"),
        "isf": ("fisk", "gibrat")}  # fmt: skip
SHAPES = FAMILIES | {"chi2": (3.5,)}
CASES = [*[(name, m) for name in FAMILIES for m in ("logpdf", "pdf")], *[(name, m) for m in ALSO for name in ALSO[m]]]
BY_LAST = {("chi2", "ppf")}  # functions of SciPy's that have no slope by shapes
PARTS = (0.2, 0.45, 0.8)


def likelihood(name, method):
    dist, count = getattr(stats, name), len(SHAPES[name])
    data = np.array(PARTS) if method in ("ppf", "isf") else dist.ppf(PARTS, *SHAPES[name]) * 1.1 + 0.05

    def f(x):
        return np.sum(getattr(dist, method)(data, *x[:count], loc=x[count], scale=x[count + 1]))

    return f, np.array([*SHAPES[name], 0.04, 1.08])


@pytest.mark.parametrize(("name", "method"), CASES)
def test_derivatives_by_data_place_scale_and_shapes(name, method):
    whole, x = likelihood(name, method)
    dist, shapes = getattr(stats, name), SHAPES[name]
    data = np.array(PARTS) if method in ("ppf", "isf") else dist.ppf(PARTS, *shapes) * 1.1 + 0.05
    fixed = lambda p: np.sum(getattr(dist, method)(p[2:], *shapes, p[0], p[1]))
    at = np.array([*x[-2:], *data])
    found = fastgrad.gradient(fixed, at, method="exact")
    np.testing.assert_allclose(found, fastgrad.gradient(fixed, at, method="adaptive"), rtol=3e-8, atol=3e-8)
    if (name, method) in BY_LAST:
        with pytest.raises(Untraceable, match="of another argument than its last one"):
            trace(whole, x.shape)
        return
    found = fastgrad.gradient(whole, x, method="exact")
    np.testing.assert_allclose(found, fastgrad.gradient(whole, x, method="adaptive"), rtol=3e-8, atol=3e-8)


@pytest.mark.parametrize(("name", "method"), CASES)
def test_at_the_ends_outside_and_where_no_parameter_is_allowed(name, method):
    dist, shapes = getattr(stats, name), SHAPES[name]
    low, high = dist.support(*shapes)
    infinite = () if name == "norminvgauss" else (np.inf, -np.inf)  # of which f itself is asked there
    places = [low, high, low - 1.0, high + 1.0, 0.0, 1.0, 0.3, -0.7, *infinite, np.nan]
    program = trace(lambda x: getattr(dist, method)(x[0], *shapes, loc=x[1], scale=x[2]), (3,))
    for scale in (1.0, 0.0, -1.0):
        for place in places:
            with np.errstate(all="ignore"):
                wanted = getattr(dist, method)(place, *shapes, 0.0, scale)
                (found,) = evaluate(program, [place, 0.0, scale])
            np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12, err_msg=f"{place} {scale}")


def test_shapes_that_are_not_allowed():
    program = trace(lambda x: stats.skewnorm.logpdf(0.3, x[0]) + stats.burr.logpdf(0.3, x[1], 2.0), (2,))
    assert np.isfinite(evaluate(program, [1.0, 2.0])[0])
    assert np.isnan(evaluate(program, [1.0, -2.0])[0])
    assert np.isnan(evaluate(program, [np.nan, 2.0])[0])


def test_moments_and_entropies():
    x = np.array([0.7, 1.9])
    for f, wanted in (
        (lambda x: stats.norm.entropy(0.0, x[1]), [0.0, 1.0 / 1.9]),
        (lambda x: stats.norm.mean(x[0], x[1]) + stats.norm.var(x[0], x[1]) + stats.norm.std(x[0], x[1]), [1.0, 4.8]),
        (lambda x: stats.gamma(x[0], scale=x[1]).mean(), [1.9, 0.7]),
        (lambda x: stats.expon.entropy(scale=x[1]) * x[0], [1.0 + np.log(1.9), 0.7 / 1.9]),
    ):
        np.testing.assert_allclose(fastgrad.gradient(f, x, method="exact"), wanted, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(fastgrad.gradient(f, x), wanted, rtol=1e-6, atol=1e-6)
    assert np.isnan(evaluate(trace(lambda x: stats.norm.mean(x[0], x[1]), (2,)), [0.5, -1.0])[0])


def test_counts():
    x = np.array([0.4, 2.5])
    f = lambda x: stats.logser.logpmf(3, x[0]) + np.sum(stats.skellam.pmf(np.array([1, 2]), 1.5, 0.7)) * x[1]
    found = fastgrad.gradient(f, x, method="exact")
    np.testing.assert_allclose(found, fastgrad.gradient(f, x, method="adaptive"), rtol=1e-8)
    g = lambda x: np.array([stats.planck.logpmf(k, x[0]) for k in (-1, 0, 2, 2.5)])
    with np.errstate(all="ignore"):
        assert evaluate(trace(g, (1,)), [0.7]) == pytest.approx(list(stats.planck.logpmf([-1, 0, 2, 2.5], 0.7)))
    with pytest.raises(Untraceable, match="a count that depends on x"):
        trace(lambda x: stats.planck.logpmf(x[0], 0.5), (1,))


def test_what_scipy_does_numerically_is_refused():
    for f in (
        lambda x: stats.landau.logpdf(x[0]),
        lambda x: stats.kstwobign.pdf(x[0]),
        lambda x: stats.norm.interval(x[0]),
    ):
        with pytest.raises(Untraceable, match="which has no rule for tracing"):
            trace(f, (1,))


def test_a_batch_and_a_kept_program():
    data = np.random.default_rng(0).vonmises(0.3, 2.0, 50)
    f = lambda x: -np.sum(stats.vonmises.logpdf(data, x[1], loc=x[0]))
    points = np.random.default_rng(1).uniform(0.5, 2.0, (40, 2))
    found = fastgrad.gradient(f, points, batch=True, method="exact")
    wanted = [fastgrad.gradient(f, x, engine="python", method="adaptive") for x in points]
    np.testing.assert_allclose(found, wanted, rtol=1e-8, atol=1e-7)
    data[:] = 0.1
    np.testing.assert_allclose(
        fastgrad.gradient(f, points[0], method="exact"),
        fastgrad.gradient(f, points[0], engine="python", method="adaptive"), rtol=1e-8, atol=1e-8,
    )  # fmt: skip


def test_what_is_set_or_replaced_later(monkeypatch):
    """Of the distribution itself, of its class; of none is an old program kept."""
    f = lambda x: stats.skewnorm.logpdf(x[0], 2.0) + stats.expon.logpdf(x[1])
    g, x = fastgrad.grad(f, method="exact"), np.array([0.3, 0.7])
    first = g(x)
    np.testing.assert_allclose(g(x), first)
    monkeypatch.setattr(stats.skewnorm, "_logpdf", lambda x, a: -x * x, raising=False)
    for h in (g, lambda x: fastgrad.gradient(f, x, method="exact")):
        with pytest.raises(fastgrad.EngineError, match=r"skewnorm\.logpdf, which has no rule"):
            h(x)
    np.testing.assert_allclose(fastgrad.gradient(f, x), [-0.6, -1.0], rtol=1e-8)
    monkeypatch.undo()
    monkeypatch.setattr(type(stats.expon), "_logpdf", lambda self, x: -x * x)
    np.testing.assert_allclose(fastgrad.gradient(f, x)[1], -1.4, rtol=1e-8)
    monkeypatch.undo()
    np.testing.assert_allclose(g(x), first)


def test_ends_that_are_set_later(monkeypatch):
    f = lambda x: stats.kappa3.pdf(x[0], 1.5)
    x = np.array([0.3])
    first = fastgrad.gradient(f, x, method="exact")
    monkeypatch.setattr(stats.kappa3, "a", 0.4)
    with np.errstate(all="ignore"):
        assert fastgrad.value_and_gradient(f, x, method="central")[0] == 0.0
    monkeypatch.undo()
    np.testing.assert_array_equal(fastgrad.gradient(f, x, method="exact"), first)


def test_moments_of_no_place():
    for name in ("mean", "var", "std", "entropy"):
        program = trace(lambda x, name=name: getattr(stats.norm, name)(x[0], x[1]), (2,))
        assert np.isnan(evaluate(program, [np.nan, 1.0])[0])
    assert np.isnan(evaluate(trace(lambda x: stats.triang.ppf(0.3, 0.5, loc=x[0]), (1,)), [np.nan])[0])

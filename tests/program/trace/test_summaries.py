"""Summaries of scipy.stats in f: values of SciPy's, derivatives of its differences."""

import warnings

import numpy as np
import pytest

import fastgrad
from fastgrad.program import scipys
from fastgrad.program.keys import unchanging
from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable
from fastgrad.program.trace.summaries import SUMMARIES

stats = pytest.importorskip("scipy.stats")
X = np.random.default_rng(0).uniform(0.4, 1.6, 12)
OTHER = np.random.default_rng(1).uniform(0.4, 1.6, 12)
WEIGHTS = np.arange(1.0, 13.0)
T = np.arange(6.0)
FORMS = {
    "zscore": stats.zscore,
    "zscore, rows": lambda x: stats.zscore(x.reshape(3, 4), axis=1, ddof=1),
    "zscore, all": lambda x: stats.zscore(x.reshape(3, 4), axis=None),
    "zmap": lambda x: stats.zmap(x[:3], x[3:]),
    "gmean": stats.gmean,
    "gmean, weights": lambda x: stats.gmean(x, weights=WEIGHTS),
    "gmean, rows": lambda x: stats.gmean(x.reshape(3, 4), axis=1),
    "hmean": stats.hmean,
    "hmean, columns": lambda x: stats.hmean(x.reshape(3, 4)),
    "pmean": lambda x: stats.pmean(x, 3),
    "pmean, 0": lambda x: stats.pmean(x, 0),
    "pmean, weights": lambda x: stats.pmean(x, -0.5, weights=WEIGHTS),
    "pmean, exponent": lambda x: stats.pmean(x[1:], x[0]),
    "moment": lambda x: stats.moment(x, 3),
    "moment, first": lambda x: stats.moment(x, 1) + np.sum(x**2),
    "moment, center": lambda x: stats.moment(x, 2, center=0.3),
    "skew": stats.skew,
    "skew, unbiased rows": lambda x: stats.skew(x.reshape(3, 4), axis=1, bias=False),
    "kurtosis": stats.kurtosis,
    "kurtosis, Pearson": lambda x: stats.kurtosis(x.reshape(2, 6), axis=1, fisher=False, bias=False),
    "sem": stats.sem,
    "sem, all": lambda x: stats.sem(x.reshape(3, 4), axis=None, ddof=0),
    "variation": stats.variation,
    "iqr": stats.iqr,
    "iqr, normal": lambda x: stats.iqr(x.reshape(3, 4), axis=1, rng=(10, 80), scale="normal"),
    "trim_mean": lambda x: stats.trim_mean(x, 0.2),
    "entropy": stats.entropy,
    "entropy, of two": lambda x: stats.entropy(x[:6], x[6:], base=2),
    "pearsonr": lambda x: stats.pearsonr(x, OTHER).statistic,
    "pearsonr, p": lambda x: stats.pearsonr(x[:6], x[6:])[1],
    "linregress": lambda x: stats.linregress(T, x[:6]).slope,
    "linregress, all": lambda x: np.array(stats.linregress(x[:6], x[6:])[:5]),
    "linregress, error": lambda x: stats.linregress(T, x[:6]).intercept_stderr,
}


def test_every_summary_has_its_form():
    assert {name.split(",")[0] for name in FORMS} == set(SUMMARIES) == scipys.WITH_RULES["scipy.stats"]


@pytest.mark.parametrize("name", FORMS)
def test_values_and_derivatives(name):
    f = FORMS[name]
    np.testing.assert_allclose(
        np.reshape(evaluate(trace(f, X.shape), list(X)), np.shape(f(X))), f(X), rtol=1e-12, atol=1e-13
    )
    found = fastgrad.jacobian(f, X, method="exact")
    wanted = fastgrad.jacobian(f, X, method="central", engine="python")
    np.testing.assert_allclose(found, wanted, rtol=2e-7, atol=2e-8)


def test_of_numbers_without_spread_and_of_negative_ones():
    """As SciPy has it."""
    for f in (stats.skew, stats.kurtosis):
        assert np.isnan(evaluate(trace(f, (3,)), [2.0, 2.0, 2.0])[0])
    assert np.isnan(evaluate(trace(stats.hmean, (3,)), [2.0, -1.0, 2.0])[0])


@pytest.mark.parametrize("scale", [1e-170, 1e160])
def test_squares_that_leave_the_range_of_floats(scale):
    f = lambda x: stats.pearsonr(x, OTHER).statistic
    assert evaluate(trace(f, X.shape), list(X * scale)) == pytest.approx([f(X)], rel=1e-13)


def test_scores_of_numbers_that_are_equal_to_rounding():
    x = [2.0, 2.0, 2.0, 2.0 + 1e-15]
    assert np.isnan(evaluate(trace(stats.zscore, (4,)), x)).all()


def test_options_that_are_refused():
    for f, said in (
        (lambda x: stats.zscore(x, nan_policy="omit"), "nan_policy="),
        (lambda x: stats.skew(x, keepdims=True), "keepdims="),
        (lambda x: stats.pearsonr(x, OTHER, alternative="less")[0], "alternative="),
        (lambda x: stats.pearsonr(x[:2], x[2:4])[0], "of two numbers"),
        (lambda x: stats.linregress(x, OTHER[:3])[0], "as many x as y"),
        (lambda x: stats.gmean(x, dtype=np.float32), "dtype="),
    ):
        with pytest.raises(Untraceable, match=said):
            trace(f, X.shape)


def test_programs_are_kept():
    key = unchanging(lambda x: stats.skew(x) + stats.johnsonsu.logpdf(x[0], 1.0, 2.0), ())
    assert key is not None
    assert key != unchanging(lambda x: stats.kurtosis(x) + stats.johnsonsu.logpdf(x[0], 1.0, 2.0), ())


def test_where_there_is_no_summary_f_itself_is_asked():
    """Of NaN, which a sort puts where it is trimmed, and of the correlation of a constant."""
    points = np.random.default_rng(0).uniform(0.5, 2.0, (600, 3))
    points[100:120, 1] = np.nan
    points[200:220] = points[200:220, :1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for f in (lambda x: stats.trim_mean(x, 0.34), lambda x: stats.pearsonr(x, [1.0, -0.5, 2.0])[0]):
            wanted = [f(x) for x in points]
            found = fastgrad.value_and_gradient(f, points, batch=True, engine="simd")[0]
            np.testing.assert_allclose(found, wanted, rtol=1e-10)

"""Python's module statistics in f: its own values, derivatives of its differences, and what it refuses."""

import math
import statistics
from statistics import fmean, linear_regression

import numpy as np
import pytest

import fastgrad
from fastgrad.program import scipys
from fastgrad.program.keys import unchanging
from fastgrad.program.program import evaluate
from fastgrad.program.trace.pythonstatistics import STATISTICS
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable

RNG = np.random.default_rng(0)
# No two numbers of a point are near each other: medians have kinks there.
POINTS = RNG.permuted(np.tile([0.5, 0.9, 1.3, 1.7, 2.1], (120, 1)), axis=1) + RNG.uniform(-0.1, 0.1, (120, 5))
W = [1.0, 2.0, 4.0, 3.0, 7.0]
FORMS = {
    "mean": lambda x: statistics.mean(x) ** 2,
    "mean, some": lambda x: statistics.mean([x[0], 2.0, x[1] * x[2]]),
    "mean, generator": lambda x: statistics.mean(v * v for v in x),
    "mean, of Python's": lambda x: 1 / statistics.mean(x.tolist()),
    "fmean": lambda x: fmean(x) * x[1],
    "fmean, weights": lambda x: fmean(x, W) + fmean(W, weights=x),
    "fmean, map": lambda x: fmean(map(math.sqrt, x)),
    "geometric_mean": statistics.geometric_mean,
    "median": lambda x: statistics.median(x) ** 2,
    "median, of four": lambda x: statistics.median(x[:4]) ** 2,
    "median_low": lambda x: statistics.median_low(x[:4]) ** 2,
    "median_high": lambda x: statistics.median_high(x[:4]) ** 2,
    "variance": lambda x: 2 * statistics.variance(x),
    "variance, center": lambda x: statistics.variance(x, x[0] / 2),
    "pvariance": lambda x: statistics.pvariance(x, mu=1.0),
    "stdev": lambda x: statistics.stdev(x) * x[0],
    "pstdev": lambda x: statistics.pstdev(list(x)),
    "covariance": lambda x: statistics.covariance(x, W),
    "correlation": lambda x: statistics.correlation(W, x),
    "linear_regression": lambda x: sum(linear_regression(W, x)),
    "linear_regression, both": lambda x: linear_regression(x[:3], x[2:]).intercept,
    "linear_regression, proportional": lambda x: linear_regression(x, W, proportional=True).slope,
}


def test_every_function_has_its_form():
    assert {name.split(",")[0] for name in FORMS} == set(STATISTICS) == scipys.WITH_RULES["statistics"]


@pytest.mark.parametrize("name", FORMS)
def test_values_and_derivatives(name):
    f = FORMS[name]
    program = trace(f, (5,))
    for x in POINTS[:20]:
        assert evaluate(program, list(x)) == pytest.approx([f(x)], rel=1e-13)
    found = fastgrad.gradient(f, POINTS, batch=True, engine="simd")
    wanted = fastgrad.gradient(f, POINTS, batch=True, engine="python", order=4)
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-8)
    exact = fastgrad.gradient(f, POINTS, batch=True, method="exact")
    np.testing.assert_allclose(exact, wanted, rtol=1e-8, atol=1e-9)


def test_their_traces_are_kept():
    assert unchanging(FORMS["stdev"], ()) is not None


def test_numbers_are_left_to_python():
    f = lambda x: x[0] * statistics.mean([1, 2, 4]) + statistics.median_low([3, 1, 2])
    assert evaluate(trace(f, (1,)), [2.0]) == [2.0 * 7 / 3 + 2]


@pytest.mark.parametrize(
    "f",
    [
        lambda x: statistics.mean(x[:0]) + x[0],
        lambda x: statistics.stdev(x[:1]),
        lambda x: statistics.fmean(x, [1.0, 2.0]),
        lambda x: statistics.covariance(x, W[:2]),
    ],
    ids=["none", "one", "weights", "pairs"],
)
def test_what_python_raises_is_raised(f):
    with pytest.raises(Untraceable):
        trace(f, (5,))
    with pytest.raises(statistics.StatisticsError):
        fastgrad.gradient(f, POINTS, batch=True)


def test_f_is_asked_where_there_is_no_number():
    points = POINTS.copy()
    points[7, 1], points[9, :] = -1.0, 1.5
    with pytest.raises(statistics.StatisticsError):
        fastgrad.gradient(FORMS["geometric_mean"], points, batch=True)
    points[7, 1] = np.nan
    for name in ("median", "median_low", "median_high", "mean"):
        found = fastgrad.gradient(FORMS[name], points[:12], batch=True, engine="simd")
        wanted = fastgrad.gradient(FORMS[name], points[:12], batch=True, engine="python")
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-8)


def test_ranks_are_refused():
    with pytest.raises(Untraceable, match="ranks"):
        trace(lambda x: statistics.correlation(x, W, method="ranked"), (5,))


def test_a_function_of_that_name_that_is_the_users(monkeypatch):
    def mean(data):
        return 3.0 * data[0]

    monkeypatch.setattr(statistics, "mean", mean)
    assert evaluate(trace(lambda x: statistics.mean(x) + 0.0, (2,)), [2.0, 1.0]) == [6.0]

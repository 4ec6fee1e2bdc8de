"""Sorting networks: any number of elements, NaN last, and quantiles as NumPy reckons them."""

import itertools
import warnings
from itertools import count

import numpy as np
import pytest

import fastgrad
from fastgrad.program.program import evaluate
from fastgrad.program.trace.ordering import comparators
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable


@pytest.mark.parametrize("count", range(1, 10))
def test_a_network_sorts_all_that_is_0_or_1(count):
    """By the principle of 0 and 1 it sorts everything then."""
    for values in itertools.product((0, 1), repeat=count):
        row = list(values)
        for i, j in comparators(count):
            assert i < j < count
            row[i], row[j] = min(row[i], row[j]), max(row[i], row[j])
        assert row == sorted(values)


def test_the_number_of_comparisons_is_batchers():
    assert [len(list(comparators(n))) for n in (2, 4, 8, 16, 64)] == [1, 5, 19, 63, 543]


SAMPLES = [
    np.array([3.0, -1.0, 2.0, 2.0, 0.5]),
    np.array([np.nan, 1.0, np.inf, -np.inf, 0.0]),
    np.array([1.0, np.nan, np.nan, -2.0, 7.0]),
]
FORMS = {
    "sort": np.sort,
    "backwards": lambda x: np.sort(x)[::-1],
    "flat": lambda x: np.sort(np.outer(x, x), axis=None),
    "columns": lambda x: np.sort(np.outer(x, x), axis=0),
    "in place": lambda x: x.sort() or x,
    "rows in place": lambda x: (y := np.outer(x, x)).sort(axis=1) or y,
    "median": np.median,
    "median of an even number": lambda x: np.median(x[:4]),
    "medians": lambda x: np.median(np.outer(x, x), axis=1, keepdims=True),
    "of all": lambda x: np.median(np.outer(x, x), axis=(0, 1)),
    "quantiles": lambda x: np.quantile(x, [[0.1, 0.5], [0.9, 1.0]]),
    "percentile": lambda x: np.percentile(np.outer(x, x), 37.5, axis=0),
    "lower": lambda x: np.quantile(x, 0.3, method="lower"),
    "higher": lambda x: np.quantile(x, 0.3, method="higher"),
    "midpoint": lambda x: np.quantile(x, 0.3, method="midpoint"),
    "numbers": lambda x: np.sort(np.zeros_like(x) + 1.0) + x,
    **{
        f"{method} {level}": lambda x, method=method, level=level: np.quantile(x, level, method=method)
        for method in (
            "inverted_cdf",
            "averaged_inverted_cdf",
            "closest_observation",
            "interpolated_inverted_cdf",
            "hazen",
            "weibull",
            "median_unbiased",
            "normal_unbiased",
            "nearest",
        )
        for level in (0.0, 0.2, 0.33, 0.5, 0.9, 1.0)
    },
}


@pytest.mark.parametrize("name", FORMS)
def test_values(name):
    f = FORMS[name]
    program = trace(f, (5,))
    for x in SAMPLES:
        with np.errstate(all="ignore"):
            want = f(x.copy())
        assert program.shape == np.shape(want)
        np.testing.assert_allclose(evaluate(program, x), np.ravel(want), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize(
    ("f", "reason"),
    [
        (lambda x: np.sort(x > 0), "sorts comparisons"),
        (lambda x: np.quantile(x, x[0], method="hazen"), "traced levels"),
        (lambda x: np.quantile(x, 0.5, method="hazan"), "hazan"),
        (lambda x: np.median(x[:0]), "of nothing"),
        (lambda x: np.argsort(x > 0), "order of comparisons"),
        (lambda x: np.argsort(np.tile(x, 20)), "more than 32 numbers"),
    ],
    ids=count(),
)
def test_what_has_no_rule_is_refused(f, reason):
    with pytest.raises(Untraceable, match=reason):
        trace(f, (3,))


def chosen(x):
    table = np.array([x[0], 2.0, x[1] ** 2])
    k = np.argmax(x)
    return np.array([x[k], x[np.argmin(x)] * k, table[int(3 * x[0]) % 3], table[np.searchsorted([0.3, 0.6], x[1])]])


def rows_and_columns(x):
    a = np.outer(x, x[::-1] - 0.5)
    return np.concatenate([a.argmax(axis=0) * x, np.argmin(a, axis=1) + x, a[np.argmax(x)], [a.argmax(), -x.argmin()]])


@pytest.mark.parametrize("f", [chosen, rows_and_columns])
def test_places_are_integers_that_pick(f):
    program = trace(f, (3,))
    for x in np.random.default_rng(3).uniform(0.0, 1.0, (20, 3)):
        np.testing.assert_allclose(evaluate(program, x), f(x), rtol=1e-13)


def test_an_index_beyond_the_end_raises():
    points = np.full((300, 2), 0.5)
    f = lambda x: np.fmin(x[int(4 * x[0]) - 1], 3.0)
    fastgrad.gradient(f, points, batch=True, engine="simd")
    points[3, 0] = 0.8
    with pytest.raises(IndexError):
        fastgrad.gradient(f, points, batch=True, engine="simd")
    with pytest.raises(Untraceable, match="traced float as an index"):
        trace(lambda x: x[x[0]], (3,))


TABLE = np.arange(1.0, 7.0)


def by_order(x):
    """As people write it: the largest first, ranks, and what goes along."""
    order = np.argsort(-x)
    ranks = np.argsort(np.argsort(x))
    return np.sum(x[order] * np.arange(x.size)) + np.sum(ranks * x**2) + np.sin(x)[order[:2]].sum()


@pytest.mark.parametrize(
    "f",
    [
        by_order,
        lambda x: np.sum(np.argsort(x.reshape(2, 3), axis=0, kind="stable") * x.reshape(2, 3)),
        lambda x: np.sum(x.argsort()[:3] * x[:3]) + x[x.argsort()[-1]] ** 2,
        lambda x: np.sum(TABLE[np.argsort(x)] * x) + np.sum(np.argsort(TABLE) * x),
    ],
    ids=count(),
)
def test_orders_go_along(f):
    points = np.random.default_rng(3).normal(size=(40, 6))
    assert fastgrad.explain(f, np.tile(points, (100, 1)), batch=True).engine == "simd"
    pythons = fastgrad.gradient(f, points, batch=True, engine="python")
    np.testing.assert_allclose(fastgrad.gradient(f, points, batch=True, engine="simd"), pythons, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(fastgrad.gradient(f, points, batch=True, method="exact"), pythons, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("how", [{"kind": "stable"}, {"kind": "mergesort"}, {"stable": True}], ids=str)
def test_equal_numbers_stay_in_their_order(how):
    x = np.array([2.0, 1.0, 2.0, 1.0, 1.0])
    assert evaluate(trace(lambda x: np.argsort(x, **how), (5,)), x) == np.argsort(x, **how).tolist() == [1, 3, 4, 0, 2]


def test_the_order_of_equal_numbers_is_asked_of_f():
    program = trace(np.argsort, (5,))
    assert np.isnan(evaluate(program, [2.0, 1.0, 2.0, 1.5, 1.75])).any()
    assert evaluate(program, [2.0, 1.0, 2.5, 1.5, 1.75]) == [1, 3, 4, 0, 2]
    f = lambda x: np.argsort(x) @ (x * np.arange(6))
    points = np.random.default_rng(0).uniform(1.0, 2.0, (3000, 6))
    points[1500] = [1.0, 1.0, 1.0, 2.0, 2.0, 0.5]
    values, _ = fastgrad.value_and_gradient(f, points, batch=True, engine="simd")
    assert values[1500] == f(points[1500])


@pytest.mark.parametrize(
    "f",
    [
        np.nanmedian,
        lambda x: np.nanmedian(x.reshape(2, 3), axis=0),
        lambda x: np.nanmedian(x.reshape(2, 3), 1, keepdims=True),
        lambda x: np.nanquantile(x, 0.3),
        lambda x: np.nanquantile(x.reshape(2, 3), [0.2, 0.5, 1.0], axis=1, method="higher"),
        lambda x: np.nanpercentile(x.reshape(3, 2), [[30, 60]], axis=0, keepdims=True),
        lambda x: np.nanpercentile(x, 55, method="hazen"),
    ],
    ids=count(),
)
def test_quantiles_of_those_that_are_numbers(f):
    program, rng = trace(f, (6,)), np.random.default_rng(0)
    for missing in range(7):
        x = rng.normal(size=6)
        x[rng.permutation(6)[:missing]] = np.nan
        with warnings.catch_warnings():  # of slices that are all NaN
            warnings.simplefilter("ignore", RuntimeWarning)
            wanted = f(x)
        np.testing.assert_allclose(evaluate(program, x), np.ravel(wanted), rtol=1e-14)
    data = np.array([1.0, np.nan, 2.0, 0.5, 3.0, 1.5])
    g = lambda p: np.sum(f(data * p[0] + np.arange(6) * p[1]))
    np.testing.assert_allclose(
        fastgrad.gradient(g, np.array([1.0, 0.3]), method="exact"),
        fastgrad.gradient(g, np.array([1.0, 0.3]), engine="python"), rtol=1e-8,
    )  # fmt: skip


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.quantile(x[1:], x[0]),
        lambda x: np.quantile(x[2:].reshape(2, 2), x[:2], axis=1),
        lambda x: np.quantile(x[2:].reshape(2, 2), x[0], axis=0, keepdims=True),
        lambda x: np.percentile(np.arange(5.0) ** 2, 100.0 * x[:3]),
    ],
    ids=count(),
)
def test_quantiles_at_traced_levels(f):
    program = trace(f, (6,))
    for x in np.random.default_rng(0).uniform(0.0, 1.0, (20, 6)):
        np.testing.assert_allclose(evaluate(program, x), np.ravel(f(x)), rtol=1e-13, atol=1e-15)
    assert np.isnan(evaluate(program, [1.5] * 6)).any()

"""Tables: NumPy's values at, between and outside the places, for known and traced tables."""

from itertools import count

import numpy as np
import pytest

import fastgrad
from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable

XP, FP = np.array([0.0, 0.5, 0.7, 2.0]), np.array([1.0, -1.0, 3.0, 2.5])
POINTS = [np.array(p) for p in ([-1.0, 0.0, 0.25], [0.5, 0.6, 0.7], [1.9, 2.0, 2.1], [np.nan, np.inf, -np.inf])]


def pieces(x):
    return np.piecewise(x, [x < 0.3, x > 1.0], [lambda v: v**2, lambda v, a=3.0: a * v, -1.0])


def pieces_of_a_number(x):
    return np.piecewise(x[0], [x[0] < 0.3], [0.5, lambda v: v**2])


def pieces_by_known_masks(x):
    return np.piecewise(x, [np.array([True, False, False])], [lambda v: v + x[1], lambda v: v.sum()])


FORMS = [
    lambda x: np.interp(x, XP, FP),
    lambda x: np.interp(x[0], XP, FP),
    lambda x: np.interp(x, XP, FP, left=-5.0, right=x[1]),
    lambda x: np.interp(x, [0.0, 1.0], [2.0, 4.0]),
    lambda x: np.interp(x, [0.5], [2.0]) * x,
    lambda x: np.interp(x, [0.3, 2.1, 1.0], [2.0, 1.0, 4.0], period=1.7),
    lambda x: np.interp(x[0], XP, FP, period=-4.0) + np.interp(x[1:], [7.0], [3.0], period=2.0),
    lambda x: np.searchsorted(XP, x) * 1.0 + np.searchsorted(XP, x, side="right"),
    lambda x: np.digitize(x, XP) + np.digitize(x, XP, right=True),
    pieces,
    pieces_of_a_number,
]


@pytest.mark.parametrize("f", FORMS, ids=range(len(FORMS)))
def test_values_everywhere(f):
    program = trace(f, (3,))
    for x in POINTS:
        with np.errstate(all="ignore"):
            want = f(x.copy())
        np.testing.assert_allclose(evaluate(program, x), np.ravel(want), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.interp(0.3, [0.0, 0.2, 1.0], x) + np.interp([0.0, 0.7, 3.0], [0.0, 0.2, 1.0], x),
        lambda x: np.interp(0.3, np.cumsum(x), x),
        lambda x: np.interp([0.3, 5.0], [0.2, 0.7, 0.4], x, period=1.1),
        lambda x: np.choose([[0, 1, 2], [2, 1, 0]], [x, 2 * x, 3.0]),
        pieces_by_known_masks,
    ],
    ids=count(),
)
def test_traced_tables(f):
    x = np.array([0.1, 0.3, 0.4])
    np.testing.assert_allclose(evaluate(trace(f, (3,)), x), np.ravel(f(x)), rtol=1e-13)


@pytest.mark.parametrize(
    ("f", "reason"),
    [
        (lambda x: np.interp(x, XP, FP, period=x[0]), "period"),
        (lambda x: np.interp(x, XP, FP[:2]), "different lengths"),
        (lambda x: np.interp(x, XP[::-1], FP), "sort them"),
        (lambda x: np.digitize(x, XP[::-1]), "ascending"),
        (lambda x: np.searchsorted(XP[::-1], x), "ascending"),
        (lambda x: np.choose(x, [1.0, 2.0]), "chooses by traced floats"),
        (lambda x: np.piecewise(x, [x < 0.3], [1.0, 2.0, 3.0]), "fewer or more functions"),
    ],
    ids=count(),
)
def test_what_has_no_rule_is_refused(f, reason):
    with pytest.raises(Untraceable, match=reason):
        trace(f, (3,))


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("v", [0.5, 0.2, 1.0, np.nan, np.inf])
def test_no_numbers_in_a_traced_table(side, v):
    """They are the last ones, as np.sort puts them."""
    f = lambda x: np.searchsorted(np.sort(x), v, side) * x[1] + np.searchsorted(np.sort(x), x[2], side)
    program = trace(f, (3,))
    for x in ([0.2, 1.0, 0.5], [np.nan, 1.0, 0.2], [0.2, 1.0, np.nan], [np.inf, 1.0, np.nan]):
        assert evaluate(program, x) == [f(np.array(x))]


@pytest.mark.parametrize("side", ["left", "right"])
def test_where_a_traced_table_does_not_ascend_f_itself_is_asked(side):
    """There NumPy's halving finds one of several places."""
    points = np.sort(np.random.default_rng(0).uniform(0.5, 2.0, (900, 5)), axis=1)
    for n in range(100, 890, 70):
        points[n] = points[n, [2, 0, 3, 1, 4]]
    points[500, 1] = np.nan
    for f in (
        lambda x: np.searchsorted(x[:4], 1.0, side) * x[4] ** 2,
        lambda x: np.searchsorted(x[:4], [0.8, x[4] / 2], side).sum() * x[4] ** 2,
        lambda x: x[:4].searchsorted(x[4] / 2, side=side) * x[4] ** 2,
    ):
        found = fastgrad.gradient(f, points, batch=True, engine="simd")
        np.testing.assert_allclose(found, fastgrad.gradient(f, points, batch=True, engine="python"), rtol=1e-7)


def test_choices_beyond_their_number():
    f = lambda x: np.choose([3, -1, 0], [x, x**2], mode="wrap") + np.choose([3, -1, 0], [x, x**2], mode="clip")
    x = np.array([0.5, 2.0, 3.0])
    np.testing.assert_allclose(evaluate(trace(f, (3,)), x), f(x), rtol=1e-15)


@pytest.mark.parametrize("edge_order", [1, 2])
@pytest.mark.parametrize(
    "f",
    [
        lambda x, e: np.gradient(x[:6] ** 2, np.cumsum(x[6:] ** 2), edge_order=e),
        lambda x, e: np.gradient(x.reshape(4, 3), x[:3], axis=1, edge_order=e),
        lambda x, e: np.stack(np.gradient(x.reshape(4, 3), x[:4], x[5], edge_order=e)),
        lambda x, e: np.gradient(x, np.arange(12.0) ** 2, edge_order=e),
        lambda x, e: np.gradient(np.arange(4.0) ** 2, x[:4], edge_order=e),
    ],
    ids=count(),
)
def test_slopes_at_traced_places(f, edge_order):
    x = np.random.default_rng(0).uniform(0.4, 1.6, 12)
    g = lambda x: f(x, edge_order)
    found = np.reshape(evaluate(trace(g, x.shape), list(x)), np.shape(g(x)))
    np.testing.assert_allclose(found, g(x), rtol=1e-12, atol=1e-12)


def test_slopes_at_places_that_do_not_fit():
    for f, said in (
        (lambda x: np.gradient(x, x[:3])[0], "other places than elements"),
        (lambda x: np.gradient(x[:2], x[:2], edge_order=2)[0], "too few"),
        (lambda x: np.gradient(x.reshape(2, 3), x[:2])[0], "other places than one row"),
    ):
        with pytest.raises(Untraceable, match=said):
            trace(f, (6,))


@pytest.mark.parametrize("mode", ["raise", "clip", "wrap"])
def test_choices_by_traced_integers(mode):
    def f(x):
        places = np.digitize(x, [0.5, 1.0]) if mode == "raise" else np.floor(4.0 * x - 3.0).astype(int)
        return np.choose(places, [x**2, x[0] * x, np.ones(3)], mode=mode)

    program = trace(f, (3,))
    for x in np.random.default_rng(0).uniform(0.1, 2.0, (20, 3)):
        np.testing.assert_allclose(evaluate(program, x), f(x), rtol=1e-14)
    beyond = trace(lambda x: np.choose(np.floor(x).astype(int), [x, 2.0 * x]), (2,))
    assert evaluate(beyond, [0.5, 1.5]) == [0.5, 3.0]
    assert np.isnan(evaluate(beyond, [0.5, 2.5])).any()


def test_bins_that_are_traced():
    f = lambda x: np.digitize(x[:2], np.cumsum(x[2:])) * x[:2]
    program = trace(f, (5,))
    for x in np.random.default_rng(0).uniform(0.1, 1.5, (20, 5)):
        np.testing.assert_allclose(evaluate(program, x), f(x), rtol=1e-14)
    assert np.isnan(evaluate(program, [0.5, 1.0, 1.0, -0.5, 0.3])).any()


def test_of_traced_places_that_do_not_ascend_f_is_asked():
    f = lambda x: np.interp(x[0], x[1:], [1.0, 2.0, 3.0])
    points = np.sort(np.random.default_rng(2).uniform(-2.0, 2.0, (400, 4)), axis=1)
    points[150], points[151] = [-0.68, -0.61, 1.84, -1.35], 1.0
    values, slopes = fastgrad.value_and_gradient(f, points, batch=True, engine="simd")
    np.testing.assert_allclose(values, [f(x) for x in points], rtol=1e-13)
    wanted = fastgrad.gradient(f, points[150:152], batch=True, engine="python")
    np.testing.assert_array_equal(slopes[150:152], wanted)

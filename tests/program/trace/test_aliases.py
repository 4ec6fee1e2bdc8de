"""Sides that write into what has several names, or whose numbers have several types: what Python gives."""

import numpy as np
import pytest

import fastgrad
from fastgrad.program.trace.recording import Untraceable, trace
from tests.branching import points


def nested(x):
    a = [[x[0], x[1]], [x[2], 1.0]]
    if x[2] > 0:
        a[0][1] = x[0] * x[2]
    return a[0][0] + 3 * a[0][1] + a[1][0]


def renamed(x):
    a, b = [x[0], x[1]], [x[2], x[0]]
    c = a
    if x[2] > 0:
        c = b
        c[0] = 7.0 * x[1]
        c = 1.0
    else:
        c = 2.0
    return a[0] + 10 * b[0] + c


def in_place(x):
    b, t = x * 2.0, 0.0
    if x[2] > 0:
        t = b
        t += 1.0
        t = t[0]
    return t * b[1] + b[2]


def rows(x):
    table, row = [[x[0], x[1]], [x[2], x[0]]], 0.0
    if x[1] > 0:
        for row in table:
            row[0] = 1.0
        row = 2.0
    return table[0][0] + table[1][0] * x[2] + row


def typed(x):
    a = 0
    if x[0] > 0:
        a = x[1]
    return x[2] * 3 if isinstance(a, int) else a * x[0]


@pytest.mark.parametrize("f", [nested, renamed, in_place, rows, typed])
def test_sides_share_nothing(f):
    X = points(3)
    found, expected = (fastgrad.gradient(f, X, batch=True, engine=engine) for engine in ("simd", "reference"))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("f", "place"), [(nested, 2), (renamed, 2), (in_place, 2), (rows, 1), (typed, 0)])
@pytest.mark.parametrize("first", [1.0, -1.0])
def test_a_side_that_only_a_later_call_takes(f, place, first):
    """The program is kept, and was compared with f where the first call's points are."""
    X = np.random.default_rng(0).uniform(0.5, 2.0, (3000, 3))
    X[:, place] *= first
    fastgrad.gradient(f, X, batch=True, engine="simd")
    X[:, place] *= -1.0
    found, expected = (fastgrad.gradient(f, X, batch=True, engine=engine) for engine in ("simd", "reference"))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_patterns_of_classes_are_refused():
    def f(x):
        match x[0]:
            case float():
                return x[1]
            case _:
                return x[2]

    with pytest.raises(Untraceable, match="by their classes"):
        trace(f, (3,))


def test_what_has_no_integer_is_not_rounded():
    def f(x):
        return x[1] if round(x[0]) == 0 else x[1] * x[0]

    X = points(2)
    found, expected = (fastgrad.gradient(f, X, batch=True, engine=engine) for engine in ("simd", "reference"))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    X[5, 0] = np.nan
    with pytest.raises(ValueError, match="NaN to integer"):
        fastgrad.gradient(f, X, batch=True, engine="simd")

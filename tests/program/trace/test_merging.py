"""Both sides of a branch run: what they assign, what they write, what they call."""

import math

import numpy as np
import pytest

from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import trace

GRID = [np.array([a, b]) for a in (-1.5, 0.3, 1.0, 1.7) for b in (-0.7, 0.9, 2.0)]
BUFFER = np.zeros(2)


def assigned(x):
    a = 1.0
    if x[0] > 1:
        a = x[1]
        b = a * 2.0
    else:
        b = -x[1]
    return a + b


def nested(x):
    y = x[0]
    if y > 0:
        if x[1] > 1:
            y = y * 2.0
        elif x[1] > 0:
            y = y * 3.0
        else:
            y += 1.0
    return y


def in_place(x):
    y = x * 1.0
    if x[0] > 1:
        y += x[1]
        y[0] = 0.0
    else:
        y *= 2.0
    return y[0] * y[1] + y[1]


def loops(x):
    total = 0.0
    if x[0] > 1:
        for k in range(3):
            total += x[1] * k
    else:
        for v in x:
            total -= v
    return total


def swapped(x):
    a, b = x
    if a > b:
        a, b = b, a
    return a * 3.0 + b


def two_names(x):
    a, b = x * 0.0, x * 1.0
    if x[0] > 1:
        a = b
    b[0] = 5.0
    return a[0] + a[1] * x[1]


def a_view(x):
    y = x * 1.0
    row = y[:1]
    if x[0] > 1:
        row[0] = 7.0
    return y[0] * x[1]


def called(x):
    return math.exp(x[0]) if x[0] < 0 else math.sqrt(x[0]) * x[1]


def chained(x):
    return x[0] * x[1] if 0.0 < x[0] <= x[1] < 1.9 and not x[1] > 1.5 else x[1]


def lazily(x):
    return x[1] if x[0] == 0.0 or x[1] / x[0] > 1.0 else x[0]


MERGED = {
    "assigned": (assigned, 1), "nested": (nested, 3), "in place": (in_place, 1), "loops": (loops, 1),
    "swapped": (swapped, 1), "a view": (a_view, 1), "called": (called, 1), "chained": (chained, None),
    "lazily": (lazily, 2), "two names": (two_names, None),
}  # fmt: skip


@pytest.mark.parametrize("name", MERGED)
def test_values_are_pythons(name):
    f, _ = MERGED[name]
    program = trace(f, (2,))
    assert program.branches
    for x in GRID:
        assert evaluate(program, x) == pytest.approx([f(x.copy())], rel=1e-14)


@pytest.mark.parametrize("name", [name for name, (_, count) in MERGED.items() if count])
def test_sides_are_run_once_each(name):
    f, count = MERGED[name]
    assert trace(f, (2,)).branches == 2 * count


def test_what_is_written_elsewhere_stays_apart():
    seen = []

    def appending(x):
        y = seen.append(1) or x[0] if x[0] > 1 else x[1]
        return y * 2.0

    program = trace(appending, (2,))
    assert evaluate(program, [2.0, 3.0]) == [4.0]
    assert evaluate(program, [0.5, 3.0]) == [6.0]


def test_a_global_array_is_not_written_by_both_sides():
    def f(x):
        if x[0] > 1:
            BUFFER[0] = 2.0
        else:
            BUFFER[0] = 3.0
        return BUFFER[0] * x[1]

    program = trace(f, (2,))
    assert evaluate(program, [2.0, 1.0]) == [2.0]
    assert evaluate(program, [0.5, 1.0]) == [3.0]


def test_a_side_that_raises_is_a_way_of_its_own():
    def f(x):
        y = x[0]
        if y > 1:
            y = refused(y)
        return y

    def refused(y):
        raise ValueError(y)

    assert np.isnan(evaluate(trace(f, (1,)), [2.0])[0])
    assert evaluate(trace(f, (1,)), [0.5]) == [0.5]


def test_where_a_variable_is_not_set_f_itself_is_asked():
    def f(x):
        if x[0] > 1:
            y = x[1]
        return y + x[0]

    program = trace(f, (2,))
    np.testing.assert_array_equal([evaluate(program, x) for x in ([2.0, 3.0], [0.5, 3.0])], [[5.0], [np.nan]])

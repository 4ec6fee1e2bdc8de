"""Helper functions are explored on their own, unless they might write into what others see."""

import math

import numpy as np
import pytest

from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import Untraceable, trace


def piece(t):
    if t < 0:
        return -t
    if t < 1:
        return t * t
    return 2.0 * t - 1.0


def outer(t):
    if piece(t) > 2:
        return piece(t) * t
    return piece(t + 1.0)


def strict(t):
    if t < 0:
        raise ValueError
    return math.sqrt(t)


def branches(f, n):
    return trace(f, (n,)).branches


def test_ways_add_up():
    def f(x):
        return sum(piece(v) for v in x)

    assert branches(f, 20) == 2 * branches(f, 10)
    assert len(trace(f, (20,)).nodes) < 200


def test_helpers_of_helpers():
    assert len(trace(lambda x: outer(x[0]) + outer(x[1]) + outer(x[2]), (3,)).nodes) < 100


def test_a_helper_that_raises_where_its_number_is_lost():
    program = trace(lambda x: max(0.0, strict(x[0])) + x[1], (2,))
    assert program.raises
    assert not trace(lambda x: max(0.0, piece(x[0])) + x[1], (2,)).raises


def test_helpers_that_return_no_numbers_are_ways_of_f():
    def kind(t):
        return "far" if t > 1 else "near"

    def found(t):
        if t > 1:
            return None
        return t

    assert trace(lambda x: x[0] if kind(x[0]) == "far" else x[1], (2,)).outputs
    assert trace(lambda x: x[1] if found(x[0]) is None else found(x[0]), (2,)).outputs


def test_writing_helpers_are_ways_of_f():
    def put(values, v):
        if v > 1:
            values.append(v)

    def f(x):
        values = [0.0]
        for v in x:
            put(values, v)
        return sum(values)

    assert trace(f, (3,)).branches == 24  # 8 ways of 3 decisions
    with pytest.raises(Untraceable, match="more than 256 ways"):
        trace(f, (12,))


def test_a_helper_that_returns_its_argument():
    def halved(v):
        if v[0] > 1:
            return v * 0.5
        return v

    def f(x):
        y = x * 1.0
        z = halved(y)
        y[1] = 0.0
        return z.sum()

    program = trace(f, (2,))
    for x in ([0.5, 3.0], [4.0, 3.0]):
        assert evaluate(program, x) == [f(np.array(x))]

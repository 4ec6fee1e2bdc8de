"""Which functions go over numbers one by one."""

import math
from functools import reduce
from itertools import count

import numpy as np
import pytest

from fastgrad.program.loops import repeats


def looping(x):
    total = 0.0
    for v in x:
        total += v
    return total


def waiting(x):
    while x[0] > 1:
        x = x / 2
    return x[0]


def recursive(x):
    return x[0] if x.size == 1 else recursive(x[1:])


WHOLE = [
    lambda x: np.sum(x**2) + x.sum() + np.max(x) + np.linalg.norm(x) + math.exp(x[0]),
    lambda x: x[0] if x[0] > x[1] else np.add.accumulate(x)[-1],
    lambda x: abs(x[0]) + float(x @ x) + len(x) + round(x[1]),
]
ONE_BY_ONE = [
    looping,
    waiting,
    recursive,
    lambda x: sum(v * v for v in x),
    lambda x: 2 * sum(x),
    lambda x: 2 * max(x),
    lambda x: np.sum([v * v for v in x]),
    lambda x: reduce(lambda a, b: a + b, x),
    lambda x: sum(map(math.sin, x)),
    lambda x: np.sum(np.vectorize(math.sin)(x)),
]


@pytest.mark.parametrize("f", WHOLE, ids=count())
def test_of_whole_arrays(f):
    assert not repeats([f.__code__])


@pytest.mark.parametrize("f", ONE_BY_ONE, ids=count())
def test_one_by_one(f):
    assert repeats([f.__code__])
    assert repeats([WHOLE[0].__code__, f.__code__])

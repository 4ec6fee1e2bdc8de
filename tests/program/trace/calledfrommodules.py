"""Functions that the tests of callees reach by this module."""

import functools
import math

import numba
import numpy as np

SCALE, COUNT = 2.0, 0


def filled(x):
    y = np.zeros(3)
    y[0] = x[0] * x[1]
    return y.sum() + x[2] * SCALE


def assembled(x):
    matrix, places = np.zeros((3, 3)), np.ix_([0, 1], [0, 1])
    matrix[places] += x[0] * np.ones((2, 2))
    return matrix.sum()


def counted(x):
    n = int(np.ceil(5.0 * x[0]))
    y = np.zeros(n + 1)
    for i in range(n):
        y[i] = x[1] * i
    return y.sum()


def counting(x):
    global COUNT  # noqa: PLW0603
    COUNT += 1
    return x[0] * COUNT


@numba.njit
def compiled(v):
    return math.sin(v) * SCALE


@numba.njit(numba.float64(numba.float64))
def of_one_type(v):
    return math.exp(v)


@numba.vectorize
def of_each(v):
    return v * v if v > 1.0 else v


@functools.lru_cache
def cached(v):
    return math.cos(v)


of_all = np.vectorize(lambda v: v * v if v > 1.0 else v)

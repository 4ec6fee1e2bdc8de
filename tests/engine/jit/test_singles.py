"""Numbers of float32 with Python's own: NumPy's are of float32, Numba's would be of float64."""

import math

import numpy as np
import pytest

import fastgrad

SCALE = 1.1
POINTS = np.random.default_rng(0).uniform(0.1, 0.9, (6000, 3))
POINTS[700] = 3.5, 0.5, 0.6


def in_a_variable(x):
    k = np.float32(np.floor(x[0]))
    return (k * 1e30) * 1e20 * x[1]


def computed(x):
    t = 1.0
    t = -(t + 1)
    return np.float32(x[0]) * t * x[1]


def added_up(x):
    s = np.float32(0)
    for k in range(3):
        s = s + k * 1.5
    return s * x[0]


def of_a_loop(x):
    s = 0.0
    for k in range(3):
        s += np.float32(x[0]) * k
    return s


def filled(x):
    y = np.zeros(2, dtype=np.float32)
    y[0] = np.floor(x[0])
    return y[0] * SCALE * x[1]


def scaled(x):
    return np.float32(np.floor(x[0])) * 1.1 * x[1]


WIDENED = {
    "a number that is written there": scaled,
    "in a variable": in_a_variable,
    "a global": lambda x: np.float32(x[0]) * SCALE,
    "computed": computed,
    "a float": lambda x: float(x[1]) / np.float32(x[0]),
    "an integer": lambda x: np.float32(x[0]) * len(x) + np.float32(x[1]) * int(x[0]),
    "of math": lambda x: np.float32(x[0]) * math.sin(x[1]),
    "an array": lambda x: np.sum(x.astype(np.float32) * 2.0) * x[1],
    "a comparison": lambda x: np.where(np.float32(x[0]) > 0.1, x[0], x[1]),
    "a ufunc": lambda x: np.maximum(np.float32(x[0]), 0.1) * x[1],
    "one of two": lambda x: np.float32(x[0]) + (1 if x[0] > 0.2 else 2),
    "added up": added_up,
    "of a loop": of_a_loop,
    "filled": filled,
    "what f calls": lambda x: scaled(x) * 2.0,
}


@pytest.mark.parametrize("name", WIDENED)
def test_what_numba_widens_is_refused(name):
    with pytest.raises(
        fastgrad.EngineError, match=r"computes with float32 and a number of Python's, .*; write float64"
    ):
        fastgrad.gradient(WIDENED[name], POINTS, batch=True, engine="jit")


SAME = {
    "with float64": lambda x: np.float32(x[0]) * x[1] + np.float32(x[1]) * np.sum(x),
    "of float32 alone": lambda x: np.float32(x[0]) * np.float32(x[1]),
    "rounded at last": lambda x: np.float32(np.sum(x**2) * 1.5),
    "a float of one": lambda x: float(np.float32(x[0])) * 1.1 + float(np.float32(x[0])) * x[1],
    "an array": lambda x: np.sum((x * x).astype(np.float32)),
    "a square": lambda x: np.float32(x[0]) ** 2 * x[1],
}


@pytest.mark.parametrize("name", SAME)
def test_what_is_numpys_runs(name):
    f = SAME[name]
    value = fastgrad.value_and_gradient(f, POINTS, batch=True, engine="jit")[0]
    np.testing.assert_allclose(value, [f(x) for x in POINTS], rtol=2e-7)


SINGLES = np.array([0.1, 0.2, 0.3, 0.7, 0.9], np.float32)


def carried(x, a):
    s = 0.0
    for k in range(int(x[0]) ^ 0):
        s = s + a[k]
    return s * x[1]


def carried_by_two(x, a):
    s, t = 0.0, a[0]
    for _ in range(int(x[0]) ^ 0):
        s, t = t + a[1], s * 0.5
    return s * x[1]


@pytest.mark.parametrize("f", [carried, carried_by_two])
def test_what_a_loop_carries_along(f):
    points = np.random.default_rng(0).uniform(1.5, 4.5, (3000, 2))
    with pytest.warns(fastgrad.PerformanceWarning, match=r"compiled by Numba|computes with float32"):
        found = fastgrad.gradient(f, points, batch=True, args=(SINGLES,))
    wanted = fastgrad.gradient(f, points[:9], batch=True, args=(SINGLES,), engine="python")
    np.testing.assert_allclose(found[:9], wanted)
    with pytest.raises(fastgrad.EngineError, match=r"compiled by Numba, f gives|computes with float32"):
        fastgrad.gradient(f, points[0], args=(SINGLES,), engine="jit")

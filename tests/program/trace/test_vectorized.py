"""np.vectorize, whose function may give numbers for some elements; reductions of lists; math.isclose."""

import math

import numpy as np
import pytest

import fastgrad


def relu(a):
    return a if a > 0.5 else 0.0


def of_two(a, b):
    return a * b if a > b else 1.0


@np.vectorize
def decorated(a):
    return 0.0 if a < 0.4 else a * a


VECTORIZED = np.vectorize(relu)
FUNCTIONS = {
    "captured": lambda x: VECTORIZED(x).sum(),
    "made in f": lambda x: np.vectorize(relu)(x).sum(),
    "of a lambda": lambda x: np.vectorize(lambda a: a if a > 0.5 else 0.0)(x)[1],
    "decorated": lambda x: decorated(np.outer(x, x)).sum(),
    "of two": lambda x: np.vectorize(of_two)(x, x[::-1]).sum() + np.vectorize(of_two)(x, 0.5)[0],
    "of numbers": lambda x: VECTORIZED(np.array([0.2, 0.7])) @ x[:2],
    "of given types": lambda x: np.vectorize(lambda a: 2.0 * a, otypes=[float])(np.ones(3)) @ x,
    "asked for its kind": lambda x: x[0] * isinstance(VECTORIZED, np.vectorize),
    "all of a list": lambda x: np.logical_and.reduce([x[0] > 0.4, x[1] > 0.4]) * x[2],
    "any of a list": lambda x: x[2] if np.logical_or.reduce([x[0] > 0.8, x[1] > 0.8]) else x[0],
    "a sum of a list": lambda x: np.add.reduce([x[0], 2.0, x[1] * x[2]]),
    "is close": lambda x: x[1] if math.isclose(x[0], 0.5, abs_tol=0.1) else x[2],
    "relatively close": lambda x: x[1] if math.isclose(x[0], x[1], rel_tol=0.2) else x[2],
    "close to itself": lambda x: x[1] if math.isclose(x[0] / 0.0 if x[0] > 9.0 else math.inf, math.inf) else x[2],
}


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_values_and_derivatives(f):
    points = np.random.default_rng(0).uniform(0.3, 0.9, (120, 3))
    values, slopes = fastgrad.value_and_gradient(f, points, batch=True, engine="simd")
    np.testing.assert_allclose(values, [f(x) for x in points], rtol=1e-13)
    wanted = fastgrad.gradient(f, points, batch=True, engine="python")
    np.testing.assert_allclose(slopes, wanted, rtol=1e-7, atol=1e-8)

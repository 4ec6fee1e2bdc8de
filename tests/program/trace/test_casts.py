"""astype in f: integers that places in tables are made of."""

from itertools import count

import numpy as np
import pytest

import fastgrad
from fastgrad.program.program import evaluate
from fastgrad.program.trace.casts import LARGEST
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable

TABLE = np.array([1.0, 5.0, 2.0, 7.0, 4.0])
GRID = np.random.default_rng(2).normal(size=(5, 6))


def between(x):
    """Linear interpolation, as people write it."""
    i = np.clip(np.floor(x).astype(int), 0, 3)
    t = x - i
    return np.sum(TABLE[i] * (1 - t) + TABLE[i + 1] * t)


def bilinear(x):
    i, j = int(x[0]), x[1].astype(int)
    s, t = x[0] - i, x[1] - j
    low = GRID[i, j] * (1 - s) + GRID[i + 1, j] * s
    return low * (1 - t) + (GRID[i, j + 1] * (1 - s) + GRID[i + 1, j + 1] * s) * t


def histogram(x):
    weights = np.zeros(5)
    places = ((x - 0.1) / 0.8).astype(np.int64)
    for k in range(3):
        weights[places[k]] += x[k]
    return weights @ TABLE


FORMS = [
    between,
    bilinear,
    histogram,
    lambda x: np.sum(TABLE[x.astype(int)] * x),
    lambda x: np.sum(GRID[int(x[0])] * x[1]) + np.sum(GRID[:, x[1].astype(int)] * x[0]) + GRID[2, int(x[2])] * x[2],
    lambda x: np.sum(GRID[x.astype(int), x[::-1].astype(int)] * x) + np.sum(GRID[x.astype(int), 1] * x),
    lambda x: np.sum(GRID[..., int(x[0])] * x[1]) + np.sum(GRID[1:, None, int(x[0])] * x[2]) + GRID[int(-x[0]), 2],
    lambda x: np.sum(TABLE[(x > 1).astype(int)] * x) + (x > 2).astype(int).sum() * x[0],
    lambda x: TABLE[np.int64(x[0])] * x[1] + TABLE[(x[2] > 1).astype(int)],
    lambda x: np.sum((x.astype(int) + 1) / 3 * x) + np.sum(x.astype(int) ** 2 * x) + np.sum(x.astype(int) % 3 * x),
    lambda x: np.sum((7 * x).astype(int) // 2 * x) + np.mean(x.astype("int64")) * x[0] - np.max(x.astype(int)) * x[1],
    lambda x: np.sum(np.where(x.astype(int) == 1, x**2, x)) + np.sum(-x.astype(int) * x * abs(x.astype(int))),
    lambda x: np.sum(x.astype(int).astype(float) * x) + np.sum(np.rint(-x).astype(np.int64) * x),
    lambda x: np.sum(np.sort(x.astype(int)) * x) + np.cumsum(x.astype(int))[-1] * x[0],
]


@pytest.mark.parametrize("f", FORMS, ids=count())
def test_values_and_derivatives(f):
    points = np.random.default_rng(0).uniform(0.15, 2.95, (80, 3))
    program = trace(f, (3,))
    np.testing.assert_allclose([evaluate(program, x)[0] for x in points], [f(x) for x in points], rtol=1e-13)
    wanted = [fastgrad.gradient(f, x, engine="python") for x in points]
    for method in ("exact", "central"):
        found = fastgrad.gradient(f, points, batch=True, method=method, engine="simd")
        np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-7)


def test_what_is_no_integer_is_asked_of_f():
    f = lambda x: np.where(x[0] < 1e300, x[0], 0.0).astype(int) % 7 * x[1]
    points = np.random.default_rng(0).uniform(0.5, 2.5, (400, 2))
    points[5, 0], points[9, 0] = 1e10, 2.0 * LARGEST
    found = fastgrad.gradient(f, points, batch=True, engine="simd")
    np.testing.assert_allclose(found[:12], fastgrad.gradient(f, points[:12], batch=True, engine="python"))
    assert np.isnan(evaluate(trace(f, (2,)), [float(LARGEST), 1.0])[0])
    assert np.isnan(evaluate(trace(lambda x: x[0].astype(int) * 1.0, (1,)), [np.nan])[0])


def test_types():
    def f(x):
        i = x.astype(int)
        return np.where(i.dtype == np.int64, x, 0.0) + (i[0] / 2 if isinstance(i[0], np.int64) else np.inf)

    x = np.array([1.5, 2.5])
    assert f(x).tolist() == [2.0, 3.0]
    np.testing.assert_allclose(evaluate(trace(f, (2,)), x), f(x))


@pytest.mark.parametrize(
    ("f", "reason"),
    [
        (lambda x: np.sum(x.astype(np.int32) * x), "int32; only float64 is traced"),
        (lambda x: np.sum(x.astype(np.uint8) * x), "uint8; only float64 is traced"),
        (lambda x: x.astype(int).__setitem__(0, x[1]), "an array of integers, which rounds"),
        (lambda x: np.sum(x.astype(int) ** 3 * x.astype(int) * x), r"may exceed 2\*\*53"),
        (lambda x: np.sum(1 // x.astype(int)), "divides integers"),
        (lambda x: np.arange(3.0)[x[0]], "a traced float as an index|valid indices|arrays used as indices"),
    ],
    ids=count(),
)
def test_what_is_refused(f, reason):
    with pytest.raises(Untraceable, match=reason):
        trace(f, (3,))

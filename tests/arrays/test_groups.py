"""Sums by groups, as in regressions with a constant for each group, whose sizes may be very different."""

import numpy as np
import pytest

from fastgrad import EngineError, grad, gradient, hessian

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(700, 3))
GROUPS, OTHERS = np.minimum(RNG.geometric(0.2, 700), 30) - 1, RNG.integers(0, 4, 700)
STARTS = np.array([2, 3, 7, 20, 300])


def mean_of_groups(p):
    return np.bincount(GROUPS, ROWS @ p) / np.maximum(np.bincount(GROUPS), 1)


def added(p):
    total = np.zeros(37)
    np.add.at(total, GROUPS, np.tanh(ROWS @ p))
    return np.sum(total**2 * np.arange(37))


def subtracted(p):
    total = np.zeros((31, 4)) + p[0]
    np.subtract.at(total, (GROUPS, OTHERS), np.tanh(ROWS @ p))
    return np.sum(total**2)


def rows_added(p):
    total = np.zeros((31, 3))
    np.add.at(total, GROUPS, ROWS * p)
    return np.sum(total**2)


SUMS = {
    "means": lambda p: np.sum((ROWS @ p - mean_of_groups(p)[GROUPS]) ** 2),
    "longer": lambda p: np.sum(np.bincount(GROUPS, weights=np.exp(p[OTHERS % 3]), minlength=50) ** 2 * np.arange(50)),
    "of data": lambda p: np.sum(np.bincount(GROUPS, ROWS[:, 0]) * p[0] ** 2) + np.sum(ROWS @ p),
    "none": lambda p: np.sum(np.bincount(GROUPS[:0], (ROWS @ p)[:0], minlength=2)) + np.sum(ROWS @ p) ** 2,
    "added": added,
    "subtracted": subtracted,
    "rows": rows_added,
    "parts": lambda p: np.sum(np.add.reduceat(np.tanh(ROWS @ p), STARTS) ** 2),
}


@pytest.mark.parametrize("name", SUMS)
@pytest.mark.parametrize("engine", ["arrays", "simd"])
def test_sums_by_groups(name, engine):
    f, p = SUMS[name], np.array([0.3, -0.2, 0.5])
    found = gradient(f, p, method="exact", engine=engine)
    np.testing.assert_allclose(found, gradient(f, p, engine="python", order=6), rtol=1e-8, atol=1e-8)
    again = grad(f, method="exact")
    for _ in range(3):
        np.testing.assert_allclose(again(p), found, rtol=1e-11)
    plain = gradient(lambda q: gradient(f, q, method="exact") @ p, p, engine="python", order=4)
    np.testing.assert_allclose(hessian(f, p, method="exact") @ p, plain, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "f",
    [lambda p: np.sum(np.add.reduceat(ROWS @ p, [2, 5, 4])), lambda p: np.sum(np.bincount((ROWS @ p > 0) * 1))],
    ids=range(2),
)
def test_other_parts_are_refused(f):
    with pytest.raises(EngineError, match="cannot run this function"):
        gradient(f, np.ones(3), method="exact", engine="arrays")

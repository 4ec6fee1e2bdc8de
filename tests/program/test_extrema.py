"""Maxima and minima of several numbers: equal ones share the derivative, however they are written."""

from functools import reduce

import numpy as np
import pytest

import fastgrad
from fastgrad.program.extrema import Extrema
from fastgrad.program.trace.recording import trace


def in_a_loop(x):
    largest = x[0]
    for v in x[1:]:
        largest = max(largest, v)
    return largest


WRITTEN = {
    "max of an array": max,
    "max of numbers": lambda x: max(x[0], x[1], x[2], x[3]),
    "max of a generator": lambda x: max(v * 1.0 for v in x),
    "max of maxima": lambda x: max(max(x[0], x[1]), max(x[2], x[3])),  # noqa: PLW3301
    "a loop": in_a_loop,
    "reduce": lambda x: reduce(max, x),
    "min": lambda x: -min(-x),
    "np.max": np.max,
    "np.maximum": lambda x: np.maximum(np.maximum(x[0], x[1]), np.maximum(x[2], x[3])),
    "np.fmax": np.fmax.reduce,
    "np.nanmax": np.nanmax,
    "with a constant before": lambda x: max(-9.0, *x),
    "with a constant behind": lambda x: max(*x, -9.0),
}
TIES = {(1.0, 1.0, 1.0, 1.0): 0.25, (1.0, 1.0, 1.0, 0.5): 1 / 3, (0.0, 1.0, 0.5, 1.0): 0.5, (0.0, 2.0, 0.5, 1.0): 1.0}


@pytest.mark.parametrize("name", WRITTEN)
def test_equal_numbers_share(name):
    f, points = WRITTEN[name], np.array([*TIES])
    wanted = (points == points.max(axis=1)[:, None]) * np.array([*TIES.values()])[:, None]
    np.testing.assert_allclose(fastgrad.gradient(f, points, batch=True, method="exact"), wanted, rtol=1e-15)
    for x, row in zip(points, wanted, strict=True):
        np.testing.assert_allclose(fastgrad.gradient(f, x, method="exact"), row, rtol=1e-15)
        np.testing.assert_allclose(fastgrad.jvp(f, x, np.arange(4.0), method="exact"), row @ np.arange(4.0), rtol=1e-15)
        np.testing.assert_allclose(fastgrad.jacobian(lambda x: f(x) * x, x, method="exact"),
                                   np.outer(x, row) + f(x) * np.eye(4), rtol=1e-15)  # fmt: skip


def test_a_constant_takes_its_share():
    for f in (lambda x: max(1.0, x[0], x[1]), lambda x: max(x[0], 1.0, x[1]), lambda x: np.max([1.0, x[0], x[1]])):
        np.testing.assert_allclose(fastgrad.gradient(f, np.ones(2), method="exact"), [1 / 3, 1 / 3], rtol=1e-15)


def test_numbers_that_are_none():
    """Python keeps a NaN that comes first, and no other."""
    points = np.array([[np.nan, 1.0, 2.0], [1.0, np.nan, 2.0], [2.0, 1.0, np.nan], [1.0, 2.0, 0.5]])
    values, slopes = fastgrad.value_and_gradient(lambda x: max(x) * x[0], points, batch=True, method="exact")
    np.testing.assert_array_equal(values, [np.nan, 2.0, 4.0, 2.0])
    np.testing.assert_array_equal(slopes[1:], [[2.0, 0.0, 1.0], [4.0, 0.0, 0.0], [2.0, 1.0, 0.0]])
    assert np.isnan(slopes[0]).any()


def test_a_long_one_is_as_long_as_its_numbers():
    program = trace(in_a_loop, (60,))
    extrema = Extrema(program)
    assert [len(leaves) for leaves in extrema.leaves.values()] == [60]
    assert len(extrema.firsts) == 59
    assert len(extrema.inner) == 2 * 58


def test_what_others_read_has_a_derivative_of_its_own():
    f = lambda x: max(x[0], x[1]) * 10.0 + max(max(x[0], x[1]), x[2])  # noqa: PLW3301
    np.testing.assert_allclose(fastgrad.gradient(f, np.array([3.0, 2.0, 1.0]), method="exact"), [11.0, 0.0, 0.0])
    np.testing.assert_allclose(fastgrad.gradient(f, np.array([1.0, 2.0, 3.0]), method="exact"), [0.0, 10.0, 1.0])

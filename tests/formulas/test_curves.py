"""The curves against differences of high order."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from fastgrad.formulas.curves import CURVES

OFFSETS = np.array([-4, -3, -2, -1, 1, 2, 3, 4])


WEIGHTS = np.array([3, -32, 168, -672, 672, -168, 32, -3]) / 840


STEP = 1e-2


curves = pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES.keys())


def assert_near(exact, numerical, size):
    scale = max(size, np.max(np.abs(numerical)))
    np.testing.assert_allclose(exact, numerical, rtol=1e-9, atol=1e-9 * min(scale, 1.0) + 1e-12 * scale)


@curves
def test_curve_derivatives(curve):
    assert len(curve.derivatives) == 4
    x = np.random.default_rng(0).uniform(curve.box[0] + 4 * STEP, curve.box[1] - 4 * STEP, (5, 4))
    before = x.copy()
    chain = (curve.f, *curve.derivatives)
    for f, derivative in pairwise(chain):
        values = np.array([f(x + k * STEP) for k in OFFSETS])
        exact = derivative(x)
        assert exact.shape == x.shape
        assert_near(exact, np.tensordot(WEIGHTS, values, 1) / STEP, np.max(np.abs(values)))
    np.testing.assert_array_equal(x, before)


@curves
def test_curve_takes_a_scalar(curve):
    middle = np.float64(sum(curve.box) / 2)
    for f in (curve.f, *curve.derivatives):
        assert np.ndim(f(middle)) == 0

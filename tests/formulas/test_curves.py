"""The curves against differences of high order."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from fastgrad.formulas.curves import CURVES
from tests.formulas.differences import OFFSETS, STEP, WEIGHTS, assert_near

curves = pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES.keys())


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

"""The scaled Bessel functions at 0, at infinity, for NaN. See test_math for their digits."""

import math

import numpy as np
import pytest

from fastgrad.llvm.math.besselfunctions import LARGE

PLACES = [0.0, -0.0, math.inf, -math.inf, math.nan, 1e300, -1e300, 5e-324]
SIZE = 3.989422804014327e-151
ENDS = {
    "i0e": [1.0, 1.0, 0.0, 0.0, math.nan, SIZE, SIZE, 1.0],
    "i1e": [0.0, -0.0, 0.0, -0.0, math.nan, SIZE, -SIZE, 0.0],
}


@pytest.mark.parametrize("name", ENDS)
def test_ends(name, computed):
    found = computed(name, np.array(PLACES))
    np.testing.assert_allclose(found, ENDS[name], rtol=1e-15)
    signs = np.signbit(ENDS[name])
    assert (np.signbit(found) == signs)[[0, 1, 2, 3, 5, 6, 7]].all()


@pytest.mark.parametrize("name", ENDS)
def test_both_polynomials_meet(name, computed):
    x = np.array([math.nextafter(LARGE, 0.0), LARGE])
    below, above = computed(name, x)
    assert below == pytest.approx(above, rel=2e-15)

"""Derivatives of SciPy's functions of one number."""

import numpy as np
import pytest
from scipy import special

from fastgrad.arrays.specials import SLOPES, slope


@pytest.mark.parametrize("name", SLOPES)
def test_slopes(name):
    f, x, h = getattr(special, name), np.array([0.2, 0.4, 0.7]), 1e-5
    wanted = (f(x - 2 * h) - 8 * f(x - h) + 8 * f(x + h) - f(x + 2 * h)) / (12 * h)
    np.testing.assert_allclose(SLOPES[name](x), wanted, rtol=1e-9)
    assert slope(f) is SLOPES[name]


def test_only_of_scipys():
    assert slope(np.expm1) is None
    assert slope(special.betaln) is None
    assert slope(np.frompyfunc(abs, 1, 1)) is None

"""The polynomials of special functions are those of bench/coefficients.py, and go through their functions."""

import math

import numpy as np
import pytest

from fastgrad.llvm.math import specialcoefficients as own

# polynomial, where, what it is there
VALUES = [
    (own.SCALED_ERFC, -1.0, 1.0),
    (own.SCALED_ERFC, 1.0, 2 / math.sqrt(math.pi)),
    (own.LOG_GAMMA, 0.0, 0.42278433509846713),
    (own.LOG_GAMMA, 0.5, 2 * math.lgamma(2.5)),
    (own.STIRLING, 0.0, 1 / 12),
    (own.DIGAMMA_FAR, 0.0, 1 / 12),
    (own.TRIGAMMA_FAR, 0.0, 1 / 6),
    (own.DIGAMMA, -0.5, -0.5772156649015329 / (1 - own.DIGAMMAS_ROOT[0])),
    (own.BESSEL_0, -1.0, 1.0),
    (own.BESSEL_1, -1.0, 0.5),
    (own.BESSEL_0_FAR, -1.0, 1 / math.sqrt(2 * math.pi)),
    (own.BESSEL_1_FAR, -1.0, 1 / math.sqrt(2 * math.pi)),
]


@pytest.mark.parametrize("number", range(len(VALUES)))
def test_values(number):
    coefficients, place, wanted = VALUES[number]
    assert np.polyval(coefficients[::-1], place) == pytest.approx(wanted, rel=1e-11)

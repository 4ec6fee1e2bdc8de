"""The modified Bessel functions of order 0 and 1, times exp(-|x|): polynomials in x up to 8, in 1/x beyond."""

from __future__ import annotations

from collections.abc import Sequence

from .specialcoefficients import BESSEL_0, BESSEL_0_FAR, BESSEL_1, BESSEL_1_FAR
from .values import Found, Value, keeping_sign, polynomial

LARGE = 8.0


def scaled_of_order_zero(x: Value) -> Found:
    """i0e. For all numbers."""
    small, large = _both(abs(x), BESSEL_0, BESSEL_0_FAR)
    return abs(x).compare("olt", LARGE).choose(small, large), None


def scaled_of_order_one(x: Value) -> Found:
    """i1e. For all numbers."""
    small, large = _both(abs(x), BESSEL_1, BESSEL_1_FAR)
    return keeping_sign(abs(x).compare("olt", LARGE).choose(abs(x) * small, large), x), None


def _both(size: Value, near: Sequence[float], far: Sequence[float]) -> tuple[Value, Value]:
    small = polynomial(size.times(0.25, -1.0), near)
    return small, polynomial((16.0 / size) - 1.0, far) / size.sqrt()

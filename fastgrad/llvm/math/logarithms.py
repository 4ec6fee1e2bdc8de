"""log and its relatives: log(2**k m) is k log(2) and log(m), which is a series in (m - 1) / (m + 1)."""

from __future__ import annotations

from .coefficients import LN2, LOG
from .values import Bits, Found, Mask, Value, pairs

SMALLEST, COUNT = 0x0010000000000000, 0x7FE0000000000000  # the first normal number, and how many there are up to inf
_ROOT = 0x3FE6A09E667F3BCD  # half of the square root of two


def logarithm(x: Value) -> Found:
    bits = x.bits()
    k, m = reduced(bits)
    f = m - 1.0
    s, half = f / (m + 1.0), f * f * 0.5
    rest = s.times(half + _series(s), k * LN2[1])
    return k.times(LN2[0], f - (half - rest)), is_abnormal(bits)


def reduced(bits: Bits) -> tuple[Value, Value]:
    """Exponent and mantissa, which is between the roots of a half and of two."""
    k = (bits - _ROOT).signed_shift(52)
    return k.number(), (bits - (k << 52)).double()


def _series(s: Value) -> Value:
    """log((1 + s) / (1 - s)) / s - 2."""
    z = s * s
    return z * pairs(z, LOG)


def is_abnormal(bits: Bits) -> Mask:
    """Zero, subnormal, infinite, negative or no number."""
    return (bits - SMALLEST).exceeds(COUNT - 1)

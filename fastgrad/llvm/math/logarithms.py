"""log and its relatives: log(2**k m) is k log(2) and log(m), which is a series in s = (m - 1) / (m + 1)."""

from __future__ import annotations

from .coefficients import LN2, LOG, LOG2E, LOG10_2, LOG10E
from .values import Bits, Found, Mask, Value, keeping_sign, polynomial

SMALLEST, COUNT = 0x0010000000000000, 0x7FE0000000000000  # the first normal number, and how many there are up to inf
_ROOT = 0x3FE6A09E667F3BCD  # of a half
_UPPER_HALF = -(1 << 32)


def logarithm(x: Value) -> Found:
    bits = x.bits()
    k, m = reduced(bits)
    f, half, rest = _series(m)
    return _summed(k.number(), f, half, rest), is_abnormal(bits)


def logarithm_of_more_than_one(x: Value) -> Found:
    """log(1 + x): what 1 + x loses by rounding is divided by it, and added."""
    u = x + 1.0
    bits = u.bits()
    k, m = reduced(bits)
    f, half, rest = _series(m)
    near = u - 1.0
    lost = (1.0 - (u - near)) + (x - near)
    twice = ((Bits.of(x.v, 1024) - k) << 52).double()
    rest = rest + (lost * twice) * f.times(f.times(0.375, -0.5), 0.5)  # 1/(2 m), to some percent of a lost bit
    return keeping_sign(_summed(k.number(), f, half, rest), x), is_abnormal(bits)


def logarithm_to_two(x: Value) -> Found:
    return _to_base(x, LOG2E, (1.0, 0.0))


def logarithm_to_ten(x: Value) -> Found:
    return _to_base(x, LOG10E, LOG10_2)


def reduced(bits: Bits) -> tuple[Bits, Value]:
    """Exponent and mantissa, which is between the roots of a half and of two."""
    k = (bits - _ROOT).signed_shift(52)
    return k, (bits - (k << 52)).double()


def is_abnormal(bits: Bits) -> Mask:
    """Zero, subnormal, infinite, negative or no number."""
    return (bits - SMALLEST).exceeds(COUNT - 1)


def _series(m: Value) -> tuple[Value, Value, Value]:
    """log(m) is the first minus the second plus the third, each much less than that before."""
    f = m - 1.0
    s, half = f / (m + 1.0), f * f * 0.5
    z = s * s
    return f, half, s * z.times(polynomial(z, LOG), half)


def _summed(k: Value, f: Value, half: Value, rest: Value) -> Value:
    return k.times(LN2[0], f - (half - k.times(LN2[1], rest)))


def _to_base(x: Value, scale: tuple[float, ...], two: tuple[float, ...]) -> Found:
    """The logarithm in two parts, times a scale in two parts, whose first product is exact."""
    bits = x.bits()
    exponent, m = reduced(bits)
    k = exponent.number()
    f, half, rest = _series(m)
    high = ((f - half).bits() & _UPPER_HALF).double()
    low = ((f - high) - half) + rest
    first, whole = high * scale[0], k * two[0]
    total = whole + first
    less = low.times(scale[0], (low + high).times(scale[1], k * two[1]))
    return total + (less + ((whole - total) + first)), is_abnormal(bits)

"""exp and its relatives: a power of two is taken off, a polynomial does the rest."""

from __future__ import annotations

from .coefficients import EXP, LN2
from .values import Bits, Found, Mask, Value, pairs, rounded

LARGEST = 708.0  # of the logarithms whose powers, and their inverses, are not subnormal
LOG2E = 1.4426950408889634


def exponential(x: Value) -> Found:
    n, bits = rounded(x, LOG2E)
    r = _without(x, n)
    square = r * r
    rest = r.times(pairs(r, EXP), 0.5)
    return scaled(square.times(rest, r) + 1.0, bits), _is_far(x, LARGEST)


def scaled(x: Value, bits: Bits) -> Value:
    """x times a power of two, by its exponent in the lowest bits."""
    return (x.bits() + (bits << 52)).double()


def _is_far(x: Value, largest: float) -> Mask:
    """Not numbers, too: their exponents are nonsense."""
    return abs(x).compare("uge", largest)


def _without(x: Value, n: Value) -> Value:
    """x - n log(2): the first product is exact."""
    return n.times(-LN2[1], n.times(-LN2[0], x))

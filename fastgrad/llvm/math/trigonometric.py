"""sin, cos, tan: the nearest multiple of pi, or of half of it, is taken off; polynomials do the rest."""

from __future__ import annotations

from .coefficients import COSINE, PI, PI_SHORT, SINE, SINE_WIDE, TANGENT
from .values import ROUNDS, Bits, Found, Mask, Value, keeping_sign, polynomial, rounded

LARGEST = 1e6  # of larger numbers the products with the parts of pi are not exact
_INVERSE, _TWICE = 0.3183098861837907, 0.6366197723675814  # 1/pi, 2/pi


def sine(x: Value) -> Found:
    """One polynomial for half of the circle; where products are rounded that misses by 2.1 units in the last place."""
    if not x.v.fused:
        return sine_paired(x)
    n, bits = rounded(x, _INVERSE)
    return _wave(_left(x, n, 1.0), bits << 63), _is_far(x)


def cosine(x: Value) -> Found:
    """A sine around the nearest odd multiple of pi/2."""
    if not x.v.fused:
        return cosine_paired(x)
    far = x.times(_INVERSE, -0.5) + ROUNDS
    n = (far - ROUNDS) + 0.5
    return _wave(_left(x, n, 1.0), (far.bits() ^ 1) << 63), _is_far(x)


def _wave(r: Value, sign: Bits) -> Value:
    """The sine of at most half of pi to both sides, or minus it. Products come first, for the sake of -0."""
    s, z = (r.bits() ^ sign).double(), r * r
    return s.times((z * z).times(polynomial(z, SINE_WIDE), z * (-1 / 6)), s)


def sine_paired(x: Value) -> Found:
    """Where the cosine of the same number is wanted, too: all but the last step is common to both."""
    sine, cosine, bits = _both(x)
    return _signed(_odd(bits).choose(cosine, sine), bits), _is_far(x)


def cosine_paired(x: Value) -> Found:
    sine, cosine, bits = _both(x)
    return _signed(_odd(bits).choose(sine, cosine), bits + 1), _is_far(x)


def tangent(x: Value) -> Found:
    """That of r, or minus its inverse. Without what r has lost by rounding the error is 2.5 units in the last place."""
    n, bits = rounded(x, _TWICE)
    r, rest = _without(x, n, 0.5)
    z = r * r
    more = (r * z).times(polynomial(z, TANGENT), rest + rest * z)
    t = r + more
    return _odd(bits).choose(-1.0 / t, keeping_sign(t, r)), _is_far(x)


def _both(x: Value) -> tuple[Value, Value, Bits]:
    """Sine and cosine of what is left of x without n quarter turns, and n in the lowest bits."""
    n, bits = rounded(x, _TWICE)
    r = _left(x, n, 0.5)
    z = r * r
    sine = r.times(z.times(polynomial(z, SINE), 0.0), r)  # 0 instead of -0, which r loses its sign by
    cosine = (z * z).times(polynomial(z, COSINE), z.times(-0.5, 1.0))
    return sine, cosine, bits


def _left(x: Value, n: Value, scale: float) -> Value:
    """x - n scale pi, rounded once."""
    if not x.v.fused:
        return _without(x, n, scale)[0]
    for part in PI:
        x = n.times(-scale * part, x)
    return x


def _without(x: Value, n: Value, scale: float) -> tuple[Value, Value]:
    """x - n scale pi, rounded once, and what is lost by that."""
    first, second, third = (scale * part for part in (PI if x.v.fused else PI_SHORT))
    nearly, most = n.times(-first, x), n * second
    r = nearly - most
    lost = most - (nearly - r)
    if x.v.fused:
        lost = lost + n.times(second, -most)
    lost = n.times(third, lost)
    total = r - lost
    return total, (r - total) - lost


def _odd(bits: Bits) -> Mask:
    return (bits << 63).is_negative()


def _signed(value: Value, bits: Bits) -> Value:
    """Two of four quarters of the circle are negative."""
    return (value.bits() ^ (bits >> 1 << 63)).double()


def _is_far(x: Value) -> Mask:
    return abs(x).compare("ogt", LARGEST)

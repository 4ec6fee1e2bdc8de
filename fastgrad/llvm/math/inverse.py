"""atan, asin, acos and the inverse hyperbolic functions, hypot and cbrt."""

from __future__ import annotations

from .coefficients import ASIN, ATAN, HALF_PI, PI_SHORT
from .logarithms import is_abnormal, logarithm_of_more_than_one
from .values import ROUNDS, Found, Mask, Value, polynomial

_HUGE, _LARGE, _SMALL = 2.0**1022, 2.0**500, 2.0**-960
_THIRD, _ROOT_BIAS = 0.3333333333333333, 715094163.0  # a third of the bits and so much more: nearly the cube root's
# 1 / (its cube root), near 1: FreeBSD's
_CUBE = (
    1.87595182427177009643,
    -1.88497979543377169875,
    1.621429720105354466140,
    -0.758397934778766047437,
    0.145996192886612446982,
)


def arc_tangent(x: Value) -> Found:
    """Around the nearest of 0, pi/4 and pi/2. For all numbers."""
    size = abs(x)
    half, two = size.compare("ogt", 0.5), size.compare("ogt", 2.0)
    top = two.choose(-1.0, half.choose(size - 1.0, size))
    bottom = two.choose(size, half.choose(size + 1.0, 1.0))
    high, low = (two.choose(part, half.choose(part / 2, 0.0)) for part in HALF_PI)
    t = top / bottom
    z = t * t
    return (high + (t + (t * z).times(polynomial(z, ATAN), low))).signed(x), None


def arc_tangent_of_two(y: Value, x: Value) -> Found:
    """That of the smaller by the larger one, and some quarters of pi."""
    a, b = abs(y), abs(x)
    swapped, negative = a.compare("ogt", b), x.compare("olt", 0.0)
    less, more = swapped.choose(b, a), swapped.choose(a, b)
    half = less.compare("ogt", more * 0.5)
    t = half.choose(less - more, less) / half.choose(less + more, more)
    z = t * t
    t = (t * z).times(polynomial(z, ATAN), t)
    quarters = half.choose(1.0, 0.0)
    quarters = swapped.choose(2.0 - quarters, quarters)
    quarters = negative.choose(4.0 - quarters, quarters)
    first, second, third = (part / 4 for part in PI_SHORT)
    angle = quarters * first + quarters.times(second + third, (swapped ^ negative).choose(-t, t))
    return angle.signed(y), ~(more.compare("oge", 1 / _HUGE) & more.compare("olt", _HUGE))


def arc_sine(x: Value) -> Found:
    """For all numbers."""
    size = abs(x)
    is_steep, root, rest = _around_one(size)
    high, low = HALF_PI
    steep = high - (root * 2.0 + rest.times(2.0, -low))
    return is_steep.choose(steep, root + rest).signed(x), None


def arc_cosine(x: Value) -> Found:
    """For all numbers."""
    is_steep, root, rest = _around_one(abs(x))
    is_negative = x.compare("olt", 0.0)
    high, low = (is_steep.choose(is_negative.choose(2 * part, 0.0), part) for part in HALF_PI)
    sign = is_steep.choose(-x, x)
    scale = is_steep.choose(2.0, 1.0)
    return high - ((root * scale).signed(sign) + ((rest * scale).signed(sign) - low)), None


def _around_one(size: Value) -> tuple[Mask, Value, Value]:
    """Where half of the arc cosine is taken instead of the arc sine, and what is taken in two parts."""
    is_steep = size.compare("ogt", 0.5)
    z = is_steep.choose(size.times(-0.5, 0.5), size * size)
    root = is_steep.choose(z.sqrt(), size)
    return is_steep, root, (root * z) * polynomial(z, ASIN)


def area_sine(x: Value) -> Found:
    size = abs(x)
    square = size * size
    more = size + square / ((square + 1.0).sqrt() + 1.0)
    found, outside = logarithm_of_more_than_one(more)
    assert outside
    return found.signed(x), outside | size.compare("ugt", _LARGE)


def area_cosine(x: Value) -> Found:
    t = x - 1.0
    found, outside = logarithm_of_more_than_one(t + t.times(t, t * 2.0).sqrt())
    assert outside
    return found, outside | ~(x.compare("oge", 1.0) & x.compare("olt", _LARGE))


def area_tangent(x: Value) -> Found:
    size = abs(x)
    twice = size * 2.0
    found, _ = logarithm_of_more_than_one(twice + twice * size / (1.0 - size))
    return (found * 0.5).signed(x), size.compare("uge", 1.0)


def hypotenuse(x: Value, y: Value) -> Found:
    square = x.times(x, y * y)
    return square.sqrt(), ~(square.compare("ogt", _SMALL) & square.compare("olt", 1 / _SMALL))


def cube_root(x: Value) -> Found:
    """FreeBSD's: a third of the exponent, a polynomial for 23 bits, a step of Newton's."""
    bits = abs(x).bits()
    t = (((bits >> 32).number().times(_THIRD, _ROOT_BIAS) + ROUNDS).bits() << 32).double()
    size = abs(x)
    t = t * polynomial((t * t) * (t / size), _CUBE)
    t = ((t.bits() + 0x80000000) & -0x40000000).double()
    rest = size / (t * t)
    return t.times((rest - t) / (t + t + rest), t).signed(x), is_abnormal(bits)

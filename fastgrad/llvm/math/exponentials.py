"""exp and its relatives: a power of two is taken off, a polynomial does the rest."""

from __future__ import annotations

from .coefficients import COSH, ERF, ERFC, EXP, EXP2, EXPM1, LN2, SINH, TANH
from .values import Bits, Found, Mask, Value, keeping_sign, polynomial, rounded

LARGEST, LARGEST_POWER = 708.0, 1022.0  # of what is raised to powers that, and their inverses, are not subnormal
STEEP, FLAT = 0.63, 22.0  # up to there tanh is a polynomial, from there it is 1
CERTAIN = 6.0  # of larger numbers the error function is 1
_LOG2E, _LOG2 = 1.4426950408889634, 0.6931471805599453


def exponential(x: Value) -> Found:
    n, bits = rounded(x, _LOG2E)
    r, _ = _without(x, n)
    return near_one(r, bits), _is_far(x, LARGEST)


def near_one(r: Value, bits: Bits) -> Value:
    """exp(r) times a power of two, by its exponent in the lowest bits."""
    y = (r * r).times(r.times(polynomial(r, EXP), 0.5), r) + 1.0
    return (y.bits() + (bits << 52)).double()


def exponential_of_sum(high: Value, low: Value) -> Found:
    n, bits = rounded(high, _LOG2E)
    r, rest = _without(high, n)
    return near_one(r + (rest + low), bits), _is_far(high, LARGEST)


def power_of_two(x: Value) -> Found:
    n, bits = rounded(x, 1.0)
    r = x - n
    y = (r * r).times(polynomial(r, EXP2), r * _LOG2) + 1.0
    return (y.bits() + (bits << 52)).double(), _is_far(x, LARGEST_POWER)


def exponential_minus_one(x: Value) -> Found:
    n, bits = rounded(x, _LOG2E)
    r, rest = _without(x, n)
    y = r + (r * r).times(r.times(polynomial(r, EXPM1), 0.5), rest)
    scale = _power(bits, 0)
    return keeping_sign(y.times(scale, scale - 1.0), x), _is_far(x, LARGEST)


def hyperbolic_sine(x: Value) -> Found:
    return keeping_sign(_hyperbolic(x)[0], x), _is_far(x, LARGEST)


def hyperbolic_cosine(x: Value) -> Found:
    return _hyperbolic(x)[1], _is_far(x, LARGEST)


def hyperbolic_tangent(x: Value) -> Found:
    """A polynomial, or 1 - 2 / (exp(2 |x|) + 1). For all numbers."""
    size, z = abs(x), x * x
    near = size.compare("olt", FLAT).choose(size, FLAT)
    small = (size * z).times(polynomial(z, TANH), size)
    large = 1.0 - 2.0 / (exponential(near * 2.0)[0] + 1.0)
    return size.compare("oge", STEEP).choose(large, small).signed(x), None


def error_function(x: Value) -> Found:
    """A polynomial, or 1 - exp(-x**2) times another. For all numbers."""
    size, z = abs(x), x * x
    small = size.times(polynomial(z, ERF), size)
    near = size.compare("olt", CERTAIN).choose(size, CERTAIN)
    t = (near - 2.0) / (near + 2.0)
    large = 1.0 - exponential(-(near * near))[0] * polynomial(t, ERFC)
    return size.compare("oge", 1.0).choose(large, small).signed(x), None


def _hyperbolic(x: Value) -> tuple[Value, Value]:
    """sinh and cosh, from those of the rest and the powers of two that belong to x and -x."""
    n, bits = rounded(x, _LOG2E)
    r, rest = _without(x, n)
    z = r * r
    sine = r + (r * z).times(polynomial(z, SINH), rest)
    cosine = (z * z).times(polynomial(z, COSH), z * 0.5)  # less one
    up, down = _power(bits, -1), _power(Bits.of(x.v, 0) - bits, -1)
    apart, together = up - down, up + down
    return apart + apart.times(cosine, together * sine), together + together.times(cosine, apart * sine)


def _power(bits: Bits, more: int) -> Value:
    """A power of two by its exponent in the lowest bits."""
    return ((bits + (1023 + more)) << 52).double()


def _without(x: Value, n: Value) -> tuple[Value, Value]:
    """x - n log(2), and what is lost by rounding; the first product is exact."""
    nearly = n.times(-LN2[0], x)
    r = n.times(-LN2[1], nearly)
    return r, n.times(-LN2[1], nearly - r)


def _is_far(x: Value, largest: float) -> Mask:
    """Not numbers, too: their exponents are nonsense."""
    return abs(x).compare("uge", largest)

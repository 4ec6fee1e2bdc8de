"""x ** y is exp(y log(x)): the logarithm in two parts, because an error of it is multiplied by up to 700."""

from __future__ import annotations

from math import inf

from .coefficients import LN2, LOG_REST
from .exponentials import exponential_of_sum
from .logarithms import is_abnormal, reduced
from .values import Found, Value, exact_product, polynomial, sum_of

_THIRDS = (0.6666666666666666, 3.700743415417188e-17)  # two of them


def power(x: Value, y: Value) -> Found:
    """Of positive numbers and 0; whole powers of negative ones are products, or rare."""
    high, low = _logarithm(x)
    most, less = exact_product(y, high)
    found, far = exponential_of_sum(most, y.times(low, less))
    assert far
    is_zero = x.bits().equals(0) & y.compare("une", 0.0)
    pole = y.compare("ogt", 0.0).choose(0.0, y.compare("olt", 0.0).choose(inf, y))
    return is_zero.choose(pole, found), (far | is_abnormal(x.bits())) & ~is_zero


def _logarithm(x: Value) -> tuple[Value, Value]:
    """With some twelve bits more than a double has."""
    exponent, m = reduced(x.bits())
    k = exponent.number()
    s, s_low = _ratio(m)
    z, z_low = exact_product(s, s)
    third, third_low = exact_product(z, Value.of(x.v, _THIRDS[0]))
    v, v_low = sum_of(third, z * z * polynomial(z, LOG_REST))
    v_low = v_low + z.times(_THIRDS[1], third_low + (z_low + s * s_low * 2.0) * _THIRDS[0])
    cube, cube_low = exact_product(s, v)
    high, low = sum_of(s * 2.0, cube)
    low = low + (s_low.times(2.0, s.times(v_low, s_low * v)) + cube_low)
    total, rest = sum_of(k * LN2[0], high)
    return total, rest + k.times(LN2[1], low)


def _ratio(m: Value) -> tuple[Value, Value]:
    """(m - 1) / (m + 1) in two parts."""
    f, d = m - 1.0, m + 1.0
    s = f / d
    product, low = exact_product(s, d)
    rest = ((f - product) - low) - s * (m - (d - 1.0))
    return s, rest * (0.5 - s * 0.5)  # 1 / (m + 1) is (1 - s) / 2

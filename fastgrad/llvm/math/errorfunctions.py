"""erfc and its relatives: (1 + 2 x) erfcx(x) is a polynomial in t = (x - 15/4) / (x + 15/4) for all x from 0 on."""

from __future__ import annotations

from .coefficients import ERF
from .exponentials import exponential_of_sum
from .logarithms import logarithm, logarithm_of_more_than_one
from .specialcoefficients import SCALED_ERFC
from .values import Found, Value, exact_product, polynomial

SMALL = 0.5  # up to there erfc is 1 - erf
TAIL = 26.5  # of larger numbers erfc is subnormal
BELL = 37.6  # beyond it the normal density is subnormal
_BESIDE, _FAR = 3.75, 1e16
_ROOT_HALF, _DENSITY, _TWICE = 0.7071067811865476, 0.3989422804014327, 0.7978845608028654  # the last: sqrt(2/pi)


def complementary(x: Value) -> Found:
    """erfc: 1 - erf(x), or exp(-x**2) erfcx(x)."""
    size, z = abs(x), x * x
    small = 1.0 - x.times(polynomial(z, ERF), x)
    near = size.compare("olt", TAIL).choose(size, TAIL)
    high, low = exact_product(near, near)
    tail = exponential_of_sum(-high, -low)[0] * _scaled(near)
    large = x.compare("olt", 0.0).choose(2.0 - tail, tail)
    return size.compare("olt", SMALL).choose(small, large), x.compare("uge", TAIL)


def scaled_complementary(x: Value) -> Found:
    """erfcx: erfc(x) exp(x**2). For all numbers."""
    size = abs(x)
    large = _scaled(size)
    near = size.compare("olt", 27.0).choose(size, 27.0)
    high, low = exact_product(near, near)
    root = exponential_of_sum(high * 0.5, low * 0.5)[0]  # of exp(x**2), which may be too large
    return x.compare("olt", 0.0).choose((root + root) * root - large, large), None


def logarithm_of_normal(x: Value) -> Found:
    """log(ndtr(x)): log(erfcx / 2) - x**2 / 2 below 0, and log(1 - ...) above. For all numbers."""
    size = abs(x)
    near = size.compare("olt", BELL).choose(size, BELL)
    half = _scaled(size * _ROOT_HALF) * 0.5
    below = logarithm(half.compare("ogt", 1e-305).choose(half, 1e-305))[0] - x * x * 0.5
    above = logarithm_of_more_than_one(-(_bell(near) * half))[0]
    above = x.compare("ogt", BELL).choose(-0.0, above)
    return x.compare("olt", 0.0).choose(below, above), None


def inverse_mills(x: Value) -> Found:
    """The normal density over the distribution, the slope of its logarithm. For all numbers."""
    size = abs(x)
    near = size.compare("olt", BELL).choose(size, BELL)
    scaled, bell = _scaled(size * _ROOT_HALF), _bell(near)
    above = bell * _DENSITY / (1.0 - bell * scaled * 0.5)
    above = x.compare("ogt", BELL).choose(0.0, above)
    return x.compare("olt", 0.0).choose(_TWICE / scaled, above), None


def _bell(size: Value) -> Value:
    """exp(-x**2 / 2)."""
    high, low = exact_product(size, size)
    return exponential_of_sum(high * -0.5, low * -0.5)[0]


def _scaled(size: Value) -> Value:
    """erfcx of what is not negative."""
    near = size.compare("olt", _FAR).choose(size, _FAR)
    t = (near - _BESIDE) / (near + _BESIDE)
    return polynomial(t, SCALED_ERFC) / size.times(2.0, 1.0)

"""log(gamma) and its first two derivatives.

From 8 on they are series in 1/x. Below, steps of one lead to where a polynomial is, or to 8, and what the steps
add is one logarithm or one quotient.
"""

from __future__ import annotations

from .logarithms import logarithm
from .specialcoefficients import DIGAMMA, DIGAMMA_FAR, DIGAMMAS_ROOT, LOG_GAMMA, STIRLING, TRIGAMMA_FAR
from .trigonometric import sine, tangent
from .values import Found, Mask, Value, polynomial

LARGE = 8.0  # where series in 1/x begin
SMALLEST, LARGEST = 1e-300, 1e300  # between which log(gamma) is our own
_PI, _HALF_LOG_2PI = 3.141592653589793, 0.9189385332046727
_NAN, _INF = float("nan"), float("inf")


def logarithm_of_gamma(x: Value) -> Found:
    """Of positive numbers: (x - 1/2) (log(x) - 1) + ..., or log(p) + log(gamma(2 + d)), |d| <= 1/2."""
    far = x.compare("oge", LARGE)
    tiny, low = x.compare("olt", 0.5), x.compare("olt", 1.5)
    d = tiny.choose(x, low.choose(x - 1.0, x - 2.0))  # each without rounding
    p = tiny.choose(x * (x + 1.0), low.choose(x, 1.0))
    for _ in range(6):  # gamma(2 + d) is (1 + d) gamma(1 + d)
        high = d.compare("ogt", 0.5)
        p = high.choose(p * (d + 1.0), p)
        d = high.choose(d - 1.0, d)
    logarithms = logarithm(far.choose(x, p))[0]
    near = low.choose(-logarithms, logarithms) + d * polynomial(d, LOG_GAMMA)
    inverse = 1.0 / x
    series = inverse.times(polynomial(inverse * inverse, STIRLING), _HALF_LOG_2PI - 0.5)
    large = (x - 0.5).times(logarithms - 1.0, series)
    return far.choose(large, near), ~_inside(x)


def _inside(x: Value) -> Mask:
    return x.compare("oge", SMALLEST) & x.compare("olt", LARGEST)


def digamma(x: Value) -> Found:
    """The derivative of log(gamma). For all numbers."""
    negative = x.compare("olt", 0.0)
    y = negative.choose(1.0 - x, x)
    far = y.compare("oge", LARGE)
    n, p, u = _stepped_down(y)
    root = (u - DIGAMMAS_ROOT[0]) - DIGAMMAS_ROOT[1]
    near = n / p + root * polynomial(u - 1.5, DIGAMMA)
    large = far.choose(y, LARGE)
    z = 1.0 / (large * large)
    series = logarithm(large)[0] - z.times(polynomial(z, DIGAMMA_FAR), 0.5 / large)
    found = far.choose(y.compare("oeq", _INF).choose(y, series), near)
    r, whole = _from_whole(x)
    mirrored = found - _PI / tangent(r * _PI)[0]
    return negative.choose(whole.choose(_NAN, mirrored), found), None


def _stepped_down(y: Value) -> tuple[Value, Value, Value]:
    """A number between 1 and 2, and the sum of 1/(u + k) from there on as a quotient."""
    low = y.compare("olt", 1.0)
    u = low.choose(y + 1.0, y)
    n, p = low.choose(-1.0, Value.of(y.v, 0.0)), low.choose(y, 1.0)
    for _ in range(6):
        high = u.compare("ogt", 2.0)
        u = high.choose(u - 1.0, u)
        n = high.choose(n.times(u, p), n)
        p = high.choose(p * u, p)
    return n, p, u


def _from_whole(x: Value) -> tuple[Value, Mask]:
    """What is left of a number without the nearest whole one, and where that is nothing."""
    r = x - Value(x.v, x.v.intrinsic("rint", x.name))
    return r, r.compare("oeq", 0.0)


def trigamma(x: Value) -> Found:
    """The second derivative of log(gamma), of which all terms are positive. For all numbers."""
    negative = x.compare("olt", 0.0)
    y = negative.choose(1.0 - x, x)
    n, p = Value.of(x.v, 0.0), Value.of(x.v, 1.0)
    for _ in range(int(LARGE)):
        low, square = y.compare("olt", LARGE), y * y
        n = low.choose(n.times(square, p), n)
        p = low.choose(p * square, p)
        y = low.choose(y + 1.0, y)
    inverse = 1.0 / y
    z = inverse * inverse
    found = n / p + (inverse.times(z * polynomial(z, TRIGAMMA_FAR), z * 0.5) + inverse)
    r, _ = _from_whole(x)
    wave = _PI / sine(r * _PI)[0]
    return negative.choose(wave * wave - found, found), None

"""The partial derivatives of error, gamma and Bessel functions, written with the operators of terms.

Where two functions of about the same size would be subtracted a series does it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import factorial, log, nan, pi, sqrt
from typing import Any

TWO_OVER_ROOT_PI = 2.0 / sqrt(pi)
BELL = 8.0  # from there erfcx has a series in 1/x that ends
TAIL = -30.0  # up to there the inverse of Mills' ratio has one
STEPS = 10  # from zero to where the series of the third derivative of log(gamma) begins
# Of 1/u, u**-3, ... in what the inverse of Mills' ratio at -u is larger than u; and Bernoulli's numbers.
_ABOVE = (1.0, -2.0, 10.0, -74.0, 706.0, -8162.0, 110410.0)
_BERNOULLI = (
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330,
)  # fmt: skip
_ODD = [1.0]
for _k in range(1, 20):
    _ODD.append(-_ODD[-1] * (2 * _k + 1) / 2)  # of 1/x**2 in the slope of erfcx
_I1 = [0.25**k / (2 * factorial(k) * factorial(k + 1)) for k in range(10)]  # of x**2 in I1(x)/x
_J1 = [(-0.25) ** k / (2 * factorial(k) * factorial(k + 1)) for k in range(9)]  # of x**2 in J1(x)/x


def series(x: Any, coefficients: Sequence[float]) -> Any:
    """A polynomial, lowest power first."""
    found: Any = coefficients[-1]
    for c in reversed(coefficients[:-1]):
        found = found * x + c
    return found


def _erfcx(y: Any, a: Any) -> tuple[Any]:
    far = a.gt(BELL)
    z = 1.0 / far.where(a, BELL)
    z = z * z
    return (far.where(-TWO_OVER_ROOT_PI / 2.0 * z * series(z, _ODD), 2.0 * a * y - TWO_OVER_ROOT_PI),)


def _mills(y: Any, a: Any) -> tuple[Any]:
    """-y (y + a)."""
    far = a.lt(TAIL)
    inverse = -1.0 / far.where(a, TAIL)
    above = inverse * series(inverse * inverse, _ABOVE)
    return (-y * far.where(above, y + a),)


def _trigamma(y: Any, a: Any) -> tuple[Any]:
    """-2 times the sum of (a + k)**-3; below 0 what it is of 1 - a mirrored."""
    negative = a.lt(0.0)
    b = negative.where(1.0 - a, a)
    total: Any = 0.0
    for k in range(STEPS):
        inverse = 1.0 / (b + float(k))
        total = inverse * inverse * inverse + total
    w = 1.0 / (b + float(STEPS))
    z = w * w
    rest = z * (series(z, [(2 * k + 3) * c for k, c in enumerate(_BERNOULLI)]) * z + w + 1.0)
    found = -(2.0 * total + rest)
    r = pi * (a - a.rint())
    sine = negative.where(r.sin(), 1.0)
    return (negative.where(found - 2.0 * pi**3 * r.cos() / (sine * sine * sine), found),)


def _i1e(y: Any, a: Any) -> tuple[Any]:
    size = a.abs()
    near = size.lt(1.0)
    quotient = near.where((-size).exp() * series(a * a, _I1), y / near.where(1.0, a))
    return (a.i0e() - a.sign() * y - quotient,)


def _j1(y: Any, a: Any) -> tuple[Any]:
    near = a.abs().lt(1.0)
    return (a.j0() - near.where(series(a * a, _J1), y / near.where(1.0, a)),)


def _xlogy(y: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """0 by b where both are 0."""
    return b.log(), a / (a.eq(0.0) & b.eq(0.0)).where(1.0, b)


def _rel_entr(y: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """Of what is infinite as one of both is negative there is no slope."""
    outside = a.within() + b.within()
    nothing = outside + outside.abs()
    return (a / b).log() + 1.0 + nothing, nothing - a / (a.eq(0.0) & b.eq(0.0)).where(1.0, b)


def _xlog1py(y: Any, a: Any, b: Any) -> tuple[Any, Any]:
    return b.log1p(), a / (1.0 + (a.eq(0.0) & b.eq(-1.0)).where(0.0, b))


def _of_order(below: float, above: float, name: str) -> Callable[..., tuple[float, Any]]:
    """Of a Bessel function by those of the orders next to its own, which is no variable."""

    def rule(y: Any, order: Any, a: Any) -> tuple[float, Any]:
        return nan, below * a.of(name, order - 1.0, a) + above * a.of(name, order + 1.0, a)

    return rule


def _incomplete_gamma(sign: float) -> Callable[..., tuple[float, Any]]:
    def rule(y: Any, shape: Any, a: Any) -> tuple[float, Any]:
        return nan, sign * (a.of("xlogy", shape - 1.0, a) - a - shape.lgamma()).exp()

    return rule


def _inverse_gamma(sign: float) -> Callable[..., tuple[float, Any]]:
    def rule(y: Any, shape: Any, a: Any) -> tuple[float, Any]:
        return nan, sign * (y + shape.lgamma() - a.of("xlogy", shape - 1.0, y)).exp()

    return rule


def _incomplete_beta(y: Any, p: Any, q: Any, a: Any) -> tuple[float, float, Any]:
    return nan, nan, _log_of_beta(p, q, a).exp()


def _log_of_beta(p: Any, q: Any, a: Any) -> Any:
    """The logarithm of the density."""
    whole = p.lgamma() + q.lgamma() - (p + q).lgamma()
    return a.of("xlogy", p - 1.0, a) + a.of("xlog1py", q - 1.0, -a) - whole


MANY = 20.0  # halves of degrees of freedom
RATIO = (1 / 8, -1 / 192, 1 / 640, -17 / 14336, 31 / 18432)
"""Of 1/h, h**-3, ... in log(sqrt(h) gamma(h) / gamma(h + 1/2))."""


def _student(y: Any, df: Any, a: Any) -> tuple[float, Any]:
    """The density; of many degrees of freedom the two gammas, which are nearly equal and large, by a series."""
    half = 0.5 * df
    many, inverse = half.gt(MANY), 1.0 / half
    near = half.lgamma() - (half + 0.5).lgamma() + 0.5 * (pi * df).log()
    scale = many.where(0.5 * log(2.0 * pi) + inverse * series(inverse * inverse, RATIO), near)
    return nan, (-scale - (half + 0.5) * (a * a / df).log1p()).exp()


# Of m in the complete elliptic integrals, whose differences cancel near 0.
_HALVES = [factorial(2 * n) ** 2 / (4**n * factorial(n) ** 2) ** 2 for n in range(24)]
ELLIPK = [pi / 2 * n * c for n, c in enumerate(_HALVES)][1:]
ELLIPE = [pi / 2 * n * c / (1 - 2 * n) for n, c in enumerate(_HALVES)][1:]
SMALL = 0.125


# Of 1/x in what K1 is larger than K0, without exp(-x) and the root (NIST Digital Library, 10.40.2).
_K1_LESS_K0 = [0.0]
_terms = [1.0, 1.0]
for _k in range(1, 17):
    _terms = [t * (4 * nu * nu - (2 * _k - 1) ** 2) / (8 * _k) for nu, t in enumerate(_terms)]
    _K1_LESS_K0.append(_terms[1] - _terms[0])
MANY_WAVES = 30.0


def _k1_less_k0(a: Any) -> Any:
    """The scaled functions: of large numbers nearly equal."""
    far = a.gt(MANY_WAVES)
    inverse = 1.0 / far.where(a, MANY_WAVES)
    return far.where((0.5 * pi * inverse).sqrt() * series(inverse, _K1_LESS_K0), a.k1e() - a.k0e())


LOGARITHMIC = 0.3
NEAR_ONE = [-((-1.0) ** k) / (k + 1) for k in range(34)]  # of u in -log(1 + u) / u


def _spence(y: Any, a: Any) -> tuple[Any]:
    u = a - 1.0
    near = u.abs().lt(LOGARITHMIC)
    return (near.where(series(near.where(u, 0.0), NEAR_ONE), a.log() / near.where(1.0, -u)),)


def _ellipk(y: Any, a: Any) -> tuple[Any]:
    near = a.abs().lt(SMALL)
    m = near.where(0.5, a)
    rest = 1.0 - m
    return (near.where(series(near.where(a, 0.0), ELLIPK), (m.ellipe() - rest * m.ellipk()) / (2.0 * m * rest)),)


def _ellipe(y: Any, a: Any) -> tuple[Any]:
    near = a.abs().lt(SMALL)
    m = near.where(0.5, a)
    return (near.where(series(near.where(a, 0.0), ELLIPE), (m.ellipe() - m.ellipk()) / (2.0 * m)),)


_BY_LIBRARY: dict[str, Callable[..., tuple[Any, ...]]] = {
    "erfinv": lambda y, a: ((y * y).exp() / TWO_OVER_ROOT_PI,),
    "erfcinv": lambda y, a: (-(y * y).exp() / TWO_OVER_ROOT_PI,),
    "ndtri": lambda y, a: (sqrt(2.0 * pi) * (0.5 * y * y).exp(),),
    "k0": lambda y, a: (-a.k1(),),
    "k1": lambda y, a: (-a.k0() - y / a,),
    "y0": lambda y, a: (-a.y1(),),
    "y1": lambda y, a: (a.y0() - y / a,),
    "ellipk": _ellipk,
    "ellipe": _ellipe,
    "expi": lambda y, a: (a.exp() / a,),
    "exp1": lambda y, a: (-(-a).exp() / a,),
    "dawsn": lambda y, a: (1.0 - 2.0 * a * y,),
    "jv": _of_order(0.5, -0.5, "jv"),
    "yv": _of_order(0.5, -0.5, "yv"),
    "iv": _of_order(0.5, 0.5, "iv"),
    "kv": _of_order(-0.5, -0.5, "kv"),
    "gammainc": _incomplete_gamma(1.0),
    "gammaincc": _incomplete_gamma(-1.0),
    "stdtr": _student,
    "betainc": _incomplete_beta,
    "betaincc": lambda y, p, q, a: (nan, nan, -_log_of_beta(p, q, a).exp()),
    "betaincinv": lambda y, p, q, a: (nan, nan, (-_log_of_beta(p, q, y)).exp()),
    "gammaincinv": _inverse_gamma(1.0),
    "gammainccinv": _inverse_gamma(-1.0),
    "stdtrit": lambda y, df, a: (nan, 1.0 / _student(y, df, y)[1]),
    "k0e": lambda y, a: (-_k1_less_k0(a),),
    "k1e": lambda y, a: (_k1_less_k0(a) - y / a,),
    "ive": lambda y, order, a: (nan, 0.5 * (a.of("ive", order - 1.0, a) + a.of("ive", order + 1.0, a)) - a.sign() * y),
    "kve": lambda y, order, a: (nan, y - 0.5 * (a.of("kve", order - 1.0, a) + a.of("kve", order + 1.0, a))),
    "erfi": lambda y, a: (TWO_OVER_ROOT_PI * (a * a).exp(),),
    "spence": _spence,
    "hyp1f1": lambda y, p, q, a: (nan, nan, p / q * a.of("hyp1f1", p + 1.0, q + 1.0, a)),
    "hyp2f1": lambda y, p, q, r, a: (nan, nan, nan, p * q / r * a.of("hyp2f1", p + 1.0, q + 1.0, r + 1.0, a)),
}
"""Of functions that compiled code calls; by what is no variable of theirs, such as an order, they have none."""
RULES: dict[str, Callable[..., tuple[Any, ...]]] = {
    "erf": lambda y, a: (TWO_OVER_ROOT_PI * (-(a * a)).exp(),),
    "erfc": lambda y, a: (-TWO_OVER_ROOT_PI * (-(a * a)).exp(),),
    "erfcx": _erfcx,
    "log_ndtr": lambda y, a: (a.mills(),),
    "mills": _mills,
    "softplus": lambda y, a: (1.0 / (1.0 + (-a).exp()),),
    "logit": lambda y, a: (1.0 / (a * (1.0 - a)),),
    "within": lambda y, a: (y + y.abs(),),  # outside no number
    "logabs": lambda y, a: (1.0 / a,),
    "xlogabs": lambda y, a, b: (b.logabs(), a / (a.eq(0.0) & b.eq(0.0)).where(1.0, b)),
    "entr": lambda y, a: (-1.0 - a.log(),),
    "rel_entr": _rel_entr,
    "xlogy": _xlogy,
    "xlog1py": _xlog1py,
    "lgamma": lambda y, a: (a.digamma(),),
    "tgamma": lambda y, a: (y * a.digamma(),),
    "digamma": lambda y, a: (a.trigamma(),),
    "trigamma": _trigamma,
    "i0e": lambda y, a: (a.i1e() - a.sign() * y,),
    "i1e": _i1e,
    "j0": lambda y, a: (-a.j1(),),
    "j1": _j1,
    **_BY_LIBRARY,
}

"""The derivatives of SciPy's functions on Variables, by name: SciPy is there if they are used.

The products are NumPy and SciPy, so that gradients may be differentiated again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import factorial, log, pi, sqrt
from typing import Any

import numpy as np

from ..program.scipys import is_own_ufunc, module
from ..program.specialrules import ELLIPE, ELLIPK, LOGARITHMIC, NEAR_ONE, SMALL, series
from .rules import Rule, value

TWO_OVER_ROOT_PI = 2 / sqrt(pi)
STEPS = 10  # to where the series of trigamma has all its digits
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)


def _of(name: str) -> Callable[..., Any]:
    """One of SciPy's functions, looked up when it is called."""

    def function(*values: Any) -> Any:
        return getattr(module("scipy.special"), name)(*values)

    return function


_expit, _psi, _exprel, _xlogy, _xlog1py = map(_of, ("expit", "psi", "exprel", "xlogy", "xlog1py"))
_i0, _i1, _i0e, _i1e, _j0, _j1 = map(_of, ("i0", "i1", "i0e", "i1e", "j0", "j1"))


def _trigamma(x: Any) -> Any:
    """The derivative of psi in sums and quotients, which are differentiated as often as wanted."""
    negative = value(x) < 0
    y = np.where(negative, 1 - x, x)
    total: Any = 0.0
    for k in range(STEPS):
        total = total + 1 / ((y + k) * (y + k))
    w = y + STEPS
    z, series = 1 / (w * w), 0.0
    for b in reversed(_BERNOULLI):
        series = series * z + b
    found = total + 1 / w + z / 2 + z / w * series
    sine = np.where(negative, np.sin(pi * (x - np.rint(value(x)))), 1.0)
    return np.where(negative, pi * pi / (sine * sine) - found, found)


def _bell(x: Any) -> Any:
    """exp(-x**2 / 2) without the factor of the normal density."""
    return np.exp(-x * x / 2)


def _exprel_slope(y: Any, x: Any) -> Any:
    """(exp(x) - y) / x of y = exprel(x); near 0 its series, as the quotient has no digits left there."""
    near = np.absolute(value(x)) < 1
    series: Any = 0.0
    for n in range(18, 0, -1):
        series = series * x + n / factorial(n + 1)
    return np.where(near, series, (np.exp(x) - y) / _but(x, near))


def _boxcox_slope(a: Any, exponent: Any) -> Any:
    """The derivative of boxcox by its exponent."""
    logarithm = np.log(a)
    z = exponent * logarithm
    return logarithm * logarithm * _exprel_slope(_exprel(z), z)


def _no_slope(g: Any, *_: Any) -> Any:
    msg = "an order or a shape of a function of SciPy's is a Variable, by which it has no derivative; give its .array"
    raise TypeError(msg)


def _elliptic(m: Any, coefficients: Sequence[float], far: Callable[[Any], Any]) -> Any:
    """What two integrals differ by, over 2 m; near 0 its series."""
    near = np.absolute(value(m)) < SMALL
    inside, n = np.where(near, m, 0.0), np.where(near, 0.5, m)
    return np.where(near, series(inside, coefficients), far(n) / (2 * n))


def _student(df: Any, t: Any) -> Any:
    """The density of Student's distribution."""
    half, gammaln = (df + 1) / 2, _of("gammaln")
    return np.exp(gammaln(half) - gammaln(df / 2) - np.log(pi * df) / 2 - half * np.log1p(t * t / df))


def _log_of_beta(a: Any, b: Any, x: Any) -> Any:
    """The logarithm of the density."""
    return _xlogy(a - 1, x) + _xlog1py(b - 1, -x) - _of("betaln")(a, b)


def _spence_slope(x: Any) -> Any:
    """log(x) / (1 - x); near 1 its series."""
    near = np.absolute(value(x) - 1) < LOGARITHMIC
    inside = np.where(near, x - 1, 0.0)
    return np.where(near, series(inside, NEAR_ONE), np.log(x) / _but(1 - x, near))


def _beyond(delta: Any, r: Any) -> Any:
    """How far huber's r is outside."""
    far = np.absolute(value(r)) > value(delta)
    return np.where(far, np.absolute(r) - delta, 0.0)


def _root(delta: Any, r: Any) -> Any:
    return np.sqrt(1 + (r / delta) ** 2)


def _pseudo_slope(delta: Any, r: Any) -> Any:
    """The derivative of pseudo_huber by its width."""
    root = _root(delta, r)
    return r * r / delta * (root - 1) / (root * (root + 1))


def _but(x: Any, bad: Any) -> Any:
    """1 where it would be 0 in a quotient of two."""
    return np.where(bad, 1.0, x)


def _half(y: Any, x: Any) -> Any:
    """y / x of a function that is x / 2 near 0."""
    zero = value(x) == 0
    return np.where(zero, 0.5, y / _but(x, zero))


def _quotient(a: Any, b: Any) -> Any:
    """a / b, 0 where both are 0."""
    return a / _but(b, (value(a) == 0) & (value(b) == 0))


PRODUCTS: dict[str, tuple[Callable[..., Any], ...]] = {
    "expit": (lambda g, y, x: g * (y * _expit(-x)),),
    "log_expit": (lambda g, y, x: g * _expit(-x),),
    "logit": (lambda g, y, x: g / (x * (1 - x)),),
    "gammaln": (lambda g, y, x: g * _psi(x),),
    "loggamma": (lambda g, y, x: g * _psi(x),),
    "gamma": (lambda g, y, x: g * (y * _psi(x)),),
    "psi": (lambda g, y, x: g * _trigamma(x),),
    "beta": (
        lambda g, y, a, b: g * (y * (_psi(a) - _psi(a + b))),
        lambda g, y, a, b: g * (y * (_psi(b) - _psi(a + b))),
    ),
    "betaln": (lambda g, y, a, b: g * (_psi(a) - _psi(a + b)), lambda g, y, a, b: g * (_psi(b) - _psi(a + b))),
    "erf": (lambda g, y, x: g * (TWO_OVER_ROOT_PI * np.exp(-x * x)),),
    "erfc": (lambda g, y, x: g * (-TWO_OVER_ROOT_PI * np.exp(-x * x)),),
    "erfcx": (lambda g, y, x: g * (2 * x * y - TWO_OVER_ROOT_PI),),
    "ndtr": (lambda g, y, x: g * _bell(x) / sqrt(2 * pi),),
    "log_ndtr": (lambda g, y, x: g * np.exp(-x * x / 2 - y) / sqrt(2 * pi),),
    "xlogy": (lambda g, y, a, b: g * np.log(b), lambda g, y, a, b: g * _quotient(a, b)),
    "xlog1py": (lambda g, y, a, b: g * np.log(1 + b), lambda g, y, a, b: g * _quotient(a, 1 + b)),
    "entr": (lambda g, y, x: -g * (np.log(x) + 1),),
    "rel_entr": (lambda g, y, a, b: g * (np.log(a / b) + 1), lambda g, y, a, b: -g * _quotient(a, b)),
    "kl_div": (lambda g, y, a, b: g * np.log(a / b), lambda g, y, a, b: g * (1 - _quotient(a, b))),
    "i0": (lambda g, y, x: g * _i1(x),),
    "i1": (lambda g, y, x: g * (_i0(x) - _half(y, x)),),
    "i0e": (lambda g, y, x: g * (_i1e(x) - np.sign(value(x)) * y),),
    "i1e": (lambda g, y, x: g * (_i0e(x) - np.sign(value(x)) * y - _half(y, x)),),
    "j0": (lambda g, y, x: -g * _j1(x),),
    "j1": (lambda g, y, x: g * (_j0(x) - _half(y, x)),),
    "expm1": (lambda g, y, x: g * np.exp(x),),
    "log1p": (lambda g, y, x: g / (1 + x),),
    "exp2": (lambda g, y, x: g * (log(2) * y),),
    "exp10": (lambda g, y, x: g * (log(10) * y),),
    "cbrt": (lambda g, y, x: g / (3 * (y * y)),),
    "exprel": (lambda g, y, x: g * _exprel_slope(y, x),),
    "boxcox": (lambda g, y, a, b: g * a ** (b - 1), lambda g, y, a, b: g * _boxcox_slope(a, b)),
    "huber": (lambda g, y, d, r: g * _beyond(d, r), lambda g, y, d, r: g * np.clip(r, -d, d)),
    "pseudo_huber": (lambda g, y, d, r: g * _pseudo_slope(d, r), lambda g, y, d, r: g * r / _root(d, r)),
    "binom": (
        lambda g, y, n, k: g * y * (_psi(n + 1) - _psi(n - k + 1)),
        lambda g, y, n, k: g * y * (_psi(n - k + 1) - _psi(k + 1)),
    ),
    "poch": (lambda g, y, a, m: g * y * (_psi(a + m) - _psi(a)), lambda g, y, a, m: g * y * _psi(a + m)),
    "cosm1": (lambda g, y, x: -g * np.sin(x),),
    "erfinv": (lambda g, y, x: g * np.exp(y * y) / TWO_OVER_ROOT_PI,),
    "erfcinv": (lambda g, y, x: -g * np.exp(y * y) / TWO_OVER_ROOT_PI,),
    "ndtri": (lambda g, y, x: g * np.exp(y * y / 2) * sqrt(2 * pi),),
    "k0": (lambda g, y, x: -g * _of("k1")(x),),
    "k1": (lambda g, y, x: -g * (_of("k0")(x) + y / x),),
    "y0": (lambda g, y, x: -g * _of("y1")(x),),
    "y1": (lambda g, y, x: g * (_of("y0")(x) - y / x),),
    "ellipk": (lambda g, y, m: g * _elliptic(m, ELLIPK, lambda n: _of("ellipe")(n) / (1 - n) - _of("ellipk")(n)),),
    "ellipe": (lambda g, y, m: g * _elliptic(m, ELLIPE, lambda n: _of("ellipe")(n) - _of("ellipk")(n)),),
    "expi": (lambda g, y, x: g * np.exp(x) / x,),
    "exp1": (lambda g, y, x: -g * np.exp(-x) / x,),
    "dawsn": (lambda g, y, x: g * (1 - 2 * x * y),),
    "jv": (_no_slope, lambda g, y, v, x: g * (_of("jv")(v - 1, x) - _of("jv")(v + 1, x)) / 2),
    "yv": (_no_slope, lambda g, y, v, x: g * (_of("yv")(v - 1, x) - _of("yv")(v + 1, x)) / 2),
    "iv": (_no_slope, lambda g, y, v, x: g * (_of("iv")(v - 1, x) + _of("iv")(v + 1, x)) / 2),
    "kv": (_no_slope, lambda g, y, v, x: -g * (_of("kv")(v - 1, x) + _of("kv")(v + 1, x)) / 2),
    "gammainc": (_no_slope, lambda g, y, a, x: g * np.exp(_xlogy(a - 1, x) - x - _of("gammaln")(a))),
    "gammaincc": (_no_slope, lambda g, y, a, x: -g * np.exp(_xlogy(a - 1, x) - x - _of("gammaln")(a))),
    "stdtr": (_no_slope, lambda g, y, df, t: g * _student(df, t)),
    "betainc": (
        _no_slope,
        _no_slope,
        lambda g, y, a, b, x: g * np.exp(_log_of_beta(a, b, x)),
    ),
    "betaincc": (_no_slope, _no_slope, lambda g, y, a, b, x: -g * np.exp(_log_of_beta(a, b, x))),
    "betaincinv": (_no_slope, _no_slope, lambda g, y, a, b, x: g * np.exp(-_log_of_beta(a, b, y))),
    "gammaincinv": (_no_slope, lambda g, y, a, x: g * np.exp(y + _of("gammaln")(a) - _xlogy(a - 1, y))),
    "gammainccinv": (_no_slope, lambda g, y, a, x: -g * np.exp(y + _of("gammaln")(a) - _xlogy(a - 1, y))),
    "stdtrit": (_no_slope, lambda g, y, df, p: g / _student(df, y)),
    "k0e": (lambda g, y, x: g * (y - _of("k1e")(x)),),
    "k1e": (lambda g, y, x: g * (y - _of("k0e")(x) - y / x),),
    "ive": (
        _no_slope,
        lambda g, y, v, x: g * ((_of("ive")(v - 1, x) + _of("ive")(v + 1, x)) / 2 - np.sign(value(x)) * y),
    ),
    "kve": (_no_slope, lambda g, y, v, x: g * (y - (_of("kve")(v - 1, x) + _of("kve")(v + 1, x)) / 2)),
    "erfi": (lambda g, y, x: g * (TWO_OVER_ROOT_PI * np.exp(x * x)),),
    "spence": (lambda g, y, x: g * _spence_slope(x),),
    "hyp1f1": (_no_slope, _no_slope, lambda g, y, a, b, x: g * (a / b) * _of("hyp1f1")(a + 1, b + 1, x)),
    "hyp2f1": (
        *[_no_slope] * 3,
        lambda g, y, a, b, c, x: g * (a * b / c) * _of("hyp2f1")(a + 1, b + 1, c + 1, x),
    ),
}
"""The products of an upstream gradient with the derivatives of SciPy's ufuncs, by their names."""


def special_rule(ufunc: np.ufunc) -> Rule | None:
    """The rule of one of SciPy's ufuncs, if there is one."""
    products = PRODUCTS.get(ufunc.__name__)
    return Rule(ufunc.__name__, ufunc, products) if products and is_own_ufunc(ufunc) else None

"""Rules for tracing the functions of scipy.special, by name: SciPy is there if f uses them.

A mask that moves with x would be decided by f's own operations at every displaced point, sums in front of it among
them. So rules have branches only inside of single operations.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..scipys import is_own_ufunc
from ..specials import BY_LIBRARY, OPERATIONS
from .arrays import LATER, LOOPS
from .elementwise import logical_and, power, record, select, traced
from .refusals import refuse
from .symbols import RULES, Flag, Literal

ZERO, HALF, ONE, MINUS_TWO = (Literal(value) for value in (0.0, 0.5, 1.0, -2.0))
ROOT_HALF = Literal(math.sqrt(0.5))

Rule = Callable[..., Any]


def of(ufunc: np.ufunc) -> Rule:
    """A function of NumPy's of single values, traced or not."""
    return RULES[ufunc]


def nothing(a: Any) -> Any:
    """0 of a number from 0 on, NaN of others: added, it says where f is to be asked itself."""
    return select(of(np.greater_equal)(a, 0.0), 0.0, math.nan) if traced(a) else 0.0 if a >= 0 else math.nan


def log_gamma(a: Any) -> Any:
    return record("lgamma", a) if traced(a) else float(OPERATIONS["lgamma"](float(a)))


def _expit(a: Any) -> Any:
    return ONE / (ONE + of(np.exp)(-a))


def log_expit(a: Any) -> Any:
    return -record("softplus", -a)


def ndtr(a: Any) -> Any:
    return HALF * record("erfc", -a * ROOT_HALF)


def log_ndtr(a: Any) -> Any:
    return record("log_ndtr", a)


def times_log(name: str) -> Rule:
    """xlogy and xlog1py; a factor that is known needs no look at whether it is 0."""
    logarithm = np.log if name == "xlogy" else np.log1p

    def rule(a: Any, b: Any) -> Any:
        if traced(a):
            return record(name, a, b)
        return a * of(logarithm)(b) if a != 0 else b - b if traced(b) or b != b else 0.0  # noqa: PLR0124  NaN

    return rule


xlogy, xlog1py = times_log("xlogy"), times_log("xlog1py")


def log_beta(a: Any, b: Any) -> Any:
    """By the larger one and its sum with the other, whose logarithms of gamma may be large and nearly equal."""
    if not traced(a, b):
        return log_gamma(a) + log_gamma(b) - log_gamma(a + b)
    is_first = of(np.greater_equal)(a, b)  # where both are equal each of them has all of its slopes
    larger, smaller = select(is_first, a, b), select(is_first, b, a)
    return log_gamma(smaller) - log_gamma_ratio(larger, smaller)


def log_gamma_ratio(a: Any, b: Any) -> Any:
    """log(gamma(a + b) / gamma(a)); of large numbers by Stirling's series, term by term.

    (NIST Digital Library of Mathematical Functions, 5.11.1.)
    """
    whole = a + b
    is_far = of(np.greater)(of(np.minimum)(a, whole), FAR)
    p, q = select(is_far, a, 2.0 * FAR), select(is_far, whole, 2.0 * FAR)
    change = select(is_far, b, 0.0)
    far = (p - 0.5) * of(np.log1p)(change / p) + change * (of(np.log)(q) - 1.0) + (_stirling(q) - _stirling(p))
    return select(is_far, far, log_gamma(whole) - log_gamma(a))


FAR = 30.0
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188)


def _stirling(a: Any) -> Any:
    inverse = 1.0 / a
    square, found = inverse * inverse, 0.0
    for c in reversed(_STIRLING):
        found = found * square + c
    return found * inverse


def _beta(a: Any, b: Any) -> Any:
    return of(np.exp)(log_beta(a, b)) + nothing(a) + nothing(b)


def _kl_div(a: Any, b: Any) -> Any:
    return record("rel_entr", a, b) - a + b


def _boxcox(a: Any, exponent: Any) -> Any:
    """(a**b - 1) / b, which is log(a) where b is 0."""
    logarithm = of(np.log)(a)
    if not traced(exponent):  # whose slope is a power, of any size
        return logarithm if exponent == 0 else of(np.expm1)(exponent * logarithm) / exponent
    power = exponent * logarithm
    is_near = of(np.less)(of(np.absolute)(power), 1.0)
    far = of(np.expm1)(power) / select(is_near, 1.0, exponent)
    return select(is_near, logarithm * _series_of_exprel(select(is_near, power, 0.0)), far)


def _huber(delta: Any, r: Any) -> Any:
    """The area under a slope that ends at delta; without |r|, whose kink second derivatives would see at 0."""
    inside = of(np.minimum)(of(np.maximum)(r, -delta), delta)
    return inside * (r - HALF * inside) + nothing(delta)


def _pseudo_huber(delta: Any, r: Any) -> Any:
    ratio = r / delta
    return r * r / (of(np.sqrt)(ratio * ratio + ONE) + ONE) + nothing(delta) + (delta - delta)


def _exprel(a: Any) -> Any:
    """(exp(a) - 1) / a; near 0 a series, as the quotient's derivative has no digits left there."""
    is_near = of(np.less)(of(np.absolute)(a), 1.0)
    far = select(is_near, 1.0, a)
    return select(is_near, _series_of_exprel(a), of(np.expm1)(far) / far)


def _series_of_exprel(a: Any) -> Any:
    found = ZERO * a
    for n in range(18, -1, -1):
        found = found * a + Literal(1.0 / math.factorial(n + 1))
    return found


def _bessel(name: str) -> Rule:
    """NaN at infinity, where C's function is 0."""
    return lambda a: record(name, a) + ZERO * a


def _grown(name: str) -> Rule:
    return lambda a: of(np.exp)(of(np.absolute)(a)) * record(name, a)


def _cosm1(a: Any) -> Any:
    sine = of(np.sin)(HALF * a)
    return MINUS_TWO * (sine * sine)


LONGEST_PRODUCT = 40
"""Factors of a product that gammas are not needed for."""


def _is_short(count: Any) -> bool:
    return not traced(count) and float(count).is_integer() and 0 <= count <= LONGEST_PRODUCT


def _binom(n: Any, k: Any) -> Any:
    """A product where k is a known whole number, else a quotient of gammas."""
    if _is_short(k):
        found = ONE + ZERO * n
        for i in range(1, int(k) + 1):
            found = found * (n - (float(k) - i)) / float(i)
    else:
        found = _binomial_of_gammas(n, k)
    negative = logical_and(of(np.less)(n, 0.0), of(np.equal)(n, of(np.floor)(n)))  # which has none for SciPy
    return select(negative, math.nan, found)


def _poch(a: Any, m: Any) -> Any:
    """A product where m is a known whole number, else a quotient of gammas."""
    if _is_short(m):
        found = ONE + ZERO * a
        for i in range(int(m)):
            found = found * (a + float(i))
        return found
    if not traced(m) and _is_short(-m):
        found = ONE + ZERO * a
        for i in range(1, int(-m) + 1):
            found = found * (a - float(i))
        return ONE / found
    whole = a + m
    positive = logical_and(of(np.greater)(a, _SMALL), of(np.greater)(whole, 0.0))
    logarithm = log_gamma_ratio(select(positive, a, 1.0), select(positive, m, 1.0))
    return select(positive, of(np.exp)(logarithm), _quotient(whole, [a]))


def _binomial_of_gammas(n: Any, k: Any) -> Any:
    """By the logarithm of a beta function where all are positive."""
    rest = n - k
    low = _SMALL - 1.0
    positive = logical_and(of(np.greater)(k, low), logical_and(of(np.greater)(rest, low), of(np.greater)(n, -1.0)))
    p, q = (select(positive, v, 1.0) + 1.0 for v in (k, rest))
    logarithm = -log_beta(p, q) - of(np.log)(select(positive, n, 1.0) + 1.0)
    return select(positive, of(np.exp)(logarithm), _quotient(n + 1.0, [k + 1.0, rest + 1.0]))


_SMALL = 0.4987  # gammas of less are reflected: hardly anybody asks for slopes there


def _quotient(above: Any, below: list[Any]) -> Any:
    """gamma(above) by gammas of any sign and size: below 1/2 by reflection, smooth at the poles of those below.

    gamma(y) gamma(1 - y) = pi / sin(pi y) (NIST Digital Library of Mathematical Functions, 5.5.3).
    """
    logarithm, sine = _reflected(above)
    factor: Any = 1.0 / sine
    for y in below:
        further, also = _reflected(y)
        logarithm, factor = logarithm - further, factor * also
    return factor * of(np.exp)(logarithm)


def _reflected(y: Any) -> tuple[Any, Any]:
    """The logarithm of gamma(y), and 1; or that of 1 / gamma(1 - y), and sin(pi y) / pi."""
    is_below = of(np.less)(y, _SMALL)
    size = log_gamma(select(is_below, 1.0 - y, y))
    nearest = of(np.rint)(y)
    odd = nearest - 2.0 * of(np.floor)(0.5 * nearest)
    sine = (1.0 - 2.0 * odd) * of(np.sin)(math.pi * (y - nearest)) / math.pi
    return select(is_below, -size, size), select(is_below, sine, 1.0)


SPECIAL: dict[str, Rule] = {
    "expit": _expit,
    "log_expit": log_expit,
    "logit": lambda a: record("logit", a),
    "gammaln": lambda a: record("lgamma", a),
    "loggamma": lambda a: record("lgamma", a) + nothing(a),
    "gamma": lambda a: record("tgamma", a),
    "psi": lambda a: record("digamma", a),
    "beta": _beta,
    "betaln": log_beta,
    "erf": lambda a: record("erf", a),
    "erfc": lambda a: record("erfc", a),
    "erfcx": lambda a: record("erfcx", a),
    "ndtr": ndtr,
    "log_ndtr": log_ndtr,
    "xlogy": xlogy,
    "xlog1py": xlog1py,
    "entr": lambda a: record("entr", a),
    "rel_entr": lambda a, b: record("rel_entr", a, b),
    "kl_div": _kl_div,
    "i0": _grown("i0e"),
    "i1": _grown("i1e"),
    "i0e": lambda a: record("i0e", a),
    "i1e": lambda a: record("i1e", a),
    "j0": _bessel("j0"),
    "j1": _bessel("j1"),
    "expm1": of(np.expm1),
    "log1p": of(np.log1p),
    "cosm1": _cosm1,
    "exprel": _exprel,
    "exp2": of(np.exp2),
    "exp10": lambda a: power(10.0, a),
    "cbrt": of(np.cbrt),
    "boxcox": _boxcox,
    "huber": _huber,
    "pseudo_huber": _pseudo_huber,
    "binom": _binom,
    "poch": _poch,
}
"""What a ufunc of SciPy's of this name does with single values, of which one at least is traced."""


def _called(name: str) -> Rule:
    """A function that is SciPy's in compiled code too, of its last argument; of the others it has no derivative."""

    def rule(*values: Any) -> Any:
        if traced(*values[:-1]):
            refuse(f"f takes scipy.special.{name} of another argument than its last one that depends on x")
        if any(math.isinf(value) for value in values[:-1]):
            refuse(f"f takes scipy.special.{name} of an order or a shape that is infinite")
        return record(name, *values)

    return rule


def _recurring(first: Rule, after: Callable[..., Any]) -> Rule:
    """An orthogonal polynomial of a known degree, by the two before it."""

    def rule(degree: Any, a: Any) -> Any:
        if traced(degree) or not float(degree).is_integer() or not 0 <= degree <= LONGEST:
            refuse(f"f takes a polynomial of a degree that is traced, or none of 0 to {LONGEST}")
        before, found = ONE + ZERO * a, first(a)
        for n in range(1, int(degree)):
            before, found = found, after(float(n), a, found, before)
        return found if degree else before

    return rule


LONGEST = 64
"""The highest degree of polynomials."""
LIBRARY: dict[str, Rule] = {
    **{name: _called(name) for name in BY_LIBRARY},
    "eval_legendre": _recurring(lambda a: a, lambda n, a, p, q: ((2.0 * n + 1.0) * a * p - n * q) / (n + 1.0)),
    "eval_chebyt": _recurring(lambda a: a, lambda n, a, p, q: 2.0 * a * p - q),
    "eval_chebyu": _recurring(lambda a: 2.0 * a, lambda n, a, p, q: 2.0 * a * p - q),
    "eval_hermite": _recurring(lambda a: 2.0 * a, lambda n, a, p, q: 2.0 * a * p - 2.0 * n * q),
    "eval_hermitenorm": _recurring(lambda a: a, lambda n, a, p, q: a * p - n * q),
    "eval_laguerre": _recurring(lambda a: 1.0 - a, lambda n, a, p, q: ((2.0 * n + 1.0 - a) * p - n * q) / (n + 1.0)),
}
"""Others, whose digits are SciPy's or those of a recurrence."""


def _loop(ufunc: np.ufunc) -> Rule | None:
    """The rule of a ufunc of SciPy's for arrays of objects, from now on in the tables."""
    rule = SPECIAL.get(ufunc.__name__) or LIBRARY.get(ufunc.__name__)
    if rule is None or not is_own_ufunc(ufunc):
        return None

    def apply(*values: Any) -> Any:
        if not traced(*values):
            return ufunc(*values).item()
        if any(isinstance(value, Flag) for value in values):
            refuse(f"f takes scipy.special.{ufunc.__name__} of comparisons; write np.where(mask, 1.0, 0.0)")
        return rule(*values)

    RULES[ufunc], LOOPS[ufunc] = apply, np.frompyfunc(apply, ufunc.nin, 1)
    return LOOPS[ufunc]


LATER.append(_loop)

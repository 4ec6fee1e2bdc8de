"""Rules for tracing the densities of scipy.stats, by the name of the distribution: SciPy is there if f uses them.

A rule is for one number. Outside the support the logarithm of a density is minus infinity, by a term that is 0 inside
and has no slope, and the density is 0 and flat; where a scale or a shape is not allowed everything is NaN, as a
parameter is then. Where f knows its data neither costs anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..specials import OPERATIONS
from .elementwise import record, select, traced
from .refusals import refuse
from .specialfunctions import ZERO, log_beta, log_gamma, log_ndtr, ndtr, nothing, of, xlog1py, xlogy
from .symbols import Literal

Rule = Callable[..., Any]
LOG_ROOT_2PI = 0.5 * math.log(2.0 * math.pi)
MINUS_HALF = Literal(-0.5)
MANY = 20.0  # halves of degrees of freedom
_RATIO = (
    1 / 8,
    -1 / 192,
    1 / 640,
    -17 / 14336,
    31 / 18432,
)  # of 1/h, h**-3, ... in log(sqrt(h) gamma(h) / gamma(h + 1/2))


@dataclass(frozen=True)
class Distribution:
    """What is known of a distribution.

    Attributes
    ----------
    shapes : tuple of str
        Names of its shape parameters.
    rules : dict of callable
        Of each method that traces: ``rule(x, *shapes, loc, scale)``, of single numbers; without a scale if it is
        discrete.
    discrete : bool
        Whether it is one of counts.
    """

    shapes: tuple[str, ...]
    rules: dict[str, Rule]
    discrete: bool = False


# --- numbers ----------------------------------------------------------------------------------------------------------


def positive(a: Any) -> Any:
    """A parameter, NaN where it is not positive."""
    if traced(a):
        return a + ZERO * of(np.minimum)(of(np.log)(a), 1.0)
    return a if a > 0 else math.nan


def probability(p: Any) -> Any:
    """A parameter, NaN where it is not between 0 and 1."""
    return p + nothing(p) + nothing(1.0 - p)


def inside(u: Any) -> Any:
    """0 of a number from 0 on, else minus infinity."""
    return record("within", u) if traced(u) else float(OPERATIONS["within"](u))


def _size(a: Any) -> Any:
    return of(np.absolute)(a)


def _log_size(a: Any) -> Any:
    """A logarithm that is there outside the support, too."""
    return record("logabs", a) if traced(a) else float(OPERATIONS["logabs"](a))


def _times_log_size(a: Any, b: Any) -> Any:
    return record("xlogabs", a, b) if traced(a) or traced(b) else xlogy(a, abs(b))


def _exp(a: Any) -> Any:
    return of(np.exp)(a)


def _log(a: Any) -> Any:
    return of(np.log)(a)


def _ratio(u: Any, scale: Any) -> Any:
    """u over a scale, whose inverse many numbers share."""
    return u if _is_one(scale) else u * (1.0 / positive(scale))


def _is_one(scale: Any) -> bool:
    return not traced(scale) and bool(scale == 1)


def _half_square(z: Any) -> Any:
    return MINUS_HALF * (z * z) if traced(z) else -0.5 * z * z


def from_zero(u: Any, scale: Any) -> tuple[Any, ...]:
    return (u,)


def _to_scale(u: Any, scale: Any) -> tuple[Any, ...]:
    return (u, scale - u)


def _flat(parameters: Iterable[Any]) -> Any:
    """0 without a slope; NaN where a parameter is."""
    bounded = ((p, of(np.minimum)(p, 1.0)) for p in parameters)
    return sum((ZERO * least if traced(p) else 0.0 * float(least) for p, least in bounded), 0.0)


# --- continuous ones --------------------------------------------------------------------------------------------------


def _with_scale(logarithm: Rule, constant: Rule, support: Rule | None = None) -> dict[str, Rule]:
    """Density and its logarithm, from that of scale 1 without what does not depend on x, which many numbers share.

    Of x - loc and the scale the support gives the distances to its ends, below 0 outside.
    """

    def everywhere(x: Any, *parameters: Any) -> tuple[Any, Any, list[Any]]:
        *shapes, loc, scale = parameters
        shapes = [positive(shape) for shape in shapes]
        u = x - loc if traced(loc) or loc != 0 else x
        shared = constant(*shapes)
        found = logarithm(_ratio(u, scale), *shapes) - (shared if _is_one(scale) else shared + _log(positive(scale)))
        return found, u, shapes

    def logpdf(x: Any, *parameters: Any) -> Any:
        found, u, _ = everywhere(x, *parameters)
        return found if support is None else found + sum(map(inside, support(u, parameters[-1])))

    def pdf(x: Any, *parameters: Any) -> Any:
        found, u, shapes = everywhere(x, *parameters)
        if support is None:
            return _exp(found)
        flat, density = _flat([*shapes, positive(parameters[-1])]), _exp(found)
        if not traced(u):  # a number that has no density whatever the parameters are, or by a power of 0
            density = select(of(np.equal)(found, -math.inf), flat, density)
        for distance in support(u, parameters[-1]):
            density = select(of(np.less)(distance, 0.0), flat, density)
        return density

    return {"logpdf": logpdf, "pdf": pdf}


def _with_cdf(cdf: Rule, logcdf: Rule | None, sf: Rule, logsf: Rule) -> dict[str, Rule]:
    def of_ratio(rule: Rule) -> Rule:
        return lambda x, loc, scale: rule(_ratio(x - loc if traced(loc) or loc != 0 else x, scale))

    rules = (("cdf", cdf), ("logcdf", logcdf), ("sf", sf), ("logsf", logsf))
    return {name: of_ratio(rule) for name, rule in rules if rule}


def _from_zero(rule: Rule) -> Rule:
    return lambda z: rule(of(np.maximum)(z, 0.0))


def _below(z: Any) -> Any:
    return -of(np.expm1)(-z)


def _gamma(z: Any, a: Any) -> Any:
    return _times_log_size(a - 1.0, z) - z


def _beta(z: Any, a: Any, b: Any) -> Any:
    return _times_log_size(a - 1.0, z) + _times_log_size(b - 1.0, 1.0 - z)


def _t(z: Any, df: Any) -> Any:
    return -(0.5 * df + 0.5) * of(np.log1p)(z * z * (1.0 / df))


def _constant_of_t(df: Any) -> Any:
    """Of many degrees of freedom, whose two gammas are nearly equal and large, by a series."""
    half = 0.5 * df
    near = log_gamma(half) - log_gamma(half + 0.5) + 0.5 * _log(math.pi * df)
    inverse = 1.0 / half
    z, series = inverse * inverse, 0.0
    for c in reversed(_RATIO):
        series = series * z + c
    return select(of(np.greater)(half, MANY), LOG_ROOT_2PI + series * inverse, near)


def _lognormal(z: Any, s: Any) -> Any:
    """-y (y / (2 s**2) + 1) of the logarithm y, which may be infinite."""
    size = _log_size(z)
    return -size * (size * (0.5 / (s * s)) + 1.0)


def _weibull(z: Any, c: Any) -> Any:
    return _times_log_size(c - 1.0, z) - of(np.power)(_size(z), c)


# --- counts -----------------------------------------------------------------------------------------------------------


def _of_counts(logarithm: Rule, first: float = 0.0) -> dict[str, Rule]:
    """Probability and its logarithm; counts are known, and the first of all says which parameters are allowed."""

    def logpmf(k: Any, *parameters: Any) -> Any:
        *shapes, loc = parameters
        if traced(k, loc):
            refuse("f takes the probability of a count that depends on x, which jumps")
        count = float(k - loc)
        if count < first or (math.isfinite(count) and not count.is_integer()):
            return _flat([of(np.maximum)(logarithm(first, *shapes), -1.0)]) - math.inf
        return logarithm(count, *shapes)

    return {"logpmf": logpmf, "pmf": lambda *values: _exp(logpmf(*values))}


def _poisson(k: float, mu: Any) -> Any:
    return xlogy(k, mu + nothing(mu)) - log_gamma(k + 1.0) - mu


def _binomial(k: float, n: Any, p: Any) -> Any:
    if traced(n):
        refuse("f takes a binomial probability of a number of trials that depends on x, which is an integer")
    p, n = probability(p), float(n)
    if k > n or n < 0 or not n.is_integer():
        return p * math.nan if n < 0 or not n.is_integer() else p * 0.0 - math.inf
    chosen = log_gamma(n + 1.0) - (log_gamma(k + 1.0) + log_gamma(n - k + 1.0))
    return chosen + xlogy(k, p) + xlog1py(n - k, -p)


def _negative_binomial(k: float, n: Any, p: Any) -> Any:
    n, p = positive(n), positive(probability(p))
    return log_gamma(n + k) - log_gamma(k + 1.0) - log_gamma(n) + n * _log(p) + xlog1py(k, -p)


def _bernoulli(k: float, p: Any) -> Any:
    return _binomial(k, 1.0, p)


def _geometric(k: float, p: Any) -> Any:
    p = positive(probability(p))
    return xlog1py(k - 1.0, -p) + _log(p)


NORMAL = _with_scale(_half_square, lambda: LOG_ROOT_2PI)
NORMAL |= _with_cdf(ndtr, log_ndtr, lambda z: ndtr(-z), lambda z: log_ndtr(-z))
EXPONENTIAL = _with_scale(lambda z: -z, lambda: 0.0, from_zero)
EXPONENTIAL |= _with_cdf(_from_zero(_below), None, _from_zero(lambda z: _exp(-z)), _from_zero(lambda z: -z))
DISTRIBUTIONS: dict[str, Distribution] = {
    "norm": Distribution((), NORMAL),
    "expon": Distribution((), EXPONENTIAL),
    "uniform": Distribution((), _with_scale(lambda z: _flat([z]), lambda: 0.0, _to_scale)),
    "gamma": Distribution(("a",), _with_scale(_gamma, log_gamma, from_zero)),
    "beta": Distribution(("a", "b"), _with_scale(_beta, log_beta, _to_scale)),
    "t": Distribution(("df",), _with_scale(_t, _constant_of_t)),
    "laplace": Distribution((), _with_scale(lambda z: -_size(z), lambda: math.log(2.0))),
    "cauchy": Distribution((), _with_scale(lambda z: -of(np.log1p)(z * z), lambda: math.log(math.pi))),
    "lognorm": Distribution(("s",), _with_scale(_lognormal, lambda s: _log(s) + LOG_ROOT_2PI, from_zero)),
    "halfnorm": Distribution((), _with_scale(_half_square, lambda: LOG_ROOT_2PI - math.log(2.0), from_zero)),
    "weibull_min": Distribution(("c",), _with_scale(_weibull, lambda c: -_log(c), from_zero)),
    "poisson": Distribution(("mu",), _of_counts(_poisson), discrete=True),
    "binom": Distribution(("n", "p"), _of_counts(_binomial), discrete=True),
    "nbinom": Distribution(("n", "p"), _of_counts(_negative_binomial), discrete=True),
    "bernoulli": Distribution(("p",), _of_counts(_bernoulli), discrete=True),
    "geom": Distribution(("p",), _of_counts(_geometric, 1.0), discrete=True),
}
"""The distributions whose densities trace, by the names that they have in scipy.stats."""

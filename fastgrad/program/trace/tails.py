"""Distribution functions and quantiles of SciPy's distributions that are functions of SciPy's in compiled code too.

Incomplete gamma and beta functions have derivatives by their last argument alone: shapes have to be known.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..specials import scipys
from .elementwise import select, traced
from .locationscale import Rule, exp, flat, log, positive, probability, with_tails
from .refusals import refuse
from .specialfunctions import LIBRARY, SPECIAL, of


def _single(name: str) -> Rule:
    """A function of SciPy's, of single numbers of which none need be traced."""
    rule = LIBRARY.get(name) or SPECIAL[name]

    return lambda *values: rule(*values) if traced(*values) else scipys(name)(*values).item()


_gammainc, _gammaincc, _betainc, _stdtr, _ndtr, _ndtri, _logit = map(
    _single, ("gammainc", "gammaincc", "betainc", "stdtr", "ndtr", "ndtri", "logit")
)


def _from_zero(rule: Rule, before: float, after: Any = None) -> Rule:
    """What is `before` below 0, and perhaps another number from 1 on."""

    def from_zero(z: Any, *shapes: Any) -> Any:
        ends = flat(shapes)
        below = of(np.less_equal)(z, 0.0)
        above = of(np.greater_equal)(z, 1.0) if after is not None else False
        inside = select(above, 0.5, select(below, 0.5, z))
        found = select(below, ends + before, rule(inside, *shapes))
        return found if after is None else select(above, ends + after, found)

    return from_zero


def with_quantiles(quantile: Rule, upper: Rule) -> dict[str, Rule]:
    """Quantiles from below and from above, from those of scale 1."""

    def of_scale(rule: Rule) -> Rule:
        def of_all(q: Any, *parameters: Any) -> Any:
            *shapes, loc, scale = parameters
            q = probability(q)
            return loc + positive(scale) * rule(q, *map(positive, shapes))

        return of_all

    return {"ppf": of_scale(quantile), "isf": of_scale(upper)}


def _of_two_sides(lower: Rule, upper: Rule) -> dict[str, Rule]:
    return with_tails(cdf=_from_zero(lower, 0.0), sf=_from_zero(upper, 1.0))


def _counted(lower: Rule, upper: Rule) -> dict[str, Rule]:
    """Of a known count."""

    def of_count(rule: Rule, before: float) -> Rule:
        def of_all(k: Any, *parameters: Any) -> Any:
            *shapes, loc = parameters
            if traced(k, loc):
                refuse("f takes the probability of a count that depends on x, which jumps")
            count = float(np.floor(k - loc))
            allowed = [positive(probability(shapes[-1])) if len(shapes) > 1 else positive(shapes[-1])]
            if count < 0.0 or count == np.inf:
                return flat(allowed) + (before if count < 0.0 else 1.0 - before)
            return rule(count, *shapes)

        return of_all

    return {"cdf": of_count(lower, 0.0), "sf": of_count(upper, 1.0)}


def _binomial(k: float, n: Any, p: Any, *, lower: bool) -> Any:
    if traced(n):
        refuse("f takes a binomial probability of a number of trials that depends on x, which is an integer")
    p = probability(p)
    if k >= n:
        return flat([p]) + (1.0 if lower else 0.0)
    return _betainc(n - k, k + 1.0, 1.0 - p) if lower else _betainc(k + 1.0, n - k, p)


def _student(z: Any, df: Any) -> Any:
    """Of infinitely many degrees of freedom a normal one."""
    return _stdtr(df, z) if traced(df) or df != np.inf else _ndtr(z)


TAILS: dict[str, dict[str, Rule]] = {
    "norm": with_quantiles(_ndtri, lambda q: -_ndtri(q)),
    "lognorm": with_quantiles(lambda q, s: exp(s * _ndtri(q)), lambda q, s: exp(-s * _ndtri(q))),
    "expon": with_quantiles(lambda q: -of(np.log1p)(-q), lambda q: -log(q)),
    "logistic": with_quantiles(_logit, lambda q: -_logit(q)),
    "gumbel_r": with_quantiles(lambda q: -log(-log(q)), lambda q: -log(-of(np.log1p)(-q))),
    "uniform": with_quantiles(lambda q: q, lambda q: 1.0 - q),
    "weibull_min": with_quantiles(
        lambda q, c: of(np.power)(-of(np.log1p)(-q), 1.0 / c), lambda q, c: of(np.power)(-log(q), 1.0 / c)
    ),
    "gamma": _of_two_sides(lambda z, a: _gammainc(a, z), lambda z, a: _gammaincc(a, z)),
    "chi2": _of_two_sides(lambda z, df: _gammainc(0.5 * df, 0.5 * z), lambda z, df: _gammaincc(0.5 * df, 0.5 * z)),
    "invgamma": _of_two_sides(lambda z, a: _gammaincc(a, 1.0 / z), lambda z, a: _gammainc(a, 1.0 / z)),
    "beta": with_tails(
        cdf=_from_zero(lambda z, a, b: _betainc(a, b, z), 0.0, 1.0),
        sf=_from_zero(lambda z, a, b: _betainc(b, a, 1.0 - z), 1.0, 0.0),
    ),
    "t": with_tails(cdf=_student, sf=lambda z, df: _student(-z, df)),
    "poisson": _counted(
        lambda k, mu: _gammaincc(k + 1.0, positive(mu)), lambda k, mu: _gammainc(k + 1.0, positive(mu))
    ),
    "binom": _counted(lambda k, n, p: _binomial(k, n, p, lower=True), lambda k, n, p: _binomial(k, n, p, lower=False)),
}
"""What is added to the rules of distributions, by the names that they have in scipy.stats."""

"""Rules for tracing the densities of scipy.stats, by the name of the distribution: SciPy is there if f uses them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..specialrules import MANY, RATIO, series
from .elementwise import select, traced
from .locationscale import (
    Rule,
    exp,
    flat,
    from_one,
    from_zero,
    half_square,
    inside,
    log,
    log_size,
    positive,
    probability,
    size,
    times_log_size,
    to_scale,
    with_scale,
    with_tails,
)
from .refusals import refuse
from .specialfunctions import log_beta, log_expit, log_gamma, log_ndtr, ndtr, nothing, of, xlog1py, xlogy
from .tails import TAILS

LOG_ROOT_2PI, LOG_ROOT_2 = 0.5 * math.log(2.0 * math.pi), 0.5 * math.log(2.0)
LEAST = -745.1332  # logarithm of half of the least number that is not 0


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


# --- continuous ones --------------------------------------------------------------------------------------------------


def _gamma(z: Any, a: Any) -> Any:
    return times_log_size(a - 1.0, z) - z


def _beta(z: Any, a: Any, b: Any) -> Any:
    return times_log_size(a - 1.0, z) + times_log_size(b - 1.0, 1.0 - z)


def _t(z: Any, df: Any) -> Any:
    return -(0.5 * df + 0.5) * of(np.log1p)(z * z * (1.0 / df))


def _constant_of_t(df: Any) -> Any:
    """Of many degrees of freedom, whose two gammas are nearly equal and large, by a series."""
    half = 0.5 * df
    near = log_gamma(half) - log_gamma(half + 0.5) + 0.5 * log(math.pi * df)
    inverse = 1.0 / half
    far = LOG_ROOT_2PI + series(inverse * inverse, RATIO) * inverse
    return select(of(np.greater)(half, MANY), far, near)


def _chi2(z: Any, df: Any) -> Any:
    return times_log_size(0.5 * df - 1.0, z) - 0.5 * z


def _lognormal(z: Any, s: Any) -> Any:
    """-y (y / (2 s**2) + 1) of the logarithm y, which may be infinite."""
    size = log_size(z)
    return -size * (size * (0.5 / (s * s)) + 1.0)


def _weibull(z: Any, c: Any) -> Any:
    return times_log_size(c - 1.0, z) - of(np.power)(size(z), c)


def _inverse_gamma(z: Any, a: Any) -> Any:
    """Minus infinity at 0, where 1 / z is more infinite than the logarithm."""
    return -(a + 1.0) * _log_but_at_0(z) - 1.0 / size(z)


def _pareto(z: Any, b: Any) -> Any:
    return -(b + 1.0) * _log_but_at_0(z)


def _log_but_at_0(z: Any) -> Any:
    return log_size(select(of(np.equal)(z, 0.0), 1.0, z))


def _rayleigh(z: Any) -> Any:
    """Of infinity minus infinity; no other number has a logarithm above 710."""
    return of(np.minimum)(log_size(z), 1e3) - 0.5 * (z * z)


def _of_floats(rules: dict[str, Rule], *names: str) -> dict[str, Rule]:
    """Logarithms that SciPy takes of a density or a part of 1, which is 0 where a float cannot be so small."""

    def with_end(rule: Rule) -> Rule:
        def ending(*values: Any) -> Any:
            found = rule(*values)
            return found + inside(found - LEAST)

        return ending

    return rules | {name: with_end(rules[name]) for name in names}


# --- distribution functions -------------------------------------------------------------------------------------------


def _hazards(hazard: Rule) -> dict[str, Rule]:
    """Of an integrated hazard, by which the logarithm of what survives falls."""
    return with_tails(
        cdf=lambda *values: -of(np.expm1)(-hazard(*values)),
        sf=lambda *values: exp(-hazard(*values)),
        logsf=lambda *values: -hazard(*values),
    )


def _after(first: float, function: Rule, before: float = 0.0) -> Rule:
    """A function of numbers from the first of the support on; NaN of NaN, as where no scale is allowed."""

    def rule(z: Any, *shapes: Any) -> Any:
        is_before = of(np.less_equal)(z, first)
        least = flat(shapes) + before if before else flat(shapes)
        return select(is_before, least, function(select(is_before, first + 1.0, z), *shapes))

    return rule


def _of_logarithm(function: Rule, before: float) -> Rule:
    """A function of the logarithm over a shape, and what it is below 0."""
    return _after(0.0, lambda z, s: function(log(z) / s), before)


def _log_of_logarithm(z: Any, s: Any) -> Any:
    return log_ndtr(log(of(np.maximum)(z, 0.0)) / s) + inside(z)


def _mirrored(below: Rule) -> dict[str, Rule]:
    """Of a symmetric distribution, by its function below the middle; above it is 1 less that."""

    def rule(z: Any) -> Any:
        return select(of(np.greater)(z, 0.0), 1.0 - below(-z), below(z))

    return with_tails(cdf=rule, sf=lambda z: rule(-z))


def _part(z: Any) -> Any:
    """Of the length 1."""
    return of(np.minimum)(of(np.maximum)(z, 0.0), 1.0)


# --- counts -----------------------------------------------------------------------------------------------------------


def _of_counts(logarithm: Rule, first: float = 0.0) -> dict[str, Rule]:
    """Probability and its logarithm; counts are known, and the first of all says which parameters are allowed."""

    def logpmf(k: Any, *parameters: Any) -> Any:
        *shapes, loc = parameters
        if traced(k, loc):
            refuse("f takes the probability of a count that depends on x, which jumps")
        count = float(k - loc)
        if count < first or (math.isfinite(count) and not count.is_integer()):
            return flat([of(np.maximum)(logarithm(first, *shapes), -1.0)]) - math.inf
        return logarithm(count, *shapes)

    return {"logpmf": logpmf, "pmf": lambda *values: exp(logpmf(*values))}


def _poisson(k: float, mu: Any) -> Any:
    mu = mu + nothing(mu)
    return xlogy(k, mu) - log_gamma(k + 1.0) - mu


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
    return log_gamma(n + k) - log_gamma(k + 1.0) - log_gamma(n) + n * log(p) + xlog1py(k, -p)


def _bernoulli(k: float, p: Any) -> Any:
    return _binomial(k, 1.0, p)


def _geometric(k: float, p: Any) -> Any:
    p = positive(probability(p))
    return xlog1py(k - 1.0, -p) + log(p)


_NORMAL = with_tails(cdf=ndtr, logcdf=log_ndtr, sf=lambda z: ndtr(-z), logsf=lambda z: log_ndtr(-z))
_LOGISTIC = with_tails(
    cdf=lambda z: exp(log_expit(z)), logcdf=log_expit, sf=lambda z: exp(log_expit(-z)), logsf=lambda z: log_expit(-z)
)
_LOGNORMAL = with_tails(
    cdf=_of_logarithm(ndtr, 0.0), logcdf=_log_of_logarithm,
    sf=_of_logarithm(lambda y: ndtr(-y), 1.0), logsf=_of_logarithm(lambda y: log_ndtr(-y), 0.0),
)  # fmt: skip
_GUMBEL = with_tails(cdf=lambda z: exp(-exp(-z)), logcdf=lambda z: -exp(-z), sf=lambda z: -of(np.expm1)(-exp(-z)))
_CAUCHY = with_tails(cdf=lambda z: of(np.arctan2)(1.0, -z) / math.pi, sf=lambda z: of(np.arctan2)(1.0, z) / math.pi)
DISTRIBUTIONS: dict[str, Distribution] = {
    "norm": Distribution((), with_scale(half_square, lambda: LOG_ROOT_2PI) | _NORMAL),
    "expon": Distribution(
        (), with_scale(lambda z: -z, lambda: 0.0, from_zero) | _hazards(lambda z: of(np.maximum)(z, 0.0))
    ),
    "uniform": Distribution(
        (),
        with_scale(lambda z: flat([z]), lambda: 0.0, to_scale) | with_tails(cdf=_part, sf=lambda z: _part(1.0 - z)),
    ),
    "gamma": Distribution(("a",), with_scale(_gamma, log_gamma, from_zero)),
    "chi2": Distribution(("df",), with_scale(_chi2, lambda df: log_gamma(0.5 * df) + df * LOG_ROOT_2, from_zero)),
    "invgamma": Distribution(("a",), with_scale(_inverse_gamma, log_gamma, from_zero)),
    "beta": Distribution(("a", "b"), with_scale(_beta, log_beta, to_scale)),
    "t": Distribution(("df",), with_scale(_t, _constant_of_t)),
    "laplace": Distribution(
        (),
        _of_floats(with_scale(lambda z: -size(z), lambda: math.log(2.0)), "logpdf") | _mirrored(lambda z: 0.5 * exp(z)),
    ),
    "logistic": Distribution((), with_scale(lambda z: log_expit(z) + log_expit(-z), lambda: 0.0) | _LOGISTIC),
    "gumbel_r": Distribution((), with_scale(lambda z: -z - exp(-z), lambda: 0.0) | _GUMBEL),
    "gumbel_l": Distribution((), with_scale(lambda z: z - exp(z), lambda: 0.0) | _hazards(exp)),
    "cauchy": Distribution((), with_scale(lambda z: -of(np.log1p)(z * z), lambda: math.log(math.pi)) | _CAUCHY),
    "halfcauchy": Distribution(
        (), with_scale(lambda z: -of(np.log1p)(z * z), lambda: math.log(0.5 * math.pi), from_zero)
    ),
    "lognorm": Distribution(("s",), with_scale(_lognormal, lambda s: log(s) + LOG_ROOT_2PI, from_zero) | _LOGNORMAL),
    "halfnorm": Distribution((), with_scale(half_square, lambda: LOG_ROOT_2PI - math.log(2.0), from_zero)),
    "rayleigh": Distribution(
        (),
        with_scale(_rayleigh, lambda: 0.0, from_zero) | _hazards(_after(0.0, lambda z: 0.5 * (z * z))),
    ),
    "weibull_min": Distribution(
        ("c",), with_scale(_weibull, lambda c: -log(c), from_zero) | _hazards(_after(0.0, of(np.power)))
    ),
    "pareto": Distribution(
        ("b",),
        _of_floats(
            with_scale(_pareto, lambda b: -log(b), from_one) | _hazards(_after(1.0, lambda z, b: b * log(z))),
            "logpdf",
            "logsf",
        ),
    ),
    "poisson": Distribution(("mu",), _of_counts(_poisson), discrete=True),
    "binom": Distribution(("n", "p"), _of_counts(_binomial), discrete=True),
    "nbinom": Distribution(("n", "p"), _of_counts(_negative_binomial), discrete=True),
    "bernoulli": Distribution(("p",), _of_counts(_bernoulli), discrete=True),
    "geom": Distribution(("p",), _of_counts(_geometric, 1.0), discrete=True),
}
"""The distributions whose densities trace, by the names that they have in scipy.stats."""
for _name, _rules in TAILS.items():
    DISTRIBUTIONS[_name].rules.update(_rules)

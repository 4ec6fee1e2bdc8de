"""The densities of scipy.stats on whole arrays, by the name of the distribution: SciPy is there if f uses them.

A formula is for numbers inside the support and parameters that are allowed. Numbers outside are known by the ends of
the support, and it is given another number there. Where a parameter is not allowed it does not give SciPy's NaN, f's
program does not agree with f, and is not believed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from ..program.scipys import DENSITIES, distribution_of, module, name_of_distribution
from ..program.trace.distributions import DISTRIBUTIONS, LOG_ROOT_2, LOG_ROOT_2PI
from .recorder import Recorder
from .specials import special
from .standins import either

_LOG_PI = float(np.log(np.pi))


def _gamma(z: Any, a: Any) -> Any:
    return (a - 1.0) * np.log(z) - z - special().gammaln(a)


def _beta(z: Any, a: Any, b: Any) -> Any:
    gammaln = special().gammaln
    return (a - 1.0) * np.log(z) + (b - 1.0) * np.log1p(-z) - gammaln(a) - gammaln(b) + gammaln(a + b)


def _t(z: Any, df: Any) -> Any:
    gammaln, half = special().gammaln, 0.5 * (df + 1.0)
    return gammaln(half) - gammaln(0.5 * df) - 0.5 * (np.log(df) + _LOG_PI) - half * np.log1p(z * z / df)


def _lognormal(z: Any, s: Any) -> Any:
    y = np.log(z)
    return -0.5 * (y / s) ** 2 - y - np.log(s) - LOG_ROOT_2PI


def _weibull(z: Any, c: Any) -> Any:
    return np.log(c) + (c - 1.0) * np.log(z) - z**c


def _chi2(z: Any, df: Any) -> Any:
    return (0.5 * df - 1.0) * np.log(z) - 0.5 * z - special().gammaln(0.5 * df) - LOG_ROOT_2 * df


def _logistic(z: Any) -> Any:
    return special().log_expit(z) + special().log_expit(-z)


def _poisson(k: Any, mu: Any) -> Any:
    return k * np.log(mu) - mu - special().gammaln(k + 1.0)


def _binomial(k: Any, n: Any, p: Any) -> Any:
    gammaln = special().gammaln
    ways = gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
    return ways + k * np.log(p) + (n - k) * np.log1p(-p)


def _negative_binomial(k: Any, n: Any, p: Any) -> Any:
    gammaln = special().gammaln
    return gammaln(k + n) - gammaln(n) - gammaln(k + 1.0) + n * np.log(p) + k * np.log1p(-p)


LOGARITHMS: Mapping[str, Callable[..., Any]] = {
    "norm": lambda z: -0.5 * z * z - LOG_ROOT_2PI,
    "expon": lambda z: -z,
    "gamma": _gamma,
    "beta": _beta,
    "t": _t,
    "laplace": lambda z: -np.abs(z) - float(np.log(2.0)),
    "cauchy": lambda z: -np.log1p(z * z) - _LOG_PI,
    "lognorm": _lognormal,
    "weibull_min": _weibull,
    "chi2": _chi2,
    "invgamma": lambda z, a: -(a + 1.0) * np.log(z) - 1.0 / z - special().gammaln(a),
    "logistic": _logistic,
    "gumbel_r": lambda z: -z - np.exp(-z),
    "gumbel_l": lambda z: z - np.exp(z),
    "rayleigh": lambda z: np.log(z) - 0.5 * z * z,
    "pareto": lambda z, b: np.log(b) - (b + 1.0) * np.log(z),
    "halfcauchy": lambda z: -np.log1p(z * z) + (float(np.log(2.0)) - _LOG_PI),
    "poisson": _poisson,
    "binom": _binomial,
    "nbinom": _negative_binomial,
    "bernoulli": lambda k, p: k * np.log(p) + (1.0 - k) * np.log1p(-p),
    "geom": lambda k, p: (k - 1.0) * np.log1p(-p) + np.log(p),
    "uniform": lambda z: 0.0 * z,
    "halfnorm": lambda z: -0.5 * z * z + (float(np.log(2.0)) - LOG_ROOT_2PI),
}
"""The logarithms of densities, of z and the shape parameters.

Of counts z is ``x - loc``; else it is ``(x - loc) / scale``, and the logarithm of the scale is yet to be subtracted.
"""
_SUPPORTS: Mapping[str, tuple[float, float]] = {
    **dict.fromkeys(("expon", "gamma", "chi2", "lognorm", "weibull_min", "halfnorm"), (0.0, np.inf)),
    **dict.fromkeys(("invgamma", "rayleigh", "halfcauchy"), (0.0, np.inf)),
    "pareto": (1.0, np.inf),
    **dict.fromkeys(("beta", "uniform", "bernoulli"), (0.0, 1.0)),
    **dict.fromkeys(("poisson", "binom", "nbinom"), (0.0, np.inf)),
    "geom": (1.0, np.inf),
}
"""Where the supports begin and end, of z; that of binom ends at n."""


def _hazards(hazard: Callable[..., Any]) -> Mapping[str, Callable[..., Any]]:
    """Of an integrated hazard, by which the logarithm of what survives falls."""
    return {
        "cdf": lambda *values: -np.expm1(-hazard(*values)), "sf": lambda *values: np.exp(-hazard(*values)),
        "logsf": lambda *values: -hazard(*values),
    }  # fmt: skip


def _after(first: float, function: Callable[..., Any], before: float = 0.0) -> Callable[..., Any]:
    """A function of numbers from the first of the support on."""
    return lambda z, *shapes: np.where(z > first, function(np.where(z > first, z, first + 1.0), *shapes), before)


def _of_logarithm(function: Callable[[Any], Any], before: float) -> Callable[..., Any]:
    """A function of the logarithm over a shape, and what it is below 0."""
    return _after(0.0, lambda z, s: function(np.log(z) / s), before)


def _below(z: Any) -> Any:
    """The distribution function of Laplace's distribution."""
    e = 0.5 * np.exp(np.where(z > 0.0, -z, z))
    return np.where(z > 0.0, 1.0 - e, e)


_TAILS: Mapping[str, Mapping[str, Callable[..., Any]]] = {
    "norm": {
        "cdf": lambda z: special().ndtr(z), "logcdf": lambda z: special().log_ndtr(z),
        "sf": lambda z: special().ndtr(-z), "logsf": lambda z: special().log_ndtr(-z),
    },
    "logistic": {
        "cdf": lambda z: special().expit(z), "logcdf": lambda z: special().log_expit(z),
        "sf": lambda z: special().expit(-z), "logsf": lambda z: special().log_expit(-z),
    },
    "lognorm": {
        "cdf": _of_logarithm(lambda y: special().ndtr(y), 0.0),
        "logcdf": _of_logarithm(lambda y: special().log_ndtr(y), -np.inf),
        "sf": _of_logarithm(lambda y: special().ndtr(-y), 1.0),
        "logsf": _of_logarithm(lambda y: special().log_ndtr(-y), 0.0),
    },
    "gumbel_r": {
        "cdf": lambda z: np.exp(-np.exp(-z)), "logcdf": lambda z: -np.exp(-z), "sf": lambda z: -np.expm1(-np.exp(-z)),
    },
    "gumbel_l": _hazards(np.exp),
    "expon": _hazards(lambda z: np.maximum(z, 0.0)),
    "rayleigh": _hazards(_after(0.0, lambda z: 0.5 * z * z)),
    "weibull_min": _hazards(_after(0.0, lambda z, c: z**c)),
    "pareto": _hazards(_after(1.0, lambda z, b: b * np.log(z))),
    "laplace": {"cdf": _below, "sf": lambda z: _below(-z)},
    "uniform": {"cdf": lambda z: np.clip(z, 0.0, 1.0), "sf": lambda z: np.clip(1.0 - z, 0.0, 1.0)},
    "cauchy": {"cdf": lambda z: np.arctan2(1.0, -z) / np.pi, "sf": lambda z: np.arctan2(1.0, z) / np.pi},
}  # fmt: skip


class RecordedDistribution:
    """Stands for a distribution, or for one with its parameters given: what gets recorders goes by formulas."""

    def __init__(self, own: Any, args: tuple[Any, ...] = (), options: Mapping[str, Any] | None = None) -> None:
        self._own, self._args, self._options = own, args, options

    def __call__(self, *args: Any, **options: Any) -> RecordedDistribution:
        return RecordedDistribution(self._own, args, options)

    def __getattr__(self, name: str) -> Any:
        rule = _rule(self._own.name, name)
        if rule and self._is_traced():
            return partial(self._with, rule)
        own = self._own if self._options is None else self._own(*self._args, **self._options)
        function = getattr(own, name)
        return either(partial(self._with, rule), function) if rule else function

    def _is_traced(self) -> bool:
        """Whether its parameters are recorders, of which SciPy makes nothing."""
        return any(type(v) is Recorder for v in (*self._args, *(self._options or {}).values()))

    def _with(self, rule: Callable[..., Any], *args: Any, **options: Any) -> Any:
        return rule(*args, *self._args, **options, **(self._options or {}))


def _rule(distribution: str, method: str) -> Callable[..., Any] | None:
    if method in _TAILS.get(distribution, {}):
        return partial(_tail, distribution, method)
    logarithm = "logpmf" if DISTRIBUTIONS[distribution].discrete else "logpdf"
    if method not in {logarithm, logarithm.removeprefix("log")}:
        return None
    return partial(_logarithm if method == logarithm else _density, distribution)


def _logarithm(distribution: str, *args: Any, **options: Any) -> Any:
    found, inside = _inside(distribution, *args, **options)
    return found if inside is None else np.where(inside, found, -np.inf)


def _density(distribution: str, *args: Any, **options: Any) -> Any:
    found, inside = _inside(distribution, *args, **options)
    return np.exp(found) if inside is None else np.where(inside, np.exp(found), 0.0)


def _inside(distribution: str, x: Any, *args: Any, **options: Any) -> tuple[Any, Any]:
    """The logarithm of the density inside the support, some number outside; and where that is, None if everywhere."""
    known, function = DISTRIBUTIONS[distribution], LOGARITHMS[distribution]
    u, scale, shapes = _arguments(distribution, x, *args, **options)
    z = u if known.discrete else u / scale
    inside = _is_inside(distribution, z, shapes)
    if inside is not None:
        z = np.where(inside, z, 1.0 if known.discrete else 0.5)
    return (function(z, *shapes) if known.discrete else function(z, *shapes) - np.log(scale)), inside


def _tail(distribution: str, method: str, *args: Any, **options: Any) -> Any:
    u, scale, shapes = _arguments(distribution, *args, **options)
    return _TAILS[distribution][method](u / scale, *shapes)


def _arguments(distribution: str, x: Any, *args: Any, **options: Any) -> tuple[Any, Any, list[Any]]:
    """What x is less the place, the scale, the shapes."""
    known = DISTRIBUTIONS[distribution]
    given = dict(zip((*known.shapes, "loc", *(() if known.discrete else ("scale",))), args, strict=False)) | options
    return x - given.get("loc", 0.0), given.get("scale", 1.0), [given[name] for name in known.shapes]


def _is_inside(distribution: str, z: Any, shapes: list[Any]) -> Any:
    if distribution not in _SUPPORTS:
        return None
    first, last = _SUPPORTS[distribution] if distribution != "binom" else (0.0, shapes[0])
    inside = (z >= first) & (z <= last)
    if DISTRIBUTIONS[distribution].discrete:
        inside = inside & (z == np.floor(z))
    return None if type(inside) is not Recorder and np.all(inside) else inside


def distributions() -> dict[int, Any]:
    """What stands for SciPy's own distributions, by their numbers; nothing where f has not imported them."""
    stats = module("scipy.stats")
    found = [] if stats is None else [getattr(stats, name, None) for name in LOGARITHMS]
    return {id(own): RecordedDistribution(own) for own in found if _is_scipys(own)}


def frozen(value: Any, rebuild: Callable[[Any], Any]) -> RecordedDistribution | None:
    """What stands for a distribution with its parameters given that a loss holds, as a prior; None for all else."""
    known = distribution_of(value)
    name = name_of_distribution(known) if known is not None and known is not value else None
    own = getattr(module("scipy.stats"), name) if name is not None and name in LOGARITHMS else None
    return RecordedDistribution(own, rebuild(value.args), rebuild(value.kwds)) if _is_scipys(own) else None


def _is_scipys(own: Any) -> bool:
    return own is not None and name_of_distribution(own) is not None and DENSITIES.isdisjoint(vars(own))

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
from ..program.trace.distributions import DISTRIBUTIONS, LOG_ROOT_2PI
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
    **dict.fromkeys(("expon", "gamma", "lognorm", "weibull_min", "halfnorm"), (0.0, np.inf)),
    **dict.fromkeys(("beta", "uniform", "bernoulli"), (0.0, 1.0)),
    **dict.fromkeys(("poisson", "binom", "nbinom"), (0.0, np.inf)),
    "geom": (1.0, np.inf),
}
"""Where the supports begin and end, of z; that of binom ends at n."""
_TAILS: Mapping[str, Mapping[str, Callable[[Any], Any]]] = {
    "norm": {
        "cdf": lambda z: special().ndtr(z), "logcdf": lambda z: special().log_ndtr(z),
        "sf": lambda z: special().ndtr(-z), "logsf": lambda z: special().log_ndtr(-z),
    },
    "expon": {
        "cdf": lambda z: -np.expm1(-np.maximum(z, 0.0)), "sf": lambda z: np.exp(-np.maximum(z, 0.0)),
        "logsf": lambda z: -np.maximum(z, 0.0),
    },
}  # fmt: skip


class Distribution:
    """Stands for a distribution, or for one with its parameters given: what gets recorders goes by formulas."""

    def __init__(self, own: Any, args: tuple[Any, ...] = (), options: Mapping[str, Any] | None = None) -> None:
        self._own, self._args, self._options = own, args, options

    def __call__(self, *args: Any, **options: Any) -> Distribution:
        return Distribution(self._own, args, options)

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
    tail = _TAILS.get(distribution, {}).get(method)
    if tail:
        return lambda x, loc=0.0, scale=1.0: tail((x - loc) / scale)
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
    names = (*known.shapes, "loc", *(() if known.discrete else ("scale",)))
    given = dict(zip(names, args, strict=False)) | options
    u, scale, shapes = x - given.get("loc", 0.0), given.get("scale", 1.0), [given[name] for name in known.shapes]
    z = u if known.discrete else u / scale
    inside = _is_inside(distribution, z, shapes)
    if inside is not None:
        z = np.where(inside, z, 1.0 if known.discrete else 0.5)
    return (function(z, *shapes) if known.discrete else function(z, *shapes) - np.log(scale)), inside


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
    return {id(own): Distribution(own) for own in found if _is_scipys(own)}


def frozen(value: Any, rebuild: Callable[[Any], Any]) -> Distribution | None:
    """What stands for a distribution with its parameters given that a loss holds, as a prior; None for all else."""
    known = distribution_of(value)
    name = name_of_distribution(known) if known is not None and known is not value else None
    own = getattr(module("scipy.stats"), name) if name is not None and name in LOGARITHMS else None
    return Distribution(own, rebuild(value.args), rebuild(value.kwds)) if _is_scipys(own) else None


def _is_scipys(own: Any) -> bool:
    return own is not None and name_of_distribution(own) is not None and DENSITIES.isdisjoint(vars(own))

"""The densities of scipy.stats on whole arrays, by the name of the distribution: SciPy is there if f uses them.

A formula is for numbers inside the support and parameters that are allowed; where SciPy gives minus infinity or NaN, it
gives another number, f's program does not agree with f, and is not believed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from ..program.scipys import DENSITIES, module, name_of_distribution
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
}
"""The logarithms of densities, of z and the shape parameters.

Of counts z is ``x - loc``; else it is ``(x - loc) / scale``, and the logarithm of the scale is yet to be subtracted.
"""
_NORMALS: Mapping[str, Callable[[Any], Any]] = {
    "cdf": lambda z: special().ndtr(z), "logcdf": lambda z: special().log_ndtr(z),
    "sf": lambda z: special().ndtr(-z), "logsf": lambda z: special().log_ndtr(-z),
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
    if distribution == "norm" and method in _NORMALS:
        return lambda x, loc=0.0, scale=1.0: _NORMALS[method]((x - loc) / scale)
    logarithm = "logpmf" if DISTRIBUTIONS[distribution].discrete else "logpdf"
    if method not in {logarithm, logarithm.removeprefix("log")}:
        return None
    return partial(_logarithm if method == logarithm else _density, distribution)


def _logarithm(distribution: str, x: Any, *args: Any, **options: Any) -> Any:
    known, function = DISTRIBUTIONS[distribution], LOGARITHMS[distribution]
    names = (*known.shapes, "loc", *(() if known.discrete else ("scale",)))
    given = dict(zip(names, args, strict=False)) | options
    z, scale, shapes = x - given.get("loc", 0.0), given.get("scale", 1.0), [given[name] for name in known.shapes]
    return function(z, *shapes) if known.discrete else function(z / scale, *shapes) - np.log(scale)


def _density(distribution: str, *args: Any, **options: Any) -> Any:
    return np.exp(_logarithm(distribution, *args, **options))


def distributions() -> dict[int, Any]:
    """What stands for SciPy's own distributions, by their numbers; nothing where f has not imported them."""
    stats = module("scipy.stats")
    found = [] if stats is None else [getattr(stats, name, None) for name in LOGARITHMS]
    return {id(own): Distribution(own) for own in found if _is_scipys(own)}


def _is_scipys(own: Any) -> bool:
    return own is not None and name_of_distribution(own) is not None and DENSITIES.isdisjoint(vars(own))

"""The densities of scipy.stats on whole arrays, by the name of the distribution: SciPy is there if f uses them.

A formula is for numbers inside the support and parameters that are allowed; where SciPy gives minus infinity or NaN, it
gives another number, f's program does not agree with f, and is not believed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..program.scipys import DENSITIES, name_of_distribution
from .recorder import Recorder
from .standins import either

_LOG_PI = float(np.log(np.pi))
_LOG_ROOT_2PI = float(0.5 * np.log(2.0 * np.pi))


def _special() -> Any:
    return sys.modules["scipy.special"]


class Family(NamedTuple):
    """A distribution: its shape parameters, the logarithm of its density, whether it is one of counts.

    The logarithm is ``logarithm(z, *shapes)``. Of counts z is ``x - loc``; else it is ``(x - loc) / scale``, and the
    logarithm of the scale is yet to be subtracted.
    """

    shapes: tuple[str, ...]
    logarithm: Callable[..., Any]
    discrete: bool = False


def _gamma(z: Any, a: Any) -> Any:
    return (a - 1.0) * np.log(z) - z - _special().gammaln(a)


def _beta(z: Any, a: Any, b: Any) -> Any:
    gammaln = _special().gammaln
    return (a - 1.0) * np.log(z) + (b - 1.0) * np.log1p(-z) - gammaln(a) - gammaln(b) + gammaln(a + b)


def _t(z: Any, df: Any) -> Any:
    gammaln, half = _special().gammaln, 0.5 * (df + 1.0)
    return gammaln(half) - gammaln(0.5 * df) - 0.5 * (np.log(df) + _LOG_PI) - half * np.log1p(z * z / df)


def _lognormal(z: Any, s: Any) -> Any:
    y = np.log(z)
    return -0.5 * (y / s) ** 2 - y - np.log(s) - _LOG_ROOT_2PI


def _weibull(z: Any, c: Any) -> Any:
    return np.log(c) + (c - 1.0) * np.log(z) - z**c


def _poisson(k: Any, mu: Any) -> Any:
    return k * np.log(mu) - mu - _special().gammaln(k + 1.0)


def _binomial(k: Any, n: Any, p: Any) -> Any:
    gammaln = _special().gammaln
    ways = gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
    return ways + k * np.log(p) + (n - k) * np.log1p(-p)


def _negative_binomial(k: Any, n: Any, p: Any) -> Any:
    gammaln = _special().gammaln
    return gammaln(k + n) - gammaln(n) - gammaln(k + 1.0) + n * np.log(p) + k * np.log1p(-p)


FAMILIES: Mapping[str, Family] = {
    "norm": Family((), lambda z: -0.5 * z * z - _LOG_ROOT_2PI),
    "expon": Family((), lambda z: -z),
    "gamma": Family(("a",), _gamma),
    "beta": Family(("a", "b"), _beta),
    "t": Family(("df",), _t),
    "laplace": Family((), lambda z: -np.abs(z) - float(np.log(2.0))),
    "cauchy": Family((), lambda z: -np.log1p(z * z) - _LOG_PI),
    "lognorm": Family(("s",), _lognormal),
    "weibull_min": Family(("c",), _weibull),
    "poisson": Family(("mu",), _poisson, discrete=True),
    "binom": Family(("n", "p"), _binomial, discrete=True),
    "nbinom": Family(("n", "p"), _negative_binomial, discrete=True),
    "bernoulli": Family(("p",), lambda k, p: k * np.log(p) + (1.0 - k) * np.log1p(-p), discrete=True),
}
_NORMALS: Mapping[str, Callable[[Any], Any]] = {
    "cdf": lambda z: _special().ndtr(z), "logcdf": lambda z: _special().log_ndtr(z),
    "sf": lambda z: _special().ndtr(-z), "logsf": lambda z: _special().log_ndtr(-z),
}  # fmt: skip


class Distribution:
    """Stands for a distribution, or for one with its parameters given: what gets recorders goes by formulas."""

    def __init__(self, own: Any, args: tuple[Any, ...] = (), options: Mapping[str, Any] | None = None) -> None:
        self._own, self._args, self._options = own, args, options

    def __call__(self, *args: Any, **options: Any) -> Distribution:
        return Distribution(self._own, args, options)

    def __getattr__(self, name: str) -> Any:
        rule = _rule(self._own.name, name)
        if self._options is None:
            function = getattr(self._own, name)
            return either(rule, function) if rule else function
        if not rule or not any(type(v) is Recorder for v in (*self._args, *self._options.values())):
            function = getattr(self._own(*self._args, **self._options), name)
            return either(partial(self._with, rule), function) if rule else function
        return partial(self._with, rule)

    def _with(self, rule: Callable[..., Any], x: Any) -> Any:
        return rule(x, *self._args, **(self._options or {}))


def _rule(distribution: str, method: str) -> Callable[..., Any] | None:
    family = FAMILIES[distribution]
    if distribution == "norm" and method in _NORMALS:
        return lambda x, loc=0.0, scale=1.0: _NORMALS[method]((x - loc) / scale)
    logarithm = "logpmf" if family.discrete else "logpdf"
    if method not in {logarithm, logarithm.removeprefix("log")}:
        return None
    return partial(_logarithm if method == logarithm else _density, family)


def _logarithm(family: Family, x: Any, *args: Any, **options: Any) -> Any:
    names = (*family.shapes, "loc", *(() if family.discrete else ("scale",)))
    given = dict(zip(names, args, strict=False)) | options
    z, scale = x - given.get("loc", 0.0), given.get("scale", 1.0)
    shapes = [given[name] for name in family.shapes]
    return family.logarithm(z, *shapes) if family.discrete else family.logarithm(z / scale, *shapes) - np.log(scale)


def _density(family: Family, *args: Any, **options: Any) -> Any:
    return np.exp(_logarithm(family, *args, **options))


def distributions() -> dict[int, Any]:
    """What stands for SciPy's own distributions, by their numbers; nothing where f has not imported them."""
    stats: Any = sys.modules.get("scipy.stats")
    found = [] if stats is None else [getattr(stats, name, None) for name in FAMILIES]
    return {id(own): Distribution(own) for own in found if _is_scipys(own)}


def _is_scipys(own: Any) -> bool:
    return own is not None and name_of_distribution(own) is not None and DENSITIES.isdisjoint(vars(own))

"""Rules for tracing the functions of Python's module statistics, which computes with fractions and exact sums.

Both sides round once where a trace rounds each term; what they refuse of numbers they refuse of symbols, by asking f.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..scipys import module
from .arrays import FUNCTIONS, elementwise, wrap
from .elementwise import as_pythons
from .mathfunctions import SHIMS
from .reductions import ask_where_any, objects
from .refusals import refuse

_sum, _sqrt, _log, _exp = (SHIMS[name] for name in ("fsum", "sqrt", "log", "exp"))


def _some(data: Iterable[Any], least: int = 1) -> list[Any]:
    values = list(data)
    if len(values) < least:
        refuse("f calls a function of statistics with too few numbers")
    return values


def _pairs(x: Any, y: Any) -> tuple[list[Any], list[Any]]:
    a, b = _some(x, 2), _some(y, 2)
    if len(a) != len(b):
        refuse("f calls a function of statistics with lists of different lengths")
    return a, b


def _products(a: list[Any], b: list[Any]) -> Any:
    return _sum([*map(operator.mul, a, b)])


def _about(values: list[Any], center: Any) -> list[Any]:
    return [value - center for value in values]


def mean(data: Any) -> Any:
    """The sum by the number."""
    values = _some(data)
    return _sum(values) / len(values)


def fmean(data: Any, weights: Any = None) -> Any:
    """The same of weighted numbers, a float."""
    if weights is None:
        return as_pythons(mean(data))
    values, sizes = _some(data), list(weights)
    if len(values) != len(sizes):
        refuse("f calls statistics.fmean with weights of another length")
    return as_pythons(_products(values, sizes) / _sum(sizes))


def geometric_mean(data: Any) -> Any:
    """The exponential of the mean logarithm."""
    return _exp(mean([*map(_log, data)]))


def _spread(data: Any, center: Any, fewer: int) -> Any:
    values = _some(data, 1 + fewer)
    away = _about(values, mean(values) if center is None else center)
    return _products(away, away) / (len(values) - fewer)


def variance(data: Any, xbar: Any = None) -> Any:
    """The mean square about the mean, or about what is given, of a sample."""
    return _spread(data, xbar, 1)


def pvariance(data: Any, mu: Any = None) -> Any:
    """That of all there are."""
    return _spread(data, mu, 0)


def stdev(data: Any, xbar: Any = None) -> Any:
    """The root of the variance, a float."""
    return _sqrt(variance(data, xbar))


def pstdev(data: Any, mu: Any = None) -> Any:
    """That of all there are."""
    return _sqrt(pvariance(data, mu))


def _in_order(data: Any) -> Any:
    """Sorted numbers; among NaN Python's order is anything, and f itself is asked."""
    values = wrap(objects(_some(data)))
    ask_where_any(elementwise(np.isnan, values))
    return FUNCTIONS[np.sort](values)


def median_low(data: Any) -> Any:
    """The middle one, or the smaller of both."""
    values = _in_order(data)
    return values[(len(values) - 1) // 2]


def median_high(data: Any) -> Any:
    """The middle one, or the larger of both."""
    values = _in_order(data)
    return values[len(values) // 2]


def median(data: Any) -> Any:
    """The middle one, or the mean of both."""
    values = _in_order(data)
    half, odd = divmod(len(values), 2)
    return values[half] if odd else (values[half - 1] + values[half]) / 2


def covariance(x: Any, y: Any, /) -> Any:
    """The mean product about both means."""
    a, b = _pairs(x, y)
    return as_pythons(_products(_about(a, fmean(a)), _about(b, fmean(b))) / (len(a) - 1))


def correlation(x: Any, y: Any, /, *, method: Any = "linear") -> Any:
    """Pearson's."""
    if method != "linear":
        refuse("f calls statistics.correlation with ranks, which cannot be traced")
    a, b = (_about(values, fmean(values)) for values in _pairs(x, y))
    return as_pythons(_products(a, b) / _sqrt(_products(a, a) * _products(b, b)))


def linear_regression(x: Any, y: Any, /, *, proportional: Any = False) -> Any:
    """Slope and intercept of least squares."""
    a, b = _pairs(x, y)
    line = module("statistics").LinearRegression  # type: ignore[union-attr]
    if proportional:
        return line(slope=as_pythons(_products(a, b) / _products(a, a)), intercept=0.0)
    along, across = _about(a, fmean(a)), _about(b, fmean(b))
    slope = as_pythons(_products(along, across) / _products(along, along))
    return line(slope=slope, intercept=fmean(b) - slope * fmean(a))


STATISTICS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        mean, fmean, geometric_mean, variance, pvariance, stdev, pstdev, median, median_low, median_high, covariance,
        correlation, linear_regression,
    )
}  # fmt: skip

"""Rules for tracing the summaries of scipy.stats: SciPy's own code looks for NaN and for libraries of arrays first."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..scipys import module
from .arrays import call_function, elementwise, holds_symbols, wrap
from .elementwise import ask_where, select
from .reductions import ask_where_any, numbers, objects, sum_, tree
from .refusals import refuse

_SELECT = np.frompyfunc(select, 3, 1)
EPS = 2.0**-52


def _special() -> Any:
    return module("scipy.special")


def _mean(a: Any, axis: Any = None, **options: Any) -> Any:
    return call_function(np.mean, (a, axis), options)


def _divided(a: Any, b: Any) -> Any:
    return elementwise(np.divide, a, b)


def _as_usual(nan_policy: Any, keepdims: Any = False) -> None:
    if nan_policy != "propagate" or keepdims:
        refuse("f calls a function of scipy.stats with nan_policy= or keepdims=, which cannot be traced")


def _row(a: Any, axis: Any) -> tuple[Any, Any]:
    """Numbers and the axis; those of all axes in a row."""
    values = numbers(a)
    return (wrap(values.ravel()), 0) if axis is None else (wrap(values), axis)


def _about_mean(a: Any, axis: Any) -> Any:
    return elementwise(np.subtract, a, _mean(a, axis, keepdims=True))


def _moment_of(a: Any, order: int, axis: Any, center: Any = None) -> Any:
    away = _about_mean(a, axis) if center is None else elementwise(np.subtract, a, center)
    return _mean(elementwise(np.power, away, order), axis)


def _nan_where_equal(found: Any, a: Any, variance: Any, axis: Any) -> Any:
    """NaN of numbers that are equal to rounding, as SciPy has it."""
    least = elementwise(np.square, elementwise(np.multiply, EPS, _mean(a, axis)))
    return wrap(_SELECT(objects(elementwise(np.less_equal, variance, least)), math.nan, objects(found)))


def zscore(a: Any, axis: Any = 0, ddof: Any = 0, nan_policy: Any = "propagate") -> Any:
    """Distances from the mean, in standard deviations."""
    found = zmap(a, a, axis, ddof, nan_policy)
    values, axis = _row(a, axis)
    deviation = call_function(np.std, (values, axis), {"ddof": ddof, "keepdims": True})
    least = elementwise(np.absolute, elementwise(np.multiply, EPS, _mean(values, axis, keepdims=True)))
    is_constant = np.broadcast_to(objects(elementwise(np.less_equal, deviation, least)), np.shape(values))
    return wrap(_SELECT(is_constant.reshape(np.shape(found)), math.nan, objects(found)))


def zmap(scores: Any, compare: Any, axis: Any = 0, ddof: Any = 0, nan_policy: Any = "propagate") -> Any:
    """Distances from the mean of others, in their standard deviations."""
    _as_usual(nan_policy)
    values, axis = _row(compare, axis)
    deviation = call_function(np.std, (values, axis), {"ddof": ddof, "keepdims": True})
    return _divided(elementwise(np.subtract, scores, _mean(values, axis, keepdims=True)), deviation)


def gmean(a: Any, axis: Any = 0, dtype: Any = None, weights: Any = None, **options: Any) -> Any:
    """The geometric mean."""
    return elementwise(np.exp, _averaged(elementwise(np.log, numbers(a)), axis, dtype, weights, **options))


def hmean(a: Any, axis: Any = 0, dtype: Any = None, *, weights: Any = None, **options: Any) -> Any:
    """The harmonic mean."""
    return _power_mean(a, -1, axis, dtype, weights, options)


def pmean(a: Any, p: Any, *, axis: Any = 0, dtype: Any = None, weights: Any = None, **options: Any) -> Any:
    """The mean of powers."""
    if not holds_symbols(p) and p == 0:
        return gmean(a, axis, dtype, weights, **options)
    return _power_mean(a, p, axis, dtype, weights, options)


def _power_mean(a: Any, p: Any, axis: Any, dtype: Any, weights: Any, options: Any) -> Any:
    values = numbers(a)
    p = p if holds_symbols(p) else float(p)
    powers = _averaged(elementwise(np.power, values, p), axis, dtype, weights, **options)
    found = elementwise(np.power, powers, elementwise(np.divide, 1.0, p))
    negative = call_function(np.any, (elementwise(np.less, values, 0.0), axis), {})
    if holds_symbols(p):
        ask_where(elementwise(np.equal, p, 0.0))
    return wrap(_SELECT(objects(negative), math.nan, objects(found)))


def _averaged(a: Any, axis: Any, dtype: Any, weights: Any, nan_policy: Any = "propagate", keepdims: Any = False) -> Any:
    _as_usual(nan_policy, keepdims)
    if dtype is not None:
        refuse("f calls a function of scipy.stats with dtype=, which cannot be traced")
    return call_function(np.average, (a, axis, weights), {})


def moment(
    a: Any, order: Any = 1, axis: Any = 0, nan_policy: Any = "propagate", *, center: Any = None, keepdims: Any = False
) -> Any:
    """A central moment."""
    _as_usual(nan_policy, keepdims)
    values, axis = _row(a, axis)
    if order == 1 and center is None:  # 0 whatever they are
        return elementwise(np.multiply, _mean(values, axis), 0.0)
    return _moment_of(values, int(order), axis, center)


def skew(a: Any, axis: Any = 0, bias: Any = True, nan_policy: Any = "propagate", *, keepdims: Any = False) -> Any:
    """The third moment of numbers of unit variance."""
    _as_usual(nan_policy, keepdims)
    values, axis = _row(a, axis)
    second, third = (_moment_of(values, n, axis) for n in (2, 3))
    found, n = _divided(third, elementwise(np.power, second, 1.5)), values.shape[axis]
    if not bias and n > 2:
        found = elementwise(np.multiply, found, math.sqrt((n - 1.0) * n) / (n - 2.0))
    return _nan_where_equal(found, values, second, axis)


def kurtosis(
    a: Any, axis: Any = 0, fisher: Any = True, bias: Any = True, nan_policy: Any = "propagate", *, keepdims: Any = False
) -> Any:
    """The fourth moment of numbers of unit variance; of a normal distribution 0, or 3 for Pearson."""
    _as_usual(nan_policy, keepdims)
    values, axis = _row(a, axis)
    second, fourth = (_moment_of(values, n, axis) for n in (2, 4))
    found, n = _divided(fourth, elementwise(np.square, second)), values.shape[axis]
    if not bias and n > 3:
        scaled = elementwise(np.multiply, found, n**2 - 1.0)
        found = elementwise(np.subtract, scaled, 3.0 * (n - 1) ** 2)
        found = elementwise(np.add, elementwise(np.multiply, found, 1.0 / (n - 2) / (n - 3)), 3.0)
    found = elementwise(np.subtract, found, 3.0) if fisher else found
    return _nan_where_equal(found, values, second, axis)


def sem(a: Any, axis: Any = 0, ddof: Any = 1, nan_policy: Any = "propagate", *, keepdims: Any = False) -> Any:
    """The standard error of the mean."""
    _as_usual(nan_policy, keepdims)
    values, axis = _row(a, axis)
    deviation = call_function(np.std, (values, axis), {"ddof": ddof})
    return _divided(deviation, math.sqrt(values.shape[axis]))


def variation(a: Any, axis: Any = 0, nan_policy: Any = "propagate", ddof: Any = 0, *, keepdims: Any = False) -> Any:
    """The standard deviation over the mean."""
    _as_usual(nan_policy, keepdims)
    values, axis = _row(a, axis)
    return _divided(call_function(np.std, (values, axis), {"ddof": ddof}), _mean(values, axis))


def iqr(
    x: Any, axis: Any = None, rng: Any = (25, 75), scale: Any = 1.0, nan_policy: Any = "propagate",
    interpolation: Any = "linear", keepdims: Any = False,
) -> Any:  # fmt: skip
    """The range between two percentiles."""
    _as_usual(nan_policy, keepdims)
    if isinstance(scale, str):
        scale = {"raw": 1.0, "normal": 2.0 * _special().erfinv(0.5) * math.sqrt(2.0)}[scale]
    low, high = sorted(rng)
    parts = call_function(np.percentile, (x, [low, high], axis), {"method": interpolation})
    return _divided(elementwise(np.subtract, parts[1], parts[0]), scale)


def trim_mean(a: Any, proportiontocut: Any, axis: Any = 0, **options: Any) -> Any:
    """The mean without so large a part at both ends."""
    _as_usual(**({"nan_policy": "propagate"} | options))
    values, axis = _row(a, axis)
    ask_where_any(elementwise(np.isnan, values))  # which are sorted to the end, and cut
    count = values.shape[axis]
    cut = int(proportiontocut * count)
    ordered = np.moveaxis(call_function(np.sort, (values, axis), {}), axis, 0)
    return _mean(ordered[cut : count - cut], 0)


def entropy(
    pk: Any, qk: Any = None, base: Any = None, axis: Any = 0, *, nan_policy: Any = "propagate", keepdims: Any = False
) -> Any:
    """The entropy of a distribution, or what it has more than another one."""
    _as_usual(nan_policy, keepdims)
    special = _special()
    shares, axis = _row(pk, axis)
    shares = _divided(shares, sum_(shares, axis, keepdims=True))
    if qk is None:
        terms = elementwise(special.entr, shares)
    else:
        others, axis = _row(qk, axis)
        terms = elementwise(special.rel_entr, shares, _divided(others, sum_(others, axis, keepdims=True)))
    total = sum_(terms, axis)
    return total if base is None else _divided(total, math.log(base))


class PearsonRResult(NamedTuple):
    """What SciPy returns, under its name."""

    statistic: Any
    pvalue: Any


class LinregressResult(NamedTuple):
    """What SciPy returns, under its name."""

    slope: Any
    intercept: Any
    rvalue: Any
    pvalue: Any
    stderr: Any
    intercept_stderr: Any


def pearsonr(x: Any, y: Any, *, alternative: Any = "two-sided", method: Any = None, axis: Any = 0) -> Any:
    """The correlation of two samples, and how probable a larger one is without any."""
    if alternative != "two-sided" or method is not None:
        refuse("f calls pearsonr with alternative= or method=, which cannot be traced")
    x, axis = _row(x, axis)
    y, axis = _row(y, axis)
    if (count := x.shape[axis]) < 3:
        refuse("f takes the correlation of two numbers")
    for sample in (x, y):  # of which one is constant, SciPy gives NaN
        start = np.take(numbers(sample), [0], axis)
        ask_where_any(tree(np.logical_and, objects(elementwise(np.equal, sample, start)), axis, False))
    first, second = (_about_mean(v, axis) for v in (x, y))
    parts = [_of_length_one(v, axis) for v in (first, second)]
    r = _within_one(sum_(elementwise(np.multiply, *parts), axis))
    half = elementwise(np.multiply, elementwise(np.subtract, 1.0, elementwise(np.absolute, r)), 0.5)
    beyond = elementwise(_special().betainc, count / 2 - 1.0, count / 2 - 1.0, half)
    return PearsonRResult(r, elementwise(np.multiply, 2.0, beyond))


def _of_length_one(a: Any, axis: Any) -> Any:
    """Scaled by the largest number first, so that no square leaves the range of floats."""
    largest = call_function(np.max, (elementwise(np.absolute, a), axis), {"keepdims": True})
    scaled = _divided(a, largest)
    return _divided(scaled, elementwise(np.sqrt, sum_(elementwise(np.square, scaled), axis, keepdims=True)))


def _within_one(r: Any) -> Any:
    return elementwise(np.maximum, elementwise(np.minimum, r, 1.0), -1.0)


def linregress(x: Any, y: Any, alternative: Any = "two-sided") -> Any:
    """A straight line through points, its correlation and the errors of both parameters."""
    if alternative != "two-sided" or np.ndim(x) != 1 or np.shape(x) != np.shape(y) or len(x) < 3:
        refuse("f calls linregress with alternative=, or not with as many x as y in a row")
    mean_x, mean_y = _mean(numbers(x)), _mean(numbers(y))
    first, second = elementwise(np.subtract, x, mean_x), elementwise(np.subtract, y, mean_y)
    pairs = ((first, first), (first, second), (second, second))
    xx, xy, yy = (_mean(elementwise(np.multiply, a, b)) for a, b in pairs)
    r = _within_one(_divided(xy, elementwise(np.sqrt, elementwise(np.multiply, xx, yy))))
    slope, free = _divided(xy, xx), len(x) - 2.0
    room = elementwise(np.multiply, *(elementwise(np.add, one, 1e-20) for one in (1.0 - r, 1.0 + r)))
    t = elementwise(np.multiply, r, elementwise(np.sqrt, _divided(free, room)))
    beyond = elementwise(_special().stdtr, free, elementwise(np.negative, elementwise(np.absolute, t)))
    error = elementwise(np.sqrt, _divided(_divided(elementwise(np.multiply, 1.0 - r * r, yy), xx), free))
    spread = elementwise(np.sqrt, elementwise(np.add, xx, elementwise(np.square, mean_x)))
    return LinregressResult(slope, mean_y - slope * mean_x, r, 2.0 * beyond, error, error * spread)


SUMMARIES: dict[str, Callable[..., Any]] = {
    f.__name__: f
    for f in (
        zscore, zmap, gmean, hmean, pmean, moment, skew, kurtosis, sem, variation, iqr, trim_mean, entropy, pearsonr,
        linregress,
    )
}  # fmt: skip
"""What functions of scipy.stats do with arrays of symbols, by name."""

"""Rules for tracing what sorts: networks of minima and maxima, whose comparisons do not depend on the data."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from .arrays import FUNCTIONS, Objects, Symbols, elementwise, holds_symbols, is_mask, method, real
from .elementwise import guard, select
from .reductions import ask_outside, max_, min_, numbers, objects, only, sum_
from .refusals import refuse
from .symbols import Traced

_SELECT = np.frompyfunc(select, 3, 1)


def comparators(count: int) -> Iterator[tuple[int, int]]:
    """Batcher's odd-even merge sort: pairs of places, of which the first gets the smaller number."""
    merged = 1
    while merged < count:
        distance = merged
        while distance >= 1:
            for start in range(distance % merged, count - distance, 2 * distance):
                for i in range(start, start + min(distance, count - start - distance)):
                    if i // (2 * merged) == (i + distance) // (2 * merged):
                        yield i, i + distance
            distance //= 2
        merged *= 2


def _sorted(a: Objects) -> Objects:
    """Sorted along the first axis, NaN last as NumPy has it: of a number and NaN np.fmin is the number."""
    rows = list(a)
    for i, j in comparators(len(rows)):
        rows[i], rows[j] = elementwise(np.fmin, rows[i], rows[j]), elementwise(np.maximum, rows[i], rows[j])
    result = np.empty(a.shape, dtype=object)
    for i, row in enumerate(rows):
        result[i] = row
    return result


def _sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    only("order", order)
    values = objects(a).ravel() if axis is None else objects(a)
    if is_mask(values):
        refuse("f sorts comparisons; count them with np.sum(mask)")
    axis = -1 if axis is None else axis
    if not holds_symbols(values):
        return np.sort(values.astype(float), axis)
    return np.moveaxis(_sorted(np.moveaxis(values, axis, 0)), 0, axis)


def _partition(a: Any, kth: Any, axis: Any = -1, kind: Any = None, order: Any = None) -> Any:
    return _sort(a, axis, order=order)


def _sort_in_place(self: Symbols, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> None:
    self[...] = _sort(self, axis, order=order)


def _partition_in_place(self: Symbols, kth: Any, axis: Any = -1, kind: Any = None, order: Any = None) -> None:
    _sort_in_place(self, axis, order=order)


def _along(a: Any, axis: Any) -> tuple[Objects, tuple[int, ...]]:
    """Sorted numbers, the axes that are reduced together as the first, and the shape that `keepdims` keeps."""
    values = objects(a)
    if is_mask(values) or not values.size:
        refuse("f takes quantiles of comparisons, or of nothing")
    axes = tuple(range(values.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(i % values.ndim for i in axes)
    kept = tuple(1 if i in axes else n for i, n in enumerate(values.shape))
    rest = [i for i in range(values.ndim) if i not in axes]
    columns = values.transpose(*axes, *rest).reshape(-1, *(values.shape[i] for i in rest))
    return _sorted(columns) if holds_symbols(columns) else np.sort(columns.astype(float), 0).astype(object), kept


def _or_nan(ordered: Objects, result: Any) -> Any:
    """NaN where one of the numbers is, which is the last then."""
    last = ordered[-1]
    return _SELECT(objects(elementwise(np.isnan, last)), objects(last), objects(result))


def _median(a: Any, axis: Any = None, out: Any = None, overwrite_input: Any = False, keepdims: Any = False) -> Any:
    only("out", out)
    ordered, kept = _along(a, axis)
    result = _middle(ordered)
    return np.reshape(result, kept) if keepdims else result


def _middle(ordered: Objects) -> Any:
    count = len(ordered)
    middle = ordered[count // 2]
    if count % 2 == 0:
        middle = elementwise(np.divide, elementwise(np.add, ordered[count // 2 - 1], middle), 2.0)
    return _or_nan(ordered, middle)


_ROUNDINGS: dict[str, Callable[[float], float]] = {
    "lower": math.floor, "higher": math.ceil, "linear": float, "midpoint": lambda i: (math.floor(i) + math.ceil(i)) / 2,
}  # fmt: skip


def _quantile(
    a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: Any = False, method: Any = "linear",
    keepdims: Any = False, *, weights: Any = None, interpolation: Any = None,
) -> Any:  # fmt: skip
    only("out", out)
    only("weights", weights)
    only("interpolation", interpolation)
    ordered, kept = _along(a, axis)
    if holds_symbols(q):
        return _at_traced(ordered, numbers(q), kept if keepdims else ordered.shape[1:], method)
    levels = _levels(q)
    found = [objects(_at(ordered, _place(level, len(ordered), method))) for level in levels.ravel()]
    parts = [part.reshape(kept) if keepdims else part for part in found]
    return parts[0][()] if levels.ndim == 0 else np.stack(parts).reshape(*levels.shape, *parts[0].shape)


def _at_traced(ordered: Objects, q: Any, shape: tuple[int, ...], method: Any) -> Any:
    """Quantiles at levels that depend on x, between the sorted numbers; outside 0 to 1 f itself is asked."""
    if method != "linear":
        refuse("f takes quantiles at traced levels by another method than the linear one")
    ask_outside(q, 0.0, 1.0)
    places, last = elementwise(np.multiply, objects(q).ravel(), float(len(ordered) - 1)), len(ordered) - 1
    columns = ordered.reshape(len(ordered), -1).T
    tables = [FUNCTIONS[np.interp](places, np.arange(last + 1.0), column) for column in columns]
    found = _or_nan(ordered.reshape(len(ordered), 1, -1), np.array([objects(t) for t in tables], dtype=object).T)
    return np.reshape(found, (*np.shape(q), *shape))[()]


def _levels(q: Any) -> Any:
    if holds_symbols(q):
        refuse("f takes quantiles at traced levels")
    return np.asarray(real(q), dtype=float)


def _place(level: float, count: int, method: Any) -> float:
    """Where a quantile lies among so many: that of their numbers."""
    rounding = _ROUNDINGS.get(method)
    if rounding:
        return rounding(level * (count - 1))
    return float(np.quantile(np.arange(float(count)), level, method=method))


def _at(ordered: Objects, place: float) -> Any:
    """The number between two neighbours, reckoned from the nearer one."""
    below = min(int(place), len(ordered) - 1)
    t, a, b = place - below, ordered[below], ordered[min(below + 1, len(ordered) - 1)]
    if t == 0.0:
        return _or_nan(ordered, a)
    change = elementwise(np.subtract, b, a)
    if t < 0.5:
        return _or_nan(ordered, elementwise(np.add, a, elementwise(np.multiply, change, t)))
    return _or_nan(ordered, elementwise(np.subtract, b, elementwise(np.multiply, change, 1.0 - t)))


def _percentile(a: Any, q: Any, *args: Any, **options: Any) -> Any:
    levels = elementwise(np.divide, q, 100.0) if holds_symbols(q) else _levels(q) / 100
    return _quantile(a, levels, *args, **options)


def _nan_median(a: Any, axis: Any = None, out: Any = None, overwrite_input: Any = False, keepdims: Any = False) -> Any:
    only("out", out)
    return _of_numbers(a, axis, keepdims, (), lambda ordered: [_middle(ordered)])


def _nan_quantile(
    a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: Any = False, method: Any = "linear",
    keepdims: Any = False, *, weights: Any = None, interpolation: Any = None,
) -> Any:  # fmt: skip
    only("out", out)
    only("weights", weights)
    only("interpolation", interpolation)
    levels = _levels(q)

    def found(ordered: Objects) -> list[Any]:
        return [_at(ordered, _place(level, len(ordered), method)) for level in levels.ravel()]

    return _of_numbers(a, axis, keepdims, levels.shape, found)


def _nan_percentile(a: Any, q: Any, *args: Any, **options: Any) -> Any:
    return _nan_quantile(a, _levels(q) / 100, *args, **options)


def _of_numbers(
    a: Any, axis: Any, keepdims: Any, shape: tuple[int, ...], rule: Callable[[Objects], list[Any]]
) -> Any:  # fmt: skip
    """Quantiles of those that are no NaN, which are sorted to the end: for each count of them that may be."""
    ordered, kept = _along(a, axis)
    count = sum_(elementwise(np.equal, ordered, ordered), 0)
    found: list[Any] = [math.nan] * len(rule(ordered[:1]))
    for n in range(1, len(ordered) + 1):
        is_count = objects(elementwise(np.equal, count, float(n)))
        found = [_SELECT(is_count, objects(part), old) for part, old in zip(rule(ordered[:n]), found, strict=True)]
    parts = [np.reshape(objects(part), kept) if keepdims else objects(part) for part in found]
    return np.stack(parts).reshape((*shape, *parts[0].shape))[()]


def _place_of(extreme: Callable[..., Any], a: Any, axis: Any, keepdims: Any) -> Any:
    """The first place of an extreme: an integer, by comparisons with it; where that is NaN, f itself is asked."""
    given = numbers(a) if is_mask(a) else objects(a)  # of comparisons the first that is true
    values = given.ravel() if axis is None else np.moveaxis(given, axis, 0)
    found, best = np.zeros(values.shape[1:]), extreme(values, axis=0)
    for k in range(len(values) - 1, -1, -1):
        found = _SELECT(objects(elementwise(np.equal, values[k], best)), float(k), found)
    for place, value in zip(objects(found).ravel(), objects(best).ravel(), strict=True):
        if isinstance(place, Traced):
            place.trace.count(place.key)
            place.trace.guards.append(value.key)
    if keepdims:
        return np.reshape(found, (1,) * np.ndim(a)) if axis is None else np.expand_dims(found, axis)
    return found


def _argmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    only("out", out)
    return _place_of(max_, a, axis, keepdims) if holds_symbols(a) else np.argmax(real(a), axis, keepdims=keepdims)


def _argmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    only("out", out)
    return _place_of(min_, a, axis, keepdims) if holds_symbols(a) else np.argmin(real(a), axis, keepdims=keepdims)


LONGEST = 32
"""Numbers whose order is asked."""


def _argsort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    """Places that go along with numbers through a network; of NaN f itself is asked.

    Equal ones stay in their order, or are asked of f: the order in which NumPy leaves them depends on the processor.
    """
    only("order", order)
    values = objects(a).ravel() if axis is None else objects(a)
    axis = -1 if axis is None else axis
    if not holds_symbols(values):
        return np.argsort(real(values), axis, kind, stable=stable)
    keys = [objects(key) for key in np.moveaxis(values, axis, 0)]
    if is_mask(values) or len(keys) > LONGEST:
        refuse(f"f takes the order of comparisons, or of more than {LONGEST} numbers")
    places = [np.full(keys[0].shape, float(k), dtype=object) for k in range(len(keys))]
    for i, j in comparators(len(keys)):
        swap = _comes_first(keys[j], keys[i], places[j], places[i])
        for rows in (keys, places):
            rows[i], rows[j] = _SELECT(swap, rows[j], rows[i]), _SELECT(swap, rows[i], rows[j])
    guard(*values.ravel().tolist())
    if not (stable or kind in ("stable", "mergesort")):
        ties = [elementwise(np.equal, a, b) for a, b in pairwise(keys)]
        guard(*[tie for row in ties for tie in objects(_SELECT(objects(row), np.nan, 0.0)).ravel()])
    found = np.stack([objects(row) for row in places])
    for place in found.ravel().tolist():
        if isinstance(place, Traced):
            place.trace.count(place.key)
    return np.moveaxis(found, 0, axis)


def _comes_first(a: Any, b: Any, place: Any, other: Any) -> Any:
    """Of equal numbers the one that came first."""
    equal, before = elementwise(np.equal, a, b), elementwise(np.less, place, other)
    return _SELECT(objects(equal), objects(before), objects(elementwise(np.less, a, b)))


FUNCTIONS.update({
    np.argmax: _argmax, np.argmin: _argmin, np.argsort: _argsort,
    np.sort: _sort, np.partition: _partition, np.median: _median, np.quantile: _quantile, np.percentile: _percentile,
    np.nanmedian: _nan_median, np.nanquantile: _nan_quantile, np.nanpercentile: _nan_percentile,
})  # fmt: skip
method("argmax", _argmax)
method("argmin", _argmin)
method("argsort", _argsort)
method("sort", _sort_in_place)
method("partition", _partition_in_place)

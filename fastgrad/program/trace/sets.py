"""Rules for tracing what has as many elements as numbers say: np.unique and its relatives, argwhere, histograms.

Which elements these are is decided on each way through f; a histogram counts, or adds weights, and decides nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrays import FUNCTIONS, Objects, call_function, elementwise, holds_symbols, is_mask, real, wrap
from .elementwise import guard
from .reductions import numbers, objects, sum_
from .refusals import refuse
from .signals import by_columns


def _unique(ar: Any, *args: Any, return_counts: Any = False, axis: Any = None, **options: Any) -> Any:
    """Different numbers in ascending order, and how often each is there."""
    if any(args) or any(options.get(f"return_{name}") for name in ("index", "inverse")) or axis is not None:
        refuse("f asks np.unique for places, or along an axis")
    values = call_function(np.sort, (np.ravel(wrap(numbers(ar))),), {}).view(np.ndarray).tolist()
    found, counts = list[Any](), list[int]()
    for value in values:
        guard(value)  # NaN is one number here
        if found and bool(value == found[-1]):
            counts[-1] += 1
        else:
            found.append(value)
            counts.append(1)
    return (_row(found), np.array(counts)) if return_counts else _row(found)


def _row(values: list[Any]) -> Any:
    return wrap(np.array(values, dtype=object))


def _union(ar1: Any, ar2: Any) -> Any:
    return _unique(np.concatenate([np.ravel(wrap(numbers(a))) for a in (ar1, ar2)]))


def _common(ar1: Any, ar2: Any, assume_unique: Any = False, *, there: bool = True) -> Any:
    """The numbers of the first that are in the second, or not."""
    if assume_unique is not False:
        refuse("f calls np.intersect1d or np.setdiff1d with assume_unique=, which leaves an order")
    others = np.ravel(numbers(ar2)).tolist()
    for other in others:
        guard(other)
    return _row([value for value in _unique(ar1).tolist() if any(bool(value == o) for o in others) is there])


def _without(ar1: Any, ar2: Any, assume_unique: Any = False) -> Any:
    return _common(ar1, ar2, assume_unique, there=False)


def _argwhere(a: Any) -> Any:
    """The places where a condition holds, in rows."""
    mask = objects(a if is_mask(a) else elementwise(np.not_equal, a, 0.0))
    known = np.array([bool(value) for value in mask.ravel().tolist()]).reshape(mask.shape)
    return np.argwhere(known)


def _histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    """Of known numbers with traced weights, or of traced ones between known edges."""
    if holds_symbols((bins, range)) or density:
        refuse("f calls np.histogram with traced edges, or for a density")
    if not holds_symbols(a):
        known = real(a)
        edges = np.histogram(known, bins, range)[1]
        return by_columns(lambda w: np.histogram(known, edges, weights=w)[0], numbers(weights)), edges
    if range is None and np.ndim(bins) == 0:
        refuse("f calls np.histogram of traced numbers without known edges; write range= or edges for bins=")
    edges = np.histogram_bin_edges(np.zeros(1), bins, range)
    values, shares = np.ravel(numbers(a)), None if weights is None else np.ravel(numbers(weights))
    return wrap(np.array([_in_bin(values, shares, *ends) for ends in _bins(edges)], dtype=object)), edges


def _bins(edges: Any) -> Any:
    """The ends of all bins; to the last one its upper end belongs."""
    last = [np.less] * (len(edges) - 2) + [np.less_equal]
    return zip(edges[:-1].tolist(), edges[1:].tolist(), last, strict=True)


def _in_bin(values: Objects, weights: Any, low: float, high: float, below: np.ufunc) -> Any:
    inside = elementwise(np.logical_and, elementwise(np.greater_equal, values, low), elementwise(below, values, high))
    return sum_(inside if weights is None else elementwise(np.multiply, inside, weights))


def _infinite(sign: float) -> Any:
    def rule(x: Any, out: Any = None) -> Any:
        return elementwise(np.equal, x, sign * np.inf) if out is None else refuse("f calls np.isposinf with out=")

    return rule


FUNCTIONS.update({
    np.unique: _unique, np.union1d: _union, np.intersect1d: _common, np.setdiff1d: _without, np.argwhere: _argwhere,
    np.histogram: _histogram, np.isposinf: _infinite(1.0), np.isneginf: _infinite(-1.0),
})  # fmt: skip

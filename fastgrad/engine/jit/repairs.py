"""Points that f itself computes after compiled code: those that are not finite, or whose integers may outgrow 64 bits.

A comparison at some points cannot see them all: a NaN that f makes an integer of raises, one that it compares is lost.
"""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bound import Bound, Interpreted
from ..call import Call, Rows, Target, subset
from .functions import Function

Array = NDArray[Any]
Picks = NDArray[np.intp]

WHOLE = 2.0**53  # from here on floats are whole, and what is made of them may not fit into an integer of 64 bits


def asking(bound: Bound, function: Function, out: Array, values: Array | None) -> Bound:
    """The same code, and at the end f in Python where its numbers may be others, or where one of them raises."""
    if not function.plain:
        return bound
    raised: list[tuple[int, int]] = []

    def work(start: int, stop: int) -> None:
        try:
            bound.work(start, stop)
        except Exception:  # noqa: BLE001  f itself is asked whether it is its own
            raised.append((start, stop))

    def finish() -> None:
        bound.finish()
        rows = np.union1d(_unlike(bound.call, function, out, values), _of_items(bound, raised))
        if rows.size:
            found = _called(bound.call, rows, out, values is not None)
            out[rows] = found[0]
            if values is not None:
                values[rows] = found[1]
        if function.raises:
            rest = np.setdiff1d(np.flatnonzero(~np.isfinite(_flat(out)).all(axis=1)), rows, assume_unique=True)
            if rest.size:
                _called(bound.call, rest, out, False)

    return replace(bound, work=work, finish=finish)


def _of_items(bound: Bound, ranges: list[tuple[int, int]]) -> Picks:
    """The points to which ranges of items belong; all of them where an item is a part of a grid."""
    count = bound.call.points.count
    each, rest = divmod(bound.items, max(1, count))
    if not ranges or rest or not each:
        return np.arange(count if ranges else 0)
    return np.concatenate([np.arange(start // each, -(-stop // each)) for start, stop in ranges])


def _called(call: Call, rows: Picks, out: Array, value: bool) -> tuple[Array, Array | None]:
    """What f in Python gives at some points."""
    found = np.empty((len(rows), *out.shape[1:]))
    seen = np.empty(len(rows)) if value else None
    Interpreted(subset(call, rows), Target(lambda _: found) if call.vector else found, seen).fill()
    return found, seen


def _unlike(call: Call, function: Function, out: Array, values: Array | None) -> Picks:
    """The points to compute again; where f makes no integers, numbers that are not finite spoil most results anyway."""
    if any(function.integers.values()):
        return np.flatnonzero(_beyond(call, WHOLE))
    odd = np.flatnonzero(_beyond(call, np.inf))
    known = np.isfinite(_flat(out)[odd]).any(axis=1) if odd.size else np.zeros(0, dtype=bool)
    if values is not None and odd.size:
        known |= np.isfinite(values[odd])
    return odd[known]


def _flat(out: Array) -> Array:
    return out.reshape(len(out), -1)


def _beyond(call: Call, limit: float) -> Array:
    """Whether a number of a point, or of its rows, is not below a limit; NaN is not."""
    points, beyond = call.points, np.zeros(call.points.count, dtype=bool)
    if isinstance(points, Rows):
        beyond = _of_rows(points.given, limit)
    elif not all(_all_below(axis, limit) for axis in points.axes):
        beyond = reduce(np.logical_or.outer, [~_below(axis, limit) for axis in points.axes]).reshape(-1)
    for rows in call.batch:
        if rows.dtype.kind in "fc":
            beyond = beyond | _of_rows(rows, limit)
    return beyond


def _of_rows(rows: Array, limit: float) -> Array:
    """Whether a number of a row is not below a limit."""
    if _all_below(rows, limit):
        return np.zeros(len(rows), dtype=bool)
    return np.asarray(~_below(rows.reshape(len(rows), -1), limit).all(axis=1))


def _below(numbers: Array, limit: float) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(np.abs(numbers) < limit)


def _all_below(numbers: Array, limit: float) -> bool:
    """The same of all at once, without memory for it: 0.3 ms for 800 000 numbers, as long as their sum takes."""
    parts = (numbers.real, numbers.imag) if numbers.dtype.kind == "c" else (numbers,)
    return not numbers.size or all(-limit < float(part.min()) and float(part.max()) < limit for part in parts)

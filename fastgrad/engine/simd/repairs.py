"""Results that are not finite are computed again by f itself: a domain error, say, is Python's to raise."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...program.program import Program
from ..call import SEGMENT, Call, Grid, Target, segments, subset
from ..python import buffer

Array = NDArray[np.float64]

COLUMNS = 8
REPEATED = 1000  # points with results that are not finite; beyond, where f is not finite either is believed if f agrees

Values = Callable[[Call], Array]  # f's values at the points of a call, (N, M), by its compiled code


def not_finite_in(
    call: Call, out: Array, values: Array | None, chunks: list[tuple[int, int]]
) -> NDArray[np.intp]:  # fmt: skip
    """The points with results that are not finite, of the items [start, stop) of some chunks."""
    return np.concatenate([_not_finite(call, out, values, *chunk) for chunk in chunks])


def ask_items(
    program: Program, call: Call, out: Array, values: Array | None, chunks: list[tuple[int, int]]
) -> None:  # fmt: skip
    """Exact derivatives that are not finite, or that a kernel has marked as f is not, are computed with more care."""
    from . import scheduled  # noqa: PLC0415  only for what is exact

    scheduled.recompute(program, call, out, values, not_finite_in(call, out, values, chunks))


def _not_finite(call: Call, out: Array, values: Array | None, start: int, stop: int) -> NDArray[np.intp]:
    """The points of some items with results that are not finite."""
    if isinstance(call.points, Grid):
        start, stop = (_node(call.points, i) for i in (start, stop))
    stop = min(stop, call.points.count)
    finite = np.isfinite(out[start:stop])
    # By columns where they are few: of two all(axis=1) takes 60 ns a point.
    bad = ~(np.logical_and.reduce([*finite.T]) if 0 < finite.shape[1] <= COLUMNS else finite.all(axis=1))
    if values is not None:
        bad |= ~np.isfinite(values[start:stop])
    return np.flatnonzero(bad) + start


def _node(grid: Grid, item: int) -> int:
    length = len(grid.axes[-1])
    row, segment = divmod(item, segments(grid))
    return row * length + min(segment * SEGMENT, length)


def mend(call: Call, out: Array, values: Array | None, rows: NDArray[np.intp], f: Values, raises: bool = False) -> None:
    """Compute points whose results are not finite again by f; of very many only the first, if it agrees on them.

    Where f itself is finite all are computed again: a sigmoid's exp(800) is infinite, its difference is not;
    and where it may raise at some of them.
    """
    first, rest = rows[:REPEATED], rows[REPEATED:]
    if first.size and _agrees(call, out, values, first, raises) and rest.size and not raises:
        rest = rest[:0] if call.table.is_value else rest[np.isfinite(f(subset(call, rest))).all(axis=1)]
    if rest.size:
        _agrees(call, out, values, rest, raises)


def _agrees(call: Call, out: Array, values: Array | None, rows: NDArray[np.intp], raises: bool) -> bool:
    """Compute points again by f; whether the same numbers were not finite.

    Where f may catch what math raises, all its numbers there are others.
    """
    some = subset(call, rows)
    fresh: Any = np.empty((len(rows), out.shape[1]))
    seen = None if values is None else np.empty(len(rows))
    buffer.apply(some, Target(lambda shape: fresh.reshape(len(rows), prod(shape), -1)) if call.vector else fresh, seen)
    same = bool((np.isfinite(fresh) == np.isfinite(out[rows])).all())
    out[rows] = fresh if raises else mended(out[rows], fresh)
    if values is not None and seen is not None:
        values[rows] = seen if raises else mended(values[rows], seen)
    return same


def mended(ours: Array, fresh: Array) -> Array:
    """f's own numbers where one of the two is not finite;
    elsewhere they would differ by rounding from other points'."""
    return np.where(np.isfinite(ours) & np.isfinite(fresh), ours, fresh)

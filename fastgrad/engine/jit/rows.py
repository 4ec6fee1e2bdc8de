"""What f gets after x: `args`, and of `batch_args` the rows of its point.

A loop takes both as one tuple. Rows are views without a reference to their array, whose counting is atomic and takes
longer than a small f. They are read-only: an f that writes into them would write into the caller's arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import cgutils
from numba.np.arrayobj import load_item, make_array, populate_array
from numpy.typing import NDArray

from ...results import EngineError
from ..call import Call, Grid
from ..numbers import read_only

Array = NDArray[Any]

NUMBERS = "?bBhHiIlLqQfdFD"  # NumPy's types that Numba has, too
SPREAD = 16  # rows over all of them that are looked at
COLUMNS = 16  # numbers of a point that are looked at together; of so many bytes each value is
SAME = (np.float64, np.complex128)  # types of numbers in which NumPy and Numba compute alike


def rest(call: Call) -> tuple[Any, ...]:
    """What a loop gets: the further arguments, and the arrays of rows."""
    return (*call.args, *map(read_only, call.batch)) if call.batch else call.args


def rest_at(call: Call, n: int) -> tuple[Any, ...]:
    """What f gets at a point, its rows as copies that are read-only for compiled code."""
    return (*call.args, *(read_only(rows[n].copy()) if rows.ndim > 1 else rows[n] for rows in call.batch))


def layouts(call: Call) -> tuple[tuple[bool, bool], ...]:
    """What of the arrays of rows may differ from call to call: how they lie."""
    return tuple((rows.flags.c_contiguous, rows.flags.f_contiguous) for rows in call.batch)


def seen(kinds: tuple[Any, ...], batch: int) -> tuple[Any, ...]:
    """The types of f's further arguments, of those that a loop gets; the last `batch` of them are arrays of rows."""
    shared = len(kinds) - batch
    return (*kinds[:shared], *map(_row_type, kinds[shared:])) if batch else kinds


def check_types(call: Call) -> None:
    """Raise EngineError where rows are of a type that Numba does not have, or that compiled code might write into."""
    for rows in call.batch:
        if rows.dtype.char not in NUMBERS or not rows.dtype.isnative:
            instead = "pass them as float64, or use engine='python'"
            msg = f"Numba does not compute with the {rows.dtype} of batch_args; {instead}"
            raise EngineError(msg)


def places(call: Call) -> list[int]:
    """Where compiled f is compared with f: the first point, the last, two between, and those of telling rows."""
    first, count = call.finite(), call.points.count
    found = {count - 1, count // 3, 2 * count // 3}.union(*map(_telling, call.batch)) - {first}
    return [first, *(n for n in sorted(found) if np.isfinite(call.points.row(n)).all())]


def extremes(call: Call) -> list[int]:
    """Points whose integers are large, small or none: those of the largest, smallest, not finite numbers of each place.

    At most three or four for each coordinate, of which each is moved at every point.
    """
    points, count = call.points, call.points.count
    found = set(np.linspace(0, count - 1, SPREAD).astype(int).tolist())
    if isinstance(points, Grid):
        return sorted(found | _nodes(points))
    for rows in (points.given, *call.batch):
        for part in (rows.real, rows.imag) if rows.dtype.kind == "c" else (rows,):
            found |= _of_columns(part.reshape(count, -1)) if part.size else set()
    return sorted(found)


def _of_columns(table: Array) -> set[int]:
    """The rows with the extremes of each column, some columns at a time, and that with the largest sum."""
    found, sums = set[int](), np.zeros(len(table))
    for start in range(0, table.shape[1], COLUMNS):
        few = table[:, start : start + COLUMNS].astype(np.float64)
        finite, sizes = np.isfinite(few), np.abs(few)
        for odd in () if finite.all() else (np.isnan(few), few == np.inf, few == -np.inf):
            found.update(odd.argmax(axis=0)[odd.any(axis=0)].tolist())
        for values in (few, -few, sizes):
            found.update(np.where(finite, values, np.inf).argmin(axis=0).tolist())
        with np.errstate(over="ignore"):
            sums += np.where(finite, sizes, 0.0).sum(axis=1)
    return found | {int(sums.argmax())}


def _nodes(grid: Grid) -> set[int]:
    """Nodes with the extremes of each axis, all other coordinates the first."""
    found, lengths = set(), tuple(map(len, grid.axes))
    for k, axis in enumerate(grid.axes if grid.count else ()):
        for values in (axis, -axis, np.abs(axis)):
            node = [0] * len(lengths)
            node[k] = int(values.argmin())
            found.add(int(np.ravel_multi_index(node, lengths)))
    return found


def doubtful(call: Call) -> list[str]:
    """The types of rows in which NumPy may compute otherwise than Numba."""
    return sorted({str(rows.dtype) for rows in call.batch if rows.dtype not in SAME})


def unpacked(context: Any, builder: Any, kinds: Any, values: Any, n: Any, batch: int) -> list[Any]:
    """LLVM's values of f's further arguments at point n, from those of a loop."""
    given = cgutils.unpack_tuple(builder, values)
    shared = len(given) - batch
    own = [_row(context, builder, kind, a, n) for kind, a in zip(list(kinds)[shared:], given[shared:], strict=True)]
    return [*given[:shared], *own]


def _telling(rows: Array) -> set[int]:
    """Rows with which f compiled differs from f, if any does.

    Numba makes int64 of uint8 and float64 of float32 where NumPy computes in these: (y - 1) * x differs at y = 0 only,
    y * (40 - y) * x in the middle. Of few numbers of a byte each value is among these rows.
    """
    if rows.dtype in SAME or not rows.size:
        return set()
    table = rows.reshape(len(rows), -1)
    found = set(np.linspace(0, len(rows) - 1, SPREAD).astype(int).tolist())
    for extreme in (table.argmin(axis=0), table.argmax(axis=0)):
        found.update(extreme.tolist())
    for column in table.T if rows.itemsize == 1 and table.shape[1] <= COLUMNS else ():
        last = np.full(256, -1)
        last[np.ascontiguousarray(column).view(np.uint8)] = np.arange(len(rows))
        found.update(last[last >= 0].tolist())
    return found


def _row_type(kind: Any) -> Any:
    if kind.ndim == 1:
        return kind.dtype
    return kind.copy(ndim=kind.ndim - 1, layout="C" if kind.layout == "C" else "A")


def _row(context: Any, builder: Any, kind: Any, array: Any, n: Any) -> Any:
    """Row n of an array: a number, or an array that owns nothing."""
    given = make_array(kind)(context, builder, array)
    shape, strides = (cgutils.unpack_tuple(builder, each, kind.ndim) for each in (given.shape, given.strides))
    start = cgutils.pointer_add(builder, given.data, builder.mul(n, strides[0]))
    if kind.ndim == 1:
        return load_item(context, builder, kind, start)
    row = make_array(_row_type(kind))(context, builder)
    populate_array(
        row,
        data=start,
        shape=cgutils.pack_array(builder, shape[1:]),
        strides=cgutils.pack_array(builder, strides[1:]),
        itemsize=given.itemsize,
        meminfo=None,
    )
    return row._getvalue()

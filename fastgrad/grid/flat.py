"""Samples that fit into the cache, without gaps: one call of machine code for all rows of an axis, the edges by NumPy.

Numba, which the passes over larger arrays need, takes longer to import than the work of a thousand such calls.
"""

from __future__ import annotations

from collections.abc import Callable
from ctypes import c_int64
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..formulas.spacings import AROUND, COMBINATION, DIFFERENCE, PAIRS, THREE_POINTS, Line, SampleFormula
from . import rowcode
from .files import file_of
from .numbers import is_masked
from .rowcode import FEW_ROWS, PLAIN, Row

Array = NDArray[Any]

PART = 1 << 9  # samples for each of the calls that an uneven axis in the middle takes
TYPES = (np.dtype(np.float64), np.dtype(np.float32))


def suits(outputs: list[Array], terms: list[Any]) -> bool:
    """Whether arrays lie in memory as one flat row each, all in the same order, and every output has one term.

    Files get room on the disk, and leave the memory, by boxes.
    """
    model = outputs[0]
    if len(terms) > len(outputs) or model.dtype not in TYPES:
        return False
    if any(map(is_masked, outputs)) or any(map(file_of, outputs)):
        return False
    order = "c_contiguous" if model.flags.c_contiguous else "f_contiguous"
    arrays = [*outputs, *(values for _, values, _, _ in terms)]
    if not all(a.dtype == model.dtype and a.flags.aligned and getattr(a.flags, order) for a in arrays):
        return False
    return all(not line.uneven or _calls(values.shape, axis) * PART <= model.size for _, values, axis, line in terms)


def _calls(shape: tuple[int, ...], axis: int) -> int:
    """The calls for an uneven axis: one, where it is the first or the last in memory."""
    return 1 if axis in {0, len(shape) - 1} else max(prod(shape[:axis]), prod(shape[axis + 1 :]))


def compute(outputs: list[Array], terms: list[Any]) -> None:
    """Write the derivatives; terms are (output, values, axis, line)."""
    turned = not outputs[0].flags.c_contiguous
    for output, values, axis, line in terms:
        if turned:
            _derivative(outputs[output].T, values.T, values.ndim - 1 - axis, line)
        else:
            _derivative(outputs[output], values, axis, line)


def _derivative(out: Array, values: Array, axis: int, line: Line) -> None:
    with np.errstate(all="ignore"):
        if line.start < line.stop:
            (_uneven if line.uneven else _even)(out, values, axis, line)
        _edges(out, values, axis, line)


def _address(array: Array) -> int:
    address: int = array.__array_interface__["data"][0]  # a quarter of the time of `array.ctypes.data`
    return address


def _even(out: Array, values: Array, axis: int, line: Line) -> None:
    """Along the whole of memory, also across the ends of rows, where the edges are written afterwards."""
    apart, size = prod(values.shape[axis + 1 :]), values.itemsize
    low, high = line.start * apart, values.size - (line.n - line.stop) * apart
    first = _address(values) + low * size
    taps = [first + o * apart * size for o in line.offsets.tolist()]
    row = Row(line.inner, size < 8, False, False, PLAIN)
    _call(row, 1, high - low, _address(out) + low * size, 0, line.inner_weights(0, 0), 0, 0, taps)


def _uneven(out: Array, values: Array, axis: int, line: Line) -> None:
    before, apart, size = prod(values.shape[:axis]), prod(values.shape[axis + 1 :]), values.itemsize
    single, inside, jump = size < 8, line.stop - line.start, line.n * apart * size
    begin = line.start * apart * size
    first, to = _address(values) + begin, _address(out) + begin
    taps = [first + o * apart * size for o in line.offsets.tolist()]
    if apart > 1:  # rows across the axis, each with weights of its own
        weights = np.ascontiguousarray(line.inner_weights(line.start, line.stop))
        row, across = Row(line.inner, single, False, False, PLAIN), 8 * line.inner.weights
        for k in range(before):
            _call(row, inside, apart, to + k * jump, apart * size, weights, across, 0, [t + k * jump for t in taps])
    elif line.coordinates is not None and before <= FEW_ROWS:
        row = Row(SampleFormula(THREE_POINTS, 3, line.inner.wide), single, True, False, PLAIN)
        _call(row, before, inside, to, jump, line.coordinates[line.start - 1 :], 0, 0, taps)
    else:
        weights = np.ascontiguousarray(line.inner_weights(line.start, line.stop).T)
        _call(Row(line.inner, single, True, False, PLAIN), before, inside, to, jump, weights, 0, 8 * inside, taps)


def _call(
    row: Row, rows: int, n: int, out: int, jump: int, weights: Array, across: int, stride: int, taps: list[int]
) -> None:
    """Rows of n places, whose outputs and taps are `jump` bytes apart, and their weights `across`."""
    numbers = (c_int64 * (6 + len(taps)))(n, out, jump, _address(weights), across, stride, *taps)
    rowcode.rows(row)(0, rows, numbers)


# --- edges ------------------------------------------------------------------------------------------------------------


def _edges(out: Array, values: Array, axis: int, line: Line) -> None:
    lead = (slice(None),) * axis
    formula = _BY_KIND[line.edge.kind]
    nodes = [*range(line.start), *range(line.stop, line.n)]
    for node, taps, weights in zip(nodes, line.edge_taps.tolist(), line.edge_weights, strict=True):
        rows = [values[(*lead, tap)] for tap in taps]
        out[(*lead, node)] = formula(rows, weights if line.edge.wide else weights.tolist(), wide=line.edge.wide)


def _difference(rows: list[Any], weights: Any, *, wide: bool) -> Any:
    apart = rows[0] - rows[1]
    return (np.asarray(apart, np.float64) if wide else apart) / weights[0]


def _sum(values: list[Any], weights: Any) -> Any:
    total = weights[0] * values[0]
    for w, v in zip(weights[1:], values[1:], strict=True):
        total = total + w * v
    return total


def _widened(rows: list[Any], *, wide: bool) -> list[Any]:
    return [np.asarray(row, np.float64) for row in rows] if wide else rows


def _combination(rows: list[Any], weights: Any, *, wide: bool) -> Any:
    return _sum(_widened(rows, wide=wide), weights)


def _around(rows: list[Any], weights: Any, *, wide: bool) -> Any:
    first, *others = _widened(rows, wide=wide)
    return _sum([other - first for other in others], weights)


def _pairs(rows: list[Any], weights: Any, *, wide: bool) -> Any:
    values = _widened(rows, wide=wide)
    return _sum([a - b for a, b in zip(values[::2], values[1::2], strict=True)], weights[:-1]) / weights[-1]


_BY_KIND: dict[str, Callable[..., Any]] = {
    DIFFERENCE: _difference,
    COMBINATION: _combination,
    AROUND: _around,
    PAIRS: _pairs,
}

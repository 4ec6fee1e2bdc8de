"""Derivatives of sampled arrays in one pass over memory: all terms of all outputs, row by row, in boxes of nodes.

A box is small enough for the rows that neighbours share to stay in the second-level cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from ..engine.jit.kernels import kernel, part
from ..formulas.spacings import THREE_POINTS, Line, SampleFormula
from . import rowcode
from .rowcode import FEW_ROWS, PLAIN, SCRATCH, STREAM, Row

Array = NDArray[Any]

ROW = 8192  # samples of a row in a box
ONE_ROW = 1 << 16  # where there is one axis
PLANE = 32768  # samples of a box across its first axis: 256 kB
BOX = 1 << 18  # samples of a box
COPIED_BOX = 1 << 19  # smaller ones leave two threads waiting for each other's Python, also along one axis
SHORTEST = 16  # nodes along an axis: a box's neighbours are read again
WIDEST = 64  # samples at a node of the last axis
LONG = 1 << 17  # nodes of an axis whose weights, one set a node, would take more than a few megabytes
STREAMED = 1 << 22  # bytes of an output: smaller ones are wanted in the cache


@dataclass(frozen=True)
class BoxTerm:
    """The derivative `line` of `values` along an axis, to be added to output number `output`."""

    output: int
    values: Array
    axis: int
    line: Line


def divides(term: BoxTerm, width: int) -> bool:
    """Whether the weights along rows are computed from the coordinates where they are needed."""
    values, line = term.values, term.line
    along = line.coordinates is not None and term.axis == values.ndim - 1 and width == 1
    return along and (line.n > LONG or values.size <= FEW_ROWS * line.n)


class Sweep(NamedTuple):
    """Everything as numbers: addresses, strides in bytes, and a row of `terms` for each term."""

    first: Any  # of the nodes that are computed
    last: Any
    tile: Any
    inputs: Any  # (I,) addresses of node 0
    steps: Any  # (I, axes)
    outputs: Any
    strides: Any
    terms: Any
    places: Any
    weights: Any
    width: int  # samples at a node of the last axis
    size: int  # bytes of a sample


# Columns of `terms`: output, input and axis; the first inner node and the first after them; addresses of the row
# operations; taps inside, where their offsets begin in `places` and their weights in `weights`, how far apart the
# weights of two nodes are, and of two taps; the same at the edges; whether the row goes to the sum of several terms.
(
    OUTPUT, INPUT, AXIS, BEGIN, END, ROW_INSIDE, ROW_AT_EDGE, TAPS, OFFSETS, WEIGHTS, BETWEEN, APART,
    EDGE_TAPS, EDGE_OFFSETS, EDGE_WEIGHTS, EDGE_BETWEEN, SUMMED,
) = range(17)  # fmt: skip


@intrinsic
def call(typing: Any, place: Any, n: Any, out: Any, total: Any, taps: Any, weights: Any, stride: Any) -> Any:
    """Call the row operation at an address; all arguments are numbers."""

    def codegen(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        i64, pointer = ir.IntType(64), ir.IntType(8).as_pointer()
        function = ir.FunctionType(i64, [i64, pointer, pointer, pointer, pointer, i64])
        addresses = [builder.inttoptr(value, pointer) for value in given[2:6]]
        return builder.call(builder.inttoptr(given[0], function.as_pointer()), [given[1], *addresses, given[6]])

    return types.int64(*[types.int64] * 7), codegen


@kernel
def sweep(start, stop, plan):
    """Boxes number start, ..., stop - 1."""
    first, last, tile = plan.first, plan.last, plan.tile
    axes = first.size
    low, high, node = np.empty(axes, np.int64), np.empty(axes, np.int64), np.empty(axes, np.int64)
    scratch, taps = np.empty(tile[axes - 1] * plan.width), np.empty(16, np.int64)
    for box in range(start, stop):
        rest = box
        for axis in range(axes - 1, -1, -1):
            count = -(-(last[axis] - first[axis]) // tile[axis])
            low[axis] = first[axis] + rest % count * tile[axis]
            high[axis] = min(low[axis] + tile[axis], last[axis])
            node[axis] = low[axis]
            rest //= count
        _box(low, high, node, scratch.ctypes.data, taps, plan)


@part
def _box(low, high, node, scratch, taps, plan):
    """All rows of a box: one function, because Numba counts the references to an array at every call (0.2 us)."""
    inputs, steps, outputs, strides = plan.inputs, plan.steps, plan.outputs, plan.strides
    terms, places, width = plan.terms, plan.places, plan.width
    last, tap_data, weight_data = low.size - 1, taps.ctypes.data, plan.weights.ctypes.data
    axis = 0
    while axis >= 0:
        for t in range(terms.shape[0]):
            along, begin, end = terms[t, AXIS], terms[t, BEGIN], terms[t, END]
            out, values, total = outputs[terms[t, OUTPUT]], inputs[terms[t, INPUT]], scratch
            for k in range(last + 1):
                out += node[k] * strides[terms[t, OUTPUT], k]
                values += node[k] * steps[terms[t, INPUT], k]
            step = steps[terms[t, INPUT], along]
            values -= node[along] * step
            k, left = node[along], high[last] - low[last]
            while left > 0:
                inside = begin <= k < end
                count = left if along != last else min(left, end - k) if inside else 1
                if inside:
                    taken, at = terms[t, TAPS], terms[t, OFFSETS]
                    for tap in range(taken):
                        taps[tap] = values + (k + places[at + tap]) * step
                    weights = terms[t, WEIGHTS] + (k - begin) * terms[t, BETWEEN]
                else:
                    edge = k if k < begin else k - end + begin
                    taken = terms[t, EDGE_TAPS]
                    at = terms[t, EDGE_OFFSETS] + edge * taken
                    for tap in range(taken):
                        taps[tap] = values + places[at + tap] * step
                    weights = terms[t, EDGE_WEIGHTS] + edge * terms[t, EDGE_BETWEEN]
                place = terms[t, ROW_INSIDE] if inside else terms[t, ROW_AT_EDGE]
                to = total if terms[t, SUMMED] else out
                call(place, count * width, to, total, tap_data, weight_data + 8 * weights, 8 * terms[t, APART])
                out += count * strides[terms[t, OUTPUT], last]
                total += count * width * 8
                left -= count
                k += count
        axis = last - 1
        while axis >= 0:
            node[axis] += 1
            if node[axis] < high[axis]:
                break
            node[axis] = low[axis]
            axis -= 1


# --- from arrays to numbers ------------------------------------------------------------------------------------------


def _tables(terms: list[BoxTerm], sources: list[Array], width: int, *, streams: bool) -> tuple[Array, Array, Array]:
    """`terms`, `places` and `weights` of a plan; `sources` are the terms' inputs, each once."""
    table, places, weights = [], [np.zeros(0, np.int64)], [np.zeros(0)]
    numbers = {id(a): k for k, a in enumerate(sources)}
    last_of = {term.output: n for n, term in enumerate(terms)}
    seen: set[int] = set()
    filled = [0, 0]

    def put(kind: list[Array], position: int, values: Array) -> int:
        kind.append(values.ravel())
        filled[position] += values.size
        return filled[position] - values.size

    for n, term in enumerate(terms):
        output, values, axis, line = term.output, term.values, term.axis, term.line
        goes = SCRATCH if last_of[output] != n else STREAM if streams else PLAIN
        single = values.dtype == np.float32
        along = line.uneven and axis == values.ndim - 1 - (width > 1)
        formula, given, between, apart = _inside(term, width)
        inner = Row(formula, single, along, output in seen, goes)
        edge = Row(line.edge, single, False, output in seen, goes)
        seen.add(output)
        table.append([
            output, numbers[id(values)], axis, line.start, line.stop, rowcode.address(inner), rowcode.address(edge),
            line.inner.taps, put(places, 0, line.offsets), put(weights, 1, given), between, apart,
            line.edge.taps, put(places, 0, line.edge_taps), put(weights, 1, line.edge_weights), line.edge.weights,
            int(goes == SCRATCH),
        ])  # fmt: skip
    return np.array(table, np.int64), np.concatenate(places).astype(np.int64), np.concatenate(weights)


def _inside(term: BoxTerm, width: int) -> tuple[SampleFormula, Array, int, int]:
    """The formula inside, its weights, and how far apart those of two nodes are, and of two taps."""
    line = term.line
    if divides(term, width) and line.coordinates is not None:
        return SampleFormula(THREE_POINTS, 3, line.inner.wide), line.coordinates[line.start - 1 : line.stop + 1], 1, 0
    given = line.inner_weights(line.start, line.stop)
    if line.uneven and term.axis == term.values.ndim - 1 - (width > 1):
        return line.inner, np.repeat(given.T, width, axis=1), width, len(given) * width
    return line.inner, given, line.inner.weights if line.uneven else 0, 0


def sweep_of(
    terms: list[BoxTerm], outputs: list[Array], width: int, first: list[int], tile: list[int], *, streams: bool
) -> Sweep:
    """The arrays have the axes of the terms and, where `width` is not 1, one more; outputs begin at node `first`."""
    axes = len(first)
    sources = list({id(t.values): t.values for t in terms}.values())
    strides = np.array([a.strides[:axes] for a in outputs], np.int64)
    addresses = np.array([a.ctypes.data for a in outputs], np.int64) - strides @ np.array(first, np.int64)
    table, places, weights = _tables(terms, sources, width, streams=streams)
    last = np.array(first) + outputs[0].shape[:axes]
    return Sweep(
        np.array(first, np.int64), last.astype(np.int64), np.array(tile, np.int64),
        np.array([a.ctypes.data for a in sources], np.int64), np.array([a.strides[:axes] for a in sources], np.int64),
        addresses, strides, table, places, weights, width, outputs[0].itemsize,
    )  # fmt: skip


def tile_of(shape: tuple[int, ...], width: int, samples: int, one_row: int) -> list[int]:
    """How many nodes of each axis make a box, and of the only one."""
    tile = [1] * len(shape)
    tile[-1] = min(shape[-1], max((ROW if len(shape) > 1 else one_row) // width, 1))
    budget = max(PLANE // (tile[-1] * width), 1)
    for axis in range(len(shape) - 2, 0, -1):
        tile[axis] = min(shape[axis], max(budget, SHORTEST))
        budget //= tile[axis]
    if len(shape) > 1:
        tile[0] = min(shape[0], max(samples // (prod(tile[1:]) * width), SHORTEST))
    return tile

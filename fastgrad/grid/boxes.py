"""Derivatives of sampled arrays in one pass over memory: all terms of all outputs, row by row, in boxes of nodes.

A box is small enough for the rows that neighbours share to stay in the second-level cache. Arrays that machine code
cannot read as they are (integers, other byte orders, gaps between neighbours) are copied box by box.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise, product
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..engine import threads
from ..engine.jit.kernels import kernel
from ..formulas.spacings import Line
from . import files, rowcode
from .files import File, file_of
from .rowcode import PLAIN, SCRATCH, STREAM, Row, call

Array = NDArray[Any]

ROW = 8192  # samples of a row in a box
ONE_ROW = 1 << 16  # where there is one axis
PLANE = 32768  # samples of a box across its first axis: 256 kB
BOX = 1 << 18  # samples of a box
COPIED_BOX = 1 << 19  # smaller ones leave two threads waiting for each other's Python
SHORTEST = 16  # nodes along an axis: a box's neighbours are read again
WIDEST = 64  # samples at a node of the last axis
LONG = 1 << 17  # nodes of an axis whose weights, one set a node, would take more than a few megabytes
STREAMED = 1 << 22  # bytes of an output: smaller ones are wanted in the cache


@dataclass(frozen=True)
class Term:
    """The derivative `line` of `values` along an axis, to be added to output number `output`."""

    output: int
    values: Array
    axis: int
    line: Line


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


@kernel
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


def _tables(terms: list[Term], sources: list[Array], width: int, *, streams: bool) -> tuple[Array, Array, Array]:
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

    for n, (output, values, axis, line) in enumerate((t.output, t.values, t.axis, t.line) for t in terms):
        goes = SCRATCH if last_of[output] != n else STREAM if streams else PLAIN
        single = values.dtype == np.float32
        along = line.uneven and axis == values.ndim - 1 - (width > 1)
        inner = Row(line.inner, single, along, output in seen, goes)
        edge = Row(line.edge, single, False, output in seen, goes)
        seen.add(output)
        given = line.inner_weights(line.start, line.stop)
        rows_inside = np.repeat(given.T, width, axis=1) if along else given
        between = width if along else line.inner.weights if line.uneven else 0
        apart = len(given) * width if along else 0
        table.append([
            output, numbers[id(values)], axis, line.start, line.stop, rowcode.address(inner), rowcode.address(edge),
            line.inner.taps, put(places, 0, line.offsets), put(weights, 1, rows_inside), between, apart,
            line.edge.taps, put(places, 0, line.edge_taps), put(weights, 1, line.edge_weights), line.edge.weights,
            int(goes == SCRATCH),
        ])  # fmt: skip
    return np.array(table, np.int64), np.concatenate(places).astype(np.int64), np.concatenate(weights)


def _plan(
    terms: list[Term], outputs: list[Array], width: int, first: list[int], tile: list[int], *, streams: bool
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


def _tile(shape: tuple[int, ...], width: int, samples: int) -> list[int]:
    """How many nodes of each axis make a box."""
    tile = [1] * len(shape)
    tile[-1] = min(shape[-1], max((ROW if len(shape) > 1 else ONE_ROW) // width, 1))
    budget = max(PLANE // (tile[-1] * width), 1)
    for axis in range(len(shape) - 2, 0, -1):
        tile[axis] = min(shape[axis], max(budget, SHORTEST))
        budget //= tile[axis]
    if len(shape) > 1:
        tile[0] = min(shape[0], max(samples // (prod(tile[1:]) * width), SHORTEST))
    return tile


# --- arrays ----------------------------------------------------------------------------------------------------------


def compute(
    outputs: list[Array], terms: list[Term], workers: int | None, report: threads.Report | None, *, fresh: bool
) -> None:
    """Write the sums of terms; every output has one, all arrays have the same shape, none of it is zero.

    Memory that is `fresh` comes into the cache when the system clears it: there ordinary stores are faster by a tenth,
    elsewhere those past the cache by half.
    """
    mapped = [f for a in [*outputs, *{id(t.values): t.values for t in terms}.values()] if (f := file_of(a)) is not None]
    written = [file_of(a) for a in outputs]
    outputs, terms = _arranged(outputs, terms)
    working = np.dtype(np.float32 if outputs[0].dtype.itemsize < 8 else np.float64)
    width = _width(outputs, terms)
    axes = outputs[0].ndim - (width > 1)
    shape = outputs[0].shape[:axes]
    long = any(t.line.uneven and t.line.n > LONG for t in terms)
    direct = not long and all(_readable(a, working, axes) for a in [*outputs, *(t.values for t in terms)])
    tile = _tile(shape, width, BOX if direct else COPIED_BOX)
    if direct:
        streams = not fresh and outputs[0].nbytes >= STREAMED
        plan = _plan(terms, outputs, width, [0] * axes, tile, streams=streams)

        def work(start: int, stop: int) -> None:
            sweep(start, stop, plan)
    else:

        def work(start: int, stop: int) -> None:
            for number in range(start, stop):
                _copied_box(number, shape, tile, outputs, terms, width, working)

    across = prod(-(-n // t) for n, t in zip(shape[1:], tile[1:], strict=True))

    def reserve(start: int, stop: int) -> None:
        span = slice(start // across * tile[0], -(-stop // across) * tile[0])
        for file, array in zip(written, outputs, strict=True):
            if file is not None:
                file.reserve(array[span])

    _in_slabs(
        work,
        reserve,
        -(-shape[0] // tile[0]) * across,
        prod(tile) * width * outputs[0].itemsize * (len(outputs) + 1),
        mapped,
        workers or threads.cores(),
        report,
    )


def compute_inside(outputs: list[Array], terms: list[Term], first: list[int]) -> None:
    """As `compute`, on this thread: node `first` of the values is the outputs' first, there are some before and after.

    All arrays lie in memory without gaps, of one type of floating-point numbers.
    """
    if outputs[0].size == 0:
        return
    width = _width(outputs, terms)
    axes = outputs[0].ndim - (width > 1)
    shape = outputs[0].shape[:axes]
    tile = _tile(shape, width, BOX)
    plan = _plan(terms, outputs, width, first[:axes], tile, streams=False)
    sweep(0, prod(-(-n // t) for n, t in zip(shape, tile, strict=True)), plan)


def _in_slabs(
    work: threads.Work,
    reserve: Callable[[int, int], None],
    boxes: int,
    size: int,
    mapped: list[File],
    workers: int,
    report: threads.Report | None,
) -> None:
    """Files leave the process's memory after each slab, and get room on the disk before it."""
    slab = max(files.SLAB // size, 1) if mapped else boxes
    for first in range(0, boxes, slab):
        count = min(slab, boxes - first)
        try:
            reserve(first, first + count)
        except OSError as full:
            kept = f"{first} of {boxes} boxes are finished and kept"
            raise files.no_room(full, kept, "Free some space and call again") from full
        threads.run(
            lambda start, stop, first=first: work(first + start, first + stop),  # type: ignore[misc]
            count,
            workers=workers,
            report=report and (lambda done, _, first=first: report(first + done, boxes)),  # type: ignore[misc]
        )
        for file in mapped:
            file.release()


def _arranged(outputs: list[Array], terms: list[Term]) -> tuple[list[Array], list[Term]]:
    """Without axes of one node, neighbours in memory along the last axis, axes without a derivative joined."""
    model = outputs[0]
    order = [k for k in np.argsort([-abs(s) for s in model.strides], kind="stable") if model.shape[k] > 1]
    used = {order.index(t.axis) for t in terms}
    arrays = {id(a): _transposed(a, order) for a in [*outputs, *(t.values for t in terms)]}
    place = list(range(len(order)))
    for axis in range(len(order) - 1, 0, -1):
        joined = {axis, axis - 1}.isdisjoint(used)
        if joined and all(a.strides[axis - 1] == a.strides[axis] * a.shape[axis] for a in arrays.values()):
            arrays = {key: _joined(a, axis) for key, a in arrays.items()}
            place[axis:] = [k - 1 for k in place[axis:]]
    return (
        [arrays[id(a)] for a in outputs],
        [Term(t.output, arrays[id(t.values)], place[order.index(t.axis)], t.line) for t in terms],
    )


def _transposed(array: Array, order: list[int]) -> Array:
    plain = array.view(np.ndarray)
    some = tuple(slice(None) if n > 1 else 0 for n in plain.shape)
    kept = [k for k, n in enumerate(plain.shape) if n > 1]
    return plain[some].transpose([kept.index(k) for k in order])


def _joined(array: Array, axis: int) -> Array:
    shape, strides = list(array.shape), list(array.strides)
    shape[axis - 1 : axis + 1] = [shape[axis - 1] * shape[axis]]
    del strides[axis - 1]
    return np.lib.stride_tricks.as_strided(array, shape, strides)


def _width(outputs: list[Array], terms: list[Term]) -> int:
    """Samples at a node of the last axis with a derivative: those of a short axis without one."""
    arrays = [*outputs, *(t.values for t in terms)]
    last = arrays[0].ndim - 1
    short = last > 0 and arrays[0].shape[last] <= WIDEST and all(t.axis != last for t in terms)
    wanted = short and any(t.axis == last - 1 for t in terms)
    return arrays[0].shape[last] if wanted and all(_packed(a, last - 1) for a in arrays) else 1


def _packed(array: Array, axis: int) -> bool:
    """Whether the axes from `axis` on lie in memory without gaps."""
    sizes = np.cumprod([array.itemsize, *array.shape[:axis:-1]])[::-1]
    return array.strides[axis:] == tuple(sizes)


def _readable(array: Array, working: np.dtype[Any], axes: int) -> bool:
    return array.dtype == working and array.dtype.isnative and array.flags.aligned and _packed(array, axes - 1)


# --- boxes that are copied -------------------------------------------------------------------------------------------


def _copied_box(
    number: int, shape: tuple[int, ...], tile: list[int], outputs: list[Array], terms: list[Term], width: int,
    working: np.dtype[Any],
) -> None:  # fmt: skip
    """Box by box the same sums, from samples and neighbours in a buffer of the working precision."""
    low = np.array(np.unravel_index(number, [-(-n // t) for n, t in zip(shape, tile, strict=True)])) * tile
    high = np.minimum(low + tile, shape)
    own = tuple(map(slice, low, high))
    nodes = [_nodes_of(axis, *span, terms) for axis, span in enumerate(zip(low, high, strict=True))]
    buffers = {id(t.values): t.values for t in terms}
    buffers = {key: _gathered(values, nodes, working) for key, values in buffers.items()}
    local = [
        Term(t.output, buffers[id(t.values)], t.axis, t.line.part(low[t.axis], high[t.axis], nodes[t.axis]))
        for t in terms
    ]
    direct = all(_readable(a, working, len(shape)) for a in outputs)
    results = [a[own] if direct else np.empty(a[own].shape, working) for a in outputs]
    first = [int(np.searchsorted(n, k)) for n, k in zip(nodes, low, strict=True)]
    sweep(0, 1, _plan(local, results, width, first, list(high - low), streams=False))
    if not direct:
        with np.errstate(all="ignore"):
            for out, result in zip(outputs, results, strict=True):
                out[own] = result


def _nodes_of(axis: int, low: int, high: int, terms: list[Term]) -> Array:
    """What the box needs along an axis; the terms of one axis all read the same neighbours."""
    needed = (t.line.nodes(low, high) for t in terms if t.axis == axis)
    return next(needed, np.arange(low, high))


def _gathered(values: Array, nodes: list[Array], working: np.dtype[Any]) -> Array:
    """The samples at some nodes of each axis."""
    buffer = np.empty([*map(len, nodes), *values.shape[len(nodes) :]], working)
    for parts in product(*map(_runs, nodes)):
        buffer[tuple(to for to, _ in parts)] = values[tuple(source for _, source in parts)]
    return buffer


def _runs(nodes: Array) -> Iterator[tuple[slice, slice]]:
    """Consecutive nodes: their places in the buffer and in the array."""
    ends = [0, *(np.flatnonzero(np.diff(nodes) != 1) + 1), len(nodes)]
    for a, b in pairwise(ends):
        yield slice(a, b), slice(int(nodes[a]), int(nodes[b - 1]) + 1)

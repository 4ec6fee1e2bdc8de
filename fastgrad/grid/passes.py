"""One pass over memory: arrays of any layout arranged for `boxes`, whole files slab by slab, and boxes that are copied.

Arrays that machine code cannot read as they are (integers, other byte orders, gaps between neighbours) are copied box
by box.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise, product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine import threads
from . import boxes, files
from .boxes import BoxTerm, Sweep, sweep, sweep_of, tile_of
from .files import File, file_of

Array = NDArray[Any]


def compute(
    outputs: list[Array], terms: list[BoxTerm], workers: int | None, report: threads.Report | None, *, fresh: bool
) -> None:
    """Write the sums of terms; every output has one, all arrays have the same shape, none of it is zero.

    Memory that is `fresh` comes into the cache when the system clears it: there ordinary stores are faster by a tenth,
    elsewhere those past the cache by half.
    """
    mapped = [f for a in [*outputs, *{id(t.values): t.values for t in terms}.values()] if (f := file_of(a)) is not None]
    written = [file_of(a) for a in outputs]
    outputs, terms = _arranged(outputs, terms)
    width = _width(outputs, terms)
    shape = outputs[0].shape[: outputs[0].ndim - (width > 1)]
    work, tile = _work(outputs, terms, shape, width, fresh=fresh)
    across = prod(-(-n // t) for n, t in zip(shape[1:], tile[1:], strict=True))

    def reserve(start: int, stop: int) -> None:
        span = slice(start // across * tile[0], -(-stop // across) * tile[0])
        for file, array in zip(written, outputs, strict=True):
            if file is not None:
                file.reserve(array[span])

    count, size = -(-shape[0] // tile[0]) * across, prod(tile) * width * outputs[0].itemsize * (len(outputs) + 1)
    _in_slabs(work, reserve, count, size, mapped, workers or threads.cores(), report)


def _work(
    outputs: list[Array], terms: list[BoxTerm], shape: tuple[int, ...], width: int, *, fresh: bool
) -> tuple[threads.Work, list[int]]:
    """What does some of the boxes, and how large they are."""
    working = np.dtype(np.float32 if outputs[0].dtype.itemsize < 8 else np.float64)
    long = any(t.line.uneven and t.line.n > boxes.LONG and not boxes.divides(t, width) for t in terms)
    if not long and all(_readable(a, working, len(shape)) for a in [*outputs, *(t.values for t in terms)]):
        tile = tile_of(shape, width, boxes.BOX, boxes.ONE_ROW)
        streams = not fresh and outputs[0].nbytes >= boxes.STREAMED
        plan = sweep_of(terms, outputs, width, [0] * len(shape), tile, streams=streams)
        return partial(_sweep, plan), tile
    tile = tile_of(shape, width, boxes.COPIED_BOX, boxes.COPIED_BOX)
    return partial(_copied_boxes, shape, tile, outputs, terms, width, working), tile


def _sweep(plan: Sweep, start: int, stop: int) -> None:
    sweep(start, stop, plan)


def compute_inside(outputs: list[Array], terms: list[BoxTerm], first: list[int]) -> None:
    """As `compute`, on this thread: node `first` of the values is the outputs' first, there are some before and after.

    All arrays lie in memory without gaps, of one type of floating-point numbers.
    """
    if outputs[0].size == 0:
        return
    width = _width(outputs, terms)
    axes = outputs[0].ndim - (width > 1)
    shape = outputs[0].shape[:axes]
    tile = tile_of(shape, width, boxes.BOX, boxes.ONE_ROW)
    plan = sweep_of(terms, outputs, width, first[:axes], tile, streams=False)
    sweep(0, prod(-(-n // t) for n, t in zip(shape, tile, strict=True)), plan)


def _in_slabs(
    work: threads.Work,
    reserve: Callable[[int, int], None],
    total: int,
    size: int,
    mapped: list[File],
    workers: int,
    report: threads.Report | None,
) -> None:
    """Files leave the process's memory after each slab, and get room on the disk before it."""
    slab = max(files.SLAB // size, 1) if mapped else total
    for first in range(0, total, slab):
        count = min(slab, total - first)
        try:
            reserve(first, first + count)
        except OSError as full:
            kept = f"{first} of {total} boxes are finished and kept"
            raise files.no_room(full, kept, "Free some space and call again") from full
        threads.run(
            lambda start, stop, first=first: work(first + start, first + stop),  # type: ignore[misc]
            count,
            workers=workers,
            report=report and (lambda done, _, first=first: report(first + done, total)),  # type: ignore[misc]
        )
        for file in mapped:
            file.release()


def _arranged(outputs: list[Array], terms: list[BoxTerm]) -> tuple[list[Array], list[BoxTerm]]:
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
        [BoxTerm(t.output, arrays[id(t.values)], place[order.index(t.axis)], t.line) for t in terms],
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


def _width(outputs: list[Array], terms: list[BoxTerm]) -> int:
    """Samples at a node of the last axis with a derivative: those of a short axis without one."""
    arrays = [*outputs, *(t.values for t in terms)]
    last = arrays[0].ndim - 1
    short = last > 0 and arrays[0].shape[last] <= boxes.WIDEST and all(t.axis != last for t in terms)
    wanted = short and any(t.axis == last - 1 for t in terms)
    return arrays[0].shape[last] if wanted and all(_packed(a, last - 1) for a in arrays) else 1


def _packed(array: Array, axis: int) -> bool:
    """Whether the axes from `axis` on lie in memory without gaps."""
    sizes = np.cumprod([array.itemsize, *array.shape[:axis:-1]])[::-1]
    return array.strides[axis:] == tuple(sizes)


def _readable(array: Array, working: np.dtype[Any], axes: int) -> bool:
    return array.dtype == working and array.dtype.isnative and array.flags.aligned and _packed(array, axes - 1)


# --- boxes that are copied -------------------------------------------------------------------------------------------


def _copied_boxes(
    shape: tuple[int, ...], tile: list[int], outputs: list[Array], terms: list[BoxTerm], width: int,
    working: np.dtype[Any], start: int, stop: int,
) -> None:  # fmt: skip
    for number in range(start, stop):
        _copied_box(number, shape, tile, outputs, terms, width, working)


def _copied_box(
    number: int, shape: tuple[int, ...], tile: list[int], outputs: list[Array], terms: list[BoxTerm], width: int,
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
        BoxTerm(t.output, buffers[id(t.values)], t.axis, t.line.part(low[t.axis], high[t.axis], nodes[t.axis]))
        for t in terms
    ]
    direct = all(_readable(a, working, len(shape)) for a in outputs)
    results = [a[own] if direct else np.empty(a[own].shape, working) for a in outputs]
    first = [int(np.searchsorted(n, k)) for n, k in zip(nodes, low, strict=True)]
    sweep(0, 1, sweep_of(local, results, width, first, list(high - low), streams=False))
    if not direct:
        with np.errstate(all="ignore"):
            for out, result in zip(outputs, results, strict=True):
                out[own] = result


def _nodes_of(axis: int, low: int, high: int, terms: list[BoxTerm]) -> Array:
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

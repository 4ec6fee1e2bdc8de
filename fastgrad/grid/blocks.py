"""Derivatives of samples in a dask array: each block with a margin of its neighbours, by the whole axis's formulas."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..chunks.lazy import check_sizes, dask_array, refuse_options
from ..engine.arguments import Options
from ..formulas.spacings import Line
from ..llvm.interrupts import loading
from .numbers import contiguous, pairs

Array = NDArray[Any]
Term = tuple[int, Any, int, Line]

TYPES = {np.dtype(kind) for kind in (np.float32, np.float64, np.complex64, np.complex128)}


def check_samples(values: Any, name: str = "values") -> Any:
    """`values`, a dask array of numbers whose shape is known."""
    check_sizes(name, values)
    known = values.dtype.kind in "iu" or values.dtype.newbyteorder("=") in TYPES
    if type(values._meta) is not np.ndarray or not known:
        masked = isinstance(values._meta, np.ma.MaskedArray)
        advice = f"dask.array.ma.filled({name}, numpy.nan)" if masked else f"{name}.astype(float)"
        msg = (
            f"{name} must be a dask array of plain float32, float64, complex64, complex128 or integers, got "
            f"{type(values._meta).__name__} of {values.dtype}; write {advice}"
        )
        raise TypeError(msg)
    return values


@dataclass(frozen=True)
class Piece:
    """What a task knows of one axis.

    Attributes
    ----------
    first, count : int
        Its own nodes among those of the block with its margins.
    order : ndarray, optional
        The places of these in the block, sorted as the nodes are; None where they are as they come.
    lines : dict
        The formula of each term along this axis.
    """

    first: int
    count: int
    order: Array | None
    lines: dict[int, Line]


@dataclass(frozen=True)
class _Axis:
    """The chunks along an axis, how far blocks reach into their neighbours, whether the ends meet, and the formulas."""

    sizes: tuple[int, ...]
    margin: int
    closed: bool
    lines: dict[int, Line]


def derivatives(terms: list[Term], outputs: int, dtype: np.dtype[Any], how: Options) -> Any:
    """The sums of terms as a lazy array of shape (outputs, ...), or of that of the values where there is one output.

    Each term is (output, values, axis, line).
    """
    da = dask_array()
    refuse_options(how)
    if len(terms) > outputs:
        terms = [(o, values, axis, line.widened()) for o, values, axis, line in terms]
    parts = {id(values): values for _, values, _, _ in terms}
    model = terms[0][1]
    axes = {
        k: _axis(model.chunks[k], {t: term[3] for t, term in enumerate(terms) if term[2] == k}) for k in _axes(terms)
    }
    chunks = tuple(axes[k].sizes if k in axes else sizes for k, sizes in enumerate(model.chunks))
    index = tuple(range(model.ndim))
    inputs: list[Any] = []
    for values in parts.values():
        inputs += [_with_margins(da, values.rechunk(chunks), axes), index]
    for k, axis in axes.items():
        inputs += [da.from_array(_pieces(axis), chunks=1), (k,)]
    several = {-1: outputs} if outputs > 1 else {}
    return da.blockwise(
        _block, (*several, *index), *inputs, new_axes=several, adjust_chunks=dict(enumerate(chunks)),
        align_arrays=False, dtype=dtype, meta=np.empty((0,) * (len(several) + model.ndim), dtype), axes=tuple(axes),
        plan=tuple((o, list(parts).index(id(values)), k) for o, values, k, _ in terms), outputs=outputs, kind=dtype.str,
    )  # fmt: skip


def _axes(terms: list[Term]) -> list[int]:
    return sorted({axis for _, _, axis, _ in terms})


def _axis(sizes: tuple[int, ...], lines: dict[int, Line]) -> _Axis:
    """The terms of one axis reach equally far."""
    merged = _merged(sizes, max(map(_shortest, lines.values())))
    reach = max(int(np.abs(line.offsets).max()) for line in lines.values())
    return _Axis(merged, reach if len(merged) > 1 else 0, any(map(_is_closed, lines.values())), lines)


def _with_margins(da: Any, values: Any, axes: dict[int, _Axis]) -> Any:
    margins = {k: axis.margin for k, axis in axes.items()}
    ends = {k: "periodic" if axis.closed else "none" for k, axis in axes.items()}
    return da.overlap.overlap(values, margins, ends) if any(margins.values()) else values


def _is_closed(line: Line) -> bool:
    """Whether the first node reads the last one: the axis is periodic, or so short that it makes no difference."""
    return bool(line.edge_taps[0].max() == line.n - 1)


def _shortest(line: Line) -> int:
    """The fewest nodes of a chunk: margins are as wide as the formulas inside, those at the edges may reach further."""
    margin = int(np.abs(line.offsets).max())
    if _is_closed(line):
        return max(margin, 2)
    left, right = line.edge_taps[: line.start], line.edge_taps[line.start :]
    return max(margin, int(left.max()) + 1, line.n - int(right.min()), 2)


def _merged(sizes: tuple[int, ...], shortest: int) -> tuple[int, ...]:
    """Chunks that are too small, together with their neighbours."""
    merged: list[int] = []
    for size in sizes:
        if merged and (merged[-1] < shortest or size == 0):
            merged[-1] += size
        else:
            merged.append(size)
    if len(merged) > 1 and merged[-1] < shortest:
        last = merged.pop()
        merged[-1] += last
    return tuple(merged)


def _pieces(axis: _Axis) -> Array:
    """A piece for each chunk along an axis."""
    n, margin = sum(axis.sizes), axis.margin
    pieces = np.empty(len(axis.sizes), dtype=object)
    for k, high in enumerate(np.cumsum(axis.sizes).tolist()):
        low = high - axis.sizes[k]
        places = np.arange(low - margin, high + margin)
        places = places % n if axis.closed else places[(places >= 0) & (places < n)]
        nodes, order = np.unique(places, return_index=True)
        local = {t: line.part(low, high, nodes).stored() for t, line in axis.lines.items()}
        as_is = len(nodes) == len(places) and bool((np.diff(order) == 1).all())
        pieces[k] = Piece(int(np.searchsorted(nodes, low)), axis.sizes[k], None if as_is else order, local)
    return pieces


def _block(*given: Any, axes: tuple[int, ...], plan: tuple[Any, ...], outputs: int, kind: str) -> Array:
    """One task: the derivatives in a block, of arrays that have margins."""
    with loading(f"{__package__}.passes"):
        from . import boxes, passes  # noqa: PLC0415  which loads Numba

    pieces = {axis: piece[0] for axis, piece in zip(axes, given[len(given) - len(axes) :], strict=True)}
    dtype = np.dtype(kind)
    arrays = [reduce(_sorted, pieces.items(), part) for part in given[: len(given) - len(axes)]]
    arrays = [contiguous(part, dtype) for part in arrays]
    shape = tuple(pieces[k].count if k in pieces else n for k, n in enumerate(arrays[0].shape))
    first = [pieces[k].first if k in pieces else 0 for k in range(len(shape))] + [0]  # of the pairs of complex numbers
    results, sources = np.empty((outputs, *shape), arrays[0].dtype), list(map(pairs, arrays))
    terms = [boxes.BoxTerm(o, sources[k], axis, pieces[axis].lines[t]) for t, (o, k, axis) in enumerate(plan)]
    passes.compute_inside(list(map(pairs, results)), terms, first)
    return (results if outputs > 1 else results[0]).astype(dtype, copy=False)


def _sorted(values: Array, piece: tuple[int, Piece]) -> Array:
    """The nodes along an axis in their order: at a periodic seam the last ones come first."""
    axis, order = piece[0], piece[1].order
    return values if order is None else values.take(order, axis)

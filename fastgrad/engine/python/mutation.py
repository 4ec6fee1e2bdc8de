"""Losses that read live arrays: the elements of the caller's own arrays are moved in place, one at a time.

Each element is restored bit for bit, also when the loss raises or Ctrl-C arrives.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...formulas.stencils import Stencil
from .. import forks
from ..threads import Report

Array = NDArray[Any]
Value = TypeVar("Value")

WRITES = (
    "f writes into its argument, the array whose elements are being moved; x has been restored. Let f work on a copy "
    "(x = x.copy()), or use fastgrad.gradient(f, x), which notices and passes copies"
)
RESHAPES = (
    "f changes the shape, the dtype or the flags of its argument, the array whose elements are being moved; x has been "
    "restored. Let f work on a view (x = x.reshape(-1), x = x.view(complex)), or use fastgrad.gradient(f, x), which "
    "passes copies"
)


def sums(
    value: Callable[[], float],
    arrays: Sequence[Array],
    places: Sequence[NDArray[np.intp]],
    steps: Sequence[Any],
    formula: Stencil,
    *,
    workers: int = 1,
    report: Report | None = None,
) -> list[Array]:
    """The stencil's sums of `value` for the elements of each array at `places` (flat), moved by `steps`.

    With several workers the work is forked; where a fork is not possible it is done here, and a warning says why, once.
    """
    starts = np.cumsum([0] + [len(p) for p in places]).tolist()
    forking = workers > 1 and starts[-1] > 1 and forks.possible(arrays)
    out = forks.shared((starts[-1],)) if forking else np.empty(starts[-1])

    def work(start: int, stop: int, tick: Report | None = None) -> None:
        for k, array in enumerate(arrays):
            first, last = max(start, starts[k]), min(stop, starts[k + 1])
            if first < last:
                chosen = places[k][first - starts[k] : last - starts[k]]
                _move_each(value, array, chosen, steps[k], formula, out[first:last], tick, first, starts[-1])

    def work_apart(start: int, stop: int) -> None:
        work(start, stop)
        check_unchanged(arrays, originals)  # this child's copies, which nobody sees later

    with unwritten(arrays) as originals:
        if forking:
            forks.run(work_apart, starts[-1], workers, report)
        else:
            work(0, starts[-1], report)
    return [out[a:b] for a, b in pairwise(starts)]


def _move_each(
    value: Callable[[], float],
    array: Array,
    places: NDArray[np.intp],
    step: Any,
    formula: Stencil,
    out: Array,
    tick: Report | None,
    done: int,
    total: int,
) -> None:
    elements, center = _elements(array), float(value()) if formula.base >= 0 else 0.0
    h: Any = None if np.ndim(step) == 0 else _elements(np.reshape(step, -1))
    shifts = [k * step for k in formula.displaced] if h is None else []
    for n, place in enumerate(places.tolist()):
        moved = values_around(value, elements, place, shifts or [k * h[place] for k in formula.displaced])
        out[n] = _sum([*map(float, moved), center], formula.pairs)  # Python's floats do not warn of inf - inf
        if tick:
            tick(done + n + 1, total)


def values_around(value: Callable[[], Value], elements: Any, place: Any, shifts: Iterable[Any]) -> list[Value]:
    """What `value` is where one element is moved by each of these. Where it raises, whoever asks puts all back.

    The element is read now: what f wrote there when another one was moved is then not put right unseen.
    """
    saved, values = elements[place], []
    for shift in shifts:
        elements[place] = there = saved + shift
        values.append(value())
        if elements[place] != there and there == there:  # noqa: PLR0124  not NaN
            raise ValueError(WRITES)
    elements[place] = saved
    return values


def _sum(values: list[float], terms: tuple[tuple[int, int, int], ...]) -> float:
    total = -0.0  # changes no bit of what is added
    for number, a, b in terms:
        total += number * (values[a] - values[b])
    return total


def _elements(array: Array) -> Any:
    """The elements by one index, in place."""
    flat = array.reshape(-1)
    return floats(flat) if np.may_share_memory(flat, array) else array.flat


def floats(flat: Array) -> Any:
    """Elements in a row, those of float64 as Python's floats, which are twice as fast.

    A memoryview has none of those that are unaligned, nor of those whose dtype says the machine's own byte order by
    name, as what SciPy reads from MATLAB's files does.
    """
    data = flat.data
    return data if data.format == "d" else flat


def check_unchanged(arrays: Sequence[Array], originals: Sequence[Array], writer: str = WRITES) -> None:
    """Raise ValueError where f, or another writer, has written into the arrays, or has given them another form."""
    if not all(map(_is_alike, arrays, originals)):
        raise ValueError(RESHAPES)
    if not all(map(_same, arrays, originals)):
        raise ValueError(writer)


def _is_alike(a: Array, b: Array) -> bool:
    """Whether shape and dtype are equal, and what could be written still can be."""
    return a.shape == b.shape and a.dtype == b.dtype and a.flags.writeable >= b.flags.writeable


def _same(a: Array, b: Array) -> bool:
    """Whether the bits are equal. A longdouble has six bytes that are no part of its number: signs and values count."""
    if a.dtype.char != "g":
        bits = f"u{a.itemsize}"
        return bool(np.array_equal(a.view(bits), b.view(bits)))
    return bool(np.array_equal(a, b, equal_nan=True) and (np.signbit(a) == np.signbit(b)).all())


@contextmanager
def unwritten(arrays: Sequence[Array]) -> Iterator[list[Array]]:
    """Elements are moved and put back within; where f raises, or writes into them, which raises, all are restored."""
    originals = [array.copy() for array in arrays]
    try:
        yield originals
        check_unchanged(arrays, originals)
    except BaseException as error:
        alike = all(map(_is_alike, arrays, originals))
        restore(arrays, originals)
        if not alike and isinstance(error, (IndexError, TypeError, ValueError)):
            raise ValueError(RESHAPES) from error
        raise


@contextmanager
def restored(arrays: Sequence[Array], copies: Sequence[Array] | None = None) -> Iterator[Sequence[Array]]:
    """What is moved within is put back, from copies of what was there, which there are already or are made."""
    originals = [array.copy() for array in arrays] if copies is None else copies
    try:
        yield originals
    finally:
        restore(arrays, originals)


def restore(arrays: Sequence[Array], originals: Sequence[Array]) -> None:
    """Put the elements back, bit for bit."""
    for array, original in zip(arrays, originals, strict=True):
        if not _is_alike(array, original):
            _reshape(array, original)
        array[...] = original


def _reshape(array: Any, original: Array) -> None:
    """Give an array its form back, in place as f took it, of which newer NumPys warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        array.flags.writeable, array.dtype = True, original.dtype
        if array.size != original.size:
            array.resize(original.shape, refcheck=False)
        array.shape = original.shape


@contextmanager
def held(params: Any, who: str = "f") -> Iterator[None]:
    """Raise ValueError where another array is put into a dict within: those that it has are moved, and put back."""
    own = params if isinstance(params, dict) else {}
    before = dict(own)
    try:
        yield
    finally:
        others = {name: w for name, w in before.items() if own.get(name) is not w}
        own.update(others)
    if others:
        msg = (
            f"{who} puts another array in the place of {', '.join(map(repr, others))} in its argument, where elements "
            f"of the one that was there are being moved; it has been put back. Let {who} work on a dict of its own "
            "(params = dict(params))"
        )
        raise ValueError(msg)

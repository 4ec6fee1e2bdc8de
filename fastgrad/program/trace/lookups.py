"""Elements of arrays at integers that are traced: entries of tables of numbers, choices between all of other arrays."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..entries import ENTRY
from .arrays import FUNCTIONS, Symbols, elementwise, holds_symbols, is_mask, method, wrap
from .elementwise import guard, logical_and, select
from .parts import picked
from .reductions import numbers, objects, only
from .refusals import refuse
from .symbols import RULES, Symbol

LONGEST = 256
"""Elements along an axis from which one is chosen."""
FEW = 16
"""Numbers among which one is chosen as fast as it is read from a table."""
LARGEST = 2**20
"""Numbers of a table: 8 MB, which a kernel holds once more."""
_SELECT = np.frompyfunc(select, 3, 1)
_KINDS = {float: np.float64, int: np.int64}


def holds_places(index: Any) -> bool:
    """Whether an index is an array with traced integers, as np.argsort gives it, or a tuple with such or with one."""
    if isinstance(index, tuple):
        return any(type(part) is Symbol or holds_places(part) for part in index)
    return isinstance(index, np.ndarray) and index.dtype == object and not is_mask(index) and holds_symbols(index)


def at(array: Symbols, place: Symbol) -> Any:
    """The element at a traced integer."""
    return picked(array, place, _of_numbers(_as_table(array), (place,)))


def put_all(array: Symbols, index: tuple[Any, ...], value: Any) -> None:
    """Write at some traced integers, known ones and slices: each element stays as it is where its place is another."""
    if any(part is None or isinstance(part, np.ndarray) for part in index):
        refuse("f writes at traced integers together with arrays or new axes; write a loop over a[i, j] = value")
    index = _without_ellipsis(array, index)
    axes = [axis for axis, part in enumerate(index) if isinstance(part, Symbol)]
    lengths, plain = [array.shape[axis] for axis in axes], array.view(np.ndarray)
    if prod(lengths) > LONGEST:
        refuse(f"f writes at one of {prod(lengths)} places that traced integers name, at most {LONGEST} are traced")
    for axis in axes:
        _check_kind(index[axis])
    here = [is_at(index[axis], length) for axis, length in zip(axes, lengths, strict=True)]
    for place in np.ndindex(*lengths):
        some = list(index)
        for axis, k in zip(axes, place, strict=True):
            some[axis] = k
        is_here: Any = True
        for masks, k in zip(here, place, strict=True):
            is_here = logical_and(is_here, masks[k])
        plain[tuple(some)] = _SELECT(is_here, value, there(plain[tuple(some)]))


def there(values: Any) -> Any:
    """What lies in an array: where nothing has been written yet, NaN."""
    plain = objects(values)
    unset = np.array([value is None for value in plain.flat]).reshape(plain.shape)
    return np.where(unset, np.nan, plain) if unset.any() else values


def _without_ellipsis(array: Any, index: tuple[Any, ...]) -> tuple[Any, ...]:
    places = [k for k, part in enumerate(index) if part is Ellipsis]
    if not places:
        return index
    used = sum(part is not None for part in index) - 1
    return (*index[: places[0]], *[slice(None)] * (array.ndim - used), *index[places[0] + 1 :])


def _chosen(array: Symbols, place: Symbol) -> Any:
    """A choice between all elements along the first axis."""
    check_place(array, place)
    values = array.view(np.ndarray)
    found = objects(values[0]) if len(values) else np.full(values.shape[1:], np.nan, dtype=object)
    for k, is_here in enumerate(is_at(place, len(values))):
        found = _SELECT(is_here, values[k], found) if k else found
    return wrap(found)


def check_place(array: Symbols, place: Symbol) -> None:
    """Refuse what NumPy does, and arrays that are too long."""
    _check_kind(place)
    if len(array) > LONGEST:
        refuse(f"f picks one of {len(array)} elements by a traced index, at most {LONGEST} are traced; write np.where")


def _check_kind(place: Symbol) -> None:
    if place.key not in place.trace.integers and place.type.kind not in "iu":
        refuse("f uses a traced float as an index, which NumPy refuses; write int(...)")


def is_at(place: Symbol, count: int) -> list[Any]:
    """For each place whether it is that one, from either end; beyond both f raises."""
    start = _from_start(place, count)
    return [start == float(k) for k in range(count)]


def _from_start(place: Symbol, count: int) -> Any:
    """A place counted from the start; where it is beyond both ends f raises."""
    guard(select(logical_and(place >= -float(count), place < float(count)), 0.0, np.nan))
    return select(place < 0.0, place + float(count), place)


def at_all(array: Any, index: Any) -> Any:
    """The elements at an array of places, or at a tuple of places, arrays of them, integers and slices."""
    table = _as_table(array)
    if not isinstance(index, tuple):
        return _of_arrays(table, (index,))
    index = tuple(np.asarray(part) if isinstance(part, list) else part for part in index)
    if any(isinstance(part, np.ndarray) for part in index):
        return _of_arrays(table, index)
    return picked(array, index, _of_numbers(table, index))


def _as_table(array: Any) -> Any:
    """An array of numbers that NumPy would give as float64 or int64 as one of these; others as they are."""
    values = array.view(np.ndarray)
    if values.dtype == object and FEW < values.size <= LARGEST:
        kind, *others = {*map(type, values.ravel().tolist())}
        return array if others or kind not in _KINDS else values.astype(_KINDS[kind])
    return values if values.dtype in (np.float64, np.int64) and values.size <= LARGEST else wrap(objects(array))


def _of_arrays(array: Any, index: tuple[Any, ...]) -> Any:
    """Places that are broadcast together, one for each of the first axes."""
    if any(not isinstance(part, (np.ndarray, Symbol, int, np.integer)) or is_mask(part) for part in index):
        refuse("f picks elements at traced integers together with slices or masks; write a loop, or np.take_along_axis")
    places = np.broadcast_arrays(*map(objects, index))
    rest = array.shape[len(index) :]
    found = np.empty((places[0].size, *rest), dtype=object)
    for k, some in enumerate(zip(*(part.ravel().tolist() for part in places), strict=True)):
        found[k] = _of_numbers(array, some)
    return wrap(found.reshape((*places[0].shape, *rest)))


def _of_numbers(array: Any, index: tuple[Any, ...]) -> Any:
    """One place along some axes, and slices along others."""
    index = _without_ellipsis(array, index)
    if array.dtype != object and _may_be_read(array, index):
        return _entries(array, index)
    found, axis = wrap(objects(array)), 0
    for part in index:
        before: tuple[Any, ...] = (slice(None),) * axis
        if isinstance(part, Symbol):
            found = _chosen(wrap(np.moveaxis(objects(found), axis, 0)), part)
        elif isinstance(part, (slice, type(None))):
            found, axis = wrap(objects(found)[(*before, part)]), axis + 1
        else:
            found = wrap(objects(found)[(*before, int(part))])
    return found


def _may_be_read(table: NDArray[Any], index: tuple[Any, ...]) -> bool:
    """Whether elements are at one of many places, and there is not more than one at each of few."""
    axes = [part for part in index if part is not None]
    lengths = [length for part, length in zip(axes, table.shape, strict=False) if isinstance(part, Symbol)]
    return len(axes) <= table.ndim and prod(lengths) > FEW


def _entries(table: NDArray[Any], index: tuple[Any, ...]) -> Any:
    """The entries of a table of numbers at traced places."""
    known = table[tuple(slice(None) if isinstance(part, Symbol) else part for part in index)]
    kept = [part for part in index if isinstance(part, (Symbol, slice, type(None)))]
    axes = [axis for axis, part in enumerate(kept) if isinstance(part, Symbol)]
    rows = np.moveaxis(known, axes, range(len(axes)))
    place, shape = _row(rows, [part for part in index if isinstance(part, Symbol)]), rows.shape[len(axes) :]
    found, count = np.empty(prod(shape), dtype=object), prod(shape)
    operand = ("t", rows.astype(np.float64).tobytes())
    for k in range(count):
        here = place * float(count) + float(k) if count > 1 else place
        found[k] = place.trace.node(ENTRY, operand, here.key)
        if table.dtype.kind == "i":
            place.trace.count(found[k].key)
    return wrap(found.reshape(shape))[()]


def read(table: NDArray[np.float64], place: Symbol) -> Any:
    """The number at a place that lies within a table."""
    return place.trace.node(ENTRY, ("t", table.tobytes()), place.key)


def count_below(x: Symbol, places: NDArray[np.float64], *, equal: bool) -> Any:
    """How many numbers in ascending order are below x, or equal to it, by halves; those below NaN are all."""
    levels = len(places).bit_length()
    table = np.append(places, np.full(2**levels - 1 - len(places), np.inf))
    exceeds, found = RULES[np.greater if equal else np.greater_equal], 0.0
    for level in reversed(range(levels)):
        at: Any = found + (2.0**level - 1.0)
        there = read(table, at) if isinstance(at, Symbol) else float(table[int(at)])
        found = select(exceeds(there, x), found, found + 2.0**level)
    count: Symbol = RULES[np.minimum](found, float(len(places)))
    count.trace.count(count.key)
    return count


def _row(rows: NDArray[Any], places: list[Symbol]) -> Any:
    """The number of a row, by its places along the first axes."""
    found: Any = None
    for part, length in zip(places, rows.shape, strict=False):
        _check_kind(part)
        start = _from_start(part, length)
        found = start if found is None else found * float(length) + start
    return found


def _take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: Any = "raise") -> Any:
    """np.take at places that may be traced; beyond the ends f raises, unless they are cut or go round."""
    only("out", out)
    if not holds_symbols(indices):
        return wrap(np.take._implementation(objects(a), indices, axis, None, mode))  # type: ignore[attr-defined]
    array = np.ravel(a) if axis is None else np.moveaxis(np.asarray(a), axis, 0)
    places = numbers(indices)
    if mode == "wrap":
        places = elementwise(np.remainder, places, len(array))
    elif mode == "clip":
        places = elementwise(np.minimum, elementwise(np.maximum, places, 0), len(array) - 1)
    found = at_all(array, np.asarray(places, dtype=object).view(Symbols))
    first = 0 if axis is None else int(axis) % np.ndim(a)
    return np.moveaxis(found, range(places.ndim), range(first, first + places.ndim))


def _take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Any:
    """As NumPy's, whose places in the other axes are all."""
    if axis is None:
        arr, axis = np.ravel(arr), 0
    places, axis = numbers(indices), axis % np.ndim(arr)
    shape = [range(n) for n in places.shape]
    index = np.ix_(*[np.array(r) for r in shape])
    whole = [wrap(places) if k == axis else part for k, part in enumerate(index)]
    return at_all(arr, tuple(whole)) if len(whole) > 1 else at_all(arr, whole[0])


FUNCTIONS[np.take_along_axis] = _take_along_axis
FUNCTIONS[np.take] = _take
method("take", _take)

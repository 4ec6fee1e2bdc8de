"""Elements of arrays at integers that are traced: choices between all that there are."""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrays import Symbols, holds_symbols, is_mask, wrap
from .elementwise import guard, logical_and, select
from .reductions import objects
from .refusals import refuse
from .symbols import Symbol

LONGEST = 256
"""Elements along an axis from which one is chosen."""
_SELECT = np.frompyfunc(select, 3, 1)


def holds_places(index: Any) -> bool:
    """Whether an index is an array with traced integers, as np.argsort gives it, or a tuple with such or with one."""
    if isinstance(index, tuple):
        return any(type(part) is Symbol or holds_places(part) for part in index)
    return isinstance(index, np.ndarray) and index.dtype == object and not is_mask(index) and holds_symbols(index)


def at(array: Symbols, place: Symbol) -> Any:
    """The element at a traced integer: a choice between all."""
    check_place(array, place)
    values = array.view(np.ndarray)
    found = objects(values[0]) if len(values) else np.full(values.shape[1:], np.nan, dtype=object)
    for k, is_here in enumerate(is_at(place, len(values))):
        found = _SELECT(is_here, values[k], found) if k else found
    return wrap(found)


def check_place(array: Symbols, place: Symbol) -> None:
    """Refuse what NumPy does, and arrays that are too long."""
    if place.key not in place.trace.integers and place.type.kind not in "iu":
        refuse("f uses a traced float as an index, which NumPy refuses; write int(...)")
    if len(array) > LONGEST:
        refuse(f"f picks one of {len(array)} elements by a traced index, at most {LONGEST} are traced; write np.where")


def is_at(place: Symbol, count: int) -> list[Any]:
    """For each place whether it is that one, from either end; beyond both f raises."""
    guard(select(logical_and(place >= -float(count), place < float(count)), 0.0, np.nan))
    from_start = select(place < 0.0, place + float(count), place)
    return [from_start == float(k) for k in range(count)]


def at_all(array: Symbols, index: Any) -> Any:
    """The elements at an array of places, or at a tuple of places, arrays of them, integers and slices."""
    if not isinstance(index, tuple):
        return _of_arrays(array, (index,))
    if any(isinstance(part, np.ndarray) for part in index):
        return _of_arrays(array, index)
    return _of_numbers(array, index)


def _of_arrays(array: Symbols, index: tuple[Any, ...]) -> Any:
    """Places that are broadcast together, one for each of the first axes."""
    if any(not isinstance(part, (np.ndarray, Symbol, int, np.integer)) or is_mask(part) for part in index):
        refuse("f picks elements at traced integers together with slices or masks; write a loop, or np.take_along_axis")
    places = np.broadcast_arrays(*map(objects, index))
    rest = array.shape[len(index) :]
    found = np.empty((places[0].size, *rest), dtype=object)
    for k, some in enumerate(zip(*(part.ravel().tolist() for part in places), strict=True)):
        found[k] = _of_numbers(array, some)
    return wrap(found.reshape(*places[0].shape, *rest))


def _of_numbers(array: Any, index: tuple[Any, ...]) -> Any:
    """One place along some axes, and slices along others."""
    used = sum(part is not None and part is not Ellipsis for part in index)
    if Ellipsis in index:
        k = index.index(Ellipsis)
        index = (*index[:k], *[slice(None)] * (array.ndim - used), *index[k + 1 :])
    found, axis = array, 0
    for part in index:
        before: tuple[Any, ...] = (slice(None),) * axis
        if isinstance(part, Symbol):
            found = at(wrap(np.moveaxis(objects(found), axis, 0)), part)
        elif isinstance(part, (slice, type(None))):
            found, axis = wrap(objects(found)[(*before, part)]), axis + 1
        else:
            found = wrap(objects(found)[(*before, int(part))])
    return found

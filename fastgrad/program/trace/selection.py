"""Elements of arrays of symbols: what an index picks, what is written there, and where a condition holds."""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrays import (
    FUNCTIONS,
    Objects,
    Symbols,
    as_float,
    as_floats,
    elementwise,
    holds_complex,
    holds_symbols,
    is_mask,
    method,
    real,
    type_of_first,
)
from .elementwise import select
from .lookups import at, at_all, check_place, holds_places, is_at, put_all, there
from .parts import check_is_whole, note_written
from .reductions import objects
from .refusals import refuse
from .selected import Selected, SelectedPlaces
from .symbols import Flag, Symbol

_SELECT = np.frompyfunc(select, 3, 1)
_get, _set = np.ndarray.__getitem__, np.ndarray.__setitem__
_KNOWN = (int, slice, type(None), type(Ellipsis))


def _is_traced_mask(index: Any) -> bool:
    return isinstance(index, (np.ndarray, Flag)) and index.dtype == object and is_mask(index) and holds_symbols(index)


def is_traced_index(index: Any) -> bool:
    """Whether an index is a traced integer, an array or a tuple of some, or a mask that is traced."""
    if isinstance(index, (Symbol, SelectedPlaces)):
        return True
    return type(index) not in _KNOWN and (_is_traced_mask(index) or holds_places(index))


def _known(index: Any) -> Any:
    """An index without arrays of symbols: those that hold numbers or bools only are NumPy's own."""
    if isinstance(index, tuple):
        return tuple(map(_known, index))
    if isinstance(index, SelectedPlaces):
        refuse("f picks elements at the places where a condition holds, together with others; write np.where(c, a, b)")
    return real(index) if isinstance(index, Symbols) and is_mask(index) and not holds_symbols(index) else index


def _scalar(value: Any) -> Any:
    """An element as NumPy gives it: of an array of floats a float64."""
    kind = type(value)
    return np.float64(value) if kind is float or kind is int else np.bool_(value) if kind is bool else value


def _getitem(self: Symbols, index: Any) -> Any:
    if type(index) in _KNOWN:
        return _scalar(_get(self, index))
    if type(index) is Symbol:
        return at(self, index)
    index = index.mask if isinstance(index, SelectedPlaces) else index
    if isinstance(index, np.ndarray) and _is_traced_mask(index):
        return Selected(self.copy(), _as_wide(index, self), np.ndim(index))
    if holds_places(index):
        return at_all(self, index)
    return _scalar(_get(self, _known(index)))


def _put(self: Symbols, place: Symbol, value: Any) -> None:
    """An element at a traced integer is written: each stays as it is where it is another one."""
    check_place(self, place)
    new = objects(_stored(self, value))
    for k, is_here in enumerate(is_at(place, len(self))):
        _set(self, k, _SELECT(is_here, new, there(self.view(np.ndarray)[k])))


def _setitem(self: Symbols, index: Any, value: Any) -> None:
    check_is_whole(self, value)
    index = index.mask if isinstance(index, SelectedPlaces) else index
    if type(index) is Symbol:
        _put(self, index, value)
        note_written(self, index)
        return
    if isinstance(index, tuple) and any(type(part) is Symbol for part in index) and not isinstance(value, Selected):
        put_all(self, index, objects(_stored(self, value)))
        note_written(self, index)
        return
    if _is_traced_mask(index):
        mask = _as_wide(index, self)
        new = value.written(mask) if isinstance(value, Selected) else value
        if new is value and np.ndim(value):
            refuse("f assigns an array through a mask; write np.where(mask, new, old)")
        _set(self, ..., _SELECT(mask, objects(_stored(self, new)), there(self.view(np.ndarray))))
    elif isinstance(value, Selected):
        refuse("f writes elements that a mask selects to other places; write np.where(mask, a, b)")
    else:
        _set(self, _known(index), _stored(self, value))


def _stored(target: Symbols, value: Any) -> Any:
    """A value as the elements of an array hold it: in one of floats masks and integers become floats."""
    kind = type_of_first(target).kind
    if kind == "b":
        return value if is_mask(np.asarray(value, dtype=object)) else refuse(_NUMBERS)
    if kind not in "fc":
        refuse(_INTEGERS)
    if holds_complex(objects(value) if isinstance(value, (list, tuple)) else value) and not holds_complex(target):
        refuse("f writes complex numbers into an array of real ones, which NumPy keeps the real part of or refuses")
    if isinstance(value, (list, tuple, np.ndarray)):
        return as_floats(objects(value))
    return as_float(value)


_NUMBERS = "f writes numbers into an array of comparisons"
_INTEGERS = "f writes into an array of integers, which rounds; make it of floats, or pass batch_args of float64"


def _fill(self: Symbols, value: Any) -> None:
    check_is_whole(self)
    _set(self, ..., _stored(self, value))


method("fill", _fill)
for _name, _access in (("__getitem__", _getitem), ("__setitem__", _setitem)):
    setattr(Symbols, _name, _access)


def _as_wide(mask: Any, a: Any) -> Objects:
    """A mask of whole arrays, or of what their first axes count."""
    values = np.asarray(mask, dtype=object) if isinstance(mask, np.ndarray) else objects(mask)
    if a.shape[: values.ndim] != values.shape:
        refuse(f"f selects elements of an array of shape {a.shape} by a mask of shape {values.shape}")
    wide = np.empty(a.shape, dtype=object)
    wide[...] = values.view(np.ndarray).reshape(*values.shape, *(1,) * (a.ndim - values.ndim))
    return wide


def nonzero(a: Any) -> Any:
    """np.nonzero, and np.where of a condition alone."""
    mask = a if is_mask(a) else elementwise(np.not_equal, a, 0.0)
    return SelectedPlaces(mask.copy()) if holds_symbols(mask) else np.nonzero(real(mask))


def _flatnonzero(a: Any) -> Any:
    return nonzero(np.ravel(a))[0]


def _compress(condition: Any, a: Any, axis: Any = None, out: Any = None) -> Any:
    if not holds_symbols(condition):
        return np.asarray(a, dtype=object).view(Symbols).compress(real(condition), axis)
    if axis is not None and np.ndim(a) != 1:
        refuse("f takes np.compress along an axis; write np.where(condition, a, b)")
    return np.ravel(a)[np.ravel(condition)]


def _extract(condition: Any, arr: Any) -> Any:
    return np.ravel(arr)[np.ravel(condition)]


FUNCTIONS.update({
    np.nonzero: nonzero, np.flatnonzero: _flatnonzero, np.compress: _compress, np.extract: _extract,
})  # fmt: skip
method("nonzero", nonzero)

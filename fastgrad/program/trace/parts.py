"""Parts of arrays that share their memory in NumPy, and in a trace do not: real and imaginary ones, and what is picked.

As long as a part is held nothing may be written into the array: what f reads of the part then would be old. Nor is
anything written into a part, unless f puts it back, as ``a[i] += b`` does.
"""

from __future__ import annotations

from typing import Any
from weakref import ref

import numpy as np

from .refusals import active, refuse

_PARTS = {name: np.frompyfunc(lambda v, name=name: getattr(v, name), 1, 1) for name in ("real", "imag")}


def taken(array: np.ndarray[Any, Any], name: str) -> np.ndarray[Any, Any]:
    """The part of an array of complex numbers, which cannot be written into."""
    found = np.asarray(_PARTS[name](array.view(np.ndarray)), dtype=object)
    found.flags.writeable = False
    _note(array, found, ())
    return found


def picked(array: np.ndarray[Any, Any], index: Any, found: Any) -> Any:
    """What lies at traced integers and slices, noted as a part."""
    if isinstance(found, np.ndarray) and found.ndim and np.ndim(array):
        found = found if _owner(found).shape == found.shape else found.copy()
        _note(array, found, _where(array, index))
    return found


def _note(array: np.ndarray[Any, Any], found: np.ndarray[Any, Any], where: tuple[Any, ...]) -> None:
    trace, owner, part = getattr(active, "trace", None), _owner(array), _owner(found)
    if trace is not None and part is not owner:  # which no array of its symbols may keep alive
        trace.parts.append((ref(owner), ref(part), where))


def _owner(array: Any) -> Any:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _where(array: Any, index: Any) -> tuple[Any, ...]:
    """Which place of which array."""
    plain = array.view(np.ndarray)
    parts = index if isinstance(index, tuple) else (index,)
    return plain.__array_interface__["data"][0], plain.shape, plain.strides, tuple([_name(part) for part in parts])


def _name(part: Any) -> Any:
    return getattr(part, "key", None) or repr(part)


def check_is_whole(array: Any, value: Any = None) -> None:
    """Refuse to write into an array while f holds a part of it, but to put that back; or into a part."""
    trace = getattr(active, "trace", None)
    if trace is None or not trace.parts:
        return
    owner = _owner(array.view(np.ndarray))
    new = _owner(value) if isinstance(value, np.ndarray) else None
    for whole, part, where in trace.parts:
        own = part()
        if own is None or own is new:
            continue
        if own is owner:
            refuse(_INTO_A_PART if where else _HELD)
        if whole() is owner:
            refuse(_HELD)


_HELD = (
    "f writes into an array of which it holds a part: the real or the imaginary one, or one that traced integers pick; "
    "write z = z.copy()"
)
_INTO_A_PART = "f writes into what traced integers pick of an array; write a[i, j] = value, or a[i] += value"


def changes_part(array: Any) -> bool:
    """Whether an operator such as += changes a part, which f has to put back then."""
    trace, owner = getattr(active, "trace", None), _owner(array)
    if trace is None:
        return False
    for _, part, where in trace.parts:
        if where and part() is owner and array.shape == owner.shape:
            if trace.unwritten not in (None, where):
                refuse(_INTO_A_PART)
            trace.unwritten = where
            return True
    return False


def note_written(array: Any, index: Any) -> None:
    """That something is put at a place: what was changed there has been put back."""
    trace = getattr(active, "trace", None)
    if trace is not None and trace.unwritten is not None and trace.unwritten == _where(array, index):
        trace.unwritten = None


def check_all_written(trace: Any) -> None:
    """Refuse where f has changed a part and has not put it back."""
    if trace.unwritten is not None:
        refuse(_INTO_A_PART)

"""Whether something of Python's or of a package's holds something of the user's: then it cannot be lent to a copy."""

from __future__ import annotations

import gc
import sys
import types
import weakref
from collections import deque
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..program.captures import home, is_installed, is_pythons_class, is_users_module
from ..program.members import slots

LOOKED_AT = 2_000
"""Objects, at most: what holds more is a package's own, such as a table of data."""

_SIMPLE = (int, float, complex, str, bytes, bool, type(None), np.ufunc, np.dtype, np.generic, types.CodeType)
_ELSEWHERE = (*_SIMPLE, np.ndarray, type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType)


def holds_users(value: Any, parameters: Iterable[Any] = ()) -> bool:
    """Whether a thing that is not copied leads to functions, objects or differentiated arrays of the user's."""
    seen: dict[int, Any] = {}
    waiting = _inside(value)
    while waiting and len(seen) < LOOKED_AT:
        part = waiting.pop()
        if id(part) in seen or isinstance(part, _SIMPLE):
            continue
        seen[id(part)] = part
        if _is_users(part, parameters):
            return True
        waiting.extend(_inside(part))
    return False


def _is_users(part: Any, parameters: Iterable[Any]) -> bool:
    if isinstance(part, np.ndarray):
        return any(np.may_share_memory(part, w) for w in parameters)
    if isinstance(part, types.FunctionType):
        return not is_installed(part.__code__.co_filename)
    if isinstance(part, types.ModuleType):
        return is_users_module(part)
    return not is_packages_class(part if isinstance(part, type) else type(part))


def _inside(value: Any) -> list[Any]:
    """What a thing holds, one level deep; of functions not their globals."""
    if isinstance(value, types.FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or () if cell != types.CellType()]
        return [*cells, value.__defaults__, value.__kwdefaults__, *value.__dict__.values()]
    if isinstance(value, weakref.ReferenceType):
        return [value()]
    if isinstance(value, (type, types.ModuleType, np.ndarray)):
        return []
    return gc.get_referents(value)


def inside_of(value: Any) -> list[Any]:
    """What a thing holds that can be written into, one level deep: attributes, elements."""
    if isinstance(value, dict):
        found = list(value.values())
    elif isinstance(value, (list, tuple, set, frozenset, deque)):
        found = list(value)
    else:
        space = getattr(value, "__dict__", None)
        found = [*space.values()] if type(space) is dict else []
        found += [getattr(value, name, None) for name in slots(type(value))]
    return [part for part in found if not isinstance(part, _ELSEWHERE)]


def is_packages_class(kind: Any) -> bool:
    """Whether a class is Python's or a package's; of one whose module is not known its methods tell."""
    if not is_pythons_class(kind):
        return True
    if home(kind) == "__main__":
        return False
    module = sys.modules.get(home(kind))
    if module is not None:
        return not is_users_module(module)
    codes = [getattr(getattr(part, "__func__", part), "__code__", None) for part in vars(kind).values()]
    return all(is_installed(code.co_filename) for code in codes if code is not None)

"""What f reaches and cannot be put back as it was: what changes by being used, or whose inside is unknown."""

from __future__ import annotations

import logging
import operator
import sys
from collections import OrderedDict, defaultdict, deque
from functools import cached_property, lru_cache, partial
from itertools import pairwise
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    SimpleNamespace,
    WrapperDescriptorType,
)
from typing import Any

import numpy as np

from ..captures import home, instructions, is_installed, is_pythons_class, is_users_module

_CACHED: type = type(lru_cache(lambda: None))
_FIXED = (
    int, float, complex, str, bytes, bool, type(None), type(...), type(NotImplemented), range, slice, frozenset, tuple,
    np.generic, np.dtype, np.ufunc, type(np.sum), property, staticmethod, classmethod, cached_property, CodeType,
    GetSetDescriptorType, MemberDescriptorType, MethodDescriptorType, WrapperDescriptorType, MethodWrapperType,
    BuiltinFunctionType, _CACHED, logging.Logger, operator.itemgetter, operator.attrgetter,
)  # fmt: skip
_OF_FIXED = (
    "re", "datetime", "decimal", "fractions", "uuid", "pathlib", "typing", "abc", "enum", "zoneinfo", "numba.core",
    "numpy.random", "scipy.stats", "scipy.spatial", "scipy.special",
)  # fmt: skip
"""Modules of classes whose objects stay as they are, or for which there are rules."""
_TRANSPARENT = ("collections", "numpy.polynomial", "numpy.lib", "numpy", "scipy.interpolate", "fastgrad")
"""Those of Python's classes that hold all they are in attributes."""
_KNOWN_OWNERS = (np.ndarray, np.ufunc, list, dict, set, deque)
_IN_PLACE = {name for name in dir(operator) if name.startswith("i")}.difference({
    "index", "indexOf", "inv", "invert", "is_", "is_not", "itemgetter",
}) | {"setitem", "delitem"}  # fmt: skip
_CALLED = {"__init__", "__call__", "__new__", "__post_init__", "__setstate__", "__reduce__"}


def is_fixed(value: Any) -> bool:
    """Whether a value stays as it is, whatever f does with it."""
    if isinstance(value, np.void):
        return False
    return isinstance(value, _FIXED) or _is_of(type(value), _OF_FIXED)


def is_transparent(kind: type) -> bool:
    """Whether an object's attributes are all there is of it."""
    return kind is SimpleNamespace or _is_of(kind, _TRANSPARENT)


def acts_when_used(value: Any, harmless: set[str]) -> bool:
    """Whether something changes, or changes something, by being gone through, read or called."""
    kind = type(value)
    if kind is BuiltinFunctionType and value.__module__ == "_operator":
        return value.__name__ in _IN_PLACE
    if kind in (BuiltinFunctionType, MethodWrapperType):
        known = isinstance(value.__self__, _KNOWN_OWNERS) and value.__name__ in harmless
        return not known and not _is_fixed_owner(value.__self__)
    if kind is MethodDescriptorType:
        return issubclass(value.__objclass__, _KNOWN_OWNERS) and value.__name__ not in harmless
    if kind is MethodType:
        own = value.__func__
        librarys = type(own) is not FunctionType or is_installed(own.__code__.co_filename)
        return isinstance(value.__self__, logging.Logger) or (librarys and not _is_fixed_owner(value.__self__))
    return hasattr(kind, "__next__") or isinstance(value, (operator.methodcaller, defaultdict, cached_property))


def _is_fixed_owner(value: Any) -> bool:
    """Whether methods of C leave alone what they belong to: of a ufunc or a cache some do not."""
    if value is None or isinstance(value, ModuleType):
        return True
    return is_fixed(value) and not isinstance(value, (np.ufunc, _CACHED)) and not _is_of(type(value), ("numpy.random",))


def called_unseen(kind: type) -> list[Any]:
    """Those of a class's own methods that run without being called by name: operators, properties, `with`.

    And all of a metaclass.
    """
    found = [each for member in vars(kind).values() if isinstance(member, property) for each in _ways(member)]
    found += [member for name, member in vars(kind).items() if name.startswith("__") and name not in _CALLED]
    meta = type(kind)
    return [*found, *vars(meta).values()] if is_users_class(meta) else found


def _ways(member: property) -> list[Any]:
    return [each.func if isinstance(each, partial) else each for each in (member.fget, member.fset, member.fdel)]


def is_users_class(kind: type) -> bool:
    """Whether a class is the user's: neither made in C nor of an installed file."""
    module = sys.modules.get(home(kind))
    return is_pythons_class(kind) and not is_installed(getattr(module, "__file__", None) or "")


def has_an_order(value: Any) -> bool:
    """Whether it is a dict of which the order can be changed."""
    return isinstance(value, OrderedDict)


def stores_in_modules(function: FunctionType) -> bool:
    """Whether a function sets attributes of a library's module."""
    code, space = function.__code__, function.__globals__
    cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
    found = (cells[name].cell_contents if name in cells else space.get(name) for name in _holders(code))
    return any(isinstance(value, ModuleType) and not is_users_module(value) for value in found)


@lru_cache(maxsize=1024)
def _holders(code: CodeType) -> frozenset[str]:
    """The variables from outside whose attributes are set."""
    doing = instructions(code)
    return frozenset(
        before.argval
        for before, i in pairwise(doing)
        if i.opname in ("STORE_ATTR", "DELETE_ATTR") and before.opname in ("LOAD_GLOBAL", "LOAD_DEREF")
    )


def _is_of(kind: type, modules: tuple[str, ...]) -> bool:
    place = getattr(kind, "__module__", "") or ""
    return any(place == name or place.startswith(f"{name}.") for name in modules)

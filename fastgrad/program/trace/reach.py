"""Which arrays the functions that run may read, beside those that symbols stand for.

What a function may reach is looked at when it is entered: the global variables it looks up, its arguments and what is
enclosed. So it does not matter by which way it is called, by a list of functions, a property or an operator.
"""

from __future__ import annotations

import builtins
import sys
from collections import namedtuple
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache, partial
from types import (
    BuiltinFunctionType,
    CodeType,
    FrameType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
    SimpleNamespace,
)
from typing import Any

import numpy as np

from ..captures import attributes, instructions, is_installed, is_users_module, loaded, names
from ..members import is_plain
from .leftovers import stored_globals
from .refusals import refuse

SHARED = (
    "f writes into an array that it captures, and may see it by another way, as in a list or by a view; make it in f"
)
_BY_NAME = frozenset({
    "globals", "locals", "vars", "eval", "exec", "getattr", "sys", "gc", "inspect", "importlib", "attrgetter",
    "methodcaller", "__dict__", "__getattribute__", "__globals__", "__closure__", "__subclasses__",
})  # fmt: skip
_MADE_BY_PYTHON = frozenset({"__dataclass_fields__", "__dataclass_params__", "__annotations__", "_abc_impl"})
_WITHOUT_ARRAYS = frozenset({
    type(None), bool, int, float, complex, str, bytes, range, slice, type(...), property, cached_property,
    type(np.sum), np.dtype, MemberDescriptorType, GetSetDescriptorType, type(vars(namedtuple("_", "a"))["a"]),
})  # fmt: skip
_CACHED = type(lru_cache(lambda: None))  # which may give what it has given before
_RULES = __name__.rpartition(".")[0]


_HOLDERS: dict[type, Callable[[Any], tuple[Any, ...]]] = {
    partial: lambda value: (value.args, value.keywords),
    MethodType: lambda value: (value.__self__,),
    BuiltinFunctionType: lambda value: (value.__self__,),
    staticmethod: lambda value: (value.__func__,),
    classmethod: lambda value: (value.__func__,),
}


class Reach:
    """The arrays that have been found."""

    def __init__(self) -> None:
        self.arrays: list[Any] = []
        self._seen: dict[tuple[int, CodeType | None], Any] = {}  # which keeps them: another may have the same id

    def look(self, frame: FrameType) -> None:
        """See what a function reaches that is entered; refuse one that may find anything by its name."""
        code = frame.f_code
        if is_installed(code.co_filename):
            return
        if not _BY_NAME.isdisjoint(names(code)) or _rebinds(code):
            refuse(SHARED)
        space = frame.f_globals
        found = [space.get(name, vars(builtins).get(name)) for name in loaded(code)]
        for value in (*found, *frame.f_locals.values()):
            self.note(value, code)

    def note(self, value: Any, code: CodeType | None = None) -> None:
        """See what a value holds that a function may take in its hand."""
        kind = type(value)
        if (
            kind in _WITHOUT_ARRAYS
            or (isinstance(value, np.generic) and kind is not np.void)
            or kind.__module__.startswith(_RULES)
        ):
            return
        key = id(value), code if kind is ModuleType else None
        if key in self._seen:
            return
        self._seen[key] = value
        if isinstance(value, np.ndarray) and value.dtype != object:
            self.arrays.append(value)
            return
        for part in _parts(value, code):
            self.note(part, code)


@lru_cache(maxsize=1024)
def _rebinds(code: CodeType) -> bool:
    """Whether a function sets variables outside it, so that another array may be meant by a name next time."""
    own = any(i.opname == "STORE_DEREF" and i.argval in code.co_freevars for i in instructions(code))
    return own or bool(stored_globals(code))


def _parts(value: Any, code: CodeType | None) -> Iterator[Any]:
    """What a value holds; refuse one of which that is not known."""
    kind = type(value)
    if isinstance(value, (list, tuple, set, frozenset, dict)):
        yield from (*value, *value.values()) if isinstance(value, dict) else value
        yield from _attributes(value)
    elif kind in _HOLDERS:
        yield from _HOLDERS[kind](value)
    elif kind is np.ndarray:
        yield from value.ravel().tolist()
    elif kind is ModuleType:
        yield from _of_module(value, code)
    elif kind is FunctionType:
        yield from vars(value).values()
        if is_installed(value.__code__.co_filename):  # which is not looked at when it is entered
            yield from _arrays(value.__globals__)
    elif kind is np.ufunc and "(vectorized)" not in value.__name__:
        return
    elif kind.__module__.startswith("scipy.stats"):
        yield from (value.args, value.kwds)
    elif kind is SimpleNamespace or isinstance(value, type) or (is_plain(value) and kind is not _CACHED):
        yield from _attributes(value)
    else:
        refuse(SHARED)


def _of_module(module: ModuleType, code: CodeType | None) -> Iterator[Any]:
    """What code mentions of a module of the user's, and the arrays of any."""
    space = vars(module)
    yield from _arrays(space)
    if code is not None and is_users_module(module):
        yield from (space[name] for name in names(code) if name in space)


def _arrays(space: dict[str, Any]) -> list[Any]:
    return [value for value in space.values() if isinstance(value, np.ndarray)]


def _attributes(value: Any) -> Iterator[Any]:
    """Those of an object or a class, and those of its classes."""
    kind = value if isinstance(value, type) else type(value)
    if kind is not value:
        yield from attributes(value).values()
    for base in (*kind.__mro__, *(type(kind).__mro__ if kind is value else ())):
        module = sys.modules.get(base.__module__)
        users = module is None or is_users_module(module)
        for name, part in vars(base).items():
            if type(part) is MemberDescriptorType:
                yield None if kind is value else getattr(value, name, None)
            elif users and name not in _MADE_BY_PYTHON:
                yield part

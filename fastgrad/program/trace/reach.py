"""Which arrays the functions that run may read, beside those that symbols stand for.

What a function may reach is looked at when it is entered: the global variables it looks up, its arguments and what is
enclosed. So it does not matter by which way it is called, by a list of functions, a property or an operator.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cached_property, partial
from types import (
    BuiltinFunctionType,
    CodeType,
    FrameType,
    FunctionType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
    SimpleNamespace,
)
from typing import Any

import numpy as np

from ..captures import is_installed, is_users_module, loaded, names
from ..members import is_plain
from .refusals import refuse

SHARED = (
    "f writes into an array that it captures, and may see it by another way, as in a list or by a view; make it in f"
)
_BY_NAME = frozenset({"globals", "locals", "vars", "eval", "exec", "getattr", "sys", "gc", "inspect", "importlib"})
_WITHOUT_ARRAYS = frozenset({
    type(None), bool, int, float, complex, str, bytes, range, slice, type(...), FunctionType, property, staticmethod,
    classmethod, cached_property, np.ufunc, type(np.sum), np.dtype, MemberDescriptorType,
})  # fmt: skip
_RULES = __name__.rpartition(".")[0]


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
        if not _BY_NAME.isdisjoint(loaded(code)):
            refuse(SHARED)
        space = frame.f_globals
        for value in (*(space[name] for name in loaded(code) if name in space), *frame.f_locals.values()):
            self.note(value, code)

    def note(self, value: Any, code: CodeType | None = None) -> None:
        """See what a value holds that a function may take in its hand."""
        kind = type(value)
        if kind in _WITHOUT_ARRAYS or isinstance(value, np.generic) or kind.__module__.startswith(_RULES):
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


def _parts(value: Any, code: CodeType | None) -> Iterator[Any]:
    """What a value holds; refuse one of which that is not known."""
    kind = type(value)
    if kind in (list, tuple, set, frozenset) or (issubclass(kind, tuple) and hasattr(kind, "_fields")):
        yield from value
    elif kind is dict:
        yield from (*value, *value.values())
    elif kind is np.ndarray:
        yield from value.ravel().tolist()
    elif kind is ModuleType:
        yield from (vars(value)[n] for n in names(code) if n in vars(value)) if code and is_users_module(value) else ()
    elif kind in (MethodType, BuiltinFunctionType):
        yield value.__self__
    elif kind.__module__.startswith("scipy.stats"):
        yield from (value.args, value.kwds)
    elif kind is partial:
        yield from (value.args, value.keywords)
    elif kind is SimpleNamespace or isinstance(value, type) or is_plain(value):
        yield from _attributes(value)
    else:
        refuse(SHARED)


def _attributes(value: Any) -> Iterator[Any]:
    """Those of an object or a class, and those of its classes."""
    kind = value if isinstance(value, type) else type(value)
    if kind is not value:
        yield from getattr(value, "__dict__", {}).values()
    for base in kind.__mro__:
        module = sys.modules.get(base.__module__)
        users = module is None or is_users_module(module)
        for name, part in vars(base).items():
            if type(part) is MemberDescriptorType:
                yield None if kind is value else getattr(value, name, None)
            elif users and not name.startswith(("__", "_abc_impl")):
                yield part

"""A copy of f in which functions that do not trace are swapped for ones that do; the user's own is not changed."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, MethodType, ModuleType
from typing import Any

from ..captures import home, instructions, is_installed, names, parts, rebuilt
from ..members import function_of, is_plain
from .mathfunctions import SHIM_MODULE, SHIMS
from .mentions import check_attributes, check_code, check_object
from .refusals import refuse
from .replacements import replaced, with_replaced_parts


@lru_cache(maxsize=1024)
def _catches(code: CodeType) -> bool:
    """Whether a function handles exceptions."""
    if any(_catches(const) for const in code.co_consts if isinstance(const, CodeType)):
        return True
    opcodes = [i.opname for i in instructions(code)] if code.co_exceptiontable else []
    return opcodes.count("PUSH_EXC_INFO") > opcodes.count("WITH_EXCEPT_START")


class Retargeted:
    """A function with math's functions swapped for ones that trace; the user's own is not changed.

    Attributes
    ----------
    function : callable
        The function to call; f itself where it uses none of them.
    catches : bool
        Whether it handles exceptions.
    codes : dict of code
        Its own, and that of the user's functions that it mentions.
    """

    def __init__(self, f: Any) -> None:
        self.catches = False
        self.codes: dict[CodeType, None] = {}
        self._done: dict[int, Any] = {}
        self.function = self._swap(f)
        if self.function is f and not isinstance(f, (FunctionType, MethodType, type)) and _is_users_object(f):
            self.function = self._swap(f.__call__)

    def _swap(self, value: Any) -> Any:
        """A value that f reaches, swapped where that matters."""
        kind = type(value)
        if (stand_in := replaced(value)) is not value:
            return stand_in
        if kind is FunctionType:
            return self._function(value)
        if kind is ModuleType:
            return SHIM_MODULE if value is math else value
        if kind is BuiltinFunctionType:
            return SHIMS.get(value.__name__, value) if home(value) == "math" else value
        return self._with_parts(value) if kind in (MethodType, partial) else self._object(value)

    def _object(self, value: Any) -> Any:
        check_object(value)
        if home(type(value)).startswith("numba."):  # the function that Numba compiled
            source = getattr(value, "py_func", None)
            return self._swap(source) if isinstance(source, FunctionType) else value
        return value

    def _function(self, function: FunctionType) -> Any:
        code = function.__code__
        if id(function) in self._done or is_installed(code.co_filename):
            return self._done.get(id(function), function)
        self._done[id(function)] = function  # for functions that call themselves or each other
        check_code(code)
        self.codes[code] = None
        self.catches |= _catches(code)
        self._done[id(function)] = self._with_parts(function)
        return self._done[id(function)]

    def _with_parts(self, value: Any) -> Any:
        """A function, method or partial whose parts are swapped; itself where none of them is another."""
        new = {}
        code = getattr(getattr(value, "__func__", value), "__code__", None)
        # Functions come first: what they write into is left as it is.
        for kind, name, part in sorted(parts(value), key=lambda each: type(each[2]) is not FunctionType):
            if code is not None and type(part) is not FunctionType:
                check_attributes(code, part, self.codes)
            swapped = self._swap(part)
            if swapped is part and code is not None:
                codes = (code, *self.codes)
                swapped = with_replaced_parts(part, codes, self._methods(part, codes))
            if swapped is not part:
                new[kind, name] = swapped
        return rebuilt(value, new) if new else value

    def _methods(self, value: Any, codes: tuple[CodeType, ...]) -> dict[str, FunctionType]:
        """The methods of an object that code mentions, and that use what is swapped."""
        mentioned = {name for code in codes for name in names(code)} if is_plain(value) else ()
        found = {name: function_of(value, name) for name in mentioned}
        new = {name: self._function(function) for name, function in found.items() if function is not None}
        return {name: function for name, function in new.items() if function is not found[name]}


@contextmanager
def watched(catches: bool) -> Iterator[None]:
    """Refuse a function that catches an exception: what NumPy raises for symbols, it may not for numbers."""
    if not catches:
        yield
        return

    def see(frame: FrameType, event: str, arg: Any) -> Any:
        if event == "exception" and not issubclass(arg[0], (StopIteration, GeneratorExit)):
            refuse(f"f catches or raises {arg[0].__name__} when traced: {arg[1]}")
        return see

    def enter(frame: FrameType, event: str, arg: Any) -> Any:
        frame.f_trace_lines = False
        code = frame.f_code
        return see if code.co_exceptiontable and not is_installed(code.co_filename) and _catches(code) else None

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(before)


def _is_users_object(value: Any) -> bool:
    call = getattr(type(value), "__call__", None)  # noqa: B004
    return isinstance(call, FunctionType) and not is_installed(call.__code__.co_filename)

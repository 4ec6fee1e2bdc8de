"""What a function reaches beyond its argument: math functions to swap, arrays that may be x itself."""

from __future__ import annotations

import dis
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from types import BuiltinFunctionType, CellType, CodeType, FrameType, FunctionType, MethodType, ModuleType
from typing import Any

from ..reach import is_installed, names
from .mathfunctions import SHIM_MODULE, SHIMS
from .refusals import refuse

# The folder of the whole package, as the package itself says: whatever this file is called, and wherever it lies.
_OWN = os.path.join(*sys.modules[__name__.partition(".")[0]].__path__, "")
_RANDOM = "f draws random numbers, so that its values are not a function of x; draw them once, outside"


@lru_cache(maxsize=1024)
def _catches(code: CodeType) -> bool:
    """Whether a function handles exceptions."""
    if any(_catches(const) for const in code.co_consts if isinstance(const, CodeType)):
        return True
    opcodes = [i.opname for i in dis.get_instructions(code)] if code.co_exceptiontable else []
    return opcodes.count("PUSH_EXC_INFO") > opcodes.count("WITH_EXCEPT_START")


class Retargeted:
    """A function with math's functions swapped for ones that trace; the user's own is not changed.

    Attributes
    ----------
    function : callable
        The function to call; f itself where it uses none of them.
    catches : bool
        Whether it handles exceptions.
    """

    def __init__(self, f: Any) -> None:
        self.catches = False
        self._done: dict[int, Any] = {}
        self.function = self._swap(f)
        if self.function is f and not isinstance(f, (FunctionType, MethodType, type)) and _is_users_object(f):
            self.function = self._swap(f.__call__)

    def _swap(self, value: Any) -> Any:
        """A value that f reaches, swapped where that matters."""
        kind = type(value)
        if kind is FunctionType:
            return self._function(value)
        if kind is ModuleType:
            return SHIM_MODULE if value is math else value
        if kind is BuiltinFunctionType:
            return SHIMS.get(value.__name__, value) if value.__module__ == "math" else value
        if kind is MethodType:
            inner = self._swap(value.__func__)
            return value if inner is value.__func__ else MethodType(inner, value.__self__)
        if kind is partial:
            return self._partial(value)
        return self._object(value)

    def _partial(self, value: partial[Any]) -> Any:
        function, args = self._swap(value.func), [self._swap(arg) for arg in value.args]
        options = {name: self._swap(arg) for name, arg in value.keywords.items()}
        new, old = (function, *args, *options.values()), (value.func, *value.args, *value.keywords.values())
        if all(a is b for a, b in zip(new, old, strict=True)):
            return value
        return partial(function, *args, **options)

    def _object(self, value: Any) -> Any:
        kind = type(value)
        if kind.__module__ in ("random", "numpy.random._generator", "numpy.random.mtrand"):
            refuse(_RANDOM)
        if kind.__module__.startswith("numba."):  # the function that Numba compiled
            source = getattr(value, "py_func", None)
            return self._swap(source) if isinstance(source, FunctionType) else value
        return value

    def _function(self, function: FunctionType) -> Any:
        code = function.__code__
        if id(function) in self._done or is_installed(code.co_filename):
            return self._done.get(id(function), function)
        self._done[id(function)] = function  # for functions that call themselves or each other
        used, space = names(code), function.__globals__
        if not used.isdisjoint(("random", "default_rng")):
            refuse(_RANDOM)
        self.catches |= _catches(code)
        swapped = {name: self._swap(space[name]) for name in used if name in space}
        swapped = {name: value for name, value in swapped.items() if value is not space[name]}
        self._done[id(function)] = self._rebuilt(function, swapped)
        return self._done[id(function)]

    def _rebuilt(self, function: FunctionType, swapped: dict[str, Any]) -> FunctionType:
        old = (function.__closure__ or (), function.__defaults__ or (), function.__kwdefaults__ or {})
        cells, defaults = tuple(map(self._cell, old[0])), tuple(map(self._swap, old[1]))
        options = {name: self._swap(value) for name, value in old[2].items()}
        pairs = zip((*cells, *defaults, *options.values()), (*old[0], *old[1], *old[2].values()), strict=True)
        if not swapped and all(new is value for new, value in pairs):
            return function
        space = {**function.__globals__, **swapped}
        copy = FunctionType(function.__code__, space, function.__name__, defaults or None, cells or None)
        copy.__kwdefaults__, copy.__dict__ = options or None, function.__dict__
        return copy

    def _cell(self, cell: CellType) -> CellType:
        try:
            value = cell.cell_contents
        except ValueError:  # still empty
            return cell
        new = self._swap(value)
        return cell if new is value else CellType(new)


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
        return see if code.co_exceptiontable and is_users(code) and _catches(code) else None

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(before)


def is_users(code: CodeType) -> bool:
    """Whether code is neither this package's own nor that of another installed one."""
    return not is_installed(code.co_filename) and not code.co_filename.startswith(_OWN)


def _is_users_object(value: Any) -> bool:
    call = getattr(type(value), "__call__", None)  # noqa: B004
    return isinstance(call, FunctionType) and not is_installed(call.__code__.co_filename)

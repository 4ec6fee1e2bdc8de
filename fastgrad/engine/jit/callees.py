"""The user's plain functions that f calls: compiled along with it."""

from __future__ import annotations

from types import FunctionType
from typing import Any

from ...llvm.memory import Memory
from ...program.captures import captured, function_parts, is_users_function, loaded, rebuilt
from .domains import raising
from .kernels import compiler

_compiled: Memory[Any] = Memory(1024)


def frozen(function: FunctionType, *, checked: bool, raises: bool) -> FunctionType:
    """The function with what it captures now, and with compiled functions in the place of plain ones.

    Numba reads cells and globals again at each new signature. `raises` is for functions of math that raise.
    """
    held = function_parts(function, loaded)
    new = {(kind, name): _callee(value, checked, raises) for kind, name, value in held}
    made: FunctionType = rebuilt(function, new)
    return made


def uses_math(function: FunctionType) -> bool:
    """Whether it computes, or what it calls does, with functions of math, which give Python's floats."""
    held = [value for _, _, value in function_parts(function, loaded)]
    return any(raising(value) is not value or (is_users_function(value) and uses_math(value)) for value in held)


def _callee(value: Any, checked: bool, raises: bool) -> Any:
    """A captured value; a function compiled, by what it says and captures, so that two that call it share it."""
    if not is_users_function(value):
        return raising(value) if raises else value
    key = (captured(value), checked, raises)
    known = _compiled.get(key)
    if known is None:
        known = _compiled.keep(key, compiler(boundscheck=checked)(frozen(value, checked=checked, raises=raises)))
    return known

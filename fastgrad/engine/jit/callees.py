"""The user's plain functions that f calls: compiled along with it."""

from __future__ import annotations

from collections.abc import Hashable
from types import FunctionType
from typing import Any

from ...program.captures import captured, function_parts, is_users_function, loaded, rebuilt
from .kernels import compiler

KEPT = 1024  # functions before all are forgotten

_compiled: dict[Hashable, Any] = {}


def frozen(function: FunctionType, *, checked: bool) -> FunctionType:
    """The function with what it captures now, and with compiled functions in the place of plain ones.

    Numba reads cells and globals again at each new signature.
    """
    held = function_parts(function, loaded)
    made: FunctionType = rebuilt(function, {(kind, name): _callee(value, checked) for kind, name, value in held})
    return made


def _callee(value: Any, checked: bool) -> Any:
    """A captured value; a function compiled, by what it says and captures, so that two that call it share it."""
    if not is_users_function(value):
        return value
    key = (captured(value), checked)
    if key not in _compiled:
        if len(_compiled) >= KEPT:
            _compiled.clear()
        _compiled[key] = compiler(boundscheck=checked)(frozen(value, checked=checked))
    return _compiled[key]

"""The user's plain functions that f calls: compiled along with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import FunctionType
from typing import Any

from ...llvm.memory import Memory
from ...program.captures import captured, function_parts, instructions, is_users_function, loaded, rebuilt
from ...program.trace.mentions import asks_identity
from ...results import EngineError
from .domains import raising
from .kernels import compiler
from .turns import ending
from .unset import unset

_compiled: Memory[Any] = Memory(1024)


def frozen(function: FunctionType, *, checked: bool, raises: bool) -> FunctionType:
    """The function with what it captures now, and with compiled functions in the place of plain ones.

    Numba reads cells and globals again at each new signature. `raises` is for functions of math that raise; loops of
    such functions end.
    """
    held = function_parts(function, loaded)
    new = {(kind, name): _callee(value, checked, raises) for kind, name, value in held}
    made: FunctionType = rebuilt(function, new)
    return ending(made) if raises else made


def uses_math(function: FunctionType) -> bool:
    """Whether it computes, or what it calls does, with functions of math, which give Python's floats."""
    held = [value for _, _, value in function_parts(function, loaded)]
    return any(raising(value) is not value or (is_users_function(value) and uses_math(value)) for value in held)


def refused(function: FunctionType, error: BaseException | None) -> str:
    """The name of the function that Numba refuses, of those that a frozen one calls; "" if it refuses that itself.

    Numba's report names it; of errors of Python's own, as int("x") makes, the compilers know that were at work.
    """
    called = {callee.__qualname__: callee.__name__ for callee in _called(function, set())}
    tried = [*_IN_REPORT.findall(str(error)), *reversed([*_at_work(error)])]
    return next((called[name] for name in tried if name in called), "")


_IN_REPORT = re.compile(r"callee type: type\(CPUDispatcher\(<function (.+?) at ")


def _called(function: FunctionType, seen: set[FunctionType]) -> set[FunctionType]:
    """The sources of the compiled functions that a frozen one calls, and that these call."""
    for _, _, value in function_parts(function, loaded):
        source = getattr(value, "py_func", None)
        if isinstance(source, FunctionType) and source not in seen:
            seen.add(source)
            _called(source, seen)
    return seen


def check_variables(function: FunctionType) -> None:
    """Raise EngineError where a frozen function, or one that it calls, may read a variable before it is set.

    And where it asks what is True by identity.
    """
    for source in (function, *_called(function, {function})):
        if asks_identity(source.__code__):
            msg = (
                f"{source.__name__} compares a value with True or False by `is`, which Numba takes for ==; write "
                "`if value:`"
            )
            raise EngineError(msg)
        if name := unset(source.__code__):
            msg = (
                f"{source.__name__} may read {name!r} before it is set, where a loop makes no turn or a branch is not "
                f"taken: Python raises then, compiled code reads 0; set {name!r} before"
            )
            raise EngineError(msg)


def has_negatives(function: FunctionType) -> bool:
    """Whether a frozen function, or one that it calls, has negative integers, or makes some."""
    codes = [source.__code__ for source in (function, *_called(function, {function}))]
    numbers = (const for code in codes for const in code.co_consts if type(const) is int)
    return any(n < 0 for n in numbers) or any(
        now.opname == "UNARY_NEGATIVE" for code in codes for now in instructions(code)
    )


def _at_work(error: BaseException | None) -> Iterator[str]:
    """The functions that were being compiled when an error was raised, the outermost first."""
    trace = error.__traceback__ if error else None
    while trace is not None:
        source = getattr(trace.tb_frame.f_locals.get("self"), "py_func", None)
        if isinstance(source, FunctionType):
            yield source.__qualname__
        trace = trace.tb_next


def _callee(value: Any, checked: bool, raises: bool) -> Any:
    """A captured value; a function compiled, by what it says and captures, so that two that call it share it."""
    if not is_users_function(value):
        return raising(value) if raises else value
    key = (captured(value), checked, raises)
    known = _compiled.get(key)
    if known is None:
        known = _compiled.keep(key, compiler(boundscheck=checked)(frozen(value, checked=checked, raises=raises)))
    return known

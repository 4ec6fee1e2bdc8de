"""Python's own bools in a trace, which are integers in arithmetic: two that are true are 2, and two of NumPy's 1."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from .refusals import refuse
from .symbols import RULES, Flag, Symbol, Traced, as_number

_INVERTED = "f applies ~ to one of Python's bools, where it is arithmetic; write not"


class Truth(Flag):
    """A mask that is one of Python's bools, as a function's `return True` on one of its ways."""

    __slots__ = ()

    def __int__(self) -> int:
        return int(bool(self))

    __index__ = __int__

    def __invert__(self) -> Any:
        refuse(_INVERTED)


def is_pythons_bool(value: Any) -> bool:
    """Whether a value is a bool of Python's, traced or not."""
    return type(value) in (bool, Truth)


def as_truth(value: Any) -> Any:
    """A mask as one of Python's bools; anything else as it is."""
    return Truth(value.trace, value.key) if isinstance(value, Flag) else value


def identical(a: Any, b: Any) -> Any:
    """``a is b``; of a traced bool of Python's and a known one whether they are equal."""
    for value, other in ((a, b), (b, a)):
        if isinstance(value, Flag) and type(other) is bool:
            pythons = type(value) is Truth or value.key in value.trace.pythons
            return pythons and (as_truth(value) if other else as_truth(RULES[np.logical_not](value)))
        if isinstance(value, Symbol) and type(other) in (int, float):
            refuse("f compares numbers by `is`; write ==")
    return a is b


def different(a: Any, b: Any) -> Any:
    """``a is not b``."""
    found = identical(a, b)
    return as_truth(RULES[np.logical_not](found)) if isinstance(found, Traced) else not found


def _number(value: Any) -> Any:
    """One of Python's bools as one of its integers."""
    if isinstance(value, Flag):
        value = as_number(value)
        value.trace.pythons.add(value.key)
        return value
    return int(value) if type(value) is bool else value


def _arithmetic(function: Callable[[Any, Any], Any], name: str, swap: bool) -> Any:
    def method(self: Truth, other: Any) -> Any:
        if isinstance(other, (Flag, np.bool_)) and not is_pythons_bool(other):
            return getattr(Flag, name)(self, other)  # NumPy's rule
        return function(_number(other), _number(self)) if swap else function(_number(self), _number(other))

    return method


def _of_one(function: Callable[[Any], Any]) -> Any:
    return lambda self: function(_number(self))


def _logic(ufunc: np.ufunc) -> Any:
    def method(self: Truth, other: Any) -> Any:
        found = RULES[ufunc](self, other)
        return as_truth(found) if is_pythons_bool(other) else found

    return method


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    setattr(Truth, f"__{_name}__", _arithmetic(getattr(operator, _name), f"__{_name}__", swap=False))
    setattr(Truth, f"__r{_name}__", _arithmetic(getattr(operator, _name), f"__r{_name}__", swap=True))
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(Truth, f"__{_name}__", _arithmetic(getattr(operator, _name), f"__{_name}__", swap=False))
for _name in ("neg", "pos", "abs"):
    setattr(Truth, f"__{_name}__", _of_one(getattr(operator, _name)))
for _name, _ufunc in (("and", np.logical_and), ("or", np.logical_or), ("xor", np.logical_xor)):
    setattr(Truth, f"__{_name}__", _logic(_ufunc))
    setattr(Truth, f"__r{_name}__", _logic(_ufunc))

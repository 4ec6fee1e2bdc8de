"""Functions of math that raise in compiled code where they do in Python: Numba's give NaN, infinity or any integer.

NaN could be asked about afterwards, but f may go on with it: max(nan, 0.1) is 0.1. A check takes 3 (exp) to 40 percent
(sin) of a gradient's time; a square root alone, which LLVM vectorises otherwise, 2.4 times as long.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import BuiltinFunctionType, ModuleType
from typing import Any

from .kernels import part

_OUTSIDE, _TOO_LARGE = "math domain error", "math range error"
_NO_NUMBER, _INFINITE = "cannot convert float NaN to integer", "cannot convert float infinity to integer"
_WITH_POLES = ("sqrt", "log", "log2", "log10", "log1p", "asin", "acos", "acosh", "atanh", "sin", "cos", "tan")
_OVERFLOWING = ("exp", "expm1", "sinh", "cosh")
_WITH_BOTH = ("gamma", "lgamma")
_ROUNDING = ("floor", "ceil", "trunc")


def _with_poles(function: Any) -> Any:
    def checked(a: Any) -> Any:
        y = function(a)
        if not math.isfinite(y) and not math.isnan(a) and (math.isnan(y) or math.isfinite(a)):
            raise ValueError(_OUTSIDE)
        return y

    return checked


def _overflowing(function: Any) -> Any:
    def checked(a: Any) -> Any:
        y = function(a)
        if math.isinf(y) and math.isfinite(a):
            raise OverflowError(_TOO_LARGE)
        return y

    return checked


def _with_both(function: Any) -> Any:
    def checked(a: Any) -> Any:
        y = function(a)
        if not math.isfinite(y) and not math.isnan(a) and (math.isnan(y) or math.isfinite(a)):
            if a > 0:
                raise OverflowError(_TOO_LARGE)
            raise ValueError(_OUTSIDE)
        return y

    return checked


def _power(function: Any) -> Any:
    def checked(a: Any, b: Any) -> Any:
        y = function(a, b)
        if not math.isfinite(y) and math.isfinite(a) and math.isfinite(b):
            if a == 0 or math.isnan(y):
                raise ValueError(_OUTSIDE)
            raise OverflowError(_TOO_LARGE)
        return y

    return checked


def _rounding(function: Any) -> Any:
    def checked(a: Any) -> Any:
        if math.isnan(a):
            raise ValueError(_NO_NUMBER)
        if math.isinf(a):
            raise OverflowError(_INFINITE)
        return function(a)

    return checked


_KINDS: tuple[tuple[Callable[[Any], Any], tuple[str, ...]], ...] = (
    (_with_poles, _WITH_POLES),
    (_overflowing, _OVERFLOWING),
    (_with_both, _WITH_BOTH),
    (_power, ("pow",)),
    (_rounding, _ROUNDING),
)
CHECKED = {name: part(checked(getattr(math, name))) for checked, names in _KINDS for name in names}
_MATH = ModuleType("math")
_MATH.__dict__.update(vars(math) | CHECKED)


def raising(value: Any) -> Any:
    """What raises in the place of a captured value: the module math, or a function of it; others as they are."""
    if value is math:
        return _MATH
    if isinstance(value, BuiltinFunctionType) and value.__self__ is math:
        return CHECKED.get(value.__name__, value)
    return value

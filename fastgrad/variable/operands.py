"""What may stand beside a Variable, and in what data type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from ..formulas.values import unmasked
from .graph import Node
from .rules import Rule

Array = NDArray[Any]


class InvalidType(TypeError):
    """The data types of an operation's inputs do not fit."""


def checked(data: Any) -> Array:
    """data, if it is an array of numbers."""
    if type(data) is np.ndarray or isinstance(data, np.memmap):
        if data.dtype.kind in "fiubc":
            return data
        msg = f"a Variable holds numbers. Actual: an array of {data.dtype}; write data.astype(float)"
        raise TypeError(msg)
    advice = "data.array" if isinstance(data, Node) else "np.array(5.0)"
    msg = f"{np.ndarray} are expected. Actual: {type(data)}; write Variable({advice})"
    raise TypeError(msg)


def constant(x: Any, dtype: np.dtype[Any]) -> Any:
    """A number or array beside a Variable, in the Variable's type."""
    if type(x) in (int, float) and dtype.kind == "f":
        return dtype.type(x)
    array = np.asarray(unmasked(x, "a constant beside a Variable"))
    if array.dtype == dtype:
        return array
    if array.dtype.kind not in "fiubc":
        msg = f"a constant beside a Variable must be a number or an array of numbers, got {type(x).__name__}"
        raise TypeError(msg)
    if dtype.kind == "f" and array.dtype.kind != "c":
        return array.astype(dtype)
    with np.errstate(invalid="ignore"):
        cast = array.astype(dtype) if array.dtype.kind != "c" else None
    if cast is None or not np.array_equal(cast, array):
        refuse("constant.dtype == variable.dtype", f"{array.dtype} != {dtype}", "write x.astype(...) beforehand")
    return cast


def refuse(expected: str, actual: str, advice: str) -> NoReturn:
    """Raise InvalidType."""
    msg = f"Expect: {expected}\nActual: {actual}\n{advice}"
    raise InvalidType(msg)


def fixed(index: Any) -> Any:
    """An index that nobody can change any more, its sequences as arrays; a Variable has no place in it."""
    return tuple(map(_fixed_part, index)) if isinstance(index, tuple) else _fixed_part(index)


def _fixed_part(part: Any) -> Any:
    if part is None or part is Ellipsis or isinstance(part, (int, slice, np.integer, np.bool)):
        return part
    array = np.array(part)
    return array if array.size or isinstance(part, np.ndarray) else array.astype(int)


def common_dtype(rule: Rule, inputs: Sequence[Any]) -> np.dtype[Any]:
    dtype: np.dtype[Any] | None = None
    for u in inputs:
        if isinstance(u, Node):
            if dtype is not None and u._data.dtype != dtype:
                advice = "two Variables need one type: begin with Variable(x.astype(...))"
                refuse(f"{rule.name} of equal types, lhs.dtype == rhs.dtype", f"{dtype} != {u._data.dtype}", advice)
            dtype = u._data.dtype
    assert dtype is not None
    if dtype.kind != "f" and not rule.exact:
        refuse(f"{rule.name} of floats, x.dtype.kind == 'f'", str(dtype), "write Variable(x.astype(float))")
    return dtype

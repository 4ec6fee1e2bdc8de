"""NumPy's functions that make arrays, for a function that is traced: what it makes takes symbols.

A float array has no place for a symbol. Where f writes into arrays (`may_fill`), those that it makes of floats are
arrays of symbols that hold numbers until then. Arrays of integers, bools and other types stay NumPy's own, whose
elements are no float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from operator import index
from types import CodeType
from typing import Any

import numpy as np

from ..captures import instructions, names
from . import arrays
from .arrays import FUNCTIONS, Symbols, as_floats, holds_symbols, is_mask, wrap
from .refusals import active, refuse
from .symbols import Symbol, Traced
from .tables import as_symbols, filled

_WRITING = {"STORE_SUBSCR", "STORE_SLICE"}
PUTTING = {function.__name__ for function in arrays.PUTTING}
"""The names of NumPy's functions that write into an array."""
FILLING = PUTTING | {"fill", "itemset", "at"}
"""These, and methods that write numbers which they are given."""
_TELLING = FILLING | {"out"}


@lru_cache(maxsize=1024)
def may_fill(code: CodeType) -> bool:
    """Whether a function writes into an array, by its subscripts, in place or by a function of NumPy's."""
    if any(may_fill(const) for const in code.co_consts if isinstance(const, CodeType)):
        return True
    if not _TELLING.isdisjoint(names(code)) or not _TELLING.isdisjoint(_keywords(code)):
        return True
    in_place = (i.opname == "BINARY_OP" and i.argrepr.endswith("=") for i in instructions(code))
    return any(i.opname in _WRITING for i in instructions(code)) or any(in_place)


def _keywords(code: CodeType) -> Iterator[str]:
    for const in code.co_consts:
        if isinstance(const, tuple):
            yield from (name for name in const if isinstance(name, str))


def _is_float(dtype: Any) -> bool:
    """Whether an array of this type holds float64; symbols say that they are objects to NumPy."""
    return dtype is None or np.dtype(dtype).char in "dO"


def _is_complex(dtype: Any) -> bool:
    return dtype is not None and np.dtype(dtype).char == "D"


def _making(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of NumPy's that makes an array of numbers."""

    def make(*args: Any, **options: Any) -> Any:
        if holds_symbols(args) or holds_symbols(tuple(options.values())):
            return function(*args, **options)  # has a rule, or refuses
        return filled(function(*args, **options))

    return make


def _array(
    object: Any, dtype: Any = None, *, copy: Any = True, order: Any = "K", subok: Any = False, ndmin: Any = 0,
    like: Any = None,
) -> Any:  # fmt: skip
    if isinstance(object, Symbols) and not copy:
        same = _asarray(object, dtype)
        return same.reshape((1,) * (ndmin - same.ndim) + same.shape)
    if not holds_symbols(object):
        if isinstance(object, Symbols):
            return _of_numbers(object, dtype, ndmin, order)
        return filled(np.array(object, dtype=dtype, copy=copy, order=order, subok=subok, ndmin=ndmin))
    _check_type(dtype, object)
    return _typed(np.array(object, dtype=np.object_, order=order, ndmin=ndmin).view(Symbols), dtype)


def _of_numbers(array: Symbols, dtype: Any, ndmin: int, order: Any) -> Any:
    """A copy of an array that holds no symbols yet."""
    if dtype is not None and not _is_float(dtype):
        return np.array(array.view(np.ndarray), dtype=dtype, order=order, ndmin=ndmin)
    return np.array(array, subok=True, order=order, ndmin=ndmin)


def _typed(array: Symbols, dtype: Any) -> Symbols:
    """Masks where all are, numbers where one is a number, as NumPy's type of both is."""
    values = array.view(np.ndarray)
    if _is_complex(dtype):
        return as_symbols(array.astype(complex))
    masks = dtype is None or np.dtype(dtype) == bool
    if not (masks and all(type(v) is bool or is_mask(v) for v in values.flat)):
        values[...] = as_floats(values)
    return array


def _may_be_integer(value: Any) -> bool:
    if isinstance(value, Symbol):
        return value.key in value.trace.integers or value.type.kind in "iu"
    return isinstance(value, (int, np.integer))


def _check_type(dtype: Any, values: Any) -> None:
    """Refuse arrays of other types; those of integers, which round what is written into them, by their elements."""
    elements = np.array(values, dtype=object).ravel().tolist()
    whole = any(map(_may_be_integer, elements)) and all(_may_be_integer(v) or is_mask(v) for v in elements)
    if whole and dtype is None and active.trace.fills:
        refuse("f makes an array of integers of traced values; write dtype=float, so that it rounds nothing")
    if _is_float(dtype) or _is_complex(dtype) or (np.dtype(dtype) == bool and is_mask(np.array(values, dtype=object))):
        return
    refuse(f"f makes an array of {np.dtype(dtype)} of traced values; leave out dtype=, or write dtype=float")


def _asarray(
    a: Any, dtype: Any = None, order: Any = None, *, device: Any = None, copy: Any = None, like: Any = None
) -> Any:
    if isinstance(a, Symbols) and not copy and (_is_float(dtype) and not (dtype is not None and is_mask(a))):
        return a
    if isinstance(a, (Symbols, Traced)) or holds_symbols(a):
        return _array(a, dtype)
    result = np.asarray(a, dtype=dtype, order=order, copy=copy)
    return result if result is a else filled(result)


def _asanyarray(a: Any, dtype: Any = None, order: Any = None, **options: Any) -> Any:
    return _asarray(a, dtype, order)


def _in_order(function: Callable[..., Any]) -> Callable[..., Any]:
    """np.ascontiguousarray and the like: the array itself where its elements lie like that, else a copy."""

    def make(a: Any, dtype: Any = None, **options: Any) -> Any:
        made = _asarray(a, dtype)
        ordered = function(made.view(np.ndarray) if isinstance(made, Symbols) else made, **options)
        return ordered.view(Symbols) if isinstance(made, Symbols) else ordered

    return make


def _full(shape: Any, fill_value: Any, dtype: Any = None, order: Any = "C", **options: Any) -> Any:
    if not holds_symbols(fill_value):
        return filled(np.full(shape, fill_value, dtype, order))
    _check_type(dtype, fill_value)
    result = np.empty(shape, dtype=object)
    result[...] = fill_value
    return _typed(result.view(Symbols), dtype)


def _empty(shape: Any, dtype: Any = float, order: Any = "C", **options: Any) -> Any:
    """Elements that nobody has written are None, which no operation takes; complex ones, which say so, are NaN."""
    result = filled(np.empty(shape, dtype, order))
    if isinstance(result, Symbols):
        result.view(np.ndarray)[...] = complex(np.nan, np.nan) if _is_complex(dtype) else None
    return result


def _zeros(shape: Any, dtype: Any = float, order: Any = "C", **options: Any) -> Any:
    return filled(np.zeros(shape, dtype, order))


def _fromiter(iter: Any, dtype: Any, count: Any = -1, **options: Any) -> Any:
    values = list(iter)
    return _array(values[:count] if count >= 0 else values, dtype)


def _arange(*bounds: Any, **options: Any) -> Any:
    """Up to a traced integer as many as it is."""
    return np.arange(*(index(bound) if isinstance(bound, Symbol) else bound for bound in bounds), **options)


def _isscalar(element: Any) -> bool:
    return isinstance(element, Traced) or np.isscalar(element)


MAKING: dict[str, Callable[..., Any]] = {
    "array": _array, "asarray": _asarray, "asanyarray": _asanyarray, "zeros": _zeros, "empty": _empty, "full": _full,
    "ascontiguousarray": _in_order(np.ascontiguousarray), "asfortranarray": _in_order(np.asfortranarray),
    "fromiter": _fromiter, "isscalar": _isscalar,
}  # fmt: skip
"""What f gets instead of NumPy's functions that make arrays."""
_OF_NUMBERS = """
    ones eye identity tri arange linspace logspace geomspace copy zeros_like ones_like empty_like full_like diag
    diagflat
"""
MAKING.update({name: _making(getattr(np, name)) for name in _OF_NUMBERS.split()})
MAKING["arange"] = _making(_arange)


def _like(function: Callable[..., Any]) -> Callable[..., Any]:
    """What ``np.zeros(3, like=x)`` makes of a traced x."""
    return lambda *args, **options: wrap(as_symbols(function(*args, **options)))


FUNCTIONS.update(
    {getattr(np, name): _like(getattr(np, name)) for name in ["zeros", "ones", "full", "eye", "identity", "arange"]}
)
FUNCTIONS.update({np.empty: _like(np.zeros), np.array: _array, np.asarray: _asarray})

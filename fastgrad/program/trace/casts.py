"""The method astype of traced arrays and numbers: floats, complex numbers, and integers, which are truncated."""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrays import astype, holds_complex, holds_symbols, is_mask, method
from .complexnumbers import OF_COMPLEX, as_complex
from .elementwise import ask_where, logical_not, record
from .refusals import check_dtype, refuse
from .symbols import RULES, Flag, Literal, Symbol, Traced, as_number

LARGEST = 2**24
"""Of integers that f makes of floats; of larger ones f itself is asked. Their products are whole numbers to doubles."""
_INTEGERS = np.dtype(np.int64)


def _as_integer(value: Any) -> Any:
    """A number that NumPy computes with in integers from here on."""
    if not isinstance(value, Traced):
        return np.int64(value)
    trace = value.trace
    trace.integer(0)  # from here on it is known which constants are integers
    if isinstance(value, Flag):
        found = as_number(value)
        trace.whole[found.key] = 1
    elif value.key in trace.whole:
        return value
    else:
        ask_where(logical_not(RULES[np.less](RULES[np.absolute](value), float(LARGEST))))
        found = record("+", Literal(0.0), record("trunc", value))  # of integers 0 has no sign
        trace.whole[found.key] = LARGEST
    return found


_AS_INTEGER, _AS_COMPLEX = np.frompyfunc(_as_integer, 1, 1), np.frompyfunc(as_complex, 1, 1)


def _astype(a: Any, dtype: Any, *, copy: bool = True) -> Any:
    """Of real numbers complex ones; of these no real ones, for which NumPy warns."""
    kind = np.dtype(dtype)
    if kind.char == "D" and not is_mask(a):
        return np.asarray(_AS_COMPLEX(a.view(np.ndarray)), dtype=object)
    if holds_complex(a):
        refuse(OF_COMPLEX)
    if kind == _INTEGERS and holds_symbols(a):
        return np.asarray(_AS_INTEGER(a.view(np.ndarray)), dtype=object)
    return astype(a, dtype, copy=copy)


def _number_as(self: Traced, dtype: Any, copy: bool = True) -> Any:
    kind = np.dtype(dtype)
    if kind == _INTEGERS:
        return _as_integer(self)
    if kind.char == "D" and type(self) is Symbol:
        return as_complex(self)
    check_dtype(dtype)
    return as_number(self)


method("astype", _astype)
for _kind in (Symbol, Flag):
    _kind.astype = _number_as  # type: ignore[method-assign]

"""Arrays of numbers that f captures, is given as arguments or makes: traced integers and masks pick their elements.

A `Table` is a view of the user's array, in all else like it. What is computed of it are plain arrays.
"""

from __future__ import annotations

import dis
from functools import lru_cache
from types import CodeType
from typing import Any

import numpy as np

from ..captures import instructions, names
from .arrays import Symbols, call_function, holds_symbols
from .lookups import at_all, holds_places
from .narrowtypes import with_types
from .refusals import active
from .selection import is_traced_index
from .symbols import Symbol

_PICKING = {"copy", "take", "dot", "clip", "searchsorted"}


class NumberTable(np.ndarray[Any, np.dtype[Any]]):
    """An array of numbers whose index may be traced."""

    __table__ = True  # NumPy's own in all else

    def __getitem__(self, index: Any) -> Any:
        if type(index) is Symbol or holds_places(index):
            return at_all(self, index if isinstance(index, (tuple, np.ndarray)) else (index,))
        if is_traced_index(index):
            return as_symbols(self)[index]
        return super().__getitem__(index)

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        plain = np.asarray(array)
        return plain[()] if plain.ndim == 0 else plain

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        if not all(issubclass(kind, np.ndarray) and not issubclass(kind, Symbols) for kind in types):
            return NotImplemented  # the traced ones know
        return super().__array_function__(function, types, args, options)

    def copy(self, order: Any = "C") -> Any:
        """A copy, which takes symbols where f writes into arrays."""
        return filled(self.view(np.ndarray).copy(order))

    def __copy__(self) -> Any:
        return self.copy("K")

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy("K")


def _method(name: str) -> Any:
    """A method by the function of its name, which takes symbols."""
    function, own = getattr(np, name), getattr(np.ndarray, name)

    def call(self: NumberTable, *args: Any, **options: Any) -> Any:
        known = not holds_symbols((*args, *options.values()))
        return own(self, *args, **options) if known else call_function(function, (self, *args), options)

    return call


for _name in ("take", "dot", "clip", "searchsorted"):
    setattr(NumberTable, _name, _method(_name))


@lru_cache(maxsize=1024)
def indexes(code: CodeType) -> bool:
    """Whether a function, or one inside it, takes elements or copies of arrays."""
    if any(indexes(const) for const in code.co_consts if isinstance(const, CodeType)):
        return True
    return not _PICKING.isdisjoint(names(code)) or any(map(_takes_elements, instructions(code)))


def _takes_elements(now: dis.Instruction) -> bool:
    """Python 3.14 has no BINARY_SUBSCR: brackets are an operator as others are."""
    return now.opname in ("BINARY_SUBSCR", "BINARY_SLICE") or (now.opname == "BINARY_OP" and now.argrepr == "[]")


def filled(array: Any) -> Any:
    """An array that f makes: of floats one that takes symbols, where f writes into arrays, or a table."""
    trace = getattr(active, "trace", None)
    if getattr(trace, "fills", False) and isinstance(array, np.ndarray) and array.dtype.char in "dD":
        return as_symbols(array)
    return as_table(array) if getattr(trace, "picks", False) else array


def as_symbols(array: Any) -> Symbols:
    """A copy of an array whose elements may be symbols."""
    return with_types(np.asarray(array)).view(Symbols)


def as_table(value: Any) -> Any:
    """An array of numbers as a table; anything else as it is."""
    is_plain = type(value) is np.ndarray and not isinstance(value, Symbols) and value.dtype.kind in "fiubc"
    return value.view(NumberTable) if is_plain and value.ndim else value

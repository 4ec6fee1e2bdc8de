"""What operators make of a symbol and of what is no real number: lists make arrays, complex numbers have rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

UFUNCS = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "mod": np.remainder, "floordiv": np.floor_divide,
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal,
}  # fmt: skip
COMPLEX: dict[str, Callable[..., Any]] = {}
"""What operations do where a number is complex, by the names of their nodes."""
COMPLEXES: set[type] = {complex, np.complex128}
"""The types of complex numbers; those of a trace come to them."""


def any_complex(values: Iterable[Any]) -> bool:
    """Whether one of several values is a complex number."""
    return not COMPLEXES.isdisjoint(map(type, values))


def with_other(name: str, value: Any, other: Any, swap: bool) -> Any:
    """A complex number by its rule; a list but by a product, which repeats it in Python."""
    if type(other) in COMPLEXES and name in COMPLEX:
        return COMPLEX[name](other, value) if swap else COMPLEX[name](value, other)
    return NotImplemented if name not in UFUNCS or name == "*" else with_list(UFUNCS[name], value, other, swap)


def with_list(ufunc: np.ufunc, value: Any, other: Any, swap: bool) -> Any:
    """A number of NumPy's and a list make an array; with one of Python's f itself raises."""
    if type(other) not in (list, tuple):
        return NotImplemented
    array = np.asarray(other)
    return ufunc(array, value) if swap else ufunc(value, array)

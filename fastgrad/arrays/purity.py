"""What of Python's and of packages a kept program may have read: what reads no files, no clock, no random numbers."""

from __future__ import annotations

import enum
import sys
import types
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..program.captures import home

_PURE = frozenset({
    "numpy", "scipy", "math", "cmath", "builtins", "functools", "_functools", "itertools", "operator",
    "_operator", "collections", "_collections", "_collections_abc", "typing", "dataclasses", "abc", "_abc",
    "enum", "types", "copy", "numbers", "warnings", "_warnings", "contextlib", "logging", "sys", "fastgrad",
    "string", "fractions", "decimal", "_struct", "struct", "re",
})  # fmt: skip
_IMPURE = frozenset({
    "open", "eval", "exec", "globals", "locals", "input", "compile", "load", "loadtxt", "genfromtxt", "fromfile",
    "memmap", "random", "import_module",
})  # fmt: skip
_READING = ("numpy.random", "scipy.io", "scipy.datasets", "scipy.stats")
_UNCHANGING = frozenset({"dataclasses", "typing", "operator", "fractions", "decimal", "datetime", "re"})


def is_pure(value: Any) -> bool:
    """Whether a package's function, class or module reads no files, no clock and no random numbers."""
    place = value.__name__ if isinstance(value, types.ModuleType) else home(value)
    known = place.partition(".")[0] in _PURE and not place.startswith(_READING)
    return known and getattr(value, "__name__", "") not in _IMPURE


def are_pure(names: Iterable[str]) -> bool:
    """Whether none of these, of NumPy's or Python's own, is a function that reads something."""
    return _IMPURE.isdisjoint(names)


def is_fixed(value: Any) -> bool:
    """Whether an object of Python's or of a package's cannot change."""
    kind = type(value)
    if isinstance(value, np.ufunc):  # those of np.frompyfunc are the user's
        known = (np, sys.modules.get("scipy.special"))
        return any(getattr(module, value.__name__, None) is value for module in known)
    if kind is type(np.sum):
        return is_pure(value)
    if kind.__name__ == "_tuplegetter":  # a field of a named tuple
        return True
    return isinstance(value, enum.Enum) or home(kind).partition(".")[0] in _UNCHANGING

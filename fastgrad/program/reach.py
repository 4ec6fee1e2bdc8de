"""What a function can use without being given it: does it read its argument by another way?"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType
from typing import Any

import numpy as np


@lru_cache(maxsize=1024)
def names(code: CodeType) -> frozenset[str]:
    """Global and attribute names in a function and the functions inside it."""
    inner = [names(const) for const in code.co_consts if isinstance(const, CodeType)]
    return frozenset(code.co_names).union(*inner)


@lru_cache(maxsize=1024)
def is_installed(path: str) -> bool:
    """Whether code belongs to a package or to Python, whose inner workings are left alone."""
    return "site-packages" in path or "dist-packages" in path or path.startswith((sys.base_prefix + "/lib", "<frozen"))


def shares_state(function: Any, arrays: Sequence[np.ndarray[Any, Any]]) -> str:
    """Whether f reaches memory of its argument by another way.

    Parameters
    ----------
    function : callable
    arrays : sequence of arrays
        What f is going to be called with.

    Returns
    -------
    str
        The reason why f must see the arrays themselves, or "".
    """
    for name, holder in _reached(function, set()):
        for label, value in [(name, holder), *_attributes(name, holder)]:
            if isinstance(value, np.ndarray) and any(np.may_share_memory(value, x) for x in arrays):
                return f"f reads its argument also as {label}, which tracing would see as fixed numbers"
    return ""


def _reached(function: Any, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """Named objects that a function can use without being given them."""
    if id(function) in seen:
        return
    seen.add(id(function))
    if isinstance(function, MethodType):
        yield "self", function.__self__
        yield from _reached(function.__func__, seen)
    elif isinstance(function, partial):
        yield from (("an argument of functools.partial", v) for v in (*function.args, *function.keywords.values()))
        yield from _reached(function.func, seen)
    elif isinstance(function, FunctionType):
        for name, value in _captures(function):
            yield name, value
            if isinstance(value, (FunctionType, MethodType)) and not _is_numpys(value):
                yield from _reached(value, seen)
    elif not isinstance(function, (type, np.ufunc, BuiltinFunctionType)):
        yield "self", function
        yield from _reached(getattr(type(function), "__call__", None), seen)  # noqa: B004


def _is_numpys(value: Any) -> bool:
    return is_installed(getattr(value, "__func__", value).__code__.co_filename)


def _captures(function: FunctionType) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:
            continue
    space = function.__globals__
    yield from ((name, space[name]) for name in names(function.__code__) if name in space)
    yield from (("a default argument", v) for v in function.__defaults__ or ())
    yield from (("a default argument", v) for v in (function.__kwdefaults__ or {}).values())


def _attributes(name: str, holder: Any) -> Iterator[tuple[str, Any]]:
    """One level of attributes and elements."""
    if isinstance(holder, (list, tuple)):
        yield from ((f"an element of {name}", value) for value in holder)
    elif isinstance(holder, dict):
        yield from ((f"{name}[{key!r}]", value) for key, value in holder.items())
    elif type(holder) not in (FunctionType, type(math)):
        yield from ((f"{name}.{key}", value) for key, value in getattr(holder, "__dict__", {}).items())

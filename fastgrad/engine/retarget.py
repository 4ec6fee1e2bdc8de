"""What a function reaches beyond its argument: math functions to swap, arrays that may be x itself."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, SimpleNamespace
from typing import Any

import numpy as np

from .elementwise import traced
from .symbols import RULES, Symbols, call_function, refuse

_UFUNCS = {
    **{name: name for name in ["sqrt", "exp", "exp2", "expm1", "log1p", "log2", "log10", "cbrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "hypot", "fmod"]},
    **{name: name for name in ["floor", "ceil", "trunc", "fabs", "copysign", "degrees", "radians", "isnan", "isinf", "isfinite"]},
    **{f"a{name}": f"arc{name}" for name in ("sin", "cos", "tan", "tan2", "sinh", "cosh", "tanh")},
    "pow": "power",
}


def _shim(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of math that records itself for symbols."""
    rule = _RULES.get(name)

    def call(*args: Any, **options: Any) -> Any:
        if not (any(map(_holds_symbols, args)) or traced(*options.values())):
            return function(*args, **options)
        if any(isinstance(arg, np.ndarray) for arg in args) and name not in _OF_SEQUENCES:
            refuse(f"math.{name} takes a number, f gives it an array; write np.{name}")
        if rule is None:
            refuse(f"f uses math.{name}, which has no rule for tracing")
        return rule(*args, **options)

    return call


def _holds_symbols(arg: Any) -> bool:
    return isinstance(arg, Symbols) or traced(arg) or (isinstance(arg, (list, tuple)) and traced(*arg))


def _log(a: Any, base: Any = None, /) -> Any:
    logarithm = RULES[np.log](a)
    return logarithm if base is None else logarithm / RULES[np.log](base)


def _hypot(*parts: Any) -> Any:
    if len(parts) == 2:
        return RULES[np.hypot](*parts)
    return RULES[np.sqrt](_fsum([part * part for part in parts]))


def _fsum(parts: Any, /) -> Any:
    return call_function(np.sum, (np.array([*parts, 0.0], dtype=object)[:-1].view(Symbols),), {})


def _dist(p: Any, q: Any, /) -> Any:
    return _hypot(*(a - b for a, b in zip(p, q, strict=True)))


def _prod(parts: Any, /, *, start: Any = 1) -> Any:
    for part in parts:
        start = start * part
    return start


_OF_SEQUENCES = {"fsum", "dist", "prod"}
_RULES: dict[str, Callable[..., Any]] = {
    **{name: RULES[getattr(np, ufunc)] for name, ufunc in _UFUNCS.items()},
    "log": _log,
    "hypot": _hypot,
    "fsum": _fsum,
    "dist": _dist,
    "prod": _prod,
}
_SHIMS = {
    name: _shim(name, value) if isinstance(value, BuiltinFunctionType) else value
    for name, value in vars(math).items()
    if not name.startswith("__")
}
_SHIM_MODULE = SimpleNamespace(**_SHIMS)


@lru_cache(maxsize=1024)
def names(code: CodeType) -> frozenset[str]:
    """Global and attribute names in a function and the functions inside it."""
    inner = [names(const) for const in code.co_consts if isinstance(const, CodeType)]
    return frozenset(code.co_names).union(*inner)


def retarget(function: Any) -> Any:
    """The function with math's functions swapped for ones that trace; itself where it uses none."""
    return _swap(function, {})


def _swap(value: Any, done: dict[int, Any]) -> Any:
    """A value that f reaches, swapped where that matters."""
    if value is math:
        return _SHIM_MODULE
    kind = type(value)
    if kind is FunctionType:
        return _function(value, done)
    if kind is BuiltinFunctionType:
        return _SHIMS.get(value.__name__, value) if value.__module__ == "math" else value
    if kind is MethodType:
        inner = _swap(value.__func__, done)
        return value if inner is value.__func__ else MethodType(inner, value.__self__)
    if kind is partial:
        inner = _swap(value.func, done)
        return value if inner is value.func else partial(inner, *value.args, **value.keywords)
    if isinstance(getattr(value, "py_func", None), FunctionType):  # compiled by Numba
        return _swap(value.py_func, done)
    return value


def _function(function: FunctionType, done: dict[int, Any]) -> Any:
    if id(function) in done or _is_installed(function.__code__.co_filename):
        return done.get(id(function), function)
    done[id(function)] = function  # for functions that call themselves or each other
    space, cells = function.__globals__, function.__closure__ or ()
    used = names(function.__code__)
    swapped = {name: _swap(space[name], done) for name in used if name in space and _may_matter(space[name])}
    swapped = {name: value for name, value in swapped.items() if value is not space[name]}
    contents = tuple(_swapped_cell(cell, done) for cell in cells)
    if swapped or any(new is not old for new, old in zip(contents, cells, strict=True)):
        done[id(function)] = _rebuilt(function, {**space, **swapped} if swapped else space, contents)
    return done[id(function)]


def _may_matter(value: Any) -> bool:
    return value is math or type(value) in (FunctionType, BuiltinFunctionType, partial) or hasattr(value, "py_func")


def _swapped_cell(cell: CellType, done: dict[int, Any]) -> CellType:
    try:
        value = cell.cell_contents
    except ValueError:
        return cell
    new = _swap(value, done) if _may_matter(value) else value
    return cell if new is value else CellType(new)


def _rebuilt(function: FunctionType, space: dict[str, Any], cells: tuple[CellType, ...]) -> FunctionType:
    copy = FunctionType(function.__code__, space, function.__name__, function.__defaults__, cells or None)
    copy.__kwdefaults__, copy.__dict__ = function.__kwdefaults__, function.__dict__
    return copy


@lru_cache(maxsize=1024)
def _is_installed(path: str) -> bool:
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
    return _is_installed(getattr(value, "__func__", value).__code__.co_filename)


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

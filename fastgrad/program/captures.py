"""What a function captures, as a key.

Numba freezes captured values, so a changed value needs another compilation; a trace is good as long as nothing that the
function captures has changed.
"""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable, Hashable, Iterator
from functools import lru_cache
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

Freeze = Callable[[str, Any], Hashable]

SMALL_ARRAY = 16_384  # bytes; comparing more takes longer than tracing

_PURE_MODULES = {"builtins", "math", "cmath", "_operator", "numpy", "numpy._core._multiarray_umath"}

_FROZEN_MODULES = {"numpy", "math", "cmath", "numpy.linalg", "numpy.random"}


class NotFrozenError(Exception):
    """A captured value that Numba would freeze or cannot read; the text names it and the way out."""


def captured(function: FunctionType, freeze: Freeze | None = None) -> Hashable:
    """A key that changes when the code or a captured number does.

    Raises
    ------
    NotFrozenError
        The function captures an array, or an object that Numba cannot compile.
    """
    freeze = freeze or _freeze
    values = tuple((name, freeze(name, value)) for name, value in _names(function))
    code, given = function.__code__, function.__defaults__ or ()
    names = code.co_varnames[code.co_argcount - len(given) : code.co_argcount]
    defaults = tuple(freeze(name, v) for name, v in zip(names, given, strict=True))
    by_name = tuple((name, freeze(name, v)) for name, v in (function.__kwdefaults__ or {}).items())
    return (content(code), defaults, by_name, values)


def unchanging(f: Any, args: tuple[Any, ...]) -> Hashable | None:
    """A key of all that a call's trace depends on: small arrays by their bytes, helpers by their content.

    None where something may change unseen: an attribute, a container, a large array, a method's object.
    """
    if type(f) is not FunctionType:
        return None
    try:
        return (captured(f, _freeze_more), tuple(_freeze_more("an argument", a) for a in args))
    except (NotFrozenError, RecursionError):
        return None


def _freeze_more(name: str, value: Any) -> Hashable:
    if type(value) is np.ndarray and value.dtype.kind in "fiub" and value.nbytes <= SMALL_ARRAY:
        return (value.shape, value.dtype.str, value.tobytes())
    if type(value) is FunctionType and not _is_numpys(value):
        return captured(value, _freeze_more)
    return _freeze(name, value)


_contents: dict[int, tuple[CodeType, Hashable]] = {}  # kept with the code, so that its number stays its own


def content(code: CodeType) -> Hashable:
    """What a code object says; its own hash changes in Python 3.11 once it has run some times, with its flags."""
    if id(code) not in _contents:
        if len(_contents) > 4096:
            _contents.clear()
        _contents[id(code)] = (code, _content(code))
    return _contents[id(code)][1]


def _content(code: CodeType) -> Hashable:
    stars = code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, code.co_argcount, stars)
    consts = tuple(content(c) if isinstance(c, CodeType) else (type(c).__name__, _text(c)) for c in code.co_consts)
    return (code.co_code, consts, *names, code.co_kwonlyargcount, code.co_exceptiontable)


def _text(constant: Any) -> str:
    """The same in every process: the order of a set of strings is not."""
    return repr(sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant)


def snapshot(function: FunctionType) -> FunctionType:
    """The function with what it captures now: Numba reads cells and globals again at each new signature."""
    cells = tuple(CellType(c.cell_contents) if _is_set(c) else CellType() for c in function.__closure__ or ())
    copy = FunctionType(
        function.__code__, dict(function.__globals__), function.__name__, function.__defaults__, cells or None
    )
    copy.__kwdefaults__, copy.__qualname__ = function.__kwdefaults__, function.__qualname__
    return copy


def _is_set(cell: CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _names(function: FunctionType) -> Iterator[tuple[str, Any]]:
    code = function.__code__
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        if _is_set(cell):  # of one that is still empty Numba's own error says more
            yield name, cell.cell_contents
    for name in _global_names(code):
        if name in function.__globals__:
            yield name, function.__globals__[name]


@lru_cache(maxsize=256)
def _global_names(code: CodeType) -> tuple[str, ...]:
    names = {i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"}
    inner = [c for c in code.co_consts if isinstance(c, CodeType)]
    return tuple(sorted(names.union(*map(_global_names, inner))))


def _freeze(name: str, value: Any) -> Hashable:
    """The key of one captured value."""
    if value is None or isinstance(value, (bool, int, float, complex, str, np.generic)):
        return (type(value).__name__, repr(value))
    if isinstance(value, np.ndarray):
        raise NotFrozenError(_refusal(name, value))
    if isinstance(value, tuple):
        return tuple(_freeze(name, v) for v in value)
    if isinstance(value, ModuleType):
        return _module(name, value)
    if hasattr(value, "py_func"):  # compiled by Numba; it froze what it captures when it was first called
        return (id(value), captured(value.py_func))
    if isinstance(value, (np.ufunc, type(np.sum))) or _is_pure_builtin(value) or _is_numpys(value):
        return ("builtin", id(value))
    raise NotFrozenError(_refusal(name, value))


def _is_pure_builtin(value: Any) -> bool:
    """Such as len and math.sin; not time.time, nor the bound method of a dict."""
    home = getattr(value, "__self__", None)
    return isinstance(value, BuiltinFunctionType) and isinstance(home, ModuleType) and home.__name__ in _PURE_MODULES


def _is_numpys(value: Any) -> bool:
    return isinstance(value, (FunctionType, type)) and value.__module__.split(".")[0] in {"numpy", "builtins"}


def _module(name: str, module: ModuleType) -> Hashable:
    if module.__name__ in _FROZEN_MODULES:
        return ("module", module.__name__)
    msg = f"it uses the module {name!r}, whose values Numba would freeze; pass them through args="
    raise NotFrozenError(msg)


def _refusal(name: str, value: Any) -> str:
    if isinstance(value, np.ndarray):
        return (
            f"it captures the array {name!r}, which Numba freezes up to 1 MB and reads live above; pass it instead: "
            f"def f(x, {name}): ... with args=({name},)"
        )
    if isinstance(value, FunctionType):
        return f"it calls the Python function {name!r}; decorate that with @numba.njit"
    return f"it captures {name!r}, a {type(value).__name__}, which Numba cannot read; pass numbers or arrays by args="

"""What a function reaches without being given it: one walk, and its visitors.

`parts` says what a function, a method, a partial or a callable object holds. Its visitors are the key of a kept
trace (`keys`), that of a compilation, the search for memory that f shares with its argument, and the tracer's copy of f
(`rebuilt`).
"""

from __future__ import annotations

import dis
import inspect
import os
import sys
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any

import numpy as np

Freeze = Callable[[str, Any], Hashable]

_PURE_MODULES = {"builtins", "math", "cmath", "_operator", "numpy", "numpy._core._multiarray_umath"}
_NUMPYS = os.path.join(os.path.dirname(np.__file__), "")
# The folder of this package, as it says itself: whatever this file is called, and wherever it lies.
_OWN = os.path.join(*sys.modules[__name__.partition(".")[0]].__path__, "")
_PYTHONS_OWN = (sys.base_prefix + "/lib", "<frozen")
_FROZEN_MODULES = {"numpy", "math", "cmath", "numpy.linalg", "numpy.random"}

# Where a callable holds something, the code's name for it, and what it is; a NamedTuple takes five times as long.
Part = tuple[str, str, Any]
_PYTHONS = (FunctionType, MethodType, partial)


def parts(value: Any, mentioned: Callable[[CodeType], Sequence[str]] | None = None) -> Iterator[Part]:
    """What a callable holds, one level deep, in an order that its code fixes.

    Globals are those that `mentioned` names. By default these are all whose names a function mentions, as attributes
    too: what another module calls W may be the same.
    """
    if type(value) is FunctionType:
        yield from function_parts(value, mentioned or names)
    elif isinstance(value, MethodType):
        yield "self", "self", value.__self__
        yield "function", "function", value.__func__
    elif isinstance(value, partial):
        yield from (("argument", str(k), v) for k, v in enumerate(value.args))
        yield from (("keyword", name, v) for name, v in value.keywords.items())
        yield "function", "function", value.func
    elif not isinstance(value, (type, np.ufunc, BuiltinFunctionType)):
        yield "self", "self", value
        call = getattr(type(value), "__call__", None)  # noqa: B004
        if isinstance(call, _PYTHONS):
            yield "function", "function", call


def function_parts(function: FunctionType, mentioned: Callable[[CodeType], Sequence[str]]) -> Iterator[Part]:
    """What a function holds: cells, those of the mentioned globals that there are, and defaults."""
    code, space, given = function.__code__, function.__globals__, function.__defaults__ or ()
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        if _is_set(cell):  # one that is still empty is for f's first call to complain of
            yield "cell", name, cell.cell_contents
    for name in mentioned(code):
        if name in space:
            yield "global", name, space[name]
    arguments = code.co_varnames[code.co_argcount - len(given) : code.co_argcount]
    for name, value in zip(arguments, given, strict=True):
        yield "default", name, value
    for name, value in (function.__kwdefaults__ or {}).items():
        yield "option", name, value


def _is_set(cell: CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1024)
def names(code: CodeType) -> tuple[str, ...]:
    """Global and attribute names in a function and the functions inside it."""
    inner = [names(const) for const in code.co_consts if isinstance(const, CodeType)]
    return tuple(sorted(set(code.co_names).union(*inner)))


@lru_cache(maxsize=256)
def instructions(code: CodeType) -> tuple[dis.Instruction, ...]:
    """Those of a function; to read them takes 1 us each, and a first look at f asks four times."""
    return tuple(dis.get_instructions(code))


@lru_cache(maxsize=1024)
def loaded(code: CodeType) -> tuple[str, ...]:
    """The names that a function and the functions and classes inside it look up as global variables."""
    found = {i.argval for i in instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    inner = [c for c in code.co_consts if isinstance(c, CodeType)]
    return tuple(sorted(found.union(*map(loaded, inner))))


@lru_cache(maxsize=1024)
def is_installed(path: str) -> bool:
    """Whether code belongs to this or another package or to Python, whose inner workings are left alone."""
    return "site-packages" in path or "dist-packages" in path or path.startswith((_OWN, *_PYTHONS_OWN))


def is_own(path: str) -> bool:
    """Whether code belongs to this package."""
    return path.startswith(_OWN)


def is_users_module(module: ModuleType) -> bool:
    """Whether a module is the user's: a file of theirs, a session, or made by hand; Python's own in C have a spec."""
    path = getattr(module, "__file__", None)
    return not is_installed(path) if path else module.__spec__ is None


def is_pythons_class(kind: type) -> bool:
    """Whether Python made a class, whose attributes anybody may set, and not C."""
    return kind.__flags__ & 1 << 9 != 0


def attributes(value: Any) -> Mapping[str, Any]:
    """Those of an object itself; none of one that says anything else when it is asked for them."""
    try:
        found = getattr(value, "__dict__", None)
    except Exception:  # noqa: BLE001  it may refuse to be looked at
        return {}
    return found if isinstance(found, (dict, MappingProxyType)) else {}


def home(value: Any) -> str:
    """The module of a function or a class as it says itself; what `exec` made in an empty namespace has none."""
    place = getattr(value, "__module__", None)
    return place if isinstance(place, str) else ""


def is_table(value: Any) -> bool:
    """Whether a value is a DataFrame or a Series of pandas."""
    return home(type(value)).partition(".")[0] == "pandas" and hasattr(value, "_mgr")


def rebuilt(value: Any, new: Mapping[tuple[str, str], Any]) -> Any:
    """A function, method or partial with other parts, by their kind and name; the rest is shared with the old one."""
    if isinstance(value, MethodType):
        own = new.get(("self", "self"), value.__self__)
        return MethodType(new.get(("function", "function"), value.__func__), own)
    if isinstance(value, partial):
        args = [new.get(("argument", str(k)), v) for k, v in enumerate(value.args)]
        options = {name: new.get(("keyword", name), v) for name, v in value.keywords.items()}
        return partial(new.get(("function", "function"), value.func), *args, **options)
    return _rebuilt_function(value, new)


def _rebuilt_function(function: FunctionType, new: Mapping[tuple[str, str], Any]) -> FunctionType:
    code, given = function.__code__, function.__defaults__ or ()
    cells = tuple(
        CellType(new["cell", name]) if ("cell", name) in new else cell  # the very cell, which f may write
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True)
    )
    arguments = code.co_varnames[code.co_argcount - len(given) : code.co_argcount]
    defaults = tuple(new.get(("default", name), v) for name, v in zip(arguments, given, strict=True))
    space = {**function.__globals__, **{name: v for (kind, name), v in new.items() if kind == "global"}}
    copy = FunctionType(code, space, function.__name__, defaults or None, cells or None)
    options = {name: new.get(("option", name), v) for name, v in (function.__kwdefaults__ or {}).items()}
    copy.__kwdefaults__, copy.__qualname__ = options or None, function.__qualname__
    copy.__dict__ = function.__dict__
    return copy


def with_code(function: FunctionType, code: CodeType, tools: Mapping[str, Any]) -> FunctionType:
    """A function with other code of the same variables, and with tools among its globals."""
    space = {**function.__globals__, **tools}
    copy = FunctionType(code, space, function.__name__, function.__defaults__, function.__closure__)
    copy.__kwdefaults__, copy.__qualname__ = function.__kwdefaults__, function.__qualname__
    copy.__dict__ = function.__dict__
    return copy


def plain_function(function: Any) -> Any:
    """The plain function of one that Numba has compiled; others are not asked: a user's may raise what they like."""
    inner = getattr(function, "py_func", None) if home(type(function)).startswith("numba.") else None
    return inner if type(inner) is FunctionType else function


def is_compiled(function: Any) -> bool:
    """Whether Numba has compiled it."""
    return plain_function(function) is not function


def is_users_function(value: Any) -> bool:
    """Whether it is a plain function that no package has brought along."""
    return isinstance(value, FunctionType) and not is_installed(value.__code__.co_filename)


def shares_state(function: Any, arrays: Sequence[np.ndarray[Any, Any]]) -> str:
    """The reason why f must see some arrays themselves, as it reaches their memory not by its argument only; or "".

    They are what f is going to be called with.
    """
    for kind, own, holder in _reached(function, set()):
        name = _LABELS.get(kind, own)
        for label, value in ((name, holder), *_held(name, holder)):
            if isinstance(value, np.ndarray) and any(np.may_share_memory(value, x) for x in arrays):
                return (
                    f"f reads its argument also as {label}, which tracing would see as fixed numbers; where that is "
                    "meant, give x.copy()"
                )
    return ""


_LABELS = {
    **dict.fromkeys(("default", "option"), "a default argument"),
    **dict.fromkeys(("argument", "keyword"), "an argument of functools.partial"),
}


def _reached(value: Any, seen: set[int]) -> Iterator[Part]:
    """What a callable holds, and what the callables in it hold, but for those of a library."""
    if id(value) in seen:
        return
    seen.add(id(value))
    for part in parts(value):
        kind, name, inner = part
        if kind == "global" and not _is_read(value, name, inner):
            continue
        yield part
        if kind == "function" or (isinstance(inner, _PYTHONS) and not _is_librarys(inner)):
            yield from _reached(inner, seen)


def _is_read(function: FunctionType, name: str, value: Any) -> bool:
    """Whether a global variable is read, and not only an attribute of its name: by it, or as a module's."""
    code = function.__code__
    if name in loaded(code) or any(i.opname == "IMPORT_NAME" for i in instructions(code)):
        return True
    modules = (function.__globals__.get(other) for other in loaded(code))
    return any(type(module) is ModuleType and vars(module).get(name) is value for module in modules)


def _is_librarys(value: Any) -> bool:
    code = getattr(getattr(value, "__func__", value), "__code__", None)
    return isinstance(code, CodeType) and is_installed(code.co_filename)


def _held(name: str, holder: Any) -> Iterator[tuple[str, Any]]:
    """One level of attributes and elements."""
    if isinstance(holder, (list, tuple)):
        yield from ((f"an element of {name}", value) for value in holder)
    elif isinstance(holder, dict):
        yield from ((f"{name}[{key!r}]", value) for key, value in holder.items())
    elif type(holder) not in (FunctionType, ModuleType):
        yield from ((f"{name}.{key}", value) for key, value in attributes(holder).items())


class NotFrozenError(Exception):
    """A captured value that Numba would freeze or cannot read; the text names it and the way out."""


def captured(function: FunctionType, freeze: Freeze | None = None) -> Hashable:
    """A key that changes when the code or a captured number does.

    Numba freezes captured values, so a changed value needs another compilation.

    Raises
    ------
    NotFrozenError
        The function captures an array, or an object that Numba cannot compile.
    """
    freeze = freeze or partial(_freeze, inside=(function.__code__,))
    held = function_parts(function, loaded)
    return (content(function.__code__), tuple((kind, name, freeze(name, value)) for kind, name, value in held))


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
    words = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, code.co_argcount, stars)
    consts = tuple(content(c) if isinstance(c, CodeType) else (type(c).__name__, _text(c)) for c in code.co_consts)
    return (code.co_code, consts, *words, code.co_kwonlyargcount, code.co_exceptiontable)


def _text(constant: Any) -> str:
    """The same in every process: the order of a set of strings is not."""
    return repr(sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant)


def _freeze(name: str, value: Any, inside: tuple[CodeType, ...] = ()) -> Hashable:
    """The key of one captured value; `inside` are the functions that hold it."""
    if value is None or isinstance(value, (bool, int, float, complex, str, np.generic)):
        return (type(value).__name__, repr(value))
    if isinstance(value, np.ndarray):
        raise NotFrozenError(_refusal(name, value))
    if isinstance(value, tuple):
        return tuple(_freeze(name, v, inside) for v in value)
    if isinstance(value, ModuleType):
        return _module(name, value)
    if is_compiled(value):  # by Numba; it froze what it captures when it was first called
        code = value.py_func.__code__
        itself = code in inside  # it may call itself where Numba knows what that returns
        return value if itself else (value, captured(value.py_func, partial(_freeze, inside=(*inside, code))))
    if isinstance(value, (np.ufunc, type(np.sum))) or _is_pure_builtin(value) or _is_numpys(value):
        return ("builtin", value)
    if is_users_function(value) and value.__code__ not in inside and not value.__kwdefaults__:
        return ("function", captured(value, partial(_freeze, inside=(*inside, value.__code__))))
    raise NotFrozenError(_refusal(name, value))


def _is_pure_builtin(value: Any) -> bool:
    """Such as len and math.sin; not time.time, nor the bound method of a dict."""
    home = value.__self__ if isinstance(value, BuiltinFunctionType) else None
    return isinstance(home, ModuleType) and home.__name__ in _PURE_MODULES


def _is_numpys(value: Any) -> bool:
    """Whether a function is of NumPy's own files: what wraps one of its functions says that it is of its module."""
    if isinstance(value, FunctionType):
        return value.__code__.co_filename.startswith(_NUMPYS)
    return isinstance(value, type) and home(value).split(".")[0] in {"numpy", "builtins"}


def _module(name: str, module: ModuleType) -> Hashable:
    if module.__name__ in _FROZEN_MODULES:
        return ("module", module.__name__)
    msg = f"it uses the module {name!r}, whose values Numba would freeze; pass them through args="
    raise NotFrozenError(msg)


def _refusal(name: str, value: Any) -> str:
    if isinstance(value, np.ndarray):
        return (
            f"it captures the array {name!r}, which Numba freezes up to 1 MB and reads live above; pass it instead: "
            f"def f({'z' if name == 'x' else 'x'}, {name}): ... with args=({name},)"
        )
    if isinstance(value, FunctionType) and value.__kwdefaults__:
        return f"it calls {name!r}, whose keyword-only arguments Numba gives no defaults; write them without the *"
    if is_users_function(value):
        return f"it calls the function {name!r}, which calls itself; write a loop instead"
    if isinstance(value, FunctionType):
        return f"it calls the Python function {name!r} of a package; write out what it computes"
    return f"it captures {name!r}, a {type(value).__name__}, which Numba cannot read; pass numbers or arrays by args="

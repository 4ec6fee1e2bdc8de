"""Which field a journal is of: all that its numbers depend on, as short texts that are the same in every process."""

from __future__ import annotations

import os
import pickle
import sys
import sysconfig
import warnings
from collections.abc import Hashable, Iterable, Iterator, Sized
from functools import cached_property, partial
from hashlib import sha256
from pathlib import Path
from types import CodeType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any

import numpy as np

from ..engine.call import Call, Grid
from ..program.captures import attributes, captured, names, parts, plain_function
from ..program.members import ATTRIBUTES, STORES, codes, instructions, slots
from ..results import users_level

_PATHS = sysconfig.get_paths()
_FOLDERS = (str(Path(__file__).parent), *(_PATHS[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")))
_LIBRARIES = tuple(folder + os.sep for folder in _FOLDERS)


_OF_EVERY_CLASS = {
    "__dict__", "__weakref__", "__doc__", "__module__", "__qualname__", "__annotations__", "__firstlineno__",
    "__static_attributes__", "__annotate_func__", "__annotations_cache__", "__abstractmethods__", "_abc_impl",
}  # fmt: skip
DEEPEST = 20
"""Objects in objects; deeper ones count by their class."""
INNERMOST = 100
"""Containers in containers; those inside count by their kind and length."""
_HIDDEN = (
    "f calls {!r}, which np.frompyfunc made: what it does is not seen, and resume= goes on with what an earlier call "
    "has filled, whatever that did; use np.vectorize, or delete the journal where it has changed"
)
_MAKING = ("__init__", "__new__", "__post_init__", "__setstate__")
# Methods that make an object what it is before f is computed, unless others of its class call them.
_PREPARING = {
    "fit", "partial_fit", "fit_transform", "train", "load", "load_state_dict", "set_params", "set", "update", "compile",
    "build", "setup", "configure", "calibrate", "init", "initialize", "initialise", "read", "from_file",
}  # fmt: skip
_PUTTING = {"STORE_SUBSCR", "STORE_SLICE", "DELETE_SUBSCR"}
_CHANGING = {"append", "extend", "insert", "add", "update", "setdefault", "pop", "clear", "remove", "discard", "fill"}
_HOLDING = (list, dict, set, np.ndarray)


def describe(call: Call, engine: str, dtype: np.dtype[Any]) -> dict[str, str]:
    """All that the numbers of a field depend on; of objects the attributes that none of their methods sets."""
    assert isinstance(call.points, Grid)
    from ..llvm.machine import surroundings  # noqa: PLC0415  importing LLVM takes as long as all the rest

    formula, steps, contents = call.table.stencil, call.steps, _Contents()
    return {
        "f": _digest(contents.of("f", call.f)),
        "args": _digest([contents.of("args", a) for a in call.args]),
        "axes": _digest([contents.of("axes", a) for a in call.points.axes]),
        "dtype": dtype.str,
        "method": formula.method,
        "order": str(formula.order),
        "step": f"{steps.rule} {steps.size.tolist()}",
        "engine": engine,
        "version": _versions(),
        "processor": _digest(surroundings()),
    }


def _versions() -> str:
    from .. import __version__  # noqa: PLC0415  which the package sets when it is complete

    return f"fastgrad {__version__}, numpy {np.__version__}"


def _digest(content: Any) -> str:
    return sha256(repr(content).encode()).hexdigest()


class _Contents:
    """What values say. Each function, class and object is read once."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._depth = self._inside = 0

    def of(self, name: str, value: Any) -> Hashable:
        """What a value says, the same in every process."""
        if value is None or isinstance(value, (bool, int, float, complex, str, bytes, np.generic)):
            return (type(value).__name__, repr(value))
        if isinstance(value, np.ndarray):
            return self._of_array(name, value)
        if isinstance(value, (set, frozenset)):
            return (type(value).__name__, *sorted(repr(self.of(name, part)) for part in value))
        inner = _inner(value)
        return self._of_code(value) if inner is None else self._of_container(name, value, inner)

    def _of_array(self, name: str, array: np.ndarray[Any, Any]) -> Hashable:
        """Its numbers, and what a masked one hides; the objects of others."""
        mask = (self.of(name, np.ma.getmaskarray(array)),) if isinstance(array, np.ma.MaskedArray) else ()
        own = np.asarray(array)
        if own.dtype.hasobject:
            return (own.shape, str(own.dtype), *mask, self.of(name, own.ravel().tolist()))
        return (own.shape, own.dtype.str, *mask, sha256(own.ravel().view(np.uint8).data).hexdigest())

    def _of_container(self, name: str, value: Any, inner: Iterable[Any]) -> Hashable:
        """Its parts; of one that holds itself, or is inside of very many, its kind and its length."""
        again = isinstance(value, (list, dict)) and id(value) in self._seen
        if again or self._inside > INNERMOST:
            return (type(value).__name__, len(value) if isinstance(value, Sized) else 0)
        if isinstance(value, (list, dict)):  # which live on: others may have the number of one that is gone
            self._seen.add(id(value))
        self._inside += 1
        found = (type(value).__name__, *[self.of(name, part) for part in inner])
        self._inside -= 1
        return found

    def _of_code(self, value: Any) -> Hashable:
        """A function's code and what it captures, also where Numba compiled it; libraries by their name."""
        function = plain_function(value)
        if isinstance(function, FunctionType):
            if id(function) in self._seen or function.__code__.co_filename.startswith(_LIBRARIES):
                return (function.__module__, function.__qualname__)
            self._seen.add(id(function))
            modules = [self._of_module(module, function) for module in _modules(function)]
            return (captured(function, self.of), *modules, *self._of_items(vars(function)))
        return self._of_class(value) if isinstance(value, type) else self._of_object(value)

    def _of_object(self, value: Any) -> Hashable:
        """Its class and the attributes that make it what it is; of one of a library its state, if it can be pickled."""
        kind = type(value)
        called = [getattr(value, name, None) for name in ("__module__", "__qualname__", "__name__")]
        if id(value) in self._seen or self._depth > DEEPEST:
            return (*called, kind.__module__, kind.__qualname__)
        self._seen.add(id(value))
        if isinstance(value, np.ufunc) and "(vectorized)" in value.__name__:
            warnings.warn(_HIDDEN.format(value.__name__), UserWarning, stacklevel=users_level())
        if _is_librarys(kind):
            return (*called, self._of_class(kind), _pickled(value), *self._of_items(_of_user(value)))
        self._depth += 1
        attributes = self._of_items(_attributes(value))
        self._depth -= 1
        return (*called, self._of_class(kind), *attributes)

    def _of_items(self, items: dict[str, Any]) -> list[Hashable]:
        return [(name, self.of(name, value)) for name, value in sorted(items.items())]

    def _of_class(self, kind: type) -> Hashable:
        """What the class of an object, or one that f reads, says: its methods and numbers, those of its bases too."""
        name = (kind.__module__, kind.__qualname__)
        if id(kind) in self._seen or _is_librarys(kind):
            return name
        self._seen.add(id(kind))
        own = {key: _function_of(value) for key, value in vars(kind).items() if key not in _OF_EVERY_CLASS}
        return (*name, *self._of_items(own), *map(self._of_class, kind.__bases__))

    def _of_module(self, module: ModuleType, function: FunctionType) -> Hashable:
        """What a function may read of a module: all that it mentions by name."""
        held = [(name, vars(module)[name]) for name in names(function.__code__) if name in vars(module)]
        return (module.__name__, *((name, self.of(name, value)) for name, value in held))


def _of_user(value: Any) -> dict[str, Any]:
    """What an object of a library does of the user's: what it wraps, as a cache or np.vectorize, or calls."""
    if isinstance(value, ModuleType):  # of which a function's own names count
        return {}
    found = {name: part for name, part in attributes(value).items() if callable(part)}
    wrapped = getattr(value, "__wrapped__", None)
    return found if wrapped is None else found | {"__wrapped__": wrapped}


def _inner(value: Any) -> Iterable[Any] | None:
    """What a value consists of, where that is all there is to it."""
    if isinstance(value, (tuple, list)):
        return value
    if isinstance(value, (dict, MappingProxyType)):
        return value.items()
    return parts(value) if isinstance(value, (partial, MethodType)) else None


def _attributes(value: Any) -> dict[str, Any]:
    """Attributes in an object's dictionary and slots that none of its class's methods sets or writes into.

    Others are its state, such as counters and caches.
    """
    kind = type(value)
    found = {**{name: getattr(value, name) for name in slots(kind) if hasattr(value, name)}, **attributes(value)}
    state, held = set[str](), set[str]()
    for code in _methods(kind):
        own = instructions(code)
        state.update(str(now.argval) for now in own if now.opname in STORES)
        if any(now.opname in _PUTTING or now.argval in _CHANGING for now in own):
            held.update(str(now.argval) for now in own if now.opname in ATTRIBUTES)
    state |= {name for base in kind.__mro__ for name, part in vars(base).items() if isinstance(part, cached_property)}
    state |= {name for name in held if isinstance(found.get(name), _HOLDING)}
    return {name: part for name, part in found.items() if name not in state}


def _methods(kind: type) -> Iterator[CodeType]:
    """The code of all methods but those that make or prepare an object."""
    own = [(name, plain_function(_function_of(value))) for base in kind.__mro__ for name, value in vars(base).items()]
    functions = [(name, f) for name, f in own if name not in _MAKING and isinstance(f, FunctionType)]
    for name, function in functions:
        callers = (set(names(other.__code__)) for by, other in functions if by != name and by not in _PREPARING)
        if name not in _PREPARING or any(name in mentioned for mentioned in callers):
            yield from codes(function.__code__)


def _pickled(value: Any) -> str:
    try:
        return sha256(pickle.dumps(value, protocol=4)).hexdigest()
    except Exception:  # noqa: BLE001  an object may refuse in any way
        return ""


def _is_librarys(kind: type) -> bool:
    module = sys.modules.get(str(kind.__module__))
    file = getattr(module, "__file__", None)
    return file.startswith(_LIBRARIES) if file else module is not None and module.__name__ != "__main__"


def _function_of(value: Any) -> Any:
    """The function of a method of any kind."""
    return value.fget if isinstance(value, property) else getattr(value, "__func__", value)


def _modules(function: FunctionType) -> list[ModuleType]:
    """The modules that a function may look into: global ones, and those that it imports itself."""
    mentioned = [function.__globals__.get(name, sys.modules.get(name)) for name in names(function.__code__)]
    found = [m for m in mentioned if isinstance(m, ModuleType) and getattr(m, "__file__", None)]
    return [m for m in found if not str(m.__file__).startswith(_LIBRARIES)]

"""What f changes in the user's objects while it is traced, and how that is taken back.

A model that keeps its argument, or an array made like it, would hold symbols for ever. What f reaches and may write
into (attributes, dicts, lists, arrays, cells, global variables) is noted before a trace, one level of each, and put
back where something of the trace is left behind, or the trace was refused. Of a function that branches it is put back
after each way through it: Python would have gone one of them.
"""

from __future__ import annotations

import math
import sys
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from functools import lru_cache, partial
from itertools import islice
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from ..captures import home, instructions, is_installed, is_pythons_class, is_users_module, names
from .arrays import Symbols
from .creation import FILLING, PUTTING
from .symbols import Symbol, Traced
from .tables import NumberTable

OBJECTS = 2_000  # looked at before a trace, at most
LONG = 1_000  # elements; of a longer list only the length is noted
LARGE = 2**18  # bytes; what a larger array of numbers holds is not noted: to compare these takes 10 us
DEPTH = 3  # of what was left behind, as in a list of tuples of arrays

_Held = dict[Any, Any]


# Methods that write into what is there already, and functions of NumPy's.
MUTATING = FILLING | {"resize", "setfield", "sort", "partition", "append", "insert", "add", "delete"}
HARMLESS = {
    *dir(np), *dir(np.linalg), *dir(math), *dir(np.ndarray), "get", "items", "keys", "values", "index", "count", "join",
    "reduce", "accumulate", "outer",
}.difference(MUTATING, ("__setitem__", "__delitem__", "__iadd__", "__setattr__", "__setstate__"))  # fmt: skip
_WRITING = {
    "STORE_ATTR", "DELETE_ATTR", "STORE_GLOBAL", "DELETE_GLOBAL", "STORE_SUBSCR", "DELETE_SUBSCR", "STORE_SLICE",
}  # fmt: skip
_REACHING = {"setattr", "delattr", "vars", "globals", "exec", "eval", "next"}


def may_write(codes: Collection[CodeType]) -> bool:
    """Whether functions may write into what they reach, as far as that can be told from all their code."""
    return writes_in_place(codes) or writes_outside(codes)


def writes_outside(codes: Collection[CodeType]) -> bool:
    """Whether functions may write into elements or attributes, or call what might."""
    known = {code.co_name for code in codes}
    return any([stores or not methods <= known for stores, _, methods in map(_habits, codes)])  # noqa: C419  half the time


def writes_in_place(codes: Collection[CodeType]) -> bool:
    """Whether functions may write into their arguments by operators such as +=."""
    return any([in_place for _, in_place, _ in map(_habits, codes)])  # noqa: C419


@lru_cache(maxsize=1024)
def _habits(code: CodeType) -> tuple[bool, bool, frozenset[str]]:
    """Whether a function writes by itself, or by operators, and the methods that it calls and that might."""
    writes, in_place, methods = not PUTTING.isdisjoint(code.co_names), False, set[str]()
    for i in instructions(code):
        name, what = i.opname, i.argval
        writes |= name in _WRITING or (name == "STORE_DEREF" and what in code.co_freevars)
        in_place |= name == "BINARY_OP" and i.argrepr.endswith("=")
        writes |= name == "LOAD_GLOBAL" and what in _REACHING
        if name == "LOAD_METHOD" or (name == "LOAD_ATTR" and "NULL|self" in i.argrepr):
            methods.add(what)
    for const in code.co_consts:
        writes |= type(const) is tuple and "out" in const  # the names of a call's arguments
        if isinstance(const, CodeType):
            stores, also, further = _habits(const)
            writes, in_place, methods = writes or stores, in_place or also, methods | further
    return writes, in_place, frozenset(methods - HARMLESS)


class Noted:
    """The places that f may write into, with what was there.

    Attributes
    ----------
    kept : str
        The name of the first place where something of a trace was found; "" where it was in none.
    was_asked : bool
        Whether there was a function to look at.
    is_large : bool
        Whether there is an array that is too large to be noted.
    """

    def __init__(self) -> None:
        self.kept, self.was_asked, self._places = "", False, list[_HeldPlace | _HeldNumbers]()
        self.is_large = False
        self._seen: set[int] = set()
        self._names: set[str] = set()

    def look(self, f: Any, args: tuple[Any, ...]) -> None:
        """Note what a function reaches."""
        self.was_asked = True
        todo: deque[Any] = deque((f, *args))
        while todo and len(self._seen) < OBJECTS:
            value = todo.popleft()
            if id(value) not in self._seen and type(value) not in _PLAIN:
                self._seen.add(id(value))
                with suppress(Exception):  # an object may refuse to be looked at
                    todo.extend(self._reached(value))

    def is_left(self) -> bool:
        """Whether something of a trace is in one of the places."""
        self.kept = self.kept or next((place.name for place in self._places if place.is_left()), "")
        return bool(self.kept)

    def has_changed(self) -> bool:
        """Whether f has written into one of the places."""
        return any(place.changed() for place in self._places)

    def take_back(self) -> None:
        """Put back what was there wherever that is no longer so."""
        for place in self._places:
            if place.changed():
                place.restore()

    def _note(self, value: Any, read: Callable[[], _Held], write: Callable[[_Held], None], name: str = "") -> _Held:
        place = _HeldPlace(value, read, write, name or type(value).__name__)
        self._places.append(place)
        return place.held

    def _reached(self, value: Any) -> Iterator[Any]:
        kind = type(value)
        if kind is FunctionType:
            yield from self._function(value)
        elif kind is MethodType:
            yield from (value.__func__, value.__self__)
        elif kind is partial:
            yield from (value.func, *value.args, *value.keywords.values())
        elif kind is ModuleType:
            if is_users_module(value):
                held = self._note(value, partial(dict, vars(value)), partial(_refill, vars(value)), value.__name__)
                yield from (held[name] for name in self._names.intersection(held))
        elif isinstance(value, (list, dict, set, deque)):
            yield from self._container(value)
        elif isinstance(value, tuple):
            yield from value[:LONG]
        elif isinstance(value, np.ndarray):
            self._array(value)
        elif isinstance(value, type):
            if _is_users(value):
                space = vars(value)
                yield from self._note(value, partial(dict, space), partial(_set_class, value), value.__name__).values()
        else:
            yield from self._object(value)

    def _array(self, array: np.ndarray[Any, Any]) -> None:
        self.is_large |= array.nbytes > LARGE and array.flags.writeable
        if array.dtype != object and array.nbytes <= LARGE and array.flags.writeable:
            self._places.append(_HeldNumbers(array))
        elif array.dtype == object and array.size <= LONG:
            self._note(array, lambda: _numbered(array.ravel()), partial(_fill, array))

    def _function(self, function: FunctionType) -> Iterator[Any]:
        code = function.__code__
        if is_installed(code.co_filename):
            return
        self._names.update(names(code))
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            yield from self._note(cell, partial(_cell, cell), partial(_fill_cell, cell), name).values()
        space = function.__globals__
        if stored := stored_globals(code):
            self._note(space, partial(_of_names, space, stored), partial(_set_names, space, stored), stored[0])
        if own := function.__dict__:
            yield from self._note(function, partial(dict, own), partial(_refill, own)).values()
        yield from (space[name] for name in names(code) if name in space)
        yield from (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())

    def _container(self, value: Any) -> Iterator[Any]:
        length = len(value)
        if isinstance(value, dict):
            if length <= LONG:
                yield from self._note(value, partial(dict, value), partial(_refill, value)).values()
        elif isinstance(value, set):
            if length <= LONG:
                self._note(value, partial(dict.fromkeys, value), partial(_refill_set, value))
        elif length <= LONG:
            yield from self._note(value, partial(_numbered, value), partial(_refill_list, value)).values()
        else:
            self._note(value, partial(_beyond, value, length), lambda _: _shorten(value, length))

    def _object(self, value: Any) -> Iterator[Any]:
        """Attributes, and the class; of an object of a library nothing further."""
        kind, space = type(value), getattr(value, "__dict__", None)
        inner: list[Any] = []
        if type(space) is dict:
            inner += self._note(value, partial(dict, space), partial(_refill, space)).values()
        slots = [s for base in kind.__mro__ for s in _slots(base)]
        if slots:
            inner += self._note(value, partial(_read, value, slots), partial(_set_slots, value, slots)).values()
        if _is_users(kind):
            yield from (*inner, kind)


class _HeldPlace:
    """Something that can be written into: how it is read and written as a dict, and what was there."""

    def __init__(self, owner: Any, read: Callable[[], _Held], write: Callable[[_Held], Any], name: str) -> None:
        self.owner, self.read, self.write, self.name = owner, read, write, name
        self.held = read()

    def changed(self) -> list[Any]:
        """What is there and was not, or something, where only less is there."""
        now = self.read()
        keys = [key for key in now if holds_what_is_traced(key)]  # which have no hash after the trace
        new = [v for k, v in now.items() if not holds_what_is_traced(k) and self.held.get(k, _MISSING) is not v]
        new += keys
        return new or ([] if len(now) == len(self.held) else [None])

    def is_left(self) -> bool:
        return any(holds_what_is_traced(value, DEPTH) for value in self.changed())

    def restore(self) -> None:
        self.write(self.held)


class _HeldNumbers:
    """An array of numbers, which cannot hold anything of a trace."""

    name = "an array"

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self._array, self._held, self._bytes = array, array.copy(), array.tobytes()

    def changed(self) -> bool:
        return self._array.tobytes() != self._bytes

    def is_left(self) -> bool:
        return False

    def restore(self) -> None:
        self._array[...] = self._held


_MISSING = object()
# Batch arguments are symbols, whose trace would be held.
_PLAIN = {int, float, str, bytes, bool, complex, type(None), np.float64, type(np.sin), type(len), Symbol, Symbols}


def holds_what_is_traced(value: Any, depth: int = DEPTH) -> bool:
    """Whether a value is of a trace, or a container or object of what is."""
    if isinstance(value, (Traced, Symbols, NumberTable)):
        return True
    if isinstance(value, np.ndarray):
        return value.dtype == object and any(isinstance(v, Traced) for v in value.ravel()[:LONG])
    if not depth:
        return False
    if isinstance(value, dict):
        return any(holds_what_is_traced(v, depth - 1) for v in [*value.values()][:LONG])
    if isinstance(value, (list, tuple, set, deque)):
        return any(holds_what_is_traced(v, depth - 1) for v in [*value][:LONG])
    return type(getattr(value, "__dict__", None)) is dict and holds_what_is_traced(value.__dict__, depth - 1)


@lru_cache(maxsize=1024)
def stored_globals(code: CodeType) -> list[str]:
    """The global variables that a function writes."""
    inner = [name for const in code.co_consts if isinstance(const, CodeType) for name in stored_globals(const)]
    return inner + [i.argval for i in instructions(code) if i.opname in ("STORE_GLOBAL", "DELETE_GLOBAL")]


def _slots(kind: type) -> list[str]:
    slots = vars(kind).get("__slots__", ())
    return [s for s in ([slots] if isinstance(slots, str) else slots) if s not in ("__dict__", "__weakref__")]


def _refill(space: dict[Any, Any], held: _Held) -> None:
    if any(map(holds_what_is_traced, space)):  # such keys have no hash after the trace
        space.clear()
    for key in [key for key in space if key not in held]:
        del space[key]
    space.update(held)


def _cell(cell: CellType) -> _Held:
    try:
        return {0: cell.cell_contents}
    except ValueError:
        return {}


def _fill_cell(cell: CellType, held: _Held) -> None:
    if held:
        cell.cell_contents = held[0]
    else:
        del cell.cell_contents


def _of_names(space: dict[str, Any], stored: list[str]) -> _Held:
    return {name: space[name] for name in stored if name in space}


def _set_names(space: dict[str, Any], stored: list[str], held: _Held) -> None:
    for name in stored:
        if name in held:
            space[name] = held[name]
        else:
            space.pop(name, None)


def _read(value: Any, slots: list[str]) -> _Held:
    return {name: getattr(value, name) for name in slots if hasattr(value, name)}


def _set_slots(value: Any, slots: list[str], held: _Held) -> None:
    for name in slots:
        if name in held:
            setattr(value, name, held[name])
        elif hasattr(value, name):
            delattr(value, name)


def _set_class(kind: type, held: _Held) -> None:
    now = dict(vars(kind))
    for name in now.keys() - held.keys():
        delattr(kind, name)
    for name in held:
        if now.get(name, _MISSING) is not held[name]:
            setattr(kind, name, held[name])


def _is_users(kind: type) -> bool:
    module = sys.modules.get(home(kind))
    return is_pythons_class(kind) and not is_installed(getattr(module, "__file__", None) or "")


def _numbered(value: Any) -> _Held:
    return dict(enumerate(value))


def _beyond(value: Any, length: int) -> _Held:
    return dict(enumerate(islice(value, length, None)))


def _refill_list(value: Any, held: _Held) -> None:
    """In one step, if it can be: another thread may look at it."""
    if isinstance(value, list):
        value[:] = held.values()
        return
    value.clear()
    value.extend(held.values())


def _refill_set(value: Any, held: _Held) -> None:
    if any(map(holds_what_is_traced, value)):
        value.clear()
    for new in [new for new in value if new not in held]:
        value.discard(new)
    value.update(held)


def _shorten(value: Any, length: int) -> None:
    while len(value) > length:
        value.pop()


def _fill(array: Any, held: _Held) -> None:
    for k, old in held.items():
        array.flat[k] = old

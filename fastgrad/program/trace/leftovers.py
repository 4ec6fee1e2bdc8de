"""What f changes in the user's objects while it is traced, and how that is taken back.

A model that keeps its argument, or an array made like it, would hold symbols for ever. What f reaches and may write
into (attributes, dicts, lists, arrays, cells, global variables) is noted before a trace, one level of each, and put
back where something of the trace is left behind, or the trace was refused. Of a function that branches it is put back
after each way through it: Python would have gone one of them.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Collection, Iterator
from functools import _lru_cache_wrapper, lru_cache, partial
from itertools import pairwise
from types import BuiltinFunctionType, CodeType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any

import numpy as np

from ..captures import instructions, is_installed, is_table, is_users_module, names
from ..members import slots
from .arrays import Symbols
from .creation import FILLING, PUTTING
from .heldplaces import (
    LONG,
    Held,
    HeldNumbers,
    HeldPlace,
    HeldTable,
    beyond,
    fill,
    fill_cell,
    holds_what_is_traced,
    numbered,
    of_cell,
    of_names,
    read_slots,
    refill,
    refill_list,
    refill_set,
    set_class,
    set_names,
    set_slots,
    shorten,
)
from .symbols import Symbol
from .unknowns import (
    acts_when_used,
    called_unseen,
    has_an_order,
    is_fixed,
    is_transparent,
    is_users_class,
    stores_in_modules,
)

OBJECTS = 2_000  # looked at before a trace, at most
LARGE = 2**18  # bytes; what a larger array of numbers holds is not noted: to compare these takes 10 us

# Methods that write into what is there already, and functions of NumPy's.
MUTATING = FILLING | {"resize", "setfield", "sort", "partition", "append", "insert", "add", "delete", "byteswap"}
HARMLESS = {
    *dir(np), *dir(np.linalg), *dir(math), *dir(np.ndarray), "get", "items", "keys", "values", "index", "count", "join",
    "reduce", "accumulate", "outer",
}.difference(MUTATING, ("__setitem__", "__delitem__", "__iadd__", "__setattr__", "__setstate__"))  # fmt: skip
_WRITING = {
    "STORE_ATTR", "DELETE_ATTR", "STORE_GLOBAL", "DELETE_GLOBAL", "STORE_SUBSCR", "DELETE_SUBSCR", "STORE_SLICE",
}  # fmt: skip
_OF_CONTAINERS = {*dir(list), *dir(dict), *dir(set), *dir(deque)} - HARMLESS
# Names of arguments by which functions write into what they are given.
_INTO = {"out", "copy", "inplace", "overwrite_a", "overwrite_b", "overwrite_x", "overwrite_input"}
_REACHING = {"setattr", "delattr", "vars", "globals", "exec", "eval", "next"}


def may_write(codes: Collection[CodeType]) -> bool:
    """Whether functions may write into what they reach, as far as that can be told from all their code."""
    return writes_in_place(codes) or writes_outside(codes)


def writes_outside(codes: Collection[CodeType]) -> bool:
    """Whether functions may write into elements or attributes, or call what might."""
    known = {code.co_name for code in codes}
    return any([stores or not methods <= known for stores, _, methods in map(_habits, codes)])  # noqa: C419  half the time


def may_act(function: Any, depth: int = 3) -> bool:
    """Whether a function that is called unseen writes into something, or one that it mentions."""
    function = getattr(function, "__func__", function)
    if not isinstance(function, FunctionType) or is_installed(function.__code__.co_filename):
        return False
    if writes_outside([function.__code__]):
        return True
    code, space = function.__code__, function.__globals__
    mentioned = [cell.cell_contents for cell in function.__closure__ or ()] + [space.get(name) for name in names(code)]
    return depth > 0 and any(may_act(value, depth - 1) for value in mentioned)


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
        if name == "LOAD_METHOD" or (name == "LOAD_ATTR" and ("NULL|self" in i.argrepr or what in _OF_CONTAINERS)):
            methods.add(what)
    writes = writes or _changes_what_it_found(code)
    for const in code.co_consts:
        writes |= type(const) is tuple and not _INTO.isdisjoint(map(str, const))  # the names of a call's arguments
        if isinstance(const, CodeType):
            stores, also, further = _habits(const)
            writes, in_place, methods = writes or stores, in_place or also, methods | further
    return writes, in_place, frozenset(methods - HARMLESS)


def _changes_what_it_found(code: CodeType) -> bool:
    """Whether a local name of something from outside is changed in place, as in w = self.w; w += 1."""
    doing = instructions(code)
    found = {i.argval for before, i in pairwise(doing) if i.opname == "STORE_FAST" and before.opname in _FINDING}
    return any(
        before.opname == "BINARY_OP" and before.argrepr.endswith("=") and i.opname == "STORE_FAST" and i.argval in found
        for before, i in pairwise(doing)
    )


_FINDING = {"LOAD_GLOBAL", "LOAD_DEREF", "LOAD_ATTR", "BINARY_SUBSCR"}
_HOLDERS: dict[type, Callable[[Any], tuple[Any, ...]]] = {
    MethodType: lambda value: (value.__func__, value.__self__),
    BuiltinFunctionType: lambda value: (value.__self__,),
    partial: lambda value: (value.func, *value.args, *value.keywords.values()),
    MappingProxyType: lambda value: tuple(dict(value).values()),
}
_PYTHONS = {list, dict, set, deque, tuple, np.ndarray}
# Batch arguments are symbols, whose trace would be held.
_PLAIN = {int, float, str, bytes, bool, complex, type(None), np.float64, type(np.sin), type(np.sum), Symbol, Symbols}


class Noted:
    """The places that f may write into, with what was there.

    Attributes
    ----------
    kept : str
        The name of the first place where something of a trace was found; "" where it was in none.
    was_asked : bool
        Whether a function may write, so that what it reaches has been noted.
    is_partial : bool
        Whether there is something that f may write into and that is not noted, or not all of it.
    acts : bool
        Whether there is something that changes by being gone through, read or called.
    """

    def __init__(self) -> None:
        self.kept, self.was_asked, self._places = "", False, list[HeldPlace | HeldNumbers | HeldTable]()
        self.is_partial = self.acts = False
        self._roots: list[Any] = []  # of what has been looked at only
        self._seen: set[int] = set()
        self._names: set[str] = set()

    def look(self, f: Any, args: tuple[Any, ...], *, writes: bool = True) -> None:
        """See what a function reaches; note it, where functions write into something."""
        todo = deque[Any]((f, *args))
        if writes and not self.was_asked:
            todo.extend(self._roots)
            self._seen.clear()
        self.was_asked |= writes
        self._roots += [] if self.was_asked or _is_of_the_trace(f) else [f]
        while todo and len(self._seen) < OBJECTS:
            value = todo.popleft()
            puts = type(value) is type(np.sum) and value.__name__ in PUTTING  # by another name, perhaps
            if id(value) not in self._seen and (puts or type(value) not in _PLAIN):
                self._seen.add(id(value))
                try:
                    self.acts |= puts or acts_when_used(value, HARMLESS)
                    todo.extend(self._reached(value))
                except Exception:  # noqa: BLE001  an object may refuse to be looked at
                    self.is_partial = True
        self.is_partial |= bool(todo)

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

    def _note(self, value: Any, read: Callable[[], Held], write: Callable[[Held], None], name: str = "") -> Held:
        if not self.was_asked:
            return read()
        place = HeldPlace(value, read, write, name or type(value).__name__)
        self._places.append(place)
        return place.held

    def _reached(self, value: Any) -> Iterator[Any]:
        kind = type(value)
        if kind is FunctionType:
            yield from self._function(value)
        elif kind in _HOLDERS:
            yield from _HOLDERS[kind](value)
        elif kind is ModuleType:
            if is_users_module(value):
                held = self._note(value, partial(dict, vars(value)), partial(refill, vars(value)), value.__name__)
                yield from (held[name] for name in self._names.intersection(held))
        elif isinstance(value, (list, dict, set, deque, tuple, np.ndarray)):
            yield from self._parts(value)
            if kind not in _PYTHONS:
                yield from self._object(value)
        elif isinstance(value, type):
            if is_users_class(value):
                space = vars(value)
                self.acts |= any(map(may_act, called_unseen(value)))
                yield from (base for base in value.__mro__[1:] if is_users_class(base))
                held = self._note(value, partial(dict, space), partial(set_class, value), value.__name__)
                yield from (v for k, v in held.items() if type(v) is FunctionType or not k.startswith("__"))
        else:
            yield from self._object(value)

    def _parts(self, value: Any) -> Iterator[Any]:
        if isinstance(value, tuple):
            yield from value[:LONG]
        else:
            yield from self._array(value) if isinstance(value, np.ndarray) else self._container(value)

    def _array(self, array: np.ndarray[Any, Any]) -> Iterator[Any]:
        self.is_partial |= array.nbytes > LARGE and array.flags.writeable
        if array.dtype != object and array.nbytes <= LARGE and array.flags.writeable:
            self._places += [HeldNumbers(array)] if self.was_asked else []
        elif array.dtype == object and array.size <= LONG:
            yield from self._note(array, lambda: numbered(array.ravel()), partial(fill, array)).values()
        self.is_partial |= array.dtype == object and array.size > LONG

    def _function(self, function: FunctionType) -> Iterator[Any]:
        code = function.__code__
        if is_installed(code.co_filename):
            yield from self._wrapped(function)
            return
        self._names.update(names(code))
        self.acts |= stores_in_modules(function)
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            if holds_what_is_traced(of_cell(cell), 1):  # of a function that f has made
                continue
            yield from self._note(cell, partial(of_cell, cell), partial(fill_cell, cell), name).values()
        space = function.__globals__
        if stored := stored_globals(code):
            self._note(space, partial(of_names, space, stored), partial(set_names, space, stored), stored[0])
        own = function.__dict__
        yield from self._note(function, partial(dict, own), partial(refill, own)).values()
        yield from (space[name] for name in names(code) if name in space)
        yield from (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())

    def _wrapped(self, value: Any) -> Iterator[Any]:
        """What a wrapper calls, which is not seen."""
        wrapped = getattr(value, "__wrapped__", None)
        self.acts |= may_act(wrapped)
        yield wrapped

    def _container(self, value: Any) -> Iterator[Any]:
        length = len(value)
        self.is_partial |= length > LONG or has_an_order(value)
        if isinstance(value, dict):
            if length <= LONG:
                yield from self._note(value, partial(dict, value), partial(refill, value)).values()
        elif isinstance(value, set):
            if length <= LONG:
                self._note(value, partial(dict.fromkeys, value), partial(refill_set, value))
        elif length <= LONG:
            yield from self._note(value, partial(numbered, value), partial(refill_list, value)).values()
        else:
            self._note(value, partial(beyond, value, length), lambda _: shorten(value, length))

    def _object(self, value: Any) -> Iterator[Any]:
        """Attributes, and the class; of an object of a library these only where f writes into something."""
        kind, space = type(value), getattr(value, "__dict__", None)
        inner: list[Any] = []
        if is_table(value):
            self._places += [HeldTable(value)] if self.was_asked else []
        if type(space) is dict:
            inner += self._note(value, partial(dict, space), partial(refill, space)).values()
        if named := slots(kind):
            inner += self._note(value, partial(read_slots, value, named), partial(set_slots, value, named)).values()
        if kind is _lru_cache_wrapper:
            yield from self._wrapped(value)
        if is_users_class(kind):
            yield from (*inner, kind)
        elif is_transparent(kind):
            yield from inner
        else:
            self.is_partial |= not is_fixed(value)
            yield from inner if self.was_asked else ()


def _is_of_the_trace(function: Any) -> bool:
    """Whether f has made a function while it was traced, which lives no longer than that."""
    return any(holds_what_is_traced(of_cell(cell), 1) for cell in getattr(function, "__closure__", None) or ())


@lru_cache(maxsize=1024)
def stored_globals(code: CodeType) -> list[str]:
    """The global variables that a function writes."""
    inner = [name for const in code.co_consts if isinstance(const, CodeType) for name in stored_globals(const)]
    return inner + [i.argval for i in instructions(code) if i.opname in ("STORE_GLOBAL", "DELETE_GLOBAL")]

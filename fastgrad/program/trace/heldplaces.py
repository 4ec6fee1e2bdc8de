"""Places that can be written into, with what was there: how each is read, and put back as it was."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import islice
from types import CellType
from typing import Any

import numpy as np

from .arrays import Symbols
from .symbols import Traced
from .tables import NumberTable

LONG = 1_000  # elements; of a longer list only the length is noted
DEPTH = 3  # of what was left behind, as in a list of tuples of arrays

Held = dict[Any, Any]


class HeldPlace:
    """Something that can be written into: how it is read and written as a dict, and what was there."""

    def __init__(self, owner: Any, read: Callable[[], Held], write: Callable[[Held], Any], name: str) -> None:
        self.owner, self.read, self.write, self.name = owner, read, write, name
        self.held = read()

    def changed(self) -> list[Any]:
        """What is there and was not, or something, where only less is there."""
        now = self.read()
        keys = [key for key in now if holds_what_is_traced(key)]  # which have no hash after the trace
        new = [v for k, v in now.items() if not holds_what_is_traced(k) and self.held.get(k, _MISSING) is not v]
        new += keys
        if new or len(now) != len(self.held):
            return new or [None]
        return [None] if isinstance(self.owner, dict) and [*now] != [*self.held] else []

    def is_left(self) -> bool:
        return any(holds_what_is_traced(value, DEPTH) for value in self.changed())

    def restore(self) -> None:
        self.write(self.held)


class HeldNumbers:
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


class HeldTable:
    """A table of pandas, whose columns are held by what it calls its manager; a copy of that shares them."""

    name = "a table"

    def __init__(self, table: Any) -> None:
        self._table, self._held, self._parts = table, table.copy(deep=False), _columns(table)

    def changed(self) -> bool:
        now = _columns(self._table)
        return len(now) != len(self._parts) or any(a is not b for a, b in zip(now, self._parts, strict=True))

    def is_left(self) -> bool:
        return any(holds_what_is_traced(block.values) for block in self._table._mgr.blocks)

    def restore(self) -> None:
        object.__setattr__(self._table, "_mgr", self._held._mgr)


def _columns(table: Any) -> list[Any]:
    return [*table._mgr.axes, *table._mgr.blocks]


_MISSING = object()


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


# By the containers' own methods: those of a Counter add, and the user's may do anything.


def refill(space: dict[Any, Any], held: Held) -> None:
    if any(map(holds_what_is_traced, space)):  # such keys have no hash after the trace
        dict.clear(space)
    for key in [key for key in dict.keys(space) if key not in held]:
        dict.__delitem__(space, key)
    dict.update(space, held)
    if [*dict.keys(space)] != [*held]:
        for key in held:
            dict.__setitem__(space, key, dict.pop(space, key))


def of_cell(cell: CellType) -> Held:
    try:
        return {0: cell.cell_contents}
    except ValueError:
        return {}


def fill_cell(cell: CellType, held: Held) -> None:
    if held:
        cell.cell_contents = held[0]
    else:
        del cell.cell_contents


def of_names(space: dict[str, Any], stored: list[str]) -> Held:
    return {name: space[name] for name in stored if name in space}


def set_names(space: dict[str, Any], stored: list[str], held: Held) -> None:
    for name in stored:
        if name in held:
            space[name] = held[name]
        else:
            space.pop(name, None)


def read_slots(value: Any, slots: list[str]) -> Held:
    return {name: getattr(value, name) for name in slots if hasattr(value, name)}


def set_slots(value: Any, slots: list[str], held: Held) -> None:
    for name in slots:
        if name in held:
            setattr(value, name, held[name])
        elif hasattr(value, name):
            delattr(value, name)


def set_class(kind: type, held: Held) -> None:
    now = dict(vars(kind))
    for name in now.keys() - held.keys():
        delattr(kind, name)
    for name in held:
        if now.get(name, _MISSING) is not held[name]:
            setattr(kind, name, held[name])


def numbered(value: Any) -> Held:
    return dict(enumerate(value))


def beyond(value: Any, length: int) -> Held:
    return dict(enumerate(islice(value, length, None)))


def refill_list(value: Any, held: Held) -> None:
    """In one step, if it can be: another thread may look at it."""
    if isinstance(value, list):
        list.__setitem__(value, slice(None), held.values())
        return
    deque.clear(value)
    deque.extend(value, held.values())


def refill_set(value: Any, held: Held) -> None:
    if any(map(holds_what_is_traced, value)):
        set.clear(value)
    for new in [new for new in value if new not in held]:
        set.discard(value, new)
    set.update(value, held)


def shorten(value: Any, length: int) -> None:
    while len(value) > length:
        value.pop()


def fill(array: Any, held: Held) -> None:
    for k, old in held.items():
        array.flat[k] = old

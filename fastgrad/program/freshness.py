"""Whether all that a function reads is what it was, in a microsecond: by identity, and small arrays by their bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from itertools import combinations
from operator import is_
from types import CellType, FunctionType
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ABSENT = object()


class Watch:
    """What a function and its helpers read, noted while the key of their trace is made."""

    def __init__(self) -> None:
        self._names: dict[tuple[int, str], tuple[Callable[[str, Any], Any], str, Any]] = {}
        self._cells: dict[int, tuple[CellType, Any]] = {}
        self._functions: dict[int, tuple[Any, Any, Any, Any]] = {}
        self._arrays: dict[int, tuple[NDArray[Any], tuple[Any, ...]]] = {}
        self._containers: dict[int, tuple[list[Any] | dict[Any, Any], list[Any], list[Any]]] = {}
        self._members: dict[tuple[int, str], tuple[Callable[..., bool], tuple[Any, str, Any]]] = {}

    def note_name(self, space: Mapping[str, Any], name: str) -> None:
        """A variable of a module, or an attribute; also that there is none."""
        self._names[id(space), name] = (space.get, name, space.get(name, _ABSENT))

    def note_function(self, function: FunctionType) -> None:
        """Its code, what it closes over and its defaults."""
        kept = (function, function.__code__, function.__defaults__, function.__kwdefaults__)
        self._functions[id(function)] = kept
        for cell in function.__closure__ or ():
            with suppress(ValueError):  # empty, which is for f's first call to complain of
                self._cells[id(cell)] = (cell, cell.cell_contents)
        for name in function.__kwdefaults__ or {}:
            self.note_name(function.__kwdefaults__ or {}, name)

    def note_attribute(self, holder: Any, name: str, value: Any) -> None:
        """An attribute of an object."""
        self._members[id(holder), name] = (_is_attribute, (holder, name, value))

    def note_method(self, holder: Any, name: str, function: FunctionType) -> None:
        """A method, by the function behind it."""
        self._members[id(holder), name] = (_is_method, (holder, name, function))

    def note_without(self, holder: Any, names: frozenset[str]) -> None:
        """That an object has no attributes of its own of these names."""
        self._members[id(holder), ""] = (_is_without, (holder, "", names))

    def note_array(self, array: NDArray[Any]) -> None:
        """Its numbers, and whether f may write into it."""
        self._arrays[id(array)] = (array, _facts(array))

    def note_container(self, container: list[Any] | dict[Any, Any]) -> None:
        """What lies in a list or dict, each by identity."""
        values = [*container.values()] if isinstance(container, dict) else [*container]
        self._containers[id(container)] = (container, [*container], values)

    @property
    def has_objects(self) -> bool:
        """Whether attributes of objects are among it."""
        return bool(self._members)

    @property
    def arrays(self) -> list[NDArray[Any]]:
        """The arrays that were noted."""
        return [array for array, *_ in self._arrays.values()]

    def take_floats(self, function: Any) -> dict[tuple[str, str], float] | None:
        """Take note of the floats that a function captures now: all of them, by their kind and name.

        None where something else has changed, or the function calls others of the user's, which might read them too.
        """
        own, found = id(function.__globals__), dict[tuple[str, str], float]()
        for (space, name), (get, _, value) in self._names.items():
            new = get(name, _ABSENT)
            if space == own and type(value) is type(new) is float:
                self._names[space, name], found["global", name] = (get, name, new), new
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            with suppress(ValueError, KeyError):  # one that is empty now, or was
                new, (_, value) = cell.cell_contents, self._cells[id(cell)]
                if type(value) is type(new) is float:
                    self._cells[id(cell)], found["cell", name] = (cell, new), new
        return found if [*self._functions] == [id(function)] and self.is_fresh()() else None

    def is_fresh(self) -> Callable[[], bool]:
        """A function that says whether nothing has changed since.

        Of np.sin(x[0] * x[1]) it takes 0.2 us, some 50 ns for each thing more; a key of the trace takes 3 to 20.
        """
        names, cells = tuple(self._names.values()), tuple(self._cells.values())
        functions, arrays = tuple(self._functions.values()), tuple(self._arrays.values())
        members, containers = tuple(self._members.values()), tuple(self._containers.values())

        def fresh() -> bool:
            for get, name, value in names:
                if get(name, _ABSENT) is not value:
                    return False
            try:
                for cell, value in cells:
                    if cell.cell_contents is not value:
                        return False
            except ValueError:  # it has been emptied
                return False
            for function, code, defaults, options in functions:
                if (
                    function.__code__ is not code
                    or function.__defaults__ is not defaults
                    or function.__kwdefaults__ is not options
                    or function.__dict__
                ):
                    return False
            if members and not all(is_same(*member) for is_same, member in members):
                return False
            return _hold(containers) and all(_facts(array) == noted for array, noted in arrays)

        return fresh


def shares(x: NDArray[Any], arrays: list[NDArray[Any]]) -> bool:
    """Whether a function that reads these arrays would see elements of x in another way than by its argument."""
    return any(np.may_share_memory(x, array) for array in arrays)


def _is_attribute(holder: Any, name: str, value: Any) -> bool:
    return getattr(holder, name, _ABSENT) is value


def _is_method(holder: Any, name: str, function: FunctionType) -> bool:
    return getattr(getattr(holder, name, None), "__func__", None) is function


def _is_without(holder: Any, _: str, names: frozenset[str]) -> bool:
    return names.isdisjoint(vars(holder))


def _hold(containers: Iterable[tuple[list[Any] | dict[Any, Any], list[Any], list[Any]]]) -> bool:
    """Whether lists and dicts hold what they held."""
    for container, parts, values in containers:
        found = container.values() if isinstance(container, dict) else container
        if len(container) != len(parts) or not all(map(is_, container, parts)) or not all(map(is_, found, values)):
            return False
    return True


def _facts(array: NDArray[Any]) -> tuple[Any, ...]:
    """What a trace depends on; f that writes into a read-only array raises."""
    return array.shape, array.strides, array.dtype, array.flags.writeable, array.tobytes()


def overlaps(arrays: list[Any]) -> tuple[tuple[int, int, bool], ...]:
    """Which arrays are one, or share memory: what f writes into one of them it sees in the other."""
    by_owner: dict[int, list[int]] = {}
    for k, array in enumerate(arrays):
        owner = array if array.base is None else array.base
        by_owner.setdefault(id(owner) if isinstance(owner, np.ndarray) else 0, []).append(k)  # of others nobody knows
    pairs = [pair for numbers in by_owner.values() if len(numbers) > 1 for pair in combinations(numbers, 2)]
    return tuple([(i, j, arrays[i] is arrays[j]) for i, j in pairs if np.may_share_memory(arrays[i], arrays[j])])

"""Arrays that f captures, or is given by args=, to work in: it reads what it has written there in the same call.

And not what an earlier one has. Each is traced as an array of symbols of its own, whose elements are parameters as long
as nobody has written them. Where f reads such a parameter and writes that element too, now or on another way, it keeps
state, and is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import MethodType
from typing import Any

import numpy as np

from ..program import Operand
from .arrays import Symbols
from .reach import SHARED, Reach
from .refusals import refuse
from .symbols import OBJECT, Symbol, Trace
from .tables import as_table

LONGEST = 4096
"""Elements of an array that f may write into: longer ones are taken for data."""
STATE = "f reads what an earlier call has left in an array that it captures and writes into; make that array in f"


class Workspace:
    """The arrays that f captures or is given, as arrays of symbols."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._arrays: dict[int, tuple[Any, Symbols, list[Symbol]]] = {}
        self._written = set[Operand]()
        self._copies: list[tuple[Any, dict[str, Any]]] = []
        self.reach = Reach()

    def argument(self, value: Any) -> Any:
        """What f is given for a further argument of its own."""
        found = self.swapped(value)
        if found is not value:
            return found
        self.reach.note(value)  # a table in the trace, which would hide what it is of
        return as_table(value)

    def swapped(self, value: Any) -> Any:
        """An array that f may work in as one of symbols, always the same; anything else as it is."""
        if type(value) is not np.ndarray or value.dtype != np.float64 or not 0 < value.size <= LONGEST:
            return value
        if not value.flags.c_contiguous:  # of which NumPy makes copies where it makes views of others
            return value
        if id(value) not in self._arrays:
            if any(np.may_share_memory(value, other) for other, *_ in self._arrays.values()):
                refuse(SHARED)
            number = len(self._arrays)
            marks = [
                Symbol(self._trace, self._trace.constant(float(element), f"{number}:{k}"))
                for k, element in enumerate(value.ravel().tolist())
            ]
            self._arrays[id(value)] = (value, np.empty(value.shape, OBJECT).view(Symbols), marks)
        return self._arrays[id(value)][1]

    def exchanged(self, part: Any, now: Any) -> None:
        """See what is held by something of the user's that something else stands for, which hides it."""
        looked_into = type(part) in (MethodType, partial) or type(part) is type(now) not in (list, tuple, dict)
        if now is not part and not looked_into and id(part) not in self._arrays:
            self.reach.note(part)

    def watch(self, copy: Any) -> None:
        """See to it that f sets no attributes of a copy of the user's object."""
        self._copies.append((copy, dict(vars(copy))))

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """f, which finds nothing that another way through it has written."""

        def call(*args: Any) -> Any:
            for _, array, marks in self._arrays.values():
                _fill(array, marks)
            try:
                return function(*args)
            finally:
                self._note()

        return call

    def _note(self) -> None:
        for _, array, marks in self._arrays.values():
            elements = array.view(np.ndarray).ravel().tolist()
            self._written |= {mark.key for mark, now in zip(marks, elements, strict=True) if now is not mark}
        for copy, attributes in self._copies:
            now = vars(copy)
            if now.keys() != attributes.keys() or any(now[name] is not value for name, value in attributes.items()):
                refuse("f sets attributes, and writes into arrays of the same object")

    def check(self, outputs: tuple[Operand, ...]) -> None:
        """Refuse f if it has read an element that it writes before it has written it, on whatever way."""
        trace = self._trace
        read = {o for node in trace.nodes for o in node[1:]}.union(outputs, trace.guards)
        if not self._written.isdisjoint(read):
            refuse(STATE)
        for own, _, marks in self._arrays.values():
            written = not self._written.isdisjoint([mark.key for mark in marks])
            if written and any(np.may_share_memory(own, other) for other in self.reach.arrays):
                refuse(SHARED)


def _fill(array: Symbols, marks: list[Symbol]) -> None:
    array.view(np.ndarray).reshape(-1)[:] = marks

"""What a copy of a loss got as it is: objects of packages, with what was in them before.

A loss that stores what it computes in one of them would leave a recorder there, which is no number.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from ..program.members import slots
from .holdings import LOOKED_AT, inside_of


class _Place(NamedTuple):
    """Something that can be written into, what was there, and what puts that back."""

    now: Callable[[], Any]
    before: Any
    restore: Callable[[], None]

    def is_changed(self) -> bool:
        now = self.now()
        return len(now) != len(self.before) or any(a is not b for a, b in zip(now, self.before, strict=True))


class LentObjects:
    """Notes objects, and puts back what was in them."""

    def __init__(self) -> None:
        self._places, self._seen = list[_Place](), dict[int, Any]()

    def note(self, value: Any) -> None:
        """An object that is lent, and what hangs below it."""
        waiting = [value]
        while waiting and len(self._seen) < LOOKED_AT:
            one = waiting.pop()
            if id(one) not in self._seen:
                self._seen[id(one)] = one
                with suppress(Exception):  # an object may refuse to be looked at
                    self._look(one)
                waiting += inside_of(one)

    def take_back(self) -> None:
        """Put back what was there wherever that is no longer so."""
        for place in self._places:
            with suppress(Exception):
                if place.is_changed():
                    place.restore()

    def _look(self, one: Any) -> None:
        if isinstance(one, dict):
            self._dict(one)
        elif isinstance(one, (list, deque, set)):
            held = list(one)
            self._places.append(_Place(lambda: list(one), held, lambda: _refill(one, held)))
        space = getattr(one, "__dict__", None)
        if type(space) is dict:
            self._dict(space)
        for name in slots(type(one)):
            self._slot(one, name)

    def _dict(self, space: dict[Any, Any]) -> None:
        held = dict(space)
        flat = [*held, *held.values()]
        self._places.append(_Place(lambda: [*space, *space.values()], flat, lambda: _refill(space, held)))

    def _slot(self, one: Any, name: str) -> None:
        def now() -> list[Any]:
            return [getattr(one, name)] if hasattr(one, name) else []

        held = now()
        self._places.append(_Place(now, held, lambda: _set(one, name, held)))


def _refill(one: Any, held: Any) -> None:
    one.clear()
    if isinstance(one, (dict, set)):
        one.update(held)
    else:
        one.extend(held)


def _set(one: Any, name: str, held: list[Any]) -> None:
    if held:
        object.__setattr__(one, name, held[0])
    else:
        object.__delattr__(one, name)

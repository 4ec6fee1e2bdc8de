"""What a recording was made from, as a list of tokens; they are noted once, and then compared.

Nothing of the user's is held but code, and classes and modules by weak references.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .nodes import Array, Node


class ChangedError(Exception):
    """The walk finds something else than it did."""


class UnknownError(Exception):
    """The loss reads what cannot be compared."""


@dataclass
class RecordedFacts:
    """What a recording was made from.

    Attributes
    ----------
    tokens : list
        In the order of the walk.
    ways : dict
        By the number of an object in the walk: what was read of it, or the place of an array's values.
    values : list of (ndarray or None)
        Of arrays, which must be the same; None for those that the program reads anew.
    nodes : dict of Node
        Of arrays of floats, by their place in `values`.
    held : list
        Whose numbers are tokens.
    references : list of weakref
        To such as must not be kept alive.
    """

    tokens: list[Any] = field(default_factory=list)
    ways: dict[int, Any] = field(default_factory=dict)
    values: list[Array | None] = field(default_factory=list)
    nodes: dict[int, Node] = field(default_factory=dict)
    held: list[Any] = field(default_factory=list)
    references: list[Any] = field(default_factory=list)

    @property
    def nbytes(self) -> int:
        return sum(v.nbytes for v in self.values if v is not None) + 100 * len(self.tokens)


class Tokens:
    """Of one walk: noted, or compared with those of an earlier one."""

    def __init__(self, facts: RecordedFacts, notes: bool) -> None:
        self.facts, self.notes, self.at = facts, notes, 0

    def emit(self, *token: Any) -> None:
        if not self.notes:
            if self.facts.tokens[self.at] != token:
                raise ChangedError
            self.at += 1
        else:
            self.facts.tokens.append(token)

    def identity(self, value: Any) -> None:
        """A thing that is the very same, or another."""
        self.emit("is", id(value))
        if not self.notes:
            return
        try:
            self.facts.references.append(weakref.ref(value))
        except TypeError:
            self.facts.held.append(value)

    def way(self, number: int, find: Callable[[], Any]) -> Any:
        """What was read of an object."""
        if self.notes:
            self.facts.ways[number] = find()
        return self.facts.ways[number]

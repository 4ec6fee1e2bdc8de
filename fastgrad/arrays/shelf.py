"""Programs of losses, kept from one call to the next: a few of them, without anything of the user's.

What is found here was made from the same objects, numbers and values of arrays as are there now; its own values are
gone, and it is believed only after it has been compared with the loss again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Lock

from .agreement import Room, room_for
from .blocks import ArrayFamily
from .losses import ArrayLoss
from .nodes import Array, Node
from .recording import Recording, emptied
from .sameness import hold
from .sweep import Rooms
from .tokens import RecordedFacts
from .values import empty, keeps_memory, refill

PROGRAMS, BYTES = 8, 64 << 20
"""At most, all together; who was not asked for longest goes first."""

ROOMS = BYTES // 2
"""Bytes of the memory of a copy, up to which it is kept."""


@dataclass(frozen=True, eq=False)
class Copy:
    """A copy of a program, what stands in it for constants that are read anew, room to check it, and for its sweep."""

    recording: Recording
    constants: dict[Node, Node]
    room: Room
    rooms: Rooms

    def fill(self, arrays: Mapping[str, Array], anew: Mapping[Node, Array]) -> None:
        """Give it its values."""
        for node, value in anew.items():
            self.constants[node].value = value
        refill(self.recording, arrays)

    def empty(self, rooms: bool) -> None:
        for node in self.constants.values():
            node.value = None
        empty(self.recording, rooms)


@dataclass(eq=False)
class Kept:
    """A program and what it was made from.

    Attributes
    ----------
    recording : Recording
        Without values of what moves.
    facts : Facts
    nbytes : int
    spare : list of Copy
        Those that nobody uses now.
    uses : int
        How often it was used.
    families : list of Family, optional
        What of it is moved together, where that has been found out.
    """

    recording: Recording
    facts: RecordedFacts
    nbytes: int
    spare: list[Copy] = field(default_factory=list)
    uses: int = 0
    families: list[ArrayFamily] | None = None

    def is_looked_at(self) -> bool:
        """Whether the gradient of this use is compared with the loss too, which its value is each time.

        What the loss reads is proved to be what it was, so that this is about a kink at one point or another. Two calls
        of the loss are half of what a gradient of two layers takes, and two thirds of that of 2 000 numbers.
        """
        self.uses += 1
        return self.uses <= LOOKS or self.uses % EVERY == 0

    @contextmanager
    def lent(self, arrays: Mapping[str, Array]) -> Iterator[Copy]:
        """A copy for one user at a time."""
        try:
            found = self.spare.pop()  # nobody else gets the same
        except IndexError:
            found = Copy(*emptied(self.recording, self.facts.nodes.values()), room_for(arrays), {})
        try:
            yield found
        finally:
            small = _rooms(self.recording) <= ROOMS
            found.empty(small)
            if small and not self.spare:
                self.spare.append(found)


def _rooms(recording: Recording) -> int:
    """Bytes of the memory that a copy keeps: three times the parameters, and twice what is large."""
    parameters = sum(node.size for node in recording.parameters.values())
    return 8 * (3 * parameters + 2 * sum(node.size for node in recording.order if keeps_memory(node)))


LOOKS, EVERY = 4, 16

_kept: list[Kept] = []
_alone = Lock()


def find(loss: ArrayLoss) -> tuple[Kept, dict[Node, Array]] | None:
    """The program of a loss that was made from what is there now, and the values of constants that are read anew."""
    if not _kept:
        return None
    roots, arrays = (loss.function, *loss.argument(loss.arrays)), list(loss.arrays.values())
    for kept in reversed(_kept.copy()):
        anew = hold(kept.facts, roots, arrays)
        if anew is not None:
            with _alone:
                if kept in _kept:
                    _kept.remove(kept)
                    _kept.append(kept)
            return kept, anew
    return None


def keep(recording: Recording, families: list[ArrayFamily] | None = None) -> None:
    """Keep a program that has been believed, if that can be."""
    facts = recording.facts
    if facts is None:
        return
    rooms = _rooms(recording)
    template, stands = emptied(recording, facts.nodes.values())
    own = replace(facts, nodes={place: stands[node] for place, node in facts.nodes.items()})
    made = Kept(template, own, facts.nbytes + _nbytes(template) + rooms * (rooms <= ROOMS), families=families)
    with _alone:
        _kept.append(made)
        while len(_kept) > PROGRAMS or sum(kept.nbytes for kept in _kept) > BYTES:
            del _kept[0]


def drop(kept: Kept) -> None:
    """Forget one that has proved wrong."""
    with _alone:
        if kept in _kept:
            _kept.remove(kept)


def count() -> int:
    """How many there are."""
    return len(_kept)


def clear() -> None:
    """Forget all."""
    with _alone:
        _kept.clear()


def _nbytes(recording: Recording) -> int:
    """Of the constants of a program, and of what its rules have found out."""
    constants: set[Node] = {a for node in recording.order for a in node.args if not a.moves}
    places = [part for node in recording.order for key, part in node.kept.items() if key and key[0] == "sources"]
    return (
        sum(_size(a.value) for a in constants) + sum(_size(found[0]) for found in places) + 1000 * len(recording.order)
    )


def _size(value: Array) -> int:
    return int(getattr(value, "nbytes", 8))

"""Points that take each side of each choice that any of a call's points takes, as far as a sample of them shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...program.dependence import live
from ...program.operands import RESULTS
from ...program.program import Operand, Program
from ...program.schedule import schedule
from ...program.ties import NAN, asks_over_rows, coordinates, ties
from ..call import Call, Rows, batch_rows

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

SAMPLE = 1024  # points at which a program is run by NumPy to see which sides they take; some 3 ns a point and node
TIED, AT_ONCE = 64, 1 << 15  # points at which slopes are compared with f, and those that are looked through together
MOST = 32  # points to be looked at; f is called at each
_LARGER = frozenset({"max", "min", "fmax", "fmin"})  # of two numbers
_CHOICES = _LARGER | {"select", "tofloat"}  # the last is a mask as a factor
_STAIRS = frozenset({"floor", "ceil", "trunc", "rint"})


class Sides:
    """The sides of a program's branches on which f has been compared with it."""

    def __init__(self) -> None:
        self._seen: Mask = np.zeros(0, dtype=bool)
        self._ways: _Ways | None = None

    def unseen(self, call: Call, program: Program, size: int = SAMPLE) -> tuple[list[int], Mask]:
        """The numbers of few points that take the sides that no point has, and which sides they are."""
        if self.are_all_seen():
            return [], self._seen
        picks = sample(call.points.count, size)
        if self._ways is None or self._ways.program is not program:
            self._ways = _Ways(program, every=not program.branches)
        sides = self._ways.sides(columns_at(call, picks))
        new: Mask = np.logical_or.reduce(sides, axis=1)
        if self._seen.size:
            new = new & ~self._seen
        return picks[_chosen(sides[new])].tolist(), new

    def are_all_seen(self) -> bool:
        """Whether there is none on which f has not been compared."""
        return bool(self._seen.size and self._seen.all())

    def note(self, new: Mask) -> None:
        """They have been compared."""
        self._seen = self._seen | new if self._seen.size else new


def chooses(program: Program) -> bool:
    """Whether a program has choices of which points may take different sides; those of rows of data are not looked at.

    Where only one side of a choice shows what f keeps, or a mistake of its trace, other points see nothing of it.
    """
    return not program.tables and not _CHOICES.isdisjoint([node[0] for node in program.nodes])


def takes_sides(call: Call, program: Program) -> bool:
    """Whether f is to be compared again where points take other sides: of branches; of any choice where slopes may lie.

    The slope of a staircase is 0, and that of its differences is not.
    """
    if program.branches:
        return True
    return call.table.is_exact and chooses(program) and not _STAIRS.isdisjoint([node[0] for node in program.nodes])


def covering(call: Call, program: Program, but: Sequence[int] = ()) -> list[int]:
    """The numbers of few points at which f is to be compared with its program, besides those where it is anyway."""
    if not chooses(program):
        return []
    picks = np.union1d(sample(call.points.count, SAMPLE), np.array(but, dtype=np.intp))
    sides = _Ways(program, every=True).sides(columns_at(call, picks))
    left = sides[sides.any(axis=1) & ~sides[:, np.isin(picks, but)].any(axis=1)]
    places: list[int] = picks[_chosen(left)].tolist()
    return places


def sample(count: int, size: int) -> NDArray[np.intp]:
    """The numbers of so many of some points, evenly."""
    return np.unique(np.linspace(0, count - 1, min(size, count)).astype(np.intp))


def columns_at(call: Call, picks: NDArray[np.intp]) -> Array:
    """Some points in columns, above their rows of batch arguments."""
    columns: Array = call.points.row(picks).T
    if call.batch:
        columns = np.concatenate([columns, batch_rows(call, picks).T])
    return columns


def _chosen(sides: Mask) -> list[int]:
    """Columns in which each row that has a true one has one, greedily."""
    left, chosen = sides.any(axis=1), list[int]()
    while left.any() and len(chosen) < MOST:
        best = int(sides[left].sum(axis=0).argmax())
        chosen.append(best)
        left &= ~sides[:, best]
    return chosen


def used(program: Program, columns: Array) -> int:
    """How many nodes reach an output at one of some points, in columns."""
    return sum(map(bool, _Ways(program).reached(columns)[0].values()))


class Tied(NamedTuple):
    """The number of a point, which coordinates move what is equal there, and whether that is no number."""

    place: int
    coordinates: Mask
    is_undefined: bool = False


class Ties:
    """Points at which numbers are equal that f asks to be so, and that are equal nowhere around.

    Of a program with loops over data, where that may be of any row, the first point and the last.
    """

    def __init__(self, program: Program) -> None:
        pairs = ties(program)
        sides = tuple(operand for pair in pairs for operand in pair)
        self._steps = schedule(replace(program, outputs=sides)) if sides else None
        self._over_rows = asks_over_rows(program)
        self._places, self._constants = _of_coordinates(pairs), program.constants
        self._nan = np.array([b is NAN for _, b in pairs], dtype=bool)
        self._undefined = np.array([b[0] == "k" and not np.isfinite(b[1]) for _, b in pairs], dtype=bool)
        self._moving = np.zeros((len(pairs), program.inputs), dtype=bool)
        for row, some in zip(self._moving, coordinates(program, pairs), strict=True):
            row[some] = True

    def __bool__(self) -> bool:
        return self._steps is not None or self._over_rows

    def at(self, call: Call, constants: Sequence[float] = ()) -> list[Tied]:
        """Some of a call's points, for each combination of what is equal the first and the last.

        Perhaps by other constants than the program's.
        """
        count, places, equal = call.points.count if self else 0, list[NDArray[np.intp]](), list[Mask]()
        if self._over_rows:
            every = np.ones(call.points.dimension, dtype=bool)
            return [Tied(n, every) for n in dict.fromkeys((0, count - 1)) if n >= 0]
        for start in range(0, count, AT_ONCE):
            picks = np.arange(start, min(start + AT_ONCE, count))
            plain = isinstance(call.points, Rows) and not call.batch  # which need no copy
            columns = call.points.row(slice(start, start + AT_ONCE)).T if plain else columns_at(call, picks)
            found = self._are_equal(columns, constants)
            if found.any():
                here = found.any(axis=0)
                places.append(picks[here])
                equal.append(found[:, here])
        numbers = np.concatenate(places) if places else np.empty(0, dtype=np.intp)
        if not len(numbers):
            return []
        pairs = np.concatenate(equal, axis=1)
        chosen = _of_each_kind(pairs)
        undefined = (pairs & self._undefined[:, None]).any(axis=0)
        return [Tied(int(numbers[k]), np.any(self._moving[pairs[:, k]], axis=0), bool(undefined[k])) for k in chosen]

    def _are_equal(self, columns: Array, constants: Sequence[float]) -> Mask:
        if self._places is not None:  # a third of the time
            numbers = constants or self._constants
            return np.array([columns[i] == (numbers[int(c)] if tag == "c" else c) for i, (tag, c) in self._places])
        assert self._steps is not None
        sides = self._steps.values(columns, constants)
        equal: Mask = sides[::2] == sides[1::2]
        equal[self._nan] = np.isnan(sides[::2][self._nan])
        return equal


def _of_coordinates(pairs: list[tuple[Operand, Operand]]) -> list[tuple[int, Operand]] | None:
    """The coordinates that are compared with numbers, and these; None where something else is compared."""
    found = [(a, b) if a[0] == "x" else (b, a) for a, b in pairs]
    if any(a[0] != "x" or b[0] not in "kc" for a, b in found):
        return None
    return [(int(a[1]), b) for a, b in found]


def _of_each_kind(pairs: Mask) -> list[int]:
    """Columns of which each combination of true rows has one, or two, and some others if these are not too many."""
    _, kinds = np.unique(np.packbits(pairs, axis=0), axis=1, return_inverse=True)
    order = np.ravel(kinds)
    firsts = np.unique(order, return_index=True)[1]
    lasts = len(order) - 1 - np.unique(order[::-1], return_index=True)[1]
    both = {*firsts.tolist(), *lasts.tolist()}
    some = sorted(both if len(both) <= TIED else firsts.tolist())
    return sorted({*(some[k] for k in sample(len(some), TIED)), *sample(len(order), max(TIED - len(both), 0)).tolist()})


class _Ways:
    """What of a program reaches its outputs; `every` choice has sides, not only those between branches."""

    def __init__(self, program: Program, *, every: bool = False) -> None:
        self.program, self._needed = program, live(program)
        chosen = _CHOICES if every else {"select"}
        self._choices = [j for j in self._needed if program.nodes[j][0] in chosen]
        nodes, firsts = list(program.nodes), list[Operand]()
        for name, *operands in [nodes[j] for j in self._choices]:
            if name in _LARGER:
                nodes.append(("lt", *operands))
            firsts.append(RESULTS[len(nodes) - 1] if name in _LARGER else operands[0])
        self._masks = schedule(replace(program, nodes=tuple(nodes), outputs=tuple(firsts)))

    def sides(self, columns: Array) -> Mask:
        """Which side of each choice reaches an output at points in columns: (2 choices, P)."""
        sides, width = self.reached(columns)[1], -(-columns.shape[1] // 8)
        found = np.frombuffer(b"".join([side.to_bytes(width, "little") for side in sides]), np.uint8)
        bits = np.unpackbits(found.reshape(len(sides), width), axis=1, count=columns.shape[1], bitorder="little")
        return bits.astype(bool)

    def reached(self, columns: Array) -> tuple[dict[Operand, int], list[int]]:
        """At which points each node reaches an output, and each side of a choice: a bit of a number for each point.

        Arrays take three times as long for one point, and a loop over 3,000 variables has 18,000 nodes.
        """
        nodes, packed = self.program.nodes, np.packbits(self._masks.values(columns) != 0.0, axis=1, bitorder="little")
        truth = {j: int.from_bytes(row.tobytes(), "little") for j, row in zip(self._choices, packed, strict=True)}
        everywhere = (1 << columns.shape[1]) - 1
        reached = {o: everywhere for o in self.program.outputs if o[0] == "v"}
        sides: list[int] = []
        for j in reversed(self._needed):
            here = reached.get(("v", j), 0)
            operands = nodes[j][1:]
            where = [here] * len(operands)
            if j in truth:
                both = [here & truth[j], here & ~truth[j]]
                sides += both
                if nodes[j][0] == "select":
                    where[1:] = both
            for operand, mask in zip(operands, where, strict=True):
                if operand[0] == "v":
                    reached[operand] = reached.get(operand, 0) | mask
        return reached, sides

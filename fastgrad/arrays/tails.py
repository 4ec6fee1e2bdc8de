"""The last part of a loss as machine code: lanes are displaced elements, samples come one after the other.

NumPy's rules make the change of an entry, such as a column of the first layer; the compiled program of a sample makes
that of the last node that has a sample for each, and NumPy's rules sum up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..engine.simd.columns import CompiledColumns
from ..program.program import Program
from ..program.trace.recording import Untraceable, trace
from ..results import EngineError
from .buffers import empty
from .changes import Box, Change, Set, count, same
from .extents import extent
from .nodes import Array, Node
from .samples import SampleChanges, is_local

LONGEST = 5_000
"""Operations of a sample: LLVM takes 0.1 ms for each."""

SHORTEST = 3
"""Nodes that are not worth code of their own."""

WORTH = 1e8
"""Operations by NumPy's rules above which machine code is made."""


class Tail:
    """From the change of `entry` to that of `last`."""

    def __init__(self, entry: Node, nodes: list[Node], boxes: Mapping[Node, Box]) -> None:
        self.entry, self.last, self.count = entry, nodes[-1], entry.shape[0]
        self.inner = frozenset(nodes[:-1])
        self.sample = SampleChanges(entry, nodes, boxes, self.count)
        self.sizes = {n: count(n, boxes[n].sets) for n in (entry, *nodes)}
        width, self.width = self.sizes[entry] // self.count, self.sizes[nodes[-1]] // self.count
        self.places: list[Any] = []
        numbers = _TailNumbers()
        self.sample.run(np.zeros(width), numbers.take)
        self.slots = numbers.count
        self.places = [place(boxes) for place in self.sample.places]
        self.program = self._program(width)
        self.code = CompiledColumns(self.program)

    def _program(self, width: int) -> Program:
        """The program of a sample, whose table is its constants."""

        def f(x: Any, table: Any) -> Any:
            at = iter(range(len(table)))
            return self.sample.run(x, lambda n: table[[next(at) for _ in range(n)]])

        traced = trace(f, (width,), rows=((self.slots,),), budget=LONGEST)
        fixed = len(traced.constants)
        nodes = tuple((name, *(_constant(o, fixed) for o in operands)) for name, *operands in traced.nodes)
        outputs = tuple(_constant(o, fixed) for o in traced.outputs)
        constants = (*traced.constants, *[0.0] * self.slots)
        self.fixed = np.array(traced.constants)
        return replace(traced, nodes=nodes, outputs=outputs, constants=constants, rows=0)

    def at(self, ahead: Mapping[Node, Box]) -> Placed | None:
        """Where a block changes nodes ahead within boxes; None if it is not the same program there."""
        boxes = {self.entry: ahead[self.entry]} if self.entry in ahead else {}
        for node in self.sample.nodes:
            given = [boxes[a].sets if a in boxes else None for a in node.args]
            sets = extent(node, given) if any(s is not None for s in given) else None
            if sets is not None:
                boxes[node] = Box(sets)
        return Placed(self, boxes, self._width(ahead)) if self._fits(boxes) else None

    def _fits(self, boxes: Mapping[Node, Box]) -> bool:
        """Whether a block has boxes of the same sizes, which lie in the same way."""
        if not all(node in boxes and count(node, boxes[node].sets) == size for node, size in self.sizes.items()):
            return False
        found = [place(boxes) for place in self.sample.places]
        return all(all(map(same, a, b)) for a, b in zip(found, self.places, strict=True))

    def _width(self, ahead: Mapping[Node, Box]) -> int:
        """Numbers of the widest change that is not within machine code."""
        return max(self.sizes[self.last], *(count(n, box.sets) for n, box in ahead.items()))


class Placed:
    """A tail in a block.

    Attributes
    ----------
    widest : int
        Numbers of the widest change of one lane, in memory.
    """

    def __init__(self, tail: Tail, boxes: Mapping[Node, Box], widest: int) -> None:
        self.tail, self.boxes, self.widest = tail, boxes, widest
        self.table = self._table()

    def takes(self, entry: Change, lanes: int) -> bool:
        """Whether a change of the entry lies within the box that the block was said to have."""
        node = self.tail.entry
        return entry is not None and all(map(_covers, self.boxes[node].sets, entry.boxed(node, lanes).sets))

    def change(self, entry: Change, lanes: int) -> Box:
        """The change of the last node, for that of the entry; lanes are whole vectors."""
        assert entry is not None
        tail, sets = self.tail, self.boxes[self.tail.last].sets
        by = entry.boxed(tail.entry, lanes).widened(tail.entry, self.boxes[tail.entry].sets).by(tail.entry)
        out = empty((tail.count, tail.width, lanes))
        tail.code.fill(np.ascontiguousarray(by.reshape(tail.count, -1, lanes)), out, self.table)
        shape = tuple(n if s is None else len(s) for s, n in zip(sets, tail.last.shape, strict=True))
        return Box(sets, out.reshape(*shape, lanes))

    def _table(self) -> Array:
        """The constants of each sample."""
        fixed, samples = self.tail.fixed, self.tail.count
        table = np.empty((samples, len(fixed) + self.tail.slots))
        table[:, : len(fixed)] = fixed
        at = len(fixed)
        for for_all, column in self.tail.sample.columns:
            rows = np.asarray(column(self.boxes), dtype=float).reshape(1 if for_all else samples, -1)
            table[:, at : at + rows.shape[1]] = rows
            at += rows.shape[1]
        return table


def _covers(outer: Set, inner: Set) -> bool:
    return outer is None or (inner is not None and bool(np.isin(inner, outer).all()))


def _constant(operand: Any, fixed: int) -> Any:
    return ("c", operand[1] + fixed) if operand[0] == "b" else operand


class _TailNumbers:
    """Counts the numbers of a table."""

    def __init__(self) -> None:
        self.count = 0

    def take(self, n: int) -> Any:
        self.count += n
        return np.full(n, 0.5)


def tail(order: list[Node], boxes: Mapping[Node, Box], moved: Iterable[Node]) -> Tail | None:
    """The longest part of a program that treats samples by themselves, or None.

    What a block changes is in `boxes`. Other blocks of the parameters that are `moved` may change more, beside it; what
    any of them could change lies within the part or follows from its end.
    """
    found = _segment(order, boxes, _reached(order, moved))
    if found is None:
        return None
    try:
        with np.errstate(all="ignore"):
            return Tail(found[0], found[1:], boxes)
    except (Untraceable, EngineError):
        return None


def _reached(order: list[Node], moved: Iterable[Node]) -> set[Node]:
    """All that is made of parameters, whichever of their elements."""
    found = set(moved)
    for node in order:
        if not found.isdisjoint(node.args):
            found.add(node)
    return found


def _segment(order: list[Node], boxes: Mapping[Node, Box], reached: set[Node]) -> list[Node] | None:
    """An entry and what it changes, up to a node by which alone the rest is changed."""
    best: list[Node] = []
    changed = [node for node in order if node in boxes]
    for first, entry in enumerate(changed):
        if not entry.shape or entry.shape[0] < 2 or boxes[entry].sets[0] is not None or not entry.is_float:
            continue
        inside = {entry: None}
        for node in changed[first + 1 :]:
            if all(a in inside for a in node.args if a in reached) and is_local(node, boxes, entry.shape[0]):
                inside[node] = None
        found = _with_one_exit(order, list(inside))
        if len(found) > max(len(best), SHORTEST):
            best = found
    return best or None


def _with_one_exit(order: list[Node], inside: list[Node]) -> list[Node]:
    """Without the last ones, as long as others are read from outside."""
    while len(inside) > SHORTEST:
        own, inner = set(inside), set(inside[:-1])
        if inside[-1].is_float and all(node in own or inner.isdisjoint(node.args) for node in order):
            break
        inside = inside[:-1]
    return inside

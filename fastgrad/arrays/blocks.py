"""Elements of parameters that change the same places of a program, and how a program changes with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import tails
from .changes import Box, Change, One, places_of, same
from .nodes import Node, time_of
from .recording import Recording
from .rules import change

BLOCK = 1 << 17
"""Numbers of the widest change of some elements: 1 MiB; wider ones leave the cache."""

CALL = 30_000
"""What a rule costs beside its arithmetic, in operations on single numbers: some 30 us."""

FEW = 3
"""Elements of a block that tell what all of them change."""

Places = Mapping[str, NDArray[np.intp]]


@dataclass(frozen=True)
class ArrayFamily:
    """Arrays whose elements with one index along an axis change the same places: a column of weights and its bias.

    Attributes
    ----------
    axes : tuple of (str, int)
        Names and axes.
    widest : int
        Numbers of the widest change, of one displacement.
    work : float
        Time of one displacement.
    """

    axes: tuple[tuple[str, int], ...]
    widest: int
    work: float


class ElementBlock(NamedTuple):
    """Elements that change the same places.

    Attributes
    ----------
    names : tuple of str
    which : ndarray
        The number of each element's name ...
    numbers : ndarray
        ... and its own among the `places` of that array.
    """

    names: tuple[str, ...]
    which: NDArray[np.intp]
    numbers: NDArray[np.intp]

    def pieces(self, size: int) -> Iterator[ElementBlock]:
        for start in range(0, len(self.which), size):
            part = slice(start, start + size)
            yield ElementBlock(self.names, self.which[part], self.numbers[part])


def final_change(
    order: list[Node], starts: Mapping[Node, Change], lanes: int, keep: Any = None, part: tails.Placed | None = None
) -> Change:
    """The change of the last node, for those of the parameters' nodes; a part of it perhaps by machine code."""
    last = {a: node for node in order for a in node.args}
    tail = part.tail if part else None
    if tail:
        last[tail.entry] = tail.last
    now: dict[Node, Change] = dict(starts)
    for node in order:
        if node.kind == "parameter" or (tail and node in tail.inner):
            continue
        if part and tail and node is tail.last:
            now[node] = part.change(now[tail.entry], lanes)
        else:
            given = [now.get(a) for a in node.args]
            now[node] = change(node, given, lanes) if any(c is not None for c in given) else None
        if part and tail and node is tail.entry and not part.takes(now[node], lanes):
            tail = None
        if keep is not None:
            keep[node] = now[node]
        for a in node.args:
            if last[a] is node:
                now.pop(a, None)
    return now.get(order[-1]) if order[-1].kind != "parameter" else starts.get(order[-1])


def at_once(family: ArrayFamily, moved: int) -> int:
    """How many elements are moved at a time, so many times each."""
    return max(BLOCK // max(family.widest, 1) // moved, 8)


def boxes_of(recording: Recording, order: list[Node], block: ElementBlock, places: Places) -> dict[Node, Box]:
    """What a block changes in the first nodes of a program, as a few of its elements of each array tell."""
    starts: dict[Node, Change] = {}
    keep: dict[Node, Change] = {}
    lanes = 0
    for k in np.unique(block.which):
        some = block.numbers[block.which == k]
        some = some[:: max(len(some) // FEW, 1)]
        node, flat = recording.parameters[block.names[k]], places[block.names[k]][some]
        starts[node] = One(np.arange(lanes, lanes + len(some)), flat, np.full(len(some), 1e-4))
        lanes += len(some)
    final_change(order, starts, lanes, keep)
    return {n: c.boxed(n, lanes) for n, c in (keep | starts).items() if c is not None}


def families(recording: Recording) -> list[ArrayFamily]:
    """The blocks of each array: along the axis whose changes are the narrowest; arrays of the same blocks merged."""
    order, found = recording.order, dict[str, Any]()
    for name, node in recording.parameters.items():
        if node in order and node.size:
            found[name] = min((_tried(order, node, axis) for axis in range(len(node.shape) or 1)), key=lambda t: t[0])
    merged: list[list[str]] = []
    for name in sorted(found, key=lambda k: -recording.parameters[k].size):
        fits = (f for f in merged if all(_blocks_meet(recording, found, name, other) for other in f))
        family = next(fits, None)
        if family is None:
            merged.append([name])
        else:
            family.append(name)
    return [_family(found, group) for group in merged]


def _tried(order: list[Node], node: Node, axis: int) -> tuple[float, int, dict[Node, Box]]:
    """What one block costs along an axis, and the boxes of its changes."""
    shape = node.shape or (1,)
    boxes = _boxes(order, node, np.moveaxis(np.arange(node.size).reshape(shape), axis, 0)[0].ravel()[:4])
    work = sum(_work(n, c) for n, c in boxes.items())
    return work + CALL * len(order) * shape[axis] / max(node.size, 1), axis, boxes


def _boxes(order: list[Node], node: Node, some: NDArray[np.intp]) -> dict[Node, Box]:
    """The boxes of what some elements of an array change."""
    keep = dict[Node, Change]()
    with np.errstate(all="ignore"):
        final_change(order, {node: One(np.arange(len(some)), some, np.full(len(some), 1e-4))}, len(some), keep)
    return {n: c for n, c in keep.items() if isinstance(c, Box)}


def least_work(recording: Recording) -> dict[str, float]:
    """The time of one displacement in each array, as of an element by itself: no block takes less."""
    found = {}
    for name, node in recording.parameters.items():
        if node in recording.order and node.size:
            boxes = _boxes(recording.order, node, np.zeros(1, np.intp))
            found[name] = sum(_work(n, c) for n, c in boxes.items())
    return found


def _work(node: Node, box: Box) -> float:
    """Of a change of one lane. What a product sums are changed elements only."""
    inner = node.args[0].size // max(node.size, 1) if node.kind == "reduce" else 1
    return time_of(node.kind, node.how, box.size, inner)


def _blocks_meet(recording: Recording, found: Mapping[str, Any], name: str, other: str) -> bool:
    """Whether the blocks of two arrays are as many and change the same places where they meet first."""
    if recording.parameters[name] is recording.parameters[other]:
        return False
    lengths = [(recording.parameters[k].shape or (1,))[found[k][1]] for k in (name, other)]
    meet = next((n for n in recording.order if n in found[name][2] and n in found[other][2]), None)
    if lengths[0] != lengths[1] or meet is None or all(s is None for s in found[name][2][meet].sets):
        return False
    return all(map(same, found[name][2][meet].sets, found[other][2][meet].sets))


def _family(found: Mapping[str, Any], group: list[str]) -> ArrayFamily:
    boxes = [(n, c) for name in group for n, c in found[name][2].items()]
    widest = max((c.size for _, c in boxes), default=1)
    work = max((sum(_work(n, c) for n, c in found[name][2].items()) for name in group), default=1)
    return ArrayFamily(tuple((name, found[name][1]) for name in group), widest, work)


def blocks_of(recording: Recording, family: ArrayFamily, places: Places) -> list[ElementBlock]:
    """The elements at `places`, those with one index along their axes together."""
    names = tuple(name for name, _ in family.axes)
    indices = [places_of(places[k], recording.parameters[k].shape or (1,))[axis] for k, axis in family.axes]
    index = np.concatenate(indices)
    which = np.repeat(np.arange(len(names)), list(map(len, indices)))
    numbers = np.concatenate([np.arange(len(i)) for i in indices])
    order = np.argsort(index, kind="stable")
    cuts = np.flatnonzero(np.diff(index[order])) + 1
    return [ElementBlock(names, which[part], numbers[part]) for part in np.split(order, cuts)] if len(order) else []

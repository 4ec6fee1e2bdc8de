"""The part of a program that treats each sample by itself, as a program of single numbers for one of them.

A sample is an index along the first axis. What the elements of a block change in a sample, and what follows from it, is
written out; all else of the program is numbers that differ from sample to sample: the columns of a table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from .changes import Box, Set, same, taken
from .nodes import Node
from .rules import extreme_beside
from .sweep import sources

Column = Callable[[Mapping[Node, Box]], Any]

MOST = 24
"""Places within a sample among which one is picked by a number of its own."""


def is_local(node: Node, changed: Mapping[Node, Box], count: int) -> bool:
    """Whether a node makes of each sample something that depends on this sample only."""
    if not node.shape or node.shape[0] != count or changed[node].sets[0] is not None:
        return False
    moving = [a for a in node.args if a in changed]
    if any(not a.shape or a.shape[0] != count or changed[a].sets[0] is not None for a in moving):
        return False
    if node.kind == "ufunc":
        return all(len(a.shape) == len(node.shape) for a in moving)
    if node.kind == "reduce":
        return 0 not in node.how[1]
    if node.kind == "matmul":
        return len(node.shape) == 2 and node.args[1] not in changed
    return node.kind == "move" and all(_keeps_samples(node, k, count) for k, a in enumerate(node.args) if a in changed)


def _keeps_samples(node: Node, k: int, count: int) -> bool:
    """Whether a move takes elements of an argument to the sample that they come from."""
    places = _pattern(node, k, count)
    if places is None:
        return False
    return bool((places == places[0]).all()) or (len(node.args) == 1 and places.shape[1] <= MOST)


def _pattern(node: Node, k: int, count: int) -> Any:
    """From which place within the sample each element comes, -1 for other arguments; None if from other samples."""
    size = node.args[k].size // count
    places = sources(node, k)[0].reshape(count, -1)
    inside = places >= 0
    if (places // size != np.arange(count)[:, None])[inside].any():
        return None
    return np.where(inside, places % size, -1)


class SampleChanges:
    """Computes the changes of a sample from those of an entry, of numbers or of symbols.

    Attributes
    ----------
    columns : list of (bool, callable)
        What makes the numbers of the table, of the boxes of a block: arrays with a part for each sample, or for all.
    places : list of callable
        What must be the same for the boxes of another block, if it is to have the same program.
    """

    def __init__(self, entry: Node, nodes: Sequence[Node], boxes: Mapping[Node, Box], count: int) -> None:
        self.entry, self.nodes, self.boxes, self.count = entry, nodes, boxes, count
        self.columns: list[tuple[bool, Column]] = []
        self.places: list[Callable[[Mapping[Node, Box]], Any]] = []
        self._slots: Any = None
        self._kind: Any = np.ndarray
        self._new: dict[Node, Any] = {}

    def run(self, by: Any, slots: Callable[[int], Any]) -> Any:
        """How much the last node changes; `slots` hands out the next so many numbers of the table."""
        self.columns.clear()
        self.places.clear()
        self._slots, self._new, self._kind = slots, {}, type(by)
        shape = _sizes(self.boxes[self.entry].sets[1:], self.entry.shape[1:])
        self._new[self.entry] = self._own(self.entry) + by.reshape(shape)
        for node in self.nodes:
            self._new[node] = self._array(_RULES[node.kind](self, node))
        last = self.nodes[-1]
        found = self._array(self._new[last] - self._own(last)).reshape(-1)
        self._slots, self._new = None, {}  # symbols live as long as their trace
        return found

    def _array(self, value: Any) -> Any:
        """Numbers or symbols, also a single one, as an array."""
        array = np.asarray(value) if self._kind is np.ndarray else np.asarray(value, dtype=object)
        return array.view(self._kind)

    # --- numbers of the table

    def _take(self, shape: tuple[int, ...], column: Column, for_all: bool = False) -> Any:
        """The next numbers of the table; and how they come about."""
        self.columns.append((for_all, column))
        return self._array(self._slots(int(np.prod(shape, dtype=int)))).reshape(shape)

    def _own(self, node: Node) -> Any:
        """The values of a changed node within its box, as they were."""
        shape = _sizes(self.boxes[node].sets[1:], node.shape[1:])
        return self._take(shape, lambda boxes: taken(node, boxes[node].sets))

    def _fixed(self, x: Node, node: Node) -> Any:
        """An argument of a ufunc that does not change, where its result does."""
        if not x.shape:
            return x.value if isinstance(x.value, (int, float)) else self._take((), lambda _: x.value, True)
        for_all = len(x.shape) < len(node.shape) or x.shape[0] == 1
        return self._take(_region(x, node, self.boxes)[1], lambda boxes: taken(x, _region(x, node, boxes)[0]), for_all)

    def _moved(self, x: Node, node: Node) -> Any:
        """An argument of a ufunc that changes, where its result does."""
        sets, shape = _region(x, node, self.boxes)
        mine = self.boxes[x].sets
        if all(map(same, mine[1:], sets[1:])):
            return self._new[x]
        whole = self._take(shape, lambda boxes: taken(x, _region(x, node, boxes)[0])).copy()
        self.places.append(lambda boxes: _inside(x, node, boxes))
        whole[np.ix_(*_inside(x, node, self.boxes))] = self._new[x]
        return whole

    # --- rules

    def _ufunc(self, node: Node) -> Any:
        given = [self._moved(a, node) if a in self.boxes else self._fixed(a, node) for a in node.args]
        found = node.how(*given)
        return np.broadcast_to(self._array(found), _sizes(self.boxes[node].sets[1:], node.shape[1:]))

    def _reduce(self, node: Node) -> Any:
        (x,), (function, axes, keepdims) = node.args, node.how
        inner = tuple(a - 1 for a in axes)
        partly = any(self.boxes[x].sets[a] is not None for a in axes)
        if function is np.add and partly:
            return self._own(node) + (self._new[x] - self._own(x)).sum(axis=inner, keepdims=keepdims)
        found = function.reduce(self._new[x], axis=inner, keepdims=keepdims)
        if partly:
            rest = self._take(np.shape(found), lambda boxes: extreme_beside(node, boxes[x]))
            found = function(found, rest)
        return found

    def _matmul(self, node: Node) -> Any:
        a, b = node.args
        by = self._new[a] - self._own(a)
        rows = self.boxes[a].sets[1]
        count = a.shape[1] if rows is None else len(rows)
        factor = self._take((count, b.shape[1]), lambda boxes: taken(b, (boxes[a].sets[1], None)), True)
        return self._own(node) + self._array(_in_pairs(by[:, None] * factor))

    def _move(self, node: Node) -> Any:
        shape = _sizes(self.boxes[node].sets[1:], node.shape[1:])
        changed = (node, *(a for a in node.args if a in self.boxes))
        self.places.append(lambda boxes: [s for n in changed for s in boxes[n].sets])
        new = self._own(node).reshape(-1)
        out = np.array(new, dtype=object)
        for k, a in enumerate(node.args):
            if a in self.boxes:
                self._put(node, k, a, out)
        return (out if self._kind is not np.ndarray else out.astype(float)).reshape(shape)

    def _put(self, node: Node, k: int, a: Node, out: Any) -> None:
        """Elements of an argument that change, where they go."""
        pattern = _pattern(node, k, self.count)[:, _flat(self.boxes[node].sets[1:], node.shape[1:])]
        changed = _flat(self.boxes[a].sets[1:], a.shape[1:]).tolist()
        values = dict(zip(changed, np.reshape(self._new[a], -1), strict=True))
        for place, column in enumerate(pattern.T):
            if (column == column[0]).all():
                out[place] = values.get(int(column[0]), out[place])
                continue
            for source in changed:
                is_here = self._take((), partial(_equal, column, source))
                out[place] = np.where(is_here > 0.5, values[source], out[place])


_RULES: dict[str, Callable[[SampleChanges, Node], Any]] = {
    "ufunc": SampleChanges._ufunc, "reduce": SampleChanges._reduce, "matmul": SampleChanges._matmul,
    "move": SampleChanges._move,
}  # fmt: skip


def _in_pairs(terms: Any) -> Any:
    """A sum along the first axis; one after the other each addition would wait for the last one."""
    while len(terms) > 1:
        half = len(terms) // 2
        pairs = terms[: 2 * half : 2] + terms[1 : 2 * half : 2]
        terms = np.concatenate([pairs, terms[2 * half :]]) if len(terms) % 2 else pairs
    return terms[0]


def _equal(column: Any, source: int, _boxes: Any) -> Any:
    return (column == source).astype(float)


def _sizes(sets: Sequence[Set], shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n if s is None else len(s) for s, n in zip(sets, shape, strict=True))


def _flat(sets: Sequence[Set], shape: tuple[int, ...]) -> Any:
    """The numbers of the elements of a box."""
    lines = [np.arange(n) if s is None else s for s, n in zip(sets, shape, strict=True)]
    return np.ravel_multi_index(np.ix_(*lines), shape).reshape(-1) if lines else np.zeros(1, int)


def _region(x: Node, node: Node, boxes: Mapping[Node, Box]) -> tuple[tuple[Set, ...], tuple[int, ...]]:
    """The box of a ufunc's argument where its result changes, and its shape in a sample."""
    sets = boxes[node].sets[len(node.shape) - len(x.shape) :]
    own = tuple(None if n == 1 else s for s, n in zip(sets, x.shape, strict=True))
    skipped = 1 if len(x.shape) == len(node.shape) else 0
    return own, _sizes(own[skipped:], x.shape[skipped:])


def _inside(x: Node, node: Node, boxes: Mapping[Node, Box]) -> list[Any]:
    """Where an argument changes, within what its result needs of it."""
    sets, mine = _region(x, node, boxes)[0], boxes[x].sets
    lines = [np.arange(n) if s is None else s for s, n in zip(sets[1:], x.shape[1:], strict=True)]
    return [np.searchsorted(at, at if s is None else s) for at, s in zip(lines, mine[1:], strict=True)]

"""Which places of a node change, as those of its arguments say: a rule for each kind, and no numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .changes import Set, count, same, whole
from .nodes import Node

Sets = tuple[Set, ...]
Given = Sequence[Sets | None]


def extent(node: Node, given: Given) -> Sets | None:
    """The places of a node that change where some of its arguments do; None if they are not used."""
    return _RULES[node.kind](node, given)


def of_ufunc(node: Node, given: Given) -> Sets:
    """Along each axis the union of the arguments' places."""
    return tuple(_along(node, given, axis) for axis in range(len(node.shape)))


def _along(node: Node, given: Given, axis: int) -> Set:
    """All of an axis along which a changed argument is repeated, else the union of its places."""
    n, found = node.shape[axis], list[Any]()
    for x, sets in zip(node.args, given, strict=True):
        if sets is None:
            continue
        own = axis - len(node.shape) + len(x.shape)
        if own < 0 or x.shape[own] != n:
            return None
        found.append(sets[own])
    if any(s is None for s in found):
        return None
    return found[0] if all(same(s, found[0]) for s in found) else whole(np.unique(np.concatenate(found)), n)


def of_reduce(node: Node, given: Given) -> Sets:
    """What is left of the argument's."""
    (sets,), (_, axes, keepdims) = given, node.how
    assert sets is not None
    return tuple(None if a in axes else s for a, s in enumerate(sets) if keepdims or a not in axes)


def of_matmul(node: Node, given: Given) -> Sets:
    """The left factor's rows, the right one's columns; all if both change. Axes before these as of a ufunc."""
    left, right = given
    before = (_along(node, given, axis) for axis in range(len(node.shape) - 2))
    return (*before, left[-2] if left and not right else None, right[-1] if right and not left else None)


def of_move(node: Node, given: Given) -> Sets | None:
    """Where the arguments' places go."""
    sets, rows, _, _ = moved(node, given)
    return sets if rows.size else None


def moved(node: Node, given: Given) -> Any:
    """The result's sets, from which rows of the arguments' boxes it is made, whether as they are, and with gaps."""
    key = tuple(None if b is None else tuple(None if s is None else s.tobytes() for s in b) for b in given)
    found = node.kept.get(key)
    if found is None:
        found = _moved(node, given)
        _forget(node)
        node.kept[key] = found
    return found


def _moved(node: Node, given: Given) -> Any:
    start, places = 0, []
    for sets, argument in zip(given, node.args, strict=True):
        places.append(np.full(argument.shape, -1, np.int64))
        if sets is not None:
            lines = [np.arange(n) if s is None else s for s, n in zip(sets, argument.shape, strict=True)]
            size, shape = count(argument, sets), tuple(map(len, lines))
            places[-1][np.ix_(*lines) if lines else ()] = np.arange(start, start + size).reshape(shape)
            start += size
    place = np.asarray(node.how[0](*places))
    axes = range(place.ndim)
    lines = [np.flatnonzero((place >= 0).any(axis=tuple(b for b in axes if b != axis))) for axis in axes]
    rows = place[np.ix_(*lines)] if lines else place
    found = tuple(whole(at, n) for at, n in zip(lines, place.shape, strict=True))
    as_it_is = np.array_equal(rows.reshape(-1), np.arange(start))
    return found, rows, as_it_is, bool((rows < 0).any())


def _forget(node: Node) -> None:
    """Blocks follow each other, each with boxes of its own; threads that share them look here at the same time."""
    boxes = [key for key in list(node.kept) if not (key and isinstance(key[0], str))]
    if len(boxes) > 2:
        for key in boxes:
            node.kept.pop(key, None)


_RULES: dict[str, Callable[[Node, Given], Sets | None]] = {
    "ufunc": of_ufunc, "reduce": of_reduce, "matmul": of_matmul, "move": of_move
}  # fmt: skip

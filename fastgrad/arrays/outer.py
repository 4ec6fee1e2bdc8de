"""Changes that are a column times a row, as those that a weight makes behind the next layer.

As long as they are only added up, averaged, taken off each other and scaled they stay that: what batch normalization
does first takes no time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .buffers import empty
from .changes import Box, Deferred, Set
from .nodes import Array, Node

_SAME = (np.add, np.subtract, np.positive)


class Outer(Deferred):
    """A difference that is made when it is asked for.

    Attributes
    ----------
    left : ndarray
        (..., 1, lanes).
    right : ndarray
        What that is multiplied with along the last axis of the array.
    """

    def __init__(self, sets: Sequence[Set], left: Array, right: Array) -> None:
        super().__init__(sets)
        self.left, self.right = left, right

    @property
    def is_difference(self) -> bool:
        return True

    @property
    def size(self) -> int:
        return int(self.left[..., 0].size * self.right.size)

    def make(self) -> None:
        row = self.right[:, None]
        out = empty(np.broadcast_shapes(self.left.shape, row.shape))
        self._by = np.multiply(self.left, row, out=out)

    def summed(self, sets: Sequence[Set], axes: Sequence[int], keepdims: bool) -> Outer | None:
        """The sums along axes; None along that of the row."""
        if len(self.sets) - 1 in axes:
            return None
        return Outer(sets, self.left.sum(axis=tuple(axes), keepdims=keepdims), self.right)


def through(node: Node, boxes: Sequence[Box | None], sets: Sequence[Set]) -> Outer | None:
    """What a function of single numbers makes of such changes; None where that is none."""
    moving = [k for k, box in enumerate(boxes) if box is not None]
    found = [box for box in boxes if type(box) is Outer]
    if len(found) < len(moving) or not sets or sets[-1] is not None:
        return None
    first = found[0]
    if len(found) == 2:
        fits = node.how in {np.add, np.subtract} and first.right is found[1].right
        return _of_two(node, sets, node.how(first.left, found[1].left), first.right) if fits else None
    if node.args[moving[0]].shape != node.shape:
        return None
    left = _of_one(node, moving[0], first.left)
    return None if left is None else Outer(sets, left, first.right)


def _of_one(node: Node, k: int, left: Array) -> Any:
    """Beside what is fixed."""
    if node.how is np.negative or (node.how is np.subtract and k == 1):
        return -left
    if node.how in _SAME:
        return left
    number = node.args[1 - k].value if len(node.args) == 2 and not node.args[1 - k].shape else None
    if number is None or (node.how is not np.multiply and (node.how is not np.divide or k == 1)):
        return None
    return node.how(left, number)


def _of_two(node: Node, sets: Sequence[Set], left: Array, right: Array) -> Outer | None:
    """Where both are spread to the whole result."""
    lengths = [n if s is None else len(s) for s, n in zip(sets[:-1], node.shape[:-1], strict=True)]
    return Outer(sets, left, right) if list(left.shape[:-2]) == lengths else None

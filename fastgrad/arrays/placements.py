"""Products with matrices of ones and zeros that only put elements in other places, as what they are: moves.

A triangular matrix is made of its numbers by such a product where a library has no assignment to elements.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .nodes import Node, constant, looked_at, move


def placed(node: Node) -> Node:
    """A move in the place of a product of matrices with a constant that has a one at most in each row and column."""
    if node.kind != "matmul" or len(node.shape) != 2:
        return node
    left, right = node.args
    x, matrix = (right, left) if right.moves else (left, right)
    if matrix.moves or len(matrix.shape) != 2 or not _places(np.asarray(matrix.value)):
        return node
    rows, columns = np.nonzero(looked_at(matrix))
    to, start = (columns, rows) if x is left else (rows, columns)
    axis, shape = (1 if x is left else 0), node.shape

    def put(value: Any, zero: Any) -> Any:
        result = np.array(np.broadcast_to(zero, shape))
        index: list[Any] = [slice(None), slice(None)]
        index[axis] = to
        result[tuple(index)] = np.take(value, start, axis)
        return result

    return move(put, x, constant(0.0))


def _places(matrix: Any) -> bool:
    if not matrix.size or any(np.count_nonzero(line) > 1 for line in (matrix[0], matrix[:, 0])):  # most others
        return False
    given = matrix != 0
    return bool((matrix[given] == 1).all()) and all(int(given.sum(axis).max()) <= 1 for axis in (0, 1))

"""Where f is evaluated: rows of points, nodes of a grid; where derivatives go: arrays made when f shows a shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(slots=True)
class Rows:
    """Points given one per row; `shape` is the shape in which f gets a point."""

    values: Array
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        return len(self.values)

    @property
    def dimension(self) -> int:
        dimension: int = self.values.shape[1]
        return dimension

    @property
    def layout(self) -> tuple[int, int]:
        count, dimension = self.values.shape
        return (count, dimension)

    def row(self, n: Any) -> Array:
        row: Array = self.values[n]
        return row


@dataclass(frozen=True)
class Grid:
    """The nodes of a grid in C order; no coordinates are stored but the axes'."""

    axes: tuple[Array, ...]

    @property
    def count(self) -> int:
        return prod(map(len, self.axes))

    @property
    def dimension(self) -> int:
        return len(self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.axes),)

    @property
    def layout(self) -> tuple[int, int]:
        return (self.count, self.dimension)

    def row(self, n: Any) -> Array:
        node = np.unravel_index(n, tuple(map(len, self.axes)))
        return np.array([axis[i] for axis, i in zip(self.axes, node, strict=True)])


class Target:
    """Where the derivatives of an f with an output of any shape go: made as soon as f has shown that shape."""

    def __init__(self, make: Callable[[tuple[int, ...]], Array]) -> None:
        self._make = make
        self.shape: tuple[int, ...] | None = None
        self.array: Array | None = None

    def reserve(self, shape: tuple[int, ...]) -> Array:
        """The array to fill, (N, M, K): N points, M the size of f's output, K outputs of the table.

        Raises
        ------
        ValueError
            f returned another shape before, or the caller's `out` does not fit.
        """
        if self.array is None:
            self.shape, self.array = shape, self._make(shape)
        elif shape != self.shape:
            msg = f"f returned an array of shape {shape} after one of shape {self.shape}; it must keep to one shape"
            raise ValueError(msg)
        return self.array


Output = Array | Target

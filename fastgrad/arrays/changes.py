"""How a node's value changes when elements of the parameters are displaced, many displacements at once.

Each displacement is a lane; lanes are the last axis, the contiguous one. No change at all is None.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .buffers import empty
from .nodes import Array, Node

Set = NDArray[np.intp] | None
"""Places along an axis, in rising order; None for all of them."""


class One:
    """Lane lanes[k]'s element number flat[k] changes by by[k], and no other."""

    def __init__(self, lanes: NDArray[np.intp], flat: NDArray[np.intp], by: Array) -> None:
        self.lanes, self.flat, self.by = lanes, flat, by

    def boxed(self, node: Node, lanes: int) -> Box:
        """The same as a box, of zeros but for these elements."""
        at = places_of(self.flat, node.shape)
        sets = [np.unique(places) for places in at]
        data = np.zeros([*map(len, sets), lanes])
        inside = tuple(np.searchsorted(s, places) for s, places in zip(sets, at, strict=True))
        data[(*inside, self.lanes)] = self.by
        return Box(tuple(whole(s, n) for s, n in zip(sets, node.shape, strict=True)), data)


class Box:
    """A change within a product of sets of places, one per axis.

    Attributes
    ----------
    sets : tuple of Set
    by : ndarray, optional
        By how much, one lane after the other in the last axis ...
    new : ndarray, optional
        ... or the new values. What is not there is made of the other when it is asked for.
    """

    def __init__(self, sets: Sequence[Set], by: Array | None = None, new: Array | None = None) -> None:
        self.sets, self._by, self._new = tuple(sets), by, new

    @property
    def is_difference(self) -> bool:
        """Whether it says by how much, exact to rounding of the difference."""
        return self._by is not None

    @property
    def size(self) -> int:
        """How many elements of one lane."""
        data: Any = self._by if self._by is not None else self._new
        return int(data.size // max(data.shape[-1], 1))

    def boxed(self, _node: Node, _lanes: int) -> Box:
        return self

    def new(self, node: Node) -> Array:
        if self._new is None:
            assert self._by is not None
            self._new = np.add(taken(node, self.sets)[..., None], self._by, out=_like(self._by))
        return self._new

    def by(self, node: Node) -> Array:
        if self._by is None:
            assert self._new is not None
            self._by = difference(node, self._new, taken(node, self.sets)[..., None])
        return self._by

    def mapped(self, sets: Sequence[Set], function: Callable[[Array], Array]) -> Box:
        """The box of elements in other places."""
        by, new = (None if data is None else function(data) for data in (self._by, self._new))
        return Box(sets, by, new)

    def widened(self, node: Node, sets: Sequence[Set]) -> Box:
        """The same change in a box around this one."""
        if all(map(same, self.sets, sets)):
            return self
        at = [np.arange(n) if s is None else s for s, n in zip(sets, node.shape, strict=True)]
        inside = np.ix_(
            *[np.arange(n) if s is None else np.searchsorted(a, s)
              for a, s, n in zip(at, self.sets, node.shape, strict=True)]
        )  # fmt: skip
        lanes = (self._by if self._by is not None else self._new).shape[-1]  # type: ignore[union-attr]
        if node.is_float:
            data = np.zeros([*map(len, at), lanes])
            data[inside] = self.by(node)
            return Box(sets, data)
        data = np.repeat(taken(node, sets)[..., None], lanes, axis=-1)
        data[inside] = self.new(node)
        return Box(sets, new=data)


class Deferred(Box):
    """A change whose numbers are made when they are asked for."""

    def make(self) -> None:
        """Make the differences or the new values."""
        raise NotImplementedError

    def _made(self) -> None:
        if self._by is None and self._new is None:
            self.make()

    def new(self, node: Node) -> Array:
        self._made()
        return super().new(node)

    def by(self, node: Node) -> Array:
        self._made()
        return super().by(node)

    def mapped(self, sets: Sequence[Set], function: Callable[[Array], Array]) -> Box:
        self._made()
        return super().mapped(sets, function)

    def widened(self, node: Node, sets: Sequence[Set]) -> Box:
        self._made()
        return super().widened(node, sets)


class Squared(Deferred):
    """The squares of an array's values: a sum of them reads the values once."""

    def __init__(self, inner: Box, base: Node) -> None:
        super().__init__(inner.sets)
        self.inner, self.base = inner, base

    @property
    def size(self) -> int:
        return self.inner.size

    def make(self) -> None:
        values = self.inner.new(self.base)
        self._new = np.multiply(values, values, out=_like(values))

    def summed(self, axes: Sequence[int], keepdims: bool) -> Array:
        """The sums of the squares along some axes, in half of the time."""
        values = self.inner.new(self.base)
        every = list(range(values.ndim))
        found: Array = np.einsum(values, every, values, every, [k for k in every if k not in axes])
        return np.expand_dims(found, tuple(axes)) if keepdims else found


Change = One | Box | None


def difference(node: Node, new: Any, old: Any) -> Any:
    """By how much a node's values change; what stays infinite does not, as a sigmoid's exponential far out."""
    found: Any = np.subtract(new, old, out=_like(new))
    if "finite" not in node.kept:
        node.kept["finite"] = bool(np.isfinite(node.value).all())
    return found if node.kept["finite"] else np.where(new == old, 0.0, found)


def _like(data: Any) -> Any:
    """Memory for a result of the same shape."""
    return empty(data.shape) if data.dtype == np.float64 else None


def places_of(flat: NDArray[np.intp], shape: tuple[int, ...]) -> tuple[NDArray[np.intp], ...]:
    """Numbers of elements as places along each axis."""
    return np.unravel_index(flat, shape) if shape else ()


def whole(places: NDArray[np.intp], n: int) -> Set:
    return None if len(places) == n else places


def count(node: Node, sets: Sequence[Set]) -> int:
    """How many elements a box of a node has."""
    return prod(n if s is None else len(s) for s, n in zip(sets, node.shape, strict=True))


def same(a: Set, b: Set) -> bool:
    return a is b or (a is not None and b is not None and np.array_equal(a, b))


def taken(node: Node, sets: Sequence[Set]) -> Any:
    """A node's own values within a box."""
    value = np.asarray(node.value)
    for axis, places in enumerate(sets):
        if places is not None:
            value = value[(slice(None),) * axis + (span(places),)]
    return value


def span(places: NDArray[np.intp]) -> Any:
    """A slice where places follow each other: a view, and no copy."""
    if len(places) and places[-1] - places[0] + 1 == len(places):
        return slice(int(places[0]), int(places[-1]) + 1)
    return places

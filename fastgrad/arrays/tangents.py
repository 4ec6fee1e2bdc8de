"""Derivatives along a direction: one sweep forward through the four kinds of node; and those of a gradient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..formulas.broadcasting import summed_to
from .nodes import Array, Node, refuse
from .pointwise import partials, second_partials
from .recording import Recording
from .sweep import spread_over, swept_back, ties_of
from .wholes import Whole, forward

Tangents = dict[Node, Any]

_OVERFLOWING = (np.exp, np.exp2, np.expm1, np.sinh, np.cosh, np.multiply, np.square, np.add, np.subtract)


def tangents(recording: Recording, along: Mapping[str, Array]) -> Tangents:
    """How the nodes change along a direction of the parameters, by name; one that is not there does not change."""
    found: Tangents = {node: along[name] for name, node in recording.parameters.items() if name in along}
    with np.errstate(all="ignore"):
        for node in recording.order:
            if node.args and node.is_float and node.how != "shift" and any(a in found for a in node.args):
                found[node] = np.broadcast_to(_levelled(node, _FORWARD[node.kind](node, found)), node.shape)
    return found


def _levelled(node: Node, change: Any) -> Any:
    """0 where a function overflows: a result that is finite hears nothing of it any more."""
    if node.how not in _OVERFLOWING or not np.isinf(node.value).any():
        return change
    known = np.logical_and.reduce(np.broadcast_arrays(*[np.isfinite(a.value) for a in node.args]))
    return np.where(np.isinf(node.value) & known, 0.0, change)


def tangent(recording: Recording, along: Mapping[str, Array]) -> Array:
    """How the result changes along a direction."""
    found = tangents(recording, along).get(recording.result, 0.0)
    return np.array(np.broadcast_to(found, recording.result.shape), np.float64)


def _of_ufunc(node: Node, found: Tangents) -> Any:
    if node.how is np.where:
        mask, a, b = node.args
        return np.where(mask.value, found.get(a, 0.0), found.get(b, 0.0))
    return sum((_times(partial, found[a]) for a, partial in partials(node) if a in found), start=np.float64(0.0))


def _times(partial: Any, change: Any) -> Any:
    """A product that is 0 where nothing changes, whatever the derivative."""
    product = partial * change
    return product if np.isfinite(product).all() else np.where(np.equal(change, 0.0), 0.0, product)


def _of_move(node: Node, found: Tangents) -> Any:
    function, _ = node.how
    return function(*[np.broadcast_to(found.get(a, 0.0), a.shape) for a in node.args])


def _of_reduce(node: Node, found: Tangents) -> Any:
    function, axes, keepdims = node.how
    change = np.broadcast_to(found[node.args[0]], node.args[0].shape)
    if function is np.add:
        return np.add.reduce(change, axis=axes, keepdims=keepdims)
    share = np.where(ties_of(node), change, 0.0).sum(axis=axes, keepdims=True)
    share = share / ties_of(node).sum(axis=axes, keepdims=True)
    return share if keepdims else share.reshape(node.shape)


def _of_matmul(node: Node, found: Tangents) -> Any:
    a, b = node.args
    parts = [np.matmul(found[a], b.value)] if a in found else []
    return sum([np.matmul(a.value, found[b])] if b in found else [], start=parts[0] if parts else np.float64(0.0))


def _of_whole(node: Node, found: Tangents) -> Any:
    return forward(node, [np.broadcast_to(found.get(a, 0.0), a.shape) for a in node.args])


_FORWARD: Mapping[str, Any] = {
    "ufunc": _of_ufunc, "move": _of_move, "reduce": _of_reduce, "matmul": _of_matmul, "other": _of_whole
}  # fmt: skip


def gradients_along(recording: Recording, along: Mapping[str, Array]) -> dict[str, Array]:
    """How the gradient changes along a direction: the Hessian times it, by name."""
    changes = tangents(recording, along)
    pairs = swept_back(recording, _Pair(np.float64(1.0), np.float64(0.0)), lambda node, bar: _back(node, bar, changes))
    return {
        name: np.array(np.broadcast_to(pairs[node].change if node in pairs else 0.0, node.shape))
        for name, node in recording.parameters.items()
    }


class _Pair:
    """What has come back to a node, and how that changes."""

    __slots__ = ("change", "value")

    def __init__(self, value: Any, change: Any) -> None:
        self.value, self.change = value, change

    def __add__(self, other: _Pair) -> _Pair:
        return _Pair(self.value + other.value, self.change + other.change)


def _back(node: Node, bar: _Pair, changes: Tangents) -> list[tuple[Node, _Pair]]:
    if not node.is_float:
        return []
    if node.kind == "ufunc" and node.how is not np.where:
        return _ufunc_back(node, bar, changes)
    if node.kind == "matmul":
        return _matmul_back(node, bar, changes)
    if isinstance(node.how, Whole) and not node.how.is_linear:
        refuse(f"the second derivative of np.{node.how.name} is not known")
    values, bars = spread_over(node, bar.value), spread_over(node, bar.change)  # what is linear
    return [(a, _Pair(value, change)) for (a, value), (_, change) in zip(values, bars, strict=True)]


def _ufunc_back(node: Node, bar: _Pair, changes: Tangents) -> list[tuple[Node, _Pair]]:
    found = []
    for a, partial, row in second_partials(node):
        slope = sum((_times(second, changes[b]) for b, second in row if b in changes), start=np.float64(0.0))
        parts = _times(partial, bar.value), _times(partial, bar.change) + _times(slope, bar.value)
        found.append((a, _Pair(*[summed_to(np.broadcast_to(p, node.shape), a.shape) for p in parts])))
    return found


def _matmul_back(node: Node, bar: _Pair, changes: Tangents) -> list[tuple[Node, _Pair]]:
    a, b = node.args
    value, change = (np.broadcast_to(part, node.shape) for part in (bar.value, bar.change))
    found = []
    for x, other, product in ((a, b, _by_right), (b, a, _by_left)):
        if x.moves:
            moved = product(change, other.value)
            if other in changes:
                moved = moved + product(value, changes[other])
            parts = product(value, other.value), moved
            found.append((x, _Pair(*[summed_to(p, x.shape) for p in parts])))
    return found


def _by_right(bar: Any, b: Any) -> Any:
    return np.matmul(bar, np.swapaxes(b, -1, -2))


def _by_left(bar: Any, a: Any) -> Any:
    return np.matmul(np.swapaxes(a, -1, -2), bar)

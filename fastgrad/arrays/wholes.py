"""Functions of whole arrays that are none of the four kinds: sorting and linear algebra, each with its derivative."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..formulas.broadcasting import summed_to
from .nodes import Node


@dataclass(frozen=True)
class Whole:
    """What a sweep needs to know.

    Attributes
    ----------
    name : str
    back : callable
        What comes back to each argument, from what came to the value, the value, and those of the arguments.
    forward : callable
        How the value changes: from how the arguments change, zeros included, the value, and those of the arguments.
    is_linear : bool
        Whether it is, or is where its choices stay as they are.
    """

    name: str
    back: Callable[..., tuple[Any, ...]]
    forward: Callable[..., Any]
    is_linear: bool = False

    def node(self, compute: Callable[..., Any], *args: Node) -> Node:
        return Node("other", args, self, compute)


def backward(node: Node, bar: Any) -> list[tuple[Node, Any]]:
    """What comes back to the arguments that move."""
    bars = node.how.back(np.broadcast_to(bar, node.shape), node.value, *[a.value for a in node.args])
    return [(a, found) for a, found in zip(node.args, bars, strict=True) if a.moves]


def forward(node: Node, changes: Sequence[Any]) -> Any:
    return node.how.forward(*changes, node.value, *[a.value for a in node.args])


def _turned(x: Any) -> Any:
    return np.swapaxes(x, -1, -2)


def _solve_back(bar: Any, x: Any, a: Any, b: Any) -> tuple[Any, Any]:
    right = np.linalg.solve(_turned(a), bar)
    return summed_to(-right @ _turned(x), np.shape(a)), summed_to(right, np.shape(b))


def _halved(x: Any) -> Any:
    """The lower triangle, with half of the diagonal."""
    return np.tril(x) - x * np.eye(x.shape[-1]) / 2


def _cholesky_back(bar: Any, lower: Any, _a: Any) -> tuple[Any]:
    inner = _halved(_turned(lower) @ bar)
    s = np.linalg.solve(_turned(lower), _turned(np.linalg.solve(_turned(lower), _turned(inner))))
    s = (s + _turned(s)) / 2
    return (np.tril(s) + np.tril(s, -1),)  # NumPy reads nothing above the diagonal


def _cholesky_forward(da: Any, lower: Any, _a: Any) -> Any:
    da = np.tril(da) + _turned(np.tril(da, -1))
    inner = np.linalg.solve(lower, _turned(np.linalg.solve(lower, da)))
    return lower @ _halved(inner)


def _trace_of(a: Any, da: Any) -> Any:
    return np.trace(np.linalg.solve(a, da), axis1=-2, axis2=-1)


def _scaled_inverse(factor: Any, a: Any) -> tuple[Any]:
    return (np.asarray(factor)[..., None, None] * _turned(np.linalg.inv(a)),)


SOLVE = Whole("linalg.solve", _solve_back, lambda da, db, x, a, _b: np.linalg.solve(a, db - da @ x))
INV = Whole("linalg.inv", lambda bar, y, _a: (-_turned(y) @ bar @ _turned(y),), lambda da, y, _a: -y @ da @ y)
DET = Whole("linalg.det", lambda bar, y, a: _scaled_inverse(bar * y, a), lambda da, y, a: y * _trace_of(a, da))
LOGDET = Whole("linalg.slogdet", lambda bar, _y, a: _scaled_inverse(bar, a), lambda da, _y, a: _trace_of(a, da))
CHOLESKY = Whole("linalg.cholesky", _cholesky_back, _cholesky_forward)


def _shared(x: Any, y: Any, axis: int) -> Any:
    """The mean over equal numbers of y, which is sorted."""
    lines, values = np.moveaxis(np.array(x, np.float64), axis, -1), np.moveaxis(y, axis, -1)
    starts = np.concatenate([np.ones((*values.shape[:-1], 1), bool), values[..., 1:] != values[..., :-1]], axis=-1)
    if not starts.all():
        groups = np.cumsum(starts.reshape(-1)) - 1
        means = np.bincount(groups, lines.reshape(-1)) / np.bincount(groups)
        lines = means[groups].reshape(lines.shape)
    return np.moveaxis(lines, -1, axis)


def sort(x: Node, axis: int) -> Node:
    """Along an axis; equal numbers share what comes to them, as those of an extremum do."""

    def back(bar: Any, y: Any, v: Any) -> tuple[Any]:
        found = np.zeros(np.shape(v))
        np.put_along_axis(found, np.argsort(v, axis, kind="stable"), _shared(bar, y, axis), axis)
        return (found,)

    def ahead(change: Any, y: Any, v: Any) -> Any:
        return _shared(np.take_along_axis(change, np.argsort(v, axis, kind="stable"), axis), y, axis)

    return Whole("sort", back, ahead, is_linear=True).node(lambda v: np.sort(v, axis, kind="stable"), x)

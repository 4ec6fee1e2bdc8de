"""Extrema that cancel: what is subtracted from exponents, and divided out or added again, need not move.

A loss that takes np.max from the exponents of its softmax is the same whatever it takes. So its derivative is, and
along a direction that moves one exponent the others stay where they are. What each node makes of a number M is
followed: v + d M, or v exp(d M), where v does not depend on M. Where all such d become 0 again, M cancels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .nodes import Array, Node, looked_at, ordered

EXTREMA = (np.maximum, np.minimum)


@dataclass(frozen=True, eq=False)
class Part:
    """How an array depends on the numbers of another one.

    Attributes
    ----------
    degree : float
        d.
    is_power : bool
        Whether exp(d M) is a factor; else d M is added.
    which : ndarray of int
        The number, from 1, on which each element depends; of a shape that is spread to the array's.
    """

    degree: float
    is_power: bool
    which: Array

    def fits(self, other: Part) -> bool:
        """Whether both are of the same kind, of the same numbers."""
        return self.is_power == other.is_power and _are_same(self.which, other.which)


def holding(result: Node) -> Node:
    """The same result, of extrema that do not move where they cancel."""
    order = ordered([result])
    held = {m for m in order if m.kind == "reduce" and m.how[0] in EXTREMA and _cancels(m, order, result)}
    new: dict[Node, Node] = {}
    for node in order if held else ():
        args = tuple([new.get(a, a) for a in node.args])
        same = node if args == node.args else node.again(args, node.value)
        if node in held:
            new[node] = Node("other", (same,), "shift", lambda value: value)
        elif same is not node:
            new[node] = same
    return new.get(result, result)


def _cancels(m: Node, order: list[Node], result: Node) -> bool:
    parts = {m: Part(1.0, False, np.arange(1, m.size + 1).reshape(m.shape))}
    for node in order[order.index(m) + 1 :]:
        if any(a in parts for a in node.args):
            rule = _RULES.get(node.kind)
            part = rule(node, [parts.get(a) for a in node.args]) if rule else None
            if part is None:
                return False
            if part.degree:
                parts[node] = part
    return result not in parts


def _are_same(some: Array, others: Array) -> bool:
    a, b = np.broadcast_arrays(some, others)
    return bool(np.array_equal(a, b))


# --- what a node makes of the parts of its arguments, None where an argument has none; None where that is not known


def _ufunc(node: Node, parts: Sequence[Part | None]) -> Part | None:
    rule = _FUNCTIONS.get(node.how) if isinstance(node.how, np.ufunc) else None
    return rule(node, parts) if rule else None


def _sum(node: Node, parts: Sequence[Part | None], sign: float = 1.0) -> Part | None:
    a, b = parts
    if a and b:
        total = a.degree + sign * b.degree
        if not a.fits(b) or (a.is_power and a.degree != b.degree):
            return None
        return replace(a, degree=a.degree if a.is_power else total)
    if a:
        return None if a.is_power else a
    return None if b is None or b.is_power else replace(b, degree=sign * b.degree)


def _difference(node: Node, parts: Sequence[Part | None]) -> Part | None:
    return _sum(node, parts, -1.0)


def _product(node: Node, parts: Sequence[Part | None], sign: float = 1.0) -> Part | None:
    a, b = parts
    if a and b:
        return replace(a, degree=a.degree + sign * b.degree) if a.is_power and a.fits(b) else None
    only = a or b
    assert only
    if only.is_power:
        return only if a else replace(only, degree=sign * only.degree)
    other = node.args[1 if a else 0]
    if other.moves or other.shape or (b and sign < 0):
        return None
    factor = float(looked_at(other))
    return replace(only, degree=only.degree * factor**sign) if factor else None


def _quotient(node: Node, parts: Sequence[Part | None]) -> Part | None:
    return _product(node, parts, -1.0)


def _negative(node: Node, parts: Sequence[Part | None]) -> Part | None:
    (a,) = parts
    return a if a is None or a.is_power else replace(a, degree=-a.degree)


def _exponential(node: Node, parts: Sequence[Part | None]) -> Part | None:
    (a,) = parts
    return None if a is None or a.is_power else replace(a, is_power=True)


def _logarithm(node: Node, parts: Sequence[Part | None]) -> Part | None:
    (a,) = parts
    return replace(a, is_power=False) if a and a.is_power else None


def _moved(node: Node, parts: Sequence[Part | None]) -> Part | None:
    """All of what is moved depends alike; a part of an array may not."""
    first = parts[0]
    if first is None or not all(p and p.is_power == first.is_power and p.degree == first.degree for p in parts):
        return None
    places = [np.broadcast_to(p.which, a.shape) for p, a in zip(parts, node.args, strict=True) if p]
    which = np.asarray(node.how[0](*places))
    return replace(first, which=which) if which.all() else None


def _reduced(node: Node, parts: Sequence[Part | None]) -> Part | None:
    function, axes, keepdims = node.how
    (part,), (a,) = parts, node.args
    which = None if part is None else _along(part, a, axes, keepdims)
    if part is None or which is None or function not in {np.add, *EXTREMA}:
        return None
    count = a.size // max(node.size, 1) if function is np.add and not part.is_power else 1
    return replace(part, degree=part.degree * count, which=which)


def _along(part: Part, a: Node, axes: tuple[int, ...], keepdims: bool) -> Array | None:
    """On which numbers sums along axes depend, if all that is summed depends on the same one."""
    spread = np.broadcast_to(part.which, a.shape)
    if not a.size:
        return None
    most, least = np.max(spread, axis=axes, keepdims=keepdims), np.min(spread, axis=axes, keepdims=keepdims)
    return np.asarray(least) if np.array_equal(least, most) else None


def _multiplied(node: Node, parts: Sequence[Part | None]) -> Part | None:
    """Weights times powers: the sums along rows of the left matrix, or columns of the right one."""
    left, right = parts
    part = left or right
    if part is None or (left and right) or not part.is_power:
        return None
    a, axis = node.args[0 if left else 1], -1 if left else -2
    which = _along(part, a, (len(a.shape) + axis,), keepdims=True)
    return None if which is None else replace(part, which=which)


_FUNCTIONS: dict[np.ufunc, Callable[[Node, Sequence[Part | None]], Part | None]] = {
    np.add: _sum, np.subtract: _difference, np.multiply: _product, np.divide: _quotient, np.negative: _negative,
    np.exp: _exponential, np.log: _logarithm,
}  # fmt: skip
_RULES: dict[str, Callable[[Node, Sequence[Part | None]], Any]] = {
    "ufunc": _ufunc, "move": _moved, "reduce": _reduced, "matmul": _multiplied,
}  # fmt: skip

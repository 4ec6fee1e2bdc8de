"""What a node makes of the changes of its arguments: a rule for each kind.

A change passes sums, products with constants and moves as a difference, so that nothing nearly equal is subtracted;
other functions are computed at the displaced values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from . import extents
from .buffers import empty
from .changes import Box, Change, One, Set, Squared, difference, places_of, same, span, taken, whole
from .nodes import Array, Node
from .outer import Outer, through
from .sweep import sources

_LINEAR_IN_BOTH = (np.add, np.subtract)


def change(node: Node, changes: Sequence[Change], lanes: int) -> Change:
    """The change of a node."""
    if all(c is None for c in changes) or node.how == "shift":  # what cancels need not move
        return None
    return _RULES[node.kind](node, changes, lanes)


# --- functions of single numbers


def _ufunc(node: Node, changes: Sequence[Change], lanes: int) -> Change:
    moving = [k for k, c in enumerate(changes) if c is not None]
    first = moving[0]
    only = changes[first] if len(moving) == 1 else None
    if type(only) is One and node.args[first].shape == node.shape and node.is_float:
        return _ufunc_of_one(node, first, only)
    boxes = [None if c is None else c.boxed(a, lanes) for c, a in zip(changes, node.args, strict=True)]
    sets = extents.of_ufunc(node, [b.sets if b else None for b in boxes])
    inner = boxes[0] if _squares(node) else None
    if inner is not None and all(map(same, sets, inner.sets)):
        return Squared(inner, node.args[0])
    if node.is_float and (outer := through(node, boxes, sets)) is not None:
        return outer
    lines = _Lines(node, boxes, sets, lanes)
    linear = _linear(node.how, lines, moving) if node.is_float else None
    if linear is not None and any(b.is_difference for b in boxes if b):
        return Box(sets, lines.full(linear()))
    given = list(map(lines.values, range(len(node.args))))
    return Box(sets, new=lines.full(_computed(node.how, *given) if node.is_float else node.how(*given)))


def _squares(node: Node) -> bool:
    """Whether a node is the square of its first argument."""
    if node.args[0].shape != node.shape or not node.is_float:
        return False
    if node.how is np.power:
        exponent = node.args[1]
        return not exponent.moves and not exponent.shape and float(exponent.value) == 2.0
    return node.how is np.square or (node.how is np.multiply and node.args[0] is node.args[1])


def _computed(function: Any, *given: Any) -> Any:
    """A function of single numbers, into memory that is used again."""
    if not isinstance(function, np.ufunc):
        return function(*given)
    return function(*given, out=empty(np.broadcast_shapes(*map(np.shape, given))))


def _ufunc_of_one(node: Node, k: int, one: One) -> One:
    at = places_of(one.flat, node.shape)
    given = [np.broadcast_to(a.value, node.shape)[at] + (one.by if n == k else 0.0) for n, a in enumerate(node.args)]
    return One(one.lanes, one.flat, difference(node, node.how(*given), np.asarray(node.value)[at]))


class _Lines:
    """The arguments of a ufunc within the box of its result, with lanes."""

    def __init__(self, node: Node, boxes: list[Box | None], sets: extents.Sets, lanes: int) -> None:
        self.node, self.ndim = node, len(node.shape)
        self.sets = [
            tuple(None if n == 1 else s for s, n in zip(sets[self.ndim - len(a.shape) :], a.shape, strict=True))
            for a in node.args
        ]
        self.boxes = [
            None if b is None else b.widened(a, s) for b, a, s in zip(boxes, node.args, self.sets, strict=True)
        ]
        self.shape = (*[n if s is None else len(s) for s, n in zip(sets, node.shape, strict=True)], lanes)

    def _aligned(self, data: Any, k: int) -> Any:
        """Axes to the right, lanes behind them."""
        return data.reshape((1,) * (self.ndim - len(self.node.args[k].shape)) + data.shape)

    def values(self, k: int) -> Any:
        argument, box = self.node.args[k], self.boxes[k]
        if box is None:
            return self.fixed(k)
        return self._aligned(box.new(argument), k)

    def fixed(self, k: int) -> Any:
        argument = self.node.args[k]
        return self._aligned(taken(argument, self.sets[k])[..., None], k) if argument.shape else argument.value

    def by(self, k: int) -> Any:
        box = self.boxes[k]
        assert box is not None
        return self._aligned(box.by(self.node.args[k]), k)

    def full(self, data: Any) -> Any:
        return data if data.shape == self.shape else np.broadcast_to(data, self.shape)


def _linear(function: Any, lines: _Lines, moving: Sequence[int]) -> Callable[[], Any] | None:
    """How a function that is linear in what moves makes a difference of differences."""
    first, *more = moving
    if function in _LINEAR_IN_BOTH:
        if more:
            return lambda: _computed(function, lines.by(0), lines.by(1))
        return (lambda: lines.by(0)) if first == 0 else lambda: _computed(function, 0.0, lines.by(1))
    if function in {np.negative, np.positive}:
        return lambda: _computed(function, lines.by(0))
    if more or (function is not np.multiply and (function is not np.divide or first == 1)):
        return None
    return lambda: _computed(function, *[lines.by(k) if k == first else lines.fixed(k) for k in (0, 1)])


# --- moves


def _move(node: Node, changes: Sequence[Change], lanes: int) -> Change:
    moving = [k for k, c in enumerate(changes) if c is not None]
    if len(moving) == 1 and type(changes[moving[0]]) is One:
        found = _move_of_one(node, moving[0], changes[moving[0]])
        if found is not None:
            return found if len(found.flat) else None
    boxes = [None if c is None else c.boxed(a, lanes) for c, a in zip(changes, node.args, strict=True)]
    _, key = node.how
    if key and key[0] == "transpose":
        (box,) = boxes
        assert box is not None
        return box.mapped([box.sets[a] for a in key[1]], lambda v: v.transpose(*key[1], v.ndim - 1))
    if key and key[0] == "reshape" and boxes[0] is not None and all(s is None for s in boxes[0].sets):
        return boxes[0].mapped((None,) * len(node.shape), lambda v: v.reshape(*node.shape, lanes))
    return _moved_boxes(node, boxes, lanes)


def _move_of_one(node: Node, k: int, one: Any) -> One | None:
    """Where each element goes, if it goes to one place at most."""
    if ("targets", k) not in node.kept:
        places, single = sources(node, k)
        targets = np.full(node.args[k].size, -1)
        targets[places[places >= 0]] = np.flatnonzero(places >= 0)
        node.kept["targets", k] = targets if single else None
    targets = node.kept["targets", k]
    if targets is None or not node.is_float:
        return None
    to = targets[one.flat]
    return One(one.lanes[to >= 0], to[to >= 0], one.by[to >= 0])


def _moved_boxes(node: Node, boxes: Sequence[Box | None], lanes: int) -> Change:
    sets, rows, whole_box, gaps = extents.moved(node, [b.sets if b else None for b in boxes])
    if not rows.size:
        return None
    pairs = [(b, a) for b, a in zip(boxes, node.args, strict=True) if b is not None]
    by = node.is_float and (gaps or any(b.is_difference for b, _ in pairs))
    parts = [(b.by(a) if by else b.new(a)).reshape(-1, lanes) for b, a in pairs]
    data = parts[0] if len(parts) == 1 else np.concatenate(parts)
    data = data.reshape(*rows.shape, lanes) if whole_box else data[rows]
    if gaps:
        missing = rows < 0
        data[missing] = 0 if by else np.broadcast_to(taken(node, sets)[..., None], data.shape)[missing]
    return Box(sets, data) if by else Box(sets, new=data)


# --- reductions


def _reduce(node: Node, changes: Sequence[Change], lanes: int) -> Change:
    (function, axes, keepdims), (x,) = node.how, node.args
    assert changes[0] is not None
    if type(changes[0]) is One and function is np.add and x.is_float:
        return _sum_of_one(node, changes[0])
    box = changes[0].boxed(x, lanes)
    if function is np.add and not x.is_float:
        return _densely(node, changes, lanes)
    partly = [a for a in axes if box.sets[a] is not None]
    sets = extents.of_reduce(node, [box.sets])
    if function is np.add:
        return _summed(node, box, sets, partly)
    extreme = function.reduce(box.new(x), axis=axes, keepdims=keepdims)
    if partly:
        extreme = function(extreme, extreme_beside(node, box)[..., None])
    return Box(sets, new=extreme)


def _summed(node: Node, box: Box, sets: extents.Sets, partly: Sequence[int]) -> Box:
    """The sums of a change; those that are not the last of all need no difference, which is a pass less."""
    (_, axes, keepdims), (x,) = node.how, node.args
    if type(box) is Outer and (sums := box.summed(sets, axes, keepdims)) is not None:
        return sums
    whole_lines = len(axes) < len(x.shape) and not partly
    if whole_lines and type(box) is Squared:
        return Box(sets, new=box.summed(axes, keepdims))
    if whole_lines and not box.is_difference:
        return Box(sets, new=box.new(x).sum(axis=axes, keepdims=keepdims))
    return Box(sets, box.by(x).sum(axis=axes, keepdims=keepdims))


def _sum_of_one(node: Node, one: One) -> One:
    """A sum changes by as much as its one element."""
    _, axes, _ = node.how
    (x,) = node.args
    at = [p for axis, p in enumerate(places_of(one.flat, x.shape)) if axis not in axes]
    kept = [n for axis, n in enumerate(x.shape) if axis not in axes]
    flat = np.ravel_multi_index(at, kept) if kept else np.zeros(len(one.flat), np.intp)
    return One(one.lanes, flat, one.by)


def extreme_beside(node: Node, box: Box) -> Array:
    """The extremum of what does not change, the same for all lanes."""
    (function, axes, keepdims), (x,) = node.how, node.args
    rest = taken(x, [None if a in axes else s for a, s in enumerate(box.sets)]).copy()
    part = [s if a in axes else None for a, s in enumerate(box.sets)]
    rest[np.ix_(*[np.arange(n) if s is None else s for s, n in zip(part, rest.shape, strict=True)])] = (
        -np.inf if function is np.maximum else np.inf
    )
    return np.asarray(function.reduce(rest, axis=axes, keepdims=keepdims))


# --- products of matrices


def _matmul(node: Node, changes: Sequence[Change], lanes: int) -> Change:
    (a, b), (left, right) = node.args, changes
    is_plain = len(node.shape) == 2
    if is_plain and type(left) is One and right is None:
        return _rows_of_one(left, a.shape, b.value, lanes)
    if is_plain and type(right) is One and left is None:
        turned = _rows_of_one(_transposed(right, b.shape), b.shape[::-1], a.value.T, lanes)
        return turned.mapped(turned.sets[::-1], _turned)
    boxes = [None if c is None else c.boxed(x, lanes) for c, x in zip(changes, node.args, strict=True)]
    return _Product(node, boxes).box()


class _Product:
    """A product of matrices of which boxes change; axes before those of the matrices are spread to each other."""

    def __init__(self, node: Node, boxes: Sequence[Box | None]) -> None:
        self.node, self.boxes = node, boxes
        self.sets = extents.of_matmul(node, [box.sets if box else None for box in boxes])

    def box(self) -> Box:
        left, right = self.boxes
        terms = [self._of_left(left)] if left else []
        terms += [self._of_right(right)] if right else []
        if left and right:
            terms.append(self._of_both(left, right))
        if len(terms) == 1:
            return terms[0]
        return Box(self.sets, np.add.reduce([t.widened(self.node, self.sets).by(self.node) for t in terms]))

    def _before(self, k: int) -> extents.Sets:
        """Of a factor the places along the axes before those of its matrices."""
        shape = self.node.args[k].shape[:-2]
        own = self.sets[len(self.sets) - 2 - len(shape) : -2]
        return tuple(None if n == 1 else s for s, n in zip(own, shape, strict=True))

    def _by(self, k: int, box: Box, *own: Set) -> Array:
        """By how much a factor changes, in a box around its own."""
        factor = self.node.args[k]
        return box.widened(factor, (*self._before(k), *own)).by(factor)

    def _made(self, product: Array, *own: Set) -> Box:
        before = [n if s is None else len(s) for s, n in zip(self.sets[:-2], self.node.shape[:-2], strict=True)]
        return Box((*self.sets[:-2], *own), np.broadcast_to(product, (*before, *product.shape[-3:])))

    def _of_left(self, box: Box) -> Box:
        rows, inner = box.sets[-2:]
        by, fixed = self._by(0, box, rows, inner), taken(self.node.args[1], (*self._before(1), inner, None))
        if by.ndim == 3 and len(fixed) == 1:
            return Outer((rows, None), by, fixed[0])
        turned = np.swapaxes(fixed, -1, -2)[..., None, :, :]
        only = turned.shape[-1] == 1
        return self._made(_computed(np.multiply, turned, by) if only else _multiplied(turned, by), rows, None)

    def _of_right(self, box: Box) -> Box:
        inner, columns = box.sets[-2:]
        by, fixed = self._by(1, box, inner, columns), taken(self.node.args[0], (*self._before(0), None, inner))
        found = _multiplied(fixed, by.reshape(*by.shape[:-2], -1))
        return self._made(found.reshape(*found.shape[:-1], *by.shape[-2:]), None, columns)

    def _of_both(self, left: Box, right: Box) -> Box:
        rows, columns = left.sets[-2], right.sets[-1]
        product = np.einsum("...nmk,...mpk->...npk", self._by(0, left, rows, None), self._by(1, right, None, columns))
        return self._made(product, rows, columns)


def _multiplied(a: Array, b: Array) -> Array:
    """A product, into memory that is used again."""
    before = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    product: Array = np.matmul(a, b, out=empty((*before, a.shape[-2], b.shape[-1])))
    return product


def _turned(data: Any) -> Any:
    """The first two axes exchanged, in memory too."""
    if data.shape[0] == 1:
        return data.reshape(data.shape[1], 1, data.shape[2])
    copy = empty((data.shape[1], data.shape[0], data.shape[2]))
    copy[...] = data.transpose(1, 0, 2)
    return copy


def _transposed(one: One, shape: tuple[int, ...]) -> One:
    row, column = np.unravel_index(one.flat, shape)
    return One(one.lanes, column * shape[0] + row, one.by)


def _rows_of_one(one: One, shape: tuple[int, ...], factor: Any, lanes: int) -> Box:
    """An element of the left factor changes a row: by a row of the right factor."""
    row, inner = np.unravel_index(one.flat, shape)
    rows = np.unique(row)
    data = empty((len(rows), factor.shape[1], lanes))
    if len(rows) > 1:
        data[...] = 0.0
        data[np.searchsorted(rows, row), :, one.lanes] = factor[inner] * one.by[:, None]
    else:
        others = np.ones(lanes, bool)
        others[one.lanes] = False
        data[0][:, others] = 0.0
        for part in _runs(one.lanes, inner):  # lane after lane, a tenth of the time
            np.multiply(
                factor.T[:, span(inner[part])],
                one.by[part],
                out=data[0][:, span(one.lanes[part])],
                casting="unsafe",
            )
    return Box((whole(rows, shape[0]), None), data)


def _runs(lanes: Any, inner: Any) -> Iterator[slice]:
    """Pieces in which lanes and elements follow each other."""
    breaks = np.flatnonzero((np.diff(lanes) != 1) | (np.diff(inner) != 1)) + 1
    yield from (slice(a, b) for a, b in pairwise([0, *breaks.tolist(), len(lanes)]))


# --- whatever has no rule


def _densely(node: Node, changes: Sequence[Change], lanes: int) -> Box:
    """Lane by lane, as if it were evaluated anew."""
    new = []
    boxes = [
        None if c is None else c.boxed(a, lanes).widened(a, (None,) * len(a.shape)).new(a)
        for c, a in zip(changes, node.args, strict=True)
    ]
    for lane in range(lanes):
        given = [a.value if b is None else b[..., lane] for b, a in zip(boxes, node.args, strict=True)]
        new.append(node.compute(*given))
    return Box((None,) * len(node.shape), new=np.stack(new, axis=-1))


_RULES: dict[str, Callable[[Node, Sequence[Change], int], Change]] = {
    "ufunc": _ufunc, "move": _move, "reduce": _reduce, "matmul": _matmul, "other": _densely
}  # fmt: skip

"""The graph behind `fastgrad.Variable`: nodes that remember, and the walk back through what they remember.

A result holds its inputs, never the other way round: there are no cycles, and a graph is freed with its last Variable.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..formulas.broadcasting import summed_to
from .rules import Rule

Array = NDArray[Any]


class _Mode(threading.local):
    """Whether operations are remembered, in each thread."""

    remembers = True


MODE = _Mode()


@contextmanager
def remembering(remembers: bool) -> Iterator[None]:
    """A context in which this thread remembers operations, or not."""
    before, MODE.remembers = MODE.remembers, remembers
    try:
        yield
    finally:
        MODE.remembers = before


class Node:
    """A value that remembers the operation it came from."""

    __slots__ = ("_data", "_grad", "_inputs", "_options", "_rank", "_rule", "_values", "requires_grad")

    _data: Array
    _grad: Array | None
    _rule: Rule | None
    _inputs: tuple[Any, ...]  # nodes and constants
    _values: tuple[Any, ...]  # the numbers of this node and of its inputs when it was made
    _options: dict[str, Any]
    _rank: int  # above that of every input
    requires_grad: bool

    def _start(self, data: Array, requires_grad: bool) -> None:
        self._data = data
        self._grad = self._rule = None
        self._inputs = self._values = ()
        self._rank = 0
        self.requires_grad = requires_grad

    def _remember(self, rule: Rule, inputs: tuple[Any, ...], values: list[Any], options: dict[str, Any]) -> None:
        ranks = [u._rank for u in inputs if isinstance(u, Node) and u.requires_grad]
        self.requires_grad = bool(ranks)
        if ranks:
            self._rank = max(ranks) + 1
            self._rule, self._options, self._values = rule, options, (self._data, *values)
            self._inputs = tuple([u if isinstance(u, Node) else v for u, v in zip(inputs, values, strict=True)])


def ancestors(outputs: Sequence[Node]) -> list[Any]:
    """All that these were computed from, themselves included, each before its inputs."""
    found = {id(v): v for v in outputs}
    stack = list(found.values())
    while stack:
        for u in stack.pop()._inputs:
            if isinstance(u, Node) and u.requires_grad and id(u) not in found:
                found[id(u)] = u
                stack.append(u)
    return sorted(found.values(), key=attrgetter("_rank"), reverse=True)


def gradients(
    outputs: Sequence[Node], seeds: Sequence[Any], order: Sequence[Node], needed: set[int], keep: set[int],
    graph: bool,
) -> dict[int, Any]:  # fmt: skip
    """The gradients of the kept Variables by id: arrays, or with `graph` Variables."""
    found: dict[int, Any] = {}
    for y, g in zip(outputs, seeds, strict=True):
        if y._rule and y._values[0].shape != g.shape:
            msg = (
                f"y.data got another shape, {g.shape}, after y was computed with {y._values[0].shape}; compute y again"
            )
            raise ValueError(msg)
        found[id(y)] = found[id(y)] + g if id(y) in found else g
    for y in order:
        if y._rule is None or id(y) not in found:
            continue
        g = found[id(y)] if id(y) in keep else found.pop(id(y))
        arguments = _live(y) if graph else y._values
        for i, u in enumerate(y._inputs):
            if id(u) in needed:
                part = y._rule.products[i](g, *arguments, **y._options)
                part = summed_to(part, y._values[i + 1].shape)
                found[id(u)] = found[id(u)] + part if id(u) in found else part
    return found


def _live(y: Node) -> tuple[Any, ...]:
    """y and its inputs as Variables, if they still hold what y was computed from."""
    live = (y, *y._inputs)
    for u, v in zip(live, y._values, strict=True):
        if isinstance(u, Node) and u._data is not v:
            msg = (
                "x.data was replaced after y was computed from x, so y cannot be differentiated twice; compute y again"
            )
            raise RuntimeError(msg)
    return live


def write(order: Sequence[Node], found: dict[int, Any], taken: list[Array]) -> None:
    """Gradients into their Variables: leaves add them. No two share an array, as they may be changed in place."""
    used = {id(array) for array in taken}
    new = []
    for v in order:
        g = None if id(v) not in found else np.asarray(found[id(v)], v._data.dtype)
        if g is not None and g.shape != v._data.shape:
            msg = f"x.data got another shape, {v._data.shape}, after y was computed from {g.shape}; compute y again"
            raise ValueError(msg)
        if g is not None and (g.base is not None or id(g) in used):
            g = g.copy()
        used.add(id(g))
        new.append(g if v._rule or v._grad is None or g is None else np.asarray(v._grad + g))
    for v, g in zip(order, new, strict=True):
        v._grad = g

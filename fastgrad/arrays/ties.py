"""Numbers that a loss asks to be equal, and that are: there it goes a way of its own, which is looked at each time."""

from __future__ import annotations

from typing import Any

import numpy as np

from .nodes import Node
from .recording import Recording

OWN = "it goes a way of its own here, as by w == 0"
_ASKING = (np.equal, np.not_equal)
# Of both together the same is true at equal numbers alone.
_TOGETHER = {np.less: np.greater, np.greater: np.less, np.less_equal: np.greater_equal, np.greater_equal: np.less_equal}
# What may be the same all around, so that equal numbers single out no point.
_FLAT = {
    *_ASKING, np.less, np.less_equal, np.greater, np.greater_equal, np.logical_and, np.logical_or, np.logical_not,
    np.maximum, np.minimum, np.fmax, np.fmin, np.floor, np.ceil, np.trunc, np.rint, np.sign, np.floor_divide,
    np.copysign, np.isnan, np.isfinite, np.isinf,
}  # fmt: skip
_SMOOTH = ("parameter", "move", "matmul")
_UNDEFINED = (np.isnan, np.isinf, np.isfinite, np.fmax, np.fmin)  # asking whether something is a number, or deaf to it


def has_ties(recording: Recording) -> bool:
    """Whether numbers that move are equal where the program, with its values, asks for that, or by `<` and `>`.

    Or are no numbers, where it asks whether they are.
    """
    nodes = [node for node in recording.order if node.kind == "ufunc"]
    if any(node.how in _UNDEFINED and _are_undefined(node) for node in nodes):
        return True
    asked = {(node.how, *node.args) for node in nodes if node.how in _TOGETHER}
    known: dict[Node, bool] = {}
    return any((node.how in _ASKING or _is_asked_twice(node, asked)) and _is_tie(node, known) for node in nodes)


def _are_undefined(node: Node) -> bool:
    return any(a.moves and not np.isfinite(a.value).all() for a in node.args)


def _is_asked_twice(node: Node, asked: set[Any]) -> bool:
    other = _TOGETHER.get(node.how)
    return other is not None and ((other, *node.args) in asked or (node.how, *node.args[::-1]) in asked)


def _is_tie(node: Node, known: dict[Node, bool]) -> bool:
    a, b = node.args
    return bool(np.any(np.equal(a.value, b.value))) and all(_is_smooth(v, known) for v in (a, b) if v.moves)


def _is_smooth(node: Node, known: dict[Node, bool]) -> bool:
    if node not in known:
        own = node.kind in _SMOOTH or (node.kind == "ufunc" and node.how not in _FLAT)
        own = own or (node.kind == "reduce" and node.how[0] is np.add)
        known[node] = own and all(_is_smooth(a, known) for a in node.args if a.moves)
    return known[node]

"""Numbers that a loss asks to be equal, and that are: there it goes a way of its own, which is looked at each time."""

from __future__ import annotations

import numpy as np

from .nodes import Node
from .recording import Recording

_ASKING = (np.equal, np.not_equal)
# What may be the same all around, so that equal numbers single out no point.
_FLAT = {
    *_ASKING, np.less, np.less_equal, np.greater, np.greater_equal, np.logical_and, np.logical_or, np.logical_not,
    np.maximum, np.minimum, np.fmax, np.fmin, np.floor, np.ceil, np.trunc, np.rint, np.sign, np.floor_divide,
    np.copysign, np.isnan, np.isfinite, np.isinf,
}  # fmt: skip
_SMOOTH = ("parameter", "move", "matmul")


def has_ties(recording: Recording) -> bool:
    """Whether numbers are equal that the program, with its values, compares by `==` or `!=`, and that move smoothly."""
    asking = [node for node in recording.order if node.kind == "ufunc" and node.how in _ASKING]
    known: dict[Node, bool] = {}
    return any(_is_tie(node, known) for node in asking)


def _is_tie(node: Node, known: dict[Node, bool]) -> bool:
    a, b = node.args
    return bool(np.any(np.equal(a.value, b.value))) and all(_is_smooth(v, known) for v in (a, b) if v.moves)


def _is_smooth(node: Node, known: dict[Node, bool]) -> bool:
    if node not in known:
        own = node.kind in _SMOOTH or (node.kind == "ufunc" and node.how not in _FLAT)
        own = own or (node.kind == "reduce" and node.how[0] is np.add)
        known[node] = own and all(_is_smooth(a, known) for a in node.args if a.moves)
    return known[node]

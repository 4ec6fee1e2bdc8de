"""The values of a program that is used again and again: they are written where those of the last time were.

Of new memory the pages take as long as the sums: a mixture of 30 normals and 1000 rows took twice the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .nodes import Array, Node
from .recording import Recording

LARGE = 4096
"""Numbers, from which on an array keeps its memory."""


def refill(recording: Recording, arrays: Mapping[str, Array]) -> None:
    """Give a program its values for parameters, which must stay as they are while it is used."""
    for name, node in recording.parameters.items():
        node.value = np.asarray(arrays[name], np.float64, order="C")
    with np.errstate(all="ignore"):
        for node in recording.order:
            if node.args:
                _compute(node, [a.value for a in node.args])


def _compute(node: Node, values: list[Any]) -> None:
    if node.value is None:
        node.value = node.compute(*values)
    elif node.kind == "reduce":
        function, axes, keepdims = node.how
        function.reduce(values[0], axis=axes, keepdims=keepdims, out=node.value)
    else:
        node.compute(*values, out=node.value)


def empty(recording: Recording, rooms: bool) -> None:
    """Forget the values; with `rooms` their memory stays for the next ones."""
    for node in (*recording.parameters.values(), *recording.order):
        if not (rooms and keeps_memory(node) and type(node.value) is np.ndarray and node.value.base is None):
            node.value = None


def keeps_memory(node: Node) -> bool:
    """Whether a value is large, and is written by a function that can be told where."""
    tells = node.kind in {"reduce", "matmul"} or (node.kind == "ufunc" and isinstance(node.how, np.ufunc))
    return tells and node.size >= LARGE

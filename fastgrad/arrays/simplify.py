"""Array programs with less to do: equal nodes are one, and what is picked is picked before it is computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .invariance import holding
from .nodes import Node, ordered, pick, ufunc, with_args
from .placements import placed
from .transposes import untransposed


def simplified(result: Node, parameters: Mapping[str, Node]) -> tuple[Node, Mapping[str, Node]]:
    """The same result from fewer nodes: softmax has one exp, of y[rows, labels] no others are computed."""
    result = untransposed(result)
    known: dict[Any, Node] = {}
    done: dict[Node, Node] = {node: node for node in parameters.values()}
    for node in ordered([result]):
        if node in done:
            continue
        args = tuple(done.get(a, a) for a in node.args)
        picks = _picks(node) and args[0].kind == "ufunc"
        new = _picked(node, args[0]) if picks else placed(with_args(node, args))
        done[node] = known.setdefault(_key(new), new)
    return holding(done[result]), parameters


def _key(node: Node) -> Any:
    """Equal for nodes of equal values."""
    how: Any = node.how
    if node.kind == "move":
        function, key = node.how
        how = key if key and key[0] != "pick" else id(function)
    elif node.kind not in {"reduce", "ufunc", "matmul"}:
        return id(node)
    return node.kind, how, node.shape, *[_constant(a) for a in node.args]


def _constant(node: Node) -> Any:
    if node.kind == "constant" and isinstance(node.value, (int, float)):
        return type(node.value), repr(node.value)
    return id(node)


def _picks(node: Node) -> bool:
    return node.kind == "move" and bool(node.how[1]) and node.how[1][0] == "pick"


def _picked(node: Node, x: Node) -> Node:
    """Elements of a function of single numbers: the function of elements."""
    _, (_, index) = node.how
    places = index.places
    return ufunc(x.how, *[_taken(a, places, len(x.shape)) for a in x.args])


def _taken(x: Node, places: tuple[Any, ...], ndim: int) -> Node:
    if not x.shape:
        return x
    own = places[ndim - len(x.shape) :]
    own = tuple(np.zeros_like(i) if n == 1 else i for i, n in zip(own, x.shape, strict=True))
    picked = pick(x, own)
    return _picked(picked, x) if x.kind == "ufunc" and x.moves else picked

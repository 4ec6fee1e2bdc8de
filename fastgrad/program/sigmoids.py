"""Logarithms of sigmoids: log(1 + exp(u)), log(1 / (1 + exp(u))), log(1 - 1 / (1 + exp(u))) and their relatives.

But for a sign they are softplus of u or of -u, so their changes are softplus's: those of the quotient, of what it is
taken off, and of the logarithm take ten times as many operations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .program import ONE, Operand

EXP, MORE, REST, PART, LESS_REST, LESS_PART = range(6)  # E = exp(u), 1 + E, 1 / (1 + E), E / (1 + E), minus these
_DEPTH = 6  # nodes on the way from a logarithm to its exponential
_OTHER = {REST: PART, PART: REST}  # taken off 1
_MINUS = {REST: LESS_REST, PART: LESS_PART}
_OF = {MORE: (1.0, 1.0), REST: (-1.0, 1.0), PART: (-1.0, -1.0)}  # their logarithms: a factor and a side
_OF_MORE = {EXP: MORE, LESS_REST: PART, LESS_PART: REST}  # what they are, added to 1
_SCALES = {"log": 1.0, "log1p": 1.0, "log2": 1.4426950408889634, "log10": 0.4342944819032518}

Nodes = Sequence[tuple[Any, ...]]
IsOne = Callable[[Operand], bool]


class _ExponentialTerm(NamedTuple):
    """What a node is of an exponential, and the nodes on the way there that have a 1."""

    kind: int
    exponential: int
    ones: tuple[int, ...] = ()


class SoftplusNode(NamedTuple):
    """A node that is `factor` times softplus of `side`, 1 or -1, times what an exponential is of."""

    factor: float
    side: float
    exponential: int
    ones: tuple[int, ...]


def logarithms(nodes: Nodes, is_one: IsOne = ONE.__eq__) -> dict[int, SoftplusNode]:
    """The logarithms of sigmoids by their numbers."""
    found = dict[int, SoftplusNode]()
    for j in [j for j, node in enumerate(nodes) if node[0] in _SCALES]:
        name, operand = nodes[j][:2]
        term = _term(nodes, operand, is_one, _DEPTH)
        kind = term and (_OF_MORE.get(term.kind) if name == "log1p" else term.kind)
        if term and kind in _OF:
            factor, side = _OF[kind]
            found[j] = SoftplusNode(factor * _SCALES[name], side, term.exponential, term.ones)
    return found


def with_ones(nodes: Nodes, constants: Sequence[float]) -> Nodes:
    """The nodes with literals for parameters that are the 1 of sigmoids in logarithms.

    Where others stand in the place of some they all stay: terms of sums that differ by their numbers alone are to stay
    alike.
    """
    found = logarithms(nodes, lambda o: o[0] == "c" or o == ONE)
    ones = {j for logarithm in found.values() for j in logarithm.ones}
    if any(o[0] == "c" and constants[int(o[1])] != 1.0 for j in ones for o in nodes[j][1:]):
        return nodes
    literal = {j: (nodes[j][0], *[ONE if o[0] == "c" else o for o in nodes[j][1:]]) for j in ones}
    return [literal.get(j, node) for j, node in enumerate(nodes)] if literal else nodes


def _term(nodes: Nodes, operand: Operand, is_one: IsOne, depth: int) -> _ExponentialTerm | None:
    if operand[0] != "v" or not depth:
        return None
    j = int(operand[1])
    name, *operands = nodes[j]
    if name == "exp":
        return _ExponentialTerm(EXP, j)
    if name not in _MADE:
        return None
    a, b = operands[0], operands[-1]
    if name in {"+", "*"} and is_one(b):
        a, b = b, a
    one = is_one(a)
    other = _term(nodes, b, is_one, depth - 1)
    if other is None:
        return None
    first = None if one or name == "neg" else _term(nodes, a, is_one, depth - 1)
    kind = _MADE[name](one, first, other)
    ones = (*(first.ones if first else ()), *other.ones, *((j,) if one else ()))
    return None if kind is None else _ExponentialTerm(kind, other.exponential, ones)


def _added(one: bool, first: _ExponentialTerm | None, other: _ExponentialTerm) -> int | None:
    return _OF_MORE.get(other.kind) if one else None


def _divided(one: bool, first: _ExponentialTerm | None, other: _ExponentialTerm) -> int | None:
    if other.kind != MORE:
        return None
    return REST if one else PART if first == _ExponentialTerm(EXP, other.exponential) else None


def _multiplied(one: bool, first: _ExponentialTerm | None, other: _ExponentialTerm) -> int | None:
    kinds = {term.kind for term in (first, other) if term}
    same = first is not None and first.exponential == other.exponential
    return PART if same and kinds == {EXP, REST} else None


_MADE: dict[str, Callable[[bool, _ExponentialTerm | None, _ExponentialTerm], int | None]] = {
    "+": _added,
    "-": lambda one, first, other: _OTHER.get(other.kind) if one else None,
    "/": _divided,
    "*": _multiplied,
    "neg": lambda one, first, other: _MINUS.get(other.kind),
}
"""The kind of what an operation makes of the term of its last operand, and of a 1 or another term before that."""

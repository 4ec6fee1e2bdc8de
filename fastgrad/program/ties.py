"""Numbers that a program asks to be equal, and that are so at single points only: there f goes a way of its own.

Of ``np.where(x == 0, 1.0, np.sin(x) / x)`` the derivative at 0 is that of 1.0, which nothing beside 0 is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import IntEnum
from functools import reduce
from operator import or_

from .dependence import live
from .operands import RESULTS
from .program import BOOLEAN, Operand, Program

# What may be the same at all points around one: of max(x, 0) == 0 half of all points are no points of their own.
_FLAT = BOOLEAN | {
    "max", "min", "fmax", "fmin", "floor", "ceil", "trunc", "rint", "sign", "select", "tofloat", "floordiv", "copysign",
    "power", "within",
}  # fmt: skip


class _Moves(IntEnum):
    NEVER, EVERYWHERE, PERHAPS = range(3)


def ties(program: Program) -> list[tuple[Operand, Operand]]:
    """Pairs of operands that `==` or `!=` compare, or `<` as well as `>`, of which one moves with x everywhere."""
    if program.tables or not any(node[0] in ("eq", "ne", "lt", "gt") for node in program.nodes):
        return []
    moves, found, below = _moves(program), dict[tuple[Operand, Operand], None](), set[tuple[Operand, Operand]]()
    for j in live(program):
        name, *operands = program.nodes[j]
        if name not in ("eq", "ne", "lt", "gt"):
            continue
        a, b = operands if name != "gt" else operands[::-1]
        kinds = {moves(a), moves(b)}
        if a == b or _Moves.PERHAPS in kinds or _Moves.EVERYWHERE not in kinds:
            continue
        if name in ("lt", "gt"):
            below.add((a, b))
        if name in ("eq", "ne") or (b, a) in below:
            found[a, b] = None
    return list(found)


def _moves(program: Program) -> Callable[[Operand], _Moves]:
    """Whether operands change with x."""
    of = list[_Moves]()

    def moves(operand: Operand) -> _Moves:
        tag, k = operand
        return of[int(k)] if tag == "v" else _Moves.EVERYWHERE if tag == "x" else _Moves.NEVER

    for name, *operands in program.nodes:
        kind = max(map(moves, operands), default=_Moves.NEVER)
        of.append(_Moves.PERHAPS if kind and name in _FLAT else kind)
    return moves


def coordinates(program: Program, pairs: list[tuple[Operand, Operand]]) -> list[list[int]]:
    """Those on which either of two operands depends."""
    of = list[int]()  # as bits

    def bits(operand: Operand) -> int:
        tag, k = operand
        return of[int(k)] if tag == "v" else 1 << int(k) if tag == "x" else 0

    for _, *operands in program.nodes:
        of.append(reduce(or_, map(bits, operands), 0))
    both = [bits(a) | bits(b) for a, b in pairs]
    return [[i for i in range(program.inputs) if found >> i & 1] for found in both]


def deciding(program: Program) -> Program:
    """A program of 1.0 and 0.0: what its choices are made by, and behind that which of its `ties` are true."""
    nodes = list(program.nodes)
    masks = list(dict.fromkeys(node[1] for node in nodes if node[0] == "select" and node[1][0] == "v"))
    for a, b in ties(program):
        masks.append(RESULTS[len(nodes)])
        nodes.append(("eq", a, b))
    outputs = [RESULTS[len(nodes) + k] for k in range(len(masks))]
    nodes += [("tofloat", mask) for mask in masks]
    return replace(program, nodes=tuple(nodes), outputs=tuple(outputs), shape=(len(outputs),), branches=0)

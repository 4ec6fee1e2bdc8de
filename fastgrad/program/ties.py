"""Numbers that are equal at single points, where comparisons of them hold that hold nowhere beside: a way of f's own.

Of ``np.where(x == 0, 1.0, np.sin(x) / x)`` the derivative at 0 is that of 1.0, which nothing beside 0 is. So it is of
``x > 0`` together with ``x < 0``, and of ``r > 0`` alone where r is a length. And of ``np.isnan(y)``, which is true
where y, as 0 / 0, is no number at a single point: a pair of y and NaN, "equal" where y is NaN.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from enum import IntEnum
from functools import reduce
from math import inf, nan
from operator import or_
from typing import Any

from .dependence import live
from .entries import ENTRY
from .operands import RESULTS
from .program import BOOLEAN, ZERO, Operand, Program

Pair = tuple[Operand, Operand]
# What is true where the first number is smaller, equal, larger.
_TRUE = {
    "lt": (True, False, False), "le": (True, True, False), "gt": (False, False, True), "ge": (False, True, True),
    "eq": (False, True, False), "ne": (True, False, True),
}  # fmt: skip
_ROUNDED = frozenset({"floor", "ceil", "trunc", "rint", "sign", "floordiv"})
# What may be the same at all points around one: of max(x, 0) == 0 half of all points are no points of their own.
_FLAT = BOOLEAN | {"max", "min", "fmax", "fmin", "select", "tofloat", "copysign", "power", "within", ENTRY}
_AT_ZERO = {"sign": 0, "copysign": 1}  # whose operand decides where it is 0
NAN: Operand = ("k", nan)
_INFINITE: tuple[Operand, ...] = (("k", inf), ("k", -inf))
_UNDEFINED = {"isnan": (NAN,), "isinf": _INFINITE, "isfinite": (NAN, *_INFINITE)}  # what the operand is where f asks so
_DEAF = frozenset({"fmax", "fmin"})  # which leave out what is no number
_ASKING = {*_TRUE, *_AT_ZERO, *_UNDEFINED, *_DEAF}


class _Moves(IntEnum):
    NEVER, EVERYWHERE, ROUNDED, PERHAPS = range(4)


def asks_over_rows(program: Program) -> bool:
    """Whether a program with loops over data compares numbers in a way that may single out points."""
    names = {node[0] for node in program.nodes} if program.tables else set()
    return not names.isdisjoint({"eq", "ne", "sign"}) or {"lt", "gt"} <= names or {"le", "ge"} <= names


def ties(program: Program) -> list[Pair]:
    """Pairs of operands that single out the points where they are equal."""
    if program.tables or not any(node[0] in _ASKING for node in program.nodes):
        return []
    moves, asked, found = _moves(program), defaultdict[Pair, list[tuple[bool, ...]]](list), dict[Pair, None]()
    found.update(dict.fromkeys(_undefined(program, moves)))
    for j in live(program):
        name, *operands = program.nodes[j]
        if name in _TRUE:
            a, b = operands
            pair, true = ((a, b), _TRUE[name]) if a <= b else ((b, a), _TRUE[name][::-1])
            asked[pair].append(true)
        elif name in _AT_ZERO and moves(operands[_AT_ZERO[name]]) == _Moves.EVERYWHERE:
            found[operands[_AT_ZERO[name]], ZERO] = None
    lengths = _lengths(program)
    for (a, b), patterns in asked.items():
        below, at, above = ([pattern[k] for pattern in patterns] for k in range(3))
        beside = [below, above]
        if lengths(a) and _is_zero(program, b):
            beside = [above]
        elif lengths(b) and _is_zero(program, a):
            beside = [below]
        if a != b and at not in beside and _is_thin(moves(a), moves(b)):
            found[a, b] = None
    return list(found)


def _undefined(program: Program, moves: Callable[[Operand], _Moves]) -> list[Pair]:
    """Of what f asks whether it is a number, that and what it is then, but where that comes out of f itself."""
    reading, found = set[int](), list[Pair]()
    for j in live(program):
        name, *operands = program.nodes[j]
        read = {int(k) for tag, k in operands if tag == "v"}
        if name == "select" and operands[0][0] == "v" and _passes_on(program.nodes[operands[0][1]], operands[1]):
            read.discard(int(operands[0][1]))
        reading |= read
        if name in _DEAF:
            found += [(o, NAN) for o in operands if o[0] == "v" and moves(o)]
    for j in sorted(reading):
        name, *operands = program.nodes[j]
        asks = name in _UNDEFINED or (name in ("eq", "ne") and operands[0] == operands[1])
        if asks and operands[0][0] == "v" and moves(operands[0]):
            found += [(operands[0], value) for value in _UNDEFINED.get(name, (NAN,))]
    return found


def _passes_on(mask: tuple[Any, ...], chosen: Operand) -> bool:
    """Whether what is chosen where something is NaN is NaN too."""
    return mask[0] == "isnan" and (chosen == mask[1] or (chosen[0] == "k" and chosen[1] != chosen[1]))


def _is_thin(a: _Moves, b: _Moves) -> bool:
    """Whether two numbers that are equal at a point may be expected not to be so around it."""
    return max(a, b) < _Moves.PERHAPS and _Moves.EVERYWHERE in (a, b)


def _moves(program: Program) -> Callable[[Operand], _Moves]:
    """Whether operands change with x."""
    of = list[_Moves]()

    def moves(operand: Operand) -> _Moves:
        tag, k = operand
        return of[int(k)] if tag == "v" else _Moves.EVERYWHERE if tag == "x" else _Moves.NEVER

    for name, *operands in program.nodes:
        kinds = [*map(moves, operands)]
        kind = max(kinds, default=_Moves.NEVER)
        if kind and name in _ROUNDED:
            kind = max(kind, _Moves.ROUNDED)
        elif kind and name in _FLAT:
            kind = _Moves.PERHAPS
        elif kind == _Moves.ROUNDED and _Moves.EVERYWHERE in kinds:
            kind = _Moves.EVERYWHERE
        of.append(kind)
    return moves


def _lengths(program: Program) -> Callable[[Operand], bool]:
    """Whether operands are never negative, as sums of squares are."""
    of = list[bool]()

    def is_length(operand: Operand) -> bool:
        tag, k = operand
        if tag == "v":
            return of[int(k)]
        return tag in "kc" and (k if tag == "k" else program.constants[int(k)]) >= 0.0

    for name, *operands in program.nodes:
        squared = name == "*" and operands[0] == operands[1]
        of.append(squared or name in ("abs", "sqrt", "hypot") or (name in "+*/" and all(map(is_length, operands))))
    return is_length


def _is_zero(program: Program, operand: Operand) -> bool:
    tag, k = operand
    return tag in "kc" and (k if tag == "k" else program.constants[int(k)]) == 0.0


def question(a: Operand, b: Operand) -> tuple[Any, ...]:
    """The node that is true where a pair is equal."""
    return ("isnan", a) if b is NAN else ("eq", a, b)


def coordinates(program: Program, pairs: list[Pair]) -> list[list[int]]:
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
        nodes.append(question(a, b))
    outputs = [RESULTS[len(nodes) + k] for k in range(len(masks))]
    nodes += [("tofloat", mask) for mask in masks]
    return replace(program, nodes=tuple(nodes), outputs=tuple(outputs), shape=(len(outputs),), branches=0)

"""Functions that only one side of a branch uses get 1 where the other side is taken.

A logarithm of a negative number that nobody reads is not slow in Python, which does not compute it. On vectors both
sides are computed, and what is outside the fast range of a function goes to the C library number by number: four times
the time of a piecewise function whose logarithm half of the points do not take.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .program import ONE, Operand, Program

_Side = tuple[Operand, bool]
_SLOW = frozenset({
    "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "exp", "exp2",
    "expm1", "log", "log2", "log10", "log1p", "pow", "cbrt", "hypot", "atan2", "mod", "fmod", "erfc", "lgamma",
    "softplus", "logit", "xlogy", "xlog1py", "entr", "rel_entr",
})  # fmt: skip


def sheltered(program: Program) -> Program:
    """A program whose slow functions compute what is wanted only."""
    if not any(name in _SLOW for name, *_ in program.nodes):
        return program
    sides, nodes = _sides(program), list[tuple[Any, ...]]()
    number: dict[Operand, Operand] = {}
    made: dict[tuple[_Side, Operand], Operand] = {}

    def put(*node: Any) -> Operand:
        nodes.append(node)
        return ("v", len(nodes) - 1)

    for j, (name, *operands) in enumerate(program.nodes):
        moved = [number.get(o, o) for o in operands]
        side = sides[j]
        if side and name in _SLOW and side[0] in number:
            for place, (operand, old) in enumerate(zip(moved, operands, strict=True)):
                if old[0] in "vxb":
                    if (side, old) not in made:
                        both = (operand, ONE) if side[1] else (ONE, operand)
                        made[side, old] = put("select", number[side[0]], *both)
                    moved[place] = made[side, old]
        number["v", j] = put(name, *moved)
    return replace(program, nodes=tuple(nodes), outputs=tuple(number.get(o, o) for o in program.outputs))


def _sides(program: Program) -> list[_Side | None]:
    """The mask, and which of its sides, that alone uses a node; None of what is used anyhow."""
    users: list[list[tuple[int, _Side | None]]] = [[] for _ in program.nodes]
    for j, (name, *operands) in enumerate(program.nodes):
        for place, o in enumerate(operands):
            if o[0] == "v":
                side = (operands[0], place == 1) if name == "select" and place else None
                users[int(o[1])].append((j, side))
    found: list[_Side | None] = [None] * len(program.nodes)
    outputs = set(program.outputs)
    for j in range(len(program.nodes) - 1, -1, -1):
        if users[j] and ("v", j) not in outputs:
            sides = {side or found[k] for k, side in users[j]}
            found[j] = sides.pop() if len(sides) == 1 else None
    return found

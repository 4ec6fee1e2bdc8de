"""Where a program may be not finite at x alone, and what has to be looked at there instead of at a displaced point."""

from __future__ import annotations

import math

from .program import SUMS, Program
from .specials import GAMMAS

POLES = frozenset({"log", "log2", "log10", "log1p", "pow", "eq", "ne", *GAMMAS})
DIVISIONS = frozenset({"/", "floordiv", "mod", "fmod"})
"""Both may be not finite at x alone, as log(x * x) at 0; divisions if the divisor moves."""
_LINEAR = SUMS | {"sum"}


def with_poles(program: Program, moving: set[int]) -> set[int]:
    """Nodes that move and may be not finite at x alone."""
    found: set[int] = set()
    for j in sorted(moving):
        name, *operands = program.nodes[j]
        tag, k = operands[-1]
        divides = name in DIVISIONS and (tag == "x" or (tag == "v" and int(k) in moving))
        is_pole = divides or name in POLES or asks(program, j)
        if is_pole or any(tag == "v" and int(k) in found for tag, k in operands):
            found.add(j)
    return found


def asks(program: Program, j: int) -> bool:
    """Whether a node is NaN where a condition holds, so that f itself is asked there; that may be at x alone."""
    name, *operands = program.nodes[j]
    if name != "select":
        return False
    tag, k = operands[1]
    return tag in "kc" and math.isnan(k if tag == "k" else program.constants[int(k)])


def before_poles(program: Program, poles: set[int]) -> set[int]:
    """Nodes that have to be looked at at x itself, because a pole may be where they are 0; exp is not."""
    found: set[int] = set()
    for j in range(len(program.nodes) - 1, -1, -1):
        name, *operands = program.nodes[j]
        if (j in poles and (name in POLES | DIVISIONS or asks(program, j))) or (
            j in found and name not in {"exp", "exp2", "cosh"}
        ):
            found.update(int(k) for tag, k in operands if tag == "v")
    return found


def read_by_value(program: Program) -> set[int]:
    """Nodes of which more is made than sums and multiples: what stands for them has to be near their value.

    Of log(cos(x)) it will not do to look at x instead of cos(x).
    """
    found = set[int]()
    for j in range(len(program.nodes) - 1, -1, -1):
        name, *operands = program.nodes[j]
        linear = name in _LINEAR or (name == "*" and any(o[0] in "kcd" for o in operands))
        if not linear or j in found:
            found.update(int(k) for tag, k in operands if tag == "v")
    return found

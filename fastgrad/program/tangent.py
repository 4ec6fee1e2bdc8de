"""Forward mode: the derivatives of all outputs of a program along one direction."""

from __future__ import annotations

from collections.abc import Iterable

from .partials import Partials
from .program import BOOLEAN, ZERO, Code, Operand, Program


def tangent(
    code: Code,
    program: Program,
    seed: dict[Operand, Operand],
    nodes: Iterable[int],
    partials: Partials,
    outputs: Iterable[Operand] | None = None,
) -> list[Operand]:
    """The derivatives of the outputs, or of some; `seed` has the components of what moves, `nodes` move with it."""
    dots = dict(seed)
    for j in nodes:
        name, *operands = program.nodes[j]
        if name in BOOLEAN or j in partials.inner:
            continue
        if name == "select":
            a, b = (dots.get(o, ZERO) for o in operands[1:])
            total = code.select(code.own(operands[0]), a, b)
        else:
            total = ZERO
            for operand, partial in partials.of(j):
                if operand in dots:
                    total = code.add(total, partials.times(j, dots[operand], partial, forward=True))
        if total != ZERO:
            dots["v", j] = total
    return [dots.get(o, ZERO) for o in (program.outputs if outputs is None else outputs)]

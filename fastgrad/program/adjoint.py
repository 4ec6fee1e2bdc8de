"""Reverse mode: the derivatives of one output of a program by all coordinates, in 2 to 3 operations for each of f's."""

from __future__ import annotations

from collections.abc import Iterator

from .partials import Partials
from .program import BOOLEAN, ONE, ZERO, Code, Operand, Program


def adjoint(code: Code, program: Program, output: Operand, partials: Partials) -> list[Operand]:
    """The derivatives of an output by all coordinates.

    Of a `where` only the branch that is taken counts: what comes back from the other is masked before it is multiplied,
    so that it never makes a NaN.
    """
    bars: dict[Operand, Operand] = {output: ONE}

    def give(operand: Operand, more: Operand) -> None:
        if operand[0] in "vx" and more != ZERO:
            bars[operand] = code.add(bars[operand], more) if operand in bars else more

    for j in _before(program, output):
        bar = bars.pop(("v", j), None)
        name = program.nodes[j][0]
        if bar is None or bar == ZERO or name in BOOLEAN:
            continue
        if name == "select":
            _, mask, a, b = program.nodes[j]
            give(a, code.select(code.own(mask), bar, ZERO))
            give(b, code.select(code.own(mask), ZERO, bar))
        else:
            for operand, partial in partials.of(j):
                if operand[0] in "vx":
                    give(operand, bar if partial == ONE else partials.times(j, bar, partial))
    return [bars.get(("x", i), ZERO) for i in range(program.inputs)]


def _before(program: Program, output: Operand) -> Iterator[int]:
    """The nodes that an output depends on, itself first."""
    nodes, needed = program.nodes, {int(output[1])} if output[0] == "v" else set[int]()
    for j in range(max(needed, default=-1), -1, -1):
        if j in needed:
            needed.update([int(k) for tag, k in nodes[j][1:] if tag == "v"])
            yield j

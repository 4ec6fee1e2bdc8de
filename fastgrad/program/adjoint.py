"""Reverse mode: the derivatives of one output of a program by all coordinates, in 2 to 3 operations for each of f's."""

from __future__ import annotations

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
            bars[operand] = code.add(bars.get(operand, ZERO), more)

    for j in _before(program, output):
        bar = bars.pop(("v", j), ZERO)
        name, *operands = program.nodes[j]
        if bar == ZERO or name in BOOLEAN:
            continue
        if name == "select":
            mask, a, b = operands
            give(a, code.select(code.own(mask), bar, ZERO))
            give(b, code.select(code.own(mask), ZERO, bar))
        else:
            for operand, partial in partials.of(j):
                if operand[0] in "vx":
                    give(operand, partials.product(bar, partial))
    return [bars.get(("x", i), ZERO) for i in range(program.inputs)]


def _before(program: Program, output: Operand) -> list[int]:
    """The nodes that an output depends on, itself first."""
    seen, stack = set[int](), [int(output[1])] if output[0] == "v" else []
    while stack:
        j = stack.pop()
        if j not in seen:
            seen.add(j)
            stack += [int(k) for tag, k in program.nodes[j][1:] if tag == "v"]
    return sorted(seen, reverse=True)

"""Third derivatives of a program along its coordinates: what the truncation of a central difference depends on."""

from __future__ import annotations

from .code import Code
from .differences import dependents
from .partials import Partials
from .program import ONE, ZERO, Program
from .tangent import tangent


def third_along(program: Program, i: int, most: int) -> Program | None:
    """f, its first and its third derivative by coordinate i: three tangents, one of the other.

    None where they take more than so many operations.
    """
    found = [program.outputs[0]]
    for _ in range(3):
        code = Code(program)
        nodes, last = dependents(program)[i], program.outputs[-1:]
        slopes = tangent(code, program, {("x", i): ONE}, nodes, Partials(code, program), last)
        if len(code.nodes) > most:
            return None
        found = [*map(code.own, program.outputs), *(slopes or [ZERO])]
        program = code.finish(found, (len(found),))
    f, first, _, third = program.outputs
    return Code(program).finish((f, first, third), (3,))

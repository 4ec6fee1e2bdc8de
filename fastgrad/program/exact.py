"""A table written out as a program of exact derivatives: reverse or forward mode; of second ones forward over reverse.

f's own nodes are as they are, so that its value beside the derivatives has the same bits as alone.
"""

from __future__ import annotations

from dataclasses import replace

from ..formulas.stencils import Table
from .adjoint import adjoint
from .code import Code
from .differences import Written, dependents, without_zeros
from .invariance import held
from .partials import Partials
from .program import ONE, ZERO, Operand, Program
from .saturation import FORWARD, SIGNS, signs_of
from .tangent import tangent


def exact(
    program: Program, table: Table, *, value: bool = False, watch: bool | str = False, careful: str = "",
    ordered: bool = True,
) -> Written:  # fmt: skip
    """Write a table out.

    Its rows are f's, then v and t if the table has a direction v; its constants f's. `watch` is for f's outputs, True,
    or for signs that f is not finite where its derivatives are, SIGNS, which takes fewer operations.
    `careful` is "reverse" or "forward", where first derivatives may have either mode: 0 times infinity is 0 then where
    that mode knows it. `ordered` is for machine code: NumPy takes the nodes in an order of its own.
    """
    along_v = program.inputs in table.units
    if table.stencil.derivative == 1:
        code = Code(program)
        results = _first(code, program, table, along_v, careful)
        own = [code.own(o) for o in program.outputs]
    elif table.along_axes and program.inputs == 1:
        code, results, own = _again_and_again(program, table.stencil.derivative, careful)
    else:
        code, results, own = _second(program, table, along_v, careful)
    kept, places = without_zeros([code.result(o) for o in results])
    watched = code.over_rows(_signs(code, len(program.outputs))) if watch == SIGNS else own if watch else []
    values = own[:1] if value else []
    rows = program.rows + (program.inputs + 1 if along_v else 0)
    shape = (*program.shape, len(table.scale))
    outputs, changes = (*kept, *values, *watched), {"rows": rows, "raises": False}
    made = code.finish(outputs, shape, len(kept), **changes) if ordered else code.unordered(outputs, shape, **changes)
    return Written(made, 0, len(kept), len(values), len(watched), 0, places, checked=bool(watch))


def _signs(code: Code, count: int) -> list[Operand]:
    """Of f itself, which is the last outputs of the program that was differentiated."""
    return signs_of(code, replace(code.program, outputs=code.program.outputs[-count:]))


def _first(code: Code, program: Program, table: Table, along_v: bool, careful: str) -> list[Operand]:
    """Output by output of f, the derivatives along the directions of a table."""
    partials, forward = Partials(code, program, careful=bool(careful)), careful == FORWARD
    if table.along_axes and len(program.outputs) == 1 and not forward:
        return adjoint(code, program, program.outputs[0], partials)
    moves_with = dependents(program, held(program))
    if along_v:
        return tangent(code, program, _along_v(program), moves_with[-1], partials)
    if table.along_axes and not forward and _reverse_is_shorter(program, moves_with):
        return [bar for output in program.outputs for bar in adjoint(code, program, output, partials)]
    columns = []
    for units in table.directions:
        nodes = sorted({j for unit, _ in units for j in moves_with[unit]})
        seed: dict[Operand, Operand] = {("x", unit): ("k", float(sign)) for unit, sign in units}
        columns.append(tangent(code, program, seed, nodes, partials))
    return [column[k] for k in range(len(program.outputs)) for column in columns]


def _along_v(program: Program) -> dict[Operand, Operand]:
    return {("x", i): ("b", program.rows + i) for i in range(program.inputs)}


def _reverse_is_shorter(program: Program, moves_with: list[list[int]]) -> bool:
    """By the nodes that each output depends on, and those that move with each coordinate."""
    forward = sum(map(len, moves_with[:-1]))
    below: list[frozenset[int]] = []
    total = 0
    for j, (_, *operands) in enumerate(program.nodes):
        inner = [below[int(k)] for tag, k in operands if tag == "v"]
        below.append(frozenset((j,)).union(*inner))
        total += len(below[j])
        if total > 50 * (forward + len(program.nodes)):  # sets of a long chain, of which forward mode is the shorter
            return False
    reverse = sum(len(below[int(k)]) for tag, k in program.outputs if tag == "v")
    return 2 * reverse < forward


def _gradient(program: Program, careful: str) -> Program:
    """The derivatives by all coordinates, then f's own output."""
    code = Code(program)
    found = adjoint(code, program, program.outputs[0], Partials(code, program, careful=bool(careful)))
    return code.finish((*found, code.own(program.outputs[0])), (program.inputs + 1,))


def _second(program: Program, table: Table, along_v: bool, careful: str) -> tuple[Code, list[Operand], list[Operand]]:
    """Entries of the Hessian, those above the diagonal; or its product with v."""
    slopes, d = _gradient(program, careful), program.inputs
    code = Code(slopes)
    partials, moves_with = Partials(code, slopes, careful=bool(careful)), dependents(slopes, held(slopes))
    own = [code.own(slopes.outputs[-1])]
    if along_v:
        return code, tangent(code, slopes, _along_v(slopes), moves_with[-1], partials)[:d], own
    wanted: dict[int, list[int]] = {}
    for i, j in table.divisors.tolist():
        wanted.setdefault(i, []).append(j)
    entries: dict[tuple[int, int], Operand] = {}
    for i, js in wanted.items():
        some = [slopes.outputs[j] for j in js]
        row = tangent(code, slopes, {("x", i): ONE}, moves_with[i], partials, some)
        entries.update(zip(((i, j) for j in js), row, strict=True))
    return code, [entries[i, j] for i, j in table.divisors.tolist()], own


def _again_and_again(program: Program, n: int, careful: str) -> tuple[Code, list[Operand], list[Operand]]:
    """The n-th derivative of a function of one variable."""
    for _ in range(n - 1):
        code = Code(program)
        partials = Partials(code, program, careful=bool(careful))
        slope = tangent(code, program, {("x", 0): ONE}, dependents(program)[0], partials)[0]
        program = code.finish((slope, code.own(program.outputs[-1])), (2,))
    code = Code(program)
    nodes, partials = dependents(program)[0], Partials(code, program, careful=bool(careful))
    found = tangent(code, program, {("x", 0): ONE}, nodes, partials)[:1]
    return code, found or [ZERO], [code.own(program.outputs[-1])]

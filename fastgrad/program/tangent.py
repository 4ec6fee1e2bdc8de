"""Forward mode: the derivatives of all outputs of a program along one direction."""

from __future__ import annotations

from collections.abc import Iterable

from .code import Code
from .partials import Partials
from .program import BOOLEAN, ONE, ZERO, Operand, Program


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
            total = _of_choice(code, j, operands, dots, partials)
        elif name == "sum":
            total = code.sum(operands[0], dots.get(operands[1], ZERO))
        elif name == "inverse":
            total = _of_inverse(code, j, dots.get(operands[0], ZERO), partials)
        elif name == "/":
            total = _of_quotient(code, j, dots.get(operands[0], ZERO), dots.get(operands[1], ZERO), partials)
        else:
            total = ZERO
            for operand, partial in partials.of(j):
                if operand in dots:
                    total = code.add(total, partials.times(j, dots[operand], partial, forward=True))
        if total != ZERO:
            dots["v", j] = total
    return [dots.get(o, ZERO) for o in (program.outputs if outputs is None else outputs)]


def _of_choice(
    code: Code, j: int, operands: list[Operand], dots: dict[Operand, Operand], partials: Partials
) -> Operand:  # fmt: skip
    if j in partials.firsts:
        return dots.get(partials.firsts[j], ZERO)
    return code.select(code.own(operands[0]), *[dots.get(o, ZERO) for o in operands[1:]])


def _of_inverse(code: Code, j: int, da: Operand, partials: Partials) -> Operand:
    """-y * da * y, as y * y may be 0 or infinite where that is not."""
    y = code.of[j]
    return code.neg(partials.times(j, partials.product(da, y), y, forward=True)) if da != ZERO else ZERO


def _of_quotient(code: Code, j: int, da: Operand, db: Operand, partials: Partials) -> Operand:
    """(da - db * y) / b: the partial derivative by b, -y / b, is 0 for a large b where its product with db is not.

    Where b alone moves db / b comes first, which all that is divided by b has in common.
    """
    (_, inverse), (_, by_b) = partials.of(j)
    if db == ONE:
        return code.add(partials.times(j, da, inverse, forward=True), partials.times(j, db, by_b, forward=True))
    if da == ZERO:
        return code.neg(partials.times(j, partials.product(db, inverse), code.of[j], forward=True))
    return partials.times(j, code.sub(da, partials.product(db, code.of[j])), inverse, forward=True)

"""How far rounding may take a program's outputs: what each operation rounds, times what that does to the outputs."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..results import EPS
from .code import Code
from .entries import ENTRY
from .program import BOOLEAN, ZERO, Operand, Program
from .schedule import schedule

Array = NDArray[np.float64]

_UNIT: Operand = ("k", EPS)


def roundings(program: Program) -> Program:
    """A bound for each output, to first order: half a unit of each operation, as it is passed on by those behind it.

    1 - tanh(x) is 1e-14 at 16, and its rounding that of 1. Of loops over data nothing is known.
    """
    from .partials import Partials  # noqa: PLC0415  of what is exact alone

    code = Code(program)
    partials, off = Partials(code, program), dict[Operand, Operand]()
    for j, (name, *operands) in enumerate(program.nodes):
        if name in BOOLEAN or name == ENTRY:
            continue
        if name == "select":
            total = code.select(code.own(operands[0]), *[off.get(o, ZERO) for o in operands[1:]])
        else:
            total = code.mul(_UNIT, code.apply("abs", code.of[j]))
            for operand, partial in [] if j in partials.inner else partials.of(j):
                if operand in off:
                    total = code.add(total, code.mul(code.apply("abs", partial), off[operand]))
        off["v", j] = total
    return code.unordered([off.get(o, ZERO) for o in program.outputs], program.shape)


def rounded_by(program: Program) -> Callable[[Array], Array]:
    """What gives that bound at a point with its rows of batch arguments; made where it is asked for."""

    @cache
    def steps() -> Any:
        return schedule(roundings(program))

    def rounded(point: Array) -> Array:
        with np.errstate(all="ignore"):
            bound: Array = np.zeros(1) if program.tables else steps().values(point[:, None])[:, 0]
        return np.where(np.isfinite(bound), bound, 0.0)

    return rounded

"""Products of 0 and infinity, in derivatives of an f that is finite, which are known to be 0.

Two kinds. An operation has overflowed, or its partial derivative has, and what follows has levelled off: of
1 / (1 + exp(-x)) at -800 the exponential is infinite, and f, which is 0, hears nothing of it any more. In reverse mode
the derivative that comes back is 0 then. And u does not change where its square root, say, ends: of sqrt(x * x) at 0
both sides mirror each other. That shows in forward mode. Everywhere else such a product stays NaN: exp(log(x)) at 0 is
0 times infinity too, and its slope is 1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .program import ZERO, Code, Operand, Program

Array = NDArray[np.float64]

REVERSE, FORWARD = "reverse", "forward"
_OVERFLOWING = frozenset({"exp", "exp2", "expm1", "sinh", "cosh", "*", "hypot", "/", "pow", "inverse"})
_POLES = {"/": 1, "pow": 0, "inverse": 0}  # the operand that is 0 at a pole, where nothing has overflowed
_ENDING = frozenset({"sqrt", "asin", "acos", "acosh", "pow"})  # not defined beyond a place where they are vertical


def overflowed(program: Program, x: Array, values: Array) -> NDArray[np.bool_]:
    """The points (P,) at which a node other than an output has overflowed.

    `x` are the coordinates with their batch arguments, in columns, `values` those of all nodes.
    """
    spaces, found = {"x": x, "b": x[program.inputs :], "v": values}, np.zeros(x.shape[1], dtype=bool)
    for j, (name, *operands) in enumerate(program.nodes):
        if name in _OVERFLOWING | {"+", "-"} and ("v", j) not in program.outputs:
            here = np.isinf(values[j])
            for place, (tag, number) in enumerate(operands):
                if tag in spaces:
                    row = spaces[tag][int(number)]
                    here &= np.isfinite(row) & ((row != 0.0) | (place != _POLES.get(name)))
            found |= here
    return found


def product(
    code: Code, program: Program, j: int, a: Operand, partial: Operand, mode: str,
    multiply: Callable[[Operand, Operand], Operand],
) -> Operand:  # fmt: skip
    """A derivative, in forward mode that of the operand, times a partial derivative of node j."""
    whole = multiply(a, partial)
    name, *operands = program.nodes[j]
    if name in _OVERFLOWING and (mode == FORWARD or a[0] == "v"):
        mask = code.apply("isinf", code.of[j]) if mode == FORWARD else code.apply("eq", a, ZERO)
        if name in _POLES:
            mask = code.apply("and", mask, code.apply("ne", code.own(operands[_POLES[name]]), ZERO))
        whole = code.select(mask, ZERO, whole)
    if name in _ENDING and mode == FORWARD and a[0] == "v":
        mask = code.apply("and", code.apply("eq", a, ZERO), code.apply("isfinite", code.of[j]))
        whole = code.select(mask, ZERO, whole)
    return whole

"""Reverse mode: the derivatives of one output of a program by all coordinates, in 2 to 3 operations for each of f's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import chain
from typing import Any

from ..formulas.properties import cached_property
from .invariance import held
from .partials import Partials
from .program import BOOLEAN, ONE, ZERO, Code, Operand, Program

# What may be so large that the square of its reciprocal is 0: of 1 / exp(x) at 400 the derivative by exp(x) is 1e-348.
_STEEP = frozenset({"exp", "exp2", "expm1", "sinh", "cosh"})
_PASSING = frozenset({"+", "-", "neg"})


def adjoint(code: Code, program: Program, output: Operand, partials: Partials) -> list[Operand]:
    """The derivatives of an output by all coordinates.

    Of a `where` only the branch that is taken counts: what comes back from the other is masked before it is multiplied,
    so that it never makes a NaN.
    """
    bars = _Bars(program, output, partials)
    _sweep(bars, program, range(int(output[1]), -1, -1) if output[0] == "v" else ())
    return [bars.taken(("x", i)) for i in range(program.inputs)]


def _sweep(bars: _Bars, program: Program, nodes: Iterable[int]) -> None:
    """Hand on what has come back to the nodes, the last one first; nothing has to those that are not needed."""
    partials, code = bars.partials, bars.code
    for j in nodes:
        name, *operands = program.nodes[j]
        if bars.are_factors(j) and (name in _STEEP or (name in _PASSING and sum(o[0] in "vx" for o in operands) == 1)):
            _pass(bars, j, name in _STEEP)
            continue
        bar = bars.take(j)
        if bar is None or bar == ZERO or name in BOOLEAN:
            continue
        if name in "+-":  # most of all nodes
            bars.give(operands[0], bar)
            bars.give(operands[1], bar if name == "+" else code.neg(bar))
        elif name == "select":
            mask, a, b = operands
            bars.give(a, code.select(code.own(mask), bar, ZERO))
            bars.give(b, code.select(code.own(mask), ZERO, bar))
        elif name == "sum":
            for operand, slope in _of_terms(program, j, partials):
                bars.give(operand, partials.product(bar, slope))
        elif name == "/" and operands[1][0] in "vx":
            inverse, y = partials.of(j)[0][1], code.of[j]
            bars.give(operands[0], partials.times(j, bar, inverse))
            bars.give_factors(operands[1], partials.times(j, bar, code.neg(y)), inverse)
        else:
            for operand, partial in partials.of(j):
                if operand[0] in "vx":
                    bars.give(operand, bar if partial == ONE else partials.times(j, bar, partial))


def _of_terms(program: Program, j: int, partials: Partials) -> list[tuple[Operand, Operand]]:
    """The derivatives of a sum over a table by what its terms have in common."""
    code, (_, table, term) = partials.code, program.nodes[j]
    bars = _Bars(program, term, partials)
    _sweep(bars, program, (k for k in range(int(term[1]), -1, -1) if code.has_data(code.of[k])))
    return [(operand, code.sum(table, bar)) for operand, bar in bars.left()]


def _pass(bars: _Bars, j: int, steep: bool) -> None:
    """Hand factors on to the operands of node j; a partial derivative that may be large meets the small one first."""
    partials = bars.partials
    scale, inverse = bars.factors.pop(("v", j))
    for operand, partial in partials.of(j):
        if steep:
            bars.give(operand, partials.times(j, scale, partials.product(inverse, partial)))
        else:
            bars.give_factors(operand, partials.times(j, scale, partial), inverse)


class _Bars:
    """What has come back to each node so far: a derivative, or two factors of one that may be too small a product.

    Factors belong to nodes that nothing else reads: what comes back from several sides is added.
    """

    def __init__(self, program: Program, output: Operand, partials: Partials) -> None:
        self.partials, self.code, self.bars = partials, partials.code, {output: ONE}
        self.factors: dict[Operand, tuple[Operand, Operand]] = {}
        self.still = {("v", j) for j in held(program)}
        self.program, self.output = program, output

    @cached_property
    def several(self) -> set[Any]:
        """What is read more than once."""
        uses = Counter(chain.from_iterable(self.program.nodes))
        return {o for o, count in uses.items() if count > 1} | {self.output}

    def are_factors(self, j: int) -> bool:
        """Whether factors have come back to a node."""
        return bool(self.factors) and ("v", j) in self.factors

    def take(self, j: int) -> Operand | None:
        """What has come back to a node, as one number; None for nothing."""
        found = self.factors.pop(("v", j), None) if self.factors else None
        return self.partials.product(*found) if found else self.bars.pop(("v", j), None)

    def taken(self, coordinate: Operand) -> Operand:
        """What has come back to a coordinate."""
        return self.bars.get(coordinate, ZERO)

    def left(self) -> list[tuple[Operand, Operand]]:
        """What has come back to all that has not been taken."""
        return [*self.bars.items(), *((o, self.partials.product(*both)) for o, both in self.factors.items())]

    def give(self, operand: Operand, more: Operand) -> None:
        """Add something to what has come back."""
        if operand[0] in "vx" and more != ZERO and operand not in self.still:
            there = self.bars.get(operand)
            self.bars[operand] = more if there is None else self.code.add(there, more)

    def give_factors(self, operand: Operand, scale: Operand, inverse: Operand) -> None:
        """Add a product."""
        if operand[0] != "v" or operand in self.several or scale == ZERO:
            self.give(operand, self.partials.product(scale, inverse))
        else:
            self.factors[operand] = (scale, inverse)

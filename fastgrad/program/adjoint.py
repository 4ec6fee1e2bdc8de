"""Reverse mode: the derivatives of one output of a program by all coordinates, in 2 to 3 operations for each of f's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import chain
from typing import Any

from ..formulas.properties import cached_property
from .code import Code
from .invariance import held
from .partials import Partials
from .program import BOOLEAN, ONE, SUMS, ZERO, Operand, Program

# What may be so large that the square of its reciprocal is 0: of 1 / exp(x) at 400 the derivative by exp(x) is 1e-348.
_STEEP = frozenset({"exp", "exp2", "expm1", "sinh", "cosh"})
_APART = frozenset({"select", "sum", "/"})


def adjoint(code: Code, program: Program, output: Operand, partials: Partials) -> list[Operand]:
    """The derivatives of an output by all coordinates.

    Of a `where` only the branch that is taken counts: what comes back from the other is masked before it is multiplied,
    so that it never makes a NaN.
    """
    bars = _Bars(program, output, partials)
    _sweep(bars, program, range(int(output[1]), -1, -1) if output[0] == "v" else ())
    return [bar or ZERO for bar in bars.back["x"]]


def _sweep(bars: _Bars, program: Program, nodes: Iterable[int]) -> None:
    """Hand on what has come back to the nodes, the last one first; nothing has to those that are not needed."""
    partials, give, back = bars.partials, bars.give, bars.back["v"]
    for j in nodes:
        bar = back[j]
        if bar is None and j not in bars.factors:
            continue
        name, *operands = program.nodes[j]
        if bar is None:
            if name in _STEEP or (name in SUMS and sum(o[0] in "vx" for o in operands) == 1):
                _pass(bars, j, name in _STEEP)
                continue
            bar = partials.product(*bars.factors.pop(j))
        back[j] = None
        if bar == ZERO or name in BOOLEAN:
            continue
        if name == "+":  # with differences and products most of all nodes
            give(operands[0], bar)
            give(operands[1], bar)
        elif name == "-":
            give(operands[0], bar)
            give(operands[1], bars.code.neg(bar))
        elif name in _APART and (name != "/" or operands[1][0] in "vx"):
            _give(bars, program, j, bar)
        else:
            for operand, partial in partials.of(j):
                if operand[0] in "vx":
                    give(operand, bar if partial == ONE else partials.times(j, bar, partial))


def _give(bars: _Bars, program: Program, j: int, bar: Operand) -> None:
    """Hand a derivative on to the operands of a choice, of a sum over rows or of a quotient."""
    partials, code, give = bars.partials, bars.code, bars.give
    name, *operands = program.nodes[j]
    if name == "select":
        mask, a, b = operands
        give(a, code.select(code.own(mask), bar, ZERO))
        give(b, code.select(code.own(mask), ZERO, bar))
    elif name == "sum":
        for operand, slope in _of_terms(program, j, partials):
            give(operand, partials.product(bar, slope))
    else:
        inverse, y = partials.of(j)[0][1], code.of[j]
        give(operands[0], partials.times(j, bar, inverse))
        bars.give_factors(operands[1], partials.times(j, bar, code.neg(y)), inverse)


def _of_terms(program: Program, j: int, partials: Partials) -> list[tuple[Operand, Operand]]:
    """The derivatives of a sum over a table by what its terms have in common."""
    code, (_, table, term) = partials.code, program.nodes[j]
    bars = _Bars(program, term, partials)
    _sweep(bars, program, (k for k in range(int(term[1]), -1, -1) if code.has_data(code.of[k])))
    return [(operand, code.sum(table, bar)) for operand, bar in bars.left()]


def _pass(bars: _Bars, j: int, steep: bool) -> None:
    """Hand factors on to the operands of node j; a partial derivative that may be large meets the small one first."""
    partials = bars.partials
    scale, inverse = bars.factors.pop(j)
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
        self.partials, self.code = partials, partials.code
        # By the places of nodes and of coordinates: a third of the time that operands for keys take.
        self.back: dict[str, list[Operand | None]] = {"v": [None] * len(program.nodes), "x": [None] * program.inputs}
        self.still = {("v", j) for j in held(program)}
        self.factors: dict[int, tuple[Operand, Operand]] = {}  # by numbers of nodes
        self.program, self.output = program, output
        self.give(output, ONE)

    @cached_property
    def several(self) -> set[Any]:
        """What is read more than once."""
        uses = Counter(chain.from_iterable(self.program.nodes))
        return {o for o, count in uses.items() if count > 1} | {self.output}

    def left(self) -> list[tuple[Operand, Operand]]:
        """What has come back to all that has not been taken."""
        back = [((tag, k), bar) for tag, row in self.back.items() for k, bar in enumerate(row) if bar is not None]
        return [*back, *((("v", j), self.partials.product(*both)) for j, both in self.factors.items())]

    def give(self, operand: Operand, more: Operand) -> None:
        """Add something to what has come back."""
        tag, k = operand
        row = self.back.get(tag)
        if row is not None and more != ZERO and not (self.still and operand in self.still):
            there, code = row[k], self.code
            if there is None:
                row[k] = more
            elif more[0] == "v" and code.nodes[more[1]][0] == "select":
                row[k] = self._sum(there, more)
            else:
                row[k] = code.add(there, more)

    def _sum(self, there: Operand, more: Operand) -> Operand:
        """What is chosen by one mask is added up first: one choice is left of it."""
        code, mask = self.code, self.code.mask_of(more)
        name, *parts = code.node(there) if mask else ("",)
        for place in range({"+": 2, "-": 1}.get(name, 0)):
            if code.mask_of(parts[place]) == mask:
                parts[place] = code.add(parts[place], more)
                return code.add(*parts) if name == "+" else code.sub(*parts)
        return code.add(there, more)

    def give_factors(self, operand: Operand, scale: Operand, inverse: Operand) -> None:
        """Add a product."""
        if operand[0] != "v" or operand in self.several or scale == ZERO:
            self.give(operand, self.partials.product(scale, inverse))
        else:
            self.factors[operand[1]] = (scale, inverse)

"""Reverse mode: the derivatives of one output of a program by all coordinates, in 2 to 3 operations for each of f's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import chain
from typing import Any

from ..formulas.properties import cached_property
from .code import Code
from .invariance import held
from .operands import RESULTS
from .partials import SIZES, Partials
from .program import BOOLEAN, ONE, SUMS, TWO, ZERO, Operand, Program

# What may be so large that the square of its reciprocal is 0: of 1 / exp(x) at 400 the derivative by exp(x) is 1e-348.
# And products of such: of 1 / (a * b) the derivative by a is -1 / (a * b) / a.
_STEEP = frozenset({"exp", "exp2", "expm1", "sinh", "cosh", "pow", "*"})


def adjoint(code: Code, program: Program, output: Operand, partials: Partials) -> list[Operand]:
    """The derivatives of an output by all coordinates.

    Of a `where` only the branch that is taken counts: what comes back from the other is masked before it is multiplied,
    so that it never makes a NaN.
    """
    bars = _Bars(program, output, partials)
    _sweep(bars, program, range(int(output[1]), -1, -1) if output[0] == "v" else ())
    return [ZERO if bar is None else bars.signed(("x", i), bar) for i, bar in enumerate(bars.back["x"])]


def _sweep(bars: _Bars, program: Program, nodes: Iterable[int]) -> None:
    """Hand on what has come back to the nodes, the last one first; nothing has to those that are not needed."""
    give, back = bars.give, bars.back["v"]
    for j in nodes:
        bar, node = back[j], program.nodes[j]
        if bar is None:
            bar = _factors(bars, program, j) if j in bars.factors else None
            if bar is None:
                continue
        name, back[j] = node[0], None
        less = bool(bars.less) and RESULTS[j] in bars.less
        if name == "+":  # with differences and products most of all nodes
            give(node[1], bar, less)
            give(node[2], bar, less)
        elif name == "*":
            _give_product(bars, j, node, bar, less)
        elif name in SUMS:
            if name == "-":
                give(node[1], bar, less)
            bars.take(node[-1], bar, less)
        elif bar != ZERO and name not in BOOLEAN:
            _give(bars, program, j, bars.code.neg(bar) if less else bar)


def _factors(bars: _Bars, program: Program, j: int) -> Operand | None:
    """The product of two factors that have come back to a node; None where they are handed on as they are."""
    name, *operands = program.nodes[j]
    if name in ("inverse", "/"):
        _pass_quotient(bars, j, operands)
        return None
    if name in _STEEP or (name in SUMS and sum(o[0] in "vx" for o in operands) == 1):
        _pass(bars, j, name in _STEEP)
        return None
    return bars.partials.product(*bars.factors.pop(j))


def _give_product(bars: _Bars, j: int, node: tuple[Any, ...], bar: Operand, less: bool) -> None:
    """Hand a derivative on to the factors of a product, of which a square has one."""
    (_, a, b), code, partials = node, bars.code, bars.partials
    if a == b and a[0] == "v" and partials.program.nodes[a[1]][0] in SIZES:
        for operand, partial in partials.of(j):
            bars.give(operand, partials.times(j, bar, partial), less)
    elif a == b:
        twice = (code.mul(TWO, bar), code.own(a)) if code.is_fixed(bar) else (bar, code.mul(TWO, code.own(a)))
        bars.give(a, partials.times(j, *twice), less)
    else:
        if a[0] in "vx":
            bars.give(a, partials.times(j, bar, code.own(b)), less)
        if b[0] in "vx":
            bars.give(b, partials.times(j, bar, code.own(a)), less)


def _give(bars: _Bars, program: Program, j: int, bar: Operand) -> None:
    """Hand a derivative on to the operands of a node."""
    partials, code, give = bars.partials, bars.code, bars.give
    name, *operands = program.nodes[j]
    if j in partials.firsts:
        give(partials.firsts[j], bar)
    elif name == "select":
        mask, a, b = operands
        give(a, code.select(code.own(mask), bar, ZERO))
        give(b, code.select(code.own(mask), ZERO, bar))
    elif name == "sum":
        for operand, slope in _of_terms(program, j, partials):
            give(operand, partials.product(bar, slope))
    elif name == "/" and operands[1][0] in "vx":
        inverse, y = partials.of(j)[0][1], code.of[j]
        give(operands[0], partials.times(j, bar, inverse))
        bars.give_factors(operands[1], partials.times(j, bar, code.neg(y)), inverse)
    elif name == "inverse":
        bars.give_factors(operands[0], partials.times(j, bar, code.neg(code.of[j])), code.of[j])
    else:
        for operand, partial in partials.of(j):
            if operand[0] in "vx":
                give(operand, bar if partial == ONE else partials.times(j, bar, partial))


def _of_terms(program: Program, j: int, partials: Partials) -> list[tuple[Operand, Operand]]:
    """The derivatives of a sum over a table by what its terms have in common."""
    code, (_, table, term) = partials.code, program.nodes[j]
    bars = _Bars(program, term, partials)
    _sweep(bars, program, (k for k in range(int(term[1]), -1, -1) if code.has_data(code.of[k])))
    return [(operand, code.sum(table, bar)) for operand, bar in bars.left()]


def _pass_quotient(bars: _Bars, j: int, operands: list[Operand]) -> None:
    """Hand factors on to the parts of a quotient: the square of the divisor may be 0 or infinite."""
    code, partials, y = bars.code, bars.partials, bars.code.of[j]
    scale, inverse = bars.factors.pop(j)
    below = y if len(operands) == 1 else partials.of(j)[0][1]  # 1 over the divisor
    smaller = partials.product(inverse, below)
    if len(operands) == 2:
        bars.give_factors(operands[0], scale, smaller)
    bars.give_factors(operands[-1], partials.times(j, scale, code.neg(y)), smaller)


def _pass(bars: _Bars, j: int, steep: bool) -> None:
    """Hand factors on to the operands of node j; a partial derivative that may be large meets the small one first."""
    partials = bars.partials
    scale, inverse = bars.factors.pop(j)
    for operand, partial in partials.of(j):
        if steep:
            bars.give_factors(operand, scale, partials.times(j, inverse, partial))
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
        self.less: set[Operand] = set()  # to which the negative of it has come back: signs are left to what reads it
        self.still = {("v", j) for j in held(program)}
        self.factors: dict[int, tuple[Operand, Operand]] = {}  # by numbers of nodes
        self.program, self.output = program, output
        self.give(output, ONE)

    @cached_property
    def several(self) -> set[Any]:
        """What is read more than once."""
        nodes = self.program.nodes
        uses = Counter(
            chain.from_iterable(node[:2] if node[0] == "*" and node[1] == node[2] else node for node in nodes)
        )
        return {o for o, count in uses.items() if count > 1} | {self.output}

    def left(self) -> list[tuple[Operand, Operand]]:
        """What has come back to all that has not been taken."""
        back = [((tag, k), bar) for tag, row in self.back.items() for k, bar in enumerate(row) if bar is not None]
        return [
            *((o, self.signed(o, bar)) for o, bar in back),
            *((("v", j), self.partials.product(*both)) for j, both in self.factors.items()),
        ]

    def signed(self, operand: Operand, bar: Operand) -> Operand:
        """What has come back to an operand with its sign."""
        return self.code.neg(bar) if operand in self.less else bar

    def take(self, operand: Operand, bar: Operand, less: bool) -> None:
        """Take something off what has come back."""
        if operand[0] in self.back:
            if self.code.takes_sign(bar):
                self.give(operand, self.code.neg(bar), less)
            else:
                self.give(operand, bar, not less)

    def give(self, operand: Operand, more: Operand, less: bool = False) -> None:
        """Add something to what has come back, or take it off."""
        tag, k = operand
        row = self.back.get(tag)
        if row is None or more == ZERO or (self.still and operand in self.still):
            return
        there, code = row[k], self.code
        if there is None:
            row[k] = more
            if less:
                self.less.add(operand)
        elif operand in self.less:
            row[k] = code.add(there, more) if less else code.sub(more, there)
            if not less:
                self.less.discard(operand)
        elif less:
            row[k] = code.sub(there, more)
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

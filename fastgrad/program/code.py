"""A program under way: nodes that are simplified as they are written, equal ones once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import accumulate, chain
from typing import Any

import numpy as np

from .operands import RESULTS
from .order import depth_first
from .program import BOOLEAN, ONE, OPERATIONS, TWO, WRITTEN, ZERO, Operand, Program

_NONE = ("",)
_KEPT = BOOLEAN | {"select", "sum"}
_MOVED_OUTWARD = frozenset({"neg", "select"})
_UNITS = frozenset({0.0, 1.0, -1.0})


DEEP = 32  # masks inside of each other through which products move; beyond, every use would repeat them all
HELD = 8
"""Coordinates that stay in registers anyhow. Of more, what is wanted beside the results is computed as they come: 1.07
times as fast for Rosenbrock's function of 10 and of 100; of 4, 0.95."""


class Code:
    """The nodes so far.

    Attributes
    ----------
    of : list of operands
        Where the program's own nodes are.
    """

    def __init__(self, program: Program) -> None:
        self.program, self.nodes = program, list(program.nodes)
        self._fixed: list[bool] = [False] * len(self.nodes)  # of constants alone: LLVM takes these out of its loop
        self._data: list[bool] = []  # of the first nodes whether they differ from row to row of a table
        self.of: list[Operand] = [RESULTS[j] for j in range(len(self.nodes))]
        self._known: dict[Any, Operand] = dict(zip(self.nodes, self.of, strict=True))
        if len(self._known) < len(self.nodes) or not _is_plain(self.nodes):
            self._keep_all(program)
        self._own = len(self.nodes)  # so many first ones are the program's own

    def _keep_all(self, program: Program) -> None:
        """The program's nodes one by one; those of a trace are mostly as they are to be, which is seen at once."""
        of = self.of = []
        self.nodes, self._known, self._fixed = [], {}, []
        for name, *operands in program.nodes:
            of.append(self.keep(name, *[of[o[1]] if o[0] == "v" else o for o in operands]))

    def own(self, operand: Operand) -> Operand:
        """An operand of the program, here."""
        return self.of[operand[1]] if operand[0] == "v" else operand

    def keep(self, name: str, *operands: Operand) -> Operand:
        """A node as it is."""
        return self._at((name, *operands))

    def _at(self, node: tuple[Any, ...]) -> Operand:
        key = node if ZERO not in node else (node[0], *map(repr, node[1:]))  # 0.0 equals -0.0
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = RESULTS[len(self.nodes)]
            self.nodes.append(node)
            tag, k = node[-1]
            fixed = self._fixed[k] if tag == "v" else tag in "kc"
            self._fixed.append(fixed and all(map(self.is_fixed, node[1:-1])))
        return found

    def is_fixed(self, operand: Operand) -> bool:
        """Whether an operand is the same at all points."""
        tag, k = operand
        return self._fixed[k] if tag == "v" else tag in "kc"

    def node(self, operand: Operand) -> tuple[Any, ...]:
        """The node of an operand, without a name if it is none."""
        return self.nodes[operand[1]] if operand[0] == "v" else _NONE

    def apply(self, name: str, *operands: Operand) -> Operand:
        """A node, simplified."""
        if operands[-1][0] == "k" and name not in _KEPT and all(tag == "k" for tag, _ in operands):
            with np.errstate(all="ignore"):
                return ("k", float(WRITTEN[name](*(np.float64(value) for _, value in operands))))
        simpler = _SIMPLER.get(name)
        return simpler(self, *operands) if simpler else self.keep(name, *operands)

    def add(self, a: Operand, b: Operand) -> Operand:
        if a == ZERO or b == ZERO:  # noqa: PLR1714  twice as fast
            return b if a == ZERO else a
        if a == b:
            return self.mul(TWO, a)
        left = self.nodes[a[1]] if a[0] == "v" else _NONE
        right = self.nodes[b[1]] if b[0] == "v" else _NONE
        if right[0] == "neg":
            return self.sub(a, right[1])
        if left[0] == "neg":
            return self.sub(b, left[1])
        if left[0] == right[0] == "select" and left[1] == right[1] and self._is_masked(a) and self._is_masked(b):
            return self.select(left[1], self.add(left[2], right[2]), self.add(left[3], right[3]))
        return self._literals("+", a, b) if a[0] == b[0] == "k" else self._at(("+", a, b))

    def sub(self, a: Operand, b: Operand) -> Operand:
        if a == ZERO or b == ZERO:  # noqa: PLR1714
            return a if b == ZERO else self.neg(b)
        left = self.nodes[a[1]] if a[0] == "v" else _NONE
        right = self.nodes[b[1]] if b[0] == "v" else _NONE
        if right[0] == "neg":
            return self.add(a, right[1])
        if left[0] == "neg":
            return self.neg(self.add(left[1], b))
        if a == b:
            return ZERO
        return self._literals("-", a, b) if a[0] == b[0] == "k" else self._at(("-", a, b))

    def neg(self, a: Operand) -> Operand:
        if a[0] == "k":
            return ("k", -a[1])
        node = self.nodes[a[1]] if a[0] == "v" else _NONE
        if node[0] == "neg":
            operand: Operand = node[1]
            return operand
        if node[0] == "-" and a[1] >= self._own:  # f's own is there already: the sign moves on to what reads it
            return self._at(("-", node[2], node[1]))
        return self._at(("neg", a))

    def takes_sign(self, a: Operand) -> bool:
        """Whether its negative takes no operation more."""
        name = self.nodes[a[1]][0] if a[0] == "v" else ""
        return a[0] == "k" or name == "neg" or (name == "-" and a[1] >= self._own)

    def result(self, a: Operand) -> Operand:
        """What a sign has moved to the end of is subtracted from 0: so 0 is no -0."""
        name, *parts = self.node(a)
        return self.keep("-", ZERO, parts[0]) if name == "neg" and a[1] >= self._own else a

    def mul(self, a: Operand, b: Operand) -> Operand:
        if a[0] == "k" and a[1] in _UNITS:
            return self._by_unit(a, b)
        if b[0] == "k" and b[1] in _UNITS:
            return self._by_unit(b, a)
        nodes, fixed = self.nodes, self._fixed
        constant_a = fixed[a[1]] if a[0] == "v" else a[0] in "kc"
        constant_b = fixed[b[1]] if b[0] == "v" else b[0] in "kc"
        if constant_a != constant_b:
            factor, other = (a, b) if constant_a else (b, a)
            node = nodes[other[1]] if other[0] == "v" else _NONE
            if node[0] == "*" and self.is_fixed(node[1]):
                return self.mul(self.mul(factor, node[1]), node[2])
        found = None
        if a[0] == "v" and nodes[a[1]][0] in _MOVED_OUTWARD:
            found = self._moved_outward(nodes[a[1]], b)
        if found is None and b[0] == "v" and nodes[b[1]][0] in _MOVED_OUTWARD:
            found = self._moved_outward(nodes[b[1]], a)
        if found is None and constant_a and constant_b:
            found = self._literals("*", a, b)
        return found or self._at(("*", b, a) if constant_b else ("*", a, b))

    def _by_unit(self, unit: Operand, a: Operand) -> Operand:
        """0, 1 or -1 times an operand."""
        return unit if unit == ZERO else a if unit == ONE else self.neg(a)

    def _moved_outward(self, node: tuple[Any, ...], q: Operand) -> Operand | None:
        """The product with a node that is a sign or a mask, which moves outward."""
        if node[0] == "neg":
            return self.neg(self.mul(node[1], q))
        if ZERO in node and not self._is_deep(node):
            return self.select(node[1], *[part if part == ZERO else self.mul(part, q) for part in node[2:]])
        return None

    def div(self, a: Operand, b: Operand) -> Operand:
        if a == ZERO or b == ONE:
            return a
        name, *parts = self.node(a)
        if self._is_masked(a):
            return self.select(parts[0], self.div(parts[1], b), self.div(parts[2], b))
        return self.neg(self.div(parts[0], b)) if name == "neg" else self._literals("/", a, b)

    def select(self, mask: Operand, a: Operand, b: Operand) -> Operand:
        a, b = self._chosen(mask, a, 0), self._chosen(mask, b, 1)
        if a == b:
            return a
        for part, other in ((a, b), (b, a)):
            if other == ZERO and (node := self.node(part))[0] == "neg":
                return self.neg(self.select(mask, *[node[1] if o == part else o for o in (a, b)]))
        return self.keep("select", mask, a, b)

    def _chosen(self, mask: Operand, a: Operand, side: int) -> Operand:
        """What is taken of an operand where a mask is set, or is not: of a choice by the same mask one part."""
        name, *parts = self.node(a)
        if name != "select":
            return a
        opposite = self.node(mask) == ("not", parts[0]) or self.node(parts[0]) == ("not", mask)
        found: Operand = parts[1 + (side != opposite)] if opposite or parts[0] == mask else a
        return found

    def mask_of(self, a: Operand) -> Operand | None:
        """The mask outside of which an operand is 0, or within; None where there is none."""
        node = self.node(a)
        return node[1] if node[0] == "select" and ZERO in node else None

    def sum(self, table: Operand, a: Operand) -> Operand:
        """The sum of an operand over the rows of a table; times their number where it is the same in all."""
        if a == ZERO or self.has_data(a):
            return a if a == ZERO else self.keep("sum", table, a)
        return self.mul(("k", float(self.program.tables[int(table[1])][0])), a)

    def has_data(self, operand: Operand) -> bool:
        """Whether an operand differs from row to row of a table."""
        if operand[0] != "v" or not self.program.tables:
            return operand[0] == "d"
        for name, *operands in self.nodes[len(self._data) :]:
            varies = any(o[0] == "d" or (o[0] == "v" and self._data[int(o[1])]) for o in operands)
            self._data.append(varies and name != "sum")
        return self._data[int(operand[1])]

    def over_rows(self, operands: list[Operand]) -> list[Operand]:
        """Operands, and for each table the sum of those that differ from row to row."""
        found, rows = [o for o in operands if not self.has_data(o)], dict[Operand, Operand]()
        for o in operands:
            if self.has_data(o):
                table = self._table(o)
                rows[table] = self.keep("+", rows[table], o) if table in rows else o
        return [*found, *(self.sum(table, total) for table, total in rows.items())]

    def _table(self, operand: Operand) -> Operand:
        """The table whose columns an operand is made of."""
        stack = [operand]
        while stack[-1][0] != "d":
            stack += [o for o in self.node(stack.pop())[1:] if self.has_data(o)]
        ends = accumulate(columns for _, columns in self.program.tables)
        return ("k", float(sum(end <= stack[-1][1] for end in ends)))

    def _is_masked(self, a: Operand) -> bool:
        node = self.node(a)
        return node[0] == "select" and ZERO in node[2:] and not self._is_deep(node)

    def _is_deep(self, node: tuple[Any, ...]) -> bool:
        """Whether masks are nested too deep, as by a loop that ends by data, for each use to move through all."""
        for _ in range(DEEP):
            if node[0] == "neg":
                part = node[1]
            elif node[0] == "select" and ZERO in node[2:]:
                part = node[3] if node[2] == ZERO else node[2]
            else:
                return False
            node = self.nodes[part[1]] if part[0] == "v" else _NONE
        return True

    def _literals(self, name: str, a: Operand, b: Operand) -> Operand:
        if a[0] == b[0] == "k":
            with np.errstate(all="ignore"):
                return ("k", float(OPERATIONS[name](np.float64(a[1]), np.float64(b[1]))))
        return self.keep(name, a, b)

    def unordered(self, outputs: Iterable[Operand], shape: tuple[int, ...], **changes: Any) -> Program:
        """The program of these outputs as it was written, with nodes that none of them needs."""
        return replace(self.program, nodes=tuple(self.nodes), outputs=tuple(outputs), shape=shape, **changes)

    def finish(
        self, outputs: Iterable[Operand], shape: tuple[int, ...], results: int | None = None, **changes: Any
    ) -> Program:
        """The program of these outputs; the first `results` decide about the order, if coordinates are many."""
        outputs = tuple(outputs)
        deciding = len(outputs) if results is None or self.program.inputs <= HELD else results
        order = depth_first(self.nodes, outputs, deciding)
        number: dict[Any, Operand] = {RESULTS[j]: RESULTS[n] for n, j in enumerate(order)}
        nodes = tuple([(self.nodes[j][0], *[number.get(o, o) for o in self.nodes[j][1:]]) for j in order])
        old = self.program
        new = tuple(number.get(o, o) for o in outputs)
        return replace(old, nodes=nodes, outputs=new, shape=shape, **changes)


_SIMPLER: dict[str, Callable[..., Operand]] = {
    "+": Code.add,
    "-": Code.sub,
    "*": Code.mul,
    "/": Code.div,
    "neg": Code.neg,
    "select": Code.select,
    "sum": Code.sum,
}


def _is_plain(nodes: list[tuple[Any, ...]]) -> bool:
    """Whether no node is of constants alone, and none has a literal 0, whose sign equality does not see."""
    numbered = [node for node in nodes if node[-1][0] in "kc" or node[1][0] in "kc" or len(node) > 3]
    if any(node[-1][0] in "kc" and node[1][0] in "kc" for node in numbered):
        return False
    return ZERO not in set(chain.from_iterable(numbered))

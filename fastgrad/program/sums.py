"""Sums of many terms that differ by their numbers alone, as one term and a table of its numbers: a loop over data.

A likelihood of 1 000 observations is traced to as many copies of one term. As one it takes LLVM 30 ms instead of
seconds, whatever is made of it, and runs from the processor's first cache.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .code import Code
from .program import SUMS, Operand, Program

LEAST = 16  # terms alike
SHORT = 200  # operations of f: fewer are as fast written out
MOST = 8  # times the operations of f: terms that go through those before them, as a recursion's, are no rows
_KEPT = "summed"

Tokens = tuple[Any, ...]


@dataclass(frozen=True)
class Summed:
    """A program with sums over tables.

    Attributes
    ----------
    program : Program
        Its constants are those that are not in tables.
    places : numpy.ndarray
        Of the constants of the program that it was made of: those that are left, then the tables, column by column.
    """

    program: Program
    places: NDArray[np.intp]

    def numbers(self, constants: Sequence[float]) -> NDArray[np.float64]:
        """The constants that are left and the tables, by the constants of the program that it was made of."""
        return np.array(constants, dtype=np.float64)[self.places]


def summed(program: Program) -> Summed | None:
    """A program with its long sums as sums over tables; None where that takes more than half of its operations.

    Kept with the program: a kernel, f's own and what checks them ask for it, and 5 000 rows take 0.2 s.
    """
    kept = vars(program)
    if _KEPT not in kept:
        kept[_KEPT] = None if len(program.nodes) < SHORT or not _may_be_rows(program) else _summed(program)
    found: Summed | None = kept[_KEPT]
    return found


def _summed(program: Program) -> Summed | None:
    try:
        found = _TableRows(program).rewritten()
    except _EntangledError:
        return None
    return found if found and 2 * len(found.program.nodes) <= len(program.nodes) else None


class _EntangledError(Exception):
    """Terms have too much in common."""


class _TableRows:
    """What belongs to the terms of a program's sums."""

    def __init__(self, program: Program) -> None:
        self.program, self.nodes = program, program.nodes
        self.varying = _varying(program)
        self.left = MOST * len(program.nodes)
        self.inner = _inner_sums(program)
        self.sums: dict[int, _Sum] = {}
        inside = set[int]()  # terms that are in a sum over a table
        for j in range(len(self.nodes) - 1, -1, -1):
            if self.nodes[j][0] in SUMS and j not in self.inner and j not in inside:
                found = self._sum(j)
                if found:
                    self.sums[j] = found
                    inside.update(k for alike in found.alike for term in alike for k in term.nodes)

    def _sum(self, root: int) -> _Sum | None:
        leaves = self._leaves(root)
        if len(leaves) < LEAST:
            return None
        alike: dict[Tokens, list[_SignedTerm]] = {}
        for sign, operand in leaves:
            term = self._term(sign, operand)
            alike.setdefault(term.tokens, []).append(term)
        many = [terms for terms in alike.values() if len(terms) >= LEAST]
        rest = [(term.sign, term.operand) for terms in alike.values() if len(terms) < LEAST for term in terms]
        return _Sum(many, rest) if many else None

    def _leaves(self, root: int) -> list[tuple[int, Operand]]:
        """The terms of a sum with their signs."""
        found, stack = list[tuple[int, Operand]](), list[tuple[int, Operand]]([(1, ("v", root))])
        while stack:
            sign, o = stack.pop()
            if o[0] == "v" and (o[1] == root or o[1] in self.inner):
                name, *operands = self.nodes[int(o[1])]
                if name == "neg":
                    stack.append((-sign, operands[0]))
                else:
                    stack += [(-sign if name == "-" else sign, operands[1]), (sign, operands[0])]
            else:
                found.append((sign, o))
        return found

    def _term(self, sign: int, operand: Operand) -> _SignedTerm:
        """One term: tokens say how it is made, equal ones of terms that differ by constants alone."""
        tokens: list[Any] = [sign]
        nodes, constants = dict[int, int](), list[int]()
        stack = [operand]
        while stack:
            o = stack.pop()
            j = int(o[1]) if o[0] == "v" else -1
            if o[0] == "c":
                constants.append(int(o[1]))
                tokens.append("c")
            elif j not in self.varying:
                tokens.append(o)
            elif j in nodes:
                tokens.append(nodes[j])
            else:
                nodes[j] = len(nodes)
                tokens.append(self.nodes[j][0])
                stack += reversed(self.nodes[j][1:])
        self.left -= len(tokens)
        if self.left < 0:
            raise _EntangledError
        return _SignedTerm(sign, operand, tuple(tokens), nodes, constants)

    def rewritten(self) -> Summed | None:
        """The program with those sums, if there are any."""
        return _SumsWriter(self).written() if self.sums else None


@dataclass(frozen=True)
class _SignedTerm:
    sign: int
    operand: Operand
    tokens: Tokens
    nodes: dict[int, int]  # what belongs to it alone, or to some more terms
    constants: list[int]  # in the order of the tokens


@dataclass(frozen=True)
class _Sum:
    """Lists of terms that are alike, and the other terms with their signs."""

    alike: list[list[_SignedTerm]]
    rest: list[tuple[int, Operand]]


def _may_be_rows(program: Program) -> bool:
    """Whether there may be terms alike: nodes that differ by constants alone, or what is added up often.

    Of most functions there are none, which is seen in a fifth of the time.
    """
    nodes = program.nodes
    held = [node for node in nodes if node[1][0] == "c" or node[-1][0] == "c" or len(node) > 3]
    beside = [node[2] if node[1][0] == "c" and len(node) == 3 else node[1] for node in held]
    if len(set(beside)) < len(beside):
        kinds = {(node[0], *["c" if o[0] == "c" else o for o in node[1:]]) for node in held}
        if len(kinds) < len(held):
            return True
    return _are_added_often(program, held)


def _are_added_often(program: Program, held: list[tuple[Any, ...]]) -> bool:
    """Whether one operand is in many sums of sums, or constants are; `held` are the nodes with constants."""
    sums = {j: node for j, node in enumerate(program.nodes) if node[0] in SUMS}
    added = Counter(chain.from_iterable([node[1:] for node in sums.values()]))
    constants = sum(1 for node in held if node[0] in SUMS and "v" in (node[1][0], node[-1][0]))
    if max(constants, *(n for o, n in added.items() if o[0] != "c"), 0) < LEAST:  # mostly, and seen in half the time
        return False
    read = {o[1] for o in added if o[0] == "v"}
    long = [n for j, n in sums.items() if j in read or any(o[0] == "v" and o[1] in sums for o in n[1:])]
    added = Counter(["c" if o[0] == "c" else o for node in long for o in node[1:]])
    return max(added.values(), default=0) >= LEAST


def _varying(program: Program) -> set[int]:
    """Nodes beside which there are others made in the same way of other constants: they vary from term to term."""
    kinds: dict[Any, int] = {}
    of: list[int] = []
    for name, *operands in program.nodes:
        key = (name, *[of[int(k)] if tag == "v" else tag if tag == "c" else (tag, k) for tag, k in operands])
        of.append(kinds.setdefault(key, len(kinds)))
    count = Counter(of)
    return {j for j, kind in enumerate(of) if count[kind] > 1}


def _inner_sums(program: Program) -> set[int]:
    """Sums that only another sum reads, once."""
    uses = Counter(o for node in (*program.nodes, ("", *program.outputs)) for o in node[1:])
    return {
        int(o[1])
        for name, *operands in program.nodes
        if name in SUMS
        for o in operands
        if o[0] == "v" and uses[o] == 1 and program.nodes[int(o[1])][0] in SUMS
    }


class _SumsWriter:
    """Writes a program with sums over tables."""

    def __init__(self, rows: _TableRows) -> None:
        self.rows, self.program = rows, rows.program
        self.constants: dict[int, Operand] = {}  # by their places among the old ones
        self.tables: dict[int, dict[tuple[int, ...], int]] = {}  # by their rows: columns of old places
        self._lay_out()
        self.shapes = tuple((count, len(columns)) for count, columns in self.tables.items())
        self.code = Code(replace(self.program, nodes=(), outputs=(), tables=self.shapes))
        self.new: dict[Operand, Operand] = {}

    def _lay_out(self) -> None:
        """Columns of constants that are not the same in all terms; equal ones once."""
        for found in self.rows.sums.values():
            for terms in found.alike:
                columns = self.tables.setdefault(len(terms), {})
                for column in zip(*[term.constants for term in terms], strict=True):
                    if len(set(column)) > 1:
                        columns.setdefault(column, len(columns))

    def written(self) -> Summed:
        needed = self._needed()
        for j, node in enumerate(self.program.nodes):
            if j in needed:
                found = self.rows.sums.get(j)
                self.new["v", j] = self._sum(found) if found else self.code.keep(node[0], *map(self._own, node[1:]))
        outputs = [self._own(o) for o in self.program.outputs]
        left = (0.0,) * len(self.constants)
        made = self.code.finish(outputs, self.program.shape, constants=left)
        tables = [np.array(list(columns), dtype=np.intp).ravel() for columns in self.tables.values()]
        return Summed(made, np.concatenate([np.array(list(self.constants), dtype=np.intp), *tables]))

    def _needed(self) -> set[int]:
        """The nodes that are computed as before, and the sums."""
        needed = {int(k) for tag, k in self.program.outputs if tag == "v"}
        for j in range(len(self.program.nodes) - 1, -1, -1):
            if j in needed:
                found = self.rows.sums.get(j)
                read = self._read(found) if found else self.program.nodes[j][1:]
                needed.update([int(k) for tag, k in read if tag == "v"])
        return needed

    def _read(self, found: _Sum) -> Iterable[Operand]:
        """What the terms of a sum have in common with others."""
        yield from (operand for _, operand in found.rest)
        for first, *_ in found.alike:
            yield from (token for token in first.tokens if type(token) is tuple)

    def _own(self, operand: Operand) -> Operand:
        if operand[0] == "c":
            return self.constants.setdefault(int(operand[1]), ("c", len(self.constants)))
        return self.new[operand] if operand[0] == "v" else operand

    def _sum(self, found: _Sum) -> Operand:
        parts = [(sign, self._own(operand)) for sign, operand in found.rest]
        rows: dict[Operand, list[tuple[int, Operand]]] = {}
        for terms in found.alike:
            table, sign, term = self._alike(terms)
            rows.setdefault(table, []).append((sign, term))
        return self._total([*parts, *((1, self.code.sum(table, self._total(some))) for table, some in rows.items())])

    def _total(self, parts: list[tuple[int, Operand]]) -> Operand:
        (sign, total), *others = parts
        total = total if sign > 0 else self.code.keep("neg", total)
        for sign, operand in others:
            total = self.code.keep("+" if sign > 0 else "-", total, operand)
        return total

    def _alike(self, terms: list[_SignedTerm]) -> tuple[Operand, int, Operand]:
        """Terms that are alike as one: the table with as many rows, a sign and the term."""
        count, first = len(terms), terms[0]
        table = list(self.tables).index(count)
        start, columns = sum(width for _, width in self.shapes[:table]), self.tables[count]
        constants = []
        for column in zip(*[term.constants for term in terms], strict=True):
            same = len(set(column)) == 1
            constants.append(self._own(("c", column[0])) if same else ("d", start + columns[column]))
        return ("k", float(table)), first.sign, self._term(first, constants)

    def _term(self, term: _SignedTerm, constants: list[Operand]) -> Operand:
        """A term written out, with other operands for its constants, in the order of the tokens."""
        given, operands = iter(constants), dict[int, list[Any]]()  # numbers are nodes of the term
        whole: list[Any] = []
        stack = [(term.operand, whole)]
        while stack:
            o, into = stack.pop()
            j = int(o[1]) if o[0] == "v" and o[1] in term.nodes else -1
            into.append(j if j >= 0 else next(given) if o[0] == "c" else self._own(o))
            if j >= 0 and j not in operands:
                operands[j] = []
                stack += [(each, operands[j]) for each in reversed(self.program.nodes[j][1:])]
        made: dict[int, Operand] = {}
        for j in sorted(operands):
            own = [made[o] if isinstance(o, int) else o for o in operands[j]]
            made[j] = self.code.keep(self.program.nodes[j][0], *own)
        return made[whole[0]] if isinstance(whole[0], int) else whole[0]


def magnitude(program: Program) -> Program:
    """What the terms of all sums over tables are together, without their signs: added in another order, sums of them
    differ by roundings of that."""
    code, total = Code(program), None
    for name, *operands in program.nodes:
        if name == "sum":
            size = code.sum(operands[0], code.keep("abs", code.own(operands[1])))
            total = size if total is None else code.keep("+", total, size)
    return code.finish([total or ("k", 0.0)], ())

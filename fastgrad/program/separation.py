"""A sum of terms of a few coordinates each: one program for all terms that are made alike.

A term's changes are its own: f(x + h) - f(x - h) is the sum of those of the terms that read the coordinate. So the
gradient of a sum of a thousand terms of two coordinates is that of one term at a thousand points, added up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .operands import RESULTS
from .program import SUMS, Operand, Program

Ints = NDArray[np.intp]
Array = NDArray[np.float64]

WIDEST = 16  # coordinates of a term
KINDS = 8  # ways in which terms are made, each of which is compiled
MOST = 8  # times the operations of f: of terms that have most of it in common there are no few coordinates
_SCALING = frozenset("*/")

Scale = tuple[tuple[str, Operand], ...]
"""Numbers that multiply or divide a sum, from the outside inwards."""


class _Addend(NamedTuple):
    output: int
    sign: float
    scale: Scale
    operand: Operand


@dataclass(frozen=True)
class TermKind:
    """Terms that are made alike.

    Attributes
    ----------
    program : Program
        One of them: of its coordinates, and beside them of numbers that each has for itself.
    coordinates : (G, m) int array
        Those of f that are its coordinates.
    beside : (G, r) int array
        The numbers beside: of f's constants, or behind these its rows.
    outputs : (G,) int array
        The outputs of f to which they are added.
    addends : list
    """

    program: Program
    coordinates: Ints
    beside: Ints
    outputs: Ints
    addends: list[_Addend]

    @property
    def dimension(self) -> int:
        """How many coordinates a term has."""
        return self.program.inputs

    def factors(self, constants: Sequence[float]) -> Array:
        """What each term is multiplied with, (G,)."""
        known: dict[Scale, float] = {}
        for _, _, scale, _ in self.addends:
            if scale not in known:
                known[scale] = _factor(scale, constants)
        return np.array([sign * known[scale] for _, sign, scale, _ in self.addends])


@dataclass(frozen=True)
class Separation:
    """A program's terms.

    Attributes
    ----------
    kinds : list of TermKind
    fixed : list
        Addends that are numbers, or elements of batch arguments.
    """

    kinds: list[TermKind]
    fixed: list[_Addend]

    @property
    def operations(self) -> int:
        """Nodes of all terms, once for each coordinate."""
        return sum(kind.coordinates.size * max(len(kind.program.nodes), 1) for kind in self.kinds)

    def fixed_sums(self, constants: Sequence[float], rows: Array, outputs: int) -> Array:
        """What is fixed of each output (N, M), at points with these rows."""
        found = np.zeros((len(rows), outputs))
        with np.errstate(all="ignore"):
            for output, sign, scale, (tag, k) in self.fixed:
                number = rows[:, int(k)] if tag == "b" else _number((tag, k), constants)
                found[:, output] += sign * _factor(scale, constants) * number
        return found


def separated(program: Program) -> Separation | None:
    """A program as sums of terms; None where there is no such, or not of few coordinates and of few kinds.

    And of one that has ways which have not been traced.
    """
    if program.tables or program.sampled:
        return None
    return _Separating(program).run()


@dataclass
class _Separating:
    program: Program
    fixed: list[_Addend] = field(default_factory=list)
    kinds: dict[Any, tuple[Program, list[tuple[_Addend, list[int], list[int]]]]] = field(default_factory=dict)

    def run(self) -> Separation | None:
        left = MOST * (len(self.program.nodes) + len(self.program.outputs))
        stack = [_Addend(k, 1.0, (), o) for k, o in reversed(list(enumerate(self.program.outputs)))]
        while stack:
            addend = stack.pop()
            inside = self._inside(addend)
            if inside:
                stack += reversed(inside)
                left -= 1
            elif addend.operand[0] in "kcb":
                self.fixed.append(addend)
            elif found := self._add(addend):
                left -= found
            else:
                return None
            if left < 0 or len(self.kinds) > KINDS:
                return None
        return Separation([self._kind(*found) for found in self.kinds.values()], self.fixed) if self.kinds else None

    def _inside(self, addend: _Addend) -> list[_Addend]:
        """What an addend is the sum of; nothing if it is a term."""
        output, sign, scale, (tag, j) = addend
        name, *operands = self.program.nodes[j] if tag == "v" else ("",)
        if name == "neg":
            return [addend._replace(sign=-sign, operand=operands[0])]
        if name in SUMS:
            a, b = operands
            return [addend._replace(operand=a), _Addend(output, -sign if name == "-" else sign, scale, b)]
        found = self._scaled(addend.operand)
        if found and self._is_sum(found[1]):
            return [_Addend(output, sign, (*scale, (name, found[0])), found[1])]
        return []

    def _scaled(self, operand: Operand) -> tuple[Operand, Operand] | None:
        """A number, and what is multiplied with it or divided by it."""
        name, *operands = self.program.nodes[int(operand[1])] if operand[0] == "v" else ("",)
        if name not in _SCALING:
            return None
        a, b = operands[::-1] if name == "*" and operands[0][0] in "kc" else operands
        return (b, a) if b[0] in "kc" else None

    def _is_sum(self, operand: Operand) -> bool:
        """Whether it is a sum, or one times a number."""
        while found := self._scaled(operand):
            operand = found[1]
        return operand[0] == "v" and self.program.nodes[int(operand[1])][0] in SUMS

    def _add(self, addend: _Addend) -> int:
        """Put a term to those that are made like it; how many nodes it has, 0 if it is of too many coordinates."""
        term = _Term(self.program, addend.operand)
        key = term.key
        if key not in self.kinds:
            if not 0 < len(term.inputs) <= WIDEST:
                return 0
            self.kinds[key] = (term.written(), [])
        self.kinds[key][1].append((addend, term.inputs, term.beside))
        return max(len(term.nodes), 1)

    @staticmethod
    def _kind(program: Program, terms: list[tuple[_Addend, list[int], list[int]]]) -> TermKind:
        addends, inputs, beside = zip(*terms, strict=True)
        outputs = np.array([addend.output for addend in addends], dtype=np.intp)
        numbers = np.array(beside, dtype=np.intp).reshape(len(terms), -1)
        return TermKind(program, np.array(inputs, dtype=np.intp), numbers, outputs, list(addends))


class _Term:
    """A term as a program of its own."""

    def __init__(self, program: Program, root: Operand) -> None:
        self.program, self._own = program, dict[Operand, Operand]()
        self.inputs, self.beside, self.zeros = list[int](), list[int](), list[float]()
        self.nodes = list[tuple[Any, ...]]()
        for n, j in enumerate(_needed(program, root)):
            name, *operands = program.nodes[j]
            self.nodes.append((name, *map(self._of, operands)))
            self._own["v", j] = RESULTS[n]
        self.root = self._of(root)

    def _of(self, operand: Operand) -> Operand:
        found = self._own.get(operand)
        if found is not None:
            return found
        tag, k = operand
        if tag == "x":
            found = self._own[operand] = ("x", len(self.inputs))
            self.inputs.append(k)
        elif tag in "cb":
            found = self._own[operand] = ("b", len(self.beside))
            self.beside.append(k if tag == "c" else len(self.program.constants) + k)
        else:
            if tag == "k" and k == 0.0:
                self.zeros.append(math.copysign(1.0, k))
            found = operand
        return found

    @property
    def key(self) -> Any:
        """The same of terms that are made alike; 0.0 and -0.0 are equal."""
        return tuple(self.nodes), self.root, tuple(self.zeros), len(self.inputs), len(self.beside)

    def written(self) -> Program:
        """The program."""
        how: dict[str, Any] = {"nodes": tuple(self.nodes), "outputs": (self.root,), "shape": (), "constants": ()}
        return replace(self.program, inputs=len(self.inputs), rows=len(self.beside), branches=0, **how)


def _needed(program: Program, operand: Operand) -> list[int]:
    """The nodes of a term."""
    nodes, found, stack = program.nodes, set[int](), [operand]
    while stack:
        tag, j = stack.pop()
        if tag == "v" and j not in found:
            found.add(j)
            stack += nodes[j][1:]
    return sorted(found)


def _factor(scale: Scale, constants: Sequence[float]) -> float:
    found = 1.0
    for name, operand in scale:
        number = _number(operand, constants)
        found = found * number if name == "*" else found / number if number else math.inf
    return found


def _number(operand: Operand, constants: Sequence[float]) -> float:
    tag, k = operand
    return float(k if tag == "k" else constants[int(k)])

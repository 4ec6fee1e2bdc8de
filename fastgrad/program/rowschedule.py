"""A program with sums over tables run by NumPy: each row of a table is a point of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .program import Operand, Program
from .schedule import Schedule, schedule
from .stages import StageLoop, stages
from .sums import Summed

Array = NDArray[np.float64]


class _Step(NamedTuple):
    """What is computed from what is there, at points or at the rows of a table beside each point."""

    steps: Schedule
    read: list[Operand]
    table: int | None
    made: list[Operand]


class RowSchedule:
    """Steps that compute a program with tables, perhaps made from one that was summed, as `Schedule` does.

    Attributes
    ----------
    operations : int
        How many nodes are computed.
    """

    def __init__(self, program: Program, summed: Summed | None = None) -> None:
        self.program, self.summed = program, summed
        self.steps: list[_Step] = []
        for nodes, loops in stages(program):
            if nodes:
                self.steps.append(self._step(nodes, [("v", j) for j in nodes], [("v", j) for j in nodes]))
            for loop in loops:
                made: list[Operand] = [("v", j) for j in loop.sums]
                self.steps.append(self._step(loop.nodes, [*loop.sums.values()], made, loop))
        self.operations = sum(step.steps.operations for step in self.steps)

    def _step(
        self, nodes: list[int], outputs: list[Operand], made: list[Operand], loop: StageLoop | None = None
    ) -> _Step:
        own: dict[Operand, Operand] = {("v", j): ("v", n) for n, j in enumerate(nodes)}
        read: dict[Operand, Operand] = {}

        def here(o: Operand) -> Operand:
            return own[o] if o in own else o if o[0] in "kct" else read.setdefault(o, ("x", len(read)))

        written = tuple((self.program.nodes[j][0], *map(here, self.program.nodes[j][1:])) for j in nodes)
        part = replace(self.program, nodes=written, outputs=tuple(map(here, outputs)), rows=0, tables=())
        steps = schedule(replace(part, inputs=len(read)))
        return _Step(steps, list(read), loop.table if loop else None, made)

    def values(self, points: Array, constants: Sequence[float]) -> Array:
        """The outputs (K, P) at points in columns; the constants are those of the program that was summed, or all."""
        numbers = self.summed.numbers(constants) if self.summed else np.asarray(constants)
        left, inputs = len(self.program.constants), self.program.inputs
        fixed: list[float] = numbers[:left].tolist()
        there: dict[Operand, Array] = {("x", i): row for i, row in enumerate(points[:inputs])}
        there |= {("b", i): row for i, row in enumerate(points[inputs:])}
        tables, start = list[Array](), left
        for rows, columns in self.program.tables:
            tables.append(numbers[start : start + rows * columns].reshape(columns, rows))
            start += rows * columns
        for step in self.steps:
            if step.table is None:
                found = step.steps.values(_stacked([there[o] for o in step.read], points), fixed)
            else:
                found = self._sums(step, there, tables[step.table], fixed)
            there |= dict(zip(step.made, found, strict=True))
        count = points.shape[1]
        return np.array([self._output(o, there, fixed, count) for o in self.program.outputs]).reshape(-1, count)

    def _sums(self, step: _Step, there: dict[Operand, Array], table: Array, fixed: list[float]) -> Array:
        """Sums over the rows of a table: a point after the other, and its rows."""
        rows, count = table.shape[1], len(there["x", 0])
        first = sum(columns for _, columns in self.program.tables[: step.table])
        read = [
            np.tile(table[int(o[1]) - first], count) if o[0] == "d" else np.repeat(there[o], rows) for o in step.read
        ]
        terms = step.steps.values(np.array(read).reshape(len(read), rows * count), fixed)
        with np.errstate(all="ignore"):
            total: Array = terms.reshape(-1, count, rows).sum(axis=2)
        return total

    def _output(self, o: Operand, there: dict[Operand, Array], fixed: list[float], count: int) -> Array:
        if o[0] == "k":
            return np.full(count, float(o[1]))
        return np.full(count, fixed[int(o[1])]) if o[0] == "c" else there[o]


def _stacked(rows: list[Array], points: Array) -> Array:
    return np.array(rows).reshape(len(rows), points.shape[1])

"""Exact derivatives at a few points, by NumPy: all nodes of one operation in one call, and nothing to compile.

A gradient takes 30 to 60 us for 2 to 1 000 variables, of which LLVM needs 20 ms to 1 s to make a kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...formulas.stencils import Table
from ...llvm.memory import Memory
from ...program.differences import Written
from ...program.exact import exact
from ...program.program import Program
from ...program.schedule import Schedule, schedule
from ...results import EPS
from ..bound import Bound
from ..call import Call, Output, Target
from .arguments import batch_rows
from .comparison import compare, compare_slopes

Array = NDArray[np.float64]

LOOKED_AT = 4  # of these, when f is compared with its trace
REPEATED = 1000  # points at which f is asked whether it raises

_schedules: Memory[tuple[Written, Schedule]] = Memory(1024)


def scheduled(program: Program, table: Table) -> tuple[Written, Schedule]:
    """A table written out, with f's outputs behind its results, and how NumPy computes it."""
    key = (program.structure, table.key)
    known = _schedules.get(key)
    if known is None:
        written = exact(program, table, watch=True)
        known = _schedules.keep(key, (written, schedule(written.program)))
    return known


def derivatives(program: Program, table: Table) -> Callable[[Array], Array]:
    """What takes points in columns, with what lies beside them, and gives a table's results (M K, P)."""

    def run(columns: Array) -> Array:
        return _run(program, table, columns)[0]

    return run


def _run(program: Program, table: Table, columns: Array) -> tuple[Array, Array]:
    """The results and f's outputs at points in columns."""
    written, steps = scheduled(program, table)
    found = steps.values(columns, program.constants)
    results, _, watched, _ = (found[part] for part in written.parts)
    if written.places is not None:
        every = np.zeros((len(program.outputs) * len(table.scale), columns.shape[1]))
        every[list(written.places)] = results
        results = every
    return results, watched


def beside(call: Call, picks: Any = slice(None)) -> Array:
    """Points in columns, with their rows of batch arguments, and v."""
    parts = [call.points.row(picks)]
    if call.batch:
        parts.append(batch_rows(call, picks))
    if call.v is not None:
        parts += [call.v[picks], np.ones((len(parts[0]), 1))]
    return np.concatenate(parts, axis=1).T


def checked_code(call: Call, program: Program) -> ScheduledCode:
    """The code, once f has been compared with its trace, and its derivative with a difference."""
    if call.points.dimension and call.points.count:
        written, steps = scheduled(program, call.table)
        v = np.zeros(written.program.rows - program.rows)

        def evaluate(points: Array, rows: Array) -> list[list[float]]:
            beside = np.concatenate([rows[: len(points)], np.broadcast_to(v, (len(points), v.size))], axis=1)
            columns = np.concatenate([points, beside], axis=1).T
            outputs: list[list[float]] = steps.values(columns, program.constants)[written.parts[2]].T.tolist()
            return outputs

        compare(call, LOOKED_AT, evaluate)
        compare_slopes(call, derivatives(program, call.table))
    return ScheduledCode(program, call.table)


@dataclass(frozen=True)
class ScheduledCode:
    """A program and a table as calls of NumPy."""

    program: Program
    table: Table
    eps: float = EPS

    @property
    def description(self) -> str:
        """How f is run."""
        nodes = len(scheduled(self.program, self.table)[0].program.nodes)
        return f"f of {len(self.program.nodes)} operations, with its derivatives {nodes}, by NumPy"

    def bind(self, call: Call, out: Output, values: Array | None = None) -> Bound:
        """The code with the arrays of a call; one thread does all of it."""
        made = out.reserve(self.program.shape) if isinstance(out, Target) else out
        flat, count = made.reshape(call.points.count, -1), call.points.count

        def work(start: int, stop: int) -> None:
            results, outputs = _run(self.program, call.table, beside(call))
            flat[...] = results.T
            if values is not None:
                values[...] = outputs[0]
            if self.program.raises:
                ask(call, np.flatnonzero(~np.isfinite(outputs).all(axis=0)))

        return Bound("simd", call, work, count, count, count)


def ask(call: Call, rows: NDArray[np.intp]) -> None:
    """Call f where its value is not finite: where Python's math raises, so does it."""
    for n in rows[:REPEATED].tolist():
        call.f(call.argument(call.points.row(n)), *call.args_at(n))


def recompute(program: Program, call: Call, out: Array, rows: NDArray[np.intp]) -> None:
    """Derivatives at points that a kernel has only marked."""
    for some in np.array_split(rows, max(1, len(rows) * prod(out.shape[1:]) // 2**20)):
        if some.size:
            out[some] = _run(program, call.table, beside(call, some))[0].T

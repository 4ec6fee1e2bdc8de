"""Exact derivatives at a few points, by NumPy: all nodes of one operation in one call, and nothing to compile.

A gradient takes 30 to 60 us for 2 to 1 000 variables, of which LLVM needs 20 ms to 1 s to make a kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...formulas import stencils
from ...formulas.stencils import Table
from ...formulas.values import as_numbers
from ...llvm.memory import Memory
from ...program import saturation
from ...program.differences import Written
from ...program.exact import exact
from ...program.program import Program
from ...program.rowschedule import RowSchedule
from ...program.schedule import Schedule, schedule
from ...program.sums import summed
from ...program.trace.recording import ManyWaysError, Untraceable
from ...results import EPS, EngineError
from ..bound import Bound, Fill, bound_anew, bound_at_once
from ..call import Call, Output, batch_rows, subset
from .comparison import FEW_LOOKED_AT, compare, compare_slopes
from .traces import is_settled, sampled

Array = NDArray[np.float64]

CAREFUL = 20_000  # f's operations times coordinates, up to which forward mode is written out for all coordinates
ASKED = 1000  # points with values that are not finite
PATIENT = 1e9  # and times points: up to here each coordinate is a point of its own, beyond a result stays NaN

_schedules: Memory[tuple[Written, Schedule | RowSchedule]] = Memory(1024)


def scheduled(program: Program, table: Table, *, careful: str = "") -> tuple[Written, Schedule | RowSchedule]:
    """A table written out, with f's outputs behind its results, and how NumPy computes it."""
    key = (program.structure, table.key, careful)
    return _schedules.get(key) or _schedules.keep(key, _scheduled(program, table, careful))


def _scheduled(program: Program, table: Table, careful: str) -> tuple[Written, Schedule | RowSchedule]:
    rows = None if careful or program.tables else summed(program)
    if rows or program.tables:
        written = exact(rows.program if rows else program, table, watch=True)
        return written, RowSchedule(written.program, rows)
    written = exact(program, table, watch=True, careful=careful, ordered=False)
    return written, schedule(written.program)


def derivatives(program: Program, table: Table) -> Callable[[Array], Array]:
    """What takes points in columns, with what lies beside them, and gives a table's results (M K, P)."""

    def run(columns: Array) -> Array:
        return _run(program, table, columns)[0]

    return run


def _run(program: Program, table: Table, columns: Array) -> tuple[Array, Array]:
    """The results and f's outputs at points in columns."""
    results, outputs = _plainly(program, table, columns)
    if program.tables:  # a sum over rows that is not finite has no derivative
        results[np.repeat(~np.isfinite(outputs), len(results) // len(outputs), axis=0)] = np.nan
        return results, outputs
    if not np.isfinite(results).all():
        results = _mended(program, table, columns, results)
    if not np.isfinite(outputs).all():
        _forget(program, columns, results, outputs)
    return results, outputs


def _mended(program: Program, table: Table, columns: Array, results: Array) -> Array:
    """Results of which those that are NaN are computed with care, if x is none."""
    short, modes = program.inputs * len(program.nodes) <= CAREFUL, [_with_care(saturation.REVERSE)]
    if program.inputs in table.units and table.stencil.derivative == 1:
        modes = [_by_coordinates] if short else []
    elif short:
        modes.append(_with_care(saturation.FORWARD))
    elif table.along_axes and table.stencil.derivative == 1:
        modes.append(_axis_by_axis)
    for mode in modes:
        bad = np.isnan(results).any(axis=0) & ~np.isnan(columns).any(axis=0)
        if bad.any():
            there, before = columns[:, bad], results[:, bad]
            again = np.where(np.isnan(before), mode(program, table, there), before)
            if table.along_axes and (short or mode is _axis_by_axis):
                _forget_ends(program, there, before, again)
            results[:, bad] = again
    return results


def _with_care(mode: str) -> Callable[[Program, Table, Array], Array]:
    return lambda program, table, columns: _plainly(program, table, columns, careful=mode)[0]


def _axis_by_axis(program: Program, table: Table, columns: Array) -> Array:
    """First derivatives in forward mode, each axis a point of its own: written out for all of them it were too long."""
    d, count = program.inputs, columns.shape[1]
    if d * len(program.nodes) * count > PATIENT:
        return np.full((len(program.outputs) * d, count), np.nan)
    along = stencils.jvp(d, 2, table.stencil.method)
    found = []
    for point in columns.T[:, : d + program.rows]:
        lanes = np.concatenate([np.repeat(point[:, None], d, axis=1), np.eye(d), np.ones((1, d))])
        found.append(_plainly(program, along, lanes, careful=saturation.FORWARD)[0].reshape(-1))
    return np.stack(found, axis=1)


def _forget_ends(program: Program, columns: Array, before: Array, again: Array) -> None:
    """Where an operation ends its two sides were taken for mirrored; where f is NaN on one of them they are not.

    sqrt(x * x) has the slope 0 at 0, (x**3)**(1/3) has none.
    """
    f, layout = schedule(program), (len(program.outputs), -1, columns.shape[1])
    slopes, mended = again.reshape(layout), (np.isnan(before) & ~np.isnan(again)).reshape(layout)
    for unit in np.flatnonzero(mended.any(axis=(0, 2))).tolist():
        for side in (saturation.ASIDE, -saturation.ASIDE):
            moved = columns.copy()
            moved[unit] += side * np.maximum(1.0, np.abs(moved[unit]))
            slopes[:, unit][mended[:, unit] & np.isnan(f.values(moved, program.constants))] = np.nan


def _by_coordinates(program: Program, table: Table, columns: Array) -> Array:
    """The derivatives along v, in which a coordinate that v does not move has no say, whatever its derivative is."""
    own = program.inputs + program.rows
    jacobian = _run(program, stencils.jacobian(program.inputs, 2, table.stencil.method), columns[:own])[0]
    slopes, v = jacobian.reshape(-1, program.inputs, columns.shape[1]), columns[own : own + program.inputs]
    with np.errstate(all="ignore"):
        total: Array = np.where(v == 0.0, 0.0, slopes * v).sum(axis=1)
    return total


def _forget(program: Program, columns: Array, results: Array, outputs: Array) -> None:
    """Where f is NaN so is every result. Where it is infinite as a number in it has overflowed, a finite one says
    nothing: of sqrt(1 + x * x) at 1e200 it is 0. Of x * x, which itself overflows, it is right."""
    unknown, own = ~np.isfinite(outputs), program.inputs + program.rows
    bad = unknown.any(axis=0)
    x = columns[:own, bad]
    nodes = replace(program, outputs=tuple(("v", j) for j in range(len(program.nodes))))
    overflowed = saturation.overflowed(program, x, schedule(nodes).values(x, program.constants))
    unknown[:, bad] &= overflowed
    each = len(results) // len(outputs)
    results[np.isfinite(results) & np.repeat(unknown, each, axis=0)] = np.nan
    results[np.repeat(np.isnan(outputs), each, axis=0)] = np.nan


def _plainly(program: Program, table: Table, columns: Array, *, careful: str = "") -> tuple[Array, Array]:
    written, steps = scheduled(program, table, careful=careful)
    found = steps.values(columns, program.numbers.tolist() if program.tables else program.constants)
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

        compare(call, program, FEW_LOOKED_AT, evaluate)
        compare_slopes(call, program, partial(derivatives, program))
    return ScheduledCode(program, call.table)


@dataclass(frozen=True)
class ScheduledCode:
    """A program and a table as calls of NumPy."""

    program: Program
    table: Table
    eps: float = EPS
    is_shared: bool = False

    @property
    def description(self) -> str:
        """How f is run."""
        nodes = scheduled(self.program, self.table)[1].operations
        return f"f of {len(self.program.nodes)} operations, with its derivatives {nodes}, by NumPy"

    def bind(self, call: Call, out: Output, values: Array | None = None) -> Bound:
        """The code with the arrays of a call; one thread does all of it."""

        def fill(flat: Array) -> None:
            results, outputs = _asked(self.program, call, np.arange(call.points.count))
            flat[...] = results.T
            if values is not None:
                values[...] = _own_values(call, np.arange(call.points.count), outputs[0])

        return bound_at_once(call, out, self.program.shape, fill)

    def again(self, call: Call, _: Array) -> Fill | None:
        """As that of `DisplacedCode`."""
        return bound_anew(self, call) if is_settled(call, self.program) else None


def _asked(
    program: Program, call: Call, rows: NDArray[np.intp], *, anew: bool = False
) -> tuple[Array, Array]:  # fmt: skip
    """The results and f's outputs at some points; f is called where its value, by its trace, is not finite.

    Where Python's math raises, so does it. Where it takes a way through f that no point of the sample has taken it is
    traced anew, with these points for a sample.
    """
    results, outputs = _run(program, call.table, beside(call, rows))
    if program.raises:
        missed = _missed(call, rows, outputs.T)
        if len(missed) and (not program.sampled or (anew and len(missed) == len(rows))):
            raise EngineError(_CATCHES.format(call.points.row(int(rows[missed[0]]))))
        if len(missed):
            results[:, missed], outputs[:, missed] = _anew(call, rows[missed])
    return results, outputs


def _anew(call: Call, rows: NDArray[np.intp]) -> tuple[Array, Array]:
    """As `_asked`, by the ways that these points take; by halves, where there are too many of them."""
    try:
        own = sampled(subset(call, rows))
    except Untraceable as refused:
        if not isinstance(refused, ManyWaysError) or len(rows) == 1:
            raise EngineError(str(refused)) from None
        (a, b), (c, d) = (_anew(call, some) for some in np.array_split(rows, 2))
        return np.concatenate([a, c], axis=1), np.concatenate([b, d], axis=1)
    return _asked(own, call, rows, anew=True)


def _missed(call: Call, rows: NDArray[np.intp], traced: Array) -> list[int]:
    """At which of some points f has a value and its program has none."""
    missed = []
    for k in np.flatnonzero(~np.isfinite(traced).all(axis=1)).tolist():
        value = np.ravel(as_numbers(call.value_at(int(rows[k]))))
        if (np.isfinite(value) & ~np.isfinite(traced[k])).any():
            missed.append(k)
    return missed


def _own_values(call: Call, rows: NDArray[np.intp], traced: Array) -> Array:
    """f's values, of which those that are not finite are f's own: a sum may overflow in another order.

    Of very many the first are asked for, and if these agree all are believed.
    """
    bad = np.flatnonzero(~np.isfinite(traced))
    if not bad.size:
        return traced
    own = traced.copy()
    for some in (bad[:ASKED], bad[ASKED:]):
        for k in some.tolist():
            own[k] = as_numbers(call.value_at(int(rows[k])))
        if np.array_equal(own[some], traced[some], equal_nan=True):
            break
    return own


_CATCHES = (
    "f has a value of its own at {}, where a trace of f has none: it catches an exception of math there, or something "
    "on the way has no derivative, as the angle of a complex number on its cut; use np.where instead of try, or "
    "method='central' or 'adaptive', which call f"
)


def recompute(program: Program, call: Call, out: Array, values: Array | None, rows: NDArray[np.intp]) -> None:
    """Derivatives at points that a kernel has only marked; f itself is asked there if it may raise."""
    for some in np.array_split(rows, max(1, len(rows) * prod(out.shape[1:]) // 2**20)):
        if some.size:
            results, outputs = _asked(program, call, some)
            out[some] = results.T
            if values is not None:
                values[some] = _own_values(call, some, outputs[0])

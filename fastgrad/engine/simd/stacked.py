"""The simd engine for tables too large to compile: displaced points as rows, f itself compiled once for all of them.

The Jacobian of 100 outputs by 100 coordinates would be a kernel of 10 000 results. f itself is 600 operations, which
run on 200 displaced points a vector at a time: 0.2 s to compile and 60 us to run, where Python takes 1.6 ms.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...formulas import stencils
from ...llvm import machine
from ...program.program import Program
from ...results import EPS
from ..bound import Bound, Code
from ..call import Call, Output, Rows, reserved
from .repairs import Values, mend

Array = NDArray[Any]
BLOCK = 1 << 16  # coordinates of displaced points at a time: they stay in the second-level cache


class StackedCode:
    """A table by f's own code, which has been compared with f.

    Parameters
    ----------
    f : Code
        The program of f with the table `value`.
    program : Program
    values_at : callable
        f's values at the points of a call.
    """

    eps, is_shared = EPS, True

    def __init__(self, f: Code, program: Program, values_at: Values) -> None:
        self.f, self.program, self.values_at = f, program, values_at

    @property
    def description(self) -> str:
        """How f is run."""
        return f"as {len(self.program.nodes)} operations on {machine.lanes()} lanes, displaced points in rows"

    def bind(self, call: Call, out: Output, values: Array | None = None) -> Bound:
        """f's code with the arrays of a call; items are points, or the directions of a single one."""
        made = reserved(out, self.program.shape)
        count, each = call.points.count, call.table.count
        flat = made.reshape(count, -1)
        stack = _Stack(call, len(self.program.outputs), self.f)
        whole = flat.reshape(count, stack.outputs, -1)
        sums = stack.room()

        def finish() -> None:
            if count == 1:
                stack.combine(0, sums, whole[0])
            if values is not None:
                own = replace(call, table=stencils.value(), value=False)
                self.f.bind(own, values.reshape(-1, 1)).fill(1)
            mend(
                call, flat, values, np.flatnonzero(~np.isfinite(flat).all(axis=1)), self.values_at, self.program.raises
            )

        if count > 1:
            return Bound("simd", call, lambda a, b: stack.points(a, b, whole), count, 1, count, finish=finish)
        work = lambda a, b: stack.sums(0, a, b, sums, whole[0])
        return Bound("simd", call, work, each, stack.each, each, finish=finish)


class _Stack:
    """The table of a call, direction by direction; `outputs` is the number of f's outputs, `f` its code."""

    def __init__(self, call: Call, outputs: int, f: Code) -> None:
        self.call, self.table, self.outputs, self.f = call, call.table, outputs, f
        self.steps, self.ts = call.steps_for(EPS), call.t_for(EPS)
        self.simple = self.table.parts.shape[1] == 1  # each sum is an output
        self.offsets = [k for k in self.table.stencil.offsets if k]
        self.each = max(BLOCK // (max(call.points.dimension, 1) * len(self.offsets)), 1)

    def point(self, n: int) -> tuple[Array, Array]:
        """The coordinates of a point, and the steps of its unit vectors."""
        row = np.asarray(self.call.points.row(n), dtype=np.float64)
        size = self.steps.size[n] if self.steps.size.ndim == 2 else self.steps.size
        at = replace(self.steps, size=size)
        if self.call.moves_coordinates:
            at.check(row)
        return row, np.append(np.broadcast_to(at.at(row), row.shape), 1.0 if self.ts is None else self.ts[n])

    def combine(self, n: int, sums: Array, out: Array) -> None:
        """The table's outputs (M, K) from the sums of its directions (R, M), where several make one."""
        if not self.simple:
            with np.errstate(all="ignore"):
                out[...] = self.table.combine(sums.T, self.point(n)[1])

    def sums(self, n: int, first: int, last: int, into: Array, out: Array) -> None:
        """The stencil's sums along directions [first, last) at a point; those that are outputs go to `out`."""
        row, h = self.point(n)
        base = self._values(row[:, None], n)[0] if self.table.uses_base else np.zeros(self.outputs)
        divisors = self.table.scale * h[self.table.divisors].prod(axis=-1) if self.simple else h
        for start in range(first, last, self.each):
            stop = min(start + self.each, last)
            found = self._values(self._displaced(row, h, n, start, stop), n)
            by_offset = dict(zip(self.offsets, found.reshape(len(self.offsets), stop - start, -1), strict=True))
            at = [by_offset.get(k, base) for k in self.table.stencil.offsets]
            with np.errstate(all="ignore"):
                total = sum(c * (at[a] - at[b]) for c, a, b in self.table.stencil.terms)
                if self.simple:
                    np.divide(np.asarray(total).T, divisors[start:stop], out=out[:, start:stop])
                else:
                    into[start:stop] = total

    def points(self, first: int, last: int, out: Array) -> None:
        """The table's outputs at points [first, last)."""
        sums = self.room()
        for n in range(first, last):
            self.sums(n, 0, self.table.count, sums, out[n])
            self.combine(n, sums, out[n])

    def room(self) -> Array:
        """Memory for the sums at a point."""
        return np.empty((0 if self.simple else self.table.count, self.outputs))

    def _values(self, columns: Array, n: int) -> Array:
        """f at the points in columns: (R, M)."""
        wanted, lanes = columns.shape[1], machine.lanes()
        if wanted < lanes:  # a vector has to be full
            columns = columns.take(np.minimum(np.arange(lanes), wanted - 1), axis=1)
        count = columns.shape[1]
        values = np.empty((self.outputs, count)).T
        points, picks = Rows(columns.T, self.call.points.shape), np.full(count, n)
        call = replace(
            self.call, points=points, table=stencils.value(), steps=self.steps_of_value, v=None, t=None, value=False,
            batch=tuple(a[picks] for a in self.call.batch), bounds=None, expected=self.call.total,
        )  # fmt: skip
        bound = self.f.bind(call, values)
        bound.work(0, bound.items)
        return values[:wanted]

    @property
    def steps_of_value(self) -> Any:
        return replace(self.steps, rule="default", size=np.asarray(1.0))

    def _displaced(self, row: Array, h: Array, n: int, start: int, stop: int) -> Array:
        """A point in columns, each moved along a direction: those of the first offset, then of the second, ..."""
        starts, count = self.table.starts[start : stop + 1], stop - start
        some = slice(starts[0], starts[-1])
        units, signs, places = (
            self.table.units[some],
            self.table.signs[some],
            np.repeat(np.arange(count), np.diff(starts)),
        )
        one, along = np.flatnonzero(units < row.size), np.flatnonzero(units == row.size)
        columns = np.repeat(row[:, None], len(self.offsets) * count, axis=1)
        with np.errstate(all="ignore"):
            for q, k in enumerate(self.offsets):
                columns[units[one], q * count + places[one]] += signs[one] * k * h[units[one]]
                self._move_along(columns, q * count + places[along], signs[along] * k * h[-1], n)
        return columns

    def _move_along(self, columns: Array, places: Array, far: Array, n: int) -> None:
        if places.size and self.call.v is not None:
            v = self.call.v[n]
            moving = np.flatnonzero(v)  # the others keep their bits, -0.0 too
            columns[np.ix_(moving, places)] += far * v[moving, None]

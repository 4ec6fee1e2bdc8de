"""Differences at some points by NumPy: f's program runs on all displaced points at once, and nothing is compiled.

At 100 points of sin(x0 * x1) a gradient takes a fifth of the time that it takes with 400 calls of f. Written out as a
program, as for kernels, differences are 20 to 30 calls of NumPy more, each as long as the arithmetic of 400 points. In
blocks that fit into the second-level cache a program of 300 operations took 1.5 to 6 times as long as on all points at
once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...formulas.stencils import Table
from ...program.program import Program
from ...program.schedule import schedule
from ...results import EPS
from ..bound import Bound, Fill, bound_anew, bound_at_once
from ..call import Call, Output, batch_rows, subset
from .comparison import FEW_LOOKED_AT, compare
from .repairs import Values, mend, mended, not_finite_in
from .traces import is_settled

Array = NDArray[np.float64]

AT_ONCE = 1 << 15  # displaced points of what is computed again
NUMBERS = 1 << 24  # of all nodes at these, 128 MB


class DisplacedCode:
    """A program as calls of NumPy, for any table of differences without a vector v."""

    eps, is_shared = EPS, False

    def __init__(self, program: Program) -> None:
        self.program, self.steps = program, schedule(program)
        self.outputs = len(program.outputs)

    @property
    def description(self) -> str:
        """How f is run."""
        return f"as {len(self.program.nodes)} operations by NumPy, on all displaced points at once"

    def bind(self, call: Call, out: Output, values: Array | None = None) -> Bound:
        """The code with the arrays of a call; one thread does all of it."""

        def fill(flat: Array) -> None:
            self.fill(call, flat, values)
            good = np.isfinite(flat)
            if values is not None:
                good &= np.isfinite(values)[:, None]
            if not good.all():
                bad = np.flatnonzero(~good.all(axis=1))
                mend(call, flat, values, bad, self.values_at, self.program.raises)

        return bound_at_once(call, out, self.program.shape, fill)

    def fill(self, call: Call, out: Array, values: Array | None) -> None:
        """The derivatives (N, M K), and f's values at the points."""
        first = call.table.along_axes and call.table.stencil.derivative == 1
        with np.errstate(all="ignore"):
            (self._fill if first else self._fill_combined)(call, out, values)

    def again(self, call: Call, _: Array) -> Fill | None:
        """What fills other arrays of these shapes; None where sides of branches are to be looked at."""
        return bound_anew(self, call) if is_settled(call, self.program) else None

    def values_at(self, call: Call) -> Array:
        """f's values at the points of a call: (N, M)."""
        return self.steps.values(self._beside(call, call.points.row(slice(None)).T)).T

    def evaluate(self, points: Array, rows: Array) -> list[list[float]]:
        """f's outputs at some points, which have the first of some rows of batch arguments."""
        columns = np.concatenate([points, rows[: len(points)]], axis=1).T
        outputs: list[list[float]] = self.steps.values(columns).T.tolist()
        return outputs

    def _fill(self, call: Call, out: Array, values: Array | None) -> None:
        """The derivatives (N, M D), and f's values at the points."""
        x = call.points.row(slice(None))
        h, formula, (count, dimension) = call.steps.checked(x).T, call.table.stencil, x.shape
        columns, shape = _displaced(x.T, h, formula.displaced), (len(formula.displaced), dimension, count)
        total = self._sums(call, x.T, columns, shape, values)
        np.divide(total, formula.denominator * h, out=out.reshape(count, self.outputs, dimension).transpose(1, 2, 0))

    def _fill_combined(self, call: Call, out: Array, values: Array | None) -> None:
        """As `_fill`, by directions that move several coordinates, whose sums a table combines: (N, M K)."""
        x, table = call.points.row(slice(None)), call.table
        h, shape = call.steps.checked(x), (len(table.stencil.displaced), table.count, len(x))
        total = self._sums(call, x.T, _displaced_together(x.T, h.T, table), shape, values)
        out.reshape(len(x), self.outputs, -1)[...] = table.combine(total.transpose(2, 0, 1), h[:, None])

    def _sums(self, call: Call, x: Array, columns: Array, shape: tuple[int, ...], values: Array | None) -> Array:
        """The stencil's sums along all directions, (M, R, N); f at the points goes to `values`."""
        around: Any = self.steps.values(self._beside(call, columns)).reshape(self.outputs, *shape)
        center: Any = self.steps.values(self._beside(call, x)) if call.needs_base else None
        total: Any = 0.0
        for number, a, b in call.table.stencil.pairs:
            difference = around[:, a] - (center[:, None] if b < 0 else around[:, b])
            if number != 1:
                difference *= number
            total = np.add(total, difference, out=difference)
        if values is not None:
            values[...] = center[0]
        sums: Array = total
        return sums

    def _beside(self, call: Call, columns: Array) -> Array:
        """Points in columns, above what lies beside them: the rows of the batch arguments, for each displacement."""
        if not call.batch:
            return columns
        rows = batch_rows(call, slice(None)).T
        return np.concatenate([columns, np.tile(rows, columns.shape[1] // rows.shape[1])])


def mend_items(
    program: Program, call: Call, out: Array, values: Array | None, chunks: list[tuple[int, int]], f: Values
) -> None:  # fmt: skip
    """Compute what kernels have marked again: by f's own operations where these are finite, else by f itself.

    Differences that are propagated tell nothing where a step is too long for them, as that of exp(1e6 * x): f is
    finite there, and would be called from Python for each.
    """
    rows = not_finite_in(call, out, values, chunks)
    unclear = program.raises or program.sampled or program.tables or call.table.is_value
    if not unclear and call.v is None and call.bounds is None:
        rows = _by_operations(program, call, out, values, rows)
    mend(call, out, values, rows, f, program.raises)


def _by_operations(
    program: Program, call: Call, out: Array, values: Array | None, rows: NDArray[np.intp]
) -> NDArray[np.intp]:  # fmt: skip
    """The points whose differences, by f's operations at all displaced points, are not finite either."""
    each = max(call.table.displacements, 1)
    at_once = min(max(AT_ONCE // each, 1), NUMBERS // (each * max(len(program.nodes), 1)))
    if not at_once:  # of thousands of variables f takes less time
        return rows
    code, left = DisplacedCode(program), list[NDArray[np.intp]]()
    for start in range(0, len(rows), at_once):
        some = rows[start : start + at_once]
        fresh, seen = np.empty((len(some), out.shape[1])), None if values is None else np.empty(len(some))
        code.fill(subset(call, some), fresh, seen)
        good = np.isfinite(fresh).all(axis=1) & (True if seen is None else np.isfinite(seen))
        out[some[good]] = mended(out[some[good]], fresh[good])
        if values is not None and seen is not None:
            values[some[good]] = mended(values[some[good]], seen[good])
        left.append(some[~good])
    return np.concatenate(left) if left else rows


def _displaced(x: Array, h: Array, displaced: tuple[int, ...]) -> Array:
    """Points in columns, each moved along each coordinate: first all points by the first offset along the first one."""
    (dimension, count), each = x.shape, len(displaced) * len(x)
    columns = np.empty((dimension, each, count))
    columns[...] = x[:, None]
    moved = columns.reshape(-1, count)
    for q, k in enumerate(displaced):
        move = np.add if k > 0 else np.subtract
        move(x, h if abs(k) == 1 else abs(k) * h, out=moved[q * dimension :: each + 1])
    return columns.reshape(dimension, -1)


def _displaced_together(x: Array, h: Array, table: Table) -> Array:
    """Points in columns, each moved along each direction of a table: first all by the first offset along the first."""
    columns = np.empty((len(x), len(table.stencil.displaced), table.count, x.shape[1]))
    columns[...] = x[:, None, None]
    rows, units = np.repeat(np.arange(table.count), np.diff(table.starts)), table.units
    for q, k in enumerate(table.stencil.displaced):
        columns[units, q, rows] += (k * table.signs)[:, None] * h[units]
    return columns.reshape(len(x), -1)


def checked_code(call: Call, program: Program) -> DisplacedCode:
    """The code, once f has been compared with its trace."""
    code = DisplacedCode(program)
    compare(call, program, FEW_LOOKED_AT, code.evaluate)
    return code

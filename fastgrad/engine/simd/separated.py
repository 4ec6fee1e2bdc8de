"""Differences of a sum of terms of a few coordinates each: those of one term, at as many points as there are terms.

Of Rosenbrock's function of 1,000 variables, two kinds of 999 terms each, a gradient takes 80 us, where a loop over
2,000 displacements of all of f takes 1.8 ms; the first one takes 0.1 s.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...formulas import stencils
from ...formulas.properties import cached_property
from ...formulas.stencils import Table
from ...formulas.steps import Steps
from ...formulas.values import as_numbers
from ...llvm import machine
from ...program.program import Program
from ...program.separation import Separation, TermKind
from ...results import EPS
from ..bound import Bound, Fill, bound_anew, bound_at_once
from ..call import Call, Output, Rows, batch_rows, subset
from .comparison import FEW_LOOKED_AT, compare
from .displaced import DisplacedCode
from .emission import VANISHED
from .repairs import mend, mended
from .traces import is_settled

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

AT_ONCE = 1 << 20  # coordinates of all terms at some points, 8 MB
KEPT = 1 << 15  # of which arrays are kept for the next call, a quarter of a megabyte: of one point, not of many rows

Compile = Callable[[Program, Table], Any]  # the code of kernels for a program and a table


def table_of_terms(table: Table, dimension: int) -> Table:
    """The same derivatives along the axes, of a term."""
    make = stencils.gradient if table.stencil.derivative == 1 else stencils.hessian_diagonal
    return make(dimension).by(table.stencil)


class SeparatedCode:
    """A program as sums of terms, and a table along the axes."""

    eps, is_shared = EPS, False

    def __init__(self, program: Program, table: Table, separation: Separation, compile_terms: Compile) -> None:
        self.program, self.table = program, table
        self.separation, self.outputs = separation, len(program.outputs)
        self.kinds = [_Terms(kind, program, table, compile_terms) for kind in separation.kinds]

    @property
    def description(self) -> str:
        """How f is run."""
        kinds = " and ".join(f"{kind.count:,}" for kind in self.kinds)
        return f"as sums of {kinds} terms on {machine.lanes()} lanes"

    @cached_property
    def own(self) -> DisplacedCode:
        """f itself."""
        return DisplacedCode(self.program)

    def bind(self, call: Call, out: Output, values: Array | None = None) -> Bound:
        """The code with the arrays of a call; one thread does all of it."""

        def fill(flat: Array) -> None:
            bad = self.fill(call, flat)
            if values is not None:
                values[...] = [float(as_numbers(call.value_at(n)).ravel()[0]) for n in range(call.points.count)]
            if bad.size:
                mend(call, flat, values, bad, self.own.values_at, self.program.raises)

        return bound_at_once(call, out, self.program.shape, fill)

    def again(self, call: Call, _: Array) -> Fill | None:
        """As that of `DisplacedCode`."""
        return bound_anew(self, call) if is_settled(call, self.program) else None

    def fill(self, call: Call, out: Array) -> Ints:
        """The derivatives (N, M D), and the points at which f is to be asked: something of it is not finite."""
        count, bad = call.points.count, list[Ints]()
        each = max(AT_ONCE // max(sum(kind.places.size for kind in self.kinds), 1), 1)
        for start in range(0, count, each):
            rows = np.arange(start, min(start + each, count))
            some = call if len(rows) == count and isinstance(call.points, Rows) else subset(call, rows)
            sums = self._add(some, out[start : start + each])
            good = np.isfinite(sums).all(axis=1) & np.isfinite(out[start : start + each]).all(axis=1)
            bad.append(rows[~good])
        return np.concatenate(bad) if bad else np.empty(0, dtype=np.intp)

    def _add(self, call: Call, out: Array) -> Array:
        """Put the derivatives into `out`; f's outputs (N, M), but for rounding."""
        rows = _rows_beside(call)
        sums = self._fixed(rows)
        out[...] = 0.0
        for kind in self.kinds:
            slopes, values = kind.derivatives(call, rows)
            for n in range(call.points.count):
                out[n] += np.bincount(kind.places, slopes[n].ravel(), out.shape[1])
                sums[n] += np.bincount(kind.outputs, values[n], sums.shape[1])
        return sums

    def _fixed(self, rows: Array) -> Array:
        return self.separation.fixed_sums(self.program.constants, rows, self.outputs)

    def _at(self, points: Array, rows: Array) -> Call:
        """A call at some points with rows beside them, whose values are wanted."""
        batch = (rows,) if rows.shape[1] else ()
        steps, own = Steps("default", np.asarray(2.0**-17)), Rows(points, (self.program.inputs,))
        return Call(None, own, self.table, steps, batch=batch)  # type: ignore[arg-type]

    def evaluate(self, points: Array, rows: Array) -> list[list[float]]:
        """f's outputs at some points, which have the first of some rows of batch arguments."""
        out = np.empty((len(points), self.outputs * self.program.inputs))
        outputs: list[list[float]] = self._add(self._at(points, rows[: len(points)]), out).tolist()
        return outputs

    def sizes(self, point: Array) -> float:
        """What the terms are together, at a point with what lies beside it."""
        point, rows = np.split(point[None], [self.program.inputs], axis=1)
        terms = [np.abs(kind.derivatives(self._at(point, rows), rows)[1]).sum() for kind in self.kinds]
        return float(np.abs(self._fixed(rows)).sum() + sum(terms))


def _rows_beside(call: Call) -> Array:
    """The rows of batch arguments, (N, B)."""
    return batch_rows(call, slice(None)) if call.batch else np.empty((call.points.count, 0))


class _LaidOutTerms(NamedTuple):
    """A kernel with the points that are terms, in rows of f's points, and where derivatives and terms go."""

    terms: Call
    points: Array
    slopes: Array
    values: Array
    kernel: Any
    block: Any
    items: int


class _Terms:
    """Terms of one kind, as points of their program; of fewer than there are lanes some more than once."""

    def __init__(self, kind: TermKind, program: Program, table: Table, compile_terms: Compile) -> None:
        self.kind, self.count, self.dimension = kind, len(kind.coordinates), kind.dimension
        self.padded = np.arange(max(self.count, machine.lanes())) % self.count
        self.coordinates, self.beside = kind.coordinates[self.padded].ravel(), kind.beside[self.padded]
        self.factors, self.outputs = kind.factors(program.constants), kind.outputs
        self.places = (kind.outputs[:, None] * program.inputs + kind.coordinates).ravel()
        self.constants, self.raises = np.array(program.constants), program.raises
        self.table = table_of_terms(table, self.dimension)
        self.code = compile_terms(kind.program, self.table)
        self._free: tuple[Any, list[_LaidOutTerms]] = (None, [])  # lists let threads take and give back without a lock

    @cached_property
    def own(self) -> DisplacedCode:
        return DisplacedCode(self.kind.program)

    def derivatives(self, call: Call, rows: Array) -> tuple[Array, Array]:
        """Those of all terms at all points, (N, G, m), and the terms, (N, G), times their factors.

        `rows` are those of the batch arguments.
        """
        key, held = self._held(call, rows)
        terms, slopes, values = held.terms, held.slopes, held.values
        if held.kernel(0, held.items, held.block.address) & VANISHED:
            call.steps.check(call.points.row(slice(None)))
        bad = np.flatnonzero(~np.isfinite(slopes).all(axis=1) & np.isfinite(values))
        if bad.size and not self.raises:  # by the operations of the terms, as f has them
            fresh = np.empty((len(bad), self.dimension))
            self.own.fill(subset(terms, bad), fresh, None)
            slopes[bad] = mended(slopes[bad], fresh)
        layout = (call.points.count, len(self.padded))
        with np.errstate(all="ignore"):
            found = (
                slopes.reshape(*layout, self.dimension)[:, : self.count] * self.factors[:, None],
                values.reshape(layout)[:, : self.count] * self.factors,
            )
        if key and slopes.size <= KEPT:
            self._give_back(key, held)
        return found

    def _held(self, call: Call, rows: Array) -> tuple[Any, _LaidOutTerms]:
        """A kernel with points and arrays: those of the last call of as many points with the same step, if it had one.

        To lay them out takes 30 us, as long as all else.
        """
        size, x = call.steps.size, call.points.row(slice(None))
        key = None if size.ndim or call.batch else (len(x), call.steps.rule, size.item())
        last, free = self._free
        if key and key == last:
            with suppress(IndexError):  # another thread has it
                held = free.pop()
                x.take(self.coordinates, axis=1, out=held.points, mode="clip")
                return key, held
        terms = self._call(call, x, rows)
        slopes, values = np.empty((terms.points.count, self.dimension)), np.empty(terms.points.count)
        kernel, block, (items, _), _, _ = self.code.laid_out(terms, slopes, values)
        return key, _LaidOutTerms(
            terms, terms.points.row(slice(None)).reshape(len(x), -1), slopes, values, kernel, block, items
        )

    def _give_back(self, key: Any, held: _LaidOutTerms) -> None:
        last, free = self._free
        if key == last:
            free.append(held)
        else:
            self._free = (key, [held])

    def _call(self, call: Call, x: Array, rows: Array) -> Call:
        """The terms as points."""
        size = call.steps.size
        points = x.take(self.coordinates, axis=1).reshape(-1, self.dimension)
        if size.ndim:
            sizes = np.broadcast_to(size, x.shape).take(self.coordinates, axis=1).reshape(points.shape)
            size = np.ascontiguousarray(sizes)
        steps = replace(call.steps, size=size)
        how: dict[str, Any] = {"batch": self._beside(rows), "value": True, "often": True}
        return Call(call.f, Rows(points, (self.dimension,)), self.table, steps, **how)

    def _beside(self, rows: Array) -> tuple[Array, ...]:
        """The numbers of each term, from constants and from the rows of batch arguments."""
        if not self.beside.shape[1]:
            return ()
        numbers = np.concatenate([np.tile(self.constants, (len(rows), 1)), rows], axis=1)
        return (numbers.take(self.beside.ravel(), axis=1).reshape(-1, self.beside.shape[1]),)


def checked_code(call: Call, program: Program, separation: Separation, compile_terms: Compile) -> SeparatedCode:
    """The code, once f has been compared with its trace; sums of terms are in another order than f's."""
    code = SeparatedCode(program, call.table, separation, compile_terms)
    compare(call, program, FEW_LOOKED_AT, code.evaluate, code.sizes)
    return code

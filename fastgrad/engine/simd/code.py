"""The simd engine: f traced into a program, the program and the table compiled on vectors, one lane per point."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...formulas import stencils
from ...formulas.properties import cached_property
from ...formulas.stencils import Table
from ...llvm import machine
from ...llvm.interrupts import imported
from ...program.program import Program
from ...program.rowschedule import RowSchedule
from ...program.sums import magnitude, summed
from ...results import EPS
from ..bound import Bound, Fill
from ..bound import Code as AnyCode
from ..call import Call, Grid, Output, reserved, subset
from ..kernels import Kernel
from .arguments import KernelForm, KernelMemory, form_of, form_of_columns, is_odd, kind_of
from .comparison import compare, compare_slopes
from .emission import NOT_FINITE, VANISHED
from .families import Family, family_of, with_exact
from .traces import LONGEST_OPERATIONS, TracedFunction, check_outputs, is_settled, traced

Array = NDArray[np.float64]

SHORT = 100  # nodes of f; the kernel of a longer one for a single point is made quickly
_SCHEDULED = f"{__package__}.scheduled"
LONG = 1_000  # nodes of f, of which it is not asked how many its derivatives have


def compile_call(call: Call, out: Output | None = None) -> AnyCode:
    """Trace f, compile, and compare the compiled f with f.

    Raises
    ------
    EngineError
        f cannot be traced, or the traced form does not give what f gives.
    """
    kept = traced(call)
    if call.table.is_exact and not isinstance(call.points, Grid) and _is_long(kept.program, call.table):
        from .few import exact_code_of  # noqa: PLC0415

        return exact_code_of(kept, call)
    return code_of(kept, call, out)


def _is_long(program: Program, table: Table) -> bool:
    """Whether LLVM takes seconds for an exact derivative, 3 for 35,000 nodes, at whatever number of points."""
    if len(program.nodes) < LONG or summed(program):
        return False
    written, _ = imported(_SCHEDULED).scheduled(program, table)
    return len(written.program.nodes) > LONGEST_OPERATIONS


def code_of(kept: TracedFunction, call: Call, out: Output | None = None) -> AnyCode:
    """The code for a call whose f has been traced."""
    check_outputs(call, kept.program)
    key = call.table.key  # equal tables are made anew for each pattern
    return kept.code(key, call, lambda: _checked_code(call, kept.program, out))


class Code:
    """A program and a table as kernels."""

    eps, is_shared = EPS, True

    def __init__(self, program: Program, table: Table, family: Family) -> None:
        self.program, self.table, self.family = program, table, family
        self.is_long = family.length > SHORT

    @property
    def description(self) -> str:
        """How f is run."""
        looped = self.family.summed
        program, how = looped.program if looped else self.program, f"on {machine.lanes()} lanes"
        if program.tables:
            rows = " and ".join(f"{rows:,}" for rows, _ in program.tables)
            how += f", in loops over {rows} rows of data"
        count = len(program.nodes)
        if self.table.is_exact:
            both = len(with_exact(program, self.table, value=True).program.nodes)
            return f"f of {count} operations, with its derivatives {both}, {how}"
        return f"as {count} operations {how}" + ", rolled" * (self.family.how == "rolled")

    @cached_property
    def numbers(self) -> Array:
        """What a kernel gets for f's constants."""
        summed = self.family.summed
        return summed.numbers(self.program.constants) if summed else self.program.numbers

    def sizes(self, point: Array) -> float:
        """What the terms of all sums over rows are together, at a point with what lies beside it."""
        summed = self.family.summed
        steps = RowSchedule(magnitude(summed.program if summed else self.program))
        return float(steps.values(point[:, None], self.numbers.tolist())[0, 0])

    def block(self, form: KernelForm, size: float = 0.0) -> KernelMemory:
        """What a kernel gets."""
        return KernelMemory(self.program, form.lanes, size, self.numbers)

    def bind(self, call: Call, out: Output, values: Array | None = None) -> Bound:
        """A kernel with the arrays of a call."""
        made = reserved(out, self.program.shape)
        count = call.points.count
        if not call.points.dimension:
            return Bound("simd", call, lambda start, stop: None, 0, 1, count)
        flat = made.reshape(count, -1)
        return self._on_copies(call, flat, values) if _needs_copies(call, flat) else self._on_arrays(call, flat, values)

    def again(self, call: Call, out: Array) -> Fill | None:
        """What fills other arrays that lie as these; None where that depends on what is in them."""
        from .rebound import Rebound  # noqa: PLC0415  most calls are made once

        flat = out.reshape(call.points.count, -1)
        alike = self.family.how == "written" and is_settled(call, self.program)
        if not alike or _needs_copies(call, flat) or not np.may_share_memory(flat, out):
            return None
        return Rebound(self, call, flat).fill

    def values_at(self, call: Call) -> Array:
        """f's values at the points of a call of whatever table: (N, M)."""
        value, count = stencils.value(), call.points.count
        steps = replace(call.steps, rule="default", size=np.asarray(1.0))
        own = _widened(replace(call, table=value, steps=steps, v=None, t=None, value=False, bounds=None))
        values = np.empty((own.points.count, len(self.program.outputs)))
        bound = Code(self.program, value, family_of(self.program, value)).bind(own, values)
        bound.work(0, bound.items)
        return values[:count]

    def laid_out(
        self, call: Call, out: Array, values: Array | None
    ) -> tuple[Any, KernelMemory, tuple[int, int], Array, Any]:
        """The kernel, its arguments, its items and their grain; what it stores, and which results these are if not all.

        The arguments hold addresses: other numbers in the same arrays are other points.
        """
        form = form_of(call, kind_of(out.shape, out.strides), self.is_long)
        if call.points.count == 1 and self.family.is_over_rows and form.source != "grid":
            form = form._replace(rows=True)
        block = self.block(form, call.steps.size.item() if form.sizes == "uniform" else 0.0)
        kernel = self.family.kernel(self.program, self.table, form)
        places = self.family.stored(form)
        order: Any = "F" if form.out == "columns" else "C"
        stored = out if places is None else np.empty((len(out), len(places)), order=order)
        return kernel, block, block.write(call, form, stored, values), stored, places

    def _on_arrays(self, call: Call, out: Array, values: Array | None) -> Bound:
        kernel, block, (items, grain), stored, places = self.laid_out(call, out, values)
        run = _Run(self, call, block, out, values)
        code = Kernel(kernel, block.address, run.note)

        def finish() -> None:
            out[...] = 0.0
            out[:, places] = stored
            run.finish()

        last = run.finish if places is None else finish
        how: dict[str, Any] = {"finish": last, "pace": self.family.pace, "kernel": code}
        return Bound("simd", call, code.work, items, grain, call.points.count, **how)

    def _on_copies(self, call: Call, out: Array, values: Array | None) -> Bound:
        count, wide = call.points.count, _widened(call)
        target = np.empty((wide.points.count, out.shape[1]))
        seen = None if values is None else np.empty(len(target))
        bound = self._on_arrays(wide, target, seen)
        finish_copies = bound.finish

        def finish() -> None:
            finish_copies()
            out[...] = target[:count]
            if values is not None and seen is not None:
                values[...] = seen[:count]

        bound.call, bound.units, bound.finish = call, count, finish
        return bound


def _needs_copies(call: Call, out: Array | None) -> bool:
    """Fewer points than lanes, or a grid whose last axis is shorter; elements between multiples of eight bytes."""
    grid = isinstance(call.points, Grid)
    run = len(call.points.axes[-1]) if isinstance(call.points, Grid) else call.points.count
    return (run < machine.lanes() and (run > 1 or grid)) or (out is not None and is_odd(out))


def _widened(call: Call) -> Call:
    """The points in rows, the last one repeated to fill a vector."""
    count = call.points.count
    return subset(call, np.minimum(np.arange(max(count, machine.lanes())), count - 1))


def _checked_code(call: Call, program: Program, out: Output | None) -> AnyCode:
    family = family_of(program, call.table)
    if not call.points.dimension:
        return Code(program, call.table, family)
    if family.separation:
        from . import separated  # noqa: PLC0415

        return separated.checked_code(call, program, family.separation, _kernels)
    if family.how == "propagated":
        from . import propagated  # noqa: PLC0415  functions of a thousand variables are rare

        return propagated.checked_code(call, program)
    if family.how == "stacked":
        from . import stacked  # noqa: PLC0415  such tables are rare

        value = stencils.value()
        code = Code(program, value, family_of(program, value))
        _compare(call, code, form_of_columns(sum(rows[0].size for rows in call.batch if len(rows))))
        return stacked.StackedCode(code, program, code.values_at)
    code = Code(program, call.table, family)
    if call.table.is_exact:
        compare_slopes(call, program, partial(imported(_SCHEDULED).derivatives, program))
    _compare(call, code, _expected_form(call, code, out))
    return code


def _kernels(program: Program, table: Table) -> Code:
    return Code(program, table, family_of(program, table))


def _compare(call: Call, code: Code, form: KernelForm) -> None:
    value, block = code.family.value(code.program, code.table, form), code.block(form)
    sizes = code.sizes if code.family.is_over_rows else None
    compare(call, code.program, form.lanes, lambda points, rows: block.evaluate(value, points, rows), sizes)


def _expected_form(call: Call, code: Code, out: Output | None) -> KernelForm:
    """That of a call whose outputs will lie as in `out`, or as in a new array."""
    flat = out.reshape(call.points.count, -1) if isinstance(out, np.ndarray) else None
    if _needs_copies(call, flat):
        call, flat = _widened(call), None
    shape = (call.points.count, len(code.program.outputs) * len(call.table.scale))
    return form_of(call, kind_of(shape, None if flat is None else flat.strides), code.is_long)


class _Run:
    """A kernel's arrays while it runs, and what it found."""

    def __init__(self, f: Code, call: Call, block: KernelMemory, out: Array, values: Array | None) -> None:
        self.f = f
        self.call, self.block, self.out, self.values = call, block, out, values
        self.bad: list[tuple[int, int]] = []

    def note(self, saw: int, start: int, stop: int) -> None:
        """What it saw in some items."""
        if saw & VANISHED:
            self.call.steps.check(self.call.points.row(slice(None)))
        if saw & NOT_FINITE:
            self.bad.append((start, stop))

    def finish(self) -> None:
        if self.values is not None and self.call.points.count == 1:
            self.values[0] = self.block.memory[self.block.values.start]
        if self.bad:
            from . import displaced, repairs  # noqa: PLC0415  most functions are finite

            chunks, program = sorted(self.bad), self.f.program
            if self.call.table.is_exact:
                repairs.ask_items(program, self.call, self.out, self.values, chunks)
            else:
                displaced.mend_items(program, self.call, self.out, self.values, chunks, self.f.values_at)

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
from ...llvm.calls import Unsupported
from ...llvm.interrupts import imported
from ...llvm.memory import Memory
from ...program import differences
from ...program.program import Program
from ...program.rowschedule import RowSchedule
from ...program.saturation import SIGNS
from ...program.sums import magnitude, summed
from ...results import EPS, EngineError
from ..bound import Bound, Fill
from ..bound import Code as AnyCode
from ..call import Call, Grid, Output, reserved, subset
from ..kernels import Kernel
from ..threads import Pace
from .arguments import KernelForm, KernelMemory, form_of, form_of_columns, is_odd, kind_of
from .comparison import compare, compare_slopes
from .emission import NOT_FINITE, VANISHED, Frame, Straight, module, paired
from .traces import LONGEST_OPERATIONS, TracedFunction, check_outputs, is_settled, traced

Array = NDArray[np.float64]

# Above, LLVM makes f itself without looking for the best registers:
# 0.3 s instead of 6 for 6 000 nodes with 1 000 outputs.
QUICK_OPERATIONS = 1_500
# So it makes their tables where f has more outputs: 0.7 s instead of 6 for the Jacobian of 1 000 outputs.
QUICK_OUTPUTS = 500
# Operations up to which a table is written out as a program, by an estimate that is mostly too high: the gradient of
# Rosenbrock's function of 1 000 variables is 22 000 nodes, for which LLVM takes 0.9 s in short functions.
WRITTEN = 40_000
# Of a program with loops over data, which is one function: the Hessian of 15 variables, 5 000 nodes, takes a second.
LOOPED = 8_000
STRAIGHT = 600  # nodes of a kernel in one function; LLVM's time grows faster than their number
SHORT = 100  # nodes of f; the kernel of a longer one for a single point is made quickly
RESULTS = 2_000  # numbers that the rolled form writes for a point
_SCHEDULED = f"{__package__}.scheduled"
LONG = 1_000  # nodes of f, of which it is not asked how many its derivatives have
KEPT = 1024  # families of kernels; the least recently used ones are forgotten


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


# --- kernels ----------------------------------------------------------------------------------------------------------


class Family:
    """The kernels of all programs of one structure with one table: one for each layout of arrays.

    It knows where their code is kept and does not hold it: beyond 32 MB the code that was not used lately is dropped,
    and made or read again for the next call.

    Attributes
    ----------
    how : {"written", "rolled", "stacked"}
        The table written out as a program; a loop over the displacements around f's; or f's alone, for points that
        somebody else displaces.
    """

    def __init__(self, program: Program, table: Table) -> None:
        self.summed = None if program.tables else summed(program)
        short = self.summed.program if self.summed else program
        self.length, self.is_over_rows = len(short.nodes), bool(short.tables)
        count = 0 if table.is_value or table.is_exact else differences.operations(short, table)
        self.how = "written"
        if count > (LOOPED if self.is_over_rows else WRITTEN):
            dense = table.along_axes and self.length <= LONGEST_OPERATIONS and not self.is_over_rows
            self.how = "rolled" if dense and len(program.outputs) * len(table.scale) <= RESULTS else "stacked"
        self.places: dict[KernelForm, list[machine.Place]] = {}
        self._stored: dict[KernelForm, Any] = {}
        self.pace = Pace()

    def kernel(self, program: Program, table: Table, form: KernelForm) -> Any:
        """The derivatives' code, from the memo, the folder or LLVM."""
        return self._function(0, program, table, self._shape(form))

    def value(self, program: Program, table: Table, form: KernelForm) -> Any:
        """f's own code, for the check."""
        return self._function(1, program, table, self._shape(form))

    def _shape(self, form: KernelForm) -> KernelForm:
        """A loop over displacements runs f a thousand times at one point: it is always worth LLVM's best."""
        return form if self.how == "written" else form._replace(quick=False)

    def _function(self, k: int, program: Program, table: Table, form: KernelForm) -> Any:
        places = self.places.get(form)
        made = machine.kept.get(places[k][0]) if places else None
        return made[places[k][1]] if places and made else self._compiled(program, table, form)[k]

    def stored(self, form: KernelForm) -> Any:
        """Which results a kernel that is there stores; None for all."""
        return self._stored[self._shape(form)]

    def _compiled(self, program: Program, table: Table, form: KernelForm) -> list[Any]:
        try:
            made = self._compile(program, table, form)
        except Unsupported as missing:
            msg = f"this machine has no vector form of {missing}"
            raise EngineError(msg) from None
        self.places[form] = [function.place for function in made]
        return made

    def _compile(self, program: Program, table: Table, form: KernelForm) -> list[Any]:
        """Of long programs f is a function apart, made quickly and once for all tables."""
        program = self.summed.program if self.summed else program
        frame, value = self._frame(program, table, form), _value_of(program, form.batch)
        self._stored[form] = frame.stored
        straight = self.how == "written" and form.source != "grid"
        if len(program.nodes) <= QUICK_OPERATIONS:
            return machine.functions(module(frame, value), "kernel", "value", quick=form.quick, straight=straight)
        quick = form.quick or table.is_value or (self.how == "written" and len(program.outputs) > QUICK_OUTPUTS)
        kernel = machine.functions(module(frame), "kernel", quick=quick, straight=straight)
        return [*kernel, *machine.functions(module(value), "value", quick=True)]

    def _frame(self, program: Program, table: Table, form: KernelForm) -> Frame:
        if self.how == "rolled":
            from .rolled import Rolled  # noqa: PLC0415  dense programs are rare

            return Rolled(program, table, form)
        if table.is_exact:
            watch: bool | str = program.raises or SIGNS
            return written_out(program, _exact(program, table, value=form.value, watch=watch), form, "kernel")
        steps = differences.StepSource(form.rule, form.sizes, form.exact)
        made = differences.differences(program, table, steps, value=form.value)
        return written_out(program, made, form, "kernel")


def _exact(program: Program, table: Table, *, value: bool = False, watch: bool | str = False) -> differences.Written:
    from ...program.exact import exact  # noqa: PLC0415  only for what is exact

    return exact(program, table, value=value, watch=watch)


def _value_of(program: Program, batch: int) -> Frame:
    made = differences.differences(program, stencils.value())
    return written_out(program, made, form_of_columns(batch), "value")


def written_out(program: Program, made: differences.Written, form: KernelForm, name: str) -> Frame:
    written = replace(made, program=paired(made.program, program))
    if program.tables:
        from .dataloops import DataLoops  # noqa: PLC0415  few programs have any

        return DataLoops(written, form, name)
    if len(written.program.nodes) <= STRAIGHT:
        return Straight(written, form, name)
    from .segments import Segmented  # noqa: PLC0415  long programs are rare

    return Segmented(written, form, name)


_families: Memory[Family] = Memory(KEPT)


def family_of(program: Program, table: Table) -> Family:
    """From the memo, for functions that are traced at every call: counting operations takes as long as tracing."""
    key = (program.structure, program.raises, table.key)
    family = _families.get(key) or _families.keep(key, Family(program, table))
    if family.length > LONGEST_OPERATIONS and not table.is_exact:
        msg = f"its program of {family.length} operations is too long to compile"
        raise EngineError(msg)
    return family


# --- code -------------------------------------------------------------------------------------------------------------


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
            both = len(_exact(program, self.table, value=True).program.nodes)
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

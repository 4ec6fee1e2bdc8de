"""The simd engine: f traced into a program, the program and the table compiled on vectors, one lane per point."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...formulas import stencils
from ...formulas.stencils import Table
from ...formulas.values import as_number, as_numbers
from ...llvm import layout, machine
from ...llvm.vectormath import Unsupported
from ...program.captures import shares_state, unchanging
from ...program.dependence import operations
from ...program.program import Program
from ...program.trace.recording import Untraceable, trace
from ...results import EngineError
from ..call import Call, Kernel, subset
from ..points import Grid, Target
from ..python import buffer
from . import lanes, rolled
from .spotcheck import PLACES, Space, address_of, batch_rows, check
from .stacked import Stack

Array = NDArray[np.float64]

SEGMENT = 1024  # nodes of a grid's row to an item: small enough to share, long enough to make its start-up small
REPEATED = 1000  # points with results that are not finite; beyond, the rest is believed if f agrees on these
# Nodes of a program in a kernel that holds it once: f itself, or the rolled form, for which LLVM takes 0.4 s for 8 000
# of Rosenbrock's function and 1.5 s for as many of a dense quadratic form.
LONGEST_OPERATIONS = 20_000
# Above, LLVM makes f itself without looking for the best registers:
# 0.3 s instead of 6 for 6 000 nodes with 1 000 outputs.
QUICK_OPERATIONS = 1_500
# Numbers that a kernel writes for a point. LLVM takes 0.8 s for 900, 5 s for 3 600.
WRITTEN = 2_000


def prepare(call: Call, out: Any, values: Array | None) -> Kernel:
    """Trace f, compile, check the compiled form against f, and bind the arrays.

    Raises
    ------
    EngineError
        f cannot be traced, or the traced form does not give what f gives.
    """
    traced = _traced(call)
    if call.vector:
        out = out.reserve(traced.program.shape)
    elif len(traced.program.outputs) != 1:
        as_number(np.empty(traced.program.shape))  # raises, and says what f returned
    if not call.points.dimension:
        return Kernel(lambda start, stop: None, 0, 1, 0, "on points without coordinates")
    out = out.reshape(call.points.count, -1)
    if call.table not in traced.large:
        traced.large[call.table] = _is_large(traced.program, call.table)
    return (_prepare_stack if traced.large[call.table] else _prepare_any)(call, traced, out, values)


def _prepare_any(call: Call, traced: _Traced, out: Array, values: Array | None) -> Kernel:
    run = len(call.points.axes[-1]) if isinstance(call.points, Grid) else call.points.count
    if (run < machine.lanes() and (run > 1 or isinstance(call.points, Grid))) or _is_odd(out):
        return _prepare_copies(call, traced, out, values)
    return _prepare(call, traced, out, values)


def _is_odd(array: Array) -> bool:
    """Whether elements do not lie at multiples of eight bytes, as in a field of packed records."""
    row, column = array.strides
    return bool(row % 8 or column % 8) or not array.flags.aligned


def _prepare(call: Call, traced: _Traced, out: Array, values: Array | None) -> Kernel:
    form, program = _form(call, out), traced.program
    space = Space(program, form.lanes, call.steps.size.item() if form.sizes == "uniform" else 0.0)
    compiled = traced.checked.get((call.table, form))
    if compiled is None:
        compiled = _compiled(program, call.table, form)
        check(call, compiled.value, space)
        traced.checked[call.table, form] = compiled
    bound = _Bound(call, form, compiled.kernel, space, out, values)
    count = call.points.count
    return Kernel(bound.work, bound.items, bound.grain, count, compiled.description, finish=bound.finish)


def _prepare_copies(call: Call, traced: _Traced, out: Array, values: Array | None) -> Kernel:
    """Fewer points than lanes, or a grid whose last axis is shorter:
    on rows, the last one repeated to fill a vector."""
    count = call.points.count
    picks = np.minimum(np.arange(max(count, machine.lanes())), count - 1)
    wide = subset(call, picks)
    target, seen = np.empty((len(picks), out.shape[1])), None if values is None else np.empty(len(picks))
    kernel = _prepare(wide, traced, target, seen)

    def finish() -> None:
        kernel.finish()
        out[...] = target[:count]
        if values is not None and seen is not None:
            values[...] = seen[:count]

    return replace(kernel, finish=finish, units=count)


def _prepare_stack(call: Call, traced: _Traced, out: Array, values: Array | None) -> Kernel:
    """A table too large to compile: f itself is, and runs on the displaced points."""

    def compute(rows: Call, into: Array) -> None:
        kernel = _prepare(rows, traced, into, None)
        kernel.work(0, kernel.items)

    stack = Stack(call, len(traced.program.outputs), machine.lanes(), compute)
    stack.sums(call.finite(), 0, 0, stack.room(), out[:0])  # compiles and checks, before threads begin
    count, each = call.points.count, len(call.table.moves)
    whole = out.reshape(count, stack.outputs, -1)
    if count == 1:
        sums = stack.room()
        kernel = Kernel(
            lambda a, b: stack.sums(0, a, b, sums, whole[0]), each, stack.each, each, _stacked(traced.program)
        )
    else:
        kernel = Kernel(lambda a, b: stack.points(a, b, whole), count, 1, count, _stacked(traced.program))

    def finish() -> None:
        if count == 1:
            stack.combine(0, sums, whole[0])
        if values is not None:
            own = _prepare_any(replace(call, table=stencils.value(), value=False), traced, values.reshape(-1, 1), None)
            own.work(0, own.items)
            own.finish()
        _settle(call, out, values, np.flatnonzero(~np.isfinite(out).all(axis=1)))

    return replace(kernel, finish=finish)


def _stacked(program: Program) -> str:
    return f"as {len(program.nodes)} operations on {machine.lanes()} lanes, displaced points in rows"


@dataclass(frozen=True)
class _Traced:
    """A program, the compiled forms of it that have been compared with f,
    and which tables are too large for a kernel."""

    program: Program
    checked: dict[tuple[Table, lanes.Form], _Compiled] = field(default_factory=dict)
    large: dict[Table, bool] = field(default_factory=dict)


_traces: dict[Any, _Traced] = {}


def _traced(call: Call) -> _Traced:
    """f's program. A function that captures nothing but what a key can hold is traced once, others at every call."""
    points = call.points
    reason = shares_state(call.f, [*points.axes] if isinstance(points, Grid) else [points.values])
    if reason:  # a matter of this call's x, whether f was traced before or not
        raise EngineError(reason)
    key = unchanging(call.f, call.args)
    if key is None:
        return _Traced(_trace(call))
    place = (key, points.shape, call.scalar, tuple(rows.shape[1:] for rows in call.batch))
    if place not in _traces:
        if len(_traces) > 1024:
            _traces.clear()
        _traces[place] = _Traced(_trace(call))
    return _traces[place]


def traced_shape(call: Call) -> tuple[int, ...]:
    """The shape of what f returns."""
    return _traced(call).program.shape


def _trace(call: Call) -> Program:
    try:
        rows = [rows.shape[1:] for rows in call.batch]
        program = trace(call.f, call.points.shape, args=call.args, rows=rows, scalar=call.scalar)
    except Untraceable as refused:
        n = call.finite()
        value = call.f(call.argument(call.points.row(n)), *call.args_at(n))
        (as_numbers if call.vector else as_number)(value)  # an f that returns no number at all says so on every engine
        raise EngineError(str(refused)) from None
    return program


@dataclass(frozen=True)
class _Compiled:
    kernel: Any
    value: Any
    description: str


_memo: dict[Any, _Compiled] = {}  # never emptied: code stays in the process


def _compiled(program: Program, table: Table, form: lanes.Form) -> _Compiled:
    """The functions of a program, from the memo, the folder or LLVM."""
    key = (program.structure, table.key, form)
    if key not in _memo:
        is_rolled = not table.is_value and operations(program, table) > lanes.UNROLLED_OPERATIONS
        if table.is_value and len(program.nodes) > LONGEST_OPERATIONS:
            msg = f"its program of {len(program.nodes)} operations is too long to compile"
            raise EngineError(msg)
        try:
            kernel, value = _functions(program, table, form, is_rolled)
        except Unsupported as missing:
            msg = f"this machine has no vector form of {missing}"
            raise EngineError(msg) from None
        what = f"as {len(program.nodes)} operations on {form.lanes} lanes" + (", rolled" if is_rolled else "")
        _memo[key] = _Compiled(kernel, value, what)
    return _memo[key]


def _functions(program: Program, table: Table, form: lanes.Form, is_rolled: bool) -> list[Any]:
    """The kernel, and f for the check: of long programs a function apart, made quickly and once for all tables."""
    emit = (rolled if is_rolled else lanes).kernel
    if len(program.nodes) <= QUICK_OPERATIONS:
        return machine.functions(emit(program, table, form), "kernel", "value")
    kernel = machine.functions(emit(program, table, form, alone=True), "kernel", quick=table.is_value)
    return [*kernel, *machine.functions(lanes.value(program, form.lanes), "value", quick=True)]


_large: dict[
    Any, bool
] = {}  # for functions that are traced at every call: counting operations takes as long as tracing


def _is_large(program: Program, table: Table) -> bool:
    """Whether a kernel for all results of a table would take LLVM too long."""
    key = (program.structure, table.key)
    if key not in _large:
        _large[key] = not table.is_value and _is_too_long(program, table)
    return _large[key]


def _is_too_long(program: Program, table: Table) -> bool:
    if len(program.outputs) > 1 and len(program.outputs) * len(table.scale) > WRITTEN:
        return True
    is_rolled = operations(program, table) > lanes.UNROLLED_OPERATIONS
    return is_rolled and (not table.along_axes or len(program.nodes) > LONGEST_OPERATIONS)


def _form(call: Call, out: Array) -> lanes.Form:
    source = "grid" if isinstance(call.points, Grid) else _source_kind(call.points.row(slice(None)))
    size = call.steps.size
    kind = "uniform" if not size.ndim else "coordinate" if size.ndim == 1 or size.strides[0] == 0 else "point"
    exact = call.t is None or bool((np.frexp(call.t)[0] == 0.5).all())
    return lanes.Form(machine.lanes(), call.steps.rule, kind, source, layout.kind_of(out), call.value, not exact)


def _source_kind(rows: Array) -> str:
    return layout.kind_of(np.array(rows) if _is_odd(rows) else rows)


class _Bound:
    """A kernel's arguments, kept alive, and what it found while it ran.

    A single point is all lanes at once: with strides of zero every lane reads the same row and writes the same result.
    """

    def __init__(
        self, call: Call, form: lanes.Form, kernel: Any, space: Space, out: Array, values: Array | None
    ) -> None:
        self.call, self.kernel, self.space, self.out, self.values = call, kernel, space, out, values
        self.bad: list[tuple[int, int]] = []
        self.single = call.points.count == 1
        self.slots: dict[str, Any] = {"constants": space.constants, "sizes": space.size}
        if values is not None:
            self.slots["values"] = space.at(space.values) if self.single else values
        if isinstance(call.points, Grid):
            self._bind_grid(call.points)
        else:
            self.items, self.grain = max(call.points.count, form.lanes if self.single else 0), form.lanes
            rows = call.points.row(slice(None))
            self._matrix("source", np.array(rows) if _is_odd(rows) else rows)
        self._matrix("out", out)
        if form.sizes != "uniform":
            self._matrix("size", np.broadcast_to(call.steps.size, call.points.layout), "sizes")
        if call.batch:
            self._matrix("batch", batch_rows(call, slice(None)))
        if call.v is not None and call.t is not None:
            self._matrix("v", np.ascontiguousarray(call.v))
            self.slots["t"] = call.t.repeat(form.lanes) if self.single else np.ascontiguousarray(call.t)
        numbers = [0] * len(lanes.SLOTS)
        for name, slot in self.slots.items():
            numbers[PLACES[name]] = slot if isinstance(slot, int) else address_of(slot)
        space.block[:] = numbers

    def _matrix(self, name: str, array: Array, pointer: str = "") -> None:
        row, column = array.strides
        self.slots[pointer or name] = array
        self.slots[f"{name}_row"], self.slots[f"{name}_column"] = 0 if self.single else row // 8, column // 8

    def _bind_grid(self, grid: Grid) -> None:
        lengths = np.array([len(a) for a in grid.axes], dtype=np.int64)
        per_row = -(-int(lengths[-1]) // SEGMENT)
        self.items, self.grain = grid.count // int(lengths[-1]) * per_row, 1
        self.slots |= {
            "axes": np.concatenate(grid.axes), "lengths": lengths, "starts": np.cumsum(lengths) - lengths,
            "segment": SEGMENT,
        }  # fmt: skip

    def work(self, start: int, stop: int) -> None:
        saw = self.kernel(start, stop, self.space.address)
        if saw & lanes.VANISHED:
            self.call.steps.check(self.call.points.row(slice(None)))
        if saw & lanes.NOT_FINITE:
            self.bad.append((start, stop))

    def finish(self) -> None:
        """What is not finite is computed again by f itself: a domain error, say, is Python's to raise."""
        if self.single and self.values is not None:
            self.values[0] = self.space.memory[self.space.values.start]
        if not self.bad:
            return
        rows = np.concatenate([self._not_finite(*chunk) for chunk in sorted(self.bad)])
        _settle(self.call, self.out, self.values, rows)

    def _not_finite(self, start: int, stop: int) -> NDArray[np.intp]:
        """The points of some items with results that are not finite."""
        if isinstance(self.call.points, Grid):
            start, stop = (self._node(i) for i in (start, stop))
        stop = min(stop, self.call.points.count)
        bad = ~np.isfinite(self.out[start:stop]).all(axis=1)
        if self.values is not None:
            bad |= ~np.isfinite(self.values[start:stop])
        return np.flatnonzero(bad) + start

    def _node(self, item: int) -> int:
        length = int(self.slots["lengths"][-1])
        row, segment = divmod(item, -(-length // SEGMENT))
        return row * length + min(segment * SEGMENT, length)


def _settle(call: Call, out: Array, values: Array | None, rows: NDArray[np.intp]) -> None:
    """Compute points whose results are not finite again by f; of very many only the first, if it agrees on them."""
    for part in (rows[:REPEATED], rows[REPEATED:]):
        if part.size and _agrees(call, out, values, part):
            return


def _agrees(call: Call, out: Array, values: Array | None, rows: NDArray[np.intp]) -> bool:
    """Compute points again by f; whether the same numbers were not finite."""
    some = subset(call, rows)
    fresh: Any = np.empty((len(rows), out.shape[1]))
    seen = None if values is None else np.empty(len(rows))
    buffer.apply(some, Target(lambda shape: fresh.reshape(len(rows), prod(shape), -1)) if call.vector else fresh, seen)
    same = bool((np.isfinite(fresh) == np.isfinite(out[rows])).all())
    out[rows] = _mended(out[rows], fresh)
    if values is not None and seen is not None:
        values[rows] = _mended(values[rows], seen)
    return same


def _mended(ours: Array, fresh: Array) -> Array:
    """f's own numbers where one of the two is not finite;
    elsewhere they would differ by rounding from other points'."""
    return np.where(np.isfinite(ours) & np.isfinite(fresh), ours, fresh)

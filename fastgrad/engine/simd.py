"""The simd engine: f traced into a program, the program and the table compiled on vectors, one lane per point."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..results import EngineError, as_number, as_numbers
from ..stencils import Table
from . import inplace, lanes, layout, native
from .call import Call, Grid, Kernel, Rows, Target
from .captured import unchanging
from .dependence import operations
from .program import Program
from .spotcheck import PLACES, Space, address_of, batch_rows, check
from .trace import Untraceable, shares_state, trace
from .vectormath import Unsupported

Array = NDArray[np.float64]

SEGMENT = 1024  # nodes of a grid's row to an item: small enough to share, long enough to make its start-up small
REPEATED = 1000  # points with results that are not finite; beyond, the rest is believed if f agrees on these
# Nodes times displacements of one coordinate in the rolled form. LLVM takes 0.3 s for 10 000 of a dense quadratic form
# and 7 s for the 16 000 of Rosenbrock's function at D = 1000; shorter blocks and fewer passes gained a third of that.
ROLLED_OPERATIONS = 20_000
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
    run = len(call.points.axes[-1]) if isinstance(call.points, Grid) else call.points.count
    if (run < native.lanes() and (run > 1 or isinstance(call.points, Grid))) or _is_odd(out):
        return _prepare_copies(call, traced, out, values)
    return _prepare(call, traced, out, values)


def _is_odd(array: Array) -> bool:
    """Whether elements do not lie at multiples of eight bytes, as in a field of packed records."""
    return not array.flags.aligned or any(stride % 8 for stride in array.strides)


def _prepare(call: Call, traced: _Traced, out: Array, values: Array | None) -> Kernel:
    form, program = _form(call, out), traced.program
    compiled = _compiled(program, call.table, form)
    space = Space(program, form.lanes, float(call.steps.size) if form.sizes == "uniform" else 0.0)
    if id(compiled) not in traced.checked:
        check(call, compiled.value, space)
        traced.checked.add(id(compiled))
    bound = _Bound(call, form, compiled.kernel, space, out, values)
    count = call.points.count
    return Kernel(bound.work, bound.items, bound.grain, count, compiled.description, finish=bound.finish)


def _prepare_copies(call: Call, traced: _Traced, out: Array, values: Array | None) -> Kernel:
    """Fewer points than lanes, or a grid whose last axis is shorter: on rows, the last one repeated to fill a vector."""
    count = call.points.count
    picks = np.minimum(np.arange(max(count, native.lanes())), count - 1)
    wide = _subset(call, picks)
    target, seen = np.empty((len(picks), out.shape[1])), None if values is None else np.empty(len(picks))
    kernel = _prepare(wide, traced, target, seen)

    def finish() -> None:
        kernel.finish()
        out[...] = target[:count]
        if values is not None and seen is not None:
            values[...] = seen[:count]

    return replace(kernel, finish=finish, units=count)


def _subset(call: Call, picks: NDArray[np.intp]) -> Call:
    """The same call at some of its points, given as rows."""
    points, size = call.points, call.steps.size
    rows = np.ascontiguousarray(points.row(picks).T) if isinstance(points, Grid) else points.row(picks)
    steps = replace(call.steps, size=size[picks]) if size.ndim == 2 else call.steps
    v, t = (None if a is None else a[picks] for a in (call.v, call.t))
    batch = tuple(rows[picks] for rows in call.batch)
    return replace(call, points=Rows(rows, points.shape), steps=steps, v=v, t=t, batch=batch)


@dataclass(frozen=True)
class _Traced:
    """A program, and the compiled forms of it that have been compared with f."""

    program: Program
    checked: set[int]


_traces: dict[Any, _Traced] = {}


def _traced(call: Call) -> _Traced:
    """f's program. A function that captures nothing but what a key can hold is traced once, others at every call."""
    points = call.points
    reason = shares_state(call.f, [*points.axes] if isinstance(points, Grid) else [points.values])
    if reason:  # a matter of this call's x, whether f was traced before or not
        raise EngineError(reason)
    key = unchanging(call.f, call.args)
    if key is None:
        return _Traced(_trace(call), set())
    place = (key, points.shape, call.scalar, tuple(rows.shape[1:] for rows in call.batch))
    if place not in _traces:
        if len(_traces) > 1024:
            _traces.clear()
        _traces[place] = _Traced(_trace(call), set())
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


_memo: dict[Any, _Compiled] = {}  # never emptied: code stays in the process, and traces remember what was checked


def _compiled(program: Program, table: Table, form: lanes.Form) -> _Compiled:
    """The functions of a program, from the memo, the folder or LLVM."""
    key = (program.structure, table.key, form)
    if key not in _memo:
        rolled = operations(program, table) > lanes.UNROLLED_OPERATIONS
        _check_size(program, table, rolled)
        try:
            text = lanes.kernel(program, table, form, rolled=rolled)
        except Unsupported as missing:
            msg = f"this machine has no vector form of {missing}"
            raise EngineError(msg) from None
        kernel, value = native.functions(text, "kernel", "value")
        what = f"as {len(program.nodes)} operations on {form.lanes} lanes" + (", rolled" if rolled else "")
        _memo[key] = _Compiled(kernel, value, what)
    return _memo[key]


def _check_size(program: Program, table: Table, rolled: bool) -> None:
    written = len(program.outputs) * len(table.scale)
    if len(program.outputs) > 1 and written > WRITTEN:
        msg = f"its {table.name} of {written} numbers is too large to compile"
        raise EngineError(msg)
    count = len(program.nodes) * len(table.stencil.offsets)
    if rolled and (table.name not in {"gradient", "jacobian", "derivative"} or count > ROLLED_OPERATIONS):
        msg = f"its program of {len(program.nodes)} operations is too long to compile for {table.name}"
        raise EngineError(msg)


def _form(call: Call, out: Array) -> lanes.Form:
    source = "grid" if isinstance(call.points, Grid) else _source_kind(call.points.row(slice(None)))
    size = call.steps.size
    kind = "uniform" if not size.ndim else "coordinate" if size.ndim == 1 or size.strides[0] == 0 else "point"
    exact = call.t is None or bool((np.frexp(call.t)[0] == 0.5).all())
    return lanes.Form(native.lanes(), call.steps.rule, kind, source, layout.kind_of(out), call.value, not exact)


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
        for part in (rows[:REPEATED], rows[REPEATED:]):
            if part.size and self._agrees(part):
                return

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

    def _agrees(self, rows: NDArray[np.intp]) -> bool:
        """Compute points again by f; whether the same numbers were not finite."""
        call = _subset(self.call, rows)
        fresh: Any = np.empty((len(rows), self.out.shape[1]))
        seen = None if self.values is None else np.empty(len(rows))
        inplace.apply(
            call, Target(lambda shape: fresh.reshape(len(rows), prod(shape), -1)) if call.vector else fresh, seen
        )
        same = bool((np.isfinite(fresh) == np.isfinite(self.out[rows])).all())
        self.out[rows] = _mended(self.out[rows], fresh)
        if self.values is not None and seen is not None:
            self.values[rows] = _mended(self.values[rows], seen)
        return same


def _mended(ours: Array, fresh: Array) -> Array:
    """f's own numbers where one of the two is not finite; elsewhere they would differ by rounding from other points'."""
    return np.where(np.isfinite(ours) & np.isfinite(fresh), ours, fresh)

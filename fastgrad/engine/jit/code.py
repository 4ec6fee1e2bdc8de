"""The jit engine: f compiled by Numba as a black box, called from a compiled loop over points and directions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from ...formulas.steps import irregular
from ...formulas.values import may_be_single, precision_by_digits
from ...results import EPS, EngineError
from ..bound import Bound
from ..call import Call, Grid, Output, reserved
from . import directions, loops, numbers
from .functions import Function, check_possible, function_of, lock, precision_of, probe, rest_types
from .linking import Shape
from .repairs import asking
from .rows import layouts, rest, rest_at

Array = NDArray[np.float64]

VALUES = types.Array(types.float64, 2, "A")
AXIS = types.Array(types.float64, 1, "C", readonly=True)
INTS = types.Array(types.int64, 1, "C")
PAIRS = types.Array(types.int64, 2, "C")
TABLE = types.Tuple([PAIRS, PAIRS, PAIRS, INTS])
SUMS = types.Array(types.float64, 2, "C")
ROWS = types.Array(types.float64, 2, "C", readonly=True)
SIZES = types.Array(types.float64, 2, "A", readonly=True)

_NEAR = 2.0**-19  # far enough to have digits of its own
UNROLLED = 8  # up to this dimension each has a kernel of its own


def compile_call(call: Call, out: Output | None, recompilations: int | None) -> Code:
    """Compile f and its kernel, and compare what it returns with what f returns.

    Raises
    ------
    EngineError
        f cannot be compiled, or compiled it does not give what it gives in Python.
    """
    check_possible(call)
    with lock:
        function = function_of(call, recompilations)
        code = Code(function, *probe(call, function, call.argument, [lambda value: value]))
        if code.eps == EPS and call.steps.rule == "default":
            code.eps = _shown(call, function)
        code.kernel(call, not isinstance(out, np.ndarray) or out.flags.c_contiguous)
    return code


def _shown(call: Call, function: Function) -> float:
    """The precision of f's numbers of float64 by their digits at a point, and beside it."""
    n = call.finite()
    row, more = call.points.row(n), rest_at(call, n)
    value = function.compiled(call.argument(row), *more)
    if not may_be_single(value):
        return EPS
    near = call.inside(n, row + _NEAR * irregular(row.size) * np.maximum(1.0, np.abs(row)))
    values = (value, function.compiled(call.argument(near), *more))  # of two shapes they may be, which ends later
    return precision_by_digits(np.concatenate([np.ravel(found) for found in values]))


class Code:
    """f as Numba has it, Numba's type of what it returns, and the shape of that."""

    description, is_shared = "compiled by Numba", True

    def __init__(self, function: Function, returns: Any, shape: tuple[int, ...]) -> None:
        self.function, self.returns, self.shape = function, returns, shape
        self.eps = precision_of(returns)
        self.kernels: dict[Any, Any] = {}  # those used so far; to ask Numba for a signature takes 50 us

    def bind(self, call: Call, out: Output, values: Array | None = None) -> Bound:
        """A kernel with the arrays of a call."""
        array = reserved(out, self.shape)
        if call.table.is_value:
            bound = self._values(call, array)
        else:
            bound = self._axes(call, array, values) if _is_along_axes(call) else self._table(call, array)
        return asking(bound, self.function, array, values)

    def kernel(self, call: Call, contiguous: bool, *, copies: bool = False) -> Any:
        """The loop for a kind of call, from the memo or compiled now."""
        rows = isinstance(call.points, Grid) or call.points.values.flags.c_contiguous
        place = (rows, contiguous, call.steps.rule, call.steps.size.ndim, call.value, copies, layouts(call))
        if place not in self.kernels:
            with lock:
                self.kernels[place] = self._compiled(call, contiguous, copies)
        return self.kernels[place]

    def _compiled(self, call: Call, contiguous: bool, copies: bool) -> Any:
        if call.table.is_value:
            return _value_kernel(self, call)
        return (
            _axes_kernel(self, call, contiguous, copies) if _is_along_axes(call) else _table_kernel(self, call, copies)
        )

    def _axes(self, call: Call, out: Array, values: Array | None) -> Bound:
        """A gradient of a number."""
        steps, points, source = call.steps_for(self.eps), call.points, _source(call)
        kernels = [self.kernel(call, out.flags.c_contiguous)]
        sizes: Any = np.broadcast_to(steps.size, points.layout) if steps.size.ndim else float(steps.size)
        seen, more = np.empty((0, 0)) if values is None else values.reshape(-1, 1), rest(call)

        def work(start: int, stop: int) -> None:
            given = (source, sizes, out, seen, start, stop, points.dimension, points.shape, more)
            saw = kernels[-1](*given)
            if saw & loops.WROTE:  # from here on f gets copies
                kernels.append(self.kernel(call, out.flags.c_contiguous, copies=True))
                saw = kernels[-1](*given)
            if saw & loops.VANISHED:
                steps.check(source)

        return items(work, call, 1 if _small(call) else points.dimension, self.eps)

    def _table(self, call: Call, out: Array) -> Bound:
        """Any directions, and an f that returns arrays; items are directions."""
        points, table, steps, t = call.points, call.table, call.steps_for(self.eps), call.t_for(self.eps)
        count, each, outputs = points.count, table.count, 1 if out.ndim == 2 else out.shape[1]
        sizes: Any = np.broadcast_to(steps.size, points.layout) if steps.size.ndim else float(steps.size)
        source, whole = points.row(slice(None)), out.reshape(count, outputs, out.shape[-1])
        v = np.zeros((1, 0)) if call.v is None else call.v
        start = (source, sizes, *map(_ints, (table.units, table.signs, table.starts)))
        combination = tuple(map(_ints, (table.parts, table.factors, table.divisors, table.scale)))
        along = (combination, v, np.zeros(1) if t is None else t)
        kernels, more = [self.kernel(call, True)], rest(call)

        def launch(sums: Array, *span: Any) -> None:
            arguments = (*start, *along, sums, whole, *span, points.shape, more)
            saw = kernels[-1](*arguments)
            if saw & loops.WROTE:  # from here on f gets copies
                kernels.append(self.kernel(call, True, copies=True))
                saw = kernels[-1](*arguments)
            if saw & directions.RESIZED:
                raise ValueError(resized(outputs))
            if saw & loops.VANISHED:
                steps.check(source)

        if count > 1:  # chunks are whole points, each with sums of its own
            per = max(each, 1)  # points without coordinates have no directions
            work = lambda a, b: launch(np.empty((each, outputs)), a // per, b // per, 0, each, True)
            return items(work, call, each, self.eps)
        sums = np.empty((each, outputs))
        bound = items(lambda a, b: launch(sums, 0, 1, a, b, False), call, each, self.eps)
        return replace(bound, finish=lambda: launch(sums, 0, 1, each, each, True))

    def _values(self, call: Call, out: Array) -> Bound:
        """f itself at every point."""
        points, count = call.points, call.points.count
        source, whole = points.row(slice(None)), out.reshape(count, -1)
        values = whole if whole.flags.c_contiguous else np.empty(whole.shape)
        kernel, more = self.kernel(call, True), rest(call)

        def work(start: int, stop: int) -> None:
            if kernel(source, values.reshape(-1), values.shape[1], start, stop, points.shape, more):
                raise ValueError(resized(values.shape[1]))

        def finish() -> None:
            if values is not whole:
                whole[...] = values

        return Bound("jit", call, work, count, 1, count, self.eps, finish)


def items(work: Callable[[int, int], object], call: Call, each: int, eps: float) -> Bound:
    """Work in items of which `each` make a point; those of a single point are handed out one by one."""
    count = call.points.count
    grain, units = (1, each) if count == 1 else (each, count)
    return Bound("jit", call, work, count * each, grain, units, eps)


def resized(outputs: int) -> str:
    """What is wrong with an f whose outputs change in number."""
    return f"f returned arrays of different sizes, {outputs} at first; it must keep to one shape"


# --- what kernels are called with -------------------------------------------------------------------------------------


def _is_along_axes(call: Call) -> bool:
    return call.table.along_axes and not call.vector


def _source(call: Call) -> Any:
    if not isinstance(call.points, Grid):
        return call.points.values
    lengths = np.array([len(a) for a in call.points.axes], dtype=np.int64)
    return np.concatenate(call.points.axes), np.cumsum(lengths) - lengths, lengths


def _ints(array: Any) -> Any:
    return np.ascontiguousarray(array, dtype=np.int64)


def _small(call: Call) -> bool:
    """Whether LLVM knows the dimension."""
    return len(call.points.shape) < 2 and 0 < call.points.dimension <= UNROLLED


def matrix(contiguous: bool, *, readonly: bool = False) -> Any:
    """A type that takes read-only and writeable arrays alike; contiguous ones save two products an element."""
    return types.Array(types.float64, 2, "C" if contiguous else "A", readonly=readonly)


def source_type(call: Call) -> Any:
    """The type of points in rows."""
    return matrix(call.points.row(slice(None)).flags.c_contiguous, readonly=True)


def point_types(call: Call) -> tuple[Any, Any]:
    """Those of the shape of a point and of f's further arguments."""
    shape = types.UniTuple(types.int64, len(call.points.shape))
    return shape, types.Tuple(rest_types(call))


def varied(call: Call, scalar: bool) -> Any:
    """The type of what f is called with first."""
    return types.float64 if scalar else types.Array(types.float64, max(len(call.points.shape), 1), "C")


# --- kernels ----------------------------------------------------------------------------------------------------------


def _axes_kernel(code: Code, call: Call, contiguous: bool, copies: bool) -> Any:
    points, steps, small, array = call.points, call.steps, _small(call), isinstance(code.returns, types.Array)
    grid, scalar, uniform = isinstance(points, Grid), call.scalar or not points.shape, steps.size.ndim == 0
    source = types.Tuple([AXIS, INTS, INTS]) if grid else source_type(call)
    sizes = types.float64 if uniform else SIZES
    signature = (source, sizes, matrix(contiguous), VALUES, *[types.int64] * 3, *point_types(call))

    def make(f: Any) -> Any:
        found = numbers.unknown()
        differences = loops.stencil_sums(loops.evaluation(f, scalar, copies, array), found)
        fill = loops.step_filler(found, uniform)
        if small:
            return loops.over_points(differences, fill, found, grid)
        return loops.over_directions(differences, fill, grid, len(points.shape) < 2)

    shape = Shape(("axes", small, scalar, copies, array), signature, make, loops.launch, len(call.batch))
    return code.function.kernel(shape, _numbers(call, steps.rule), varied(call, scalar))


def _table_kernel(code: Code, call: Call, copies: bool) -> Any:
    points, steps, small, scalar = call.points, call.steps, _small(call), not call.points.shape
    along_v, array, uniform = call.v is not None, _is_number_in_array(code, call), steps.size.ndim == 0
    start = (source_type(call), types.float64 if uniform else SIZES, INTS, INTS, INTS, TABLE, ROWS, AXIS, SUMS)
    spans = [types.Array(types.float64, 3, "A"), *[types.int64] * 4, types.boolean]
    store, capacity = _storing(code, array), -16 * (-len(call.table.stencil.offsets) // 16)

    def make(f: Any) -> Any:
        found, view = numbers.unknown(), loops.view(points.shape)
        evaluate, fill = loops.evaluation(f, scalar, copies, array), loops.step_filler(found, uniform)
        return directions.over_tables(evaluate, store, found, fill, along_v, view, small, capacity)

    key = ("table", along_v, small, scalar, copies, array, store, capacity)
    shape = Shape(key, (*start, *spans, *point_types(call)), make, directions.launch_tables, len(call.batch))
    rule = steps.rule if call.moves_coordinates else ""
    return code.function.kernel(shape, _numbers(call, rule), varied(call, scalar))


def _value_kernel(code: Code, call: Call) -> Any:
    points, small, array = call.points, _small(call), _is_number_in_array(code, call)
    scalar, store = call.scalar or not points.shape, _storing(code, array)
    signature = (source_type(call), types.float64[::1], *[types.int64] * 3, *point_types(call))

    def make(f: Any) -> Any:
        evaluate, view = loops.evaluation(f, scalar, False, array), loops.view(points.shape)
        return directions.over_values(evaluate, store, numbers.unknown(), view, small)

    shape = Shape(("value", small, scalar, array, store), signature, make, directions.launch_values, len(call.batch))
    return code.function.kernel(shape, _numbers(call, ""), varied(call, scalar))


def _numbers(call: Call, rule: str) -> numbers.Numbers:
    table, dimension = call.table, call.points.dimension if _small(call) else 0
    return numbers.values(table.stencil, rule, dimension=dimension, value=call.value, uses_base=table.uses_base)


def _is_number_in_array(code: Code, call: Call) -> bool:
    return isinstance(code.returns, types.Array) and not call.vector


def _storing(code: Code, array: bool) -> Any:
    """What copies a value of f into a buffer; of an `array` of one number the number."""
    store = directions.storing(types.float64 if array else code.returns)
    if store is None:
        msg = f"compiled by Numba, f returns {code.returns}; return a number, or an array of real numbers"
        raise EngineError(msg)
    return store

"""method="complex" in the jit engine: f compiled by Numba for complex numbers, and the loop around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from ...formulas.values import imaginary_part
from ...results import EngineError
from ..bound import Bound
from ..call import Call, Output, reserved
from . import loops, numbers
from .code import AXIS, INTS, ROWS, SIZES, VALUES, items, point_types, resized, source_type, varied
from .directions import fitting
from .functions import Function, check_possible, function_of, lock, precision_of, probe
from .kernels import inlined, part
from .linking import Shape, call_at
from .loops import place_row, step_at
from .numbers import Numbers
from .repairs import asking
from .rows import rest

Array = NDArray[np.float64]

OUT = types.Array(types.float64, 3, "A")


def compile_call(call: Call, recompilations: int | None) -> ComplexCode:
    """As `code.compile_call`."""
    check_possible(call)
    with lock:
        function = function_of(call, recompilations)
        step = 1j * float(call.steps.size.min())
        argument = lambda row: call.argument(row) + step
        code = ComplexCode(function, *probe(call, function, argument, [imaginary_part, np.real, np.imag]))
        code.kernel(call)
    return code


@dataclass(frozen=True)
class ComplexCode:
    """f as Numba has it, Numba's type of what it returns, and the shape of that."""

    function: Function
    returns: Any
    shape: tuple[int, ...]
    description, is_shared = "compiled by Numba", True

    @property
    def eps(self) -> float:
        """The precision of what f returns."""
        return precision_of(self.returns)

    def bind(self, call: Call, out: Output, values: Array | None = None) -> Bound:
        """A kernel with the arrays of a call.

        Items are directions; the point is written anew for each, so that f may write into it.
        """
        points, directions, size = call.points, call.table.count, call.steps.size
        array = reserved(out, self.shape)
        whole = array.reshape(points.count, -1, directions) if array.size else np.empty((points.count, 0, directions))
        sizes: Any = np.broadcast_to(size, points.layout) if size.ndim else float(size)
        along = (np.zeros((1, 0)), np.zeros(1)) if call.v is None else (call.v, call.t)
        seen = np.empty((0, 0)) if values is None else values.reshape(-1, 1)
        units = np.ascontiguousarray(call.table.units, dtype=np.int64)
        kernel, more = self.kernel(call), rest(call)
        given = (points.row(slice(None)), sizes, units, *along, whole, seen)

        def work(start: int, stop: int) -> None:
            if kernel(*given, start, stop, points.dimension, points.shape, more):
                raise ValueError(resized(whole.shape[1]))

        return asking(items(work, call, directions, self.eps), self.function, array, values)

    def kernel(self, call: Call) -> Any:
        """The loop for this kind of call, from the memo or compiled now."""
        points, along_v, value, uniform = call.points, call.v is not None, call.value, call.steps.size.ndim == 0
        scalar = call.scalar or not points.shape
        single = isinstance(self.returns, types.Array) and not call.vector  # an array of one element counts as a number
        start = (source_type(call), types.float64 if uniform else SIZES, INTS, ROWS, AXIS, OUT, VALUES)
        signature = (*start, *[types.int64] * 3, *point_types(call))
        store = _store_number if single else _storing(self.returns)

        def make(f: Any) -> Any:
            evaluate, view = loops.evaluation(f, scalar, False, single), loops.view(points.shape)
            size = loops.one_size if uniform else loops.own_size
            return over_directions(evaluate, store, numbers.unknown(), size, along_v, value, view)

        shape = Shape(("complex", along_v, scalar, value, single, store), signature, make, launch, len(call.batch))
        real = varied(call, scalar)
        varying = real.copy(dtype=types.complex128) if isinstance(real, types.Array) else types.complex128
        with lock:
            own = numbers.values(call.table.stencil, call.steps.rule)
            return self.function.kernel(shape, own, varying, *[real] * value)


@inlined
def _store_number(out, n, r, h, value):
    out[n, 0, r] = value.imag / h
    return False


@inlined
def _store_vector(out, n, r, h, value):
    if len(value) != out.shape[1]:
        return True
    for m in range(out.shape[1]):
        out[n, m, r] = value[m].imag / h
    return False


@inlined
def store_array(out, n, r, h, value):
    if value.size != out.shape[1]:
        return True
    for m in range(out.shape[1]):
        out[n, m, r] = value.flat[m].imag / h
    return False


def _storing(returns: Any) -> Any:
    """What writes the derivatives from a value of f, and says whether its size differs."""
    store = fitting(returns, _store_number, _store_vector, store_array, lambda element: element == types.complex128)
    if store is None:
        msg = f"compiled by Numba, f returns {returns}; return a complex number, or an array of complex numbers"
        raise EngineError(msg)
    return store


def launch(address, source, sizes, units, vs, ts, out, values, start, stop, dimension, shape, args):
    """The loop below, from Python."""
    return call_at(address, (source, sizes, units, vs, ts, out, values, start, stop, dimension, shape, args))


def over_directions(
    evaluate: Any, store: Any, numbers: Numbers, size: Any, along_v: bool, value: bool, view: Any
) -> Any:
    """Items are (point, direction) pairs; returns whether outputs of f differ in size."""
    rule = numbers.rule

    @part
    def kernel(source, sizes, units, vs, ts, out, values, start, stop, dimension, shape, args):
        x, z, node = np.empty(dimension), np.empty(dimension, dtype=np.complex128), np.empty(0, dtype=np.int64)
        real, point, directions, resized = view(x, shape), view(z, shape), len(units), False
        for item in range(start, stop):
            n, r = item // directions, item % directions
            place_row(source, n, node, x)
            if value and r == 0:
                values[n, 0] = float(evaluate(x, real, args, n))
                place_row(source, n, node, x)
            for i in range(dimension):
                z[i] = x[i]
            if along_v:
                h = ts[n]
                for i in range(dimension):
                    z[i] = complex(x[i], h * vs[n, i])
            else:
                h = step_at(rule(), x[units[r]], size(sizes, n, units[r]))
                z[units[r]] = complex(x[units[r]], h)
            resized |= store(out, n, r, h, evaluate(z, point, args, n))
        return resized

    return kernel

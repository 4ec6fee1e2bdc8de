"""method="complex" in the jit engine: f compiled by Numba for complex numbers, and the loop around it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from ...formulas.values import imaginary_part
from ...results import EngineError
from ..call import Call, Kernel
from ..points import Output, Target
from . import blackbox, loops
from .blackbox import AXIS, INTS, ROWS, VALUES
from .loops import inlined, njit, place_row

Array = NDArray[np.float64]

OUT = types.Array(types.float64, 3, "A")


def prepare(call: Call, out: Output, values: Array | None, *, recompilations: int | None = None) -> Kernel:
    """As `blackbox.prepare`. Items are directions; the point is written anew for each, so that f may write into it."""
    blackbox.check_possible(call)
    points, directions = call.points, len(call.table.moves)
    with blackbox.lock:
        compiled = blackbox.compile_function(call, recompilations)
        returns, shape = _probe(call, compiled)
        array = out.reserve(shape) if isinstance(out, Target) else out
        whole = array.reshape(points.count, -1, directions) if array.size else np.empty((points.count, 0, directions))
        source = points.row(slice(None))
        kernel = _kernel(call, compiled, returns, blackbox.matrix(source, readonly=True), values is not None)
    size = call.steps.size
    sizes: Any = np.broadcast_to(size, points.layout) if size.ndim else float(size)
    along = (np.zeros((1, 0)), np.zeros(1)) if call.v is None else (call.v, call.t)
    seen = np.empty((0, 0)) if values is None else values.reshape(-1, 1)
    units = np.ascontiguousarray(call.table.moves[:, 0], dtype=np.int64)

    def work(start: int, stop: int) -> None:
        if kernel(source, sizes, units, *along, whole, seen, start, stop, points.dimension, points.shape, call.args):
            msg = f"f returned arrays of different sizes, {whole.shape[1]} at first; it must keep to one shape"
            raise ValueError(msg)

    return blackbox.items(work, points.count, directions, returns)


def _probe(call: Call, compiled: Any) -> tuple[Any, tuple[int, ...]]:
    """Compile f for complex arguments and run it once: Numba's type of what it returns, and the shape."""
    z = call.argument(call.finite_row()) + 1j * float(call.steps.size.min())
    returns = blackbox.compile_for(compiled, z, *call.args)
    raw = compiled(z.copy(), *call.args)
    value = blackbox.numbers(call, imaginary_part(raw))
    if not hasattr(call.f, "py_func"):
        plain = call.f(z.copy(), *call.args)
        for part in (np.real, np.imag):
            blackbox.check_same(blackbox.numbers(call, part(raw)), blackbox.numbers(call, part(plain)))
    return returns, value.shape


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
    if isinstance(returns, types.Array):
        return _store_vector if returns.ndim == 1 else store_array
    element = getattr(returns, "dtype", None) if isinstance(returns, (types.UniTuple, types.List)) else returns
    if element != types.complex128:
        msg = f"compiled by Numba, f returns {returns}; return a complex number, or an array of complex numbers"
        raise EngineError(msg)
    return _store_number if element is returns else _store_vector


def _kernel(call: Call, compiled: Any, returns: Any, source: Any, value: bool) -> Any:
    """The loop for this kind of call, from the memo or compiled now."""
    points, along_v, uniform = call.points, call.v is not None, call.steps.size.ndim == 0
    single = isinstance(returns, types.Array) and not call.vector  # an array of one element, which counts as a number
    sizes = types.float64 if uniform else types.Array(types.float64, 2, "A", readonly=True)
    shape, arguments = (
        types.UniTuple(types.int64, len(points.shape)),
        types.Tuple([blackbox.numba_type(a) for a in call.args]),
    )
    signature = (source, sizes, INTS, ROWS, AXIS, OUT, VALUES, *[types.int64] * 3, shape, arguments)
    key = (compiled, "complex", call.steps.rule, along_v, call.scalar, value, single, returns, signature)
    if key not in blackbox.memo:
        evaluate = loops.evaluation(compiled, call.scalar or not points.shape, False, single)
        store = _store_number if single else _storing(returns)
        step, size = loops.STEPS[call.steps.rule], loops.one_size if uniform else loops.own_size
        kernel = over_directions(evaluate, store, step, size, along_v, value, loops.view(points.shape))
        with blackbox.compiling():
            kernel.compile(signature)
        kernel.disable_compile()
        blackbox.memo[key] = kernel
    return blackbox.memo[key]


def over_directions(evaluate: Any, store: Any, step: Any, size: Any, along_v: bool, value: bool, view: Any) -> Any:
    """Items are (point, direction) pairs; returns whether outputs of f differ in size."""

    @njit
    def kernel(source, sizes, units, vs, ts, out, values, start, stop, dimension, shape, args):
        x, z, node = np.empty(dimension), np.empty(dimension, dtype=np.complex128), np.empty(0, dtype=np.int64)
        real, point, directions, resized = view(x, shape), view(z, shape), len(units), False
        for item in range(start, stop):
            n, r = item // directions, item % directions
            place_row(source, n, node, x)
            if value and r == 0:
                values[n, 0] = float(evaluate(x, real, args))
                place_row(source, n, node, x)
            for i in range(dimension):
                z[i] = x[i]
            if along_v:
                h = ts[n]
                for i in range(dimension):
                    z[i] = complex(x[i], h * vs[n, i])
            else:
                h = step(x[units[r]], size(sizes, n, units[r]))
                z[units[r]] = complex(x[units[r]], h)
            resized |= store(out, n, r, h, evaluate(z, point, args))
        return resized

    return kernel

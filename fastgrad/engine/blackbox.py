"""The jit engine: f compiled by Numba as a black box, called from a compiled loop over points and directions.

Options of every compilation: `nogil`, because kernels run on threads; `error_model="numpy"`, because Python's turns
each division into a branch; never `fastmath`, which would fold ``(x + h) - x`` to h. The user's own ``@njit`` options
are replaced by these, his function is compiled again from its source.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType, MethodType
from typing import Any

import llvmlite.ir
import numba as nb
import numpy as np
from numba import types
from numba.core import cgutils
from numba.core.errors import NumbaError
from numba.extending import intrinsic
from numba.np import numpy_support
from numba.np.arrayobj import make_array, populate_array

from ..results import EngineError
from ..stencils import Stencil
from ..steps import EPS, Steps
from .call import Call, Grid
from .captured import NotFrozenError, captured
from .inplace import as_number

OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
njit: Any = nb.njit(**OPTIONS)
# Parts of kernels are called from compiled code only; without wrappers for Python they compile a third faster.
part: Any = nb.njit(**OPTIONS, no_cpython_wrapper=True, no_cfunc_wrapper=True)
inlined: Any = nb.njit(**OPTIONS, no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True)
FLOATS = types.Array(types.float64, 1, "C")
READ = types.Array(types.float64, 2, "A", readonly=True)
WRITE = types.Array(types.float64, 2, "A")
AXIS = types.Array(types.float64, 1, "C", readonly=True)
INTS = types.Array(types.int64, 1, "C")

UNROLLED = 8  # up to this dimension each has a kernel of its own

_lock = threading.RLock()  # Numba compiles one function at a time anyway; the memos below need it
_functions: dict[Any, Any] = {}
_kernels: dict[Any, Any] = {}


@dataclass(frozen=True)
class Kernel:
    """A compiled call: ``work(start, stop)`` does items [start, stop), `grain` of which make one point."""

    work: Callable[[int, int], object]
    items: int
    grain: int
    eps: float


def prepare(call: Call, out: np.ndarray, values: np.ndarray | None) -> Kernel:
    """Compile f and its kernel for a call and bind the arrays.

    Raises
    ------
    EngineError
        f cannot be compiled, or compiled it does not give what it gives in Python.
    """
    with _lock:
        compiled = _compile(call)
        first = call.argument(call.finite_row())
        writes, returns = _probe(call, compiled, first)
        steps = call.steps_for(_eps(returns))
        kernel = _kernel(call, compiled, steps, writes, isinstance(returns, types.Array))
    source = _source(call)
    count, dimension = call.points.count, call.points.dimension
    sizes = np.broadcast_to(steps.size, (count, dimension))
    seen = np.empty((0, 0)) if values is None else values.reshape(-1, 1)
    units = np.ascontiguousarray(call.table.moves[:, 0])

    def work(start: int, stop: int) -> None:
        if kernel(source, sizes, units, out, seen, start, stop, call.points.shape, call.args):
            steps.check(source)

    grain = 1 if _is_small(call) else len(units)
    return Kernel(work, count * grain, grain, _eps(returns))


def _eps(returns: Any) -> float:
    dtype = returns.dtype if isinstance(returns, types.Array) else returns
    return float(np.finfo(numpy_support.as_dtype(dtype)).eps) if isinstance(dtype, types.Float) else EPS


def _compile(call: Call) -> Any:
    """The compiled f, from the memo when its code and what it captures have been seen."""
    function = getattr(call.f, "py_func", call.f)
    if not isinstance(function, FunctionType):
        kind = "a bound method" if isinstance(function, MethodType) else f"a {type(function).__name__}"
        msg = f"Numba cannot compile f: it is {kind}; write it as a plain function"
        raise EngineError(msg)
    try:
        key = captured(function)
    except NotFrozenError as refused:
        msg = f"Numba cannot compile f: {refused}"
        raise EngineError(msg) from None
    if key not in _functions:
        _functions[key] = njit(function)
    return _functions[key]


def _probe(call: Call, compiled: Any, argument: Any) -> tuple[bool, Any]:
    """Run the compiled f once: (whether it writes into its argument, its return type); compare it with f itself."""
    given = argument.copy()
    try:
        value = compiled(given, *call.args)
    except (NumbaError, NotImplementedError, ImportError) as error:
        raise EngineError(f"Numba cannot compile f: {_first_line(error)}") from error  # noqa: EM102
    returns = compiled.nopython_signatures[-1].return_type
    for signature, overload in compiled.overloads.items():
        if signature == tuple(nb.typeof(a) for a in (given, *call.args)):
            returns = overload.signature.return_type
    as_number(value)
    if not hasattr(call.f, "py_func"):
        _check_agreement(float(np.asarray(value).reshape(())[()]), call, argument)
    return given.tobytes() != argument.tobytes(), returns


def _check_agreement(compiled: float, call: Call, argument: Any) -> None:
    """Numba's version of a plain function must give what the function gives: it freezes state and random numbers."""
    plain = as_number(call.f(argument.copy(), *call.args))
    same = compiled == plain or (np.isnan(compiled) and np.isnan(plain))
    if not same and not abs(compiled - plain) <= 1e-8 * max(abs(compiled), abs(plain)):
        msg = f"compiled by Numba, f gives {compiled!r} where it gives {plain!r} in Python: it keeps state or is random"
        raise EngineError(msg)


def _first_line(error: BaseException) -> str:
    """The line of Numba's report that says what is wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    noise = ("Failed in nopython", "During:", "Overload", "There are", "File ", "- ", ">>>", "This error", "def ")
    return next((line for line in lines if not line.startswith(noise)), type(error).__name__)


# --- kernels ---------------------------------------------------------------------------------------------------------


@intrinsic
def _power_of_two_below(_context: Any, h: Any) -> Any:
    """`steps.power_of_two_below` of one number, on its bits."""

    def codegen(_cgctx: Any, builder: Any, _signature: Any, args: Any) -> Any:
        bits = builder.bitcast(args[0], llvmlite.ir.IntType(64))
        kept = builder.and_(bits, llvmlite.ir.Constant(llvmlite.ir.IntType(64), 0x7FF0000000000000))
        return builder.bitcast(kept, llvmlite.ir.DoubleType())

    return types.float64(h), codegen


@intrinsic
def _stack_array(_context: Any, size: Any) -> Any:
    """An array of a literal size on the stack, which LLVM can keep in registers."""
    if not isinstance(size, types.IntegerLiteral):
        return None
    array, length = types.Array(types.float64, 1, "C"), size.literal_value

    def codegen(context: Any, builder: Any, _signature: Any, _args: Any) -> Any:
        data = cgutils.alloca_once(builder, llvmlite.ir.ArrayType(llvmlite.ir.DoubleType(), length))
        made, eight = make_array(array)(context, builder), context.get_constant(types.intp, 8)
        populate_array(
            made,
            data=builder.bitcast(data, llvmlite.ir.DoubleType().as_pointer()),
            shape=cgutils.pack_array(builder, [context.get_constant(types.intp, length)]),
            strides=cgutils.pack_array(builder, [eight]),
            itemsize=eight,
            meminfo=None,
        )
        return made._getvalue()

    return array(size), codegen


@part
def _step_default(x: float, size: float, reach: float) -> float:
    return _power_of_two_below(size * max(1.0, abs(x)))


@part
def _step_absolute(x: float, size: float, reach: float) -> float:
    return ((abs(x) + reach * size) - abs(x)) / reach


@part
def _step_relative(x: float, size: float, reach: float) -> float:
    return _step_absolute(x, size if x == 0.0 else size * abs(x), reach)


@part
def _step_book(x: float, size: float, reach: float) -> float:
    return size


_STEPS = {"default": _step_default, "absolute": _step_absolute, "relative": _step_relative, "book": _step_book}


@inlined
def _place_row(source, n, node, x):
    for i in range(x.size):
        x[i] = source[n, i]


@inlined
def _next_row(source, n, node, x):
    _place_row(source, n, node, x)


@inlined
def _place_node(source, n, node, x):
    values, starts, lengths = source
    for i in range(x.size - 1, -1, -1):
        node[i] = n % lengths[i]
        n //= lengths[i]
        x[i] = values[starts[i] + node[i]]


@inlined
def _next_node(source, n, node, x):
    """The odometer's next position: a division per axis and node would cost a tenth of a sin-sized f."""
    values, starts, lengths = source
    for i in range(x.size - 1, -1, -1):
        node[i] += 1
        if node[i] < lengths[i]:
            x[i] = values[starts[i] + node[i]]
            return
        node[i] = 0
        x[i] = values[starts[i]]


@part
def _as_it_is(x, shape):
    return x


@part
def _reshaped(x, shape):
    return x.reshape(shape)


def _source(call: Call) -> Any:
    if not isinstance(call.points, Grid):
        return call.points.values
    lengths = np.array([len(a) for a in call.points.axes], dtype=np.int64)
    return np.concatenate(call.points.axes), np.cumsum(lengths) - lengths, lengths


def _is_small(call: Call) -> bool:
    return len(call.points.shape) < 2 and call.points.dimension <= UNROLLED


def _kernel(call: Call, compiled: Any, steps: Steps, writes: bool, array: bool) -> Any:
    grid, formula = isinstance(call.points, Grid), call.table.stencil
    scalar = call.scalar or not call.points.shape
    arguments = types.Tuple([nb.typeof(a) for a in call.args])
    shape = types.UniTuple(types.int64, len(call.points.shape))
    small = call.points.dimension if _is_small(call) else 0
    key = (compiled, formula, steps.rule, grid, scalar, small, call.value, writes, array, arguments, shape)
    if key not in _kernels:
        evaluate = _evaluation(compiled, scalar, writes, array)
        differences = _differences(evaluate, formula, call.value)
        fill = _fill_steps(_STEPS[steps.rule], float(formula.reach))
        if small:
            kernel = _over_points(differences, fill, small, grid)
        else:
            kernel = _over_directions(differences, fill, grid, len(call.points.shape) < 2)
        source = types.Tuple([AXIS, INTS, INTS]) if grid else READ
        try:
            kernel.compile((source, READ, INTS, WRITE, WRITE, types.int64, types.int64, shape, arguments))
        except (NumbaError, NotImplementedError, ImportError) as error:
            raise EngineError(f"Numba cannot compile f: {_first_line(error)}") from error  # noqa: EM102
        kernel.disable_compile()  # other layouts of arrays are to be converted to this signature, not compiled again
        _kernels[key] = kernel
    return _kernels[key]


def _evaluation(compiled: Any, scalar: bool, writes: bool, array: bool) -> Any:
    """f as the kernel calls it: on the number, on the point, or on a copy of it where f writes into its argument."""

    def on_number(x, point, args):
        return compiled(x[0], *args)

    def on_point(x, point, args):
        return compiled(point, *args)

    def on_copy(x, point, args):
        return compiled(point.copy(), *args)

    inner = part(on_number if scalar else on_copy if writes else on_point)
    if not array:
        return inner
    return part(lambda x, point, args: inner(x, point, args).flat[0])


def _differences(evaluate: Any, formula: Stencil, value: bool) -> Any:
    """The stencil along directions [first, last) at one point."""
    numbers = tuple(float(c) for c, _, _ in formula.terms)
    above = tuple(float(formula.offsets[a]) for _, a, _ in formula.terms)
    below = tuple(float(formula.offsets[b]) for _, _, b in formula.terms)
    count, power, denominator = len(numbers), formula.derivative, float(formula.denominator)
    at_base = formula.base >= 0

    @inlined
    def differences(x, point, steps, units, out, values, n, first, last, args):
        center = 0.0
        if at_base or (value and first == 0):
            center = float(evaluate(x, point, args))
        if value and first == 0:
            values[n, 0] = center
        for r in range(first, last):
            i = units[r]
            saved = x[i]
            h = steps[r]
            total = 0.0
            for q in range(count):
                x[i] = saved + above[q] * h
                difference = float(evaluate(x, point, args))
                if at_base:
                    difference -= center
                else:
                    x[i] = saved + below[q] * h
                    difference -= float(evaluate(x, point, args))
                total += numbers[q] * difference
            x[i] = saved
            divisor = denominator
            for _ in range(power):
                divisor *= h
            out[n, r] = total / divisor

    return differences


def _fill_steps(step_at: Any, reach: float) -> Any:
    """The steps of directions [first, last): all of them before the first call of f, which overlaps their latencies.

    Returns whether one of them vanishes beside its coordinate.
    """

    @inlined
    def fill(steps, x, sizes, units, n, first, last):
        vanished = False
        for r in range(first, last):
            steps[r] = step_at(x[units[r]], sizes[n, units[r]], reach)
            vanished |= steps[r] == 0.0
        return vanished

    return fill


def _over_points(differences: Any, fill: Any, dimension: int, grid: bool) -> Any:
    """Items are points, the dimension is a literal: loops unroll and the point lives in registers.

    For sin(x0*x1) that is 31 against 47 ms with a dimension known only at run time; by hand 29.
    """
    place, advance = (_place_node, _next_node) if grid else (_place_row, _next_row)
    axes = tuple(range(dimension))

    @njit
    def kernel(source, sizes, units, out, values, start, stop, shape, args):
        x, steps, node = _stack_array(dimension), _stack_array(dimension), np.empty(dimension, dtype=np.int64)
        vanished = False
        place(source, start, node, x)
        for n in range(start, stop):
            vanished |= fill(steps, x, sizes, axes, n, 0, dimension)
            differences(x, x, steps, axes, out, values, n, 0, dimension, args)
            if n + 1 < stop:
                advance(source, n + 1, node, x)
        return vanished

    return kernel


def _over_directions(differences: Any, fill: Any, grid: bool, vector: bool) -> Any:
    """Items are (point, direction) pairs, so that one large point spreads over threads like many points."""
    place = _place_node if grid else _place_row
    view = _as_it_is if vector else _reshaped

    @njit
    def kernel(source, sizes, units, out, values, start, stop, shape, args):
        x, steps = np.empty(sizes.shape[1]), np.empty(len(units))
        node, point, directions = np.empty(x.size, dtype=np.int64), view(x, shape), len(units)
        vanished = False
        for n in range(start // directions, (stop - 1) // directions + 1):
            place(source, n, node, x)
            first, last = max(start - n * directions, 0), min(stop - n * directions, directions)
            vanished |= fill(steps, x, sizes, units, n, first, last)
            differences(x, point, steps, units, out, values, n, first, last, args)
        return vanished

    return kernel

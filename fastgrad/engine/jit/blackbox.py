"""The jit engine: f compiled by Numba as a black box, called from a compiled loop over points and directions.

A function that the user has compiled already is compiled again from its source, with the options of `loops`.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FunctionType, MethodType
from typing import Any

import numba as nb
import numpy as np
from numba import config, types
from numba.core.errors import NumbaError, NumbaWarning, UnsupportedBytecodeError
from numba.np import numpy_support
from numpy.typing import NDArray

from ...formulas.steps import Steps
from ...formulas.values import as_number, as_numbers
from ...llvm.interrupts import deferred_interrupt
from ...program.captures import NotFrozenError, captured, content, snapshot
from ...results import EPS, EngineError
from ..call import Call, Kernel
from ..points import Grid, Output, Target
from . import directions, loops

Array = NDArray[np.float64]

VALUES = types.Array(types.float64, 2, "A")
AXIS = types.Array(types.float64, 1, "C", readonly=True)
INTS = types.Array(types.int64, 1, "C")
PAIRS = types.Array(types.int64, 2, "C")
TABLE = types.Tuple([PAIRS, PAIRS, PAIRS, INTS])
SUMS = types.Array(types.float64, 2, "C")
ROWS = types.Array(types.float64, 2, "C", readonly=True)

UNROLLED = 8  # up to this dimension each has a kernel of its own

lock = threading.RLock()  # Numba compiles one function at a time anyway; the memos below need it
_functions: dict[Any, Any] = {}
memo: dict[Any, Any] = {}
_versions: dict[Any, int] = {}


def prepare(call: Call, out: Output, values: Array | None, *, recompilations: int | None = None) -> Kernel:
    """Compile f and its kernel for a call and bind the arrays.

    A captured number is part of the compiled code; `recompilations` says how often it may change.

    Raises
    ------
    EngineError
        f cannot be compiled, or compiled it does not give what it gives in Python.
    """
    check_possible(call)
    with lock:
        compiled = compile_function(call, recompilations)
        first = call.argument(call.finite_row())
        returns, shape = _probe(call, compiled, first)
        if isinstance(out, Target) or not call.table.along_axes:
            array = out.reserve(shape) if isinstance(out, Target) else out
            return (_prepare_values if call.table.is_value else _prepare_table)(call, compiled, array, returns)
        steps = call.steps_for(_eps(returns))
        kernels = [_kernel(call, compiled, steps, out, returns)]
    source = _source(call)
    count, dimension = call.points.count, call.points.dimension
    sizes: Any = np.broadcast_to(steps.size, (count, dimension)) if steps.size.ndim else float(steps.size)
    seen = np.empty((0, 0)) if values is None else values.reshape(-1, 1)
    units = np.ascontiguousarray(call.table.moves[:, 0])

    def work(start: int, stop: int) -> None:
        rest = (source, sizes, units, out, seen, start, stop, dimension, call.points.shape, call.args)
        saw = kernels[-1](*rest)
        if saw & loops.WROTE:  # from here on f gets copies
            with lock:
                kernels.append(_kernel(call, compiled, steps, out, returns, copies=True))
            saw = kernels[-1](*rest)
        if saw & loops.VANISHED:
            steps.check(source)

    grain = 1 if _is_small(call) else len(units)
    return items(work, count, grain, returns)


def check_possible(call: Call) -> None:
    """Raise EngineError for what no compilation helps."""
    if config.DISABLE_JIT:
        msg = "Numba's compiler is switched off; unset NUMBA_DISABLE_JIT"
        raise EngineError(msg)
    if call.batch:
        msg = "batch_args run on simd and python; write them as further coordinates of x, or use args="
        raise EngineError(msg)


def _prepare_table(call: Call, compiled: Any, out: Array, returns: Any) -> Kernel:
    """As `prepare`, for any directions and an f that returns arrays; items are directions."""
    points, table, steps, t = call.points, call.table, call.steps_for(_eps(returns)), call.t_for(_eps(returns))
    count, each, outputs = points.count, len(table.moves), 1 if out.ndim == 2 else out.shape[1]
    sizes: Any = np.broadcast_to(steps.size, points.layout) if steps.size.ndim else float(steps.size)
    source, whole = points.row(slice(None)), out.reshape(count, outputs, out.shape[-1])
    v = np.zeros((1, 0)) if call.v is None else call.v
    start = (source, sizes, *map(_ints, (table.moves, table.signs)))
    combination = tuple(map(_ints, (table.parts, table.factors, table.divisors, table.scale)))
    rest = (combination, v, np.zeros(1) if t is None else t)
    kernels = [_table_kernel(call, compiled, steps, returns)]

    def launch(sums: Array, *span: Any) -> None:
        arguments = (*start, *rest, sums, whole, *span, points.shape, call.args)
        saw = kernels[-1](*arguments)
        if saw & loops.WROTE:  # from here on f gets copies
            with lock:
                kernels.append(_table_kernel(call, compiled, steps, returns, copies=True))
            saw = kernels[-1](*arguments)
        if saw & directions.RESIZED:
            msg = f"f returned arrays of different sizes, {outputs} at first; it must keep to one shape"
            raise ValueError(msg)
        if saw & loops.VANISHED:
            steps.check(source)

    if count > 1:  # chunks are whole points, each with sums of its own
        per = max(each, 1)  # points without coordinates have no directions
        work = lambda a, b: launch(np.empty((each, outputs)), a // per, b // per, 0, each, True)
        return items(work, count, each, returns)
    sums = np.empty((each, outputs))
    kernel = items(lambda a, b: launch(sums, 0, 1, a, b, False), count, each, returns)
    return replace(kernel, finish=lambda: launch(sums, 0, 1, each, each, True))


def _prepare_values(call: Call, compiled: Any, out: Array, returns: Any) -> Kernel:
    """As `prepare`, for f itself at every point."""
    points, count = call.points, call.points.count
    source, whole = points.row(slice(None)), out.reshape(count, -1)
    values = whole if whole.flags.c_contiguous else np.empty(whole.shape)
    shape, arguments = types.UniTuple(types.int64, len(points.shape)), types.Tuple([numba_type(a) for a in call.args])
    scalar = call.scalar or not points.shape
    signature = (matrix(source, readonly=True), types.float64[::1], *[types.int64] * 3, shape, arguments)
    array = isinstance(returns, types.Array) and not call.vector
    store, small = _storing(returns, array), points.dimension if _is_small(call) else 0
    key = (compiled, "value", small, scalar, returns, array, signature)
    if key not in memo:
        evaluate = loops.evaluation(compiled, scalar, False, array)
        memo[key] = _compiled_kernel(
            directions.over_values(evaluate, store, loops.view(points.shape), small), signature
        )

    def work(start: int, stop: int) -> None:
        if memo[key](source, values.reshape(-1), values.shape[1], start, stop, points.shape, call.args):
            msg = f"f returned arrays of different sizes, {values.shape[1]} at first; it must keep to one shape"
            raise ValueError(msg)

    def finish() -> None:
        if values is not whole:
            whole[...] = values

    return Kernel(work, count, 1, count, "compiled by Numba", _eps(returns), finish)


def items(work: Callable[[int, int], object], count: int, each: int, returns: Any) -> Kernel:
    """Work in items of which `each` make a point; those of a single point are handed out one by one."""
    grain, units = (1, each) if count == 1 else (each, count)
    return Kernel(work, count * each, grain, units, "compiled by Numba", _eps(returns))


def _ints(array: Any) -> Any:
    return np.ascontiguousarray(array, dtype=np.int64)


def _table_kernel(call: Call, compiled: Any, steps: Steps, returns: Any, *, copies: bool = False) -> Any:
    """The loop for this kind of table, from the memo or compiled now."""
    points, along_v, array = call.points, call.v is not None, isinstance(returns, types.Array) and not call.vector
    source = matrix(points.row(slice(None)), readonly=True)
    sizes = types.Array(types.float64, 2, "A", readonly=True) if steps.size.ndim else types.float64
    shape, arguments = types.UniTuple(types.int64, len(points.shape)), types.Tuple([numba_type(a) for a in call.args])
    out, spans = types.Array(types.float64, 3, "A"), [types.int64] * 4
    signature = (source, sizes, PAIRS, PAIRS, TABLE, ROWS, AXIS, SUMS, out, *spans, types.boolean, shape, arguments)
    store = _storing(returns, array)
    rule = steps.rule if call.moves_coordinates else ""
    uses_base, small = call.table.uses_base, points.dimension if _is_small(call) else 0
    key = (compiled, call.table.stencil, uses_base, along_v, small, rule, copies, returns, array, signature)
    if key not in memo:
        evaluate = loops.evaluation(compiled, not points.shape, copies, array)
        fill = loops.step_filler(rule, steps.size.ndim == 0) if rule else None
        view = loops.view(points.shape)
        kernel = directions.over_tables(evaluate, store, call.table.stencil, fill, uses_base, along_v, view, small)
        memo[key] = _compiled_kernel(kernel, signature)
    return memo[key]


def _storing(returns: Any, array: bool) -> Any:
    """What copies a value of f into a buffer; of an `array` of one number the number."""
    store = directions.storing(types.float64 if array else returns)
    if store is None:
        msg = f"compiled by Numba, f returns {returns}; return a number, or an array of real numbers"
        raise EngineError(msg)
    return store


def _compiled_kernel(kernel: Any, signature: Any) -> Any:
    """Compiled for this signature, to which other arrays are converted instead of compiling again."""
    with compiling():
        kernel.compile(signature)
    kernel.disable_compile()
    return kernel


def _eps(returns: Any) -> float:
    dtype = returns.dtype if isinstance(returns, types.Array) else returns
    return float(np.finfo(numpy_support.as_dtype(dtype)).eps) if isinstance(dtype, types.Float) else EPS


def compile_function(call: Call, recompilations: int | None) -> Any:
    """The compiled f, from the memo when its code and what it captures have been seen."""
    function = getattr(call.f, "py_func", call.f)
    if not isinstance(function, FunctionType):
        kind = "a bound method" if isinstance(function, MethodType) else f"a {type(function).__name__}"
        msg = f"Numba cannot compile f: it is {kind}; write it as a plain function"
        raise EngineError(msg)
    if function.__kwdefaults__:
        name = next(iter(function.__kwdefaults__))
        msg = (
            f"Numba gives the keyword-only argument {name!r} of f no default; write def f(x, {name}=...) without the *"
        )
        raise EngineError(msg)
    # a plain function keeps Python's IndexError, one that was compiled before the option it was given
    checked = bool(getattr(call.f, "targetoptions", {"boundscheck": True}).get("boundscheck"))
    try:
        key = (captured(function), checked)
    except NotFrozenError as refused:
        msg = f"Numba cannot compile f: {refused}"
        raise EngineError(msg) from None
    if key not in _functions:
        code = content(function.__code__)
        versions = _versions.get(code, 0)
        if recompilations is not None and versions > recompilations:
            msg = f"the numbers that f captures changed {versions} times, each a new compilation; pass them by args="
            raise EngineError(msg)
        _versions[code] = versions + 1
        _functions[key] = loops.compiler(boundscheck=checked)(snapshot(function))
    return _functions[key]


def _probe(call: Call, compiled: Any, argument: Any) -> tuple[Any, tuple[int, ...]]:
    """Compile f for its arguments and run it once; what it returns must be numbers, and what f itself returns.

    The result is Numba's type of what it returns, and its shape.
    """
    given = argument.copy()
    returns = compile_for(compiled, given, *call.args)
    value = numbers(call, compiled(given, *call.args))
    if not hasattr(call.f, "py_func"):
        check_same(value, numbers(call, call.f(argument.copy(), *call.args)))
    return returns, value.shape


def compile_for(compiled: Any, *given: Any) -> Any:
    """Compile f for its arguments, with the defaults of those that are not given; Numba's type of what it returns."""
    with compiling():
        signature = compiled.fold_argument_types(tuple(map(numba_type, given)), {})[1]
        if signature not in compiled.overloads:
            compiled.compile(signature)
    return compiled.overloads[signature].signature.return_type


def numbers(call: Call, value: Any) -> Array:
    """What f returned, as one number unless it may return many."""
    return as_numbers(value) if call.vector else np.array(as_number(value))


def numba_type(value: Any) -> Any:
    with _translated(ValueError):
        return nb.typeof(value)


def check_same(compiled: Array, plain: Array) -> None:
    """Numba's version of a plain function must give what the function gives: it freezes state and random numbers."""
    if not _agree(compiled, plain):
        a, b = (v[()].tolist() if v.size < 5 else f"an array of shape {v.shape}" for v in (compiled, plain))
        msg = f"compiled by Numba, f gives {a} where it gives {b} in Python: it keeps state or is random"
        raise EngineError(msg)


def _agree(a: Array, b: Array) -> bool:
    """Equal but for rounding, which is measured by the largest output."""
    if a.shape != b.shape:
        return False
    with np.errstate(all="ignore"):
        size = max(np.abs(v[np.isfinite(v)]).max(initial=0.0) for v in (a, b))
        return bool(((a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= 1e-8 * size)).all())


@contextmanager
def compiling() -> Iterator[None]:
    """Ctrl-C waits, Numba's advice on the user's code is left out, its errors become ours."""
    with deferred_interrupt(), _translated(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore", NumbaWarning)
        yield


@contextmanager
def _translated(more: type[Exception] = NumbaError) -> Iterator[None]:
    """Numba's errors at compilation as ours; ImportError is `@` without SciPy, NotImplementedError float16."""
    try:
        yield
    except (NumbaError, UnsupportedBytecodeError, NotImplementedError, ImportError, more) as error:
        msg = f"Numba cannot compile f: {_first_line(error)}"
        raise EngineError(msg) from error


def _first_line(error: BaseException) -> str:
    """The line of Numba's report that says what is wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    noise = ("Failed in nopython", "During:", "Overload", "There are", "File ", "- ", ">>>", "This error", "def ")
    said = next((line for line in lines if not line.startswith(noise)), type(error).__name__)
    call = next((line.removeprefix(">>> ") for line in lines if line.startswith(">>> ")), "")
    return f"{said} {call}" if said.endswith(":") and call else said


def _source(call: Call) -> Any:
    if not isinstance(call.points, Grid):
        return call.points.values
    lengths = np.array([len(a) for a in call.points.axes], dtype=np.int64)
    return np.concatenate(call.points.axes), np.cumsum(lengths) - lengths, lengths


def _is_small(call: Call) -> bool:
    return len(call.points.shape) < 2 and call.points.dimension <= UNROLLED


def _kernel(call: Call, compiled: Any, steps: Steps, out: Array, returns: Any, *, copies: bool = False) -> Any:
    """The loop for this kind of call, from the memo or compiled now."""
    grid, points = isinstance(call.points, Grid), call.points
    small = points.dimension if _is_small(call) else 0
    source = types.Tuple([AXIS, INTS, INTS]) if grid else matrix(points.row(slice(None)), readonly=True)
    sizes = types.Array(types.float64, 2, "A", readonly=True) if steps.size.ndim else types.float64
    shape = types.UniTuple(types.int64, len(points.shape))
    arguments = types.Tuple([numba_type(a) for a in call.args])
    signature = (source, sizes, INTS, matrix(out), VALUES, types.int64, types.int64, types.int64, shape, arguments)
    scalar = call.scalar or not points.shape
    key = (compiled, call.table.stencil, steps.rule, small, scalar, call.value, copies, returns, signature)
    if key not in memo:
        evaluate = loops.evaluation(compiled, scalar, copies, isinstance(returns, types.Array))
        differences = loops.stencil_sums(evaluate, call.table.stencil, call.value)
        fill = loops.step_filler(steps.rule, steps.size.ndim == 0)
        if small:
            kernel = loops.over_points(differences, fill, small, grid)
        else:
            kernel = loops.over_directions(differences, fill, grid, len(points.shape) < 2)
        memo[key] = _compiled_kernel(kernel, signature)
    return memo[key]


def matrix(array: Array, *, readonly: bool = False) -> Any:
    """A type that takes read-only and writeable arrays alike; contiguous ones save two products an element."""
    return types.Array(types.float64, 2, "C" if array.flags.c_contiguous else "A", readonly=readonly)

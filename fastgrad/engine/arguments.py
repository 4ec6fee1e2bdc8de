"""Checks of what callers pass; each error says what arrived, what is needed and what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..formulas import stencils
from ..formulas.stencils import COMPLEX, EXACT, ORDERS, stencil
from ..formulas.steps import Steps, choose_steps
from ..formulas.values import unmasked
from . import threads
from .call import Call, Rows, Workers
from .limits import beside, read_bounds
from .noise import check_noise
from .numbers import argument_array, check_operators, read_only, real_array

Array = NDArray[Any]


LIVE_ENGINES = ("auto", "python", "arrays")


def check_function(f: Any, name: str = "f") -> Callable[..., Any]:
    """f itself, or TypeError."""
    if callable(f):
        function: Callable[..., Any] = f
        return function
    msg = f"{name} must be a function, got {type(f).__name__}; the function comes first: gradient(f, x)"
    if isinstance(f, (np.ndarray, list)) or hasattr(f, "__array__"):
        msg += ". Of samples on a grid write fastgrad.grid.gradient(samples, spacing)"
    raise TypeError(msg)


def check_scheme(method: Any, order: Any) -> None:
    """Raise ValueError for a method or an order that does not exist."""
    if type(order) is int and type(method) is str and order in ORDERS.get(method, ()):
        return
    if not isinstance(method, str) or not isinstance(order, (int, np.integer)) or isinstance(order, bool):
        choices = "; ".join(f"{name!r} with order {', '.join(map(str, orders))}" for name, orders in ORDERS.items())
        msg = (
            f"method={method!r} with order={order!r} does not exist; use one of {choices}; "
            f"or {COMPLEX!r} or {EXACT!r} without an order"
        )
        raise ValueError(msg)  # noqa: TRY004  a value that is not among the choices, of whatever type
    if method != "adaptive":
        if method not in (*ORDERS, COMPLEX, EXACT):
            names = (*ORDERS, "adaptive", COMPLEX, EXACT)
            msg = f"method={method!r} is unknown; use one of {', '.join(map(repr, names))}"
            raise ValueError(msg)
        stencil(1, order, method)
    elif order not in ORDERS["central"]:
        msg = (
            f"order={order!r} does not exist for method='adaptive'; use one of {', '.join(map(str, ORDERS['central']))}"
        )
        raise ValueError(msg)


def formulas_of(method: str) -> str:
    """The method of the formulas, which refined steps (`adaptive`) extrapolate."""
    return "central" if method == "adaptive" else method


def check_differences(method: Any, order: Any) -> None:
    """As `check_scheme`, for what a complex step is not made for."""
    check_scheme(method, order)
    if method == COMPLEX:
        msg = (
            "method='complex' works on derivative, gradient, jacobian, jvp and vjp; "
            "here use method='central', perhaps with order=4"
        )
        raise ValueError(msg)


def check_fixed_steps(method: Any, order: Any, name: str) -> None:
    """As `check_differences`, for what has no refined steps."""
    check_differences(method, order)
    if method == "adaptive":
        msg = (
            f"{name} has no method='adaptive'; "
            "use method='central' with a higher order, or gradient(f, x, method='adaptive')"
        )
        raise ValueError(msg)


def refuse_steps(h: Any, rel_step: Any) -> None:
    """Raise ValueError for steps where nothing is moved."""
    for name, given in (("h", h), ("rel_step", rel_step)):
        if given is not None:
            msg = (
                f"{name}={given!r} means nothing to method='exact', which takes the derivative itself; "
                f"leave {name} out, or use method='central'"
            )
            raise ValueError(msg)


def refuse_exact(method: Any, name: str) -> None:
    """Raise ValueError for exact derivatives where they are not made."""
    if method == EXACT:
        msg = (
            f"{name} has no method='exact'; derivative, gradient, value_and_gradient, jacobian, hessian, jvp, vjp, "
            "hvp, gradient_field, and grad and its relatives have: here use method='central'"
        )
        raise ValueError(msg)


def check_one_step(h: Any, rel_step: Any, why: str) -> None:
    """Raise ValueError for one step per coordinate where it has to be one number."""
    for name, given in (("h", h), ("rel_step", rel_step)):
        if given is not None and np.ndim(given):
            msg = f"{name} has shape {np.shape(given)}, but it {why}; give one number"
            raise ValueError(msg)


def check_live_engine(engine: Any) -> None:
    """Raise ValueError for a name that is no engine of losses of live arrays."""
    if engine not in LIVE_ENGINES:
        msg = f"engine={engine!r} is unknown here; use one of {', '.join(map(repr, LIVE_ENGINES))}"
        raise ValueError(msg)


def check_args(args: Any) -> tuple[Any, ...]:
    """args as a tuple, or TypeError."""
    if type(args) is tuple:
        return args
    if not isinstance(args, (tuple, list)):
        msg = f"args must be a tuple, got {type(args).__name__}; write args=(a,) for one further argument"
        raise TypeError(msg)
    return tuple(args)


def arrays_of(args: tuple[Any, ...]) -> list[Array]:
    """The arrays among further arguments of f."""
    return [a for a in args if isinstance(a, np.ndarray)]


FLOATS = (np.float64, np.float32, np.float16)


def movable_array(x: Any, name: str) -> Array:
    """x, whose elements can be moved in place, as a plain array of the same memory."""
    if not isinstance(x, np.ndarray) or x.dtype not in FLOATS:
        got = f"{x.dtype} array" if isinstance(x, np.ndarray) else type(x).__name__
        several = isinstance(x, (list, tuple)) and any(isinstance(part, np.ndarray) for part in x)
        instead = "a dict of the arrays themselves, as {'a': a, 'b': b}" if several else f"np.array({name}, float)"
        msg = f"{name} must be a float64, float32 or float16 array, which is moved in place, got {got}; write {instead}"
        raise TypeError(msg)
    if not x.flags.writeable:
        msg = f"{name} is read-only, but its elements are moved in place; pass a copy that the function reads"
        raise ValueError(msg)
    return np.asarray(unmasked(x, name))  # of a subclass such as np.matrix, whose elements have no one index


def refuse_bounds(bounds: Any, name: str) -> None:
    """Raise ValueError where bounds are not supported."""
    if bounds is not None:
        msg = (
            f"{name} has no bounds=; derivative, gradient, value_and_gradient, jacobian and hessian have: "
            "leave bounds out, or move x away from them"
        )
        raise ValueError(msg)


def check_map(workers: Any, engine: str) -> Workers:
    """As `check_workers`, or a function like map, which gets the calls of an f that is not compiled."""
    if not callable(workers):
        return check_workers(workers, engine)
    if engine == "reference":
        msg = f"workers={workers!r} does not fit engine='reference', which runs f in one thread: leave workers out"
        raise ValueError(msg)
    return workers  # type: ignore[no-any-return]


def check_workers(workers: Any, engine: str) -> int | None:
    """A number of threads or processes; None is for the engine to choose."""
    if workers is None:
        return None
    if isinstance(workers, bool) or not isinstance(workers, (int, np.integer)) or workers < 1:
        msg = (
            f"workers={workers!r} must be a whole number from 1, or None: "
            f"all {threads.cores()} cores for compiled code, one process for Python"
        )
        raise ValueError(msg)
    if engine == "reference" and workers > 1:
        msg = f"workers={workers} does not fit engine='reference', which runs f in one thread: leave workers out"
        raise ValueError(msg)
    return int(workers)


def check_out(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], *inputs: Array) -> Array:
    """The array to write the result into: `out`, or a new one."""
    if out is None:
        return np.empty(shape, dtype)
    if not isinstance(out, np.ndarray):
        msg = f"out must be a NumPy array, got {type(out).__name__}; write out=np.empty({shape})"
        raise TypeError(msg)
    if out.shape != shape or out.dtype != dtype:
        msg = (
            f"out has shape {out.shape} and dtype {out.dtype}, the result {shape} and {dtype}; "
            f"write out=np.empty({shape}, {str(dtype)!r})"
        )
        raise ValueError(msg)
    if not out.flags.writeable:
        msg = "out is read-only; pass a writeable array, such as out.copy()"
        raise ValueError(msg)
    if not out.flags.forc and _overlaps_itself(out):
        msg = f"elements of out share memory, so that one result would overwrite another; write out=np.empty({shape})"
        raise ValueError(msg)
    if any(overlap(out, x) for x in inputs):
        msg = (
            "out shares memory with x or another argument, which is still read while out is written; "
            "write out=np.empty_like(x)"
        )
        raise ValueError(msg)
    return out


def _overlaps_itself(out: Array) -> bool:
    """Whether an axis takes smaller steps than the axes inside it are long, as windows and broadcast arrays do."""
    extent = out.itemsize
    for stride, count in sorted((abs(stride), count) for stride, count in zip(out.strides, out.shape, strict=True)):
        if count > 1 and stride < extent:
            return True
        extent += stride * max(count - 1, 0)
    return False


def overlap(a: Array, b: Array) -> bool:
    """Whether two arrays share memory; said of what would take too long to know."""
    effort: Any = 100_000  # the exact answer can take exponential time
    try:
        return bool(np.shares_memory(a, b, max_work=effort))
    except np.exceptions.TooHardError:
        return True


Function = Callable[..., Any]
Step = ArrayLike | None
Bounds = Any  # (lb, ub), a list of pairs or SciPy's, see `limits`
Noise = float | str | None
Progress = bool | Callable[[int, int], object]


@dataclass(slots=True)
class Options:
    """The options that say how to run, not what to compute."""

    engine: str
    workers: Workers
    out: Array | None = None
    progress: Any = False
    full_output: bool = False


def read_call(
    f: Function,
    x: Any,
    table_of: Callable[[int, int, str], stencils.Table],
    *,
    args: Any,
    batch_args: Any,
    batch: bool,
    method: str,
    order: int,
    h: Step,
    rel_step: Step,
    bounds: Bounds = None,
    side: Step = None,
    noise: Noise = None,
    value: bool = False,
    vector: bool = False,
) -> tuple[Array, Call]:
    """x as an array, and the call of an operation along coordinates; its function and scheme have been checked."""
    given, points = read_points(x, batch)
    table = table_of(points.dimension, order, formulas_of(method))
    steps, adaptive = read_steps(given, points, table, h, rel_step), method == "adaptive"
    rest, rows = check_args(args), read_batch(batch_args, points, batch)
    bounds = bounds if side is None else beside(bounds, side, given, points.shape, method)
    limits = read_bounds(bounds, given, points, exact=table.is_exact)
    call = Call(f, points, table, steps, rest, rows, value, vector=vector, adaptive=adaptive, bounds=limits)
    if noise is not None:
        call.noise = check_noise(noise, method, order, h, rel_step, bounds)
    return given, call


def read_call_along(
    f: Function,
    x: Any,
    v: Any,
    table_of: Callable[[int, int, str], stencils.Table],
    steps_along: Callable[..., tuple[Array, Steps]],
    *,
    args: Any,
    batch_args: Any,
    batch: bool,
    method: str,
    order: int,
    h: Step,
    rel_step: Step,
    vector: bool = False,
) -> tuple[Array, Array, Call]:
    """As `read_call`, for an operation along v, of which `steps_along` gives the steps."""
    given, points = read_points(x, batch)
    direction, v_rows = read_direction(v, given, points)
    table = table_of(points.dimension, order, formulas_of(method))
    if table.is_exact:
        t, steps = np.ones(points.count), read_steps(given, points, table, h, rel_step)
    else:
        t, steps = steps_along(given, points, v_rows, table, h, rel_step)
    rest, rows = check_args(args), read_batch(batch_args, points, batch)
    adaptive = method == "adaptive"
    return given, direction, Call(f, points, table, steps, rest, rows, vector=vector, v=v_rows, t=t, adaptive=adaptive)


def read_points(x: Any, batch: bool) -> tuple[Array, Rows]:
    """x as an array, and as points in rows; many of a lower precision stay so until they are needed."""
    given = x if type(x) is np.ndarray and x.dtype == np.float64 else argument_array(x)
    if not batch:
        return given, Rows(own(given).reshape(1, given.size), given.shape, given)
    if given.ndim < 2:
        msg = f"batch=True needs points in rows, x of shape (N, D), got {given.shape}; write x[None, :] for one point"
        raise ValueError(msg)
    rows = given.reshape(len(given), prod(given.shape[1:]))
    return given, Rows(rows if given.itemsize < 8 else rows.astype(np.float64, copy=False), given.shape[1:])


def own(x: Array) -> Array:
    """A copy in float64: x may be an array that f itself writes into, as a model's that stores its argument there."""
    return np.array(x, dtype=np.float64, order="C")


def read_direction(v: Any, given: Array, points: Rows) -> tuple[Array, Array]:
    """v as an array, and as one direction per row of the points."""
    direction = real_array(v, "v")
    if direction.shape not in {given.shape, points.shape}:
        wanted = (
            f"{given.shape}" if given.shape == points.shape else f"{given.shape}, or {points.shape} for all points,"
        )
        msg = f"v has shape {direction.shape}, but x has shape {given.shape}; pass v of shape {wanted} like x"
        raise ValueError(msg)
    rows = np.broadcast_to(direction, (points.count, *points.shape)).reshape(points.layout)
    return direction, own(rows) if points.count == 1 else np.ascontiguousarray(rows, dtype=np.float64)


def read_batch(batch_args: Any, points: Rows, batch: bool) -> tuple[Array, ...]:
    """Arrays whose first axis runs with the points, read-only: f gets its row again for every displaced point."""
    if not len(batch_args):
        return ()
    for k, given in enumerate(batch_args):
        if np.ndim(given) > 1:  # of others f gets numbers
            check_operators(given, f"batch_args[{k}]")
    arrays = tuple(read_only(np.asarray(unmasked(a, f"batch_args[{k}]"))) for k, a in enumerate(batch_args))
    if arrays and not batch:
        msg = "batch_args need batch=True, which says that x holds many points; for one point write args="
        raise ValueError(msg)
    check_batch(arrays, points)
    return arrays


def check_batch(arrays: tuple[Any, ...], points: Rows) -> None:
    """Raise ValueError where the first axis does not run with the points."""
    for k, array in enumerate(arrays):
        if array.shape[:1] != (points.count,):
            msg = f"batch_args[{k}] has shape {array.shape}; its first axis must run over the {points.count} points"
            raise ValueError(msg)


def read_steps(given: Array, points: Rows, table: stencils.Table, h: Step, rel_step: Step) -> Steps:
    """The steps, their sizes in the layout of the points."""
    if table.is_exact:
        refuse_steps(h, rel_step)
        return Steps("default", np.asarray(1.0))
    steps = choose_steps(given, table.stencil, h, rel_step)
    if steps.size.ndim == 0:
        return steps
    size = np.broadcast_to(steps.size, given.shape).reshape(points.layout)
    return Steps(steps.rule, size)

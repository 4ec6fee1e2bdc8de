"""dask arrays in, lazy dask arrays out: points in chunks of rows, and fields in chunks of a grid.

The engine is chosen once, for all points together. A task gets its name and runs its serial kernel on one chunk; the
numbers are those of one call without dask, to the bit.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.arguments import Function, Options, check_args, check_batch, formulas_of, read_points, read_steps
from ..engine.call import Call, Grid, Rows
from ..engine.choose import PYTHON_CALLS, check_engine, choose_ahead, keep_quiet, warn_if_slow
from ..engine.limits import as_pair, check_bounds
from ..engine.noise import check_noise
from ..engine.numbers import is_dask, real_array
from ..formulas import stencils
from ..formulas.steps import irregular
from ..llvm.memory import Memory
from ..program.captures import parts
from ..results import users_level

Array = NDArray[Any]


TABLES: dict[str, Callable[[int, int, str], stencils.Table]] = {
    "gradient": stencils.gradient,
    "value_and_gradient": stencils.gradient,
    "jacobian": stencils.jacobian,
    "hessian": stencils.hessian,
}


class Carried:
    """A function on its way to other processes, each of which makes it once: it is traced and compiled once there."""

    def __init__(self, f: Function) -> None:
        self.f = f

    def __reduce__(self) -> tuple[Callable[[bytes], Carried], tuple[bytes]]:
        import cloudpickle  # noqa: PLC0415  which comes with dask

        try:
            return _arrived, (cloudpickle.dumps(self.f),)
        except Exception as error:
            raise TypeError(_cannot_travel(self.f, error)) from error

    def __dask_tokenize__(self) -> Any:
        from dask.base import normalize_token  # noqa: PLC0415  an extra

        return normalize_token(self.f)


_ARRIVED: Memory[Carried] = Memory(64 << 20)  # bytes of pickles, the newest whatever it weighs


def _arrived(content: bytes) -> Carried:
    key = sha256(content).digest()
    return _ARRIVED.get(key) or _ARRIVED.keep(key, Carried(pickle.loads(content)), len(content))


def _cannot_travel(f: Function, error: Exception) -> str:
    """What of f cannot be sent to other processes."""
    import cloudpickle  # noqa: PLC0415

    name, blamed = getattr(f, "__qualname__", type(f).__name__), ""
    for _, own, value in parts(f):
        try:
            cloudpickle.dumps(value)
        except Exception:  # noqa: BLE001  whatever an object raises that cannot be pickled
            blamed = f" because of {own!r}, a {type(value).__name__}"
            break
    return (
        f"f={name} cannot be sent to dask's workers{blamed} ({error}); "
        "make such an object inside f, or compute with scheduler='threads'"
    )


@dataclass(frozen=True)
class _Work:
    """What the tasks of one call share."""

    operation: Callable[..., Any]
    carried: Carried
    options: dict[str, Any]
    quiet: bool

    def on(self, points: Any, args: tuple[Any, ...], **more: Any) -> Any:
        if self.quiet:
            keep_quiet(self.carried.f)
        return self.operation(self.carried.f, points, args=args, workers=1, **self.options, **more)


# --- points -----------------------------------------------------------------------------------------------------------


def by_rows(operation: Callable[..., Any], f: Function, x: Any, how: Options, **given: Any) -> Any:
    """`operation`, which is gradient or one of its neighbours with batch=True, of the rows of a dask array."""
    da = dask_array()
    refuse_options(how)
    check_sizes("x", x)
    if given.pop("side", None) is not None:
        msg = "side= does not fit a dask array; write bounds=(lb, ub) on one side of x"
        raise ValueError(msg)
    call = _one_point(operation.__name__, f, x, **given)
    engine, outputs = _chosen(call, how.engine)
    x = x.rechunk(dict.fromkeys(range(1, x.ndim), -1))
    along = [name for name in ("h", "rel_step") if np.ndim(given[name]) == x.ndim and len(given[name]) == x.shape[0]]
    rows = [*given.pop("batch_args"), *(np.asarray(given.pop(name)) for name in along)]
    shared = {"args": given.pop("args"), "along": tuple(along), "outputs": outputs if call.vector else None}
    shared["work"] = _Work(operation, Carried(f), {"engine": engine, "batch": True, **given}, _is_told(call, engine))
    inputs = [x, tuple(range(x.ndim))]
    for k, array in enumerate(rows, 1):
        inputs += [_aligned(da, array, x.chunks[0]), (0, *range(100 * k, 100 * k + array.ndim - 1))]
    dtype = real_array(np.empty(0, x.dtype)).dtype
    if call.value:
        return _pairs(da, inputs, dtype, shared)
    before, after = ((), x.shape[1:]) if operation.__name__ == "hessian" else (outputs, ())
    new = dict(enumerate((*before, *after), -len(before) - len(after)))
    index = (0, *list(new)[: len(before)], *range(1, x.ndim), *list(new)[len(before) :])
    return da.blockwise(
        _rows, index, *inputs, new_axes=new, dtype=dtype, meta=np.empty((0,) * len(index), dtype), concatenate=True,
        align_arrays=False, **shared,
    )  # fmt: skip


def _aligned(da: Any, array: Any, sizes: tuple[int, ...]) -> Any:
    """An array whose rows are in the chunks of the points."""
    chunks = (sizes, *array.shape[1:])
    return array.rechunk(chunks) if is_dask(array) else da.from_array(array, chunks=chunks)


def _rows(x: Array, *rows: Any, work: _Work, args: Any, along: tuple[str, ...], outputs: Any = None) -> Any:
    """One task: some of the points."""
    if outputs is not None and not len(x):
        return np.empty((0, *outputs, *x.shape[1:]), real_array(x).dtype)
    count = len(rows) - len(along)
    result = work.on(x, args, batch_args=rows[:count], **dict(zip(along, rows[count:], strict=True)))
    if outputs is not None and result.shape != (len(x), *outputs, *x.shape[1:]):
        got = result.shape[1 : result.ndim - x.ndim + 1]
        msg = f"f returned an array of shape {got} after one of shape {outputs}; it must keep to one shape"
        raise ValueError(msg)
    return result


def _pairs(da: Any, inputs: list[Any], dtype: Any, shared: dict[str, Any]) -> tuple[Any, Any]:
    """f and its gradient: tasks that return both, and tasks that take one of the two."""
    x, index = inputs[:2]
    both = da.blockwise(
        _rows, index, *inputs, dtype=object, meta=np.empty((0,) * x.ndim, object), concatenate=True, **shared
    )
    value = da.blockwise(_part, (0,), both, index, which=0, dtype=dtype, meta=np.empty(0, dtype))
    return value, da.blockwise(_part, index, both, index, which=1, dtype=dtype, meta=np.empty((0,) * x.ndim, dtype))


def _part(both: Any, which: int) -> Array:
    while isinstance(both, list):  # one block along each axis that the values do not have
        (both,) = both
    result: Array = both[which]
    return result


def _one_point(
    name: str,
    f: Function,
    x: Any,
    *,
    args: Any,
    batch_args: Any,
    h: Any,
    rel_step: Any,
    bounds: Any = None,
    method: str = "central",
    order: int = 2,
    noise: Any = None,
) -> Call:
    """The call for all points with one of them, which is made up; arguments are checked against all."""
    real_array(np.empty(0, x.dtype))  # raises for other numbers
    args = check_args(args)
    _check_that_none_is_dask({"h": h, "rel_step": rel_step, **{f"args[{k}]": a for k, a in enumerate(args)}})
    whole, points = read_points(np.broadcast_to(0.0, x.shape), True)
    batch = tuple(a if is_dask(a) else np.asarray(a) for a in batch_args)
    check_batch(batch, points)
    table = TABLES[name](points.dimension, order, formulas_of(method))
    steps = read_steps(whole, points, table, h, rel_step)
    limits = _limits(bounds, points)
    row = irregular(points.dimension)[None]
    point = Rows(row if limits is None else np.clip(row, *limits), points.shape)
    steps = replace(steps, size=steps.size[:1]) if steps.size.ndim == 2 else steps
    one = Call(
        f, point, table, steps, args,
        tuple(map(_first_row, batch)), value=name == "value_and_gradient", vector=name == "jacobian",
        adaptive=method == "adaptive", bounds=limits,
        noise=check_noise(noise, method, order, h, rel_step, bounds),
    )  # fmt: skip
    return replace(one, expected=points.count * one.total)


def _limits(bounds: Any, points: Rows) -> tuple[Array, Array] | None:
    """The bounds, which are the same for all points, as rows."""
    if bounds is None:
        return None
    pair = as_pair(bounds, points.shape)
    for bound in pair:
        if np.ndim(bound) > len(points.shape):
            msg = (
                f"bounds of a dask array are for all points alike, got shape {np.shape(bound)}; "
                "write one number for each coordinate"
            )
            raise ValueError(msg)
    between = np.clip(np.zeros(points.shape), *map(np.asarray, pair))
    both = check_bounds(pair, between, points.shape)
    return both and (both[0].reshape(1, -1), both[1].reshape(1, -1))


def _check_that_none_is_dask(given: dict[str, Any]) -> None:
    for name, value in given.items():
        if is_dask(value):
            msg = (
                f"{name} is a dask array, and all tasks need all of it; "
                f"write {name.split('[')[0]} with .compute(), or batch_args= for rows"
            )
            raise TypeError(msg)


def _first_row(array: Any) -> Array:
    """The first row, made up where it would have to be computed."""
    if not is_dask(array) and len(array):
        return np.asarray(array[:1])
    shape = array.shape[1:]
    row = irregular(prod(shape)) if array.dtype.kind == "f" else np.ones(prod(shape))
    return row.astype(array.dtype).reshape(1, *shape)


# --- fields -----------------------------------------------------------------------------------------------------------


def by_nodes(
    operation: Callable[..., Any], call: Call, axes: list[Array], chunks: Any, how: Options, **given: Any
) -> Any:
    """`operation`, which is gradient_field, in chunks of the grid: a task for every combination of the axes' pieces."""
    da = dask_array()
    refuse_options(how)
    dtype, shape = np.result_type(*axes), tuple(map(len, axes))
    sizes = _grid_chunks(da, chunks, shape, len(axes) * dtype.itemsize)
    engine = how.engine
    if prod(shape):
        first = Grid(tuple(np.asarray(a[:1], np.float64) for a in axes))
        engine = _chosen(replace(call, points=first, expected=call.total), engine)[0]
    work = _Work(operation, Carried(call.f), {"engine": engine, **given}, _is_told(call, engine))
    inputs: list[Any] = []
    for k, (axis, size) in enumerate(zip(axes, sizes, strict=True)):
        inputs += [da.from_array(axis, chunks=(size,)), (k,)]
    index = (-1, *range(len(axes)))
    return da.blockwise(
        _nodes, index, *inputs, new_axes={-1: len(axes)}, dtype=dtype, meta=np.empty((0,) * len(index), dtype),
        work=work, args=call.args, align_arrays=False,
    )  # fmt: skip


def axes_in_memory(axes: Any, chunks: Any) -> tuple[Any, Any]:
    """Axes of which some are dask arrays, computed, as they are short; and their chunks, unless others are given."""
    if not isinstance(axes, (list, tuple)) or not any(map(is_dask, axes)):
        return axes, chunks
    for k, axis in enumerate(axes):
        if is_dask(axis):
            check_sizes(f"axes[{k}]", axis)
    given = [axis.compute() if is_dask(axis) else axis for axis in axes]
    if chunks is None and all(np.ndim(axis) == 1 for axis in given):
        chunks = tuple(a.chunks[0] if is_dask(a) else (len(a),) for a in axes)
    return given, chunks


def _grid_chunks(da: Any, chunks: Any, shape: tuple[int, ...], size: int) -> tuple[tuple[int, ...], ...]:
    """The sizes of the chunks along each axis, for results of `size` bytes at a node."""
    try:
        sizes: tuple[tuple[int, ...], ...] = da.core.normalize_chunks(chunks, shape, dtype=np.dtype(f"V{size}"))
    except (TypeError, ValueError, ArithmeticError) as error:
        msg = (
            f"chunks={chunks!r} does not fit a grid of shape {shape}; "
            "write 'auto', a number of nodes or one for each axis"
        )
        raise ValueError(msg) from error
    return sizes


def _nodes(*axes: Array, work: _Work, args: Any) -> Any:
    """One task: some of the nodes."""
    return work.on(axes, args)


# --- what all need ----------------------------------------------------------------------------------------------------


def _chosen(call: Call, engine: str) -> tuple[str, tuple[int, ...]]:
    """The engine's name, and the shape of f's output where the result's depends on it."""
    chosen, outputs = choose_ahead(call, engine)
    if chosen.engine == "python":
        warn_if_slow(call, chosen, users_level(1))
    return chosen.engine, outputs


def _is_told(call: Call, engine: str) -> bool:
    """Whether the caller knows that Python calls f very often."""
    return engine == "python" and call.total > PYTHON_CALLS


def dask_array() -> Any:
    """The module dask.array."""
    try:
        import dask.array as da  # noqa: PLC0415  an extra, needed only here
    except ImportError:
        msg = "chunks are computed by dask, which is not installed; write: pip install 'fastgrad[dask]'"
        raise ImportError(msg) from None
    return da


INSTEAD = {
    "out": "store the result: dask.array.to_zarr(result, path)",
    "progress": "use dask's: dask.diagnostics.ProgressBar(), or the dashboard of dask.distributed",
    "full_output": "fastgrad.explain tells the engine",
    "workers": "the scheduler has the workers, and a task one thread",
}


def refuse_options(how: Options) -> None:
    """Raise ValueError for options that a lazy result cannot have."""
    check_engine(how.engine)
    for name, without in (("out", None), ("progress", False), ("full_output", False), ("workers", None)):
        given = getattr(how, name)
        if given is not without and not (name == "workers" and given == 1):
            msg = (
                f"{name}= does not fit a dask array, whose derivative is computed later; leave it out: {INSTEAD[name]}"
            )
            raise ValueError(msg)


def check_sizes(name: str, array: Any) -> None:
    """Raise ValueError where dask does not know how many there are."""
    if any(np.isnan(n) for n in array.shape):
        msg = f"{name} has chunks of unknown size, its shape is {array.shape}; write {name}.compute_chunk_sizes() first"
        raise ValueError(msg)

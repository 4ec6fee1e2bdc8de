"""From a caller's arguments to points, steps and bounds in the layout of a call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..formulas import stencils
from ..formulas.steps import Steps, choose_steps
from .arguments import check_args, check_bounds, formulas_of, real_array
from .call import Call, Rows

Array = NDArray[Any]
Function = Callable[..., Any]
Step = ArrayLike | None
Bounds = tuple[ArrayLike, ArrayLike] | None
Progress = bool | Callable[[int, int], object]


@dataclass(slots=True)
class Options:
    """The options that say how to run, not what to compute."""

    engine: str
    workers: int | None
    out: Array | None
    progress: Any
    full_output: bool


def read_call(
    f: Function,
    x: ArrayLike,
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
    value: bool = False,
    vector: bool = False,
) -> tuple[Array, Call]:
    """x as an array, and the call of an operation along coordinates; its function and scheme have been checked."""
    given, points = read_points(x, batch)
    table = table_of(points.dimension, order, formulas_of(method))
    steps, adaptive = read_steps(given, points, table, h, rel_step), method == "adaptive"
    rest, rows = check_args(args), read_batch(batch_args, points, batch)
    limits = read_bounds(bounds, given, points)
    return given, Call(f, points, table, steps, rest, rows, value, vector=vector, adaptive=adaptive, bounds=limits)


def read_call_along(
    f: Function,
    x: ArrayLike,
    v: ArrayLike,
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
    t, steps = steps_along(given, points, v_rows, table, h, rel_step)
    rest, rows = check_args(args), read_batch(batch_args, points, batch)
    adaptive = method == "adaptive"
    return given, direction, Call(f, points, table, steps, rest, rows, vector=vector, v=v_rows, t=t, adaptive=adaptive)


def read_points(x: ArrayLike, batch: bool) -> tuple[Array, Rows]:
    """x as an array, and as points in rows of float64."""
    given = real_array(x)
    if not batch:
        return given, Rows(given.reshape(1, given.size).astype(np.float64, copy=False), given.shape)
    if given.ndim < 2:
        msg = f"batch=True needs points in rows, x of shape (N, D), got {given.shape}; write x[None, :] for one point"
        raise ValueError(msg)
    rows = given.reshape(len(given), prod(given.shape[1:]))
    return given, Rows(rows.astype(np.float64, copy=False), given.shape[1:])


def read_direction(v: ArrayLike, given: Array, points: Rows) -> tuple[Array, Array]:
    """v as an array, and as one direction per row of the points."""
    direction = real_array(v, "v")
    if direction.shape not in {given.shape, points.shape}:
        wanted = (
            f"{given.shape}" if given.shape == points.shape else f"{given.shape}, or {points.shape} for all points,"
        )
        msg = f"v has shape {direction.shape}, but x has shape {given.shape}; pass v of shape {wanted} like x"
        raise ValueError(msg)
    rows = np.broadcast_to(direction, (points.count, *points.shape)).reshape(points.layout)
    return direction, np.ascontiguousarray(rows, dtype=np.float64)


def read_batch(batch_args: Any, points: Rows, batch: bool) -> tuple[Array, ...]:
    """Arrays whose first axis runs with the points."""
    if not len(batch_args):
        return ()
    arrays = tuple(np.asarray(a) for a in batch_args)
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
    steps = choose_steps(given, table.stencil, h, rel_step)
    if steps.size.ndim == 0:
        return steps
    size = np.broadcast_to(steps.size, given.shape).reshape(points.layout)
    return Steps(steps.rule, size)


def read_bounds(bounds: Any, given: Array, points: Rows) -> tuple[Array, Array] | None:
    """The bounds in the layout of the points."""
    both = check_bounds(bounds, given, points.shape)
    if both and given.dtype != np.float64:
        return both[0].reshape(points.layout), both[1].reshape(points.layout)
    return both and (_as_rows(both[0], bounds[0], points), _as_rows(both[1], bounds[1], points))


def _as_rows(bound: Array, given: Any, points: Rows) -> Array:
    """One row for all points where the bounds are the same for all, which takes no memory."""
    if points.count and np.ndim(given) <= len(points.shape):
        row = bound.reshape(points.layout)[0] if bound.ndim == len(points.shape) else bound[0].ravel()
        return np.broadcast_to(row, points.layout)
    return bound.reshape(points.layout)

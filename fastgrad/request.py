"""From a caller's arguments to a call of an engine, and from what it filled to a result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import analytic, bounded, reference, refined, stencils
from .arguments import arrays_of, check_bounds, check_out, check_workers, real_array
from .engine import inplace
from .engine.call import Call, Output, Rows, Target
from .engine.plan import Facts, check_engine, plan_and_run, warn_if_constant
from .engine.threads import Report, progress_report
from .results import EngineError, Result, as_number, status_of, users_level
from .steps import Steps, choose_steps

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


def check_combination(call: Call, engine: str) -> None:
    """Raise ValueError for bounds of a complex step, EngineError for what the reference does not define."""
    if call.is_complex and call.bounds is not None:
        msg = "method='complex' moves x along the imaginary axis, where bounds= mean nothing; leave bounds out"
        raise ValueError(msg)
    if engine == "reference" and call.adaptive and (call.bounds is not None or call.steps.rule != "default"):
        msg = (
            "engine='reference' defines refined steps without bounds, h and rel_step only; leave them or the engine out"
        )
        raise EngineError(msg)


def differentiate(
    call: Call,
    given: Array,
    how: Options,
    values: Array | None = None,
    *,
    lead: tuple[int, ...] = (),
    tail: tuple[int, ...] | None = None,
    inputs: tuple[Array, ...] = (),
) -> Any:
    """The derivative in x's dtype, or a Result; its shape is `lead`, that of f's output and `tail`, x's by default."""
    check_engine(how.engine)
    workers = check_workers(how.workers, how.engine)
    check_combination(call, how.engine)
    read = (given, *inputs) if how.out is None else (given, *inputs, *_still_read(call))
    place = _Place(call, how.out, given.dtype, lead, given.shape if tail is None else tail, read)
    facts = None
    if not call.points.count and call.vector:  # nothing says what f returns
        place.make((0,) if tail else ())
    elif call.vector or place.make(()).size:
        looked = analytic.check_operations(call) if call.is_complex else 0
        facts = _run(call, Target(place.make) if call.vector else place.target, values, how, workers)
        if call.is_complex:
            facts = facts._replace(nfev=facts.nfev + looked + analytic.check_slopes(call, place.target))
        _check_that_f_reads(call, place.target)
    elif values is not None:  # points without coordinates still have values
        for n in range(call.points.count):
            values[n] = as_number(call.f(call.argument(call.points.row(n)), *call.args_at(n)))
    place.finish()
    value = place.result[()] if how.out is None and not place.result.ndim else place.result
    if not how.full_output:
        return value
    facts = facts or _no_facts(call, place.target, how.engine)
    h = _steps_taken(call, given, lead, facts)
    if facts.error is None:
        return Result(value, None, status_of(value), h, facts.nfev, facts.engine)
    return Result(value, *place.judgement(facts), h, facts.nfev, facts.engine)


def _still_read(call: Call) -> list[Array]:
    """Arrays of the caller's beside x that are read until the end."""
    return [*arrays_of(call.args), *call.batch, *(call.bounds or ())]


def _no_facts(call: Call, target: Array, engine: str) -> Facts:
    """Those of nothing; refined steps have as many errors."""
    facts = Facts(none_ran(engine), 0)
    if not call.adaptive:
        return facts
    return facts._replace(error=np.empty(target.shape), status=np.empty(target.shape, np.intp))


def none_ran(engine: str) -> str:
    """The engine to name where there was nothing to do."""
    return "python" if engine == "auto" else engine


class _Place:
    """The result, and the float64 array of points and outputs that engines fill: a view of it where there is one."""

    result: Array
    target: Array

    def __init__(
        self, call: Call, out: Any, dtype: Any, lead: tuple[int, ...], tail: tuple[int, ...], inputs: tuple[Array, ...]
    ) -> None:
        self.call, self.out, self.dtype, self.lead, self.tail, self.inputs = call, out, dtype, lead, tail, inputs

    def make(self, shape: tuple[int, ...]) -> Array:
        """The array to fill for an f with outputs of this shape."""
        self.result = check_out(self.out, (*self.lead, *shape, *self.tail), self.dtype, *self.inputs)
        many = (prod(shape),) if self.call.vector else ()
        layout = (self.call.points.count, *many, len(self.call.table.parts))
        view = self.result.reshape(layout)
        shared = self.out is None or not view.size or np.may_share_memory(view, self.result)
        self.direct = shared and self.dtype == np.float64
        self.target = view if self.direct else np.empty(layout)
        return self.target

    def finish(self) -> None:
        """Along no direction the derivative is 0; the result in its dtype."""
        if self.call.v is not None:
            self.target[~self.call.v.any(axis=1)] = 0.0
        if not self.direct:
            with np.errstate(all="ignore"):
                self.result[...] = self.target.reshape(self.result.shape)

    def judgement(self, facts: Facts) -> tuple[Any, Any]:
        """The errors, and the status, in the shape of the result."""
        assert facts.error is not None
        assert facts.status is not None
        if self.call.v is not None:
            still = ~self.call.v.any(axis=1)
            facts.error[still], facts.status[still] = 0.0, 0
        with np.errstate(all="ignore"):
            error = facts.error.reshape(self.result.shape).astype(self.dtype, copy=False)
        return error[()], facts.status.reshape(self.result.shape)[()]


def _check_that_f_reads(call: Call, target: Array) -> None:
    """Warn of zeros everywhere, unless they were asked for."""
    if target.size and not target.flat[0] and (call.v is None or call.v.any()):
        warn_if_constant(call, target, users_level(1))


def _steps_taken(call: Call, given: Array, lead: tuple[int, ...], facts: Facts) -> Any:
    """The steps of the coordinates in x's shape; of jvp the steps along v."""
    along, eps = call.vector and call.v is not None, facts.eps
    if facts.steps is not None:
        return facts.steps.reshape(lead if along else given.shape)[()]
    if along:
        return np.reshape(call.t_for(eps), lead)[()]  # type: ignore[arg-type]
    if call.bounds is not None:
        return bounded.steps_taken(call, eps).reshape(given.shape)[()]
    x = call.points.row(slice(None))
    return np.broadcast_to(call.steps_for(eps).at(x), x.shape).reshape(given.shape)[()]


def _run(call: Call, target: Output, values: Array | None, how: Options, workers: int | None) -> Facts:
    if how.engine == "reference":
        with progress_report(how.progress, "point") as report:
            return by_definition(call, target, values, report)
    if call.adaptive:
        return refined.fill(call, target, values, how.engine, workers, how.progress)
    if call.bounds is not None:
        return bounded.fill(call, target, how.engine, workers, how.progress)
    return plan_and_run(call, target, values, how.engine, workers, how.progress)


def by_definition(call: Call, target: Output, values: Array | None, report: Report | None) -> Facts:
    """The definition, point by point."""
    formula, points, f = call.table.stencil, call.points, inplace.Counted(call.f)
    options: dict[str, Any] = {"order": formula.order, "method": "adaptive" if call.adaptive else formula.method}
    if call.scalar and isinstance(target, np.ndarray):
        x = points.row(slice(None)).reshape(call.whole)
        step = call.steps.options(None, call.whole)
        if call.bounds is not None:
            options["bounds"] = [b.reshape(call.whole) for b in call.bounds]
        target[:, 0] = np.ravel(
            reference.derivative(f.call, x, n=formula.derivative, args=call.args, **options, **step)
        )
        return Facts("reference", f.count, f.eps)
    define = getattr(reference, call.table.name)
    for n in range(points.count):
        point, step = points.row(n).reshape(points.shape), call.steps.options(n, points.shape)
        along = () if call.v is None else (call.v[n].reshape(points.shape),)
        if call.bounds is not None:
            options["bounds"] = [b[n].reshape(points.shape) for b in call.bounds]
        derivative = np.asarray(define(f.call, point, *along, args=call.args_at(n), **options, **step))
        array = target.reserve(_outer(call, derivative.shape)) if isinstance(target, Target) else target
        array[n] = derivative.reshape(array.shape[1:])
        if values is not None:
            values[n] = as_number(f.call(point.copy(), *call.args_at(n)))
        if report:
            report(n + 1, points.count)
    return Facts("reference", f.count, f.eps)


def _outer(call: Call, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of f's output in that of its Jacobian, or of its derivative along v."""
    return shape[: len(shape) - len(call.points.shape)] if call.v is None else shape

"""From a call to its result: by its engine, refined steps or the definition, in the form that was asked for."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import points
from ..engine.arguments import Options, arrays_of, check_map, check_out
from ..engine.bound import Facts
from ..engine.call import Call, Output, Target, Workers
from ..engine.choose import check_engine, run, warn_if_constant, warn_if_slow
from ..engine.python import elementwise
from ..engine.simd.traces import UntracedError
from ..engine.threads import Report, progress_report
from ..formulas import reference
from ..formulas.values import ComplexError, as_number
from ..program.captures import shares_state
from ..program.look import Look
from ..results import EngineError, Result, status_of, users_level
from . import adaptive, blocks, bounds, complexstep, directions, hints, longsteps, noise, parts

Array = NDArray[Any]


def check_combination(call: Call, engine: str) -> None:
    """Raise ValueError for bounds of a complex step, EngineError for what the reference does not define."""
    if call.table.is_complex and call.bounds is not None:
        msg = "method='complex' moves x along the imaginary axis, where bounds= mean nothing; leave bounds out"
        raise ValueError(msg)
    if call.table.is_exact and engine not in {"auto", "simd", "arrays"}:
        msg = f"method='exact' is made of f's trace, which engine={engine!r} does not have; leave the engine out"
        raise EngineError(msg)
    if engine == "reference" and call.noise is not None:
        msg = "engine='reference' knows no noise; leave noise or the engine out"
        raise EngineError(msg)
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
    looks: bool = True,
) -> Any:
    """The derivative in x's dtype, or a Result; its shape is `lead`, that of f's output and `tail`, x's by default.

    Of an f that turns out to return complex numbers the derivative of both parts, where its call is suited to it.
    Without `looks` nobody is told that f does not react.
    """
    check_engine(how.engine)
    workers = check_map(how.workers, how.engine)
    check_out_is_not_read(call, how.out)
    check_combination(call, how.engine)
    if how.out is not None and parts.is_complex(how.out) and parts.can_be_made(call):
        return parts.differentiate(differentiate, call, given, how)
    read = (given, *inputs) if how.out is None else (given, *inputs, *_still_read(call))
    place = _ResultPlace(call, how.out, given.dtype, lead, given.shape if tail is None else tail, read)
    place.in_blocks = given.dtype.itemsize < 8 and how.engine != "reference" and blocks.suit(call)
    facts = None
    if not call.points.count and call.vector:  # nothing says what f returns
        place.make((0,) if tail else ())
    elif call.vector or place.make(()).size:
        facts = _facts(call, place, values, how, workers)
        if facts is None:
            return parts.differentiate(differentiate, call, given, how)
        if looks:
            check_that_f_reads(call, place.target)
    elif values is not None:  # points without coordinates still have values
        for n in range(call.points.count):
            values[n] = as_number(call.value_at(n))
    place.finish()
    value = place.result[()] if how.out is None and not place.result.ndim else place.result
    if not how.full_output:
        return value
    facts = facts or _no_facts(call, place.target, how.engine)
    h = _steps_taken(call, given, lead, facts)
    error, status = (None, status_of(value)) if facts.error is None else place.judgement(facts)
    each = _evaluations(call, given, lead, facts)
    return Result(value, error, status, h, facts.nfev, facts.engine, place.noise(facts), each)


def _facts(call: Call, place: _ResultPlace, values: Array | None, how: Options, workers: Workers) -> Facts | None:
    """What ran, with all that was asked of f; None of an f with complex values that are to be differentiated."""
    looked = complexstep.check_operations(call) if call.table.is_complex else 0
    try:
        facts = _run_or_hint(call, place, values, how, workers)
    except ComplexError:
        if not parts.suit(call):
            raise
        return None
    if call.table.is_complex:
        facts = facts._replace(nfev=facts.nfev + looked + complexstep.check_slopes(call, place.target))
    return _looked_beside(call, facts, place.target) if call.looks_beside else facts


def _looked_beside(call: Call, facts: Facts, target: Array) -> Facts:
    """The facts, with the calls of f that it took to know whether a step is far too long."""
    asked = longsteps.look(call, facts, target)
    return facts._replace(nfev=facts.nfev + asked) if facts.engine == "python" else facts


def check_out_is_not_read(call: Call, out: Any) -> None:
    """Raise ValueError where f reads `out` by another way than its arguments: it would see what is written."""
    if isinstance(out, np.ndarray) and shares_state(call.f, [out]):
        msg = (
            "out shares memory with an array that f reads, which would change while it is read; "
            "write out=np.empty_like(x)"
        )
        raise ValueError(msg)


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


class _ResultPlace:
    """The result, and the float64 array of points and outputs that engines fill: a view of it where there is one.

    Where the result is filled block by block, the first block's derivatives.
    """

    result: Array
    target: Array
    in_blocks = False

    def __init__(
        self, call: Call, out: Any, dtype: Any, lead: tuple[int, ...], tail: tuple[int, ...], inputs: tuple[Array, ...]
    ) -> None:
        self.call, self.out, self.dtype, self.lead, self.tail, self.inputs = call, out, dtype, lead, tail, inputs

    def make(self, shape: tuple[int, ...]) -> Array:
        """The array to fill for an f with outputs of this shape; in blocks the result."""
        self.result = check_out(self.out, (*self.lead, *shape, *self.tail), self.dtype, *self.inputs)
        if self.in_blocks:
            self.direct = True
            return self.result
        many = (prod(shape),) if self.call.vector else ()
        layout = (self.call.points.count, *many, len(self.call.table.parts))
        view = self.result.reshape(layout)
        # Engines fill rows of all outputs: of which that is a copy they would fill the copy.
        shared = self.out is None or not view.size or np.may_share_memory(view.reshape(len(view), -1), self.result)
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

    def noise(self, facts: Facts) -> Any:
        """That of f's values, in the shape of what f returns."""
        if facts.noise is None:
            return None
        return facts.noise.reshape(self.result.shape[: self.result.ndim - len(self.call.points.shape)])[()]

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


def check_that_f_reads(call: Call, target: Array) -> None:
    """Warn of zeros everywhere, unless they were asked for."""
    if target.size and not target.flat[0] and (call.v is None or call.v.any()):
        warn_if_constant(call, target, users_level(1))
    if target.size and not target.flat[-1]:
        hints.warn_of_unread(call, target, users_level(1))


def _steps_taken(call: Call, given: Array, lead: tuple[int, ...], facts: Facts) -> Any:
    """The steps of the coordinates in x's shape; of jvp the steps along v."""
    if call.table.is_exact:
        return None
    along, eps = call.vector and call.v is not None, facts.eps
    if facts.steps is not None:
        return facts.steps.reshape(lead if along else given.shape)[()]
    if along:
        return np.reshape(call.t_for(eps), lead)[()]  # type: ignore[arg-type]
    if call.bounds is not None:
        return bounds.steps_taken(call, eps).reshape(given.shape)[()]
    x = call.points.row(slice(None))
    return call.steps_for(eps).in_rows(x).reshape(given.shape)[()]


def _evaluations(call: Call, given: Array, lead: tuple[int, ...], facts: Facts) -> Any:
    """How often f was called for each coordinate alone, in the shape of the steps; None where all share the calls."""
    table = call.table
    if facts.each is not None:
        return facts.each.reshape(lead if call.vector and call.v is not None else given.shape)[()]
    if not table.along_axes or table.is_exact or call.adaptive or call.bounds is not None:
        return None
    return np.full(given.shape, len(table.stencil.displaced))[()]


def _run_or_hint(call: Call, place: _ResultPlace, values: Array | None, how: Options, workers: Workers) -> Facts:
    try:
        return _run(call, place, values, how, workers)
    except Exception as error:
        hints.raise_with_hint(call, error)
        raise


def _run(call: Call, place: _ResultPlace, values: Array | None, how: Options, workers: Workers) -> Facts:
    if not place.in_blocks:
        return _run_at_once(call, Target(place.make) if call.vector else place.target, values, how, workers)
    chosen, sample = blocks.choose_engine(call, how.engine)
    if chosen.code is None:  # Python takes so long that it may take memory
        place.in_blocks = False
        warn_if_slow(call, chosen, users_level(1))
        target = Target(place.make) if call.vector else place.make(())
        return chosen.bind(call, target, values).fill(workers, how.progress)
    make = place.make if call.vector else lambda _: place.result
    facts, place.target = blocks.fill(call, chosen, sample, make, values, workers, how.progress)
    return facts


def _run_at_once(call: Call, target: Output, values: Array | None, how: Options, workers: Workers) -> Facts:
    if how.engine == "arrays":
        with progress_report(how.progress, "coordinate") as report:
            return points.fill_asked(call, target, values, report)
    if how.engine == "reference":
        with progress_report(how.progress, "point") as report:
            return by_definition(call, target, values, report)
    if call.v is not None and not call.table.is_exact:
        return directions.fill(call, target, how.engine, workers, how.progress)
    fill = _of_coordinates(call)
    if fill:
        return fill(call, target, values, how.engine, workers, how.progress)
    if how.engine == "auto" and points.has_much_data(call):
        with progress_report(how.progress, "coordinate") as report:
            facts = points.fill(call, target, values, report)
        if facts:
            return facts
    return _by_engines(call, target, values, how, workers)


def _of_coordinates(call: Call) -> Callable[..., Facts] | None:
    """What chooses anew for each coordinate; None where one formula and one rule of steps do."""
    if call.adaptive:
        return adaptive.fill
    if call.noise is not None:
        return noise.fill
    return None if call.bounds is None or call.table.is_exact else bounds.fill


def _by_engines(call: Call, target: Output, values: Array | None, how: Options, workers: Workers) -> Facts:
    try:
        return run(call, target, values, how.engine, workers, how.progress)
    except EngineError as refused:  # of exact derivatives, for which there is one engine
        if how.engine == "auto" and isinstance(refused.__cause__, UntracedError):
            with progress_report(how.progress, "point") as report:
                facts = points.fill_each(call, target, values, report, refused.__cause__)
            if facts is not None:
                return facts
        raise


def by_definition(call: Call, target: Output, values: Array | None, report: Report | None) -> Facts:
    """The definition, point by point."""
    formula, points, f = call.table.stencil, call.points, Look(call.f)
    options: dict[str, Any] = {"order": formula.order, "method": "adaptive" if call.adaptive else formula.method}
    if call.scalar and isinstance(target, np.ndarray):
        elementwise.check_arrays(call)
        x = points.row(slice(None)).reshape(call.whole)
        step = call.steps.options(None, call.whole)
        if call.bounds is not None:
            options["bounds"] = [b.reshape(call.whole) for b in call.bounds]
        target[:, 0] = np.ravel(reference.derivative(f.ask, x, n=formula.derivative, args=call.args, **options, **step))
        return Facts("reference", f.count, f.eps)
    define = getattr(reference, call.table.name)
    for n in range(points.count):
        point, step = points.row(n).reshape(points.shape), call.steps.options(n, points.shape)
        along = () if call.v is None else (call.v[n].reshape(points.shape),)
        if call.bounds is not None:
            options["bounds"] = [b[n].reshape(points.shape) for b in call.bounds]
        derivative = np.asarray(define(f.ask, point, *along, args=call.args_at(n), **options, **step))
        array = target.reserve(_outer(call, derivative.shape)) if isinstance(target, Target) else target
        array[n] = derivative.reshape(array.shape[1:])
        if values is not None:
            values[n] = as_number(f.ask(point.copy(), *call.args_at(n)))
        if report:
            report(n + 1, points.count)
    return Facts("reference", f.count, f.eps)


def _outer(call: Call, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of f's output in that of its Jacobian, or of its derivative along v."""
    return shape[: len(shape) - len(call.points.shape)] if call.v is None else shape

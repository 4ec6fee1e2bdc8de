"""First derivatives between bounds:
as always where the formula fits, on another side or with shorter steps elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.bound import Facts
from ..engine.call import Call, Output, Target, subset
from ..engine.choose import run
from ..engine.threads import Report, progress_report
from ..formulas import sides
from ..program.look import CoarserError
from .partials import BLOCK, Partials, Sampler

Array = NDArray[Any]
Fill = Callable[[Call, Any], Facts]


def fill(call: Call, out: Output, engine: str, workers: int | None, progress: Any) -> Facts:
    """Fill `out` with the derivatives of a call that has bounds."""
    try:
        return _fill(call, out, engine, workers, progress)
    except CoarserError as low:  # f returns a lower precision, the steps are larger
        return _fill(replace(call, fits=low.eps), out, engine, workers, progress)


def _fill(call: Call, out: Output, engine: str, workers: int | None, progress: Any) -> Facts:
    turned = _turned(call)
    if turned.any() and call.scalar:  # f of whole arrays has to get whole arrays
        turned[:] = True

    def plainly(call: Call, out: Output, progress: Any = progress) -> Facts:
        return run(call, out, None, engine, workers, progress)

    def specially(call: Call, out: Output, progress: Any = progress) -> Facts:
        with progress_report(progress, "point") as report:
            facts = _turn(call, out, Sampler(call, engine, workers, call.total))
            if report:
                report(call.points.count, call.points.count)
        return facts

    if turned.all():
        return specially(call, out)
    if not turned.any():
        return plainly(call, out)
    plain = len(turned) - int(turned.sum())
    with progress_report(progress, "point") as report:
        first = _part(partial(plainly, progress=_counted(report, 0, plain, len(turned))), call, ~turned, out)
        rest = _counted(report, plain, len(turned) - plain, len(turned))
        second = _part(partial(specially, progress=rest), call, turned, out)
    return Facts(first.engine, first.nfev + second.nfev, first.eps)


def _counted(report: Report | None, before: int, points: int, count: int) -> Any:
    """The progress of some of the points as that of all."""
    return report is not None and (lambda done, total: report(before + points * done // total, count))


def _turned(call: Call) -> Array:
    """The points at which a coordinate has to take another side or a shorter step."""
    count, each = call.points.count, max(BLOCK // max(call.points.dimension, 1), 1)
    if count <= each:
        return _does_not_fit(call)
    parts = [np.arange(start, min(start + each, count)) for start in range(0, count, each)]
    return np.concatenate([_does_not_fit(subset(call, some)) for some in parts])


def _does_not_fit(call: Call) -> Array:
    assert call.bounds is not None
    x, h, offsets = call.points.row(slice(None)), _steps(call), call.table.stencil.offsets
    with np.errstate(all="ignore"):
        fits = (x + offsets[0] * h >= call.bounds[0]) & (x + offsets[-1] * h <= call.bounds[1])
    return np.asarray(~(fits | np.isnan(x)).all(axis=1))


def _steps(call: Call) -> Array:
    x = call.points.row(slice(None))
    return np.broadcast_to(call.steps_for(call.fits).at(x), x.shape)


def _scheme(call: Call) -> sides.Scheme:
    assert call.bounds is not None
    x, h, asked = call.points.row(slice(None)), _steps(call), call.table.stencil
    return sides.without_noise(x, h, sides.fit(x, h, call.bounds, asked), asked, call.fits)


def steps_taken(call: Call, eps: float) -> Array:
    """The steps for an f whose results have precision eps, where the formulas fit."""
    return np.abs(_scheme(replace(call, fits=eps)).step)


def _part(fill: Fill, call: Call, chosen: Array, out: Output) -> Facts:
    """Some of the points, as a part of the whole call."""
    picks = np.flatnonzero(chosen)
    some = replace(subset(call, picks), expected=call.total)
    if not isinstance(out, Target):
        array = np.empty((len(picks), out.shape[1]))
        facts = fill(some, array)
        out[picks] = array
        return facts
    target = Target(lambda shape: np.empty((len(picks), int(np.prod(shape)), len(call.table.scale))))
    facts = fill(some, target)
    assert target.shape is not None
    out.reserve(target.shape)[picks] = target.array
    return facts


def _turn(call: Call, out: Output, sampler: Sampler) -> Facts:
    """Every coordinate by the formula that fits there."""
    partials, scheme = Partials(sampler), _scheme(call)
    call.steps.check(partials.x)
    found = []
    for kind in (sides.CENTRAL, sides.ONE_SIDED, sides.TWO_POINT):
        owners, units = np.nonzero(scheme.kind == kind)
        formula = sides.formula_of(kind, call.table.stencil)
        if owners.size and formula:
            found.append((owners, units, partials.quotients(owners, units, scheme.step[owners, units], formula)[0]))
    if sampler.eps > call.fits and call.steps.rule == "default":
        raise CoarserError(sampler.eps)
    if not found:
        sampler.at_points(np.zeros(1, dtype=np.intp))  # which shows what f returns
    array = out.reserve(sampler.shape) if isinstance(out, Target) else out
    array[...] = np.nan  # between bounds that leave no room there is no derivative
    for owners, units, values in found:
        array[owners, ..., units] = values if array.ndim == 3 else values[:, 0]
    return Facts(sampler.engine, sampler.nfev, sampler.eps)

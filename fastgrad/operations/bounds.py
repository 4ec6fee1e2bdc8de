"""Derivatives between bounds:
as always where the formula fits, on another side or with shorter steps elsewhere.

Of first derivatives every coordinate has a formula of its own. Of a Hessian, whose mixed differences move two
coordinates, all coordinates of a point have the same, with steps down or up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.bound import Facts
from ..engine.call import Call, Output, Target, Workers, reserved, subset
from ..engine.choose import run
from ..engine.threads import Report, progress_report
from ..formulas import sides
from ..formulas.stencils import stencil
from ..formulas.steps import Steps
from ..program.look import CoarserError, with_steps_for_f
from .partials import BLOCK, DifferenceQuotients, Sampler

Array = NDArray[Any]
Fill = Callable[[Call, Any, Any], Facts]


def fill(call: Call, out: Output, values: Array | None, engine: str, workers: Workers, progress: Any) -> Facts:
    """Fill `out` with the derivatives of a call that has bounds, and `values` with f at the points."""
    return with_steps_for_f(
        lambda eps: _fill(replace(call, fits=max(call.fits, eps)), out, values, engine, workers, progress)
    )


def _fill(call: Call, out: Output, values: Array | None, engine: str, workers: Workers, progress: Any) -> Facts:
    turned = _turned(call)
    if turned.any() and call.scalar:  # f of whole arrays has to get whole arrays
        turned[:] = True
    plainly = partial(run, engine=engine, workers=workers)
    specially = partial(_specially, engine=engine, workers=workers)
    if turned.all():
        return specially(call, out, values, progress=progress)
    if not turned.any():
        facts = plainly(call, out, values, progress=progress)
        return facts._replace(each=_by_one_formula(call)) if call.table.along_axes else facts
    plain = len(turned) - int(turned.sum())
    with progress_report(progress, "point") as report:
        first = partial(plainly, progress=_counted(report, 0, plain, len(turned)))
        rest = partial(specially, progress=_counted(report, plain, len(turned) - plain, len(turned)))
        facts = _part(first, call, ~turned, out, values)
        others = _part(rest, call, turned, out, values)
        if others.each is None:
            return facts._replace(nfev=facts.nfev + others.nfev)
        each = _by_one_formula(call)
        each[turned] = others.each
        return facts._replace(nfev=facts.nfev + others.nfev, each=each)


def _by_one_formula(call: Call) -> NDArray[np.intp]:
    """How often f is called for each coordinate where all have the formula that was asked for."""
    return np.full(call.points.layout, len(call.table.stencil.displaced))


def _specially(call: Call, out: Output, values: Array | None, engine: str, workers: Workers, progress: Any) -> Facts:
    """Points of which each has a coordinate at which the formula does not fit."""
    with progress_report(progress, "point") as report:
        if call.table.along_axes:
            facts = _turn(call, out, values, Sampler(call, engine, workers, call.total))
        else:
            assert isinstance(out, np.ndarray)
            facts = _turn_together(call, out, engine, workers)
        if report:
            report(call.points.count, call.points.count)
    return facts


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


def _scheme(call: Call) -> sides.SidesScheme:
    assert call.bounds is not None
    x, h, asked = call.points.row(slice(None)), _steps(call), call.table.stencil
    if not call.table.along_axes:
        return sides.fit_together(x, h, call.bounds, asked, call.fits)
    return sides.without_noise(x, h, sides.fit(x, h, call.bounds, asked), asked, call.fits)


def steps_taken(call: Call, eps: float) -> Array:
    """The steps for an f whose results have precision eps, where the formulas fit."""
    return np.abs(_scheme(replace(call, fits=eps)).step)


def _part(fill: Fill, call: Call, chosen: Array, out: Output, values: Array | None) -> Facts:
    """Some of the points, as a part of the whole call."""
    picks = np.flatnonzero(chosen)
    some, seen = replace(subset(call, picks), expected=call.total), None if values is None else np.empty(len(picks))
    if not isinstance(out, Target):
        array = np.empty((len(picks), out.shape[1]))
        facts = fill(some, array, seen)
        out[picks] = array
        if values is not None:
            values[picks] = seen
        return facts
    target = Target(lambda shape: np.empty((len(picks), int(np.prod(shape)), len(call.table.scale))))
    facts = fill(some, target, None)
    assert target.shape is not None
    out.reserve(target.shape)[picks] = target.array
    return facts


def _turn(call: Call, out: Output, values: Array | None, sampler: Sampler) -> Facts:
    """Every coordinate by the formula that fits there."""
    partials, scheme = DifferenceQuotients(sampler), _scheme(call)
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
    array = reserved(out, sampler.shape)
    array[...] = np.nan  # between bounds that leave no room there is no derivative
    for owners, units, derivatives in found:
        array[owners, ..., units] = derivatives if array.ndim == 3 else derivatives[:, 0]
    if values is not None:
        values[:] = sampler.at_points(np.arange(len(values)))[:, 0]
    return Facts(sampler.engine, sampler.nfev, sampler.eps, each=partials.asked)


def _turn_together(call: Call, out: Array, engine: str, workers: Workers) -> Facts:
    """Every point by the formula that fits there in all of its coordinates."""
    call.steps.check(call.points.row(slice(None)))
    scheme, asked = _scheme(call), call.table.stencil
    nowhere = scheme.kind == sides.NOWHERE
    steps, one_sided = np.where(nowhere, 0.0, scheme.step), (scheme.kind == sides.ONE_SIDED).any(axis=1)
    facts = Facts("", 0)
    for method, chosen in (("central", ~one_sided), ("forward", one_sided)):
        picks = np.flatnonzero(chosen)
        if picks.size:
            table = call.table.by(stencil(2, asked.order, method))
            part = replace(subset(call, picks), table=table, steps=Steps("book", steps[picks]), expected=call.total)
            array = np.empty((len(picks), out.shape[1]))
            ran = run(part, array, None, engine, workers)
            if ran.eps > call.fits and call.steps.rule == "default":
                raise CoarserError(ran.eps)
            out[picks] = array
            facts = ran._replace(nfev=facts.nfev + ran.nfev)
    out[nowhere[:, call.table.divisors].any(axis=-1)] = np.nan
    return facts

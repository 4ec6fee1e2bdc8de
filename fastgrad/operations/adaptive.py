"""Operations with refined steps (`method="adaptive"`): which estimates each element extrapolates, on which engine.

First derivatives ask for f at rows of points and refine each coordinate by itself. Second ones run their whole table at
steps that shrink together: first the second derivative along each coordinate finds where these steps begin.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.bound import Choice, Facts
from ..engine.call import Call, Output, Workers, reserved, subset
from ..engine.choose import choose
from ..engine.threads import progress_report
from ..formulas import sides, stencils
from ..formulas.extrapolation import refine, starts
from ..formulas.neville import NOT_FINITE, ROSE, Estimate, Refined, halved
from ..formulas.sides import SidesScheme
from ..formulas.steps import IRREGULAR, Steps, sizes_along
from .noise import noise_at_points
from .partials import DifferenceQuotients, Sampler, undefined_where_it_raises

Array = NDArray[Any]

ELEMENTS = 1 << 14  # derivatives that are refined together
FEW = 64  # of these, where it is not known yet how many outputs f has


def fill(call: Call, out: Output, values: Array | None, engine: str, workers: Workers, progress: Any) -> Facts:
    """Fill `out`, and `values` with f at the points."""
    sampler = Sampler(call, engine, workers, call.total)
    with progress_report(progress, "derivative") as report:
        job = _Seconds if call.table.stencil.derivative == 2 and not call.scalar else _Firsts
        facts = job(call, sampler, report).fill(out)
    if values is not None:
        values[:] = sampler.at_points(np.arange(len(values)))[:, 0]
        facts = facts._replace(nfev=sampler.nfev)
    return facts


class _FilledArrays:
    """The arrays that are filled: the caller's, and beside it errors and status."""

    def __init__(self, out: Output, sampler: Sampler) -> None:
        self.derivative = reserved(out, sampler.shape)
        self.error = np.full(self.derivative.shape, np.nan)
        self.status = np.full(self.derivative.shape, NOT_FINITE)

    def put(self, points: Array, units: Array | None, found: Refined) -> None:
        """Derivatives along coordinates or, without `units`, all outputs of points."""
        single = self.derivative.ndim == 2
        place: Any = points if units is None else (points, units) if single else (points, slice(None), units)
        for array, part in zip((self.derivative, self.error, self.status), found[:3], strict=True):
            array[place] = part[:, 0] if single and units is not None else part


class _Firsts:
    """Derivatives along coordinates, or along v."""

    def __init__(self, call: Call, sampler: Sampler, report: Any) -> None:
        self.call, self.sampler, self.report, self.asked = call, sampler, report, call.table.stencil
        self.partials = DifferenceQuotients(sampler, call.v)
        self.partials.noise = None if call.noise is None else noise_at_points(call, sampler)
        self.x = self.partials.x
        self.start, self.largest = _starts(call, self.x)
        self.partials.first = self.start
        self.scheme = sides.asked_for(self.start, self.start, self.asked)
        if call.bounds is not None:
            found = sides.fit(self.x, self.start, call.bounds, self.asked)
            self.scheme = _irregular(found, self.start)
            self.largest = np.minimum(self.largest, sides.room(self.x, call.bounds, self.scheme, self.asked))

    def fill(self, out: Output) -> Facts:
        steps, results = np.abs(self.scheme.step), None
        count, columns = self.scheme.kind.shape
        sampler, done = self.sampler, 0
        while done < count * columns:
            numbers = np.arange(done, min(done + self._together(), count * columns))
            owners, units = np.divmod(numbers, columns)
            for kind in np.unique(self.scheme.kind[owners, units]):
                chosen = self.scheme.kind[owners, units] == kind
                o, u = owners[chosen], units[chosen]
                found = self._of_kind(kind, o, u)
                results = results or _FilledArrays(out, sampler)
                results.put(o, u, found)
                steps[o, u] = np.abs(found.step)
            done += len(numbers)
            if self.report:
                self.report(done, count * columns)
        if results is None:  # no coordinates; f shows what it returns
            sampler.at_points(np.arange(min(count, 1)))
            results = _FilledArrays(out, sampler)
        noise, each = self.partials.noise, self.partials.asked
        return Facts(
            sampler.engine, sampler.nfev, sampler.eps, results.error, results.status, steps, each=each, noise=noise
        )

    def _together(self) -> int:
        """How many pairs of a point and a coordinate are refined at a time."""
        if self.call.vector and not self.sampler.nfev:
            return FEW
        return max(ELEMENTS // max(prod(self.sampler.shape), 1), 1)

    def _of_kind(self, kind: int, owners: Array, units: Array) -> Refined:
        formula, step = sides.formula_of(kind, self.asked), self.scheme.step[owners, units]
        if formula is None:
            shape = self.sampler.at_points(owners).shape
            return Refined(*_nothing(shape), step, step)
        if kind == sides.TWO_POINT:
            value, _ = self.partials.quotients(owners, units, step, formula)
            return Refined(value, np.full(value.shape, np.inf), np.full(value.shape, ROSE), step, step)
        largest = self.largest[owners, units]
        estimate = self.partials.estimate(owners, units, np.sign(step), formula)
        found = refine(estimate, np.abs(step), largest, formula)
        if kind == sides.CENTRAL:
            self._turn(owners, units, found)
        return found

    def _turn(self, owners: Array, units: Array, found: Refined) -> None:
        """Where nothing was finite on both sides together, try each alone."""
        for sign in (1.0, -1.0):
            bad = np.flatnonzero(~np.isfinite(found.value).all(axis=1))
            bad = bad[np.isfinite(self.sampler.at_points(owners[bad])).any(axis=1)] if bad.size else bad
            if not bad.size:
                return
            o, u = owners[bad], units[bad]
            formula = sides.formula_of(sides.ONE_SIDED, self.asked)
            start = self._one_sided_start(o, u, sign)
            room = start > 0.0
            if formula and room.any():
                o, u, bad, start = o[room], u[room], bad[room], start[room]
                estimate = self.partials.estimate(o, u, np.full(len(o), sign), formula)
                again = refine(estimate, start, start, formula)
                found.improve(bad, again)

    def _one_sided_start(self, owners: Array, units: Array, sign: float) -> Array:
        start = self.start[owners, units]
        if self.call.bounds is None:
            return start
        x, low, high = (a[owners, units] for a in (self.x, *self.call.bounds))
        scheme = SidesScheme(np.full(x.shape, sides.ONE_SIDED), sign * start)
        return np.minimum(start, sides.room(x, (low, high), scheme, self.asked))


def _irregular(scheme: SidesScheme, start: Array) -> SidesScheme:
    """The scheme with steps that bounds have shortened made as irregular as the others."""
    shorter = (np.abs(scheme.step) < start) & (scheme.kind != sides.TWO_POINT)
    return SidesScheme(scheme.kind, np.where(shorter, IRREGULAR / 2.0 * scheme.step, scheme.step))


def _starts(call: Call, x: Array) -> tuple[Array, Array]:
    """First and largest steps for each coordinate or, along v, for each point; given steps do not grow."""
    if call.v is not None and not call.moves_coordinates:
        return _starts_along(call, x)
    if call.steps.rule == "default":
        return starts(np.abs(x), call.table.stencil.derivative)
    call.steps.check(x)
    given = np.broadcast_to(call.steps.at(x), x.shape)
    return given, given


def _starts_along(call: Call, x: Array) -> tuple[Array, Array]:
    assert call.v is not None
    assert call.t is not None
    if call.steps.rule != "default":
        return call.t[:, None], call.t[:, None]
    near, far = sizes_along(x, call.v)
    first, _ = starts(near, call.table.stencil.derivative)
    largest, _ = starts(far, call.table.stencil.derivative)
    return first[:, None], largest[:, None]


def _grown(part: Call) -> Array:
    """The points at which a step is larger than the first ones, at which f has to be defined."""
    x, default = part.points.row(slice(None)), Steps("default", np.asarray(1.0))
    grown = (np.abs(part.steps.size) > _starts(replace(part, steps=default), x)[0]).any(axis=1)
    if part.v is None or part.t is None:
        return np.asarray(grown)
    return np.asarray(grown | (part.t > _starts_along(replace(part, steps=default), x)[0][:, 0]))


def _nothing(shape: tuple[int, ...]) -> tuple[Array, Array, Array]:
    return np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, NOT_FINITE)


class _Seconds:
    """Hessians and their products with v: outputs of a table whose steps shrink together."""

    def __init__(self, call: Call, sampler: Sampler, report: Any) -> None:
        self.call, self.sampler, self.report = call, sampler, report
        self.x = call.points.row(slice(None))
        self.evaluations = 0
        self.each = np.zeros(self.x.shape, np.intp)  # of these those along single coordinates
        self.engine = ""
        self.chosen: dict[str, Choice] = {}  # for the table of each method
        self.start, self.largest = _starts(call, self.x)
        self.sign, self.turned = np.ones(self.x.shape), np.zeros(len(self.x), dtype=bool)
        if call.bounds is not None:
            self._fit(call.bounds)

    def _fit(self, bounds: tuple[Array, Array]) -> None:
        """Between bounds, first and largest steps that fit, 0 where none does; `turned` points have forward formulas,
        each of whose coordinates goes down or up."""
        asked = self.call.table.stencil
        scheme = sides.fit_together(self.x, self.start, bounds, asked)
        scheme = _irregular(scheme, self.start)
        nowhere = scheme.kind == sides.NOWHERE
        self.start = np.where(nowhere, 0.0, np.abs(scheme.step))
        self.largest = np.where(nowhere, 0.0, np.minimum(self.largest, sides.room(self.x, bounds, scheme, asked)))
        self.sign = np.where(scheme.step < 0.0, -1.0, 1.0)
        self.turned = (scheme.kind == sides.ONE_SIDED).any(axis=1)

    def fill(self, out: Output) -> Facts:
        assert isinstance(out, np.ndarray)
        count = self.call.points.count
        steps = np.empty(self.x.shape)
        results = _FilledArrays(out, self.sampler)
        each = max(ELEMENTS // max(out.shape[1], 1), 1)
        for first in range(0, count, each):
            points = np.arange(first, min(first + each, count))
            for some in (points[~self.turned[points]], points[self.turned[points]]):
                if some.size:
                    found, steps[some] = self._of_points(some)
                    results.put(some, None, found)
            if self.report:
                self.report(int(points[-1]) + 1, count)
        nfev = self.sampler.nfev + self.evaluations
        return Facts(self.engine, nfev, self.sampler.eps, results.error, results.status, steps, each=self.each)

    def _of_points(self, points: Array) -> tuple[Refined, Array]:
        partials = DifferenceQuotients(self.sampler)
        top, apart = self._tops(partials, points)
        self.each[points] += partials.asked[points]
        t = None
        if self.call.v is not None:
            t, along = self._top_along(points)
            apart = np.concatenate([apart, along[:, None]], axis=1)
        sizes = np.abs(self.sampler.at_points(points))
        apart = np.maximum(apart - sizes, 0.0)
        live = self.start[points] > 0.0 if t is None else np.ones(apart.shape, dtype=bool)
        alive = live[:, self.call.table.divisors].all(axis=-1)
        found = None
        for method, tops in self._attempts(points, top):
            which = points if found is None else points[(~np.isfinite(found.value) & alive).any(axis=1)]
            if found is not None:
                which = which[np.isfinite(sizes[np.searchsorted(points, which), 0])]
            if not which.size:
                break
            own = np.searchsorted(points, which)
            call = self._call(which, method)
            estimate = self._estimate(call, tops[own], None if t is None else t[own], sizes[own], apart[own])
            again = halved(estimate, np.ones(len(which)), call.table.stencil)
            if found is None:
                found = again
            else:
                found.improve(own, again)
        assert found is not None
        return found, top * found.step[:, None]

    def _attempts(self, points: Array, top: Array) -> list[tuple[str, Array]]:
        """Formulas and their signed first steps: where nothing was finite on both sides together, each alone."""
        if self.turned[points[0]]:
            return [("forward", self.sign[points] * top)]
        sides_alone = [("forward", top), ("backward", top)]
        if self.call.bounds is not None:
            x, bounds = self.x[points], (self.call.bounds[0][points], self.call.bounds[1][points])
            kinds = np.full(x.shape, sides.ONE_SIDED)
            rooms = [sides.room(x, bounds, SidesScheme(kinds, s * top), self.call.table.stencil) for s in (1.0, -1.0)]
            sides_alone = [(m, np.minimum(top, room)) for (m, _), room in zip(sides_alone, rooms, strict=True)]
        return [(self.call.table.stencil.method, top), *sides_alone]

    def _call(self, points: Array, method: str) -> Call:
        table, stencil = self.call.table, self.call.table.stencil
        make: Callable[..., stencils.Table] = getattr(stencils, table.name)
        made = make(self.call.points.dimension, stencil.order, method)
        return replace(subset(self.call, points), table=made, expected=self.sampler.call.total)

    def _tops(self, partials: DifferenceQuotients, points: Array) -> tuple[Array, Array]:
        """The steps with which each coordinate begins, those of its own second derivative, and the size of f there."""
        partials.first = _starts(self.call, self.x)[0]
        top, sizes = np.zeros((2, len(points), self.x.shape[1]))
        rows, units = np.nonzero(self.start[points])
        if rows.size:
            o = points[rows]
            first, largest = self.start[o, units], self.largest[o, units]
            top[rows, units], sizes[rows, units] = self._top(partials, o, units, first, largest)
        return top, sizes

    def _top(
        self, partials: DifferenceQuotients, owners: Array, units: Array, start: Array, largest: Array
    ) -> tuple[Array, Array]:
        """The step with which each second derivative begins, and the size of f at its displaced points."""
        formula, seen, sign = self.call.table.stencil, [], np.ones(len(owners))
        if self.turned[owners[0]]:
            formula, sign = sides.formula_of(sides.ONE_SIDED, formula) or formula, self.sign[owners, units]

        def estimate(some: Array, steps: Array) -> tuple[Array, Array]:
            value, noise = partials.quotients(owners[some], units[some], sign[some] * steps, formula)
            seen.append((some, steps, noise[:, 0]))
            return value, noise

        top, noise = refine(estimate, start, largest, formula).top, np.zeros(len(start))
        for some, steps, noises in seen:
            here = steps == top[some]
            noise[some[here]] = noises[here]
        with np.errstate(all="ignore"):
            size = noise * top**2 * (formula.denominator / sum(abs(c) for c, _, _ in formula.terms)) / self.sampler.eps
        return top, np.where(np.isfinite(size), size, 0.0)

    def _top_along(self, points: Array) -> tuple[Array, Array]:
        first, largest = _starts_along(self.call, self.x)
        partials = DifferenceQuotients(self.sampler, self.call.v)
        partials.first = first
        return self._top(partials, points, points * 0, first[points, 0], largest[points, 0])

    def _run(self, part: Call, out: Array) -> None:
        """Fill `out` with the outputs of the table; they are NaN where f raises at more than the first steps."""
        method, grown = part.table.stencil.method, _grown(part)
        if method not in self.chosen:
            self.chosen[method] = choose(part, self.sampler.asked, out)
        if not grown.any():
            self._fill(part, out)
        elif self.chosen[method].code is None:
            f = undefined_where_it_raises(part.f, ())
            for some, function in ((grown, f), (~grown, part.f)):
                if some.any():
                    own = np.empty((int(some.sum()), out.shape[1]))
                    self._fill(replace(subset(part, np.flatnonzero(some)), f=function), own)
                    out[some] = own
        else:
            self._fill_what_does_not_raise(part, out)

    def _fill(self, part: Call, out: Array) -> None:
        facts = self.chosen[part.table.stencil.method].bind(part, out).fill(self.sampler.workers)
        self.evaluations += facts.nfev
        self.engine = facts.engine

    def _fill_what_does_not_raise(self, part: Call, out: Array) -> None:
        """As `_fill`, by compiled code, of which one raising point ends the call for all."""
        try:
            self._fill(part, out)
        except Exception:
            if not _grown(part).any():
                raise
            out[...] = np.nan
            for n in range(len(out) if len(out) > 1 else 0):
                self._fill_what_does_not_raise(subset(part, np.array([n])), out[n : n + 1])

    def _estimate(self, call: Call, top: Array, t: Array | None, sizes: Array, apart: Array) -> Estimate:
        """All outputs of the table, at `steps` times the steps at the top.

        Round-off is that of f's values, whose sizes are known at the points and, by how much more, at the top: `apart`.
        Beside a zero of f they are those of the displaced points alone.
        """
        table = call.table
        terms = 2.0 * sum(abs(c) for c, _, _ in table.stencil.terms)
        # twice, for the round-off of the displaced coordinates, of whose slopes nothing is known here
        weight = 2.0 * terms * np.abs(table.factors).sum(axis=1) / table.scale

        def estimate(points: Array, steps: Array) -> tuple[Array, Array]:
            size = top[points] * steps[:, None]
            along = None if t is None else t[points] * steps
            part = replace(subset(call, points), steps=Steps("book", size), t=along)
            out = np.empty((len(points), len(table.scale)))
            self._run(part, out)
            units = size if along is None else np.concatenate([size, along[:, None]], axis=1)
            with np.errstate(all="ignore"):
                size = sizes[points] + 2.0 * steps[:, None] * apart[points][:, table.divisors].sum(axis=-1)
                volume = np.abs(units[:, table.divisors].prod(axis=-1))
                noise = self.sampler.eps / 2 * size * weight / volume
            return out, np.where(volume == 0.0, np.inf, noise)  # without room for a step there is nothing to find

        return estimate

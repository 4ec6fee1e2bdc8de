"""Derivatives along chosen directions at chosen points: f at rows of displaced points, on any engine, and the formulas.

The engines' tables move all coordinates of all points by one formula. What chooses anew for each coordinate (between
bounds, or while steps are refined) asks for f itself, at rows of points, and combines what comes back here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.bound import Choice
from ..engine.call import Call, Rows, Target, Workers
from ..engine.choose import choose, warn_if_slow
from ..engine.python import arrays, elementwise
from ..formulas import stencils
from ..formulas.neville import Estimate
from ..formulas.stencils import Stencil
from ..formulas.steps import Steps, irregular
from ..formulas.values import may_be_single
from ..program.look import precision_around
from ..results import EPS, users_level

Array = NDArray[Any]

BLOCK = 1 << 20  # coordinates of displaced points in memory at a time: 8 MB


class Sampler:
    """f at rows of points, on the engine that suits the whole computation.

    Attributes
    ----------
    shape : tuple of int
        That of f's output, once it has been called.
    nfev, eps, engine
        Evaluations so far, the precision of f's results, and the engine that ran last.
    """

    def __init__(self, call: Call, engine: str, workers: Workers, expected: int) -> None:
        never = Steps("default", np.asarray(1.0))
        self.call = replace(call, table=stencils.value(), steps=never, value=False, v=None, t=None, expected=expected)
        self.asked, self.workers = engine, workers
        self.has_own_steps = call.steps.rule == "default"
        self.chosen: Choice | None = None
        self.shape: tuple[int, ...] = ()
        self.nfev, self.eps, self.engine = 0, EPS, "python"
        self.on_arrays = call.scalar and engine in {"auto", "python"} and call.points.count > 1
        self.is_checked = False  # whether f of arrays is a function of each element
        self.x = call.points.row(slice(None))
        self.known = np.zeros(len(self.x), dtype=bool)
        self.base = np.empty((0, 0))

    def at(self, rows: Array, owners: Array, tried: Array | None = None) -> Array:
        """f at rows (P, Q, D), Q of them displaced from each of P points that `owners` names: (P, Q, M).

        Where f raises at points of `tried`, (P,), they lie outside of its domain, and its values there are NaN.
        """
        values = self._on_array(rows, owners) if self.on_arrays else None
        if values is not None:
            return values
        if tried is None or not tried.any() or self.chosen is None:
            return self._on_rows(rows, owners)
        if self.chosen.code is None:
            values, f = np.empty((*rows.shape[:2], prod(self.shape))), self.call.f
            for some, function in ((tried, undefined_where_it_raises(f, self.shape)), (~tried, f)):
                if some.any():
                    values[some] = self._on_rows(rows[some], owners[some], function)
            return values
        try:
            return self._on_rows(rows, owners)
        except Exception:  # noqa: BLE001  one of the rows; the others are asked again
            return np.concatenate([self._each(rows[p], owners[p : p + 1], tried[p]) for p in range(len(rows))])

    def _each(self, rows: Array, owner: Array, tried: bool) -> Array:
        """f at rows (Q, D) of one point, one by one: (1, Q, M)."""
        values = np.full((1, len(rows), prod(self.shape)), np.nan)
        for q, row in enumerate(rows):
            try:
                values[:, q] = self._on_rows(row[None, None], owner)[:, 0]
            except Exception:
                self.nfev += 1
                if not tried:
                    raise
        return values

    def at_points(self, owners: Array) -> Array:
        """f at the points themselves, computed once for each: (P, M)."""
        new = np.unique(owners[~self.known[owners]])
        for some in _blocks(new, self.x.shape[1]):
            values = self.at(self.x[some, None, :], some)[:, 0]
            if not self.base.size:
                self.base = np.empty((len(self.x), values.shape[1]))
            self.base[some] = values
        self.known[new] = True
        return self.base[owners]

    def _on_array(self, rows: Array, owners: Array) -> Array | None:
        """A function of one variable on arrays of the caller's shape, in which the other points stay where they are."""
        values = np.empty((*rows.shape[:2], 1))
        for q in range(rows.shape[1]):
            whole = np.array(self.call.points.row(slice(None))[:, 0])
            whole[owners] = rows[:, q, 0]
            found = arrays.values_on_array(self.call, whole)
            if found is None:
                self.on_arrays = False
                return None
            values[:, q, 0], self.eps = found[0][owners], max(self.eps, found[1])
            self.nfev += 1
        if not self.is_checked:
            self.is_checked = True
            self.nfev += elementwise.check_arrays(self.call)
        return values

    def _on_rows(self, rows: Array, owners: Array, f: Any = None) -> Array:
        points, many = rows.reshape(prod(rows.shape[:2]), rows.shape[2]), owners.repeat(rows.shape[1])
        made: list[Array] = []
        target: Any = Target(lambda shape: self._made(made, len(points), shape)) if self.call.vector else None
        out = target or self._made(made, len(points), ())
        batch, bounds = tuple(a[many] for a in self.call.batch), _picked(self.call.bounds, many)
        call = replace(self.call, points=Rows(points, self.call.points.shape), batch=batch, bounds=bounds)
        if f is not None:
            call = replace(call, f=f)
        if self.chosen is None:
            self.chosen = choose(call, self.asked, out)
            if not self.nfev:
                warn_if_slow(call, self.chosen, users_level(1))
        facts = self.chosen.bind(call, out).fill(self.workers)
        self.nfev += facts.nfev if self.chosen.code is None else len(points)
        self.eps, self.engine = max(self.eps, facts.eps), facts.engine
        if self.has_own_steps and self.eps == EPS and self.chosen.code is None and may_be_single(made[0][0]):
            self.eps = self._shown(call, rows[0], made[0])
        return made[0].reshape(*rows.shape[:2], prod(self.shape))

    def _shown(self, call: Call, around: Array, values: Array) -> float:
        """The precision of values by their digits, and by those of f between two of the places around a point."""
        between = around[0] + irregular(around.shape[1]) * (around[-1] - around[0])

        def ask() -> Any:
            self.nfev += 1
            return call.f(call.argument(between), *call.args_at(0))

        return precision_around(values, ask) if (between != around[0]).any() else EPS

    def _made(self, made: list[Array], count: int, shape: tuple[int, ...]) -> Array:
        if self.nfev and shape != self.shape:
            msg = f"f returned an array of shape {shape} after one of shape {self.shape}; it must keep to one shape"
            raise ValueError(msg)
        self.shape = shape
        made.append(np.empty((count, int(np.prod(shape)), 1) if self.call.vector else (count, 1)))
        return made[0]


def undefined_where_it_raises(f: Callable[..., Any], shape: tuple[int, ...]) -> Callable[..., Any]:
    """f, which is NaN where it raises: beyond the first steps it need not be defined. It pickles where f does."""
    return partial(_tried, f, shape)


def _tried(f: Callable[..., Any], shape: tuple[int, ...], x: Any, *args: Any) -> Any:
    try:
        return f(x, *args)
    except Exception:  # noqa: BLE001  whatever f raises outside of its domain
        return np.full(shape, np.nan)


def _picked(bounds: tuple[Array, Array] | None, owners: Array) -> tuple[Array, Array] | None:
    """The bounds of some points; one row for all stays one row."""
    if bounds is None:
        return None
    low, high = (
        np.broadcast_to(b[0], (len(owners), b.shape[1])) if b.strides[0] == 0 and len(b) else b[owners] for b in bounds
    )
    return low, high


class DifferenceQuotients:
    """Difference quotients along coordinates or, where `v` is given, along one direction for each point."""

    def __init__(self, sampler: Sampler, v: Array | None = None) -> None:
        self.sampler, self.v, self.x = sampler, v, sampler.x
        self.first: Array | None = None  # the first steps: farther out f need not be defined
        self.numbers, self.steps = np.empty(0, np.intp), np.empty(0)
        self.noise: Array | None = None  # of each output at each point (N, M), where it is more than round-off
        self.asked = np.zeros((len(self.x), self.x.shape[1] if v is None else 1), np.intp)  # displaced points of each
        self.kept: dict[int, Array] = {}  # offset -> values of f, which half the step needs again at twice the offset

    def quotients(self, owners: Array, units: Array, steps: Array, formula: Stencil) -> tuple[Array, Array]:
        """The derivatives (P, M) at points `owners` along coordinates `units`, and how large their round-off can be."""
        numbers = owners * (self.x.shape[1] + 1) + units
        again = [k for k in formula.offsets if k and 2 * k in formula.offsets]
        known = self._known(numbers, steps, again)
        parts = []
        for some in _blocks(np.arange(len(owners)), self.x.shape[1] * len(formula.offsets)):
            here = {k: values[some] for k, values in known.items()}
            found = self._values(owners[some], units[some], steps[some], formula, here)
            parts.append(
                (*self._combined(owners[some], units[some], steps[some], formula, found), *map(found.get, again))
            )
        derivatives, noise, *kept = (np.concatenate(p) for p in zip(*parts, strict=True))
        self.numbers, self.steps, self.kept = numbers, steps, dict(zip(again, kept, strict=True))
        return derivatives, noise

    def beside(self, owners: Array, units: Array, far: Array) -> Array:
        """f at points displaced by `far` (P, Q), NaN where it raises: (P, Q, M)."""
        parts = []
        for some in _blocks(np.arange(len(owners)), self.x.shape[1] * far.shape[1]):
            self._count(owners[some], units[some], far.shape[1])
            rows = self._moved(owners[some], units[some], far[some])
            parts.append(self.sampler.at(rows, owners[some], np.ones(len(some), dtype=bool)))
        return np.concatenate(parts)

    def _count(self, owners: Array, units: Array, evaluations: int) -> None:
        self.asked[owners, units] += evaluations

    def estimate(self, owners: Array, units: Array, signs: Array, formula: Stencil) -> Estimate:
        """The quotients of some of these at steps of these signs, as `refine` asks for them."""
        return lambda some, sizes: self.quotients(owners[some], units[some], signs[some] * sizes, formula)

    def _known(self, numbers: Array, steps: Array, again: list[int]) -> dict[int, Array]:
        """The values that the last call, with twice the steps, has left for this one."""
        place = np.searchsorted(self.numbers, numbers)
        if not self.kept or not len(numbers) or place.max() >= len(self.numbers):
            return {}
        if (self.numbers[place] != numbers).any() or (self.steps[place] != 2.0 * steps).any():
            return {}
        return {2 * k: self.kept[k][place] for k in again if k in self.kept}

    def _values(
        self, owners: Array, units: Array, steps: Array, formula: Stencil, known: dict[int, Array]
    ) -> dict[int, Array]:
        """f at the offsets of the formula."""
        moving = [k for k in formula.offsets if k and k not in known]
        tried = None if self.first is None else np.abs(steps) > self.first[owners, units]
        values = self.sampler.at(self._moved(owners, units, steps[:, None] * moving), owners, tried)
        self._count(owners, units, len(moving))
        found = known | {k: values[:, q] for q, k in enumerate(moving)}
        return found | {0: self.sampler.at_points(owners)} if formula.base >= 0 else found

    def _combined(
        self, owners: Array, units: Array, steps: Array, formula: Stencil, found: dict[int, Array]
    ) -> tuple[Array, Array]:
        pairs = [(c, formula.offsets[a], formula.offsets[b]) for c, a, b in formula.terms]
        with np.errstate(all="ignore"):
            differences = [found[a] - found[b] for _, a, b in pairs]
            total = sum(c * apart for (c, _, _), apart in zip(pairs, differences, strict=True))
            size = sum(abs(c) * (np.abs(found[a]) + np.abs(found[b])) for c, a, b in pairs)
            slopes = [np.abs(apart) / abs(a - b) for (_, a, b), apart in zip(pairs, differences, strict=True)]
            moved = np.fmax.reduce(slopes) * (self._size(owners, units) / np.abs(steps))[:, None]
            divisor = (formula.denominator * steps**formula.derivative)[:, None]
            weight = 2.0 * sum(abs(c) for c, _, _ in pairs)
            derivative = total / divisor + 0.0  # no -0.0 from a step below x
            noise = self.sampler.eps / 2 * (size + weight * moved) / np.abs(divisor)
            if self.noise is not None:
                noise = np.maximum(noise, self.noise[owners] * (weight / 2.0) / np.abs(divisor))
            return derivative, noise

    def _size(self, owners: Array, units: Array) -> Array:
        """How large what is moved is; x is rounded where a displacement takes it across a power of two."""
        if self.v is None:
            return np.asarray(np.abs(self.x[owners, units]))
        v = self.v[owners]
        moved = np.where(v == 0.0, 0.0, self.x[owners])
        return np.asarray(np.abs(moved).max(axis=1, initial=0.0) / np.abs(v).max(axis=1, initial=0.0))

    def _moved(self, owners: Array, units: Array, far: Array) -> Array:
        """Rows (P, Q, D): the points, displaced by `far` (P, Q)."""
        rows = np.repeat(self.x[owners, None, :], far.shape[1], axis=1)
        with np.errstate(all="ignore"):
            if self.v is None:
                rows[np.arange(len(owners)), :, units] += far
            else:
                v = self.v[owners, None, :]
                rows = np.where(v == 0.0, rows, rows + far[..., None] * v)
        return rows


def _blocks(items: Array, size: int) -> list[Array]:
    """Items in blocks whose rows, of so many numbers each, fit into memory."""
    each = max(BLOCK // max(size, 1), 1)
    return [items[start : start + each] for start in range(0, len(items), each)]

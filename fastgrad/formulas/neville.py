"""Richardson's extrapolation by steps that are halved until the error stops falling, with an error estimate.

The estimate A(h) of a derivative differs from it by a series in h, of even powers for central formulas. Estimates at h,
h/2, h/4, ... therefore extrapolate to h = 0 by Neville's scheme (C. Ridders, "Accurate computation of F'(x) and
F'(x) F''(x)", Adv. Eng. Softw. 4, 1982): each column removes one power. Halving helps until round-off, which grows as
1/h, takes over; both are estimated for every entry, and the entry with the smallest sum is the result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..results import EPS
from .stencils import Stencil
from .values import with_errors

Array = NDArray[Any]
Estimate = Callable[[Array, Array], tuple[Array, Array]]
"""(numbers of some elements (A,), their steps (A,)) -> derivatives (A, M) and their round-off."""

LEVELS = 40  # of halving, as far as round-off leaves a digit: |x|/4 * 2**-40; sin at 1e9 needs 34
PATIENCE = 6  # levels without a smaller error before an element is left, or any finite result ...
HOPELESS = 2  # ... and where round-off has reached the error
SAFETY = 4.0  # the size of round-off in the error, over the usual one of eps * |f| / h
VISIBLE = 8.0  # a difference larger than round-off by this factor is the formula's
SEEN = 0.125  # a relative error of what larger steps have found where smaller ones find that f does not differ
CONTRADICTING = 16.0  # times both errors, by which two results may lie apart that are both right
LATE = 20  # levels, after which an element whose estimates scatter is left to look deeper
FAR = 53.0  # how much smaller the step is that has to confirm a result; no multiple of it has been taken before
CHANCE = 64.0  # a difference smaller than round-off by this factor may be 0 by chance: values that are rounded
SUDDEN = 64.0  # a difference shrinks by this factor from one level to the next, the formula's by 4: it is chance
AGAIN = 41 / 64  # of the step that confirms, where that agreed so well that it may be by chance
STEEP = 16  # levels without one difference that is 0, after which differences of 0 are those of values that are rounded
# Differences of an f that is rounded are multiples of its least one, or of a COMMON part of that, to so many digits.
MULTIPLES, WHOLE, COMMON = 1e4, 1e-6, 12.0
PLACES = 50  # of a difference that are looked at; the last three may be those of the division by the step
OFTEN, COARSE = 3, 8.0  # differences with one last place, so many times above the rounding of f: of what it subtracts
FLAT = 8  # levels at which f differs by the same small amount, whatever the step: noise of f
SMALL = 1e-3  # ... if that is smaller than f by this factor; else it can be a wave that smaller steps resolve
EXACT = 1e-9  # a relative error below which an element counts as converged

CONVERGED, ROSE, EXHAUSTED, NOT_FINITE = 0, -1, -2, -3


class Refined(NamedTuple):
    """Derivatives (P, M), their estimated errors and status; the steps (P,) of the best, and the largest (P,)."""

    value: Array
    error: Array
    status: Array
    step: Array
    top: Array

    def improve(self, elements: Array, other: Refined) -> Array:
        """Take over what has smaller errors, but contradicts nothing: beyond a peak f is flat, and 0 has no error.

        Where f has not differed at all, as 1 - cos(x) at 1e-8, what larger steps agree about is more than that.
        """
        error, value = self.error[elements], self.value[elements]
        with np.errstate(all="ignore"):
            contradicts = np.abs(other.value - value) > CONTRADICTING * (error + other.error)
            sees = (value == 0.0) & (other.error <= SEEN * np.abs(other.value))
        better: Array = (np.isfinite(other.value) & ~(other.error >= error) & ~contradicts) | sees
        for mine, theirs in zip(self[:3], other[:3], strict=True):
            mine[elements] = np.where(better, theirs, mine[elements])
        some: Array = np.asarray(better.any(axis=1))
        self.step[elements[some]], self.top[elements[some]] = other.step[some], other.top[some]
        return some


def exponents(formula: Stencil) -> Array:
    """The powers of h in the error of a formula, first to last."""
    by = 2 if formula.method == "central" else 1
    powers: Array = formula.order + by * np.arange(LEVELS)
    return powers


def halved(estimate: Estimate, start: Array, formula: Stencil, levels: Array | None = None) -> Refined:
    """Halve and extrapolate; `levels` times at most where there is a budget, of which a wave's search has its part."""
    powers, n, active = exponents(formula), formula.derivative, np.arange(len(start))
    first, noise = estimate(active, start)
    with np.errstate(all="ignore"):
        state = _State(first, noise, start[:, None] ** n)
    rows, most = [first], np.full(len(start), LEVELS) if levels is None else levels
    for level in range(1, LEVELS + 1):
        active = active[most[active] >= level]
        if not active.size:
            break
        steps = start[active] * 2.0**-level
        value, noise = estimate(active, steps)
        with np.errstate(all="ignore"):
            before = [row[active] for row in rows]
            row = [value]
            for j in range(level):
                row.append(row[j] + (row[j] - before[j]) / (2.0 ** powers[j] - 1.0))
            state.take(active, row, before, noise, level, steps[:, None] ** n)
        for j, column in enumerate(row[:-1]):
            rows[j][active] = column
        rows.append(np.full_like(first, np.nan))
        rows[level][active] = row[-1]
        active = active[~state.done[active].all(axis=1)]
        if level == LATE and levels is not None:
            active = active[~state.scatters(active)]
    usual = with_errors(estimate)
    with np.errstate(all="ignore"):
        noise_of_f = state.confirm(usual, start, n, formula.order)
        state.allow_for_noise(start, n, noise_of_f)
    return state.result(start)


def _best_of(row: list[Array], before: list[Array], least: Array) -> tuple[Array, Array]:
    """The entry of a row that differs least from its neighbours, and by how much;
    `least` is what no entry goes below."""
    best, apart = row[0], np.maximum(np.abs(row[0] - before[0]), least)
    for j in range(1, len(row)):
        seen = np.maximum(np.maximum(np.abs(row[j] - row[j - 1]), np.abs(row[j] - before[j - 1])), least)
        better = seen < apart
        best, apart = np.where(better, row[j], best), np.where(better, seen, apart)
    return best, np.where(np.isnan(apart), np.inf, apart)


def _last_place(numbers: Array) -> Array:
    """The last binary digit that is not 0, as a number; NaN of 0 and of what is no number."""
    usual = np.isfinite(numbers) & (numbers != 0.0)
    mantissas, exponents = np.frexp(np.where(usual, numbers, 1.0))
    digits = np.rint(mantissas * 2.0**PLACES).astype(np.int64)
    return np.where(usual, np.ldexp((digits & -digits).astype(np.float64), exponents - PLACES), np.nan)


def _constant(last: Array) -> Array:
    """Where four differences of f in a row do not shrink; those of smooth functions shrink by 8 a level or more."""
    return np.asarray(8.0 * np.maximum(last[2], last[3]) > np.maximum(last[0], last[1]))


class _State:
    """The best entry of each element's scheme so far."""

    def __init__(self, first: Array, noise: Array, powers: Array) -> None:
        self.size = 2.0 / EPS * noise * powers  # of f
        self.value, self.error = first.copy(), np.full(first.shape, np.inf)
        self.level, self.fails, self.flat = np.zeros((3, *first.shape), np.intp)
        self.status = np.full(first.shape, EXHAUSTED)
        self.done, self.settled, self.sudden, self.coarse = np.zeros((4, *first.shape), dtype=bool)
        self.apart, self.plain = np.zeros(first.shape), first.copy()  # plain: the best level's without extrapolation
        # of every level its elements, best entries, their errors, and by how much f differs from the level before
        self.history: list[tuple[Array, Array, Array, Array]] = []
        self.differences = [(np.arange(len(first)), first * powers)]  # of f, at each level

    def take(
        self, active: Array, row: list[Array], before: list[Array], noise: Array, level: int, powers: Array
    ) -> None:
        """Another row of the scheme, from the one before, at steps whose n-th `powers` are these."""
        value, error, done = self.value[active], self.error[active], self.done[active]
        round_off, apart = SAFETY * noise, np.abs(row[0] - before[0])
        falls = (apart <= self.apart[active] / 2) | (apart <= VISIBLE * noise)
        self.sudden[active] |= ~done & (SUDDEN * apart <= self.apart[active]) & (self.apart[active] > VISIBLE * noise)
        entry, total = _best_of(row, before, np.where(falls, 0.0, apart))
        total = total + round_off
        self.history.append((active, entry, total, apart * powers))
        self.differences.append((active, row[0] * powers))
        # an entry of smaller steps that contradicts the best so far: that was a coincidence
        changed = ~done & ((total < error) | (np.abs(entry - value) > error + total))
        value, error = np.where(changed, entry, value), np.where(changed, total, error)
        fails = np.where(changed, 0, self.fails[active] + 1)
        settled = error <= 2.0 * round_off
        rose = (fails >= PATIENCE) | ((fails >= HOPELESS) & (error <= 8.0 * round_off))
        if level >= PATIENCE:
            rose |= self._is_flat(active)
        status = np.where(settled | (error <= EXACT * np.abs(value)), CONVERGED, np.where(rose, ROSE, EXHAUSTED))
        self.status[active] = np.where(done, self.status[active], status)
        self.settled[active] |= settled & ~done
        self.done[active] |= settled | rose
        self.value[active], self.error[active], self.fails[active] = value, error, fails
        self.level[active] = np.where(changed, level, self.level[active])
        self.plain[active] = np.where(changed, row[0], self.plain[active])
        self.apart[active] = apart

    def scatters(self, active: Array) -> Array:
        """Where nothing has been found so far."""
        hopeless = self.done[active] | (self.error[active] > np.abs(self.value[active]) / 8.0)
        return np.asarray((hopeless & _constant(self._last_differences(active))).all(axis=1))

    def _last_differences(self, active: Array) -> Array:
        return np.array([apart[np.searchsorted(of, active)] for of, _, _, apart in self.history[-4:]])

    def _is_flat(self, active: Array) -> Array:
        """Where f has differed by the same small amount for many levels."""
        last = self._last_differences(active)
        more = _constant(last) & (last.max(axis=0) < SMALL * self.size[active])
        self.flat[active] = np.where(more, self.flat[active] + 1, 0)
        return np.asarray(self.flat[active] >= FLAT)

    def confirm(self, estimate: Estimate, start: Array, n: int, order: int) -> Array:
        """The noise of f, where a much smaller step contradicts what has settled.

        Values that are rounded, say, differ by nothing or by the same from level to level, and agree by coincidence.
        There the result differs from the derivative at a small step by more than its error.
        """
        digits = self._of_digits()
        noise_of_f = np.fmax(self._of_plateaus(), digits)
        self.coarse = digits > 0.0
        certain = (self.settled | (self.status == CONVERGED)) & np.isfinite(self.value)
        rows = np.flatnonzero(certain.any(axis=1))
        for part in (1.0, AGAIN):
            if not rows.size:
                break
            small = part * start[rows] * 2.0 ** -self.level[rows].max(axis=1) / FAR
            there, noise = estimate(rows, small)
            apart = np.abs(there - self.value[rows])
            formula = np.abs(self.plain[rows] - self.value[rows]) / FAR**order
            wrong = certain[rows] & (apart > self.error[rows] + VISIBLE * noise + 2.0 * formula)
            some = np.flatnonzero(wrong.any(axis=1))
            if some.size:
                self._blame(estimate, rows[some], small[some], n, wrong[some], there[some], noise_of_f)
            chance = certain[rows] & (self.sudden[rows] | (apart <= noise / CHANCE))
            rows = rows[chance.any(axis=1) & ~wrong.any(axis=1)]
        return noise_of_f

    def _of_plateaus(self) -> Array:
        """The noise of an f whose differences are 0 all at once, at steps so small that its values are rounded."""
        noise = self._of_a_lattice()
        late = self.settled & (self.value == 0.0) & (self.level > STEEP)
        if late.any():
            for active, _, _, differences in self.history[STEEP - 4 :]:
                noise[active] = np.where(late[active], np.fmax(noise[active], differences), noise[active])
        return noise

    def _of_a_lattice(self) -> Array:
        """The least difference of an f whose differences, before they are 0, are multiples of it: f is rounded."""
        noise = np.zeros(self.value.shape)
        zero = self.value == 0.0
        if not zero.any():
            return noise
        seen = np.full((len(self.differences), *self.value.shape), np.nan)
        for level, (active, differences) in enumerate(self.differences):
            seen[level, active] = np.abs(differences)
        least = np.min(seen, axis=0, initial=np.inf, where=seen > 0.0)
        times = COMMON * seen / least
        whole = np.abs(times - np.rint(times)) < WHOLE * times
        steps = (seen > 0.0) & (times < COMMON * MULTIPLES)
        rounded = zero & (steps.sum(axis=0) >= 3) & (whole | ~steps).all(axis=0) & (seen == 0.0).any(axis=0)
        return np.where(rounded, least, noise)

    def _of_digits(self) -> Array:
        """The last place of f's differences, where that is the same at many steps, and far above the rounding of f.

        1 - cos(x) is rounded where the cosine is. An exact f of few digits, as 3 x, has finer places at smaller steps.
        """
        places = np.full((len(self.differences), *self.value.shape), np.nan)
        for level, (active, differences) in enumerate(self.differences):
            places[level, active] = _last_place(differences)
        least = np.fmin.reduce(places)
        often = (places <= 2.0 * least).sum(axis=0) >= OFTEN
        return np.where(often & (least > COARSE * EPS * self.size), least, 0.0)

    def _blame(
        self, estimate: Estimate, rows: Array, small: Array, n: int, wrong: Array, there: Array, noise_of_f: Array
    ) -> None:
        """Tell a noisy f from a wave that larger steps were blind to:
        beside the small step the latter has one slope."""
        value, apart = self.value[rows], np.abs(there - self.value[rows])
        (wider, _), (nearer, noise) = estimate(rows, 8.0 * small), estimate(rows, small / 8.0)
        again = np.abs(nearer - there)
        blind = wrong & (again <= np.maximum(apart / 8.0, VISIBLE * noise)) & (np.abs(wider - there) <= apart / 2.0)
        blind &= there != 0.0  # there f does not differ: it may be rounded
        sizes = [np.abs(a - value) * (k * small[:, None]) ** n for a, k in ((wider, 8), (there, 1), (nearer, 1 / 8))]
        noise_of_f[rows] = np.where(wrong & ~blind, np.fmax.reduce(sizes), 0.0)
        self.value[rows] = np.where(blind, there, value)
        self.error[rows] = np.where(blind, 2.0 * again + SAFETY * noise, self.error[rows])
        self.status[rows] = np.where(wrong, ROSE, self.status[rows])

    def allow_for_noise(self, start: Array, n: int, noise_of_f: Array) -> None:
        """Where f is noisy choose anew among all levels, with an error that grows as the noise over the step."""
        counts = np.bincount(np.concatenate([h[0] for h in self.history]), minlength=len(start))
        rows = np.flatnonzero((~self.settled.all(axis=1) & (counts >= 4)) | noise_of_f.any(axis=1))
        if not rows.size:
            return
        entries, errors, differences = np.full((3, len(self.history), rows.size, self.value.shape[1]), np.nan)
        for level, (active, *parts) in enumerate(self.history):
            here = counts[rows] > level
            for array, part in zip((entries, errors, differences), parts, strict=True):
                array[level, here] = part[np.searchsorted(active, rows[here])]
        last = differences[np.maximum(counts[rows] - np.arange(4, 0, -1)[:, None], 0), np.arange(rows.size)]
        restless = _constant(last) & (counts[rows, None] >= 4) & ~self.settled[rows]
        size = np.maximum(noise_of_f[rows], np.where(restless, last.max(axis=0), 0.0))
        steps = start[rows, None] * 2.0 ** -np.arange(1, len(self.history) + 1)[:, None, None]
        errors += SAFETY * size / steps**n
        best = np.where(np.isnan(errors), np.inf, errors).argmin(axis=0)[None]
        value, error = (np.take_along_axis(a, best, 0)[0] for a in (entries, errors))
        found = (value, error, best[0] + 1, np.where(self.coarse[rows], self.status[rows], ROSE))
        noisy = (size > 0.0) & np.isfinite(error)
        for array, part in zip((self.value, self.error, self.level, self.status), found, strict=True):
            array[rows] = np.where(noisy, part, array[rows])

    def result(self, start: Array) -> Refined:
        finite = np.isfinite(self.value)
        status = np.where(finite, self.status, NOT_FINITE)
        error = np.where(finite, self.error, np.nan)
        return Refined(self.value, error, status, start * 2.0 ** -self.level.max(axis=1, initial=0), start.copy())

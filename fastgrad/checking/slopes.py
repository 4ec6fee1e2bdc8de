"""Slopes of a loss along lines through x, beside what a gradient says, and a judgement that hangs on no single step.

A line moves some elements of the arrays, in place, by ``t * v``. Along it the difference between the central slope and
the gradient's is compared with two things: what the tolerances allow, and the noise of f over t. The noise is measured,
by the fourth difference of the values at -2t, -t, 0, t, 2t, which smooth functions leave at almost nothing. Where slope
and gradient differ, shorter and longer steps tell the causes apart as t shrinks: a truncation error falls as t**2
(Taylor's remainder), an error of the gradient stays, noise grows as 1/t, and a kink at x keeps the slopes to the left
and to the right apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.python.mutation import WRITES, check_unchanged, restore
from ..formulas.steps import default_factor, power_of_two_below
from ..formulas.values import as_number, precision_shown
from .digits import precision_around, root_mean_square
from .rays import Places, Ray, Slope

Array = NDArray[Any]

ROUNDED = 1e-5  # of what is typical of an array: so much sums in single precision are off
UNITS = 1e-3  # of a coordinate's scale: where f goes through its value within less, x is in small units
CLEAR = 200.0  # times the noise of a slope: an error of an element of a hundredth shows
NOISE = 6.0  # a difference is noise up to so many times the measured deviation of f over t
# So many deviations of a sum of tolerated errors with random signs: all elements are hardly off by all they may.
SLACK = 1.0
LIMIT = 0.02  # noise above this part of the gradient's length allows no verdict
NOISY_LIMIT = 0.001  # the same, where it is more than rounding
LEAST = 1e-5  # of f over a step, if that is below 1: stands for the size of a gradient that is 0 throughout
NOISY = 100.0  # f is noisy, not merely rounded, from so many roundings on
SHORTER = 0.25  # each further step of a walk ...
SHORTEST = 2.0**-48  # ... and the last of them: some units in the last place of x
FINE = 0.001  # agreement within this part of the gradient's length shows that longer steps were too long
GROWN = 4.0  # by so many lengths of the gradient only the slopes of noise differ from it
STEADY = 0.3  # slopes differ by less than this part where they are those of one tangent


class Loss:
    """A loss that reads arrays, which are moved in place; its gradient, tolerances and noise."""

    def __init__(
        self, value: Callable[[], Any], arrays: dict[str, Array], rtol: float | None, atol: float, *,
        single: bool = False,
    ) -> None:  # fmt: skip
        """`single` says that the gradient is of single precision, whatever f and the arrays are."""
        self.arrays = arrays
        self.originals = [w.copy() for w in arrays.values()]
        self.starts = [0, *accumulate(w.size for w in arrays.values())]
        self.x = np.concatenate([w.reshape(-1).astype(np.float64) for w in self.originals] or [np.empty(0)])
        self.scale, self.farthest = np.maximum(1.0, np.abs(self.x)), float(np.abs(self.x).max(initial=0.0))
        self.evaluations, self.noise, self.largest, self.terms = 0, 0.0, 0.0, 0.0
        self._value = value
        with self.moving():
            first = value()
        self.evaluations += 1
        self.start = as_number(first)
        self.largest = abs(self.start)
        self.eps = max([precision_shown(first), *(float(np.finfo(w.dtype).eps) for w in arrays.values())])
        self.eps = precision_around(self, self.eps)
        # float64 gradients are right to about 1e-14, those in single precision to about 1e-5 of their length
        eps = max(self.eps, float(np.finfo(np.float32).eps)) if single else self.eps
        self.rtol = rtol if rtol is not None else max(1e-5, 0.03 * eps ** (1 / 3))
        self.atol, self._floor = atol, ROUNDED if single else 0.0
        self.g = np.zeros(self.x.size)
        self.typical = np.zeros(self.x.size)

    def set_gradient(self, g: Array) -> None:
        """The gradient to check, flat; the root mean square of an array's elements is what is typical there.

        A gradient that is very large says how far an element may move: of 1e-6 metres no step of 6e-6.
        """
        self.g = g
        with np.errstate(all="ignore"):
            reach = self.largest / np.abs(g)  # over which f would change by all of its value
            units = (self.x != 0.0) & (reach < UNITS * self.scale) & (self.largest > 0.0)
            terms = np.abs(g * self.x)
        self.scale = np.where(units, np.maximum(np.abs(self.x), reach), self.scale)
        self.terms = float(terms[np.isfinite(terms)].max(initial=0.0))
        everywhere = 0.01 * root_mean_square(g)
        for a, b in pairwise(self.starts):
            self.typical[a:b] = max(root_mean_square(g[a:b]), everywhere)

    def array_of(self, place: int) -> int:
        """The number of the array that holds an element."""
        return int(np.searchsorted(self.starts, place, side="right")) - 1

    # --- moving ------------------------------------------------------------------------------------------------------

    @contextmanager
    def moving(self) -> Iterator[None]:
        """Restore all arrays bit for bit at the end, whatever happens."""
        try:
            yield
            self.check_unchanged()
        finally:
            restore(list(self.arrays.values()), self.originals)

    def check_unchanged(self, writer: str = WRITES) -> None:
        check_unchanged(list(self.arrays.values()), self.originals, writer)

    def again(self) -> float:
        """f at x."""
        self.evaluations += 1
        return as_number(self._value())

    def moved(self, where: Places, t: float, v: Array) -> tuple[float, Array]:
        """f at x + t*v, and the displacement really taken."""
        ends = np.searchsorted(where, self.starts).tolist()
        taken = np.empty(len(where))
        spots = []
        for w, original, start, a, b in zip(
            self.arrays.values(), self.originals, self.starts[:-1], ends[:-1], ends[1:], strict=True
        ):
            if a < b:
                here = where[a:b] - start
                before = original.reshape(-1)[here]
                with np.errstate(all="ignore"):
                    there = (before.astype(np.float64) + t * v[a:b]).astype(w.dtype)
                    taken[a:b] = there.astype(np.float64) - before.astype(np.float64)
                w.flat[here] = there
                spots.append((w, here, before, there))
        value = self.again()
        for w, here, before, there in spots:
            if w.flat[here].tobytes() != there.tobytes():
                raise ValueError(WRITES)
            w.flat[here] = before
        return value, taken

    # --- slopes ------------------------------------------------------------------------------------------------------

    def step(self, moving: int) -> float:
        """The step along a line that moves so many elements: between those that suit one and that suit all at once."""
        return float(power_of_two_below(default_factor(1, 2, self.eps) / max(moving, 1) ** 0.25))

    def line(self, where: Places, rng: np.random.Generator) -> Ray:
        """A random line: random signs, of which nothing cancels one wrong element, and sizes from 1/2 to 1."""
        size = rng.uniform(0.5, 1.0, len(where)) * np.where(rng.random(len(where)) < 0.5, -1.0, 1.0)
        return Ray(where, size * self.scale[where], self.step(len(where)))

    def balanced(self, line: Ray, share: float) -> Ray:
        """The line on which elements of large gradients move less, so that small ones show beside them.

        None has a larger part of the slope than that which so many have less than, and which the noise leaves visible.
        """
        parts = np.abs(self.g[line.where] * line.v)
        moving = parts[parts > 0.0]
        if not len(moving):
            return line
        with np.errstate(all="ignore"):
            largest = max(np.quantile(moving, share, method="lower"), CLEAR * self.noise_at(line.step))
            factor = largest / parts
        return Ray(line.where, line.v * np.minimum(factor, 1.0), line.step)

    def axis(self, place: int) -> Ray:
        """The line of one element."""
        where = np.array([place])
        return Ray(where, self.scale[where], self.step(1))

    def slope(self, line: Ray, t: float) -> Slope:
        """Slopes at a step, evaluated once."""
        if t not in line.slopes:
            above, up = self.moved(line.where, t, line.v)
            below, down = self.moved(line.where, -t, line.v)
            finite = [abs(y) for y in (above, below) if np.isfinite(y)]
            self.largest = max([self.largest, *finite])
            with np.errstate(all="ignore"):
                right, left = (np.float64(above) - self.start) / t, (self.start - np.float64(below)) / t
                central = (np.float64(above) - below) / (2 * t)
                analytic = float(self.g[line.where] @ (up - down)) / (2 * t)
            line.slopes[t] = Slope(t, float(central), float(right), float(left), analytic)
        return line.slopes[t]

    def measure(self, lines: list[Ray]) -> None:
        """The deviation of f, from the fourth differences along lines that were taken at t and 2t.

        Kinks at x look like noise there, so noise has to show at some distance from x too.
        """
        found = [abs(2 * line.slopes[2 * line.step].gap - 4 * line.slopes[line.step].gap) * line.step for line in lines]
        found = [d / 70**0.5 for d in found if np.isfinite(d)]
        rounding = 0.5 * self.eps * self.largest
        spread = abs(self.again() - self.start)
        noise = float(np.median(found)) if found else 0.0  # a kink on one line of three does not matter
        if noise > self.unrounded:
            beside = max(self._beside(line) for line in lines)
            noise = max(beside, *found) if beside > self.unrounded else beside
        self.noise = max(noise, spread if np.isfinite(spread) else 0.0, rounding)

    def _beside(self, line: Ray) -> float:
        """The size of fourth differences of f at some distance from x."""
        values = [self.moved(line.where, line.step * (16 + k / 16), line.v)[0] for k in range(8)]
        if not np.isfinite(values).all():
            return 0.0
        with np.errstate(all="ignore"):
            return root_mean_square(np.diff(values, 4) / 70**0.5)

    # --- judgement ---------------------------------------------------------------------------------------------------

    def noise_at(self, t: float) -> float:
        return NOISE * self.noise / t

    def length(self, line: Ray) -> float:
        """The length of the gradient along a line, by its own elements or by those typical of the array."""
        least = 0.0 if self.typical.any() else LEAST * min(1.0, self.largest / line.step)
        each = np.maximum(np.abs(self.g[line.where]), np.maximum(self.typical[line.where], least))
        return float(np.hypot.reduce(each * line.v))

    def allowed(self, line: Ray, slope: Slope) -> float:
        """What the tolerances allow along a line, as if every element had its share with a random sign."""
        floor = self.atol + self._floor * self.typical[line.where]
        if len(line.where) == 1:
            return float(np.abs(line.v * floor)[0]) + self.rtol * max(abs(slope.central), abs(slope.analytic))
        each = (floor + self.rtol * np.abs(self.g[line.where])) * line.v
        return SLACK * float(np.hypot.reduce(each))

    def usable(self, line: Ray, t: float) -> bool:
        """Whether the noise at a step is small beside the gradient."""
        slope = line.slopes[t]
        if slope.right == slope.left == slope.analytic == 0.0:  # f does not read these elements
            return True
        limit = NOISY_LIMIT if self.noisy else LIMIT
        enough = self.noise_at(t) <= max(self.allowed(line, slope), limit * self.length(line))
        return enough and not (self.noisy and t > 2 * line.step)

    @property
    def unrounded(self) -> float:
        """A deviation of f that is not its rounding, nor that of terms that cancel in it, no steeper than f is."""
        return NOISY * self.eps * max(self.largest, min(self.terms, self.largest / self.step(1) * self.farthest))

    @property
    def noisy(self) -> bool:
        """Whether values of f are off by far more than by rounding."""
        return self.noise > self.unrounded

    def agrees(self, line: Ray, t: float, coarser: float | None = None) -> bool:
        """Whether gradient and slope agree at a step, or in the limit that two steps suggest."""
        slope = line.slopes[t]
        room = self.allowed(line, slope) + self.noise_at(t)
        if abs(slope.difference) <= room:
            return room < np.inf
        if coarser is None:
            return False
        square = (coarser / t) ** 2
        limit = (square * slope.difference - line.slopes[coarser].difference) / (square - 1)
        return abs(limit) <= room

    def judge(self, line: Ray, kinks: bool = True) -> str:
        """ok, kink, wrong or inconclusive, by as few evaluations as the case allows."""
        t = line.step
        line.found = self.slope(line, t)
        both = 2 * t if 2 * t in line.slopes else None
        if kinks and both is None and abs(line.found.gap) > 0.1 * self.length(line):
            both = self.slope(line, 2 * t).step
        if self.usable(line, t) and self.agrees(line, t, both):
            line.verdict = "kink" if kinks and both and self._is_kink(line, t, both) else "ok"
        else:
            line.verdict = self._judge_closely(line, kinks)
            if line.verdict in {"wrong", "inconclusive"} and not self._is_plain(line):
                line.verdict = self._walk(line)
        return line.verdict

    def _judge_closely(self, line: Ray, kinks: bool) -> str:
        steps = self._ladder(line)
        if not steps:
            return "inconclusive"
        usable = [t for t in steps if self.usable(line, t)]
        if not usable:
            return self._from_noise(line, steps[-2:])
        fine, coarse = usable[0], usable[1] if len(usable) > 1 else None
        line.found = line.slopes[fine]
        if self.agrees(line, fine, coarse):
            return "ok" if not kinks or self._is_smooth(line, usable) else "kink"
        if coarse is None:
            return self._from_noise(line, steps[-2:])
        if kinks and self._is_kink(line, fine, usable[-1]) and (len(line.where) > 1 or self._is_between(line, fine)):
            return "kink"
        return self._is_steady(line, fine, coarse, kinks)

    def _ladder(self, line: Ray) -> list[float]:
        """Steps with finite slopes, the shortest first; long ones only where noise spoils the short ones."""
        t = line.step
        first = self.slope(line, t)
        self.slope(line, 2 * t)
        # so short that noise would cover the difference there is, a step says nothing
        visible = max(self.allowed(line, first), 0.1 * abs(first.difference))
        room = visible if np.isfinite(visible) else LIMIT * self.length(line)
        for factor in (2.0**-2, 2.0**-4, 2.0**-6, 2.0**-10, 2.0**-14):
            if self.noise_at(factor * t) <= room:
                self.slope(line, factor * t)
        if sum(self.usable(line, s) for s in line.slopes) < 2:
            for factor in (8.0, 64.0):
                self.slope(line, factor * t)
        return sorted(s for s, slope in line.slopes.items() if np.isfinite(slope.difference) and np.isfinite(slope.gap))

    def _from_noise(self, line: Ray, steps: list[float]) -> str:
        """wrong, where the difference stands out of the noise at the longest steps alike; otherwise no verdict."""
        slopes = [line.slopes[t] for t in steps]
        line.found = slopes[-1]
        # f has to vary by more than its noise: a step of many periods of a sine shows a slope of nothing, at any length
        clear = [
            min(abs(s.difference) - self.allowed(line, s), abs(s.central)) > 3 * self.noise_at(s.step) for s in slopes
        ]
        alike = abs(slopes[0].difference - slopes[-1].difference) <= 0.3 * abs(slopes[-1].difference)
        return "wrong" if len(slopes) == 2 and all(clear) and alike else "inconclusive"

    def _is_steady(self, line: Ray, fine: float, coarse: float, kinks: bool) -> str:
        """wrong, where the difference is there at two steps;
        a kink between them, or no verdict, where it comes and goes."""
        near, far = line.slopes[fine], line.slopes[coarse]
        if np.isfinite(line.slopes[line.step].difference):
            line.found = line.slopes[line.step]  # less noise than the shortest step
        if abs(near.difference) <= self.allowed(line, near) + 2 * self.noise_at(fine):
            return "inconclusive"
        if far.difference and 0.5 < near.difference / far.difference < 2.0:
            return "wrong"
        halved = abs(abs(far.difference) - abs(far.gap) / 2) <= 0.1 * abs(far.gap)  # what one kink alone leaves
        falling = abs(near.difference) < abs(far.difference)
        return "kink" if kinks and falling and (halved or len(line.where) > 1) else "inconclusive"

    def _is_plain(self, line: Ray) -> bool:
        """Whether nothing speaks for steps that are too long: f is merely rounded, and its slope that of a tangent."""
        slopes = sorted((s for s in line.slopes.values() if np.isfinite(s.central)), key=lambda s: s.step)
        if self.noisy or len(slopes) < 2:
            return False
        return self._is_tangent(slopes[0], slopes[1], STEADY, self.noise_at(slopes[0].step))

    def _walk(self, line: Ray) -> str:
        """What ever shorter steps say: over many periods a sine looks like noise, over a short step it does not.

        Two in succession have to agree with the gradient, or with each other against it. Noise does neither: slopes
        grow as steps shrink, and what the longer ones have shown remains.
        """
        far, before, length = line.slopes[2 * line.step], line.slopes[line.step], self.length(line)
        t, rounding = line.step * SHORTER, NOISE * 0.5 * self.eps * (self.largest + length)
        if self.noisy and rounding > self.noise:  # x itself is rounded too coarsely for such a slope
            return "inconclusive"
        ripples, agreed, differed = self._is_rippled(line, length), False, False
        while t >= SHORTEST and rounding / t <= LIMIT * length:
            slope = self.slope(line, t)
            if not np.isfinite(slope.difference) or not np.isfinite(slope.gap):
                break
            room = self.allowed(line, slope) + rounding / t
            limit = (slope.difference - SHORTER**2 * before.difference) / (1 - SHORTER**2)
            agrees = min(abs(slope.difference), abs(limit)) <= room <= max(2 * self.allowed(line, slope), FINE * length)
            differs = self._is_settled(slope, before, far, rounding) and abs(slope.difference) > 2 * room
            if (agrees and agreed) or (differs and differed and not ripples):
                line.found = slope
                return "ok" if agrees else "wrong"
            if line.verdict == "inconclusive" and ((differs and ripples) or abs(slope.difference) > GROWN * length):
                break
            agreed, differed, far, before, t = agrees, differs, before, slope, t * SHORTER
        unseen = abs(before.analytic) * before.step > 0.02 * self.noise  # f may vary faster than can be seen
        return "inconclusive" if line.verdict == "wrong" and self.noisy and unseen else line.verdict

    def _is_rippled(self, line: Ray, length: float) -> bool:
        """Whether longer steps come close to the gradient: what short ones alone see beside it is noise."""
        return line.verdict == "inconclusive" and any(
            abs(s.difference) <= STEADY * length for step, s in line.slopes.items() if step >= line.step
        )

    def _is_settled(self, near: Slope, middle: Slope, far: Slope, rounding: float) -> bool:
        """Whether the slopes at three steps are those of one tangent, closer to each other than to the gradient."""
        rest = abs(near.central - middle.central)
        alike = all(self._is_tangent(a, b, 0.1 * STEADY, rounding / a.step) for a, b in ((near, middle), (middle, far)))
        return alike and 4 * rest < abs(near.difference)

    def _is_tangent(self, near: Slope, far: Slope, part: float, noise: float) -> bool:
        """Whether the slopes at two steps are alike."""
        return abs(near.central - far.central) <= part * max(abs(near.central), abs(far.central)) + noise

    def _is_smooth(self, line: Ray, steps: list[float]) -> bool:
        """Whether no difference at a longer step exceeds Taylor's remainder, which grows as t**2."""
        for a, b in pairwise(steps):
            near, far = line.slopes[a], line.slopes[b]
            remainder = (b / a) ** 2 * (abs(near.difference) + self.noise_at(a))
            if abs(far.difference) > 2 * remainder + self.allowed(line, far):
                return False
        return True

    def _is_kink(self, line: Ray, fine: float, coarse: float) -> bool:
        """Whether the slopes to the left and to the right stay apart as the step shrinks."""
        near, far = line.slopes[fine], line.slopes[coarse]
        if not np.isfinite(far.gap) or abs(near.gap) <= 2 * self.noise_at(fine) + self.allowed(line, near):
            return False
        return bool(abs(far.gap) < abs(near.gap) * (coarse / fine) ** 0.5)

    def _is_between(self, line: Ray, fine: float) -> bool:
        """Whether the gradient is one of the slopes that the kink has."""
        slope = line.slopes[fine]
        room = self.allowed(line, slope) + self.noise_at(fine)
        return bool(min(slope.left, slope.right) - room <= slope.analytic <= max(slope.left, slope.right) + room)

"""From which steps to refine: where the first ones find no scale of f, from larger or from much smaller ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .neville import CONVERGED, EXACT, LATE, LEVELS, VISIBLE, Estimate, Refined, halved
from .stencils import Stencil
from .steps import IRREGULAR, power_of_two_below

Array = NDArray[Any]
START = 0.25  # of |x|, at most
GROWTH = 16.0  # of the largest step, where round-off left an error ...
NEAR = 4096.0  # ... as long as it can grow by no more; else bisection finds the step to begin anew with
BUDGET = 30  # estimates of an element in all: 60 evaluations of a central formula of order 2
DEEPEST = BUDGET - 4  # levels: after them, and the first estimate, there can be one that confirms and two that blame
DEEP = 2.0 ** np.array([-24, -27, -30, -33])  # of the first step: there a function that seemed noisy is looked at again
LIKELY = 16.0  # times what larger steps have found: a slope beyond is that of noise
NARROW = 20  # halvings of the largest step to the shortest peak that is looked for beside a tiny coordinate
PLAIN = 2.0**42  # over round-off: a difference so large leaves 1e-12
WANTED = 1e-12  # ... above this, relative; the true error is some 15 times smaller


def starts(scale: Array, n: int) -> tuple[Array, Array]:
    """The first steps for coordinates of this size (1 where it is 0), and the largest to grow to:
    h**n stays a number."""
    smallest, highest = IRREGULAR * 2.0 ** (LEVELS - 1000 // n), IRREGULAR * 2.0 ** (1000 // n)
    with np.errstate(all="ignore"):
        first = IRREGULAR * power_of_two_below(START / IRREGULAR * np.where(scale == 0.0, 1.0, scale))
        largest = IRREGULAR * power_of_two_below(START / IRREGULAR * np.maximum(1.0, scale))
        return np.clip(first, smallest, highest), np.minimum(largest, highest)


def refine(estimate: Estimate, start: Array, largest: Array, formula: Stencil) -> Refined:
    """Halve and extrapolate; where that finds no scale of f, again from other steps: BUDGET estimates in all.

    From larger ones where round-off left too large an error, from much smaller ones where estimates scatter.
    """
    asked, can_grow, near = _Asked(estimate, len(start)), 4.0 * start <= largest, largest <= NEAR * start
    found = halved(asked.anew, start, formula, np.full(len(start), DEEPEST))
    _look_deeper(found, asked, formula)
    if can_grow.any():
        blind = _is_blind(found, asked, largest, can_grow)
        _grow(found, asked, np.flatnonzero((_wants(found) | blind) & can_grow & near), largest, formula)
        _leap(found, asked, np.flatnonzero((_wants(found) | blind) & can_grow & ~near), largest, formula)
    return found


def _again(found: Refined, asked: _Asked, elements: Array, top: Array, formula: Stencil) -> Array:
    """Take over what other first steps lead to, as far as the budget goes; where it helped."""
    left = BUDGET - 4 - asked.count[elements]
    again = halved(lambda some, steps: asked.estimate(elements[some], steps), top, formula, left)
    return found.improve(elements, again)


def _grow(found: Refined, asked: _Asked, elements: Array, largest: Array, formula: Stencil) -> None:
    """Again from larger steps, as long as that helps."""
    while True:
        elements = elements[asked.count[elements] <= BUDGET - 6]
        if not elements.size:
            return
        by = np.minimum(GROWTH, power_of_two_below(largest[elements] / found.top[elements]))
        top = by * found.top[elements]
        helped = _again(found, asked, elements, top, formula)
        now = Refined(*(a[elements] for a in found))
        elements = elements[helped & _wants(now) & (4.0 * top <= largest[elements])]


def _leap(found: Refined, asked: _Asked, elements: Array, largest: Array, formula: Stencil) -> None:
    """Beside a tiny coordinate the scale of f may lie anywhere up to 1: from the shortest step at which f changes."""
    elements = elements[asked.count[elements] <= BUDGET // 2]
    low, high = np.zeros(len(elements)), np.log2(largest[elements] / found.top[elements]).round()
    first, plain = found.top[elements], _is_plain(asked, elements, largest[elements])
    far = np.flatnonzero(~plain & (high > 2.0 * NARROW))  # f may be flat there, beyond a peak
    if far.size:
        plain[far] = _is_plain(asked, elements[far], largest[elements[far]] * 2.0**-NARROW)
        high[far[plain[far]]] -= NARROW
    while True:
        wide = np.flatnonzero(plain & (high - low > 2.0) & (asked.count[elements] <= BUDGET - 10))
        if not wide.size:
            break
        middle = np.floor((low[wide] + high[wide]) / 2.0)
        seen = _is_plain(asked, elements[wide], np.ldexp(first[wide], middle.astype(np.intp)))
        high[wide], low[wide] = np.where(seen, middle, high[wide]), np.where(seen, low[wide], middle)
    top = np.minimum(np.ldexp(first, (high + 8.0).astype(np.intp)), largest[elements])
    if elements.size:
        _again(found, asked, elements, top, formula)


def _is_plain(asked: _Asked, elements: Array, steps: Array) -> Array:
    """Where a difference is large beside round-off, or f is no number any more."""
    value, noise = asked.estimate(elements, steps)
    with np.errstate(all="ignore"):
        return np.asarray(~(np.abs(value) < PLAIN * noise).any(axis=1))


def _look_deeper(found: Refined, asked: _Asked, formula: Stencil) -> None:
    """Where estimates scatter, f is noisy, or a wave that all steps were longer than.

    Two steps that are much shorter tell: the slope of a wave is the same there, that of noise is not, and values that
    are rounded do not differ at all.
    """
    with np.errstate(all="ignore"):
        scatters = (found.error > EXACT * np.abs(found.value)) & (found.status != CONVERGED)
    elements = np.flatnonzero(scatters.any(axis=1) & (asked.count <= BUDGET - 9))
    if not elements.size:
        return
    late = asked.count > LATE
    before, _ = asked.estimate(elements, DEEP[0] * found.top[elements])
    for deeper in DEEP[1:]:
        here, noise = asked.estimate(elements, deeper * found.top[elements])
        with np.errstate(all="ignore"):
            value, apart = np.abs(found.value[elements]), np.abs(here - found.value[elements])
            calm = np.abs(before - here) <= np.maximum(apart / 32.0, VISIBLE * noise)
            blind = calm & scatters[elements] & (apart > found.error[elements] + VISIBLE * noise)
            blind &= ((apart <= LIKELY * value) | late[elements, None]) & (np.abs(here) > VISIBLE * noise)
        chosen = blind.any(axis=1)
        if chosen.any():
            found.error[elements[chosen]] = np.inf  # a claim that was not true
            _again(found, asked, elements[chosen], 8.0 * deeper * found.top[elements[chosen]], formula)
        elements, before = elements[~chosen], here[~chosen]
        if not elements.size:
            return


def _wants(found: Refined) -> Array:
    """Which elements have an output that is not as exact as wanted."""
    with np.errstate(all="ignore"):
        return np.asarray((found.error > WANTED * np.abs(found.value)).any(axis=1))


def _is_blind(found: Refined, asked: _Asked, largest: Array, can_grow: Array) -> Array:
    """Where f does not differ at all, as it is rounded, but does at the largest step."""
    blind, zero = np.zeros(len(largest), dtype=bool), found.value == 0.0
    elements = np.flatnonzero(zero.any(axis=1) & can_grow & (asked.count <= BUDGET - 10))
    if elements.size:
        far, _ = asked.estimate(elements, largest[elements])
        blind[elements] = (np.isfinite(far) & (far != 0.0) & zero[elements]).any(axis=1)
    return blind


class _Asked:
    """Estimates that may be wanted again, and how many were made for each element: f is called once at a point."""

    def __init__(self, estimate: Estimate, elements: int) -> None:
        self._estimate, self.count = estimate, np.zeros(elements, np.intp)
        self.kept: list[tuple[Array, Array, Array, Array]] = []  # elements, steps, derivatives and round-off

    def anew(self, elements: Array, steps: Array) -> tuple[Array, Array]:
        """Estimates from f."""
        found = self._estimate(elements, steps)
        self.count[elements] += 1
        self.kept.append((elements, steps, *found))
        return found

    def estimate(self, elements: Array, steps: Array) -> tuple[Array, Array]:
        """What is known, and the rest from f."""
        values, noise = np.empty((2, len(elements), self.kept[0][2].shape[1]))
        new = np.ones(len(elements), dtype=bool)
        for of, at, derivatives, sizes in self.kept:
            place = np.minimum(np.searchsorted(of, elements), len(of) - 1)
            here = new & (of[place] == elements) & (at[place] == steps)
            values[here], noise[here] = derivatives[place[here]], sizes[place[here]]
            new &= ~here
        if new.any():
            values[new], noise[new] = self.anew(elements[new], steps[new])
        return values, noise

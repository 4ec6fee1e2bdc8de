"""Whether f changes on a length far below the step: it changes far more on one side of a point than on the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .stencils import Stencil, stencil

Array = NDArray[np.float64]

RATIO = 1e3  # of the changes on both sides ...
ROUNDINGS = 1e6  # ... of which the larger one is so many roundings of f
CLOSER = 0.25  # of the step: where the difference has to be about the same


def ratios(formula: Stencil, center: Array, around: Array, eps: float) -> Array:
    """How many times more f changes on one side than on the other where that is suspicious; else 0.

    `around` is f at the displaced points, along the first axis. A kink, or a zero of the difference, is suspicious too:
    a difference with a shorter step decides.
    """
    with np.errstate(all="ignore"):
        changes = np.abs(around - center)
        sides = [[k for k, offset in enumerate(formula.displaced) if offset * sign > 0] for sign in (1, -1)]
        parts = [changes[side].max(axis=0) for side in sides if side]
        large = np.maximum.reduce(parts)
        ratio = large / np.minimum(*parts) if len(parts) == 2 else _of_one_side(formula, center, around)
        suspicious = (ratio > RATIO) & (large > ROUNDINGS * eps * np.abs(center)) & np.isfinite(large)
        found: Array = np.where(suspicious, ratio, 0.0)
    return found


def is_any_suspicious(center: float, around: list[float], eps: float) -> bool:
    """As `ratios` for two displaced points of each coordinate, in Python's floats: 2 us instead of 40 for a few."""
    least = ROUNDINGS * eps * abs(center)
    for a, b in zip(around[::2], around[1::2], strict=True):
        large, small = abs(a - center), abs(b - center)
        if small > large:
            large, small = small, large
        if least < large < np.inf and large > RATIO * small:
            return True
    return False


def _of_one_side(formula: Stencil, center: Array, around: Array) -> Array:
    """The ratio of the farthest and the nearest change; infinite where order 2, which looks less far, gives another."""
    changes = np.abs(around - center)
    ratio: Array = changes.max(axis=0) / changes.min(axis=0)
    if formula.order <= 2:
        return ratio
    low = stencil(formula.derivative, 2, formula.method)
    near = around[[formula.displaced.index(k) for k in low.displaced]]
    wrong = disagree(_sum(formula, center, around), _sum(low, center, near), changes.max(axis=0))
    return np.where(wrong, np.inf, ratio)


def _sum(formula: Stencil, center: Array, around: Array) -> Array:
    values = [*around, center]
    total: Array = sum(n * (values[a] - values[b]) for n, a, b in formula.pairs)
    return total / formula.denominator


def ends(formula: Stencil) -> tuple[int, ...]:
    """Where a first difference looks that tells: where the formula does, of second ones at both ends."""
    return formula.displaced if formula.derivative == 1 else (min(formula.offsets), max(formula.offsets))


def difference(formula: Stencil, center: Array, around: Array, h: float) -> Array:
    """That first difference, of f at those points."""
    if formula.derivative == 1:
        return _sum(formula, center, around) / h
    low, high = ends(formula)
    found: Array = (around[1] - around[0]) / ((high - low) * h)
    return found


def disagree(far: Array, near: Array, large: Array) -> NDArray[np.bool_]:
    """Whether two differences, times the step, differ by more than half of the larger one.

    And by more than a hundredth of the largest change of f: at a minimum both are rounding.
    """
    with np.errstate(all="ignore"):
        gap = np.abs(far - near)
        wrong: NDArray[np.bool_] = (gap > 0.5 * np.maximum(np.abs(far), np.abs(near))) & (gap > 0.01 * large)
    return wrong


def falls_as_a_power(far: Array, near: Array, nearest: Array) -> NDArray[np.bool_]:
    """Whether differences, each with a quarter of the step, fall as a power of it: at a squared hinge they do."""
    with np.errstate(all="ignore"):
        first, second = (np.log(a / b) / np.log(1.0 / CLOSER) for a, b in ((far, near), (near, nearest)))
        falls: NDArray[np.bool_] = (np.abs(first - second) < 0.02) & (first > 0.5)
    return falls

"""Where a difference formula fits between bounds: on which side of x, and with which step.

Every formula here has a *reach*: how many steps the farthest of its points is away from x. One that does not fit turns
to the side with more room, where a one-sided formula has the same order; where that does not fit
either, the step shrinks.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..results import EPS
from .stencils import Stencil, stencil
from .steps import default_factor, power_of_two_below

Array = NDArray[Any]
Bounds = tuple[Array, Array]
"""The lowest and the highest coordinates, of x's shape."""

CENTRAL, ONE_SIDED, TWO_POINT, NOWHERE = range(4)

# A one-sided formula has larger errors of both kinds than the central one of its order: 4 times the round-off at
# order 2. So a central one with a step that is shorter by up to this factor is preferred.
SHORTER = 4.0


class SidesScheme(NamedTuple):
    """For each coordinate a kind of formula and its step, which is negative where the formula lies below x."""

    kind: Array
    step: Array


def formula_of(kind: int, asked: Stencil) -> Stencil | None:
    """The stencil behind a kind, for positive and negative steps; None where there is nothing to compute."""
    if kind == NOWHERE:
        return None
    if kind == CENTRAL:
        return asked
    return stencil(asked.derivative, 1 if kind == TWO_POINT else asked.order, "forward")


def asked_for(x: Array, h: Array, asked: Stencil) -> SidesScheme:
    """The scheme without bounds."""
    if asked.method == "central":
        return SidesScheme(np.full(x.shape, CENTRAL), h)
    return SidesScheme(np.full(x.shape, ONE_SIDED), h if asked.method == "forward" else -h)


def fit(x: Array, h: Array, bounds: Bounds, asked: Stencil, *, turned: bool = False) -> SidesScheme:
    """The scheme that stays between the bounds, at coordinates that lie there; `turned` ones all have one side."""
    low, high = bounds
    with np.errstate(all="ignore"):
        below, above = x - low, high - x
        reach = asked.derivative + asked.order - 1
        down, up = _shortened(x, -h, low, high, (reach,), below), _shortened(x, h, low, high, (reach,), above)
        one = _side(down, up, below, above, asked)
        kind = np.full(x.shape, ONE_SIDED)
        if asked.method == "central" and not turned:
            half = asked.offsets[-1]
            middle = _shortened(x, h, low, high, (-half, half), np.minimum(below, above))
            central = ~(SHORTER * middle < np.abs(one))
            kind, one = np.where(central, CENTRAL, ONE_SIDED), np.where(central, middle, one)
        return _where_floats_are_few(x, SidesScheme(kind, one), below, above, asked)


def _shortened(x: Array, h: Array, low: Array, high: Array, ends: tuple[int, ...], room: Array) -> Array:
    """h, or the largest power of two with which the points at `ends` steps from x lie in the room;
    0 where none does."""
    reach = max(ends)
    size = np.where(reach * np.abs(h) <= room, np.abs(h), np.minimum(power_of_two_below(room / reach), np.abs(h)))
    step = np.copysign(size, h)
    for end in ends:  # room is rounded: a point can lie one float outside
        moved = x + end * step
        step = np.where((moved < low) | (moved > high), step / 2, step)
    return step


def _side(down: Array, up: Array, below: Array, above: Array, asked: Stencil) -> Array:
    """The signed step of the one-sided formula:
    as it was asked for, if it keeps its step, else to where there is room."""
    if asked.method == "forward":
        return np.where(up >= -down, up, down)
    if asked.method == "backward":
        return np.where(-down >= up, down, up)
    return np.where((up > -down) | ((up == -down) & (above >= below)), up, down)


def _where_floats_are_few(x: Array, scheme: SidesScheme, below: Array, above: Array, asked: Stencil) -> SidesScheme:
    """Between bounds some floats apart: the first difference to the farther bound, or nothing."""
    kind, step = scheme
    few = np.abs(step) < np.spacing(np.abs(x))
    if not few.any():
        return scheme
    farther = np.where(above >= below, above, -below)
    usable = few & (farther != 0.0) & (asked.derivative == 1)
    kind = np.where(usable, TWO_POINT, np.where(few, NOWHERE, kind))
    return SidesScheme(kind, np.where(few, farther, step))


def without_noise(x: Array, h: Array, scheme: SidesScheme, asked: Stencil, eps: float = EPS) -> SidesScheme:
    """No second or higher derivative from steps that were shortened until round-off leaves no two digits of it.

    Round-off grows as ``h**-n``, from about ``eps**(p/(p+n))`` at the default step of a central formula; of a one-sided
    one it is that of its weights, 5 times as large at order 2 and 180 times at order 8 of second derivatives.
    """
    n, p = asked.derivative, asked.order
    shortest: Any = default_factor(n, p, eps) * (100.0 * eps ** (p / (p + n))) ** (1.0 / n)
    with np.errstate(all="ignore"):
        step = np.abs(scheme.step)
        shortest = np.where(scheme.kind == ONE_SIDED, shortest * _larger_weights(n, p) ** (1.0 / n), shortest)
        lost = (n > 1) & (step < np.abs(h)) & (step < shortest * np.maximum(1.0, np.abs(x)))
    return SidesScheme(np.where(lost, NOWHERE, scheme.kind), scheme.step)


@lru_cache(maxsize=64)
def _larger_weights(derivative: int, order: int) -> float:
    """The weights of the one-sided formula of an order, all together, over those of the central one."""
    formulas = stencil(derivative, order, "forward"), stencil(derivative, order + order % 2, "central")
    one, central = (sum(abs(number) for number, *_ in s.terms) / s.denominator for s in formulas)
    return one / central


def fit_together(x: Array, h: Array, bounds: Bounds, asked: Stencil, eps: float = EPS) -> SidesScheme:
    """As `fit`, of points in rows whose mixed differences move two coordinates by one formula, without noise.

    Where a coordinate turns to one side all of its point do, each to where it has room.
    """
    scheme = without_noise(x, h, fit(x, h, bounds, asked), asked, eps)
    rows = (scheme.kind == ONE_SIDED).any(axis=-1) & (asked.method == "central")
    if rows.any():
        there, size = x[rows], h[rows]
        found = fit(there, size, (bounds[0][rows], bounds[1][rows]), asked, turned=True)
        for array, part in zip(scheme, without_noise(there, size, found, asked, eps), strict=True):
            array[rows] = part
    return scheme


def room(x: Array, bounds: Bounds, scheme: SidesScheme, asked: Stencil) -> Array:
    """The largest power of two that may take the place of the step, with the same formula on the same side."""
    reach = asked.derivative + asked.order - 1
    with np.errstate(all="ignore"):
        below, above = x - bounds[0], bounds[1] - x
        one = np.where(scheme.step < 0.0, below, above) / reach
        central = np.minimum(below, above) / asked.offsets[-1]
        # rounded room, as in `_shortened`: half of a power of two that fits exactly
        found = power_of_two_below(np.where(scheme.kind == CENTRAL, central, one) * (1.0 - 2.0**-52))
    return np.asarray(found)

"""Steps that are far too long for f: a warning instead of nonsense without a word.

A derivative is suspicious where f changes a thousand times more on one side of x than on the other. The python engine
sees that in the values at hand; for compiled code f is asked where its differences are largest. A difference with a
quarter of the step decides.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.bound import Facts
from ..engine.call import Call
from ..formulas.steepness import CLOSER, difference, disagree, ends, falls_as_a_power, is_any_suspicious, ratios
from ..formulas.stencils import Stencil
from ..formulas.steps import default_factor
from ..formulas.values import as_number, as_numbers
from ..program.look import quiet
from ..results import StepWarning, users_level

Array = NDArray[np.float64]

LOOKED_AT = 256  # points among which the largest difference is looked for


def look(call: Call, facts: Facts, target: Array) -> int:
    """Warn where a step is far too long: how often f was called to know."""
    known = facts.engine == "python"
    place = _known(call, facts) if known else _largest(call, facts, target[:LOOKED_AT])
    if place is None or not call.looks_beside:
        return 0
    f, text = _Beside(call, facts.eps, *place), ""
    with quiet(), suppress(Exception):  # f may raise beside its points
        text = f.complaint(known)
    if text:
        warnings.warn(text, StepWarning, stacklevel=users_level(0))
    return f.count


def _known(call: Call, facts: Facts) -> tuple[int, int, float] | None:
    """The place where the python engine saw that f changes most, and the step there."""
    if facts.steep is None:
        return None
    n, i = facts.steep
    return n, i, float(_steps(call, facts.eps, n + 1, n)[0, i])


def _largest(call: Call, facts: Facts, target: Array) -> tuple[int, int, float] | None:
    """The point and the coordinate along which f changes most, by the derivative; by the diagonal of second ones."""
    count, n = call.points.dimension, call.table.stencil.derivative
    each = len(call.table.parts)
    found = np.abs(target.reshape(len(target), -1, each)[..., :: count + 1 if each > count else 1])
    h = _steps(call, facts.eps, len(target))
    with np.errstate(all="ignore"):
        changes = (found[:, 0] if found.shape[1] == 1 else found.max(axis=1, initial=0.0)) * h**n
    place = divmod(int(changes.argmax()), count)
    if not changes[place] < np.inf:
        changes = np.where(np.isfinite(changes), changes, 0.0)
        place = divmod(int(changes.argmax()), count)
    return (*place, float(h[place])) if changes[place] > 0.0 else None


def _steps(call: Call, eps: float, stop: int, start: int = 0) -> Array:
    """The steps of some points, in rows."""
    some = slice(start, stop)
    return call.steps_for(eps).part(some, call.points.layout).in_rows(call.points.row(some))


class _Beside:
    """f along one coordinate through a point."""

    def __init__(self, call: Call, eps: float, n: int, i: int, h: float) -> None:
        self.call, self.eps, self.n, self.i, self.h, self.count = call, eps, n, i, h, 0
        self.row = np.array(call.points.row(n))
        self.x = float(self.row[i])

    def ask(self, t: float) -> Any:
        """What f returns where the coordinate is moved by t."""
        self.row[self.i] = self.x + t
        self.count += 1
        return self.call.f(self.call.argument(self.row), *self.call.args_at(self.n))

    def at(self, t: float) -> Array:
        """f's outputs there."""
        return np.ravel(as_numbers(self.ask(t)))

    def _around(self, offsets: tuple[int, ...], h: float) -> Array:
        return np.array([self.at(k * h) for k in offsets])

    def complaint(self, known: bool) -> str:
        """What is wrong with the step, or ""; it may be known that the values at the step are suspicious."""
        formula, h = self.call.table.stencil, self.h
        if not known and not self.call.vector and len(formula.displaced) == 2:
            center, *around = (as_number(self.ask(k * h)) for k in (0, *formula.displaced))
            if not is_any_suspicious(center, around, self.eps):
                return ""
            known = True
        return self._complaint(formula, h, known)

    def _complaint(self, formula: Stencil, h: float, known: bool) -> str:
        one_sided = formula.derivative == 1 and formula.base >= 0
        center = self.at(0.0) if one_sided or not known else np.zeros(1)
        if not known and not ratios(formula, center, self._around(formula.displaced, h), self.eps).any():
            return ""
        far, near = (self._around(ends(formula), step) for step in (h, h * CLOSER))
        slopes = [difference(formula, center, far, h), difference(formula, center, near, h * CLOSER)]
        largest = np.abs(far - center if one_sided else far[-1] - far[0]).max(axis=0)
        wrong = disagree(slopes[0] * h, slopes[1] * h, largest)
        if wrong.any():
            step = h * CLOSER**2
            nearest = difference(formula, center, self._around(ends(formula), step), step)
            wrong &= ~falls_as_a_power(slopes[0], slopes[1], nearest)
        return self._text(*(slope[wrong][0] for slope in slopes)) if wrong.any() else ""

    def _text(self, far: float, near: float) -> str:
        x, formula = self.x, self.call.table.stencil
        index = ", ".join(map(str, np.unravel_index(self.i, self.call.points.shape)))
        factor = default_factor(formula.derivative, formula.order)
        steps = f"rel_step={factor:.1g}, steps relative to x" if x else "a shorter h"
        return (
            f"f changes on a length far below the step {self.h:.3g} of x[{index}]={x:.6g}: along it f changes by "
            f"{far:.3g} per unit with this step and by {near:.3g} with a quarter of it, so that the derivative says "
            f"nothing; write method='adaptive', or {steps}"
        )

"""A pattern that lacks an entry gives wrong numbers without an error: is it large enough?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..formulas.stencils import Stencil, stencil
from ..formulas.steps import Steps, default_factor, irregular
from ..formulas.values import as_number, as_numbers
from ..program.look import Look
from ..results import EPS
from .patterns import Pattern
from .task import Found, Task
from .terms import Terms

Array = NDArray[np.float64]

POINTS = 8  # of a batch
ROWS = 8  # looked at closely, of those whose products disagree

# Of the sum of a row's moduli: truncation is 1e-8 where f is smooth. A row beyond is looked at closely, for two more
# evaluations; it is no error yet.
OF_ROW = 1e-6
ROUND_OFF = 64.0  # eps of f

OF_ALL = 1e-3  # of the moduli of a Hessian's entries: one that is missing among 1 000 is found
OF_TERMS = 1e3  # eps of the largest term, round-off of a second difference


def check_pattern(task: Task, found: Found) -> None:
    """Raise ValueError where an output depends on a coordinate that has no entry in its row.

    The change of f along an irregular direction, two evaluations, against the Jacobian times that direction. A row
    that differs is put to the test: its output must not change when only coordinates without an entry move.
    """
    for n in _some(task):
        probe = _Probe(task, n, found.eps)
        for row in _suspects(probe, task.pattern, found.data[n]):
            probe.check_row(row)


def _some(task: Task) -> range:
    """The numbers of the points to look at."""
    return range(0, task.points.count, max(1, -(-task.points.count // POINTS)))


def _suspects(probe: _Probe, pattern: Pattern, data: Array) -> list[int]:
    """The rows whose products disagree, the worst first."""
    with np.errstate(all="ignore"):
        change, size = probe.change()
        probe.task.check_outputs(change.shape)
        parts = data * probe.amounts[pattern.columns]
        total = np.bincount(pattern.rows, parts, len(change))
        allowed = OF_ROW * np.bincount(pattern.rows, np.abs(parts), len(change))
        excess = np.abs(change - total) / (allowed + ROUND_OFF * probe.eps * size)
    beyond = np.flatnonzero(excess > 1.0)
    worst: list[int] = beyond[np.argsort(-excess[beyond])][:ROWS].tolist()
    return worst


def _amounts(x: Array, formula: Stencil, eps: float) -> Array:
    """By how much to move each coordinate, a part of its step; to both sides where differences are central."""
    h = Steps("default", np.asarray(default_factor(formula.derivative, formula.order, eps))).at(x)
    signs = np.where(irregular(2 * x.size)[x.size :] > 0.5, 1.0, -1.0) if formula.method == "central" else 1.0
    with np.errstate(all="ignore"):
        amounts: Array = np.where(np.isfinite(x), irregular(x.size) * signs * h, 0.0)
    return amounts


class _Probe:
    """f at one point, moved to one side or to both."""

    def __init__(self, task: Task, n: int, eps: float) -> None:
        self.task, self.x, self.args, self.eps = task, task.points.row(n), task.args, eps
        method = task.method
        formula = stencil(1, 2 if method == "central" else 1, method)
        amounts = _amounts(self.x, formula, eps)
        self.below, self.above = (task.inside(n, k * amounts) for k in (formula.offsets[0], formula.offsets[-1]))
        self.n, self.span = n, formula.offsets[-1] - formula.offsets[0]
        self.amounts = (self.above - self.below) / self.span

    def change(self, moving: Any = True) -> tuple[Array, Array]:
        """The change of each output where coordinates move, per unit of amounts, and the size of its values."""
        above, below = (self._value(np.where(moving, by, 0.0)) for by in (self.above, self.below))
        return (above - below) / self.span, np.abs(above) + np.abs(below)

    def _value(self, amounts: Array) -> Array:
        x, moving = self.x.copy(), np.flatnonzero(amounts)  # the other coordinates keep their bits, -0.0 too
        x[moving] += amounts[moving]
        if self.task.bounds is not None:  # what is moved by the room that there is may lie a float outside
            x = np.clip(x, *(b[self.n] for b in self.task.bounds))
        return as_numbers(self.task.f(x.reshape(self.task.points.shape), *self.args)).ravel()

    def check_row(self, row: int) -> None:
        """Raise ValueError if an output changes with coordinates that have no entry in its row, and name one."""
        pattern = self.task.pattern
        outside = np.setdiff1d(np.arange(self.x.size), pattern.columns[pattern.rows == row])
        if not self._reacts(row, outside) or self._reacts(row, outside[:0]):  # f is random
            return
        while len(outside) > 1:
            first, second = np.array_split(outside, 2)
            outside = first if self._reacts(row, first) else second
        msg = (
            f"pattern has no entry in row {row} and column {outside[0]}, but output {row} of f depends on coordinate "
            f"{outside[0]}: the Jacobian would be wrong. Add what is missing, or leave pattern out to have it found"
        )
        raise ValueError(msg)

    def _reacts(self, row: int, columns: NDArray[np.intp]) -> bool:
        moving = np.zeros(self.x.size, dtype=bool)
        moving[columns] = True
        with np.errstate(all="ignore"):
            change = self.change(moving)[0][row]
        return bool(change != 0.0 and not np.isnan(change))


def check_missing(task: Task, places: Pattern, terms: Terms) -> None:
    """Raise ValueError where f's terms have a second derivative, other than round-off, at a place without an entry."""
    more = task.pattern.lacking(places)
    if not more.nnz:
        return
    (rows, columns, _), h = more.upper, task.steps_at(EPS)
    for n in _some(task):
        x = task.points.row(n)
        with np.errstate(all="ignore"):
            sizes = np.abs(terms.factors * terms.schedule.values(x[:, None])[:, 0])
            largest = sizes.max(initial=0.0, where=np.isfinite(sizes))
            found = terms.second_derivatives(x, h[n], more, task.formula)
            beyond = np.flatnonzero(np.abs(found) * h[n][rows] * h[n][columns] > OF_TERMS * EPS * largest)
        if beyond.size:
            i, j, value = rows[beyond[0]], columns[beyond[0]], found[beyond[0]]
            msg = (
                f"pattern has no entry in row {i} and column {j}, but the Hessian is {value:.6g} there: "
                "add it, or leave pattern out to have it found"
            )
            raise ValueError(msg)


def check_curvature(task: Task, found: Found) -> None:
    """Raise ValueError where the second difference along an irregular direction v is not v @ H @ v."""
    pattern, formula = task.pattern, stencil(2, 2, task.method if task.bounds is None else "forward")
    for n in _some(task):
        look = Look(task.f)
        v, values = _values_along(task, look, n, formula)
        if look.eps > EPS:
            v, values = _values_along(task, look, n, formula)
        with np.errstate(all="ignore"):
            bent = sum(number * (values[a] - values[b]) for number, a, b in formula.terms) / formula.denominator
            parts = found.data[n] * v[pattern.rows] * v[pattern.columns]
            noise = ROUND_OFF * look.eps * np.abs(values).sum() * (1.0 + np.sqrt(pattern.nnz))
            wrong = np.abs(bent - parts.sum()) > OF_ALL * np.abs(parts).sum() + noise
        if wrong:
            msg = (
                "the pattern seems to lack an entry: along an irregular direction v the second difference of f is "
                f"{bent:.6g}, but v @ H @ v is {parts.sum():.6g}. Add what is missing; "
                "if f has kinks or noise there, write check=False"
            )
            raise ValueError(msg)


def _values_along(task: Task, look: Look, n: int, formula: Stencil) -> tuple[Array, Array]:
    """An irregular direction, as long as f's precision asks for, and f at the points of a stencil along it."""
    x = task.points.row(n)
    v = _amounts(x, formula, look.eps)
    if task.bounds is not None:
        v = _inwards(x, v, task.bounds[0][n], task.bounds[1][n], formula.offsets[-1])
    with np.errstate(all="ignore"):
        values = [look.ask((x + k * v).reshape(task.points.shape), *task.args) for k in formula.offsets]
    return v, np.array([as_number(value) for value in values])


def _inwards(x: Array, v: Array, low: Array, high: Array, reach: int) -> Array:
    """As far as v to the side with more room, or as far as there is room for `reach` times that."""
    with np.errstate(all="ignore"):
        below, above = x - low, high - x
        room = np.maximum(below, above) * (1.0 - 2.0**-50) / reach
        found: Array = np.where(v == 0.0, 0.0, np.where(above >= below, 1.0, -1.0) * np.minimum(np.abs(v), room))
    return found

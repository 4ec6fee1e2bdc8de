"""A pattern that lacks an entry gives wrong numbers without an error: is it large enough?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..results import as_numbers
from ..stencils import stencil
from ..steps import Steps, default_factor, irregular
from .patterns import Pattern
from .task import Found, Task

Array = NDArray[np.float64]

POINTS = 8  # of a batch
ROWS = 8  # looked at closely, of those whose products disagree

# Of the sum of a row's moduli: truncation of central differences is 1e-10 where f is smooth, and of one-sided ones 1e-5.
# A row beyond is looked at closely, for two more evaluations; it is no error yet.
TOLERANCES = {"central": 1e-6, "forward": 1e-3, "backward": 1e-3}
ROUND_OFF = 64.0  # eps of f


def check_pattern(task: Task, found: Found) -> None:
    """Raise ValueError where an output depends on a coordinate that has no entry in its row.

    The change of f along an irregular direction, two evaluations, against the Jacobian times that direction. A row
    that differs is put to the test: its output must not change when only coordinates without an entry move.
    """
    count = task.points.count
    for n in range(0, count, max(1, -(-count // POINTS))):
        probe = _Probe(task, n, found.eps)
        for row in _suspects(probe, task.pattern, found.data[n]):
            probe.check_row(row)


def _suspects(probe: _Probe, pattern: Pattern, data: Array) -> list[int]:
    """The rows whose products disagree, the worst first."""
    with np.errstate(all="ignore"):
        change, size = probe.change(probe.amounts)
        probe.task.check_outputs(change.shape)
        parts = data * probe.amounts[pattern.columns]
        total = np.bincount(pattern.rows, parts, len(change))
        allowed = probe.tolerance * np.bincount(pattern.rows, np.abs(parts), len(change))
        excess = np.abs(change - total) / (allowed + ROUND_OFF * probe.eps * size)
    beyond = np.flatnonzero(excess > 1.0)
    worst: list[int] = beyond[np.argsort(-excess[beyond])][:ROWS].tolist()
    return worst


class _Probe:
    """f at one point, moved to one side or to both."""

    def __init__(self, task: Task, n: int, eps: float) -> None:
        self.task, self.x, self.args, self.eps = task, task.points.row(n), task.args, eps
        method = task.formula.method
        formula = stencil(1, 2 if method == "central" else 1, method)
        self.tolerance, (self.below, self.above) = TOLERANCES[method], (formula.offsets[0], formula.offsets[-1])
        self.span = self.above - self.below
        h = Steps("default", np.asarray(default_factor(1, formula.order, eps))).at(self.x)
        signs = np.where(irregular(2 * self.x.size)[self.x.size :] > 0.5, 1.0, -1.0) if method == "central" else 1.0
        with np.errstate(all="ignore"):
            self.amounts: Array = np.where(np.isfinite(self.x), irregular(self.x.size) * signs * h, 0.0)

    def change(self, amounts: Array) -> tuple[Array, Array]:
        """The change of each output per unit of amounts, and the size of its values."""
        above, below = (self._value(self.x + k * amounts) for k in (self.above, self.below))
        return (above - below) / self.span, np.abs(above) + np.abs(below)

    def _value(self, x: Array) -> Array:
        return as_numbers(self.task.f(x.reshape(self.task.points.shape), *self.args)).ravel()

    def check_row(self, row: int) -> None:
        """Raise ValueError if an output changes with coordinates that have no entry in its row, and name one."""
        pattern = self.task.pattern
        outside = np.setdiff1d(np.arange(self.x.size), pattern.columns[pattern.rows == row])
        if not self._reacts(row, outside):
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
        amounts: Any = np.zeros(self.x.size)
        amounts[columns] = self.amounts[columns]
        with np.errstate(all="ignore"):
            change = self.change(amounts)[0][row]
        return bool(change != 0.0 and not np.isnan(change))

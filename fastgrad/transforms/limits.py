"""Bounds of a derivative that is taken often: whether they are those of the last call, and its formula fits at x.

Where it does the kernel of the unbounded derivative gives the same; elsewhere the operation chooses sides and steps.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.call import Call
from ..engine.limits import check_bounds

Array = NDArray[Any]


class Limits:
    """Bounds at points of one shape, for the table and the steps of a call.

    Raises
    ------
    TypeError, ValueError
        No bounds, or points outside.
    """

    def __init__(self, bounds: Any, x: Array, call: Call) -> None:
        both = check_bounds(bounds, x, call.points.shape)
        assert both is not None
        self.low, self.high = (np.array(b) for b in both)
        self.are_same = _watched(bounds)
        self.steps = None if call.table.is_exact else call.steps
        offsets = (0,) if call.table.is_exact else call.table.stencil.offsets
        self.first, self.last = offsets[0], offsets[-1]

    def fit(self, x: Array) -> bool:
        """Whether f is called between the bounds alone; not where they have changed, or x is NaN."""
        if not self.are_same():
            return False
        if self.steps is None:
            return bool((x >= self.low).all() and (x <= self.high).all())
        h = self.steps.at(x)
        return bool((x + self.first * h >= self.low).all() and (x + self.last * h <= self.high).all())


def _watched(bounds: Any) -> Callable[[], bool]:
    """Whether bounds, which may be changed in place, are as they are now."""
    if hasattr(bounds, "lb") and hasattr(bounds, "ub"):
        low, high = np.array(bounds.lb), np.array(bounds.ub)
        return lambda: np.array_equal(bounds.lb, low) and np.array_equal(bounds.ub, high)
    if isinstance(bounds, list) and all(isinstance(pair, tuple) for pair in bounds):
        pairs = list(bounds)
        if all(b is None or isinstance(b, Real) for pair in pairs for b in pair):
            return lambda: bool(bounds == pairs)
        return lambda: False
    parts = [np.array(part) for part in bounds]
    return lambda: all(np.array_equal(part, held) for part, held in zip(bounds, parts, strict=True))

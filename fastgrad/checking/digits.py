"""How precise a loss is, by the digits of its values around x; and how large many numbers are together."""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..formulas.digits import may_be_rounded, precision_of
from ..formulas.steps import irregular
from ..results import EPS


def precision_around(loss: Any, eps: float) -> float:
    """The machine epsilon of a loss's values, with some around x where the one there may be rounded."""
    if eps > EPS or not may_be_rounded(loss.start):
        return eps
    everywhere, v, found = np.arange(loss.x.size), irregular(loss.x.size) * loss.scale, [loss.start]
    try:
        for t in (1e-3, -2e-3, 3e-3):
            with loss.moving():
                found.append(float(loss.moved(everywhere, t, v)[0]))
    except Exception:  # noqa: BLE001  it may end there; what f does that it must not is told at its next call
        return eps
    return max(eps, precision_of(list(filter(isfinite, found))))


def root_mean_square(g: NDArray[Any]) -> float:
    """Of numbers of any size: the square of 1e195 would be infinite, and allow every gradient."""
    largest = float(np.abs(g).max(initial=0.0))
    if not 0.0 < largest < np.inf:
        return largest
    with np.errstate(all="ignore"):
        return largest * float(np.sqrt(np.mean((g / largest) ** 2)))

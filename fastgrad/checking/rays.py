"""Lines through x, and the slopes that were found along them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Places = NDArray[np.intp]


class Slope(NamedTuple):
    """Slopes at one step: by central, right and left difference, and the gradient's over the very same displacement."""

    step: float
    central: float
    right: float
    left: float
    analytic: float

    @property
    def difference(self) -> float:
        return self.central - self.analytic

    @property
    def gap(self) -> float:
        return self.right - self.left


@dataclass
class Ray:
    """A line through x: flat numbers of the elements that move, how much each, and what was found there."""

    where: Places
    v: Array
    step: float
    slopes: dict[float, Slope] = field(default_factory=dict)
    verdict: str = ""
    found: Slope | None = None

    def part(self, chosen: Any, step: float) -> Ray:
        """The ray of some of its elements."""
        return Ray(self.where[chosen], self.v[chosen], step)

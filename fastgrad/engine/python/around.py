"""f around one point of few coordinates, where Python's floats are faster than arrays: the least that a call can do."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...formulas.stencils import Stencil
from ...formulas.steps import irregular
from ...program.look import Look
from .walk import along_axes, at_point

Array = NDArray[np.float64]


class Around:
    """f around one point of few coordinates, by a formula that does not need f at the point itself.

    Raises
    ------
    CoarserError
        f returns numbers of a lower precision than steps that are not given are made for.
    WroteError
        f has written into what was lent to it.
    """

    def __init__(self, look: Look, x: Array, formula: Stencil, hs: list[float], *, given: bool) -> None:
        self.look, self.x, self.formula, self.hs, self.given = look, x, formula, hs, given

    def slopes(self, buffer: Array | None = None) -> tuple[list[float], list[float]]:
        """The derivatives of one number, and f's values that they are made of."""
        room = [0.0] * (len(self.hs) * len(self.formula.displaced))
        values = [float(value) for value in self._values(room, self.x.copy() if buffer is None else buffer)]
        return quotients(self.formula, values, 0.0, self.hs), values

    def value_and_slopes(self) -> tuple[float, list[float], list[float]]:
        """And f at the point itself, which is asked first."""
        center, buffer = at_point(self.look, self.x.copy())
        return (float(center), *self.slopes(buffer))

    def of_many(self) -> Array:
        """The derivatives of as many numbers as f returns: (M, D)."""
        seen = self._values(None, self.x.copy(), vector=True)
        seen = seen.reshape(len(self.hs), len(self.formula.displaced), seen[0].size)
        total: Any = 0.0
        with np.errstate(all="ignore"):
            for number, a, b in self.formula.pairs:
                difference = seen[:, a] - seen[:, b]
                total = total + (difference if number == 1 else number * difference)
            result: Array = np.divide(total.T, self.formula.denominator * np.array(self.hs), order="C")
        return result

    def _values(self, room: Any, buffer: Array, *, vector: bool = False) -> Any:
        look, x, beside, hs = self.look, self.x, self.formula.displaced, self.hs
        found = along_axes(look, beside, x, hs, room, buffer, range(len(hs)), vector=vector)
        if look.doubtful and not self.given:
            look.check_digits(found, lambda: x + beside[0] * irregular(x.size) * hs, *look.args)
        return found


def quotients(formula: Stencil, values: list[float], center: float, hs: list[float]) -> list[float]:
    """The derivatives along a point's coordinates, of f's values beside it."""
    width, row = len(formula.displaced), []
    for i, h in enumerate(hs):
        total, around = 0.0, [*values[i * width : (i + 1) * width], center]
        for number, a, b in formula.pairs:
            total += number * (around[a] - around[b])
        row.append(total / (formula.denominator * h))
    return row

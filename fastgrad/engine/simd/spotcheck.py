"""The spot check of a traced function, and the memory that its kernels share."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...formulas.steps import irregular
from ...formulas.values import as_number, precision
from ...program.program import Program
from ...results import EPS, EngineError
from ..call import Call
from . import lanes

Array = NDArray[np.float64]


@lru_cache(maxsize=256)
def _irregular(dimension: int) -> Array:
    """Small displacements that no symmetry of f cancels."""
    displacements: Array = 2.0**-20 * irregular(dimension)
    return displacements


class Space:
    """The memory that a call's kernels share: argument block, step size, constants, and room for the spot check.

    One piece, because asking NumPy for an address takes a microsecond.
    """

    def __init__(self, program: Program, width: int, size: float) -> None:
        self.width, self.outputs = width, len(program.outputs)
        head = [0.0] * len(lanes.SLOTS) + [size, *program.constants]
        self.points = slice(len(head), len(head) + program.inputs * width)
        self.batch = slice(self.points.stop, self.points.stop + program.rows * width)
        self.found = slice(self.batch.stop, self.batch.stop + self.outputs * width)
        self.values = slice(self.found.stop, self.found.stop + width)
        self.memory = np.empty(self.values.stop)
        self.memory[: len(head)] = head
        self.block = self.memory[: len(lanes.SLOTS)].view(np.int64)
        self.address = address_of(self.memory)

    def at(self, place: int | slice) -> int:
        """The address of a number, or of the first of some."""
        return self.address + 8 * (place.start if isinstance(place, slice) else place)

    @property
    def size(self) -> int:
        return self.at(len(lanes.SLOTS))

    @property
    def constants(self) -> int:
        return self.at(len(lanes.SLOTS) + 1)


def check(call: Call, value: Any, space: Space) -> None:
    """Compare the compiled f with f itself at a point that is displaced in every coordinate."""
    n = call.finite()
    moved, args = call.points.row(n), call.args_at(n)
    with np.errstate(over="ignore", invalid="ignore"):
        moved = call.inside(n, moved + _irregular(moved.size) * (1.0 + np.abs(moved)))
    plain = call.f(call.argument(moved), *args)
    if precision(plain) > EPS:
        msg = f"f returns {plain.dtype}, whose rounding vectors of doubles do not reproduce"
        raise EngineError(msg)
    space.memory[space.points] = moved.repeat(space.width)
    if call.batch:
        space.memory[space.batch] = batch_rows(call, slice(n, n + 1))[0].repeat(space.width)
    space.block[_VALUE_SLOTS] = space.at(space.points), space.at(space.batch), space.constants, space.at(space.found)
    value(0, 0, space.address)
    found = space.memory[space.found][:: space.width].tolist()
    expected = np.ravel(plain).tolist() if space.outputs > 1 else [as_number(plain)]
    for a, b in zip(found, expected, strict=True):
        if not (a == b or abs(a - b) <= 1e-8 * max(abs(a), abs(b)) + 1e-14 or (a != a and b != b)):  # noqa: PLR0124
            msg = f"traced, f gives {a!r} where it gives {b!r} in Python: it keeps state, is random or looks at types"
            raise EngineError(msg)


def batch_rows(call: Call, points: slice) -> Array:
    """The batch arguments side by side, a row for each point."""
    return np.concatenate(
        [np.asarray(a[points], dtype=np.float64).reshape(len(a[points]), -1) for a in call.batch], axis=1
    )


PLACES = {name: k for k, name in enumerate(lanes.SLOTS)}
_VALUE_SLOTS = [PLACES[name] for name in ("source", "batch", "constants", "out")]


def address_of(array: NDArray[Any]) -> int:
    address: int = array.__array_interface__["data"][0]
    return address

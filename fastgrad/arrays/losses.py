"""A loss and the arrays that are moved; whether it is worth a recording."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from . import reach
from .nodes import Array

Report = Callable[[int, int], object]

WORTH_A_LOOK = 5e6
"""Calls of a loss times the numbers that it reads, above which it is recorded, which takes 3 ms: the loop takes 30."""

MANY = 100
"""Calls; fewer are done before one has looked at what the loss reads."""


@dataclass(frozen=True)
class ArrayLoss:
    """A loss and the arrays that are moved.

    Attributes
    ----------
    function : callable
        As the user wrote it ...
    argument : callable
        ... and with what it is called, of the arrays, or of what stands for them, by name.
    value : callable
        The number that it returns for the arrays as they are.
    arrays : dict of ndarray
        By name.
    """

    function: Callable[..., Any]
    argument: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    value: Callable[[], float]
    arrays: Mapping[str, Array]

    def is_worth_a_look(self, calls: int) -> bool:
        """Whether so many calls of it are much work, as far as one can see without recording it."""
        return calls >= MANY and calls * self.numbers() >= WORTH_A_LOOK

    def numbers(self) -> int:
        """How many numbers it reads."""
        return max(reach.numbers(self.function, *self.argument(self.arrays)), sum(w.size for w in self.arrays.values()))

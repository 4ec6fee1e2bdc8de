"""What is asked of points before a bound derivative is believed: sides of branches that are new, ways of f's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...program.program import Program
from ...program.ties import deciding
from ..call import Call, Rows
from .comparison import compare_new_sides, compare_ties
from .coverage import takes_sides
from .scheduled import derivatives
from .traces import TracedFunction

Array = NDArray[np.float64]
Bind = Callable[[Program], tuple[Callable[[Array], Any], Callable[[tuple[float, ...]], None]]]

BY_NUMPY = 8  # calls, each for 0.1 ms, before a kernel of all that decides is compiled
KNOWN = 4_096  # answers of that kernel that are remembered


class Looks:
    """f beside its program where that is new; exact derivatives wherever f goes a way of its own.

    A kernel that gives all that decides takes about as long as the derivative itself; NumPy as long as 50 to 100 calls.
    """

    def __init__(self, call: Call, kept: TracedFunction, bind: Bind) -> None:
        self.call, self.kept, self.program, self._bind = call, kept, kept.program, bind
        self._tied = call.table.is_exact and bool(kept.ties)
        self._count, self._known = 0, set[bytes]()
        self._kernel: tuple[Callable[[Array], Any], Callable[[tuple[float, ...]], None]] | None = None

    def __bool__(self) -> bool:
        return takes_sides(self.call, self.program) or self._tied

    def set_constants(self, constants: tuple[float, ...]) -> None:
        """Those of other numbers that f captures."""
        self.program = replace(self.program, constants=constants)
        if self._kernel:
            self._kernel[1](constants)

    def check(self, x: Array) -> None:
        """Raise EngineError where f is not what its program says."""
        others = takes_sides(self.call, self.program) and not self.kept.compared(self.call).are_all_seen()
        if not others and not self._tied:
            return
        self._count += 1
        knows = bool(self.program.branches) or not others  # a kernel does, but of maxima, and of masks as factors
        if self._count == BY_NUMPY and not self.program.tables and knows:
            self._kernel = self._bind(deciding(self.program))
        found = None if self._kernel is None else self._kernel[0](x)
        told = b"" if found is None else found.tobytes()
        if told in self._known:
            return
        is_tied = self._compare(x, others)
        if told and not is_tied and len(self._known) < KNOWN:
            self._known.add(told)

    def _compare(self, x: Array, others: bool) -> bool:
        points = Rows(np.array(x, dtype=float).reshape(self.call.points.layout), self.call.points.shape)
        here = replace(self.call, points=points)
        slopes = partial(derivatives, self.program) if self.call.table.is_exact else None
        if others:
            compare_new_sides(here, self.program, self.kept.compared(self.call), slopes)
        tied = self.kept.ties.at(here, self.program.constants) if self._tied else []
        if slopes and tied:
            compare_ties(here, self.program, tied, slopes)
        return bool(tied)

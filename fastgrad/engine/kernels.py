"""Machine code that a team of threads below Python shares, in parts of 50 ms, so that Ctrl-C and progress get turns."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any, NamedTuple

from ..llvm.team import BUDGET, LARGEST, MOST_CHUNKS, Team

SERIAL_SECONDS = 30e-6  # below this helpers that are awake save less than it costs to tell them
ROUSING_SECONDS = 250e-6  # below this those that sleep come too late; after 10 ms without work they take 90 us
HELPING_SECONDS = 50e-6  # of work for each of them
TOLERATED_SECONDS = 0.5e-3  # of loss, as by waking those who are going to be awake for the next calls
PARTS = 16  # chunks for each thread
SMALLEST_SECONDS, LARGEST_SECONDS = 2e-6, 0.5e-3  # of a chunk; it is waited for at the end of every part


class Kernel(NamedTuple):
    """A function of machine code and the address of its arguments; `saw` is told what it returns, if it is not 0."""

    function: Any
    argument: int
    saw: Callable[[int, int, int], None]

    def work(self, start: int, stop: int) -> None:
        """Do some items on this thread."""
        mark = self.function(start, stop, self.argument)
        if mark:
            self.saw(mark, start, stop)


Report = Callable[[int, int], object]

team = Team()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=team.forget)


def worth(seconds: float) -> float:
    """Seconds of work that are worth to be shared now, for a call that has so much; less where helpers may be awake.

    Where others have the cores a helper stops in the middle of a chunk, for some milliseconds, and is waited for. What
    that costs is at most an eighth of what calls take: until the debt is paid, by work alone, none is shared.
    """
    if team.debt > TOLERATED_SECONDS:
        team.debt -= seconds / 8
        return math.inf
    return SERIAL_SECONDS if team.follows else ROUSING_SECONDS


def share(
    kernel: Kernel, start: int, total: int, *, workers: int, seconds: float, grain: int, report: Report | None
) -> float:
    """Do items [start, total) of a kernel on `workers` threads, this one included; how long an item took, at last.

    While another thread has the team this one works alone. An item seems to take `seconds`.
    """
    while start < total:
        left = (total - start) * seconds
        helpers = max(1, min(workers - 1, int(left / HELPING_SECONDS), LARGEST))
        size = _chunk(total - start, helpers + 1, seconds, grain)
        first, stop = start, min(start + MOST_CHUNKS * size, total)
        start = stop
        while first < stop:
            rouse = (stop - first) * seconds > ROUSING_SECONDS
            done = team.share(kernel.function, kernel.argument, first, stop, size, helpers, rouse=rouse)
            if done is None:
                begin, first = first, min(first + _alone(seconds, grain), stop)
                kernel.work(begin, first)
            else:
                first, stop, seconds = done.begin, done.end, done.seconds or seconds
                for mark in done.marks:
                    kernel.saw(*mark)
            if report:
                report(start - (stop - first), total)
    return seconds


def _chunk(items: int, workers: int, seconds: float, grain: int) -> int:
    size = min(max(items // (PARTS * workers), SMALLEST_SECONDS / seconds), LARGEST_SECONDS / seconds)
    return max(math.ceil(size / grain), 1) * grain


def _alone(seconds: float, grain: int) -> int:
    """Items that take as long as Ctrl-C may wait."""
    return max(int(BUDGET / seconds) // grain, 1) * grain

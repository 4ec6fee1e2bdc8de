"""Machine code that a team of threads below Python shares, in parts of 50 ms, so that Ctrl-C and progress get turns."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from time import perf_counter
from typing import Any, NamedTuple

from ..llvm.team import BUDGET, LARGEST, MOST_CHUNKS, Team

SERIAL_SECONDS = 30e-6  # below this helpers that are awake save less than it costs to tell them
ROUSING_SECONDS = 250e-6  # below this those that sleep come too late; after 10 ms without work they take 90 us
# How long a helper looks out for the next job before it sleeps. Awake it joins in less than 1 us, asleep in 40, of
# which 10 to 20 are its caller's; between the kernels of two calls of gradient() are 25 to 200 us of Python. So a core
# is kept busy for 50 us after a job; where calls follow each other within twice the time that the work takes, 0.3 ms
# at most, all the time, and after the last one for half as long again as they were apart.
SPIN_SECONDS, LONGEST_SECONDS = 50e-6, 0.3e-3
HELPING_SECONDS = 50e-6  # of work for each of them
TOLERATED_SECONDS = 0.5e-3  # of loss, as by waking those who are going to be awake for the next calls
PARTS = 16  # chunks for each thread
SMALLEST_SECONDS, LARGEST_SECONDS = 2e-6, 0.5e-3  # of a chunk; the last one is waited for


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


def at_once(kernel: Kernel, total: int, known: float, workers: int) -> tuple[float, float]:
    """Do all items here if they are known to be short; how long one took, 0 if they were not done.

    Then the seconds of work from which on it is shared.
    """
    least = worth(known * total) if workers > 1 and not team.refused else math.inf
    if known * total > min(least, BUDGET):
        return 0.0, least
    begin = perf_counter()
    mark = kernel.function(0, total, kernel.argument)
    team.ended = perf_counter()
    if mark:
        kernel.saw(mark, 0, total)
    return (team.ended - begin) / total, least


def worth(seconds: float) -> float:
    """Seconds of work that are worth to be shared now, for a call that has so much; less where helpers may be awake.

    Where others have the cores a helper stops in the middle of a chunk, for some milliseconds, and is waited for. What
    that costs is at most an eighth of what calls take: until the debt is paid, by work alone, none is shared.
    """
    if team.debt > TOLERATED_SECONDS:
        team.debt -= seconds / 8
        return math.inf
    return SERIAL_SECONDS if _follows(seconds, perf_counter() - team.ended) else ROUSING_SECONDS


def _follows(seconds: float, apart: float) -> bool:
    """Whether work comes so soon after other work that helpers may be awake for it."""
    return apart <= max(SPIN_SECONDS, min(2.0 * seconds, LONGEST_SECONDS))


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
            done = team.share(
                kernel.function, kernel.argument, first, stop, size, helpers, **_outlook((stop - first) * seconds)
            )
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


def _outlook(seconds: float) -> dict[str, Any]:
    """Whether sleeping helpers are woken for so much work, and how long they look out for other work afterwards."""
    apart = perf_counter() - team.ended
    if _follows(seconds, apart):
        return {"rouse": True, "patience": max(SPIN_SECONDS, 1.5 * apart)}
    return {"rouse": seconds > ROUSING_SECONDS, "patience": SPIN_SECONDS}


def _chunk(items: int, workers: int, seconds: float, grain: int) -> int:
    size = min(max(items // (PARTS * workers), SMALLEST_SECONDS / seconds), LARGEST_SECONDS / seconds)
    return max(math.ceil(size / grain), 1) * grain


def _alone(seconds: float, grain: int) -> int:
    """Items that take as long as Ctrl-C may wait."""
    return max(int(BUDGET / seconds) // grain, 1) * grain

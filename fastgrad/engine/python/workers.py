"""The work of the python engine, all here or shared out to forked processes: points, or the directions of one point."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ...program.look import Look
from .. import forks
from ..call import Output, Target
from ..threads import Report

Array = NDArray[np.float64]


def possible(workers: int) -> int:
    """As many as there can be: where a fork is not possible, a warning says why and there is one."""
    return workers if workers > 1 and forks.possible() else 1


def over_points(
    count: int, look: Look, workers: int, some: Callable[..., None], out: Output, values: Array | None,
    report: Report | None,
) -> None:  # fmt: skip
    """``some(start, stop, out, values, tick)`` for all points; with several workers the first here, the rest forked.

    The first shows what f returns, and whether it writes into its argument or keeps it.
    """
    tick = (lambda n: report(n + 1, count)) if report and count > 1 else (lambda n: None)
    if workers == 1 or count < 3:
        some(0, count, out, values, tick)
        return
    some(0, 1, out, values, tick)
    array = out.array if isinstance(out, Target) else out
    assert array is not None
    far, seen = forks.shared(array.shape), None if values is None else forks.shared(values.shape)
    work = _counted(look, count, lambda start, stop: some(start, stop, far, seen, lambda n: None))
    work(workers, report)
    array[1:] = far[1:]
    if values is not None and seen is not None:
        values[1:] = seen[1:]


def over_directions(
    count: int, look: Look, workers: int, along: Callable[[range, Array], object], values: Array, report: Report | None
) -> None:
    """``along(directions, values)`` for all directions but the first, whose values are there, in forked processes."""
    far, given = forks.shared(values.shape), len(values) // count
    work = _counted(look, count, lambda start, stop: along(range(start, stop), far))
    work(workers, report)
    values[given:] = far[given:]


def _counted(look: Look, count: int, do: Callable[[int, int], object]) -> Callable[[int, Report | None], None]:
    """What runs ``do(start, stop)`` in children for all items but the first, and adds up how often they called f."""
    counts = forks.shared((count,), np.int64)

    def work(start: int, stop: int) -> None:
        look.count = 0
        do(start + 1, stop + 1)
        counts[start + 1] = look.count

    def run(workers: int, report: Report | None) -> None:
        before = look.count
        forks.run(work, count - 1, workers, report and (lambda done, _: report(done + 1, count)))
        look.count = before + int(counts.sum())

    return run

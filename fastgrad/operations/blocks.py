"""Many points of a lower precision than float64, block by block.

Engines know float64 alone. A copy of all points and of all results would take four times the memory of float32 points,
and most of the time: exact gradients at 2 000 000 points of 2 coordinates took 29 ms so, 19 in blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.bound import Choice, Facts
from ..engine.call import Call, Output, Rows, Target, Workers, subset
from ..engine.choose import choose
from ..engine.threads import Report, progress_report

Array = NDArray[Any]

BLOCK = 1 << 18  # numbers of a block, 2 MB: long enough for threads, short enough for the second cache
LEAST = 1024  # points of a call that is done in blocks ...
SMALLEST = 256  # ... and of a block: as many derivatives are looked at when all are there
SAMPLE = 64  # points of a call that stands for all: no engine treats so many in a way of their own


def suit(call: Call) -> bool:
    """Whether the call is done in blocks, should its engine be one that compiles: one formula at all points."""
    points, table = call.points, call.table
    plain = call.v is None and not (call.adaptive or table.is_complex or call.noise is not None)
    plain = plain and (call.bounds is None or table.is_exact)
    return isinstance(points, Rows) and points.is_narrow and plain and points.count >= LEAST and points.dimension > 0


def choose_engine(call: Call, engine: str) -> tuple[Choice, Call]:
    """The engine for all points, its code compared with f at those at which it would be for all; and some points.

    Raises
    ------
    EngineError
        An engine that was asked for by name cannot run f.
    """
    count = call.points.count
    picks = np.linspace(0, count - 1, SAMPLE).astype(np.intp)
    picks[0], picks[SAMPLE // 3], picks[2 * SAMPLE // 3] = call.finite(), count // 3, 2 * count // 3
    steps = call.steps.part(slice(SAMPLE), call.points.layout)
    sample = replace(subset(call, picks), steps=steps, expected=call.total)
    return choose(sample, engine), sample


def fill(
    call: Call,
    chosen: Choice,
    sample: Call,
    make: Callable[[tuple[int, ...]], Array],
    values: Array | None,
    workers: Workers,
    progress: Any,
) -> tuple[Facts, Array]:
    """Fill the result, which `make` makes for f's shape, and `values`; the facts, and the first block in float64."""
    shape = _shape_of_output(chosen, sample) if call.vector else ()
    result, work = make(shape), _Block(call, shape)
    head = work.target[:0]
    with progress_report(progress, "point") as report:
        for start, stop in work.ranges:
            part, out = work.load(start, stop)
            seen = None if values is None else values[start:stop]
            place: Output = Target(lambda _, out=out: out) if call.vector else out  # type: ignore[misc]
            facts = chosen.bind(part, place, seen).fill(workers, _counted(report, start, stop, call.points.count))
            with np.errstate(all="ignore"):
                result[start:stop] = out.reshape(result[start:stop].shape)
            head = head if head.any() else _telling(out)
    return facts._replace(nfev=call.evaluations), head


def _telling(out: Array) -> Array:
    """Some derivatives, such that are not 0 if there are any: whether f reacts at all is asked of them."""
    rows = np.flatnonzero(out.reshape(len(out), -1).any(axis=1))[:SMALLEST]
    return out[rows] if rows.size else out[:SMALLEST].copy()


def _shape_of_output(chosen: Choice, sample: Call) -> tuple[int, ...]:
    """The shape of what f returns, which code says as soon as it is bound."""
    outputs = len(sample.table.parts)
    target = Target(lambda shape: np.empty((sample.points.count, prod(shape), outputs)))
    chosen.bind(sample, target)
    assert target.shape is not None
    return target.shape


def _counted(report: Report | None, start: int, stop: int, count: int) -> Any:
    """The progress of a block as that of all points."""
    return report is not None and (lambda done, total: report(start + (stop - start) * done // total, count))


class _Block:
    """The memory of a block, float64: points that lie as those of the call do, and derivatives.

    Attributes
    ----------
    ranges : list of tuple
        The points of each block; their numbers differ by one at most.
    """

    def __init__(self, call: Call, shape: tuple[int, ...]) -> None:
        self.call, count, outputs = call, call.points.count, len(call.table.parts)
        each = max(BLOCK // max(call.points.dimension, prod(shape) * outputs), SMALLEST)
        parts = -(-count // each)
        stops = [n * count // parts for n in range(parts + 1)]
        self.ranges = list(pairwise(stops))
        size = -(-count // parts)
        self.source = np.empty_like(call.points.row(slice(size)))
        self.target = np.empty((size, prod(shape), outputs) if call.vector else (size, outputs))

    def load(self, start: int, stop: int) -> tuple[Call, Array]:
        """The call at some points, and the array for its derivatives."""
        call, some, count = self.call, slice(start, stop), stop - start
        rows = self.source[:count]
        assert isinstance(call.points, Rows)
        rows[...] = call.points.given[some]
        steps, batch = call.steps.part(some, call.points.layout), tuple(b[some] for b in call.batch)
        bounds = None if call.bounds is None else (call.bounds[0][some], call.bounds[1][some])
        points = Rows(rows, call.points.shape)
        part = replace(call, points=points, steps=steps, batch=batch, bounds=bounds, expected=call.total)
        return part, self.target[:count]

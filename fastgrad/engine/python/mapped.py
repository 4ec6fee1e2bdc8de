"""The calls of the python engine by a function like `map`, such as that of a pool of processes.

The engine runs twice, first with an f that notes where it is called, then with one that gives what has come back for
these places. So the places, their order and the bits are those of the engine, whatever the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..call import Call, Output, Target, subset
from ..threads import Report

Array = NDArray[Any]
Map = Callable[[Callable[..., Any], list[Any]], Iterable[Any]]
Apply = Callable[[Call, Output, Array | None, Report | None], tuple[Any, ...]]

NUMBERS = 1 << 22  # coordinates of displaced points in memory at a time: 32 MB


class Called:
    """f of a place, its argument and further ones: an object, which can be pickled where f can."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self.f = f

    def __call__(self, place: tuple[Any, tuple[Any, ...]]) -> Any:
        x, args = place
        return self.f(x, *args)


def apply(
    engine: Apply, call: Call, out: Output, values: Array | None, report: Report | None, mapping: Map
) -> tuple[int, float, tuple[int, int] | None]:
    """As `engine`, the python engine's of real or of complex steps, fills the arrays: (evaluations, precision, steep).

    One evaluation more, at the first point, shows what f returns.
    """
    points = call.points
    x, args = call.argument(points.row(0)), call.args_at(0)
    (like,) = _mapped(mapping, call, [(x + 0j if call.table.is_complex else x, args)])
    each = max(1, NUMBERS // max(1, call.evaluations // points.count * points.dimension))
    count, eps, steep = 1, 0.0, None
    for start in range(0, points.count, each):
        stop = min(start + each, points.count)
        part = call if stop - start == points.count else subset(call, np.arange(start, stop))
        places = _places(engine, part, out, like)
        part = replace(part, f=_giving(_mapped(mapping, call, places)))
        found = _fill(engine, part, out, values, slice(start, stop), _counted(report, start, points.count))
        count, eps = count + found[0], max(eps, found[1])
        if len(found) > 2 and found[2] and not steep:
            steep = (start + found[2][0], found[2][1])
    return count, eps, steep


def _giving(answers: list[Any]) -> Callable[..., Any]:
    """A function that gives one answer after the other."""
    following = iter(answers)

    def given(*_: Any) -> Any:
        return next(following)

    return given


def _counted(report: Report | None, start: int, count: int) -> Report | None:
    """The progress of some points as that of all; a single one counts coordinates."""
    if report is None or count == 1:
        return report

    def counted(done: int, _: int) -> None:
        report(start + done, count)

    return counted


def _mapped(mapping: Map, call: Call, places: list[Any]) -> list[Any]:
    found = list(mapping(Called(call.f), places))
    if len(found) != len(places):
        msg = (
            f"workers={mapping!r} gave {len(found)} values for {len(places)} points; it must work as map does: "
            "write workers=pool.map"
        )
        raise ValueError(msg)
    return found


def _places(engine: Apply, call: Call, out: Output, like: Any) -> list[Any]:
    """Where the engine calls f, which is taken to return what it has returned once."""
    places: list[Any] = []

    def note(x: Any, *args: Any) -> Any:
        places.append((np.array(x)[()] if call.scalar else x.copy(), args))
        return like if not call.table.is_complex or np.iscomplexobj(x) else np.real(like)

    engine(replace(call, f=note), _beside(call, out), None if not call.value else np.empty(call.points.count), None)
    return places


def _beside(call: Call, out: Output) -> Output:
    """Where what comes of notes goes."""
    count, width = call.points.count, len(call.table.parts)
    if isinstance(out, Target):
        return Target(lambda shape: np.empty((count, prod(shape), width)))
    return np.empty((count, *out.shape[1:]))


def _fill(
    engine: Apply, part: Call, out: Output, values: Array | None, some: slice, report: Report | None
) -> tuple[Any, ...]:
    """Some points of `out`."""
    seen = None if values is None else values[some]
    if not isinstance(out, Target):
        return engine(part, out[some], seen, report)
    target = Target(lambda shape: out.reserve(shape)[some])
    return engine(part, target, seen, report)

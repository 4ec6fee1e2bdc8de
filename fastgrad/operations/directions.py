"""Derivatives along v (jvp, hvp): v in parts where one step would not suit all coordinates, and the parts added."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.bound import Facts
from ..engine.call import Call, Output, Target, Workers, subset
from ..engine.choose import run
from ..formulas.steps import split_direction, step_within
from . import adaptive

Array = NDArray[Any]


def fill(call: Call, out: Output, engine: str, workers: Workers, progress: Any) -> Facts:
    """Fill `out`; the steps along v that the facts tell are those of the first part, the shortest."""
    first, *others = _parts(call)
    facts = _run(first, out, engine, workers, progress)
    filled = out.array if isinstance(out, Target) else out
    assert filled is not None
    for part in others:
        assert part.v is not None
        rows = np.flatnonzero(part.v.any(axis=1))
        also = np.empty((len(rows), *filled.shape[1:]))
        place = Target(lambda _, also=also: also) if isinstance(out, Target) else also  # type: ignore[misc]
        more = _run(subset(part, rows), place, engine, workers, None)
        with np.errstate(all="ignore"):
            filled[rows] += also
        facts = _with(facts, more, rows)
    return facts


def _run(call: Call, out: Output, engine: str, workers: Workers, progress: Any) -> Facts:
    if call.adaptive:
        return adaptive.fill(call, out, None, engine, workers, progress)
    return run(call, out, None, engine, workers, progress)


def _parts(call: Call) -> list[Call]:
    """The call for each part of v. A step that jvp is given is taken as it is, and others lose nothing."""
    v, along = call.v, call.steps.rule == "default"
    assert v is not None
    if call.table.is_complex or call.table.is_exact or not (along or call.moves_coordinates):
        return [call]
    h = np.broadcast_to(call.steps.at(call.points.row(slice(None))), v.shape)
    parts = split_direction(v, h)
    if len(parts) == 1:
        return [call]
    return [replace(call, v=part, t=np.asarray(step_within(part, h)), expected=call.total) for part in parts]


def _with(facts: Facts, more: Facts, rows: Array) -> Facts:
    """Errors add up, and the worse status counts."""
    facts = facts._replace(nfev=facts.nfev + more.nfev)
    if facts.each is not None and more.each is not None:
        facts.each[rows] += more.each
    if facts.error is not None and facts.status is not None:
        assert more.error is not None
        assert more.status is not None
        with np.errstate(all="ignore"):
            facts.error[rows] += more.error
        facts.status[rows] = np.minimum(facts.status[rows], more.status)
    return facts

"""Derivatives along v (jvp, hvp): v in parts where one step would not suit all coordinates, and the parts added."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.bound import Facts
from ..engine.call import Call, Output, Target, Workers, subset
from ..engine.choose import run
from ..formulas.steps import power_of_two_below, split_direction, step_within
from . import adaptive

Array = NDArray[Any]

LONG, LEAST = 1e70, 2.0**-1022  # a direction; of numbers that have all their digits


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
    if not call.adaptive:
        return run(call, out, None, engine, workers, progress)
    assert call.v is not None
    lengths = _lengths(call.v)
    if (lengths == 1.0).all():
        return adaptive.fill(call, out, None, engine, workers, progress)
    t = None if call.t is None else call.t * lengths
    facts = adaptive.fill(replace(call, v=call.v / lengths[:, None], t=t), out, None, engine, workers, progress)
    return _times(facts, lengths, out.array if isinstance(out, Target) else out, along=not call.moves_coordinates)


def _lengths(v: Array) -> Array:
    """Powers of two by which directions are far too long or short: squares of their steps would be 0 or infinite."""
    largest = np.abs(v).max(axis=1, initial=0.0)
    usual = (largest > 1.0 / LONG) & (largest < LONG) | (largest == 0.0) | ~np.isfinite(largest)
    return np.where(usual, 1.0, power_of_two_below(np.maximum(largest, LEAST)))  # of subnormal numbers it is 0


def _times(facts: Facts, lengths: Array, filled: Array | None, *, along: bool) -> Facts:
    """Derivatives along directions that are so many times longer."""
    assert filled is not None
    with np.errstate(all="ignore"):
        filled *= _spread(lengths, filled)
        error = None if facts.error is None else facts.error * _spread(lengths, facts.error)
        steps = facts.steps / _spread(lengths, facts.steps) if along and facts.steps is not None else facts.steps
    return facts._replace(error=error, steps=steps)


def _spread(lengths: Array, others: Array) -> Array:
    return lengths.reshape(-1, *[1] * (others.ndim - 1))


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

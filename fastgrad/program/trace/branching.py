"""Trace a function that branches on its data: the ways through it, put together to one program."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

from ..captures import names
from ..program import Operand, Program
from ..sheltered import sheltered
from .callees import Callees
from .given import Given
from .leftovers import Noted
from .outputs import guarded, outputs_of, program_of
from .paths import Paths, RestartError, Way, fold
from .refusals import refuse
from .retargeted import Retargeted, watched
from .sampling import PointSample
from .symbols import Trace
from .workspace import Workspace

_TYPES = {"isinstance", "issubclass", "type", "hasattr"}


def together(f: Callable[..., Any], given: Given, noted: Noted, recording: Trace) -> Program:
    """f's program; sides that only assign are put together where they end, helpers where they return."""
    return _explored(f, given, noted, recording, merging=True)


def apart(f: Callable[..., Any], given: Given, noted: Noted, recording: Trace) -> Program:
    """f's program, of which each combination of sides is a way of its own."""
    return _explored(f, given, noted, recording, merging=False)


def _explored(f: Callable[..., Any], given: Given, noted: Noted, recording: Trace, *, merging: bool) -> Program:
    space = Workspace(recording) if given.works else None
    target = Retargeted(f, branching=True, merging=merging, workspace=space)
    if merging and target.catches:  # f might catch what takes a branch apart
        target, merging = Retargeted(f, branching=True, workspace=space), False
    recording.integer(0)  # from here on it is known which constants are integers: a branch may choose one of two
    callees = Callees(target, recording, noted, given, merging=merging)
    callees.learn(f)
    kept, points = set[Any](), given.sample
    typed = any(not _TYPES.isdisjoint(names(code)) for code in target.codes)
    sample = None if points is None else PointSample(recording, points, prod(given.shape))
    while True:
        how: dict[str, Any] = {"typed": typed, "noted": noted, "swap": callees.swap, "anew": given.anew}
        paths = Paths(recording, kept, sample, alone=merging, **how)
        try:
            run = lambda: outputs_of(recording, target.function(*given.symbols(recording, space)))
            with watched(target.catches, space):
                ways = paths.explore_f(run)
            break
        except RestartError:
            recording.guards = []
    outputs, shape = _joined(recording, paths, ways)
    if space:
        space.check(outputs)
    how = {"raises": any(way.raised or way.guards for way in ways), "sampled": points is not None}
    how["ways"] = sample and sample.ways
    return replace(sheltered(program_of(recording, outputs, shape)), branches=paths.branches, **how)


def _joined(recording: Trace, paths: Paths, ways: list[Way]) -> tuple[tuple[Operand, ...], tuple[int, ...]]:
    """The outputs of all ways as one; NaN where one raises or a function of math would."""
    shapes = {way.result[1] for way in ways if not way.raised}
    if not shapes:
        refuse("f raises on each way through it")
    if len(shapes) > 1:
        refuse(f"f returns an array of another shape on another way through it: {sorted(shapes)}")
    (shape,) = shapes
    nan = (recording.constant(math.nan),) * prod(shape)

    def outputs(way: Way) -> tuple[Operand, ...]:
        return nan if way.raised else guarded(recording, way.result[0], way.guards)

    def join(mask: Operand, yes: tuple[Operand, ...], no: tuple[Operand, ...]) -> tuple[Operand, ...]:
        return tuple(paths.either(mask, a, b) for a, b in zip(yes, no, strict=True))

    return fold([replace(way, result=outputs(way)) for way in ways], join), shape

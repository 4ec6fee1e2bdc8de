"""Trace a function: call it once with symbols, and keep what it does to them as a program."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from math import prod
from threading import RLock
from typing import Any
from weakref import ref

import numpy as np
from numpy.typing import NDArray

from ..program import Program
from ..rubbish import is_gone_after_looking
from . import arrayfunctions, specialfunctions  # noqa: F401  # fill the tables of rules
from .creation import may_fill
from .failures import NoNumberError
from .given import Given
from .leftovers import Noted, may_write
from .outputs import guarded, outputs_of, program_of
from .places import place_of_error
from .purging import purge
from .refusals import ON_BOTH_SIDES, REFUSALS, WRITES, BranchesError, ManyWaysError, OneWayError, Untraceable
from .retargeted import Retargeted, watched
from .symbols import Trace
from .workspace import STATE, Workspace

__all__ = ["ManyWaysError", "Untraceable", "trace"]


alone = RLock()  # filters of warnings belong to the process: of two threads one would restore the other's


def trace(
    f: Callable[..., Any],
    shape: tuple[int, ...],
    *,
    args: tuple[Any, ...] = (),
    rows: Sequence[tuple[int, ...]] = (),
    types: Sequence[np.dtype[Any]] = (),
    bits: Sequence[int] = (),
    scalar: bool = False,
    sample: NDArray[np.float64] | None = None,
    budget: int = 20_000,
    twice: bool = False,
) -> Program:
    """Record what f does with one point.

    Parameters
    ----------
    f : callable
        Called as ``f(x, *args, *one row of each batch argument)``.
    shape : tuple of int
        Shape of a point.
    args : tuple
        Arguments after x, as they are.
    rows : sequence of tuple of int
        Shapes of one row of each batch argument ...
    types : sequence of dtype
        ... and their types; float64 by default ...
    bits : sequence of int
        ... and how many their largest integers have, 0 for floats.
    scalar : bool
        Whether f takes a number instead of an array.
    sample : ndarray, optional
        Points with their rows of batch arguments, (P, D + B): of an f that branches only the ways are traced that one
        of them takes; elsewhere the program gives NaN.
    budget : int
        Largest number of operations.
    twice : bool
        Whether f may read what is not known; it is traced again then, as where it may write into what it reaches.

    Returns
    -------
    Program

    Raises
    ------
    Untraceable
        With the reason; it is not an Exception, because f may catch those.
    """
    given = Given(() if scalar else shape, args, rows, types, bits, sample, anew=twice)
    try:
        made = _traced(f, given, budget, twice)
    except Untraceable as refused:
        made = _otherwise(f, given, budget, refused, twice)
    return replace(made, inputs=1 if scalar else prod(shape), rows=given.starts[-1])


def _otherwise(f: Callable[..., Any], given: Given, budget: int, refused: Untraceable, twice: bool) -> Program:
    """The program of a function that was refused, if that may be by how it picks elements, or where it works."""
    why = refused
    while True:
        text = str(why)
        if not given.picks and text.startswith((PICKS, REFUSALS["__index__"])):
            given = replace(given, picks=True)
        elif not given.counts and text.startswith(REFUSALS["__index__"]):
            given = replace(given, counts=True)
        elif not given.works and text.startswith((REFUSALS["__float__"], WRITES)):
            given = replace(given, works=True)
        else:
            break
        try:
            return _traced(f, given, budget, twice)
        except Untraceable as again:
            why = again
    if type(why) is ManyWaysError or str(why).startswith(STATE):
        raise why
    raise OneWayError(str(refused)) if isinstance(why, OneWayError) else refused


def _traced(f: Callable[..., Any], given: Given, budget: int, twice: bool) -> Program:
    noted = Noted()
    made = _traced_once(f, given, budget, noted)
    if (twice or noted.was_asked) and not _is_settled(f, given, budget, made):
        noted.take_back()
        raise Untraceable(COUNTS)
    return made


def _is_settled(f: Callable[..., Any], given: Given, budget: int, made: Program) -> bool:
    """Trace f again: a number that it counts, or takes from a clock, would be a constant of its program.

    Once for the same code and the same nodes: it takes a fifth of a first call, and half of one that traces anew.
    """
    key = (getattr(f, "__code__", type(f)), made.structure)
    if key in _settled:
        return True
    noted = Noted()
    again = _traced_once(f, given, budget, noted)
    noted.take_back()
    if again.structure != made.structure or again.numbers.tobytes() != made.numbers.tobytes():
        return False
    if len(_settled) >= KEPT:
        _settled.clear()
    _settled.add(key)
    return True


COUNTS = (
    "f keeps state: traced again, it computes with other numbers, as what counts its calls or reads a clock does; "
    "pass what changes by args="
)
KEPT = 1024  # functions that were traced twice
_settled = set[tuple[Any, bytes]]()


def _traced_once(f: Callable[..., Any], given: Given, budget: int, noted: Noted) -> Program:
    attempt = partial(_attempt, f, given, budget, noted)
    try:
        return attempt(partial(_straight, f, given, noted))
    except BranchesError:
        return _of_ways(f, given, noted, attempt)
    except Untraceable as refused:
        if not str(refused).startswith(_OF_CALLEES):
            raise
        try:  # what f calls otherwise than by its name is seen where f's source is rewritten
            return _of_ways(f, given, noted, attempt)
        except Untraceable as again:
            raise refused if str(again).startswith(_OF_CALLEES[:2]) else again from None


def _of_ways(f: Callable[..., Any], given: Given, noted: Noted, attempt: Callable[..., Program]) -> Program:
    """The program of a function that branches; what is put together in vain is tried as ways of their own."""
    from . import branching  # noqa: PLC0415  only where f branches

    try:
        return attempt(partial(branching.together, f, given, noted))
    except Untraceable as refused:
        if type(refused) is ManyWaysError and given.sample is None:
            raise
        try:  # points take no more ways than they are
            return attempt(partial(branching.apart, f, given, noted))
        except Untraceable as again:
            told = again if str(refused).startswith(ON_BOTH_SIDES) else refused
            raise (OneWayError(str(told)) if isinstance(again, OneWayError) else told) from None


def _attempt(
    f: Callable[..., Any], given: Given, budget: int, noted: Noted, record: Callable[[Trace], Program]
) -> Program:
    """One way to record f. Where it leaves something behind that is taken back."""
    made, reason, noted.kept = None, "", ""
    kind: type[BaseException] = BranchesError
    recording = Trace(budget)
    alive = ref(recording)
    given.note_types(recording)
    try:
        made = recorded(recording, record)
    except Untraceable as refused:
        reason, kind = str(refused), type(refused)
        if kind is Untraceable and given.sample is None and recording.decided:
            kind = OneWayError
    except BranchesError:
        reason = "f branches"
    except BaseException:  # Ctrl-C, or the end of the program
        noted.take_back()
        purge(f, given.args)
        raise
    del recording
    if made is None or noted.is_left() or _lives(alive):
        noted.take_back()
        if _lives(alive):
            purge(f, given.args)
        raise kind(reason) if reason else Untraceable(KEEPS.format(noted.kept or "an object"))
    return made


KEEPS = "f keeps what it computes from x, in {}; a traced value is no number. Let f keep copies of numbers outside it"


def _lives(alive: ref[Trace]) -> bool:
    """Whether a symbol, and with it its trace, is still held by somebody."""
    return not is_gone_after_looking(lambda: alive() is None)


def recorded(recording: Trace, record: Callable[[Trace], Program]) -> Program:
    """What is recorded by `record`; every exception is a refusal."""
    with alone, recording, warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            made = record(recording)
        except Exception as error:
            if recording.branches:
                raise BranchesError from error
            place = place_of_error(error.__traceback__, recording.outermost)
            raise Untraceable(recording.reason or _why(error) + place) from error
        if recording.branches:
            raise BranchesError
        if recording.reason:
            raise Untraceable(recording.reason)
    return made


def _straight(f: Callable[..., Any], given: Given, noted: Noted, recording: Trace) -> Program:
    """The program of a function that goes the same way for all numbers; before, what it may write into is noted."""
    space = Workspace(recording) if given.works else None
    target = Retargeted(f, workspace=space)
    arguments = given.symbols(recording, space)
    if may_write(target.codes):
        noted.look(f, given.args)
    recording.fills = any(map(may_fill, target.codes))
    with watched(target.catches, space):
        outputs, shape = outputs_of(recording, target.function(*arguments))
    if space:
        space.check(outputs)
    return program_of(recording, guarded(recording, outputs, tuple(dict.fromkeys(recording.guards))), shape)


# What functions do that f calls otherwise than by their names, as long as nothing stands for them.
_OF_CALLEES = (REFUSALS["__float__"], REFUSALS["__int__"], REFUSALS["__index__"], WRITES, "f raised UFuncTypeError")
PICKS = "f selects elements of an array that it makes by a mask or traced integers"


def _why(error: Exception) -> str:
    if isinstance(error, NoNumberError):
        return str(error)
    if "arrays used as indices" in str(error):
        return f"{PICKS}; write np.where(mask, a, b), or make that array outside of f"
    return " ".join(f"f raised {type(error).__name__} when traced: {error}".split())

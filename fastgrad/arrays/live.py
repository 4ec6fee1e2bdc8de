"""Gradients of a loss by its array program, checked against the loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from threading import RLock
from typing import Any, NamedTuple

import numpy as np

from ..engine.python import mutation
from ..formulas.stencils import Stencil
from . import agreement, blocks, cost, shelf, summing, sweep
from .losses import ArrayLoss, Report
from .nodes import Array, Node, RefusedError
from .randomness import random_numbers_kept
from .recording import Recording, elsewhere, record
from .sections import Sections, sectioned
from .ties import has_ties

_TURNS = [RLock() for _ in range(64)]


def _turn(loss: ArrayLoss) -> Any:
    """Of threads with the same arrays one at a time moves them."""
    return _TURNS[hash(tuple(map(id, loss.arrays.values()))) % len(_TURNS)]


class Told:
    """A report of progress; whether it was what raised."""

    def __init__(self, report: Report) -> None:
        self.report, self.raised = report, False

    def __call__(self, done: int, total: int) -> None:
        self.raised = True
        self.report(done, total)
        self.raised = False


def sums(
    loss: ArrayLoss, places: blocks.Places, steps: Mapping[str, Any], formula: Stencil, *,
    asked: bool = False, report: Report | None = None,
) -> dict[str, Array]:  # fmt: skip
    """The stencil's sums for the elements at `places` (flat) of each array, moved by `steps`, by name.

    Raises
    ------
    RefusedError
        The loss cannot be recorded, its program does not agree with it, or, unless it was asked for, does not pay.
    """

    def pays(recording: Recording, known: list[blocks.ArrayFamily] | None) -> MovedProgram:
        moved = _moved(recording, places, formula, known, asked=asked)
        if moved:
            return moved
        msg = f"the loop over {sum(map(len, places.values())):,} elements is as cheap"
        raise RefusedError(msg)

    with _turn(loss):
        recording, (parts, chosen), size, is_new = _program(loss, np.geterr(), pays)
    told = Told(report) if report else None
    try:
        inside = parts.places(places)
        found = summing.sums(parts.recording, chosen, inside, parts.steps(steps), formula, told)
        found = parts.joined(found, places)
    except Exception as error:  # a rule that does not know what it met: the loop does
        if told and told.raised:
            raise
        msg = f"its differences raised {type(error).__name__}: {error}"
        raise RefusedError(msg) from error
    with _turn(loss), checking(recording.generators):
        quotient = partial(_quotient, loss, formula)
        agreement.check_elements(loss.arrays, found, places, steps, formula, size, quotient, recording)
    if is_new:
        shelf.keep(recording, chosen)
    return found


class MovedProgram(NamedTuple):
    """A program of what is moved together, and families of its elements."""

    parts: Sections
    families: list[blocks.ArrayFamily]


def _moved(
    recording: Recording, places: blocks.Places, formula: Stencil, known: list[blocks.ArrayFamily] | None = None, *,
    asked: bool = False,
) -> MovedProgram | None:  # fmt: skip
    """What is moved together; None where that does not pay and was not asked for."""
    parts = sectioned(recording)
    inside = parts.places(places)
    if not asked and not cost.may_pay(parts.recording, inside, formula):
        return None
    if not (asked or known) and not cost.may_pay(parts.recording, inside, formula, blocks.least_work(parts.recording)):
        return None
    moved = MovedProgram(parts, known or blocks.families(parts.recording))
    return moved if asked or cost.pays(parts.recording, moved.families, inside, formula) else None


def _quotient(loss: ArrayLoss, formula: Stencil, w: Array, place: Any, h: Any) -> Any:
    return mutation.sums(loss.value, [w], [place], [float(h)], formula)[0]


def _program(
    loss: ArrayLoss,
    usual: Mapping[str, Any],
    pays: Callable[[Recording, list[blocks.ArrayFamily] | None], MovedProgram],
) -> tuple[Recording, MovedProgram, float, bool]:
    """A program that agrees with the loss, what is moved, how large the loss is nearby, and whether it is a new one."""

    def agreed(
        recording: Recording, known: list[blocks.ArrayFamily] | None = None
    ) -> tuple[Recording, MovedProgram, float]:
        if recording.draws:  # at random, most likely: of a deep network its blocks take a third of a loop
            _settled(loss, recording, usual)
        moved = pays(recording, known)
        return recording, moved, believed(loss, recording, usual)[1]

    found = shelf.find(loss)
    with checking():
        if found:
            kept, anew = found
            try:
                made = agreed(elsewhere(kept.recording, loss.arrays, anew), kept.families)
                kept.families = made[1].families
                return *made, False
            except RefusedError:
                shelf.drop(kept)
        return *agreed(_recorded(loss)), True


def described(loss: ArrayLoss, formula: Stencil | None, asked: bool) -> str:
    """How a loss would run: by differences of a formula in all elements, if they pay or were asked for; or exactly."""
    with checking():
        recording = _recorded(loss)
        places = {name: np.arange(w.size) for name, w in loss.arrays.items()}
        if formula and not asked and not _moved(recording, places, formula):
            msg = "calling f is as cheap as its program of whole arrays"
            raise RefusedError(msg)
        believed(loss, recording, np.geterr())
    how = "only what a coordinate changes" if formula else "and back by the chain rule"
    return f"f as {len(recording.order)} operations on whole arrays, {how}"


def exact(loss: ArrayLoss) -> tuple[float, dict[str, Array]]:
    """The loss, and its derivatives by all elements of each array, by name.

    Raises
    ------
    RefusedError
        The loss cannot be recorded, or its program does not agree with it.
    """
    with _turn(loss):
        usual, again = np.geterr(), shelf.find(loss)
        if again:
            try:
                return _exact_again(loss, *again, usual)
            except RefusedError:  # also at a kink: the checks of a new recording know more
                shelf.drop(again[0])
        return _exact_anew(loss, usual)


def _exact_anew(loss: ArrayLoss, usual: Mapping[str, Any]) -> tuple[float, dict[str, Array]]:
    with checking():
        recording = _recorded(loss)
        reference, _ = believed(loss, recording, usual)
        found = sweep.gradients(recording)
        with random_numbers_kept(recording.generators):
            agreement.check_gradient(loss.value, loss.arrays, recording, found)
    shelf.keep(recording)
    return reference, found


def _exact_again(
    loss: ArrayLoss, kept: shelf.Kept, anew: Mapping[Node, Array], usual: Mapping[str, Any]
) -> tuple[float, dict[str, Array]]:
    """The same by a program that was kept, in one call of the loss, or three where its gradient is looked at."""
    with _refusing(), np.errstate(all="ignore"), kept.lent(loss.arrays) as copy:
        reference = agreement.value_again(loss.value, loss.arrays, copy.room, usual)
        copy.fill(loss.arrays, anew)
        agreement.check_value(copy.recording, loss.arrays, reference)
        found = sweep.gradients(copy.recording, copy.rooms)
        if kept.is_looked_at() or has_ties(copy.recording):
            agreement.check_gradient_again(loss.value, loss.arrays, found, copy.room)
    return reference, found


def _recorded(loss: ArrayLoss) -> Recording:
    return record(loss.function, loss.arrays, loss.argument)


def believed(loss: ArrayLoss, recording: Recording, usual: Mapping[str, Any]) -> tuple[float, float]:
    """The loss, and how large it is nearby. What it warns of, or raises, in `usual` ways of NumPy's is for the user."""
    with random_numbers_kept(recording.generators):
        reference = _settled(loss, recording, usual)
        return reference, agreement.check_values(recording, loss.value, loss.arrays, reference)


def _settled(loss: ArrayLoss, recording: Recording, usual: Mapping[str, Any]) -> float:
    """The loss, called twice."""
    with random_numbers_kept(recording.generators), np.errstate(**usual):
        return agreement.settled_value(loss.value, list(loss.arrays.values()))


@contextmanager
def checking(generators: Sequence[Any] = ()) -> Iterator[None]:
    """What the loss raises where it is checked, and random numbers that it draws, are not for the user."""
    with random_numbers_kept(generators), np.errstate(all="ignore"), _refusing():
        yield


@contextmanager
def _refusing() -> Iterator[None]:
    """What the loss raises is a reason not to believe its program."""
    try:
        yield
    except RefusedError:
        raise
    except Exception as error:
        text = f"it raised {type(error).__name__} when it was checked: {error}"
        raise RefusedError(" ".join(text.split())) from error

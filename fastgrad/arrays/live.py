"""Gradients of a loss in live arrays, which it reads by itself, by its array program; checked against the loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.choose import warn_once
from ..engine.python import mutation
from ..engine.threads import progress_report
from ..formulas.stencils import Stencil
from ..results import EngineError
from . import agreement, blocks, cost, reach, sweep
from .nodes import Array, RefusedError
from .recording import Recording, record

Report = Callable[[int, int], object]

LONG = 1e10
"""Operations of a loop that takes long."""

MANY = 100
"""Calls; fewer are done before one has looked at what the loss reads."""

WORTH_A_LOOK = 5e6
"""Calls of a loss times the numbers that it reads, above which it is recorded, which takes 3 ms: the loop takes 30."""


@dataclass(frozen=True)
class Loss:
    """A loss and the arrays that are moved.

    Attributes
    ----------
    function : callable
        As the user wrote it ...
    argument : callable
        ... and with what it is called, of the arrays, or of what stands for them, by name.
    value : callable
        The number that it returns for the arrays as they are.
    arrays : dict of ndarray
        By name.
    """

    function: Callable[..., Any]
    argument: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    value: Callable[[], float]
    arrays: Mapping[str, Array]

    def is_worth_a_look(self, calls: int) -> bool:
        """Whether so many calls of it are much work, as far as one can see without recording it."""
        return calls >= MANY and calls * self.numbers() >= WORTH_A_LOOK

    def numbers(self) -> int:
        """How many numbers it reads."""
        return max(reach.numbers(self.function, *self.argument(self.arrays)), sum(w.size for w in self.arrays.values()))


ENGINES = ("auto", "python", "arrays")

SLOW = (
    "the loss is called {calls:,} times, some {operations:.0e} operations in all: {reason}. What would help: "
    "workers=n, which forks; progress=True; for some of the elements weight_gradient(..., sample=n) or mask="
)


def check_live_engine(engine: Any) -> None:
    """Raise ValueError for a name that is no engine of losses of live arrays."""
    if engine not in ENGINES:
        msg = f"engine={engine!r} is unknown here; use one of {', '.join(map(repr, ENGINES))}"
        raise ValueError(msg)


def live_sums(
    loss: Loss, places: blocks.Places, steps: Mapping[str, Any], formula: Stencil, engine: str, progress: Any
) -> dict[str, Array] | None:
    """The sums by the array program; None where the loop is to take them, with a warning where it takes long.

    Raises
    ------
    EngineError
        The array program was asked for and cannot be had.
    """
    calls = sum(map(len, places.values())) * sum(1 for k in formula.offsets if k)
    if engine == "auto" and (hasattr(loss.function, "py_func") or not loss.is_worth_a_look(calls)):
        return None
    try:
        with progress_report(progress, "coordinate") as report:
            return sums(loss, places, steps, formula, asked=engine == "arrays", report=report)
    except RefusedError as refused:
        if engine == "arrays":
            msg = f"engine='arrays' cannot run this loss: {refused}"
            raise EngineError(msg) from refused
        warn_if_long(loss, calls, str(refused))
        return None


def warn_if_long(loss: Loss, calls: int, reason: str) -> None:
    """Say once per function that the loop takes long, and why."""
    operations = float(calls) * loss.numbers()
    if operations > LONG:
        text = SLOW.format(calls=calls, operations=operations, reason=reason)
        warn_once(loss.function, text)


def sums(
    loss: Loss, places: blocks.Places, steps: Mapping[str, Any], formula: Stencil, *,
    asked: bool = False, report: Report | None = None,
) -> dict[str, Array]:  # fmt: skip
    """The stencil's sums for the elements at `places` (flat) of each array, moved by `steps`, by name.

    Raises
    ------
    RefusedError
        The loss cannot be recorded, its program does not agree with it, or, unless it was asked for, does not pay.
    """
    usual = np.geterr()
    with _checking():
        recording = _recorded(loss)
        chosen = blocks.families(recording)
        if not asked and not cost.pays(recording, chosen, places, formula):
            msg = f"the loop over {sum(map(len, places.values())):,} elements is as cheap"
            raise RefusedError(msg)
        reference = _believed(loss, recording, usual)
    found = blocks.sums(recording, chosen, places, steps, formula, report)
    with _checking(recording.generators):

        def quotient(w: Array, place: Any, h: Any) -> Any:
            return mutation.sums(loss.value, [w], [place], [float(h)], formula)[0]

        agreement.check_elements(loss.arrays, found, places, steps, formula, reference, quotient)
    return found


def described(loss: Loss, formula: Stencil | None, asked: bool) -> str:
    """How a loss would run: by differences of a formula in all elements, if they pay or were asked for; or exactly."""
    with _checking():
        recording = _recorded(loss)
        places = {name: np.arange(w.size) for name, w in loss.arrays.items()}
        if formula and not asked and not cost.pays(recording, blocks.families(recording), places, formula):
            msg = "calling f is as cheap as its program of whole arrays"
            raise RefusedError(msg)
    how = "only what a coordinate changes" if formula else "and back by the chain rule"
    return f"f as {len(recording.order)} operations on whole arrays, {how}"


def exact(loss: Loss) -> tuple[float, dict[str, Array]]:
    """The loss, and its derivatives by all elements of each array, by name.

    Raises
    ------
    RefusedError
        The loss cannot be recorded, or its program does not agree with it.
    """
    usual = np.geterr()
    with _checking():
        recording = _recorded(loss)
        reference = _believed(loss, recording, usual)
        found = sweep.gradients(recording)
        with agreement.random_numbers_kept(recording.generators):
            agreement.check_gradient(loss.value, loss.arrays, recording, found)
    return reference, found


def _recorded(loss: Loss) -> Recording:
    return record(loss.function, loss.arrays, loss.argument)


def _believed(loss: Loss, recording: Recording, usual: Mapping[str, Any]) -> float:
    """The loss as it is; what it warns of, or raises, in `usual` ways of NumPy's is for the user."""
    with agreement.random_numbers_kept(recording.generators):
        with np.errstate(**usual):
            reference = agreement.settled_value(loss.value, list(loss.arrays.values()))
        agreement.check_values(recording, loss.value, loss.arrays, reference)
    return reference


@contextmanager
def _checking(generators: Sequence[Any] = ()) -> Iterator[None]:
    """What the loss raises where it is checked, and random numbers that it draws, are not for the user."""
    with agreement.random_numbers_kept(generators), np.errstate(all="ignore"):
        try:
            yield
        except RefusedError:
            raise
        except Exception as error:
            text = f"it raised {type(error).__name__} when it was checked: {error}"
            raise RefusedError(" ".join(text.split())) from error

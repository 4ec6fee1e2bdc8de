"""Who takes the differences of a loss in live arrays: its array program, or the loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..engine.choose import warn_once
from ..engine.threads import progress_report
from ..formulas.stencils import Stencil
from ..program.captures import is_compiled
from ..results import EngineError
from .losses import ArrayLoss
from .nodes import Array, RefusedError

LONG = 1e10
"""Operations of a loop that takes long."""

SLOW = (
    "the loss is called {calls:,} times, some {operations:.0e} operations in all: {reason}. What would help: "
    "workers=n, which forks; progress=True; for some of the elements weight_gradient(..., sample=n) or mask="
)


def live_sums(
    loss: ArrayLoss, places: Mapping[str, Any], steps: Mapping[str, Any], formula: Stencil, engine: str, progress: Any
) -> dict[str, Array] | None:
    """The sums by the array program; None where the loop is to take them, with a warning where it takes long.

    Raises
    ------
    EngineError
        The array program was asked for and cannot be had.
    """
    calls = sum(map(len, places.values())) * sum(1 for k in formula.offsets if k)
    if engine == "auto" and (is_compiled(loss.function) or not loss.is_worth_a_look(calls)):
        return None
    from .live import sums  # noqa: PLC0415  loads much that few losses need

    try:
        with progress_report(progress, "coordinate") as report:
            return sums(loss, places, steps, formula, asked=engine == "arrays", report=report)
    except RefusedError as refused:
        if engine == "arrays":
            msg = f"engine='arrays' cannot run this loss: {refused}"
            raise EngineError(msg) from refused
        warn_if_long(loss, calls, str(refused))
        return None


def warn_if_long(loss: ArrayLoss, calls: int, reason: str) -> None:
    """Say once per function that the loop takes long, and why."""
    operations = float(calls) * loss.numbers()
    if operations > LONG:
        text = SLOW.format(calls=calls, operations=operations, reason=reason)
        warn_once(loss.function, text)

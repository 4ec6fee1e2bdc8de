"""Whether an array program is cheaper than the loop: counted operations, never a clock.

Times are in units of one operation that NumPy does on whole arrays, about a nanosecond; constants were measured once.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..formulas.stencils import Stencil
from .blocks import CALL, ArrayFamily, Places, at_once
from .recording import Recording

PER_NODE = 2_000
"""A call of NumPy from Python, in the loop."""

CHECKS, RECORDING = 12, 1e7
"""Calls of the loss itself before its program is believed; and what it takes to record it."""

GAIN = 2
"""How much cheaper the program must be."""

LOOP_WORTH = 1e8
"""Operations below which the loop is left alone."""


def of_loop(recording: Recording, count: int, formula: Stencil) -> float:
    """Time of the loop over so many elements."""
    calls = count * sum(1 for k in formula.offsets if k)
    return calls * (recording.time + PER_NODE * recording.calls)


def of_blocks(recording: Recording, chosen: list[ArrayFamily], places: Places, formula: Stencil) -> float:
    """Time of the differences by structure."""
    moved, total = sum(1 for k in formula.offsets if k), 0.0
    for family in chosen:
        count = sum(len(places[name]) for name, _ in family.axes)
        length = max((recording.parameters[name].shape or (1,))[axis] for name, axis in family.axes)
        calls = max(min(length, count), count / at_once(family, moved))
        total += count * moved * family.work + calls * CALL * len(recording.order)
    return total


def may_pay(
    recording: Recording, places: Places, formula: Stencil, work: Mapping[str, float] | None = None
) -> bool:  # fmt: skip
    """Whether there is much to do, and the program may beat the loop, as far as that is known before its blocks are.

    Of arrays at least the `work` of a displacement may be known.
    """
    count, moved = sum(map(len, places.values())), sum(1 for k in formula.offsets if k)
    if count * moved * recording.operations < LOOP_WORTH:
        return False
    fewest = max(min(len(at), *(recording.parameters[name].shape or (1,))) for name, at in places.items())
    least = sum(len(places[name]) * moved * time for name, time in (work or {}).items())
    return _checked(recording, least + fewest * CALL * len(recording.order)) <= of_loop(recording, count, formula)


def pays(recording: Recording, chosen: list[ArrayFamily], places: Places, formula: Stencil) -> bool:
    """Whether the program beats the loop."""
    loop = of_loop(recording, sum(map(len, places.values())), formula)
    return _checked(recording, of_blocks(recording, chosen, places, formula)) <= loop


def _checked(recording: Recording, blocks: float) -> float:
    """Time of blocks that have to be so much cheaper than the loop, and of what is done before."""
    return CHECKS * (recording.time + PER_NODE * recording.calls) + RECORDING + GAIN * blocks

"""Where a function of math raises, its trace gives NaN: the point is found to be not finite, and f itself is asked."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..program import Operand
from .symbols import Trace

# Operations whose result is not finite where an operand is not; of a quotient the numerator.
_TELLING = {
    "+", "-", "*", "neg", "abs", "sqrt", "floor", "ceil", "trunc", "rint", "sin", "cos", "tan", "sinh", "cosh", "asin",
    "acos", "asinh", "acosh", "atanh", "log", "log2", "log10", "log1p", "cbrt", "hypot",
}  # fmt: skip


def with_guards(recording: Trace, outputs: tuple[Operand, ...], guards: Sequence[Operand]) -> tuple[Operand, ...]:
    """f's outputs, one of them NaN where a function of math raises and they could be numbers nevertheless.

    The sum of an output and 0.0 is the same number, so are its differences. Each such function has its own term, and
    an output that depends on it gets it where there is one, so that no coordinates are mixed that f does not mix.
    """
    told, made = _told(recording, outputs), list(outputs)
    for key in guards:
        if key not in told and made:
            sound = recording.node("isfinite", key)
            poison = recording.node("select", sound.key, ("k", 0.0), recording.constant(math.nan))
            k = _dependent(recording, key, outputs) if len(outputs) > 1 else 0
            made[k] = recording.node("+", made[k], poison.key).key
    return tuple(made)


def _told(recording: Trace, outputs: tuple[Operand, ...]) -> set[Operand]:
    """What is not finite only where an output is not."""
    told = set(outputs)
    for j in range(len(recording.nodes) - 1, -1, -1):
        name, *operands = recording.nodes[j]
        if ("v", j) in told:
            told.update(operands if name in _TELLING else operands[:1] if name == "/" else ())
    return told


def _dependent(recording: Trace, key: Operand, outputs: tuple[Operand, ...]) -> int:
    """The number of the first output that depends on a node; 0 where there is none."""
    found = {key}
    for j in range(len(recording.nodes)):
        if not found.isdisjoint(recording.nodes[j][1:]):
            found.add(("v", j))
    return next((k for k, output in enumerate(outputs) if output in found), 0)

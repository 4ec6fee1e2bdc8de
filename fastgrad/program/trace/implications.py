"""What follows from known conditions: a function that asks `x < 1` again, or `x > 1`, does not branch anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..program import Operand

Fact = tuple[Any, ...]
Known = Callable[[Fact], "int | None"]

_TURNED = {"gt": "lt", "ge": "le"}


def canonical(nodes: Sequence[tuple[Any, ...]], key: Operand) -> tuple[Fact, bool]:
    """A condition as one of few relations, and whether it is negated; with NaN a >= b is not the opposite of a < b."""
    name, *operands = nodes[int(key[1])]
    negated = False
    while name == "not":
        name, *operands = nodes[int(operands[0][1])]
        negated = not negated
    if name in _TURNED:
        name, operands = _TURNED[name], operands[::-1]
    if name == "ne":
        name, negated = "eq", not negated
    if name == "eq":
        operands = sorted(operands, key=repr)
    return (name, *operands), negated


def implied(known: Known, fact: Fact) -> int | None:
    """Whether a condition holds, where that follows from others; None where it does not."""
    answer = known(fact)
    if answer is not None or fact[0] not in _RELATED:
        return answer
    for truth, name, swapped, result in _RELATED[fact[0]]:
        operands = fact[:0:-1] if swapped else fact[1:]
        other = (name, *(sorted(operands, key=repr) if name == "eq" else operands))
        if known(other) is truth:
            return result
    return None


# Of each relation of a and b: if another one is that, it itself is this; swapped is the other one of b and a.
_RELATED: dict[str, list[tuple[bool, str, bool, bool]]] = {
    "lt": [
        (True, "lt", True, False),
        (True, "le", True, False),
        (True, "eq", False, False),
        (False, "le", False, False),
    ],
    "le": [(True, "lt", False, True), (True, "eq", False, True), (True, "lt", True, False)],
    "eq": [
        (True, "lt", False, False),
        (True, "lt", True, False),
        (False, "le", False, False),
        (False, "le", True, False),
    ],
}

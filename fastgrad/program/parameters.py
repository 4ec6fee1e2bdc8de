"""Captured floats as parameters of a program: other numbers in its constants, where a trace would find the same nodes.

To trace f anew for each number takes 65 us of the 200 that a call of `grad(f)` takes then. A float in the place of
which a symbol leads through the same nodes, and that only +, -, * and / read, decides nothing: what f does with another
one is known.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from math import isfinite
from types import FunctionType
from typing import Any

from .captures import function_parts, loaded, rebuilt
from .program import Operand, Program
from .trace.retargeted import Retargeted

_NONE = ("", "")
_ARITHMETIC = frozenset({"+", "-", "*", "/"})  # of powers a trace makes products, by the exponent

Trace = Callable[[Callable[..., Any], int], Program]
"""Traces a function with so many further arguments, each a number."""


def floats(f: Any) -> dict[tuple[str, str], float]:
    """The floats among what a function captures, by their kind and name."""
    return {(kind, name): value for kind, name, value in function_parts(f, loaded) if type(value) is float}


class Parameters:
    """Which constants of a program are floats that f captures."""

    def __init__(self, program: Program, slots: dict[int, tuple[str, str]]) -> None:
        self.program, self.slots = program, slots

    def constants(self, held: Mapping[tuple[str, str], float]) -> tuple[float, ...] | None:
        """The program's constants with other floats; None where a trace might find other nodes."""
        found = [held.get(self.slots.get(s, _NONE), value) for s, value in enumerate(self.program.constants)]
        return tuple(found) if len(set(map(_bits, found))) == len(found) and all(map(isfinite, found)) else None


def parameters(f: Any, program: Program, trace: Trace) -> Parameters | None:
    """Those of a plain function without defaults, by a trace with symbols for its floats; None where it differs."""
    if type(f) is not FunctionType or f.__defaults__ or f.__kwdefaults__ or program.rows:
        return None
    places, target = [*floats(f)], Retargeted(f)

    def with_floats(x: Any, *given: Any) -> Any:
        count = len(given) - len(places)
        return rebuilt(target.function, dict(zip(places, given[count:], strict=True)))(x, *given[:count])

    slots = _slots(program, trace(with_floats, len(places))) if places and not target.catches else None
    return None if slots is None else Parameters(program, {s: places[number] for s, number in slots.items()})


def _slots(program: Program, symbolic: Program) -> dict[int, int] | None:
    """The constants of a program that are symbols in another one, and which; None where more differs."""
    if any(getattr(program, name) != getattr(symbolic, name) for name in ("raises", "branches", "shape")):
        return None
    if len(program.nodes) != len(symbolic.nodes):
        return None
    paired: dict[Operand, Operand] = {}
    outputs = ("outputs", *program.outputs), ("outputs", *symbolic.outputs)
    for (name, *own), (other, *operands) in [*zip(program.nodes, symbolic.nodes, strict=True), outputs]:
        if name != other or len(own) != len(operands):
            return None
        for a, b in zip(own, operands, strict=True):
            plain = a == b if a[0] != "c" else b[0] == "c" or (b[0] == "b" and name in _ARITHMETIC)
            if not plain or paired.setdefault(a, b) != b:
                return None
    constants = {a: b for a, b in paired.items() if a[0] == "c"}
    for a, b in constants.items():
        if b[0] == "c" and _bits(program.constants[int(a[1])]) != _bits(symbolic.constants[int(b[1])]):
            return None
    found = {int(a[1]): int(b[1]) for a, b in constants.items() if b[0] == "b"}
    return found if len(constants) == len(set(constants.values())) else None


def _bits(value: float) -> bytes:
    return struct.pack("d", value)

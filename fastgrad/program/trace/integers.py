"""Integers in a trace, which computes with doubles: how large they may be, and where doubles are not enough.

NumPy computes with int64 rows of batch arguments in int64, which wraps at 2**63, and divides by 0 to 0; Python's own
integers, of which a branch chooses one, have no end. Doubles hold whole numbers up to 2**53: up to there the arithmetic
is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray

from ..program import Operand
from .refusals import refuse

LARGEST = 2**53

_GROWING: dict[str, Callable[..., int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a + b,
    "*": lambda a, b: a * b,
    "neg": lambda a: a,
    "abs": lambda a: a,
    "mod": max,
    "fmod": max,
    "floordiv": max,
    "pow": lambda a, b: LARGEST + 1,  # of whole numbers below 2**53 too
    **dict.fromkeys(("floor", "ceil", "trunc", "rint", "sign"), lambda a: a),
}
_CHOOSING = {"max", "min", "fmax", "fmin", "select"}  # what rounds one of its operands, or the result, is the same
_COMPARING = {"lt", "le", "gt", "ge", "eq", "ne"}
_DIVIDING = {"mod", "fmod", "floordiv"}


def bits(rows: NDArray[Any]) -> int:
    """How many bits the largest integer of an array has; those of its type if that has less than 64; 0 of floats."""
    if rows.dtype.kind not in "iub" or not rows.size:
        return 0
    if rows.dtype.itemsize < 8:
        return 1 if rows.dtype.kind == "b" else 8 * rows.dtype.itemsize
    return max(abs(int(rows.min())), abs(int(rows.max()))).bit_length()


def size(sizes: Mapping[Operand, int], name: str, operands: tuple[Operand, ...]) -> int | None:
    """The largest absolute value of a node, if it is an integer; refused where a double may not hold it.

    `sizes` are those of what is an integer so far. Together with a float it is one.
    """
    known = [sizes.get(o) for o in operands]
    found = [n for n in known if n is not None]
    if name == "pow" and known[0] is not None and operands[1][0] == "k" and float(operands[1][1]).is_integer():
        found = [known[0], LARGEST]
    if len(found) < len(known) or not found:
        return None
    if name in _COMPARING:
        _check(sizes, max(found))
    if name in _DIVIDING and (operands[1][0] != "c" or not found[1]):
        refuse(f"f divides integers{_whose(sizes)}, of which NumPy makes 0 where it is by 0; {_instead(sizes)}")
    if name in _GROWING:
        return _check(sizes, _GROWING[name](*found))
    return max(found) if name in _CHOOSING else None


def note_size(trace: Any, key: tuple[Any, ...]) -> None:
    """Of integers, masks among them, NumPy makes integers."""
    name, operands = key[0], key[2:] if key[0] == "select" else key[1:]
    found = 1 if name == "tofloat" else size(trace.whole, name, operands)
    if found is not None:
        trace.whole["v", len(trace.nodes)] = found


def note(trace: Any, key: tuple[Any, ...]) -> None:
    """What is made of integers, and of numbers that may be some."""
    name, operands = key[0], key[2:] if key[0] == "select" else key[1:]
    place, known = ("v", len(trace.nodes)), trace.integers
    if name == "tofloat" or (not known.isdisjoint(operands) and all(o[0] in "kc" or o in known for o in operands)):
        known.add(place)
    if name == "tofloat" or all(o in trace.counted or o in trace.whole for o in operands):
        trace.counted.add(place)


def _whose(sizes: Mapping[Operand, int]) -> str:
    return " of batch_args" if any(kind == "b" for kind, _ in sizes) else ", of which a branch chooses one"


def _instead(sizes: Mapping[Operand, int]) -> str:
    rows = any(kind == "b" for kind, _ in sizes)
    return "pass batch_args of float64, as in a.astype(float)" if rows else "write floats, such as 3.0 for 3"


def _check(sizes: Mapping[Operand, int], largest: int) -> int:
    if largest > LARGEST:
        refuse(f"f computes with integers{_whose(sizes)} that may exceed 2**53, as doubles cannot; {_instead(sizes)}")
    return largest

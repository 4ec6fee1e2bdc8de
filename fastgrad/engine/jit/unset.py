"""Local variables that may be read before they are set: Python raises then, what Numba compiles reads 0.

Where a loop makes no turn what only its body sets is not set. Loops over arrays, and ranges of what is known before f
runs, are taken to make one.
"""

from __future__ import annotations

import dis
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise, takewhile
from types import CodeType

from ...program.captures import instructions

_PARTS = re.compile(r"(LOAD|STORE|DELETE)_FAST(?:_CHECK|_BORROW)?")
_ENDS = {"RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE"}
_AFTER_ALWAYS = ("JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT", "JUMP_ABSOLUTE", "JUMP")
_BESIDE = {"CACHE", "PRECALL", "PUSH_NULL", "NOT_TAKEN", "EXTENDED_ARG", "NOP", "RESUME"}
_KNOWN = {
    "LOAD_CONST", "LOAD_SMALL_INT", "LOAD_GLOBAL", "LOAD_DEREF", "BINARY_SUBSCR", "BINARY_OP", "CALL", "LOAD_ATTR",
}  # fmt: skip

Names = frozenset[str]


@lru_cache(maxsize=1024)
def unset(code: CodeType) -> str:
    """The name of a local variable that may be read before it is set; "" if there is none."""
    steps = list(instructions(code))
    places = {step.offset: k for k, step in enumerate(steps)}
    arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4)]
    known: dict[int, Names] = {0: frozenset(arguments)}
    todo = [0]
    while todo:
        k = todo.pop()
        for target, names in _after(steps, places, k, known[k]):
            there = known.get(target)
            new = names if there is None else there & names
            if new != there:
                known[target] = new
                todo.append(target)
    reads = ((name, known[k]) for k in sorted(known) for kind, name in _accesses(steps[k]) if kind == "LOAD")
    return next((name for name, set_before in reads if name not in set_before), "")


def _accesses(step: dis.Instruction) -> list[tuple[str, str]]:
    """What an instruction does with local variables, in its order; what it stores first it reads then."""
    kinds = ["DELETE"] if step.opname == "LOAD_FAST_AND_CLEAR" else _PARTS.findall(step.opname)
    names = step.argval if isinstance(step.argval, tuple) else (step.argval,)
    found = list(zip(kinds, names, strict=False))
    stored = {name for kind, name in found if kind == "STORE"}
    return [(kind, name) for kind, name in found if not (kind == "LOAD" and name in stored)]


def _after(
    steps: list[dis.Instruction], places: dict[int, int], k: int, names: Names
) -> Iterator[tuple[int, Names]]:  # fmt: skip
    """Where an instruction leads to, and what is set there."""
    step = steps[k]
    for kind, name in _accesses(step):
        names = names | {name} if kind == "STORE" else names - {name} if kind == "DELETE" else names
    jumps = step.opcode in dis.hasjrel or step.opcode in dis.hasjabs
    if jumps and not (step.opname == "FOR_ITER" and _turns(steps, k)):
        yield places[step.argval], names
    if step.opname.startswith("JUMP_BACKWARD") and steps[places[step.argval]].opname == "FOR_ITER":
        loop = steps[places[step.argval]]
        yield places[loop.argval], names  # the way out of a loop that has made a turn
    if step.opname not in _ENDS and step.opname not in _AFTER_ALWAYS and k + 1 < len(steps):
        yield k + 1, names


def _turns(steps: list[dis.Instruction], k: int) -> bool:
    """Whether the loop that begins there makes a turn, as far as is known before f runs."""
    before = [step for step in reversed(steps[:k]) if step.opname not in _BESIDE]
    if not before or before[0].opname != "GET_ITER":
        return False
    over_an_array = before[1].opname != "CALL"
    return over_an_array or _goes_over_arrays(before[2:]) or _range_turns(before[1:])


def _range_turns(before: list[dis.Instruction]) -> bool:
    """Whether a call of range gives numbers; bounds that are not known yet are taken to."""
    numbers, calls = list[object](), 0
    for after, step in pairwise(before):
        if step.argval == "range" and not calls:
            known = [n for n in reversed(numbers) if type(n) is int]
            return len(known) < len(numbers) or len(range(*known)) > 0
        sized = after.opname == "LOAD_ATTR" or (after.opname == "CALL" and calls > 0)  # x.shape, len(x)
        if step.opname not in _KNOWN and not (step.opname.startswith("LOAD_FAST") and sized):
            return False
        calls += (step.opname == "CALL") - (step.argval == "len")
        if step.opname == "LOAD_GLOBAL" and calls:  # of another function
            return False
        numbers.append(step.argval if step.opname in {"LOAD_CONST", "LOAD_SMALL_INT"} else None)
    return False


def _goes_over_arrays(before: list[dis.Instruction]) -> bool:
    """Whether what is called goes over all of what it is given, and that is there already."""
    loads = takewhile(lambda step: step.opname.startswith("LOAD_"), before)
    return next((step.argval in _OVER_ALL for step in loads if step.opname == "LOAD_GLOBAL"), False)


_OVER_ALL = {"enumerate", "zip", "reversed"}

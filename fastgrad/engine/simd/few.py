"""Calls that are not worth a kernel: NumPy runs f's program, and LLVM need not even be imported."""

from __future__ import annotations

from ...results import EngineError
from ..bound import Code
from ..call import Call
from .displaced import checked_code
from .traces import TracedFunction, check_outputs, proved, traced

# Nodes of f, traced in 1 to 3 us each, for each call of f that they replace: f has as many for each coordinate as it
# has operations on arrays, of which each takes 1 us in each call.
FOR_EACH = 4
WIDEST = 1_000_000  # numbers of all nodes at all displaced points, 8 MB
_DISPLACED = "displaced"


def exact_code(call: Call) -> Code:
    """The code for exact derivatives at a few points.

    Raises
    ------
    EngineError
        f cannot be traced, or the traced form does not give what f gives.
    """
    return exact_code_of(traced(call), call)


def exact_code_of(kept: TracedFunction, call: Call) -> Code:
    """That of an f whose program is at hand."""
    check_outputs(call, kept.program)

    def make() -> Code:
        from . import scheduled  # noqa: PLC0415  only for what is exact

        return scheduled.checked_code(call, kept.program)

    return kept.code((call.table.key, "few"), call, make)


def differences_code(call: Call) -> Code | None:
    """The code for differences at some points; None of a function that is traced at every call, or not at all."""
    calls = call.evaluations
    kept = proved(call, min(FOR_EACH * calls, WIDEST // calls))
    if kept is None or not kept.program.outputs or (not call.vector and len(kept.program.outputs) != 1):
        return None
    try:
        return kept.code(_DISPLACED, call, lambda: checked_code(call, kept.program))
    except EngineError:
        return None

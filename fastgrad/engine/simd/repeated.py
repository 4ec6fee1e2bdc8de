"""A kernel for points that arrive again and again in one shape: bound once, then a call costs what the kernel costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...formulas.stencils import value
from ...llvm import machine
from ...program.differences import Written
from ...program.parameters import Parameters
from ...program.program import Program
from ...program.rowschedule import RowSchedule
from ...program.schedule import Schedule
from ...results import EngineError
from ..call import Call, Rows
from .code import Code, code_of
from .families import family_of
from .looks import Looks
from .scheduled import scheduled
from .traces import TracedFunction, traced, traced_parameters

Array = NDArray[np.float64]
Run = Callable[[Array], Any]
SetConstants = Callable[[tuple[float, ...]], None]

Tune = Callable[[Mapping[tuple[str, str], float]], bool | None]


class Repeated(NamedTuple):
    """A kernel that is bound.

    Attributes
    ----------
    run : callable
        Takes points and gives the derivative.
    tune : callable
        Takes over other floats for those that f captures, by their kind and name. Whether that was possible; None where
        it never is.
    """

    run: Run
    tune: Tune


# Of a longer derivative LLVM takes 0.1 to 0.3 s to make what saves 50 us a call beside NumPy, unless there is one thing
# after the other: NumPy takes 1.5 us for each of its calls, LLVM 40 us for a node once, so that of 4 nodes to a call it
# is repaid by 100 calls. A likelihood that goes through 500 numbers in a loop takes 17 ms by NumPy, 0.1 ms compiled.
# Of 1 000 variables differences by Python cost 13 ms and LLVM takes 0.8 s: they are compiled whenever they can be
# written out.
LONGEST_EXACT, AT_ONCE = 1_500, 4


def repeat(call: Call, lead: tuple[int, ...], tail: tuple[int, ...], program: Program | None = None) -> Repeated:
    """What takes points in the shape of the call's and gives the derivative, its shape `lead`, that of f's and `tail`.

    Of f's `program`, if that is known, or else of its trace. With f's values where the call wants them; None where f
    itself has to be asked: something is not finite, or a given step vanishes. Threads may share it: each of them has
    its own arrays.

    Raises
    ------
    EngineError
        f cannot be traced, or another way is as fast.
    """
    often = replace(call, often=True)
    kept, count = TracedFunction(program) if program else traced(often), call.points.count
    if 1 < count < machine.lanes():
        msg = f"{count} points are fewer than the processor has lanes"
        raise EngineError(msg)
    if call.table.is_exact and _is_wide(*scheduled(kept.program, call.table)):
        msg = "its derivative is too long to be worth compiling"
        raise EngineError(msg)
    code = code_of(kept, often)
    if not isinstance(code, Code) or code.family.how != "written":
        msg = "its table is too long to be written out"
        raise EngineError(msg)
    shape = (*lead, *(kept.program.shape if call.vector else ()), *tail)
    given = (*lead, *call.points.shape)
    run, set_constants = _run(code, often, given, shape)
    looks = Looks(often, kept, lambda program: _values(program, often, lead, given))
    tune = _tuner(call, code.program, [set_constants, looks.set_constants])
    return Repeated(_looking(run, looks) if looks else run, tune)


def _is_wide(written: Written, steps: Schedule | RowSchedule) -> bool:
    """Whether NumPy computes a long derivative in few calls; not for each of many rows."""
    nodes, tables = len(written.program.nodes), written.program.tables
    return not tables and nodes > LONGEST_EXACT and nodes > AT_ONCE * len(steps.steps)


def _run(code: Code, call: Call, given: tuple[int, ...], shape: tuple[int, ...]) -> tuple[Run, SetConstants]:
    """What takes points, and what takes over other constants."""
    free = [_arrays(code, call, given, shape)]  # lists let threads take and give back without a lock

    def set_constants(constants: tuple[float, ...]) -> None:
        nonlocal code, free
        code = Code(replace(code.program, constants=constants), code.table, code.family)
        try:
            held = free.pop()
        except IndexError:
            held = _arrays(code, call, given, shape)
        held[-1].set_numbers(code.numbers)
        free = [held]  # what is in use goes back to the list that it came from

    def run(x: Array) -> Any:
        mine = free
        try:
            held = mine.pop()
        except IndexError:
            held = _arrays(code, call, given, shape)
        source, out, values, kernel, items, address, _ = held
        source[...] = x
        found: Any = None
        if not kernel(0, items, address):
            found = out.copy() if values is None else (values.copy()[()], out.copy())
        mine.append(held)
        return found

    return run, set_constants


def _looking(run: Run, looks: Looks) -> Run:
    """As `run`; None where f turns out to be something else."""

    def looking(x: Array) -> Any:
        try:
            looks.check(x)
        except EngineError:
            return None
        return run(x)

    return looking


def _values(program: Program, call: Call, lead: tuple[int, ...], given: tuple[int, ...]) -> tuple[Run, SetConstants]:
    """A program's own values at points like a call's."""
    table = value()
    steps = replace(call.steps, rule="default", size=np.asarray(1.0))
    own = replace(call, table=table, steps=steps, v=None, t=None, value=False, bounds=None)
    code = Code(program, table, family_of(program, table))
    return _run(code, own, given, (*lead, len(program.outputs)))


def _tuner(call: Call, program: Program, setting: Sequence[SetConstants]) -> Tune:
    known: list[Parameters | None] = []

    def tune(floats: Mapping[tuple[str, str], float]) -> bool | None:
        if not known:
            known.append(None if program.tables else traced_parameters(call, program))
        constants = known[0] and known[0].constants(floats)
        if constants:
            for set_constants in setting:
                set_constants(constants)
        return None if known[0] is None else bool(constants)

    return tune


def _arrays(code: Code, call: Call, given: tuple[int, ...], shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Where points come and results go, the kernel, its items and the address of its arguments; and what holds them."""
    count, points = call.points.count, call.points
    source, out = np.zeros(points.layout), np.empty(shape)
    own = replace(call, points=Rows(source, points.shape))
    values: Any = np.empty(count) if call.value else None
    kernel, block, (items, _), _, places = code.laid_out(own, out.reshape(count, -1), values)
    if places is not None:
        msg = "most of its results are 0"
        raise EngineError(msg)
    if values is not None and count == 1:
        values = block.memory[block.values.start : block.values.start + 1].reshape(
            given[: len(given) - len(points.shape)]
        )
    return source.reshape(given), out, values, kernel, items, block.address, block

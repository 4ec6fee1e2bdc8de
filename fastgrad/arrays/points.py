"""Gradients at one point of a function that computes with whole arrays: of its argument only, all else is constant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..engine.bound import Facts
from ..engine.call import Call, Output, Target, subset
from ..engine.choose import ARRAYS, warn_once
from ..engine.threads import Report
from ..formulas.values import as_number
from ..program.program import Program
from ..program.trace.retargeted import is_of_whole_arrays
from ..results import EngineError
from .losses import ArrayLoss
from .nodes import Array, RefusedError, counted

DATA = 4096
"""Numbers that a function captures, above which its program of single numbers would be long."""

ALONE = 512
"""So many, of an f without loops: by single numbers an exact gradient takes 3 us for each, by arrays 0.4 ms."""

MANY = 32
"""Coordinates; with fewer, differences call f a few times only."""

UNTOLD = 1_000
"""Points that may be taken one after the other, for half a second, without a word."""

KEPT, GROWN = 3_000, 4
"""Objects that f reaches, all copied where it is recorded: so many, and so many times those of the first point, and
each point takes longer than the one before."""

COPIED = 2_000_000
"""Objects that may be copied for all points of a call, some 10 s."""

GROWS = (
    "f keeps what it computes: it reaches {:,} objects after {:,} of {:,} points, and all of them are copied at each; "
    "let it keep nothing, or use method='central'"
)

MANY_OBJECTS = (
    "f reaches {:,} objects, all of which are copied at each of {:,} points; let it reach fewer, as by a smaller memo, "
    "or use method='central'"
)

REFUSED = "engine='arrays' cannot run this function: {}"


def suits(call: Call) -> bool:
    """Whether a call is a gradient at one point of which array programs know something."""
    plain = not (call.scalar or call.batch or call.adaptive or call.table.is_complex)
    plain = plain and call.noise is None and (call.bounds is None or call.table.is_exact)
    known = call.table.name == "gradient" or (call.table.is_exact and call.table.name in _OTHERS)
    return plain and known and call.points.count == 1


def has_much_data(call: Call) -> bool:
    """Whether a call at one point is to be tried here first: f reads many numbers beside its argument.

    Differences of few coordinates call f a few times only. Exact derivatives by few coordinates of an f that goes over
    its data in a loop are better made of single numbers.
    """
    if call.points.count != 1:
        return False
    if call.points.dimension < MANY:
        return call.table.is_exact and is_of_data(call)
    loss, _ = _loss(call)
    return _beside(loss) >= DATA and (call.table.is_exact or loss.is_worth_a_look(call.evaluations))


def is_of_data(call: Call) -> bool:
    """Whether f computes with whole arrays of many numbers, so that a call of it costs less than its single numbers."""
    return _beside(_loss(call)[0]) >= ALONE and is_of_whole_arrays(call.f)


def over_rows(call: Call) -> Program | None:
    """f's program with sums over the rows of its data; None where it is not that."""
    from .recording import record  # noqa: PLC0415  loads much that few functions need
    from .tabulated import tabulated  # noqa: PLC0415

    loss, _ = _loss(call)
    try:
        recording = record(loss.function, loss.arrays, loss.argument)
        return None if recording.generators else tabulated(recording)
    except RefusedError:
        return None


def _beside(loss: ArrayLoss) -> int:
    """How many numbers it reads beside its argument."""
    return loss.numbers() - sum(array.size for array in loss.arrays.values())


def fill(call: Call, out: Any, values: Array | None, report: Report | None = None) -> Facts | None:
    """Fill the derivatives; None where f has no such program, where it does not agree with f, or does not pay."""
    if not suits(call):
        return None
    try:
        return _filled(call, out, values, report, asked=False)
    except RefusedError:
        return None


def fill_each(call: Call, out: Any, values: Array | None, report: Report | None, reason: object) -> Facts | None:
    """As `fill`, of any number of points, one after the other, with the reason why not otherwise."""
    calls, count, usual = 0, call.points.count, 0
    for n in range(count):
        part = slice(n, n + 1)
        facts = fill(_at(call, n), _part(out, part), None if values is None else values[part])
        if facts is None:
            return None
        calls, usual = calls + facts.nfev, usual or counted.copies
        if not n and counted.copies * count > COPIED:
            raise EngineError(MANY_OBJECTS.format(counted.copies, count))
        if counted.copies > max(KEPT, GROWN * usual):
            raise EngineError(GROWS.format(counted.copies, n + 1, count))
        if not n and count > UNTOLD:
            warn_once(call.f, f"f is differentiated at one of {count:,} points after the other: {reason}")
        if report:
            report(n + 1, count)
    return Facts("arrays", calls)


def _at(call: Call, n: int) -> Call:
    """The same call at one of its points."""
    return replace(subset(call, np.array([n])), args=call.args_at(n), batch=())


def _part(out: Output, some: slice) -> Output:
    return Target(lambda shape: out.reserve(shape)[some]) if isinstance(out, Target) else out[some]


def fill_asked(call: Call, out: Any, values: Array | None, report: Report | None = None) -> Facts:
    """The same for engine="arrays"."""
    if not suits(call):
        raise EngineError(ARRAYS)
    try:
        return _filled(call, out, values, report, asked=True)
    except RefusedError as refused:
        raise EngineError(REFUSED.format(refused)) from refused


def _filled(call: Call, out: Any, values: Array | None, report: Report | None, *, asked: bool) -> Facts:
    from .live import exact  # noqa: PLC0415  loads much that few functions need

    loss, own = _loss(call)
    if call.table.name in _OTHERS:
        _OTHERS[call.table.name](call, loss, own, out)
        return Facts("arrays", call.evaluations)
    if call.table.is_exact:
        value, found = exact(loss)
        out[0] = found[""].reshape(-1)
    else:
        value = loss.value() if values is not None else 0.0
        _fill_differences(call, loss, own, out, report, asked)
    if values is not None:
        values[0] = value
    return Facts("arrays", call.evaluations)


def described(call: Call, asked: bool) -> str:
    """How a call would run, or nothing where it would not run so.

    Raises
    ------
    EngineError
        It was asked for, and cannot be had.
    """
    if asked and not suits(call):
        raise EngineError(ARRAYS)
    if not suits(call) or not (asked or has_much_data(call)):
        return ""
    from .live import described as how  # noqa: PLC0415

    try:
        return how(_loss(call)[0], None if call.table.is_exact else call.table.stencil, asked)
    except RefusedError as refused:
        if not asked:
            return ""
        raise EngineError(REFUSED.format(refused)) from refused


def described_each(call: Call) -> str:
    """How `fill_each` would run, or nothing; as the first point does."""
    from .live import described as how  # noqa: PLC0415

    one = _at(call, 0)
    try:
        return how(_loss(one)[0], None, asked=False) if suits(one) else ""
    except RefusedError:
        return ""


def _loss(call: Call) -> tuple[ArrayLoss, Array]:
    """f of an array of its own, which is moved where f is checked."""
    own = np.array(call.points.row(0)).reshape(call.points.shape)
    args = call.args_at(0)

    def value() -> float:
        return as_number(call.f(own.copy(), *args))

    return ArrayLoss(call.f, lambda arrays: (arrays[""], *args), value, {"": own}), own


def _outputs(call: Call, own: Array) -> Callable[[], Any]:
    args = call.args_at(0)
    return lambda: call.f(own.copy(), *args)


def _fill_jacobian(call: Call, loss: ArrayLoss, own: Array, out: Any) -> None:
    from .outputs import jacobian  # noqa: PLC0415

    found, shape = jacobian(loss, _outputs(call, own))
    out.reserve(shape)[0] = found


def _fill_along(call: Call, loss: ArrayLoss, own: Array, out: Any) -> None:
    from .outputs import along  # noqa: PLC0415

    assert call.v is not None
    found, shape = along(loss, _outputs(call, own), call.v[0].reshape(own.shape))
    out.reserve(shape)[0, :, 0] = found


def _fill_second(call: Call, loss: ArrayLoss, own: Array, out: Any) -> None:
    from .outputs import hessian_times  # noqa: PLC0415

    if call.v is not None:
        out[0] = hessian_times(loss, call.v)[0]
        return
    found = hessian_times(loss, np.eye(own.size))
    out[0] = ((found + found.T) / 2).reshape(-1)


_OTHERS: dict[str, Callable[[Call, ArrayLoss, Array, Any], None]] = {
    "jacobian": _fill_jacobian, "jvp": _fill_along, "hvp": _fill_second, "hessian": _fill_second
}  # fmt: skip


def _fill_differences(
    call: Call, loss: ArrayLoss, own: Array, out: Array, report: Report | None, asked: bool
) -> None:  # fmt: skip
    from .live import sums  # noqa: PLC0415

    row, formula = own.reshape(1, -1), call.table.stencil
    h = call.steps.checked(row).reshape(-1)
    found = sums(loss, {"": np.arange(own.size)}, {"": h}, formula, asked=asked, report=report)
    with np.errstate(all="ignore"):
        out[0] = found[""] / (formula.denominator * h)

"""method="complex" in the python engine: f is called as it is, on points that are moved along the imaginary axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...formulas.steps import Steps
from ...formulas.values import as_number, imaginary_part
from ...program.look import Look, references
from ...results import EPS
from ..call import Call, Output, Target
from ..threads import Report
from . import elementwise
from . import workers as shares
from .buffer import look_at

Array = NDArray[Any]


def apply(
    call: Call, out: Output, values: Array | None = None, report: Report | None = None, workers: int = 1
) -> tuple[int, float]:
    """As `buffer.apply`. What counts of f's value is the imaginary part."""
    look, workers = look_at(call, out, lambda z, *args: imaginary_part(call.f(z, *args))), shares.possible(workers)
    along = report if call.points.count == 1 else None

    def some(start: int, stop: int, out: Output, values: Array | None, tick: Callable[[int], object]) -> None:
        for n in range(start, stop):
            look.args = call.args_at(n)
            derivatives = _row(call, look, workers, n, along)
            array: Any = out.array if isinstance(out, Target) else out
            array[n] = derivatives
            if values is not None:
                values[n] = as_number(call.f(call.argument(call.points.row(n)), *look.args))
                look.count += 1
            tick(n)

    if call.table.count:
        shares.over_points(call.points.count, look, workers, some, out, values, report)
    elif isinstance(out, Target):  # no direction, so that f has not shown what it returns
        look.read(look.ask(call.argument(call.points.row(0)).astype(complex), *call.args_at(0)))
    return look.count, EPS


def _row(call: Call, look: Look, workers: int, n: int, report: Report | None) -> Array:
    """The derivatives at one point."""
    row = np.array(call.points.row(n), dtype=np.float64)
    h, count = _steps_at(call, n, row), call.table.count

    def along(some: range, values: Any, told: Report | None = None) -> Any:
        return _along(call, look, row, h, None if call.v is None else call.v[n], some, values, told)

    if workers > 1 and call.points.count == 1 and count > 2:
        values = along(range(1), None)
        shares.over_directions(count, look, workers, along, values, report)
    else:
        values = along(range(count), None, report)
    with np.errstate(all="ignore"):
        return call.table.combine(values.T if call.vector else values[:, 0], h)


def _along(
    call: Call, look: Look, row: Array, h: Array, v: Array | None, some: range, values: Any, told: Report | None
) -> Any:
    """The imaginary part of f in some directions, into their places in `values`.

    The buffer is written anew before each call, so that f may write into it; what f keeps is left to it.
    """
    buffer, units = np.empty(call.points.shape, dtype=complex), call.table.units.tolist()
    z = buffer.reshape(-1)
    for r in some:
        z[:] = row
        if units[r] < row.size:
            z.imag[units[r]] = h[units[r]]
        elif v is not None:
            z.imag = h[-1] * v
        held = references(buffer)
        value = look.read(look.call(z[0] if call.scalar else buffer))
        look.count += 1
        values = np.empty((len(units), np.size(value))) if values is None else values
        values[r] = np.reshape(value, -1)
        if references(buffer) != held:
            buffer = look.leave(buffer)
            z = buffer.reshape(-1)
        if told and r:
            told(r + 1, len(units))
    return values


def _steps_at(call: Call, n: int, row: Array) -> Array:
    """The steps of the unit vectors."""
    h = call.steps.part(n, call.points.layout).in_rows(row)
    return h if call.t is None else np.append(h, call.t[n])


def apply_to_arrays(call: Call, out: Array) -> tuple[int, float] | None:
    """A function of one variable on all points at once, or None where f refuses arrays."""
    x, size = call.points.row(slice(None)).reshape(call.whole), call.steps.size
    h = Steps(call.steps.rule, size.reshape(x.shape) if size.ndim else size).at(x)
    z = x.astype(complex)
    z.imag = h
    try:
        value = np.asarray(call.f(z.copy(), *call.args))
    except Exception:  # noqa: BLE001  whatever is wrong, a call with one element says it better
        return None
    if value.shape != x.shape or value.dtype != np.complex128:
        return None
    asked = _check_ends(call, z, value)
    with np.errstate(all="ignore"):
        out[...] = (value.imag / h).reshape(out.shape)
    return 1 + asked, EPS


def _check_ends(call: Call, z: Array, value: Array) -> int:
    """f of the array and of its mirror image, where what is real on the real axis has the opposite imaginary part."""
    z, value = z.reshape(-1), value.reshape(-1)

    def ends(picks: Any) -> elementwise.Ends:
        a, of_a = z[picks], value[picks]
        sizes = np.fmax(np.abs(of_a.imag), a.imag * np.abs(of_a.real))
        return elementwise.Ends(a, a.conj(), of_a.imag, -of_a.imag, sizes)

    return elementwise.check_ends(call, call.whole, ends, part=np.imag)

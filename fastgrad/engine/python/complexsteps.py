"""method="complex" in the python engine: f is called as it is, on points that are moved along the imaginary axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...formulas.steps import Steps
from ...formulas.values import as_number, as_numbers, imaginary_part
from ...results import EPS
from .. import forks
from ..call import Call, Output, Target
from ..threads import Report
from .buffer import over_points

Array = NDArray[np.float64]


class Caller:
    """Calls f on a complex point; what counts of its value is the imaginary part."""

    def __init__(self, call: Call, out: Output, workers: int) -> None:
        self.f, self.out, self.args, self.workers, self.count = call.f, out, call.args, workers, 0

    def call(self, z: Any) -> Any:
        self.count += 1
        value = imaginary_part(self.f(z, *self.args))
        if not isinstance(self.out, Target):
            return as_number(value)
        numbers = as_numbers(value)
        self.out.reserve(numbers.shape)
        return numbers.ravel()


def apply(
    call: Call, out: Output, values: Array | None = None, report: Report | None = None, workers: int = 1
) -> tuple[int, float]:
    """As `inplace.apply`. The buffer is written anew before each call, so that f may write into it."""
    caller: Any = Caller(call, out, workers if workers > 1 and forks.possible() else 1)
    along = report if call.points.count == 1 else None

    def some(start: int, stop: int, out: Output, values: Array | None, tick: Callable[[int], object]) -> None:
        for n in range(start, stop):
            caller.args = call.args_at(n)
            derivatives = _row(call, caller, n, along)
            array: Any = out.array if isinstance(out, Target) else out
            array[n] = derivatives
            if values is not None:
                values[n] = as_number(call.f(call.argument(call.points.row(n)), *caller.args))
                caller.count += 1
            tick(n)

    if len(call.table.moves):
        over_points(call, caller, some, out, values, report)
    elif isinstance(out, Target):  # no direction, so that f has not shown what it returns
        caller.call(call.argument(call.points.row(0)).astype(complex))
    return caller.count, EPS


def _row(call: Call, caller: Caller, n: int, report: Report | None) -> Array:
    """The derivatives at one point."""
    row = np.array(call.points.row(n), dtype=np.float64)
    h = _steps_at(call, n, row)
    z = np.empty(row.size, dtype=complex)
    buffer, units = z.reshape(call.points.shape), call.table.moves[:, 0].tolist()

    def along(r: int, values: Array | None) -> Array:
        """The imaginary part of f in a direction, into values[r]."""
        z[:] = row
        if units[r] < row.size:
            z.imag[units[r]] = h[units[r]]
        elif call.v is not None:
            z.imag = h[-1] * call.v[n]
        value = caller.call(z[0] if call.scalar else buffer)
        values = np.empty((len(units), np.size(value))) if values is None else values
        values[r] = value
        return values

    values = along(0, None)
    if caller.workers > 1 and call.points.count == 1 and len(units) > 2:
        _forked(caller, along, values, report)
    else:
        for r in range(1, len(units)):
            along(r, values)
            if report:
                report(r + 1, len(units))
    with np.errstate(all="ignore"):
        return call.table.combine(values.T if call.vector else values[:, 0], h)


def _forked(caller: Caller, along: Callable[..., Array], values: Array, report: Report | None) -> None:
    """The values in all directions but the first, in forked processes."""
    total, before = len(values), caller.count
    far, counts = forks.shared(values.shape), forks.shared((total,), np.int64)

    def work(start: int, stop: int) -> None:
        caller.count = 0
        for r in range(start + 1, stop + 1):
            along(r, far)
        counts[start + 1] = caller.count

    forks.run(work, total - 1, caller.workers, report and (lambda done, _: report(done + 1, total)))
    values[1:], caller.count = far[1:], before + int(counts.sum())


def _steps_at(call: Call, n: int, row: Array) -> Array:
    """The steps of the unit vectors."""
    size = call.steps.size
    size = np.broadcast_to(size, call.points.layout)[n] if size.ndim else size
    h = np.broadcast_to(Steps(call.steps.rule, size).at(row), row.shape)
    return h if call.t is None else np.append(h, call.t[n])


def apply_to_arrays(call: Call, out: Array) -> tuple[int, float] | None:
    """A function of one variable on all points at once, or None where f refuses arrays."""
    x, size = call.points.row(slice(None)).reshape(call.whole), call.steps.size
    h = Steps(call.steps.rule, size.reshape(x.shape) if size.ndim else size).at(x)
    z = x.astype(complex)
    z.imag = h
    try:
        value = np.asarray(call.f(z, *call.args))
    except Exception:  # noqa: BLE001  whatever is wrong, a call with one element says it better
        return None
    if value.shape != x.shape or value.dtype != np.complex128:
        return None
    with np.errstate(all="ignore"):
        out[...] = (value.imag / h).reshape(out.shape)
    return 1, EPS

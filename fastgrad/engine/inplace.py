"""The python engine: f is called as it is, on a buffer in which one coordinate at a time is moved."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..results import EPS, as_number, precision
from ..steps import Steps
from .call import Call
from .threads import Report

Array = NDArray[np.float64]


class _LowPrecisionError(Exception):
    """f returned float32 or float16 at its first call: the steps have to be larger."""

    def __init__(self, eps: float) -> None:
        self.eps = eps


class Caller:
    """Calls f on a buffer. The first call looks at what f returns and whether it writes into its argument."""

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...], eps: float = EPS) -> None:
        self.f, self.args, self.eps = f, args, eps
        self.count = 0
        self.call = self._first

    def _first(self, buffer: Any) -> float:
        before = buffer.copy()
        value = self.f(buffer, *self.args)
        self.count += 1
        if precision(value) > self.eps:
            raise _LowPrecisionError(precision(value))
        if buffer.tobytes() != before.tobytes():
            buffer[...] = before
            self.call = self._on_copy
        else:
            self.call = self._plain
        return as_number(value)

    def _plain(self, buffer: Any) -> float:
        self.count += 1
        value = self.f(buffer, *self.args)
        return float(value) if type(value) is np.float64 else as_number(value)

    def _on_copy(self, buffer: Any) -> float:
        self.count += 1
        return as_number(self.f(buffer.copy(), *self.args))


class Counted:
    """f, how often it was called, and the lowest precision of what it returned."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self.f, self.count, self.eps = f, 0, EPS

    def call(self, x: Any, *args: Any) -> Any:
        self.count += 1
        value = self.f(x, *args)
        self.eps = max(self.eps, precision(value))
        return value


def apply(call: Call, out: Array, values: Array | None = None, report: Report | None = None) -> tuple[int, float]:
    """Fill ``out[n, k]`` and ``values[n]``: (evaluations of f, precision of what it returned)."""
    f = (lambda x, *args: call.f(x[()], *args)) if call.scalar else call.f
    caller = Caller(f, call.args)
    try:
        _apply(call, caller, call.steps, out, values, report)
    except _LowPrecisionError as low:
        caller.eps = low.eps
        _apply(call, caller, call.steps_for(low.eps), out, values, report)
    return caller.count, caller.eps


def _apply(call: Call, caller: Caller, steps: Steps, out: Array, values: Array | None, report: Report | None) -> None:
    count, along_coordinates = call.points.count, report if call.points.count == 1 else None
    size = np.broadcast_to(steps.size, (count, call.points.dimension)) if steps.size.ndim else None
    for n in range(count):
        row = np.array(call.points.row(n), dtype=np.float64)
        at = steps if size is None else Steps(steps.rule, size[n])
        at.check(row)
        center = _row(call, caller, row, at.at(row), out[n], along_coordinates)
        if values is not None:
            values[n] = center
        if report and count > 1:
            report(n + 1, count)


def _row(call: Call, caller: Caller, row: Array, h: Array, out: Array, report: Report | None) -> float:
    """All differences at one point into `out`; f at the point itself where that is needed."""
    flat = row.copy()
    buffer: Any = flat if len(call.points.shape) == 1 else flat.reshape(call.points.shape)
    if call.scalar:
        buffer = flat.reshape(())
    center, sums = _sums(call, caller, buffer, flat, row.tolist(), h.tolist(), report)
    if center is None or flat.tobytes() != row.tobytes():  # f writes into its argument, only not at its first call
        caller.call = caller._on_copy
        flat[:] = row
        center, sums = _sums(call, caller, buffer, flat, row.tolist(), h.tolist(), report)
    formula = call.table.stencil
    with np.errstate(all="ignore"):
        np.divide(sums, formula.denominator * h**formula.derivative, out=out)
    return center or 0.0


def _sums(
    call: Call, caller: Caller, buffer: Any, flat: Array, xs: list[float], hs: list[float], report: Report | None
) -> tuple[float | None, list[float]]:
    """f at the point and the sums along the directions; None where f wrote into the coordinate that was moved."""
    formula, sums = call.table.stencil, []
    terms = [(c, formula.offsets[a], formula.offsets[b]) for c, a, b in formula.terms]
    center = caller.call(buffer) if call.needs_base else 0.0
    for i, (x, h) in enumerate(zip(xs, hs, strict=True)):
        total = 0.0
        for number, a, b in terms:
            flat[i] = moved = x + a * h
            above = caller.call(buffer)
            if flat[i] != moved and moved == moved:  # noqa: PLR0124  not NaN
                return None, []
            if b:
                flat[i] = moved = x + b * h
                below = caller.call(buffer)
                if flat[i] != moved and moved == moved:  # noqa: PLR0124
                    return None, []
            else:
                below = center
            total += number * (above - below)
        flat[i] = x
        sums.append(total)
        if report:
            report(i + 1, len(xs))
    return center, sums


class _RefusedError(Exception):
    """f does not take arrays element by element."""


def apply_to_arrays(call: Call, out: Array) -> tuple[int, float] | None:
    """A function of one variable on all points at once: as `apply`, or None where f refuses arrays."""
    x = call.points.row(slice(None)).reshape(call.whole)
    try:
        try:
            return _whole(call, x, call.steps, EPS, out), EPS
        except _LowPrecisionError as low:
            return 1 + _whole(call, x, call.steps_for(low.eps), low.eps, out), low.eps
    except _RefusedError:
        return None


def _whole(call: Call, x: Array, steps: Steps, eps: float, out: Array) -> int:
    formula, size = call.table.stencil, steps.size
    steps = Steps(steps.rule, size.reshape(x.shape) if size.ndim else size)
    steps.check(x)
    h = steps.at(x)
    values = []
    for k in formula.offsets:
        with np.errstate(all="ignore"):
            moved = x + k * h
        values.append(_array_value(call, moved, eps))
    with np.errstate(all="ignore"):
        total = sum(number * (values[a] - values[b]) for number, a, b in formula.terms)
        out[...] = (total / (formula.denominator * h**formula.derivative)).reshape(out.shape)
    return len(values)


def _array_value(call: Call, x: Array, eps: float) -> Array:
    shape = x.shape
    try:
        value = np.asarray(call.f(x, *call.args))
    except Exception:  # noqa: BLE001  whatever is wrong, a call with one element says it better
        raise _RefusedError from None
    if value.shape != shape or value.dtype.kind not in "fiub":
        raise _RefusedError
    if precision(value) > eps:
        raise _LowPrecisionError(precision(value))
    return value.astype(np.float64)


def reads_its_argument(call: Call) -> bool:
    """Whether f takes another value when every coordinate moves by an irregular amount of size max(1, |x_i|).

    f is evaluated at a stencil point and at that point. A function that raises or returns NaN there reacts.
    """
    row = call.finite_row()
    irregular = 0.25 + 0.5 * np.modf(0.61803398874989 * np.arange(1, row.size + 1))[0]
    moved = row + irregular * np.maximum(1.0, np.abs(row))
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            first, second = (as_number(call.f(call.argument(x), *call.args)) for x in (row, moved))
    except Exception:  # noqa: BLE001  whatever f raises, it has looked at its argument
        return True
    return first != second

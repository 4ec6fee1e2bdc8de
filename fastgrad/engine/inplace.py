"""The python engine: f is called as it is, on a buffer in which one coordinate at a time is moved."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..results import EPS, as_number, as_numbers, precision
from ..steps import Steps, irregular
from . import forked
from .call import Call, Output, Rows, Target
from .threads import Report

Array = NDArray[np.float64]


BLOCK = 1024  # points whose steps are computed together


class _LowPrecisionError(Exception):
    """f returned float32 or float16 at its first call: the steps have to be larger."""

    def __init__(self, eps: float) -> None:
        self.eps = eps


class Caller:
    """Calls f on a buffer. The first call looks at what f returns and whether it writes into its argument."""

    def __init__(
        self, f: Callable[..., Any], args: tuple[Any, ...], read: Callable[[Any], Any] = as_number, workers: int = 1
    ) -> None:
        self.f, self.args, self.eps, self.read, self.workers = f, args, EPS, read, workers
        self.count = 0
        self.call: Callable[[Any], Any] = self._first

    def _first(self, buffer: Any) -> Any:
        before = buffer.copy()
        value = self.f(buffer, *self.args)
        self.count += 1
        if precision(value) > self.eps:
            raise _LowPrecisionError(precision(value))
        result = self.read(value)  # before the buffer is restored: f may have returned it
        if buffer.tobytes() != before.tobytes():
            buffer[...] = before
            self.call = self._on_copy
        else:
            self.call = self._plain if self.read is as_number else self._read
        return result

    def _plain(self, buffer: Any) -> float:
        self.count += 1
        value = self.f(buffer, *self.args)
        return float(value) if type(value) is np.float64 else as_number(value)

    def _read(self, buffer: Any) -> Any:
        self.count += 1
        return self.read(self.f(buffer, *self.args))

    def _on_copy(self, buffer: Any) -> Any:
        self.count += 1
        return self.read(self.f(buffer.copy(), *self.args))


class Counted:
    """f, how often it was called, and the lowest precision of what it returned."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self.f, self.count, self.eps = f, 0, EPS

    def call(self, x: Any, *args: Any) -> Any:
        self.count += 1
        value = self.f(x, *args)
        self.eps = max(self.eps, precision(value))
        return value


def apply(
    call: Call, out: Output, values: Array | None = None, report: Report | None = None, workers: int = 1
) -> tuple[int, float]:
    """Fill ``out[n, k]`` and ``values[n]``: (evaluations of f, precision of what it returned).

    Several workers are forked processes; where a fork is not possible the work is done here, and a warning says why.
    """
    workers = workers if workers > 1 and forked.possible() else 1
    if call.table.is_value:
        return apply_values(call, out, report, workers)
    along_directions = workers > 1 and call.points.count == 1 and values is None
    if isinstance(out, Target) or not call.along_axes or (along_directions and not call.scalar):
        return apply_table(call, out, report, workers)
    f = (lambda x, *args: call.f(x[()], *args)) if call.scalar else call.f
    caller = Caller(f, call.args, workers=workers)
    try:
        _apply(call, caller, call.steps, out, values, report)
    except _LowPrecisionError as low:
        caller.eps = low.eps
        _apply(call, caller, call.steps_for(low.eps), out, values, report)
    return caller.count, caller.eps


def _apply(call: Call, caller: Caller, steps: Steps, out: Array, values: Array | None, report: Report | None) -> None:
    single = report if call.points.count == 1 else None

    def some(start: int, stop: int, out: Array, values: Array | None, tick: Callable[[int], object]) -> None:
        for first in range(start, stop, BLOCK):
            _block(call, caller, steps, range(first, min(first + BLOCK, stop)), out, values, tick, single)

    _points(call, caller, some, out, values, report)


def _points(
    call: Call,
    caller: Caller,
    some: Callable[..., None],
    out: Array | Target,
    values: Array | None,
    report: Report | None,
) -> None:
    """``some(start, stop, out, values, tick)`` for all points; with several workers the first here, the rest forked.

    The first shows what f returns, and whether it writes into its argument.
    """
    count = call.points.count
    tick = (lambda n: report(n + 1, count)) if report and count > 1 else (lambda n: None)
    if caller.workers == 1 or count < 3:
        some(0, count, out, values, tick)
        return
    some(0, 1, out, values, tick)
    array = out.array if isinstance(out, Target) else out
    assert array is not None
    far, seen = forked.shared(array.shape), None if values is None else forked.shared(values.shape)
    counts, before = forked.shared((count,), np.int64), caller.count

    def work(start: int, stop: int) -> None:
        caller.count = 0
        some(start + 1, stop + 1, far, seen, lambda n: None)
        counts[start + 1] = caller.count

    forked.run(work, count - 1, caller.workers, report and (lambda done, _: report(done + 1, count)))
    array[1:], caller.count = far[1:], before + int(counts.sum())
    if values is not None and seen is not None:
        values[1:] = seen[1:]


def _block(
    call: Call, caller: Caller, steps: Steps, numbers: range, out: Array, values: Array | None,
    tick: Callable[[int], object], along: Report | None,
) -> None:  # fmt: skip
    """Some points; their steps are computed together, which saves two thirds of the time beside a cheap f."""
    points, some = call.points, slice(numbers.start, numbers.stop)
    given = points.row(some) if isinstance(points, Rows) else points.row(np.arange(some.start, some.stop)).T
    rows = np.array(given, dtype=np.float64)
    at = Steps(steps.rule, np.broadcast_to(steps.size, points.layout)[some]) if steps.size.ndim else steps
    at.check(rows)
    h = at.at(rows)
    h = h if h.shape == rows.shape else np.broadcast_to(h, rows.shape)
    for n, row, hs in zip(numbers, rows, h.tolist(), strict=True):
        if call.batch:
            caller.args = call.args_at(n)
        center = _row(call, caller, row, hs, out[n], along)
        if values is not None:
            values[n] = center
        tick(n)
    formula = call.table.stencil
    with np.errstate(all="ignore"):
        out[some] /= formula.denominator * h**formula.derivative


def _row(call: Call, caller: Caller, row: Array, hs: list[float], out: Array, report: Report | None) -> float:
    """The sums along all coordinates at one point into `out`; f at the point itself where that is needed."""
    flat, before = row.copy(), row.tobytes()
    buffer: Any = flat if len(call.points.shape) == 1 else flat.reshape(call.points.shape)
    if call.scalar:
        buffer = flat.reshape(())
    center, sums = _sums(call, caller, buffer, flat, row.tolist(), hs, report)
    if center is None or flat.tobytes() != before:  # f writes into its argument, only not at its first call
        caller.call = caller._on_copy
        flat[:] = row
        center, sums = _sums(call, caller, buffer, flat, row.tolist(), hs, report)
    out[:] = sums
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


def apply_values(call: Call, out: Output, report: Report | None = None, workers: int = 1) -> tuple[int, float]:
    """As `apply`, for the table of no directions: f itself at every point."""
    reader = _reader(out) if isinstance(out, Target) else as_number
    f = (lambda x, *args: call.f(x[()], *args)) if call.scalar else call.f
    caller, points = Caller(f, call.args, reader, workers), call.points

    def some(start: int, stop: int, out: Output, _: Array | None, tick: Callable[[int], object]) -> None:
        flat = np.empty(points.dimension)
        buffer = flat.reshape(() if call.scalar else points.shape)
        for n in range(start, stop):
            if call.batch:
                caller.args = call.args_at(n)
            flat[:] = points.row(n)
            value = caller.call(buffer)
            array: Any = out.array if isinstance(out, Target) else out
            array[n, ..., 0] = value
            tick(n)

    try:
        _points(call, caller, some, out, None, report)
    except _LowPrecisionError as low:
        caller.eps = low.eps
        _points(call, caller, some, out, None, report)
    return caller.count, caller.eps


class _WroteError(Exception):
    """f wrote into its argument, only not at its first call."""


def apply_table(call: Call, out: Output, report: Report | None = None, workers: int = 1) -> tuple[int, float]:
    """As `apply`, for any directions and, where `out` is a `Target`, for an f that returns arrays."""
    caller = Caller(call.f, call.args, _reader(out) if isinstance(out, Target) else as_number, workers)
    try:
        _apply_table(call, caller, out, report)
    except _LowPrecisionError as low:
        caller.eps = low.eps
        _apply_table(call, caller, out, report)
    if isinstance(out, Target) and out.array is None:  # no direction, so that f has not been called
        caller.call(call.argument(call.points.row(0)))
    return caller.count, caller.eps


def _reader(target: Target) -> Callable[[Any], Array]:
    def read(value: Any) -> Array:
        if type(value) is np.ndarray and value.shape == target.shape and value.dtype == np.float64:
            return value.reshape(-1)  # who calls copies at once: f may use its array again
        array = as_numbers(value)
        target.reserve(array.shape)
        return array.ravel()

    return read


def _apply_table(call: Call, caller: Caller, out: Output, report: Report | None) -> None:
    points, steps, ts = call.points, call.steps_for(caller.eps), call.t_for(caller.eps)
    size, single = np.broadcast_to(steps.size, points.layout), report if points.count == 1 else None

    def some(start: int, stop: int, out: Output, _: Array | None, tick: Callable[[int], object]) -> None:
        for n in range(start, stop):
            caller.args = call.args_at(n)
            row, at = np.array(points.row(n), dtype=np.float64), Steps(steps.rule, size[n])
            if call.moves_coordinates:
                at.check(row)
            h = np.append(np.broadcast_to(at.at(row), row.shape), 1.0 if ts is None else ts[n])
            move = _mover(row, h.tolist(), None if call.v is None else call.v[n])
            sums = _sums_of_row(call, caller, row, move, single)
            array: Any = out.array if isinstance(out, Target) else out
            with np.errstate(all="ignore"):
                array[n] = call.table.combine(sums, h)
            tick(n)

    if len(call.table.moves):
        _points(call, caller, some, out, None, report)


def _mover(row: Array, h: list[float], v: Array | None) -> Callable[..., None]:
    """What writes the point, moved by k steps along a direction, into an array."""
    v = np.zeros(0) if v is None else v
    moving = np.flatnonzero(v)  # the other coordinates keep their bits, -0.0 too
    part = v[moving]

    def move(flat: Array, moves: list[int], signs: list[int], k: int) -> None:
        flat[:] = row
        for unit, sign in zip(moves, signs, strict=True):
            if 0 <= unit < row.size:
                flat[unit] = flat.item(unit) + sign * k * h[unit]
            elif unit >= 0:
                with np.errstate(all="ignore"):
                    flat[moving] += sign * k * h[unit] * part

    return move


def _sums_of_row(call: Call, caller: Caller, row: Array, move: Callable[..., None], report: Report | None) -> Array:
    """The stencil's sums along all directions at one point: (R,), or (M, R) for M outputs of f."""
    try:
        return _sums_of_moves(call, caller, row, move, report)
    except _WroteError:
        caller.call = caller._on_copy
        return _sums_of_moves(call, caller, row, move, report)


def _sums_of_moves(call: Call, caller: Caller, row: Array, move: Callable[..., None], report: Report | None) -> Array:
    table, flat = call.table, row.copy()
    buffer, offsets = flat.reshape(call.points.shape), table.stencil.offsets
    center = np.array(_guarded(caller, buffer)) if call.needs_base else np.zeros(1)
    directions = list(zip(table.moves.tolist(), table.signs.tolist(), strict=True))

    def along(r: int, values: Array | None) -> Array:
        """f at the stencil's points in a direction, into values[r]."""
        for q, k in enumerate(offsets):
            if k:
                move(flat, *directions[r], k)
            value = _guarded(caller, buffer) if k else center
            if values is None:  # f has shown what it returns
                values = np.empty((len(directions), len(offsets), np.size(value)))
            values[r, q] = value
        assert values is not None
        if report:
            report(r + 1, len(directions))
        return values

    values = along(0, None)
    if caller.workers > 1 and call.points.count == 1 and len(directions) > 2:
        values = _forked_values(caller, along, values, report)
    else:
        for r in range(1, len(directions)):
            along(r, values)
    with np.errstate(all="ignore"):
        total = sum(number * (values[:, a] - values[:, b]) for number, a, b in table.stencil.terms)
    sums = np.asarray(total).T
    return sums if call.vector else sums[0]


def _forked_values(caller: Caller, along: Callable[..., Array], values: Array, report: Report | None) -> Array:
    """The values along all directions but the first, which the caller has, in forked processes."""
    count, before = len(values), caller.count
    far, counts = forked.shared(values.shape), forked.shared((count,), np.int64)
    far[0] = values[0]

    def work(start: int, stop: int) -> None:
        caller.count = 0
        for r in range(start + 1, stop + 1):
            along(r, far)
        counts[start + 1] = caller.count

    forked.run(work, count - 1, caller.workers, report and (lambda done, _: report(done + 1, count)))
    caller.count = before + int(counts.sum())
    return far


def _guarded(caller: Caller, buffer: Array) -> Any:
    """f on the buffer, if it leaves it as it was."""
    before = buffer.tobytes()
    value = caller.call(buffer)
    if buffer.tobytes() != before:
        raise _WroteError
    return value


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
        value = _array_value(call, moved)
        if precision(value) > eps:
            raise _LowPrecisionError(precision(value))
        values.append(value.astype(np.float64))
    with np.errstate(all="ignore"):
        total = sum(number * (values[a] - values[b]) for number, a, b in formula.terms)
        out[...] = (total / (formula.denominator * h**formula.derivative)).reshape(out.shape)
    return len(values)


def _array_value(call: Call, x: Array) -> Any:
    shape = x.shape
    try:
        value = np.asarray(call.f(x, *call.args))
    except Exception:  # noqa: BLE001  whatever is wrong, a call with one element says it better
        raise _RefusedError from None
    if value.shape != shape or value.dtype.kind not in "fiub":
        raise _RefusedError
    return value


def values_on_array(call: Call, x: Array) -> tuple[Array, float] | None:
    """f of an array in the shape of all points, and the precision of that; None where f refuses arrays."""
    try:
        value = _array_value(call, x.reshape(call.whole))
    except _RefusedError:
        return None
    return value.astype(np.float64).ravel(), precision(value)


def is_elementwise(call: Call) -> bool:
    """Whether f gives on an array of five points what it gives on each of them."""
    row = call.points.row(np.linspace(0, call.points.count - 1, 5).astype(int)).reshape(-1)
    with np.errstate(all="ignore"):
        together = np.asarray(call.f(row.copy(), *call.args))
        single = [as_number(call.f(np.float64(x), *call.args)) for x in row]
    return together.shape == row.shape and np.allclose(together, single, rtol=1e-9, atol=0.0, equal_nan=True)


def reads_its_argument(call: Call) -> bool:
    """Whether f takes another value when every coordinate moves by an irregular amount of size max(1, |x_i|).

    f is evaluated at a stencil point and at that point. A function that raises or returns NaN there reacts.
    """
    n = call.finite()
    row, args = call.points.row(n), call.args_at(n)
    moved = call.inside(n, row + irregular(row.size) * np.maximum(1.0, np.abs(row)))
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            first, second = (as_numbers(call.f(call.argument(x), *args)) for x in (row, moved))
    except Exception:  # noqa: BLE001  whatever f raises, it has looked at its argument
        return True
    return not np.array_equal(first, second)

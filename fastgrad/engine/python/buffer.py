"""The python engine: f is called as it is, on a buffer in which one coordinate at a time is moved."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...formulas.steps import Steps, irregular
from ...formulas.values import as_number, as_numbers, precision
from ...results import EPS
from .. import forks
from ..call import Call, Output, Rows, Target
from ..threads import Report

Array = NDArray[np.float64]


BLOCK = 1024  # points whose steps are computed together ...
NUMBERS = 1 << 16  # ... if f's values around them are no more than this
FEW = 16  # coordinates up to which Python's floats are faster than arrays


class _LowPrecisionError(Exception):
    """f returned float32 or float16 at its first call: the steps have to be larger."""

    def __init__(self, eps: float) -> None:
        self.eps = eps


class _WroteError(Exception):
    """f wrote into its argument, only not at its first call."""


class Caller:
    """Calls f on a buffer. The first call looks at what f returns and whether it writes into its argument."""

    def __init__(self, call: Call, out: Output, workers: int = 1) -> None:
        self.f: Callable[..., Any] = (lambda x, *args: call.f(x[()], *args)) if call.scalar else call.f
        self.read = _reader(out) if isinstance(out, Target) else as_number
        self.args, self.eps, self.workers, self.count = call.args, EPS, workers, 0
        self.call: Callable[[Any], Any] = self._first

    def _first(self, buffer: Any) -> Any:
        before = buffer.copy()
        value = self.f(buffer, *self.args)
        if precision(value) > self.eps:
            self.count += 1
            raise _LowPrecisionError(precision(value))
        result = self.read(value)  # before the buffer is restored: f may have returned it
        if buffer.tobytes() != before.tobytes():
            buffer[...] = before
            self.call = self.on_copy
        else:
            self.call = self._with_args if self.args else self.f
        return result

    def _with_args(self, buffer: Any) -> Any:
        return self.f(buffer, *self.args)

    def on_copy(self, buffer: Any) -> Any:
        """f, if it writes into its argument."""
        return self.f(buffer.copy(), *self.args)


def _reader(target: Target) -> Callable[[Any], Array]:
    array_type, float64, shape = np.ndarray, np.dtype(np.float64), target.shape

    def read(value: Any) -> Array:
        nonlocal shape
        if type(value) is array_type and value.dtype is float64 and value.shape == shape:
            return value  # who calls copies at once: f may use its array again
        array = as_numbers(value)
        target.reserve(array.shape)
        shape = array.shape
        return array

    return read


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
    caller = Caller(call, out, workers if workers > 1 and forks.possible() else 1)
    walk = _apply_values if call.table.is_value else _apply
    try:
        walk(call, caller, out, values, report)
    except _LowPrecisionError as low:
        caller.eps = low.eps
        walk(call, caller, out, values, report)
    if isinstance(out, Target) and out.array is None:  # no direction, so that f has not been called
        caller.call(call.argument(call.points.row(0)))
        caller.count += 1
    return caller.count, caller.eps


def _apply(call: Call, caller: Caller, out: Output, values: Array | None, report: Report | None) -> None:
    walk = _Walk(call, caller, out, report if call.points.count == 1 else None)

    def some(start: int, stop: int, out: Output, values: Array | None, tick: Callable[[int], object]) -> None:
        while start < stop:
            numbers = range(start, min(start + walk.points_at_once(), stop))
            _block(walk, numbers, out, values, tick)
            start = numbers.stop

    if walk.count:
        over_points(call, caller, some, out, values, report)


def over_points(
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
    far, seen = forks.shared(array.shape), None if values is None else forks.shared(values.shape)
    counts, before = forks.shared((count,), np.int64), caller.count

    def work(start: int, stop: int) -> None:
        caller.count = 0
        some(start + 1, stop + 1, far, seen, lambda n: None)
        counts[start + 1] = caller.count

    forks.run(work, count - 1, caller.workers, report and (lambda done, _: report(done + 1, count)))
    array[1:], caller.count = far[1:], before + int(counts.sum())
    if values is not None and seen is not None:
        values[1:] = seen[1:]


def _block(walk: _Walk, numbers: range, out: Output, values: Array | None, tick: Callable[[int], object]) -> None:
    """Some points; steps before and differences after are computed together: beside a cheap f most of the time."""
    call, some = walk.call, slice(numbers.start, numbers.stop)
    rows, h = walk.rows_and_steps(some)
    hs, found, centers = h.tolist(), walk.room(len(rows)), []
    for k, n in enumerate(numbers):
        if call.batch:
            walk.caller.args = call.args_at(n)
        place = found[k]
        seen, center = walk.around(rows[k], hs[k], None if call.v is None else call.v[n], place)
        if place is None:
            found[k] = seen
        centers.append(center)
        tick(n)
    if values is not None:
        values[some] = centers
    array: Any = out.array if isinstance(out, Target) else out
    if rows.size <= FEW and walk.gives_quotients:
        array[some] = walk.few_quotients(found, centers, hs)
        return
    with np.errstate(all="ignore"):
        array[some] = call.table.combine(walk.sums(found, centers), h[:, None] if call.vector else h)


class _Walk:
    """f along all directions of a table, on a buffer that holds the moved point."""

    def __init__(self, call: Call, caller: Caller, out: Output, report: Report | None) -> None:
        self.call, self.caller, self.out, self.report = call, caller, out, report
        self.steps, self.t = call.steps_for(caller.eps), call.t_for(caller.eps)
        self.count, self.displaced = len(call.table.moves), call.table.stencil.displaced
        self.directions = () if call.table.along_axes else call.table.directions
        self.gives_quotients = call.table.along_axes and call.table.stencil.derivative == 1 and not call.vector

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Of what f returns; None where that is not known yet."""
        return self.out.shape if isinstance(self.out, Target) else ()

    def points_at_once(self) -> int:
        """How many points make a block; one where it is not known yet what f returns."""
        if self.call.points.count == 1 or self.shape is None:
            return 1
        return min(BLOCK, max(1, NUMBERS // max(1, self.call.table.displacements * prod(self.shape))))

    def rows_and_steps(self, some: slice) -> tuple[Array, Array]:
        """Points in rows, and the steps of the unit vectors."""
        points, steps, size = self.call.points, self.steps, self.steps.size
        given = points.row(some) if isinstance(points, Rows) else points.row(np.arange(some.start, some.stop)).T
        rows = given.copy()
        if size.ndim:
            steps = Steps(steps.rule, np.broadcast_to(size, points.layout)[some])
        if steps.rule != "default" and self.call.moves_coordinates:
            steps.check(rows)
        h = steps.at(rows)
        h = h if h.shape == rows.shape else np.broadcast_to(h, rows.shape)
        return rows, h if self.t is None else np.concatenate([h, self.t[some, None]], axis=1)

    def room(self, count: int) -> Any:
        """For f's values around some points; None for each where it is not known yet what f returns."""
        shape = self.shape
        return [None] * count if shape is None else np.empty((count, self.call.table.displacements, *shape))

    def around(self, row: Array, hs: list[float], v: Array | None, found: Array | None) -> tuple[Any, Any]:
        """f's values around a point, in `found` if there is one, and f at the point itself where that is needed."""
        try:
            if self.caller.workers > 1 and self.call.points.count == 1 and self.count > 2:
                found, center = self._along(row, hs, v, found, range(1))
                return self._forked(row, hs, v, found), center
            return self._along(row, hs, v, found, range(self.count))
        except _WroteError:
            self.caller.call = self.caller.on_copy
            return self.around(row, hs, v, found)

    def _along(self, row: Array, hs: list[float], v: Array | None, found: Any, some: range) -> tuple[Any, Any]:
        """Along some directions, into the places of these in `found`, and at the point if the first is among them."""
        call, caller = self.call, self.caller
        center: Any = 0.0
        flat = row.copy()
        buffer = flat.reshape(() if call.scalar else call.points.shape)
        if call.needs_base and not some.start:
            center = caller.read(caller.call(buffer))
            center = np.array(center) if call.vector else center
            caller.count += 1
        if call.table.along_axes:
            return self._along_axes(flat, buffer, row, hs, found, some), center
        return self._along_directions(flat, buffer, _mover(row, hs, v), row.tobytes(), found, some), center

    def _along_axes(self, flat: Array, buffer: Array, row: Array, hs: list[float], found: Any, some: range) -> Any:
        """As `_along_directions`, for 0.5 us an evaluation less."""
        caller, displaced, report, xs, before = self.caller, self.displaced, self.report, row.tolist(), row.tobytes()
        at, number = some.start * len(displaced), None if self.call.vector else np.float64
        for i in some:
            x, h = xs[i], hs[i]
            for k in displaced:
                flat[i] = x + k * h
                value = caller.call(buffer)
                if type(value) is not number:
                    value = caller.read(value)
                if found is None:
                    found = self._room_for(value)
                found[at] = value
                at += 1
            flat[i] = x
            if flat.tobytes() != before:
                caller.count += (i + 1 - some.start) * len(displaced)
                raise _WroteError
            if report:
                report(i + 1, self.count)
        caller.count += len(some) * len(displaced)
        return found

    def _along_directions(
        self, flat: Array, buffer: Array, move: Callable[..., None], before: bytes, found: Any, some: range
    ) -> Any:
        """f along some directions.

        What moves is written before each call, so only a write into the rest does harm; that is seen when the direction
        is done.
        """
        at = some.start * len(self.displaced)
        for r in some:
            units = self.directions[r]
            for k in self.displaced:
                move(flat, units, k)
                value = self.caller.read(self.caller.call(buffer))
                found = self._room_for(value) if found is None else found
                found[at] = value
                at += 1
            move(flat, units, 0)
            self.caller.count += len(self.displaced)
            if flat.tobytes() != before:
                raise _WroteError
            if self.report:
                self.report(r + 1, self.count)
        return found

    def _room_for(self, value: Any) -> Array:
        return np.empty((self.call.table.displacements, *value.shape))

    def _forked(self, row: Array, hs: list[float], v: Array | None, found: Array) -> Array:
        """Along all directions but the first, whose values the caller has, in forked processes."""
        caller, report, before, given = self.caller, self.report, self.caller.count, len(self.displaced)
        far, counts = forks.shared(found.shape), forks.shared((self.count,), np.int64)
        far[:given], self.report = found[:given], None

        def work(start: int, stop: int) -> None:
            caller.count = 0
            self._along(row, hs, v, far, range(start + 1, stop + 1))
            counts[start + 1] = caller.count

        forks.run(work, self.count - 1, caller.workers, report and (lambda done, _: report(done + 1, self.count)))
        caller.count, self.report = before + int(counts.sum()), report
        found[given:] = far[given:]
        return found

    def sums(self, found: Any, centers: list[Any]) -> Array:
        """The stencil's sums at some points, (N, R), or (N, M, R) for M outputs of f."""
        shape = self.shape or ()
        total: Any = 0.0
        found = np.asarray(found).reshape(len(centers), self.count, len(self.displaced), *shape)
        base: Any = np.array(centers).reshape(len(centers), 1, *shape) if self.call.needs_base else 0.0
        for number, a, b in self.call.table.stencil.pairs:
            difference = found[:, :, a] - (base if b < 0 else found[:, :, b])
            if number != 1:
                difference *= number
            # in place: at D = 1000 new memory takes as long as the arithmetic
            total = np.add(total, difference, out=difference)
        sums: Array = total.reshape(len(centers), self.count, -1).swapaxes(1, 2) if self.call.vector else total
        return sums

    def few_quotients(self, found: Array, centers: list[Any], steps: list[list[float]]) -> list[list[float]]:
        """`sums` and `Table.combine` in Python's floats, which for two coordinates takes 7 us less."""
        formula, width, quotients = self.call.table.stencil, len(self.displaced), []
        for values, center, hs in zip(found.tolist(), centers, steps, strict=True):
            row = []
            for i, h in enumerate(hs):
                total, around = 0.0, [*values[i * width : (i + 1) * width], center]
                for number, a, b in formula.pairs:
                    total += number * (around[a] - around[b])
                row.append(total / (formula.denominator * h))
            quotients.append(row)
        return quotients


Units = tuple[tuple[int, int], ...]


def _apply_values(call: Call, caller: Caller, out: Output, values: Array | None, report: Report | None) -> None:
    """f itself at every point, each in a buffer that is written anew."""
    points, number = call.points, None if call.vector else np.float64

    def some(start: int, stop: int, out: Output, _: Array | None, tick: Callable[[int], object]) -> None:
        flat, rows = np.empty(points.dimension), points.values if isinstance(points, Rows) else None
        buffer = flat.reshape(() if call.scalar else points.shape)
        for n in range(start, stop):
            if call.batch:
                caller.args = call.args_at(n)
            flat[:] = points.row(n) if rows is None else rows[n]
            value = caller.call(buffer)
            if type(value) is not number:
                value = caller.read(value)
            caller.count += 1
            array: Any = out.array if isinstance(out, Target) else out
            array[n, ..., 0] = np.reshape(value, -1) if call.vector else value
            tick(n)

    over_points(call, caller, some, out, values, report)


def _mover(row: Array, hs: list[float], v: Array | None) -> Callable[[Array, Units, int], None]:
    """What moves the point in an array by k steps along a direction, which may be v; by k = 0 it restores it."""
    xs = row.tolist()
    if v is None:

        def move(flat: Array, units: Units, k: int) -> None:
            for unit, sign in units:
                flat[unit] = xs[unit] + sign * k * hs[unit] if k else xs[unit]

        return move
    moving = np.flatnonzero(v)  # the other coordinates keep their bits, -0.0 too
    part = v[moving]

    def move_along(flat: Array, units: Units, k: int) -> None:
        flat[:] = row
        for unit, sign in units if k else ():
            if unit < row.size:
                flat[unit] += sign * k * hs[unit]
            else:
                with np.errstate(all="ignore"):
                    flat[moving] += sign * k * hs[unit] * part

    return move_along


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
    part: Callable[[Any], Any] = np.real if call.table.is_complex else np.asarray
    moved = call.inside(n, row + irregular(row.size) * np.maximum(1.0, np.abs(row)))
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            first, second = (as_numbers(part(call.f(call.argument(x), *args))) for x in (row, moved))
    except Exception:  # noqa: BLE001  whatever f raises, it has looked at its argument
        return True
    return not np.array_equal(first, second)

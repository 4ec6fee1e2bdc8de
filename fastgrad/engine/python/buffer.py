"""The python engine: f is called as it is, on a buffer in which one coordinate at a time is moved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...formulas.steepness import is_any_suspicious, ratios
from ...formulas.stencils import Stencil
from ...formulas.steps import irregular
from ...program.look import Look, references, with_steps_for_f
from ..call import Call, Output, Rows, Target
from ..threads import Report
from . import workers as shares
from .around import quotients
from .walk import Walk

Array = NDArray[np.float64]
Tick = Callable[[int], object] | None

FEW = 16  # coordinates up to which Python's floats are faster than arrays
MANY = 64  # coordinates from which f's values around a point are taken in groups


def apply(
    call: Call, out: Output, values: Array | None = None, report: Report | None = None, workers: int = 1
) -> tuple[int, float, tuple[int, int] | None]:
    """Fill ``out[n, k]`` and ``values[n]``: (evaluations of f, precision of what it returned, where it is steep).

    Several workers are forked processes; where a fork is not possible the work is done here, and a warning says why.
    """
    look, workers = look_at(call, out), shares.possible(workers) if workers > 1 else 1
    fill = _fill_values if call.table.is_value else _fill
    with_steps_for_f(lambda eps: fill(call, look.of_precision(eps), workers, out, values, report))
    if isinstance(out, Target) and out.array is None:  # no direction, so that f has not been called
        look.read(look.ask(call.argument(call.points.row(0)), *call.args_at(0)))
    return look.count, look.eps, look.steep


def look_at(call: Call, out: Output, f: Callable[..., Any] | None = None) -> Look:
    """A look at f, or at what is made of it, that finds its output's shape where it may have one."""
    f = f or ((lambda x, *args: call.f(x[()], *args)) if call.scalar else call.f)
    return Look(f, call.args, out.shape, out.reserve) if isinstance(out, Target) else Look(f, call.args)


def _fill(call: Call, look: Look, workers: int, out: Output, values: Array | None, report: Report | None) -> None:
    walk = Walk(call, look, workers, report if call.points.count == 1 else None)

    def some(start: int, stop: int, out: Output, values: Array | None, tick: Tick) -> None:
        while start < stop:
            numbers = range(start, min(start + walk.points_at_once(), stop))
            _block(walk, numbers, out, values, tick)
            start = numbers.stop

    if walk.count:
        _over_points(call.points.count, look, workers, some, out, values, report)


def _block(walk: Walk, numbers: range, out: Output, values: Array | None, tick: Tick) -> None:
    """Some points; steps before and differences after are computed together: beside a cheap f most of the time."""
    call, table, some = walk.call, walk.call.table, slice(numbers.start, numbers.stop)
    rows, h = walk.rows_and_steps(some)
    hs: Any = h if walk.moves_many else h.tolist()
    if _suits_groups(walk):
        _in_groups(walk, numbers.start, rows[0], h, hs[0], out, values)
        return
    found, centers = walk.room(len(rows)), []
    for k, n in enumerate(numbers):
        if call.batch:
            walk.look.args = call.args_at(n)
        place = found[k]
        seen, center = walk.around(rows[k], hs[k], None if call.v is None else call.v[n], place)
        if place is None:
            found[k] = seen
        centers.append(center)
        if tick:
            tick(n)
    if walk.look.doubtful and call.steps.rule == "default":
        far = table.stencil.displaced[0] * h[0, : rows.shape[1]]
        between = lambda: call.argument(rows[0] + irregular(rows.shape[1]) * far)
        walk.look.check_digits(found, between, *call.args_at(numbers.start))
    if values is not None:
        values[some] = centers
    if call.looks_beside and walk.look.steep is None:
        walk.look.steep = _steepest(walk, found, centers, some.start)
    array: Any = out.array if isinstance(out, Target) else out
    if rows.size <= FEW and table.along_axes and table.stencil.derivative == 1 and not call.vector:
        array[some] = _few_quotients(table.stencil, found, centers, hs)
        return
    with np.errstate(all="ignore"):
        array[some] = table.combine(_sums(walk, found, centers), h[:, None] if call.vector else h)


def _suits_groups(walk: Walk) -> bool:
    """Whether f may have many outputs, at one point, and nothing looks at all of its values around that."""
    call = walk.call
    alone = call.vector and call.points.count == 1 and walk.workers == 1
    return alone and call.table.along_axes and walk.count >= MANY and not (walk.look.doubtful or call.looks_beside)


def _in_groups(walk: Walk, n: int, row: Array, h: Array, hs: Any, out: Output, values: Array | None) -> None:
    """One point, some directions at a time."""
    call, v = walk.call, None if walk.call.v is None else walk.call.v[n]
    base, done, room = 0.0, 0, None
    while done < walk.count:
        some = walk.group_from(done)
        found, center = walk.around(row, hs, v, room, some)
        base, done, part = center if done == 0 else base, some.stop, slice(some.start, some.stop)
        room = found if room is None or len(room) < len(found) else room
        with np.errstate(all="ignore"):
            sums = _sums(walk, [found[: len(some) * len(walk.displaced)]], [base], len(some))
            array: Any = out.array if isinstance(out, Target) else out
            array[n : n + 1, :, part] = call.table.combine(sums, h[:, None, part])
    if values is not None:
        values[n] = base


def _steepest(walk: Walk, found: Any, centers: list[Any], start: int) -> tuple[int, int] | None:
    """The point and the coordinate whose values on both sides differ most suspiciously.

    The first directions move a coordinate each.
    """
    formula, shape, count, d = walk.call.table.stencil, walk.look.shape or (), len(centers), walk.call.points.dimension
    if count == 1 and d <= FEW and len(formula.displaced) == 2 and not walk.call.vector:
        numbers = found[0][: 2 * d].tolist()
        if not is_any_suspicious(float(centers[0]), numbers, walk.look.eps):
            return None
    values = np.asarray(found).reshape(count, walk.count, len(formula.displaced), *shape)[:, :d]
    center = np.array(centers).reshape(count, 1, *shape)
    seen = ratios(formula, center, np.moveaxis(values, 2, 0), walk.look.eps).reshape(count, d, -1)
    n, i = divmod(int(np.argmax(seen.max(axis=2, initial=0.0))), d)
    return (start + n, i) if seen[n, i].any() else None


def _sums(walk: Walk, found: Any, centers: list[Any], count: int | None = None) -> Array:
    """The stencil's sums at some points, (N, R), or (N, M, R) for M outputs of f; of all directions, or of so many."""
    call, shape, count = walk.call, walk.look.shape or (), walk.count if count is None else count
    total: Any = 0.0
    found = found[0] if len(found) == 1 else np.asarray(found)  # of one array a list would be copied
    found = found.reshape(len(centers), count, len(walk.displaced), *shape)
    base: Any = np.array(centers).reshape(len(centers), 1, *shape) if call.needs_base else 0.0
    for number, a, b in call.table.stencil.pairs:
        difference = found[:, :, a] - (base if b < 0 else found[:, :, b])
        if number != 1:
            difference *= number
        # in place: at D = 1000 new memory takes as long as the arithmetic
        total = np.add(total, difference, out=difference)
    sums: Array = total.reshape(len(centers), count, -1).swapaxes(1, 2) if call.vector else total
    return sums


def _few_quotients(formula: Stencil, found: Array, centers: list[Any], steps: list[list[float]]) -> list[list[float]]:
    """`_sums` and `Table.combine` in Python's floats, which for two coordinates takes 7 us less."""
    each = zip(found.tolist(), centers, steps, strict=True)
    return [quotients(formula, values, center, hs) for values, center, hs in each]


def _fill_values(call: Call, look: Look, workers: int, out: Output, _: Array | None, report: Report | None) -> None:
    """f itself at every point, each in a buffer that is written anew."""
    points, number = call.points, None if call.vector else np.float64

    def some(start: int, stop: int, out: Output, _: Array | None, tick: Tick) -> None:
        rows = points.values if isinstance(points, Rows) else None
        buffer = np.empty(() if call.scalar else points.shape)
        flat = buffer.reshape(-1)
        held = references(buffer)
        for n in range(start, stop):
            if call.batch:
                look.args = call.args_at(n)
            flat[:] = points.row(n) if rows is None else rows[n]
            value = look.call(buffer)
            if type(value) is not number:
                value = look.read(value)
            look.count += 1
            array: Any = out.array if isinstance(out, Target) else out
            array[n, ..., 0] = np.reshape(value, -1) if call.vector else value
            if references(buffer) != held:
                buffer = look.leave(buffer)
                flat = buffer.reshape(-1)
                held = references(buffer)
            if tick:
                tick(n)

    _over_points(points.count, look, workers, some, out, None, report)


def _over_points(
    count: int, look: Look, workers: int, some: Callable[..., None], out: Output, values: Array | None,
    report: Report | None,
) -> None:  # fmt: skip
    """``some(start, stop, out, values, tick)`` for all points: mostly here, and nobody wants to know how far it is."""
    if workers == 1 and not report:
        some(0, count, out, values, None)
    else:
        shares.over_points(count, look, workers, some, out, values, report)

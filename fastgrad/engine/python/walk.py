"""f along the directions of a table, on a buffer that is lent to it and in which a point is moved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...formulas.stencils import Table
from ...program.look import Look, WroteError, references
from ..call import Call, Rows
from ..threads import Report
from .mutation import floats
from .workers import over_directions

Array = NDArray[np.float64]
Units = Any
"""A direction: (unit vector, sign) pairs, or of many coordinates arrays of both."""

BLOCK = 1024  # points whose steps are computed together ...
NUMBERS = 1 << 16  # ... if f's values around them are no more than this

GROUP = 1 << 16  # f's values of which differences are taken at once: 2 000 times 1 000 took a third more, 16 MB fresh

FEW = 16  # coordinates of a direction up to which Python's floats are faster than arrays


class Walk:
    """f around points: along all directions of a table, and at the points themselves where that is needed."""

    def __init__(self, call: Call, look: Look, workers: int, report: Report | None) -> None:
        self.call, self.look, self.report = call, look, report
        self.steps, self.t = call.steps_for(look.eps), call.t_for(look.eps)
        self.count, self.displaced = call.table.count, call.table.stencil.displaced
        self.moves_many = _moves_many(call.table)
        self.directions: Sequence[Units] = () if call.table.along_axes else _directions(call.table, self.moves_many)
        self.shape = () if call.scalar else call.points.shape
        self.workers = workers if call.points.count == 1 and self.count > 2 else 1

    def points_at_once(self) -> int:
        """How many points make a block; one where it is not known yet what f returns."""
        shape = self.look.shape
        if self.call.points.count == 1 or shape is None:
            return 1
        return min(BLOCK, max(1, NUMBERS // max(1, self.call.table.displacements * prod(shape))))

    def rows_and_steps(self, some: slice) -> tuple[Array, Array]:
        """Points in rows, and the steps of the unit vectors."""
        points, steps = self.call.points, self.steps.part(some, self.call.points.layout)
        given = points.row(some) if isinstance(points, Rows) else points.row(np.arange(some.start, some.stop))
        rows = given.copy()
        if steps.rule != "default" and self.call.moves_coordinates:
            steps.check(rows)
        h = steps.in_rows(rows)
        return rows, h if self.t is None else np.concatenate([h, self.t[some, None]], axis=1)

    def room(self, count: int) -> Any:
        """For f's values around some points; None for each where it is not known yet what f returns."""
        shape = self.look.shape
        return [None] * count if shape is None else np.empty((count, self.call.table.displacements, *shape))

    # The steps of a point are a list, which is read one by one, or an array where many coordinates move together.

    def around(
        self, row: Array, hs: Any, v: Array | None, found: Array | None, some: range | None = None
    ) -> tuple[Any, Any]:
        """f's values around a point, in `found` if there is one, and f at the point itself where that is needed.

        Of some directions alone, if they are named, from the first place on.
        """
        try:
            if self.workers > 1:
                return self._forked(row, hs, v, found)
            if some is not None:
                return self._along(row, hs, v, found, some, 0)
            return self._along(row, hs, v, found, range(self.count))
        except WroteError:
            self.look.give_copies()
            return self.around(row, hs, v, found, some)

    def group_from(self, start: int) -> range:
        """Directions from one on whose values, of an f with many outputs, fit a cache together.

        One where it is not known yet what f returns.
        """
        shape = self.look.shape
        size = 1 if shape is None else max(1, GROUP // max(1, len(self.displaced) * prod(shape)))
        return range(start, min(start + size, self.count))

    def _forked(self, row: Array, hs: Any, v: Array | None, found: Array | None) -> tuple[Any, Any]:
        """As `_along`: the first direction here, which shows what f returns, the others in forked processes."""
        found, center = self._along(row, hs, v, found, range(1))
        report, self.report = self.report, None

        def along(some: range, far: Array) -> None:
            self._along(row, hs, v, far, some)

        try:
            over_directions(self.count, self.look, self.workers, along, found, report)
        finally:
            self.report = report
        return found, center

    def _along(
        self, row: Array, hs: Any, v: Array | None, found: Any, some: range, first: int | None = None
    ) -> tuple[Any, Any]:
        """Along some directions, into the places of these in `found`, and at the point if the first is among them."""
        call = self.call
        buffer = row.copy() if len(self.shape) == 1 else row.reshape(self.shape).copy()
        center: Any = 0.0
        if call.needs_base and not some.start:
            center, buffer = at_point(self.look, buffer, vector=call.vector)
        if call.table.along_axes:
            how: dict[str, Any] = {"vector": call.vector, "report": self.report, "first": first}
            return along_axes(self.look, self.displaced, row, hs, found, buffer, some, **how), center
        move = _mover_of_many(row, hs) if self.moves_many else _mover(row, hs, v)
        return self._along_directions(buffer, move, row.tobytes(), found, some), center

    def _along_directions(
        self, buffer: Array, move: Callable[..., None], before: bytes, found: Any, some: range
    ) -> Any:
        """f along some directions.

        What moves is written before each call, so only a write into the rest does harm; that is seen when the direction
        is done.
        """
        look, flat, at = self.look, buffer.reshape(-1), some.start * len(self.displaced)
        held = references(buffer)
        for r in some:
            units = self.directions[r]
            for k in self.displaced:
                move(flat, units, k)
                value = look.read(look.call(buffer))
                found = self._room_for(value) if found is None else found
                found[at] = value
                at += 1
                if references(buffer) != held:
                    buffer = look.leave(buffer)
                    flat = buffer.reshape(-1)
                    held = references(buffer)
            move(flat, units, 0)
            look.count += len(self.displaced)
            if flat.tobytes() != before:
                raise WroteError
            if self.report:
                self.report(r + 1, self.count)
        return found

    def _room_for(self, value: Any) -> Array:
        return np.empty((self.call.table.displacements, *value.shape))


def at_point(look: Look, buffer: Array, *, vector: bool = False) -> tuple[Any, Array]:
    """f at the point itself, and the buffer for what comes next."""
    held = references(buffer)
    value = look.read(look.call(buffer))
    center = np.array(value) if vector else value
    look.count += 1
    return center, buffer if references(buffer) == held else look.leave(buffer)


def along_axes(
    look: Look, displaced: Sequence[int], row: Array, hs: Any, found: Any, buffer: Array, some: range,
    *, vector: bool = False, report: Report | None = None, first: int | None = None,
) -> Any:  # fmt: skip
    """As along directions, for 0.5 us an evaluation less: f's values, in `found` if there is room already."""
    xs, before, number = row.tolist(), row.tobytes(), None if vector else np.float64
    at = some.start * len(displaced) if first is None else first
    flat, counted, held = _numbers(buffer), references, 0
    for i in some:
        x, h = xs[i], hs[i]
        for k in displaced:
            held = held or counted(buffer)
            flat[i] = x + k * h
            value = look.call(buffer)
            if type(value) is not number:
                value = look.read(value)
            if found is None:
                found = np.empty((len(row) * len(displaced), *value.shape))
            found[at], at = value, at + 1
            if counted(buffer) != held:
                buffer = look.leave(buffer)
                flat, held = _numbers(buffer), 0
        flat[i] = x
        look.count += len(displaced)
        if flat.tobytes() != before:
            raise WroteError
        if report:
            report(i + 1, len(row))
    return found


def _numbers(buffer: Array) -> Any:
    """The coordinates by one index, to write floats into: 35 ns less each than into an array."""
    return floats(buffer if buffer.ndim == 1 else buffer.reshape(-1))


def _directions(table: Table, moves_many: bool) -> list[Units]:
    """Pairs, but arrays if a direction moves many coordinates."""
    if not moves_many:
        return table.directions
    starts = table.starts[1:-1]
    return list(zip(np.split(table.units, starts), np.split(table.signs, starts), strict=True))


def _moves_many(table: Table) -> bool:
    return not table.along_axes and int(np.diff(table.starts).max(initial=0)) > FEW


def _mover(row: Array, hs: Any, v: Array | None) -> Callable[[Array, Units, int], None]:
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


def _mover_of_many(row: Array, h: Array) -> Callable[[Array, Units, int], None]:
    def move(flat: Array, units: Units, k: int) -> None:
        moving, signs = units
        with np.errstate(all="ignore"):
            flat[moving] = row[moving] + signs * k * h[moving] if k else row[moving]

    return move

"""SciPy's functions of several numbers that are made of tables, at symbols: splines of surfaces, grids, images.

Each is a polynomial in each cell of a grid. The coefficients of a cell lie together in one table, from which they are
read at the cell that the numbers lie in: 16 of a cubic surface.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from math import factorial, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..entries import ENTRY
from ..scipys import further_module, module
from .arrays import Objects, elementwise, holds_symbols, wrap
from .elementwise import guard, select
from .lookups import LARGEST
from .reductions import ask_outside, ask_where_any, numbers, objects
from .refusals import refuse
from .signals import linear
from .splines import ascending, entry, row_of
from .symbols import RULES, Symbol

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Cells:
    """Polynomials of several numbers, each in its cell: ``table[cells of each axis, powers of each axis]``.

    The powers are those of the distances from the cell's first corner, in descent. Outside the outer cells go on.
    """

    places: list[Array]
    table: Array
    even: bool = False

    def at(self, point: Sequence[Any]) -> Any:
        """The value at one point."""
        rows = [self._row(x, places) for x, places in zip(point, self.places, strict=True)]
        away = [x - entry(places[:-1], row) for x, places, row in zip(point, self.places, rows, strict=True)]
        cell: Any = 0.0
        for row, places in zip(rows, self.places, strict=True):
            cell = cell * float(len(places) - 1) + row
        powers = self.table.shape[len(self.places) :]
        value = _polynomial(_reading(self.table, cell, prod(powers)), away, powers)
        return _lost(value, [x for x, count in zip(point, powers, strict=True) if count == 1])

    def _row(self, x: Any, places: Array) -> Any:
        """The number of the cell along an axis; between whole numbers it is not looked for."""
        if not self.even or not isinstance(x, Symbol):
            return row_of(x, places)
        below = RULES[np.floor](x - float(places[0]))
        return RULES[np.minimum](RULES[np.maximum](below, 0.0), float(len(places) - 2))

    def derivative(self, *orders: int) -> Cells:
        """The partial derivative of these orders."""
        table = self.table
        for axis, order in enumerate(orders, start=len(self.places)):
            for _ in range(order):
                powers = np.arange(table.shape[axis] - 1, 0, -1.0)
                shape = [-1 if k == axis else 1 for k in range(table.ndim)]
                table = np.delete(table, -1, axis) * powers.reshape(shape)
        return Cells(self.places, table, self.even)


def _lost(value: Any, point: Sequence[Any]) -> Any:
    """NaN where a coordinate is."""
    for x in point:
        value = select(RULES[np.isnan](x), np.nan, value) if isinstance(x, Symbol) else value
    return value


def _reading(table: Array, cell: Any, count: int) -> Callable[[int], Any]:
    """What reads the coefficient of that number of a cell, which may be known."""
    if not isinstance(cell, Symbol):
        return lambda k: float(table.flat[int(cell) * count + k])
    trace, operand, start = cell.trace, ("t", table.tobytes()), cell * float(count) if count > 1 else cell
    return lambda k: trace.node(ENTRY, operand, (start + float(k) if k else start).key)


def _polynomial(read: Callable[[int], Any], away: Sequence[Any], powers: Sequence[int], first: int = 0) -> Any:
    """Horner's rule along the first axis, of the polynomials of the others."""
    if not powers:
        return read(first)
    value: Any = None
    for k in range(powers[0]):
        part = _polynomial(read, away[1:], powers[1:], first * powers[0] + k)
        value = part if value is None else value * away[0] + part
    return value


def _of_knots(knots: Sequence[Any], c: Any, degrees: Sequence[Any], *, even: bool = False) -> Cells:
    """The cells of a product of B-splines: along one axis after the other, the derivatives where pieces begin."""
    table, spline = np.asarray(c, dtype=float), further_module("scipy.interpolate").BSpline
    places = [ascending(t[int(k) : len(t) - int(k)]) for t, k in zip(knots, degrees, strict=True)]
    if prod((len(p) - 1) * (int(k) + 1) for p, k in zip(places, degrees, strict=True)) > LARGEST:
        refuse("f evaluates a spline of too many cells")
    for axis, (t, k) in enumerate(zip(knots, map(int, degrees), strict=True)):
        pieces, left = spline(np.asarray(t, dtype=float), np.moveaxis(table, axis, 0), k), places[axis][:-1]
        powers = [pieces(left, nu=n) / factorial(n) for n in range(k, -1, -1)]
        table = np.moveaxis(np.stack(powers, axis=-1), 0, axis)
    return Cells(places, np.ascontiguousarray(table), even)


# --- splines of two numbers ------------------------------------------------------------------------------------------


def bivariate(own: Any, x: Any, y: Any, dx: Any = 0, dy: Any = 0, grid: Any = True) -> Any:
    """RectBivariateSpline and its relatives."""
    (tx, ty, c), (kx, ky) = own.tck[:3], own.degrees
    return _surface((tx, ty, c, kx, ky), x, y, (int(dx), int(dy)), grid)


def bisplev(x: Any, y: Any, tck: Any, dx: Any = 0, dy: Any = 0) -> Any:
    """The function of these splines."""
    found = _surface(tuple(tck), x, y, (int(dx), int(dy)), grid=True)
    return found if len(found) > 1 else found[0] if len(found[0]) > 1 else found[0][0]


def _surface(tck: tuple[Any, ...], x: Any, y: Any, orders: tuple[int, int], grid: Any) -> Any:
    """At all pairs of two rows, which ascend, or at pairs; beyond the ends as at these."""
    tx, ty, c, kx, ky = tck
    if any(not 0 <= order < max(degree, 1) for order, degree in zip(orders, (kx, ky), strict=True)):
        refuse(f"f asks a spline of degrees {kx}, {ky} for its derivatives {orders}")
    cells = _of_knots((tx, ty), np.reshape(c, (len(tx) - kx - 1, -1)), (kx, ky)).derivative(*orders)
    clipped = [_clipped(numbers(v), places) for v, places in zip((x, y), cells.places, strict=True)]
    if not grid:
        first, second = np.broadcast_arrays(*clipped)
        pairs, shape = zip(first.ravel().tolist(), second.ravel().tolist(), strict=True), first.shape
    else:
        for values in (x, y):
            _check_order(numbers(values).ravel())
        rows = [values.ravel().tolist() for values in clipped]
        pairs, shape = product(*rows), tuple(map(len, rows))  # type: ignore[assignment]
    return wrap(_filled(shape, [cells.at(pair) for pair in pairs]))[()]


def _filled(shape: tuple[int, ...], values: list[Any]) -> Objects:
    found = np.empty(shape, dtype=object)
    found.reshape(-1)[:] = values
    return found


def _clipped(values: Any, places: Array) -> Objects:
    above = elementwise(np.maximum, values, float(places[0]))
    return objects(elementwise(np.minimum, above, float(places[-1])))


def _check_order(values: Objects) -> None:
    """Of rows that do not ascend SciPy makes no grid."""
    rises = elementwise(np.greater_equal, wrap(values[1:]), wrap(values[:-1]))
    if holds_symbols(rises):
        ask_where_any(elementwise(np.logical_not, rises))
    elif not np.all(rises):
        refuse("f evaluates a spline on a grid of numbers that do not ascend")


# --- grids -----------------------------------------------------------------------------------------------------------


def on_grid(own: Any, xi: Any, method: Any = None) -> Any:
    """RegularGridInterpolator: linear, the nearest, or a spline, in each coordinate."""
    method, values = method or own.method, own.values
    if np.iscomplexobj(values) or (method not in ("linear", "nearest") and _spline_of(own, method) is None):
        refuse(f"f calls RegularGridInterpolator of complex numbers, or with method={method!r}")
    axes, shape = [ascending(axis) for axis in own.grid], values.shape[len(own.grid) :]
    if isinstance(xi, tuple):
        xi = np.stack(np.broadcast_arrays(*map(objects, xi)), axis=-1)
    points, table = objects(xi), np.asarray(values, dtype=float).reshape(-1, prod(shape))
    flat = points.reshape(-1, len(axes)).tolist()
    if method in ("linear", "nearest"):
        between = _between if method == "linear" else _nearest
        found = [between(axes, table, point) for point in flat]
    else:
        cells = _of_columns(_spline_of(own, method), shape)
        found = [[each.at(point) for each in cells] for point in flat]
    inside = [[_outside_of(own, axes, point, v) for v in row] for point, row in zip(flat, found, strict=True)]
    start = points.shape[:-1] if points.ndim > 1 else (1,)
    return wrap(_filled((*start, *shape), [value for row in inside for value in row]))


def _spline_of(own: Any, method: str) -> Any:
    """The spline that SciPy makes of a grid for some methods, and for the object's own alone."""
    found = getattr(own, "_spline", None) if method == own.method else None
    return found if type(found).__name__ == "NdBSpline" else None


def _of_columns(spline: Any, shape: tuple[int, ...]) -> list[Cells]:
    c = np.asarray(spline.c, dtype=float).reshape(*spline.c.shape[: len(spline.t)], prod(shape))
    return [_of_knots(spline.t, column, spline.k) for column in np.moveaxis(c, -1, 0)]


def _shares(axes: list[Array], point: list[Any]) -> tuple[list[Any], list[Any]]:
    """The cell along each axis, and how much of its length lies below."""
    rows = [row_of(x, axis) for x, axis in zip(point, axes, strict=True)]
    lengths = [entry(np.diff(axis), row) for axis, row in zip(axes, rows, strict=True)]
    starts = [entry(axis[:-1], row) for axis, row in zip(axes, rows, strict=True)]
    return rows, [(x - start) / length for x, start, length in zip(point, starts, lengths, strict=True)]


def _between(axes: list[Array], table: Array, point: list[Any]) -> list[Any]:
    """The values at one point, each the mean of those at the corners around it."""
    rows, shares = _shares(axes, point)
    parts = [((0, 1.0 - share), (1, share)) for share in shares]
    found = []
    for column in range(table.shape[1]):
        value: Any = 0.0
        for corner in product(*parts):
            at, weight = 0.0, 1.0
            for (step, share), row, axis in zip(corner, rows, axes, strict=True):
                at, weight = at * float(len(axis)) + (row + float(step)), weight * share
            value = value + _number(table, at, column) * weight
        found.append(value)
    return found


def _nearest(axes: list[Array], table: Array, point: list[Any]) -> list[Any]:
    """The values at the nearest node, of two at the same distance the lower one."""
    rows, shares = _shares(axes, point)
    at: Any = 0.0
    for row, share, axis in zip(rows, shares, axes, strict=True):
        at = at * float(len(axis)) + (row + select(RULES[np.less_equal](share, 0.5), 0.0, 1.0))
    return [_lost(_number(table, at, column), point) for column in range(table.shape[1])]


def _number(table: Array, row: Any, column: int) -> Any:
    return entry(table, row if isinstance(row, Symbol) else int(row), column)


def _outside_of(own: Any, axes: list[Array], point: list[Any], value: Any) -> Any:
    if not own.bounds_error and own.fill_value is None:
        return value
    lost: Any = False
    for x, axis in zip(point, axes, strict=True):
        if own.bounds_error:
            ask_outside(objects(x), float(axis[0]), float(axis[-1]))
        else:
            is_outside = RULES[np.logical_or](RULES[np.less](x, float(axis[0])), RULES[np.greater](x, float(axis[-1])))
            value = select(is_outside, float(own.fill_value), value)
            lost = RULES[np.logical_or](lost, RULES[np.isnan](x))
    return value if own.bounds_error else select(lost, np.nan, value)


# --- images ----------------------------------------------------------------------------------------------------------


def map_coordinates(function: Callable[..., Any]) -> Callable[..., Any]:
    """scipy.ndimage.map_coordinates of a traced image at known places, or of a known one at traced places."""
    of_images = linear(function, 0)

    def rule(image: Any, coordinates: Any, *args: Any, **options: Any) -> Any:
        if not holds_symbols(coordinates):
            return of_images(image, coordinates, *args, **options)
        if holds_symbols(image):
            refuse("f calls map_coordinates of a traced image at traced places")
        return _image(np.asarray(image), numbers(coordinates), *args, **options)

    return rule


def _image(
    image: Any, places: Objects, output: Any = None, order: Any = 3, mode: Any = "constant", cval: Any = 0.0,
    prefilter: Any = True,
) -> Any:  # fmt: skip
    """A spline through the pixels, which goes on as in a mirror; beyond the outer ones another number, or these."""
    if image.dtype != np.float64 or (output is not None and np.dtype(output) != np.float64):
        refuse("f calls map_coordinates of an image, or for an output, that is not of float64")
    if mode != "constant" and (mode != "nearest" or order > 1):
        refuse(f"f calls map_coordinates at traced places with mode={mode!r} and order={order}")
    if places.ndim < 2 or len(places) != image.ndim or min(image.shape) <= order:
        refuse("f calls map_coordinates with other places than one row for each axis, or of a very small image")
    cells = _of_pixels(image, int(order), prefilter)
    found = []
    for point in places.reshape(len(places), -1).T.tolist():
        if mode == "nearest":
            guard(*point)
            clipped = [_clipped(objects(x), np.array([0.0, n - 1.0])) for x, n in zip(point, image.shape, strict=True)]
            found.append(cells.at([x[()] for x in clipped]))
        else:
            found.append(_framed(image.shape, point, cells.at(point), float(cval)))
    return wrap(_filled(places.shape[1:], found))


def _of_pixels(image: Array, order: int, prefilter: Any) -> Cells:
    filtered = image
    if prefilter and order > 1:
        filtered = module("scipy.ndimage").spline_filter(image, order, output=np.float64)  # type: ignore[union-attr]
    beyond = order // 2
    padded = np.pad(filtered, beyond, mode="reflect")
    knots = [np.arange(n + order + 1.0) - beyond - (order + 1) / 2 for n in padded.shape]
    return _of_knots(knots, padded, [order] * image.ndim, even=True)


def _framed(shape: tuple[int, ...], point: list[Any], value: Any, outside: float) -> Any:
    for x, length in zip(point, shape, strict=True):
        inside = RULES[np.logical_and](RULES[np.greater_equal](x, 0.0), RULES[np.less_equal](x, length - 1.0))
        value = select(inside, value, outside)  # NaN lies outside, too
    return value

"""SciPy's interpolators, which f has been given, at symbols: pieces of polynomials, whose coefficients lie in tables.

The piece is looked for by halves among the places where pieces begin. Numbers go to SciPy's own objects as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..scipys import module
from .arrays import elementwise, wrap
from .elementwise import guard, select
from .lookups import LARGEST, count_below, read
from .reductions import ask_outside, objects
from .refusals import refuse
from .symbols import RULES, Symbol

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Pieces:
    """Polynomials: of the one from place i on ``coefficients[:, i]`` are those of the powers of x - place, in descent.

    `outside` is what there is beyond the ends: the outer pieces, NaN, numbers for both sides, or f itself.
    """

    places: Array
    coefficients: Array
    outside: Any = "pieces"

    def at(self, x: Any) -> Any:
        """The values at an array of symbols: those of all polynomials at a place are the last axes."""
        shape = self.coefficients.shape[2:]
        rows = np.moveaxis(self.coefficients, 1, 0).reshape(len(self.places) - 1, -1)
        values = objects(x)
        found = np.empty((values.size, int(np.prod(shape))), dtype=object)
        for k, each in enumerate(values.ravel().tolist()):
            found[k] = self._one(each, rows)
        return wrap(found.reshape((*values.shape, *shape)))

    def _one(self, x: Any, rows: Array) -> list[Any]:
        row, count = row_of(x, self.places), len(self.coefficients)
        distance, several = x - entry(self.places[:-1], row), rows.shape[1] // count
        guard(x)  # of NaN it is NaN, also where pieces are constant
        found = []
        for column in range(several):
            value = entry(rows, row, column)
            for power in range(1, count):
                value = value * distance + entry(rows, row, column + power * several)
            found.append(self._beyond(x, value))
        return found

    def _beyond(self, x: Any, value: Any) -> Any:
        if self.outside == "pieces":
            return value
        if self.outside == "ask":
            ask_outside(objects(x), float(self.places[0]), float(self.places[-1]))
            return value
        below, above = self.outside
        inside = select(RULES[np.greater](x, float(self.places[-1])), above, value)
        return select(RULES[np.less](x, float(self.places[0])), below, inside)


def row_of(x: Any, places: Array) -> Any:
    """The number of the piece in which x lies, or of the outer one beside it."""
    if not isinstance(x, Symbol):
        return min(max(int(np.searchsorted(places, x, "right")) - 1, 0), len(places) - 2)
    return count_below(x, places[1:-1], equal=True) if len(places) > 2 else 0


def entry(table: Array, row: Any, column: int = 0) -> Any:
    """A number of a table at a row that may be known."""
    columns = table.size // len(table)
    if not isinstance(row, Symbol):
        return float(table.ravel()[row * columns + column])
    return read(table, row * float(columns) + float(column) if columns > 1 else row)


def ascending(places: Any) -> Array:
    values = np.asarray(places, dtype=float)
    if values.ndim != 1 or len(values) < 2 or len(values) > LARGEST or not (np.diff(values) >= 0.0).all():
        refuse("f interpolates between places that do not ascend, or of which there are too many")
    return values


def polynomials(own: Any, x: Any, nu: Any = 0, extrapolate: Any = None) -> Any:
    """PPoly, CubicSpline and their relatives."""
    if own.axis != 0 or np.iscomplexobj(own.c):
        refuse("f interpolates along another axis than the first one, or complex numbers")
    if int(nu):
        own = own.derivative(int(nu))
    extrapolate = own.extrapolate if extrapolate is None else extrapolate
    places = ascending(own.x)
    if isinstance(extrapolate, str):
        length = float(places[-1] - places[0])
        x = elementwise(np.add, elementwise(np.remainder, elementwise(np.subtract, x, places[0]), length), places[0])
    beyond = "pieces" if extrapolate else (np.nan, np.nan)
    return Pieces(places, np.asarray(own.c, dtype=float), beyond).at(x)


def _of_knots(knots: Any, c: Any, degree: int) -> tuple[Array, Array]:
    """Places and coefficients of a spline, without the pieces of no length at its ends."""
    t, values = np.asarray(knots, dtype=float), np.asarray(c, dtype=float)
    values = values[: len(t) - degree - 1]
    columns = values.reshape(len(values), -1)
    of_spline = module("scipy.interpolate").PPoly.from_spline  # type: ignore[union-attr]
    pieces = [of_spline((t, column, degree)).c for column in columns.T]
    inner = slice(degree, len(t) - degree)
    found = np.stack(pieces, axis=-1)[:, degree : len(t) - degree - 1]
    return ascending(t[inner]), found.reshape(*found.shape[:2], *values.shape[1:])


def b_spline(own: Any, x: Any, nu: Any = 0, extrapolate: Any = None) -> Any:
    if int(nu):
        own = own.derivative(int(nu))
    extrapolate = own.extrapolate if extrapolate is None else extrapolate
    if own.axis != 0 or isinstance(extrapolate, str):
        refuse("f evaluates a BSpline that is periodic, or along another axis than the first one")
    return Pieces(*_of_knots(own.t, own.c, own.k), "pieces" if extrapolate else (np.nan, np.nan)).at(x)


def fitted(own: Any, x: Any, nu: Any = 0, ext: Any = None) -> Any:
    """UnivariateSpline and its relatives."""
    codes = {"extrapolate": 0, "zeros": 1, "raise": 2, "const": 3}
    ext = own.ext if ext is None else ext
    return splev(x, own._eval_args, int(nu), codes.get(ext, ext))


def splev(x: Any, tck: Any, der: Any = 0, ext: Any = 0) -> Any:
    """A spline of FITPACK's, or one of its derivatives."""
    knots, c, degree = getattr(tck, "tck", tck)
    if np.ndim(c[0]):  # a curve of several numbers
        return [splev(x, (knots, each, degree), der, ext) for each in c]
    if int(ext) == 3 and int(der):
        refuse("f calls scipy.interpolate.splev with der= and ext=3")
    places, coefficients = _of_knots(knots, c, int(degree))
    for _ in range(int(der)):
        powers = np.arange(len(coefficients) - 1, 0, -1.0)
        coefficients = coefficients[:-1] * powers[:, None] if len(powers) else 0.0 * coefficients
    ends = (0.0, 0.0)
    if int(ext) == 3:
        x = elementwise(np.minimum, elementwise(np.maximum, x, float(places[0])), float(places[-1]))
    return Pieces(places, coefficients, {1: ends, 2: "ask"}.get(int(ext), "pieces")).at(x)


def by_rows(own: Any, x: Any) -> Any:
    """interp1d, linear or by splines."""
    how = own._call.__name__
    if (
        (own._y_axis and own._y_extra_shape)
        or np.iscomplexobj(own._y)
        or how not in ("_call_linear", "_call_linear_np", "_call_spline")
    ):
        refuse("f calls interp1d of complex numbers, along another axis, or of a kind that has no rule for tracing")
    beyond: Any = "pieces" if own._extrapolate else "ask" if own.bounds_error else None
    if beyond is None:
        beyond = [np.ravel(own._fill_value_below), np.ravel(own._fill_value_above)]
        if own._y.shape[1] != 1 or any(v.size != 1 for v in beyond):
            refuse("f calls interp1d of several numbers at a place, with fill_value=")
        beyond = tuple(float(v[0]) for v in beyond)
    if how == "_call_spline":
        places, coefficients = _of_knots(own._spline.t, own._spline.c, own._spline.k)
    else:
        places = ascending(own.x)
        slopes = np.diff(own._y, axis=0) / np.diff(places)[:, None]
        coefficients = np.stack([slopes, np.asarray(own._y[:-1], dtype=float)])
    return Pieces(places, coefficients, beyond).at(x).reshape((*objects(x).shape, *own._y_extra_shape))

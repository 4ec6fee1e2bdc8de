"""SciPy's sums over known points of functions of the distance from them: radial functions, densities of samples."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..scipys import is_own_function, module
from .arrays import Objects, elementwise, guarded, holds_symbols, wrap
from .elementwise import select
from .exponentialsums import logsumexp
from .reductions import numbers, sum_
from .refusals import refuse
from .symbols import RULES


def _squares(point: Any, points: Any) -> Any:
    """The squares of the distances of a point from others, one in each row."""
    return sum_(elementwise(np.square, elementwise(np.subtract, point, points)), axis=-1)


# --- radial functions ------------------------------------------------------------------------------------------------

_RADIAL: dict[str, Callable[[Any], Any]] = {
    "linear": lambda s: -(s**0.5),
    "thin_plate_spline": lambda s: 0.5 * s * RULES[np.log](s),
    "cubic": lambda s: s * s**0.5,
    "quintic": lambda s: -(s * s) * s**0.5,
    "multiquadric": lambda s: -((s + 1.0) ** 0.5),
    "inverse_multiquadric": lambda s: 1.0 / (s + 1.0) ** 0.5,
    "inverse_quadratic": lambda s: 1.0 / (s + 1.0),
    "gaussian": lambda s: RULES[np.exp](-s),
}
"""Of the square of a distance; the first four are 0, and have no slope, where that is 0."""
_AT_NONE = ("linear", "thin_plate_spline", "cubic", "quintic")


def radial(own: Any, x: Any) -> Any:
    """RBFInterpolator of all its points."""
    points = numbers(x)
    if own.neighbors is not None or np.dtype(own.d_dtype).kind != "f" or own.kernel not in _RADIAL:
        refuse("f calls an RBFInterpolator of some neighbors, or of complex numbers")
    if points.ndim != 2 or points.shape[1] != own.y.shape[1]:
        refuse("f calls an RBFInterpolator with other points than rows of as many coordinates")
    found = np.empty((len(points), own.d.shape[1]), dtype=object)
    for k, point in enumerate(points):
        found[k] = _combined(own, point)
    return wrap(found.reshape((len(points), *own.d_shape)))


def _combined(own: Any, point: Objects) -> Any:
    squares = _squares(elementwise(np.multiply, wrap(point), own.epsilon), own.y * own.epsilon)
    terms = [_one(own.kernel, square) for square in squares.tolist()]
    unit = elementwise(np.divide, elementwise(np.subtract, wrap(point), own._shift), own._scale)
    for powers in own.powers:
        factors = [u ** float(power) for u, power in zip(np.ravel(unit).tolist(), powers, strict=True) if power]
        terms.append(math.prod(factors))
    return elementwise(np.matmul, np.array(terms, dtype=object), own._coeffs)


def _one(kernel: str, square: Any) -> Any:
    value = _RADIAL[kernel](square)
    return select(RULES[np.equal](square, 0.0), 0.0, value) if kernel in _AT_NONE else value


# --- densities of samples --------------------------------------------------------------------------------------------


def density(value: Any) -> Any:
    """What stands for a gaussian_kde of known samples; None of anything else."""
    place, kind = module("scipy.stats"), type(value)
    own = place is not None and kind is vars(place).get("gaussian_kde") and is_own_function(kind.evaluate)
    return _Density(value) if own else None


def densities(kind: type) -> Any:
    """What stands for the class gaussian_kde; None of any other."""
    place = module("scipy.stats")
    if place is None or kind is not vars(place).get("gaussian_kde"):
        return None

    def make(*args: Any, **options: Any) -> Any:
        if holds_symbols((*args, *options.values())):
            refuse("f makes a gaussian_kde of traced numbers")
        return density(kind(*args, **options))

    return make


class _Density:
    """One that takes symbols; in all else SciPy's own."""

    def __init__(self, own: Any) -> None:
        self._own = own

    def __call__(self, points: Any) -> Any:
        return self.evaluate(points)

    def evaluate(self, points: Any) -> Any:
        """The density at points, the columns of an array."""
        return self._at("evaluate", points, lambda weights, exponents: sum_(weights * _EXP(exponents), axis=-1))

    pdf = evaluate

    def logpdf(self, x: Any) -> Any:
        """Its logarithm."""
        return self._at("logpdf", x, lambda weights, exponents: logsumexp(exponents + np.log(weights)))

    def _at(self, name: str, points: Any, total: Callable[..., Any]) -> Any:
        own = self._own
        if not holds_symbols(points):
            return getattr(own, name)(points)
        return guarded(f"scipy.stats.gaussian_kde.{name}", lambda: _densities(own, points, total), (), {})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)


_EXP = np.frompyfunc(RULES[np.exp], 1, 1)


def _densities(own: Any, points: Any, total: Callable[..., Any]) -> Any:
    """Of normal distributions around all samples, each with its weight."""
    columns = np.atleast_2d(numbers(points))
    if len(columns) != own.d:
        if columns.shape != (1, own.d):
            refuse(f"f gives a gaussian_kde of {own.d} dimensions points of {len(columns)}")
        columns = columns.T
    inverse = np.linalg.inv(own.cho_cov)
    weights = own.weights / (math.sqrt(2.0 * math.pi) ** own.d * np.prod(np.diag(own.cho_cov)))
    samples, rows = (inverse @ own.dataset).T, elementwise(np.matmul, wrap(columns.T), inverse.T)
    exponents = [-0.5 * np.asarray(_squares(row, samples)) for row in rows]
    found = np.empty(len(exponents), dtype=object)
    found[:] = [total(weights, each) for each in exponents]
    return wrap(found)

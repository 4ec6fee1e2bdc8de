"""The density of the normal distribution of several numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .arrays import AS_NUMBER, Objects, call_function, elementwise, holds_symbols
from .elementwise import guard, select
from .reductions import objects, sum_
from .refusals import refuse
from .symbols import RULES

SINGULAR = 1e-9
"""Of the sum of variances: SciPy takes an eigenvalue of 2.2e-10 of the largest for none, and raises."""


def logpdf(own: Any, x: Any, *args: Any, **options: Any) -> Any:
    """What a distribution of SciPy's would give; `own` is it, or has its parameters fixed already."""
    if not hasattr(own, "cov_object") and _is_traced(*args, **options):
        return _of_traced(x, *args, **options)
    frozen, mean = (own, own.mean) if hasattr(own, "cov_object") else _frozen(own, *args, **options)
    spread, dimension = frozen.cov_object, len(frozen.mean)
    if spread.rank < dimension:
        refuse("f uses a normal distribution whose covariance is singular, which has no rule for tracing")
    away = _away(x, mean, dimension)
    whitened = elementwise(np.matmul, AS_NUMBER(away), spread.whiten(np.eye(dimension)))
    return _density(whitened, float(spread.log_pdet))


def _away(x: Any, mean: Any, dimension: int) -> Objects:
    """The points less the mean, in rows."""
    points = objects(x)
    if points.ndim < 2:
        points = points.reshape(-1, 1) if dimension == 1 else points.reshape(1, -1)
    return objects(elementwise(np.subtract, points, mean))


def _density(whitened: Any, log_det: Any) -> Any:
    squares = sum_(elementwise(np.square, whitened), axis=-1)
    constant = log_det + np.shape(whitened)[-1] * math.log(2.0 * math.pi)
    return np.asarray(elementwise(np.multiply, -0.5, elementwise(np.add, squares, constant))).squeeze()[()]


def _frozen(own: Any, mean: Any = None, cov: Any = 1, allow_singular: Any = False, **options: Any) -> tuple[Any, Any]:
    """The distribution around 0, and its mean, which may be traced."""
    if options:
        refuse("f uses a normal distribution with options that have no rule for tracing")
    dimension = max(
        np.size(mean) if mean is not None else 1, len(np.atleast_1d(cov)) if not hasattr(cov, "rank") else 1
    )
    centre = np.zeros(cov.shape[-1] if hasattr(cov, "rank") else dimension)
    return own(mean=centre, cov=cov, allow_singular=allow_singular), centre if mean is None else mean


# --- a covariance that depends on x -----------------------------------------------------------------------------------


def _is_traced(mean: Any = None, cov: Any = 1, *_: Any, **__: Any) -> bool:
    return holds_symbols(cov)


def _of_traced(x: Any, mean: Any = None, cov: Any = 1, allow_singular: Any = False, **options: Any) -> Any:
    if options or allow_singular:
        refuse("f uses a normal distribution with options that have no rule for tracing")
    spread = objects(cov)
    dimension = max(np.size(mean) if mean is not None else 1, len(np.atleast_1d(spread)))
    lower = _root(spread, dimension)
    rows = [_whitened(lower, row) for row in _away(x, np.zeros(dimension) if mean is None else mean, dimension)]
    log_det = sum_(elementwise(np.log, np.diagonal(lower))) * 2.0
    return _density(np.array(rows, dtype=object), log_det)


def _root(spread: Objects, dimension: int) -> Objects:
    """The lower triangle whose square is a covariance, given as one, as variances or as the one of all."""
    if spread.ndim < 2:
        matrix = np.full((dimension, dimension), 0.0, dtype=object)
        np.fill_diagonal(matrix, spread if spread.ndim else spread[()])
    else:
        matrix = spread
    lower = np.asarray(call_function(np.linalg.cholesky, (matrix,), {}), dtype=object)
    least = sum_(np.diagonal(matrix)) * (SINGULAR * 4.0 ** (dimension - 1))
    for pivot in np.diagonal(lower):
        guard(select(RULES[np.greater](pivot * pivot, least), 0.0, math.nan))
    return lower


def _whitened(lower: Objects, row: Objects) -> list[Any]:
    """A row divided by the triangle."""
    found: list[Any] = []
    for i, value in enumerate(row.tolist()):
        for j, before in enumerate(found):
            value = value - lower[i, j] * before  # noqa: PLW2901
        found.append(RULES[np.divide](value, lower[i, i]))
    return found

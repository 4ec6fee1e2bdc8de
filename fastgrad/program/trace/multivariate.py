"""The density of the normal distribution of several numbers, whose covariance f knows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .arrays import AS_NUMBER, elementwise
from .elementwise import traced
from .reductions import objects, sum_
from .refusals import refuse


def logpdf(own: Any, x: Any, *args: Any, **options: Any) -> Any:
    """What a distribution of SciPy's would give; `own` is it, or has its parameters fixed already."""
    frozen, mean = (own, own.mean) if hasattr(own, "cov_object") else _frozen(own, *args, **options)
    spread, dimension = frozen.cov_object, len(frozen.mean)
    if spread.rank < dimension:
        refuse("f uses a normal distribution whose covariance is singular, which has no rule for tracing")
    points = objects(x)
    if points.ndim < 2:
        points = points.reshape(-1, 1) if dimension == 1 else points.reshape(1, -1)
    away = objects(elementwise(np.subtract, points, mean))
    whitened = elementwise(np.matmul, AS_NUMBER(away), spread.whiten(np.eye(dimension)))
    squares = sum_(elementwise(np.square, whitened), axis=-1)
    constant = dimension * math.log(2.0 * math.pi) + float(spread.log_pdet)
    return np.asarray(elementwise(np.multiply, -0.5, elementwise(np.add, squares, constant))).squeeze()[()]


def _frozen(own: Any, mean: Any = None, cov: Any = 1, allow_singular: Any = False, **options: Any) -> tuple[Any, Any]:
    """The distribution around 0, and its mean, which may be traced."""
    if options or traced(cov) or (isinstance(cov, np.ndarray) and cov.dtype == object):
        refuse("f uses a normal distribution whose covariance depends on x, or options that have no rule for tracing")
    dimension = max(
        np.size(mean) if mean is not None else 1, len(np.atleast_1d(cov)) if not hasattr(cov, "rank") else 1
    )
    centre = np.zeros(cov.shape[-1] if hasattr(cov, "rank") else dimension)
    return own(mean=centre, cov=cov, allow_singular=allow_singular), centre if mean is None else mean

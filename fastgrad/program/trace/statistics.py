"""Rules for tracing statistics: sums that leave out NaN, covariances; and what compares whole arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .arrays import FUNCTIONS, LOOPS, Objects, elementwise, holds_complex, holds_symbols
from .elementwise import select
from .reductions import ask_where_any, numbers, objects, only, squares, sum_, tree
from .refusals import refuse

_SELECT = np.frompyfunc(select, 3, 1)


def _without_nan(a: Any, otherwise: float, found: Any = None) -> Objects:
    """Numbers, or what was found for each, with another one where they are none."""
    values = numbers(a)
    found = values if found is None else objects(found)
    return np.asarray(_SELECT(objects(elementwise(np.isnan, values)), otherwise, found), dtype=object)


def _nan_sum(function: Any, neutral: float) -> Callable[..., Any]:
    def rule(a: Any, axis: Any = None, **options: Any) -> Any:
        return FUNCTIONS[function](_without_nan(a, neutral), axis, **options)

    return rule


def _numbers_of(a: Any, axis: Any, keepdims: Any) -> Any:
    return sum_(elementwise(np.logical_not, elementwise(np.isnan, numbers(a))), axis, keepdims=keepdims)


def _nanmean(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    total = sum_(_without_nan(a, 0.0), axis, keepdims=keepdims)
    return elementwise(np.divide, total, _numbers_of(a, axis, keepdims))


def _nanvar(a: Any, axis: Any = None, *, ddof: Any = 0, keepdims: Any = False) -> Any:
    deviation = elementwise(np.subtract, numbers(a), _nanmean(a, axis, keepdims=True))  # of infinities NaN
    total = sum_(squares(_without_nan(a, 0.0, deviation)), axis, keepdims=keepdims)
    count = objects(elementwise(np.subtract, _numbers_of(a, axis, keepdims), ddof))
    positive = _SELECT(objects(elementwise(np.greater, count, 0.0)), count, np.nan)
    return elementwise(np.divide, total, np.asarray(positive, dtype=object)[()])


def _nanstd(a: Any, axis: Any = None, *, ddof: Any = 0, keepdims: Any = False) -> Any:
    return elementwise(np.sqrt, _nanvar(a, axis, ddof=ddof, keepdims=keepdims))


def _nan_extreme(ufunc: np.ufunc) -> Callable[..., Any]:
    def rule(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
        return tree(ufunc, numbers(a), axis, keepdims)

    return rule


def _cov(
    m: Any, y: Any = None, rowvar: Any = True, bias: Any = False, ddof: Any = None, fweights: Any = None,
    aweights: Any = None, *, dtype: Any = None,
) -> Any:  # fmt: skip
    if holds_complex(objects(m)) or (y is not None and holds_complex(objects(y))):
        refuse("f takes the covariance of complex numbers")
    only("dtype", dtype)
    m, y = (v if v is None or holds_symbols(v) else np.asarray(v, dtype=float) for v in (m, y))
    rows = _rows(m, rowvar) if y is None else np.concatenate([_rows(m, rowvar), _rows(y, rowvar)])
    weights, count = _weights(rows.shape[1], fweights, aweights, (0 if bias else 1) if ddof is None else ddof)
    weighted = objects(elementwise(np.multiply, rows, weights))
    mean = elementwise(np.divide, sum_(weighted, axis=1, keepdims=True), sum_(objects(weights)))
    deviation = objects(elementwise(np.subtract, rows, mean))
    products = LOOPS[np.matmul](deviation, objects(elementwise(np.multiply, deviation, weights)).T)
    return np.squeeze(elementwise(np.divide, products, count))[()]


def _weights(count: int, fweights: Any, aweights: Any, ddof: Any) -> tuple[Any, Any]:
    """The weights of all samples, and what the sums of their products are divided by."""
    if holds_symbols(fweights):
        refuse("f takes a covariance with traced counts, which are integers")
    repeats = np.ones(count) if fweights is None else np.asarray(fweights, dtype=float)
    if aweights is None:
        return repeats, max(float(repeats.sum()) - ddof, 0.0)
    if holds_symbols(aweights):  # of negative ones NumPy raises
        ask_where_any(elementwise(np.less, aweights, 0.0))
    weights = elementwise(np.multiply, repeats, numbers(aweights))
    total, squares = sum_(objects(weights)), sum_(objects(elementwise(np.multiply, weights, aweights)))
    return weights, elementwise(
        np.subtract, total, elementwise(np.divide, elementwise(np.multiply, ddof, squares), total)
    )


def _rows(m: Any, rowvar: Any) -> Objects:
    values = numbers(m)
    if values.ndim > 2:
        refuse("f takes covariances of an array with more than two dimensions")
    return np.atleast_2d(values) if rowvar or values.ndim < 2 else values.T


def _corrcoef(x: Any, y: Any = None, rowvar: Any = True, *, dtype: Any = None) -> Any:
    only("dtype", dtype)
    c = objects(_cov(x, y, rowvar))
    if c.ndim == 0:
        return elementwise(np.divide, c, c)
    deviations = objects(elementwise(np.sqrt, np.diagonal(c)))
    scaled = elementwise(np.divide, elementwise(np.divide, c, deviations[:, None]), deviations[None, :])
    return elementwise(np.minimum, elementwise(np.maximum, scaled, -1.0), 1.0)


def _isclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: Any = False) -> Any:
    only("equal_nan", equal_nan, False)
    allowed = elementwise(np.add, elementwise(np.multiply, elementwise(np.absolute, b), rtol), atol)
    near = elementwise(np.less_equal, elementwise(np.absolute, elementwise(np.subtract, a, b)), allowed)
    finite = elementwise(np.logical_and, near, elementwise(np.isfinite, b))
    return elementwise(np.logical_or, finite, elementwise(np.equal, a, b))


def _allclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: Any = False) -> Any:
    return FUNCTIONS[np.all](_isclose(a, b, rtol, atol, equal_nan))


def _array_equal(a1: Any, a2: Any, equal_nan: Any = False) -> Any:
    only("equal_nan", equal_nan, False)
    return np.shape(a1) == np.shape(a2) and FUNCTIONS[np.all](elementwise(np.equal, a1, a2))


FUNCTIONS.update({
    np.nansum: _nan_sum(np.sum, 0.0), np.nanprod: _nan_sum(np.prod, 1.0), np.nanmean: _nanmean, np.nanvar: _nanvar,
    np.nanstd: _nanstd, np.nanmax: _nan_extreme(np.fmax), np.nanmin: _nan_extreme(np.fmin),
    np.nancumsum: _nan_sum(np.cumsum, 0.0), np.nancumprod: _nan_sum(np.cumprod, 1.0), np.cov: _cov,
    np.corrcoef: _corrcoef, np.isclose: _isclose, np.allclose: _allclose, np.array_equal: _array_equal,
})  # fmt: skip

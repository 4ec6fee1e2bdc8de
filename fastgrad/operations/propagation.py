"""The propagation of uncertainties."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import prod
from typing import Any, Literal, Unpack, overload

import numpy as np
from numpy.typing import ArrayLike

from ..chunks.frames import applied, is_frame
from ..engine.arguments import (
    Array,
    Bounds,
    Function,
    Options,
    Progress,
    Step,
    check_args,
    check_function,
    check_out,
    read_batch,
    read_points,
    refuse_bounds,
)
from ..engine.call import Rows, Workers
from ..engine.numbers import real_array
from ..engine.options import Labelled, Many, Numbers
from ..formulas.values import as_numbers, refuse_complex
from ..results import Result, status_of
from .hints import refuse_dict
from .jacobians import jacobian


@overload
def propagate(
    f: Function, x: Any, cov: Numbers, *, full_output: Literal[True], **options: Unpack[Many]
) -> tuple[Any, Result]: ...
@overload
def propagate(
    f: Function, x: Labelled, cov: Numbers, *, full_output: bool = ..., **options: Unpack[Many]
) -> tuple[Any, Any]: ...
@overload
def propagate(
    f: Function, x: ArrayLike, cov: Numbers, *, full_output: Literal[False] = ..., **options: Unpack[Many]
) -> tuple[Array, Array]: ...
def propagate(
    f: Function, x: Numbers, cov: Numbers, *, args: tuple[Any, ...] = (), batch_args: tuple[Any, ...] = (),
    batch: bool = False, method: str = "central", order: int = 2, h: Step = None, rel_step: Step = None,
    bounds: Bounds = None, engine: str = "auto", workers: Workers = None, out: Array | None = None,
    progress: Progress = False, full_output: bool = False,
) -> tuple[Any, Any]:  # fmt: skip
    """f(x) and its covariance, to first order: ``J @ cov @ J.T`` with the Jacobian J of f.

    Parameters
    ----------
    f, x, args, batch_args, batch, method, order, h, rel_step, engine, workers, progress
        As in `jacobian`. f is called once more for each point, from Python.
    cov : array_like
        Covariance of the D coordinates of a point, (D, D); or their variances, (D,) or of a point's shape, where they
        are independent; or one number for one coordinate.
        With ``batch=True`` one of these for all points, or (N, D, D).
    out : ndarray, optional
        For the covariance.
    full_output : bool
        The covariance as a `Result`. Its `error`, None unless the method estimates one, is what the error of J makes of
        it; terms of second order are in no error.

    Returns
    -------
    y : ndarray or float
        What f returns, in shape and dtype as a result of `jacobian` is; with ``batch=True`` N of them.
    covariance : ndarray, float or Result
        The shape of y twice, (M, M), symmetric bit for bit; a variance where f returns a number.

    Raises
    ------
    TypeError, ValueError, EngineError
        As in `jacobian`; a cov of another shape, not symmetric, or with a negative variance or eigenvalue.

    Examples
    --------
    >>> import numpy as np, fastgrad
    >>> y, cov = fastgrad.propagate(lambda x: np.array([x[0] * x[1], x[0]]), [2.0, 3.0], [0.01, 0.04])
    >>> print(y, cov.round(9).tolist())
    [6. 2.] [[0.25, 0.03], [0.03, 0.01]]
    """
    check_function(f)
    refuse_dict(x, "propagate")
    refuse_bounds(bounds, "propagate")
    what: dict[str, Any] = {"args": args, "batch_args": batch_args, "batch": batch, "method": method, "order": order}
    what |= {"h": h, "rel_step": rel_step}
    if type(x) is not np.ndarray and is_frame(x):
        y, found = applied(propagate, f, x, Options(engine, workers, out, progress, full_output), cov, **what)
        return y, found
    given, points = read_points(x, batch)
    spread = _read_covariance(cov, points.count, points.shape, batch)
    rest, rows = check_args(args), read_batch(batch_args, points, batch)
    what |= {"engine": engine, "workers": workers, "progress": progress}
    full = jacobian(f, given.astype(np.float64, copy=False), **what, full_output=True)
    refuse_complex(full.value)
    y, found = _propagated(partial(_value_at, f, points, rest, rows), given, points, spread, full, out, batch)
    return y, found if full_output else found.value


def _value_at(f: Function, points: Rows, args: tuple[Any, ...], batch: tuple[Array, ...], n: int) -> Any:
    return as_numbers(f(points.row(n).reshape(points.shape).copy()[()], *args, *(a[n] for a in batch)))


def _propagated(
    value_at: Callable[[int], Any], given: Array, points: Rows, spread: Array, full: Result, out: Any, batch: bool
) -> tuple[Any, Result]:
    """f's values, and their covariance in the place of their Jacobian."""
    lead = given.shape[:1] if batch else ()
    shape = np.shape(full.value)[len(lead) : np.ndim(full.value) - len(points.shape)]
    result = check_out(out, (*lead, *shape, *shape), given.dtype, given)
    y = np.empty((points.count, *shape))
    for n in range(points.count):
        y[n] = value_at(n)
    layout = (points.count, prod(shape), points.dimension)
    with np.errstate(all="ignore"):
        covariance, error = _spread(full.value, full.error, spread, layout)
        result[...] = covariance.reshape(result.shape)
        y = y.astype(given.dtype).reshape((*lead, *shape))[()]
    value = result[()] if out is None and not result.ndim else result
    error = None if error is None else error.reshape(result.shape)[()]
    return y, replace(full, value=value, error=error, status=status_of(value), nfev=full.nfev + points.count)


def _read_covariance(cov: Any, count: int, shape: tuple[int, ...], batch: bool) -> Array:
    """cov as variances (D,), or as matrices (1 or N, D, D)."""
    given, size = real_array(cov, "cov").astype(np.float64), prod(shape)
    spread: Array
    matrices = {(size, size), shape * 2} | ({(count, size, size)} if batch else set())
    if given.shape in {shape, (size,)} or given.ndim == 0 == size - 1:
        spread = variances = given.reshape(size)
    elif given.shape in matrices:
        spread = given.reshape(given.shape[0] if given.ndim == 3 else 1, size, size)
        variances = np.diagonal(spread, axis1=1, axis2=2)
        _check_symmetric(spread)
    else:
        several = f", or ({count}, {size}, {size})" if batch else ""
        msg = (
            f"cov has shape {given.shape}, but x has {size} coordinates a point; "
            f"give variances ({size},) or a matrix ({size}, {size}){several}"
        )
        raise ValueError(msg)
    if (variances < 0.0).any():
        msg = (
            f"cov has a negative variance, {variances[variances < 0.0][0]}; "
            "variances are squares of standard deviations"
        )
        raise ValueError(msg)
    if spread.ndim == 3:
        _check_definite(spread)
    return spread


def _check_symmetric(matrices: Array) -> None:
    with np.errstate(all="ignore"):
        apart = np.abs(matrices - matrices.transpose(0, 2, 1))
        bad = apart > 1e-8 * np.abs(matrices).max(axis=(1, 2), initial=0.0)[:, None, None]
    if bad.any():
        _, i, j = np.argwhere(bad)[0].tolist()
        msg = (
            f"cov is not symmetric: cov[{i}, {j}] and cov[{j}, {i}] differ by {apart[bad][0]}; write (cov + cov.T) / 2"
        )
        raise ValueError(msg)


def _check_definite(matrices: Array) -> None:
    """Raise ValueError where a linear combination of the coordinates would have a negative variance."""
    finite = matrices[np.isfinite(matrices).all(axis=(1, 2))]
    if not finite.size:
        return
    scale = np.abs(finite).max(axis=(1, 2))  # eigenvalues of tiny or huge matrices would under- or overflow
    own = np.linalg.eigvalsh(finite / np.where(scale == 0.0, 1.0, scale)[:, None, None])
    bad = np.flatnonzero(own[:, 0] < -1e-8 * own[:, -1])
    if bad.size:
        msg = (
            f"cov is no covariance: it has a negative eigenvalue, {own[bad[0], 0] * scale[bad[0]]:.6g}, and so a "
            "combination of the coordinates a negative variance; its off-diagonal elements are too large"
        )
        raise ValueError(msg)


def _spread(jac: Array, error: Any, spread: Array, layout: tuple[int, int, int]) -> tuple[Array, Any]:
    """J C J^T, point by point, and how far it is off where J is off by `error`."""
    jac = np.reshape(jac, layout)
    covariance = _sandwich(jac, spread, jac)
    if error is None:
        return covariance, None
    size, off, spread = np.abs(jac), np.reshape(error, layout), np.abs(spread)
    return covariance, 2.0 * _sandwich(size, spread, off) + _sandwich(off, spread, off)


def _sandwich(a: Array, spread: Array, b: Array) -> Array:
    """The symmetric part of a C b^T; of variances without the matrix.

    Where an element of a or b is 0, NaN and infinity in C count as nothing: an input spoils what depends on it.
    """
    own = np.equal(a, 0.0)[..., None]
    half = np.where(a == 0.0, 0.0, a * spread) if spread.ndim == 1 else _product(a, spread, own)
    across = b.transpose(0, 2, 1)
    product = _product(half, across, np.equal(across, 0.0)[:, None] | own.all(axis=2, keepdims=True))
    return np.asarray(0.5 * (product + product.transpose(0, 2, 1)))


def _product(a: Array, b: Array, nothing: Array) -> Array:
    """a @ b, point by point; where that is no number without the terms (N, M, D, K) that are `nothing`."""
    product: Array = a @ b
    lost = ~np.isfinite(product)
    points = np.flatnonzero(lost.any(axis=(1, 2)))
    if points.size:
        own = [np.broadcast_to(m, (len(a), *m.shape[1:]))[points] for m in (a, b, nothing)]
        terms = np.where(own[2], 0.0, own[0][:, :, :, None] * own[1][:, None])
        product[points] = np.where(lost[points], terms.sum(axis=2), product[points])
    return product

"""Functions of functions: grad and value_and_grad under JAX's names, and the product of a vector with the Jacobian."""

from __future__ import annotations

import inspect
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .arguments import check_function, check_out, real_array, refuse_bounds
from .derivatives import gradient, value_and_gradient
from .jacobians import jacobian
from .request import Array, Bounds, Function, Progress, Step
from .results import status_of


def grad(f: Function, **options: Any) -> Function:
    """The function that gives the gradient of f.

    Parameters
    ----------
    f : callable
        A scalar function, as in `gradient`.
    **options
        Those of `gradient`.

    Returns
    -------
    callable
        ``g(x, *args)`` is ``gradient(f, x, args=args, **options)``.

    Raises
    ------
    TypeError
        f is no function, or an option does not exist.

    Examples
    --------
    >>> import numpy as np, fastgrad
    >>> slope = fastgrad.grad(lambda x, a: a * np.sum(x**2), order=4)
    >>> slope(np.array([3.0, 4.0]), 0.5).round(9)
    array([3., 4.])
    """
    return _bound(gradient, f, options)


def value_and_grad(f: Function, **options: Any) -> Function:
    """The function that gives f and its gradient.

    Parameters
    ----------
    f : callable
        A scalar function, as in `gradient`.
    **options
        Those of `value_and_gradient`.

    Returns
    -------
    callable
        ``g(x, *args)`` is ``value_and_gradient(f, x, args=args, **options)``.

    Raises
    ------
    TypeError
        f is no function, or an option does not exist.

    Examples
    --------
    >>> import numpy as np, fastgrad
    >>> value, slope = fastgrad.value_and_grad(lambda x: np.sum(x**2))(np.array([3.0, 4.0]))
    >>> print(value, slope)
    25.0 [6. 8.]
    """
    return _bound(value_and_gradient, f, options)


def _bound(operation: Function, f: Function, options: dict[str, Any]) -> Function:
    check_function(f)
    inspect.signature(operation).bind(f, None, **options)  # TypeError for an option that does not exist
    bound = {"args": (), **options}

    def transformed(x: ArrayLike, *args: Any) -> Any:
        return operation(f, x, **{**bound, "args": args or bound["args"]})

    name = getattr(f, "__name__", "f")
    transformed.__name__ = f"{operation.__name__}_of_{name}"
    transformed.__doc__ = f"{operation.__name__}({name}, x, args=args)"
    return transformed


def vjp(
    f: Function,
    x: ArrayLike,
    u: ArrayLike,
    *,
    args: tuple[Any, ...] = (),
    batch: bool = False,
    method: str = "central",
    order: int = 2,
    h: Step = None,
    rel_step: Step = None,
    bounds: Bounds = None,
    engine: str = "auto",
    workers: int | None = None,
    out: Array | None = None,
    progress: Progress = False,
    full_output: bool = False,
) -> Any:
    """u times the Jacobian: the gradient of ``sum(u * f(x))``.

    Differences know no reverse mode: this costs what `jacobian` costs.

    Parameters
    ----------
    f, x, args, batch, method, order, h, rel_step, engine, workers, out, progress, full_output
        As in `jacobian`.
    u : array_like
        Of the shape of f's output; with ``batch=True`` one per point, or one for all.

    Returns
    -------
    ndarray or Result
        Shape and dtype of x (float64 for integers).

    Raises
    ------
    TypeError, ValueError, EngineError
        As in `jacobian`; u of another shape than f's output.

    Examples
    --------
    >>> import numpy as np, fastgrad
    >>> fastgrad.vjp(lambda x: np.array([x[0] * x[1], x[0]]), np.array([2.0, 3.0]), np.array([1.0, -1.0])).round(9)
    array([2., 2.])
    """
    check_function(f)
    refuse_bounds(bounds, "vjp")
    given, weights = real_array(x), real_array(u, "u")
    result = check_out(out, given.shape, given.dtype, given, weights)
    scheme: dict[str, Any] = {"args": args, "batch": batch, "method": method, "order": order, "h": h}
    how: dict[str, Any] = {"rel_step": rel_step, "engine": engine, "workers": workers, "progress": progress}
    full = jacobian(f, given.astype(np.float64, copy=False), **scheme, **how, full_output=True)
    with np.errstate(all="ignore"):
        result[...] = _times(weights, full.value, given, batch)
        error = None if full.error is None else _times(np.abs(weights), full.error, given, batch).astype(given.dtype)
    value = result[()] if out is None and not result.ndim else result
    return replace(full, value=value, status=status_of(value), error=error) if full_output else value


def _times(u: Array, jac: Array, given: Array, batch: bool) -> Array:
    """The product, output by output: a matrix product would give a batch other bits than its points."""
    lead, point = (given.shape[:1], given.shape[1:]) if batch else ((), given.shape)
    shape = jac.shape[len(lead) : jac.ndim - len(point)]
    if not jac.size and not given.size:
        return np.zeros(given.shape)
    if u.shape not in {shape, lead + shape}:
        msg = f"u has shape {u.shape}, but f returns shape {shape}; pass one factor per output"
        raise ValueError(msg)
    count, outputs = prod(lead), prod(shape)
    factors = np.broadcast_to(u, lead + shape).reshape(count, outputs, 1).astype(np.float64)
    rows = jac.reshape(count, outputs, prod(point))
    total = np.zeros((count, prod(point)))
    for m in range(outputs):
        total += factors[:, m] * rows[:, m]
    return total.reshape(given.shape)

"""Gradient checks in the forms of the course CS231n;
the caller's own array is moved in place and restored bit for bit."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..engine.arguments import check_function, movable_array
from ..engine.numbers import real_array
from ..engine.python import mutation
from ..formulas.values import as_number
from .elements import quotient, weighted_quotient

Array = NDArray[Any]

SMALLEST = 1e-8  # stands for the size of numbers that are both 0, in `rel_error`


def eval_numerical_gradient(f: Callable[..., Any], x: Any, verbose: bool = False, h: float = 1e-5) -> Array:
    """Gradient of f at x, by moving the elements of x in place.

    Parameters
    ----------
    f : callable
        A number from an array; it may read x through a closure.
    x : ndarray
        float64, float32 or float16. In single precision h is raised to ``eps**(1/3) * max(1, |x_i|)``.
    verbose : bool
        Print every index with its derivative.
    h : float
        The step.

    Returns
    -------
    ndarray
        float64, in x's shape.

    Raises
    ------
    TypeError, ValueError
        x is no writeable array of floating-point numbers, or f writes into it; h is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgrad.book import eval_numerical_gradient
    >>> eval_numerical_gradient(lambda x: np.sum(x**2), np.array([3.0, 4.0])).round(6)
    array([6., 8.])
    """
    check_function(f)
    grad = np.zeros(movable_array(x, "x").shape)
    with mutation.unwritten([x]):
        for index in np.ndindex(x.shape):
            grad[index] = quotient(lambda: as_number(f(x)), x, index, h)
            if verbose:
                print(index, grad[index])  # noqa: T201  what verbose is for
    return grad


def eval_numerical_gradient_array(f: Callable[..., Any], x: Any, df: ArrayLike, h: float = 1e-5) -> Array:
    """Gradient of ``sum(f(x) * df)``, for an f that returns an array: df is the gradient that comes from above.

    Parameters
    ----------
    f : callable
        An array from an array.
    x : ndarray
        As for `eval_numerical_gradient`.
    df : array_like
        In the shape of f(x), or a number.
    h : float
        The step.

    Returns
    -------
    ndarray
        float64, in x's shape.

    Raises
    ------
    TypeError, ValueError
        As `eval_numerical_gradient`; df does not have the shape of f(x).

    Examples
    --------
    >>> import numpy as np
    >>> from fastgrad.book import eval_numerical_gradient_array
    >>> eval_numerical_gradient_array(lambda x: x**2, np.array([1.0, 2.0]), np.array([1.0, 10.0])).round(6)
    array([ 2., 40.])
    """
    check_function(f)
    grad, above = np.zeros(movable_array(x, "x").shape), real_array(df, "df").astype(np.float64)
    with mutation.unwritten([x]):
        for index in np.ndindex(x.shape):
            grad[index] = weighted_quotient(lambda: (f(x),), x, index, h, [above])
    return grad


def grad_check_sparse(
    f: Callable[..., Any], x: Any, analytic_grad: Any, num_checks: int = 10, h: float = 1e-5, seed: int | None = None
) -> None:
    """Print numerical and analytic derivative and their relative error at some random elements.

    Parameters
    ----------
    f : callable
        A number from an array; it may read x through a closure.
    x : ndarray
        As for `eval_numerical_gradient`.
    analytic_grad : ndarray
        The gradient to check, in x's shape.
    num_checks : int
        How many elements; one can come twice.
    h : float
        The step.
    seed : int, optional
        By default Python's global generator draws the elements.

    Raises
    ------
    TypeError, ValueError
        As `eval_numerical_gradient`; the gradient does not have x's shape.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgrad.book import grad_check_sparse
    >>> x = np.array([3.0, 4.0])
    >>> grad_check_sparse(lambda x: np.sum(x**2), x, 2 * x, num_checks=1, seed=0)
    numerical: 8.000000 analytic: 8.000000, relative error: ...
    """
    check_function(f)
    given = np.asarray(analytic_grad)
    if given.shape != movable_array(x, "x").shape:
        msg = f"analytic_grad has shape {given.shape}, x has {x.shape}; each element of x needs its derivative"
        raise ValueError(msg)
    draw = random if seed is None else random.Random(seed)
    with mutation.unwritten([x]):
        for _ in range(num_checks):
            index = tuple(draw.randrange(n) for n in x.shape)
            numerical, analytic = quotient(lambda: as_number(f(x)), x, index, h), float(given[index])
            error = _relative(numerical, analytic)
            print(f"numerical: {numerical:f} analytic: {analytic:f}, relative error: {error:e}")  # noqa: T201


def rel_error(x: ArrayLike, y: ArrayLike) -> float:
    """The largest ``|x - y| / max(1e-8, |x| + |y|)``.

    Examples
    --------
    >>> from fastgrad.book import rel_error
    >>> rel_error([1.0, 0.0], [3.0, 0.0])
    0.5
    """
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    return float(np.max(np.abs(a - b) / np.maximum(SMALLEST, np.abs(a) + np.abs(b)), initial=0.0))


def _relative(numerical: float, analytic: float) -> float:
    size = abs(numerical) + abs(analytic)
    return abs(numerical - analytic) / size if size else 0.0

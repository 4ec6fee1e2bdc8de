"""The book's functions, drop-ins for chapter 4 of "Deep Learning from Scratch".

With float64 input they make the same operations in the same order as the book's and give its digits exactly.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Literal, overload

import numpy as np

from ..engine import threads
from ..engine.arguments import check_function, check_live_engine, check_workers
from ..engine.choose import PYTHON_CALLS
from ..engine.numbers import argument_array
from ..operations.hints import raise_with_signature
from ..program.captures import is_compiled
from ..results import ConstantFunctionWarning
from .loop import (
    Array,
    Function,
    book_step,
    check_visible,
    gradient_by_loop,
    is_few,
    own_array,
    own_copy,
    reacts,
    vanishing,
)
from .substitutes import by_a_compiled_loop, by_arrays, many_rows

COPIED = (
    "f does not react to the array that is differentiated, a float64 copy of the {kind} that was passed: a function "
    "that reads the original through a closure cannot see the copy. Pass a float64 array, and let f read that array"
)
ROWS = (
    "f never reads the columns from {k} on of X, which has shape {shape}: rows are points, columns coordinates; "
    "did you mean X.T?"
)


@overload
def numerical_diff(f: Function, x: float, h: float = ...) -> float: ...
@overload
def numerical_diff(f: Function, x: Any, h: float = ...) -> Any: ...
def numerical_diff(f: Function, x: Any, h: float = 1e-4) -> Any:
    """Central difference quotient ``(f(x + h) - f(x - h)) / (2*h)``.

    Parameters
    ----------
    f : callable
        A function of one variable.
    x : float or ndarray
        Arrays are differentiated element by element.
    h : float
        The step. For float32 and float16 x it is raised to ``eps**(1/3) * max(1, |x|)``.

    Returns
    -------
    float or ndarray

    Raises
    ------
    ValueError
        h is not positive, or vanishes beside x.

    Examples
    --------
    >>> from fastgrad import numerical_diff
    >>> numerical_diff(lambda x: x * x + 4.0**2.0, 3.0)
    6.00000000000378
    """
    check_function(f)
    if not isinstance(x, (int, float)) or isinstance(x, bool):
        x = argument_array(x)[()]
    step = book_step(x, h)
    check_visible(x, step)
    above, below = own_copy(f(x + step)), own_copy(f(x - step))
    with np.errstate(all="ignore"):
        return (above - below) / (2 * step)


def numerical_gradient(
    f: Function, x: Any, h: float = 1e-4, *, engine: str = "auto", workers: int = 1,
    progress: bool | Callable[[int, int], object] = False,
) -> Array:  # fmt: skip
    """Gradient of f at one point of any shape, by moving the elements of the caller's own array in place.

    Each element is set to ``x_i + h`` and ``x_i - h`` in turn, f is called, and the element is restored bit for bit,
    also when f raises or Ctrl-C arrives. This is why ``lambda W: net.loss(x, t)``, which never looks at W, works when
    it is given ``net.W``.

    Parameters
    ----------
    f : callable
        A number (or an array of one element) from an array of x's shape. An ``@njit`` function runs in a compiled
        loop of the same arithmetic on copies of x.
    x : ndarray
        float64, float32 or float16; changed while the call lasts. Integers, lists and numbers are copied to float64.
    h : float
        The step; raised for float32 and float16 to ``eps**(1/3) * max(1, |x_i|)``.
    engine : {"auto", "python", "arrays"}
        python: this loop. arrays: f is recorded as a program of whole arrays, whose differences are the loop's to
        rounding for a small part of its work; it is believed where it agrees with f, called in place. auto: arrays
        where the loop would take more than 1e8 operations, f can be recorded, and it pays; else the loop.
    workers : int
        Threads for an ``@njit`` f. Other functions run in so many forked processes (Linux, no other threads), each with
        its own copy of all objects: what f changes in them is lost, and random numbers are the same in each. The digits
        are those of a run with one thread of BLAS.
    progress : bool or callable
        True: a progress bar on stderr; a callable gets (done, total).

    Returns
    -------
    ndarray
        The gradient, in x's shape and dtype.

    Raises
    ------
    ValueError
        x is read-only, h is not positive or vanishes beside an element, or f returns more than one number.
    EngineError
        ``engine="arrays"`` cannot run f; the text says why.

    Warns
    -----
    PerformanceWarning
        Once per function: the loop is about to do more than 1e10 operations; with the reason and what would help.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgrad import numerical_gradient
    >>> numerical_gradient(lambda x: np.sum(x**2), np.array([3.0, 4.0]))
    array([6., 8.])
    """
    check_function(f)
    check_live_engine(engine)
    array, kind = own_array(x)
    if is_compiled(f) and engine == "auto":
        return by_a_compiled_loop(f, array, h, check_workers(workers, "jit") or threads.cores(), progress)
    used = check_workers(workers, "auto") or 1
    try:
        looped = engine == "python" or (engine == "auto" and is_few(array))
        grad = None if looped else by_arrays(f, array, h, engine, progress)
        grad = gradient_by_loop(f, array, h, progress, workers=used) if grad is None else grad
    except TypeError as error:
        raise_with_signature(f, error, 1, array.size, has_args=False)
        raise
    if kind and grad.size and not grad.any() and not reacts(f, array):
        warnings.warn(COPIED.format(kind=kind), ConstantFunctionWarning, stacklevel=2)
    return grad


def numerical_gradient_2d(f: Function, X: Any, h: float = 1e-4) -> Array:
    """Gradients at points given in rows: f gets one row at a time.

    A one-dimensional X is one point. More than 10 000 calls of f run compiled where f can be compiled, as `gradient`
    with ``batch=True`` and the same h does, equal to rounding.

    Parameters
    ----------
    f : callable
        A number from an array of shape (D,).
    X : ndarray
        (N, D), or (D,).
    h : float
        The step.

    Returns
    -------
    ndarray
        In X's shape.

    Raises
    ------
    ValueError
        As `numerical_gradient`.

    Warns
    -----
    UserWarning
        X has shape (k, N) and f never reads the columns from k on: it probably wants X.T.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgrad import numerical_gradient_2d
    >>> numerical_gradient_2d(lambda x: x[0] * x[1], np.array([[3.0, 4.0], [0.0, 2.0]]))
    array([[4., 3.],
           [2., 0.]])
    """
    check_function(f)
    array, kind = own_array(X)
    if array.ndim == 1:
        return numerical_gradient(f, X, h)
    if array.ndim != 2:
        msg = f"X must have one point per row, shape (N, D), got {array.shape}; numerical_gradient takes any shape"
        raise ValueError(msg)
    grad = many_rows(f, array, h) if 2 * array.size > PYTHON_CALLS and array.dtype == np.float64 else None
    if grad is None:
        grad = np.array([gradient_by_loop(f, row, h) for row in array]).reshape(array.shape)
    if kind and grad.size and not grad.any() and not reacts(f, array[0]):
        warnings.warn(COPIED.format(kind=kind), ConstantFunctionWarning, stacklevel=2)
    k, n = array.shape
    if 0 < k < n and not grad[:, k:].any() and grad.any() and not reacts(f, array[0], k):
        warnings.warn(ROWS.format(k=k, shape=array.shape), UserWarning, stacklevel=2)
    return grad


@overload
def gradient_descent(
    f: Function, init_x: Any, lr: float = ..., step_num: int = ..., *, return_history: Literal[False] = ...
) -> Array: ...
@overload
def gradient_descent(
    f: Function, init_x: Any, lr: float = ..., step_num: int = ..., *, return_history: Literal[True]
) -> tuple[Array, Array]: ...
def gradient_descent(
    f: Function, init_x: Any, lr: float = 0.01, step_num: int = 100, *, return_history: bool = False
) -> Any:
    """Gradient descent: ``x -= lr * gradient``, `step_num` times.

    Parameters
    ----------
    f : callable
        The function to minimise.
    init_x : ndarray
        The start; updated in place and returned. Integers and lists are copied to float64.
    lr : float
        The learning rate.
    step_num : int
        The number of steps.
    return_history : bool
        Also return the positions before each step, an array of shape (step_num, ...).

    Returns
    -------
    ndarray, or (ndarray, ndarray)

    Warns
    -----
    RuntimeWarning
        The descent diverged: the step h vanishes beside x, the partial derivative counts as 0 there, as in the book.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgrad import gradient_descent
    >>> gradient_descent(lambda x: x[0] ** 2 + x[1] ** 2, np.array([-3.0, 4.0]), lr=0.1)
    array([-6.11110793e-10,  8.14814391e-10])
    """
    check_function(f)
    x, _ = own_array(init_x)
    history, diverged = [], False
    for _ in range(step_num):
        history.append(x.copy()) if return_history else None
        diverged = diverged or bool(vanishing(x, book_step(x, 1e-4)).any())
        x -= lr * gradient_by_loop(f, x, 1e-4, diverging=True)
    if diverged:
        text = f"diverged: x reached {np.abs(x).max():.2g}, beside which h=0.0001 vanishes; lower lr={lr!r}"
        warnings.warn(text, RuntimeWarning, stacklevel=2)
    return (x, np.array(history).reshape(-1, *x.shape)) if return_history else x


def tangent_line(f: Function, x: Any) -> Callable[[Any], Any]:
    """The tangent of f at x, as a function of t.

    Parameters
    ----------
    f : callable
    x : float or ndarray
        A number, an array on which f works element by element, or a point of a function of several variables, whose
        tangent plane ``f(x) + gradient @ (t - x)`` is returned.

    Returns
    -------
    callable

    Examples
    --------
    >>> from fastgrad import tangent_line
    >>> line = tangent_line(lambda x: 0.01 * x**2 + 0.1 * x, 5)
    >>> round(line(10), 6)
    1.75
    """
    check_function(f)
    x = x if isinstance(x, (int, float)) else argument_array(x)
    y = own_copy(f(x))
    if np.shape(y) == np.shape(x):
        slope = numerical_diff(f, x)
        intercept = y - slope * x
        return lambda t: slope * t + intercept
    point, _ = own_array(x)
    grad, start = gradient_by_loop(f, point, 1e-4), point.copy()
    axes = tuple(range(-grad.ndim, 0))
    return lambda t: y + np.sum(grad * (np.asarray(t) - start), axis=axes)

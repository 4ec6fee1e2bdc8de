"""The book's functions, drop-ins for chapter 4 of "Deep Learning from Scratch".

With float64 input they make the same operations in the same order as the book's and give its digits exactly.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine import threads
from ..engine.arguments import check_function, check_workers
from ..engine.bound import Choice
from ..engine.call import Call, Rows
from ..engine.choose import PYTHON_CALLS, choose, warn_if_slow
from ..engine.numbers import real_array
from ..engine.python import mutation
from ..formulas import stencils
from ..formulas.steps import Steps, default_factor
from ..formulas.values import as_number
from ..program.look import reacts
from ..results import ConstantFunctionWarning, EngineError

Array = NDArray[Any]
Function = Callable[..., Any]

FIRST = stencils.stencil(1, 2, "central")

COPIED = (
    "f does not react to the array that is differentiated, a float64 copy of the {kind} that was passed: a function "
    "that reads the original through a closure cannot see the copy. Pass a float64 array, and let f read that array"
)
ROWS = (
    "f never reads the columns from {k} on of X, which has shape {shape}: rows are points, columns coordinates; "
    "did you mean X.T?"
)


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
        x = real_array(x)[()]
    step = _book_step(x, h)
    _check_visible(x, step)
    above, below = _own_copy(f(x + step)), _own_copy(f(x - step))
    with np.errstate(all="ignore"):
        return (above - below) / (2 * step)


def numerical_gradient(
    f: Function, x: Any, h: float = 1e-4, *, workers: int = 1, progress: bool | Callable[[int, int], object] = False
) -> Array:
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

    Examples
    --------
    >>> import numpy as np
    >>> from fastgrad import numerical_gradient
    >>> numerical_gradient(lambda x: np.sum(x**2), np.array([3.0, 4.0]))
    array([6., 8.])
    """
    check_function(f)
    array, kind = _own_array(x)
    if hasattr(f, "py_func"):
        return _by_a_compiled_loop(f, array, h, check_workers(workers, "jit") or threads.cores(), progress)
    grad = _loop(f, array, h, progress, workers=check_workers(workers, "auto") or 1)
    if kind and grad.size and not grad.any() and not _reacts(f, array):
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
    array, kind = _own_array(X)
    if array.ndim == 1:
        return numerical_gradient(f, X, h)
    if array.ndim != 2:
        msg = f"X must have one point per row, shape (N, D), got {array.shape}; numerical_gradient takes any shape"
        raise ValueError(msg)
    grad = _many_rows(f, array, h) if 2 * array.size > PYTHON_CALLS and array.dtype == np.float64 else None
    if grad is None:
        grad = np.array([_loop(f, row, h) for row in array]).reshape(array.shape)
    if kind and grad.size and not grad.any() and not _reacts(f, array[0]):
        warnings.warn(COPIED.format(kind=kind), ConstantFunctionWarning, stacklevel=2)
    k, n = array.shape
    if 0 < k < n and not grad[:, k:].any() and grad.any() and not _reacts(f, array[0], k):
        warnings.warn(ROWS.format(k=k, shape=array.shape), UserWarning, stacklevel=2)
    return grad


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
    x, _ = _own_array(init_x)
    history, diverged = [], False
    for _ in range(step_num):
        history.append(x.copy()) if return_history else None
        diverged = diverged or bool(_vanishing(x, _book_step(x, 1e-4)).any())
        x -= lr * _loop(f, x, 1e-4, diverging=True)
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
    x = x if isinstance(x, (int, float)) else real_array(x)
    y = _own_copy(f(x))
    if np.shape(y) == np.shape(x):
        slope = numerical_diff(f, x)
        intercept = y - slope * x
        return lambda t: slope * t + intercept
    point, _ = _own_array(x)
    grad, start = _loop(f, point, 1e-4), point.copy()
    axes = tuple(range(-grad.ndim, 0))
    return lambda t: y + np.sum(grad * (np.asarray(t) - start), axis=axes)


# --- the loop --------------------------------------------------------------------------------------------------------


def _own_array(x: Any) -> tuple[Array, str]:
    """The caller's own array; or a float64 copy of what cannot be moved in place, and its kind."""
    array: Array = real_array(x)
    if array is not x and not (isinstance(x, np.ndarray) and np.may_share_memory(array, x)):
        kind = f"{x.dtype} array" if isinstance(x, np.ndarray) else type(x).__name__
        return np.array(array), kind
    if not array.flags.writeable:
        msg = "x is read-only, but its elements are moved in place; pass x.copy(), or use fastgrad.gradient(f, x)"
        raise ValueError(msg)
    return array, ""


def _book_step(x: Any, h: Any) -> Any:
    """h; for float32 and float16 not below ``eps**(1/3) * max(1, |x|)``, in x's precision."""
    if not isinstance(h, (int, float, np.floating)) or isinstance(h, bool) or not 0.0 < h < np.inf:
        msg = f"h={h!r} must be a positive number; the book takes h=1e-4"
        raise ValueError(msg)
    dtype = getattr(x, "dtype", None)
    if dtype is None or dtype.itemsize >= 8:
        return h
    smallest = float(np.finfo(dtype).eps) ** (1 / 3)
    with np.errstate(all="ignore"):
        return np.maximum(h, smallest * np.maximum(1.0, np.abs(x.astype(np.float64)))).astype(dtype)


def _vanishing(x: Any, h: Any) -> Any:
    with np.errstate(all="ignore"):
        return (x + h == x) & np.isfinite(x)


def _check_visible(x: Any, h: Any) -> None:
    gone = _vanishing(x, h)
    if np.any(gone):
        value = np.broadcast_to(x, np.shape(gone))[gone].flat[0] if np.ndim(gone) else x
        step = np.broadcast_to(h, np.shape(gone))[gone].flat[0] if np.ndim(gone) else h
        workable = default_factor(1, 2) * max(1.0, abs(float(value)))
        msg = f"h={float(step)!r} vanishes beside x={float(value)!r} (x + h == x); use h={workable:.1g}"
        raise ValueError(msg)


def _own_copy(value: Any) -> Any:
    """What f returned for a number or an array, copied: f may use the same array again."""
    array = np.array(value)
    if array.dtype.kind not in "fiub":
        as_number(value)  # raises, and says what f returned
    return array if array.ndim else value


def _number(value: Any, x: Array) -> float:
    """What f returned, as a number; with the advice that a vector deserves."""
    if type(value) is np.float64 or type(value) is float:
        return value
    if np.ndim(value) and np.size(value) > 1 and x.ndim > 1 and np.shape(value) == x.shape[:1]:
        msg = (
            f"f returned one value per row of x, shape {np.shape(value)}; rows are points? Use "
            "numerical_gradient_2d(f, x) or gradient(f, x, batch=True) with an f of one point"
        )
        raise ValueError(msg)
    if np.ndim(value) and x.ndim == 2 and np.shape(value) == x.shape[1:]:
        msg = (
            f"f returned one value per column of x, shape {np.shape(value)}; columns are points? Use "
            "numerical_gradient_2d(f, x.T), which takes one point per row"
        )
        raise ValueError(msg)
    return as_number(value)


def _loop(
    f: Function, x: Array, h: float, progress: Any = False, *, workers: int = 1, diverging: bool = False
) -> Array:
    """The book's loop over the elements of x itself."""
    step = _book_step(x, h)
    if not diverging:
        _check_visible(x, step)
    with threads.progress_report(progress, "coordinate") as report:
        (total,) = mutation.sums(
            lambda: _number(f(x), x), [x], [np.arange(x.size)], [step], FIRST, workers=workers, report=report
        )
    with np.errstate(all="ignore"):
        grad: Array = (total.reshape(x.shape) / (2 * step)).astype(x.dtype)
    return grad


def _reacts(f: Function, x: Array, first: int = 0) -> bool:
    """Whether f takes another value when the coordinates from number `first` on are moved."""
    moved = np.array(x, dtype=np.float64)
    flat = moved.reshape(-1)
    flat[first:] += 0.3 * np.arange(1.0, flat.size - first + 1) % 1.0 + 0.1
    return reacts(f, np.array(x), moved, part=as_number)


def _by_a_compiled_loop(f: Function, x: Array, h: float, workers: int, progress: Any) -> Array:
    """The same arithmetic in a compiled loop; in Python where f captures what Numba cannot see live."""
    step = _book_step(x, h)
    _check_visible(x, step)
    out = np.empty((1, x.size))
    points = Rows(x.reshape(1, -1).astype(np.float64, copy=False), x.shape)
    size = np.asarray(step, dtype=np.float64)
    call = Call(f, points, stencils.gradient(x.size), Steps("book", size.reshape(1, -1) if size.ndim else size))
    try:
        chosen = choose(call, "jit", out)
    except EngineError as refused:
        warn_if_slow(call, Choice("python", reason=str(refused)), 3)
        return _loop(f, x, h, progress, workers=workers)
    chosen.bind(call, out).fill(workers, progress)
    return out.reshape(x.shape).astype(x.dtype)


def _many_rows(f: Function, X: Array, h: float) -> Array | None:
    """The modern engines with the same h, None where f cannot be compiled."""
    step = _book_step(X, h)
    _check_visible(X, step)
    out = np.empty(X.shape)
    call = Call(f, Rows(X, X.shape[1:]), stencils.gradient(X.shape[1]), Steps("absolute", np.asarray(float(step))))
    chosen = choose(call, "auto", out)
    warn_if_slow(call, chosen, 3)
    if chosen.code is None:
        return None
    chosen.bind(call, out).fill(threads.cores())
    return out

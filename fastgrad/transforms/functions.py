"""Functions of functions, under JAX's names and as SciPy calls them, and the product of a vector with the Jacobian.

`hessp` is called as ``fastgrad.transforms.hessp``; the others are names of the package.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
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
    check_function,
    check_out,
    own,
    refuse_bounds,
)
from ..engine.call import Workers
from ..engine.numbers import argument_array, real_array
from ..engine.options import GradientFunction, Labelled, Many, Numbers, ResultFunction, ValueFunction
from ..formulas.values import refuse_complex
from ..operations.calls import right_option
from ..operations.gradients import gradient, value_and_gradient
from ..operations.hessians import hessian, hvp
from ..operations.jacobians import jacobian
from ..results import Result, status_of
from .derivative import Derivative


@overload
def grad(f: Function, *, full_output: Literal[True], **options: Any) -> ResultFunction: ...
@overload
def grad(f: Function, *, full_output: Literal[False] = ..., **options: Any) -> GradientFunction: ...
def grad(f: Function, **options: Any) -> Any:
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
        ``g(x, *args)`` is ``gradient(f, x, args=args, **options)``, made to be called often: of a plain function that
        can be traced it is compiled at its first call for a shape of x, which takes some 0.1 s, as by
        ``engine="simd"``; each later call costs a few microseconds, at whatever f reads then. x may also be a dict of
        arrays and numbers, or of such dicts, or a list or tuple of arrays: f then gets the same form, of arrays of its
        own, and so is the gradient. `h`, `rel_step` and `bounds` may be dicts then, too.

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
    >>> line = lambda p: np.sum((p["slope"] * np.arange(3.0) + p["start"]) ** 2)
    >>> print({name: g.round(6).tolist() for name, g in fastgrad.grad(line)({"slope": 2.0, "start": 1.0}).items()})
    {'slope': 26.0, 'start': 18.0}
    """
    return _bound(gradient, f, options)


@overload
def value_and_grad(f: Function, *, full_output: Literal[True], **options: Any) -> Callable[..., tuple[Any, Result]]: ...
@overload
def value_and_grad(f: Function, *, full_output: Literal[False] = ..., **options: Any) -> ValueFunction: ...
def value_and_grad(f: Function, **options: Any) -> Any:
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
        ``g(x, *args)`` is ``value_and_gradient(f, x, args=args, **options)``, compiled at its first call and of a dict
        as in `grad`.

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


@overload
def jac(f: Function, *, full_output: Literal[True], **options: Any) -> ResultFunction: ...
@overload
def jac(f: Function, *, full_output: Literal[False] = ..., **options: Any) -> GradientFunction: ...
def jac(f: Function, **options: Any) -> Any:
    """The function that gives the Jacobian of f: the `jac` of `scipy.optimize.least_squares` and `root`.

    Parameters
    ----------
    f : callable
        As in `jacobian`.
    **options
        Those of `jacobian`.

    Returns
    -------
    callable
        ``g(x, *args)`` is ``jacobian(f, x, args=args, **options)``, compiled at its first call as in `grad`. Of a dict
        it is a dict of Jacobians.

    Raises
    ------
    TypeError
        f is no function, or an option does not exist.

    Examples
    --------
    >>> import numpy as np, fastgrad
    >>> fastgrad.jac(lambda x, a: np.array([a * x[0], x[0] * x[1]]))(np.array([3.0, 4.0]), 2.0).round(9)
    array([[2., 0.],
           [4., 3.]])
    """
    return _bound(jacobian, f, options)


@overload
def hess(f: Function, *, full_output: Literal[True], **options: Any) -> ResultFunction: ...
@overload
def hess(f: Function, *, full_output: Literal[False] = ..., **options: Any) -> GradientFunction: ...
def hess(f: Function, **options: Any) -> Any:
    """The function that gives the Hessian of f: the `hess` of `scipy.optimize.minimize`.

    Parameters
    ----------
    f : callable
        A scalar function, as in `hessian`.
    **options
        Those of `hessian`.

    Returns
    -------
    callable
        ``g(x, *args)`` is ``hessian(f, x, args=args, **options)``, compiled at its first call as in `grad`. Of a dict
        it is a dict of dicts of blocks.

    Raises
    ------
    TypeError
        f is no function, or an option does not exist.

    Examples
    --------
    >>> import numpy as np, fastgrad
    >>> fastgrad.hess(lambda x, a: a * x[0] ** 2 * x[1], order=4)(np.array([1.0, 2.0]), 0.5).round(6)
    array([[2., 1.],
           [1., 0.]])
    """
    return _bound(hessian, f, options)


def hessp(f: Function, **options: Any) -> Callable[..., Array]:
    """The function that gives the Hessian of f times a vector: the `hessp` of `scipy.optimize.minimize`.

    Parameters
    ----------
    f : callable
        A scalar function, as in `hvp`.
    **options
        Those of `hvp`.

    Returns
    -------
    callable
        ``g(x, v, *args)`` is ``hvp(f, x, v, args=args, **options)``.

    Raises
    ------
    TypeError
        f is no function, or an option does not exist.

    Examples
    --------
    >>> import numpy as np, fastgrad
    >>> product = fastgrad.transforms.hessp(lambda x: x[0] ** 2 * x[1], order=4)
    >>> product(np.array([1.0, 2.0]), np.array([1.0, 1.0])).round(6)
    array([6., 2.])
    """
    return _bound(hvp, f, options, vectors=1)


def _bound(operation: Function, f: Function, options: dict[str, Any], vectors: int = 0) -> Derivative:
    check_function(f)
    points = (None,) * (1 + vectors)
    signature = inspect.signature(operation)
    try:
        signature.bind(f, *points, **options)
    except TypeError as error:  # an option that does not exist
        unknown = next((option for option in options if option not in signature.parameters), "")
        text = right_option(operation, unknown, options.get(unknown))
        raise TypeError(f"{error}; {text}" if text else str(error)) from None
    return Derivative(operation, f, {"args": (), **options}, vectors)


@overload
def vjp(f: Function, x: Any, u: Numbers, *, full_output: Literal[True], **options: Unpack[Many]) -> Result: ...
@overload
def vjp(f: Function, x: Labelled, u: Numbers, *, full_output: bool = ..., **options: Unpack[Many]) -> Any: ...
@overload
def vjp(
    f: Function, x: float, u: Numbers, *, full_output: Literal[False] = ..., **options: Unpack[Many]
) -> np.float64: ...
@overload
def vjp(
    f: Function, x: ArrayLike, u: Numbers, *, full_output: Literal[False] = ..., **options: Unpack[Many]
) -> Array: ...
def vjp(
    f: Function, x: Numbers, u: Numbers, *, args: tuple[Any, ...] = (), batch_args: tuple[Any, ...] = (),
    batch: bool = False, method: str = "central", order: int = 2, h: Step = None, rel_step: Step = None,
    bounds: Bounds = None, engine: str = "auto", workers: Workers = None, out: Array | None = None,
    progress: Progress = False, full_output: bool = False,
) -> Any:  # fmt: skip
    """u times the Jacobian: the gradient of ``sum(u * f(x))``.

    Differences know no reverse mode: this costs what `jacobian` costs.

    Parameters
    ----------
    f, x, args, batch_args, batch, method, order, h, rel_step, engine, workers, out, progress, full_output
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
    what: dict[str, Any] = {"args": args, "batch_args": batch_args, "batch": batch, "method": method, "order": order}
    what |= {"h": h, "rel_step": rel_step}
    if type(x) is not np.ndarray and is_frame(x):
        return applied(vjp, f, x, Options(engine, workers, out, progress, full_output), u, **what)
    given, weights = argument_array(x), real_array(u, "u")
    result = check_out(out, given.shape, given.dtype, given, weights)
    what |= {"engine": engine, "workers": workers, "progress": progress}
    weights = own(weights)
    full = jacobian(f, given.astype(np.float64, copy=False), **what, full_output=True)
    refuse_complex(full.value)
    with np.errstate(all="ignore"):
        result[...] = _times(weights, full.value, given, batch)
        error = None if full.error is None else _times(np.abs(weights), full.error, given, batch)
    value = result[()] if out is None and not result.ndim else result
    return _weighted(full, value, error) if full_output else value


def _weighted(full: Result, value: Any, error: Array | None) -> Result:
    with np.errstate(all="ignore"):
        error = None if error is None else error.astype(value.dtype)
    return replace(full, value=value, status=status_of(value), error=error)


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

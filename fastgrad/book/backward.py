"""Gradient checks in Chainer's forms; the caller's own arrays are moved in place and restored bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.arguments import check_function, movable_array
from ..engine.python import mutation
from ..variable import Variable
from ..variable import sum as total
from .elements import as_tuple, outputs_of, weighted_quotient

Array = NDArray[Any]


class NondifferentiableError(Exception):
    """f has a kink or a jump within the step; the text holds the values."""


def numerical_grad(
    f: Callable[[], Any],
    inputs: Sequence[Any],
    grad_outputs: Sequence[Any],
    eps: float = 1e-3,
    detect_nondifferentiable: bool = False,
) -> tuple[Array, ...]:
    """Gradients of ``sum(y * gy)`` over the outputs of f, in all inputs.

    Parameters
    ----------
    f : callable
        Without arguments; it reads `inputs`, and returns an array or a tuple of arrays.
    inputs : sequence of ndarray
        Moved in place, one element at a time.
    grad_outputs : sequence
        An array, a number or None (0) for each output.
    eps : float
        The step.
    detect_nondifferentiable : bool
        Also take half of the step, and raise where the five values do not lie on a parabola.

    Returns
    -------
    tuple of ndarray
        In the shapes and dtypes of the inputs.

    Raises
    ------
    NondifferentiableError
        A kink or a jump within the step.
    TypeError, ValueError
        Inputs that are no writeable arrays of floating-point numbers, or into which f writes; grad_outputs that do not
        fit.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgrad.book import numerical_grad
    >>> x = np.array([1.0, 2.0])
    >>> (gx,) = numerical_grad(lambda: (x**2,), (x,), (np.array([1.0, 10.0]),))
    >>> gx.round(6)
    array([ 2., 40.])
    """
    check_function(f)
    above = outputs_of([0.0 if g is None else g for g in grad_outputs], "grad_outputs")
    grads = []
    for k, x in enumerate(inputs):
        grad = np.zeros(movable_array(x, f"inputs[{k}]").shape)
        with mutation.unwritten([x]):
            for index in np.ndindex(x.shape):
                if detect_nondifferentiable:
                    _check_parabola(f, x, index, eps)
                grad[index] = weighted_quotient(f, x, index, eps, above)
        grads.append(grad.astype(x.dtype))
    return tuple(grads)


def check_backward(
    func: Callable[..., Any],
    x_data: Any,
    y_grad: Any,
    params: Any = (),
    eps: float = 1e-3,
    atol: float = 1e-5,
    rtol: float = 1e-4,
    no_grads: Sequence[bool] | None = None,
    dtype: Any = None,
    detect_nondifferentiable: bool = False,
) -> None:
    """Compare ``backward`` of a function of Variables with a central difference along one random line.

    Parameters
    ----------
    func : callable
        A Variable, or a tuple of them, from Variables.
    x_data : ndarray or tuple of ndarray
        Its arguments.
    y_grad : ndarray, tuple or None
        The gradient that comes from above, for each output;
        None stands for 1 where the output is one number, of shape ().
    params : Variable or tuple of Variable
        What func reads besides its arguments.
    eps : float
        The step along the line, whose length is 1.
    atol, rtol : float
        Allowed is ``atol + rtol * |backward|``.
    no_grads : sequence of bool, optional
        Arguments to leave out. Those that are no floating-point arrays are left out anyway.
    dtype : dtype, optional
        Convert floating-point arguments first; float64 is right for functions of single precision.
    detect_nondifferentiable : bool
        Raise where five values along the line do not lie on a parabola.

    Raises
    ------
    AssertionError
        They differ; the text names both numbers.
    NondifferentiableError
        A kink or a jump within the step.
    TypeError, ValueError
        y_grad is None for outputs that are not of shape (); nothing to differentiate.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgrad.book import check_backward
    >>> x = np.array([1.0, 2.0])
    >>> check_backward(lambda v: v * v, x, np.ones(2))
    """
    check_function(func, "func")
    data = [_converted(x, dtype) for x in as_tuple(x_data)]
    leaves, weights = [Variable(x) for x in data], as_tuple(params)
    moving = [*_moving(leaves, no_grads), *weights]
    if not moving:
        msg = "there is nothing to differentiate: all arguments are left out, and there are no params"
        raise ValueError(msg)
    outputs = as_tuple(func(*leaves))
    above = _from_above(outputs, y_grad, len(outputs))
    for leaf in moving:
        leaf.cleargrad()
    _total(outputs, above).backward()
    arrays = [movable_array(leaf.array, "x_data") for leaf in moving]
    direction = _direction(sum(x.size for x in arrays))
    parts = np.split(direction, np.cumsum([x.size for x in arrays])[:-1])
    backward = _slope_along(moving, parts)
    numerical = _along(lambda: as_tuple(func(*leaves)), arrays, parts, above, eps, detect_nondifferentiable)
    _compare(numerical, backward, atol, rtol)


def _moving(leaves: list[Variable], no_grads: Sequence[bool] | None) -> list[Variable]:
    skipped = no_grads if no_grads is not None else [x.dtype.kind != "f" for x in leaves]
    return [leaf for leaf, skip in zip(leaves, skipped, strict=True) if not skip]


def _slope_along(moving: Sequence[Any], parts: Sequence[Array]) -> float:
    """What the gradients of backward say of a line."""
    both = zip(parts, moving, strict=True)
    return sum(float(np.sum(v.reshape(leaf.shape) * leaf.grad)) for v, leaf in both if leaf.grad is not None)


def _compare(numerical: float, backward: float, atol: float, rtol: float) -> None:
    if not abs(numerical - backward) <= atol + rtol * abs(backward):
        msg = (
            f"backward disagrees with the numerical derivative along a random line: numerical {numerical:.8g}, "
            f"backward {backward:.8g}, difference {abs(numerical - backward):.2g}, "
            f"allowed {atol + rtol * abs(backward):.2g} (atol={atol}, rtol={rtol})"
        )
        raise AssertionError(msg)


def _converted(x: Any, dtype: Any) -> Array:
    array = np.asarray(getattr(x, "array", x))
    return array.astype(dtype) if dtype is not None and array.dtype.kind == "f" else array


def _from_above(outputs: tuple[Any, ...], y_grad: Any, count: int) -> list[Array]:
    """The gradient with respect to every output, in its shape."""
    if y_grad is None:
        if count > 1 or outputs[0].shape != ():
            msg = (
                f"y_grad is None, but func returns {count} outputs, the first of shape {outputs[0].shape}; "
                "give one in that shape for each"
            )
            raise ValueError(msg)
        return [np.ones(())]
    above = outputs_of([0.0 if g is None else g for g in as_tuple(y_grad)], "y_grad")
    if len(above) != count:
        msg = f"y_grad holds {len(above)} gradients, func returns {count} outputs"
        raise ValueError(msg)
    for g, y in zip(above, outputs, strict=True):
        if g.shape not in {y.shape, ()}:
            msg = f"y_grad has shape {g.shape}, the output of func {y.shape}"
            raise ValueError(msg)
    return [np.broadcast_to(g, y.shape) for g, y in zip(above, outputs, strict=True)]


def _total(outputs: tuple[Any, ...], above: list[Array]) -> Any:
    """The sum of outputs times what comes from above, a Variable."""
    result = total(outputs[0] * above[0].astype(outputs[0].dtype))
    for y, g in zip(outputs[1:], above[1:], strict=True):
        result = result + total(y * g.astype(y.dtype))
    return result


def _direction(size: int) -> Array:
    """A random vector of length 1 without small components, which would hide an element."""
    rng = np.random.default_rng()
    v = rng.standard_normal(size)
    v = np.where(v < 0, -1.0, 1.0) * np.maximum(np.abs(v), 0.1)
    unit: Array = v / np.sqrt(np.sum(v**2))
    return unit


def _along(
    f: Callable[[], tuple[Any, ...]], arrays: list[Array], parts: list[Array], above: list[Array],
    eps: float, detect: bool,
) -> float:  # fmt: skip
    """The central difference of the weighted sum along a line, by moving all arrays in place."""

    def at(t: float) -> list[Array]:
        for x, original, v in zip(arrays, originals, parts, strict=True):
            x[...] = original + t * v.reshape(x.shape)
        moved = [x.copy() for x in arrays]
        values = outputs_of(f())
        mutation.check_unchanged(arrays, moved)
        return values

    with mutation.restored(arrays) as originals:
        if detect:
            _check_values([at(eps * k / 2) for k in range(-2, 3)], "along a random line", eps)
        up, down = at(eps), at(-eps)
    return sum(float(np.sum((a - b) * g)) for a, b, g in zip(up, down, above, strict=True)) / (2 * eps)


def _check_parabola(f: Callable[[], Any], x: Array, index: tuple[int, ...], eps: float) -> None:
    """Raise NondifferentiableError where f has a kink or a jump within the step."""
    values = mutation.values_around(lambda: outputs_of(f()), x, index, [eps * k / 2 for k in range(-2, 3)])
    _check_values(values, f"at element {index}", eps)


def _check_values(values: list[list[Array]], where: str, eps: float) -> None:
    """Whether five equidistant values of every output lie on a parabola, but for 1 % of their range."""
    t = np.arange(-2.0, 3.0)
    basis = np.linalg.qr(np.stack([np.ones(5), t, t**2], axis=1))[0]
    for k in range(len(values[0])):
        y = np.stack([v[k].reshape(-1) for v in values])
        finite = np.isfinite(y)
        mixed = finite.any(axis=0) & ~finite.all(axis=0)
        safe = np.where(finite.all(axis=0), y, 0.0)
        rest = np.sqrt(np.mean((safe - basis @ (basis.T @ safe)) ** 2, axis=0))
        bad = mixed | (rest > 0.01 * np.ptp(safe, axis=0) + 1e-13 * np.abs(safe).max(axis=0, initial=0.0))
        if bad.any():
            five = y[:, int(np.flatnonzero(bad)[0])].tolist()
            msg = f"f is not differentiable {where}: its values at -eps, -eps/2, 0, eps/2, eps (eps={eps!r}) are {five}"
            raise NondifferentiableError(msg)

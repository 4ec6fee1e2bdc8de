"""The table of derivatives behind `fastgrad.Variable`.

A rule is an operation on arrays and, for each of its inputs, the product of an upstream gradient with its Jacobian. The
products are plain NumPy and never ask what they are given: arrays in an ordinary backward pass, Variables when the
gradient itself is to be differentiated, which NumPy hands back to the graph.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Axis = int | tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Rule:
    """An operation and its derivatives.

    Attributes
    ----------
    name : str
        As errors call it.
    forward : callable
        ``forward(*inputs, **options)``, an array from arrays.
    products : tuple of callable
        One per input: ``product(g, y, *inputs, **options)``, the gradient of that input from the gradient g of the
        output y. It may have the shape of y where the input was broadcast: see `formulas.broadcasting`.
    exact : bool
        Whether integers, bools and complex numbers may pass, which have no gradient.
    """

    name: str
    forward: Callable[..., Any]
    products: tuple[Callable[..., Any], ...]
    exact: bool = False


def value(x: Any) -> Any:
    """The numbers of an array or Variable, through which nothing is differentiated."""
    return x if isinstance(x, (np.ndarray, np.generic)) else x.array


# --- powers, products and maxima -----------------------------------------------------------------


def _power_of_constant_product(g: Any, y: Any, x: Any, exponent: float) -> Any:
    # x**-1 at 0 would make the derivative of x**0 there NaN.
    return g * (exponent * x ** (exponent - 1)) if exponent else g * 0


def _base_product(g: Any, y: Any, a: Any, b: Any) -> Any:
    return g * b * a ** np.where((value(b) == 0) & (value(a) == 0), 1, b - 1)


def _exponent_product(g: Any, y: Any, a: Any, b: Any) -> Any:
    return g * y * np.log(np.where(value(a) == 0, 1, a))


def _flipped(a: Any) -> Any:
    return a.T if a.ndim == 2 else np.swapaxes(a, -1, -2)


def _left_product(g: Any, y: Any, a: Any, b: Any) -> Any:
    if b.ndim == 1:
        return g[..., None] * b
    return np.matmul(b, g[..., None])[..., 0] if a.ndim == 1 else np.matmul(g, _flipped(b))


def _right_product(g: Any, y: Any, a: Any, b: Any) -> Any:
    if a.ndim == 1:
        return a[:, None] * g[..., None, :] if b.ndim > 1 else g * a
    return np.sum(g[..., None] * a, axis=tuple(range(a.ndim - 1))) if b.ndim == 1 else np.matmul(_flipped(a), g)


def _where(g: Any, condition: Any) -> Any:
    """g where the condition holds, else 0: a product with the condition would make NaN of 0 and inf."""
    return np.where(condition, g, 0)


def _clip(x: Array, low: Any, high: Any) -> Any:
    return x if low is None and high is None else np.clip(x, low, high)


def _clip_product(g: Any, y: Any, x: Any, low: Any, high: Any) -> Any:
    inside = np.ones(x.shape, bool) if low is None else value(x) >= low
    return _where(g, inside if high is None else inside & (value(x) <= high))


# --- reductions ----------------------------------------------------------------------------------


def _restored(g: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    """g with the axes along which x was reduced, of length 1."""
    if keepdims:
        return g
    one = x.ndim or 1  # axes 0 and -1 of a number are no error in NumPy
    reduced = range(x.ndim) if axis is None else {i % one for i in (axis if isinstance(axis, tuple) else (axis,))}
    return np.reshape(g, tuple(1 if i in reduced else size for i, size in enumerate(x.shape)))


def _sum_product(g: Any, y: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    return np.broadcast_to(_restored(g, x, axis, keepdims), x.shape)


def _mean_product(g: Any, y: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    count = x.size // y.size if y.size else 1
    return np.broadcast_to(_restored(g, x, axis, keepdims) / count, x.shape) if x.size else _zeros(x)


def _zeros(x: Any) -> Array:
    return np.zeros(x.shape, x.dtype)


def _extreme_product(g: Any, y: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    """Of k equal ones each moves the result by 1/k: together they move it as far as they move themselves."""
    chosen = value(x) == _restored(value(y), x, axis, keepdims)
    count = np.maximum(np.sum(chosen, axis=axis, keepdims=True), 1).astype(x.dtype)
    return _where(_restored(g, x, axis, keepdims) / count, chosen)


def _logsumexp(x: Array, axis: Axis, keepdims: bool = False) -> Any:
    top = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0)
    with np.errstate(divide="ignore"):  # log(0) is -inf, which is what an empty sum is
        y = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return y if keepdims else np.squeeze(y, axis=axis)


def _logsumexp_product(g: Any, y: Any, x: Any, axis: Axis) -> Any:
    return _restored(g, x, axis, False) * np.exp(x - _restored(y, x, axis, False))


def _log_softmax(x: Array, axis: int) -> Any:
    return x - _logsumexp(x, axis, keepdims=True)


def _log_softmax_product(g: Any, y: Any, x: Any, axis: int) -> Any:
    return g - np.exp(y) * np.sum(g, axis=axis, keepdims=True)


def _softmax(x: Array, axis: int) -> Any:
    e = np.exp(x - np.max(x, axis=axis, keepdims=True, initial=-np.inf))
    return e / np.sum(e, axis=axis, keepdims=True)


def _softmax_product(g: Any, y: Any, x: Any, axis: int) -> Any:
    return y * (g - np.sum(g * y, axis=axis, keepdims=True))


def _sigmoid(x: Any) -> Any:
    return 0.5 * np.tanh(0.5 * x) + 0.5


def _softplus(x: Array, beta: float) -> Any:
    return (np.maximum(beta * x, 0) + np.log1p(np.exp(-np.abs(beta * x)))) / beta


# --- shapes and places ---------------------------------------------------------------------------


def _reshape(x: Any, shape: Any) -> Any:
    return np.reshape(x, shape)  # by place: NumPy 2.0 has another name for it


def _reshape_product(g: Any, y: Any, x: Any, **options: Any) -> Any:
    return np.reshape(g, x.shape)


def _transpose_product(g: Any, y: Any, x: Any, axes: tuple[int, ...] | None) -> Any:
    # Axes may count from the end.
    return np.transpose(g, None if axes is None else np.argsort([i % x.ndim for i in axes]).tolist())


def _picked(x: Array, index: Any) -> Any:
    return x[index]


def _scattered(g: Any, shape: tuple[int, ...], index: Any) -> Array:
    out = np.zeros(shape, g.dtype)
    parts = index if isinstance(index, tuple) else (index,)
    if any(isinstance(part, np.ndarray) and part.dtype != bool for part in parts):
        np.add.at(out, index, g)  # an element may be named twice
    else:
        out[index] = g
    return out


def _picked_product(g: Any, y: Any, x: Any, index: Any) -> Any:
    return _scattered(g, x.shape, index) if isinstance(g, (np.ndarray, np.generic)) else g.scatter(x.shape, index)


def _scattered_product(g: Any, y: Any, x: Any, shape: tuple[int, ...], index: Any) -> Any:
    return g[index]


def _concatenated(*xs: Array, axis: int) -> Any:
    return np.concatenate(xs, axis=axis)


def _piece(i: int, g: Any, y: Any, *xs: Any, axis: int) -> Any:
    start = sum(x.shape[axis] for x in xs[:i])
    index = [slice(None)] * y.ndim
    index[axis] = slice(start, start + xs[i].shape[axis])
    return g[tuple(index)]


def concatenation(count: int) -> Rule:
    """The rule for so many arrays joined along an axis."""
    return Rule("concat", _concatenated, tuple(partial(_piece, i) for i in range(count)), exact=True)


# --- the table -----------------------------------------------------------------------------------

_LIST = [
    Rule("add", np.add, (lambda g, y, a, b: g, lambda g, y, a, b: g), exact=True),
    Rule("subtract", np.subtract, (lambda g, y, a, b: g, lambda g, y, a, b: -g), exact=True),
    Rule("multiply", np.multiply, (lambda g, y, a, b: g * b, lambda g, y, a, b: g * a), exact=True),
    Rule("divide", np.divide, (lambda g, y, a, b: g / b, lambda g, y, a, b: -(g * y) / b)),
    Rule("power", np.power, (_base_product, _exponent_product)),
    Rule("constant power", lambda x, exponent: x**exponent, (_power_of_constant_product,)),
    Rule("matmul", np.matmul, (_left_product, _right_product)),
    # Where both are equal the first one gets the gradient.
    Rule("maximum", np.maximum, (
        lambda g, y, a, b: _where(g, value(a) >= value(b)), lambda g, y, a, b: _where(g, ~(value(a) >= value(b))),
    ), exact=True),
    Rule("minimum", np.minimum, (
        lambda g, y, a, b: _where(g, value(a) <= value(b)), lambda g, y, a, b: _where(g, ~(value(a) <= value(b))),
    ), exact=True),
    Rule("negative", np.negative, (lambda g, y, x: -g,), exact=True),
    Rule("absolute", np.absolute, (lambda g, y, x: g * np.sign(value(x)),), exact=True),
    Rule("square", np.square, (lambda g, y, x: g * (2 * x),)),
    Rule("sqrt", np.sqrt, (lambda g, y, x: g / (2 * y),)),
    Rule("exp", np.exp, (lambda g, y, x: g * y,)),
    Rule("log", np.log, (lambda g, y, x: g / x,)),
    Rule("log2", np.log2, (lambda g, y, x: g / (log(2) * x),)),
    Rule("log10", np.log10, (lambda g, y, x: g / (log(10) * x),)),
    Rule("sin", np.sin, (lambda g, y, x: g * np.cos(x),)),
    Rule("cos", np.cos, (lambda g, y, x: -(g * np.sin(x)),)),
    Rule("tan", np.tan, (lambda g, y, x: g * (1 + y * y),)),
    Rule("arcsin", np.arcsin, (lambda g, y, x: g / np.sqrt(1 - x * x),)),
    Rule("arccos", np.arccos, (lambda g, y, x: -(g / np.sqrt(1 - x * x)),)),
    Rule("arctan", np.arctan, (lambda g, y, x: g / (1 + x * x),)),
    Rule("sinh", np.sinh, (lambda g, y, x: g * np.cosh(x),)),
    Rule("cosh", np.cosh, (lambda g, y, x: g * np.sinh(x),)),
    Rule("tanh", np.tanh, (lambda g, y, x: g * (1 - y * y),)),
    Rule("sigmoid", _sigmoid, (lambda g, y, x: g * (y * (1 - y)),)),
    Rule("relu", lambda x: np.maximum(x, 0), (lambda g, y, x: _where(g, value(y) > 0),)),
    Rule("leaky_relu", lambda x, slope: np.where(x < 0, slope * x, x), (
        lambda g, y, x, slope: np.where(value(x) > 0, g, slope * g),
    )),
    Rule("softplus", _softplus, (lambda g, y, x, beta: g * _sigmoid(beta * x),)),
    Rule("clip", _clip, (_clip_product,)),
    Rule("where", lambda a, b, condition: np.where(condition, a, b), (
        lambda g, y, a, b, condition: _where(g, condition), lambda g, y, a, b, condition: _where(g, ~condition),
    ), exact=True),
    Rule("sum", np.sum, (_sum_product,), exact=True),
    Rule("mean", np.mean, (_mean_product,)),
    Rule("max", np.max, (_extreme_product,), exact=True),
    Rule("min", np.min, (_extreme_product,), exact=True),
    Rule("logsumexp", _logsumexp, (_logsumexp_product,)),
    Rule("softmax", _softmax, (_softmax_product,)),
    Rule("log_softmax", _log_softmax, (_log_softmax_product,)),
    Rule("reshape", _reshape, (_reshape_product,), exact=True),
    Rule("squeeze", np.squeeze, (_reshape_product,), exact=True),
    Rule("transpose", np.transpose, (_transpose_product,), exact=True),
    Rule("broadcast_to", np.broadcast_to, (lambda g, y, x, shape: g,), exact=True),
    Rule("indexing", _picked, (_picked_product,), exact=True),
    Rule("scatter", _scattered, (_scattered_product,), exact=True),
]  # fmt: skip

RULES = {rule.name: rule for rule in _LIST}
"""Every rule but the one of `concatenation`, by name."""

UFUNCS = {rule.forward: rule for rule in _LIST if isinstance(rule.forward, np.ufunc)}
"""The rules of NumPy's own elementwise functions."""

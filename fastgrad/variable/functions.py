"""Functions of Variables under Chainer's names, with its arguments and defaults;
an array counts as a constant Variable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .operators import Variable, record
from .rules import RULES, Axis, concatenation

Array = NDArray[Any]

__all__ = [
    "absolute",
    "arccos",
    "arcsin",
    "arctan",
    "as_variable",
    "broadcast_to",
    "clip",
    "concat",
    "cos",
    "cosh",
    "exp",
    "leaky_relu",
    "log",
    "log2",
    "log10",
    "log_softmax",
    "logsumexp",
    "matmul",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "relu",
    "reshape",
    "sigmoid",
    "sin",
    "sinh",
    "softmax",
    "softplus",
    "sqrt",
    "square",
    "squeeze",
    "sum",
    "tan",
    "tanh",
    "transpose",
]


def as_variable(x: Any) -> Variable:
    """A Variable itself, or an array as a constant."""
    return x if isinstance(x, Variable) else Variable(x, requires_grad=False)


# --- elementwise ---------------------------------------------------------------------------------


def sin(x: Any) -> Variable:
    """The sine."""
    return record(RULES["sin"], as_variable(x))


def cos(x: Any) -> Variable:
    """The cosine."""
    return record(RULES["cos"], as_variable(x))


def tan(x: Any) -> Variable:
    """The tangent."""
    return record(RULES["tan"], as_variable(x))


def arcsin(x: Any) -> Variable:
    """The inverse sine."""
    return record(RULES["arcsin"], as_variable(x))


def arccos(x: Any) -> Variable:
    """The inverse cosine."""
    return record(RULES["arccos"], as_variable(x))


def arctan(x: Any) -> Variable:
    """The inverse tangent."""
    return record(RULES["arctan"], as_variable(x))


def sinh(x: Any) -> Variable:
    """The hyperbolic sine."""
    return record(RULES["sinh"], as_variable(x))


def cosh(x: Any) -> Variable:
    """The hyperbolic cosine."""
    return record(RULES["cosh"], as_variable(x))


def tanh(x: Any) -> Variable:
    """The hyperbolic tangent."""
    return record(RULES["tanh"], as_variable(x))


def exp(x: Any) -> Variable:
    """The exponential."""
    return record(RULES["exp"], as_variable(x))


def log(x: Any) -> Variable:
    """The natural logarithm."""
    return record(RULES["log"], as_variable(x))


def log2(x: Any) -> Variable:
    """The logarithm to base 2."""
    return record(RULES["log2"], as_variable(x))


def log10(x: Any) -> Variable:
    """The logarithm to base 10."""
    return record(RULES["log10"], as_variable(x))


def sqrt(x: Any) -> Variable:
    """The square root."""
    return record(RULES["sqrt"], as_variable(x))


def square(x: Any) -> Variable:
    """The square."""
    return record(RULES["square"], as_variable(x))


def absolute(x: Any) -> Variable:
    """The absolute value; the gradient is 0 at 0."""
    return abs(as_variable(x))


def maximum(x1: Any, x2: Any) -> Variable:
    """The larger of two, element by element; where they are equal x1 gets the gradient."""
    return of_two("maximum", x1, x2)


def minimum(x1: Any, x2: Any) -> Variable:
    """The smaller of two, element by element; where they are equal x1 gets the gradient."""
    return of_two("minimum", x1, x2)


def of_two(name: str, a: Any, b: Any) -> Variable:
    """A rule on two operands, of which a number or array beside a Variable takes the Variable's type."""
    return record(RULES[name], a if isinstance(b, Variable) else as_variable(a), b)


def clip(x: Any, x_min: Any, x_max: Any) -> Variable:
    """x limited to an interval; the gradient is 0 outside and 1 inside and at the ends. None is no limit."""
    if isinstance(x_min, Variable) or isinstance(x_max, Variable):
        msg = "clip needs numbers or arrays for x_min and x_max; write minimum(maximum(x, x_min), x_max)"
        raise TypeError(msg)
    return record(RULES["clip"], as_variable(x), low=x_min, high=x_max)


def sigmoid(x: Any) -> Variable:
    """``1 / (1 + exp(-x))``, without overflow."""
    return record(RULES["sigmoid"], as_variable(x))


def relu(x: Any) -> Variable:
    """``max(x, 0)``; the gradient is 0 at 0."""
    return record(RULES["relu"], as_variable(x))


def leaky_relu(x: Any, slope: float = 0.2) -> Variable:
    """x, times the slope where it is negative; the gradient is the slope at 0."""
    return record(RULES["leaky_relu"], as_variable(x), slope=float(slope))


def softplus(x: Any, beta: float = 1.0) -> Variable:
    """``log(1 + exp(beta x)) / beta``, without overflow."""
    return record(RULES["softplus"], as_variable(x), beta=float(beta))


# --- reductions ----------------------------------------------------------------------------------


def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Variable:
    """The sum along an axis or several, or of everything."""
    return as_variable(x).sum(axis, keepdims)


def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Variable:
    """The mean along an axis or several, or of everything."""
    return as_variable(x).mean(axis, keepdims)


def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Variable:
    """The largest element along an axis or several, or of all; those that are it share the gradient equally."""
    return as_variable(x).max(axis, keepdims)


def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Variable:
    """The smallest element along an axis or several, or of all; those that are it share the gradient equally."""
    return as_variable(x).min(axis, keepdims)


def logsumexp(x: Any, axis: Axis = None) -> Variable:
    """``log(sum(exp(x)))`` along an axis or several, or of everything, without overflow."""
    return record(RULES["logsumexp"], as_variable(x), axis=axis)


def softmax(x: Any, axis: int = 1) -> Variable:
    """``exp(x) / sum(exp(x))`` along an axis, without overflow."""
    return record(RULES["softmax"], as_variable(x), axis=axis)


def log_softmax(x: Any, axis: int = 1) -> Variable:
    """The logarithm of `softmax`, exact also where that is 0."""
    return record(RULES["log_softmax"], as_variable(x), axis=axis)


# --- shapes --------------------------------------------------------------------------------------


def reshape(x: Any, shape: tuple[int, ...]) -> Variable:
    """The elements in another shape."""
    return as_variable(x).reshape(shape)


def transpose(x: Any, axes: tuple[int, ...] | None = None) -> Variable:
    """The array with its axes in another order, by default the reverse."""
    return as_variable(x).transpose(axes)


def squeeze(x: Any, axis: Axis = None) -> Variable:
    """The array without its axes of length 1."""
    return as_variable(x).squeeze(axis)


def broadcast_to(x: Any, shape: tuple[int, ...]) -> Variable:
    """The array repeated up to a shape, read-only."""
    return record(RULES["broadcast_to"], as_variable(x), shape=shape)


def concat(xs: Sequence[Any], axis: int = 1) -> Variable:
    """Arrays joined along an axis.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgrad.variable import Variable, concat
    >>> x = Variable(np.array([[1.0, 2.0]]))
    >>> concat([x, 2 * x], axis=0)
    variable([[1., 2.],
              [2., 4.]])
    """
    parts = list(xs)
    if not parts:
        msg = "concat needs at least one array; write concat([x, y], axis=1)"
        raise ValueError(msg)
    if not any(isinstance(x, Variable) for x in parts):
        parts[:1] = [as_variable(x) for x in parts[:1]]
    return record(concatenation(len(parts)), *parts, axis=axis)


# --- products -----------------------------------------------------------------------------------


def matmul(a: Any, b: Any, transa: bool = False, transb: bool = False) -> Variable:
    """The matrix product ``a @ b``, of transposed matrices if so wished."""
    left, right = (_matrix_transpose(x) if flip else x for x, flip in ((a, transa), (b, transb)))
    return of_two("matmul", left, right)


def _matrix_transpose(x: Any) -> Any:
    """x with its last axes exchanged: an array stays one, which takes the type of a Variable beside it."""
    v = x if isinstance(x, Variable) else np.asarray(x)
    return v if v.ndim < 2 else v.transpose(*range(v.ndim - 2), v.ndim - 1, v.ndim - 2)

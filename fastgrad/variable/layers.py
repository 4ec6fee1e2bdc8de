"""A layer of a network, and losses, under Chainer's names."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .functions import as_variable, log_softmax, matmul, of_two
from .operators import Variable

Array = NDArray[Any]

__all__ = ["linear", "mean_squared_error", "softmax_cross_entropy"]


def linear(x: Any, W: Any, b: Any = None) -> Variable:
    """``x @ W.T + b``: a layer whose weights have the shape (outputs, inputs),
    on rows or arrays that are flattened to rows.

    Raises
    ------
    ValueError
        Rows of another length than those of the weights.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgrad.variable import Variable, linear
    >>> W, b = Variable(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])), Variable(np.array([0.0, 0.0, 0.5]))
    >>> linear(np.array([[1.0, -1.0]]), W, b)
    variable([[-1. , -1. , -0.5]])
    """
    if x.ndim > 2:
        x = x.reshape(len(x), -1)
    if W.ndim == 2 and x.shape[-1] != W.shape[1]:
        turned = "; write linear(x, W.T)" if x.shape[-1] == W.shape[0] else ""
        msg = f"x of shape {x.shape} and weights of shape {W.shape} do not fit: these are (outputs, inputs){turned}"
        raise ValueError(msg)
    y = matmul(x, W, transb=True)
    return y if b is None else y + b


def mean_squared_error(x0: Any, x1: Any) -> Variable:
    """The mean of the squared differences of two arrays of one shape, a 0-d Variable.

    Raises
    ------
    ValueError
        Different shapes, which would be broadcast to all pairs.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgrad.variable import Variable, mean_squared_error
    >>> mean_squared_error(Variable(np.array([1.0, 2.0])), np.array([1.0, 4.0]))
    variable(2.)
    """
    if np.shape(x0) != np.shape(x1):
        msg = (
            f"mean_squared_error needs two arrays of one shape, got {np.shape(x0)} and {np.shape(x1)}; "
            "write x.reshape(t.shape)"
        )
        raise ValueError(msg)
    difference = of_two("subtract", x0, x1)
    return (difference * difference).mean()


def softmax_cross_entropy(
    x: Any, t: Any, normalize: bool = True, *, ignore_label: int = -1, reduce: str = "mean"
) -> Variable:
    """The cross entropy of softmax(x) and the labels t, by default its mean, a 0-d Variable.

    Parameters
    ----------
    x : Variable or ndarray
        (rows, classes) or (rows, classes, ...): numbers before the softmax.
    t : ndarray of int, or Variable of that
        (rows,) or (rows, ...): the numbers of the right classes.
    normalize : bool, optional
        Whether the mean is over the labels that count; False divides by the number of rows.
    ignore_label : int, optional
        Labels of this value do not count.
    reduce : str, optional
        ``"mean"``, or ``"no"`` for the loss of each label.

    Raises
    ------
    TypeError, ValueError
        Labels that are no integers (one-hot rows), or not the number of a class.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgrad.variable import Variable, softmax_cross_entropy
    >>> x = Variable(np.array([[0.0, 0.0], [0.0, np.log(3.0)]]))
    >>> loss = softmax_cross_entropy(x, np.array([0, 1]))
    >>> loss.backward()
    >>> x.grad
    array([[-0.25 ,  0.25 ],
           [ 0.125, -0.125]])
    """
    if reduce not in {"mean", "no"}:
        msg = f"reduce={reduce!r} must be 'mean' or 'no'"
        raise ValueError(msg)
    if x.ndim < 2:
        msg = f"softmax_cross_entropy needs rows of scores, got shape {x.shape}; write x[None] and t[None] for one row"
        raise ValueError(msg)
    scores, labels = as_variable(x), _labels(x, t, ignore_label)
    places = np.nonzero(labels != ignore_label)
    chosen = log_softmax(scores)[(places[0], labels[places], *places[1:])]
    if reduce == "no":
        return -chosen.scatter(labels.shape, places)
    count = places[0].size if normalize else len(labels)
    return -chosen.sum() / (count or 1)


def _labels(x: Any, t: Any, ignore_label: int) -> Array:
    labels = t.array if isinstance(t, Variable) else np.asarray(t)
    if labels.dtype.kind not in "iu" or labels.shape != x.shape[:1] + x.shape[2:]:
        msg = (
            f"t must hold a class number for each row, {x.shape[:1] + x.shape[2:]} of int, got {labels.shape} of "
            f"{labels.dtype}; of one-hot rows write t.argmax(axis=1)"
        )
        raise TypeError(msg)
    wrong = (labels != ignore_label) & ((labels < 0) | (labels >= x.shape[1]))
    if wrong.any():
        msg = (
            f"t has the label {labels[wrong][0]}, but x has {x.shape[1]} classes: "
            f"0 to {x.shape[1] - 1}, or {ignore_label} for none"
        )
        raise ValueError(msg)
    return labels

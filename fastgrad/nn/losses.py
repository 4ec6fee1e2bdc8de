"""Activations and losses as in "Deep Learning from Scratch", chapters 3 and 4: for one sample or a batch, and stable.

`fastgrad.nn` has them under these names too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..engine.numbers import real_array

__all__ = ["cross_entropy_error", "mean_squared_error", "relu", "sigmoid", "softmax"]

Array = NDArray[Any]

GUARD = 1e-7  # the book's: the logarithm of a probability of 0 stays finite


def sigmoid(x: ArrayLike) -> Any:
    """``1 / (1 + exp(-x))``, elementwise; 0 where exp overflows.

    Examples
    --------
    >>> from fastgrad.nn import sigmoid
    >>> sigmoid([-1000.0, 0.0, 1000.0])
    array([0. , 0.5, 1. ])
    """
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-real_array(x)))


def relu(x: ArrayLike) -> Any:
    """``max(x, 0)``, elementwise; NaN stays NaN.

    Examples
    --------
    >>> from fastgrad.nn import relu
    >>> relu([-1.0, 2.0])
    array([0., 2.])
    """
    return np.maximum(0, x)


def softmax(x: ArrayLike) -> Any:
    """``exp(x) / sum(exp(x))`` along the last axis, shifted by the maximum so that nothing overflows.

    Examples
    --------
    >>> from fastgrad.nn import softmax
    >>> softmax([1000.0, 1000.0])
    array([0.5, 0.5])
    """
    x = real_array(x)
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def cross_entropy_error(y: ArrayLike, t: ArrayLike) -> Any:
    """Mean over the samples of ``-log(y[label] + 1e-7)``.

    Parameters
    ----------
    y : array_like
        Probabilities, (N, K), or (K,) for one sample.
    t : array_like
        Labels: one-hot in y's shape, or whole numbers from 0 to K - 1, one per sample.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        Labels that do not fit y, lie outside 0 to K - 1, or are not one-hot.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgrad.nn import cross_entropy_error
    >>> round(float(cross_entropy_error([0.1, 0.6, 0.3], 1)), 6)
    0.510825
    >>> bool(cross_entropy_error([0.1, 0.6, 0.3], [0, 1, 0]) == cross_entropy_error([0.1, 0.6, 0.3], 1))
    True
    """
    rows = _outputs(y)
    return -np.sum(np.log(rows[np.arange(len(rows)), labels(t, rows.shape)] + GUARD)) / len(rows)


def mean_squared_error(y: ArrayLike, t: ArrayLike) -> Any:
    """Mean over the samples of ``0.5 * sum((y - t)**2)``; for one sample the book's.

    Parameters
    ----------
    y, t : array_like
        Values and targets of one shape, (N, K), or (K,) for one sample.

    Examples
    --------
    >>> from fastgrad.nn import mean_squared_error
    >>> float(mean_squared_error([1.0, 2.0], [1.0, 4.0]))
    2.0
    """
    rows = _outputs(y)
    return 0.5 * np.sum((rows - targets(t, rows.shape)) ** 2) / len(rows)


def _outputs(y: Any) -> Array:
    """y as rows, one per sample."""
    rows = np.atleast_2d(real_array(y, "y"))
    if rows.ndim != 2 or not rows.size:
        msg = f"y has shape {np.shape(y)}; give one row per sample, (N, K) with N > 0, or (K,) for one sample"
        raise ValueError(msg)
    return rows


def labels(t: Any, shape: tuple[int, ...]) -> NDArray[np.intp]:
    """One whole number per sample."""
    given, (samples, outputs) = np.asarray(t), shape
    if given.dtype.kind not in "iufb" or not (
        _is_one_hot(given, shape) or given.size == samples == max(given.shape, default=1)
    ):
        msg = (
            f"labels t of shape {given.shape} and dtype {given.dtype} do not fit {samples} samples with {outputs} "
            f"outputs; give one whole number per sample, or one-hot rows of shape ({samples}, {outputs})"
        )
        raise ValueError(msg)
    if _is_one_hot(given, shape) and not (outputs == 1 and not given.any()):
        return _from_one_hot(given.reshape(samples, outputs))
    with np.errstate(invalid="ignore"):  # NaN
        labels = given.reshape(samples).astype(np.intp)
    wrong = (labels != given.reshape(samples)) | (labels < 0) | (labels >= outputs)
    if wrong.any():
        n = int(np.flatnonzero(wrong)[0])
        msg = f"label t[{n}]={given.reshape(samples)[n]} must be a whole number from 0 to {outputs - 1}"
        raise ValueError(msg)
    return labels


def _is_one_hot(t: Array, shape: tuple[int, ...]) -> bool:
    """Whether t has the outputs' shape; (K, N) has their size only."""
    return t.shape == shape or (shape[0] == 1 and t.shape == shape[1:])


def _from_one_hot(t: Array) -> NDArray[np.intp]:
    wrong = ((t != 0) & (t != 1)).any(axis=1) | (t.sum(axis=1) != 1)
    if wrong.any():
        n = int(np.flatnonzero(wrong)[0])
        msg = f"row {n} of t, {t[n]}, is not one-hot; give one 1 and zeros, or the label as a whole number"
        raise ValueError(msg)
    labels: NDArray[np.intp] = t.argmax(axis=1)
    return labels


def targets(t: Any, shape: tuple[int, ...]) -> Array:
    given = np.asarray(t)
    if given.dtype.kind not in "iufb" or given.squeeze().shape != np.empty(shape).squeeze().shape:
        msg = f"targets t of shape {given.shape} do not fit outputs of shape {shape}; give one value per output"
        raise ValueError(msg)
    return real_array(given).reshape(shape)

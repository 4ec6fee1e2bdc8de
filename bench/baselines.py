"""What fastgrad is measured against: the book's loop and a kernel written by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba as nb
import numpy as np


def sin_product(x):
    return np.sin(x[0] * x[1])


def book_gradient(f: Callable[..., Any], x: np.ndarray) -> np.ndarray:
    """The book's numerical gradient at one point (ch04/gradient_2d.py)."""
    h = 1e-4
    grad = np.zeros_like(x)
    for idx in range(x.size):
        tmp_val = x[idx]
        x[idx] = float(tmp_val) + h
        fxh1 = f(x)
        x[idx] = tmp_val - h
        fxh2 = f(x)
        grad[idx] = (fxh1 - fxh2) / (2 * h)
        x[idx] = tmp_val
    return grad


def book_gradients(f: Callable[..., Any], points: np.ndarray) -> np.ndarray:
    """The same, row by row."""
    return np.array([book_gradient(f, x) for x in points])


@nb.njit(nogil=True, error_model="numpy")
def hand_written(points, h, out, start, stop):
    """The gradient of sin(x0*x1) as one would write it for Numba."""
    for n in range(start, stop):
        a, b = points[n, 0], points[n, 1]
        out[n, 0] = (np.sin((a + h) * b) - np.sin((a - h) * b)) / (2 * h)
        out[n, 1] = (np.sin(a * (b + h)) - np.sin(a * (b - h))) / (2 * h)

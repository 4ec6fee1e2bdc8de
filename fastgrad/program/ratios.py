"""Functions of small numbers, 1 at 0, of which the changes of quotients and of elementary functions are made.

Most are of the square q of a number d: sinh(d) / d, sin(d) / d, tanh(d) / d, tan(d) / d, atanh(d) / d, and 2 / q times
cosh(d) - 1 or 1 - cos(d). Beyond a limit they are NaN, so that f itself is asked: tanh(19 + 18) and tanh(19 - 18) do
not follow from tanh(19), which is 1. Nor is 1 / (1 - t) a number of infinity: 0 would be wrong without a word. Only
written programs have such nodes.

One has two numbers: where a share p of 1 + exp(a) is its exponential, log(1 + exp(a)) changes by 2 d softplusc(p, d²)
between a - d and a + d. That is p at 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def _ratio(function: Callable[[Any], Any], a: Any) -> Any:
    with np.errstate(all="ignore"):
        x = np.asarray(a, dtype=np.float64)
        return np.where(x == 0.0, 1.0, function(x) / np.where(x == 0.0, 1.0, x))[()]


def _of_square(function: Callable[[Any], Any]) -> Callable[[ArrayLike], Any]:
    def ratio(q: ArrayLike) -> Any:
        with np.errstate(all="ignore"):
            return _ratio(function, np.sqrt(q))

    return ratio


def _geometric(t: ArrayLike) -> Any:
    with np.errstate(all="ignore"):
        return 1.0 / (1.0 - np.asarray(t, dtype=np.float64) + 0.0 * np.asarray(t))


def _within(limit: float, ratio: Callable[[Any], Any]) -> Callable[[ArrayLike], Any]:
    def limited(a: ArrayLike) -> Any:
        with np.errstate(all="ignore"):
            return np.where(np.abs(a) <= limit, ratio(a), np.nan)[()]

    return limited


def _half(ratio: Callable[[Any], Any]) -> Callable[[ArrayLike], Any]:
    """Of cosh and cos by the sines of half of d."""
    return lambda q: ratio(np.multiply(q, 0.25)) ** 2


def _softplus(share: ArrayLike, q: ArrayLike) -> Any:
    with np.errstate(all="ignore"):
        p, d = np.asarray(share, dtype=np.float64), np.sqrt(q)
        ratio = p * _ratio(np.sinh, d) / (1.0 - p + p * np.exp(-d))
        return np.where(np.less_equal(q, 1.0), ratio * _ratio(np.log1p, 2.0 * d * ratio), np.nan)[()]


OPERATIONS: dict[str, Callable[..., Any]] = {
    "sinhc": _within(1.0, _of_square(np.sinh)),
    "coshc": _within(1.0, _half(_of_square(np.sinh))),
    "sinc": _of_square(np.sin),
    "cosc": _half(_of_square(np.sin)),
    "tanhc": _within(1.0, _of_square(np.tanh)),
    "tanc": _within(1.0, _of_square(np.tan)),
    "atanhc": _within(1 / 16, _of_square(np.arctanh)),
    "expc": _within(1.0, lambda g: _ratio(np.expm1, g)),
    "logc": _within(1 / 8, lambda t: _ratio(np.log1p, t)),
    "geometric": _geometric,
    "softplusc": _softplus,
}

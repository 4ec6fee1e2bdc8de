"""Functions of small numbers, 1 at 0, of which the changes of quotients and of elementary functions are made.

Most are of the square q of a number d: sinh(d) / d, sin(d) / d, tanh(d) / d, tan(d) / d, atanh(d) / d, and 2 / q times
cosh(d) - 1 or 1 - cos(d). One is 1 / (1 - t), and NaN of infinity: 0 would be a wrong number without a word. Only
written programs have such nodes.
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


OPERATIONS: dict[str, Callable[..., Any]] = {
    "sinhc": _of_square(np.sinh),
    "sinc": _of_square(np.sin),
    "coshc": lambda q: _of_square(np.sinh)(np.multiply(q, 0.25)) ** 2,
    "cosc": lambda q: _of_square(np.sin)(np.multiply(q, 0.25)) ** 2,
    "tanhc": _of_square(np.tanh),
    "tanc": _of_square(np.tan),
    "atanhc": _of_square(np.arctanh),
    "expc": lambda g: _ratio(np.expm1, g),
    "geometric": _geometric,
    "logc": lambda t: _ratio(np.log1p, t),
}

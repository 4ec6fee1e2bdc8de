"""Named functions of one variable with exact derivatives of four orders, for tests and benchmarks.

>>> import numpy as np
>>> from fastgrad.formulas.curves import CURVES
>>> [float(d(np.array(2.0))) for d in CURVES["cube"].derivatives]
[12.0, 12.0, 6.0, 0.0]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CURVES", "Curve"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """An elementwise function with its exact derivatives.

    Attributes
    ----------
    name : str
        Key in `CURVES`.
    f : callable
        Elementwise function of an array of any shape.
    derivatives : tuple of callable
        Exact derivatives of orders 1 to 4, elementwise.
    box : tuple of float
        Interval in which `f` is smooth.
    """

    name: str
    f: Callable[[Array], Any]
    derivatives: tuple[Callable[[Array], Any], ...]
    box: tuple[float, float]


def _powers(a: float, p: float, shift: float = 0.0) -> tuple[Callable[[Array], Any], ...]:
    """a * (x + shift)**p and its first three derivatives."""
    factors = [a, a * p, a * p * (p - 1), a * p * (p - 1) * (p - 2)]
    return tuple(lambda x, k=k, c=c: c * (x + shift) ** (p - k) for k, c in enumerate(factors))


def _of_tanh(*coefficients: float) -> Callable[[Array], Any]:
    """Polynomial in tanh(x)."""
    return lambda x: np.polyval(coefficients, np.tanh(x))


def _times_gauss(*coefficients: float) -> Callable[[Array], Any]:
    """Polynomial in x times exp(-x**2)."""
    return lambda x: np.polyval(coefficients, x) * np.exp(-(x**2))


def _over_square(n: int, *coefficients: float) -> Callable[[Array], Any]:
    """Polynomial in x over (1 + x**2)**n."""
    return lambda x: np.polyval(coefficients, x) / (1 + x**2) ** n


def _minus_sin(x: Array) -> Any:
    return -np.sin(x)


def _minus_cos(x: Array) -> Any:
    return -np.cos(x)


_TANH = (_of_tanh(-1, 0, 1), _of_tanh(2, 0, -2, 0), _of_tanh(-6, 0, 8, 0, -2), _of_tanh(24, 0, -40, 0, 16, 0))
_ARCTAN = (
    _over_square(1, 1),
    _over_square(2, -2, 0),
    _over_square(3, 6, 0, -2),
    _over_square(4, -24, 0, 24, 0),
)
_GAUSS = (
    _times_gauss(-2, 0, 1),
    _times_gauss(4, 0, -6, 0),
    _times_gauss(-8, 0, 24, 0, -6),
    _times_gauss(16, 0, -80, 0, 60, 0),
)

_CURVES = (
    Curve("sin", np.sin, (np.cos, _minus_sin, _minus_cos, np.sin), (-3.0, 3.0)),
    Curve("cos", np.cos, (_minus_sin, _minus_cos, np.sin, np.cos), (-3.0, 3.0)),
    Curve("exp", np.exp, (np.exp, np.exp, np.exp, np.exp), (-2.0, 2.0)),
    Curve("log", np.log, _powers(1.0, -1.0), (0.5, 4.0)),
    Curve("sqrt", np.sqrt, _powers(0.5, -0.5), (0.5, 4.0)),
    Curve("arctan", np.arctan, _ARCTAN, (-3.0, 3.0)),
    Curve("tanh", np.tanh, _TANH, (-2.0, 2.0)),
    Curve(
        "cube",
        lambda x: x**3,
        (lambda x: 3 * x**2, lambda x: 6 * x, lambda x: 6 + 0 * x, lambda x: 0 * x),
        (-3.0, 3.0),
    ),
    Curve("reciprocal", lambda x: 1 / x, _powers(-1.0, -2.0), (0.5, 4.0)),
    Curve("gauss", lambda x: x * np.exp(-(x**2)), _GAUSS, (-2.0, 2.0)),
    Curve("sinh", np.sinh, (np.cosh, np.sinh, np.cosh, np.sinh), (-2.0, 2.0)),
    Curve("log1p", np.log1p, _powers(1.0, -1.0, shift=1.0), (-0.4, 3.0)),
)

CURVES: dict[str, Curve] = {curve.name: curve for curve in _CURVES}
"""Elementwise functions of one variable, by name."""

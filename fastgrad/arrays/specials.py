"""Derivatives of SciPy's functions of single numbers, by name: SciPy is there if they are."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


def special() -> Any:
    """SciPy's functions."""
    return sys.modules["scipy.special"]


def _normal(x: Any) -> Any:
    return np.exp(-x * x / 2) / np.sqrt(2 * np.pi)


SLOPES: Mapping[str, Callable[[Any], Any]] = {
    "expit": lambda x: special().expit(x) * special().expit(-x),
    "log_expit": lambda x: special().expit(-x),
    "erf": lambda x: 2 / np.sqrt(np.pi) * np.exp(-x * x),
    "erfc": lambda x: -2 / np.sqrt(np.pi) * np.exp(-x * x),
    "gammaln": lambda x: special().psi(x),
    "gamma": lambda x: special().gamma(x) * special().psi(x),
    "psi": lambda x: special().polygamma(1, x),
    "ndtr": _normal,
    "log_ndtr": lambda x: np.exp(-x * x / 2 - special().log_ndtr(x)) / np.sqrt(2 * np.pi),
    "ndtri": lambda x: 1 / _normal(special().ndtri(x)),
    "logit": lambda x: 1 / (x * (1 - x)),
    "expm1": np.exp,
    "log1p": lambda x: 1 / (1 + x),
    "entr": lambda x: -np.log(x) - 1,
}
"""Of functions of one number."""


CURVATURES: Mapping[str, Callable[[Any], Any]] = {
    "expit": lambda x: SLOPES["expit"](x) * (special().expit(-x) - special().expit(x)),
    "log_expit": lambda x: -SLOPES["expit"](x),
}
"""Second derivatives, of those whose formula overflows on the way."""


def slope(function: Any) -> Callable[[Any], Any] | None:
    """The derivative of one of SciPy's functions, or None."""
    return _own(SLOPES, function)


def curvature(function: Any) -> Callable[[Any], Any] | None:
    """The second derivative, or None."""
    return _own(CURVATURES, function)


def _own(table: Mapping[str, Callable[[Any], Any]], function: Any) -> Callable[[Any], Any] | None:
    name = getattr(function, "__name__", "")
    scipys = getattr(sys.modules.get("scipy.special"), name, None)
    return table.get(name) if function is scipys else None

"""Rules for tracing what is real or complex by the numbers it is given: np.emath, np.real_if_close."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .arrays import FUNCTIONS, call_function, elementwise, holds_complex, part

EPS = 2.0**-52


def _wider(ufunc: np.ufunc, is_outside: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function that is complex where one of its numbers is outside of its domain, which f's branches are told."""

    def rule(x: Any) -> Any:
        outside = not holds_complex(x) and bool(call_function(np.any, (is_outside(x),), {}))
        return elementwise(ufunc, elementwise(np.add, x, 0j) if outside else x)

    return rule


def _is_negative(x: Any) -> Any:
    return elementwise(np.less, x, 0.0)


def _is_beyond_one(x: Any) -> Any:
    return elementwise(np.greater, elementwise(np.absolute, x), 1.0)


def _real_if_close(a: Any, tol: Any = 100) -> Any:
    if not holds_complex(a):
        return a
    size, least = elementwise(np.absolute, part(a, "imag")), tol * EPS if tol > 1 else tol
    is_close = bool(call_function(np.all, (elementwise(np.less, size, least),), {}))
    return part(a, "real") if is_close else a


for _name in ("sqrt", "log", "log2", "log10"):
    FUNCTIONS[getattr(np.emath, _name)] = _wider(getattr(np, _name), _is_negative)
for _name in ("arccos", "arcsin", "arctanh"):
    FUNCTIONS[getattr(np.emath, _name)] = _wider(getattr(np, _name), _is_beyond_one)
FUNCTIONS[np.real_if_close] = _real_if_close

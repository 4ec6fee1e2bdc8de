"""Powers of integers, which NumPy refuses where they are negative."""

from __future__ import annotations

from typing import Any

import numpy as np

from .symbols import OBJECT, RULES, Symbol


def check_power(a: Any, b: Any) -> None:
    """f is asked where integers have a negative power: NumPy raises there, Python's own are floats."""
    exponents = b.view(np.ndarray).ravel().tolist() if isinstance(b, np.ndarray) and b.dtype == object else [b]
    counts = [e for e in exponents if isinstance(e, Symbol) and e.key in e.trace.integers]
    if counts and _holds_integers(a):
        for count in counts:
            guard = RULES[np.sqrt](count)  # of a negative number no number
            guard.trace.guards.append(guard.key)


def _holds_integers(value: Any) -> bool:
    if isinstance(value, Symbol):
        return value.key in value.trace.integers
    if isinstance(value, np.ndarray) and value.dtype == object:
        return any(type(v) is int or (isinstance(v, Symbol) and _holds_integers(v)) for v in value.flat)
    return type(value) is int or getattr(value, "dtype", OBJECT).kind in "iu"

"""Functions of SciPy that call one of f's until it is good enough: refused where what they call depends on x.

Their own loops, mostly compiled, ask numbers, not symbols; an exception of ours would be printed by them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from .arrays import elementwise, holds_symbols, wrap
from .reductions import numbers, sum_
from .refusals import refuse


def solver(own: Callable[..., Any], place: str) -> Callable[..., Any]:
    """One of them, whose functions may return symbols: it gets zeros for these, with which it ends soon."""

    def rule(*args: Any, **options: Any) -> Any:
        met: list[Any] = []
        try:
            found = own(*[_asked(a, met) for a in args], **{name: _asked(a, met) for name, a in options.items()})
        except Exception:
            if not met:
                raise
        if met:
            refuse(
                f"f calls {place}.{own.__name__} with a function that depends on x: how often it is called depends on "
                "its numbers; write the iteration as a loop in f"
            )
        return found

    return rule


def rosen(x: Any) -> Any:
    """Rosenbrock's function along the first axis."""
    a = wrap(numbers(x))
    squares = (a[1:] - elementwise(np.square, a[:-1])) ** 2.0
    return sum_(100.0 * squares + (1.0 - a[:-1]) ** 2.0, axis=0)


def _asked(function: Any, met: list[Any]) -> Any:
    """A function that gives numbers, and notes where it would give symbols; anything else as it is."""
    if not callable(function):
        return function

    @wraps(function)  # which curve_fit looks at for its parameters
    def call(*args: Any, **options: Any) -> Any:
        value = function(*args, **options)
        if not holds_symbols(value):
            return value
        met.append(True)
        return np.zeros(np.shape(np.asarray(value, dtype=object)))[()]

    return call

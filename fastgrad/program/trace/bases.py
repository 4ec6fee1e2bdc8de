"""SciPy's interpolators that f makes: of numbers, and of traced values where they are linear in these.

Between known places what a spline gives is a sum of the values, each times a spline through a single one: SciPy makes
these of the rows of an identity matrix. So a place may be traced as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..scipys import is_own_function
from .arrays import Symbols, holds_symbols, wrap
from .interpolators import KINDS, interpolator
from .reductions import objects
from .refusals import refuse

MOST = 256  # values, of which each takes part in each number that is interpolated

_OPTIONS: dict[str, tuple[str, ...]] = {
    "CubicSpline": ("axis", "bc_type", "extrapolate"),
    "BSpline": ("k", "extrapolate", "axis"),
    "interp1d": ("kind", "axis", "copy", "bounds_error", "fill_value", "assume_sorted"),
}
"""Interpolators that are linear in their values, and what may be asked of them behind places and values."""


def maker(kind: Any) -> Callable[..., Any] | None:
    """What stands for a class of interpolators; None of anything else."""
    name = kind.__name__
    if name not in KINDS or not is_own_function(getattr(kind, "__init__", None)):
        return None
    return _linear(kind, name) if name in _OPTIONS else _known(kind, name)


def _known(kind: Any, name: str) -> Callable[..., Any]:
    def make(*args: Any, **options: Any) -> Any:
        if holds_symbols((*args, *options.values())):
            refuse(f"f makes a {name} of traced numbers")
        own = kind(*args, **options)
        return interpolator(own) or own

    return make


def _linear(kind: Any, name: str) -> Callable[..., Any]:
    def make(places: Any, values: Any, *args: Any, **options: Any) -> Any:
        options |= dict(zip(_OPTIONS[name], args, strict=False))
        if not holds_symbols((places, values, *options.values())):
            own = kind(places, values, **options)
            return interpolator(own) or own
        return _combination(kind, places, values, options)

    return make


def _combination(kind: Any, places: Any, values: Any, options: dict[str, Any]) -> Any:
    name, known = kind.__name__, wrap(objects(np.asarray(values, dtype=object)))
    degree = {"k": options.pop("k")} if "k" in options else {}
    usual = options.pop("axis", 0) in (0, -1) and known.ndim == 1 and len(known) <= MOST
    if not usual or holds_symbols((places, *options.values())) or not options.keys() <= {*_OPTIONS[name]}:
        refuse(f"f makes a {name} of traced places or options, or of traced values in several axes")
    if not all(isinstance(option, (str, bool, type(None))) for option in options.values()):
        refuse(f"f makes a {name} of traced values with numbers for bc_type= or fill_value=")
    axis = {"axis": 0} if name == "interp1d" else {}
    return TracedInterpolator(kind(places, np.eye(len(known)), **degree, **axis, **options), known)


class TracedInterpolator:
    """An interpolator of traced values."""

    __traced__ = True  # it holds symbols

    def __init__(self, basis: Any, values: Symbols) -> None:
        self._basis, self._values = basis, values

    def __call__(self, x: Any, *args: Any, **options: Any) -> Any:
        basis = interpolator(self._basis) if holds_symbols(x) else self._basis
        return np.matmul(basis(x, *args, **options), self._values)

    def derivative(self, nu: int = 1) -> TracedInterpolator:
        """Its derivative, of the same values."""
        return TracedInterpolator(self._basis.derivative(nu), self._values)

    def antiderivative(self, nu: int = 1) -> TracedInterpolator:
        """Its integral, of the same values."""
        return TracedInterpolator(self._basis.antiderivative(nu), self._values)

    def integrate(self, a: float, b: float, **options: Any) -> Any:
        """The integral between two numbers."""
        if holds_symbols((a, b)):
            refuse("f integrates a spline between traced places")
        return np.matmul(self._basis.integrate(a, b, **options), self._values)

    def __getattr__(self, name: str) -> Any:
        refuse(f"f asks for {name!r} of an interpolator of traced values")

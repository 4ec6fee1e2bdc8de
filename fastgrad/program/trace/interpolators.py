"""SciPy's interpolators, which f has been given, at symbols; numbers go to SciPy's own objects as they are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..scipys import is_own_function
from .arrays import guarded, holds_symbols
from .kernelsums import radial
from .reductions import ask_outside
from .refusals import refuse
from .splines import b_spline, by_rows, fitted, polynomials
from .surfaces import bivariate, on_grid

_RULES: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(
        ("PPoly", "CubicSpline", "CubicHermiteSpline", "PchipInterpolator", "Akima1DInterpolator"), polynomials
    ),
    "BSpline": b_spline,
    **dict.fromkeys(("UnivariateSpline", "InterpolatedUnivariateSpline", "LSQUnivariateSpline"), fitted),
    "interp1d": by_rows,
    "RegularGridInterpolator": on_grid,
    **dict.fromkeys(
        ("RectBivariateSpline", "SmoothBivariateSpline", "LSQBivariateSpline", "_DerivedBivariateSpline"), bivariate
    ),
    "RBFInterpolator": radial,
}
KINDS = frozenset(_RULES)


def interpolator(value: Any) -> Any:
    """What stands for an interpolator of SciPy's in a trace; None of anything else."""
    kind = type(value)
    rule = _RULES.get(kind.__name__)
    own = rule and is_own_function(getattr(kind, "__call__", None))  # noqa: B004
    return _Interpolator(value, rule) if rule and own else None


class _Interpolator:
    """One that takes symbols; in all else SciPy's own."""

    def __init__(self, own: Any, rule: Callable[..., Any]) -> None:
        self._own, self._rule = own, rule

    def __call__(self, *args: Any, **options: Any) -> Any:
        if not holds_symbols((*args, *options.values())):
            return self._own(*args, **options)
        return guarded(f"scipy.interpolate.{type(self._own).__name__}", self._rule, (self._own, *args), options)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._own, name)
        return _making(self._own, found, name) if callable(found) else found


def _integral(own: Any, start: Any, stop: Any) -> Any:
    """Between two places; beyond the ends, where splines differ in what they are, f itself is asked."""
    whole = interpolator(own.antiderivative())
    places = own.get_knots() if hasattr(own, "get_knots") else getattr(own, "x", None)
    first, last = _ends(own) if places is None else (float(places[0]), float(places[-1]))
    if not (hasattr(own, "c") and hasattr(own, "x") and own.extrapolate is True):
        ask_outside(np.array([start, stop], dtype=object), first, last)
    low, high = (whole(place) for place in (start, stop))
    return high - low


def _ends(own: Any) -> tuple[float, float]:
    """Those of a B-spline's pieces."""
    return float(own.t[own.k]), float(own.t[-own.k - 1])


def _making(own: Any, method: Callable[..., Any], name: str) -> Callable[..., Any]:
    """A method, whose result may be an interpolator again."""

    def call(*args: Any, **options: Any) -> Any:
        if holds_symbols((*args, *options.values())):
            if name in ("integrate", "integral") and len(args) == 2 and not options:
                return _integral(own, *args)
            if name == "ev":
                return guarded("scipy.interpolate's ev", partial(bivariate, own, grid=False), args, options)
            refuse(f"f calls {name} of an interpolator of SciPy's, which has no rule for tracing")
        found = method(*args, **options)
        return interpolator(found) or found

    return call

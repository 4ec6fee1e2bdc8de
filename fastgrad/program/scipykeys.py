"""Keys of SciPy's distributions, interpolators and rotations: of all that a trace reads of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from . import scipys
from .captures import home
from .freshness import Watch

Key = Callable[[Any], Hashable]

_POLYNOMIALS = ("x", "c", "extrapolate", "axis")
_FITTED = ("_eval_args", "ext")
_TABLE = ("x", "_y", "_kind", "_y_axis", "_y_extra_shape", "_extrapolate", "bounds_error")
_SURFACES = ("RectBivariateSpline", "SmoothBivariateSpline", "LSQBivariateSpline", "_DerivedBivariateSpline")
_READ: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("PPoly", "CubicSpline", "CubicHermiteSpline", "PchipInterpolator", "Akima1DInterpolator"), _POLYNOMIALS
    ),
    "BSpline": ("t", "c", "k", "extrapolate", "axis"),
    **dict.fromkeys(("UnivariateSpline", "InterpolatedUnivariateSpline", "LSQUnivariateSpline"), _FITTED),
    "interp1d": (*_TABLE, "_fill_value_below", "_fill_value_above"),
    "RegularGridInterpolator": ("grid", "values", "method", "bounds_error", "fill_value"),
    **dict.fromkeys(_SURFACES, ("tck", "degrees")),
    "NdBSpline": ("t", "c", "k"),
    "RBFInterpolator": (
        "y",
        "d_shape",
        "d_dtype",
        "neighbors",
        "kernel",
        "epsilon",
        "powers",
        "_shift",
        "_scale",
        "_coeffs",
    ),
    "gaussian_kde": ("dataset", "_weights", "cho_cov", "d"),
    "Rotation": ("_quat", "_single"),
}
"""What of SciPy's objects numbers depend on."""
_METHODS = {
    "Rotation": (
        "__init__", "__mul__", "__pow__", "__getitem__", "apply", "inv", "magnitude", "from_quat", "from_rotvec",
        "from_euler", "concatenate", "as_quat", "as_matrix", "as_rotvec", "as_euler",
    ),
    "gaussian_kde": ("evaluate", "__call__", "__init__", "pdf", "logpdf"),
}  # fmt: skip


class ChangesError(Exception):
    """Something that may change unseen."""


def is_known_class(value: Any) -> bool:
    """Whether it is one of SciPy's classes of interpolators or rotations."""
    return (
        isinstance(value, type)
        and value.__name__ in _READ
        and home(value).startswith(("scipy.interpolate.", "scipy.spatial.", "scipy.stats._kde"))
        and scipys.is_own_function(getattr(value, _methods(value)[0], None))
    )


def key(value: Any, watch: Watch | None, key_of: Key) -> Hashable:
    """That of an object or a class of SciPy's, by `key_of` of what lies in it; ChangesError of anything else."""
    if is_known_class(value):
        return _class(value, watch)
    if is_known_class(type(value)):
        return _object(value, watch, key_of)
    if home(type(value)) == "scipy.stats._multivariate":
        return _normals(value, watch, key_of)
    return _distribution(value, watch, key_of)


def _methods(kind: type) -> tuple[str, ...]:
    return _METHODS.get(kind.__name__, ("__call__", "__init__"))


def _class(kind: type, watch: Watch | None) -> Hashable:
    """One whose methods are those that they are now."""
    found = [(name, getattr(kind, name, None)) for name in _methods(kind)]
    if watch:
        for name, function in found:
            watch.note_attribute(kind, name, function)
    return (kind, *[function for _, function in found])


def _object(value: Any, watch: Watch | None, key_of: Key) -> Hashable:
    kind, parts = type(value), []
    names = frozenset((*_methods(kind), "derivative", "antiderivative", "integrate", "ev"))
    if not names.isdisjoint(getattr(value, "__dict__", ())):
        raise ChangesError
    if watch and hasattr(value, "__dict__"):
        watch.note_without(value, names)
    stored = [f"_{name}" if hasattr(value, f"_{name}") else name for name in _READ[kind.__name__]]
    for name in stored:  # properties make things anew
        part = getattr(value, name, ChangesError)
        if watch:
            watch.note_attribute(value, name, part)
        parts.append(key_of(part))
    if (kind.__name__ == "interp1d" and value._kind != "linear") or kind.__name__ == "RegularGridInterpolator":
        parts.append(key_of(getattr(value, "_spline", ChangesError)))
    return (_class(kind, watch), *parts)


def _distribution(value: Any, watch: Watch | None, key_of: Key) -> Hashable:
    """A distribution, or one with its parameters fixed."""
    dist = scipys.distribution_of(value)
    name = None if dist is None else scipys.name_of_distribution(dist)
    if name is None or not scipys.METHODS.isdisjoint(own := vars(value)):
        raise ChangesError
    if watch:
        _watch_distribution(value, dist, watch)
    kind = type(dist)
    how = (dist.a, dist.b, *[getattr(kind, formula, None) for formula in sorted(scipys.METHODS | scipys.FORMULAS)])
    if dist is value:
        return ("scipy.stats", name, how)
    return ("scipy.stats", name, how, key_of(own["args"]), *[(k, key_of(v)) for k, v in own["kwds"].items()])


def _watch_distribution(value: Any, dist: Any, watch: Watch) -> None:
    for holder in (value, dist):
        watch.note_without(holder, scipys.METHODS | scipys.FORMULAS)
    for name in ("a", "b"):
        watch.note_attribute(dist, name, getattr(dist, name))
    if dist is not value:
        for name in ("dist", "args", "kwds"):
            watch.note_attribute(value, name, getattr(value, name))
        for word in value.kwds:
            watch.note_name(value.kwds, word)


def _normals(value: Any, watch: Watch | None, key_of: Key) -> Hashable:
    """A normal distribution of several numbers, or one with its parameters fixed."""
    kind, own = type(value), vars(value)
    if not scipys.is_normals(kind) or not scipys.DENSITIES.isdisjoint(own):
        raise ChangesError
    if watch:
        watch.note_without(value, scipys.DENSITIES)
    spread = own.get("cov_object")
    if spread is None:
        return (kind.__name__,)
    if watch:
        for name in ("mean", "cov_object"):
            watch.note_attribute(value, name, own[name])
    matrix = key_of(np.asarray(spread.covariance))
    return (kind.__name__, type(spread).__name__, int(spread.rank), key_of(own["mean"]), matrix)

"""xarray's DataArrays: axes by the names of dimensions, spacing from coordinates, results with coordinates and units.

xarray is never imported: who passes a DataArray has done so. Operations on plain arrays come as arguments.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..results import Result
from .coordinates import axes_of, closing, is_labelled, unit_of
from .stores import is_store

Array = NDArray[Any]
Operation = Callable[..., Any]

COMPONENT = "component"  # the dimension of a field that is not one of its grid

# What is true of the values alone: readers of netCDF would mask the derivative by the range.
NOT_KEPT = {"units", "standard_name", "valid_range", "valid_min", "valid_max", "actual_range"}


def has_labels(parts: Any) -> bool:
    """Whether `parts` is a DataArray or a Dataset, or a list or tuple with one."""
    return any(map(is_labelled, parts)) if isinstance(parts, (list, tuple)) else is_labelled(parts)


# --- sampled values ---------------------------------------------------------------------------------------------------


def gradient(operation: Operation, values: Any, spacing: Any, axis: Any, out: Any, **options: Any) -> Any:
    """The derivative along each axis: a DataArray, or a tuple of them."""
    _check_array(values)
    axes, to = axes_of(values, spacing, axis), _unlabelled(out, values.dims)
    result = operation(values.data, *axes.spacing, axis=axes.numbers, out=to, **closing(axes, options))
    several = isinstance(result, (tuple, list)) or result.ndim > values.ndim
    parts = [
        _wrapped([values], part, values.name and f"d{values.name}_d{name}", _per(unit_of(values), along))
        for part, name, along in zip(result if several else [result], axes.names, axes.units, strict=True)
    ]
    return parts[0] if len(parts) == 1 else tuple(parts)


def laplacian(operation: Operation, values: Any, spacing: Any, axis: Any, out: Any, **options: Any) -> Any:
    """The Laplacian as a DataArray."""
    _check_array(values)
    axes, to = axes_of(values, spacing, axis), _unlabelled(out, values.dims)
    if unit_of(values) is None:  # whatever it is, terms per metre and per kilometre are not to be added
        _unit_of_sum([_per("1", along, 2) for along in axes.units])
    unit = _unit_of_sum([_per(unit_of(values), along, 2) for along in axes.units])
    result = operation(values.data, *axes.spacing, axis=axes.numbers, out=to, **closing(axes, options))
    return _wrapped([values], result, values.name and f"laplacian_{values.name}", unit)


def divergence(operation: Operation, field: Any, spacing: Any, axis: Any, out: Any, **options: Any) -> Any:
    """The divergence as a DataArray."""
    parts, axes = _field(field, spacing, axis)
    unit = _unit_of_sum([_per(unit_of(part), along) for part, along in zip(parts, axes.units, strict=False)])
    data, to = [part.data for part in parts], _unlabelled(out, parts[0].dims)
    result = operation(data, *axes.spacing, axis=axes.numbers, out=to, **closing(axes, options))
    return _wrapped(parts, result, "divergence", unit)


def curl(operation: Operation, field: Any, spacing: Any, axis: Any, out: Any, **options: Any) -> Any:
    """The curl: a DataArray of two components, a tuple of three DataArrays of three."""
    parts, axes = _field(field, spacing, axis)
    pairs = [(0, 1)] if len(parts) == 2 else [(1, 2), (2, 0), (0, 1)]
    units: list[str | None] = [None] * len(pairs)
    if len(parts) == len(axes.names) in {2, 3}:
        per = [[_per(unit_of(part), along) for along in axes.units] for part in parts]
        units = [_unit_of_sum([per[b][a], per[a][b]]) for a, b in pairs]
    data, to = [part.data for part in parts], _unlabelled(out, parts[0].dims)
    result = operation(data, *axes.spacing, axis=axes.numbers, out=to, **closing(axes, options))
    if len(parts) == 2:
        return _wrapped(parts, result, "curl", units[0])
    named = zip(result, axes.names, units, strict=True)
    return tuple(_wrapped(parts, component, f"curl_{name}", unit) for component, name, unit in named)


def _check_array(values: Any) -> None:
    if hasattr(values, "data_vars"):
        msg = f"values must be one array, got {type(values).__name__}; pass one of its arrays: dataset['name']"
        raise TypeError(msg)


def _field(field: Any, spacing: Any, axis: Any) -> tuple[list[Any], Any]:
    """The components of a field, and its axes."""
    parts = _components(field)
    axes = axes_of(parts[0], spacing, _dimensions_by_name(parts) if axis is None else axis)
    _check_same_coordinates(parts, axes.names if not spacing else [])
    return parts, axes


def _components(field: Any) -> list[Any]:
    """Components with the same dimensions in the same order, on the same coordinates."""
    if hasattr(field, "data_vars"):
        parts = list(field.data_vars.values())
    elif isinstance(field, (list, tuple)):
        parts = list(field)
    else:
        parts = [field.isel({field.dims[0]: k}, drop=True) for k in range(len(field))]
    if not parts or not all(is_labelled(part) and hasattr(part, "dims") for part in parts):
        kinds = [type(part).__name__ for part in parts]
        msg = (
            f"a field's components must all be DataArrays or all plain arrays, got {kinds}; write part.values for some"
        )
        raise TypeError(msg)
    model = parts[0]
    for part in parts:
        _check_same_grid(model, part)
    return [part.transpose(*model.dims) for part in parts]


def _dimensions_by_name(parts: list[Any]) -> list[Any] | None:
    """The dimension of each component by the name that `gradient` gave it, dT_dx along x; None if some have no such."""
    found = [_dimension_by_name(part) for part in parts]
    return None if None in found or len(set(found)) < len(found) else found


def _dimension_by_name(part: Any) -> Any:
    """The dimension along which a component is a derivative; where several names fit, as a and b_da, the longest."""
    if not isinstance(part.name, str):
        return None
    fitting = [name for name in part.dims if re.fullmatch(rf"d.+_d{re.escape(str(name))}", part.name, re.DOTALL)]
    return max(fitting, key=lambda name: len(str(name)), default=None)


def _check_same_coordinates(parts: list[Any], names: list[Any]) -> None:
    """Raise ValueError where the coordinates that are the spacing are not those of all components."""
    for name in names:
        values: list[Any] = [part[name].values if name in part.coords else None for part in parts]
        if any((v is None) != (values[0] is None) or not np.array_equal(v, values[0]) for v in values):
            msg = f"the field's components have different coordinates {name!r}; interpolate them to one grid"
            raise ValueError(msg)


def _check_same_grid(a: Any, b: Any) -> None:
    if set(a.dims) != set(b.dims):
        msg = f"the field's components have dimensions {a.dims} and {b.dims}; give them the same"
        raise ValueError(msg)
    for name in a.dims:
        both = name in a.coords and name in b.coords
        if a.sizes[name] != b.sizes[name] or (both and not np.array_equal(a[name].values, b[name].values)):
            msg = f"the field's components have different coordinates along {name!r}; interpolate them to one grid"
            raise ValueError(msg)


def _unlabelled(out: Any, dims: tuple[Any, ...]) -> Any:
    """Arrays to write to: the memory of DataArrays, seen along the dimensions of the values."""
    if isinstance(out, (tuple, list)):
        return tuple(_unlabelled(one, dims) for one in out)
    if not is_labelled(out):
        return out
    missing = set(dims) - set(out.dims)
    if missing and len(missing) < len(dims):
        msg = f"out has the dimensions {out.dims}, the values {dims}; give it those of the values"
        raise ValueError(msg)
    return out.data if missing else out.transpose(..., *dims).data


# --- units ------------------------------------------------------------------------------------------------------------


def _per(unit: str | None, along: str | None, power: int = 1) -> str | None:
    """The unit of a derivative: K/m, K/m^2, K/(m s-1); None where one is not known."""
    if unit is None or along is None or along == "1":
        return unit if along == "1" else None
    if unit == along and power == 1:
        return "1"
    divisor = along if re.fullmatch(r"[^\W\d]+", along) else f"({along})"
    return f"{unit}/{divisor}" + (f"^{power}" if power > 1 else "")


def _unit_of_sum(units: list[str | None]) -> str | None:
    """The common unit of terms, which must be one."""
    if not units or None in units:
        return None
    if len(set(units)) > 1:
        msg = (
            f"terms in {', '.join(map(str, dict.fromkeys(units)))} cannot be added; convert the coordinates to one "
            "unit, or give the spacing as plain numbers"
        )
        raise ValueError(msg)
    return units[0]


# --- results ----------------------------------------------------------------------------------------------------------


def _wrapped(sources: list[Any], data: Any, name: Any, unit: str | None) -> Any:
    """Data with the coordinates of the sources and the attributes that they agree on."""
    first, *others = sources
    result = first.copy(deep=False, data=data)
    result.name, result.encoding = name, {}
    result.attrs = {
        key: value
        for key, value in first.attrs.items()
        if key not in NOT_KEPT and all(repr(s.attrs.get(key)) == repr(value) for s in others)
    }
    if unit is not None:
        result.attrs["units"] = unit
    return result


# --- fields -----------------------------------------------------------------------------------------------------------


def field(operation: Operation, axes: Any, out: Any) -> Any:
    """The field over axes that are DataArrays, as a DataArray or in a `Result`; the operation takes plain axes."""
    names = _names(axes, out)
    result = operation([axis.values for axis in axes])
    coordinates: dict[Any, Any] = {}
    for axis, name in zip(axes, names, strict=True):
        coordinates |= {**axis.coords, name: (name, axis.values, axis.attrs)}
    coordinates[COMPONENT] = (COMPONENT, names)
    value = result.value if isinstance(result, Result) else result
    array = type(axes[0])(value, dims=(COMPONENT, *names), coords=coordinates, name="gradient")
    return replace(result, value=array) if isinstance(result, Result) else array


def _names(axes: Any, out: Any) -> list[Any]:
    """The dimensions of the axes."""
    if not isinstance(axes, (list, tuple)) or not all(is_labelled(axis) for axis in axes):
        kinds = [type(axis).__name__ for axis in axes] if isinstance(axes, (list, tuple)) else type(axes).__name__
        msg = f"axes must all be DataArrays or all plain arrays, got {kinds}; write gradient_field(f, [x, y])"
        raise TypeError(msg)
    if is_store(out) or is_labelled(out):
        msg = f"out is a {type(out).__name__}, the result a DataArray of memory; pass plain axes: [x.values, y.values]"
        raise TypeError(msg)
    if any(axis.ndim != 1 for axis in axes):
        shapes = [axis.shape for axis in axes]
        msg = f"axes must be 1-D arrays, one per coordinate, got shapes {shapes}; write gradient_field(f, [x, y])"
        raise ValueError(msg)
    names = [axis.dims[0] for axis in axes]
    if len({*names, COMPONENT}) <= len(names):
        msg = f"axes have the dimensions {names}; each needs a name of its own, and none {COMPONENT!r}: x.rename(...)"
        raise ValueError(msg)
    return names

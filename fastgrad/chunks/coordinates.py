"""Coordinates of DataArrays: which axes are meant, how far apart nodes are, in what unit, and which axes close."""

from __future__ import annotations

import datetime
from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..program.captures import home

Array = NDArray[Any]

SECOND = datetime.timedelta(seconds=1)


def is_labelled(x: Any) -> bool:
    """Whether x is a DataArray or a Dataset."""
    return hasattr(x, "coords") and any(home(base).startswith("xarray.") for base in type(x).__mro__)


def is_duration(value: Any) -> bool:
    """Whether it is a difference of two times."""
    return isinstance(value, (np.timedelta64, datetime.timedelta))


def unit_of(values: Any) -> str | None:
    """The attribute `units`."""
    unit = values.attrs.get("units")
    return None if unit is None else str(unit).strip() or "1"


@dataclass(frozen=True)
class Axes:
    """Axes of values: what each is called in results, its dimension and number, spacing, unit, whether it is time."""

    names: list[Any]
    dimensions: list[Any]
    numbers: tuple[int, ...]
    spacing: tuple[Any, ...]
    units: list[str | None]
    times: list[bool]


def axes_of(values: Any, spacing: Sequence[Any], axis: Any) -> Axes:
    """The axes by number, and the spacing: what is given, else the coordinates, else 1."""
    chosen = values.dims if axis is None else axis if isinstance(axis, (tuple, list)) else (axis,)
    found = [_dimension(values, name) for name in chosen]
    dimensions = [dimension for dimension, _ in found]
    names = [dimension if k is None else k for dimension, k in found]
    numbers = tuple(int(values.dims.index(dimension)) for dimension in dimensions)
    given = list(spacing) or [values[name] if name in values.coords else 1.0 for name in names]
    if len(given) == 1 and not isinstance(given[0], (list, tuple)) and np.ndim(given[0]) == 0:
        given *= len(names)
    for dimension, s in zip(dimensions, given, strict=False):
        _check_along(dimension, s, values)
    distances = [_distances(c) for c in given]
    units = [_unit_along(c) for c in given]
    times = [is_labelled(c) and _is_time(c) for c in given]
    return Axes(names, dimensions, numbers, tuple(distances), units, times)


def _dimension(values: Any, name: Any) -> tuple[Any, Any]:
    """A dimension by its name or number, or that of a coordinate, with the coordinate's name."""
    if name in values.dims:
        return name, None
    if isinstance(name, (int, np.integer)) and -values.ndim <= name < values.ndim:
        return values.dims[int(name)], None
    if isinstance(name, Hashable) and name in values.coords:
        coordinate = values[name]
        if coordinate.ndim == 1:
            return coordinate.dims[0], name
        msg = f"axis={name!r} is a coordinate of {coordinate.ndim} dimensions; give one of a single dimension"
        raise ValueError(msg)
    msg = f"axis={name!r} is no dimension; values has {', '.join(map(repr, values.dims))}"
    raise ValueError(msg)


def _check_along(dimension: Any, spacing: Any, values: Any) -> None:
    """Raise ValueError for coordinates that belong to another dimension of the values."""
    along = spacing.dims[0] if is_labelled(spacing) and spacing.ndim == 1 else dimension
    if along != dimension and along in values.dims:
        msg = f"the spacing for {dimension!r} has the dimension {along!r}; give the spacing in the order of axis="
        raise ValueError(msg)


# --- distances --------------------------------------------------------------------------------------------------------


def _is_time(coordinate: Any) -> bool:
    """Whether its differences are times, also those of the objects of cftime."""
    if coordinate.dtype.kind != "O":
        return bool(coordinate.dtype.kind in "mM")
    whole = np.ravel(coordinate.values)
    try:
        return bool(whole.size) and is_duration(whole[0] - whole[0])
    except TypeError:
        return False


def _distances(coordinate: Any) -> Any:
    """Coordinates as numbers; times in seconds from the first, which keeps all their digits."""
    if not is_labelled(coordinate):
        return coordinate
    x = coordinate.values
    if x.dtype.kind in "mM":
        known = x[~np.isnat(x)]
        return np.asarray((x - known.flat[0] if known.size else x - x) / np.timedelta64(1, "s"))
    if x.dtype.kind in "iuf":
        return np.asarray(x)
    if _is_time(coordinate):
        with suppress(TypeError):  # something among them that is no time
            return np.array([(time - x.flat[0]) / SECOND for time in x.flat], float).reshape(x.shape)
    msg = (
        f"the coordinates {coordinate.name!r} are {x.dtype}, not numbers or datetime64; give the spacing, or drop "
        f"them for a spacing of 1: values.drop_vars({coordinate.name!r})"
    )
    raise TypeError(msg)


def _unit_along(coordinate: Any) -> str | None:
    if not is_labelled(coordinate):
        return None
    return "s" if _is_time(coordinate) else unit_of(coordinate)


# --- periodic axes ----------------------------------------------------------------------------------------------------


def closing(axes: Axes, options: dict[str, Any]) -> dict[str, Any]:
    """The options with `periodic` and `period` for each axis by number, periods of times in seconds."""
    periodic, period = options.get("periodic", False), options.get("period")
    flags = _flags(axes, periodic)
    if isinstance(period, Mapping):
        period = _by_name(axes, "period", period)
    elif period is not None and np.ndim(period) == 0:
        period = [period if flags is None or closed else None for closed in flags or axes.names]
    if period is not None and len(period) == len(axes.times):
        both = zip(period, axes.times, strict=True)
        period = [_seconds(length) if time and is_duration(length) else length for length, time in both]
    changed = {"periodic": periodic if flags is None else flags, "period": period}
    return {name: changed.get(name, given) for name, given in options.items()}


def _seconds(length: Any) -> float:
    unit = np.timedelta64(1, "s") if isinstance(length, np.timedelta64) else SECOND
    return float(length / unit)


def _flags(axes: Axes, periodic: Any) -> list[Any] | None:
    """Whether each axis closes, where that is said by names."""
    if isinstance(periodic, Mapping):
        return [flag or False for flag in _by_name(axes, "periodic", periodic)]
    several = isinstance(periodic, (list, tuple, set, frozenset))
    named = list(periodic) if several else [periodic]
    if not any(isinstance(name, str) for name in named):
        return None
    return [flag or False for flag in _by_name(axes, "periodic", dict.fromkeys(named, True))]


def _by_name(axes: Axes, option: str, given: Mapping[Any, Any]) -> list[Any]:
    """What is given for each axis, None where nothing is."""
    known = {*axes.names, *axes.dimensions}
    unknown = [name for name in given if name not in known]
    if unknown:
        msg = (
            f"{option}= names {unknown[0]!r}, along which no derivative is taken; the axes here are "
            f"{', '.join(map(repr, axes.names))}"
        )
        raise ValueError(msg)
    both = zip(axes.names, axes.dimensions, strict=True)
    return [given.get(name, given.get(dimension)) for name, dimension in both]

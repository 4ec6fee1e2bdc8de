"""What to write instead, where a spacing is refused: in a sequence, as meshes, in the other order, times."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .numbers import is_duck

Array = NDArray[Any]

NAMES = ("x", "y", "z")


def right_call(shape: tuple[int, ...], spacing: tuple[Any, ...]) -> str:
    """The call that may have been meant, or an empty string."""
    packed = len(spacing) == 1 and isinstance(spacing[0], (list, tuple))
    given = spacing[0] if packed else spacing
    if not 1 < len(given) == len(shape) <= len(NAMES):
        return ""
    arrays = _numbers(given)
    if arrays and all(array.ndim == len(shape) for array in arrays):
        return _of_meshes([_axis_of(mesh) for mesh in arrays])
    if packed and arrays:
        return f"each axis has an argument of its own: write {_call(NAMES[: len(shape)])}"
    lengths = [array.shape for array in arrays]
    if lengths == [(n,) for n in shape] or lengths != [(n,) for n in reversed(shape)]:
        return ""
    nodes, swapped = ", ".join(str(n) for n in reversed(shape)), _call(NAMES[: len(shape)][::-1])
    return f"the coordinates have {nodes} nodes, the values the shape {shape}: write {swapped}, or turn the values"


def of_spacing(spacing: tuple[Any, ...]) -> str:
    """The first spacing that formulas of our own do not read, and what to write for it; empty if they read all."""
    for given in spacing:
        array = _as_array(given)
        plain = type(array) in {np.ndarray, np.memmap} and array.dtype.kind in "iuf" and array.dtype.itemsize <= 8
        if not plain and not is_duck(given):
            dtype = getattr(given, "dtype", None)
            found = type(given).__name__ + (f" of {dtype}" if dtype is not None else "")
            return f"the spacing is {found}; {of_times(spacing) or 'write np.asarray(x, float) for it'}"
    return ""


def of_times(spacing: tuple[Any, ...]) -> str:
    """What to write for times and durations, of which NumPy makes no number; empty if there are none."""
    for given in map(_as_array, spacing):
        if given.dtype.kind in "mM":
            return "for derivatives per second write (t - t[0]) / np.timedelta64(1, 's')"
        first = given.flat[0] if given.dtype == object and given.size else None
        if isinstance(first, timedelta) or hasattr(first, "year"):
            return "for derivatives per second write np.array(t - t[0], 'm8[us]') / np.timedelta64(1, 's')"
    return ""


def _as_array(given: Any) -> Array:
    try:
        return np.asanyarray(given)
    except ValueError:  # of rows of different lengths
        return np.empty(0, object)


def _numbers(given: Any) -> list[Array]:
    """Arrays of plain numbers; none if something is no such array."""
    if any(map(is_duck, given)):
        return []
    try:
        arrays = [np.asarray(one) for one in given]
    except ValueError:  # of rows of different lengths
        return []
    return arrays if all(array.dtype.kind in "iuf" for array in arrays) else []


def _of_meshes(axes: list[int | None]) -> str:
    """What to write for meshes that vary along these axes."""
    if sorted(axis for axis in axes if axis is not None) != list(range(len(axes))):
        return ""
    along = []
    for axis in range(len(axes)):
        place = ", ".join(":" if k == axis else "0" for k in range(len(axes)))
        along.append(f"{NAMES[axes.index(axis)].upper()}[{place}]")
    return f"of meshes each axis's own coordinates are needed: write {_call(along)}"


def _axis_of(mesh: Array) -> int | None:
    """The only axis along which a mesh varies."""
    varying = [axis for axis in range(mesh.ndim) if (np.diff(mesh, axis=axis) != 0).any()]
    return varying[0] if len(varying) == 1 else None


def _call(names: Any) -> str:
    return f"grid.gradient(values, {', '.join(names)})"

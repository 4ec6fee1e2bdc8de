"""Rules for tracing np.pad by numbers that are computed of an array: ramps, extremes and medians at its ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .arrays import FUNCTIONS, Objects, call_function
from .reductions import objects
from .refusals import refuse

_AS_NUMPY = FUNCTIONS[np.pad]
_SUMMARIES: dict[str, Callable[..., Any]] = {"maximum": np.max, "minimum": np.min, "median": np.median}


def _pad(array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Any:
    if mode == "linear_ramp":
        ends = _of_sides(options.pop("end_values", 0), np.ndim(array))
        rule: Callable[..., Any] = _ramp
    elif mode in _SUMMARIES:
        ends = _of_sides(options.pop("stat_length", None), np.ndim(array))
        rule = _summarised(_SUMMARIES[mode])
    else:
        return _AS_NUMPY(array, pad_width, mode, **options)
    if options or isinstance(pad_width, dict):
        refuse("f calls np.pad with options that cannot be traced")
    padded = objects(array)
    for axis, widths in enumerate(np.broadcast_to(np.asarray(pad_width, dtype=int), (padded.ndim, 2)).tolist()):
        row = np.moveaxis(padded, axis, 0)
        before, after = rule(row, widths[0], ends[axis][0]), rule(row[::-1], widths[1], ends[axis][1])[::-1]
        padded = np.moveaxis(np.concatenate([before, row, after]), 0, axis)
    return padded


def _of_sides(value: Any, ndim: int) -> list[Any]:
    """What belongs to both sides of each axis."""
    return [list(pair) for pair in np.broadcast_to(objects(value), (ndim, 2))]


def _ramp(row: Objects, width: int, end: Any) -> Objects:
    """From an end value to the first element, which is not repeated."""
    ramp = call_function(np.linspace, (objects(end), row[0], width), {"endpoint": False})
    return objects(ramp).reshape(width, *row.shape[1:])


def _summarised(function: Callable[..., Any]) -> Callable[..., Any]:
    def rule(row: Objects, width: int, length: Any) -> Objects:
        part = row if length is None else row[: max(int(length), 1)]
        return np.repeat(objects(call_function(function, (part, 0), {}))[None], width, axis=0)

    return rule


FUNCTIONS[np.pad] = _pad

"""`bounds=` in each form that it has, as (lb, ub).

A list of tuples is one (lowest, highest) for each coordinate, None for none, as `scipy.optimize.minimize` takes them;
an object with `lb` and `ub` is a `scipy.optimize.Bounds`; whatever else there is has to be (lb, ub).
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np


def as_pair(bounds: Any, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """(lb, ub) for points of this shape, their numbers not checked yet.

    Raises
    ------
    ValueError
        No form of bounds, or not one pair for each coordinate.
    """
    if hasattr(bounds, "lb") and hasattr(bounds, "ub"):
        return _in_shape(bounds.lb, shape), _in_shape(bounds.ub, shape)
    if isinstance(bounds, list) and all(isinstance(pair, tuple) for pair in bounds):
        return _of_pairs(bounds, shape)
    if isinstance(bounds, (tuple, list)) and len(bounds) == 2:
        if all(isinstance(b, tuple) and None in b for b in bounds):
            msg = f"bounds={bounds!r} holds None; write a list of tuples, {list(bounds)!r}, for one pair per coordinate"
            raise ValueError(msg)
        return bounds[0], bounds[1]
    msg = (
        f"bounds must be a pair (lb, ub), got {type(bounds).__name__} {bounds!r}; "
        "write bounds=(0, np.inf) for one side, or a list of tuples for one pair per coordinate"
    )
    raise ValueError(msg)


def _in_shape(bound: Any, shape: tuple[int, ...]) -> Any:
    """SciPy's bounds are of one dimension, whatever shape a point has."""
    array = np.asarray(bound)
    return array.reshape(shape) if array.ndim == 1 and array.size == prod(shape) else array[()]


def _of_pairs(pairs: list[tuple[Any, ...]], shape: tuple[int, ...]) -> tuple[Any, Any]:
    if len(pairs) != prod(shape) or any(len(pair) != 2 for pair in pairs):
        msg = (
            f"bounds, a list of tuples, must hold one (lowest, highest) for each of the {prod(shape)} coordinates, "
            f"got {pairs!r}; write a tuple (lb, ub) for two arrays"
        )
        raise ValueError(msg)
    return _side(pairs, 0, -np.inf).reshape(shape), _side(pairs, 1, np.inf).reshape(shape)


def _side(pairs: list[tuple[Any, ...]], k: int, unbounded: float) -> Any:
    found = [unbounded if pair[k] is None else pair[k] for pair in pairs]
    return np.array(found) if found else np.empty(0)

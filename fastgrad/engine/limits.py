"""`bounds=` in each form that it has, as (lb, ub).

A list of tuples is one (lowest, highest) for each coordinate, None for none, as `scipy.optimize.minimize` takes them;
an object with `lb` and `ub` is a `scipy.optimize.Bounds`; whatever else there is has to be (lb, ub).
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .call import Rows
from .numbers import real_array

Array = NDArray[Any]


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
    if (isinstance(bounds, (tuple, list)) or (isinstance(bounds, np.ndarray) and bounds.ndim)) and len(bounds) == 2:
        _check_no_none(bounds)
        return bounds[0], bounds[1]
    msg = (
        f"bounds must be a pair (lb, ub), got {type(bounds).__name__} {bounds!r}; "
        "write bounds=(0, np.inf) for one side, or a list of tuples for one pair per coordinate"
    )
    raise ValueError(msg)


def _check_no_none(bounds: Any) -> None:
    inner = [b for b in bounds if isinstance(b, (tuple, list)) and any(each is None for each in b)]
    if len(inner) == 2:
        pairs = [tuple(b) for b in inner]
        msg = f"bounds={bounds!r} holds None; write a list of tuples, {pairs!r}, for one pair per coordinate"
        raise ValueError(msg)
    if inner or any(b is None for b in bounds):
        msg = (
            f"bounds={bounds!r} holds None, where (lb, ub) are numbers or arrays; write -np.inf or np.inf where there "
            "is no bound, or a list of tuples (lowest, highest), one for each coordinate, in which None is none"
        )
        raise TypeError(msg)


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


def check_bounds(bounds: Any, x: Array, shape: tuple[int, ...]) -> tuple[Array, Array] | None:
    """(lowest, highest) of every coordinate, each in the shape of x; `shape` is that of a point."""
    return None if bounds is None else _checked(bounds, as_pair(bounds, shape), x, shape)


def _checked(bounds: Any, pair: tuple[Any, Any], x: Array, shape: tuple[int, ...]) -> tuple[Array, Array]:
    low, high = (_bound(name, b, x, shape) for name, b in zip(("lb", "ub"), pair, strict=True))
    if x.dtype != np.float64:  # an x on a bound is on the bound's value in x's precision
        low = np.where(low.astype(x.dtype) == x, np.minimum(low, x), low)
        high = np.where(high.astype(x.dtype) == x, np.maximum(high, x), high)
    wrong = low > high
    if wrong.any():
        n = int(np.flatnonzero(wrong)[0])
        msg = f"bounds: lb={float(low.flat[n])!r} is above ub={float(high.flat[n])!r} (element {n}); exchange them"
        raise ValueError(msg)
    outside = (x < low) | (x > high)
    if outside.any():
        place = np.unravel_index(int(np.flatnonzero(outside)[0]), x.shape)
        inside = f"({float(low[place])!r}, {float(high[place])!r})"
        index = f"[{', '.join(map(str, place))}]" if place else ""
        both = "*bounds" if isinstance(bounds, tuple) else "lb, ub"
        msg = f"x{index}={float(x[place])!r} lies outside its bounds {inside}; write np.clip(x, {both})"
        raise ValueError(msg)
    return low, high


def _bound(name: str, bound: Any, x: Array, shape: tuple[int, ...]) -> Array:
    array = real_array(bound, name).astype(np.float64, copy=False)
    if np.isnan(array).any():
        msg = f"bounds: {name} holds NaN; write -np.inf or np.inf where there is no bound"
        raise ValueError(msg)
    try:
        return np.broadcast_to(array, x.shape)
    except ValueError:
        msg = (
            f"bounds: shape {np.shape(bound)} does not fit points of shape {shape}; give a number or one per coordinate"
        )
        raise ValueError(msg) from None


def beside(bounds: Any, side: Any, x: Array, shape: tuple[int, ...], method: str) -> Any:
    """Bounds that keep f on one side of x: 1 above, -1 below, 0 on both; a number or one for each coordinate.

    Raises
    ------
    ValueError
        No sides, or a method that has its own.
    """
    if method not in {"central", "adaptive"}:
        msg = (
            f"side={side!r} does not fit method={method!r}; use 'central' or 'adaptive', whose formulas turn to a side"
        )
        raise ValueError(msg)
    sides = real_array(side, "side")
    if not np.isin(sides, (-1.0, 0.0, 1.0)).all() or sides.shape not in {(), shape, x.shape}:
        msg = f"side={side!r} must be 1 (above x), -1 (below) or 0 (both), a number or one per coordinate"
        raise ValueError(msg)
    low, high = check_bounds((-np.inf, np.inf) if bounds is None else bounds, x, shape) or (x, x)
    here = x.astype(np.float64)
    return np.where(sides > 0.0, here, low), np.where(sides < 0.0, here, high)


def read_bounds(bounds: Any, given: Array, points: Rows, *, exact: bool = False) -> tuple[Array, Array] | None:
    """The bounds in the layout of the points; none for what is exact, of which f is asked at x only."""
    pair = None if bounds is None else as_pair(bounds, points.shape)
    if pair is None or exact:
        return None
    both = _checked(bounds, pair, given, points.shape)
    if given.dtype != np.float64:
        return both[0].reshape(points.layout), both[1].reshape(points.layout)
    return _as_rows(both[0], pair[0], points), _as_rows(both[1], pair[1], points)


def _as_rows(bound: Array, given: Any, points: Rows) -> Array:
    """One row for all points where the bounds are the same for all, which takes no memory."""
    if points.count and np.ndim(given) <= len(points.shape):
        row = bound.reshape(points.layout)[0] if bound.ndim == len(points.shape) else bound[0].ravel()
        return np.broadcast_to(row, points.layout)
    return bound.reshape(points.layout)

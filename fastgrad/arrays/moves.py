"""Parts of arrays, arrays with other parts, of other types and shapes, products and running sums, as nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .nodes import Node, axes_of, constant, counted, matmul, move, pick, refuse, reshape, transpose, ufunc


def get(x: Node, index: Any) -> Node:
    """A part by a basic index."""
    return move(lambda v: v[index], x, key=("get", repr(index)))


def take(x: Node, index: Any) -> Node:
    """A part by arrays of places."""
    parts = index if isinstance(index, tuple) else (index,)
    if len(parts) == len(x.shape) and all(map(_are_places, parts)):
        x.value[index]  # whose IndexError is NumPy's
        repeated = np.broadcast_arrays(*parts)
        return pick(x, tuple(np.where(p < 0, p + n, p) for p, n in zip(repeated, x.shape, strict=True)))
    return move(lambda v: v[index], x)


def _are_places(part: Any) -> bool:
    return not (isinstance(part, slice) or part is None or part is Ellipsis) and np.asarray(part).dtype.kind in "iu"


def put(x: Node, index: Any, value: Node) -> Node:
    """An array with another part."""

    def written(v: Any, new: Any) -> Any:
        result = np.array(v)
        result[index] = new
        return result

    made = move(written, x, cast(value, x.dtype))
    untouched = made.size - np.asarray(made.value)[index].size  # which the loss leaves where it is
    counted.operations -= untouched
    counted.time -= untouched
    return made


def cast(x: Node, dtype: np.dtype[Any]) -> Node:
    """Of another type. What moves is float64 all along, whatever precision the loss has."""
    own = x.dtype
    if own == dtype or (own.kind == dtype.kind == "f" and (x.moves or not x.shape)):
        return x
    if own.kind == "f" and dtype.kind != "f" and x.moves:
        refuse(f"it makes {dtype} of values that depend on the parameters")
    return ufunc(np.positive if own.kind == dtype.kind == "f" else _caster(dtype), x)


def _caster(dtype: np.dtype[Any]) -> Callable[[Any], Any]:
    return lambda v: np.asarray(v).astype(np.float64 if dtype.kind == "f" else dtype)


def spread(x: Node, shape: tuple[int, ...]) -> Node:
    """Repeated to a shape, as NumPy does it."""
    return x if x.shape == tuple(shape) else move(lambda v: np.broadcast_to(v, shape), x)


def is_basic(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return all(p is None or p is Ellipsis or isinstance(p, (int, np.integer, slice)) for p in parts) and not any(
        isinstance(p, (bool, np.bool_)) for p in parts
    )


def is_of_one(index: Any, ndim: int) -> bool:
    """Whether an index gives a number, which is no view."""
    parts = index if isinstance(index, tuple) else (index,)
    return len(parts) == ndim and all(isinstance(p, (int, np.integer)) for p in parts)


FACTORS, RUNNING = 64, 2048
"""As many numbers are multiplied one by one, and summed by a matrix."""


def product(x: Node, axis: Any, keepdims: bool) -> Node:
    """np.prod along an axis, None for all."""
    (place,) = (0,) if axis is None else axes_of(axis, len(x.shape))
    lines = reshape(x, (-1,)) if axis is None else x
    if lines.shape[place] > FACTORS:
        refuse(f"np.prod of more than {FACTORS} factors has no rule for whole arrays")
    result = constant(1.0)
    for k in range(lines.shape[place]):
        result = ufunc(np.multiply, result, get(lines, (slice(None),) * place + (k,)))
    kept = tuple(1 if axis is None or a == place else n for a, n in enumerate(x.shape))
    return reshape(result, kept) if keepdims else result


def cumulated(x: Node, axis: Any) -> Node:
    """np.cumsum along an axis, by a triangular matrix."""
    lines = reshape(x, (-1,)) if axis is None else x
    (place,) = (0,) if axis is None else axes_of(axis, len(x.shape))
    n, order = lines.shape[place], list(range(len(lines.shape)))
    if n > RUNNING:
        refuse(f"np.cumsum of more than {RUNNING} numbers has no rule for whole arrays")
    order[place], order[-1] = order[-1], order[place]
    summed = matmul(transpose(lines, tuple(order)), constant(np.triu(np.ones((n, n)))))
    return transpose(summed, tuple(order))

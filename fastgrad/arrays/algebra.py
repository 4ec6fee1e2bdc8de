"""NumPy's linear algebra, sorting and what is made of it, by what they do to recorders."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from .functions import rule
from .moves import get
from .nodes import Node, axes_of, move, refuse
from .recorder import FUNCTIONS, Recorder, joined, node_of, recorder_of
from .wholes import CHOLESKY, DET, INV, LOGDET, SOLVE, sort

FACTORS = 64
"""As many numbers are multiplied one by one."""

_LOGARITHM = type(np.linalg.slogdet(np.eye(1)))


@rule(np.linalg.solve)
def _solve(a: Any, b: Any) -> Any:
    left, right = recorder_of(a), recorder_of(b)
    if right.ndim == 1:
        return _solve(left, right.reshape(-1, 1))[..., 0]
    return Recorder(SOLVE.node(np.linalg.solve, left.node, right.node))


@rule(np.linalg.inv)
def _inv(a: Any) -> Recorder:
    return Recorder(INV.node(np.linalg.inv, node_of(a)))


@rule(np.linalg.det)
def _det(a: Any) -> Recorder:
    return Recorder(DET.node(np.linalg.det, node_of(a)))


@rule(np.linalg.slogdet)
def _slogdet(a: Any) -> Any:
    node = node_of(a)
    sign = Node("other", (node,), "shift", lambda v: np.linalg.slogdet(v)[0])  # which does not change
    return _LOGARITHM(Recorder(sign), Recorder(LOGDET.node(lambda v: np.linalg.slogdet(v)[1], node)))


@rule(np.linalg.cholesky)
def _cholesky(a: Any, *, upper: bool = False) -> Any:
    if upper:
        refuse("np.linalg.cholesky with upper has no rule for whole arrays")
    return Recorder(CHOLESKY.node(np.linalg.cholesky, node_of(a)))


@rule(np.linalg.matrix_power)
def _matrix_power(a: Any, n: int) -> Any:
    if n <= 0:
        refuse(f"np.linalg.matrix_power of {n} has no rule for whole arrays")
    return reduce(np.matmul, [a] * n)


@rule(np.linalg.multi_dot)
def _multi_dot(arrays: Any) -> Any:
    return reduce(np.dot, arrays)


@rule(np.sort)
def _sort(x: Any, axis: int | None = -1, **_kind: Any) -> Recorder:
    lines = x.reshape(-1) if axis is None else x
    (place,) = axes_of(-1 if axis is None else axis, lines.ndim)
    return Recorder(sort(lines.node, place))


def _sorted(x: Any, axis: Any) -> tuple[Any, int, int]:
    """Sorted along an axis, or as a whole; the axis and its length."""
    if isinstance(axis, tuple):
        refuse("np.median and np.quantile along several axes have no rule for whole arrays")
    lines = _sort(x, axis)
    (place,) = axes_of(0 if axis is None else axis, lines.ndim)
    return lines, place, lines.shape[place]


def _at(lines: Any, axis: int, k: int) -> Any:
    return Recorder(get(lines.node, (slice(None),) * axis + (k,)))


@rule(np.median)
def _median(x: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    if out is not None or overwrite_input:
        refuse("np.median with out has no rule for whole arrays")
    lines, place, n = _sorted(x, axis)
    found = (_at(lines, place, (n - 1) // 2) + _at(lines, place, n // 2)) / 2
    return found.reshape([1 if axis is None or k == place else m for k, m in enumerate(x.shape)]) if keepdims else found


@rule(np.quantile)
def _quantile(x: Any, q: Any, axis: Any = None, **options: Any) -> Any:
    if options or type(q) is Recorder:
        refuse(f"np.quantile with {', '.join(options) or 'such q'} has no rule for whole arrays")
    if np.ndim(q):
        return joined([_quantile(x, part, axis) for part in q], 0, np.stack)
    lines, place, n = _sorted(x, axis)
    at = float(q) * (n - 1)
    low = min(int(at), max(n - 2, 0))
    return _at(lines, place, low) * (1.0 - (at - low)) + _at(lines, place, min(low + 1, n - 1)) * (at - low)


@rule(np.percentile)
def _percentile(x: Any, q: Any, axis: Any = None, **options: Any) -> Any:
    return _quantile(x, np.asarray(q) / 100.0, axis, **options)


@rule(np.cumprod)
def _cumprod(x: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    lines = x.reshape(-1) if axis is None else x
    (place,) = axes_of(0 if axis is None else axis, lines.ndim)
    if lines.shape[place] > FACTORS or dtype is not None or out is not None:
        refuse(f"np.cumprod of more than {FACTORS} factors, or with dtype or out, has no rule for whole arrays")
    found = [_at(lines, place, 0)]
    for k in range(1, lines.shape[place]):
        found.append(found[-1] * _at(lines, place, k))
    return joined(found, place, np.stack)


@rule(np.ptp)
def _ptp(x: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
    return x.max(axis, out, keepdims) - x.min(axis, None, keepdims)


@rule(np.append)
def _append(x: Any, values: Any, axis: Any = None) -> Any:
    parts = recorder_of(x), recorder_of(values)
    return joined([part.reshape(-1) for part in parts]) if axis is None else joined(parts, axis)


@rule(np.select)
def _select(masks: Any, choices: Any, default: Any = 0.0) -> Any:
    found = default
    for mask, choice in reversed(list(zip(masks, choices, strict=True))):
        found = np.where(recorder_of(mask), choice, found)
    return found


@rule(np.kron)
def _kron(a: Any, b: Any) -> Any:
    left, right = recorder_of(a), recorder_of(b)
    if left.ndim != 2 or right.ndim != 2:
        refuse("np.kron of other than matrices has no rule for whole arrays")
    product = left.reshape(left.shape[0], 1, left.shape[1], 1) * right.reshape(1, right.shape[0], 1, right.shape[1])
    return product.reshape(left.shape[0] * right.shape[0], -1)


def _moving(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, *args, **options: Recorder(move(lambda v: function(v, *args, **options), node_of(x)))


FUNCTIONS |= {f: _moving(f) for f in (np.fliplr, np.flipud, np.rot90, np.delete)}
FUNCTIONS |= {np.dstack: lambda v: joined([_deep(part) for part in v], 2)}


def _deep(x: Any) -> Any:
    x = recorder_of(x)
    return x.reshape(1, -1, 1) if x.ndim < 2 else x.reshape(*x.shape, 1) if x.ndim == 2 else x


@rule(np.linalg.norm)
def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    is_vector = isinstance(axis, (int, np.integer)) or (axis is None and x.ndim == 1)
    if ord in (None, "fro") or (ord == 2 and is_vector):
        return np.sqrt((x * x).sum(axis, keepdims=keepdims))
    if not is_vector or isinstance(ord, str) or not ord:
        refuse(f"np.linalg.norm of order {ord!r} has no rule for whole arrays")
    sizes = np.abs(x)
    if np.isinf(ord):
        return sizes.max(axis, None, keepdims) if ord > 0 else sizes.min(axis, None, keepdims)
    return sizes.sum(axis, keepdims=keepdims) if ord == 1 else (sizes**ord).sum(axis, keepdims=keepdims) ** (1 / ord)

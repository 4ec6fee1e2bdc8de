"""NumPy's functions of whole arrays, by what they do to recorders; those of SciPy that losses use."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from ..engine.numbers import read_only
from .moves import cast, put, spread
from .nodes import Node, constant, looked_at, matmul, move, refuse, reshape, transpose, ufunc
from .recorder import FUNCTIONS, Recorder, dot, joined, node_of, recorder_of

_METHODS = (
    "sum max min mean var std prod cumsum argmax argmin any all copy reshape ravel transpose squeeze swapaxes clip "
    "round repeat take diagonal trace"
)


def _by_method(name: str) -> Callable[..., Any]:
    return lambda x, *args, **options: getattr(recorder_of(x), name)(*args, **options)


FUNCTIONS |= {getattr(np, name): _by_method(name) for name in _METHODS.split()}
FUNCTIONS |= {
    np.amax: _by_method("max"), np.amin: _by_method("min"), np.shape: lambda x: x.shape, np.dot: dot,
    np.ndim: lambda x: x.ndim, np.concatenate: joined, np.vstack: lambda v: joined(map(_at_least_2d, v)),
    np.stack: lambda v, axis=0: joined(v, axis, np.stack), np.column_stack: lambda v: joined(map(_column, v), 1),
    np.hstack: lambda v: joined(v, 0 if recorder_of(v[0]).ndim == 1 else 1),
    np.atleast_1d: lambda x: x.reshape(1) if not x.ndim else x, np.atleast_2d: lambda x: _at_least_2d(x),  # noqa: PLW0108  defined below

}  # fmt: skip


def rule(function: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The decorator of what stands for a function of NumPy's."""

    def register(stand_in: Callable[..., Any]) -> Callable[..., Any]:
        FUNCTIONS[function] = stand_in
        return stand_in

    return register


def _of_constants(function: Callable[..., Any], name: str, args: Any, options: Any) -> Any:
    """What has no rule is done to numbers, where none depends on the parameters."""
    plain = _known_numbers([args, options], f"np.{name} has no rule for whole arrays")
    return _recorded(function(*plain[0], **plain[1]))


def _known_numbers(value: Any, why: str) -> Any:
    if type(value) is Recorder:
        return refuse(why) if value.node.moves else read_only(np.asarray(looked_at(value.node)))
    if type(value) in {list, tuple}:
        return type(value)([_known_numbers(part, why) for part in value])
    if type(value) is dict:
        return {key: _known_numbers(part, why) for key, part in value.items()}
    return value


def _recorded(value: Any) -> Any:
    """Arrays that a loss may fill with what depends on the parameters."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return recorder_of(value)
    return tuple.__new__(type(value), map(_recorded, value)) if isinstance(value, tuple) else value


FUNCTIONS[None] = _of_constants


def _at_least_2d(x: Any) -> Any:
    return x.reshape((1,) * (2 - x.ndim) + x.shape) if x.ndim < 2 else x


def _column(x: Any) -> Any:
    return x.reshape((-1, 1)) if x.ndim < 2 else x


def _moved(function: Callable[..., Any], x: Any) -> Recorder:
    return Recorder(move(function, node_of(x)))


@rule(np.size)
def _size(x: Any, axis: Any = None) -> int:
    return int(x.size if axis is None else x.shape[axis])


@rule(np.where)
def _where(mask: Any, *branches: Any) -> Recorder:
    if len(branches) != 2:
        refuse("np.where of a mask alone")
    return Recorder(ufunc(np.where, node_of(mask), *map(node_of, branches)))


@rule(np.expand_dims)
def _expand_dims(x: Any, axis: Any) -> Any:
    return x.reshape(np.expand_dims(np.broadcast_to(np.int8(0), x.shape), axis).shape)


@rule(np.moveaxis)
def _moveaxis(x: Any, source: Any, destination: Any) -> Any:
    numbers = np.moveaxis(np.empty(range(2, 2 + x.ndim), dtype=np.bool_), source, destination).shape
    return x.transpose([n - 2 for n in numbers])


@rule(np.rollaxis)
def _rollaxis(x: Any, axis: int, start: int = 0) -> Any:
    numbers = np.rollaxis(np.empty(range(2, 2 + x.ndim), dtype=np.bool_), axis, start).shape
    return x.transpose([n - 2 for n in numbers])


@rule(np.broadcast_to)
def _broadcast_to(x: Any, shape: Any) -> Recorder:
    return Recorder(spread(node_of(x), (shape,) if isinstance(shape, int) else tuple(shape)))


@rule(np.tile)
def _tile(x: Any, counts: Any) -> Recorder:
    return _moved(lambda v: np.tile(v, counts), x)


@rule(np.flip)
def _flip(x: Any, axis: Any = None) -> Recorder:
    return _moved(lambda v: np.flip(v, axis), x)


@rule(np.roll)
def _roll(x: Any, shift: Any, axis: Any = None) -> Recorder:
    return _moved(lambda v: np.roll(v, shift, axis), x)


@rule(np.array_split)
def _split(x: Any, parts: Any, axis: int = 0) -> list[Any]:
    lengths = [len(part) for part in np.array_split(np.arange(x.shape[axis]), parts)]
    ends = np.cumsum([0, *lengths]).tolist()
    before = (slice(None),) * (axis % x.ndim)
    return [x[(*before, slice(start, stop))] for start, stop in pairwise(ends)]


FUNCTIONS |= {np.split: _split, np.hsplit: lambda x, n: _split(x, n, 0 if x.ndim == 1 else 1), np.vsplit: _split}


@rule(np.take_along_axis)
def _take_along_axis(x: Any, indices: Any, axis: Any = -1) -> Recorder:
    places = recorder_of(indices).values("it selects elements by values that depend on the parameters")
    return _moved(lambda v: np.take_along_axis(v, places, axis), x)


@rule(np.diff)
def _diff(x: Any, n: int = 1, axis: int = -1) -> Any:
    for _ in range(n):
        before = (slice(None),) * (axis % x.ndim)
        x = x[(*before, slice(1, None))] - x[(*before, slice(None, -1))]
    return x


def _below(x: Any, k: int) -> Node:
    """Where a triangle of a matrix is; a vector becomes the rows of one."""
    return constant(np.tri(x.shape[-min(2, x.ndim)], x.shape[-1], k, dtype=np.bool_))


@rule(np.tril)
def _tril(x: Any, k: int = 0) -> Recorder:
    return Recorder(ufunc(np.where, _below(x, k), node_of(x), constant(0.0)))


@rule(np.triu)
def _triu(x: Any, k: int = 0) -> Recorder:
    return Recorder(ufunc(np.where, _below(x, k - 1), constant(0.0), node_of(x)))


@rule(np.diag)
def _diag(x: Any, k: int = 0) -> Recorder:
    if x.ndim == 2:
        return _moved(lambda v: np.diag(v, k), x)
    places = np.diag(np.ones(x.shape[0], bool), k)
    return Recorder(put(constant(np.zeros(places.shape)), places, node_of(x)))


@rule(np.pad)
def _pad(x: Any, width: Any, mode: Any = "constant", constant_values: Any = 0) -> Recorder:
    if mode != "constant" or np.ndim(constant_values):
        return _moved(lambda v: np.pad(v, width, mode), x) if mode in {"edge", "wrap", "reflect"} else refuse(mode)
    whole = np.pad(np.full(x.shape, constant_values, x.dtype), width, constant_values=constant_values)
    starts = np.broadcast_to(width, (x.ndim, 2))[:, 0].tolist()
    inside = tuple(slice(a, a + n) for a, n in zip(starts, x.shape, strict=True))
    return Recorder(put(constant(whole), inside, node_of(x)))


@rule(np.average)
def _average(x: Any, axis: Any = None, weights: Any = None) -> Any:
    if weights is None:
        return x.mean(axis)
    if axis is not None and np.ndim(weights) == 1 and x.ndim > 1:
        weights = np.reshape(weights, [-1 if a == axis % x.ndim else 1 for a in range(x.ndim)])
    return (x * weights).sum(axis) / (weights * np.ones(x.shape)).sum(axis)


@rule(np.outer)
def _outer(a: Any, b: Any) -> Any:
    return recorder_of(a).reshape(-1, 1) * recorder_of(b).reshape(1, -1)


@rule(np.vdot)
def _vdot(a: Any, b: Any) -> Any:
    return dot(recorder_of(a).ravel(), recorder_of(b).ravel())


@rule(np.inner)
def _inner(a: Any, b: Any) -> Any:
    left, right = recorder_of(a), recorder_of(b)
    return dot(left, right.swapaxes(-1, -2) if right.ndim > 1 else right)


@rule(np.tensordot)
def _tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    left, right = recorder_of(a), recorder_of(b)
    if isinstance(axes, (int, np.integer)):
        mine, theirs = list(range(left.ndim - axes, left.ndim)), list(range(axes))
    else:
        mine, theirs = (
            [int(k) % v.ndim for k in np.atleast_1d(given)] for given, v in zip(axes, (left, right), strict=True)
        )
    letters = "abcdefghijklmnopqrstuvwxyz"
    first, second = letters[: left.ndim], list(letters[left.ndim : left.ndim + right.ndim])
    for k, m in zip(mine, theirs, strict=True):
        second[m] = first[k]
    shared = {first[k] for k in mine}
    rest = "".join(c for c in [*first, *second] if c not in shared)
    return _einsum(f"{first},{''.join(second)}->{rest}", left, right)


@rule(np.einsum)
def _einsum(subscripts: Any, *operands: Any, out: Any = None, **_options: Any) -> Any:
    """As matrix products, of two operands at a time."""
    if out is not None or not isinstance(subscripts, str):
        refuse("np.einsum with out=, or of lists of axes, has no rule for whole arrays")
    text = subscripts.replace(" ", "")
    inputs, _, result = text.partition("->")
    terms = inputs.split(",")
    if "->" not in text:
        result = "".join(sorted(c for c in set(inputs) - {","} if inputs.count(c) == 1))
    if len(terms) != len(operands) or "." in text or any(len(set(t)) < len(t) for t in terms):
        refuse(f"np.einsum({subscripts!r}) has no rule for whole arrays")
    parts = [_summed(t, recorder_of(v), set(result).union(*terms[:n], *terms[n + 1 :]))
             for n, (t, v) in enumerate(zip(terms, operands, strict=True))]  # fmt: skip
    if len(parts) > 2:
        parts = [_by_pairs(parts, result)]
    if len(parts) == 1:
        letters, x = parts[0]
        return Recorder(transpose(x.node, tuple(letters.index(c) for c in result)))
    return Recorder(_contracted(parts[0], parts[1], result))


def _by_pairs(parts: list[tuple[str, Recorder]], result: str) -> tuple[str, Recorder]:
    """Two after two, in the order that NumPy finds for it."""
    spec = f"{','.join(letters for letters, _ in parts)}->{result}"
    shapes = [np.broadcast_to(0.0, x.shape) for _, x in parts]
    for places in np.einsum_path(spec, *shapes, optimize="greedy")[0][1:]:
        taken = [parts.pop(k) for k in sorted(places, reverse=True)]
        while len(taken) > 1:
            a, b = taken.pop(), taken.pop()
            wanted = set(result).union(*[letters for letters, _ in (*parts, *taken)])
            kept = "".join(c for c in dict.fromkeys(a[0] + b[0]) if c in wanted)
            taken.append((kept, Recorder(_contracted(a, b, kept))))
        parts += taken
    return parts[0]


def _summed(letters: str, x: Recorder, wanted: set[str]) -> tuple[str, Recorder]:
    """Without the axes that appear nowhere else."""
    gone = tuple(k for k, c in enumerate(letters) if c not in wanted)
    return "".join(c for c in letters if c in wanted), x.sum(gone) if gone else x


def _contracted(a: tuple[str, Recorder], b: tuple[str, Recorder], result: str) -> Node:
    (left, x), (right, y) = a, b
    sizes = dict(zip(left, x.shape, strict=True))
    sizes |= {c: n for c, n in zip(right, y.shape, strict=True) if sizes.get(c, 1) == 1}
    both = [c for c in left if c in right and c in result]
    inner = [c for c in left if c in right and c not in result]
    mine, theirs = ([c for c in t if c not in {*both, *inner}] for t in (left, right))

    def turned(x: Recorder, letters: str, *groups: list[str]) -> Node:
        axes = tuple(letters.index(c) for group in groups for c in group)
        lengths = [int(np.prod([sizes[c] for c in group], dtype=int)) for group in groups[-2:]]
        whole = spread(x.node, tuple(sizes[c] for c in letters))
        return reshape(transpose(whole, axes), (*[sizes[c] for c in groups[0]], *lengths))

    product = matmul(turned(x, left, both, mine, inner), turned(y, right, both, inner, theirs))
    letters = [*both, *mine, *theirs]
    return transpose(reshape(product, tuple(sizes[c] for c in letters)), tuple(letters.index(c) for c in result))


def _like(make: Callable[..., Any]) -> Callable[..., Any]:
    def made(x: Any, *value: Any, dtype: Any = None, shape: Any = None, **_order: Any) -> Any:
        array = make(x.shape if shape is None else shape, *value, dtype=np.dtype(dtype or x.dtype))
        return Recorder(constant(array)) if array.dtype.kind == "f" else array

    return made


FUNCTIONS |= {np.zeros_like: _like(np.zeros), np.ones_like: _like(np.ones), np.empty_like: _like(np.zeros)}


@rule(np.full_like)
def _full_like(x: Any, value: Any, **_options: Any) -> Recorder:
    return Recorder(spread(cast(node_of(value), np.dtype(float)), x.shape))


# --- SciPy's, by name: it is not imported for them


def _largest(x: Any, axis: Any) -> Any:
    """Subtracted from exponents, without a derivative: it cancels."""
    found = recorder_of(x).max(axis, keepdims=True)
    return Recorder(Node("other", (found.node,), "shift", lambda v: np.where(np.isfinite(v), v, 0.0)))


def _logsumexp(x: Any, axis: Any = None, b: Any = None, keepdims: bool = False) -> Any:
    shift = _largest(x, axis)
    powers = np.exp(x - shift)
    total = np.log((powers if b is None else b * powers).sum(axis, keepdims=keepdims))
    return total + (shift if keepdims else shift.reshape(total.shape))


def _softmax(x: Any, axis: Any = None) -> Any:
    powers = np.exp(x - _largest(x, axis))
    return powers / powers.sum(axis, keepdims=True)


def _log_softmax(x: Any, axis: Any = None) -> Any:
    moved = x - _largest(x, axis)
    return moved - np.log(np.exp(moved).sum(axis, keepdims=True))


SCIPYS = {"logsumexp": _logsumexp, "softmax": _softmax, "log_softmax": _log_softmax}

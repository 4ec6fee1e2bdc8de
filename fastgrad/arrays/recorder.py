"""What a loss gets in the place of an array: it records what is done to it.

No subclass of ndarray, whose memory NumPy would read unasked; but `isinstance(x, np.ndarray)` holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import numpy as np

from ..engine.numbers import read_only
from .births import note
from .moves import cast, cumulated, get, is_basic, is_of_one, product, put, spread, take
from .nodes import Node, constant, looked_at, matmul, move, reduce, refuse, reshape, transpose, ufunc

FUNCTIONS: dict[Any, Callable[..., Any]] = {}
"""NumPy's functions that are no ufuncs, by what they do to recorders; None has what is done by all others."""

BRANCHES = "it decides by values that depend on the parameters, or makes Python's numbers of them"
PLAIN = "values that depend on the parameters are needed as a plain array"
OWN = "it writes values that depend on the parameters into an array that was not made of them"


class Recorder(np.lib.mixins.NDArrayOperatorsMixin):
    """An array of a node's value.

    A view knows its owner, what it shows of it, and how a write goes through. A node may come when it is asked for.
    """

    __slots__ = ("__weakref__", "_node", "_owner", "_read", "_seen", "_write")
    __array_priority__ = 1000.0

    def __init__(self, node: Node | None, owner: Recorder | None = None, read: Any = None, write: Any = None) -> None:
        self._node, self._owner, self._read, self._write = node, owner, read, write
        self._seen = owner.node if owner is not None else None
        note(self)

    @property  # type: ignore[misc]  # numbers in a network's layers are asked whether they are arrays
    def __class__(self) -> Any:
        return np.ndarray

    @property
    def node(self) -> Node:
        """What was recorded last; of a view, of its owner as it is now."""
        if self._owner is not None and self._owner.node is not self._seen:
            self._seen = self._owner.node
            self._node = self._read(self._seen)
        if self._node is None:
            self._node = self._read()
        return self._node

    def become(self, node: Node) -> Recorder:
        """The array after a write in place, which its owner and all other views see."""
        if node.shape != self.shape:
            refuse(f"it writes an array of shape {node.shape} in place into one of shape {self.shape}")
        node = cast(node, self.dtype)
        if self._owner is not None:
            self._owner.become(self._write(self._owner.node, node))
            self._seen = self._owner.node
        self._node = node
        return self

    def release(self) -> None:
        """The recording is over: whoever still has this gets an error and no number."""
        self._node, self._owner, self._read, self._write, self._seen = _OVER, None, None, None, None

    # --- what an array is

    @property
    def shape(self) -> tuple[int, ...]:
        return self.node.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.node.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def T(self) -> Recorder:
        return self.transpose()

    @property
    def real(self) -> Recorder:
        return self

    @property
    def flat(self) -> Recorder:
        return self.reshape(-1)

    def values(self, why: str = BRANCHES) -> Any:
        """The numbers of what depends on no parameter."""
        return refuse(why) if self.node.moves else np.asarray(looked_at(self.node))

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array(self.values(PLAIN), dtype)

    def __bool__(self) -> bool:
        return bool(self.values())

    def __float__(self) -> float:
        return float(self.values())

    def __int__(self) -> int:
        return int(self.values())

    def __index__(self) -> int:
        return int(self.values().__index__())

    def __complex__(self) -> complex:
        return complex(self.values())

    def __contains__(self, item: Any) -> bool:
        return item in self.values()

    def __len__(self) -> int:
        if not self.shape:
            msg = "len() of unsized object"
            raise TypeError(msg)
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return str(refuse(BRANCHES)) if self.node.moves else repr(looked_at(self.node))

    def __format__(self, spec: str) -> str:
        return str(refuse(BRANCHES)) if self.node.moves else format(looked_at(self.node), spec)

    def __copy__(self) -> Recorder:
        return self.copy()

    def __deepcopy__(self, _memo: Any) -> Recorder:
        return self.copy()

    def __reduce_ex__(self, _protocol: Any) -> Any:
        return refuse("it pickles an array that depends on the parameters")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(np.ndarray, name):
            msg = f"'numpy.ndarray' object has no attribute {name!r}"
            raise AttributeError(msg)
        if self.node.moves:
            refuse(f"ndarray.{name} has no rule for whole arrays")
        return getattr(read_only(np.asarray(looked_at(self.node))), name)

    # --- what NumPy asks

    def __array_function__(self, function: Any, _types: Any, args: Any, options: Any) -> Any:
        rule = FUNCTIONS.get(function)
        return rule(*args, **options) if rule else FUNCTIONS[None](function, function.__name__, args, options)

    def __array_ufunc__(self, function: np.ufunc, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        if method == "reduce" and function in _REDUCTIONS:
            return Recorder(reduce(function, node_of(inputs[0]), options.pop("axis", 0), **options))
        chosen = options.pop("where", True)
        options.pop("casting", None)
        if method != "__call__" or options or function.nout != 1 or (function.signature and function is not np.matmul):
            known = FUNCTIONS.get(getattr(function, method)) if chosen is True and out is None else None
            if known:
                return known(*inputs, **options)
            told = f"{function.__name__} with {', '.join(options) or method}"
            return FUNCTIONS[None](getattr(function, method), told, inputs, options | ({"out": out} if out else {}))
        nodes = list(map(node_of, inputs))
        made = matmul(*nodes) if function is np.matmul else ufunc(function, *nodes)
        if out is None:
            return Recorder(made) if chosen is True else refuse("where= without out= leaves elements undefined")
        if type(out[0]) is not Recorder:
            refuse(OWN)
        if chosen is not True:
            made = ufunc(np.where, node_of(chosen), made, out[0].node)
        return out[0].become(spread(made, out[0].shape))

    # --- parts

    def __getitem__(self, index: Any) -> Any:
        index = plain_index(index)
        if is_basic(index):
            if is_of_one(index, self.ndim):
                return Recorder(get(self.node, index))
            return Recorder(
                get(self.node, index), self, lambda o: get(o, index), lambda o, new: put(o, index, new)
            )  # fmt: skip
        return Recorder(take(self.node, index))

    def __setitem__(self, index: Any, value: Any) -> None:
        new = node_of(value)
        if type(index) is Recorder and index.node.moves:
            if index.dtype != bool or index.shape != self.shape or new.size != 1:
                refuse("it writes into places that depend on the parameters")
            self.become(ufunc(np.where, index.node, new, self.node))
        else:
            self.become(put(self.node, plain_index(index), new))

    def take(self, indices: Any, axis: Any = None) -> Recorder:
        places = plain_index(indices)
        source = reshape(self.node, (-1,)) if axis is None else self.node
        return Recorder(move(lambda v: np.take(v, places, axis), source))

    # --- shapes

    def reshape(self, *shape: Any, order: str = "C") -> Recorder:
        wanted: Any = shape[0] if len(shape) == 1 and np.iterable(shape[0]) else shape
        if order == "F":
            return self.T.reshape(wanted[::-1]).T
        if order != "C":
            refuse(f"reshape in the order {order!r}, which depends on where an array lies in memory")
        found = _empty(self.shape).reshape(tuple(int(n) for n in wanted)).shape
        return Recorder(reshape(self.node, found), self, lambda o: reshape(o, found), lambda o, n: reshape(n, o.shape))

    def transpose(self, *axes: Any) -> Recorder:
        given = axes[0] if len(axes) == 1 and (axes[0] is None or np.iterable(axes[0])) else axes or None
        turned = tuple(range(self.ndim))[::-1] if given is None else tuple(int(a) % self.ndim for a in given)
        back = tuple(np.argsort(turned).tolist())
        return Recorder(
            transpose(self.node, turned), self, lambda o: transpose(o, turned), lambda _, n: transpose(n, back)
        )

    def swapaxes(self, a: int, b: int) -> Recorder:
        axes = list(range(self.ndim))
        axes[a], axes[b] = axes[b], axes[a]
        return self.transpose(axes)

    def ravel(self, order: str = "C") -> Recorder:
        return self.reshape(-1, order=order)

    def flatten(self, order: str = "C") -> Recorder:
        return self.reshape(-1, order=order).copy()

    def squeeze(self, axis: Any = None) -> Recorder:
        return self.reshape(_empty(self.shape).squeeze(axis).shape)

    def repeat(self, repeats: Any, axis: Any = None) -> Recorder:
        source = reshape(self.node, (-1,)) if axis is None else self.node
        return Recorder(move(lambda v: np.repeat(v, repeats, 0 if axis is None else axis), source))

    def diagonal(self, *where: int) -> Recorder:
        return Recorder(move(lambda v: np.diagonal(v, *where), self.node))

    def trace(self) -> Any:
        return self.diagonal().sum()

    # --- numbers

    def astype(self, dtype: Any, **_options: Any) -> Recorder:
        return Recorder(cast(self.node, np.dtype(dtype)))

    def copy(self, *_order: Any) -> Recorder:
        return Recorder(self.node)

    def item(self, *place: Any) -> Recorder:
        return self[place] if place else self.reshape(())

    def fill(self, value: Any) -> None:
        self[...] = value

    def sum(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        counted = self if self.dtype.kind == "f" else self.astype(np.float64 if self.node.moves else np.int64)
        return _into(out, _checked(dtype, Recorder(reduce(np.add, counted.node, axis, bool(keepdims)))))

    def max(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        return _into(out, Recorder(reduce(np.maximum, self.node, axis, bool(keepdims))))

    def min(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        return _into(out, Recorder(reduce(np.minimum, self.node, axis, bool(keepdims))))

    def mean(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        total = self.sum(axis, dtype, None, keepdims)
        return _into(out, total / (self.size // max(total.size, 1)))

    def var(self, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
        spread_out = self - self.mean(axis, dtype, None, True)
        total = (spread_out * spread_out).sum(axis, dtype, None, keepdims)
        return _into(out, total / (self.size // max(total.size, 1) - ddof))

    def std(self, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
        return _into(out, np.sqrt(self.var(axis, dtype, None, ddof, keepdims)))

    def prod(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        return _into(out, _checked(dtype, Recorder(product(self.node, axis, keepdims))))

    def cumsum(self, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        return _into(out, _checked(dtype, Recorder(cumulated(self.node, axis))))

    def clip(self, low: Any = None, high: Any = None, out: Any = None, **names: Any) -> Any:
        low = names.get("a_min", names.get("min", low))
        high = names.get("a_max", names.get("max", high))
        bounded = self if low is None else np.maximum(self, low)
        return _into(out, bounded if high is None else np.minimum(bounded, high))

    def round(self, decimals: int = 0, out: Any = None) -> Any:
        if decimals:
            refuse("np.round to decimals has no rule for whole arrays")
        return _into(out, np.rint(self))

    def argmax(self, axis: Any = None) -> Recorder:
        return Recorder(Node("other", (self.node,), "argmax", lambda v: np.argmax(v, axis)))

    def argmin(self, axis: Any = None) -> Recorder:
        return Recorder(Node("other", (self.node,), "argmin", lambda v: np.argmin(v, axis)))

    def any(self, axis: Any = None) -> Recorder:
        return Recorder(Node("other", (self.node,), "any", lambda v: np.any(v, axis)))

    def all(self, axis: Any = None) -> Recorder:
        return Recorder(Node("other", (self.node,), "all", lambda v: np.all(v, axis)))

    def dot(self, other: Any) -> Any:
        return dot(self, other)


_REDUCTIONS = (np.add, np.maximum, np.minimum)
_OVER = Node("constant", value=np.array("the recording is over"))


def node_of(value: Any) -> Node:
    """The node of an operand; arrays are copied, as the loss may write into them later."""
    if type(value) is Recorder:
        if value.node is _OVER:
            refuse("it kept an array from an earlier recording")
        return value.node
    if isinstance(value, (int, float, np.generic)):
        return constant(value)
    if isinstance(value, (list, tuple)) and any(type(v) is Recorder or isinstance(v, (list, tuple)) for v in value):
        return stacked(value).node
    array = np.array(value)
    if array.dtype.kind not in "fiub":
        refuse(f"it computes with an array of {array.dtype}")
    return constant(array)


def recorder_of(value: Any) -> Recorder:
    return value if type(value) is Recorder else Recorder(node_of(value))


def stacked(values: Any) -> Recorder:
    """An array of a list, in which some are recorders."""
    return joined([recorder_of(v) for v in values], 0, np.stack)


def joined(values: Any, axis: Any = 0, how: Callable[..., Any] = np.concatenate) -> Recorder:
    """Arrays beside each other."""
    nodes = [node_of(v) for v in values]
    floats = any(n.is_float for n in nodes)
    return Recorder(move(lambda *v: how(v, axis=axis), *[cast(n, np.dtype(float)) if floats else n for n in nodes]))


def dot(a: Any, b: Any) -> Any:
    """np.dot: of a number, a product; of more than two dimensions, sums along the last and the last but one."""
    left, right = node_of(a), node_of(b)
    if not left.shape or not right.shape:
        return Recorder(ufunc(np.multiply, left, right))
    if len(right.shape) > 2:
        return FUNCTIONS[np.tensordot](a, b, ([-1], [-2]))
    return Recorder(matmul(left, right))


def plain_index(index: Any) -> Any:
    """An index of plain numbers; refused where it depends on the parameters."""
    if isinstance(index, tuple):
        return tuple(map(plain_index, index))
    if type(index) is Recorder:
        return index.values("it selects elements by values that depend on the parameters")
    return np.array(index) if isinstance(index, (np.ndarray, list, range)) else index


def _empty(shape: tuple[int, ...]) -> Any:
    return np.broadcast_to(np.int8(0), shape)


def _checked(dtype: Any, result: Recorder) -> Recorder:
    return result if dtype is None or np.dtype(dtype).kind == "f" else refuse(f"a sum of dtype {np.dtype(dtype)}")


def _into(out: Any, result: Any) -> Any:
    if out is None:
        return result
    return out.become(spread(result.node, out.shape)) if type(out) is Recorder else refuse(OWN)

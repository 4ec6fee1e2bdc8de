"""The nodes of an array program: four kinds do what networks and likelihoods do, each with its rule of change.

ufunc: a function of single numbers; move: elements of one or several arrays in other places; reduce: a sum, or an
extremum, along axes; matmul. Each node has the value that it had when the loss was recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from threading import local
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class RefusedError(Exception):
    """The loss cannot be recorded as an array program, and why."""


def refuse(text: str) -> Any:
    """Raise `RefusedError`; for the use in expressions."""
    counted.refused = counted.refused or text
    raise RefusedError(text)


class Counted(local):
    """What the nodes that were made in a thread take to compute, those that became constants too.

    Attributes
    ----------
    operations : int
        On single numbers ...
    time : float
        ... and in units of one such operation that NumPy does on whole arrays, about a nanosecond.
    nodes : int
    copies : int
        Of objects that the loss reaches.
    refused : str
        Why the loss was refused first; it may have caught that.
    looked_at : list of Node
        Those whose values were used otherwise than by operations: for decisions, as places, for shapes.
    """

    operations, time, nodes, copies, refused = 0, 0.0, 0, 0, ""

    def __init__(self) -> None:
        self.looked_at: list[Node] = []

    def begin(self) -> None:
        """Count anew."""
        self.operations, self.time, self.nodes, self.copies, self.refused, self.looked_at = 0, 0.0, 0, 0, "", []


counted = Counted()

SLOW = frozenset({
    "exp", "log", "tanh", "power", "sin", "cos", "log1p", "expm1", "logaddexp", "arctan", "sqrt", "divide", "expit",
    "log_expit", "xlogy",
})  # fmt: skip


def time_of(kind: str, how: Any, size: int, inner: int) -> float:
    """In units of one addition in an array; `size` is that of the result, `inner` of what is summed for each of it."""
    if kind == "matmul":
        return size * inner / 8  # two operations, of which BLAS does some 16 a nanosecond
    if kind == "reduce":
        return size * inner / 2
    return size * (6.0 if kind == "ufunc" and getattr(how, "__name__", "") in SLOW else 1.0)


class Node:
    """An operation and its value.

    Attributes
    ----------
    kind : str
        parameter, constant, ufunc, move, reduce, matmul, or other: what has no rule, such as an argmax.
    args : tuple of Node
    how : Any
        What the rule needs: the function, the axes.
    compute : callable
        The value, of those of `args`.
    value : Any
        An array or a number.
    moves : bool
        Whether it depends on a parameter. What does not is a constant, whatever made it.
    kept : dict
        What a rule has found out of this node and wants to know again.
    origins : tuple of Node
        Of a constant that was computed: from what.
    """

    __slots__ = (
        "args", "compute", "dtype", "how", "is_float", "kept", "kind", "moves", "origins", "shape", "size", "value"
    )  # fmt: skip

    def __init__(
        self, kind: str, args: tuple[Node, ...] = (), how: Any = None, compute: Any = None, value: Any = None
    ) -> None:
        with np.errstate(all="ignore"):
            self.value: Any = compute(*[a.value for a in args]) if compute else value
        self.moves: bool = kind == "parameter" or any(a.moves for a in args)
        self.kind: str = kind if self.moves else "constant"
        self.how: Any = how if self.moves else None
        self.args: tuple[Node, ...] = args if self.moves else ()
        self.origins: tuple[Node, ...] = () if self.moves else args
        self.compute: Any = compute if self.moves else None
        self.kept: dict[Any, Any] = {}
        array = np.asarray(self.value)
        self.shape: tuple[int, ...] = array.shape
        self.size, self.dtype, self.is_float = array.size, array.dtype, array.dtype.kind == "f"
        if compute:
            self._count(kind, how, args)

    def _count(self, kind: str, how: Any, args: tuple[Node, ...]) -> None:
        inner = args[0].shape[-1] if kind == "matmul" else args[0].size // max(self.size, 1) if kind == "reduce" else 1
        counted.operations += self.size * inner * (2 if kind == "matmul" else 1)
        counted.time += time_of(kind, how, self.size, inner)
        counted.nodes += 1

    def again(self, args: tuple[Node, ...], value: Any) -> Node:
        """The same operation on other arguments, with a value of the same shape and type."""
        new = object.__new__(Node)
        new.kind, new.how, new.compute, new.moves, new.origins = self.kind, self.how, self.compute, self.moves, ()
        new.shape, new.size, new.dtype, new.is_float = self.shape, self.size, self.dtype, self.is_float
        new.args, new.value = args, value
        new.kept = {key: found for key, found in self.kept.items() if key and key[0] == "sources"}
        return new


def with_args(node: Node, args: tuple[Node, ...]) -> Node:
    """The same operation on other arguments, computed; itself where they are its own."""
    return node if args == node.args else Node(node.kind, args, node.how, node.compute)


def constant(value: Any) -> Node:
    return Node("constant", value=value)


def looked_at(node: Node) -> Any:
    """The value of a constant for other uses than as an argument of an operation."""
    counted.looked_at.append(node)
    return node.value


def ufunc(function: Callable[..., Any], *args: Node) -> Node:
    """A function of single numbers, on arrays that are spread to one shape."""
    return Node("ufunc", args, function, function)


def move(function: Callable[..., Any], *args: Node, key: Hashable = None) -> Node:
    """Elements in other places: `function` works on arrays of numbers and on arrays of their positions alike.

    `key` says what it does where that is known: ("reshape", shape), ("transpose", axes), ("get", index as text),
    ("pick", places).
    """
    return Node("move", args, (function, key), lambda *values: function(*map(np.asarray, values)))


class IndexPlaces:
    """An index of one array of numbers from 0 for each axis."""

    def __init__(self, places: tuple[Any, ...]) -> None:
        self.places = places


def pick(x: Node, places: tuple[Any, ...]) -> Node:
    """Single elements: x[places], one array for each axis."""
    return move(lambda v: v[places], x, key=("pick", IndexPlaces(places)))


def reduce(function: np.ufunc, x: Node, axis: Any = None, keepdims: bool = False) -> Node:
    """A sum, a minimum or a maximum along axes, None for all."""
    axes = axes_of(axis, len(x.shape))
    return Node("reduce", (x,), (function, axes, keepdims), lambda v: function.reduce(v, axis=axes, keepdims=keepdims))


def axes_of(axis: Any, count: int) -> tuple[int, ...]:
    """Numbers of axes from 0."""
    if not count and axis in (0, -1):  # as NumPy has it
        return ()
    given = range(count) if axis is None else (axis,) if isinstance(axis, (int, np.integer)) else axis
    found = tuple(int(a) + count if a < 0 else int(a) for a in given)
    if not all(0 <= a < count for a in found) or len(set(found)) < len(found):
        msg = f"axis {axis} of an array of {count} dimensions"
        raise np.exceptions.AxisError(msg)
    return found


def reshape(x: Node, shape: tuple[int, ...]) -> Node:
    return x if x.shape == tuple(shape) else move(lambda v: v.reshape(shape), x, key=("reshape", tuple(shape)))


def transpose(x: Node, axes: tuple[int, ...]) -> Node:
    return x if axes == tuple(range(len(axes))) else move(lambda v: v.transpose(axes), x, key=("transpose", axes))


def matmul(a: Node, b: Node) -> Node:
    """`@`: vectors become matrices and are taken back; what has more dimensions keeps them."""
    if not a.shape or not b.shape:
        refuse("@ of a single number")
    if len(a.shape) == 1:
        product = matmul(reshape(a, (1, *a.shape)), b)
        return reshape(product, product.shape[:-2] + product.shape[-1:]) if len(b.shape) > 1 else reshape(product, ())
    if len(b.shape) == 1:
        product = matmul(a, reshape(b, (*b.shape, 1)))
        return reshape(product, product.shape[:-1])
    if len(b.shape) == 2 < len(a.shape):
        product = matmul(reshape(a, (-1, a.shape[-1])), b)
        return reshape(product, (*a.shape[:-1], b.shape[-1]))
    return Node("matmul", (a, b), None, np.matmul)


def ordered(results: Iterable[Node]) -> list[Node]:
    """The nodes on which results depend and which move, each after its arguments."""
    done: dict[Node, None] = {}
    waiting = [(node, False) for node in results]
    while waiting:
        node, seen = waiting.pop()
        if not node.moves or node in done:
            continue
        if seen:
            done[node] = None
        else:
            waiting.append((node, True))
            waiting.extend((a, False) for a in node.args)
    return list(done)


def reached(results: Iterable[Node]) -> set[Node]:
    """All nodes on which results depend, constants and what these were computed from too."""
    found: set[Node] = set()
    waiting = list(results)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting.extend((*node.args, *node.origins))
    return found


def evaluated(order: list[Node], values: dict[Node, Any]) -> dict[Node, Any]:
    """The values of all nodes for other ones of the parameters, which `values` has."""
    with np.errstate(all="ignore"):
        for node in order:
            if node.args:
                values[node] = node.compute(*[values.get(a, a.value) for a in node.args])
    return values

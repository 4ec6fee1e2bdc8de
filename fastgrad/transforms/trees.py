"""Parameters as dicts, lists and tuples of arrays, nested as deep as one likes:
one vector for the engines, the caller's form for f and for the derivative."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.arguments import check_one_step
from ..engine.numbers import argument_array, real_array
from ..results import EngineError, Result

Array = NDArray[Any]

UNBOUNDED = (-np.inf, np.inf)


@dataclass(frozen=True)
class Leaf:
    """The place of an array in the vector."""

    start: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def place(self) -> slice:
        return slice(self.start, self.start + prod(self.shape))


def is_tree(x: Any) -> bool:
    """Whether x is a dict, or a list or tuple with an array among its parts; of numbers alone it is one array."""
    if isinstance(x, (list, tuple)):
        return any(is_tree(part) or (isinstance(part, np.ndarray) and part.ndim > 0) for part in x)
    return isinstance(x, Mapping)


def flatten(tree: Any) -> tuple[Array, Any]:
    """All numbers of a tree as one vector of float64, and the tree's form: places instead of arrays."""
    parts: list[Array] = [np.empty(0)]

    def form(node: Any, name: str) -> Any:
        if isinstance(node, Mapping):
            return {key: form(value, f"{name}[{key!r}]") for key, value in node.items()}
        if is_tree(node):
            return _like(node, [form(value, f"{name}[{k}]") for k, value in enumerate(node)])
        array = argument_array(node, name)
        leaf = Leaf(sum(map(len, parts)), array.shape, array.dtype)
        parts.append(array.ravel().astype(np.float64))
        return leaf

    places = form(tree, "x")
    return np.concatenate(parts), places


def _like(node: Any, parts: list[Any]) -> Any:
    """A list, tuple or named tuple as the given one is."""
    return type(node)(*parts) if hasattr(node, "_fields") else type(node)(parts)


def mapped(form: Any, of_leaf: Callable[[Leaf], Any]) -> Any:
    """The tree of a form with something for each leaf."""
    if isinstance(form, dict):
        return {key: mapped(part, of_leaf) for key, part in form.items()}
    return of_leaf(form) if isinstance(form, Leaf) else _like(form, [mapped(part, of_leaf) for part in form])


def unflatten(form: Any, vector: Any) -> Any:
    """The tree of a form with the numbers of a vector, its arrays views of it."""
    return mapped(form, lambda leaf: vector[leaf.place].reshape(leaf.shape) if leaf.shape else vector[leaf.start])


def derivative_of_tree(operation: Callable[..., Any], f: Callable[..., Any], x: Any, options: Any) -> Any:
    """What `operation`, gradient or one of its neighbours, gives for a function of a tree.

    Gradients have the form of x, Jacobians that form of blocks, Hessians that form of that form of blocks.
    """
    _check_options(options)
    vector, form = flatten(x)
    options = _in_vectors(options, form, len(vector))

    on_vector = partial(_of_vector, f, Form(form))  # in which tracing finds f, as it does not in a closure of ours
    result, twice = operation(on_vector, vector, **options), operation.__name__ == "hessian"
    return (result[0], _restored(form, result[1])) if isinstance(result, tuple) else _restored(form, result, twice)


class Form:
    """A tree of places that does not change, and what tells it from others."""

    def __init__(self, tree: Any) -> None:
        self.tree = tree
        kinds = list[type]()
        _note_kinds(tree, kinds)
        self.content = (repr(tree), *kinds)


def _note_kinds(node: Any, kinds: list[type]) -> None:
    kinds.append(type(node))
    for part in node.values() if isinstance(node, dict) else node if isinstance(node, (list, tuple)) else ():
        _note_kinds(part, kinds)


def _of_vector(f: Callable[..., Any], form: Form, vector: Any, *args: Any) -> Any:
    return f(unflatten(form.tree, vector.copy()), *args)


def _restored(form: Any, result: Any, twice: bool = False) -> Any:
    if not isinstance(result, Result):
        return _in_dtypes(form, result, twice)
    error = None if result.error is None else _in_dtypes(form, result.error, twice)
    value, status = _in_dtypes(form, result.value, twice), _blocks(form, result.status, twice)
    h, each = (_of_coordinates(form, part, result) for part in (result.h, result.evaluations))
    return replace(result, value=value, error=error, status=status, h=h, evaluations=each)


def _of_coordinates(form: Any, part: Any, result: Result) -> Any:
    return None if part is None else _blocks(form, np.broadcast_to(part, np.shape(result.value)[-1:]))


def _in_dtypes(form: Any, array: Array, twice: bool = False) -> Any:
    def cast(leaf: Leaf, block: Array) -> Any:
        with np.errstate(all="ignore"):
            kind = np.result_type(leaf.dtype, np.complex64) if block.dtype.kind == "c" else leaf.dtype
            return block.astype(kind)[()]

    return _blocks(form, array, twice, cast)


def _blocks(
    form: Any, array: Array, twice: bool = False, cast: Callable[[Leaf, Array], Any] = lambda _, block: block[()]
) -> Any:
    """The parts of an array along its last axis, or along its last two, which have the vector's numbers."""

    def block(leaf: Leaf) -> Any:
        part = array[..., leaf.place]
        return cast(leaf, part.reshape((*part.shape[:-1], *leaf.shape)))

    def row(leaf: Leaf) -> Any:
        part = array[leaf.place]
        return _blocks(form, part.reshape((*leaf.shape, part.shape[-1])), cast=cast)

    return mapped(form, row if twice else block)


# --- options ----------------------------------------------------------------------------------------------------------


def _check_options(options: Any) -> None:
    """What counts rows or coordinates has no meaning for a tree."""
    for name, value in options.items():
        if (name in {"batch", "batch_args"} and value) or (name == "out" and value is not None):
            msg = f"{name} does not fit x, a dict, which is one point and returned as a dict; leave it out"
            raise ValueError(msg)
    if options.get("engine") == "jit":
        msg = "engine='jit' cannot run this function: Numba compiles no f of a dict; use 'simd', 'python' or 'auto'"
        raise EngineError(msg)


def _in_vectors(options: dict[str, Any], form: Any, size: int) -> dict[str, Any]:
    """Steps and bounds in the form of x as vectors."""
    found = dict(options)
    for name in ("h", "rel_step"):
        if is_tree(options.get(name)):
            found[name] = _spread(form, options[name], name, size)
        else:
            check_one_step(options.get(name), None, "is for all arrays of a dict")
    if isinstance(options.get("bounds"), Mapping):
        lows, highs = (_spread(form, _sides(options["bounds"], k), "bounds", size, UNBOUNDED[k]) for k in (0, 1))
        found["bounds"] = lows, highs
    return found


def _sides(bounds: Any, k: int) -> Any:
    """The lower or the upper bounds of a tree of pairs (lowest, highest), None for none."""
    if isinstance(bounds, Mapping):
        return {key: _sides(part, k) for key, part in bounds.items()}
    if bounds is None:
        return UNBOUNDED[k]
    if not isinstance(bounds, (tuple, list)) or len(bounds) != 2:
        msg = f"bounds of an array of a dict must be a pair (lowest, highest), got {bounds!r}; None is for no bound"
        raise ValueError(msg)
    return UNBOUNDED[k] if bounds[k] is None else bounds[k]


def _spread(form: Any, tree: Any, name: str, size: int, missing: float | None = None) -> Array:
    """A vector with a number, or an array, for each leaf of the form."""
    vector = np.empty(size)

    def fill(form: Any, node: Any, name: str) -> None:
        if isinstance(form, Leaf):
            try:
                vector[form.place] = np.broadcast_to(real_array(node, name), form.shape).ravel()
            except ValueError:
                msg = f"{name} has shape {np.shape(node)}, x has {form.shape} there; give a number or one per element"
                raise ValueError(msg) from None
            return
        parts = form if isinstance(form, dict) else dict(enumerate(form))
        given = node if isinstance(node, Mapping) else dict(enumerate(node)) if is_tree(node) or not parts else {}
        unknown, absent = [key for key in given if key not in parts], [key for key in parts if key not in given]
        if unknown or (absent and missing is None):
            msg = f"{name} has {list(given)}, x has {list(parts)} there; give {name.partition('[')[0]} the form of x"
            raise ValueError(msg)
        for key, part in parts.items():
            if key in given:
                fill(part, given[key], f"{name}[{key!r}]")
            else:
                mapped(part, lambda leaf: vector.__setitem__(leaf.place, missing))

    fill(form, tree, name)
    return vector

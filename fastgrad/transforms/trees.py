"""Parameters as dicts of arrays, nested as deep as one likes:
one vector for the engines, dicts for f and the caller."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.arguments import check_one_step
from ..engine.numbers import real_array
from ..results import EngineError, Result

Array = NDArray[Any]


@dataclass(frozen=True)
class Leaf:
    """The place of an array in the vector."""

    start: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def flatten(tree: Mapping[Any, Any]) -> tuple[Array, dict[Any, Any]]:
    """All numbers of a dict as one vector of float64, and the dict's form: places instead of arrays."""
    parts: list[Array] = [np.empty(0)]

    def form(node: Any, name: str) -> Any:
        if isinstance(node, Mapping):
            return {key: form(value, f"{name}[{key!r}]") for key, value in node.items()}
        array = real_array(node, name)
        leaf = Leaf(sum(map(len, parts)), array.shape, array.dtype)
        parts.append(array.ravel().astype(np.float64))
        return leaf

    places = form(tree, "x")
    return np.concatenate(parts), places


def unflatten(form: Any, vector: Any) -> Any:
    """The dict of a form with the numbers of a vector, its arrays views of it."""
    if isinstance(form, dict):
        return {key: unflatten(part, vector) for key, part in form.items()}
    if not form.shape:
        return vector[form.start]
    return vector[form.start : form.start + prod(form.shape)].reshape(form.shape)


def gradient_of_dict(operation: Callable[..., Any], f: Callable[..., Any], x: Mapping[Any, Any], options: Any) -> Any:
    """What `operation`, gradient or value_and_gradient, gives for a function of a dict; gradients are dicts like x."""
    _check_options(options)
    vector, form = flatten(x)

    def on_vector(vector: Any, *args: Any) -> Any:
        return f(unflatten(form, vector.copy()), *args)

    result = operation(on_vector, vector, **options)
    return (result[0], _restored(form, result[1])) if isinstance(result, tuple) else _restored(form, result)


def _restored(form: dict[Any, Any], result: Any) -> Any:
    if not isinstance(result, Result):
        return _in_dtypes(form, result)
    error = None if result.error is None else _in_dtypes(form, result.error)
    value = _in_dtypes(form, result.value)
    h = None if result.h is None else unflatten(form, np.broadcast_to(result.h, result.value.shape))
    return replace(result, value=value, error=error, status=unflatten(form, result.status), h=h)


def _in_dtypes(form: Any, vector: Array) -> Any:
    if isinstance(form, dict):
        return {key: _in_dtypes(part, vector) for key, part in form.items()}
    with np.errstate(all="ignore"):
        return unflatten(form, vector).astype(form.dtype)


def _check_options(options: Any) -> None:
    """What counts rows or coordinates has no meaning for a dict."""
    check_one_step(options.get("h"), options.get("rel_step"), "is for all arrays of a dict")
    for name, value in options.items():
        if (name in {"batch", "batch_args"} and value) or (name == "out" and value is not None):
            msg = f"{name} does not fit x, a dict, which is one point and returned as a dict; leave it out"
            raise ValueError(msg)
    if options.get("engine") == "jit":
        msg = "engine='jit' cannot run this function: Numba compiles no f of a dict; use 'simd', 'python' or 'auto'"
        raise EngineError(msg)

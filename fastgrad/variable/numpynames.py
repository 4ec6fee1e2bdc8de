"""NumPy's functions that are no ufuncs, on Variables: with NumPy's own arguments. What cannot be done is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import functions
from .functions import as_variable, of_two
from .operands import InvalidType
from .operators import Variable, implements, record, refuse_name
from .rules import RULES, Axis

Array = NDArray[Any]


def _check_options(name: str, own: np.dtype[Any] | None = None, **given: Any) -> None:
    """Raise TypeError for options that are not at their defaults; `own` is a data type that changes nothing."""
    changed = [key for key, value in given.items() if value is not None]
    changed = [key for key in changed if key != "dtype" or np.dtype(given[key]) != own]
    if changed:
        refuse_name(name, changed)


# --- reductions ----------------------------------------------------------------------------------


@implements(np.sum)
def _sum(
    a: Any, axis: Axis = None, dtype: Any = None, out: Any = None, keepdims: bool = False, initial: Any = None,
    where: Any = True,
) -> Variable:  # fmt: skip
    _check_options("sum", a.dtype, dtype=dtype, out=out)
    total = _among(a, where, 0).sum(axis, keepdims)
    return total if initial is None else total + initial


@implements(np.mean)
def _mean(
    a: Any, axis: Axis = None, dtype: Any = None, out: Any = None, keepdims: bool = False, *, where: Any = True
) -> Variable:
    _check_options("mean", a.dtype, dtype=dtype, out=out)
    if where is True:
        return as_variable(a).mean(axis, keepdims)
    count: Array = np.sum(np.broadcast_to(_mask(where), a.shape), axis=axis, keepdims=keepdims)
    return _among(a, where, 0).sum(axis, keepdims) / count


@implements(np.max, np.amax)
def _max(
    a: Any, axis: Axis = None, out: Any = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Variable:
    _check_options("max", out=out)
    return _extreme("max", functions.maximum, a, axis, keepdims, initial, where)


@implements(np.min, np.amin)
def _min(
    a: Any, axis: Axis = None, out: Any = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Variable:
    _check_options("min", out=out)
    return _extreme("min", functions.minimum, a, axis, keepdims, initial, where)


def _extreme(
    name: str, of_both: Callable[..., Variable], a: Any, axis: Axis, keepdims: bool, initial: Any, where: Any
) -> Variable:
    """The largest or smallest of the elements that count and of `initial`."""
    if initial is None:
        if where is not True:
            refuse_name(name, ["where without initial"])
        return record(RULES[name], as_variable(a), axis=axis, keepdims=keepdims)
    worst = np.inf if a.dtype.kind == "f" else np.iinfo(a.dtype).max
    counted = _among(a, where, -worst if name == "max" else worst)
    return of_both(record(RULES[name], counted, axis=axis, keepdims=keepdims), initial)


def _among(a: Any, where: Any, otherwise: Any) -> Variable:
    """The elements that count, and another number in the place of the others."""
    return as_variable(a) if where is True else record(RULES["where"], a, otherwise, condition=_mask(where))


def _mask(where: Any) -> Array:
    if isinstance(where, Variable):
        msg = "where needs an array of bools; write where=v.array > 0"
        raise TypeError(msg)
    return np.array(where, bool)


# --- elements ------------------------------------------------------------------------------------


@implements(np.clip)
def _clip(
    a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None, max: Any = None, **options: Any
) -> Variable:
    _check_options("clip", out=out, **options)
    if (a_min is not None or a_max is not None) and (min is not None or max is not None):
        msg = "np.clip takes a_min and a_max, or min and max, not some of both"
        raise ValueError(msg)
    return functions.clip(a, min if a_min is None else a_min, max if a_max is None else a_max)


@implements(np.where)
def _where(condition: Any, x: Any, y: Any) -> Variable:
    if isinstance(condition, Variable):
        msg = "np.where needs a condition of bools; write np.where(v.array > 0, x, y)"
        raise TypeError(msg)
    return record(RULES["where"], x, y, condition=np.array(condition, bool))


@implements(np.dot)
def _dot(a: Any, b: Any, out: Any = None) -> Variable:
    _check_options("dot", out=out)
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return of_two("multiply", a, b)
    if np.ndim(b) > 2:
        msg = f"np.dot on Variables takes one or two dimensions on the right, got {np.ndim(b)}; write a @ b"
        raise InvalidType(msg)
    return of_two("matmul", a, b)


# --- shapes --------------------------------------------------------------------------------------


@implements(np.reshape)
def _reshape(a: Any, shape: Any, order: str = "C", *, copy: bool | None = None) -> Variable:
    _check_options("reshape", order=None if order == "C" else order, copy=copy)
    return as_variable(a).reshape(shape)


@implements(np.transpose)
def _transpose(a: Any, axes: tuple[int, ...] | None = None) -> Variable:
    return as_variable(a).transpose(axes)


@implements(np.squeeze)
def _squeeze(a: Any, axis: Axis = None) -> Variable:
    return as_variable(a).squeeze(axis)


@implements(np.broadcast_to)
def _broadcast_to(array: Any, shape: tuple[int, ...], subok: bool = False) -> Variable:
    _check_options("broadcast_to", subok=subok or None)
    return functions.broadcast_to(array, shape)


@implements(np.concatenate)
def _concatenate(
    arrays: Sequence[Any], axis: int | None = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Variable:
    own = next(a.dtype for a in arrays if isinstance(a, Variable))
    _check_options("concatenate", own, out=out, dtype=dtype, casting=None if casting == "same_kind" else casting)
    if axis is None:
        return functions.concat([np.reshape(a, -1) for a in arrays], 0)
    return functions.concat(arrays, axis)


@implements(np.swapaxes)
def _swapaxes(a: Variable, axis1: int, axis2: int) -> Variable:
    order = list(range(a.ndim))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return a.transpose(order)


# --- numbers -------------------------------------------------------------------------------------


def _of_numbers(function: Callable[..., Any]) -> None:
    """A function through which nothing is differentiated, on the numbers."""

    def on_numbers(a: Variable, *args: Any, **options: Any) -> Any:
        return function(a.array, *args, **options)

    implements(function)(on_numbers)


for _function in (np.shape, np.ndim, np.size, np.argmax, np.argmin, np.argsort, np.zeros_like, np.ones_like):
    _of_numbers(_function)

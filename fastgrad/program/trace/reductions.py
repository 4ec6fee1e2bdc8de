"""Rules for tracing sums, products, extremes and what is made of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import reduce
from math import prod
from typing import Any

import numpy as np

from .arrays import (
    AS_NUMBER,
    FUNCTIONS,
    LOOPS,
    METHODS,
    Objects,
    elementwise,
    holds_complex,
    holds_symbols,
    method,
    plain,
    widened,
    wrap,
)
from .elementwise import ask_where, select
from .parts import check_is_whole
from .refusals import active, check_dtype, refuse
from .symbols import OBJECT, Symbol


def objects(a: Any) -> Objects:
    """An argument as a plain array of objects."""
    return np.asarray(plain(a), dtype=object)


def numbers(a: Any) -> Objects:
    """The same, masks being counted as 1.0 and 0.0."""
    return np.asarray(AS_NUMBER(objects(a)), dtype=object)


def squares(values: Any) -> Any:
    """Those of the sizes of complex numbers."""
    return elementwise(np.square, elementwise(np.absolute, values) if holds_complex(values) else values)


def only(name: str, value: Any, *allowed: Any) -> None:
    """Refuse an option that has no rule."""
    if not any(value is a for a in (None, *allowed)):
        refuse(f"f calls a NumPy function with {name}=, which cannot be traced")


def _axes(ndim: int, axis: Any) -> tuple[int, ...]:
    chosen = tuple(range(ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return tuple(np.lib.array_utils.normalize_axis_tuple(chosen, ndim))


def _count(a: Objects, axis: Any) -> int:
    return prod(a.shape[i] for i in _axes(a.ndim, axis))


def tree(ufunc: np.ufunc, a: Objects, axis: Any, keepdims: Any, empty: Any = None) -> Any:
    """Reduce as a balanced tree: a changed element then changes log2(n) partial results."""
    axes = _axes(a.ndim, axis)
    rest = [i for i in range(a.ndim) if i not in axes]
    count, loop = _count(a, axis), LOOPS[ufunc]
    terms = a.transpose(*axes, *rest).reshape(count, *(a.shape[i] for i in rest)) if a.ndim != 1 or not axes else a
    if count == 0:
        if empty is None:
            refuse("f reduces an empty array")
        terms = np.full((1, *terms.shape[1:]), empty, dtype=object)
    while len(terms) > 1:
        even = len(terms) // 2 * 2
        halves = loop(terms[0:even:2], terms[1:even:2])
        terms = halves if even == len(terms) else np.concatenate([halves, terms[even:]])
    result = terms[0] if count > 1 or terms.ndim == 1 else terms[0].copy()
    if keepdims is not np._NoValue and keepdims:
        kept = np.empty(tuple(1 if i in axes else n for i, n in enumerate(a.shape)), dtype=object)
        kept[...] = np.asarray(result, dtype=object).reshape(kept.shape)
        return kept
    return result


def ask_where_any(conditions: Any) -> None:
    """f itself is asked where one of some conditions holds."""
    ask_where(tree(np.logical_or, objects(conditions), None, False))


def ask_outside(values: Any, low: float, high: float) -> None:
    """f itself is asked where one of some numbers is below or above these."""
    ask_where_any(elementwise(np.logical_or, elementwise(np.less, values, low), elementwise(np.greater, values, high)))


def _among(values: Objects, where: Any, neutral: Any) -> Objects:
    """The elements that count, the others replaced by what changes no result."""
    if where is True:
        return values
    mask, values = np.broadcast_arrays(objects(where), values)
    return np.asarray(_SELECT(mask, values, neutral), dtype=object)


def _added(a: Any) -> Objects:
    """The numbers of an array that is added up; NumPy makes int64 of small integers then."""
    values = numbers(a)
    trace = getattr(active, "trace", None)
    known = trace is None or not (trace.narrow or any(isinstance(v, np.integer) for v in values.flat))
    return values if known else np.asarray(_WIDENED(values), dtype=object)


def _widened_integer(value: Any) -> Any:
    narrow = value.type if isinstance(value, Symbol) else getattr(value, "dtype", OBJECT)
    return widened(value) if narrow.kind in "iu" else value


_WIDENED = np.frompyfunc(_widened_integer, 1, 1)


def _sum_like(ufunc: np.ufunc, neutral: float) -> Callable[..., Any]:
    def rule(
        a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, initial: Any = _UNSET,
        where: Any = True,
    ) -> Any:  # fmt: skip
        check_dtype(dtype)
        only("out", out)
        total = tree(ufunc, _among(_added(a), where, neutral), axis, keepdims, neutral)
        return total if initial is _UNSET else elementwise(ufunc, initial, total)

    return rule


_UNSET = np._NoValue
_SELECT = np.frompyfunc(select, 3, 1)
sum_, _prod = _sum_like(np.add, 0.0), _sum_like(np.multiply, 1.0)


def _extreme(ufunc: np.ufunc, least: float) -> Callable[..., Any]:
    def rule(
        a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = _UNSET, where: Any = True
    ) -> Any:
        only("out", out)
        if initial is _UNSET:
            only("where", None if where is True else where)
            return tree(ufunc, objects(a), axis, keepdims)
        return elementwise(ufunc, tree(ufunc, _among(objects(a), where, least), axis, keepdims, least), initial)

    return rule


max_, min_ = _extreme(np.maximum, -np.inf), _extreme(np.minimum, np.inf)


def _logical(ufunc: np.ufunc, empty: bool) -> Callable[..., Any]:
    def rule(
        a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = _UNSET, where: Any = True
    ) -> Any:
        only("out", out)
        masks = elementwise(np.logical_not, elementwise(np.logical_not, objects(a)))
        found = tree(ufunc, _among(objects(masks), where, empty), axis, keepdims, empty)
        return found if initial is _UNSET else elementwise(ufunc, found, initial)

    return rule


def _mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True
) -> Any:
    values = numbers(a)
    total = sum_(values, axis, dtype, out, keepdims, where=where)
    return elementwise(np.divide, total, _counted(values, axis, keepdims, where))


def _counted(values: Objects, axis: Any, keepdims: Any, where: Any) -> Any:
    """How many elements count."""
    if where is True:
        return float(_count(values, axis))
    return sum_(np.broadcast_arrays(objects(where), values)[0], axis, keepdims=keepdims)


def _var(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False, *,
    where: Any = True, mean: Any = None, correction: Any = None,
) -> Any:  # fmt: skip
    values, ddof = numbers(a), ddof if correction is None else correction
    mean = _mean(values, axis, keepdims=True, where=where) if mean is None else numbers(mean)
    deviation = elementwise(np.subtract, values, mean)
    total = sum_(squares(deviation), axis, dtype, out, keepdims, where=where)
    count = elementwise(np.subtract, _counted(values, axis, keepdims, where), float(ddof))
    return elementwise(np.divide, total, elementwise(np.maximum, count, 0.0))


def _std(a: Any, *args: Any, **options: Any) -> Any:
    return elementwise(np.sqrt, _var(a, *args, **options))


def _average(a: Any, axis: Any = None, weights: Any = None, returned: Any = False, *, keepdims: Any = False) -> Any:
    if weights is None:
        mean, whole = _mean(a, axis, keepdims=keepdims), float(_count(numbers(a), axis))
    else:
        weights = _wide(weights)
        if np.shape(weights) != np.shape(a):
            weights = _spread(numbers(weights), np.shape(a), axis)
        total = sum_(elementwise(np.multiply, numbers(a), weights), axis, keepdims=keepdims)
        whole = sum_(numbers(weights), axis, keepdims=keepdims)
        mean = elementwise(np.divide, total, whole)
    return (mean, np.broadcast_to(objects(whole), np.shape(mean))[()]) if returned else mean


def _wide(a: Any) -> Any:
    """What NumPy computes with as float64, whatever its type."""
    return a if holds_symbols(a) else np.asarray(a, dtype=float)


def _spread(weights: Objects, shape: tuple[int, ...], axis: Any) -> Objects:
    """Weights along some axes for all elements."""
    places = _axes(len(shape), axis)
    if axis is None or weights.shape != tuple(shape[k] for k in places):
        refuse("f calls np.average with weights of another shape than its data")
    order = np.argsort(places)
    along = np.transpose(weights, order).reshape([n if k in places else 1 for k, n in enumerate(shape)])
    return np.broadcast_to(along, shape)


def _ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    return elementwise(np.subtract, max_(a, axis, out, keepdims), min_(a, axis, out, keepdims))


def _accumulate(ufunc: np.ufunc, a: Objects, axis: Any) -> Objects:
    """Running results; each one needs the one before."""
    if axis is None:
        a, axis = a.ravel(), 0
    rows = list(itertools.accumulate(np.moveaxis(a, axis, 0), LOOPS[ufunc]))
    result = np.empty_like(a)
    for i, row in enumerate(rows):
        np.moveaxis(result, axis, 0)[i] = row
    return result


def _cumulative(ufunc: np.ufunc) -> Callable[..., Any]:
    def rule(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        check_dtype(dtype)
        only("out", out)
        return _accumulate(ufunc, _added(a), axis)

    return rule


def _count_nonzero(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    return sum_(elementwise(np.not_equal, numbers(a), 0.0), axis, keepdims=keepdims)


_cumsum, _cumprod = _cumulative(np.add), _cumulative(np.multiply)
_all, _any = _logical(np.logical_and, empty=True), _logical(np.logical_or, empty=False)

FUNCTIONS.update({
    np.sum: sum_, np.prod: _prod, np.max: max_, np.min: min_, np.amax: max_, np.amin: min_, np.all: _all, np.any: _any,
    np.mean: _mean, np.var: _var, np.std: _std, np.average: _average, np.ptp: _ptp, np.cumsum: _cumsum,
    np.cumprod: _cumprod, np.count_nonzero: _count_nonzero,
})  # fmt: skip

_LOGIC = {np.logical_and, np.logical_or, np.logical_xor}
_REDUCTIONS = {
    np.add: sum_, np.multiply: _prod, np.maximum: max_, np.minimum: min_, np.logical_and: _all, np.logical_or: _any,
}  # fmt: skip


def _reduce_method(
    ufunc: np.ufunc, a: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: Any = False, **more: Any
) -> Any:
    if dtype not in (None, bool):
        check_dtype(dtype)
    if ufunc in _REDUCTIONS:
        return _REDUCTIONS[ufunc](a, axis=axis, out=out, keepdims=keepdims, **more)
    only("out", out)
    for name, value in more.items():
        only(name, value)
    _check_folds(ufunc, "reduce")
    values = numbers(a)
    if values.ndim > 1 and isinstance(axis, (tuple, type(None))):
        refuse(f"f uses np.{ufunc.__name__}.reduce along several axes; its elements have an order")
    rows = np.moveaxis(values, axis or 0, 0)
    if not len(rows):
        refuse(f"f uses np.{ufunc.__name__}.reduce of nothing")
    found = reduce(LOOPS[ufunc], rows)
    return np.expand_dims(found, axis or 0) if keepdims else found


def _check_folds(ufunc: np.ufunc, name: str) -> None:
    if ufunc.nin != 2 or ufunc.nout != 1 or ufunc not in LOOPS:
        refuse(f"f uses np.{ufunc.__name__}.{name}, which has no rule for tracing")


def _accumulate_method(ufunc: np.ufunc, a: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
    check_dtype(dtype)
    only("out", out)
    _check_folds(ufunc, "accumulate")
    values = numbers(a)
    if ufunc in _LOGIC:  # of the first one alone too
        values = objects(elementwise(np.not_equal, values, 0.0))
    return _accumulate(ufunc, values, axis)


def _outer_method(ufunc: np.ufunc, a: Any, b: Any) -> Any:
    a, b = objects(a), objects(b)
    return elementwise(ufunc, a.reshape(*a.shape, *(1,) * b.ndim), b)


def _at_method(ufunc: np.ufunc, a: Any, indices: Any, *values: Any) -> None:
    """Elements one after the other, as one may be named twice."""
    if holds_symbols(indices) or a.dtype != object:
        refuse(f"f calls np.{ufunc.__name__}.at of a float array, or at traced places; write a[i] = ... in a loop")
    check_is_whole(a)
    a, places = a.view(np.ndarray), np.arange(a.size).reshape(a.shape)[indices]
    flat = a.reshape(-1)  # of float64, and so is what is added to it
    beside = [np.broadcast_to(objects(_wide(value)), places.shape).ravel() for value in values]
    for place, *others in zip(places.ravel().tolist(), *beside, strict=True):
        flat[place] = elementwise(ufunc, flat[place], *others)
    if not np.may_share_memory(flat, a):
        a[...] = flat.reshape(a.shape)


def _reduceat_method(
    ufunc: np.ufunc, a: Any, indices: Any, axis: Any = 0, dtype: Any = None, out: Any = None
) -> Objects:
    """Of parts along an axis; a part that does not end behind its start is one element."""
    check_dtype(dtype)
    only("out", out)
    _check_folds(ufunc, "reduceat")
    if holds_symbols(indices):
        refuse(f"f uses np.{ufunc.__name__}.reduceat at traced places")
    a, starts = np.moveaxis(numbers(a), axis, 0), np.asarray(indices).tolist()
    result = np.empty((len(starts), *a.shape[1:]), dtype=object)
    for k, (i, j) in enumerate(itertools.pairwise([*starts, len(a)])):
        result[k] = _reduce_method(ufunc, a[i:j], axis=0) if i < j else a[i]
    return np.moveaxis(wrap(result), 0, axis)


METHODS.update({
    "reduce": _reduce_method, "accumulate": _accumulate_method, "outer": _outer_method, "at": _at_method,
    "reduceat": _reduceat_method,
})  # fmt: skip


def _bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    if holds_symbols(x):
        refuse("f counts traced numbers by np.bincount; only its weights may depend on x")
    found = np.full(np.bincount(x, minlength=minlength).size, 0.0, dtype=object)
    _at_method(np.add, found, np.asarray(x), weights)
    return wrap(found)


FUNCTIONS[np.bincount] = _bincount

_ARRAY_METHODS: dict[str, Callable[..., Any]] = {
    "sum": sum_, "prod": _prod, "max": max_, "min": min_, "all": _all, "any": _any, "mean": _mean, "var": _var,
    "std": _std, "cumsum": _cumsum, "cumprod": _cumprod,
}  # fmt: skip
for _name, _rule in _ARRAY_METHODS.items():
    method(_name, _rule)

"""Elements of arrays of symbols: what an index picks, what is written there, and the elements that a mask selects.

How many elements a mask selects is a matter of data. `Selected` holds all of them, and the mask: what reduces them, or
writes them back through the same mask, needs no more.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from .arrays import (
    FUNCTIONS,
    Objects,
    Symbols,
    as_float,
    as_floats,
    elementwise,
    guarded,
    holds_complex,
    holds_symbols,
    is_mask,
    method,
    real,
    type_of_first,
    wrap,
)
from .elementwise import select
from .lookups import at, at_all, check_place, holds_places, is_at
from .parts import check_is_whole
from .reductions import numbers, objects, tree
from .refusals import refuse, refusing
from .symbols import Flag, Symbol, Traced

_SELECT = np.frompyfunc(select, 3, 1)
_get, _set = np.ndarray.__getitem__, np.ndarray.__setitem__
_KNOWN = (int, slice, type(None), type(Ellipsis))


def _is_traced_mask(index: Any) -> bool:
    return isinstance(index, (np.ndarray, Flag)) and index.dtype == object and is_mask(index) and holds_symbols(index)


def is_traced_index(index: Any) -> bool:
    """Whether an index is a traced integer, an array or a tuple of some, or a mask that is traced."""
    if isinstance(index, (Symbol, Places)):
        return True
    return type(index) not in _KNOWN and (_is_traced_mask(index) or holds_places(index))


def _known(index: Any) -> Any:
    """An index without arrays of symbols: those that hold numbers or bools only are NumPy's own."""
    if isinstance(index, tuple):
        return tuple(map(_known, index))
    if isinstance(index, Places):
        refuse("f picks elements at the places where a condition holds, together with others; write np.where(c, a, b)")
    return real(index) if isinstance(index, Symbols) and is_mask(index) and not holds_symbols(index) else index


def _scalar(value: Any) -> Any:
    """An element as NumPy gives it: of an array of floats a float64."""
    kind = type(value)
    return np.float64(value) if kind is float or kind is int else np.bool_(value) if kind is bool else value


def _getitem(self: Symbols, index: Any) -> Any:
    if type(index) in _KNOWN:
        return _scalar(_get(self, index))
    if type(index) is Symbol:
        return at(self, index)
    index = index.mask if isinstance(index, Places) else index
    if isinstance(index, np.ndarray) and _is_traced_mask(index):
        return Selected(self.copy(), _as_wide(index, self))
    if holds_places(index):
        return at_all(self, index)
    return _scalar(_get(self, _known(index)))


def _put(self: Symbols, place: Symbol, value: Any) -> None:
    """An element at a traced integer is written: each stays as it is where it is another one."""
    check_place(self, place)
    new = objects(_stored(self, value))
    for k, is_here in enumerate(is_at(place, len(self))):
        _set(self, k, _SELECT(is_here, new, self.view(np.ndarray)[k]))


def _setitem(self: Symbols, index: Any, value: Any) -> None:
    check_is_whole(self)
    index = index.mask if isinstance(index, Places) else index
    if type(index) is Symbol:
        _put(self, index, value)
        return
    if _is_traced_mask(index):
        mask = _as_wide(index, self)
        new = value.written(mask) if isinstance(value, Selected) else value
        if new is value and np.ndim(value):
            refuse("f assigns an array through a mask; write np.where(mask, new, old)")
        _set(self, ..., _SELECT(mask, objects(_stored(self, new)), self.view(np.ndarray)))
    elif isinstance(value, Selected):
        refuse("f writes elements that a mask selects to other places; write np.where(mask, a, b)")
    else:
        _set(self, _known(index), _stored(self, value))


def _stored(target: Symbols, value: Any) -> Any:
    """A value as the elements of an array hold it: in one of floats masks and integers become floats."""
    kind = type_of_first(target).kind
    if kind == "b":
        return value if is_mask(np.asarray(value, dtype=object)) else refuse(_NUMBERS)
    if kind not in "fc":
        refuse(_INTEGERS)
    if holds_complex(objects(value) if isinstance(value, (list, tuple)) else value) and not holds_complex(target):
        refuse("f writes complex numbers into an array of real ones, which NumPy keeps the real part of or refuses")
    if isinstance(value, (list, tuple, np.ndarray)):
        return as_floats(objects(value))
    return as_float(value)


_NUMBERS = "f writes numbers into an array of comparisons"
_INTEGERS = "f writes into an array of integers, which rounds; make it of floats, or pass batch_args of float64"

for _name, _access in (("__getitem__", _getitem), ("__setitem__", _setitem)):
    setattr(Symbols, _name, _access)


def _as_wide(mask: Any, a: Any) -> Objects:
    """A mask of whole arrays, or of what their first axes count."""
    values = np.asarray(mask, dtype=object) if isinstance(mask, np.ndarray) else objects(mask)
    if a.shape[: values.ndim] != values.shape:
        refuse(f"f selects elements of an array of shape {a.shape} by a mask of shape {values.shape}")
    wide = np.empty(a.shape, dtype=object)
    wide[...] = values.view(np.ndarray).reshape(*values.shape, *(1,) * (a.ndim - values.ndim))
    return wide


def _are_equal(a: Objects, b: Objects) -> bool:
    """Whether two masks are the same comparisons."""

    def name(value: Any) -> Any:
        return value.key if isinstance(value, Traced) else bool(value)

    return a.shape == b.shape and all(map(operator.eq, map(name, a.flat), map(name, b.flat)))


class Places:
    """Where a condition holds, as np.where and np.nonzero say it."""

    __traced__ = True

    def __init__(self, mask: Any) -> None:
        self.mask = mask

    def __getattr__(self, name: str) -> Any:
        refuse(f"f takes {name} of the places where a condition holds; write np.where(condition, a, b)")

    @property
    def size(self) -> Any:
        return tree(np.add, numbers(self.mask), None, False)

    def __getitem__(self, index: Any) -> Any:
        is_whole = index == 0 and np.ndim(self.mask) == 1
        return (
            self if is_whole else refuse("f picks one of the places where a condition holds; write np.where(c, a, b)")
        )


class Selected:
    """The elements of an array that a mask selects, not yet known to be how many."""

    __traced__ = True
    __hash__ = None  # type: ignore[assignment]
    dtype = np.dtype(float)

    def __init__(self, values: Any, mask: Objects) -> None:
        self.values, self.mask = values, mask

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if options or method != "__call__" or ufunc is np.matmul:
            if ufunc is np.matmul:
                return _dot(*inputs)
            refuse(f"f calls np.{ufunc.__name__} of elements that a mask selects in a way that cannot be traced")
        return self.mapped(lambda *values: elementwise(ufunc, *values), *inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        name = f"np.{function.__name__} of the elements that a mask selects"
        return guarded(name, _OF_SELECTED.get(function), args, options)

    def mapped(self, function: Callable[..., Any], *inputs: Any) -> Selected:
        """A function of all elements, and of others that the same mask selects or of numbers."""
        values = [value.written(self.mask) if isinstance(value, Selected) else value for value in inputs]
        if any(np.ndim(v) and not isinstance(w, Selected) for v, w in zip(values, inputs, strict=True)):
            refuse("f combines the elements that a mask selects with an array; write np.where(mask, a, b)")
        return Selected(function(*values), self.mask)

    def written(self, mask: Objects) -> Any:
        """All values, for the same mask."""
        if not _are_equal(self.mask, mask):
            refuse("f combines elements that two masks select; write np.where(mask, a, b)")
        return self.values

    def filled(self, otherwise: float) -> Objects:
        """All values, those that are not selected replaced."""
        return np.asarray(_SELECT(self.mask, numbers(self.values), otherwise), dtype=object)

    def copy(self) -> Selected:
        return Selected(self.values, self.mask)

    @property
    def size(self) -> Any:
        return _count(self)


_COUNTED = "f counts {}, or goes through them; write np.sum(condition)"
for _name in ("__len__", "__iter__", "__bool__", "__float__", "__index__"):
    setattr(Selected, _name, refusing(_COUNTED.format("the elements that a mask selects")))
    setattr(Places, _name, refusing(_COUNTED.format("the places where a condition holds")))
for _name in ("__getitem__", "__setitem__"):
    setattr(Selected, _name, refusing("f picks some of the elements that a mask selects; write np.where(mask, a, b)"))


def operator_by(rule: Callable[..., Any], swap: bool) -> Callable[..., Any]:
    """An operator of a class, which is a function of one or two values."""

    def call(self: Any, *other: Any) -> Any:
        return rule(*other, self) if swap else rule(self, *other)

    return call


OPERATORS = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide, "pow": np.power, "mod": np.remainder,
    "floordiv": np.floor_divide, "matmul": np.matmul,
}  # fmt: skip


def _in_place(ufunc: np.ufunc) -> Callable[..., Any]:
    def call(self: Selected, other: Any) -> Selected:
        self.values = ufunc(self, other).values  # who else has it sees it too
        return self

    return call


for _name, _ufunc in OPERATORS.items():
    setattr(Selected, f"__i{_name}__", _in_place(_ufunc))
    setattr(Selected, f"__{_name}__", operator_by(_ufunc, swap=False))
    setattr(Selected, f"__r{_name}__", operator_by(_ufunc, swap=True))
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    _ufunc = {"lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal}.get(_name, np.equal)
    setattr(Selected, f"__{_name}__", operator_by(np.not_equal if _name == "ne" else _ufunc, swap=False))
for _name, _ufunc in (("neg", np.negative), ("abs", np.absolute), ("pos", np.positive), ("invert", np.invert)):
    setattr(Selected, f"__{_name}__", operator_by(_ufunc, swap=False))


def _count(a: Selected) -> Any:
    return tree(np.add, numbers(a.mask), None, False)


def _reduced(ufunc: np.ufunc, neutral: float) -> Callable[..., Any]:
    def rule(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
        if keepdims or axis not in ((None, 0, -1) if a.mask.ndim == 1 else (None,)):
            refuse("f reduces the elements that a mask selects along an axis; write np.where(mask, a, b)")
        return tree(ufunc, a.filled(neutral), None, False)

    return rule


_sum, _prod = _reduced(np.add, 0.0), _reduced(np.multiply, 1.0)


def _extreme(ufunc: np.ufunc, neutral: float) -> Callable[..., Any]:
    rule = _reduced(ufunc, neutral)

    def extreme(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
        result = rule(a, axis, keepdims=keepdims)
        if isinstance(result, Traced):
            result.trace.guards.append(result.key)  # of no elements NumPy raises
        return result

    return extreme


def _mean(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    return elementwise(np.divide, _sum(a, axis, keepdims=keepdims), _count(a))


def _var(a: Any, axis: Any = None, *, ddof: Any = 0, keepdims: Any = False) -> Any:
    deviation = a - _mean(a, axis, keepdims=keepdims)
    return elementwise(np.divide, _sum(np.square(deviation)), elementwise(np.maximum, _count(a) - ddof, 0.0))


def _std(a: Any, axis: Any = None, *, ddof: Any = 0, keepdims: Any = False) -> Any:
    return elementwise(np.sqrt, _var(a, axis, ddof=ddof, keepdims=keepdims))


def _norm(x: Any) -> Any:
    return elementwise(np.sqrt, _sum(np.square(x)))


def _dot(a: Any, b: Any) -> Any:
    if any(getattr(getattr(v, "mask", None), "ndim", 0) != 1 for v in (a, b)):
        refuse("f multiplies the elements that a mask selects by an array; write np.where(mask, a, 0.0) @ b")
    return _sum(np.multiply(a, b))


def _truth(ufunc: np.ufunc, neutral: bool) -> Callable[..., Any]:
    def rule(a: Any, axis: Any = None) -> Any:
        masks = elementwise(np.not_equal, wrap(numbers(a.values)), 0.0)
        return tree(ufunc, np.asarray(_SELECT(a.mask, objects(masks), neutral), dtype=object), None, False)

    return rule


_OF_SELECTED: dict[Any, Callable[..., Any]] = {
    np.sum: _sum, np.prod: _prod, np.max: _extreme(np.maximum, -np.inf), np.min: _extreme(np.minimum, np.inf),
    np.mean: _mean, np.average: _mean, np.var: _var, np.std: _std, np.linalg.norm: _norm, np.dot: _dot,
    np.all: _truth(np.logical_and, neutral=True), np.any: _truth(np.logical_or, neutral=False), np.size: _count,
    np.count_nonzero: lambda a: _sum(a != 0.0),
}  # fmt: skip
_OF_SELECTED.update({np.amax: _OF_SELECTED[np.max], np.amin: _OF_SELECTED[np.min]})
for _name in ("sum", "prod", "max", "min", "mean", "var", "std", "all", "any"):
    setattr(Selected, _name, _OF_SELECTED[getattr(np, _name)])


def nonzero(a: Any) -> Any:
    """np.nonzero, and np.where of a condition alone."""
    mask = a if is_mask(a) else elementwise(np.not_equal, a, 0.0)
    return Places(mask.copy()) if holds_symbols(mask) else np.nonzero(real(mask))


def _flatnonzero(a: Any) -> Any:
    return nonzero(np.ravel(a))


def _compress(condition: Any, a: Any, axis: Any = None, out: Any = None) -> Any:
    if not holds_symbols(condition):
        return np.asarray(a, dtype=object).view(Symbols).compress(real(condition), axis)
    if axis is not None and np.ndim(a) != 1:
        refuse("f takes np.compress along an axis; write np.where(condition, a, b)")
    return np.ravel(a)[np.ravel(condition)]


def _extract(condition: Any, arr: Any) -> Any:
    return np.ravel(arr)[np.ravel(condition)]


FUNCTIONS.update({
    np.nonzero: nonzero, np.flatnonzero: _flatnonzero, np.compress: _compress, np.extract: _extract,
})  # fmt: skip
method("nonzero", nonzero)

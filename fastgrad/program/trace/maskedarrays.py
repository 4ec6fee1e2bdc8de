"""Masked arrays of symbols, and numpy.ma as f sees it: numbers that count, and a mask of those that do not.

The mask may be traced. What lies under it is no result: what takes sums or means leaves it out, and where nothing is
left f itself is asked, whose result is np.ma.masked.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from .arrays import OTHERS, Objects, call_function, elementwise, guarded, holds_symbols, is_mask, wrap
from .elementwise import ask_where
from .matrices import or_numpys
from .reductions import numbers, objects, sum_, tree
from .refusals import refuse, refusing
from .selected import OPERATORS, Selected, operator_by

_TINY = float(np.finfo(float).tiny)


class Masked:
    """A masked array that holds symbols, or whose mask does."""

    __traced__ = True
    __hash__ = None  # type: ignore[assignment]
    dtype = np.dtype(float)

    def __init__(self, values: Any, mask: Any) -> None:
        self.values = numbers(values)
        self.mask = _broadcast(mask, self.values.shape)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            refuse(f"f calls np.{ufunc.__name__} of a masked array in a way that cannot be traced")
        return _applied(ufunc, inputs, finite=False)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return guarded(f"np.{function.__name__} of a masked array", _OF_MASKED.get(function), args, options)

    def __getitem__(self, index: Any) -> Any:
        values, mask = self.values[index], self.mask[index]
        return Masked(values, mask) if isinstance(values, np.ndarray) else self._element(values, mask)

    def _element(self, value: Any, mask: Any) -> Any:
        if holds_symbols(mask):
            refuse("f picks an element of a masked array whose mask is traced; write np.where(mask, a, b)")
        return np.ma.masked if mask else value

    def __len__(self) -> int:
        return len(self.values)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    @property
    def ndim(self) -> int:
        return self.values.ndim

    @property
    def size(self) -> int:
        return self.values.size

    @property
    def T(self) -> Masked:
        return Masked(self.values.T, self.mask.T)

    def reshape(self, *shape: Any) -> Masked:
        return Masked(self.values.reshape(*shape), self.mask.reshape(*shape))

    def ravel(self) -> Masked:
        return self.reshape(-1)

    def copy(self) -> Masked:
        return Masked(self.values, self.mask)

    def filled(self, fill_value: Any = None) -> Any:
        """An array in which this value stands in the place of what does not count."""
        return _where(self.mask, 1e20 if fill_value is None else fill_value, self.values)

    def compressed(self) -> Any:
        """What counts, in one dimension."""
        kept = _not(self.mask.ravel())
        if not holds_symbols(kept):
            return wrap(self.values.ravel()[np.asarray(kept, dtype=bool)])
        return Selected(wrap(self.values.ravel()), kept)


for _name in ("__bool__", "__float__", "__iter__", "__setitem__"):
    setattr(Masked, _name, refusing("f writes into a masked array, goes through one, or asks whether it is true"))


# --- what is known of two of them -------------------------------------------------------------------------------------


def _broadcast(mask: Any, shape: tuple[int, ...]) -> Objects:
    """A mask of a shape, of Python's bools where it is known."""
    found = objects(False if mask is np.ma.nomask or mask is None else mask)
    if not holds_symbols(found):
        found = np.asarray(found.astype(bool).astype(object))
    return np.array(np.broadcast_to(found, shape), dtype=object)


def _where(mask: Any, a: Any, b: Any) -> Any:
    return call_function(np.where, (mask, a, b), {})


def _not(mask: Any) -> Objects:
    return objects(elementwise(np.logical_not, mask))


def _either(a: Any, b: Any) -> Objects:
    return objects(elementwise(np.logical_or, a, b))


def _parts(value: Any) -> tuple[Any, Any]:
    """The numbers of an argument, and its mask."""
    if isinstance(value, Masked):
        return value.values, value.mask
    if isinstance(value, np.ma.MaskedArray):
        return np.ma.getdata(value), np.ma.getmaskarray(value)
    return value, np.False_


def _applied(ufunc: np.ufunc, inputs: tuple[Any, ...], *, finite: bool) -> Any:
    """A ufunc of what counts in all and lies in its domain; if it may leave that, its result is to be `finite` too."""
    values, masks = zip(*map(_parts, inputs), strict=True)
    result, domain = elementwise(ufunc, *values), _DOMAINS.get(ufunc)
    if is_mask(result):
        refuse("f compares masked arrays; compare their numbers")
    outside = [domain(*values)] if domain else []
    if finite and (domain or ufunc is np.power):
        outside.append(_not(elementwise(np.isfinite, result)))
    return Masked(result, reduce(_either, [*outside, *masks]))


_DOMAINS: dict[np.ufunc, Callable[..., Any]] = {
    **{log: lambda x: elementwise(np.less_equal, x, 0.0) for log in (np.log, np.log2, np.log10)},
    np.sqrt: lambda x: elementwise(np.less, x, 0.0),
    np.arccosh: lambda x: elementwise(np.less, x, 1.0),
    np.tan: lambda x: elementwise(np.less, elementwise(np.absolute, elementwise(np.cos, x)), 1e-35),
    **{arc: lambda x: elementwise(np.greater, elementwise(np.absolute, x), 1.0) for arc in (np.arcsin, np.arccos)},
    np.arctanh: lambda x: elementwise(np.greater, elementwise(np.absolute, x), 1.0 - 1e-15),
    **{
        ratio: lambda a, b: elementwise(
            np.greater_equal,
            elementwise(np.multiply, elementwise(np.absolute, a), _TINY),
            elementwise(np.absolute, b),
        )
        for ratio in (np.divide, np.floor_divide, np.remainder, np.fmod)
    },
}  # fmt: skip
"""Where NumPy masks what an operation makes of numbers that it is not defined for."""


def _of_numpy_ma(ufunc: np.ufunc) -> Callable[..., Any]:
    """The function of numpy.ma of that name, and the operator."""
    return lambda *inputs: _applied(ufunc, inputs, finite=True)


OTHERS[np.ma.MaskedArray] = lambda ufunc, *inputs: _applied(ufunc, inputs, finite=True)
for _name in OPERATORS.keys() - {"matmul"}:
    setattr(Masked, f"__{_name}__", operator_by(_of_numpy_ma(OPERATORS[_name]), swap=False))
    setattr(Masked, f"__r{_name}__", operator_by(_of_numpy_ma(OPERATORS[_name]), swap=True))
for _name, _ufunc in (("neg", np.negative), ("abs", np.absolute), ("pos", np.positive)):
    setattr(Masked, f"__{_name}__", operator_by(_of_numpy_ma(_ufunc), swap=False))


class Captured(np.ma.MaskedArray):
    """One of numbers that f captures: NumPy's own, but for its operators with symbols."""


def _operator(name: str) -> Callable[[Any, Any], Any]:
    own = getattr(np.ma.MaskedArray, name)

    def call(self: Captured, other: Any) -> Any:
        traced = isinstance(other, Masked) or holds_symbols(other)
        return getattr(Masked(*_parts(self)), name)(other) if traced else own(self, other)

    return call


for _name in OPERATORS.keys() - {"matmul"}:
    for _swapped in (f"__{_name}__", f"__r{_name}__"):
        if hasattr(np.ma.MaskedArray, _swapped):
            setattr(Captured, _swapped, _operator(_swapped))


OTHERS[Captured] = OTHERS[np.ma.MaskedArray]


def as_captured(value: Any) -> Any:
    """A masked array of the user's as one whose operators take symbols; anything else as it is."""
    return value.view(Captured) if type(value) is np.ma.MaskedArray and value.dtype.char == "d" else value


# --- reductions -------------------------------------------------------------------------------------------------------


def _made(result: Any, masked: Any) -> Any:
    """A reduction; where nothing is left of a single one f is asked."""
    if np.ndim(result):
        return Masked(result, masked)
    if not holds_symbols(masked):
        return np.ma.masked if bool(np.all(masked)) else result
    ask_where(objects(masked)[()])
    return result


def _of_all(a: Masked, axis: Any, keepdims: Any) -> Any:
    """Where all along an axis is masked."""
    return tree(np.logical_and, a.mask, axis, keepdims)


def _reduced(ufunc: np.ufunc, neutral: float) -> Callable[..., Any]:
    def rule(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
        a = _as_masked(a)
        found = tree(ufunc, objects(a.filled(neutral)), axis, keepdims)
        return _made(found, _of_all(a, axis, keepdims))

    return rule


_sum, _prod = _reduced(np.add, 0.0), _reduced(np.multiply, 1.0)
_max, _min = _reduced(np.maximum, -np.inf), _reduced(np.minimum, np.inf)


def _count(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    a = _as_masked(a)
    found = sum_(numbers(_not(a.mask)), axis=axis, keepdims=keepdims)
    return int(found) if not holds_symbols(found) and not np.ndim(found) else wrap(found)


def _mean(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    a = _as_masked(a)
    total = tree(np.add, objects(a.filled(0.0)), axis, keepdims)
    return _made(elementwise(np.divide, total, _count(a, axis, keepdims=keepdims)), _of_all(a, axis, keepdims))


def _var(a: Any, axis: Any = None, *, ddof: Any = 0, keepdims: Any = False) -> Any:
    a = _as_masked(a)
    total = tree(np.add, objects(a.filled(0.0)), axis, True)
    mean = elementwise(np.divide, total, _count(a, axis, keepdims=True))
    squares = elementwise(np.square, elementwise(np.subtract, wrap(a.values), mean))
    count = elementwise(np.subtract, _count(a, axis, keepdims=keepdims), ddof)
    found = elementwise(np.divide, tree(np.add, objects(_where(a.mask, 0.0, squares)), axis, keepdims), count)
    return _made(found, elementwise(np.less_equal, count, 0.0))


def _std(a: Any, axis: Any = None, *, ddof: Any = 0, keepdims: Any = False) -> Any:
    return np.sqrt(_var(a, axis, ddof=ddof, keepdims=keepdims))


def _average(a: Any, axis: Any = None, weights: Any = None) -> Any:
    a = _as_masked(a)
    if weights is None:
        return _mean(a, axis)
    if np.shape(weights) != a.shape:
        refuse("f calls np.ma.average with weights of another shape than its data")
    return _sum(a * weights, axis) / _sum(Masked(weights, a.mask), axis)


def _dot(a: Any, b: Any) -> Any:
    return np.dot(*(v.filled(0.0) if isinstance(v, Masked) else v for v in (a, b)))


_REDUCTIONS: dict[str, Callable[..., Any]] = {
    "sum": _sum, "prod": _prod, "max": _max, "min": _min, "mean": _mean, "var": _var, "std": _std, "count": _count,
}  # fmt: skip
for _name, _rule in _REDUCTIONS.items():
    setattr(Masked, _name, _rule)
_OF_MASKED: dict[Any, Callable[..., Any]] = {
    **{getattr(np, name): rule for name, rule in _REDUCTIONS.items() if hasattr(np, name)},
    np.amax: _max, np.amin: _min, np.average: _average, np.dot: _dot, np.shape: lambda a: a.shape,
    np.ndim: lambda a: a.ndim, np.ravel: Masked.ravel, np.transpose: lambda a: a.T,
}  # fmt: skip


# --- numpy.ma ---------------------------------------------------------------------------------------------------------


def _as_masked(value: Any) -> Masked:
    return value if isinstance(value, Masked) else Masked(*_parts(value))


def _array(data: Any, mask: Any = np.ma.nomask, dtype: Any = None, copy: Any = False, **options: Any) -> Masked:
    if options or dtype not in (None, float):
        refuse("f makes a masked array in a way that cannot be traced")
    values, before = _parts(data)
    return Masked(values, before if mask is np.ma.nomask else _either(before, _broadcast(mask, np.shape(values))))


def _masked_where(condition: Any, a: Any, copy: Any = True) -> Masked:
    values, before = _parts(a)
    return Masked(values, _either(before, _broadcast(condition, np.shape(values))))


def _masking(ufunc: np.ufunc) -> Callable[..., Masked]:
    return lambda x, value, copy=True: _masked_where(elementwise(ufunc, _parts(x)[0], value), x)


def _masked_inside(x: Any, v1: Any, v2: Any, copy: Any = True) -> Masked:
    low, high, values = elementwise(np.minimum, v1, v2), elementwise(np.maximum, v1, v2), _parts(x)[0]
    inside = elementwise(
        np.logical_and, elementwise(np.greater_equal, values, low), elementwise(np.less_equal, values, high)
    )
    return _masked_where(inside, x)


def _masked_outside(x: Any, v1: Any, v2: Any, copy: Any = True) -> Masked:
    low, high, values = elementwise(np.minimum, v1, v2), elementwise(np.maximum, v1, v2), _parts(x)[0]
    return _masked_where(_either(elementwise(np.less, values, low), elementwise(np.greater, values, high)), x)


def _masked_invalid(a: Any, copy: Any = True) -> Masked:
    return _masked_where(_not(elementwise(np.isfinite, _parts(a)[0])), a)


def _filled(a: Any, fill_value: Any = None) -> Any:
    return a.filled(fill_value) if isinstance(a, Masked) else a


_RULES: dict[str, Callable[..., Any]] = {
    "array": _array, "masked_array": _array, "MaskedArray": _array, "asarray": _array, "masked_where": _masked_where,
    "masked_greater": _masking(np.greater), "masked_greater_equal": _masking(np.greater_equal),
    "masked_less": _masking(np.less), "masked_less_equal": _masking(np.less_equal),
    "masked_equal": _masking(np.equal), "masked_not_equal": _masking(np.not_equal),
    "masked_inside": _masked_inside, "masked_outside": _masked_outside, "masked_invalid": _masked_invalid,
    "fix_invalid": _masked_invalid, "filled": _filled, "getmaskarray": lambda a: wrap(_as_masked(a).mask),
    "compressed": lambda a: _as_masked(a).compressed(), "average": _average, "dot": _dot, **_REDUCTIONS,
    **{
        ufunc.__name__: _of_numpy_ma(ufunc)
        for ufunc in (
            np.exp, np.sin, np.cos, np.tan, np.sinh, np.cosh, np.tanh, np.arcsin, np.arccos, np.arctan, np.arcsinh,
            np.arccosh, np.arctanh, np.log, np.log2, np.log10, np.sqrt, np.absolute, np.negative, np.add, np.subtract,
            np.multiply, np.floor_divide, np.remainder, np.fmod, np.power, np.hypot, np.arctan2, np.floor, np.ceil,
        )
    },
    "divide": _of_numpy_ma(np.divide), "true_divide": _of_numpy_ma(np.divide), "abs": _of_numpy_ma(np.absolute),
}  # fmt: skip


def shims() -> dict[str, Callable[..., Any]]:
    """What functions of numpy.ma are to f: by a rule, or refused, where they are given symbols."""
    by_rule = {name: _taking_symbols(getattr(np.ma, name), rule) for name, rule in _RULES.items()}
    return by_rule | {name: _refused(getattr(np.ma, name)) for name in np.ma.__all__ if _is_other(name)}


def _is_other(name: str) -> bool:
    own = getattr(np.ma, name)
    return name not in _RULES and callable(own) and not isinstance(own, type)


def _taking_symbols(function: Any, rule: Callable[..., Any]) -> Callable[..., Any]:
    name = f"np.ma.{getattr(function, '__name__', 'a function')}"
    return or_numpys(function, lambda *args, **options: guarded(name, rule, args, options))


def _refused(function: Any) -> Callable[..., Any]:
    name = getattr(function, "__name__", "a function")
    return _taking_symbols(function, refusing(f"f uses np.ma.{name}, which has no rule for tracing"))

"""The elements of an array that a mask selects, and the places where a condition holds.

How many there are is a matter of data. `Selected` holds all elements, and the mask: what reduces them, writes them back
through the same mask or picks one of them needs no more. For anything else each combination is a way through f.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .arrays import Objects, elementwise, guarded, holds_symbols, wrap
from .elementwise import guard, select
from .reductions import numbers, objects, tree
from .refusals import refuse, refusing
from .symbols import RULES, Traced

_SELECT = np.frompyfunc(select, 3, 1)


def _are_equal(a: Objects, b: Objects) -> bool:
    """Whether two masks are the same comparisons."""

    def name(value: Any) -> Any:
        return value.key if isinstance(value, Traced) else bool(value)

    return a.shape == b.shape and all(map(operator.eq, map(name, a.flat), map(name, b.flat)))


class SelectedPlaces:
    """Where a condition holds, as np.where and np.nonzero say it: a tuple of one array, or that array itself."""

    __traced__ = True

    def __init__(self, mask: Any, *, is_array: bool = False) -> None:
        self.mask, self.is_array = mask, is_array

    def __getattr__(self, name: str) -> Any:
        refuse(f"f takes {name} of the places where a condition holds; write np.where(condition, a, b)")

    @property
    def size(self) -> Any:
        return tree(np.add, numbers(self.mask), None, False)

    def __getitem__(self, index: Any) -> Any:
        if np.ndim(self.mask) != 1 or not (self.is_array or index in (0, -1)):
            refuse("f picks some of the places where a condition holds; write np.where(c, a, b)")
        if self.is_array:
            return self.elements()[index]
        return SelectedPlaces(self.mask, is_array=True)

    def __len__(self) -> int:
        return len(self.elements()) if self.is_array else np.ndim(self.mask)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.elements() if self.is_array else (self[0],))

    def elements(self) -> Selected:
        """The places as elements that the mask selects."""
        return Selected(np.arange(np.size(self.mask)), self.mask)


class Selected:
    """The elements of an array that a mask selects, not yet known to be how many.

    `values` and `mask` are of one shape. What the mask selects is numbered along their first `axes`: of an array of
    more axes than the mask had, whole rows.
    """

    __traced__ = True
    __hash__ = None  # type: ignore[assignment]
    dtype = np.dtype(float)

    def __init__(self, values: Any, mask: Objects, axes: int | None = None) -> None:
        self.values, self.mask = values, mask
        self.axes = np.ndim(mask) if axes is None else axes

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if options or method != "__call__" or ufunc is np.matmul:
            if ufunc is np.matmul:
                return _dot(*inputs)
            refuse(f"f calls np.{ufunc.__name__} of elements that a mask selects in a way that cannot be traced")
        return self.mapped(lambda *values: elementwise(ufunc, *values), *inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        rule = _OF_SELECTED.get(function)
        if rule is None:
            return function(*decided(args), **dict(zip(options, decided([*options.values()]), strict=True)))
        return guarded(f"np.{function.__name__} of the elements that a mask selects", rule, args, options)

    def mapped(self, function: Callable[..., Any], *inputs: Any) -> Selected:
        """A function of all elements, and of others that the same mask selects or of numbers."""
        values = [value.written(self.mask) if isinstance(value, Selected) else value for value in inputs]
        if any(np.ndim(v) and not isinstance(w, Selected) for v, w in zip(values, inputs, strict=True)):
            refuse("f combines the elements that a mask selects with an array; write np.where(mask, a, b)")
        return Selected(function(*values), self.mask, self.axes)

    def written(self, mask: Objects) -> Any:
        """All values, for the same mask."""
        if not _are_equal(self.mask, mask):
            refuse("f combines elements that two masks select; write np.where(mask, a, b)")
        return self.values

    def filled(self, otherwise: float) -> Objects:
        """All values, those that are not selected replaced."""
        return np.asarray(_SELECT(self.mask, numbers(self.values), otherwise), dtype=object)

    def copy(self) -> Selected:
        return Selected(self.values, self.mask, self.axes)

    @property
    def size(self) -> Any:
        return _count(self)

    def decided(self) -> Any:
        """Those elements alone, of which each combination is a way through f."""
        rest = np.shape(self.mask)[self.axes :]
        rows = np.asarray(self.values, dtype=object).reshape(-1, *rest)
        found = rows[[k for k, is_there in enumerate(self.selecting()) if is_there]]
        return wrap(found) if holds_symbols(found) else np.array(found.tolist()).reshape(found.shape)

    def selecting(self) -> list[Any]:
        """The mask as it was given, an element for each row."""
        mask = np.asarray(self.mask, dtype=object)
        lead = mask.shape[: self.axes]
        return mask.reshape(*lead, -1)[..., 0].ravel().tolist()

    @property
    def shape(self) -> tuple[int, ...]:
        return self.decided().shape  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        return 1 + np.ndim(self.mask) - self.axes

    @property
    def T(self) -> Any:
        return self.decided().T

    def __len__(self) -> int:
        return len(self.decided())

    def __iter__(self) -> Iterator[Any]:
        return iter(self.decided())

    def __getitem__(self, index: Any) -> Any:
        return _numbered(self, int(index)) if isinstance(index, (int, np.integer)) else self.decided()[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        refuse("f writes into some of the elements that a mask selects; write np.where(mask, a, b)")


def decided(values: Any) -> Any:
    """The same, with arrays in the place of elements that a mask selects."""
    if isinstance(values, Selected):
        return values.decided()
    return type(values)(map(decided, values)) if type(values) in (list, tuple) else values


def _numbered(a: Selected, index: int) -> Any:
    """The element of a number, from the end if that is negative; where there are not so many f itself raises."""
    mask, rest = a.selecting(), np.shape(a.mask)[a.axes :]
    columns = np.asarray(a.values, dtype=object).reshape(len(mask), -1).T.tolist()
    found = [_single([*zip(column, mask, strict=True)], index) for column in columns]
    return wrap(objects(np.array(found, dtype=object)).reshape(rest)) if rest else found[0]


def _single(pairs: list[tuple[Any, Any]], index: int) -> Any:
    pairs, rank = (pairs, index) if index >= 0 else (pairs[::-1], -1 - index)
    before, masks = 0.0, list[Any]()
    for _, is_there in pairs:
        at_rank = RULES[np.equal](before, float(rank)) if rank else True
        masks.append(RULES[np.logical_and](is_there, at_rank) if rank else is_there)
        before = before + select(is_there, 1.0, 0.0) if rank else 0.0
    found: Any = np.nan
    for (value, _), is_it in zip(reversed(pairs), reversed(masks), strict=True):
        found = select(is_it, value, found)
    if isinstance(found, Traced):
        guard(found)
        if all(isinstance(value, int) for value, _ in pairs):
            found.trace.count(found.key)
    return found


_AS_NUMBER = "f takes {} for one number, or asks for their truth; write np.sum(condition), or the first of them"
for _name in ("__bool__", "__float__", "__index__"):
    setattr(Selected, _name, refusing(_AS_NUMBER.format("the elements that a mask selects")))
    setattr(SelectedPlaces, _name, refusing(_AS_NUMBER.format("the places where a condition holds")))


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
        if keepdims or axis not in ((None, 0, -1) if a.mask.ndim == 1 else (None, 0)):
            refuse("f reduces the elements that a mask selects along an axis; write np.where(mask, a, b)")
        along = None if axis is None or a.mask.ndim == 1 else tuple(range(a.axes))
        found = tree(ufunc, a.filled(neutral), along, False)
        return found if along is None else wrap(found)

    return rule


_sum, _prod = _reduced(np.add, 0.0), _reduced(np.multiply, 1.0)


def _extreme(ufunc: np.ufunc, neutral: float) -> Callable[..., Any]:
    rule = _reduced(ufunc, neutral)

    def extreme(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
        result = rule(a, axis, keepdims=keepdims)
        for value in objects(result).ravel().tolist():
            if isinstance(value, Traced):
                value.trace.guards.append(value.key)  # of no elements NumPy raises
        return result

    return extreme


def _mean(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    count = _count(a) if axis is None else tree(np.add, numbers(wrap(objects(a.selecting()))), None, False)
    return elementwise(np.divide, _sum(a, axis, keepdims=keepdims), count)


def _var(a: Any, axis: Any = None, *, ddof: Any = 0, keepdims: Any = False) -> Any:
    if axis is not None and a.mask.ndim > 1:
        return np.var(a.decided(), axis, ddof=ddof, keepdims=keepdims)
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

"""Rules for tracing what looks a number up in a table: np.interp, searchsorted, digitize; np.piecewise, choose; and
np.gradient at traced places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .arrays import FUNCTIONS, Objects, Symbols, elementwise, holds_symbols, is_mask, method, real, wrap
from .elementwise import select
from .lookups import FEW, count_below, read
from .reductions import ask_outside, ask_where_any, numbers, objects, only, tree
from .refusals import refuse
from .symbols import RULES, Symbol, Traced

_SELECT = np.frompyfunc(select, 3, 1)


def _looked_up(x: Any, places: list[Any], table: list[Any]) -> Any:
    """The entry of the last place that is not above x, of the first one if all are: a tree of comparisons."""
    if len(table) == 1:
        return table[0]
    half = len(table) // 2
    is_right = RULES[np.greater_equal](x, places[half])
    if not isinstance(is_right, Traced):
        return _looked_up(x, places[half:], table[half:]) if is_right else _looked_up(x, places[:half], table[:half])
    return select(is_right, _looked_up(x, places[half:], table[half:]), _looked_up(x, places[:half], table[:half]))


def _looks_up(x: Any, places: Objects) -> Callable[[Objects], Any]:
    """What gives the entry of a table that belongs to the last place that is not above x, to the first if all are."""
    if len(places) <= FEW or holds_symbols(places) or not isinstance(x, Symbol):
        return lambda table: _looked_up(x, places.tolist(), table.tolist())
    row = count_below(x, places[1:].astype(float), equal=True)

    def look_up(table: Objects) -> Any:
        known = not holds_symbols(table)
        return read(table.astype(float), row) if known else _looked_up(x, places.tolist(), table.tolist())

    return look_up


def _interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    places, values = (numbers(v if holds_symbols(v) else np.asarray(v, dtype=float)) for v in (xp, fp))
    if places.ndim != 1 or places.shape != values.shape or not places.size:
        refuse("f calls np.interp with tables of different lengths, or without any")
    if period is None and not holds_symbols(places) and not _ascend(places):
        refuse("f calls np.interp with places that do not ascend, of which NumPy makes what it likes; sort them")
    if holds_symbols(places):  # of places that do not ascend, or are equal, NumPy makes what it likes
        ask_where_any(elementwise(np.less_equal, wrap(places[1:]), wrap(places[:-1])))
    if period is not None:
        places, values = _periodic(places, values, period)
        x, left, right = elementwise(np.remainder, wrap(objects(x)), abs(float(period))), None, None
    left, right = (values[0] if left is None else left), (values[-1] if right is None else right)
    if len(places) == 1:
        places, values = np.append(places, places + 1.0), np.append(values, values)
    slopes = elementwise(np.divide, values[1:] - values[:-1], places[1:] - places[:-1])
    tables = (places[:-1], values[:-1], objects(slopes))

    def one(v: Any) -> Any:
        start, at_start, steep = map(_looks_up(v, places[:-1]), tables)
        inside = RULES[np.multiply](steep, v - start) + at_start
        above = select(RULES[np.greater](v, places[-1]), right, inside)
        at_end = select(RULES[np.equal](v, places[-1]), values[-1], above)
        return select(RULES[np.less](v, places[0]), left, at_end)

    return np.frompyfunc(one, 1, 1)(objects(x))


def _periodic(places: Objects, values: Objects, period: Any) -> tuple[Objects, Objects]:
    """A table of one period in order, with an entry beyond each of its ends."""
    if holds_symbols(places) or holds_symbols(period):
        refuse("f calls np.interp with a period, or periodic places, that are traced")
    length = abs(float(period))
    known = places.astype(float) % length
    order = np.argsort(known)
    known, values = known[order], values[order]
    around = np.concatenate([known[-1:] - length, known, known[:1] + length])
    return around.astype(object), np.concatenate([values[-1:], values, values[:1]])


def _searchsorted(a: Any, v: Any, side: Any = "left", sorter: Any = None) -> Any:
    """How many of the table lie below, of NaN all: a number; as an index it is refused."""
    only("sorter", sorter)
    table = numbers(a)
    _check_order(table, "np.searchsorted with a table that is")
    if table.ndim == 1 and len(table) > FEW and not holds_symbols(table) and _ascend(table):
        places = table.astype(float)
        return wrap(np.frompyfunc(lambda x: _counted(x, places, side), 1, 1)(objects(v)))
    value = objects(v)[..., None]
    above = elementwise(np.greater_equal if side == "left" else np.greater, table, value)
    below = elementwise(np.logical_not, above)
    if holds_symbols(table) or np.isnan(table.astype(float)).any():  # NaN lies above all numbers
        counted = elementwise(np.equal, table, table)
        if side == "right":
            counted = elementwise(np.logical_or, counted, elementwise(np.not_equal, value, value))
        below = elementwise(np.logical_and, below, counted)
    return tree(np.add, numbers(below), -1, False)  # of masks, and so an integer


def _ascend(table: Objects) -> bool:
    """Whether numbers ascend, none of which is NaN."""
    values = table.astype(float)
    return not np.isnan(values).any() and bool((values[1:] >= values[:-1]).all())


def _counted(x: Any, places: Any, side: str) -> Any:
    return count_below(x, places, equal=side == "right") if isinstance(x, Symbol) else np.searchsorted(places, x, side)  # type: ignore[call-overload]


def _check_order(places: Objects, what: str) -> None:
    """Of traced numbers that do not ascend f itself is asked, what NumPy's halving finds there; NaN is above all."""
    before, after = places[:-1], places[1:]
    above = elementwise(np.logical_and, elementwise(np.isnan, before), elementwise(np.equal, after, after))
    falls = elementwise(np.logical_or, elementwise(np.less, after, before), above)
    if holds_symbols(falls):
        ask_where_any(falls)
    elif np.any(falls):
        refuse(f"f calls {what} not in ascending order")


def _digitize(x: Any, bins: Any, right: Any = False) -> Any:
    places = numbers(bins)
    _check_order(places, "np.digitize with bins that are")
    return _searchsorted(places, x, "left" if right else "right")


def _piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **options: Any) -> Any:
    values = objects(x)
    conditions = [condlist] if np.ndim(condlist) == values.ndim and not isinstance(condlist, list) else [*condlist]
    if len(funclist) == len(conditions) + 1:
        rest = conditions[0]
        for condition in conditions[1:]:
            rest = elementwise(np.logical_or, rest, condition)
        conditions.append(elementwise(np.logical_not, rest))
    if len(funclist) != len(conditions) or not all(map(is_mask, conditions)):
        refuse("f calls np.piecewise with fewer or more functions than conditions, or without comparisons")
    result = np.full(values.shape, 0.0, dtype=object).reshape(-1).view(Symbols)
    flat = values.reshape(-1).view(Symbols)
    for condition, function in zip(conditions, funclist, strict=True):
        mask = objects(condition).reshape(-1).view(Symbols)
        known = mask if holds_symbols(mask) else real(mask)
        result[known] = function(flat[known], *args, **options) if callable(function) else function
    return result.view(np.ndarray).reshape(values.shape)[()]


def _choose(a: Any, choices: Any, out: Any = None, mode: Any = "raise") -> Any:
    only("out", out)
    if holds_symbols(a):
        return _chosen(a, choices, mode)
    index, *parts = np.broadcast_arrays(np.asarray(real(a)), *(objects(choice) for choice in choices))
    last = len(parts) - 1
    index = {"wrap": index % len(parts), "clip": np.clip(index, 0, last)}.get(mode, index)
    result = np.empty(index.shape, dtype=object)
    for place in np.ndindex(index.shape):
        result[place] = parts[index[place]][place]
    return result


def _gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: Any = 1) -> Any:
    """NumPy's own code, but at traced places, which may lie evenly or not."""
    if not any(np.ndim(v) == 1 and holds_symbols(v) for v in varargs):
        return _EVENLY(f, *varargs, axis=axis, edge_order=edge_order)
    values = objects(f)
    axes = range(values.ndim) if axis is None else np.atleast_1d(np.asarray(axis)) % values.ndim
    places = varargs if len(varargs) > 1 else varargs * len(axes)
    if len(places) != len(axes) or edge_order not in (1, 2) or any(np.ndim(v) > 1 for v in places):
        refuse("f calls np.gradient with other places than one row, or one number, for each axis")
    found = [_slopes(np.moveaxis(values, k, 0), v, edge_order, int(k)) for k, v in zip(axes, places, strict=True)]
    return found[0] if len(found) == 1 else tuple(found)


_EVENLY = FUNCTIONS[np.gradient]


def _slopes(f: Objects, place: Any, edge_order: int, axis: int) -> Any:
    """The second-order formula for places that lie as they like, along the first axis."""
    values = wrap(f)
    steps = wrap(numbers(place)[1:] - numbers(place)[:-1]) if np.ndim(place) else np.full(len(f) - 1, place)
    if len(steps) != len(f) - 1 or len(f) < edge_order + 1:
        refuse("f calls np.gradient with other places than elements, or too few of them")
    steps = steps.reshape(-1, *(1,) * (f.ndim - 1))
    changes = (values[1:] - values[:-1]) / steps
    inner = (changes[:-1] * steps[1:] + changes[1:] * steps[:-1]) / (steps[:-1] + steps[1:])
    first, last = changes[:1], changes[-1:]
    if edge_order == 2:
        first = first + steps[:1] * (first - changes[1:2]) / (steps[:1] + steps[1:2])
        last = last + steps[-1:] * (last - changes[-2:-1]) / (steps[-1:] + steps[-2:-1])
    return np.moveaxis(np.concatenate([first, inner, last]), 0, axis)


def _is_float(value: Any) -> bool:
    return isinstance(value, Symbol) and value.key not in value.trace.integers and value.type.kind not in "iu"


def _chosen(a: Any, choices: Any, mode: Any) -> Any:
    """By integers that are traced; of those beyond all choices f itself is asked, unless they are clipped."""
    last, index = len(choices) - 1, numbers(a)
    if any(map(_is_float, index.ravel().tolist())):
        refuse("f chooses by traced floats, which NumPy refuses; write a.astype(int)")
    if mode == "wrap":
        index = elementwise(np.remainder, index, float(last + 1))
    found = objects(choices[last])
    for k in range(last - 1, -1, -1):
        found = _SELECT(objects(elementwise(np.less_equal, index, float(k))), objects(choices[k]), found)
    if mode == "raise":
        ask_outside(index, 0.0, float(last))
    return wrap(np.asarray(found, dtype=object))[()]


FUNCTIONS.update({
    np.gradient: _gradient, np.interp: _interp, np.searchsorted: _searchsorted, np.digitize: _digitize,
    np.piecewise: _piecewise, np.choose: _choose,
})  # fmt: skip
method("searchsorted", _searchsorted)

"""Distributions of SciPy's that have no rules: the formulas that SciPy has for them, run on symbols.

Support, scale and what is no parameter are seen to here, as SciPy does around its formulas.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial
from types import FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from ..members import codes
from ..scipys import distribution_of, is_own_function, module
from .arrays import elementwise, holds_symbols, real, wrap
from .elementwise import select
from .numpymodule import NUMPYS
from .reductions import objects
from .refusals import refuse

_SELECT = np.frompyfunc(select, 3, 1)
# What each method is below the support and above it.
_ENDS = {
    "pdf": (0.0, 0.0), "logpdf": (-math.inf, -math.inf), "cdf": (0.0, 1.0), "logcdf": (-math.inf, 0.0),
    "sf": (1.0, 0.0), "logsf": (0.0, -math.inf),
}  # fmt: skip
MOMENTS = ("mean", "var", "std", "entropy")


def shapes_of(own: Any) -> tuple[str, ...]:
    """The names of the shapes of a distribution."""
    return tuple(name.strip() for name in own.shapes.split(",")) if own.shapes else ()


def formula(own: Any, name: str) -> Callable[..., Any] | None:
    """A method of a distribution: of x or q, its shapes, the place and the scale, arrays all; None if there is none."""
    if is_discrete(own):
        rule = partial(_of_counts, name=name) if name in ("pmf", "logpmf") else None
    elif name in _ENDS:
        rule = partial(_of_values, name=name)
    elif name in ("ppf", "isf"):
        rule = partial(_of_levels, name=name)
    else:
        rule = partial(_of_parameters, name=name) if name in MOMENTS else None
    return rule and partial(_together, rule, _formulas(own))


def _together(rule: Callable[..., Any], own: Any, *values: Any) -> Any:
    """A rule of rows of one length, known ones as floats: formulas of SciPy's take such."""
    arrays = np.broadcast_arrays(*[objects(value) for value in values])
    rows = [wrap(a.ravel()) if holds_symbols(a) else real(wrap(a.ravel())).astype(float) for a in arrays]
    found = objects(rule(own, *rows))
    return wrap(np.broadcast_to(found, rows[0].shape).reshape(arrays[0].shape))[()]


def _of_values(own: Any, x: Any, *parameters: Any, name: str) -> Any:
    *shapes, loc, scale = parameters
    z = elementwise(np.divide, elementwise(np.subtract, x, loc), scale)
    found = getattr(own, f"_{name}")(z, *shapes)
    if name == "pdf":
        found = elementwise(np.divide, found, scale)
    elif name == "logpdf":
        found = elementwise(np.subtract, found, elementwise(np.log, scale))
    below, above = _ENDS[name]
    inside = getattr(own, "_support_mask" if below == above else "_open_support_mask")(z, *shapes)
    if below != above:
        _, high = own._get_support(*shapes)
        below = _chosen(elementwise(np.greater_equal, z, high), above, below)
    found = _chosen(elementwise(np.isnan, z), math.nan, _chosen(inside, found, below))
    return _where_allowed(own, found, shapes, scale)


def _of_counts(own: Any, k: Any, *parameters: Any, name: str) -> Any:
    *shapes, loc = parameters
    if holds_symbols(k) or holds_symbols(loc):
        refuse("f takes the probability of a count that depends on x, which jumps")
    k = k - loc
    low, high = own._get_support(*shapes)
    inside = elementwise(np.logical_and, elementwise(np.less_equal, low, k), elementwise(np.less_equal, k, high))
    inside = elementwise(np.logical_and, inside, np.floor(k) == k)
    found = _chosen(inside, getattr(own, f"_{name}")(k, *shapes), 0.0 if name == "pmf" else -math.inf)
    return _where_allowed(own, found, shapes, np.ones(1))


def _of_levels(own: Any, q: Any, *parameters: Any, name: str) -> Any:
    *shapes, loc, scale = parameters
    ends = own._get_support(*shapes)
    low, high = ends if name == "ppf" else ends[::-1]
    found = getattr(own, f"_{name}")(q, *shapes)
    found = _chosen(elementwise(np.equal, q, 0.0), low, _chosen(elementwise(np.equal, q, 1.0), high, found))
    found = elementwise(np.add, elementwise(np.multiply, found, scale), loc)
    within = elementwise(np.logical_and, elementwise(np.greater_equal, q, 0.0), elementwise(np.less_equal, q, 1.0))
    return _where_allowed(own, _chosen(within, found, math.nan), shapes, scale, loc)


def _of_parameters(own: Any, *parameters: Any, name: str) -> Any:
    *shapes, loc, scale = parameters
    if name == "entropy":
        found = elementwise(np.add, own._entropy(*shapes), elementwise(np.log, scale))
    else:
        mean, variance, *_ = own._stats(*shapes)
        found = mean if name == "mean" else variance
        if found is None:
            refuse(f"f uses scipy.stats.{own.name}.{name}, which has no rule for tracing")
        found = elementwise(np.sqrt, found) if name == "std" else found
        found = elementwise(np.multiply, found, elementwise(np.square, scale) if name == "var" else scale)
        found = elementwise(np.add, found, loc) if name == "mean" else found
    return _where_allowed(own, found, shapes, scale, loc)


def _where_allowed(own: Any, found: Any, shapes: list[Any], scale: Any, loc: Any = 0.0) -> Any:
    found = _chosen(elementwise(np.isnan, loc), math.nan, found)
    allowed = elementwise(np.logical_and, own._argcheck(*shapes), elementwise(np.greater, scale, 0.0))
    return _chosen(allowed, found, math.nan)


def _chosen(mask: Any, yes: Any, no: Any) -> Any:
    return wrap(_SELECT(*map(objects, (mask, yes, no))))


def is_discrete(own: Any) -> bool:
    """Whether a distribution is one of counts."""
    return hasattr(own, "pmf")


class _Formulas:
    """Before the class of a distribution: its formulas take symbols, itself and what lies above it too."""

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if type(found) is MethodType and is_own_function(found.__func__):
            return MethodType(_rebuilt(found.__func__), self)  # type: ignore[arg-type]
        return found


def _formulas(own: Any) -> Any:
    """A distribution whose formulas take symbols."""
    kind: Any = type(own)
    copy: Any = object.__new__(_with_formulas(kind))
    copy.__dict__.update(vars(own))
    return copy


@lru_cache(maxsize=256)
def _with_formulas(kind: type) -> type:
    return type(kind.__name__, (_Formulas, kind), {})


def _rebuilt(function: FunctionType) -> FunctionType:
    """A function of SciPy's that chooses between formulas by what takes symbols, and so do those that it calls."""
    found = _REBUILT.get(function)
    if found is None:
        space = dict(function.__globals__)
        found = _REBUILT[function] = FunctionType(
            function.__code__, space, function.__name__, function.__defaults__, function.__closure__
        )
        names = {name for code in codes(function.__code__) for name in code.co_names}
        space.update({name: _instead(name, space[name], function.__module__) for name in names & space.keys()})
    return found


def _instead(name: str, value: Any, place: str) -> Any:
    """What stands for a thing that a function of this module names."""
    if name in _CHOOSING:
        return _CHOOSING[name]
    if type(value) is FunctionType and value.__module__ == place:
        return _rebuilt(value)
    if distribution_of(value) is value:
        return _formulas(value)
    return NUMPYS.get(value, value) if isinstance(value, ModuleType) or callable(value) else value


def _apply_where(cond: Any, args: Any, f1: Any, f2: Any = None, /, *, fill_value: Any = None, **_: Any) -> Any:
    args = args if isinstance(args, (tuple, list)) else (args,)
    return _chosen(cond, f1(*args), fill_value if f2 is None else f2(*args))


def _select_lazily(condlist: Any, choicelist: Any, arrays: Any, default: Any = 0) -> Any:
    found: Any = default
    for cond, f in zip(condlist, choicelist, strict=True):  # the last one that holds
        found = _chosen(cond, f(*arrays), found)
    return found


def _log_gauss_mass(a: Any, b: Any) -> Any:
    """The logarithm of a normal probability between two ends, on the side where its digits are."""
    special: Any = module("scipy.special")
    log_ndtr, ndtr = special.log_ndtr, special.ndtr

    def of_tail(p: Any, q: Any) -> Any:
        more = elementwise(np.expm1, elementwise(np.subtract, q, p))
        return elementwise(np.add, p, elementwise(np.log, elementwise(np.negative, more)))

    minus_a, minus_b = elementwise(np.negative, a), elementwise(np.negative, b)
    left = of_tail(elementwise(log_ndtr, b), elementwise(log_ndtr, a))
    right = of_tail(elementwise(log_ndtr, minus_a), elementwise(log_ndtr, minus_b))
    outside = elementwise(np.add, elementwise(ndtr, a), elementwise(ndtr, minus_b))
    middle = elementwise(np.log1p, elementwise(np.negative, outside))
    is_left, is_right = elementwise(np.less_equal, b, 0.0), elementwise(np.greater, a, 0.0)
    return _chosen(is_left, left, _chosen(is_right, right, middle))


_REBUILT: dict[FunctionType, FunctionType] = {}
_CHOOSING: dict[str, Any] = {
    "xpx": SimpleNamespace(apply_where=_apply_where), "_lazyselect": _select_lazily,
    "_log_gauss_mass": _log_gauss_mass,
}  # fmt: skip
"""What SciPy's formulas call that looks at numbers, by its names there."""

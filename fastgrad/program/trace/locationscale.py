"""What densities with a place and a scale have in common, number by number.

Outside the support the logarithm of a density is minus infinity, by a term that is 0 inside and has no slope, and the
density is 0 and flat; where a scale or a shape is not allowed everything is NaN, as a parameter is then. Where f knows
its data neither costs anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..specials import OPERATIONS
from .elementwise import logical_and, record, select, traced
from .specialfunctions import of, xlogy
from .symbols import Literal

Rule = Callable[..., Any]
MINUS_HALF = Literal(-0.5)


def positive(a: Any) -> Any:
    """A parameter, NaN where it is not positive: a choice, which each displaced point makes anew."""
    if traced(a):
        return select(of(np.greater)(a, 0.0), a, math.nan)
    return a if a > 0 else math.nan


def probability(p: Any) -> Any:
    """A parameter, NaN where it is not between 0 and 1."""
    if traced(p):
        return select(logical_and(of(np.greater_equal)(p, 0.0), of(np.less_equal)(p, 1.0)), p, math.nan)
    return p if 0.0 <= p <= 1.0 else math.nan


def inside(u: Any) -> Any:
    """0 of a number from 0 on, else minus infinity."""
    return record("within", u) if traced(u) else float(OPERATIONS["within"](u))


def size(a: Any) -> Any:
    return of(np.absolute)(a)


def log_size(a: Any) -> Any:
    """A logarithm that is there outside the support, too."""
    return record("logabs", a) if traced(a) else float(OPERATIONS["logabs"](a))


def times_log_size(a: Any, b: Any) -> Any:
    return record("xlogabs", a, b) if traced(a) or traced(b) else xlogy(a, abs(b))


def exp(a: Any) -> Any:
    return of(np.exp)(a)


def log(a: Any) -> Any:
    return of(np.log)(a)


def ratio(u: Any, scale: Any) -> Any:
    """u over a scale, whose inverse many numbers share."""
    return u if _is_one(scale) else u * (1.0 / positive(scale))


def _is_one(scale: Any) -> bool:
    return not traced(scale) and bool(scale == 1)


def half_square(z: Any) -> Any:
    return MINUS_HALF * (z * z) if traced(z) else -0.5 * z * z


def from_zero(u: Any, scale: Any) -> tuple[Any, ...]:
    return (u,)


def from_one(u: Any, scale: Any) -> tuple[Any, ...]:
    return (u - scale,)


def to_scale(u: Any, scale: Any) -> tuple[Any, ...]:
    return (u, scale - u)


def flat(parameters: Iterable[Any]) -> Any:
    """0 without a slope; NaN where a parameter is."""
    found: Any = 0.0
    for p in parameters:
        found = select(of(np.isnan)(p), math.nan, found)
    return found


def with_scale(logarithm: Rule, constant: Rule, support: Rule | None = None) -> dict[str, Rule]:
    """Density and its logarithm, from that of scale 1 without what does not depend on x, which many numbers share.

    Of x - loc and the scale the support gives the distances to its ends, below 0 outside.
    """

    def everywhere(x: Any, *parameters: Any) -> tuple[Any, Any, list[Any]]:
        *shapes, loc, scale = parameters
        shapes = [positive(shape) for shape in shapes]
        u = x - loc if traced(loc) or loc != 0 else x
        shared = constant(*shapes)
        found = logarithm(ratio(u, scale), *shapes) - (shared if _is_one(scale) else shared + log(positive(scale)))
        return found, u, shapes

    def logpdf(x: Any, *parameters: Any) -> Any:
        found, u, _ = everywhere(x, *parameters)
        return found if support is None else found + sum(map(inside, support(u, parameters[-1])))

    def pdf(x: Any, *parameters: Any) -> Any:
        found, u, shapes = everywhere(x, *parameters)
        if support is None:
            return exp(found)
        outside, density = flat([*shapes, positive(parameters[-1])]), exp(found)
        if not traced(u):  # a number that has no density whatever the parameters are, or by a power of 0
            density = select(of(np.equal)(found, -math.inf), outside, density)
        for distance in support(u, parameters[-1]):
            density = select(of(np.less)(distance, 0.0), outside, density)
        return density

    return {"logpdf": logpdf, "pdf": pdf}


def with_tails(**rules: Rule) -> dict[str, Rule]:
    """Distribution functions, from those of scale 1."""

    def of_ratio(rule: Rule) -> Rule:
        def of_all(x: Any, *parameters: Any) -> Any:
            *shapes, loc, scale = parameters
            return rule(ratio(x - loc if traced(loc) or loc != 0 else x, scale), *map(positive, shapes))

        return of_all

    return {name: of_ratio(rule) for name, rule in rules.items()}

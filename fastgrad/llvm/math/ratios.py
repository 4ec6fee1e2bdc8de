"""Functions of small numbers, as Taylor's series: two or three instructions where a function takes thirty.

A few terms are enough for steps of differences; of larger numbers many. Beyond a limit, where what differences are made
of these would lose digits, and of what is not a number, they are not numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from math import factorial

from .values import Found, Value, polynomial

NEAR = 2.0**-14
# Of q = d * d, but for the last three; terms up to NEAR and, if there is a limit, up to that.
SERIES = {
    "sinhc": [1 / factorial(2 * k + 1) for k in range(10)],
    "coshc": [2 / factorial(2 * k + 2) for k in range(10)],
    "sinc": [(-1) ** k / factorial(2 * k + 1) for k in range(10)],
    "cosc": [2 * (-1) ** k / factorial(2 * k + 2) for k in range(10)],
    "tanhc": [1.0, -1 / 3, 2 / 15, -17 / 315],
    "tanc": [1.0, 1 / 3, 2 / 15, 17 / 315],
    "atanhc": [1 / (2 * k + 1) for k in range(14)],
    "expc": [1 / factorial(k + 1) for k in range(18)],
    "logc": [(-1) ** k / (k + 1) for k in range(18)],
    "geometric": [1.0] * 4,
}
TERMS = {"tanhc": 4, "tanc": 4, "atanhc": 4, "expc": 4, "logc": 4, "geometric": 4}  # up to NEAR; of others 3
LIMITS = {"sinhc": 1.0, "coshc": 1.0, "tanhc": 1.0, "tanc": 1.0, "expc": 1.0, "atanhc": 1 / 16, "logc": 1 / 8}
OF_NUMBERS = frozenset({"expc", "logc", "geometric"})


def ratio(name: str) -> Callable[[Value], Found]:
    """What writes one of them; not numbers are not near."""

    def written(a: Value) -> Found:
        return polynomial(a, SERIES[name][: TERMS.get(name, 3)]), _size(name, a).compare("ugt", NEAR)

    return written


def _softplus(p: Value, q: Value) -> Found:
    """Of a share and a square: by the first, third and fifth derivative of softplus, all but q in common to many."""
    rest = 1.0 - p
    both = p * rest
    third = both * (rest - p) * (1 / 6)
    fifth = third * both.times(-12 / 20, 1 / 20)
    return q.times(q.times(fifth, third), p), q.compare("ugt", NEAR)


NEARBY: dict[str, Callable[..., Found]] = {name: ratio(name) for name in SERIES} | {"softplusc": _softplus}


def _size(name: str, a: Value) -> Value:
    return abs(a) if name in OF_NUMBERS else a


def far(name: str, function: Callable[[str, str], str], a: Value, *more: Value) -> Value:
    """One of a number that is not near; some by the function that they are a ratio of."""
    if more:
        return _far_softplus(function, a, *more)
    if name == "geometric":
        return 1.0 / a.times(0.0, 1.0 - a)  # not a number where a is infinite
    if name in LIMITS:
        return _size(name, a).compare("ole", LIMITS[name]).choose(_series(name, a), float("nan"))
    d = (a * 0.25).sqrt() if name == "cosc" else a.sqrt()
    once = Value(a.v, function("sin", d.name)) / d
    return once * once if name == "cosc" else once


def _far_softplus(function: Callable[[str, str], str], p: Value, q: Value) -> Value:
    """By the logarithm of 1 + exp(a + d) over 1 + exp(a - d)."""
    d = q.sqrt()
    below = p.times(Value(p.v, function("exp", (-d).name)), 1.0 - p)
    more = p * d * _series("sinhc", q) * 2.0 / below
    found = Value(p.v, function("log1p", more.name)) / (d * 2.0)
    return q.compare("ole", 1.0).choose(found, float("nan"))


def _series(name: str, a: Value) -> Value:
    if name == "tanhc":
        return _series("sinhc", a) / (a * _series("coshc", a)).times(0.5, 1.0)
    if name == "tanc":
        return _series("sinc", a) / (a * _series("cosc", a)).times(-0.5, 1.0)
    return polynomial(a, SERIES[name])

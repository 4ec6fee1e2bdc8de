"""Functions of small numbers, as Taylor's series up to rounding; larger numbers are left to others.

Of steps of differences: each takes two or three instructions where a function takes ten to thirty.
"""

from __future__ import annotations

from collections.abc import Callable

from .values import Found, Value, polynomial

NEAR = 2.0**-14
# what each is a series of: q = d * d of the first ones
SERIES = {
    "sinhc": (1.0, 1 / 6, 1 / 120),
    "sinc": (1.0, -1 / 6, 1 / 120),
    "coshc": (1.0, 1 / 12, 1 / 360),
    "cosc": (1.0, -1 / 12, 1 / 360),
    "tanhc": (1.0, -1 / 3, 2 / 15, -17 / 315),
    "tanc": (1.0, 1 / 3, 2 / 15, 17 / 315),
    "atanhc": (1.0, 1 / 3, 1 / 5, 1 / 7),
    "expc": (1.0, 1 / 2, 1 / 6, 1 / 24),
    "logc": (1.0, -1 / 2, 1 / 3, -1 / 4),
    "geometric": (1.0, 1.0, 1.0, 1.0),
}
OF_SQUARES = {"sinhc": "sinh", "sinc": "sin", "tanhc": "tanh", "tanc": "tan", "atanhc": "atanh"}
OF_HALVES = {"coshc": "sinh", "cosc": "sin"}  # their squares at half of d
OF_NUMBERS = {"expc": "expm1", "logc": "log1p"}


def ratio(name: str) -> Callable[[Value], Found]:
    """What writes one of them; not numbers are not near."""

    def written(a: Value) -> Found:
        size = a if name in OF_SQUARES or name in OF_HALVES else abs(a)
        return polynomial(a, SERIES[name]), size.compare("ugt", NEAR)

    return written


def far(name: str, a: Value, function: Callable[[str, str], str]) -> Value:
    """One of a number that is not near, by the function that it is a ratio of."""
    if name == "geometric":
        return 1.0 / a.times(0.0, 1.0 - a)  # not a number where a is infinite
    if name in OF_HALVES:
        half = (a * 0.25).sqrt()
        once = Value(a.v, function(OF_HALVES[name], half.name)) / half
        return once * once
    below = a.sqrt() if name in OF_SQUARES else a
    return Value(a.v, function((OF_SQUARES | OF_NUMBERS)[name], below.name)) / below

"""How precise values of f are by their digits: those that were rounded have few, whatever f computes in."""

from __future__ import annotations

from decimal import Decimal
from math import isfinite

from ..results import EPS
from .values import may_be_single, precision_by_digits

MOST = 11  # significant digits of a number that was rounded to some; of others one in 10,000 has so few


def may_be_rounded(value: float) -> bool:
    """Whether a number has no more digits than a float32, or few decimal ones."""
    return isfinite(value) and (may_be_single(value) or _quantum(value)[1] <= MOST)


def precision_of(values: list[float]) -> float:
    """Machine epsilon of an f with such values around a point: that of float64, unless all of them are rounded."""
    found = precision_by_digits(values)
    numbers = [value for value in values if value]
    if found > EPS or not numbers or not all(map(may_be_rounded, values)) or len({*values}) < 2:
        return found
    finest, largest = min(_quantum(value)[0] for value in numbers), max(map(abs, numbers))
    return max(EPS, float(finest) / largest) if float(finest) * 10**MOST >= largest else EPS


def _quantum(value: float) -> tuple[Decimal, int]:
    """The place of the last decimal digit of a number, and how many it has."""
    _, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    return Decimal(1).scaleb(int(exponent)), len(digits)

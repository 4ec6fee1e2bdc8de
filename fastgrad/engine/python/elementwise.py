"""Is f, which gets the numbers of many points in one array, a function of one variable?

Where f at one element depends on others, as x * np.sum(x) does, a difference of two arrays in which all have moved is
no derivative. So f is asked again, where only some of the elements have moved: at all of them it has to be what it was.
Any two elements are told apart by one of these calls, 3 for 8 elements, 8 for 256, 20 for a million. Of more than 256 a
few are asked instead, but where f refuses fewer than all, as one with a parameter for each does: then all these calls
are made. By two of them, the last digit and chance, one pair in four was missed: one element that reads another.

What f decides by all elements, as by ``np.all(x < 1)``, stays as it is in all of these. So f has to be what it was also
where all are the extreme one. What it decides by the size of an array differs only from what it is of numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...formulas.steps import default_factor, irregular
from ...formulas.values import precision
from ...program import look
from ...program.captures import plain_function
from ...results import EPS
from ..call import Call

Array = NDArray[Any]

FEW = 256  # numbers up to which f of all of them takes no longer than f of a few
SAMPLE = 48  # of more numbers
SAME = 64.0  # roundings of f by which it may differ between arrays: vector math rounds the last elements otherwise

WHOLE = (
    "f is no function of one variable: its value at element {0} of an array changes when only other elements do, which "
    "derivative() does not see. For an f of whole arrays write fastgrad.jacobian(f, x), or fastgrad.gradient where it "
    "returns one number; for an f of single numbers fastgrad.derivative(np.vectorize(f), x)"
)
ALONE = (
    "f is no function of one variable: of {0!r} alone it is {1!r}, of an array with others {2!r}. It looks at the "
    "array, as np.all, np.any and np.size do. For an f of single numbers write fastgrad.derivative(np.vectorize(f), x)"
)


class Ends(NamedTuple):
    """Some numbers in one axis, the same moved, f of both, and by what its roundings are measured where it is known."""

    a: Array
    b: Array
    of_a: Array
    of_b: Array
    sizes: Array | None = None


def check_ends(
    call: Call, shape: tuple[int, ...], ends: Callable[[Any], Ends], eps: float = EPS, part: Any = np.asarray,
    *, numbers: bool = False,
) -> int:  # fmt: skip
    """As `_check_mixed`, and where all elements are an extreme one; of that alone where f is called with `numbers`."""
    if prod(shape) < 2:
        return 0
    whole = ends(slice(None))
    asked = _check_mixed(call, shape, ends, whole, eps, part)
    if call.bounds is not None and any((b != b[0]).any() for b in call.bounds):  # not all may be the same
        return asked
    picks = _extremes(whole.a)
    a, b, of_a, of_b, sizes = whole
    sizes = _sizes(Ends(a[picks], b[picks], of_a[picks], of_b[picks])) if sizes is None else sizes[picks]
    for i, size in zip(picks, sizes, strict=True):
        for value in _alone(call, a[i], i, shape, numbers):
            asked += 1
            with np.errstate(all="ignore"):
                apart = value is not None and float(abs(part(value) - of_a[i])) > SAME * eps * size
            if not apart:
                break
        if apart:
            raise ValueError(ALONE.format(a[i].item(), part(value).item(), of_a[i].item()))
    return asked


def _alone(call: Call, x: Any, i: int, shape: tuple[int, ...], numbers: bool) -> Iterator[Any]:
    """What f gives for an element where all are the same: of the number; or of a few, and of all where these differ.

    They do where f refuses a few, or looks at the size of the array, or at the place of an element.
    """
    if numbers:
        value = _asked(call, x[()])
        yield None if value is None else value.reshape(())[()]
        return
    if prod(shape) > FEW:
        value = _asked(call, np.full(SAMPLE, x))
        yield np.inf if value is None else value.flat[0]
    value = _asked(call, np.full(shape, x))
    yield None if value is None else value.flat[i]


def _extremes(x: Array) -> list[int]:
    """The numbers of the smallest and the largest element, and of the one next to 0; those of complex ones by size."""
    kinds = [np.abs(x)] if x.dtype.kind == "c" else [x, -x, np.abs(x)]
    found = sorted({int(kind.argmin()) for kind in kinds})
    if np.isnan(x[found]).any():  # which argmin takes for the smallest
        found = sorted({int(np.where(np.isnan(kind), np.inf, kind).argmin()) for kind in kinds})
    return found


def _check_mixed(
    call: Call, shape: tuple[int, ...], ends: Callable[[Any], Ends], whole: Ends, eps: float, part: Any
) -> int:
    """Raise ValueError where f at one element of arrays depends on others; how often f was called.

    Of many elements a few are asked first, in an array of their own. Where f refuses that or gives something else,
    which it may if each element has a parameter, all of them are asked. ``ends(picks)`` are some elements of the flat
    arrays, `part` is of what f returns.
    """
    count, asked = prod(shape), 0
    if count > FEW:
        some = ends(_spread(count))
        apart, asked = _apart(call, some, None, eps, part)
        if apart is not None and not apart.any():
            return asked
    apart, more = _apart(call, whole, shape, eps, part)
    if apart is not None and apart.any():
        place = tuple(map(int, np.unravel_index(int(apart.argmax()), shape)))
        raise ValueError(WHOLE.format(place[0] if len(place) == 1 else place))
    return asked + more


def check_numbers(call: Call) -> int:
    """As `check_ends`, of a few numbers, where f gets single ones; it may refuse arrays."""
    with look.quiet():
        return _check_picked(call, min(call.points.count, SAMPLE), numbers=True)[1]


def check_arrays(call: Call) -> int:
    """As `check_ends`, where f gets arrays of all numbers, by arrays of its own: of a few, if these tell."""
    with look.quiet():
        if call.points.count > FEW:
            with suppress(ValueError):
                told, asked = _check_picked(call, SAMPLE)
                if told:
                    return asked
        return _check_picked(call, call.points.count)[1]


def _check_picked(call: Call, count: int, *, numbers: bool = False) -> tuple[bool, int]:
    """Whether f has told of so many of the numbers that each is by itself, and how often it was called."""
    picks = np.linspace(0, call.points.count - 1, count).astype(np.intp)
    x = np.array(call.points.row(picks))
    far = default_factor(1, 2) * np.maximum(1.0, np.abs(x)) * irregular(count)[:, None]
    moved = x + far
    if call.bounds is not None:
        low, high = (b[picks] for b in call.bounds)
        moved = np.clip(np.where(moved > high, x - far, moved), low, high)
    shape = call.whole if count == call.points.count else (count,)
    values = [value for value in (_asked(call, a.reshape(shape)) for a in (x, moved)) if value is not None]
    if len(values) < 2:
        return False, 2
    arrays = [a.astype(np.float64).reshape(-1) for a in (x, moved, *values)]
    ends, eps = lambda some: Ends(*(a[some] for a in arrays)), max(map(precision, values))
    return True, 2 + check_ends(call, shape, ends, eps, numbers=numbers)


def _asked(call: Call, x: Array) -> Array | None:
    """f of an array of its own, whatever shape it gives back, or None where it refuses that."""
    f = plain_function(call.f)
    try:
        value = np.array(f(x.copy(), *call.args))  # a copy: f may use its array again
    except Exception:  # noqa: BLE001  it is only a question
        return None
    return value.reshape(x.shape) if value.size == x.size and value.dtype.kind in "fiubc" else None


def _apart(
    call: Call, ends: Ends, shape: tuple[int, ...] | None, eps: float, part: Any
) -> tuple[NDArray[np.bool_] | None, int]:
    """Where f, of elements of both arrays, is not what it is there, but for rounding, and how often it was asked.

    None where it refuses. What is NaN is no derivative either.
    """
    apart: NDArray[np.bool_] | None = None
    for asked, half in enumerate(_halves(ends.a.size), 1):
        mixed = np.where(half, ends.a, ends.b)
        value = _asked(call, mixed if shape is None else mixed.reshape(shape))
        if value is None:
            return None, asked
        value, expected = part(value).reshape(-1), np.where(half, ends.of_a, ends.of_b)
        apart = value != expected
        if apart.any():  # mostly not one is
            with np.errstate(all="ignore"):
                near = np.abs(value - expected) <= SAME * eps * (_sizes(ends) if ends.sizes is None else ends.sizes)
            apart &= ~near & ~np.isnan(expected)
        if apart.any():
            break
    return apart, asked


def _sizes(ends: Ends) -> Array:
    """f itself, and what its slope makes of the roundings of x."""
    a, b, of_a, of_b, _ = ends
    slope = np.abs((of_a - of_b) / (a - b)) * np.maximum(np.abs(a), np.abs(b))
    return np.asarray(np.fmax(np.fmax(np.abs(of_a), np.abs(of_b)), slope))


@lru_cache(maxsize=64)
def _spread(count: int) -> NDArray[np.intp]:
    """The numbers of a few elements among many."""
    return np.unique((count * (2.0 * irregular(SAMPLE) - 0.5)).astype(np.intp))


def _halves(count: int) -> Iterator[NDArray[np.bool_]]:
    """Halves of the elements by the digits of their numbers, of which any two differ in one."""
    return iter(_few_halves(count)) if count <= FEW else _made_halves(count)


@lru_cache(maxsize=64)
def _few_halves(count: int) -> list[NDArray[np.bool_]]:
    return list(_made_halves(count))


def _made_halves(count: int) -> Iterator[NDArray[np.bool_]]:
    numbers = np.arange(count)
    for k in range((count - 1).bit_length()):
        yield (numbers & 1 << k) == 0

"""Rules for tracing eigenvalues of symmetric matrices and singular values of small ones, by rotations.

(G. Golub, C. Van Loan, "Matrix Computations", 4th ed., sections 8.5 and 8.6.)
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from .arrays import FUNCTIONS, Objects, elementwise
from .elementwise import record, select, traced
from .matrices import each, or_numpys, real_only, square
from .ordering import comparators
from .reductions import numbers, objects, sum_, tree
from .refusals import refuse
from .symbols import RULES

LARGEST, SWEEPS, DIFFERENTIATED = 6, 6, 3
"""Rows of a matrix, or columns; turns through all pairs of them, after which they do not change any more; and turns
after which no derivative of the first eight depends on what was there before."""
LONGEST = 16
"""And the longer side of a matrix whose singular values are taken."""

NEAR = 2.0**-20
"""Numbers that differ by less than this share of their sizes are equal to second derivatives, which are none there."""
_EPS, _TINY = float(np.finfo(float).eps), float(np.finfo(float).tiny)
_CONVERGED, _SHIFT = 2.0**-40, 2.0**500
Rotation = tuple[Any, Any, Any, Any]

_abs, _hypot, _less = RULES[np.absolute], RULES[np.hypot], RULES[np.less_equal]


def _rotation(gap: Any, beside: Any, size: Any, least: float = _EPS) -> Rotation:
    """Cosine, sine and tangent of the smaller angle by which what lies beside two numbers becomes 0; whether none is.

    Nothing is turned where that is `least` of their size and they are nearly equal: the angle has no derivative there.
    """
    still = RULES[np.bitwise_and](_less(_abs(beside), size * least), _less(_abs(gap), size * NEAR))
    both = beside * 2.0
    longer = gap + RULES[np.copysign](_hypot(gap, both), gap)
    tangent = select(still, 0.0, both / select(still, 1.0, longer))
    cosine = 1.0 / RULES[np.sqrt](tangent * tangent + 1.0)
    return cosine, tangent * cosine, tangent, still


def _without_second(equal: Any, gap: Any, beside: Any) -> Any:
    """A number that is 0, as its first derivatives are; its second ones are infinite where two numbers are equal.

    Nothing tells how such numbers turn into each other: 1 / gap, which second derivatives have, is rounding.
    """
    return select(equal, _hypot(_zero(gap), _zero(beside)), 0.0)


def _zero(a: Any) -> Any:
    """Of numbers up to 2**500: of larger ones so much larger ones are none."""
    within = RULES[np.maximum](RULES[np.minimum](a, _SHIFT), -_SHIFT)
    return within - without_derivative(within)


def without_derivative(a: Any) -> Any:
    """Numbers as they are: so much larger they are integers, which rounding does not change, and that has no slope."""
    return elementwise(np.multiply, elementwise(np.rint, elementwise(np.multiply, a, _SHIFT)), 1.0 / _SHIFT)


def _eigenvalues(a: Objects) -> Any:
    """Of a symmetric matrix, of which its lower triangle is read."""
    if len(a) == 1:
        return a[0]
    if len(a) > 2:
        matrix, size = scaled(a)
        return elementwise(np.multiply, _in_order(on_the_diagonal(matrix)), size)
    mean, half = (a[0, 0] + a[1, 1]) * 0.5, (a[0, 0] - a[1, 1]) * 0.5
    distance = _apart(half, a[1, 0], mean)
    return np.array([mean - distance, mean + distance], dtype=object)


def _apart(u: Any, v: Any, size: Any) -> Any:
    """A length beside a number to which it is added and from which it is taken."""
    found = _hypot(u, v)
    return found + _without_second(_less(found, _abs(size) * NEAR), u, v)


def on_the_diagonal(a: Objects, columns: list[Objects] | None = None) -> list[Any]:
    """The numbers that are left where all rotations have been done, which columns go along with."""
    n, m = len(a), a.copy()
    pairs = list(combinations(range(n), 2))
    for turn, (p, q) in enumerate(SWEEPS * pairs):
        gap, beside = m[q, q] - m[p, p], m[q, p]
        cosine, sine, tangent, still = _rotation(gap, beside, _abs(m[p, p]) + _abs(m[q, q]))
        change = tangent * beside
        is_last = turn >= (SWEEPS - 1) * len(pairs)
        none = _without_second(still, gap, beside) if is_last else 0.0
        # What lies beside two equal numbers keeps its derivative.
        m[p, p], m[q, q], m[q, p] = m[p, p] - change + none, m[q, q] + change + none, select(still, beside, 0.0)
        for k in {*range(n)} - {p, q}:
            (i, j), (u, v) = sorted((k, p), reverse=True), sorted((k, q), reverse=True)
            m[i, j], m[u, v] = cosine * m[i, j] - sine * m[u, v], sine * m[i, j] + cosine * m[u, v]
        if columns:
            columns[p], columns[q] = _turned(cosine, sine, columns[p], columns[q])
    return [m[i, i] for i in range(n)]


def _in_order(values: list[Any]) -> Objects:
    """The smallest first."""
    for i, j in comparators(len(values)):
        pair = values[i], values[j]
        values[i], values[j] = RULES[np.minimum](*pair), RULES[np.maximum](*pair)
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def _eigvalsh(a: Any, UPLO: Any = "L") -> Any:
    matrix = real_only("eigvalsh", square("eigvalsh", a, largest=LARGEST))
    return each(_eigenvalues, matrix if UPLO in "Ll" else np.swapaxes(matrix, -1, -2))


def singular_values(a: Objects) -> Objects:
    """The largest first: the lengths of columns that have been rotated until they are orthogonal."""
    matrix = small("takes singular values", real_only("svd", a))
    if a.shape == (2, 2):
        first = _hypot(a[0, 0] + a[1, 1], a[0, 1] - a[1, 0])
        second = _apart(a[0, 0] - a[1, 1], a[0, 1] + a[1, 0], first)
        return np.array([(first + second) * 0.5, abs(first - second) * 0.5], dtype=object)
    matrix, size = scaled(matrix)
    given = list(matrix.T if a.shape[1] <= a.shape[0] else matrix)
    made = [without_derivative(row) for row in orthogonal(given)[1]]
    columns = [sum_(elementwise(np.multiply, row[:, None], np.array(given, dtype=object)), axis=0) for row in made]
    columns, none = differentiable([objects(c) for c in columns])
    found = _in_order([length(c) + n for c, n in zip(columns, none, strict=True)])[::-1]
    return np.asarray(elementwise(np.multiply, found, size), dtype=object)


def scaled(a: Objects) -> tuple[Objects, Any]:
    """A matrix over a power of two as large as its largest number, and that, which has no derivative of its own."""
    largest = tree(np.maximum, objects(elementwise(np.absolute, a)), None, False)
    if not traced(largest):
        return a, 1.0
    size = record("power", RULES[np.maximum](largest, _TINY))
    return np.asarray(elementwise(np.divide, a, size), dtype=object), size


def small(what: str, matrix: Objects) -> Objects:
    """A matrix, or a stack of some, that is small enough to be written out."""
    if matrix.ndim < 2 or not 0 < min(matrix.shape[-2:]) <= LARGEST or max(matrix.shape[-2:]) > LONGEST:
        refuse(f"f {what} of an array of shape {matrix.shape}; up to {LONGEST} x {LARGEST} are traced")
    return matrix


def orthogonal(columns: list[Objects]) -> tuple[list[Objects], list[Objects]]:
    """Columns turned until they are orthogonal, and what of the old ones each is made of."""
    turned, made = list(columns), list(np.eye(len(columns)).astype(object))
    for p, q in SWEEPS * list(combinations(range(len(columns)), 2)):
        gap, beside, size = _lengths(turned[p], turned[q])
        cosine, sine, *_ = _rotation(gap, beside, size)
        for pair in (turned, made):
            pair[p], pair[q] = _turned(cosine, sine, pair[p], pair[q])
    return turned, made


def differentiable(columns: list[Objects], count: int | None = None) -> tuple[list[Objects], list[Any]]:
    """Orthogonal columns, turned once more where these are not as long as each other, with what has no second ones.

    Of so many of their numbers, which others go along with.
    """
    turned, none, pairs = list(columns), [0.0] * len(columns), list(combinations(range(len(columns)), 2))
    for turn, (p, q) in enumerate(DIFFERENTIATED * pairs):
        gap, beside, size = _lengths(turned[p][:count], turned[q][:count])
        cosine, sine, _, still = _rotation(gap, beside, size, _CONVERGED)
        if turn < len(pairs):
            added = _without_second(still, gap, beside)
            none[p], none[q] = none[p] + added, none[q] + added
        turned[p], turned[q] = _turned(cosine, sine, turned[p], turned[q])
    return turned, none


def _lengths(u: Objects, v: Objects) -> tuple[Any, Any, Any]:
    """The difference of the squares of two lengths, their product, the sum of the squares."""
    first, second = _product(u, u), _product(v, v)
    return second - first, _product(u, v), first + second


def _turned(cosine: Any, sine: Any, u: Objects, v: Objects) -> tuple[Objects, Objects]:
    return _mixed(cosine, u, -sine, v), _mixed(sine, u, cosine, v)


def length(column: Objects) -> Any:
    """Of a column of numbers."""
    return RULES[np.sqrt](_product(column, column))


def _product(u: Objects, v: Objects) -> Any:
    return sum_(elementwise(np.multiply, u, v))


def _mixed(a: Any, u: Objects, b: Any, v: Objects) -> Objects:
    mixed = elementwise(np.add, elementwise(np.multiply, a, u), elementwise(np.multiply, b, v))
    return np.asarray(mixed, dtype=object)


def svdvals(x: Any, /) -> Any:
    """The singular values of each matrix."""
    return each(singular_values, numbers(x))


def _cond(x: Any, p: Any = None) -> Any:
    if p not in (None, 2):
        refuse(f"f takes np.linalg.cond with p={p!r}, traced is the ratio of singular values")
    values = np.asarray(svdvals(x), dtype=object)
    return elementwise(np.divide, values[..., 0], values[..., -1])


for _name, _rule in (("eigvalsh", _eigvalsh), ("svdvals", svdvals), ("cond", _cond)):
    if hasattr(np.linalg, _name):
        FUNCTIONS[getattr(np.linalg, _name)] = or_numpys(getattr(np.linalg, _name), _rule)

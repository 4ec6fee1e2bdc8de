"""Rules for tracing eigenvalues of symmetric matrices and singular values of small ones, by rotations.

(G. Golub, C. Van Loan, "Matrix Computations", 4th ed., sections 8.5 and 8.6.)
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from .arrays import FUNCTIONS, Objects, elementwise
from .elementwise import select
from .matrices import each, or_numpys, real_only, square
from .ordering import comparators
from .reductions import numbers, only, sum_
from .refusals import refuse
from .symbols import RULES

LARGEST, SWEEPS = 4, 6
"""Rows of a matrix, or columns; turns through all pairs of them, after which they do not change any more."""
LONGEST = 16
"""And the longer side of a matrix whose singular values are taken."""

Rotation = tuple[Any, Any, Any]


def _rotation(gap: Any, beside: Any) -> Rotation:
    """The cosine, the sine and the tangent of the smaller angle by which what lies beside two numbers becomes 0."""
    both = beside * 2.0
    length = RULES[np.hypot](gap, both)
    tangent = both / select(RULES[np.equal](length, 0.0), 1.0, gap + RULES[np.copysign](length, gap))
    cosine = 1.0 / RULES[np.sqrt](tangent * tangent + 1.0)
    return cosine, tangent * cosine, tangent


def _eigenvalues(a: Objects) -> Any:
    """Of a symmetric matrix, of which its lower triangle is read."""
    if len(a) == 1:
        return a[0]
    if len(a) > 2:
        return _in_order(_on_the_diagonal(a))
    mean, half = (a[0, 0] + a[1, 1]) * 0.5, (a[0, 0] - a[1, 1]) * 0.5
    distance = RULES[np.hypot](half, a[1, 0])
    return np.array([mean - distance, mean + distance], dtype=object)


def _on_the_diagonal(a: Objects) -> list[Any]:
    n, m = len(a), a.copy()
    for p, q in SWEEPS * list(combinations(range(n), 2)):
        gap, beside = m[q, q] - m[p, p], m[q, p]
        cosine, sine, tangent = _rotation(gap, beside)
        change = tangent * beside
        # Of two equal numbers with 0 beside them nothing is turned, and what lies beside keeps its derivative.
        still = RULES[np.equal](RULES[np.hypot](gap, beside), 0.0)
        m[p, p], m[q, q], m[q, p] = m[p, p] - change, m[q, q] + change, select(still, beside, 0.0)
        for k in {*range(n)} - {p, q}:
            (i, j), (u, v) = sorted((k, p), reverse=True), sorted((k, q), reverse=True)
            m[i, j], m[u, v] = cosine * m[i, j] - sine * m[u, v], sine * m[i, j] + cosine * m[u, v]
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
        first = RULES[np.hypot](a[0, 0] + a[1, 1], a[0, 1] - a[1, 0])
        second = RULES[np.hypot](a[0, 0] - a[1, 1], a[0, 1] + a[1, 0])
        return np.array([(first + second) * 0.5, abs(first - second) * 0.5], dtype=object)
    columns, _ = orthogonal(list(matrix.T if a.shape[1] <= a.shape[0] else matrix))
    return _in_order([length(c) for c in columns])[::-1]


def small(what: str, matrix: Objects) -> Objects:
    """A matrix, or a stack of some, that is small enough to be written out."""
    if matrix.ndim < 2 or not 0 < min(matrix.shape[-2:]) <= LARGEST or max(matrix.shape[-2:]) > LONGEST:
        refuse(f"f {what} of an array of shape {matrix.shape}; up to {LONGEST} x {LARGEST} are traced")
    return matrix


def orthogonal(columns: list[Objects]) -> tuple[list[Objects], list[Objects]]:
    """Columns turned until they are orthogonal, and what of the old ones each new one is made of."""
    turned, made = list(columns), list(np.eye(len(columns)).astype(object))
    for p, q in SWEEPS * list(combinations(range(len(columns)), 2)):
        u, v = turned[p], turned[q]
        cosine, sine, _ = _rotation(_product(v, v) - _product(u, u), _product(u, v))
        for pair in (turned, made):
            u, v = pair[p], pair[q]
            pair[p], pair[q] = _mixed(cosine, u, -sine, v), _mixed(sine, u, cosine, v)
    return turned, made


def length(column: Objects) -> Any:
    """Of a column of numbers."""
    return RULES[np.sqrt](_product(column, column))


def _product(u: Objects, v: Objects) -> Any:
    return sum_(elementwise(np.multiply, u, v))


def _mixed(a: Any, u: Objects, b: Any, v: Objects) -> Objects:
    mixed = elementwise(np.add, elementwise(np.multiply, a, u), elementwise(np.multiply, b, v))
    return np.asarray(mixed, dtype=object)


def _svdvals(x: Any, /) -> Any:
    return each(singular_values, numbers(x))


def _svd(a: Any, full_matrices: Any = True, compute_uv: Any = True, hermitian: Any = False) -> Any:
    if compute_uv:
        refuse("f takes singular vectors, whose signs nothing tells; the values alone are traced by compute_uv=False")
    only("hermitian", hermitian, False)
    return _svdvals(a)


def _cond(x: Any, p: Any = None) -> Any:
    if p not in (None, 2):
        refuse(f"f takes np.linalg.cond with p={p!r}, traced is the ratio of singular values")
    values = np.asarray(_svdvals(x), dtype=object)
    return elementwise(np.divide, values[..., 0], values[..., -1])


for _name, _rule in (("eigvalsh", _eigvalsh), ("svdvals", _svdvals), ("svd", _svd), ("cond", _cond)):
    if hasattr(np.linalg, _name):
        FUNCTIONS[getattr(np.linalg, _name)] = or_numpys(getattr(np.linalg, _name), _rule)

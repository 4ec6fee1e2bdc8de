"""Rules for tracing eigenvectors of symmetric matrices and singular vectors of small ones, by the same rotations.

Where two values are nearly equal their vectors are none, and f itself is asked; what depends on signs is refused.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from .arrays import FUNCTIONS, Objects, elementwise, wrap
from .elementwise import ask_where, select, traced
from .flips import of_either_sign
from .matrices import or_numpys, real_only, square
from .ordering import comparators
from .reductions import numbers, objects, only, sum_
from .refusals import refuse
from .spectra import (
    LARGEST,
    differentiable,
    length,
    on_the_diagonal,
    orthogonal,
    scaled,
    small,
    svdvals,
    without_derivative,
)
from .symbols import RULES

NEAR, NONE = 2.0**-24, 2.0**-40
"""Shares of the largest value by which two differ, or that one is, whose vectors have no digits."""
_SELECT = np.frompyfunc(select, 3, 1)
_less, _absolute = RULES[np.less], RULES[np.absolute]
Columns = list[Objects]


def _in_order(values: list[Any], columns: Columns) -> None:
    """The smallest first, with its column."""
    for i, j in comparators(len(values)):
        swap = _less(values[j], values[i])
        values[i], values[j] = select(swap, values[j], values[i]), select(swap, values[i], values[j])
        columns[i], columns[j] = _SELECT(swap, columns[j], columns[i]), _SELECT(swap, columns[i], columns[j])


def _ask_where_near(values: list[Any], largest: Any) -> None:
    """f itself is asked where two values that follow each other are nearly equal."""
    for one, other in pairwise(values):
        ask_where(RULES[np.less_equal](_absolute(other - one), largest * NEAR))


def _signed(columns: Columns, values: list[Any]) -> Columns:
    like = next(v for v in (*values, *np.concatenate(columns).tolist()) if traced(v))
    return [np.array(of_either_sign(column.tolist(), like), dtype=object) for column in columns]


def _eigenvectors(a: Objects) -> tuple[Objects, Objects]:
    matrix, size = scaled(a)
    columns = list(np.eye(len(a)).astype(object))
    values = on_the_diagonal(matrix, columns)
    _in_order(values, columns)
    largest = RULES[np.maximum](_absolute(values[0]), _absolute(values[-1]))
    _ask_where_near(values, largest)
    vectors = np.array(_signed(columns, values), dtype=object).T
    return objects(elementwise(np.multiply, np.array(values, dtype=object), size)), vectors


def _singular_vectors(a: Objects) -> tuple[Objects, Objects, Objects]:
    """Of a matrix that has no more columns than rows: these, rotated until they are orthogonal, over their lengths."""
    matrix, size = scaled(a)
    rows, given = len(a), list(matrix.T)
    made = [without_derivative(row) for row in orthogonal(given)[1]]
    columns = [sum_(elementwise(np.multiply, row[:, None], np.array(given, dtype=object)), axis=0) for row in made]
    both = [np.concatenate([objects(c), objects(m)]) for c, m in zip(columns, made, strict=True)]
    both, none = differentiable(both, rows)
    values = [-(length(c[:rows]) + n) for c, n in zip(both, none, strict=True)]
    _in_order(values, both)
    largest = -values[0]
    _ask_where_near(values, largest)
    for k, (value, column) in enumerate(zip(values, both, strict=True)):
        ask_where(RULES[np.less_equal](-value, largest * NONE))
        both[k] = np.concatenate([objects(elementwise(np.divide, column[:rows], -value)), column[rows:]])
    vectors = np.array(_signed(both, values), dtype=object)
    found = elementwise(np.multiply, np.array([-v for v in values], dtype=object), size)
    return vectors[:, :rows].T, objects(found), vectors[:, rows:]


def _of_each(rule: Any, a: Objects) -> list[Any]:
    """The results of a rule for each matrix of a stack, stacked."""
    if a.ndim == 2:
        return list(map(wrap, rule(a)))
    parts = [_of_each(rule, row) for row in a]
    return [wrap(np.stack([objects(part[k]) for part in parts])) for k in range(len(parts[0]))]


def _eigh(a: Any, UPLO: Any = "L") -> Any:
    matrix = real_only("eigh", square("eigh", a, largest=LARGEST))
    values, vectors = _of_each(_eigenvectors, matrix if UPLO in "Ll" else np.swapaxes(matrix, -1, -2))
    return type(np.linalg.eigh(np.eye(1)))(values, vectors)


def _svd(a: Any, full_matrices: Any = True, compute_uv: Any = True, hermitian: Any = False) -> Any:
    only("hermitian", hermitian, False)
    if not compute_uv:
        return svdvals(a)
    matrix = small("takes singular vectors", real_only("svd", numbers(a)))
    rows, columns = matrix.shape[-2:]
    if full_matrices and rows != columns:
        refuse("f takes singular vectors that no singular value has; write np.linalg.svd(a, full_matrices=False)")
    wide = columns > rows
    u, s, vh = _of_each(_singular_vectors, np.swapaxes(matrix, -1, -2) if wide else matrix)
    if wide:
        u, vh = np.swapaxes(vh, -1, -2), np.swapaxes(u, -1, -2)
    return type(np.linalg.svd(np.eye(1)))(u, s, vh)


for _name, _rule in (("eigh", _eigh), ("svd", _svd)):
    FUNCTIONS[getattr(np.linalg, _name)] = or_numpys(getattr(np.linalg, _name), _rule)

"""Rules for tracing orthogonal factors, pseudo-inverses and least squares of small traced matrices."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from .arrays import FUNCTIONS, LOOPS, Objects, elementwise, holds_symbols
from .elementwise import ask_where, guard, logical_and, logical_not, select
from .matrices import each, known_lstsq, or_numpys, real_only
from .reductions import numbers, only, sum_
from .refusals import refuse
from .spectra import length, orthogonal, scaled, singular_values, small, without_derivative
from .symbols import RULES

_hypot, _greater, _equal = RULES[np.hypot], RULES[np.greater], RULES[np.equal]
Reflection = tuple[int, Any, Objects, Any]


def _checked(name: str, a: Any) -> Objects:
    return small(f"calls np.linalg.{name}", real_only(name, numbers(a)))


# --- orthogonal factors ----------------------------------------------------------------------------------------------

ROUNDING = 1e-13
"""Of a column what is left beside those before it, if that is no more than their rounding."""


def _reflected(a: Objects) -> tuple[Objects, list[Reflection]]:
    """The upper triangle and Householder's reflections, with the signs of LAPACK's dgeqr2.

    It reflects nothing where all below the diagonal is 0. The row is reflected and its sign turned back there: that is
    the same, and has the derivatives of what does not depend on signs.
    """
    m, reflections = a.copy(), list[Reflection]()
    for k in range(min(len(a) - 1, a.shape[1])):
        first, below = m[k, k], m[k + 1 :, k].tolist()
        length = reduce(_hypot, below, first)
        is_none = _equal(length, 0.0)
        if k:
            least = reduce(_hypot, a[:, k].tolist()) * ROUNDING
            ask_where(_greater(least, length))
        beta = -RULES[np.copysign](length, first)
        divisor = select(is_none, 1.0, beta)
        factor = select(is_none, 0.0, (beta - first) / divisor)
        v = np.array([value / select(is_none, 1.0, first - beta) for value in below], dtype=object)
        is_there = reduce(logical_and, [_equal(value, 0.0) for value in below], logical_not(is_none))
        reflection = (k, factor, v, select(is_there, -1.0, 1.0))
        m[k, k], m[k + 1 :, k] = select(is_none, first, beta * reflection[3]), 0.0
        reflections.append(reflection)
        for j in range(k + 1, a.shape[1]):
            m[k:, j] = _turned(reflection, m[:, j])
            m[k, j] = m[k, j] * reflection[3]
    return m, reflections


def _turned(reflection: Reflection, column: Objects) -> Objects:
    """What a reflection makes of a column, from its first row on."""
    k, factor, v, _ = reflection
    along = (column[k] + sum_(elementwise(np.multiply, v, column[k + 1 :]))) * factor
    changed = elementwise(np.subtract, column[k + 1 :], elementwise(np.multiply, along, v))
    return np.array([column[k] - along, *changed.tolist()], dtype=object)


def _qr(a: Any, mode: str = "reduced") -> Any:
    matrix = _checked("qr", a)
    if matrix.ndim > 2 or mode not in ("reduced", "complete", "r"):
        refuse(f"f calls np.linalg.qr of a stack, or with mode={mode!r}")
    upper, reflections = _reflected(matrix)
    count = len(matrix) if mode == "complete" else min(matrix.shape)
    if mode == "r":
        return upper[:count]
    q = np.eye(len(matrix)).astype(object)[:, :count]
    for reflection in reversed(reflections):
        for j in range(count):
            q[reflection[0], j] = q[reflection[0], j] * reflection[3]
            q[reflection[0] :, j] = _turned(reflection, q[:, j])
    return type(np.linalg.qr(np.eye(1)))(q, upper[:count])


# --- pseudo-inverses -------------------------------------------------------------------------------------------------


def _inverted(a: Objects, least: float) -> tuple[Objects, list[Any]]:
    """The pseudo-inverse by orthogonal columns, and whether each is long enough to count."""
    if a.shape[0] < a.shape[1]:
        found, counts = _inverted(a.T, least)
        return found.T, counts
    a, scale = scaled(a)
    columns, made = orthogonal(list(a.T))
    sizes = [length(column) for column in columns]
    limit = reduce(RULES[np.maximum], sizes) * least
    counts, total = [_greater(size, limit) for size in sizes], np.full(a.T.shape, 0.0, dtype=object)
    for column, own, size, counted in zip(columns, made, sizes, counts, strict=True):
        size = select(counted, size, 1.0)  # noqa: PLW2901
        weight = select(counted, 1.0 / (size * size), 0.0)
        outer = elementwise(np.multiply, own[:, None], elementwise(np.multiply, weight, column)[None, :])
        total = np.asarray(elementwise(np.add, total, outer), dtype=object)
    return np.asarray(elementwise(np.divide, _differentiable(total, a), scale), dtype=object), counts


def _differentiable(inverse: Objects, a: Objects) -> Objects:
    """A pseudo-inverse with derivatives, as the angles of columns that are as long as each other have none.

    The number itself, X, is taken to the spaces of A by (X A)' X (A X)'; what is wrong inside them is squared twice.
    (A. Ben-Israel, "An iterative method for computing the generalized inverse of an arbitrary matrix", 1965.)
    """
    number = without_derivative(inverse)
    found = _product(_product(_product(number, a).T, number), _product(a, number).T)
    for _ in range(2):
        rest = elementwise(np.subtract, found, _product(_product(found, a), found))
        found = np.asarray(elementwise(np.add, found, rest), dtype=object)
    return found


def _product(a: Objects, b: Objects) -> Objects:
    return np.asarray(LOOPS[np.matmul](a, b), dtype=object)


def _pinv(a: Any, rcond: Any = None, hermitian: Any = False, *, rtol: Any = np._NoValue) -> Any:
    only("hermitian", hermitian, False)
    matrix = _checked("pinv", a)
    given = [v for v in (rcond, rtol) if v is not None and v is not np._NoValue]
    least = float(given[0]) if given else 1e-15 if rtol is np._NoValue else _eps(matrix)
    return each(lambda one: _inverted(one, least)[0], matrix)


def _eps(matrix: Objects) -> float:
    return float(max(matrix.shape[-2:]) * np.finfo(float).eps)


def _lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """The solution by the pseudo-inverse; of a matrix whose rank is not full f itself is asked."""
    if not holds_symbols(a):
        return known_lstsq(a, b, rcond)
    matrix, right = _checked("lstsq", a), numbers(b)
    inverse, counts = _inverted(matrix, _eps(matrix) if rcond is None else float(rcond))
    guard(*[select(counted, 0.0, np.nan) for counted in counts])
    solution = LOOPS[np.matmul](inverse, right)
    rest = elementwise(np.subtract, right, LOOPS[np.matmul](matrix, solution))
    squares = np.atleast_1d(sum_(elementwise(np.square, rest), axis=0))
    rows, columns = matrix.shape
    return solution, squares if rows > columns else np.empty(0), min(rows, columns), singular_values(matrix)


for _name, _rule in (("qr", _qr), ("pinv", _pinv), ("lstsq", _lstsq)):
    FUNCTIONS[getattr(np.linalg, _name)] = or_numpys(getattr(np.linalg, _name), _rule)

"""Rules for tracing numpy.linalg of small matrices, written out number by number."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from .arrays import (
    FUNCTIONS,
    LOOPS,
    Objects,
    Symbols,
    call_function,
    elementwise,
    holds_complex,
    holds_symbols,
    of_numbers,
)
from .elementwise import guard, logical_and, select
from .reductions import numbers, objects
from .refusals import refuse
from .symbols import RULES, Symbol, Traced

LARGEST = 16
"""Rows of a matrix of symbols that is solved for; of one of numbers LARGEST_KNOWN."""
LARGEST_KNOWN = 100
_BY_MINORS = 4  # rows up to which a determinant is a polynomial
_BY_COFACTORS = 3  # and an inverse its cofactors by it
_SMALLEST = 1e-280  # determinant, of which products of some of the numbers are not subnormal

_divide, _greater, _abs = RULES[np.divide], RULES[np.greater], RULES[np.absolute]


def square(name: str, a: Any, largest: int = LARGEST) -> Objects:
    values = numbers(a)
    if values.ndim < 2 or values.shape[-1] != values.shape[-2]:
        refuse(f"f calls np.linalg.{name} of an array of shape {values.shape}; its last axes must be a square matrix")
    if values.shape[-1] > largest:
        refuse(
            f"f calls np.linalg.{name} of a matrix of {len(values)} rows, traced up to {largest}; "
            "methods that need no trace are method='central' with engine='python'"
        )
    return values


def real_only(name: str, matrix: Objects) -> Objects:
    if holds_complex(matrix):
        refuse(f"f calls np.linalg.{name} of a complex matrix, which has no rule for tracing")
    return matrix


def each(rule: Callable[..., Any], a: Objects, *others: Objects) -> Any:
    """A rule of one matrix on each of a stack of them."""
    if a.ndim == 2:
        return rule(a, *others)
    parts = [each(rule, *row) for row in zip(a, *others, strict=True)]
    return np.stack([np.asarray(part, dtype=object) for part in parts])


# --- determinants ----------------------------------------------------------------------------------------------------


def _minor(a: Objects, row: int, columns: tuple[int, ...]) -> Any:
    """The determinant of the last rows and some columns, expanded along the first of these rows."""
    if not columns:
        return 1.0
    total: Any = None
    for k, column in enumerate(columns):
        inner = _minor(a, row + 1, columns[:k] + columns[k + 1 :])
        term = a[row, column] * inner if len(columns) > 1 else a[row, column]
        total = term if total is None else total - term if k % 2 else total + term
    return total


def _determinant(a: Objects) -> Any:
    if len(a) <= _BY_MINORS:
        return _minor(a, 0, tuple(range(len(a))))
    pivots, sign, _ = _eliminated(a, np.empty((len(a), 0), dtype=object))
    return reduce(lambda product, i: product * pivots[i, i], range(len(a)), sign)


def _det(a: Any) -> Any:
    return each(_determinant, square("det", a))


def _slogdet(a: Any) -> Any:
    """By the determinant; f itself is asked where that is too small or too large a number to have all its digits."""
    found = each(_determinant, square("slogdet", a))
    for value in objects(found).ravel().tolist():
        if isinstance(value, Symbol):
            size = _abs(value)
            guard(select(logical_and(_greater(size, _SMALLEST), _greater(1.0 / _SMALLEST, size)), 0.0, np.nan))
    kind = type(np.linalg.slogdet(np.eye(1)))
    return kind(elementwise(np.sign, found), elementwise(np.log, elementwise(np.absolute, found)))


# --- systems ---------------------------------------------------------------------------------------------------------


def _swapped(mask: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """Two rows, exchanged where a mask holds."""
    if isinstance(mask, Traced):
        pairs = list(zip(a, b, strict=True))
        return [select(mask, v, u) for u, v in pairs], [select(mask, u, v) for u, v in pairs]
    return (b, a) if mask else (a, b)


def _eliminated(a: Objects, b: Objects) -> tuple[Any, Any, Any]:
    """Gauss's elimination, the largest pivots first: the upper triangle, the sign of the exchanges, and b's rows."""
    rows, count, sign = [[*u, *v] for u, v in zip(a.tolist(), b.tolist(), strict=True)], len(a), 1.0
    for k in range(count):
        for i in range(k + 1, count):
            mask = _greater(_abs(rows[i][k]), _abs(rows[k][k]))
            rows[k], rows[i] = _swapped(mask, rows[k], rows[i])
            sign = select(mask, -1.0 * sign, sign)
        for i in range(k + 1, count):
            if isinstance(rows[i][k], Traced) or rows[i][k] != 0.0:
                factor = _divide(rows[i][k], rows[k][k])
                rows[i][k + 1 :] = [u - factor * v for u, v in zip(rows[i][k + 1 :], rows[k][k + 1 :], strict=True)]
    whole = np.empty((count, count + b.shape[1]), dtype=object)
    for i, row in enumerate(rows):
        whole[i] = row
    return whole[:, :count], sign, whole[:, count:]


def _by_elimination(a: Objects, b: Objects) -> Objects:
    upper, _, right = _eliminated(a, b)
    for k in range(len(a) - 1, -1, -1):
        for column in range(right.shape[1]):
            value = right[k, column]
            for j in range(k + 1, len(a)):
                if isinstance(upper[k, j], Traced) or upper[k, j] != 0.0:
                    value = value - upper[k, j] * right[j, column]
            right[k, column] = _divide(value, upper[k, k])
    return np.asarray(right, dtype=object)


def _solved(a: Objects, b: Objects) -> Objects:
    """The solution of one system; where there is none NumPy raises, and the trace is not finite."""
    if len(a) > _BY_COFACTORS or not holds_symbols(a):
        result = _by_elimination(a, b)
    else:
        size = range(len(a))
        cofactors = np.empty(a.shape, dtype=object)
        for i in size:
            for j in size:
                rest = np.delete(np.delete(a, j, 0), i, 1)
                cofactors[i, j] = _determinant(rest) if (i + j) % 2 == 0 else -1.0 * _determinant(rest)
        result = LOOPS[np.divide](LOOPS[np.matmul](cofactors, b), _determinant(a))
    for value in result.tolist():
        guard(*value)
    return np.asarray(result, dtype=object)


def _solve(a: Any, b: Any) -> Any:
    matrix = square("solve", a, LARGEST if holds_symbols(a) else LARGEST_KNOWN)
    right = numbers(b)
    vector = right.ndim == 1
    if matrix.ndim > 2 and right.ndim != matrix.ndim and not vector:
        refuse("f calls np.linalg.solve of stacks of different depth")
    columns = right[:, None] if vector else right
    if vector and matrix.ndim > 2:
        columns = np.broadcast_to(columns, (*matrix.shape[:-1], 1))
    result = each(_solved, matrix, columns)
    return result[..., 0] if vector else result


def _inv(a: Any) -> Any:
    matrix = square("inv", a)
    return each(_solved, matrix, np.broadcast_to(np.eye(matrix.shape[-1]).astype(object), matrix.shape))


def _lower_triangle(a: Objects) -> Objects:
    lower = np.full(a.shape, 0.0, dtype=object)
    for j in range(len(a)):
        for i in range(j, len(a)):
            rest = a[i, j]
            for k in range(j):
                rest = rest - lower[i, k] * lower[j, k]
            lower[i, j] = RULES[np.sqrt](rest) if i == j else _divide(rest, lower[j, j])
            guard(lower[i, j])
    return lower


def _cholesky(a: Any, /, *, upper: Any = False) -> Any:
    matrix = real_only("cholesky", square("cholesky", a))
    lower = each(_lower_triangle, np.swapaxes(matrix, -1, -2) if upper else matrix)
    return np.swapaxes(lower, -1, -2) if upper else lower


# --- products --------------------------------------------------------------------------------------------------------


def _matrix_power(a: Any, n: int) -> Any:
    matrix = square("matrix_power", a, LARGEST_KNOWN)
    if n < 0:
        matrix, n = np.asarray(_inv(matrix), dtype=object), -n
    if n == 0:
        return np.broadcast_to(np.eye(matrix.shape[-1]), matrix.shape).astype(object)
    half = matrix if n == 1 else _matrix_power(matrix, n // 2)
    product = LOOPS[np.matmul]
    return half if n == 1 else product(product(half, half), matrix) if n % 2 else product(half, half)


def _multi_dot(arrays: Any, *, out: Any = None) -> Any:
    return reduce(lambda a, b: call_function(np.dot, (a, b), {}), arrays)


def known_lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """The least squares of a matrix of numbers, by its pseudo-inverse."""
    matrix = numbers(a).astype(float)
    rows, columns = matrix.shape
    _, _, rank, values = np.linalg.lstsq(matrix, np.zeros(rows), rcond)
    solution = LOOPS[np.matmul](np.linalg.pinv(matrix, rcond=rcond).astype(object), numbers(b))
    rest = LOOPS[np.subtract](numbers(b), LOOPS[np.matmul](matrix.astype(object), solution))
    squares = np.atleast_1d(call_function(np.sum, (LOOPS[np.multiply](rest, rest),), {"axis": 0}))
    known = rank == columns and rows > columns
    return solution.view(Symbols), squares if known else np.empty(0), rank, values


def or_numpys(function: Any, rule: Callable[..., Any]) -> Callable[..., Any]:
    """A rule for symbols, and NumPy's function for arrays that hold numbers only."""

    def call(*args: Any, **options: Any) -> Any:
        known = not holds_symbols((*args, *options.values()))
        return of_numbers(function, args, options) if known else rule(*args, **options)

    return call


_RULES: dict[str, Callable[..., Any]] = {
    "det": _det, "slogdet": _slogdet, "solve": _solve, "inv": _inv, "cholesky": _cholesky,
    "matrix_power": _matrix_power, "multi_dot": _multi_dot,
}  # fmt: skip
for _name, _rule in _RULES.items():
    if hasattr(np.linalg, _name):
        FUNCTIONS[getattr(np.linalg, _name)] = or_numpys(getattr(np.linalg, _name), _rule)

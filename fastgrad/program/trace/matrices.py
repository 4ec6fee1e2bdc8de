"""Rules for tracing numpy.linalg of small matrices, written out number by number."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from itertools import combinations
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
from .elementwise import select
from .reductions import numbers
from .refusals import refuse
from .symbols import RULES, Traced

LARGEST = 8
"""Rows of a matrix of symbols that is solved for; of one of numbers LARGEST_KNOWN."""
LARGEST_KNOWN = 100
LARGEST_ROTATED, SWEEPS = 4, 6
"""Rows of a symmetric matrix whose eigenvalues are taken."""
_BY_MINORS = 4  # rows up to which a determinant is a polynomial
_BY_COFACTORS = 3  # and an inverse its cofactors by it

_divide, _greater, _abs = RULES[np.divide], RULES[np.greater], RULES[np.absolute]


def _square(name: str, a: Any, largest: int = LARGEST) -> Objects:
    values = numbers(a)
    if values.ndim < 2 or values.shape[-1] != values.shape[-2]:
        refuse(f"f calls np.linalg.{name} of an array of shape {values.shape}; its last axes must be a square matrix")
    if values.shape[-1] > largest:
        refuse(
            f"f calls np.linalg.{name} of a matrix of {len(values)} rows, traced up to {largest}; "
            "methods that need no trace are method='central' with engine='python'"
        )
    return values


def _real(name: str, matrix: Objects) -> Objects:
    if holds_complex(matrix):
        refuse(f"f calls np.linalg.{name} of a complex matrix, which has no rule for tracing")
    return matrix


def _each(rule: Callable[..., Any], a: Objects, *others: Objects) -> Any:
    """A rule of one matrix on each of a stack of them."""
    if a.ndim == 2:
        return rule(a, *others)
    parts = [_each(rule, *row) for row in zip(a, *others, strict=True)]
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
    return _each(_determinant, _square("det", a))


def _slogdet(a: Any) -> Any:
    values = _square("slogdet", a)
    found = _each(_determinant, values)
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
        _guard(*value)
    return np.asarray(result, dtype=object)


def _guard(*values: Any) -> None:
    """What is not finite where NumPy raises."""
    for value in values:
        for part in (value.real, value.imag) if isinstance(value, Traced) else ():
            if isinstance(part, Traced):
                part.trace.guards.append(part.key)


def _solve(a: Any, b: Any) -> Any:
    matrix = _square("solve", a, LARGEST if holds_symbols(a) else LARGEST_KNOWN)
    right = numbers(b)
    vector = right.ndim == 1
    if matrix.ndim > 2 and right.ndim != matrix.ndim and not vector:
        refuse("f calls np.linalg.solve of stacks of different depth")
    columns = right[:, None] if vector else right
    if vector and matrix.ndim > 2:
        columns = np.broadcast_to(columns, (*matrix.shape[:-1], 1))
    result = _each(_solved, matrix, columns)
    return result[..., 0] if vector else result


def _inv(a: Any) -> Any:
    matrix = _square("inv", a)
    return _each(_solved, matrix, np.broadcast_to(np.eye(matrix.shape[-1]).astype(object), matrix.shape))


def _lower_triangle(a: Objects) -> Objects:
    lower = np.full(a.shape, 0.0, dtype=object)
    for j in range(len(a)):
        for i in range(j, len(a)):
            rest = a[i, j]
            for k in range(j):
                rest = rest - lower[i, k] * lower[j, k]
            lower[i, j] = RULES[np.sqrt](rest) if i == j else _divide(rest, lower[j, j])
            _guard(lower[i, j])
    return lower


def _cholesky(a: Any, /, *, upper: Any = False) -> Any:
    matrix = _real("cholesky", _square("cholesky", a))
    lower = _each(_lower_triangle, np.swapaxes(matrix, -1, -2) if upper else matrix)
    return np.swapaxes(lower, -1, -2) if upper else lower


# --- eigenvalues and norms -------------------------------------------------------------------------------------------


def _eigenvalues(a: Objects) -> Any:
    """Of a symmetric matrix, of which its lower triangle is read."""
    if len(a) == 1:
        return a[0]
    if len(a) > 2:
        return _in_order(_by_rotations(a))
    mean, half = (a[0, 0] + a[1, 1]) * 0.5, (a[0, 0] - a[1, 1]) * 0.5
    distance = RULES[np.hypot](half, a[1, 0])
    return np.array([mean - distance, mean + distance], dtype=object)


def _by_rotations(a: Objects) -> list[Any]:
    """What sweeps of Jacobi's rotations leave on the diagonal: after so many nothing beside it, to rounding.

    (G. Golub, C. Van Loan, "Matrix Computations", 4th ed., section 8.5.)
    """
    n, m = len(a), a.copy()
    for p, q in SWEEPS * list(combinations(range(n), 2)):
        gap, both = m[q, q] - m[p, p], m[q, p] * 2.0
        length = RULES[np.hypot](gap, both)
        tangent = both / select(length == 0.0, 1.0, gap + RULES[np.copysign](length, gap))
        cosine = 1.0 / RULES[np.sqrt](tangent * tangent + 1.0)
        sine, change = tangent * cosine, tangent * m[q, p]
        m[p, p], m[q, q], m[q, p] = m[p, p] - change, m[q, q] + change, 0.0
        for k in {*range(n)} - {p, q}:
            (i, j), (u, v) = sorted((k, p), reverse=True), sorted((k, q), reverse=True)
            m[i, j], m[u, v] = cosine * m[i, j] - sine * m[u, v], sine * m[i, j] + cosine * m[u, v]
    return [m[i, i] for i in range(n)]


def _in_order(values: list[Any]) -> Objects:
    for turn in range(len(values)):
        for i in range(turn % 2, len(values) - 1, 2):
            pair = values[i : i + 2]
            values[i], values[i + 1] = RULES[np.minimum](*pair), RULES[np.maximum](*pair)
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def _eigvalsh(a: Any, UPLO: Any = "L") -> Any:
    matrix = _real("eigvalsh", _square("eigvalsh", a, largest=LARGEST_ROTATED))
    return _each(_eigenvalues, matrix if UPLO in "Ll" else np.swapaxes(matrix, -1, -2))


def singular_values(a: Objects) -> tuple[Any, Any]:
    """Of a matrix of two rows and columns, the larger first."""
    if a.shape != (2, 2):
        refuse("f takes singular values of a matrix that has not two rows and columns")
    first = RULES[np.hypot](a[0, 0] + a[1, 1], a[0, 1] - a[1, 0])
    second = RULES[np.hypot](a[0, 0] - a[1, 1], a[0, 1] + a[1, 0])
    return (first + second) * 0.5, _abs(first - second) * 0.5


def _svdvals(x: Any, /) -> Any:
    return np.array(singular_values(numbers(x)), dtype=object)


# --- products --------------------------------------------------------------------------------------------------------


def _matrix_power(a: Any, n: int) -> Any:
    matrix = _square("matrix_power", a, LARGEST_KNOWN)
    if n < 0:
        matrix, n = np.asarray(_inv(matrix), dtype=object), -n
    if n == 0:
        return np.broadcast_to(np.eye(matrix.shape[-1]), matrix.shape).astype(object)
    half = matrix if n == 1 else _matrix_power(matrix, n // 2)
    product = LOOPS[np.matmul]
    return half if n == 1 else product(product(half, half), matrix) if n % 2 else product(half, half)


def _multi_dot(arrays: Any, *, out: Any = None) -> Any:
    return reduce(lambda a, b: call_function(np.dot, (a, b), {}), arrays)


def _lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """The solution with a matrix of numbers, by its pseudo-inverse."""
    if holds_symbols(a):
        refuse("f calls np.linalg.lstsq with a traced matrix; write np.linalg.solve(A.T @ A, A.T @ b)")
    matrix = numbers(a).astype(float)
    rows, columns = matrix.shape
    _, _, rank, values = np.linalg.lstsq(matrix, np.zeros(rows), rcond)
    solution = LOOPS[np.matmul](np.linalg.pinv(matrix, rcond=rcond).astype(object), numbers(b))
    rest = LOOPS[np.subtract](numbers(b), LOOPS[np.matmul](matrix.astype(object), solution))
    squares = np.atleast_1d(call_function(np.sum, (LOOPS[np.multiply](rest, rest),), {"axis": 0}))
    known = rank == columns and rows > columns
    return solution.view(Symbols), squares if known else np.empty(0), rank, values


def _or_numpys(function: Any, rule: Callable[..., Any]) -> Callable[..., Any]:
    """A rule for symbols, and NumPy's function for arrays that hold numbers only."""

    def call(*args: Any, **options: Any) -> Any:
        known = not holds_symbols((*args, *options.values()))
        return of_numbers(function, args, options) if known else rule(*args, **options)

    return call


_RULES: dict[str, Callable[..., Any]] = {
    "det": _det, "slogdet": _slogdet, "solve": _solve, "inv": _inv, "cholesky": _cholesky, "eigvalsh": _eigvalsh,
    "svdvals": _svdvals, "matrix_power": _matrix_power, "multi_dot": _multi_dot, "lstsq": _lstsq,
}  # fmt: skip
for _name, _rule in _RULES.items():
    if hasattr(np.linalg, _name):
        FUNCTIONS[getattr(np.linalg, _name)] = _or_numpys(getattr(np.linalg, _name), _rule)

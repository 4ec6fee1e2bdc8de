"""Rules for tracing scipy.linalg, mostly by those of numpy.linalg; of what SciPy reads one triangle, one is read."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from .arrays import LOOPS, Objects, call_function, holds_symbols, wrap
from .elementwise import ask_where, guard, select
from .matrices import LARGEST_KNOWN, square
from .reductions import numbers, objects
from .refusals import refuse
from .symbols import RULES, Traced

_PADE = (
    64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0, 129060195264000.0,
    10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0, 40840800.0, 960960.0, 16380.0, 182.0, 1.0,
)  # fmt: skip
_REACH = 5.371920351148152  # norm up to which the approximant of degree 13 has all digits: Higham, 2005
_HALVINGS = 10
_GROWTH = 16.0  # of rows of a band that is eliminated without exchanges
_product, _divide = LOOPS[np.matmul], RULES[np.divide]


def _numpys(name: str) -> Callable[..., Any]:
    function = getattr(np.linalg, name)
    return lambda *args: call_function(function, args, {})


def _symmetric(a: Any, lower: Any) -> Objects:
    """The matrix of which one triangle is read."""
    matrix = numbers(a)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        refuse(f"f calls scipy.linalg of an array of shape {matrix.shape}, where a square matrix is traced")
    triangle = np.tril(matrix) if lower else np.triu(matrix)
    return np.where(np.eye(len(matrix), dtype=bool), matrix, triangle + triangle.T)


def _solve(
    a: Any, b: Any, lower: Any = False, overwrite_a: Any = False, overwrite_b: Any = False, check_finite: Any = True,
    assume_a: Any = None, transposed: Any = False,
) -> Any:  # fmt: skip
    kinds = {None: "gen", "general": "gen", "symmetric": "sym", "positive definite": "pos", "hermitian": "her"}
    kind = kinds.get(assume_a, assume_a)
    if kind not in ("gen", "sym", "pos", "her"):
        refuse(f"f calls scipy.linalg.solve with assume_a={assume_a!r}")
    if kind == "pos":  # which SciPy refuses to be otherwise
        return _cho_solve(_cho_factor(a, lower), b)
    matrix = numbers(a) if kind == "gen" else _symmetric(a, lower)
    return _numpys("solve")(wrap(matrix.T if transposed else matrix), b)


def _triangular(
    a: Any, b: Any, trans: Any = 0, lower: Any = False, unit_diagonal: Any = False, overwrite_b: Any = False,
    check_finite: Any = True,
) -> Any:  # fmt: skip
    """By substitution, along the rows of the triangle."""
    matrix, right = square("solve_triangular", a, LARGEST_KNOWN), numbers(b)
    if trans in (1, 2, "T", "C"):
        matrix, lower = matrix.T, not lower
    rows = right if right.ndim > 1 else right[:, None]
    found = np.empty(rows.shape, dtype=object)
    order = range(len(matrix)) if lower else range(len(matrix) - 1, -1, -1)
    for k, i in enumerate(order):
        before = list(order[:k])
        rest = rows[i] - _product(matrix[i, before], found[before]) if k else rows[i]
        found[i] = rest if unit_diagonal else [_checked(_divide(value, matrix[i, i])) for value in rest]
    return wrap(found.reshape(right.shape))


def _checked(value: Any) -> Any:
    """f itself is asked where a system has no solution."""
    guard(value)
    return value


def _cholesky(a: Any, lower: Any = False, overwrite_a: Any = False, check_finite: Any = True) -> Any:
    factor = objects(_numpys("cholesky")(wrap(_symmetric(a, lower))))
    return factor if lower else factor.T


def _cho_factor(a: Any, lower: Any = False, overwrite_a: Any = False, check_finite: Any = True) -> Any:
    factor, kept = np.asarray(_cholesky(a, lower), dtype=object), np.tri(len(a), dtype=bool)
    return wrap(np.where(kept if lower else kept.T, factor, numbers(a))), lower  # the other triangle is as it was


def _cho_solve(c_and_lower: Any, b: Any, overwrite_b: Any = False, check_finite: Any = True) -> Any:
    c, lower = c_and_lower
    first = _triangular(c, b, trans=0 if lower else 1, lower=lower)
    return _triangular(c, first, trans=1 if lower else 0, lower=lower)


class _Factors:
    """What lu_factor gives; only lu_solve takes it."""

    __traced__ = True

    def __init__(self, matrix: Objects) -> None:
        self.matrix = matrix


def _lu_factor(a: Any, overwrite_a: Any = False, check_finite: Any = True) -> Any:
    matrix = square("lu_factor", a)
    return _Factors(matrix), _Factors(matrix)


def _lu_solve(lu_and_piv: Any, b: Any, trans: Any = 0, overwrite_b: Any = False, check_finite: Any = True) -> Any:
    factors, _ = lu_and_piv
    if not isinstance(factors, _Factors):
        refuse("f calls scipy.linalg.lu_solve of factors that it has computed with")
    return _numpys("solve")(wrap(factors.matrix.T if trans else factors.matrix), b)


def _eigh(a: Any, b: Any = None, *, lower: Any = True, eigvals_only: Any = False, **options: Any) -> Any:
    if b is not None or set(options) - {"overwrite_a", "overwrite_b", "check_finite", "driver"}:
        refuse("f calls scipy.linalg.eigh of two matrices, or of some of the eigenvalues")
    name = "eigvalsh" if eigvals_only else "eigh"
    found = call_function(getattr(np.linalg, name), (wrap(numbers(a)), "L" if lower else "U"), {})
    return found if eigvals_only else tuple(found)


def _eigvalsh(a: Any, b: Any = None, *, lower: Any = True, **options: Any) -> Any:
    return _eigh(a, b, lower=lower, eigvals_only=True, **options)


def _svd(
    a: Any, full_matrices: Any = True, compute_uv: Any = True, overwrite_a: Any = False, check_finite: Any = True,
    lapack_driver: Any = "gesdd",
) -> Any:  # fmt: skip
    found = call_function(np.linalg.svd, (wrap(numbers(a)), full_matrices, compute_uv), {})
    return tuple(found) if compute_uv else found


def _svdvals(a: Any, overwrite_a: Any = False, check_finite: Any = True) -> Any:
    return _svd(a, compute_uv=False)


def _inv(a: Any, overwrite_a: Any = False, check_finite: Any = True, **options: Any) -> Any:
    if options:
        refuse(f"f calls scipy.linalg.inv with {', '.join(options)}")
    return _numpys("inv")(a)


def _det(a: Any, overwrite_a: Any = False, check_finite: Any = True) -> Any:
    return _numpys("det")(a)


def _norm(a: Any, ord: Any = None, axis: Any = None, keepdims: Any = False, check_finite: Any = True) -> Any:
    return call_function(np.linalg.norm, (a, ord, axis, keepdims), {})


def _expm(A: Any) -> Any:
    """By the diagonal Pade approximant of degree 13 and squares; how often is decided by the norm."""
    matrix = square("expm", A)
    if matrix.ndim > 2:
        refuse("f calls scipy.linalg.expm of a stack of matrices")
    norm = _numpys("norm")(wrap(matrix), 1)
    larger = [RULES[np.greater](norm, _REACH * 2.0**k) for k in range(_HALVINGS)]
    ask_where(RULES[np.greater](norm, _REACH * 2.0**_HALVINGS))
    scale: Any = 1.0
    for mask in larger:
        scale = select(mask, scale * 0.5, scale)
    found = _approximant(np.asarray(LOOPS[np.multiply](matrix, scale), dtype=object))
    choose = np.frompyfunc(select, 3, 1)
    for mask in larger:
        found = choose(mask, _product(found, found), found) if isinstance(mask, Traced) or mask else found
    return wrap(np.asarray(found, dtype=object))


def _approximant(a: Objects) -> Objects:
    one, two = np.eye(len(a)), _product(a, a)
    four = _product(two, two)
    six, c = _product(four, two), _PADE

    def half(first: int) -> Any:
        high = six * c[first + 12] + four * c[first + 10] + two * c[first + 8]
        low = six * c[first + 6] + four * c[first + 4] + two * c[first + 2] + one * c[first]
        return _product(six, high) + low

    odd, even = _product(a, half(1)), half(0)
    sides = (wrap(np.asarray(side, dtype=object)) for side in (even - odd, even + odd))
    return objects(_numpys("solve")(*sides))


def _solve_banded(
    l_and_u: Any, ab: Any, b: Any, overwrite_ab: Any = False, overwrite_b: Any = False, check_finite: Any = True
) -> Any:  # fmt: skip
    """Without exchanges of rows; where they would matter f itself is asked."""
    below, above = (int(n) for n in l_and_u)
    band, right = numbers(ab), numbers(b)
    count, rows = band.shape[1], (right if right.ndim > 1 else right[:, None]).copy()
    line = [
        {j: band[above + i - j, j] for j in range(max(0, i - below), min(count, i + above + 1))} for i in range(count)
    ]
    for k in range(count):
        for i in range(k + 1, min(count, k + below + 1)):
            factor = _divide(line[i].pop(k), line[k][k])
            ask_where(RULES[np.greater](RULES[np.absolute](factor), _GROWTH))
            for j, value in line[k].items():
                if j > k:
                    line[i][j] = line[i][j] - factor * value
            rows[i] = rows[i] - factor * rows[k]
    for i in range(count - 1, -1, -1):
        rest = reduce(lambda total, j: total - line[i][j] * rows[j], [j for j in line[i] if j > i], rows[i])
        rows[i] = [_checked(_divide(value, line[i][i])) for value in rest]
    return wrap(rows.reshape(right.shape))


def _block_diag(*arrs: Any) -> Any:
    blocks = [np.atleast_2d(numbers(a)) for a in arrs]
    found = np.full((sum(len(a) for a in blocks), sum(a.shape[1] for a in blocks)), 0.0, dtype=object)
    row = column = 0
    for block in blocks:
        found[row : row + len(block), column : column + block.shape[1]] = block
        row, column = row + len(block), column + block.shape[1]
    return wrap(found)


def _toeplitz(c: Any, r: Any = None) -> Any:
    first = np.ravel(numbers(c))
    beside = first if r is None else np.ravel(numbers(r))
    values = np.concatenate([first[::-1], beside[1:]])
    i, j = np.indices((len(first), len(beside)))
    return wrap(values[len(first) - 1 - i + j])


def _hankel(c: Any, r: Any = None) -> Any:
    first = np.ravel(numbers(c))
    values = np.concatenate([first, np.full(len(first) - 1, 0.0) if r is None else np.ravel(numbers(r))[1:]])
    i, j = np.indices((len(first), len(values) - len(first) + 1))
    return wrap(np.asarray(values, dtype=object)[i + j])


def _circulant(c: Any) -> Any:
    first = np.ravel(numbers(c))
    i, j = np.indices((len(first), len(first)))
    return wrap(first[(i - j) % len(first)])


def _leaving(name: str, rule: Callable[..., Any]) -> Callable[..., Any]:
    """A rule that refuses to overwrite what it is given: what SciPy leaves there depends on how it lies in memory."""

    def call(*args: Any, **options: Any) -> Any:
        for option in ("overwrite_a", "overwrite_b"):
            if options.get(option) and (holds_symbols(args) or holds_symbols(tuple(options.values()))):
                refuse(f"f calls scipy.linalg.{name} with {option}=True")
        return rule(*args, **options)

    return call


_RULES: dict[str, Callable[..., Any]] = {
    "solve": _solve, "inv": _inv, "det": _det, "norm": _norm, "cholesky": _cholesky, "cho_factor": _cho_factor,
    "cho_solve": _cho_solve, "lu_factor": _lu_factor, "lu_solve": _lu_solve, "solve_triangular": _triangular,
    "solve_banded": _solve_banded, "expm": _expm, "eigh": _eigh, "eigvalsh": _eigvalsh, "svd": _svd,
    "svdvals": _svdvals, "block_diag": _block_diag, "toeplitz": _toeplitz, "hankel": _hankel, "circulant": _circulant,
}  # fmt: skip
LINEAR_ALGEBRA = {name: _leaving(name, rule) for name, rule in _RULES.items()}
"""What functions of scipy.linalg do with arrays of symbols, by name."""

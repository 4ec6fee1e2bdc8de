"""scipy.linalg at symbols: values and derivatives beside SciPy's own, and what is refused."""

import numpy as np
import pytest
from scipy import linalg

import fastgrad
from fastgrad.program import scipys
from fastgrad.program.program import evaluate
from fastgrad.program.trace.linearalgebra import LINEAR_ALGEBRA
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable

ONES, WEIGHTS = np.ones(3), np.arange(9.0).reshape(3, 3) + 1.0
TURN = np.array([[0.0, 1.0], [-1.0, 0.1]])


def full(x):
    return np.array([[2.0 + x[0], 0.1, x[1]], [0.2, x[1] + 1.0, 0.3], [x[1], 0.3, 3.0]])


def triangle(x):
    return np.array([[2.0 + x[0], 0.0, 0.0], [0.1, x[1] + 1.0, 0.0], [x[1], 0.3, 3.0]])


def band(x):
    return np.array([[0.0, x[0], 0.2, 0.1], [4.0, 5.0, x[1] + 3.0, 4.0], [0.1, x[1], 0.2, 0.0]])


FORMS = {
    "solve": lambda x: linalg.solve(full(x), np.array([1.0, x[0], 2.0])) @ ONES,
    "solve, transposed": lambda x: linalg.solve(full(x), WEIGHTS, transposed=True).sum(),
    "solve, upper triangle": lambda x: linalg.solve(full(x), ONES, assume_a="pos").sum(),
    "solve, lower triangle": lambda x: linalg.solve(full(x), ONES, assume_a="sym", lower=True).sum(),
    "inv": lambda x: (linalg.inv(full(x)) * WEIGHTS).sum(),
    "det": lambda x: linalg.det(full(x)),
    "norm": lambda x: linalg.norm(full(x)) + linalg.norm(x, 1) + linalg.norm(full(x), axis=1) @ ONES,
    "cholesky": lambda x: (linalg.cholesky(full(x)) * WEIGHTS).sum(),
    "cholesky, lower": lambda x: (linalg.cholesky(full(x), lower=True) * WEIGHTS).sum(),
    "cho_factor, cho_solve": lambda x: linalg.cho_solve(linalg.cho_factor(full(x)), WEIGHTS).sum(),
    "cho_factor, triangles": lambda x: linalg.cho_factor(full(x))[0].sum() + linalg.cho_factor(full(x), 1)[0].sum(),
    "cho_solve, lower": lambda x: linalg.cho_solve(linalg.cho_factor(full(x), lower=True), ONES).sum(),
    "lu_factor, lu_solve": lambda x: linalg.lu_solve(linalg.lu_factor(full(x)), ONES).sum(),
    "lu_solve, transposed": lambda x: linalg.lu_solve(linalg.lu_factor(full(x)), WEIGHTS, trans=1)[0] @ ONES,
    "solve_triangular": lambda x: linalg.solve_triangular(triangle(x), ONES, lower=True).sum(),
    "solve_triangular, upper": lambda x: linalg.solve_triangular(triangle(x).T, WEIGHTS).sum(),
    "solve_triangular, transposed": lambda x: linalg.solve_triangular(triangle(x), ONES, trans="T", lower=True).sum(),
    "solve_triangular, ones": lambda x: linalg.solve_triangular(full(x), ONES, unit_diagonal=True).sum(),
    "solve_banded": lambda x: linalg.solve_banded((1, 1), band(x), np.array([1.0, x[0], 2.0, 3.0])).sum(),
    "solve_banded, columns": lambda x: linalg.solve_banded((1, 1), band(x), np.ones((4, 2)))[0] @ x,
    "expm": lambda x: linalg.expm(TURN * x[0] + np.diag(x))[0, 1],
    "expm, small": lambda x: linalg.expm(1e-3 * full(x))[0, 0],
    "expm, large": lambda x: linalg.expm(20.0 * (TURN * x[0] - np.diag(x)))[0, 1],
    "expm, numbers": lambda x: linalg.expm(TURN)[0, 1] * x[0],
    "eigh": lambda x: linalg.eigh(full(x))[0] @ ONES + (linalg.eigh(full(x), lower=False)[1] ** 2 * WEIGHTS).sum(),
    "eigvalsh": lambda x: linalg.eigvalsh(full(x))[0],
    "svd": lambda x: (np.abs(linalg.svd(full(x), full_matrices=False)[0]) * WEIGHTS).sum(),
    "svdvals": lambda x: linalg.svdvals(full(x)) @ np.array([1.0, 2.0, 3.0]),
    "block_diag": lambda x: linalg.block_diag(full(x), x[0], x)[3:, 3:].sum(),
    "toeplitz": lambda x: (linalg.toeplitz(x, [9.0, 2.0, x[0]]) * WEIGHTS[:2]).sum() + linalg.toeplitz(x)[1, 0],
    "hankel": lambda x: (linalg.hankel([x[0], 1.0, x[1]], [9.0, x[0], 3.0]) * WEIGHTS).sum() + linalg.hankel(x)[0, 1],
    "circulant": lambda x: (linalg.circulant([x[0], 1.0, x[1]]) * WEIGHTS).sum(),
}  # fmt: skip


def test_every_function_has_its_form():
    named = {name for form in FORMS for name in form.split(", ")}
    assert set(LINEAR_ALGEBRA) == scipys.WITH_RULES["scipy.linalg"]
    assert set(LINEAR_ALGEBRA) <= named


@pytest.mark.parametrize("name", FORMS)
def test_values_and_derivatives(name):
    f, points = FORMS[name], np.random.default_rng(1).uniform(0.6, 1.9, (12, 2))
    program, wanted = trace(f, (2,)), [f(x) for x in points]
    np.testing.assert_allclose([evaluate(program, x)[0] for x in points], wanted, rtol=1e-11)
    wanted = fastgrad.gradient(f, points, batch=True, engine="python", order=4)
    scale = np.abs(wanted).max()
    for method in ("central", "exact"):
        found = fastgrad.gradient(f, points, batch=True, engine="simd", method=method)
        np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-8 * scale + 1e-9)


def test_exponentials_of_all_sizes():
    for size in (1e-8, 0.1, 1.0, 5.3, 5.5, 30.0, 300.0, 2000.0):
        f = lambda x, size=size: linalg.expm((TURN * x[0] - np.eye(2)) * size)
        found = np.reshape(evaluate(trace(f, (1,)), [1.0]), (2, 2))
        np.testing.assert_allclose(found, f([1.0]), rtol=1e-9, atol=1e-300)
    points = np.array([[1.0], [1e5]])  # of which the second is beyond all halvings
    f = lambda x: linalg.expm(-np.eye(2) * x[0])[0, 0]
    np.testing.assert_allclose(fastgrad.gradient(f, points, batch=True), [[-np.exp(-1.0)], [0.0]], rtol=1e-7)


def test_where_there_is_no_solution_f_itself_is_asked():
    points = np.ones((400, 2))
    points[5, 0] = -2.0  # 0 on the diagonal
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        fastgrad.gradient(lambda x: linalg.solve_triangular(triangle(x), ONES, lower=True).sum(), points, batch=True)


@pytest.mark.parametrize("method", ["central", "exact"])
def test_where_a_matrix_is_not_positive_definite_f_itself_is_asked(method):
    f = lambda x: linalg.solve(np.array([[x[0], x[1]], [x[1], x[0]]]), ONES[:2], assume_a="pos")[0]
    points = np.random.default_rng(0).uniform(1.0, 1.4, (400, 2)) * [1.0, 0.5]
    assert np.isfinite(fastgrad.gradient(f, points, batch=True, method=method)).all()
    points[5] *= -1.0
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        fastgrad.gradient(f, points, batch=True, method=method)


def test_rows_that_would_be_exchanged():
    """A small pivot: SciPy exchanges rows, so f itself is asked."""

    def f(x):
        ab = np.array([[0.0, 1.0, 1.0], [x[0], 1.0, 1.0], [1.0, 1.0, 0.0]])
        return linalg.solve_banded((1, 1), ab, np.array([1.0, 2.0, 4.0]))[0]

    points = np.full((400, 1), 2.0)
    points[7] = 1e-12
    found = fastgrad.gradient(f, points, batch=True, h=1e-6)
    np.testing.assert_allclose(
        found, fastgrad.gradient(f, points, batch=True, engine="python", h=1e-6), rtol=1e-6, atol=1e-8
    )


def test_what_is_refused():
    for f, reason in (
        (lambda x: linalg.eigh(full(x), np.eye(3))[0][0], "of two matrices"),
        (lambda x: linalg.expm(np.stack([full(x)] * 2))[0, 0, 0], "a stack of matrices"),
        (lambda x: linalg.solve(full(x), ONES, assume_a="banded")[0], "assume_a='banded'"),
        (lambda x: linalg.solve(full(x), ONES * x[0], overwrite_b=True)[0], "overwrite_b=True"),
        (lambda x: linalg.inv(full(x), overwrite_a=True)[0, 0], "overwrite_a=True"),
        (lambda x: linalg.lu_factor(full(x))[0].sum(), "lu_factor|_Factors"),
    ):
        with pytest.raises(Untraceable, match=reason):
            trace(f, (2,))

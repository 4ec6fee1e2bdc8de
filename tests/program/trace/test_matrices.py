"""Small matrices, number by number: LAPACK's values, also where pivots have to be exchanged; errors are NumPy's."""

from itertools import count

import numpy as np
import pytest

import fastgrad
from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable

RNG = np.random.default_rng(11)


def matrices(n):
    yield from RNG.normal(size=(4, n, n))
    yield np.eye(n)[::-1] + 1e-9 * RNG.normal(size=(n, n))  # no pivot is where it should be
    yield np.diag(10.0 ** np.arange(n)) + np.triu(np.ones((n, n)), 1)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 12])
@pytest.mark.parametrize("name", ["det", "inv", "slogdet", "solve", "solve many", "power"])
def test_values(n, name):
    b = RNG.normal(size=(n, 2))
    f = {
        "det": np.linalg.det,
        "inv": np.linalg.inv,
        "slogdet": lambda a: np.array([*np.linalg.slogdet(a)]),
        "solve": lambda a: np.linalg.solve(a, b[:, 0]),
        "solve many": lambda a: np.linalg.solve(a, b * a[0, 0]),
        "power": lambda a: np.linalg.matrix_power(a, 3) + np.linalg.matrix_power(a, -1),
    }[name]
    program = trace(f, (n, n))
    for a in matrices(n):
        want = f(a)
        size = np.abs(want).max()
        np.testing.assert_allclose(evaluate(program, a), np.ravel(want), rtol=1e-9, atol=1e-11 * size)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_of_symmetric_matrices_one_triangle_is_read(n):
    for a in matrices(n):
        s = a @ a.T + 0.1 * np.eye(n) + np.triu(np.ones((n, n)), 1)
        for f in (np.linalg.cholesky, np.linalg.eigvalsh):
            np.testing.assert_allclose(evaluate(trace(f, (n, n)), s), f(s).ravel(), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("order", [1, -1, 2, -2, np.inf, -np.inf, "fro", None])
def test_norms(order):
    f = lambda a: np.linalg.norm(a, order)
    for a in matrices(2):
        np.testing.assert_allclose(evaluate(trace(f, (2, 2)), a), f(a), rtol=1e-12)


KNOWN = RNG.normal(size=(30, 30))
TALL = RNG.normal(size=(6, 3))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.linalg.solve(KNOWN, np.concatenate([x, np.ones(27)])),
        lambda x: np.linalg.solve(np.stack([KNOWN[:3, :3]] * 2), np.stack([np.outer(x, x)] * 2)),
        lambda x: np.linalg.lstsq(TALL, np.concatenate([x, x]), rcond=None)[0],
        lambda x: np.linalg.lstsq(TALL, np.concatenate([x, x**2]), rcond=None)[1],
        lambda x: np.linalg.multi_dot([KNOWN[:3, :3], KNOWN[:3, :3], x]),
        lambda x: np.linalg.det(np.stack([np.outer(x, x) + np.eye(3), np.diag(x)])),
        lambda x: np.linalg.inv(KNOWN[:3, :3]) @ x + np.linalg.det(KNOWN),
    ],
    ids=count(),
)
def test_known_matrices_and_stacks(f):
    x = np.array([0.3, -1.0, 2.0])
    np.testing.assert_allclose(evaluate(trace(f, (3,)), x), np.ravel(f(x)), rtol=1e-9)


def test_where_there_is_no_solution_numpy_raises():
    points = RNG.uniform(1.0, 2.0, (300, 2))
    points[7] = 0.0
    f = lambda x: np.fmin(np.linalg.inv(np.diag(x))[0, 0], 2.0)
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        fastgrad.value_and_gradient(f, points, batch=True, method="exact")
    points[7] = -1.0
    with pytest.raises(np.linalg.LinAlgError, match="positive definite"):
        fastgrad.gradient(lambda x: np.linalg.cholesky(np.diag(x))[0, 0], points, batch=True, engine="simd")


@pytest.mark.parametrize("size", [1e-81, 1e-100, 1e100])
def test_determinants_that_are_hardly_numbers(size):
    a = np.array([[2.0, 0.5, 0, 1], [1, 3, 1, 0], [0, 1, 4, 1], [1, 0, 1, 5]])
    f = lambda x: np.linalg.slogdet(x[0] * (a + x[1]))[1]
    points = RNG.uniform(0.5, 2.0, (40, 2))
    points[6] = size, 0.5
    values, _ = fastgrad.value_and_gradient(f, points, batch=True, engine="simd")
    np.testing.assert_allclose(values, [f(x) for x in points], rtol=1e-13)
    with pytest.raises(fastgrad.EngineError, match="a value of its own"):
        fastgrad.gradient(f, points, batch=True, method="exact")


@pytest.mark.parametrize(
    ("f", "reason"),
    [
        (lambda x: np.linalg.inv(np.outer(x, x)), "17 rows, traced up to 16"),
        (np.linalg.det, "must be a square matrix"),
        (lambda x: np.linalg.eigvalsh(np.outer(x, x)), "17 rows, traced up to 6"),
        (lambda x: np.linalg.norm(np.outer(x, x), 2), "singular values"),
        (lambda x: np.linalg.lstsq(np.outer(x, x), x), "up to 16 x 6"),
        (lambda x: np.linalg.eigh(np.outer(x, x)), "17 rows, traced up to 6"),
        (lambda x: np.linalg.eig(np.outer(x, x)), "linalg.eig, which has no rule"),
    ],
    ids=count(),
)
def test_larger_ones_are_refused(f, reason):
    with pytest.raises(Untraceable, match=reason):
        trace(f, (17,))


@pytest.mark.parametrize("optimize", [True, "optimal", ["einsum_path", (1, 2), (0, 1)]], ids=["true", "name", "path"])
def test_sums_of_products_in_a_better_order(optimize):
    a = np.random.default_rng(0).normal(size=(3, 3))
    f = lambda x: np.einsum("i,ij,j->", x, a, np.exp(x), optimize=optimize)
    x = np.array([0.3, -0.2, 0.5])
    expected = a @ np.exp(x) + (x @ a) * np.exp(x)
    np.testing.assert_allclose(fastgrad.gradient(f, x, method="exact", engine="simd"), expected, rtol=1e-13)

"""Eigenvectors and singular vectors: derivatives of what does not depend on their signs, refusals of all else."""

from itertools import count

import numpy as np
import pytest

import fastgrad
from fastgrad import EngineError
from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable

RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(size=(6, 6)) + 0.1


def symmetric(x, n):
    a = np.zeros((n, n))
    a[np.tril_indices(n)] = x[: n * (n + 1) // 2]
    return a + a.T


def size(n):
    return n * (n + 1) // 2


def ground_state(x, n):
    w, v = np.linalg.eigh(symmetric(x, n))
    return v[:, 0] @ WEIGHTS[:n, :n] @ v[:, 0] + w[-1]


def function_of_a_matrix(x, n):
    w, v = np.linalg.eigh(symmetric(x, n))
    return np.sum((v * np.exp(w)) @ v.T * WEIGHTS[:n, :n])


def by_a_diagonal(x, n):
    w, v = np.linalg.eigh(symmetric(x, n))
    return np.sum(v @ np.diag(np.tanh(w)) @ v.T * WEIGHTS[:n, :n])


def signed(x, n):
    v = np.linalg.eigh(symmetric(x, n)).eigenvectors
    return np.sum(v[:, 0] * np.sign(v[0, 0]) * np.arange(1.0, n + 1)) + np.sum(np.abs(v) * WEIGHTS[:n, :n])


def by_a_choice(x, n):
    _, v = np.linalg.eigh(symmetric(x, n), UPLO="U")
    first = np.where(np.abs(v[0]) > 0.3, v[0], 2.0 * v[0])
    return np.sum(np.tanh(first) * np.sin(v[-1])) + np.max(v[0] ** 2) + np.cos(v[1, 0]) + np.hypot(v[0, 0], v[1, 1])


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("f", [ground_state, function_of_a_matrix, by_a_diagonal, signed, by_a_choice])
def test_eigenvectors(f, n):
    if f in (by_a_choice, signed) and n == 1:  # which has no second row, and is constant
        return
    g, points = lambda x: f(x, n), np.random.default_rng(n).normal(size=(12, size(n)))
    program = trace(g, (size(n),))
    np.testing.assert_allclose([evaluate(program, x)[0] for x in points], [g(x) for x in points], rtol=1e-9)
    for x in points[:3]:
        found = fastgrad.gradient(g, x, method="exact")
        wanted = fastgrad.gradient(g, x, method="adaptive", engine="python", full_output=True)
        sizes = np.abs(wanted.value)
        bound = 1e-7 * sizes + 1e-8 * sizes.max() + 2.0 * wanted.error  # beside a kink steps are short
        assert (np.abs(found - wanted.value) <= bound).all()


def rebuilt(x, m, n):
    u, s, vh = np.linalg.svd(x.reshape(m, n), full_matrices=False)
    return np.sum((u * np.log1p(s)) @ vh)


def first_of_both(x, m, n):
    u, s, vh = np.linalg.svd(x.reshape(m, n), full_matrices=m == n)
    return np.sum(np.outer(u[:, 0], vh[0]) * np.arange(1.0, m * n + 1).reshape(m, n)) * s[0] + np.sum(np.abs(vh))


@pytest.mark.parametrize(("m", "n"), [(1, 1), (2, 2), (3, 3), (4, 2), (2, 5), (5, 5), (10, 3)])
@pytest.mark.parametrize("f", [rebuilt, first_of_both])
def test_singular_vectors(f, m, n):
    g, x = lambda x: f(x, m, n), np.random.default_rng(m + n).normal(size=m * n)
    assert evaluate(trace(g, (m * n,)), x) == pytest.approx([g(x)], rel=1e-12)
    found, wanted = fastgrad.gradient(g, x, method="exact"), fastgrad.gradient(g, x, method="adaptive", engine="python")
    np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-8 * np.abs(wanted).max())


def test_stacks_batches_and_second_derivatives():
    def f(x):
        w, v = np.linalg.eigh(np.stack([symmetric(x, 3), symmetric(x[::-1], 3)]))
        return np.sum((v * w[:, None, :] ** 2) @ np.swapaxes(v, 1, 2) * WEIGHTS[:3, :3]) + v[1, 0, 2] ** 2

    points = RNG.normal(size=(300, 6))
    found = fastgrad.gradient(f, points, batch=True, method="exact")
    for k in (0, 7, 299):
        np.testing.assert_allclose(found[k], fastgrad.gradient(f, points[k], engine="python"), rtol=1e-5, atol=1e-6)
    exact = fastgrad.hessian(f, points[0], method="exact")
    np.testing.assert_allclose(exact, fastgrad.hessian(f, points[0], engine="python"), rtol=1e-4, atol=1e-4)


def test_where_two_values_are_equal_f_itself_is_asked():
    f = lambda x: function_of_a_matrix(x, 3)
    equal = np.array([1.0, 0.0, 1.0, 0.0, 0.0, 2.0])
    assert np.isnan(evaluate(trace(f, (6,)), equal)[0])
    points = RNG.normal(size=(400, 6))
    points[3] = equal
    found = fastgrad.gradient(f, points, batch=True, engine="simd")
    np.testing.assert_allclose(found[3], fastgrad.gradient(f, equal, engine="python"), rtol=1e-7, atol=1e-8)
    along = fastgrad.grad(f)(equal)
    np.testing.assert_allclose(along, fastgrad.gradient(f, equal, engine="python"), rtol=1e-7, atol=1e-8)
    for exact in (fastgrad.grad(f, method="exact"), fastgrad.grad(lambda x: 2.0 * f(x), method="exact")):
        with pytest.raises(EngineError, match="where a trace of f has none"):
            exact(equal)
    flat = lambda x: rebuilt(x, 2, 2)
    assert np.isnan(evaluate(trace(flat, (4,)), [1.0, 2.0, 2.0, 4.0])[0])  # a singular value of 0 has no vector


REFUSED = [
    lambda x: np.linalg.eigh(symmetric(x, 3))[1][0, 0],
    lambda x: np.sum(np.linalg.eigh(symmetric(x, 3))[1]),
    lambda x: np.linalg.eigh(symmetric(x, 3))[1][0, 0] ** 3,
    lambda x: np.exp(np.linalg.eigh(symmetric(x, 3))[1][0, 0]),
    lambda x: np.where(np.linalg.eigh(symmetric(x, 3))[1][0, 0] > 0, x[0], x[1]),
    lambda x: x[0] if np.linalg.eigh(symmetric(x, 3))[1][0, 0] > 0 else x[1],
    lambda x: np.prod(np.linalg.eigh(symmetric(x, 3))[1][0, :2]),
    lambda x: np.max(np.linalg.eigh(symmetric(x, 3))[1]),
    lambda x: abs(np.linalg.eigh(symmetric(x, 3))[1][0, 0] + 1.0),
    lambda x: abs(np.linalg.eigh(symmetric(x, 3))[1][0, 0] + np.linalg.eigh(symmetric(x, 3))[1][0, 1]),
    lambda x: np.linalg.svd(x.reshape(2, 3), full_matrices=False)[0][0, 0] * x[0],
    lambda x: np.linalg.svd(x[:4].reshape(2, 2))[0][0, 0] * np.linalg.svd(x[:4].reshape(2, 2))[2][1, 0],
    lambda x: np.linalg.eigh(np.diag(x[:3]))[1][0, 0] * x[0],
]


@pytest.mark.parametrize("f", REFUSED, ids=count())
def test_what_depends_on_signs(f):
    with pytest.raises(Untraceable, match="depends on the signs"):
        trace(f, (6,))


def test_what_else_is_refused():
    inner = lambda y: np.linalg.eigh(symmetric(y, 3))[1][0, 0] ** 2
    for f, reason in (
        (lambda x: np.sum(fastgrad.gradient(inner, x, method="exact") ** 2), "and a derivative"),
        (lambda x: np.linalg.svd(x.reshape(2, 3))[0][0, 0] ** 2, "full_matrices=False"),
        (lambda x: np.linalg.svd(x.reshape(2, 3), hermitian=True)[0][0, 0] ** 2, "hermitian="),
        (lambda x: np.linalg.eigh(1j * symmetric(x, 3))[1][0, 0], "of a complex matrix"),
    ):
        with pytest.raises(Untraceable, match=reason):
            trace(f, (6,))


def test_the_same_matrix_once_more_has_the_same_vectors():
    def f(x):
        return np.sum(np.linalg.eigh(symmetric(x, 3))[1] * np.linalg.eigh(symmetric(x, 3))[1][0]) * x[0]

    x = RNG.normal(size=6)
    assert evaluate(trace(f, (6,)), x) == pytest.approx([f(x)], rel=1e-12)


def of_one_row_or_column(x):
    column = np.linalg.svd(x.reshape(3, 1), full_matrices=False)
    row = np.linalg.svd(x.reshape(1, 3), full_matrices=False)
    alone = np.linalg.eigh(x[:1].reshape(1, 1))[1]
    return np.sum(np.abs(column[0])) * x[0] + np.sum(np.abs(row[2])) + (column[2] ** 2 * row[0] ** 2 * alone**2)[0, 0]


@pytest.mark.parametrize("method", ["central", "exact"])
def test_known_vectors_in_a_kernel(method):
    points = RNG.normal(size=(400, 3))
    found = fastgrad.gradient(of_one_row_or_column, points, batch=True, method=method, engine="simd")
    expected = fastgrad.gradient(of_one_row_or_column, points, batch=True, engine="python")
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-8)

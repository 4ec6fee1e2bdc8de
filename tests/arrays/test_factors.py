"""Gaussian processes as they are written with scipy.linalg: exact gradients against differences."""

import numpy as np
import pytest
from scipy import linalg
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from fastgrad import EngineError, grad, gradient

N = 30
T = np.sort(np.random.default_rng(0).random(N))
Y = np.random.default_rng(1).normal(size=N)
P = np.array([0.3, -0.2, 0.5])


def kernel(p):
    return np.exp(2 * p[0]) * np.exp(-0.5 * (T[:, None] - T) ** 2 / np.exp(2 * p[1])) + np.exp(p[2]) * np.eye(N)


def by_factor(p):
    factor = cho_factor(kernel(p))
    return 0.5 * Y @ cho_solve(factor, Y) + np.sum(np.log(np.diag(factor[0])))


def by_lower_factor(p):
    c, lower = cho_factor(kernel(p), lower=True, check_finite=False)
    return Y @ cho_solve((c, lower), np.stack([Y, T], axis=1)) @ np.ones(2) + np.log(c.diagonal()).sum()


def by_triangles(p):
    lower = linalg.cholesky(kernel(p), lower=True)
    half = solve_triangular(lower, Y, lower=True)
    return 0.5 * half @ half + np.sum(solve_triangular(lower, T, trans="T", lower=True)) + np.log(np.diag(lower)).sum()


def by_upper_triangles(p):
    upper = linalg.cholesky(kernel(p))
    return np.sum(solve_triangular(upper, Y, trans=1) ** 2) + np.sum(solve_triangular(upper, T))


def by_whole_matrices(p):
    k = kernel(p)
    return Y @ linalg.solve(k, Y, assume_a="pos") + linalg.det(k / 3.0) + np.sum(linalg.inv(k))


def of_data(p):
    lower = linalg.cholesky(2.0 * np.eye(N) + np.outer(T, T), lower=True)
    return np.sum(solve_triangular(lower, Y * p[0], lower=True) ** 2) + np.sum(p**2)


@pytest.mark.parametrize(
    "f", [by_factor, by_lower_factor, by_triangles, by_upper_triangles, by_whole_matrices, of_data]
)
def test_gradients(f):
    g = grad(f, method="exact")
    expected = gradient(f, P, engine="python", order=6)
    for found in (gradient(f, P, method="exact"), gradient(f, P, method="exact", engine="arrays"), g(P), g(P), g(P)):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


def test_data_may_change_between_calls(monkeypatch):
    g = grad(by_factor, method="exact")
    for k in range(4):
        monkeypatch.setitem(globals(), "Y", Y + k)
        np.testing.assert_allclose(g(P), gradient(by_factor, P, engine="python", order=6), rtol=1e-6)


@pytest.mark.parametrize("options", [{"unit_diagonal": True}, {"trans": "C"}], ids=["unit", "adjoint"])
def test_what_has_no_rule_is_refused(options):
    with pytest.raises(EngineError, match="has no rule for whole arrays"):
        gradient(lambda p: np.sum(solve_triangular(kernel(p), Y, **options)), P, method="exact", engine="arrays")

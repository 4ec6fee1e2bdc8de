"""Sparse matrices of exact derivatives: all columns of a group in one direction, only the pairs that mix."""

import numpy as np
import pytest

import fastgrad
from fastgrad import ConstantFunctionWarning, EngineError, sparsity
from tests.sparsity.functions import X, broyden


def chain(x):
    return np.sum((x[1:] - x[:-1] ** 2) ** 2) + np.sin(x[0])


@pytest.mark.parametrize("count", [None, 0, 1, 5, 40])
def test_entries_are_those_of_the_dense_matrices(count):
    x = X if count is None else np.random.default_rng(count).normal(size=(count, 12))
    for f, sparse, dense in (
        (broyden, sparsity.jacobian, fastgrad.jacobian),
        (chain, sparsity.hessian, fastgrad.hessian),
    ):
        found = sparse(f, x, batch=count is not None, method="exact")
        expected = dense(f, x, batch=count is not None, method="exact")
        for matrix, full in zip(
            [found] if count is None else found, [expected] if count is None else expected, strict=True
        ):
            assert np.allclose(matrix.toarray(), full, rtol=1e-14, atol=1e-14)
            assert matrix.nnz == 34


@pytest.mark.parametrize("sparse", [sparsity.jacobian, sparsity.hessian])
def test_patterns_that_are_given(sparse):
    f = broyden if sparse is sparsity.jacobian else chain
    tridiagonal = np.abs(np.subtract.outer(np.arange(12), np.arange(12))) <= 1
    found = sparse(f, X, method="exact", pattern=tridiagonal)
    assert np.allclose(found.toarray(), sparse(f, X, method="exact").toarray(), rtol=1e-14, atol=1e-14)
    with pytest.raises(ValueError, match="pattern"):
        sparse(f, X, method="exact", pattern=np.eye(12, dtype=bool))


@pytest.mark.parametrize("sparse", [sparsity.jacobian, sparsity.hessian])
def test_the_rest_of_a_result(sparse):
    f = broyden if sparse is sparsity.jacobian else chain
    full = sparse(f, X.astype(np.float32), method="exact", full_output=True)
    assert (full.h, full.error, full.engine) == (None, None, "simd")
    assert full.value.dtype == np.float32
    assert not full.status.any()
    with pytest.warns(ConstantFunctionWarning):
        sparse(lambda x: 3.0, X, method="exact")


@pytest.mark.parametrize("sparse", [sparsity.jacobian, sparsity.hessian])
def test_refusals(sparse):
    f = broyden if sparse is sparsity.jacobian else chain
    for step in ({"h": 1e-4}, {"rel_step": 1e-4}, {"order": 4}):
        with pytest.raises(ValueError, match="means nothing to method='exact'"):
            sparse(f, X, method="exact", **step)
    for engine in ("jit", "python", "reference"):
        with pytest.raises(EngineError, match=f"engine='{engine}' does not have"):
            sparse(f, X, method="exact", engine=engine)
    opaque = lambda x: f(np.array([float(str(v)) for v in x]))
    with pytest.raises(EngineError, match="method='exact' needs a trace of f"):
        sparse(opaque, X, method="exact", pattern=np.ones((12, 12)))


def test_many_coordinates():
    x = np.linspace(0.5, 1.5, 3_000)
    found = sparsity.hessian(lambda x: np.sum((x[1:] - x[:-1] ** 2) ** 2), x, method="exact")
    expected = np.zeros(x.size)
    expected[:-1] = 12.0 * x[:-1] ** 2 - 4.0 * x[1:]
    expected[1:] += 2.0
    assert np.allclose(found.diagonal(), expected, rtol=1e-14, atol=1e-13)
    assert np.allclose(found.diagonal(1), -4.0 * x[:-1], rtol=1e-15)

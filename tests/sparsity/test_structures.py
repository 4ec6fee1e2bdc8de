"""What a trace says of a function's structure."""

import numpy as np
import pytest
from scipy import sparse

from fastgrad import sparsity
from fastgrad.program import dependence

X = np.random.default_rng(0).normal(size=12)


def places(matrix):
    return {(int(i), int(j)) for i, j in zip(*sparse.coo_array(matrix).coords, strict=True)}


def test_a_running_sum_is_not_sparse(monkeypatch):
    monkeypatch.setattr(dependence, "LARGEST", 1000)
    for derivative in (sparsity.jacobian, sparsity.pattern):
        with pytest.raises(ValueError, match=r"1,000 coordinates.*fastgrad\.jacobian.*pattern="):
            derivative(np.cumsum, np.ones(60))
    lower = sparsity.jacobian(np.cumsum, np.ones(60), pattern=np.tri(60))
    assert np.allclose(lower.toarray(), np.tri(60), atol=1e-8)
    assert sparsity.hessian(lambda x: np.sum(np.cumsum(x)) ** 2, np.ones(40), pattern=np.ones((40, 40))).nnz == 1600


def test_the_pattern_of_a_trace_is_structural():
    def f(x):
        return np.array([x[0] * 0.0, np.where(x[1] > 0, x[2], 1.0), 3.0, np.sum(x)])

    assert places(sparsity.pattern(f, np.zeros(3)).matrix()) == {
        (0, 0), (1, 1), (1, 2), (3, 0), (3, 1), (3, 2),
    }  # fmt: skip


def test_captured_values_are_fresh():
    weights = np.ones(3)

    def f(x):
        return np.roll(x, int(weights[0])) * weights

    assert places(sparsity.jacobian(f, np.ones(3))) == {(0, 2), (1, 0), (2, 1)}
    weights[:] = 2.0
    found = sparsity.jacobian(f, np.ones(3))
    assert places(found) == {(0, 1), (1, 2), (2, 0)}
    assert np.allclose(found.data, 2.0)


def test_a_function_that_reads_x_by_another_way_is_not_traced():
    x = X.copy()
    with pytest.raises(ValueError, match=r"reads its argument also as x.*Pass pattern="):
        sparsity.jacobian(lambda y: y * x, x)

"""Sparse Jacobians have the bits of the dense ones."""

import numpy as np
import pytest

import fastgrad
from fastgrad import ConstantFunctionWarning, PerformanceWarning, sparsity
from fastgrad.sparsity.jacobians import jacobian, pattern
from tests.sparsity.functions import X, broyden, schemes, untraceable

steps = pytest.mark.parametrize("step", [{}, {"h": 1e-4}, {"rel_step": 1e-4}, {"h": np.geomspace(1e-5, 1e-3, 12)}])


@schemes
@steps
def test_entries_have_the_bits_of_the_dense_jacobian(method, order, step):
    scheme = {"method": method, "order": order, **step}
    found = sparsity.jacobian(broyden, X, engine="python", **scheme)
    assert np.array_equal(found.toarray(), fastgrad.jacobian(broyden, X, engine="python", **scheme))
    found = sparsity.jacobian(broyden, X, engine="reference", **scheme)
    assert np.array_equal(found.toarray(), fastgrad.jacobian(broyden, X, engine="reference", **scheme))


def test_outputs_and_points_of_any_shape():
    x = X.reshape(3, 4)
    found = sparsity.jacobian(lambda x: x[1:] * x[:-1], x)
    assert found.shape == (8, 12)
    assert found.nnz == 16
    assert np.abs(found.toarray() - fastgrad.jacobian(lambda x: x[1:] * x[:-1], x).reshape(8, 12)).max() < 1e-12
    assert sparsity.jacobian(lambda x: x[0] * x[3], X).shape == (1, 12)


def test_constant_functions_warn():
    for derivative in (sparsity.jacobian, sparsity.hessian):
        with pytest.warns(ConstantFunctionWarning):
            derivative(lambda x: 3.0, X)


def test_many_calls_from_python_warn():
    f = untraceable(lambda x: x[0] * x)
    x = np.random.default_rng(5).normal(size=(1000, 6))
    with pytest.warns(PerformanceWarning, match="12,000 times"):
        sparsity.jacobian(f, x, batch=True, pattern=np.ones((6, 6)), check=False)


def test_a_given_pattern_with_more_entries_than_needed_stores_zeros():
    x, f = np.array([1.0, 2.0, 3.0]), lambda x: x**2
    wanted = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1]])
    found = jacobian(f, x, pattern=wanted)
    assert found.nnz == 4
    np.testing.assert_allclose(found.toarray(), np.diag(2.0 * x), rtol=1e-9)
    assert pattern(f, x).nnz == 3


def test_both_branches_lead_to_an_entry_and_a_mask_too():
    found = pattern(lambda x: [np.where(x[0] > 0.0, x[1], x[2]), np.sum(x[:0])], np.ones(3))
    assert found.shape == (2, 3)
    assert found.rows.tolist() == [0, 0, 0]
    assert found.columns.tolist() == [0, 1, 2]

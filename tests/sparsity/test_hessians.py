"""Sparse Hessians: what they cost, and their bits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastgrad
from fastgrad import sparsity
from fastgrad.sparsity.hessians import hessian, hessian_pattern
from tests.counting import Counting
from tests.sparsity.functions import (
    X,
    at_entries,
    broyden,
    chain,
    exact_chain,
    places,
    schemes,
    tridiagonal,
    untraceable,
)


@pytest.mark.parametrize("engine", ["python", "reference"])
@schemes
def test_entries_of_hessians_have_the_bits_of_the_dense_one(engine, method, order):
    scheme = {"engine": engine, "method": method, "order": order}
    found = sparsity.hessian(chain, X, full_output=True, **scheme)
    dense = fastgrad.hessian(chain, X, full_output=True, **scheme)
    assert found.engine == dense.engine == engine
    entries = at_entries(sparsity.Pattern(found.value), dense.value)
    assert np.array_equal(found.value.data, entries)
    by_terms = sparsity.hessian(chain, X, **scheme | {"engine": "auto"})
    assert np.allclose(by_terms.data, exact_chain(X)[sparsity.Pattern(by_terms).matrix().nonzero()], atol=2e-2)


def test_a_function_that_only_python_can_call_takes_two_evaluations_a_pair():
    f = Counting(untraceable(chain))
    found = sparsity.hessian(f, X, pattern=np.triu(tridiagonal(12).toarray()), full_output=True, check=False)
    assert found.nfev == len(f.points) == len(set(f.points)) == 2 * (12 + 11) + 1
    assert np.array_equal(
        found.value.data, at_entries(sparsity.Pattern(found.value), fastgrad.hessian(chain, X, engine="python"))
    )


@pytest.mark.parametrize("engine", ["simd", "jit"])
def test_compiled_engines_run_small_hessians(engine):
    x = np.stack([X[:4]] * 5)
    found = sparsity.hessian(chain, x, batch=True, engine=engine)
    assert all(np.abs(m - exact_chain(X[:4])).max() < 1e-6 for m in found)


def test_a_hessian_that_mixes_everything_is_refused():
    with pytest.raises(ValueError, match=r"10,000,000 pairs.*fastgrad\.hessian"):
        sparsity.hessian_pattern(lambda x: np.sum(x) ** 2, np.zeros(5000))


def test_a_vector_function_has_no_hessian():
    with pytest.raises(ValueError, match=r"returned an array of shape \(12,\)"):
        sparsity.hessian(broyden, X)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 9))
def test_random_quadratic_forms(seed, size):
    rng = np.random.default_rng(seed)
    half = np.triu(rng.integers(-3, 4, (size, size)) * (rng.random((size, size)) < 0.4)).astype(float)
    half[0, 1] = 1.0
    x = rng.integers(-3, 4, size).astype(float)

    def f(x):
        return sum((half[i, j] * x[i] * x[j] for i, j in np.argwhere(half)), start=0.0 * x[0])

    def slopes(x):
        return np.array(
            [sum((half + half.T)[i, j] * x[j] for j in range(size) if (half + half.T)[i, j]) for i in range(size)]
        )

    exact = half + half.T
    found = sparsity.hessian(f, x)
    assert places(found) == places(exact)
    assert np.allclose(found.toarray(), exact, atol=1e-7)
    found = sparsity.jacobian(slopes, x, pattern=exact, engine="python")
    assert np.allclose(found.toarray(), exact, atol=1e-8)


@pytest.mark.parametrize("triangle", [np.triu, np.tril, lambda m: m])
def test_one_triangle_of_a_pattern_is_enough(triangle):
    f, x = lambda x: x[0] * x[1] ** 2 + x[2] ** 2, np.array([1.0, 2.0, 3.0])
    exact = np.array([[0.0, 4.0, 0.0], [4.0, 2.0, 0.0], [0.0, 0.0, 2.0]])
    found = hessian(f, x, pattern=triangle(exact))
    np.testing.assert_allclose(found.toarray(), exact, atol=1e-5)
    assert (found != found.T).nnz == 0
    with pytest.raises(ValueError, match=r"shape \(2, 3\), but the Hessian at 3 coordinates is square"):
        hessian(f, x, pattern=np.ones((2, 3)))


def test_patterns_of_sums_products_and_functions():
    found = hessian_pattern(lambda x: x[0] + 3.0 * x[1] * x[2] + abs(x[3]), np.ones(4))
    assert list(zip(found.rows.tolist(), found.columns.tolist(), strict=True)) == [(1, 2), (2, 1), (3, 3)]


@pytest.mark.parametrize("entries", [1, 2, 3])
def test_last_entries_that_are_zero(entries):
    """Fewer entries than coordinates, of which a point has many."""
    f, x = lambda x: float(x[0]) ** 2 + float(x[-1]), np.ones(12)
    pattern = np.diag(np.arange(12) < entries)
    found = hessian(f, x, pattern=pattern)
    assert found.nnz == entries
    np.testing.assert_allclose(found.toarray()[0], [2.0] + [0.0] * 11, atol=1e-5)
    mixed = hessian(lambda x: float(x[0]) ** 2 + float(x[-1]), x, pattern=pattern + np.eye(12, k=11))
    np.testing.assert_allclose(mixed.toarray(), found.toarray(), atol=1e-5)


def test_a_branch_that_no_point_takes():
    """Its terms are in the pattern, and 0."""

    def f(x):
        return x[0] ** 2 if x[0] < 9.0 else x[1] ** 2 * x[2]

    np.testing.assert_allclose(hessian(f, np.zeros(12)).toarray(), np.diag([2.0] + [0.0] * 11), atol=1e-5)

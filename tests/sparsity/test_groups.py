"""Groups of columns moved together: evaluations, blocks, memory, engines."""

import tracemalloc

import numpy as np
import pytest
from scipy import sparse

import fastgrad
from fastgrad import EngineError, sparsity
from fastgrad.sparsity import groups
from tests.counting import Counting
from tests.sparsity.functions import X, broyden, chain, exact_broyden, places, tridiagonal, untraceable

MB = 2**20


def second_differences(x):
    y = -2 * x
    y[1:] += x[:-1]
    y[:-1] += x[1:]
    return y


def five_points(x):
    """-Laplace(u) + u**3 on a square, u = 0 around it."""
    n = int(np.sqrt(x.size))
    u = np.zeros_like(x, shape=(n + 2, n + 2))
    u[1:-1, 1:-1] = x.reshape(n, n)
    inner = u[1:-1, 1:-1]
    return 4 * inner - u[2:, 1:-1] - u[:-2, 1:-1] - u[1:-1, 2:] - u[1:-1, :-2] + inner**3


def arrow(x):
    """A full row, a full column and the diagonal."""
    y = x**2 * x[0]
    y[0] = np.sum(x**3)
    return y


@pytest.mark.parametrize(("scheme", "calls"), [({}, 6), ({"method": "forward", "order": 1}, 4), ({"order": 4}, 12)])
def test_three_groups_of_a_tridiagonal_matrix_are_six_evaluations_or_four(scheme, calls):
    for n in (30, 1000):
        f = Counting(second_differences)
        found = sparsity.jacobian(
            f, np.linspace(0, 1, n), pattern=tridiagonal(n), check=False, full_output=True, **scheme
        )
        assert found.nfev == len(f.points) == len(set(f.points)) == calls
        exact = -2 * np.eye(n) + np.eye(n, k=1) + np.eye(n, k=-1)
        assert np.abs(found.value.toarray() - exact).max() < 1e-5


def test_the_tridiagonal_case_of_scipy():
    """n = 50 of Nocedal and Wright, page 198: sparse and dense agree to rounding, where both call f."""

    def f(x):
        y = np.zeros(50)
        y[1:] = x[1:] ** 2 + x[:-1]
        y[0] = x[0] ** 2
        return y + 3 * np.concatenate((x[1:], [0.0])) ** 3

    x = np.linspace(-2, 2, 50)
    exact = np.diag(2 * x) + np.diag(np.ones(49), -1) + np.diag(9 * x[1:] ** 2, 1)
    for options, tolerance in [({}, 1e-6), ({"rel_step": 1e-8}, 1e-5)]:
        found = sparsity.jacobian(f, x, pattern=tridiagonal(50), **options).toarray()
        assert np.abs(found - exact).max() < tolerance
        assert np.allclose(found, fastgrad.jacobian(f, x, engine="python", **options), rtol=5e-16, atol=7e-15)


@pytest.mark.parametrize("engine", ["simd", "jit"])
@pytest.mark.parametrize("step", [{}, {"h": np.geomspace(1e-5, 1e-3, 12)}])
def test_compiled_engines(engine, step):
    x = np.stack([X, X + 1])
    found = sparsity.jacobian(broyden, x, batch=True, engine=engine, full_output=True, **step)
    assert (found.engine, found.nfev) == (engine, 12)
    for matrix, point in zip(found.value, x, strict=True):
        assert np.allclose(matrix.toarray(), fastgrad.jacobian(broyden, point, engine="python", **step), atol=1e-9)


def test_auto_compiles_for_many_points():
    x = np.random.default_rng(1).normal(size=(300, 12))
    found = sparsity.jacobian(broyden, x, batch=True, full_output=True)
    assert found.engine == "simd"
    assert all(np.abs(m - exact_broyden(p)).max() < 1e-8 for m, p in zip(found.value, x, strict=True))


def test_an_engine_by_name_does_not_fall_back():
    with pytest.raises(EngineError, match="text"):
        sparsity.jacobian(untraceable(broyden), X, pattern=tridiagonal(12), engine="simd")


def test_forked_workers_give_the_same_bits():
    one = sparsity.jacobian(broyden, X)
    two = sparsity.jacobian(broyden, X, engine="python", workers=2)
    assert np.array_equal(one.toarray(), two.toarray())


def test_five_points_of_ten_thousand_variables():
    x = np.random.default_rng(2).normal(size=10_000)
    pattern = sparsity.pattern(five_points, x)
    found = sparsity.jacobian(five_points, x, pattern=pattern)
    one = sparse.diags_array([-np.ones(99), -np.ones(99)], offsets=[-1, 1])
    eye = sparse.eye_array(100)
    exact = sparse.kron(one, eye) + sparse.kron(eye, one) + sparse.diags_array(4 + 3 * x**2)
    assert places(found) == places(exact)
    assert np.abs(found - exact).max() < 1e-8
    assert pattern.count <= 8


@pytest.mark.parametrize(("find", "f", "derivative"), [
    (sparsity.pattern, broyden, sparsity.jacobian), (sparsity.hessian_pattern, chain, sparsity.hessian),
])  # fmt: skip
def test_memory_is_linear(find, f, derivative):
    """What takes 128 MB dense."""
    x = np.random.default_rng(3).normal(size=4_000)
    tracemalloc.start()
    try:
        derivative(f, x, pattern=find(f, x))
        assert tracemalloc.get_traced_memory()[1] < 50 * MB
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        derivative(f, x)
        assert tracemalloc.get_traced_memory()[1] - before < 12 * MB
    finally:
        tracemalloc.stop()


def test_a_full_row_or_a_full_matrix_is_done_in_blocks(monkeypatch):
    found = sparsity.jacobian(arrow, X)
    assert np.array_equal(found.toarray(), fastgrad.jacobian(arrow, X, engine="python"))
    assert found.nnz == 34
    monkeypatch.setattr(groups, "DIFFERENCES", 60)
    assert np.array_equal(sparsity.jacobian(arrow, X).toarray(), found.toarray())
    full = sparsity.jacobian(arrow, X, pattern=np.ones((12, 12)), full_output=True)
    assert (full.value.nnz, full.nfev) == (144, 24)
    assert np.array_equal(full.value.toarray(), found.toarray())


def test_columns_without_entries_beside_one_at_its_bound():
    f = lambda x: np.array([x[0] ** 2, 1.0])
    for options in ({}, {"pattern": np.array([[1, 0], [0, 0]])}):
        found = sparsity.jacobian(f, np.array([1.0, 2.0]), bounds=(1.0, np.inf), **options).toarray()
        np.testing.assert_allclose(found, [[2.0, 0.0], [0.0, 0.0]], rtol=1e-7)
    several = sparsity.jacobian(f, np.array([[1.0, 2.0], [1.5, 1.0]]), bounds=(1.0, np.inf), batch=True)
    np.testing.assert_allclose(several[1].toarray(), [[3.0, 0.0], [0.0, 0.0]], rtol=1e-7)

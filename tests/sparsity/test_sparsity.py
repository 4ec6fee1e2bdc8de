"""Sparse Jacobians and Hessians: counts, bits, patterns in every form, patterns that are too small, memory."""

import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import fastgrad
from fastgrad import ConstantFunctionWarning, EngineError, PerformanceWarning, sparsity
from fastgrad.formulas.stencils import ORDERS
from fastgrad.program import dependence
from fastgrad.sparsity import groups, hessians, terms

MB = 2**20
SCHEMES = [(method, order) for method in ORDERS for order in ORDERS[method][:4]]
X = np.random.default_rng(0).normal(size=12)

schemes = pytest.mark.parametrize(("method", "order"), SCHEMES)
steps = pytest.mark.parametrize("step", [{}, {"h": 1e-4}, {"rel_step": 1e-4}, {"h": np.geomspace(1e-5, 1e-3, 12)}])


def broyden(x):
    y = (3 - 2 * x) * x + 1
    y[1:] -= x[:-1]
    y[:-1] -= 2 * x[1:]
    return y


def exact_broyden(x):
    n = len(x)
    return sparse.diags_array([3 - 4 * x, -np.ones(n - 1), -2 * np.ones(n - 1)], offsets=[0, -1, 1]).tocsr()


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


def chain(x):
    return np.sum((x[1:] - x[:-1] ** 2) ** 2 + np.sin(x[:-1]))


def exact_chain(x):
    second = np.zeros(len(x))
    second[:-1] += 12 * x[:-1] ** 2 - 4 * x[1:] - np.sin(x[:-1])
    second[1:] += 2
    mixed = -4 * x[:-1]
    return sparse.diags_array([second, mixed, mixed], offsets=[0, 1, -1]).tocsr()


def untraceable(f):
    """The same function, which only Python can call."""

    def opaque(x):
        return f(np.array([float(v) for v in x.ravel()]).reshape(x.shape))

    return opaque


class Counting:
    def __init__(self, f):
        self.f, self.points = f, []

    def __call__(self, x):
        self.points.append(x.tobytes())
        return self.f(x)


def tridiagonal(n):
    return sparse.diags_array([np.ones(n), np.ones(n - 1), np.ones(n - 1)], offsets=[0, -1, 1])


def places(matrix):
    return {(int(i), int(j)) for i, j in zip(*sparse.coo_array(matrix).coords, strict=True)}


def at_entries(pattern, dense):
    return dense[pattern.rows, pattern.columns]


# --- Jacobians: what it costs and what comes out ---------------------------------------------------------------------


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


def test_the_check_takes_two_evaluations_more_and_of_a_hessian_three():
    f = Counting(broyden)
    sparsity.jacobian(f, X, pattern=tridiagonal(12))
    assert len(f.points) == len(set(f.points)) == 8
    f = Counting(untraceable(chain))
    sparsity.hessian(f, X, pattern=tridiagonal(12))
    assert len(f.points) == len(set(f.points)) + 1 == 2 * (12 + 11) + 1 + 3


def test_the_tridiagonal_case_of_scipy():
    """n = 50 of Nocedal and Wright, page 198: sparse and dense agree to rounding."""

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
        assert np.allclose(found, fastgrad.jacobian(f, x, **options), rtol=5e-16, atol=7e-15)


@schemes
@steps
def test_entries_have_the_bits_of_the_dense_jacobian(method, order, step):
    scheme = {"method": method, "order": order, **step}
    found = sparsity.jacobian(broyden, X, engine="python", **scheme)
    assert np.array_equal(found.toarray(), fastgrad.jacobian(broyden, X, engine="python", **scheme))
    found = sparsity.jacobian(broyden, X, engine="reference", **scheme)
    assert np.array_equal(found.toarray(), fastgrad.jacobian(broyden, X, engine="reference", **scheme))


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
    with pytest.raises(EngineError, match="float"):
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


def test_outputs_and_points_of_any_shape():
    x = X.reshape(3, 4)
    found = sparsity.jacobian(lambda x: x[1:] * x[:-1], x)
    assert found.shape == (8, 12)
    assert found.nnz == 16
    assert np.abs(found.toarray() - fastgrad.jacobian(lambda x: x[1:] * x[:-1], x).reshape(8, 12)).max() < 1e-12
    assert sparsity.jacobian(lambda x: x[0] * x[3], X).shape == (1, 12)


def test_an_empty_pattern_and_no_coordinates():
    f = Counting(lambda x: x[:3] if x.size else np.zeros(3))
    found = sparsity.jacobian(f, X, pattern=sparse.csr_array((3, 12)), check=False)
    assert (found.shape, found.nnz) == ((3, 12), 0)
    assert sparsity.jacobian(f, np.zeros(0), pattern=np.zeros((3, 0))).shape == (3, 0)
    assert sparsity.hessian(lambda x: 0.0, np.zeros(0)).shape == (0, 0)


# --- Batches, dtypes, NaN --------------------------------------------------------------------------------------------


def test_a_batch_is_a_list_of_matrices_that_share_nothing():
    x = np.random.default_rng(4).normal(size=(3, 12))
    pattern = sparsity.pattern(broyden, x[0])
    found = sparsity.jacobian(broyden, x, batch=True, pattern=pattern)
    assert [np.array_equal(m.toarray(), sparsity.jacobian(broyden, p).toarray()) for m, p in zip(found, x, strict=True)]
    before = found[1].toarray()
    found[0].data[:] = 0.0
    found[0].eliminate_zeros()
    assert np.array_equal(found[1].toarray(), before)
    assert pattern.nnz == 34
    assert sparsity.jacobian(broyden, x[:0], batch=True) == []
    assert sparsity.hessian(chain, x[:0], batch=True) == []
    assert [m.nnz for m in sparsity.hessian(chain, x, batch=True)] == [34] * 3


@pytest.mark.parametrize(("dtype", "result"), [("f4", "f4"), ("f2", "f4"), ("i8", "f8"), ("f8", "f8")])
def test_dtypes(dtype, result):
    x = np.arange(1, 6).astype(dtype)
    for found, exact in [(sparsity.jacobian(broyden, x), exact_broyden), (sparsity.hessian(chain, x), exact_chain)]:
        assert found.dtype == np.dtype(result)
        assert np.allclose(found.toarray(), exact(x.astype(float)).toarray(), rtol=1e-5, atol=1e-5)


def test_steps_suit_a_function_that_returns_float32():
    def f(x):
        return broyden(x).astype(np.float32)

    found = sparsity.jacobian(f, X, pattern=tridiagonal(12), full_output=True)
    dense = fastgrad.jacobian(f, X, engine="python", full_output=True)
    assert np.array_equal(found.value.toarray(), dense.value)
    assert np.array_equal(found.h, dense.h)
    with pytest.raises(ValueError, match="float32"):
        sparsity.jacobian(f, X)

    def g(x):
        return np.float32(chain(x))

    assert np.abs(sparsity.hessian(g, X, pattern=tridiagonal(12)) - exact_chain(X)).max() < 0.5


def test_nan_stays_in_its_output_and_in_its_term():
    x = X.copy()
    x[5] = np.nan
    found = sparsity.jacobian(broyden, x, full_output=True)
    rows = found.value.tocoo().coords[0]
    assert set(rows[np.isnan(found.value.data)].tolist()) == {4, 5, 6}
    assert np.array_equal(found.status, np.where(np.isnan(found.value.data), -3, 0))
    found = sparsity.hessian(chain, x).tocoo()
    lost = np.argwhere(np.isnan(found.toarray())).tolist()
    assert lost == [[4, 4], [4, 5], [5, 4], [5, 5], [5, 6], [6, 5], [6, 6]]
    output = sparsity.jacobian(lambda x: x * np.array([0.5, np.nan, 0.25]), np.ones(3))
    assert np.allclose(output.diagonal(), [0.5, np.nan, 0.25], equal_nan=True)


def test_infinite_coordinates_stay_where_they_are():
    def f(x):
        return np.array([1 / x[0] + x[1], x[1] * x[2], np.minimum(x[0], x[2])])

    x = np.array([np.inf, 2.0, -np.inf])
    pattern = sparsity.Pattern(np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1]]))
    found = sparsity.jacobian(f, x, pattern=pattern)
    with np.errstate(all="ignore"):
        dense = fastgrad.jacobian(f, x, engine="python")
    assert found[0, 1] == dense[0, 1] == 1.0
    assert np.array_equal(found.data, at_entries(pattern, dense), equal_nan=True)


def test_negative_zero_keeps_its_sign():
    def f(x):
        return np.array([np.copysign(1.0, x[0]) * x[1], x[0]])

    assert sparsity.jacobian(f, np.array([-0.0, 3.0]), pattern=np.ones((2, 2)))[0, 1] == -1.0


# --- Patterns --------------------------------------------------------------------------------------------------------


def test_patterns_in_every_form():
    exact = np.eye(12) + np.eye(12, k=1) + np.eye(12, k=-1)
    made = sparsity.Pattern(exact)
    forms = [exact, exact.astype(bool), exact.tolist(), made, sparsity.Pattern(made)]
    forms += [getattr(sparse.coo_array(exact), f"to{name}")() for name in ("coo", "csr", "csc", "lil", "dia", "bsr")]
    forms += [sparse.csr_matrix(exact), sparse.csr_array(exact.astype(bool))]
    for form in forms:
        assert np.array_equal(
            sparsity.jacobian(broyden, X, pattern=form).toarray(), sparsity.jacobian(broyden, X).toarray()
        )
    assert made.groups is made.groups
    assert repr(made) == "Pattern of shape (12, 12): 34 entries, 3 groups of columns"
    assert np.array_equal(made.matrix().toarray(), exact)


def test_stored_zeros_are_entries_and_duplicates_one():
    first = sparsity.jacobian(broyden, np.full(12, 0.75))
    assert not first.diagonal().any()
    assert places(sparsity.Pattern(first).matrix()) == places(tridiagonal(12))
    twice = sparse.coo_array(([1.0, -1.0, 1.0], ([0, 0, 1], [1, 1, 0])), shape=(2, 2))
    assert sparsity.Pattern(twice).nnz == 2


def test_groups_share_no_row():
    for seed in range(20):
        structure = sparse.random_array((40, 30), density=0.08, rng=np.random.default_rng(seed))
        pattern = sparsity.Pattern(structure)
        keys = pattern.rows * (pattern.count + 1) + pattern.groups[pattern.columns]
        assert len(np.unique(keys)) == pattern.nnz
        fullest = np.bincount(pattern.rows).max()
        assert fullest <= pattern.count <= fullest + 4
    assert sparsity.Pattern(np.eye(7)).count == 1
    assert sparsity.Pattern(np.zeros((2, 3))).groups.tolist() == [-1, -1, -1]


@pytest.mark.parametrize("method", ORDERS)
@pytest.mark.parametrize("missing", [(0, 1), (7, 6), (11, 11)])
def test_a_pattern_that_is_too_small_is_noticed_and_the_place_named(method, missing):
    small = tridiagonal(12).tolil()
    small[missing] = 0
    with pytest.raises(ValueError, match="row {} and column {}".format(*missing)):
        sparsity.jacobian(broyden, X, pattern=small, method=method)
    with pytest.raises(ValueError, match="row {} and column {}".format(*missing)):
        sparsity.jacobian(untraceable(broyden), np.stack([X, X]), batch=True, pattern=small, method=method)


def test_small_entries_that_are_missing_are_noticed():
    def f(x):
        return 1e3 * np.sin(x) + 0.1 * np.roll(x, 1)

    with pytest.raises(ValueError, match="row 0 and column 11"):
        sparsity.jacobian(f, X, pattern=np.eye(12) + np.eye(12, k=-1))


def test_functions_that_are_random_are_no_missing_entries():
    noise = np.random.default_rng(9)
    sparsity.jacobian(lambda x: x + noise.normal(size=12), X, pattern=np.eye(12), h=1.0)


def test_a_running_sum_is_not_sparse(monkeypatch):
    monkeypatch.setattr(dependence, "LARGEST", 1000)
    for derivative in (sparsity.jacobian, sparsity.pattern):
        with pytest.raises(ValueError, match=r"1,000 coordinates.*fastgrad\.jacobian.*pattern="):
            derivative(np.cumsum, np.ones(60))
    lower = sparsity.jacobian(np.cumsum, np.ones(60), pattern=np.tri(60))
    assert np.allclose(lower.toarray(), np.tri(60), atol=1e-8)
    assert sparsity.hessian(lambda x: np.sum(np.cumsum(x)) ** 2, np.ones(40), pattern=np.ones((40, 40))).nnz == 1600


def test_scipy_is_asked_for_by_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    for derivative in (sparsity.jacobian, sparsity.hessian):
        with pytest.raises(ImportError, match=r"pip install 'fastgrad\[sparse\]'"):
            derivative(chain, X)
    assert sparsity.pattern(broyden, X).count == 3


def test_an_empty_pattern_is_too_small():
    with pytest.raises(ValueError, match="no entry in row"):
        sparsity.jacobian(broyden, X, pattern=np.zeros((12, 12)))


@pytest.mark.parametrize("f", {
    "kinks": lambda x: np.abs(x - 1e-6) + np.maximum(x, 2e-6),
    "waves": lambda x: np.sin(3e4 * x),
    "round-off": lambda x: 1e12 + x**2,
    "jumps": lambda x: np.round(x * 3e5),
}.items(), ids=lambda item: item[0])  # fmt: skip
def test_kinks_waves_and_round_off_are_no_missing_entries(f):
    f, x = f[1], np.linspace(-1, 1, 9) * 5e-6
    found = sparsity.jacobian(f, x, pattern=np.eye(9))
    assert np.array_equal(found.toarray(), fastgrad.jacobian(f, x, engine="python"))


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


def test_constant_functions_warn():
    for derivative in (sparsity.jacobian, sparsity.hessian):
        with pytest.warns(ConstantFunctionWarning):
            derivative(lambda x: 3.0, X)


def test_many_calls_from_python_warn():
    f = untraceable(lambda x: x[0] * x)
    x = np.random.default_rng(5).normal(size=(1000, 6))
    with pytest.warns(PerformanceWarning, match="12,000 times"):
        sparsity.jacobian(f, x, batch=True, pattern=np.ones((6, 6)), check=False)


# --- Hessians --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [12, 10_000])
def test_a_chain_takes_seven_evaluations_of_its_terms(size):
    x = np.random.default_rng(6).normal(size=size)
    found = sparsity.hessian(chain, x, full_output=True)
    assert (found.nfev, found.engine, found.value.nnz) == (7, "terms", 3 * size - 2)
    assert (found.value != found.value.T).nnz == 0
    assert np.abs(found.value - exact_chain(x)).max() < 1e-5


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
    assert np.array_equal(found.value.data, at_entries(sparsity.Pattern(found.value), fastgrad.hessian(chain, X)))


@pytest.mark.parametrize("engine", ["simd", "jit"])
def test_compiled_engines_run_small_hessians(engine):
    x = np.stack([X[:4]] * 5)
    found = sparsity.hessian(chain, x, batch=True, engine=engine)
    assert all(np.abs(m - exact_chain(X[:4])).max() < 1e-6 for m in found)


@pytest.mark.parametrize("f", [chain, untraceable(chain)], ids=["traced", "opaque"])
def test_a_hessian_pattern_that_is_too_small_is_noticed(f):
    x = np.random.default_rng(7).normal(size=600 if f is chain else 12)
    with pytest.raises(ValueError, match=r"row 0 and column 1|lack an entry"):
        sparsity.hessian(f, x, pattern=sparse.eye_array(len(x)))
    x[-1] = np.nan
    if f is chain:
        with pytest.raises(ValueError, match="row 0 and column 1"):
            sparsity.hessian(f, x, pattern=sparse.eye_array(len(x)))


def test_mixing():
    def mixed(f, size=3):
        found = places(sparsity.hessian_pattern(f, np.full(size, 0.5)).matrix())
        assert found == {(j, i) for i, j in found}
        return {(i, j) for i, j in found if i <= j}

    everything = {(0, 0), (0, 1), (1, 1)}
    assert mixed(lambda x: 3 * x[0] - x[1] + 2) == set()
    assert mixed(lambda x: x[0] * x[1] + x[2] ** 2) == {(0, 1), (2, 2)}
    assert mixed(lambda x: (x[0] + x[1]) ** 2) == everything
    assert mixed(lambda x: x[0] / x[1]) == {(0, 1), (1, 1)}
    assert mixed(lambda x: np.exp(x[0]) * (x[1] + x[2])) == {(0, 0), (0, 1), (0, 2)}
    assert mixed(lambda x: -np.mean(np.sin(x)) / 2) == {(0, 0), (1, 1), (2, 2)}
    assert mixed(lambda x: np.hypot(x[0], x[1])) == everything
    assert mixed(lambda x: np.where(x[0] > 0, x[0] * x[1], 0.0)) == everything


def test_terms_with_shared_parts_signs_and_factors():
    def f(x):
        s = np.sin(x)
        shared = x[0] * x[1]
        return np.mean(s) - 2 * (shared - shared * x[2] / 4) - (3 - shared) / 2 + s[3]

    x = np.linspace(-1, 1, 40)
    found = sparsity.hessian(f, x, order=8, full_output=True)
    assert found.engine == "terms"
    assert np.allclose(found.value.toarray(), fastgrad.hessian(f, x, order=8, engine="reference"), atol=1e-9)


def test_terms_in_blocks(monkeypatch):
    def f(x):
        return np.sum(x[2:] * x[1:-1] * x[:-2]) + np.sum(x**3)

    whole = sparsity.hessian(f, X)
    monkeypatch.setattr(terms, "VALUES", 500)
    assert np.array_equal(sparsity.hessian(f, X).toarray(), whole.toarray())
    assert np.abs(whole.toarray() - fastgrad.hessian(f, X, engine="python")).max() < 1e-6


def test_a_hessian_that_mixes_everything_is_refused():
    with pytest.raises(ValueError, match=r"10,000,000 pairs.*fastgrad\.hessian"):
        sparsity.hessian_pattern(lambda x: np.sum(x) ** 2, np.zeros(5000))


def test_a_vector_function_has_no_hessian():
    with pytest.raises(ValueError, match=r"returned an array of shape \(12,\)"):
        sparsity.hessian(broyden, X)


UNARY = [
    np.sin, np.exp, np.negative, np.tanh, lambda a: 2 * a, lambda a: a / 3, lambda a: a**3, lambda a: 1 / (2 + a * a),
    lambda a: np.where(a > 0.1, a * a, a),
]  # fmt: skip
BINARY = [np.add, np.subtract, np.multiply, lambda a, b: a / (2 + b * b), lambda a, b: np.hypot(a, 1 + b * b)]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_random_programs(seed):
    """Whatever the program, no entry of the dense matrices is missing."""
    rng = np.random.default_rng(seed)
    steps, count = [], 5
    for function in [*rng.choice(np.array(UNARY), 4), *rng.choice(np.array(BINARY), 6)]:
        steps.append((function, rng.integers(0, count, 1 if function in UNARY else 2).tolist()))
        count += 1
    ends = rng.integers(5, count, 3).tolist()

    def outputs(x):
        values = list(x)
        for function, operands in steps:
            values.append(function(*(values[k] for k in operands)))
        return np.array([values[k] for k in ends])

    def combined(x):
        a, b, c = outputs(x)
        return a + 2 * b - c / 4

    x = rng.uniform(-1, 1, 5)
    dense = fastgrad.jacobian(outputs, x, engine="python")
    assert np.array_equal(sparsity.jacobian(outputs, x).toarray(), dense)
    dense = fastgrad.hessian(combined, x, order=4, engine="python")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hessians, "COST_OF_TERMS", 0)
        found = sparsity.hessian(combined, x, order=4, full_output=True)
    assert found.engine == "terms"
    assert np.allclose(found.value.toarray(), dense, rtol=0, atol=1e-6 * max(1.0, np.abs(dense).max()))


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

"""Points, data types and numbers that are not finite."""

import numpy as np
import pytest

import fastgrad
from fastgrad import sparsity
from fastgrad.engine.call import Rows
from fastgrad.formulas.stencils import stencil
from fastgrad.formulas.steps import Steps
from fastgrad.sparsity.patterns import Pattern
from fastgrad.sparsity.task import Found, Task, as_matrices, check_request
from tests.sparsity.functions import X, at_entries, broyden, chain, exact_broyden, exact_chain, tridiagonal


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


def task(x, structure, steps=None):
    steps = steps or Steps("default", np.asarray(2.0**-17))
    return Task(np.sum, Rows(x, x.shape[1:]), Pattern(np.array(structure)), stencil(), steps, (2.0,))


def test_a_pattern_needs_a_row_for_each_output():
    some = task(np.ones((1, 2)), [[1, 0], [0, 1], [1, 1]])
    some.check_outputs((3,))
    some.check_outputs((1, 3))
    with pytest.raises(ValueError, match=r"pattern has shape \(3, 2\), but f returns 4 numbers"):
        some.check_outputs((2, 2))


@pytest.mark.parametrize("rule", ["absolute", "relative"])
def test_given_steps_go_on_as_they_came(rule):
    x, name = np.ones((3, 2)), {"absolute": "h", "relative": "rel_step"}[rule]
    number = task(x, np.eye(2), Steps(rule, np.asarray(0.25))).options
    assert number[name] == 0.25
    assert number["args"] == (2.0,)
    each = task(x, np.eye(2), Steps(rule, np.array([[0.25, 0.5]]))).options[name]
    assert each.tolist() == [[0.25, 0.5]] * 3
    assert not {"h", "rel_step"} & set(task(x, np.eye(2)).options)


@pytest.mark.parametrize(("given", "made"), [("f8", "f8"), ("f4", "f4"), ("f2", "f4")])
def test_matrices_keep_zeros_and_the_precision_of_x(given, made):
    some = task(np.ones((2, 2)), [[1, 1], [0, 1]])
    found = Found(np.array([[1.0, 0.0, 3.0], [4.0, np.nan, 6.0]]), np.full((2, 2), 0.5), 0.0, 7, "python")
    x = np.ones((2, 2), given)
    first, second = as_matrices(found, some, x, batch=True, full_output=False)
    assert first.dtype == made
    assert first.nnz == 3
    assert first.toarray().tolist() == [[1.0, 0.0], [0.0, 3.0]]
    assert second.toarray()[1, 1] == 6.0
    full = as_matrices(found, some, x, batch=True, full_output=True)
    assert (full.status != 0).tolist() == [[False, False, False], [False, True, False]]
    assert (full.nfev, full.engine, full.h.tolist()) == (7, "python", [[0.5, 0.5]] * 2)


def test_what_a_request_must_not_have():
    assert check_request(np.sum, "central", 2, "auto", 3, "name") == 3
    for bad, said in (
        ((np.sum, "adaptive", 2, "auto", None), "name has no method='adaptive'"),
        ((np.sum, "central", 2, "fast", None), "engine='fast'"),
    ):
        with pytest.raises(ValueError, match=said):
            check_request(*bad, "name")

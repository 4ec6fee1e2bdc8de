"""Functions that are sums of terms, evaluated term by term."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastgrad
from fastgrad import sparsity
from fastgrad.sparsity import hessians, terms
from tests.sparsity.functions import X, chain, exact_chain, places


@pytest.mark.parametrize("size", [12, 10_000])
def test_a_chain_takes_seven_evaluations_of_its_terms(size):
    x = np.random.default_rng(6).normal(size=size)
    found = sparsity.hessian(chain, x, full_output=True)
    assert (found.nfev, found.engine, found.value.nnz) == (7, "terms", 3 * size - 2)
    assert (found.value != found.value.T).nnz == 0
    assert np.abs(found.value - exact_chain(x)).max() < 1e-5


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

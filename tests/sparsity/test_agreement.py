"""Patterns that lack an entry are noticed, and nothing else is."""

import numpy as np
import pytest
from scipy import sparse

import fastgrad
from fastgrad import sparsity
from fastgrad.formulas.stencils import ORDERS

X = np.random.default_rng(0).normal(size=12)


def broyden(x):
    y = (3 - 2 * x) * x + 1
    y[1:] -= x[:-1]
    y[:-1] -= 2 * x[1:]
    return y


def chain(x):
    return np.sum((x[1:] - x[:-1] ** 2) ** 2 + np.sin(x[:-1]))


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


def test_the_check_takes_two_evaluations_more_and_of_a_hessian_three():
    f = Counting(broyden)
    sparsity.jacobian(f, X, pattern=tridiagonal(12))
    assert len(f.points) == len(set(f.points)) == 8
    f = Counting(untraceable(chain))
    sparsity.hessian(f, X, pattern=tridiagonal(12))
    assert len(f.points) == len(set(f.points)) + 1 == 2 * (12 + 11) + 1 + 3


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


@pytest.mark.parametrize("f", [chain, untraceable(chain)], ids=["traced", "opaque"])
def test_a_hessian_pattern_that_is_too_small_is_noticed(f):
    x = np.random.default_rng(7).normal(size=600 if f is chain else 12)
    with pytest.raises(ValueError, match=r"row 0 and column 1|lack an entry"):
        sparsity.hessian(f, x, pattern=sparse.eye_array(len(x)))
    x[-1] = np.nan
    if f is chain:
        with pytest.raises(ValueError, match="row 0 and column 1"):
            sparsity.hessian(f, x, pattern=sparse.eye_array(len(x)))

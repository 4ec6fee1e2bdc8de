"""Exact Jacobians, derivatives along directions and Hessians of functions whose program of single numbers is long."""

import numpy as np
import pytest

import fastgrad
from fastgrad import EngineError, hessian, hvp, jacobian, jvp
from fastgrad.arrays.losses import ArrayLoss
from fastgrad.arrays.nodes import RefusedError
from fastgrad.arrays.outputs import jacobian as jacobian_of
from fastgrad.formulas import reference

RNG = np.random.default_rng(0)
DATA = RNG.normal(size=(600, 40))
X = RNG.normal(size=40) / 5
V = RNG.normal(size=40)


def many(x):
    return np.tanh(DATA @ x) ** 2


def few(x):
    r = DATA - x
    return np.array([np.sum(r * r), np.sum(np.exp(-0.1 * r)), np.max(x), x[3]])


def listed(x):
    return [np.sum(np.sin(DATA @ x)), np.sum(x**2)]


def square(x):
    return np.outer(x, x) @ DATA[:40, :2]


def logistic(x):
    return np.mean(np.log1p(np.exp(-(DATA @ x)))) + 0.01 * np.sum(x**4)


@pytest.mark.parametrize("f", [many, few, listed, square])
def test_jacobians(f):
    found = jacobian(f, X, method="exact", engine="arrays", full_output=True)
    assert found.engine == "arrays"
    assert found.h is None
    wanted = reference.jacobian(f, X, order=8)
    assert found.value.shape == (*np.shape(f(X)), 40)
    scale = np.abs(wanted).max(axis=-1, keepdims=True)
    assert np.all(np.abs(found.value - wanted) <= 1e-10 * scale)
    along = jvp(f, X, V, method="exact", engine="arrays")
    np.testing.assert_allclose(along, found.value @ V, rtol=1e-11, atol=1e-12 * np.abs(found.value).max())


def test_both_ways_are_the_same():
    wide = jacobian(lambda x: many(x)[:39], X, method="exact", engine="arrays")
    tall = jacobian(lambda x: many(x)[:41], X, method="exact", engine="arrays")
    np.testing.assert_allclose(wide, tall[:39], rtol=1e-13, atol=1e-15)


def test_numbers():
    assert jacobian(logistic, X, method="exact", engine="arrays").shape == (40,)
    assert jvp(logistic, X, V, method="exact", engine="arrays") == pytest.approx(
        fastgrad.gradient(logistic, X, method="exact", engine="arrays") @ V, rel=1e-13
    )


def test_hessians():
    found = hessian(logistic, X, method="exact", engine="arrays")
    s = 1 / (1 + np.exp(-(DATA @ X)))
    wanted = (DATA * (s * (1 - s))[:, None]).T @ DATA / len(DATA) + np.diag(0.12 * X**2)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-13 * np.abs(wanted).max())
    assert np.array_equal(found, found.T)
    np.testing.assert_allclose(hvp(logistic, X, V, method="exact", engine="arrays"), wanted @ V, rtol=1e-11)


BIG = RNG.normal(size=(5_000, 40))


def test_auto_takes_them_where_the_program_would_be_long():
    def f(x):
        return np.tanh(BIG @ x).reshape(50, 100).sum(axis=1)

    def loss(x):
        return np.sum(np.log1p(np.exp(BIG @ x)))

    assert jacobian(f, X, method="exact", full_output=True).engine == "arrays"
    assert jvp(f, X, V, method="exact", full_output=True).engine == "arrays"
    assert hvp(loss, X, V, method="exact", full_output=True).engine == "arrays"
    assert hessian(loss, X, method="exact", full_output=True).engine == "arrays"
    slope = fastgrad.grad(loss, method="exact")
    for x in (X, X + 1.0, V):
        np.testing.assert_allclose(slope(x), BIG.T @ (1 / (1 + np.exp(-(BIG @ x)))), rtol=1e-10)


def test_what_is_short_stays_where_it_was():
    assert jacobian(lambda x: x[:3] ** 2, X, method="exact", full_output=True).engine == "simd"
    assert jvp(lambda x: x[:3] ** 2, X, V, method="exact", full_output=True).engine == "simd"


def test_differences_are_not_theirs():
    for operation in (jacobian, hessian):
        with pytest.raises(EngineError, match="by method='exact'"):
            operation(logistic, X, engine="arrays")
    with pytest.raises(EngineError, match="by method='exact'"):
        jacobian(many, np.stack([X, X]), batch=True, method="exact", engine="arrays")


def test_what_cannot_be_recorded_says_why():
    with pytest.raises(EngineError, match="decides by values"):
        jacobian(lambda x: DATA @ x if x[0] > 5 else -(DATA @ x), X, method="exact", engine="arrays")
    with pytest.raises(EngineError, match="is no array that comes"):
        jacobian(lambda _: DATA[0], X, method="exact", engine="arrays")
    calls = []

    def counting(x):
        calls.append(1)
        return DATA @ x * len(calls)

    with pytest.raises(EngineError):
        jacobian(counting, X, method="exact", engine="arrays")


def test_small_outputs_are_compared_too():
    state = {"factor": 1e-12}

    def f(x):
        return np.array([np.sum(DATA @ x) * 1e12, np.sum(x**2) * state["factor"]])

    def changing(x):
        return f(x) + np.array([0.0, 1e-13]) * (0.0 if type(x) is not np.ndarray else x[0])

    np.testing.assert_allclose(jacobian(f, X, method="exact", engine="arrays")[1], 2e-12 * X, rtol=1e-12)
    with pytest.raises(EngineError):
        jacobian(changing, X, method="exact", engine="arrays")


def test_another_shape_than_that_of_the_program():
    loss = ArrayLoss(np.sin, lambda arrays: (arrays[""],), lambda: 0.0, {"": X})
    with pytest.raises(RefusedError, match="an array of shape"):
        jacobian_of(loss, lambda: np.zeros((2, 20)))


def test_v_of_zeros():
    assert not jvp(many, X, np.zeros(40), method="exact", engine="arrays").any()
    assert not hvp(logistic, X, np.zeros(40), method="exact", engine="arrays").any()

"""grad, value_and_grad and vjp."""

import copy
import functools
import pickle

import numpy as np
import pytest

import fastgrad
from fastgrad import ConstantFunctionWarning, gradient, jacobian
from fastgrad.formulas import reference
from fastgrad.transforms.functions import grad, hess, hessp, jac, value_and_grad, vjp

X = np.array([0.5, 2.0])
ROWS = np.random.default_rng(3).uniform(-2.0, 2.0, (7, 2))
U = np.array([1.0, -2.0, 0.5])

engines = pytest.mark.parametrize("engine", ["python", "reference", "jit", "simd"])


def polar(x):
    return np.array([x[0] * np.cos(x[1]), x[0] * np.sin(x[1]), x[0]])


def product(x):
    return np.sin(x[0] * x[1])


def scaled(x, a):
    return a * np.sum(x**2)


def test_grad_binds_options():
    assert (grad(product, order=4)(X) == gradient(product, X, order=4, engine="simd")).all()
    assert (grad(product, batch=True, engine="simd")(ROWS) == gradient(product, ROWS, batch=True, engine="simd")).all()
    assert grad(scaled)(X, 2.0).tolist() == gradient(scaled, X, args=(2.0,), engine="simd").tolist()
    assert grad(scaled, args=(3.0,))(X).tolist() == gradient(scaled, X, args=(3.0,), engine="simd").tolist()
    assert grad(product, engine="python")(X).tolist() == gradient(product, X).tolist()
    assert grad(product).__name__ == "gradient_of_product"


CUBES = functools.partial(scaled, a=2.0)


def several_of(x):
    return np.array([x[0] * x[1], x[0]])


@pytest.mark.parametrize(
    ("transform", "f"),
    [(grad, product), (value_and_grad, product), (hess, product), (jac, several_of), (grad, CUBES), (hess, CUBES)],
)
def test_functions_pickle_where_f_does(transform, f):
    whole = transform(f, order=4)
    for again in (pickle.loads(pickle.dumps(whole)), copy.deepcopy(whole)):
        for found, wanted in zip(again(X), whole(X), strict=True):
            assert np.array_equal(found, wanted)
        assert again.__name__ == whole.__name__
        assert again.__doc__ == whole.__doc__
    bound = pickle.loads(pickle.dumps(grad(scaled, args=(3.0,))))
    assert bound(X).tolist() == gradient(scaled, X, args=(3.0,), engine="simd").tolist()
    assert pickle.loads(pickle.dumps(hessp(product)))(X, X).tolist() == hessp(product)(X, X).tolist()
    with pytest.raises((AttributeError, pickle.PicklingError)):
        pickle.dumps(grad(lambda x: x[0]))


def test_value_and_grad():
    value, slope = value_and_grad(product, order=4)(X)
    assert value == pytest.approx(product(X), rel=1e-15)
    assert (slope == gradient(product, X, order=4, engine="simd")).all()
    values, slopes = value_and_grad(scaled, batch=True)(ROWS, 2.0)
    assert values.shape == (7,)
    assert slopes.shape == (7, 2)


def test_grad_in_gradient_descent():
    x, slope = np.array([3.0, 4.0]), grad(lambda x: np.sum(x**2))
    for _ in range(50):
        x = x - 0.1 * slope(x)
    assert np.abs(x).max() < 1e-3


@pytest.mark.parametrize("transform", [grad, value_and_grad])
def test_errors_come_early(transform):
    with pytest.raises(TypeError, match="unexpected keyword argument 'step'"):
        transform(product, step=1)
    with pytest.raises(TypeError, match="must be a function"):
        transform(X)


def test_warnings_point_at_the_caller():
    with pytest.warns(ConstantFunctionWarning) as seen:
        grad(lambda x: 1.0)(X)
    assert seen[0].filename == __file__
    with pytest.warns(ConstantFunctionWarning) as seen:
        vjp(lambda x: np.ones(3), X, U)
    assert seen[0].filename == __file__


@engines
def test_vjp(engine):
    full = jacobian(polar, ROWS, batch=True, engine=engine)
    value = vjp(polar, ROWS, U, batch=True, engine=engine)
    np.testing.assert_allclose(value, U @ full, rtol=1e-13, atol=1e-13)
    assert (value == [vjp(polar, x, U, engine=engine) for x in ROWS]).all()
    us = np.random.default_rng(0).standard_normal((7, 3))
    value = vjp(polar, ROWS, us, batch=True, engine=engine)
    assert (value == [vjp(polar, x, u, engine=engine) for x, u in zip(ROWS, us, strict=True)]).all()
    np.testing.assert_allclose(
        vjp(polar, X, U, engine=engine), reference.vjp(polar, X, U), rtol=1e-8 if engine == "simd" else 1e-13
    )


@pytest.mark.parametrize("engine", ["auto", "python", "simd", "reference"])
def test_vjp_with_batch_arguments(engine):
    scales = np.arange(1.0, len(ROWS) + 1.0)
    value = vjp(lambda x, a: a * polar(x), ROWS, U, batch=True, batch_args=(scales,), engine=engine)
    np.testing.assert_allclose(value, scales[:, None] * vjp(polar, ROWS, U, batch=True), rtol=1e-8)


def test_vjp_of_a_number_and_of_matrices():
    np.testing.assert_allclose(vjp(product, X, 2.0), 2 * gradient(product, X), rtol=1e-13)
    value = vjp(lambda x: x * x, np.ones((2, 3)), np.full((2, 3), 0.5))
    np.testing.assert_allclose(value, np.ones((2, 3)), rtol=1e-9)
    assert isinstance(vjp(lambda t: np.array([t, t * t]), 3.0, [1.0, 1.0]), np.float64)
    assert vjp(polar, np.empty((0, 2)), U, batch=True).shape == (0, 2)
    assert vjp(lambda x: np.ones(2), np.empty(0), np.ones(2)).shape == (0,)


def test_vjp_options():
    out = np.empty(2)
    assert vjp(polar, X, U, out=out) is out
    full = vjp(polar, X, U, order=4, full_output=True)
    assert (full.value.shape, full.status.shape, full.h.shape, full.nfev) == ((2,), (2,), (2,), 8)
    rough = vjp(polar, X.astype(np.float32), U)
    assert rough.dtype == np.float32
    assert (rough == out.astype(np.float32)).all()
    with pytest.raises(ValueError, match=r"u has shape \(2,\), but f returns shape \(3,\)"):
        vjp(polar, X, np.ones(2))
    with pytest.raises(ValueError, match="out has shape"):
        vjp(polar, X, U, out=np.empty(3))
    with pytest.raises(TypeError, match="u is complex"):
        vjp(polar, X, U * 1j)


def test_vjp_does_not_warn_of_our_arithmetic():
    assert np.isnan(vjp(lambda x: np.array([np.nan, np.inf]), X, np.array([1.0, 0.0]))).all()


def test_all_names_are_public():
    names = {"jacobian", "hessian", "jvp", "vjp", "hvp", "grad", "value_and_grad"}
    assert names <= set(fastgrad.__all__)

"""What checkers of types see is what runs: mypy reads this file as it reads the package, and pytest runs it."""

from collections.abc import Callable
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import fastgrad
from fastgrad import Explanation, Result, grid, sparsity, transforms
from fastgrad.checking import GradientCheck
from fastgrad.engine.options import GradientFunction, ResultFunction, ValueFunction

Array = NDArray[Any]
X = np.array([0.5, 2.0])
ROWS = np.ones((3, 2))


def f(x: Any) -> Any:
    return np.sin(x[0] * x[1])


def square(x: Any) -> Any:
    return x**2


def test_gradients() -> None:
    assert isinstance(assert_type(fastgrad.gradient(f, X), Array), np.ndarray)
    assert isinstance(assert_type(fastgrad.gradient(f, [0.5, 2.0], order=4), Array), np.ndarray)
    assert isinstance(assert_type(fastgrad.gradient(square, 3.0), np.float64), np.float64)
    assert isinstance(assert_type(fastgrad.gradient(f, ROWS, batch=True, engine="python"), Array), np.ndarray)
    assert isinstance(assert_type(fastgrad.gradient(f, X, full_output=True), Result), Result)
    assert isinstance(assert_type(fastgrad.explain(f, X), Explanation), Explanation)


def test_values() -> None:
    value, slope = fastgrad.value_and_gradient(f, X)
    assert isinstance(assert_type(value, np.float64), np.float64)
    assert isinstance(assert_type(slope, Array), np.ndarray)
    values, _ = fastgrad.value_and_gradient(f, ROWS, batch=True)
    assert isinstance(assert_type(values, Array), np.ndarray)
    _, result = fastgrad.value_and_gradient(f, X, full_output=True)
    assert isinstance(assert_type(result, Result), Result)


def test_other_derivatives() -> None:
    assert isinstance(assert_type(fastgrad.derivative(np.sin, 1.0), np.float64), np.float64)
    assert isinstance(assert_type(fastgrad.derivative(np.sin, X, n=2), Array), np.ndarray)
    assert isinstance(assert_type(fastgrad.derivative(np.sin, X, full_output=True), Result), Result)
    assert isinstance(assert_type(fastgrad.jacobian(square, X), Array), np.ndarray)
    assert isinstance(assert_type(fastgrad.jacobian(square, X, full_output=True), Result), Result)
    assert isinstance(assert_type(fastgrad.hessian(f, X), Array), np.ndarray)
    assert isinstance(assert_type(fastgrad.jvp(square, X, X), Array), np.ndarray)
    assert isinstance(assert_type(fastgrad.vjp(square, X, X), Array), np.ndarray)
    assert isinstance(assert_type(fastgrad.hvp(f, X, X), Array), np.ndarray)
    assert isinstance(assert_type(fastgrad.hvp(f, X, X, full_output=True), Result), Result)
    assert_type(fastgrad.propagate(square, X, X), tuple[Array, Array])
    assert_type(fastgrad.propagate(square, X, X, full_output=True), tuple[Any, Result])


def test_fields() -> None:
    assert isinstance(assert_type(fastgrad.gradient_field(f, [X, X]), Array), np.ndarray)
    assert isinstance(assert_type(fastgrad.gradient_field(f, [X, X], full_output=True), Result), Result)


def test_functions_of_functions() -> None:
    slope = assert_type(fastgrad.grad(f), GradientFunction)
    assert isinstance(assert_type(slope(X), Array), np.ndarray)
    assert isinstance(assert_type(slope({"a": X[0]} | {0: 1.0, 1: 2.0}), dict[Any, Any]), dict)
    both = assert_type(fastgrad.value_and_grad(f), ValueFunction)
    assert isinstance(assert_type(both(X), tuple[np.float64, Array]), tuple)
    assert isinstance(assert_type(fastgrad.hess(f)(X), Array), np.ndarray)
    assert isinstance(assert_type(fastgrad.jac(square)(X), Array), np.ndarray)
    full = assert_type(fastgrad.grad(f, full_output=True), ResultFunction)
    assert isinstance(assert_type(full(X), Result), Result)
    product = assert_type(transforms.hessp(f), Callable[..., Array])
    assert isinstance(product(X, X), np.ndarray)


def test_samples() -> None:
    row, sheet = np.zeros(5), np.zeros((4, 5))
    assert isinstance(assert_type(grid.gradient(row), Array), np.ndarray)
    assert isinstance(assert_type(grid.gradient([1.0, 4.0, 9.0], 0.5, accuracy=2), Array), np.ndarray)
    assert isinstance(assert_type(grid.gradient(sheet), tuple[Array, ...]), tuple)
    assert isinstance(assert_type(grid.gradient(sheet, axis=0), Array), np.ndarray)
    assert isinstance(assert_type(grid.gradient(sheet, 1.0, 2.0, axis=(0, 1), edge_order=2), tuple[Array, ...]), tuple)
    out: Array = np.empty(5)
    assert isinstance(assert_type(grid.gradient(row, out=out), Array), np.ndarray)
    unknown: Array = row
    assert_type(grid.gradient(unknown), Any)
    assert isinstance(assert_type(grid.divergence([sheet, sheet]), Array), np.ndarray)
    assert isinstance(assert_type(grid.curl(np.zeros((2, 4, 5))), Array), np.ndarray)
    assert isinstance(assert_type(grid.laplacian(sheet, periodic=True), Array), np.ndarray)
    assert len(grid.matrix((4, 5))) == 2
    assert grid.matrix(4).shape == (4, 4)


def test_sparse_matrices() -> None:
    assert sparsity.jacobian(square, X).shape == (2, 2)
    assert [m.shape for m in sparsity.hessian(f, ROWS[:, :2], batch=True)] == [(2, 2)] * 3
    assert isinstance(assert_type(sparsity.jacobian(square, X, full_output=True), Result), Result)
    assert isinstance(assert_type(sparsity.hessian(f, ROWS, batch=True, full_output=True), Result), Result)
    assert isinstance(assert_type(sparsity.pattern(square, X), sparsity.Pattern), sparsity.Pattern)


def test_the_book() -> None:
    assert isinstance(assert_type(fastgrad.numerical_diff(square, 3.0), float), float)
    assert isinstance(assert_type(fastgrad.numerical_gradient(f, X.copy()), Array), np.ndarray)
    assert isinstance(assert_type(fastgrad.gradient_descent(f, X.copy()), Array), np.ndarray)
    found, history = fastgrad.gradient_descent(f, X.copy(), return_history=True)
    assert assert_type(history, Array).shape == (100, 2)
    assert assert_type(found, Array).shape == (2,)


def test_weights_and_checks() -> None:
    weights = {"W": np.ones(2)}
    grads = fastgrad.weight_gradient(lambda p: np.sum(p["W"] ** 2), weights)
    assert isinstance(assert_type(grads, dict[Any, Array]), dict)
    assert isinstance(assert_type(fastgrad.weight_gradient(f, X.copy()), Array), np.ndarray)
    report = fastgrad.check_gradient(np.sum, np.ones_like, X)
    assert isinstance(assert_type(report, GradientCheck), GradientCheck)

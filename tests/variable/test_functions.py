"""The functions of Variables: names, precision, samples."""

import numpy as np
import pytest

import fastgrad
import fastgrad.variable as F
from fastgrad import Variable
from fastgrad.formulas.samples import SAMPLES
from fastgrad.variable import functions, grad
from tests.variable.cases import CASES, cases


@cases
@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value")
def test_single_precision_is_kept(case):
    ours, _, points = case
    xs = [Variable(p.astype(np.float32)) for p in points]
    y = ours(*xs)
    assert y.dtype == np.float32
    y.grad = np.ones(y.shape, np.float32)
    y.backward()
    assert [x.grad.dtype for x in xs] == [np.float32] * len(xs)
    gs = grad([y], xs, enable_double_backprop=True)
    assert [g.dtype for g in gs] == [np.float32] * len(xs)
    for g, x in zip(gs, xs, strict=True):
        np.testing.assert_array_equal(g.data, x.grad)


def test_every_function_of_the_module_has_a_case():
    tested = " ".join(CASES)
    assert [name for name in F.functions.__all__ if name not in tested and name != "as_variable"] == []


@pytest.mark.parametrize("name", ["rosenbrock", "ackley", "rastrigin", "styblinski"])
def test_samples_backpropagated(name):
    sample = SAMPLES[name]
    x = Variable(np.array(sample.point))
    if name == "ackley":
        y = -20 * F.exp(-0.2 * F.sqrt(F.mean(x**2))) - F.exp(F.mean(F.cos(2 * np.pi * x))) + 20 + np.e
    else:
        y = sample.f(x)
    y.backward()
    np.testing.assert_allclose(x.grad, sample.gradient(np.array(sample.point)), rtol=1e-13)


def test_hessian_vector_product():
    def f(x):
        return np.sum(np.exp(np.sin(x)) * x) + np.sum(x[1:] * x[:-1] ** 2) + np.max(x) ** 3

    x, v = Variable(np.array([0.3, -0.7, 1.1])), np.array([1.0, -2.0, 0.5])
    (g,) = grad([f(x)], [x], enable_double_backprop=True)
    (product,) = grad([np.sum(g * v)], [x])
    np.testing.assert_allclose(product.data, fastgrad.hvp(f, x.data, v, order=6), rtol=1e-7)


def test_third_derivative():
    x = Variable(np.array(2.0))
    y = x**4
    for expected in (32.0, 48.0, 48.0, 24.0):
        (y,) = grad([y], [x], enable_double_backprop=True)
        assert y.item() == expected


def test_the_functions_of_the_package_are_these():
    assert all(getattr(F, name) is getattr(functions, name) for name in functions.__all__)

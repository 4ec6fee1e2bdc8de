"""The definition against exact derivatives."""

import numpy as np
import pytest

import fastgrad
from fastgrad.formulas import reference
from fastgrad.formulas.samples import CURVES, SAMPLES
from fastgrad.formulas.steps import EPS

SMOOTH = [s for s in SAMPLES.values() if s.hessian]


def close(value, exact, tolerance):
    scale = max(1.0, float(np.abs(exact).max(initial=0.0)))
    np.testing.assert_allclose(value, exact, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("order", [2, 4, 6, 8])
@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_gradient(sample, order):
    x = np.array(sample.point)
    size = max(1.0, abs(float(sample.f(x))))
    close(reference.gradient(sample.f, x, order=order), sample.gradient(x), 1e3 * EPS ** (order / (order + 1)) * size)


@pytest.mark.parametrize("method", ["forward", "backward"])
@pytest.mark.parametrize("order", range(1, 9))
def test_one_sided_gradient(method, order):
    sample = SAMPLES["bump"]
    x = np.array(sample.point)
    value = reference.gradient(sample.f, x, order=order, method=method)
    close(value, sample.gradient(x), 1e3 * EPS ** (order / (order + 1)))


@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
def test_derivative(curve, n):
    x = np.linspace(*curve.box, 7)[1:-1]
    exact = curve.derivatives[n - 1](x)
    close(reference.derivative(curve.f, x, n=n, order=8, h=0.02), exact, 1e-4)
    close(reference.derivative(curve.f, x, n=n, order=4), exact, 3e3 * EPS ** (4 / (4 + n)))


@pytest.mark.parametrize("sample", SMOOTH, ids=lambda s: s.name)
def test_hessian_and_its_products(sample):
    x = np.array(sample.point)
    v = np.linspace(-1.0, 2.0, x.size)
    exact, size = sample.hessian(x), max(1.0, abs(float(sample.f(x))))
    hessian = reference.hessian(sample.f, x, order=4)
    close(hessian, exact, 1e3 * EPS ** (4 / 6) * size)
    assert (hessian == hessian.T).all()
    close(reference.hvp(sample.f, x, v, order=4), exact @ v, 1e3 * EPS ** (4 / 6) * size)


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_products_of_the_jacobian(sample):
    x = np.array(sample.point)
    v, u = np.linspace(-1.0, 2.0, x.size), np.array([2.0, -1.0])
    size = max(1.0, abs(float(sample.f(x))))

    def both(x):
        return np.array([sample.f(x), 3.0 * sample.f(x)])

    exact = sample.gradient(x)
    tolerance = 1e3 * EPS ** (4 / 5) * size
    close(reference.jacobian(both, x, order=4), [exact, 3 * exact], tolerance)
    close(reference.jvp(both, x, v, order=4), [exact @ v, 3 * exact @ v], tolerance)
    close(reference.vjp(both, x, u, order=4), -exact, tolerance)


def test_zero_direction_gives_zero():
    assert reference.jvp(np.sum, np.ones(3), np.zeros(3)) == 0.0
    assert (reference.hvp(lambda x: np.sum(x**2), np.ones(3), np.zeros(3)) == 0.0).all()


def test_value_and_gradient_and_field():
    sample = SAMPLES["sin_product"]
    value, slope = reference.value_and_gradient(sample.f, np.array([0.5, 2.0]))
    assert value == np.sin(1.0)
    close(slope, sample.gradient(np.array([0.5, 2.0])), 1e-9)
    axes = [np.array([0.0, 0.5]), np.array([2.0, 1.0, -1.0])]
    field = reference.gradient_field(sample.f, axes)
    assert field.shape == (2, 2, 3)
    close(field[:, 1, 0], sample.gradient(np.array([0.5, 2.0])), 1e-9)


def test_propagate_is_exact_for_a_linear_map():
    matrix, cov = np.array([[1.0, 2.0], [0.0, 3.0]]), np.array([[2.0, 0.5], [0.5, 1.0]])
    y, cov_y = reference.propagate(lambda x: matrix @ x, [1.0, 1.0], cov)
    close(y, [3.0, 3.0], 0.0)
    close(cov_y, matrix @ cov @ matrix.T, 1e-9)


def test_weight_gradient_reads_through_the_closure():
    params = {"W": np.array([[1.0, 2.0], [3.0, 4.0]]), "b": np.array([0.5])}
    before = {k: v.copy() for k, v in params.items()}
    slopes = reference.weight_gradient(lambda _: np.sum(params["W"] ** 2) * params["b"][0], params)
    close(slopes["W"], 2 * params["W"] * 0.5, 1e-9)
    close(slopes["b"], [30.0], 1e-9)
    assert all((params[k] == before[k]).all() for k in params)


def test_refined_steps_at_what_is_not_finite():
    points = np.array([[1.0, 2.0], [np.nan, 2.0], [np.inf, 1.0]])
    f = lambda x: np.sin(x[0]) * x[1]
    with np.errstate(all="ignore"):
        found = fastgrad.gradient(f, points, batch=True, method="adaptive", engine="reference")
    np.testing.assert_allclose(found[0], [2.0 * np.cos(1.0), np.sin(1.0)], rtol=1e-9)
    assert np.isnan(found[1:]).any(axis=1).all()

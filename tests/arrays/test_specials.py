"""Derivatives of SciPy's functions of one number."""

import numpy as np
import pytest
from scipy import special

import fastgrad
from fastgrad.arrays.specials import CURVATURES, SLOPES, curvature, slope


@pytest.mark.parametrize("name", SLOPES)
def test_slopes(name):
    f, x, h = getattr(special, name), np.array([0.2, 0.4, 0.7]), 1e-5
    wanted = (f(x - 2 * h) - 8 * f(x - h) + 8 * f(x + h) - f(x + 2 * h)) / (12 * h)
    np.testing.assert_allclose(SLOPES[name](x), wanted, rtol=1e-9)
    assert slope(f) is SLOPES[name]


@pytest.mark.parametrize("name", CURVATURES)
def test_curvatures(name):
    x, h = np.array([-0.4, 0.0, 0.7]), 1e-5
    wanted = (SLOPES[name](x + h) - SLOPES[name](x - h)) / (2 * h)
    np.testing.assert_allclose(CURVATURES[name](x), wanted, rtol=1e-8, atol=1e-10)
    assert curvature(getattr(special, name)) is CURVATURES[name]


SMOOTH_AT_0 = {
    "expit": (special.expit, 0.25, 0.0),
    "log_expit": (special.log_expit, 0.5, -0.25),
    "xlogy": (lambda x: special.xlogy(x, x + 2.0), np.log(2.0), 1.0),
    "xlogy of data": (lambda x: special.xlogy(x, 2.0), np.log(2.0), 0.0),
}


@pytest.mark.parametrize("name", SMOOTH_AT_0)
@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_at_0_where_weights_begin(name, zero):
    f, first, second = SMOOTH_AT_0[name]
    x = np.array([zero, 0.7])
    loss = lambda w: np.sum(f(w))
    options = {"method": "exact", "engine": "arrays"}
    slopes = fastgrad.gradient(loss, x, **options)
    np.testing.assert_allclose(slopes[0], first, rtol=1e-15)
    np.testing.assert_array_equal(fastgrad.weight_gradient(lambda _: loss(x), x, method="exact"), slopes)
    np.testing.assert_allclose(fastgrad.hessian(loss, x, **options)[0], [second, 0.0], rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize("name", ["expit", "log_expit"])
def test_far_out(name):
    loss = lambda w: np.sum(getattr(special, name)(w) * [1.0, 2.0, 3.0])
    for operation in (fastgrad.gradient, fastgrad.hessian):
        found, other = (
            operation(loss, np.array([-800.0, 0.3, 800.0]), method="exact", engine=e) for e in ("arrays", "simd")
        )
        np.testing.assert_allclose(found, other, rtol=1e-14)


def test_only_of_scipys():
    assert slope(np.expm1) is None
    assert slope(special.betaln) is None
    assert slope(np.frompyfunc(abs, 1, 1)) is None

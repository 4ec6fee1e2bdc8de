"""Derivatives from one side: f is called there alone, also at refined steps, and each coordinate has its own."""

import dask.array as da
import numpy as np
import pytest

from fastgrad import derivative, explain, grad, gradient, jacobian, value_and_gradient


def kink(x):
    return np.abs(x[0] - 1.0) + 3.0 * x[1] ** 2


X = np.array([1.0, 2.0])


@pytest.mark.parametrize("method", ["central", "adaptive"])
@pytest.mark.parametrize("order", [2, 4, 8])
def test_each_side_of_a_kink(method, order):
    for side, slope in ((1, 1.0), (-1, -1.0), ([1, 0], 1.0), ([-1, 1], -1.0)):
        found = gradient(kink, X, side=side, method=method, order=order)
        np.testing.assert_allclose(found, [slope, 12.0], rtol=1e-7)
    np.testing.assert_allclose(gradient(kink, X, side=0), [0.0, 12.0], rtol=1e-9)


@pytest.mark.parametrize("engine", ["python", "simd", "jit", "reference"])
def test_engines(engine):
    rows = np.array([[1.0, 2.0], [1.0, -1.0], [4.0, 0.5]])
    found = gradient(kink, rows, side=[1, 0], batch=True, engine=engine)
    np.testing.assert_allclose(found, [[1.0, 12.0], [1.0, -6.0], [1.0, 3.0]], rtol=1e-7)
    each = gradient(kink, rows, side=[[1, 0], [-1, 1], [0, 0]], batch=True, engine=engine)
    np.testing.assert_allclose(each, [[1.0, 12.0], [-1.0, -6.0], [1.0, 3.0]], rtol=1e-7)


@pytest.mark.parametrize("method", ["central", "adaptive"])
def test_where_f_is_called(method):
    seen = []

    def f(x):
        seen.append(x.copy())
        return kink(x)

    gradient(f, X, side=[1, -1], method=method)
    assert min(x[0] for x in seen) == 1.0
    assert max(x[1] for x in seen) == 2.0


def test_refined_with_an_error():
    """f is not defined on the other side; the exact derivative is the oracle of the error."""

    def f(x):
        return np.sqrt(x - 1.0) ** 3 + np.exp(x)

    x = np.array([1.0, 1.5])
    exact = 1.5 * np.sqrt(x - 1.0) + np.exp(x)
    with np.errstate(invalid="raise"):
        found = derivative(f, x, side=1, method="adaptive", full_output=True)
    np.testing.assert_allclose(found.value[1], exact[1], rtol=1e-9)
    assert (np.abs(found.value - exact) <= 10 * found.error + 1e-6).all()


def test_between_bounds_too():
    seen = []

    def f(x):
        seen.append(float(x[0]))
        return x[0] ** 2

    gradient(f, np.array([1.0]), side=1, bounds=(0.0, 1.0 + 1e-9))
    assert min(seen) >= 1.0
    assert max(seen) <= 1.0 + 1e-9


def test_other_operations():
    np.testing.assert_allclose(jacobian(lambda x: [abs(x[0] - 1), x[1]], X, side=-1), [[-1, 0], [0, 1]], atol=1e-9)
    value, slope = value_and_gradient(kink, X, side=1)
    assert value == 12.0
    np.testing.assert_allclose(slope, [1.0, 12.0], rtol=1e-7)
    np.testing.assert_allclose(grad(kink, side=-1)(X), [-1.0, 12.0], rtol=1e-7)
    np.testing.assert_allclose(derivative(np.abs, np.zeros(3), side=[1, 0, -1]), [1.0, 0.0, -1.0], atol=1e-12)
    assert explain(kink, X, side=1).engine == "python"
    single = gradient(kink, X.astype(np.float32), side=1)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, [1.0, 12.0], rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"side": 2}, r"side=2 must be 1 \(above x\)"),
        ({"side": [1, 1, 1]}, "a number or one per coordinate"),
        ({"side": 1, "method": "forward"}, "does not fit method='forward'"),
        ({"side": 1, "method": "exact"}, "does not fit method='exact'"),
    ],
)
def test_what_is_no_side(options, words):
    with pytest.raises(ValueError, match=words):
        gradient(kink, X, **options)
    with pytest.raises(ValueError, match="dask"):
        gradient(kink, da.ones((3, 2)), batch=True, side=1)

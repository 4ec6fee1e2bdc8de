"""Between bounds the kernel runs where its formula fits, and only there; f is never called outside."""

import pickle

import numpy as np
import pytest
from scipy.optimize import Bounds

from fastgrad import grad, gradient, hess, hessian, jac, jacobian, value_and_grad
from fastgrad.transforms import limits

X = np.array([0.7, 0.8, 0.9])
FORMS = {
    "numbers": (0.0, 2.0),
    "pairs": [(0.0, 2.0), (None, 2.0), (0.0, None)],
    "arrays": (np.zeros(3), np.full(3, 2.0)),
    "Bounds": Bounds([0.0] * 3, [2.0] * 3),
}


def valley(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def squares(x):
    return x * x[0]


def is_bound(function, x=X):
    """Whether the kernel answers."""
    return x.shape in function._bound and function._bound[x.shape](x, ()) is not None


@pytest.mark.parametrize("method", ["central", "forward", "exact"])
@pytest.mark.parametrize("bounds", FORMS.values(), ids=FORMS)
def test_inside_it_is_the_kernel(bounds, method):
    slope, plain = grad(valley, bounds=bounds, method=method), grad(valley, method=method)
    for x in (X, X + 0.1, X + 0.2):
        np.testing.assert_array_equal(slope(x), plain(x))
    assert is_bound(slope)


@pytest.mark.parametrize(
    ("transform", "operation", "f"), [(jac, jacobian, squares), (hess, hessian, valley)], ids=["jac", "hess"]
)
def test_others(transform, operation, f):
    function = transform(f, bounds=(0.0, 2.0))
    for x in (X, X + 0.1, np.zeros(3) + 1e-12, np.array([2.0, 1.0, 0.0])):
        np.testing.assert_allclose(function(x), operation(f, x, bounds=(0.0, 2.0)), rtol=1e-6, atol=1e-4)
    assert is_bound(function)
    value, slope = value_and_grad(valley, bounds=(0.0, 2.0))(X)
    assert value == valley(X)
    np.testing.assert_allclose(slope, gradient(valley, X), rtol=1e-8)


def test_beside_a_bound_f_is_not_called_outside():
    def guarded(x):
        return np.sum(np.sqrt(x)) + np.sum(x**2)  # NaN below 0

    slope = grad(guarded, bounds=(0.0, np.inf))
    slope(X), slope(X)
    for x in (np.array([0.0, 1.0, 2.0]), np.array([1e-9, 1.0, 2.0]), np.array([5e-324, 1.0, 2.0])):
        assert not is_bound(slope, x)
        np.testing.assert_array_equal(slope(x), gradient(guarded, x, bounds=(0.0, np.inf)))
        assert not np.isnan(slope(x)).any()
    assert is_bound(slope)


def test_outside_is_an_error_of_differences_only():
    for method in ("central", "exact"):
        slope = grad(valley, bounds=(0.0, 2.0), method=method)
        slope(X), slope(X)
        for x in (X - 1.0, X + 1.5):
            if method == "exact":  # f is asked at x only
                np.testing.assert_allclose(slope(x), grad(valley, method=method)(x))
                continue
            with pytest.raises(ValueError, match="lies outside its bounds"):
                slope(x)
        assert np.isnan(slope(np.array([np.nan, 1.0, 1.0]))).any()


def test_bounds_that_are_changed_in_place():
    low, pairs, both = np.zeros(3), [(0.0, 2.0)] * 3, Bounds([0.0] * 3, [2.0] * 3)
    slopes = [grad(valley, bounds=b) for b in ((low, 2.0), pairs, both)]
    for slope in slopes:
        slope(X), slope(X)
        assert is_bound(slope)
    low[:], pairs[:], both.lb = 0.75, [(0.75, 2.0)] * 3, np.full(3, 0.75)
    for slope in slopes:
        with pytest.raises(ValueError, match="lies outside its bounds"):
            slope(X)
        slope(X + 0.1), slope(X + 0.1)
        assert is_bound(slope, X + 0.1)


def test_bounds_that_are_none():
    for bounds in ((1.0,), [(0.0, 1.0)] * 2, "ab", (2.0, 1.0)):
        with pytest.raises((TypeError, ValueError)):
            grad(valley, bounds=bounds)(X)


def test_points():
    rows = np.tile(X, (20, 1)) + np.linspace(0.0, 0.1, 20)[:, None]
    slope = grad(valley, bounds=FORMS["pairs"], batch=True)
    for _ in range(3):
        np.testing.assert_allclose(slope(rows), gradient(valley, rows, batch=True), rtol=1e-9, atol=1e-9)
    assert is_bound(slope, rows)
    rows[3, 1] = 2.0
    assert not is_bound(slope, rows)
    np.testing.assert_array_equal(slope(rows), gradient(valley, rows, bounds=FORMS["pairs"], batch=True))


def test_pickles():
    slope = grad(valley, bounds=FORMS["Bounds"])
    expected = [slope(X) for _ in range(3)][-1]
    np.testing.assert_allclose(pickle.loads(pickle.dumps(slope))(X), expected, rtol=1e-9)
    assert limits.Limits.__doc__

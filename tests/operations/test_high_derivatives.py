"""Derivatives from the fifth to the eighth, which round-off spoils most: bounds of error against exact values."""

import numpy as np
import pytest

from fastgrad import derivative

X = np.array([0.7, 2.0, -0.3])
HIGH = (5, 6, 7, 8)


def wave(n):
    return np.sin(X + n * np.pi / 2)


@pytest.mark.parametrize("n", HIGH)
def test_exact(n):
    for engine in ("auto", "simd"):
        np.testing.assert_allclose(derivative(np.sin, X, n=n, method="exact", engine=engine), wave(n), atol=1e-14)
    many = np.linspace(-2.0, 2.0, 1001)
    np.testing.assert_allclose(
        derivative(lambda x: np.exp(-x / 2), many, n=n, method="exact"), np.exp(-many / 2) * (-0.5) ** n, rtol=1e-13
    )


@pytest.mark.parametrize("engine", ["auto", "simd", "reference"])
@pytest.mark.parametrize(
    ("order", "most"),
    [(2, (1e-4, 1e-3, 3e-3, 1e-2)), (4, (1e-6, 5e-4, 5e-5, 2e-3)), (8, (1e-6, 1e-5, 1e-5, 1e-3))],
)
def test_central(order, most, engine):
    for n, bound in zip(HIGH, most, strict=True):
        assert np.abs(derivative(np.sin, X, n=n, order=order, engine=engine) - wave(n)).max() < bound


@pytest.mark.parametrize("n", HIGH)
@pytest.mark.parametrize("order", [2, 8])
def test_adaptive_knows_its_error(n, order):
    found = derivative(np.sin, X, n=n, method="adaptive", order=order, full_output=True)
    assert (np.abs(found.value - wave(n)) <= found.error).all()
    assert (found.error < 0.1).all()


@pytest.mark.parametrize("n", HIGH)
def test_polynomials(n):
    """Exactly 0 beyond the degree but for round-off, n! at it."""
    factorial = float(np.prod(np.arange(1, n + 1)))
    assert derivative(lambda x: x**n, 0.0, n=n, order=4) == pytest.approx(factorial, rel=1e-3)
    assert derivative(lambda x: x ** (n - 1), 0.0, n=n, order=4) == pytest.approx(0.0, abs=1e-3 * factorial)


@pytest.mark.parametrize("n", [0, 9, True + 8.5])
def test_no_such_derivative(n):
    with pytest.raises(ValueError, match="must be 1, 2, 3, 4, 5, 6, 7 or 8"):
        derivative(np.sin, 0.0, n=n)

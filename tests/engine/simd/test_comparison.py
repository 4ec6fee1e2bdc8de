"""Exact derivatives beside differences of f: higher ones, of which differences have much noise."""

import numpy as np
import pytest

from fastgrad import EngineError, derivative, hess, hessian, hvp


def root(x):
    """By bisection, whose ends are constants to a trace, and one step of Newton's: the first derivative is right."""
    low, high = 0.0, 2.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        above = middle**3 + x[0] * middle - x[1] - 1.0 > 0.0
        low, high = (low, middle) if above else (middle, high)
    t = 0.5 * (low + high)
    return t - (t**3 + x[0] * t - x[1] - 1.0) / (3.0 * t * t + x[0])


def table(x):
    """A fine one of a sine, with its slopes between."""
    nearest = np.floor(1e6 * x) * 1e-6
    return np.sin(nearest) + (x - nearest) * np.cos(nearest)


X = np.array([0.3, 0.4])
OTHERS = {
    "hessian": lambda: hessian(root, X, method="exact"),
    "hessians": lambda: hessian(root, np.tile(X, (40, 1)), batch=True, method="exact"),
    "hess": lambda: hess(root, method="exact")(X),
    "hvp": lambda: hvp(root, X, X, method="exact"),
    "second": lambda: derivative(lambda t: root([t, 0.4]), 0.3, n=2, method="exact"),
    "third": lambda: derivative(lambda t: root([t, 0.4]), 0.3, n=3, method="exact"),
    "third of a table": lambda: derivative(table, 0.5123, n=3, method="exact"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_higher_derivatives_that_differences_contradict(name):
    with pytest.raises(EngineError, match=r"its exact derivative is .*, but differences of f give"):
        OTHERS[name]()


WAVES = {
    "short": lambda t: np.sin(1e5 * t),
    "short beside a large number": lambda t: np.sin(1e5 * t) + 1e6,
    "long beside a larger one": lambda t: np.sin(300.0 * t) + 1e10,
    "steep": lambda t: np.arctan(300.0 * t) + 1e6,
    "a pole": lambda t: 1.0 / t + 1e10,
    "nothing but noise": lambda t: 1e-9 * t**4 + 1e10,
}


@pytest.mark.parametrize("name", WAVES)
@pytest.mark.parametrize("n", [2, 3, 4])
def test_what_no_difference_resolves_is_believed(name, n):
    for t in (0.37, -1.3, 1e-4):
        assert np.isfinite(derivative(WAVES[name], t, n=n, method="exact"))

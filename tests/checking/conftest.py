"""A large function and a large network, whose gradients are right."""

import numpy as np
import pytest

from fastgrad import nn


@pytest.fixture
def many():
    """A function of 10 000 variables, its gradient, a point."""
    rng = np.random.default_rng(0)
    c, x = rng.standard_normal(10_000), rng.standard_normal(10_000)
    return lambda x: np.sum(c * np.sin(x) + 0.1 * x**2), lambda x: c * np.cos(x) + 0.2 * x, x


@pytest.fixture
def net():
    """The book's network with 39 760 weights, inputs and labels."""
    rng = np.random.default_rng(1)
    network = nn.MLP((784, 50, 10), rng=rng)
    return network, rng.random((20, 784)), rng.integers(0, 10, 20)

"""How far rounding may take f: of terms that cancel more than its last digits."""

import numpy as np
import pytest

import fastgrad
from fastgrad.program.roundings import rounded_by
from fastgrad.program.trace.recording import trace
from fastgrad.results import EPS

T = np.linspace(1.0, 3.0, 20)


def test_what_is_rounded_before_it_cancels():
    bound = rounded_by(trace(lambda x: 1.0 - np.tanh(x[0]), (1,)))
    assert EPS / 2 <= bound(np.array([16.0]))[0] <= 2 * EPS
    assert rounded_by(trace(lambda x: x[0] * 2.0, (1,)))(np.array([3.0]))[0] <= 7.0 * EPS
    in_a_logarithm = rounded_by(trace(lambda x: np.log(1.0 - np.exp(-x[0])), (1,)))
    assert EPS / 2 <= in_a_logarithm(np.array([30.0]))[0] <= 4 * EPS
    assert in_a_logarithm(np.array([1e-9]))[0] > 1e-8
    assert rounded_by(trace(lambda x: np.where(x[0] > 0, x[0], 1e9 * x[1]), (2,)))(np.array([1.0, 1.0]))[0] < 1e-15


CANCELLING = {
    "1 - tanh": (lambda x: 1.0 - np.tanh(x[0]), lambda x: -1.0 / np.cosh(x) ** 2, 16.0),
    "logarithms": (lambda x: np.sum(np.log(1.0 - np.exp(-x[0] * T))), lambda x: np.sum(T / np.expm1(x * T)), 25.0),
    "a total": (lambda x: 20.0 - np.sum(np.tanh(x[0] * T)), lambda x: -np.sum(T / np.cosh(x * T) ** 2), 15.0),
}


@pytest.mark.parametrize("name", CANCELLING)
def test_exact_derivatives_there_are_given_whatever_came_before(name):
    f, slope, place = CANCELLING[name]
    x = np.array([place])
    wanted = pytest.approx([slope(place)], rel=1e-6)
    for _ in range(2):
        assert fastgrad.gradient(f, x, method="exact") == wanted
    assert fastgrad.grad(f, method="exact")(x) == wanted
    assert fastgrad.gradient(f, np.tile(x, (3, 1)), batch=True, method="exact")[1] == wanted

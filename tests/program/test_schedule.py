"""A program run by NumPy level by level gives what its interpreter gives, and takes few calls."""

import numpy as np
import pytest

from fastgrad.program.program import Program, evaluate
from fastgrad.program.schedule import schedule
from fastgrad.program.trace.recording import trace


def masks(x):
    both, either, one = (x > 0) & (x < 1), (x < -1) | (x > 1), (x > 0) ^ (x < 0.5)
    y = np.where(both, x**2, np.where(either, np.abs(x), -x)) + (x > 0) * 2.0
    return np.where(~one, y, np.minimum(y, np.floor(x)))


def signs(x):
    """Of a zero and of a negative one, both numbers of the program."""
    return np.stack([np.copysign(x, 0.0), np.copysign(x, -0.0), x * 0.0, 1 / (0.0 * x - 0.0), x ** (1 / 3)])


def elementary(x):
    return np.sum(np.sin(x) * np.exp(-(x**2)) / np.hypot(x, 2.0) - np.log1p(np.abs(x)) % 0.3) + np.max(x)


def constant(x):
    return 3.0


def third(x):
    return x[2]


@pytest.mark.parametrize("f", [masks, signs, elementary, constant, third])
def test_values_are_those_of_the_interpreter(f):
    points = np.random.default_rng(0).normal(size=(5, 9)) * 2
    points[0, 0], points[1, 0], points[2, 1] = 0.0, -0.0, np.nan
    program = trace(f, (5,))
    found = schedule(program).values(points)
    expected = np.array([evaluate(program, x) for x in points.T]).T
    assert np.allclose(found, expected, rtol=1e-14, atol=0, equal_nan=True)
    assert np.array_equal(np.signbit(found[expected == 0]), np.signbit(expected[expected == 0]))


def test_a_sum_of_many_terms_is_few_calls():
    program = trace(lambda x: np.sum((x[1:] - x[:-1] ** 2) ** 2), (1000,))
    assert len(schedule(program).steps) == 3 + 10  # a square, a difference, a square, and the levels of the sum


def test_literals_have_their_bits():
    literals = [0.0, -0.0, 2.0, np.nan, np.inf]
    nodes = tuple(("copysign", ("x", 0), ("k", value)) for value in literals)
    nodes += (("+", ("k", np.nan), ("x", 0)), ("*", ("x", 0), ("k", 2.0)))
    program = Program(1, 0, nodes, (*(("v", j) for j in range(len(nodes))), ("k", -0.0), ("k", 0.0)), (9,), ())
    found = schedule(program).values(np.array([[3.0]]))[:, 0]
    np.testing.assert_array_equal(found, [3.0, -3.0, 3.0, 3.0, 3.0, np.nan, 6.0, -0.0, 0.0])
    assert np.signbit(found[-2:]).tolist() == [True, False]

"""Reverse mode: what it computes, and with how many operations."""

import numpy as np
import pytest

import fastgrad
from fastgrad.formulas import stencils
from fastgrad.formulas.samples import SAMPLES
from fastgrad.program.adjoint import adjoint
from fastgrad.program.code import Code
from fastgrad.program.exact import exact
from fastgrad.program.partials import Partials
from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import trace


def gradient_of(f, d):
    program = trace(f, (d,))
    return program, exact(program, stencils.gradient(d, method="exact")).program


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_samples(name):
    sample = SAMPLES[name]
    x = np.array(sample.point)
    _, slopes = gradient_of(sample.f, x.size)
    expected = sample.gradient(x)
    root = np.sqrt(np.mean(np.square(expected)))
    assert np.abs(evaluate(slopes, x) - expected).max() <= 8.0 * np.finfo(float).eps * max(root, 1e-300)


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


LENGTHS = {
    "a chain": (rosenbrock, 50),
    "a softmax": (lambda x: np.log(np.sum(np.exp(x - np.max(x)))), 40),
    "a product": (np.prod, 30),
    "a quadratic form": (lambda x: x @ np.arange(400.0).reshape(20, 20) @ x, 20),
}


@pytest.mark.parametrize("name", sorted(LENGTHS))
def test_a_gradient_is_four_times_as_long_as_f_at_most(name):
    f, d = LENGTHS[name]
    program, slopes = gradient_of(f, d)
    assert len(slopes.nodes) <= 4 * len(program.nodes)


def test_outputs_that_do_not_depend_on_all():
    program = trace(lambda x: np.array([x[0] * x[1], 3.0, x[2]]), (3,))
    code = Code(program)
    partials = Partials(code, program)
    rows = [adjoint(code, program, output, partials) for output in program.outputs]
    zero, one = ("k", 0.0), ("k", 1.0)
    assert rows == [[("x", 1), ("x", 0), zero], [zero] * 3, [zero, zero, one]]


def test_what_flows_along_many_paths_is_added():
    _, slopes = gradient_of(lambda x: x[0] * x[0] + x[0] / x[1] + x[0], 2)
    assert evaluate(slopes, [3.0, 2.0]) == [7.5, -0.75]


def test_constants_keep_their_places():
    weights = np.array([2.0, 3.0])
    program, slopes = gradient_of(lambda x: x @ weights, 2)
    assert slopes.constants == program.constants
    assert evaluate(slopes, [1.0, 1.0]) == [2.0, 3.0]


def test_no_derivatives_are_written_by_constants():
    program = trace(lambda x: 3.0 * np.sin(x[0]) - x[0] * 5.0, (1,))
    code = Code(program)
    adjoint(code, program, program.outputs[0], Partials(code, program))
    assert [name for name, *_ in code.nodes[len(program.nodes) :]].count("*") == 1  # 3 cos(x), and not 1 sin(x)


def huber(x):
    return np.sum(np.where(np.abs(x) <= 1.0, 0.5 * x**2, np.abs(x) - 0.5)) + np.maximum(1.0 - x[0] * x[1], 0.0)


def test_one_choice_is_left_of_several_by_one_mask():
    _, slopes = gradient_of(huber, 4)
    assert [node[0] for node in slopes.nodes].count("select") == 7  # one a coordinate, and three of the maximum
    for x in (np.array([0.3, -2.0, 1.5, -0.2]), np.array([2.0, 0.1, -0.7, 0.0]), np.array([0.5, 2.0, 1.0, -1.0])):
        expected = np.clip(x, -1.0, 1.0)
        expected[:2] -= x[1::-1] * (1.0 if x[0] * x[1] < 1.0 else 0.5 if x[0] * x[1] == 1.0 else 0.0)
        np.testing.assert_allclose(evaluate(slopes, x), expected, rtol=1e-15)


EXTREMES = {
    "a heat capacity": (lambda x: x[0] ** 2 * np.exp(x[0]) / (np.exp(x[0]) - 1.0) ** 2, 300.0, -4.602490998836339e-126),
    "an inverse square": (lambda x: x[0] ** -2, 1e-90, -2e270),
    "an inverse cube": (lambda x: x[0] ** -3, 1e70, -3e-280),
    "a high inverse power": (lambda x: x[0] ** -12, 1e-15, -1.2e196),
    "a power of two": (lambda x: x[0] / 2.0 ** x[0], 600.0, -9.998475760577778e-179),
    "a pulse": (lambda x: 1.0 / np.cosh(x[0]) ** 2, 200.0, -1.5321356773712045e-173),
    "the 80th power": (lambda x: 1.0 / x[0] ** 80, 100.0, -8e-161),
    "a product": (lambda x: 1.0 / (x[0] * (x[0] + 1.0) * 2.0), 1e100, -1e-300),
    "an inverse square of a product": (lambda x: (x[0] * 1e-69) ** -2, 1e-34, -2e240),
    "a quotient by a quotient": (lambda x: 1e10 / (x[0] / 1e-100), 1e97, -1e-284),
    "a quotient that is large": (lambda x: (x[0] / 1e90) / (1e-90 / x[0]), 1e30, 2e30),
    "an inverse of an inverse": (lambda x: 1.0 / (1.0 / (x[0] * x[0])), 1e70, 2e70),
}


@pytest.mark.parametrize("name", EXTREMES)
def test_where_a_factor_on_the_way_is_too_small_or_too_large(name):
    """The derivative is a float, the square of the quotient is not."""
    f, x, wanted = EXTREMES[name]
    for points in (np.array([[x]]), np.array([[20.0], [x], [1.0]])):
        found = fastgrad.gradient(f, points, batch=True, method="exact")
        assert found[len(points) // 2, 0] == pytest.approx(wanted, rel=1e-12)
    along = fastgrad.jvp(f, np.array([x]), np.array([1.0]), method="exact")
    assert along == pytest.approx(wanted, rel=1e-12)

"""Sums of terms, whose differences are those of one term at many points, beside kernels, the reference and Python."""

import math
from functools import partial

import numpy as np
import pytest

import fastgrad
from fastgrad import explain, gradient, hessian_diagonal, jacobian, value_and_gradient
from fastgrad.engine.simd import separated
from tests.longforms import (
    POINTS,
    RNG,
    STEPS,
    branching,
    check_as_kernels,
    check_bits_of_rows,
    check_on_a_grid,
    check_steps_that_vanish,
    check_what_overflows_within,
    forced,
    rosenbrock,
)

DATA = RNG.uniform(0.5, 1.5, 6)


@pytest.fixture
def by_terms(monkeypatch):
    """However few terms there are."""
    return partial(forced, monkeypatch, SEPARATE=0)


def weighted(x):
    return 0.5 * (np.sum(DATA * np.exp(DATA - x)) - 3.0) / x.size - x[0] - x[0]


def field(x):
    return np.array([[x[0] * x[1] + np.sin(x[2]), -x[1] / x[2]], [np.log(x[3]), 3.0]])


FUNCTIONS = [rosenbrock, branching, weighted, field]


@pytest.mark.parametrize("options", STEPS, ids=range(9))
@pytest.mark.parametrize("f", FUNCTIONS)
def test_as_kernels(by_terms, f, options):
    check_as_kernels(by_terms, f, options, "" if f is field else "as sums of")


@pytest.mark.parametrize("f", FUNCTIONS[:3])
def test_second_derivatives(by_terms, f):
    kernel = hessian_diagonal(f, POINTS, batch=True, engine="simd")
    by_terms()
    found = hessian_diagonal(f, POINTS, batch=True, engine="simd")
    np.testing.assert_allclose(found, kernel, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("options", STEPS[:6], ids=range(6))
def test_values_and_what_lies_beside_points(by_terms, options):
    weights, shifts = RNG.uniform(0.5, 1.5, POINTS.shape), np.arange(len(POINTS))
    f = lambda x, w, k: np.sum(w * x**3 * x[0] * DATA + k)
    more = {"batch": True, "batch_args": (weights, shifts)}
    by_terms()
    assert "as sums of" in explain(f, POINTS, engine="simd", **more)
    values, found = value_and_gradient(f, POINTS, engine="simd", **more, **options)
    plain, wanted = value_and_gradient(f, POINTS, engine="python", **more, **options)
    assert np.array_equal(values, plain)
    np.testing.assert_allclose(found, wanted, rtol=1e-7)


@pytest.mark.parametrize("f", FUNCTIONS[:3])
def test_a_row_has_its_bits_whatever_rows_are_beside_it(by_terms, monkeypatch, f):
    by_terms()
    check_bits_of_rows(f, monkeypatch, separated, 50)
    steps = 1e-5 * (1.0 + POINTS)
    small = gradient(f, POINTS, batch=True, engine="simd", h=steps)
    assert np.array_equal(small[7:9], gradient(f, POINTS[7:9], batch=True, engine="simd", h=steps[7:9]))


def test_on_a_grid(by_terms):
    check_on_a_grid(by_terms, rosenbrock)


NOT_FINITE = {
    "NaN of another term": (lambda x: x[0] + x[1] ** 2, [np.nan, 1.0]),
    "infinity": (lambda x: x[0] * 2.0 + x[1] ** 2, [np.inf, 1.0]),
    "a pole": (lambda x: 1.0 / x[0] + x[1] ** 2, [0.0, 1.0]),
    "a sum that overflows": (lambda x: np.sum(x * x), [1.2e154, 1.2e154]),
    "a number": (lambda x: np.sum(x * x) + INFINITE[0], [1.0, 2.0]),
    "an end": (lambda x: np.sum(np.sqrt(x)), [0.0, 1.0]),
}
INFINITE = np.array([np.inf])


@pytest.mark.parametrize("name", NOT_FINITE)
def test_what_is_not_finite_is_f_s_own(by_terms, name):
    f, x = NOT_FINITE[name]
    points = np.array([[2.0, 3.0], x, [0.5, 0.25]])
    by_terms()
    with np.errstate(all="ignore"):
        found, wanted = (gradient(f, points, batch=True, engine=engine) for engine in ("simd", "python"))
    np.testing.assert_allclose(found, wanted, rtol=1e-7)
    assert not np.isfinite(wanted[1]).all()


def test_what_overflows_within_a_term_only(by_terms):
    by_terms()
    check_what_overflows_within()


RAISING = {
    "sqrt": lambda x: sum(math.sqrt(v) * v for v in x),
    "log": lambda x: sum(math.log(x[k]) * x[k + 1] for k in range(5)),
    "exp": lambda x: sum(1.0 / (1.0 + math.exp(-v)) for v in x),
    "branches": lambda x: sum(math.sqrt(v) if v > 0 else -v for v in x),
}


@pytest.mark.parametrize("name", RAISING)
def test_functions_that_raise(by_terms, name):
    by_terms()
    f = RAISING[name]
    assert "as sums of" in explain(f, POINTS, batch=True, engine="simd")
    for bad in (1.0, -1.0, 0.0, 800.0, -800.0, np.nan, np.inf, 1e-7):
        x = POINTS[0].copy()
        x[2] = bad
        found = []
        for engine in ("simd", "python"):
            try:
                with np.errstate(all="ignore"):
                    found.append(gradient(f, x, engine=engine))
            except (ValueError, OverflowError) as error:
                found.append(str(error))
        if any(isinstance(each, str) for each in found):
            assert found[0] == found[1]
        else:
            np.testing.assert_allclose(*found, rtol=1e-6, atol=1e-8)


def test_steps_that_vanish(by_terms):
    by_terms()
    check_steps_that_vanish()


def test_captured_numbers_that_change(by_terms):
    by_terms()
    scale, shift = [2.0], np.array([1.0, 2.0, 3.0])
    f = lambda x: scale[0] * np.sum((x - shift) ** 2)
    x = np.array([4.0, 6.0, 8.0])
    for factor, number in ((2.0, 1.0), (5.0, 1.0), (5.0, 0.5)):
        scale[0], shift[0] = factor, number
        for _ in range(3):
            wanted = 2.0 * factor * (x - shift)
            np.testing.assert_allclose(gradient(f, x, engine="simd"), wanted, rtol=1e-9)


def test_threads_share_it(by_terms):
    by_terms()
    wanted = gradient(rosenbrock, POINTS, batch=True, engine="simd")
    slope = fastgrad.grad(rosenbrock, engine="simd")
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            assert np.array_equal([*pool.map(slope, POINTS)], wanted)


def test_a_thousand_variables():
    """Round-off is that of the terms that move, not of the sum of all."""
    x = RNG.uniform(0.5, 2.0, 1_200)
    result = gradient(rosenbrock, x, h=2.0**-26, full_output=True)
    assert (result.engine, result.nfev) == ("simd", 2_400)
    exact = gradient(rosenbrock, x, method="exact")
    assert np.abs(result.value - exact).max() <= 1e-13 * np.sqrt(np.mean(exact**2))
    bound = fastgrad.grad(rosenbrock)
    for point in (x, x[::-1].copy(), x):
        assert np.array_equal(bound(point), gradient(rosenbrock, point))


def test_a_loop_over_thousands():
    def huber(x):
        total = 0.0
        for value in x:
            total += value * value if abs(value) < 0.5 else abs(value) - 0.25
        return total

    x = RNG.uniform(-2.0, 2.0, 5_000)
    wanted = np.where(np.abs(x) < 0.5, 2.0 * x, np.sign(x))
    np.testing.assert_allclose(gradient(huber, x), wanted, rtol=1e-8)
    assert "as sums of 5,000 terms" in explain(huber, x)


def test_a_sparse_jacobian_of_many_outputs(by_terms):
    by_terms()
    x = RNG.uniform(0.5, 2.0, 200)
    found = jacobian(lambda x: x**3 + x[::-1], x, engine="simd", order=8)
    wanted = np.diag(3.0 * x**2) + np.eye(200)[::-1]
    np.testing.assert_allclose(found, wanted, rtol=1e-9)

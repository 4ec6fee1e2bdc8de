"""Differences written out and run by NumPy, beside kernels of the same differences, the reference and Python."""

import math
from functools import partial

import numpy as np
import pytest

from fastgrad import explain, gradient, value_and_gradient
from fastgrad.engine.simd import propagated
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


@pytest.fixture
def by_numpy(monkeypatch):
    """By no terms, and in no loop over displacements."""
    return partial(forced, monkeypatch, SEPARATE=np.inf, SHARE=0)


def chained(x):
    return np.sum(np.sin(x[1:] * x[:-1])) / (1.0 + np.exp(-x[0])) + np.sqrt(x[2])


def field(x):
    return np.array([[x[0] * x[1], x[1] / x[2]], [np.log(x[3]), 3.0]])


@pytest.mark.parametrize("options", STEPS, ids=range(9))
@pytest.mark.parametrize("f", [rosenbrock, chained, branching, field])
def test_as_kernels(by_numpy, f, options):
    check_as_kernels(by_numpy, f, options, "" if f is field else "by NumPy")


@pytest.mark.parametrize("options", STEPS[:6], ids=range(6))
def test_values_and_what_lies_beside_points(by_numpy, options):
    weights, shifts = RNG.uniform(0.5, 1.5, POINTS.shape), np.arange(len(POINTS))
    f = lambda x, w, k: np.sum(w * x**3) * x[0] + k
    more = {"batch": True, "batch_args": (weights, shifts)}
    by_numpy()
    values, found = value_and_gradient(f, POINTS, engine="simd", **more, **options)
    plain, wanted = value_and_gradient(f, POINTS, engine="python", **more, **options)
    np.testing.assert_allclose(values, plain, rtol=1e-14)
    np.testing.assert_allclose(found, wanted, rtol=1e-7)


def test_a_row_has_its_bits_whatever_rows_are_beside_it(by_numpy, monkeypatch):
    by_numpy()
    check_bits_of_rows(chained, monkeypatch, propagated, 500)


def test_on_a_grid(by_numpy):
    check_on_a_grid(by_numpy, chained)


def test_what_is_not_finite_is_f_s_own(by_numpy):
    by_numpy()

    def mixed(x):
        return np.sum(x) + x[0] * x[1]

    points = np.full((9, 6), 2.0)
    points[4, 5], points[5, 3] = np.nan, np.inf
    with np.errstate(all="ignore"):
        found, wanted = (gradient(mixed, points, batch=True, engine=engine) for engine in ("simd", "python"))
    np.testing.assert_allclose(found, wanted, rtol=1e-7)
    assert np.isnan(wanted[4]).any()
    check_what_overflows_within()
    with pytest.raises(ValueError, match=r"math domain error|nonnegative"):
        gradient(lambda x: sum(math.sqrt(v) for v in x), -points[:3], batch=True, engine="simd")


def test_steps_that_vanish(by_numpy):
    by_numpy()
    check_steps_that_vanish()


def test_captured_numbers_that_change(by_numpy):
    by_numpy()
    scale = [2.0]
    f = lambda x: scale[0] * np.sum(x)
    assert gradient(f, np.ones(3), engine="simd").round(9).tolist() == [2.0] * 3
    scale[0] = 5.0
    assert gradient(f, np.ones(3), engine="simd").round(9).tolist() == [5.0] * 3


def test_a_thousand_variables():
    """Round-off is that of the terms that move, not of the sum of all."""

    def root(x):
        return np.sqrt(rosenbrock(x))

    x = RNG.uniform(0.5, 2.0, 850)
    result = gradient(root, x, h=2.0**-26, full_output=True)
    assert (result.engine, result.nfev) == ("simd", 1_700)
    assert "by NumPy" in explain(root, x)
    exact = gradient(root, x, method="exact")
    assert np.abs(result.value - exact).max() <= 1e-13 * np.sqrt(np.mean(exact**2))

"""Differences written out and run by NumPy, beside kernels of the same differences, the reference and Python."""

import math

import numpy as np
import pytest

import fastgrad
from fastgrad import explain, gradient, jacobian, value_and_gradient
from fastgrad.engine.simd import families, propagated, traces
from fastgrad.llvm.memory import Memory

RNG = np.random.default_rng(0)
POINTS = RNG.uniform(0.5, 1.5, (23, 6))


@pytest.fixture
def by_numpy(monkeypatch):
    """Functions of the size of tests are long ones; what was computed before is forgotten."""

    def switch():
        monkeypatch.setattr(families, "WRITTEN", 0)
        monkeypatch.setattr(families, "SEPARATE", np.inf)
        monkeypatch.setattr(families, "SHARE", 0)
        for place, memo in ((families, "_families"), (traces, "_traces")):
            monkeypatch.setattr(place, memo, Memory(families.KEPT))

    return switch


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def chained(x):
    return np.sum(np.sin(x[1:] * x[:-1])) / (1.0 + np.exp(-x[0])) + np.sqrt(x[2])


def branching(x):
    total = 0.0
    for value in x:
        total = total + (value * value if value < 1.0 else 2.0 * value - 1.0) * np.maximum(value, x[0])
    return total


def field(x):
    return np.array([[x[0] * x[1], x[1] / x[2]], [np.log(x[3]), 3.0]])


STEPS = [
    {},
    {"order": 4},
    {"method": "forward"},
    {"method": "backward", "order": 3},
    {"h": 1e-4},
    {"h": 1e-4 * np.arange(1, 7)},
    {"rel_step": 1e-6},
    {"rel_step": RNG.uniform(1e-6, 1e-5, POINTS.shape)},
    {"bounds": (0.5, 1.5)},
]


@pytest.mark.parametrize("options", STEPS, ids=range(9))
@pytest.mark.parametrize("f", [rosenbrock, chained, branching, field])
def test_as_kernels(by_numpy, f, options):
    derive = jacobian if f is field else gradient
    kernel = derive(f, POINTS, batch=True, engine="simd", **options)
    by_numpy()
    assert f is field or "by NumPy" in explain(f, POINTS, batch=True, engine="simd", **options)
    found = derive(f, POINTS, batch=True, engine="simd", **options)
    np.testing.assert_allclose(found, kernel, rtol=1e-9, atol=1e-9)
    plain = derive(f, POINTS, batch=True, engine="python", **options)
    np.testing.assert_allclose(found, plain, rtol=1e-7, atol=1e-7)


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
    whole = gradient(chained, POINTS, batch=True, engine="simd")
    assert np.array_equal(whole[3:4], gradient(chained, POINTS[3:4], batch=True, engine="simd"))
    assert np.array_equal(whole[5], gradient(chained, POINTS[5], engine="simd"))
    assert np.array_equal(whole, gradient(chained, np.asfortranarray(POINTS), batch=True, engine="simd"))
    monkeypatch.setattr(propagated, "AT_ONCE", 500)
    assert np.array_equal(whole, gradient(chained, POINTS, batch=True, engine="simd"))
    out = np.full((6, 23), np.nan).T
    gradient(chained, POINTS, batch=True, engine="simd", out=out)
    assert np.array_equal(whole, out)


def test_on_a_grid(by_numpy):
    axes = [np.linspace(0.5, 1.5, n) for n in (3, 2, 5)]
    kernel = fastgrad.gradient_field(chained, axes, engine="simd")
    by_numpy()
    np.testing.assert_allclose(fastgrad.gradient_field(chained, axes, engine="simd"), kernel, rtol=1e-9)


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
    # A sigmoid's exp overflows, its difference does not.
    steep = lambda x: np.sum(1.0 / (1.0 + np.exp(-x)))
    far = np.array([-800.0, 800.0, 0.0])
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(gradient(steep, far, engine="simd"), [0.0, 0.0, 0.25], atol=1e-10)
    with pytest.raises(ValueError, match=r"math domain error|nonnegative"):
        gradient(lambda x: sum(math.sqrt(v) for v in x), -points[:3], batch=True, engine="simd")


def test_steps_that_vanish(by_numpy):
    by_numpy()
    with pytest.raises(ValueError, match="vanishes beside x=1000000000"):
        gradient(rosenbrock, np.array([1.0, 1e9, 1.0]), h=1e-12, engine="simd")
    with pytest.raises(ValueError, match="vanishes beside x=1000000000"):
        gradient(rosenbrock, np.array([1.0, 1e9, 1.0]), h=[1e-12, 1e-12, 1.0], engine="simd")
    assert np.abs(gradient(rosenbrock, np.ones(3), h=1e-12, engine="simd")).max() < 1e-10


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

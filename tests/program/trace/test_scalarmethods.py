"""Methods that NumPy's numbers have of arrays."""

import math

import numpy as np
import pytest

import fastgrad
from fastgrad.program.program import evaluate
from fastgrad.program.trace import scalarmethods
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.symbols import Symbol

X = np.array([0.5, 1.25, 2.0])
FORMS = {
    "shapes": lambda x: x[0].ravel() + x[1].flatten() + x[2].reshape(1) + x.sum().squeeze() + x[0].T + x[1].transpose(),
    "sums": lambda x: x[0].sum() + x[1].mean() + x[2].max() + x[0].min() + x[1].prod() + x[2].cumsum() + x[0].cumprod(),
    "spread": lambda x: x[0].std() + x[1].var() + x[2],
    "limits": lambda x: x.mean().clip(0.0, 1.0) * x[0].clip(1.0, None) + (x[1] * 100.0).round() + x[2].round(0),
    "truth": lambda x: x[0].any() * x[1] + x[2].all() * x[0],
    "places": lambda x: x[0].argmax() + x[1].argmin() + x[2],
    "copies": lambda x: x[0].repeat(3) * x + x[1].take([0, 0, 0]),
    "rounded by Python": lambda x: round(x[1]) * x[0] + round(x[2] / 3.0, 2),
    "numbers of Python": lambda x: x.tolist()[0] * x[1].item() + x[2],
}


@pytest.mark.parametrize("name", FORMS)
def test_values(name):
    f = FORMS[name]
    program, wanted = trace(f, (3,)), f(X)
    assert program.shape == np.shape(wanted)
    np.testing.assert_allclose(evaluate(program, X), np.ravel(wanted), rtol=1e-14)


def test_all_that_a_number_has_of_an_array():
    for name in scalarmethods._OF_ARRAYS.split():
        assert hasattr(np.float64, name)
        assert hasattr(Symbol, name)


@pytest.mark.parametrize(
    ("x", "digits"), [(1.15, 1), (2.675, 2), (0.285, 2), (-2.675, 2), (1e22, 2), (25.0, -1), (0.5, 3)]
)
def test_python_rounds_decimal_numbers(x, digits):
    """Beside a tie, which NumPy's product may be, f itself is asked."""
    f = lambda v: round(float(v[0]), digits) * v[1]
    (found,) = evaluate(trace(f, (2,)), [x, 1.0])
    assert np.isnan(found) or found == round(x, digits)
    points = np.tile([[0.3, 1.0]], (400, 1))
    points[17, 0] = x
    assert fastgrad.gradient(f, points, batch=True, engine="simd")[17, 1] == pytest.approx(round(x, digits), rel=1e-9)


def test_decimal_numbers_of_all_kinds():
    points = np.round(np.random.default_rng(0).uniform(-9.0, 9.0, (400, 2)), 3)
    for f in (
        lambda x: round(x[0].item(), 2) * x[1],
        lambda x: round(x.tolist()[0], 1) * x[1],
        lambda x: round(math.sqrt(x[0] ** 2), 2) * x[1],
    ):
        found = fastgrad.gradient(f, points, batch=True, engine="simd")[:, 1]
        np.testing.assert_allclose(found, [f(np.array([x, 1.0])) for x in points[:, 0]], rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", ["any", "all", "sum"])
def test_comparisons_have_those_of_arrays(name):
    f = lambda x: getattr(x[0] > 1.0, name)() * x[1]
    points = np.random.default_rng(0).uniform(0.0, 2.0, (30, 2))
    found = fastgrad.value_and_gradient(f, points, batch=True, engine="simd")[0]
    np.testing.assert_array_equal(found, [f(x) for x in points])

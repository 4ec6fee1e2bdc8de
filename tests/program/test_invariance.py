"""Extrema that cancel in traced functions: held, with the derivatives of the function; others move."""

import numpy as np
import pytest

import fastgrad
from fastgrad.program.invariance import held
from fastgrad.program.trace.recording import trace

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(40, 4))
SCALE = np.array([0.5, 1.5, -1.0, 2.0])
ROWS = RNG.normal(size=(3, 4))


def exponentials(x):
    return np.exp(x - np.max(x))


CANCEL = {
    "log of a sum": lambda x: np.max(x) + np.log(np.sum(exponentials(x))),
    "softmax": lambda x: (exponentials(x) / np.sum(exponentials(x)))[1],
    "cross-entropy": lambda x: -np.log((exponentials(x) / np.sum(exponentials(x)))[2] + 1e-7),
    "log softmax": lambda x: np.sum((x - np.max(x) - np.log(np.sum(exponentials(x)))) * SCALE),
    "least": lambda x: np.log(np.sum(np.exp(-(x - np.min(x))))) - np.min(x),
    "temperature": lambda x: np.log(np.sum(np.exp((x - np.max(x)) / 0.7))) * 0.7 + np.max(x),
    "softmax of multiples": lambda x: np.sum(np.exp(3.0 * (x - np.max(x))) * x) / np.sum(np.exp(3.0 * (x - np.max(x)))),
    "two of them": lambda x: np.sum(
        (exponentials(ROWS @ x) / np.sum(exponentials(ROWS @ x)))
        * (exponentials(-x[:3]) / np.sum(exponentials(-x[:3])))
    ),
    "weights": lambda x: np.sum(SCALE**2 * exponentials(x) * x) / np.sum(exponentials(x)),
    "Python's": lambda x: max(x) + np.log(np.sum(np.exp(x - max(x)))),
}  # fmt: skip
STAY = {
    "largest": lambda x: np.max(x) ** 2 + np.max(x) - x[0], "not added": lambda x: np.sum(exponentials(x)),
    "added twice": lambda x: 2.0 * np.max(x) + np.log(np.sum(exponentials(x))),
    "taken off twice": lambda x: np.max(x) + np.log(np.sum(np.exp(x - 2.0 * np.max(x)))),
    "and 1": lambda x: np.max(x) + np.log(1.0 + np.sum(exponentials(x))),
    "squares": lambda x: np.sum((x - np.max(x)) ** 2),
    "compared": lambda x: np.where(x[0] - np.max(x) > -0.5, x[1], x[2]),
    "rectified": lambda x: np.sum(np.maximum(x - 0.1, 0.0) * SCALE), "itself": np.max,
    "root": lambda x: np.sqrt(np.sum(exponentials(x)) ** 2) - x[0],
    "scaled by a number that f reads": lambda x: np.log(np.sum(np.exp(HELD[0] * (x - np.max(x))))) + np.max(x),
}  # fmt: skip
HELD = [2.0]


HIDING = {
    "if": lambda x: (1.0 if CANCEL["log of a sum"](x) < 0.5 else 0.0) + x[1] * 0.5,
    "sign": lambda x: np.sign(CANCEL["log of a sum"](x)) + x[1] * 0.5,
    "steps": lambda x: np.floor(0.1 * CANCEL["log of a sum"](x)) + x[1],
    "saturated": lambda x: np.tanh(1e-9 * CANCEL["log of a sum"](x)) + x[1],
    "divided by": lambda x: x[1] / (1.0 + CANCEL["log of a sum"](x) ** 2),
    "the smaller": lambda x: np.minimum(CANCEL["log of a sum"](x), -1.0) + x[1],
    "an exponential": lambda x: np.exp(-np.abs(1e-9 * CANCEL["log of a sum"](x))) * x[1],
    "a probability": lambda x: np.where(CANCEL["softmax"](x) > 0.5, x[1], x[2]),
}  # fmt: skip


@pytest.mark.parametrize("name", HIDING)
@pytest.mark.parametrize("scale", [1e9, -1e9, 1.0])
def test_what_hides_an_overflow_lets_it_move(name, scale):
    """A step moves exponents by thousands, which overflow beside the largest one of x itself."""
    f, points = lambda x: HIDING[name](x * scale), np.abs(POINTS) + 0.1
    program = trace(f, (4,))
    assert held(program)
    assert not held(program, apart=True)
    for options in ({}, {"order": 4}):
        found = fastgrad.gradient(f, points, batch=True, engine="simd", **options)
        plain = fastgrad.gradient(f, points, batch=True, engine="python", **options)
        np.testing.assert_allclose(found, plain, rtol=1e-6, atol=1e-6 * np.abs(plain).max())


@pytest.mark.parametrize("name", ["log of a sum", "cross-entropy", "log softmax", "temperature", "weights"])
def test_what_shows_an_overflow_holds(name):
    assert held(trace(CANCEL[name], (4,)), apart=True)


def by_python(f, points=POINTS):
    return fastgrad.gradient(f, points, batch=True, engine="python", order=4)


@pytest.mark.parametrize("name", CANCEL)
def test_what_cancels_is_held(name):
    assert held(trace(CANCEL[name], (4,)))


@pytest.mark.parametrize("name", STAY)
def test_what_does_not_cancel_moves(name):
    assert not held(trace(STAY[name], (4,)))


@pytest.mark.parametrize("name", [*CANCEL, *STAY])
def test_derivatives(name):
    f = {**CANCEL, **STAY}[name]
    expected = by_python(f)
    for options in ({}, {"order": 4}, {"method": "forward", "order": 3}, {"method": "exact"}):
        found = fastgrad.gradient(f, POINTS, batch=True, engine="simd", **options)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    hessians = fastgrad.hessian(f, POINTS, batch=True, method="exact")
    by_differences = fastgrad.hessian(f, POINTS, batch=True, engine="simd")
    np.testing.assert_allclose(hessians, by_differences, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"method": "exact"}], ids=["central", "exact"])
@pytest.mark.parametrize("name", CANCEL)
def test_no_kink_where_two_are_equal(name, options):
    """A softmax is smooth there."""
    f, points = CANCEL[name], np.repeat(POINTS[:, :1], 4, axis=1) + np.array([0.0, 0.0, -0.3, 0.0])
    beside = np.array([1e-3, -1e-3, 0.0, 0.0])
    middle = (by_python(f, points + beside) + by_python(f, points - beside)) / 2
    found = fastgrad.gradient(f, points, batch=True, engine="simd", **options)
    np.testing.assert_allclose(found, middle, rtol=1e-4, atol=1e-5)


def test_as_much_for_each_of_two_that_are_equal():
    points = np.repeat(POINTS[:, :1], 4, axis=1)
    for method in ("central", "exact"):
        found = fastgrad.gradient(CANCEL["log of a sum"], points, batch=True, engine="simd", method=method)
        np.testing.assert_allclose(found, 0.25, rtol=1e-8)


def test_values_beside_derivatives_have_the_bits_of_f():
    f = CANCEL["log of a sum"]
    for method in ("central", "exact"):
        values, _ = fastgrad.value_and_gradient(f, POINTS, batch=True, engine="simd", method=method)
        np.testing.assert_array_equal(values, fastgrad.value_and_gradient(f, POINTS, batch=True, engine="simd")[0])
        np.testing.assert_allclose(values, [f(x) for x in POINTS], rtol=1e-15)


@pytest.mark.parametrize("method", ["central", "exact"])
def test_what_is_not_finite_is_told(method):
    points = POINTS[:5].copy()
    points[1, 2], points[2, 0], points[3] = np.inf, np.nan, 1e308
    points[4] = -1e308
    f = CANCEL["log of a sum"]
    with np.errstate(all="ignore"):
        found = fastgrad.gradient(f, points, batch=True, engine="simd", method=method)
    assert np.isfinite(found).all(axis=1).tolist() == [True, False, False, *np.isfinite(found[3:]).all(axis=1).tolist()]
    share = np.exp(points[0] - points[0].max())
    np.testing.assert_allclose(found[0], share / share.sum(), rtol=1e-8)


def test_far_from_0():
    points = POINTS + np.array([800.0, -800.0, 0.0, 750.0])
    f = CANCEL["log of a sum"]
    share = np.exp(points - points.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    for method in ("central", "exact"):
        found = fastgrad.gradient(f, points, batch=True, engine="simd", method=method)
        np.testing.assert_allclose(found, share, rtol=1e-4 if method == "central" else 1e-13, atol=1e-300)


@pytest.mark.parametrize("h", [1e-3, 0.7, 5.0, 400.0, 900.0])
def test_large_steps_are_those_of_f(h):
    f = CANCEL["log of a sum"]
    found = fastgrad.gradient(f, POINTS, batch=True, h=h)
    np.testing.assert_allclose(found, fastgrad.gradient(f, POINTS, batch=True, h=h, engine="python"), rtol=1e-7)

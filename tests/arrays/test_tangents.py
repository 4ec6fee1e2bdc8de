"""Forward sweeps and second derivatives, kind by kind, against differences of the function and of its gradient."""

import numpy as np
import pytest

from fastgrad import hessian, hvp
from fastgrad.arrays.recording import elsewhere, record
from fastgrad.arrays.sweep import gradients
from fastgrad.arrays.tangents import gradients_along, tangent, tangents

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 5))
X = RNG.normal(size=(4, 3))
PLACES = np.array([2, 0, 1, 1])


def softmax(x):
    powers = np.exp(x - x.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def filled(x):
    out = np.zeros((4, 5))
    out[:, :3] = x**2
    out[1] *= 2.0
    out[:, 3] = x[:, 0] * x[:, 1]
    return np.sum(out**2)


LOSSES = {
    "sums": lambda x: np.sum(x * x) + np.sum(np.sin(x)),
    "products": lambda x: np.sum(A * x * x[::-1]),
    "quotients": lambda x: np.sum(A / (2.0 + x**2)),
    "powers": lambda x: np.sum((x**2 + 1.0) ** 1.5),
    "exponentials": lambda x: np.sum(np.exp(x) * np.log1p(x**2) + np.tanh(x)),
    "matrices": lambda x: np.sum(np.tanh(x @ B) ** 2),
    "both sides": lambda x: np.sum((x @ x.T) ** 2),
    "batches": lambda x: np.sum(np.matmul(x[None] * np.ones((2, 1, 1)), B) ** 3),
    "extremes": lambda x: np.sum(np.max(x, axis=1) ** 2) + np.min(x) ** 3,
    "kept": lambda x: np.sum((x / np.sum(x * x, axis=1, keepdims=True)) ** 2),
    "where": lambda x: np.sum(np.where(x > 0, x**3, np.sin(x))),
    "relu": lambda x: np.sum(np.maximum(x, 0.0) ** 2 * A),
    "absolute": lambda x: np.sum(np.abs(x) * x),
    "places": lambda x: np.sum(x[np.arange(4), PLACES] ** 3) + np.prod(x[:, 0]),
    "moves": lambda x: np.sum(np.concatenate([x.T, x[:3].T], axis=1) ** 3) + np.sum(np.roll(x, 1) * x**2),
    "in place": filled,
    "softmax": lambda x: np.sum(softmax(x) ** 2),
    "order": lambda x: np.sum((np.sort(x, axis=0) * A) ** 3) + np.median(x) ** 3 + np.quantile(x, 0.3) ** 2,
    "norms": lambda x: np.linalg.norm(x) + np.var(x, axis=0).sum() + np.hypot(x[0], x[1]).sum(),
}


@pytest.mark.parametrize("name", LOSSES)
def test_along_directions(name):
    loss, v = LOSSES[name], np.random.default_rng(1).normal(size=X.shape)
    recording = record(loss, {"": X}, lambda arrays: (arrays[""],))
    slope = gradients(recording)[""]
    assert tangent(recording, {"": v}) == pytest.approx(np.sum(slope * v), rel=1e-12, abs=1e-12)
    t = 1e-4
    assert tangent(recording, {"": v}) == pytest.approx((loss(X + t * v) - loss(X - t * v)) / (2 * t), rel=1e-5)
    found = gradients_along(recording, {"": v})[""]
    above, below = (gradients(elsewhere(recording, {"": X + s * t * v}))[""] for s in (1, -1))
    np.testing.assert_allclose(found, (above - below) / (2 * t), rtol=0, atol=1e-6 * max(np.abs(found).max(), 1.0))


@pytest.mark.parametrize("name", LOSSES)
def test_second_derivatives_are_symmetric(name):
    recording = record(LOSSES[name], {"": X}, lambda arrays: (arrays[""],))
    units = np.eye(X.size).reshape(-1, *X.shape)
    found = np.array([gradients_along(recording, {"": unit})[""].reshape(-1) for unit in units])
    np.testing.assert_allclose(found, found.T, rtol=0, atol=1e-12 * max(np.abs(found).max(), 1.0))


def test_what_does_not_change_is_not_there():
    recording = record(lambda p: np.sum(p["a"] * 2.0) + np.sum(p["b"]), {"a": X, "b": A}, lambda a: (dict(a),))
    found = tangents(recording, {"a": np.ones_like(X)})
    assert recording.parameters["b"] not in found
    assert tangent(recording, {"a": np.ones_like(X)}) == 2.0 * X.size
    assert tangent(recording, {}) == 0.0


def test_a_branch_that_is_not_taken_makes_no_nan():
    x = np.array([-1.0, 4.0])
    recording = record(lambda v: np.sum(np.where(v > 0, np.sqrt(v), 0.0)), {"": x}, lambda arrays: (arrays[""],))
    assert tangent(recording, {"": np.array([1.0, 1.0])}) == 0.25
    np.testing.assert_allclose(gradients_along(recording, {"": np.ones(2)})[""], [0.0, -1 / 32], rtol=1e-15)


def test_two_arrays():
    recording = record(lambda p: np.sum((p["a"] @ p["b"]) ** 2), {"a": A, "b": B}, lambda a: (dict(a),))
    v = {"a": np.ones_like(A), "b": np.full_like(B, 0.5)}
    t, found = 1e-5, gradients_along(recording, v)
    sides = [gradients(elsewhere(recording, {"a": A + s * t * v["a"], "b": B + s * t * v["b"]})) for s in (1, -1)]
    for name in "ab":
        np.testing.assert_allclose(found[name], (sides[0][name] - sides[1][name]) / (2 * t), rtol=1e-6, atol=1e-7)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # the loss's own, of overflow
def test_an_overflow_that_has_levelled_off():
    """One sample of many: the Hessian of all is that of the others."""
    rows = np.array([[900.0, 1.0], [0.5, 1.0], [-0.3, 2.0]])
    x, options = np.array([-1.0, 0.2]), {"method": "exact", "engine": "arrays"}
    for some, sign in ((rows, -1.0), (rows[1:], -1.0)):
        loss = lambda w, some=some, sign=sign: np.sum((1.0 / (1.0 + np.exp(sign * (some @ w))) - 0.3) ** 2)
        of_others = lambda w: np.sum((1.0 / (1.0 + np.exp(-(rows[1:] @ w))) - 0.3) ** 2)
        np.testing.assert_allclose(hessian(loss, x, **options), hessian(of_others, x, method="exact"), rtol=1e-13)
        np.testing.assert_allclose(hvp(loss, x, x, **options), hvp(of_others, x, x, method="exact"), rtol=1e-13)

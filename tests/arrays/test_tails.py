"""The part of a loss that treats samples by themselves, compiled: the same differences as by NumPy's rules."""

import numpy as np
import pytest

from fastgrad import weight_gradient
from fastgrad.arrays import tails

RNG = np.random.default_rng(2)
X, T = RNG.normal(size=(9, 5)), RNG.integers(0, 3, 9)


def softmax_loss(a):
    a = a - np.max(a, axis=1, keepdims=True)
    y = np.exp(a) / np.sum(np.exp(a), axis=1, keepdims=True)
    return -np.mean(np.log(y[np.arange(len(T)), T] + 1e-7))


def network(activation):
    def loss(p):
        return softmax_loss(activation(activation(X @ p["V"] + p["c"]) @ p["W"] + p["b"]))

    return loss


def mixture(p):
    r = X[:, None, :] - p["W"]
    q = -0.5 * np.sum(r * r, axis=2) * np.array([1.0, 0.5, 2.0])
    top = np.max(q, axis=1, keepdims=True)
    return -np.sum(top[:, 0] + np.log(np.sum(np.exp(q - top), axis=1)))


def with_a_penalty(p):
    return network(np.tanh)(p) + 0.1 * np.sum(p["V"] ** 2)


def norm_of_rows(p):
    out = (X @ p["W"].T) ** 2
    return np.sum(np.sqrt(np.min(out[:, ::-1], axis=1)) + np.where(out[:, 0] > 0.1, out[:, 0], 0.0))


def weights(**shapes):
    rng = np.random.default_rng(1)
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


LAYERS = {"V": (5, 4), "c": (4,), "W": (4, 3), "b": (3,)}
CASES = {
    "sigmoid": (network(lambda x: 1 / (1 + np.exp(-x))), LAYERS), "relu": (network(lambda x: np.maximum(x, 0)), LAYERS),
    "tanh": (network(np.tanh), LAYERS), "penalty": (with_a_penalty, LAYERS), "mixture": (mixture, {"W": (3, 5)}),
    "rows": (norm_of_rows, {"W": (3, 5)}),
}  # fmt: skip


@pytest.mark.parametrize("options", [{}, {"order": 4}, {"method": "forward", "order": 3}], ids=["central", "4", "side"])
@pytest.mark.parametrize("name", CASES)
def test_the_same_differences_as_by_rules(name, options, monkeypatch):
    loss, shapes = CASES[name]
    made, find = [], tails.tail
    monkeypatch.setattr(tails, "tail", lambda *given: made.append(find(*given)) or made[-1])
    by_rules = weight_gradient(loss, weights(**shapes), engine="arrays", h=1e-4, **options)
    assert not made
    monkeypatch.setattr(tails, "WORTH", 0.0)
    compiled = weight_gradient(loss, weights(**shapes), engine="arrays", h=1e-4, **options)
    assert any(made)
    for key, expected in by_rules.items():
        np.testing.assert_allclose(compiled[key], expected, rtol=0, atol=1e-10 * max(1.0, np.abs(expected).max()))


def test_samples_that_depend_on_each_other_are_left_to_the_rules(monkeypatch):
    monkeypatch.setattr(tails, "WORTH", 0.0)
    made, find = [], tails.tail
    monkeypatch.setattr(tails, "tail", lambda *given: made.append(find(*given)) or made[-1])

    def loss(p):
        z = X @ p["W"]
        return np.sum(np.tanh(np.exp(z - z.mean(axis=0))) ** 2 @ np.ones(3) * z[::-1, 0])

    params = weights(W=(5, 3))
    found = weight_gradient(loss, params, engine="arrays", h=1e-4)
    expected = weight_gradient(loss, params, engine="python", h=1e-4)
    np.testing.assert_allclose(found["W"], expected["W"], rtol=1e-9, atol=1e-9)


def head(z):
    return np.sqrt(1.0 + np.exp(0.1 * np.sum(z * z, axis=1)))


# What one column of the weights changes beside what all of them do; the first and the last one are not among them.
BESIDE = {
    "an element": lambda w, z: np.log(1 + (head(z) * (1 + 0.3 * w[0, 2])) ** 2),
    "an element far down": lambda w, z: np.log(1 + (head(z) * (1 + 0.3 * w[3, 2])) ** 2),
    "a column": lambda w, z: np.log(1 + (head(z) + X @ w[:, 2]) ** 2),
    "a mean over samples": lambda w, z: np.log(1 + (head(z) * np.mean(z[:, 2])) ** 2),
    "read behind": lambda w, z: np.log(1 + head(z) ** 2) * 0.1 + np.max(z[:, 2]),
    "read between": lambda w, z: np.log(1 + head(z) ** 2) * np.max(np.sin(z)[::-1, 2]),
    "a product": lambda w, z: np.log(1 + head(z) ** 2) @ np.tanh(z[:, 2]),
}


@pytest.mark.parametrize("name", BESIDE)
def test_what_one_block_alone_changes(name, monkeypatch):
    params = weights(W=(5, 5))
    loss = lambda p: np.sum(BESIDE[name](p["W"], np.tanh(X @ p["W"])))
    expected = weight_gradient(loss, params, engine="arrays", h=1e-4)
    monkeypatch.setattr(tails, "WORTH", 0.0)
    found = weight_gradient(loss, params, engine="arrays", h=1e-4)
    np.testing.assert_allclose(found["W"], expected["W"], rtol=1e-9, atol=1e-9)
    by_python = weight_gradient(loss, params, engine="python", h=1e-4)
    np.testing.assert_allclose(found["W"], by_python["W"], rtol=1e-6, atol=1e-6)

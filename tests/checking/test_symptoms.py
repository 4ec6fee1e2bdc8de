"""What an error looks like: signs, factors, transposed and forgotten arrays."""

import numpy as np
import pytest

from fastgrad import check_gradient
from fastgrad.checking import symptoms
from tests.checking.reports import hints, named


def matrix():
    rng = np.random.default_rng(2)
    A, W = rng.standard_normal((7, 6)), rng.standard_normal((6, 6))
    return lambda W: np.sum(np.sin(A @ W)), lambda W: A.T @ np.cos(A @ W), W


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        (lambda g: -g, "its sign is flipped"),
        (lambda g: 2 * g, "too large by the factor 2"),
        (lambda g: g / 2, "too small by the factor 2"),
        (lambda g: g / 6, "too small by the factor 6, the length of axis 0"),
        (lambda g: -3.5 * g, "too large by the factor 3.5, and its sign is flipped"),
        (lambda g: g.T, "transposed"),
        (lambda g: 0 * g, "forgotten"),
    ],
    ids=["sign", "twice", "half", "mean", "sign and factor", "transposed", "zero"],
)
@pytest.mark.parametrize("elementwise", [False, True])
def test_hints(change, hint, elementwise):
    f, g, W = matrix()
    report = check_gradient(f, change(g(W)), W, raises=False, elementwise=elementwise)
    assert report.verdict == "wrong"
    assert hint in hints(report)
    assert named(report)


def test_hint_of_a_forgotten_weight_decay():
    f, g, W = matrix()
    report = check_gradient(lambda W: f(W) + 0.05 * np.sum(W**2), g, W, raises=False)
    assert "0.1 * x" in hints(report)


@pytest.mark.parametrize("turn", [np.transpose, lambda g: g.T.reshape(g.shape)], ids=["shape", "reshape"])
def test_transposed_matrix_that_is_not_square(turn):
    A = np.random.default_rng(7).standard_normal((4, 3))
    W = np.random.default_rng(8).standard_normal((3, 5))
    report = check_gradient(lambda W: np.sum(np.sin(A @ W)), lambda W: turn(A.T @ np.cos(A @ W)), W, raises=False)
    assert report.verdict == "wrong"
    assert "write .T" in hints(report)


def test_gradients_of_two_arrays_swapped():
    params = {"a": np.array([0.1, 0.2, 0.3]), "b": np.array([0.7, 0.5, 0.6])}
    grad = {"a": np.cos(params["b"]), "b": -np.sin(params["a"])}
    f = lambda p: np.sum(np.cos(p["a"]) + np.sin(p["b"]))
    report = check_gradient(f, grad, params, raises=False)
    assert "this is the gradient of b" in hints(report)


@pytest.mark.parametrize("forget", [lambda g: g.pop("b1"), lambda g: g["b1"].fill(0)], ids=["missing", "zero"])
def test_a_forgotten_parameter(net, forget):
    network, x, t = net
    grads = network.gradient(x, t)
    forget(grads)
    report = check_gradient(lambda _: network.loss(x, t), grads, network.params, raises=False)
    assert {a.name: a.verdict for a in report.arrays} == {"W1": "ok", "b1": "wrong", "W2": "ok", "b2": "ok"}
    assert "forgotten" in hints(report)
    assert {e.name for e in report.worst} == {"b1"}


W = np.ones((2, 3))
RNG = np.random.default_rng(4)
G, X = RNG.standard_normal((3, 4)), RNG.standard_normal((3, 4))
LINES = RNG.standard_normal((3, 12))


def hinted(claimed, true=G, others=None):
    """The hints for a claimed gradient where the true one gives the slopes."""
    return symptoms.hints("W", claimed, X, others or {}, LINES, LINES @ true.ravel())


@pytest.mark.parametrize(
    ("claimed", "said"),
    [
        (-G, ["its sign is flipped"]),
        (G * 2, ["the gradient is too large by the factor 2"]),
        (G / 4, ["the gradient is too small by the factor 4, the length of axis 1"]),
        (G * -3, ["the gradient is too large by the factor 3, the length of axis 0, and its sign is flipped"]),
        (G * 7, ["the gradient is too large by the factor 7: a sum for a mean, or a mean for a sum?"]),
        (G * 2.5, ["the gradient is too large by the factor 2.5"]),
        (G - 0.2 * X, ["what is missing is 0.2 * x: the gradient of a penalty 0.1 * sum(x**2)?"]),
        (G.T.reshape(3, 4), ["it is reshaped where it should be transposed: write .T in place of .reshape"]),
        (G, []),
        (np.zeros((3, 4)), ["the gradient is 0 everywhere, f does depend on this array: is its gradient forgotten?"]),
        (RNG.standard_normal((3, 4)), []),
    ],
    ids=["sign", "2", "4", "-3", "7", "2.5", "decay", "reshaped", "right", "zero", "random"],
)
def test_what_explains_the_slopes(claimed, said):
    assert hinted(claimed) == said


def test_the_gradient_of_another_array_has_to_fit():
    others = {"V": G, "b": np.ones(3)}
    assert hinted(RNG.standard_normal((3, 4)), others=others) == ["this is the gradient of V: are W and V swapped?"]

"""The sweep back: each kind of node, against differences of the program itself."""

import numpy as np
import pytest

from fastgrad import weight_gradient
from fastgrad.arrays.nodes import Node, move
from fastgrad.arrays.recording import record
from fastgrad.arrays.sweep import gradients, sources

RNG = np.random.default_rng(0)
P = {"x": RNG.normal(size=(3, 4)), "y": RNG.normal(size=(4,)), "z": RNG.normal(size=(2, 4, 3))}

LOSSES = {
    "spread": lambda p: np.sum(np.exp(p["x"] * p["y"] + 1.0)),
    "mask": lambda p: np.sum(np.where(p["x"] > 0, p["x"] ** 2, p["y"])),
    "masked write": lambda p: np.sum(written(p["x"]) ** 3),
    "parts": lambda p: np.sum(p["x"][[0, 0, 2]] * p["x"][:, ::-1]),
    "reshape": lambda p: np.sum(p["x"].reshape(4, 3) @ p["x"] * p["y"]),
    "transpose": lambda p: np.sum(p["x"].T ** 2 @ p["x"]),
    "together": lambda p: np.sum(np.concatenate([p["x"], p["y"][None]]) ** 3),
    "sum": lambda p: np.sum(p["x"].sum(0) ** 2) + p["z"].sum(),
    "mean": lambda p: np.sum(p["z"].mean(axis=(0, 2), keepdims=True) ** 2),
    "max": lambda p: np.sum(np.max(p["x"], axis=1) ** 2),
    "min": lambda p: np.min(p["x"]) * np.max(p["z"], axis=(0, 1)).sum(),
    "product": lambda p: np.sum(np.tanh(p["x"] @ p["z"])),
    "stacks": lambda p: np.sum(np.tanh(p["z"] @ p["x"]) @ p["z"]),
    "vectors": lambda p: p["y"] @ p["y"] + np.sum(p["x"] @ p["y"]) ** 2,
    "truths": lambda p: np.sum((p["x"] > 0).astype(float) * p["x"]) + np.mean(np.argmax(p["x"], 1) == 2),
    "cumsum": lambda p: np.sum(np.cumsum(p["x"], 1) ** 2),
}  # fmt: skip


def written(x):
    y = x * 2.0
    y[x < 0] = 0.5
    y[1] += y[0]
    return y


@pytest.mark.parametrize("name", LOSSES)
def test_each_kind_of_node(name):
    loss = LOSSES[name]
    found = gradients(record(loss, P, lambda arrays: (dict(arrays),)))
    h = 1e-5
    for key, w in P.items():
        assert found[key].shape == w.shape
        for place in np.ndindex(w.shape):
            above, below = w.copy(), w.copy()
            above[place] += h
            below[place] -= h
            expected = (loss({**P, key: above}) - loss({**P, key: below})) / (2 * h)
            assert abs(found[key][place] - expected) < 1e-7 * max(1.0, abs(expected))


def test_ties_share():
    found = gradients(record(np.max, {"": np.array([1.0, 3.0, 3.0, 3.0])}, lambda a: (a[""],)))
    np.testing.assert_allclose(found[""], [0, 1 / 3, 1 / 3, 1 / 3])


def test_the_branch_that_is_not_taken_makes_no_nan():
    w = np.array([0.0, 4.0, -1.0])
    found = gradients(record(lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)), {"": w}, lambda a: (a[""],)))
    assert found[""].tolist() == [0.0, 0.25, 0.0]


def test_sources_of_a_move():
    x = Node("parameter", value=np.arange(6.0).reshape(2, 3))
    places, single = sources(move(lambda v: v.T[1:], x), 0)
    assert (places.tolist(), single) == ([1, 4, 2, 5], True)
    assert not sources(move(lambda v: np.tile(v, 2), x), 0)[1]


GROUPS = np.random.default_rng(0).normal(size=(5, 3))
GROUPS[[1, 4]] = 0.0
RESTING = {
    "norm": (lambda x: np.linalg.norm(x) + np.sum((x - 1) ** 2), np.zeros(3), -2.0),
    "root of squares": (lambda x: np.sqrt(np.sum(x**2)) + np.sum(x), np.zeros((2, 3)), 1.0),
    "root of a product": (lambda x: np.sqrt(x @ x) + np.sum(x), np.zeros(4), 1.0),
    "power": (lambda x: np.sum(x * x) ** 0.5 + np.sum(x), np.zeros(4), 1.0),
    "std": (lambda x: np.std(x) + 3 * np.sum(x), np.ones(6), 3.0),
    "equal points": (lambda x: np.sum(np.sqrt(np.sum((x[1:] - x[:-1]) ** 2, axis=1))), np.ones((4, 2)), 0.0),
}


@pytest.mark.parametrize("name", RESTING)
def test_both_sides_of_a_norm_mirror_each_other(name):
    loss, x, slope = RESTING[name]
    np.testing.assert_array_equal(weight_gradient(loss, x.copy(), method="exact"), np.full(x.shape, slope))


def test_groups_of_which_some_are_zero():
    found = weight_gradient(lambda w: np.sum(np.sqrt(np.sum(w**2, axis=1))) + np.sum(w), GROUPS.copy(), method="exact")
    sizes = np.linalg.norm(GROUPS, axis=1, keepdims=True)
    expected = 1.0 + np.divide(GROUPS, sizes, out=np.zeros_like(GROUPS), where=sizes > 0)
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_a_cubic_root_of_a_cube_does_not():
    assert np.isnan(weight_gradient(lambda x: np.cbrt(np.sum(x**3)), np.zeros(4), method="exact")).all()

"""Recordings: what a loss does, once; nothing of it stays with anybody."""

import gc
import random

import numpy as np
import pytest

import fastgrad
from fastgrad.arrays.births import alive
from fastgrad.arrays.nodes import RefusedError, evaluated
from fastgrad.arrays.recorder import FUNCTIONS
from fastgrad.arrays.recording import KEPT, elsewhere, record

X = np.random.default_rng(0).normal(size=(6, 5))


def weights():
    return {"W": np.random.default_rng(1).normal(size=(5, 3)), "b": np.ones(3)}


def loss(p):
    return np.mean(np.tanh(X @ p["W"] + p["b"]) ** 2)


def recorded(function, params=None):
    return record(function, params or weights(), lambda arrays: (dict(arrays),))


def test_the_program_has_the_value_here_and_elsewhere():
    recording, other = recorded(loss), {"W": np.ones((5, 3)), "b": np.zeros(3)}
    assert recording.result.value == pytest.approx(loss(weights()), rel=1e-14)
    values = evaluated(recording.order, {node: other[name] for name, node in recording.parameters.items()})
    assert values[recording.result] == pytest.approx(loss(other), rel=1e-14)
    moved = elsewhere(recording, other)
    assert moved.result.value == pytest.approx(loss(other), rel=1e-14)
    assert recording.result.value == pytest.approx(loss(weights()), rel=1e-14)


def test_what_it_takes():
    recording = recorded(loss)
    assert recording.operations >= 2 * 6 * 5 * 3 + 3 * 18
    assert recording.time > 0
    assert recording.calls == 6  # @, +, tanh, power, sum, /


def test_what_is_drawn_is_put_back():
    np.random.seed(3)  # noqa: NPY002
    before = np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    recorded(lambda p: loss(p) + 0.0 * (np.random.rand() + random.random()))  # noqa: NPY002
    assert np.array_equal(np.random.get_state()[1], before[0])  # noqa: NPY002
    assert random.getstate() == before[1]


GENERATOR = np.random.default_rng(5)


def test_a_generator_of_its_own_is_known_and_not_used():
    state = GENERATOR.bit_generator.state
    recording = recorded(lambda p: loss(p) * GENERATOR.random())
    assert GENERATOR.bit_generator.state == state
    assert recording.generators == (GENERATOR,)


def caught(p):
    try:
        return loss(p) + np.linalg.svd(p["W"])[1][0]
    except RefusedError:
        return loss(p)


def nested(p, depth=100_000):
    return nested(p, depth - 1) if depth else loss(p)


REFUSED = {
    "caught": (caught, "svd has no rule"),
    "raised": (lambda p: p["V"], "it raised KeyError when it was recorded: 'V'"), "deep": (nested, "nested too deep"),
    "many": (lambda p: p["W"], "no single number"), "none": (lambda p: None, "no single number"),
    "truth": (lambda p: np.sum(p["W"]) > 0, "no single number"), "constant": (lambda p: 3.0, "no single number"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name):
    function, reason = REFUSED[name]
    with pytest.raises(RefusedError, match=reason):
        recorded(function)
    gc.collect()
    assert not [r for r in alive() if r.node.moves]


def test_arrays_that_share_memory():
    base = np.ones((5, 4))
    with pytest.raises(RefusedError, match="the array 'W' shares memory"):
        recorded(loss, {"W": base[:, :3], "b": base[0, 1:]})
    twice = recorded(lambda p: np.sum(p["a"] * p["b"]), {"a": base, "b": base})
    assert twice.parameters["a"] is twice.parameters["b"]


def test_what_is_kept_elsewhere_is_emptied(monkeypatch):
    kept = []
    monkeypatch.setitem(FUNCTIONS, np.fft.fft, kept.append)  # a rule that keeps what it gets
    with pytest.raises(RefusedError, match=KEPT):
        recorded(lambda p: loss(p) if np.fft.fft(p["b"]) is None else 0.0)
    assert not kept[0].node.moves


def test_ctrl_c_leaves_nothing():
    def interrupted(p):
        p["W"] * 2
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recorded(interrupted)
    gc.collect()
    assert not [r for r in alive() if r.node.moves]


def test_losses_that_take_derivatives_are_refused_with_what_to_write():
    times, weights = np.linspace(0.0, 1.0, 5), {"a": np.array([1.0, 2.0])}

    def loss(p):
        slope = fastgrad.derivative(lambda t: p["a"][0] * np.exp(-p["a"][1] * t), times, method="exact")
        return np.sum(slope**2)

    with pytest.raises(fastgrad.EngineError, match=r"takes derivatives itself, .* grad\(loss, method='exact'\)"):
        fastgrad.weight_gradient(loss, weights, method="exact")
    wanted = fastgrad.weight_gradient(loss, weights)["a"]
    np.testing.assert_allclose(fastgrad.grad(loss, method="exact")(weights)["a"], wanted, rtol=1e-7)

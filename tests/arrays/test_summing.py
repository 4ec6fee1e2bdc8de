"""Blocks that threads share: the same bits on one thread and on two; pieces of any size."""

import numpy as np
import pytest

from fastgrad.arrays import blocks, summing, tails
from fastgrad.arrays.recording import record
from fastgrad.engine import threads
from fastgrad.formulas.stencils import stencil

X = np.random.default_rng(0).normal(size=(40, 9))
SHAPES = {"W": (9, 6), "b": (6,), "V": (6, 3), "alone": (50,)}


def loss(p):
    y = np.exp(np.tanh(X @ p["W"] + p["b"]) @ p["V"])
    return np.mean(np.log(y / y.sum(axis=1, keepdims=True))[:, 0]) + np.sum(np.sin(p["alone"]) ** 2)


def sums(report=None):
    rng = np.random.default_rng(1)
    params = {name: rng.normal(size=shape) for name, shape in SHAPES.items()}
    recording = record(loss, params, lambda arrays: (dict(arrays),))
    places = {name: np.arange(w.size) for name, w in params.items()}
    steps = {name: np.full(w.shape, 1e-3) for name, w in params.items()}
    return summing.sums(recording, blocks.families(recording), places, steps, stencil(1, 4, "central"), report)


@pytest.mark.parametrize("worth", [0.0, np.inf], ids=["machine code", "rules"])
def test_bits_do_not_depend_on_threads(worth, monkeypatch):
    monkeypatch.setattr(tails, "WORTH", worth)
    monkeypatch.setattr(threads, "SERIAL_SECONDS", 0.0)
    found = []
    for count in (1, 2, 3):
        monkeypatch.setattr(threads, "cores", lambda count=count: count)
        found.append(sums())
    for other in found[1:]:
        for name in SHAPES:
            np.testing.assert_array_equal(other[name], found[0][name])


@pytest.mark.parametrize("large", [1, 100, 5000])
def test_pieces_of_any_size_before_machine_code(large, monkeypatch):
    monkeypatch.setattr(tails, "WORTH", 0.0)
    expected = sums()
    monkeypatch.setattr(summing, "LARGE", large)
    for name, other in sums().items():
        np.testing.assert_allclose(other, expected[name], rtol=0, atol=1e-14)


def test_an_error_in_a_thread_arrives(monkeypatch):
    def fails(*_given, **_more):
        msg = "in a block"
        raise ZeroDivisionError(msg)

    monkeypatch.setattr(threads, "cores", lambda: 2)
    monkeypatch.setattr(summing, "final_change", fails)
    with pytest.raises(ZeroDivisionError, match="in a block"):
        sums()


def test_progress_rises_to_all_elements():
    told = []
    sums(report=lambda *t: told.append(t))
    assert told == sorted(told)
    assert told[-1] == (128, 128)

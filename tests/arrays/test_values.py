"""Values of a program that is used again: the same bits in the memory of the last ones."""

import numpy as np
import pytest

from fastgrad.arrays.recording import elsewhere, emptied, record
from fastgrad.arrays.sweep import gradients
from fastgrad.arrays.values import LARGE, empty, keeps_memory, refill

X = np.random.default_rng(0).normal(size=(90, 60))


def loss(p):
    hidden = np.tanh(X @ p["W"] + p["b"])
    hidden = np.where(hidden > 0, hidden**2, hidden * 0.1).reshape(-1, 10, 60)
    return np.mean(np.max(hidden, axis=1) ** 2) + np.sum(np.exp(-hidden)) * p["c"]


def arrays(seed):
    rng = np.random.default_rng(seed)
    return {"W": rng.normal(size=(60, 60)), "b": rng.normal(size=60), "c": np.array(rng.normal())}


@pytest.mark.parametrize("rooms", [True, False])
def test_values_are_those_of_a_new_program(rooms):
    recording = record(loss, arrays(0), lambda given: (dict(given),))
    copy, _ = emptied(recording, ())
    memory = {}
    for seed in range(4):
        given = arrays(seed)
        refill(copy, given)
        wanted = elsewhere(recording, given)
        for mine, other in zip(copy.order, wanted.order, strict=True):
            assert np.array_equal(mine.value, other.value)
            assert mine.shape == np.shape(mine.value) == other.shape
        slopes, expected = gradients(copy, memory if rooms else None), gradients(wanted)
        for name, slope in expected.items():
            assert np.array_equal(slopes[name], slope)
            assert not any(np.may_share_memory(slopes[name], room) for room in memory.values())
        empty(copy, rooms)
        held = [node for node in copy.order if node.value is not None]
        assert all(keeps_memory(node) for node in held)
        assert bool(held) == rooms


def test_small_values_keep_no_memory():
    recording = record(lambda w: np.sum(w * 2.0), {"": np.ones(LARGE - 1)}, lambda given: (given[""],))
    assert not any(map(keeps_memory, recording.order))
    large = record(lambda w: np.sum(w * 2.0), {"": np.ones(LARGE)}, lambda given: (given[""],))
    assert [keeps_memory(node) for node in large.order] == [False, True, False]

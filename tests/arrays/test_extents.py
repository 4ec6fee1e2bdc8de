"""Places that change, by rules without numbers: they cover what changes, in every block of every family."""

import numpy as np
import pytest

from fastgrad.arrays import blocks
from fastgrad.arrays.extents import extent
from fastgrad.arrays.recording import record

X = np.random.default_rng(0).normal(size=(6, 5))
KINDS = {"ufunc", "move", "reduce", "matmul"}


def network(p):
    h = np.tanh(X @ p["W"] + p["b"])
    y = np.exp(h @ p["V"])
    return np.mean(y / y.sum(axis=1, keepdims=True) * np.arange(3)) + np.max(h)


def moves(p):
    z = X @ p["W"]
    padded = np.pad(z, ((1, 1), (0, 0)))
    return np.sum(padded[:-2] * padded[2:]) + np.sum(
        np.concatenate([z[:, ::-1], p["V"].T[:2].repeat(2, 0)[:, :4]]) ** 2
    )


def reductions(p):
    z = X @ p["W"] - p["b"]
    return np.sum(np.max(z, axis=1) * np.min(z * z, axis=1)) + np.prod(np.sum(np.cos(z), axis=0)[1:]) + np.sum(p["V"])


LOSSES = {"network": network, "moves": moves, "reductions": reductions}


@pytest.mark.parametrize("name", LOSSES)
def test_they_cover_what_changes(name):
    rng = np.random.default_rng(1)
    params = {"W": rng.normal(size=(5, 4)) / 2, "b": rng.normal(size=4), "V": rng.normal(size=(4, 3))}
    recording = record(LOSSES[name], params, lambda arrays: (dict(arrays),))
    places, looked = {key: np.arange(w.size) for key, w in params.items()}, 0
    for family in blocks.families(recording):
        for block in blocks.blocks_of(recording, family, places):
            boxes = blocks.boxes_of(recording, recording.order, block, places)
            for node in recording.order:
                if node.kind not in KINDS or not any(a in boxes for a in node.args):
                    continue
                sets = extent(node, [boxes[a].sets if a in boxes else None for a in node.args])
                if node in boxes:
                    looked += 1
                    for mine, found in zip(sets, boxes[node].sets, strict=True):
                        assert mine is None or (found is not None and np.isin(found, mine).all())
    assert looked > 20


def test_what_nobody_reads_changes_nothing():
    recording = record(lambda p: np.sum(p["W"][:, 1:]) * 2.0, {"W": np.ones((2, 3))}, lambda arrays: (dict(arrays),))
    taken = next(node for node in recording.order if node.kind == "move")
    assert extent(taken, [(None, np.array([0]))]) is None
    columns = extent(taken, [(None, np.array([2]))])
    assert columns[0] is None
    np.testing.assert_array_equal(columns[1], [1])

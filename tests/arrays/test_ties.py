"""Array programs where numbers are equal that the loss asks to be so."""

from itertools import count

import numpy as np
import pytest

import fastgrad
from fastgrad import EngineError
from fastgrad.arrays.recording import record
from fastgrad.arrays.ties import has_ties

A = np.random.default_rng(0).normal(size=(3000, 3))
W = np.array([0.5, 0.0, 0.3])


def guarded(w):
    u = np.where(w == 0, 0.0, np.sinh(w))
    return np.mean(np.tanh(A @ u) ** 2 + A @ u)


@pytest.mark.parametrize(
    ("loss", "told"),
    [
        (guarded, True),
        (lambda w: np.sum((w != 0) * np.sin(w)), True),
        (lambda w: np.sum(np.where(A @ w == 0, 1.0, 2.0) * w[0]), False),
        (lambda w: np.sum(np.where(w == np.max(w), w, 0.0)), False),
        (lambda w: np.sum(np.where(np.maximum(w, 0.0) == 0.0, w, 0.0)), False),
        (lambda w: np.sum((A[:, 0] == A[:, 0]) * w[0]), False),
    ],
    ids=count(),
)
def test_ties(loss, told):
    assert has_ties(record(loss, {"": W.copy()}, lambda arrays: (arrays[""],))) == told


def test_a_kept_program_is_compared_at_each_of_them():
    g = fastgrad.grad(guarded, method="exact", engine="arrays")
    for k in range(6):
        g(W + 0.1 + 0.01 * k)
    for _ in range(3):
        with pytest.raises(EngineError, match="goes a way of its own"):
            g(W)

"""Which comparisons single out a point."""

from itertools import count

import numpy as np
import pytest

from fastgrad.program.program import evaluate
from fastgrad.program.ties import deciding, ties
from fastgrad.program.trace.recording import trace

NONE = [
    lambda x: np.where(np.maximum(x[0], 0.0) == 0.0, x[1], x[0]),
    lambda x: np.where(x == x.max(), x, 0.0).sum(),
    lambda x: np.where(np.floor(x[0]) == 1.0, x[1], x[0]),
    lambda x: np.where(x[0] > 0, x[1], x[0]) + np.where(x[0] > 1, x[1], x[0]),
    lambda x: np.where(x[0] <= 0, x[1], x[0]) * np.where(x[0] > 0, x[1], x[0]),
    lambda x: np.where(np.abs(x[0]) > 1, x[1], x[0]),
    lambda x: np.where(np.round(x[0]) == 1, x[1], x[0]),
    lambda x: np.where(x[0] ** 2 < x[1], x[1], x[0]),
    lambda x: np.where(x[0] != x[0], x[1], x[0]),
]
ONE = [
    lambda x: np.where(x[0] == 0, x[1], x[0]),
    lambda x: np.where(np.hypot(x[0], x[1]) != 0, x[1], x[0]),
    lambda x: (x[0] == x[1]) * x[0],
    lambda x: np.where(x[0] > x[1], x[1], np.where(x[0] < x[1], x[0], 3.0)),
    lambda x: np.where(x[0] > 0, x[1], 0.0) + np.where(x[0] < 0, x[0], 0.0),
    lambda x: (~(abs(x[0]) == 1)) * x[1],
    lambda x: np.where((x[0] >= 0) & (x[0] <= 0), x[1], x[0]),
    lambda x: ((x[0] > 0.5) ^ (x[0] >= 0.5)) * x[1],
    lambda x: np.where(np.linalg.norm(x) > 0, x[1], x[0]),
    lambda x: (x @ x > 0) * x[1] + np.where(np.sqrt(x[0] ** 2) <= 0, x[0], x[1]) * 0.0,
    lambda x: np.where(np.floor(x[0]) == x[0], x[1], x[0]),
    lambda x: np.where(np.round(x[0], 2) != x[0], x[1], x[0]),
    lambda x: np.where(np.sign(x[0]) == 0, x[1], x[0]),
    lambda x: np.sign(x[0]) * np.log1p(np.abs(x[0])),
]


@pytest.mark.parametrize(("f", "number"), [*[(f, 0) for f in NONE], *[(f, 1) for f in ONE]], ids=count())
def test_ties(f, number):
    found = len(ties(trace(f, (2,))))
    assert found >= 1 if number else found == 0


def test_what_decides():
    program = deciding(trace(lambda x: np.where(x[0] > 1, np.where(x[1] == 0, 1.0, x[0]), x[1]), (2,)))
    for x, wanted in (([2.0, 0.0], {1.0}), ([2.0, 1.0], {0.0, 1.0}), ([0.0, 1.0], {0.0})):
        assert set(evaluate(program, x)) == wanted
        assert evaluate(program, x)[-1] == float(x[1] == 0.0)

"""Which calls of gradient are of the usual kind."""

from __future__ import annotations

import numpy as np
import pytest

from fastgrad.operations.asked import Asked, is_plain

USUAL = Asked(np.sum, np.ones(3), None, (), (), "central", 2, None, None, "auto")


@pytest.mark.parametrize(
    "change", [{}, {"h": 1e-4}, {"rel_step": 1}, {"args": (1.0,)}, {"x": np.ones((2, 3))}], ids=str
)
def test_usual_calls(change):
    assert USUAL._replace(**change).is_usual


@pytest.mark.parametrize(
    "change",
    [
        {"x": [1.0]}, {"x": np.ones(3, np.float32)}, {"x": np.ma.ones(3)}, {"x": np.ones(3, ">f8")}, {"args": [1.0]},
        {"batch_args": (1.0,)}, {"method": None}, {"method": np.str_("central")}, {"order": True}, {"order": 2.0},
        {"h": True}, {"h": np.ones(3)}, {"rel_step": np.float32(1e-3)}, {"engine": None},
    ],
    ids=range(14),
)  # fmt: skip
def test_calls_of_other_kinds(change):
    assert not USUAL._replace(**change).is_usual


def test_plain_arrays():
    assert is_plain(np.ones((2, 2))[::-1])
    assert not is_plain(np.float64(1.0))

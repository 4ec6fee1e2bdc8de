"""Who takes the differences of a live loss, and what is said of a loop that takes long."""

import warnings

import numpy as np
import pytest

from fastgrad import PerformanceWarning, numerical_gradient
from fastgrad.arrays import choice
from fastgrad.arrays.losses import ArrayLoss

W, DATA = np.random.default_rng(0).normal(size=(40, 5)), np.random.default_rng(1).normal(size=(30, 40))


def deciding(_):
    total = np.sum((DATA @ W) ** 2)
    return total if total > 0 else -total


def test_a_long_loop_is_named_once_with_its_reason_and_what_helps(monkeypatch):
    monkeypatch.setattr(ArrayLoss, "numbers", lambda _: 10**9)
    with pytest.warns(PerformanceWarning, match=r"400 times, some 4e\+11 operations in all: it decides") as caught:
        numerical_gradient(deciding, W)
    assert "workers=n" in str(caught[0].message)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        numerical_gradient(deciding, W)


def test_a_short_one_is_not(monkeypatch):
    monkeypatch.setattr(choice, "LONG", 1e20)
    monkeypatch.setattr(ArrayLoss, "numbers", lambda _: 10**9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        numerical_gradient(lambda _: deciding(_) + 1.0, W)


def test_few_calls_are_not_looked_at(monkeypatch):
    monkeypatch.setattr(ArrayLoss, "numbers", lambda _: pytest.fail("looked at"))
    numerical_gradient(lambda x: np.sum(x**2), np.ones(20))

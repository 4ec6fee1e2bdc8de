"""The forms of x, of the loss and of the gradient."""

import numpy as np
import pytest

import fastgrad.variable as F
from fastgrad import Variable, check_gradient


def test_losses_of_variables():
    x, params = np.array([0.5, 1.0]), {"a": np.array([0.5, 1.0]), "b": np.array([2.0])}
    assert check_gradient(lambda x: np.sum(np.sin(x)), lambda v: F.sum(F.sin(v)), x).verdict == "ok"
    assert check_gradient(lambda v: F.sum(F.sin(v)), Variable, x).verdict == "ok"
    loss = lambda p: F.sum(F.sin(p["a"])) * F.sum(p["b"])
    assert check_gradient(loss, Variable, params).verdict == "ok"
    assert check_gradient(lambda p: np.sum(np.sin(p["a"])) * p["b"], loss, params).verdict == "ok"
    wrong = check_gradient(lambda x: np.sum(np.sin(x)), lambda v: F.sum(F.cos(v)), x, raises=False)
    assert wrong.verdict == "wrong"


@pytest.mark.parametrize("x", [3.0, 3, [1, 2], np.array(2.0), np.arange(3), np.array([[1.0, 2.0]], order="F")])
def test_forms_of_x(x):
    assert check_gradient(lambda x: np.sum(x**3), lambda x: 3 * x**2, x).verdict == "ok"


def test_read_only_and_non_contiguous_arrays():
    whole = np.linspace(0, 1, 12).reshape(3, 4)
    fixed = whole.copy()
    fixed.flags.writeable = False
    for x in (fixed, whole[:, ::2], whole.T):
        before = x.tobytes()
        assert check_gradient(lambda x: np.sum(np.sin(x)), np.cos, x).verdict == "ok"
        assert x.tobytes() == before


def test_further_arguments():
    f, g = lambda x, a, b: a * np.sum(x) + b, lambda x, a, b: np.full(x.shape, a)
    assert check_gradient(f, g, np.ones(3), args=(2.0, 1.0)).verdict == "ok"


def test_empty_arrays():
    assert check_gradient(lambda x: 1.0, np.zeros(0), np.zeros(0)).verdict == "ok"
    params = {"a": np.ones(2), "none": np.zeros((0, 3))}
    assert check_gradient(lambda p: np.sum(p["a"]), {"a": np.ones(2), "none": np.zeros((0, 3))}, params).verdict == "ok"

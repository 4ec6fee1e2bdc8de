"""Losses whose values are rounded: their precision is seen by their digits."""

import numpy as np
import pytest

from fastgrad import check_gradient
from fastgrad.checking.digits import precision_around

RNG = np.random.default_rng(0)
LOSSES = {
    "squares": (lambda x: np.sum(x**2), lambda x: 2 * x),
    "exponentials": (lambda x: np.sum(np.exp(x)), np.exp),
    "waves": (lambda x: np.sum(np.sin(x) * x), lambda x: np.cos(x) * x + np.sin(x)),
}
ROUNDED = {
    "float32 returned": lambda f: lambda x: float(np.float32(f(x))),
    "float32 inside": lambda f: lambda x: float(f(x.astype(np.float32))),
    "six digits": lambda f: lambda x: float(f"{f(x):.6g}"),
    "eight digits": lambda f: lambda x: float(f"{f(x):.8g}"),
    "five decimals": lambda f: lambda x: round(float(f(x)), 5),
}


@pytest.mark.parametrize("how", ROUNDED)
@pytest.mark.parametrize("name", LOSSES)
def test_right_gradients_are_not_called_wrong_and_wrong_ones_are(name, how):
    f, gradient = LOSSES[name]
    for seed in range(12):
        x = np.random.default_rng(seed).uniform(0.3, 2.0, 5)
        right = check_gradient(ROUNDED[how](f), gradient, x, raises=False)
        assert right.verdict in ("ok", "inconclusive"), seed
        tenth = lambda x: gradient(x) * [1.0, 1.0, 1.1, 1.0, 1.0]
        assert check_gradient(ROUNDED[how](f), tenth, x, raises=False).verdict in ("wrong", "inconclusive")


def test_most_of_them_are_found_right():
    f, gradient = LOSSES["exponentials"]
    points = [np.random.default_rng(seed).uniform(0.3, 2.0, 5) for seed in range(20)]
    found = [check_gradient(ROUNDED["float32 returned"](f), gradient, x, raises=False).verdict for x in points]
    assert found.count("ok") >= 19


def test_few_evaluations_are_made_for_it():
    class Loss:
        start = 0.1 + 0.2

    assert precision_around(Loss, 2.0**-52) == 2.0**-52  # none, where the value has all digits
    assert precision_around(Loss, 2.0**-23) == 2.0**-23


def test_where_f_ends_beside_x_nothing_is_asked_of_it():
    def f(x):
        if abs(x[0] - 1.0) > 1e-3:
            raise ValueError("outside")  # noqa: EM101
        return x[0] ** 2

    assert check_gradient(f, lambda x: 2.0 * x, np.array([1.0]), raises=False).verdict in ("ok", "inconclusive")

"""Functions that Numba computes otherwise: f is called from Python instead."""

import numba
import numpy as np
import pytest

from fastgrad import EngineError, value_and_gradient
from fastgrad.engine.jit.deviations import deviation

POINTS = np.random.default_rng(0).uniform(1.0, 2.0, (3000, 2))
COUNTED = len(POINTS[0])


def in_order(x):
    numbers = [x[0], x[1]]
    numbers.sort()
    return numbers[0]


DEVIATING = {
    "str": (lambda x: x[0] * (1.0 if str(x[0]).startswith("-") else 2.0), "texts by str"),
    "repr": (lambda x: x[0] * (1.0 if repr(x[0]).startswith("-") else 2.0), "texts by repr"),
    "an f-string": (lambda x: x[0] * (1.0 if f"{x[0]}" == "1.5" else 2.0), "texts by str"),
    "an array's text": (lambda x: x[0] * len(str(x[:1])), "texts by str"),
    "a median": (lambda x: x[0] * np.median(np.log(x)), r"np\.median otherwise than NumPy"),
    "of numbers": (lambda x: x[0] * np.nanmedian(x), r"np\.nanmedian otherwise"),
    "a norm": (lambda x: x[0] * np.linalg.norm(x, np.inf), r"np\.norm otherwise"),
    "an order": (lambda x: x[0] * np.argsort(x)[0], r"another order in np\.argsort"),
    "a method's order": (lambda x: x[0] * x.argsort()[0], r"another order in ndarray\.argsort"),
    "sorted": (lambda x: x[0] * sorted([x[0], x[1]])[COUNTED - 1], "sorted otherwise than Python"),
    "a list": (lambda x: x[0] * in_order(x), r"list\.sort otherwise"),
    "a quotient": (lambda x: x[0] * np.floor_divide(x[0], 0.1), r"rounds the quotients of np\.floor_divide"),
}


@pytest.mark.parametrize("name", DEVIATING)
def test_they_are_refused(name):
    f, reason = DEVIATING[name]
    with pytest.raises(EngineError, match=reason):
        value_and_gradient(f, POINTS, batch=True, engine="jit")


OF_INTEGERS = {
    "a text": lambda x: len(str(COUNTED)) * x[1],
    "an f-string": lambda x: len(f"{len(x)}") * x[0],
}


@pytest.mark.parametrize("f", OF_INTEGERS.values(), ids=OF_INTEGERS)
def test_of_integers_they_are_the_same(f):
    values, gradients = value_and_gradient(f, POINTS, batch=True, engine="jit")
    np.testing.assert_allclose(values, [f(x) for x in POINTS])
    np.testing.assert_allclose(gradients.sum(axis=1) * POINTS.min(axis=1), values, rtol=0.8)


@pytest.mark.filterwarnings("ignore::fastgrad.PerformanceWarning")
@pytest.mark.parametrize("row", [[-1.5, 2.0], [1.1, -0.6], [1.5, 1.5]], ids=str)
def test_the_choice_of_the_engine_keeps_away_from_them(row):
    def f(x):  # whose bits of integers keep the simd engine away
        first = 1.0 if str(x[0]).startswith("-") else np.argsort(x)[0] * np.median(np.sqrt(x))
        return first * x[1] * (int(x[0]) ^ 2)

    points = POINTS.copy()
    points[1500] = row
    with np.errstate(all="ignore"):
        values, _ = value_and_gradient(f, points, batch=True)
        np.testing.assert_array_equal(values, [f(x) for x in points])


def test_it_is_told_of_callees_too():
    inner = numba.njit(lambda x: np.median(x) + 0.0)
    for f, told in ((lambda x: 2.0 * inner(x), "Numba computes np.median"), (lambda x: 2.0 * np.mean(x), "")):
        compiled = numba.njit(f)
        compiled(np.ones(3))
        assert deviation(*compiled.overloads.values()).startswith(told)
        assert bool(deviation(*compiled.overloads.values())) == bool(told)

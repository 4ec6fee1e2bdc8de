"""Where Numba's integers and booleans are not Python's: f goes to Python, wherever among its points that shows."""

import math
import types

import numba as nb
import numpy as np
import pytest

import fastgrad
from fastgrad.engine.jit import functions

P = np.random.default_rng(0).uniform(0.5, 2.0, (3001, 2))
ODD = 1234


def whole(a):
    return int(a)


def caught(x):
    try:
        return 1 / int(x[0])
    except Exception:  # noqa: BLE001
        return 7.0 * x[1]


# f, and its first coordinate at one point of 3001
WIDER = {
    "floor": (lambda x: (math.floor(x[0]) / 1e20) * x[int(1.5)], 1e22),
    "int": (lambda x: int(x[0]) / 1e20 * x[1], 1e22),
    "round": (lambda x: (round(x[0]) / 1e20) * x[int(1.5)], 1e22),
    "product": (lambda x: float(int(x[0]) ** 4) * x[1], 1e6),
    "sum": (lambda x: (int(x[0]) + int(x[0])) * x[1], 8e18),
    "shift": (lambda x: (1 << int(x[0])) * x[1], 70.5),
    "power": (lambda x: 2 ** int(x[0]) * x[1], 70.5),
    "inverse power": (lambda x: 2 ** int(x[0]) * x[1], -3.5),
    "helper": (lambda x: float(whole(x[0]) ** 4) * x[1], 1e6),
    "caught": (caught, 0.1),
    "bytes": (lambda x: (np.uint8(x[0]) * np.uint8(100)) * x[1], 3.0),
    "array of bytes": (lambda x: x.astype(np.int8)[0] * np.int8(100) * x[1], 3.0),
    "two bytes": (lambda x: (np.int16(x[0]) * np.int16(20_000)) * x[1], 3.0),
    "sum of booleans": (lambda x: ((x[0] > 2.5) + (x[1] > 0.0)) * x[1] + int(x[0]) * 0, 3.0),
    "sum of masks": (lambda x: np.sum(((x > 0.1) + (x > 2.5)) * x) + int(x[0]) * 0, 3.0),
    "np.add": (lambda x: np.sum(np.add(x > 0.1, x > 2.5) * x) + int(x[0]) * 0, 3.0),
    "product of booleans": (lambda x: ((x[0] > 2.5) * (x[1] > 0.0) + (x[1] > 0.0)) * x[1] * int(x[1] + 1.0), 3.0),
}


@pytest.mark.parametrize("name", WIDER)
@pytest.mark.filterwarnings("ignore::fastgrad.PerformanceWarning", "ignore::RuntimeWarning")
def test_integers_are_pythons(name):
    f, odd = WIDER[name]
    points = P.copy()
    points[ODD, 0] = odd
    expected = fastgrad.gradient(f, points, batch=True, engine="python")
    np.testing.assert_allclose(fastgrad.gradient(f, points, batch=True), expected, rtol=1e-7, atol=1e-7)
    with pytest.raises(fastgrad.EngineError, match=r"in Python|booleans|as Numba does otherwise"):
        fastgrad.gradient(f, points, batch=True, engine="jit")


RAISING = {
    "nan": (lambda x: x[1] if int(x[0]) < 0 else x[1] * 2.0, np.nan, ValueError),
    "infinity": (lambda x: x[1] if int(x[0]) < 0 else x[1] * 2.0, np.inf, OverflowError),
    "quotient": (lambda x: int(x[1] * 10.0) // int(x[0]) * x[1], 0.1, ZeroDivisionError),
    "remainder": (lambda x: int(x[1] * 10.0) % int(x[0]) * x[1], 0.1, ZeroDivisionError),
    "division": (lambda x: min(int(x[1] * 10.0) / int(x[0]), 5.0) * x[1], 0.1, ZeroDivisionError),
}


@pytest.mark.parametrize("name", RAISING)
@pytest.mark.filterwarnings("ignore::fastgrad.PerformanceWarning")
def test_integers_raise_as_pythons(name):
    f, odd, error = RAISING[name]
    points = P + 0.5
    points[ODD, 0] = odd
    with pytest.raises(error):
        fastgrad.gradient(f, points, batch=True)
    with pytest.raises(fastgrad.EngineError, match=f"raises {error.__name__}"):
        fastgrad.gradient(f, points, batch=True, engine="jit")


@pytest.mark.filterwarnings("ignore::fastgrad.PerformanceWarning")
def test_functions_that_decide_by_integers_are_compiled():
    def f(x):
        inside = (x[0] > 1.0) * (x[1] > 1.0)
        return x[int(x[0] > 1.0)] * inside + x[0] * math.floor(x[1])

    expected, found = (fastgrad.gradient(f, P, batch=True, engine=engine) for engine in ("python", "jit"))
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-7)
    assert fastgrad.explain(f, P, batch=True, engine="jit").engine == "jit"


def counts(x):
    total = 0.0
    for i in range(x.shape[0]):
        total += x[i] * x[i] if x[i] > 1.0 else 0.0
    return total


def test_loops_and_indices_are_no_such_integers():
    def compared(f):
        made = functions.function_of(types.SimpleNamespace(f=f), None)
        functions.compile_for(made, nb.float64[::1])
        return made.integers[nb.float64[::1],]

    assert not compared(counts)
    assert compared(lambda x: x[int(x[0])])
    assert compared(lambda x: x[0] * (x[0] > 0.0) * (x[1] > 0.0) * (x.astype(np.int8)[0] > 0))


def quotient(a, b):
    return np.floor_divide(a, b)


QUOTIENTS = {
    "floor_divide": lambda x: np.floor_divide(x[0], 0.1) * x[1],
    "divmod": lambda x: np.divmod(x[0], 0.1)[0] * x[1],
    "of arrays": lambda x: np.floor_divide(x, 0.1)[0] * x[1],
    "helper": lambda x: quotient(x[0], 0.1) * x[1],
}


@pytest.mark.parametrize("name", QUOTIENTS)
@pytest.mark.filterwarnings("ignore::fastgrad.PerformanceWarning")
def test_quotients_are_numpys(name):
    f, points = QUOTIENTS[name], np.ones((3001, 2))
    slope = fastgrad.gradient(f, points, batch=True)[:, 1]
    np.testing.assert_allclose(slope, 9.0, rtol=1e-7)  # of a rounded 10 the floor is 10
    with pytest.raises(fastgrad.EngineError, match=r"a // b"):
        fastgrad.gradient(f, points, batch=True, engine="jit")
    operators = fastgrad.gradient(lambda x: (x[0] // 0.1) * x[1], points, batch=True, engine="jit")[:, 1]
    np.testing.assert_allclose(operators, 9.0, rtol=1e-7)


SHIFTED = {
    "shift": (lambda x: (1 << (4 - int(x[0]))) * x[1], "f computes with int64 and int64"),
    "shift to the right": (lambda x: (8 >> (4 - int(x[0]))) * x[1], "f computes with int64 and int64"),
    "power": (lambda x: np.sum(np.array([1, 2]) ** (4 - int(x[0]))) * x[1], "an array of int64 and int64"),
    "np.power": (lambda x: np.power(2, 4 - int(x[0])) * x[1], "f computes with int64 and int64"),
}


@pytest.mark.parametrize("name", SHIFTED)
@pytest.mark.filterwarnings("ignore::fastgrad.PerformanceWarning")
def test_shifts_and_powers_of_integers_are_pythons(name):
    """One point in three thousand has a negative count, which no comparison need see."""
    f, reason = SHIFTED[name]
    points = P.copy()
    points[:, 0] = np.linspace(0.5, 3.5, len(P))
    with pytest.raises(fastgrad.EngineError, match=reason):
        fastgrad.gradient(f, points, batch=True, engine="jit")
    points[777, 0] = 5.5
    with pytest.raises(ValueError, match="negative"):
        fastgrad.gradient(f, points, batch=True)


def test_shifts_by_known_counts_are_compiled():
    f = lambda x: (int(x[0] * 10.0) << 2) * x[1] + (int(x[0] * 10.0) >> 1) + x[int(x[0] > 1.0)]
    assert fastgrad.explain(f, P, batch=True, engine="jit").engine == "jit"


def rare(v):
    return v > 1.95


BOOLEANS_AND_POWERS = {
    "products that are added": lambda x: (rare(x[0]) * True + rare(x[1]) * True) * x[2],
    "a power that may be negative": lambda x: 2 ** (-1 if x[0] > 1.95 else 2) * x[2],
    "a negative of something": lambda x: 2 ** (-int(x[0] > 1.95)) * x[2],
}


@pytest.mark.parametrize("name", BOOLEANS_AND_POWERS)
def test_what_only_few_points_show_is_refused(name):
    points = np.full((400, 3), 1.0)
    points[123] = 2.0
    f = BOOLEANS_AND_POWERS[name]
    with pytest.raises(fastgrad.EngineError, match="Numba"):
        fastgrad.gradient(f, points, batch=True, engine="jit")
    found = fastgrad.gradient(f, points, batch=True, engine="python")[123]
    np.testing.assert_allclose(fastgrad.gradient(f, points, batch=True)[123], found, rtol=1e-7, atol=1e-9)


def test_what_is_true_is_refused():
    f = lambda x: (3.0 if (x[0] > 1.95) is True else 1.0) * x[2]
    with pytest.raises(fastgrad.EngineError, match="True or False by `is`, which Numba takes for =="):
        fastgrad.gradient(f, np.full((40, 3), 1.0), batch=True, engine="jit")


def test_powers_in_a_loop_are_compiled():
    def f(x):
        total = 0.0
        for i in range(4):
            total += x[0] * 2**i
        return total

    points = np.full((40, 3), 1.0)
    np.testing.assert_allclose(fastgrad.gradient(f, points, batch=True, engine="jit")[:, 0], 15.0, rtol=1e-7)

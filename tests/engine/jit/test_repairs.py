"""Numbers among coordinates and batch_args that are not finite or huge: compiled f raises and gives what f does."""

import math

import numpy as np
import pytest

import fastgrad
from fastgrad.engine.jit import deviations

RNG = np.random.default_rng(0)
COUNT, ODD, LATER = 3_000, 777, 1_500
FEW = 800  # where the engine is given, so that the number of calls decides nothing; medians in Python are slow
X, WIDE = RNG.uniform(1.0, 5.0, (COUNT, 3)), RNG.uniform(1.0, 5.0, (COUNT, 40))

pytestmark = pytest.mark.filterwarnings("ignore::fastgrad.PerformanceWarning", "ignore::RuntimeWarning")


def rows(value, shape=(COUNT,), place=()):
    y = np.full(shape, 2.5, dtype=np.result_type(value, float))
    y[(ODD, *place)] = value
    return (y,)


def points(value, *places, source=X):
    x = source.copy()
    for place in places:
        x[place] = value
    return x


def even(x, y):
    return x[0] ** 2 if int(y) % 2 == 0 else x[1] * 3


def rounded(x, y):
    return round(y[1]) * x[0]


def real(x, y):
    return x[0] ** 2 if int(y.real) % 2 == 0 else x[1] * 3


def late(x):
    return x[0] ** 2 if int(x[17]) % 2 == 0 else x[1] * 3


def sometimes(x):  # the first point that is not finite raises nowhere
    return x[1] * (int(x[0]) if x[1] > 2.0 else 3)


SOMETIMES = points(1.0, (ODD, 1))
SOMETIMES[[ODD, LATER], 0] = np.nan
SOMETIMES[LATER, 1] = 3.0

SINGLE = rows(np.nan, (COUNT, 3), (1,))[0].astype("f4")
SINGLE[5, 0] = np.nan

RAISING = {
    "nan": (even, X, rows(np.nan), ValueError),
    "infinity": (even, X, rows(np.inf), OverflowError),
    "minus infinity": (even, X, rows(-np.inf), OverflowError),
    "array": (rounded, X, rows(np.nan, (COUNT, 3), (1,)), ValueError),
    "float32": (rounded, X, (SINGLE,), ValueError),
    "complex": (real, X, rows(complex(np.nan, 1.0)), ValueError),
    "late coordinate": (late, points(np.nan, (ODD, 17), source=WIDE), (), ValueError),
    "infinite late coordinate": (late, points(np.inf, (ODD, 17), source=WIDE), (), OverflowError),
    "late number of a row": (lambda x, y: int(y[30]) * x[0], X, rows(np.nan, (COUNT, 40), (30,)), ValueError),
    "a second point": (sometimes, SOMETIMES, (), ValueError),
}


@pytest.mark.parametrize("name", RAISING)
@pytest.mark.parametrize("method", ["central", "adaptive"])
def test_f_raises_where_python_does(name, method):
    f, x, y, error = RAISING[name]
    with pytest.raises(error):
        fastgrad.gradient(f, x, batch=True, batch_args=y, method=method)
    with pytest.raises((error, fastgrad.EngineError)):
        fastgrad.gradient(f, x, batch=True, batch_args=y, engine="jit", method=method)


def floors(x, y):
    return x[0] * (math.floor(y) % 7)


def middle(x, y):
    return x[0] ** 2 * np.median(np.array([y, 2.0, 3.0])) + (x[1] if x[1] > 2.0 else 0.0)


HUGE = rows(1e19 + 6144)
MORE = tuple(y.copy() for y in HUGE)
MORE[0][[1, 5]] = 2e22, -3e25
PAIR = points(1.0, (ODD, 0), (LATER, 1))
PAIR[ODD, 1] = PAIR[LATER, 0] = 4e9
PAIR[LATER + 1, :2] = 3.5e9

LONG = np.ones((COUNT, 2), dtype=np.int64)
LONG[5, 0], LONG[ODD, 1] = 10**9, 10**8


@pytest.fixture
def medians(monkeypatch):
    """Medians of NaN are others than NumPy's, wherefore they are refused; here they stand for what nobody knows of."""
    monkeypatch.delitem(deviations._REASONS, np.median)


NUMBERS = {
    "large": (floors, X, HUGE),
    "larger ones beside it": (floors, X, MORE),
    "large integers": (lambda x, y: float(int(y[1]) ** 3) * x[0], X, (LONG,)),
    "late coordinate": (lambda x: x[0] * (math.floor(x[17]) % 7), points(1e19 + 6144, (ODD, 17), source=WIDE), ()),
    "product": (lambda x: int(x[0]) * int(x[1]) * x[2], PAIR, ()),
    "median": (middle, X, rows(np.nan)),
    "median with infinity": (middle, X, rows(np.inf)),
}


@pytest.mark.usefixtures("medians")
@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_are_pythons(name):
    f, x, y = NUMBERS[name]
    expected = fastgrad.gradient(f, x, batch=True, batch_args=y, engine="python")
    np.testing.assert_allclose(fastgrad.gradient(f, x, batch=True, batch_args=y), expected, rtol=1e-7, atol=1e-7)
    try:
        found = fastgrad.gradient(f, x, batch=True, batch_args=y, engine="jit")
    except fastgrad.EngineError as refused:
        assert "in Python" in str(refused)  # noqa: PT017  or the numbers are right
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-7)


METHODS = ("central", "forward", "adaptive", "complex")
OPERATIONS = {
    fastgrad.gradient: METHODS, fastgrad.hessian: METHODS[:2], fastgrad.jacobian: METHODS, "value": METHODS
}  # fmt: skip


@pytest.mark.parametrize(("operation", "method"), [(o, m) for o, methods in OPERATIONS.items() for m in methods])
@pytest.mark.usefixtures("medians")
def test_all_operations_ask_f_at_such_points(operation, method):
    def one(x, y):
        return x[0] * x[1] * np.median(np.array([y, 2.0, 3.0]))

    def two(x, y):
        return np.array([1.0, 2.0]) * one(x, y)

    x, options = X[:FEW], {"batch": True, "batch_args": (rows(np.nan)[0][:FEW],), "method": method}
    f = two if operation is fastgrad.jacobian else one
    if operation == "value":
        operation = lambda *given, **how: np.column_stack(fastgrad.value_and_gradient(*given, **how))
    found, expected = (operation(f, x, engine=engine, **options) for engine in ("jit", "python"))
    assert np.isnan(expected[ODD]).any()
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-5)


def test_points_that_do_not_read_such_numbers_are_compiled():
    x = points(np.nan, (ODD, 2))
    f = lambda x: x[0] ** 2 + (x[2] if x[1] > 9.0 else 0.0)
    expected = fastgrad.gradient(f, x, batch=True, engine="python")
    found = fastgrad.gradient(f, x, batch=True, engine="jit", full_output=True)
    assert (found.engine, found.nfev) == ("jit", 6 * COUNT)
    np.testing.assert_allclose(found.value, expected, rtol=1e-7)

"""What math raises in Python it raises in compiled code, also where f would go on with NaN."""

import math
from math import log

import numba
import numpy as np
import pytest

from fastgrad import explain, gradient, gradient_field, jacobian, value_and_gradient
from fastgrad.engine.jit.callees import frozen, uses_math
from fastgrad.engine.jit.domains import raising

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

POINTS = np.random.default_rng(0).uniform(0.5, 1.5, (3000, 2))
INF, NAN = math.inf, math.nan
PLACES = [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, -2.5, 0.5, 171.0, 200.0, 800.0, -800.0, 1e300, 1e-310, INF, -INF, NAN]
ONE_ARGUMENT = [
    "sqrt", "log", "log2", "log10", "log1p", "asin", "acos", "acosh", "atanh", "sin", "cos", "tan", "exp", "expm1",
    "sinh", "cosh", "gamma", "lgamma", "atan", "asinh", "tanh", "fabs", "erf",
]  # fmt: skip
PAIRS = [
    (-1.0, 0.5),
    (0.0, -1.0),
    (1e200, 2.0),
    (2.0, 0.5),
    (INF, 2.0),
    (-INF, 0.5),
    (0.0, -INF),
    (1.0, NAN),
    (NAN, 0.0),
]
ROUNDING = ("floor", "ceil", "trunc")


def outcome(f, *args):
    try:
        return f(*args)
    except (ValueError, OverflowError) as error:
        return type(error)


def same(a, b):
    return a is b or a == pytest.approx(b, rel=1e-13, nan_ok=True)


def compiled(source):
    space = {"math": math}
    exec(f"def f(*x): return math.{source}", space)
    return space["f"], numba.njit(frozen(space["f"], checked=True, raises=True), error_model="numpy")


@pytest.mark.parametrize("name", ONE_ARGUMENT)
def test_one_argument(name):
    plain, ours = compiled(f"{name}(x[0])")
    for x in PLACES:
        assert same(outcome(ours, x), outcome(plain, x)), x


def test_powers():
    plain, ours = compiled("pow(x[0], x[1])")
    for pair in PAIRS:
        assert same(outcome(ours, *pair), outcome(plain, *pair)), pair


@pytest.mark.parametrize("name", ROUNDING)
def test_rounding(name):
    plain, ours = compiled(f"{name}(x[0])")
    for x in (2.5, -2.5, 1e15, INF, -INF, NAN):
        assert outcome(ours, x) == outcome(plain, x), x


SWALLOWED = {
    "larger": (lambda x: max(math.sqrt(x[0]), 0.1) * x[1], -1.0, ValueError),
    "by name": (lambda x: log(x[0]) + x[1] if log(x[0]) > 0.0 else x[1], 0.0, ValueError),
    "overflow": (lambda x: math.tanh(math.exp(x[0])) + x[1], 1e4, OverflowError),
    "sum": (lambda x: math.sqrt(x[0]) + x[1], -1.0, ValueError),
    "quotient": (lambda x: 1.0 / math.fabs(x[0] + 1.0) + x[1], -1.0, ZeroDivisionError),
    "remainder": (lambda x: x[1] + 1.0 % math.fabs(x[0] + 1.0), -1.0, ZeroDivisionError),
}


@pytest.mark.parametrize("name", SWALLOWED)
def test_one_row_raises(name):
    f, where, error = SWALLOWED[name]
    fine = gradient(f, POINTS, batch=True, engine="jit")
    np.testing.assert_allclose(fine[:9], gradient(f, POINTS[:9], batch=True, engine="python"), rtol=1e-7, atol=1e-9)
    points = POINTS.copy()
    points[1234, 0] = where
    for options in ({"engine": "jit"}, {"engine": "auto"}, {"engine": "jit", "method": "forward"}):
        with pytest.raises(error):
            gradient(f, points, batch=True, **options)
    for operation in (jacobian, value_and_gradient):
        with pytest.raises(error):
            operation(f, points, batch=True, engine="jit")


def test_a_branch_of_data_is_compiled_and_raises():
    f = lambda x: max(math.sqrt(x[0]), 0.1) * x[1] if (int(x[0]) ^ 0) < 9 else 0.0
    assert explain(f, np.tile(POINTS, (2, 1)), batch=True).startswith("jit")


def test_fields_and_steps_beside_a_limit():
    axes = (np.linspace(-1.0, 1.0, 101), np.linspace(0.1, 1.0, 60))
    with pytest.raises(ZeroDivisionError):
        gradient_field(lambda x: 1.0 / math.fabs(x[0]) + x[1], axes, engine="jit")
    with pytest.raises(ValueError, match=r"domain|expected"):
        gradient(lambda x: math.sqrt(x[0]) + x[1], np.array([[0.0, 1.0]]), batch=True, engine="jit")


def test_nan_of_numpy_and_of_functions_that_users_compiled_stays():
    points = POINTS.copy()
    points[7, 0] = -1.0
    inside = numba.njit(lambda x: math.sqrt(x[0]) + x[1])
    for f in (inside, lambda x: inside(x) + x[1], lambda x: np.sqrt(x[0]) + math.sin(x[1])):
        found = gradient(f, points, batch=True, engine="jit")
        assert np.isnan(found[7]).any()
        assert np.isfinite(np.delete(found, 7, axis=0)).all()


def root(a):
    return max(math.sqrt(a), 0.1)


def inverse(a):
    return 1.0 / math.fabs(a)


def test_functions_that_f_calls_raise_too():
    points = POINTS.copy()
    points[7, 0] = -1.0
    with pytest.raises(ValueError, match=r"domain|expected"):
        gradient(lambda x: root(x[0]) * x[1], points, batch=True, engine="jit")
    with pytest.raises(ZeroDivisionError):
        gradient(lambda x: inverse(x[0] + 1.0) + x[1], points, batch=True, engine="jit")


def test_the_users_function_is_not_changed():
    f = SWALLOWED["sum"][0]
    assert frozen(f, checked=True, raises=True).__globals__["math"] is not math
    assert frozen(f, checked=True, raises=False).__globals__["math"] is f.__globals__["math"] is math
    assert [uses_math(g) for g in (f, lambda x: root(x[0]), lambda x: np.sqrt(x[0]))] == [True, True, False]
    assert raising(log) is not log
    assert raising(math.pi) is math.pi

"""Which engine runs: by the call alone, and as `explain` says."""

import functools
import inspect
import warnings
from collections import OrderedDict

import numba
import numpy as np
import pytest

from fastgrad import (
    ConstantFunctionWarning,
    EngineError,
    Explanation,
    PerformanceWarning,
    derivative,
    explain,
    gradient,
    gradient_field,
    value_and_gradient,
)
from fastgrad.engine.choose import PYTHON_CALLS

SMALL = np.array([1.0, 2.0])
LONG = np.linspace(0.1, 1.0, 600)
FEW = np.random.default_rng(0).uniform(0.5, 1.5, (PYTHON_CALLS // 4, 2))
MANY = np.random.default_rng(0).uniform(0.5, 1.5, (PYTHON_CALLS // 4 + 1, 2))
NAMES = ["python", "jit", "simd", "reference"]


def product(x):
    return x[0] * x[1]


def branching(x):
    """Does not trace, but compiles."""
    return x[0] * x[1] if (int(x[0]) ^ 0) < 10**9 else 0.0


@numba.njit
def compiled(x):
    return x[0] * x[1] if (int(x[0]) ^ 0) < 10**9 else 0.0


def opaque(x, table={"a": 2.0}):  # noqa: B006
    """Neither traces nor compiles."""
    return table["a"] * x[0] * x[1] if (int(x[0]) ^ 0) < 10**9 else 0.0


class Model:
    def loss(self, x):
        return x[0] * x[1] if (int(x[0]) ^ 0) < 10**9 else 0.0

    def smooth(self, x):
        return x[0] * x[1]

    table = OrderedDict(a=2.0)  # noqa: RUF012

    def whole(self, x):
        return self.table["a"] * np.sum(x * x)

    def one_by_one(self, x):
        return self.table["a"] * sum(v * v for v in x)


TABLE = np.array([2.0, 3.0])


def capturing(x):
    return np.sum(TABLE * x) if (int(x[0]) ^ 0) < 10**9 else 0.0


def quiet(f, *args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PerformanceWarning)
        return f(*args, **options)


CALLS = {
    "small": (product, SMALL, {}, "python", "time"),
    "63 calls": (product, FEW[:21], {"batch": True, "method": "forward", "order": 1}, "python", "time"),
    "64 calls": (product, FEW[:16], {"batch": True}, "simd", "time"),
    "1 000 calls": (product, FEW[:250], {"batch": True}, "simd", "time"),
    "1 000 calls of what may change": (opaque, FEW[:250], {"batch": True}, "python", "time"),
    "more calls": (product, FEW[:251], {"batch": True}, "simd", ""),
    "fewer by the method": (product, FEW[:251], {"batch": True, "method": "forward", "order": 1}, "simd", "time"),
    "more by the order": (product, FEW[:250], {"batch": True, "order": 4}, "simd", ""),
    "a branch, 10 000 calls": (branching, FEW, {"batch": True}, "python", "for ^"),
    "a branch, more calls": (branching, MANY, {"batch": True}, "jit", "for ^"),
    "a branch, fewer by the method": (
        branching,
        MANY,
        {"batch": True, "method": "forward", "order": 1},
        "python",
        "time",
    ),
    "a branch, more by the order": (branching, FEW, {"batch": True, "order": 4}, "jit", "for ^"),
    "compiled by the user, small": (compiled, SMALL, {}, "python", "time"),
    "compiled by the user": (compiled, MANY, {"batch": True}, "jit", "for ^"),
    "a dict in a default": (opaque, MANY, {"batch": True}, "python", "dict"),
    "a bound method": (Model().loss, MANY, {"batch": True}, "python", "bound method"),
    "a bound method that traces": (Model().smooth, MANY, {"batch": True}, "simd", ""),
    "one point, whole arrays, traced each time": (Model().whole, LONG, {}, "python", "no loop"),
    "one point, more by the order": (Model().whole, LONG, {"order": 8}, "python", "no loop"),
    "one point, above 10 000 calls": (Model().whole, np.ones(1251), {"order": 8}, "simd", ""),
    "one point, a loop": (Model().one_by_one, LONG, {}, "simd", ""),
    "one point, traced once": (lambda x: np.sum(x * x), LONG, {}, "simd", ""),
    "some points, whole arrays, traced each time": (Model().whole, np.ones((2, 600)), {"batch": True}, "simd", ""),
    "a partial": (functools.partial(branching), MANY, {"batch": True}, "python", "partial"),
    "a captured array": (capturing, MANY, {"batch": True}, "python", "args=(TABLE,)"),
    "no points": (product, np.empty((0, 2)), {"batch": True}, None, ""),
    "python by name": (product, MANY, {"batch": True, "engine": "python"}, "python", "asked"),
    "jit by name": (product, SMALL, {"engine": "jit"}, "jit", ""),
    "simd by name": (product, SMALL, {"engine": "simd"}, "simd", ""),
    "reference by name": (product, SMALL, {"engine": "reference"}, "reference", ""),
    "one worker": (product, MANY, {"batch": True, "workers": 1}, "simd", ""),
}


@pytest.mark.parametrize(("f", "x", "options", "engine", "reason"), CALLS.values(), ids=CALLS)
def test_explain_is_what_happens(f, x, options, engine, reason):
    told = explain(f, x, **options)
    assert isinstance(told, str)
    assert isinstance(told, Explanation)
    assert told.startswith(f"{told.engine}: ")
    assert "\n" not in told
    assert reason in told.reason
    assert told.reason in told
    assert "None" not in told
    assert engine in (told.engine, None)
    assert bool(told.reason) == (bool(reason) or engine == "python")
    result = quiet(gradient, f, x, full_output=True, **options)
    assert result.engine == told.engine
    assert explain(f, x, **options) == told  # also afterwards


@pytest.mark.parametrize("engine", ["jit", "simd"])
@pytest.mark.parametrize("f", [opaque, Model().loss, functools.partial(branching), capturing])
def test_an_engine_by_name_never_falls_back(f, engine):
    for ask in (gradient, explain):
        with pytest.raises(EngineError, match=f"engine='{engine}' cannot run this function"):
            ask(f, SMALL, engine=engine)


def test_auto_depends_on_the_call_alone():
    def f(x):
        return np.sin(x[0]) * np.exp(x[1]) / x[0] if (int(x[0]) ^ 0) < 10**9 else 0.0

    small, large = gradient(f, SMALL), gradient(f, MANY, batch=True)
    assert explain(f, SMALL).engine == "python"
    compiled_small = gradient(f, SMALL, engine="jit")
    assert (gradient(f, SMALL) == small).all()
    assert (gradient(f, SMALL) == gradient(f, SMALL, engine="python")).all()
    assert (gradient(f, MANY, batch=True) == large).all()
    assert (gradient(f, MANY, batch=True, engine="jit") == large).all()
    np.testing.assert_allclose(compiled_small, small, rtol=1e-9)


def test_auto_does_not_depend_on_what_was_compiled_before():
    def make(c):
        def f(x):
            return c * np.sum(x * x) if (int(np.sum(x)) ^ 0) < 10**9 else 0.0

        def change(value):
            nonlocal c
            c = value

        return f, change

    points = np.ones((2600, 2))
    f, change = make(2.0)
    assert explain(f, points, batch=True).engine == "jit"
    change(3.0)
    g, _ = make(2.0)  # the code and the captured value of f as it was
    assert explain(g, points.reshape(-1, 2, 1), batch=True).engine == "jit"


def slow(k):
    table = {"k": k}
    return lambda x: table["k"] * x[0] * x[1] if (int(x[0]) ^ 0) < 10**9 else 0.0


def test_performance_warning_once_per_code_object():
    with pytest.warns(PerformanceWarning, match=r"10,004 times.*'table', a dict") as caught:
        gradient(slow(1.0), MANY, batch=True)
    assert len(caught) == 1
    gradient(slow(2.0), MANY, batch=True)  # warnings are errors here


def test_no_performance_warning_up_to_10_000_calls_or_where_python_was_asked_for_few():
    gradient(lambda x: {"k": x[0] * x[1] if (int(x[0]) ^ 0) < 10**9 else 0.0}["k"], FEW, batch=True)


@pytest.mark.parametrize("engine", NAMES)
def test_the_name_of_the_engine_is_the_one_that_ran(engine):
    assert gradient(product, SMALL, engine=engine, full_output=True).engine == engine


def refusing(k):
    """A code object of its own for each k: the warning comes once per code object."""
    code = f"lambda x: TABLE['k'] * np.prod(x) + {k} if (int(x[0]) ^ 0) < 10**9 else 0.0"
    return eval(code, {"np": np, "TABLE": {"k": 2.0}})


def constant(x):
    return 3.0


WARNING_CALLS = {
    "gradient": lambda: gradient(constant, SMALL),
    "value_and_gradient": lambda: value_and_gradient(constant, SMALL),
    "derivative": lambda: derivative(constant, 1.0),
    "gradient_field": lambda: gradient_field(constant, [SMALL, SMALL]),
    "gradient, slow": lambda: gradient(refusing(1), MANY, batch=True),
    "value_and_gradient, slow": lambda: value_and_gradient(refusing(2), MANY, batch=True),
    "gradient_field, slow": lambda: gradient_field(refusing(3), [np.linspace(1, 2, 60), np.linspace(1, 2, 60)]),
}


@pytest.mark.parametrize("call", WARNING_CALLS.values(), ids=WARNING_CALLS)
def test_warnings_point_at_the_line_of_the_call(call):
    with pytest.warns((ConstantFunctionWarning, PerformanceWarning)) as caught:
        call()
    line = inspect.getsourcelines(call)[1]
    assert [(w.filename, w.lineno) for w in caught] == [(__file__, line)]


def test_a_swept_captured_number_is_not_compiled_for_ever():
    many, engines = np.linspace(0.5, 1.0, 12_000).reshape(-1, 2), []
    for scale in range(1, 6):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            f = lambda x: scale * x[0] * x[1] if (int(x[0]) ^ 0) < 10**9 else 0.0  # noqa: B023
            result = gradient(f, many, batch=True, full_output=True)
        np.testing.assert_allclose(result.value[0], scale * many[0, ::-1], rtol=1e-8)
        engines.append(result.engine)
    assert engines == ["jit"] * 4 + ["python"]
    assert "pass them by args=" in str(caught[0].message)

"""Differences at some points by NumPy: f's program on all displaced points at once."""

import math
import subprocess
import sys
import warnings
from collections import OrderedDict

import numpy as np
import pytest

import fastgrad
from fastgrad import ConstantFunctionWarning, explain, gradient, hessian, jacobian, value_and_gradient
from fastgrad.engine.choose import NUMPY_CALLS, TRACED_CALLS
from fastgrad.engine.simd import displaced
from fastgrad.program.trace.recording import trace

POINTS = np.random.default_rng(0).uniform(0.5, 1.5, (100, 2))
COUNT = len(POINTS)


def f(x):
    return np.sin(x[0] * x[1]) + x[1] ** 2


def rational(x):
    return x[0] * x[1] / (1.0 + x[0] * x[0]) - x[1]


def field(x):
    return np.stack([x[0] * x[1], x[0] - x[1], x[1] / x[0]])


def beside(x, w, k):
    return np.sum(w * x) * x[0] + k


def both(operation, f, X, **options):
    """What auto gives, which has to be NumPy's, and what Python gives."""
    found = operation(f, X, batch=True, full_output=True, **options)
    plain = operation(f, X, batch=True, full_output=True, engine="python", **options)
    result, wanted = (r[1] if type(r) is tuple else r for r in (found, plain))
    assert (result.engine, wanted.engine) == ("simd", "python")
    assert result.nfev == wanted.nfev
    assert np.array_equal(result.h, wanted.h)
    assert (result.status == wanted.status).all()
    return found, plain


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"order": 4},
        {"method": "forward"},
        {"method": "backward", "order": 3},
        {"h": 1e-4},
        {"h": np.array([1e-4, 1e-3])},
        {"rel_step": 1e-6},
        {"rel_step": np.linspace(1e-6, 1e-5, 2 * COUNT).reshape(COUNT, 2)},
    ],
    ids=["central", "order 4", "forward", "backward", "h", "a step each", "relative", "a step for each point"],
)
def test_it_is_the_arithmetic_of_python(options):
    for g, exact in ((rational, True), (f, False)):
        found, plain = both(gradient, g, POINTS, **options)
        np.testing.assert_allclose(found.value, plain.value, rtol=0.0 if exact else 1e-9, atol=0.0 if exact else 1e-9)
        values, expected = both(value_and_gradient, g, POINTS, **options)
        np.testing.assert_allclose(values[0], expected[0], rtol=1e-15)
        assert (values[1].value == found.value).all()


@pytest.mark.parametrize("shape", [(100, 2), (30, 2, 4), (7, 30)])
def test_points_of_any_shape(shape):
    X = np.random.default_rng(1).uniform(0.5, 1.5, shape)
    found, plain = both(gradient, lambda x: np.sum(x**2 * x[::-1]), X)
    np.testing.assert_allclose(found.value, plain.value, rtol=1e-8)


def test_jacobians():
    found, plain = both(jacobian, field, POINTS)
    assert (found.value == plain.value).all()
    assert found.value.shape == (COUNT, 3, 2)


def test_what_runs_with_the_points():
    w, k = np.random.default_rng(2).normal(size=(COUNT, 2)), np.arange(COUNT)
    found, plain = both(gradient, beside, POINTS, batch_args=(w, k))
    np.testing.assert_allclose(found.value, plain.value, rtol=1e-8)


def test_further_arguments_are_read_anew():
    for weight in (2.0, 3.0):
        found = gradient(lambda x, w: w * x[0] + x[1], POINTS, batch=True, args=(weight,))
        np.testing.assert_allclose(found, np.tile([weight, 1.0], (COUNT, 1)), rtol=1e-9)


def test_narrow_points():
    found = gradient(f, POINTS.astype(np.float32), batch=True, full_output=True)
    assert (found.engine, found.value.dtype) == ("simd", np.float32)
    np.testing.assert_allclose(found.value, gradient(f, POINTS, batch=True), rtol=1e-5)


def test_the_result_goes_where_it_is_wanted():
    out = np.empty((2, COUNT)).T
    assert gradient(f, POINTS, batch=True, out=out) is out
    assert (out == gradient(f, POINTS, batch=True)).all()
    seen = []
    gradient(f, POINTS, batch=True, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (COUNT, COUNT)


def test_a_point_does_not_depend_on_the_others():
    def g(x):
        return np.exp(-x[0]) * np.tanh(x[1]) + np.log(x[0]) ** 3 + np.cos(x[1]) / np.sqrt(x[0]) + x[0] ** 1.7

    whole = gradient(g, np.concatenate([POINTS, POINTS]), batch=True)
    for count in (100, 101, 103, 110):
        assert (gradient(g, POINTS[:count] if count == COUNT else POINTS[-count:], batch=True)[-5:] == whole[-5:]).all()


@pytest.mark.parametrize("count", [NUMPY_CALLS // 4 - 1, NUMPY_CALLS // 4, TRACED_CALLS // 4, TRACED_CALLS // 4 + 1])
def test_the_number_of_calls_alone_decides(count):
    X = np.ones((count, 2)) * POINTS[0]
    told, calls = explain(f, X, batch=True), 4 * count
    assert told.engine == ("python" if calls < NUMPY_CALLS else "simd")
    assert ("by NumPy, on all displaced points at once, 1 thread" in told) == (NUMPY_CALLS <= calls <= TRACED_CALLS)
    assert gradient(f, X, batch=True, full_output=True).engine == told.engine


def test_what_may_change_unseen_is_called():
    table = OrderedDict(a=2.0)  # which may do anything when it is read
    assert "calls of f from Python" in explain(lambda x: table["a"] * x[0], POINTS, batch=True)
    calls = []

    def counting(x):
        calls.append(1)
        return x[0] * x[1]

    for seen in (1, 0):  # and once by the trace that sees that it writes
        calls.clear()
        assert gradient(counting, POINTS, batch=True, full_output=True).nfev == len(calls) - seen == 4 * COUNT


def test_what_a_trace_cannot_see_is_called():
    def branching(x):
        total = 0.0
        while total < x[0]:
            total += x[1]
        return total * x[0]

    for _ in range(2):  # the refusal is remembered
        assert explain(branching, POINTS, batch=True).engine == "python"
        assert gradient(branching, POINTS, batch=True, full_output=True).engine == "python"
    assert explain(lambda x: np.float32(x[0]) * x[1], POINTS, batch=True).engine == "python"


def test_long_functions_are_called():
    A = np.random.default_rng(3).normal(size=(50, 50))

    def g(x):
        return x @ A @ x

    assert explain(g, np.ones((5, 50)), batch=True).engine == "python"
    assert explain(g, np.ones((41, 50)), batch=True).engine == "simd"  # the refusal is not for other calls
    assert explain(g, np.ones((5, 50)), batch=True).engine == "python"


def test_captured_numbers_are_fresh():
    weight = 2.0

    def g(x):
        return weight * x[0] + x[1]

    for weight in (2.0, 3.0):
        np.testing.assert_allclose(gradient(g, POINTS, batch=True)[:, 0], weight, rtol=1e-9)


def test_points_that_f_captures():
    X = POINTS.copy()
    found = gradient(lambda x: x[0] * X[0, 0] + x[1], X, batch=True, full_output=True)
    assert found.engine == "python"


def test_not_a_number_stays_at_its_point():
    X = POINTS.copy()
    X[3, 0], X[5, 1], X[7] = np.nan, np.inf, 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, plain = both(gradient, lambda x: np.log(x[0]) + x[1] ** 2, X)
        values, expected = both(value_and_gradient, lambda x: np.log(x[0] * x[0]) + x[1], X)
    np.testing.assert_allclose(found.value, plain.value, rtol=1e-8)
    np.testing.assert_allclose(values[0], expected[0], rtol=1e-8)
    np.testing.assert_allclose(values[1].value, expected[1].value, rtol=1e-8)
    assert np.isfinite(found.value[[0, 1, 2, 4, 6]]).all()


def test_f_raises_what_it_raises_in_python():
    X = POINTS.copy()
    X[50, 0] = -1.0
    with pytest.raises(ValueError, match=r"math domain error|expected a (nonnegative|positive) input"):
        gradient(lambda x: math.sqrt(x[0]) * x[1], X, batch=True)
    with pytest.raises(ValueError, match=r"h=1e-30 vanishes"):
        gradient(f, X, batch=True, h=1e-30)


def test_f_warns_as_it_does_in_python():
    X = POINTS.copy()
    X[50, 0] = -1.0
    with pytest.warns(RuntimeWarning, match="invalid value"):
        gradient(lambda x: np.log(x[0]) * x[1], X, batch=True)
    with pytest.warns(ConstantFunctionWarning):
        gradient(lambda x: 3.0, POINTS, batch=True)


def test_many_numbers_for_one():
    for g in (field, lambda x: x[:0]):
        with pytest.raises(ValueError, match="one number") as told:
            gradient(g, POINTS, batch=True)
        with pytest.raises(ValueError, match="one number") as plain:
            gradient(g, POINTS, batch=True, engine="python")
        assert str(told.value) == str(plain.value)
    assert (gradient(lambda x: x[:1] * x[1:], POINTS, batch=True) == gradient(rational_one, POINTS, batch=True)).all()


def rational_one(x):
    return x[0] * x[1]


def test_nothing_is_compiled_and_no_compiler_imported():
    code = """import sys, numpy as np, fastgrad
def f(x): return np.sin(x[0] * x[1])
assert fastgrad.gradient(f, np.ones((100, 2)), batch=True, full_output=True).engine == "simd"
assert fastgrad.gradient(f, np.ones(2), method="exact", full_output=True).engine == "simd"
sys.exit(", ".join(m for m in ("llvmlite", "numba") if m in sys.modules) or None)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_description():
    code = displaced.DisplacedCode(trace(f, (2,)))
    assert code.description == "as 4 operations by NumPy, on all displaced points at once"
    assert not code.is_shared
    assert fastgrad.explain(f, POINTS, batch=True).reason == "400 calls of f take less time than compiling it"


def test_a_function_that_prints_is_called(capsys):
    def printing(x):
        print(x[0])  # noqa: T201
        return x[0] * x[1]

    assert gradient(printing, POINTS, batch=True, full_output=True).engine == "python"
    assert len(capsys.readouterr().out.splitlines()) == 4 * COUNT


def chain(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def weighted(x, w):
    return np.sum(w * x**2) * x[0]


AT = np.random.default_rng(1).uniform(0.5, 1.5, 12)
SECOND = [{}, {"order": 4}, {"h": 1e-3}, {"h": np.linspace(1e-3, 2e-3, 12)}, {"rel_step": 1e-3}]


@pytest.mark.parametrize("options", SECOND, ids=range(len(SECOND)))
def test_hessians_at_one_point(options):
    found, plain = (hessian(chain, AT, engine=e, full_output=True, **options) for e in ("auto", "python"))
    assert (found.engine, plain.engine) == ("simd", "python")
    assert found.nfev == plain.nfev
    assert np.array_equal(found.h, plain.h)
    exact = hessian(chain, AT, method="exact")
    size = np.abs(exact).max()
    assert np.abs(found.value - exact).max() <= 1.5 * np.abs(plain.value - exact).max() + 1e-9 * size
    assert np.array_equal(found.value, found.value.T)


def test_hessians_at_some_points_with_what_lies_beside_them():
    points = np.random.default_rng(2).uniform(0.5, 1.5, (20, 5))
    w = np.random.default_rng(3).uniform(0.5, 1.5, (20, 5))
    found = hessian(weighted, points, batch=True, batch_args=(w,), full_output=True)
    assert found.engine == "simd"
    plain = hessian(weighted, points, batch=True, batch_args=(w,), engine="python")
    np.testing.assert_allclose(found.value, plain, atol=1e-6)


def test_a_hessian_that_is_not_finite_is_fs_own():
    def root(x):
        return np.sum(np.sqrt(x - 1.0)) * x[0]

    with np.errstate(all="ignore"):
        found, plain = (hessian(root, AT, engine=e, full_output=True) for e in ("auto", "python"))
    assert found.engine == "simd"
    np.testing.assert_array_equal(np.isnan(found.value), np.isnan(plain.value))
    np.testing.assert_allclose(found.value, plain.value, rtol=1e-6, atol=1e-6)


def test_few_evaluations_and_opaque_functions_stay_in_python():
    assert hessian(chain, AT[:5], full_output=True).engine == "python"
    assert hessian(lambda x: chain(x) * float(str(x[0])) / x[0], AT, full_output=True).engine == "python"


# --- what kernels mark, since steps are too long for propagated differences -------------------------------------------

STEEP = {
    "exp": lambda x: np.exp(-1e6 * np.abs(x[0] - 1.0)) + x[1],
    "tanh": lambda x: np.tanh(1e6 * (x[0] - 1.0)) * x[1],
    "sigmoid": lambda x: x[1] / (1.0 + np.exp(-1e6 * (x[0] - 1.0))),
    "with rows": lambda x, k: np.exp(-k * 1e6 * (x[0] - 1.0) ** 2) + x[1],
}


@pytest.mark.parametrize("name", STEEP)
@pytest.mark.parametrize("options", [{}, {"order": 4}, {"method": "forward"}], ids=str)
@pytest.mark.filterwarnings("ignore::fastgrad.StepWarning")
def test_steep_functions_are_not_called_for_each_point(name, options):
    f, calls = STEEP[name], []
    points = np.random.default_rng(1).uniform(0.5, 1.5, (700, 2))
    points[::50, 0] = 1.0
    how = options | ({"batch_args": (np.linspace(0.5, 1.0, 700),)} if name == "with rows" else {})

    def called(frame, event, _):
        if event == "call" and frame.f_code is f.__code__:
            calls.append(frame)

    for operation in (gradient, value_and_gradient, hessian, fastgrad.hessian_diagonal):
        first = operation(f, points, batch=True, engine="simd", **how)  # compiles
        sys.setprofile(called)
        try:
            found = operation(f, points, batch=True, engine="simd", **how)
        finally:
            sys.setprofile(None)
        assert len(calls) < 30
        calls.clear()
        with np.errstate(all="ignore"):
            plain = operation(f, points, batch=True, engine="python", **how)
        for a, b, c in zip(*(r if type(r) is tuple else (r,) for r in (first, found, plain)), strict=True):
            np.testing.assert_array_equal(a, b)
            np.testing.assert_allclose(a, c, rtol=1e-6, atol=1e-6 * np.abs(c[np.isfinite(c)]).max())


@pytest.mark.filterwarnings("ignore::fastgrad.StepWarning")
def test_jacobians_of_steep_functions():
    points = np.random.default_rng(1).uniform(0.5, 1.5, (700, 2))
    f = lambda x: np.stack([np.exp(-1e6 * x[0]), np.tanh(1e3 * (x[0] - x[1]))])
    plain = jacobian(f, points, batch=True, engine="python")
    np.testing.assert_allclose(jacobian(f, points, batch=True, engine="simd"), plain, rtol=1e-6, atol=1e-10)


def test_where_python_raises_it_raises_beside_steep_functions():
    f = lambda x: 1.0 / (1.0 + math.exp(-1e6 * (x[0] - 1.0))) + x[1]
    with pytest.raises(OverflowError):
        gradient(f, np.random.default_rng(1).uniform(0.5, 1.5, (700, 2)), batch=True, engine="simd")

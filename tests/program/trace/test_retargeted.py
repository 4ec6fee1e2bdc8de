"""A copy of f with other functions in it; f itself is not changed."""

import functools
import math
import warnings

import numpy as np
import pytest

import fastgrad
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.retargeted import Retargeted, catches_errors


def root(v):
    return math.sqrt(v) if v > 0 else max(v, 0.0)


def f(x):
    return root(x[0]) + any(x)


def test_helpers_are_swapped_and_f_is_not_changed():
    target = Retargeted(f)
    assert target.function is not f
    assert target.function.__globals__["root"] is not root
    assert target.function.__globals__["root"].__globals__["math"] is not math
    assert f.__globals__["root"] is root
    assert set(target.codes) == {f.__code__, root.__code__}


def test_pythons_functions_are_swapped_where_f_branches():
    assert "any" not in Retargeted(f).function.__globals__
    space = Retargeted(f, branching=True, merging=True).function.__globals__
    assert space["any"] is not any
    assert "any" not in f.__globals__


def test_a_function_is_swapped_once():
    target = Retargeted(f, branching=True, merging=True)
    swapped = target.helper(root)
    assert target.helper(root) is swapped
    assert target.helper(swapped) is swapped


def test_partials_and_methods():
    class Model:
        def loss(self, x):
            return root(x[0])

    for function in (functools.partial(f), Model().loss):
        target = Retargeted(function)
        assert target.function is not function
        assert root.__code__ in target.codes


sin = np.random.default_rng(0)  # of another kind than np.sin


def test_an_attribute_is_no_global_variable():
    assert trace(lambda x: np.sin(x[0]) * x[1], (2,)).nodes


def by_another_way(x):
    try:
        return np.sqrt(x[0] - 1.0)
    except (FloatingPointError, RuntimeWarning):
        return x[1] ** 2


def by_any_error(x):
    try:
        return np.log(x[0] - 1.0)
    except Exception:  # noqa: BLE001
        return x[1] ** 2


def by_none_of_numpys(x):
    try:
        if x[0] < 0.6:
            raise KeyError
    except KeyError:
        return x[1] ** 2
    return x[0] ** 2


@pytest.mark.filterwarnings("ignore::fastgrad.PerformanceWarning")
@pytest.mark.parametrize("f", [by_another_way, by_any_error])
def test_errors_that_are_exceptions_outside_of_f(f):
    points = np.random.default_rng(0).uniform(0.5, 1.5, (3000, 3))
    n = int(np.flatnonzero(points[:, 0] < 0.9)[0])
    wanted = [0.0, 2.0 * points[n, 1], 0.0]
    slope = fastgrad.grad(f)
    with np.errstate(all="ignore"):
        slope(points[np.flatnonzero(points[:, 0] > 1.1)[0]])
    with np.errstate(invalid="raise"):
        np.testing.assert_allclose(fastgrad.gradient(f, points, batch=True)[n], wanted, rtol=1e-8)
        np.testing.assert_allclose(slope(points[n]), wanted, rtol=1e-8)
        for engine in ("simd", "jit"):
            with pytest.raises(fastgrad.EngineError):
                fastgrad.gradient(f, points, batch=True, engine=engine)
        with pytest.raises(fastgrad.EngineError, match=r"errors raise .*, and f catches exceptions"):
            fastgrad.gradient(f, points, batch=True, method="exact")
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        np.testing.assert_allclose(fastgrad.gradient(f, points, batch=True)[n], wanted, rtol=1e-8)


def test_exceptions_that_no_error_of_numpys_is():
    assert catches_errors(by_another_way)
    assert catches_errors(by_any_error)
    assert not catches_errors(by_none_of_numpys)
    points = np.random.default_rng(0).uniform(0.5, 1.5, (3000, 3))
    with np.errstate(all="raise"):
        assert fastgrad.explain(by_none_of_numpys, points, batch=True).engine == "simd"

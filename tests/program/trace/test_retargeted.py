"""A copy of f with other functions in it; f itself is not changed."""

import functools
import math

import numpy as np

from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.retargeted import Retargeted


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

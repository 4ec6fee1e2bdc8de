"""Loops with holes: compiled once for all functions, stencils and steps; and each f in the loop that is its own."""

import gc

import numpy as np
import pytest

from fastgrad import gradient, hessian, jacobian
from fastgrad.engine.call import Call, Rows
from fastgrad.engine.jit import functions, linking
from fastgrad.engine.jit.code import compile_call
from fastgrad.formulas import stencils
from fastgrad.formulas.steps import Steps

X = np.array([[0.5, -1.0], [2.0, 0.25]])


def product(x):
    return x[0] * x[1]


def quotient(x):
    return x[0] / (x[1] + 3.0)


def square(x):
    return x[0] * x[0] - x[1]


def same(operation, f, **options):
    """Whether jit gives the bits of the definition."""
    found = operation(f, X, batch=True, engine="jit", **options)
    return np.array_equal(found, operation(f, X, batch=True, engine="reference", **options))


def test_one_loop_for_all_functions_stencils_rules_of_steps_and_small_dimensions():
    assert same(gradient, product)
    before = linking.count()
    for f in (product, quotient, square):
        for options in ({}, {"h": 1e-4}, {"rel_step": 1e-5}, {"order": 6}, {"method": "backward", "order": 3}):
            assert same(gradient, f, **options)
    five = gradient(lambda x: x[4] * x[2], np.arange(1.0, 6.0)[None], batch=True, engine="jit")
    np.testing.assert_allclose(five, [[0, 0, 5, 0, 3]], rtol=1e-9)
    assert linking.count() == before


@pytest.mark.parametrize("options", [{}, {"order": 8}, {"h": 1e-3}, {"method": "forward", "order": 5}])
def test_tables_of_all_stencils(options):
    assert same(hessian, product, **options)
    before = linking.count()
    assert same(hessian, square, **options)
    assert linking.count() == before


def long(shift):
    """One that LLVM calls, as it is too long to be inlined: of two such functions each loop must find its own."""

    def f(x):
        total = np.ones(3) * x[0]
        for i in range(3):
            total = total * np.array([x[1], x[0], x[1] - x[0]]) + np.ones(3) * (i + total.sum()) + shift * x[1]
        return total

    return f


def test_functions_that_are_called_are_told_apart():
    for f in (long(0.0), long(2.0), long(0.0)):
        found = jacobian(f, X, batch=True, engine="jit")
        np.testing.assert_allclose(found, jacobian(f, X, batch=True, engine="python"), rtol=1e-7, atol=1e-7)


def with_more(x, a=2.0, *more):
    return a * x[0] + len(more) * x[1]


@pytest.mark.parametrize(("args", "exact"), [((), [2.0, 0.0]), ((3.0,), [3.0, 0.0]), ((3.0, 1.0, 4.0), [3.0, 2.0])])
def test_arguments_with_defaults_and_any_number_of_them(args, exact):
    found = gradient(with_more, X, batch=True, args=args, engine="jit")
    np.testing.assert_allclose(found, [exact, exact], rtol=1e-8, atol=1e-9)


def test_code_lives_as_long_as_what_is_bound(monkeypatch):
    monkeypatch.setattr(functions, "KEPT", 0)  # every function is forgotten when the next comes
    call = Call(lambda x: 7.0 * x[0] * x[1], Rows(X, (2,)), stencils.gradient(2), Steps("absolute", np.array(1e-4)))
    out = np.empty_like(X)
    bound = compile_call(call, out, None).bind(call, out)
    gradient(product, X, batch=True, engine="jit")
    gc.collect()
    bound.fill()
    np.testing.assert_allclose(out, 7.0 * X[:, ::-1], rtol=1e-7)

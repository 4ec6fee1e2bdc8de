"""A function of one variable on whole arrays: how often it is called, and what it may refuse.

The last calls, one for each digit of their number, are the check that each element is by itself.
"""

import numpy as np
import pytest

from fastgrad import derivative
from fastgrad.engine.call import Call, Rows
from fastgrad.engine.python.arrays import apply_to_arrays, is_elementwise, values_on_array
from fastgrad.formulas import stencils
from fastgrad.formulas.steps import choose_steps
from fastgrad.formulas.values import precision
from fastgrad.results import EPS

T = np.linspace(0.5, 2.0, 7)


def call_of(f, args=()):
    table = stencils.derivative(1, 2, "central")
    return Call(f, Rows(T[:, None], ()), table, choose_steps(T, table.stencil), args, scalar=True, whole=T.shape)


def test_two_calls_for_all_points_and_a_check():
    calls, out = [], np.empty((len(T), 1))
    assert apply_to_arrays(call_of(lambda t: calls.append(t.shape) or np.sin(t)), out) == (7, EPS)
    assert calls == [T.shape] * 7
    np.testing.assert_allclose(out[:, 0], np.cos(T), rtol=1e-9)


def test_single_precision_takes_one_call_more_and_longer_steps():
    calls, out = [], np.empty((len(T), 1))
    nfev, eps = apply_to_arrays(call_of(lambda t: calls.append(t) or np.sin(t, dtype=np.float32)), out)
    assert nfev == len(calls) == 8
    assert eps == precision(np.float32(1.0))
    assert calls[1][0] - T[0] < calls[0][0] - T[0] < 0.0
    np.testing.assert_allclose(out[:, 0], np.cos(T), atol=1e-3)


REFUSING = {
    "it raises": lambda t: float(t) * 2.0,
    "another shape": np.sum,
    "complex numbers": lambda t: t * 1j,
    "texts": lambda t: [str(v) for v in t],
}


@pytest.mark.parametrize("f", REFUSING.values(), ids=REFUSING)
def test_f_that_refuses_arrays_is_left_to_single_calls(f):
    assert apply_to_arrays(call_of(f), np.empty((len(T), 1))) is None
    assert values_on_array(call_of(f), T) is None


def test_values():
    values, eps = values_on_array(call_of(lambda t, a: np.float16(a) * np.sqrt(t).astype(np.float16), (2.0,)), T)
    assert values.dtype == np.float64
    assert eps == np.finfo(np.float16).eps
    np.testing.assert_allclose(values, 2.0 * np.sqrt(T), rtol=1e-2)


def test_elementwise_is_asked_at_five_points():
    calls = []
    assert is_elementwise(call_of(lambda t: calls.append(np.size(t)) or t * t))
    assert calls == [5, 1, 1, 1, 1, 1]
    assert not is_elementwise(call_of(np.cumsum))


def test_f_may_write_into_the_array_and_keep_it():
    kept = []

    def f(t):
        value = t**3
        t[...] = 0.0
        kept.append(t)
        return value

    np.testing.assert_allclose(derivative(f, T), 3 * T**2, rtol=1e-8)
    assert len({id(t) for t in kept}) == 5 + 2

"""Python's float, int and isinstance in f."""

import math

import numpy as np
import pytest

import fastgrad
from fastgrad.program.program import evaluate
from fastgrad.program.trace.builtinfunctions import Float, Int, builtin_shims
from fastgrad.program.trace.recording import trace


def test_the_stand_ins_are_pythons_classes_in_all_else():
    assert type(Float("1.5")) is float
    assert type(Int("12", 8)) is int
    assert (Float(), Int(), Int("11", 2), Float.fromhex("0x1p3")) == (0.0, 0, 3, 8.0)
    assert isinstance(1.5, Float)
    assert not isinstance(1, Float)
    assert isinstance(True, (Int, Float))
    assert issubclass(np.float64, Float)
    assert {Float: 1, Int: 2}[float] == 1
    assert (np.dtype(Float), np.zeros(2, Int).dtype) == (np.float64, np.dtype(int))
    assert np.array([1.7]).astype(Int).tolist() == [1]


def test_only_what_f_looks_up_is_swapped():
    space = {"int": str}
    f = lambda x: float(x) + int(x) + len(x)
    assert builtin_shims(f.__code__, {}) == {("global", "float"): Float, ("global", "int"): Int}
    assert builtin_shims(f.__code__, space) == {("global", "float"): Float}
    assert builtin_shims((lambda x: x).__code__, {}) == {}


FORMS = [
    lambda x: float(x[0]) * 2 + float(x[1] > 0.5) + float("0.5"),
    lambda x: int(x[0] > 0.5) * x[1] + int(10 * x[2]) + int("3"),
    lambda x: x.astype(float)[0] + np.zeros(2, float).sum() + float(3),
    lambda x: x[0] if isinstance(x[0], (int, float)) and isinstance(x[0], np.floating) else x[1],
    lambda x: x[0] if isinstance(x, (list, tuple)) or isinstance(x[0] > 1, float) else x[1],
    lambda x: sum(map(float, x)) + np.array([float(v) for v in x]) @ x,
    lambda x: math.floor(float(x[0]) * 3) + np.float64(x[1]),
]


@pytest.mark.parametrize("f", FORMS, ids=range(len(FORMS)))
def test_symbols_pass_through(f):
    for x in np.random.default_rng(8).uniform(0.1, 2.0, (5, 3)):
        assert math.isclose(evaluate(trace(f, (3,)), x)[0], f(x), rel_tol=1e-14)


def quotient(x):
    return min(1.0 / float(x[0]), 5.0) + x[1]


def test_a_float_of_pythons_divides_as_python_does():
    points = np.ones((300, 2))
    fastgrad.gradient(quotient, points, batch=True, engine="simd")
    points[7, 0] = 0.0
    with pytest.raises(ZeroDivisionError):
        fastgrad.value_and_gradient(quotient, points, batch=True, method="exact")


def test_an_integer_of_what_is_none_raises():
    points = np.ones((300, 2))
    points[5, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        fastgrad.gradient(lambda x: np.fmax(int(x[0]), x[1]), points, batch=True, engine="simd")


def test_the_types_of_numbers_are_shown():
    seen = []

    def f(x, label, weight):
        seen.append((x.dtype, x[0].dtype, (x > 0).dtype, label.dtype, weight.dtype))
        return x[0] + isinstance(label, np.integer) + isinstance(x[0], np.float64) + isinstance(label, float)

    program = trace(f, (2,), rows=[(), ()], types=[np.dtype(int), np.dtype("f4")], bits=[3, 0])
    seen.clear()
    trace(f, (2,), rows=[(), ()], types=[np.dtype(int), np.dtype("f4")], bits=[3, 0])
    assert seen == [(float, float, bool, int, np.float32)]
    assert evaluate(program, [1.0, 2.0], [1.0, 2.0]) == [3.0]

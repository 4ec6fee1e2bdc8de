"""Python's float, int and isinstance in f."""

import math

import numpy as np
import pytest

import fastgrad
from fastgrad.program.program import evaluate
from fastgrad.program.trace.builtinfunctions import Float, Int, builtin_shims
from fastgrad.program.trace.recording import Untraceable, trace


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


def squared_if(answer, x):
    return x[0] ** 2 * x[1] if answer else x[1] ** 3


QUESTIONS = {
    "type is": lambda x: squared_if(type(x[0]) is np.float64, x),
    "type equals": lambda x: squared_if(type(x[0]) == np.float64, x),
    "type in": lambda x: squared_if(type(x[0]) in (float, np.float64), x),
    "no float": lambda x: squared_if(type(x[0]) is float, x),
    "name of type": lambda x: squared_if(type(x[0]).__name__ == "float64", x),
    "subclass": lambda x: squared_if(issubclass(type(x[0]), float), x),
    "array": lambda x: squared_if(type(x) is np.ndarray and type(x).__name__ == "ndarray", x),
    "mask": lambda x: squared_if(type(x[0] > 1) is np.bool_ and not isinstance(x[0] > 1, bool), x),
    "float": lambda x: squared_if(isinstance(float(x[0]), np.float64), x),
    "rounded": lambda x: squared_if(isinstance(round(x[0]), int), x),
    "whole": lambda x: squared_if(isinstance(int(x[0]), int), x),
    "one of two types": lambda x: squared_if(isinstance(max(0, x[0] - 1.0), int), x),
    "least of two types": lambda x: squared_if(type(min(1, x[0], x[1])) is int, x),
    "attribute": lambda x: squared_if(hasattr(max(0, x[0] - 1.0), "dtype") and hasattr(x[0], "is_integer"), x),
    "joined": lambda x: squared_if(isinstance(1 if x[0] > 1.0 else 2.0, int), x),
    "joined integers": lambda x: squared_if(isinstance((1 if x[0] > 1.0 else 2) + 1, int), x),
    "made": lambda x: squared_if(type("Made", (), {})().__class__.__name__ == "Made", x),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_questions_for_types_are_answered_as_python_does_or_refused(name):
    f = QUESTIONS[name]
    try:
        program = trace(f, (2,))
    except Untraceable as refused:
        assert "f asks" in str(refused)  # noqa: PT017
        assert name in ("float", "rounded", "whole")
        return
    for x in np.random.default_rng(8).uniform(0.1, 2.0, (20, 2)):
        assert math.isclose(evaluate(program, x)[0], f(x), rel_tol=1e-14)

"""Functions of the module math: themselves for numbers, recorded for symbols."""

import math

import numpy as np
import pytest

import fastgrad
from fastgrad.program.program import evaluate
from fastgrad.program.trace.mathfunctions import SHIM_MODULE, SHIMS
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable

FUNCTIONS = {
    "log of a base": lambda m, x: m.log(x[0], 3.0) + m.log(7.0, x[1]),
    "hypot of one": lambda m, x: m.hypot(x[0]),
    "hypot of many": lambda m, x: m.hypot(x[0], x[1], 2.0),
    "dist": lambda m, x: m.dist(list(x), (0.25, 1.0)),
    "prod from a start": lambda m, x: m.prod([x[0], 3.0, x[1]], start=0.5),
    "prod of nothing": lambda m, x: x[0] * m.prod([]),
    "fsum": lambda m, x: m.fsum([x[0], 0.5, x[1]]),
    "pow": lambda m, x: m.pow(x[0], x[1]),
    "fmod": lambda m, x: m.fmod(x[0], -0.3),
    "atan2": lambda m, x: m.atan2(x[0], x[1]),
    "modf": lambda m, x: m.modf(3.0 * x[0])[0] * x[1] + m.modf(-2.0 * x[1])[1] + m.modf(x[0] * math.inf)[0],
    "ldexp": lambda m, x: m.ldexp(x[0], 3) + m.ldexp(x[1], -2),
    "erf": lambda m, x: m.erf(x[0]) * m.erfc(x[1]),
    "gamma": lambda m, x: m.gamma(x[0]) + m.lgamma(x[1]),
    "numbers": lambda m, x: x[0] * m.gcd(12, 18) + m.lgamma(2.5) * m.tau,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_recorded_they_compute_what_math_does(name):
    f, x = FUNCTIONS[name], np.array([0.7, 1.9])
    assert evaluate(trace(lambda x: f(SHIM_MODULE, x), (2,)), x) == pytest.approx([f(math, x)], rel=1e-15)


def test_of_numbers_they_are_the_functions_themselves():
    assert SHIMS["sqrt"](2.0) == math.sqrt(2.0)
    assert SHIMS["comb"](5, 2) == 10
    assert SHIMS["isclose"](1.0, 1.1, rel_tol=0.2)
    assert SHIMS["pi"] is math.pi
    with pytest.raises(ValueError, match=r"domain|nonnegative"):
        SHIMS["sqrt"](-1.0)
    assert {name for name in vars(math) if not name.startswith("__")} == set(SHIMS)


def test_what_has_no_rule_or_no_number_is_refused_by_name():
    for f, said in (
        (lambda x: SHIMS["ulp"](x[0]), r"math\.ulp, which has no rule"),
        (lambda x: SHIMS["ldexp"](2.0, x[0]), "a traced exponent"),
        (SHIMS["exp"], r"write np\.exp"),
        (lambda x: SHIMS["exp"](x[:1]), r"write np\.exp"),
    ):
        with pytest.raises(Untraceable, match=said):
            trace(f, (2,))


def test_a_root_of_a_negative_float_of_pythons_is_a_complex_number():
    with pytest.raises(TypeError, match="complex"):
        fastgrad.gradient(lambda x: float(x[0]) ** 0.5, np.array([-1.0]), method="exact")
    with pytest.raises(fastgrad.EngineError):
        fastgrad.gradient(lambda x: abs(float(x[0]) ** 0.5), np.array([-1.0]), method="exact")
    found = fastgrad.gradient(lambda x: float(x[0]) ** 0.5, np.array([4.0]), method="exact")
    np.testing.assert_allclose(found, 0.25, rtol=1e-14)


def test_floor_gives_an_integer_that_is_an_index():
    table = np.array([3.0, 5.0, 8.0])
    for f in (
        lambda x: table[math.floor(x[0]) % 3] * x[0],
        lambda x: table[max(0, min(2, int(x[0])))] * x[0],
        lambda x: table[math.ceil(x[0]) - 1] * x[0],
    ):
        program = trace(f, (1,))
        for x in (0.25, 1.5, 2.75):
            assert evaluate(program, [x]) == [f(np.array([x]))]


def test_fsum_loses_nothing():
    for parts in ([1e17, 1.0, -1e17], [1.3, 81.0, 0.1], [1e100, 1.0, -1e100, 2.0], [0.1] * 10):
        program = trace(lambda x: math.fsum([*x]), (len(parts),))
        assert evaluate(program, parts) == [math.fsum(parts)]
    points = np.tile([[0.3, 2.0]], (400, 1))
    points[5, 0] = 1e17
    f = lambda x: math.fsum([x[0], 1.0, -x[0]]) * x[1]
    for method in ("central", "exact"):
        found = fastgrad.gradient(f, points, batch=True, engine="simd", method=method)
        np.testing.assert_allclose(found, np.tile([[0.0, 1.0]], (400, 1)), atol=1e-9)


@pytest.mark.parametrize("b", [1.0, 0.3, -2.0, 2.5, 1e-3])
def test_the_remainder_of_the_nearest_multiple(b):
    values = np.concatenate([np.linspace(-5.0, 5.0, 41), [0.0, -0.0, 1e9 + 0.25, 0.5 * b, 1.5 * b, -2.5 * b, 7.0 * b]])
    program = trace(lambda x: math.remainder(x[0], b), (1,))
    found = [evaluate(program, [v])[0] for v in values]
    np.testing.assert_array_equal(found, [math.remainder(v, b) for v in values])
    assert [math.copysign(1.0, v) for v in found] == [math.copysign(1.0, math.remainder(v, b)) for v in values]
    slopes = fastgrad.gradient(
        lambda x: math.remainder(x[0], b) * x[1], np.array([[0.31, 2.0]]), batch=True, method="exact"
    )
    np.testing.assert_allclose(slopes, [[2.0, math.remainder(0.31, b)]])


def test_the_remainder_raises_where_pythons_does():
    assert evaluate(trace(lambda x: math.remainder(x[0], math.inf), (1,)), [2.0]) == [2.0]
    with pytest.raises(ValueError, match="math domain error"):
        fastgrad.gradient(
            lambda x: math.remainder(x[1], x[0]), np.array([[1.0, 2.0], [0.0, 1.0]] * 20), batch=True, engine="simd"
        )

"""Changes of elementary functions, by their addition theorems: against 60 digits."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastgrad
from fastgrad.formulas import stencils
from fastgrad.program.changes import Coordinate, DirectionWalk
from fastgrad.program.code import Code
from fastgrad.program.differences import StepSource, differences
from fastgrad.program.functionchanges import FUNCTIONS
from fastgrad.program.program import Program, evaluate
from fastgrad.program.trace.recording import trace

EPS = np.finfo(float).eps
IN_MPMATH = {
    "exp": mpmath.exp,
    "expm1": mpmath.expm1,
    "log": mpmath.log,
    "log1p": mpmath.log1p,
    "log2": lambda x: mpmath.log(x, 2),
    "log10": mpmath.log10,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "sinh": mpmath.sinh,
    "cosh": mpmath.cosh,
    "tanh": mpmath.tanh,
    "exp2": lambda x: mpmath.mpf(2) ** x,
    "pow": lambda x: x ** mpmath.mpf(2.5),
    "cbrt": mpmath.cbrt,
    "tan": mpmath.tan,
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
}
# operands: one that is linear in x, whose mean is its value, and ones that are not
OPERANDS = {
    "linear": ((("*", ("k", 0.75), ("x", 0)),), lambda x: mpmath.mpf(0.75) * x),
    "square": ((("*", ("x", 0), ("x", 0)),), lambda x: x * x),
    "quotient": ((("+", ("k", 1.0), ("x", 0)), ("/", ("x", 0), ("v", 0))), lambda x: x / (1 + x)),
}
STEPS = [2.0**-30, 2.0**-17, 2.0**-9, 0.25]


def test_every_function_has_its_case():
    assert IN_MPMATH.keys() == FUNCTIONS.keys()


def walked(name, operand, h):
    more = [("k", 2.5)] if name == "pow" else []
    nodes = (*OPERANDS[operand][0], (name, ("v", len(OPERANDS[operand][0]) - 1), *more))
    program = Program(1, 0, nodes, (("v", len(nodes) - 1),), (), ())
    code = Code(program)
    walk = DirectionWalk(code, program, (1, -1), ("k", h), FUNCTIONS)
    walk.moved["x", 0] = Coordinate(walk, ("x", 0), ("k", 1.0), ("k", h))
    walk.run(list(range(len(nodes))), {len(nodes) - 1})
    return code, walk.at(program.outputs[0])


@pytest.mark.parametrize("operand", OPERANDS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_slope_and_distance_of_the_mean(name, operand):
    """As differences have them, to a few roundings, however short the step."""
    for h in STEPS[:3] if name == "tan" else STEPS:  # a quarter from 1 its square is beside a pole
        code, moved = walked(name, operand, h)
        program = code.finish((moved.s, moved.e, moved.p, moved.m), (4,))
        for x in (0.375, 0.5, 1.0, 1.625):
            slope, distance, p, m = evaluate(program, [x])
            if h == STEPS[-1] and np.isnan(slope):
                continue  # too far for what is known at x: that is for f itself to say
            with mpmath.workdps(60):
                inner, step = OPERANDS[operand][1], mpmath.mpf(h)
                above, here, below = (IN_MPMATH[name](inner(mpmath.mpf(x) + k * step)) for k in (1, 0, -1))
                wanted = (above - below) / (2 * step), (above - 2 * here + below) / (2 * step**2)
            assert slope == pytest.approx(float(wanted[0]), rel=32 * EPS)
            scale = abs(float(wanted[0])) + abs(float(here)) if name in {"log", "log2", "log10"} else abs(float(here))
            assert distance == pytest.approx(float(wanted[1]), rel=1e-12, abs=64 * EPS * max(scale, 0.1))
            assert [p, m] == pytest.approx([float(above), float(below)], rel=8 * EPS, abs=8 * EPS)


@pytest.mark.filterwarnings("ignore::fastgrad.ConstantFunctionWarning")  # tanh is flat there
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("x", [-700.0, -30.0, -1e-300, 0.0, 1e-300, 30.0, 700.0, 1e6])
def test_far_from_one(name, x):
    """What NumPy's differences give, but for its rounding; not finite where f is not."""
    others = {"softplus": lambda a: np.logaddexp(0.0, a), "pow": lambda a: np.power(a, 2.5)}
    f = others.get(name) or getattr(np, name)
    points = np.full((16, 1), x)
    with np.errstate(all="ignore"):
        value, found = float(f(x)), fastgrad.gradient(lambda a: f(a[0]), points, batch=True, engine="simd")[0, 0]
        wanted = fastgrad.gradient(lambda a: f(a[0]), points[0], engine="python")[0]
        h = max(1.0, abs(x)) * 2.0**-17
        noise = 4.0 * EPS * abs(value) / h if np.isfinite(value) else 0.0
    if np.isfinite(wanted):
        assert found == pytest.approx(wanted, rel=1e-6, abs=noise + 1e-300)
    else:
        assert not np.isfinite(found)


DOMAIN = [
    (lambda x: np.log(x[0]) + x[1], [-1.0, 2.0]),
    (lambda x: np.log(x[0] * x[1]), [0.0, 2.0]),
    (lambda x: np.log1p(x[0]) * 0.0 + x[1], [-3.0, 2.0]),
    (lambda x: np.sin(x[0]) * 0.0 + x[1], [np.inf, 2.0]),
    (lambda x: np.exp(x[0]) + x[1], [800.0, 2.0]),
    (lambda x: x[1] + np.tanh(x[0]), [np.nan, 2.0]),
    (lambda x: np.log(x[0]) + x[1], [1e-9, 2.0]),
    (lambda x: np.cosh(x[0]) * x[1], [-720.0, 1.0]),
]


@pytest.mark.parametrize(("f", "x"), DOMAIN)
def test_points_at_which_f_is_not_finite_are_found(f, x):
    points = np.array([x] * 9)
    with np.errstate(all="ignore"):
        found = fastgrad.gradient(f, points, batch=True, engine="simd")
        wanted = fastgrad.gradient(f, points, batch=True, engine="python")
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(wanted))
    np.testing.assert_array_equal(found[np.isfinite(found)], wanted[np.isfinite(found)])


@pytest.mark.parametrize("order", [2, 4, 6])
def test_round_off_is_gone(order):
    """At a step at which a subtraction leaves nine digits."""
    f = lambda x: np.log(np.sum(np.exp(x))) + np.sin(x[0] * x[1]) * np.tanh(x[1] - x[2])
    x, table = np.array([0.3, -0.8, 1.1]), stencils.gradient(3, order)
    program = trace(f, (3,))
    written = differences(program, table, StepSource("absolute"))
    h = 2.0**-26
    whole = written.program
    found = evaluate(Program(**{**vars(whole), "constants": (*program.constants, h)}), x)[:3]
    wanted = fastgrad.gradient(f, x, method="exact")
    np.testing.assert_allclose(found, wanted, rtol=2e-14)


@given(st.lists(st.floats(-3.0, 3.0), min_size=2, max_size=2), st.sampled_from([2.0**-8, 2.0**-17]))
@settings(deadline=None)
def test_hessians_of_functions_of_functions(x, h):
    f = lambda x: np.exp(np.sin(x[0] * x[1])) + np.log(2.0 + np.cos(x[0]) * np.tanh(x[1])) * np.sinh(x[1] / 4.0)
    found = fastgrad.hessian(f, np.array([x] * 9), batch=True, engine="simd", h=h)[0]
    exact = fastgrad.hessian(f, np.array(x), method="exact")
    np.testing.assert_allclose(found, exact, rtol=0, atol=(40.0 * h**2 + 1e-11) * max(1.0, np.abs(exact).max()) * 20)


POWERS = {
    "a fixed exponent": lambda x: x[0] ** 1.7 + x[1] ** -2.3,
    "a fixed base": lambda x: 1.7 ** x[0] * 0.3 ** x[1],
    "both": lambda x: x[0] ** x[1],
    "both of one coordinate": lambda x: x[0] ** x[0] + np.exp(x[1]),
    "negative": lambda x: (-x[0]) ** 5.0 + np.power(-x[1], -3.0),
    "an exponent that is another coordinate": lambda x: np.exp(x[0]) ** x[1],
    "roots": lambda x: np.cbrt(x[0] * x[1]) + np.cbrt(-x[0]) + np.exp2(x[1]) * np.tan(x[0]),
}


@pytest.mark.parametrize("name", POWERS)
def test_powers(name):
    f, points = POWERS[name], np.random.default_rng(0).uniform(0.5, 1.4, (17, 2))
    exact = fastgrad.gradient(f, points, batch=True, method="exact")
    for options, rtol in (({}, 1e-8), ({"h": 2.0**-26}, 1e-13 if "both" not in name else 1e-5)):
        found = fastgrad.gradient(f, points, batch=True, engine="simd", **options)
        np.testing.assert_allclose(found, exact, rtol=rtol, atol=rtol)
    hessians = fastgrad.hessian(f, points, batch=True, engine="simd")
    wanted = fastgrad.hessian(f, points, batch=True, method="exact")
    np.testing.assert_allclose(hessians, wanted, rtol=1e-5, atol=1e-5)


def test_powers_at_zero_are_asked_of_f():
    f = lambda x: x[0] ** 1.5 + x[1] ** 2.5
    points = np.array([[0.0, 1.0], [1.0, 0.0], [-1.0, 1.0]] * 3)
    with np.errstate(all="ignore"):
        found = fastgrad.gradient(f, points, batch=True, engine="simd")
        wanted = fastgrad.gradient(f, points, batch=True, engine="python")
    np.testing.assert_allclose(found, wanted, rtol=1e-8)


INSIDE = {
    "log of cos": lambda x: np.log(np.cos(x[0])),
    "log of log": lambda x: np.log(np.log(x[0])),
    "log of expm1": lambda x: np.log(np.expm1(x[0])),
    "log1p of log": lambda x: np.log1p(np.log(x[0])),
    "log of a sum": lambda x: np.log(1.0 + 1.5 * np.cos(x[0])),
    "log of a product": lambda x: np.log(x[0] * np.log(x[0])),
    "log of log10": lambda x: np.log(np.log10(x[0]) + 1.0),
    "power of sin": lambda x: np.sin(x[0]) ** 1.5,
    "sum over rows": lambda x: np.sum(np.log(np.cos(x[0] * np.linspace(0.5, 1.0, 90)))),
}


@pytest.mark.parametrize("name", INSIDE)
def test_functions_of_what_is_out_of_their_domain(name):
    """What stands for a value that a function reads is near that value."""
    f, points = INSIDE[name], np.linspace(-6.0, 6.0, 121)[:, None]
    with np.errstate(all="ignore"):
        for operation in (fastgrad.gradient, fastgrad.hessian):
            found = operation(f, points, batch=True, engine="simd")
            wanted = operation(f, points, batch=True, engine="python")
            np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
        bound = fastgrad.grad(f)
        for x in ([2.5], [-0.5], [0.5]):
            here = fastgrad.gradient(f, np.array(x), engine="python")
            np.testing.assert_allclose(bound(np.array(x)), here, rtol=1e-7, atol=1e-9)


SEEN = {
    "sqrt of cos": (lambda x: np.sqrt(np.cos(x[0])), -0.5),
    "log of softplus": (lambda x: np.log(np.logaddexp(0.0, x[0])), -3.0),
    "root of a logarithm": (lambda x: np.sqrt(1.0 - np.log(x[0])), 2.0),
    "exp of sin": (lambda x: np.exp(np.sin(x[0])), 800.0),
    "power": (lambda x: (2.0 + np.sin(x[0])) ** 1.5, -3.0),
}


@pytest.mark.parametrize("name", SEEN)
def test_f_is_not_asked_where_it_is_finite(name):
    f, x = SEEN[name]
    program = trace(f, (1,))
    written = differences(program, stencils.gradient(1), StepSource("absolute"))
    whole = Program(**{**vars(written.program), "constants": (*program.constants, 2.0**-17)})
    assert np.isfinite(evaluate(whole, [x])).all()


FAR = {
    "exp of a jump": (lambda x: np.exp(np.where(x[0] > 0, -x[0], -100.0)), 1e-8, {}),
    "a steep softplus": (lambda x: np.logaddexp(0, 1e7 * x[0]), 0.3, {}),
    "tanh of a jump": (lambda x: np.tanh(np.where(x[0] > 0, 30.0, -1.0)), 1e-8, {}),
    "softplus of a jump": (lambda x: np.logaddexp(0, np.where(x[0] > 0, 50.0, -50.0)), -1e-8, {}),
    "tanh, a long formula": (lambda x: np.tanh(x[0] / 1e-3), 0.02, {"order": 8}),
    "tanh, a long step": (lambda x: np.tanh(x[0]), 19.0, {"h": 18.0}),
    "softplus, a long step": (lambda x: np.logaddexp(0, x[0]), 50.0, {"h": 40.0}),
    "exp from nothing": (lambda x: np.exp(x[0]), -750.0, {"h": 700.0}),
    "a narrow bell": (lambda x: np.exp(-0.5 * ((x[0] - 2.0) / 1e-3) ** 2), 2.006, {"order": 8}),
    "exp of a quotient": (lambda x: np.exp(np.log(x[0]) / np.sinh(x[0])), 0.757, {"h": 0.729}),
    "log that is negative beside": (lambda x: np.log(1 - (x[0] / 0.0135) ** 2), 0.001, {"order": 8}),
    "log beyond its domain": (lambda x: np.log(1 - x[0] ** 2), 0.3, {"h": 2.0}),
    "log of tan across poles": (lambda x: np.log2(np.tan(x[0] * x[0])), 2.0, {"h": 0.125, "order": 4}),
    "a power, a long step": (lambda x: x[0] ** -2.5, 1.0, {"h": 1.0 - 2.0**-30}),
    "tan of what turns": (lambda x: np.tan(x[0] ** 3), 3.0, {"h": 0.5}),
    "sinh": (lambda x: np.sinh(x[0] ** 2), 5.0, {"h": 4.0}),
}


@pytest.mark.parametrize("name", FAR)
def test_steps_beyond_what_is_known_at_x(name):
    f, x, options = FAR[name]
    points = np.full((8, 1), x)
    with np.errstate(all="ignore"):
        found = fastgrad.gradient(f, points, batch=True, engine="simd", **options)
        wanted = fastgrad.gradient(f, points, batch=True, engine="python", **options)
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-11 * np.abs(wanted).max(initial=1.0))


def test_a_constant_that_is_no_number_is_told():
    data = np.array([1.0, -1.0])
    f = lambda x: np.array([x[0] * x[1], np.log(data[1]) + 0.0])
    with np.errstate(all="ignore"):
        found = fastgrad.jacobian(f, np.ones((9, 2)), batch=True, engine="simd")
        wanted = fastgrad.jacobian(f, np.ones((9, 2)), batch=True, engine="python")
    np.testing.assert_allclose(found, wanted)


def test_a_small_number_beside_a_large_one_keeps_its_digits():
    """At one point 88, at the other 1e17: their mean and its slope do not tell the smaller."""
    f = lambda x: np.sin(np.sqrt(np.where(x[1] > 0.0, x[0], x[2]) + 1.0))
    x, v = np.array([88.0, 0.5, 1e17]), np.array([0.06, -2.8, -1.4])
    found = fastgrad.jvp(f, np.array([x] * 9), v, batch=True, engine="simd", order=8, h=0.0625)
    wanted = fastgrad.jvp(f, x, v, engine="python", order=8, h=0.0625)
    np.testing.assert_allclose(found, [wanted] * 9, rtol=1e-6)

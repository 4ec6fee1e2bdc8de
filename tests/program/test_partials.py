"""The table of partial derivatives: every rule against 60 digits, kinks as documented, no NaN from elsewhere."""

import math

import mpmath
import numpy as np
import pytest

import fastgrad
from fastgrad.formulas import stencils
from fastgrad.program.exact import exact
from fastgrad.program.partials import RULES
from fastgrad.program.program import Program, evaluate
from fastgrad.program.specialrules import RULES as SPECIAL
from fastgrad.program.trace.recording import trace

X, Y = ("x", 0), ("x", 1)
INF, NAN = math.inf, math.nan


def derivatives(program, x, operation="gradient"):
    """The exact derivatives of a program's outputs, interpreted."""
    written = exact(program, getattr(stencils, operation)(program.inputs, method="exact"))
    return evaluate(written.program, x)


def of(f, x, operation="gradient"):
    return derivatives(trace(f, np.shape(x)), x, operation)


# --- smooth rules -----------------------------------------------------------------------------------------------------

ONE_OPERAND = {
    "neg": (lambda a: -a, (-1.3, 0.0, 2.0)),
    "abs": (abs, (-1.3, 2.0, 1e-9)),
    "sqrt": (mpmath.sqrt, (1e-12, 0.3, 7.0, 1e12)),
    "cbrt": (lambda a: mpmath.sign(a) * mpmath.cbrt(abs(a)), (-2.0, 1e-9, 0.3, 7.0)),
    "exp": (mpmath.exp, (-40.0, -1.0, 0.0, 3.0)),
    "exp2": (lambda a: mpmath.mpf(2) ** a, (-40.0, -1.0, 0.0, 3.0)),
    "expm1": (mpmath.expm1, (-40.0, -1e-9, 0.0, 3.0)),
    "log": (mpmath.log, (1e-9, 0.3, 1.0, 7.0)),
    "log2": (lambda a: mpmath.log(a, 2), (1e-9, 0.3, 1.0, 7.0)),
    "log10": (mpmath.log10, (1e-9, 0.3, 1.0, 7.0)),
    "log1p": (mpmath.log1p, (-0.9, 1e-12, 0.0, 7.0)),
    "sin": (mpmath.sin, (-2.0, 0.0, 0.3, 100.0)),
    "cos": (mpmath.cos, (-2.0, 0.0, 0.3, 100.0)),
    "tan": (mpmath.tan, (-2.0, 0.0, 0.3, 1.5)),
    "asin": (mpmath.asin, (-0.999, 0.0, 0.3, 0.9)),
    "acos": (mpmath.acos, (-0.999, 0.0, 0.3, 0.9)),
    "atan": (mpmath.atan, (-20.0, 0.0, 0.3, 5.0)),
    "sinh": (mpmath.sinh, (-2.0, 0.0, 0.3, 5.0)),
    "cosh": (mpmath.cosh, (-2.0, 0.0, 0.3, 5.0)),
    "tanh": (mpmath.tanh, (-2.0, 0.0, 0.3, 3.0)),
    "asinh": (mpmath.asinh, (-2.0, 0.0, 0.3, 1e6)),
    "acosh": (mpmath.acosh, (1.0001, 1.3, 5.0)),
    "atanh": (mpmath.atanh, (-0.999, 0.0, 0.3, 0.9)),
    "inverse": (lambda a: 1 / a, (-2.0, 0.3, 7.0)),
    "floor": (mpmath.floor, (-1.3, 0.4, 2.5)),
    "ceil": (mpmath.ceil, (-1.3, 0.4, 2.5)),
    "trunc": (lambda a: mpmath.sign(a) * mpmath.floor(abs(a)), (-1.3, 0.4, 2.5)),
    "rint": (mpmath.nint, (-1.3, 0.4, 2.2)),
    "sign": (mpmath.sign, (-1.3, 0.4)),
    "power": (lambda a: mpmath.mpf(2) ** mpmath.floor(mpmath.log(a, 2)), (1.3, 0.4)),
}
PAIRS = ((0.3, 1.7), (2.0, -1.3), (-0.6, 0.9), (-2.5, -0.4), (1e3, 1e-3))
POSITIVE = ((0.3, 1.7), (2.0, -1.3), (0.6, 0.5), (5.0, 3.0), (1.0, 0.7))
TWO_OPERANDS = {
    "+": (lambda a, b: a + b, PAIRS),
    "-": (lambda a, b: a - b, PAIRS),
    "*": (lambda a, b: a * b, PAIRS),
    "/": (lambda a, b: a / b, PAIRS),
    "pow": (lambda a, b: a**b, POSITIVE),
    "atan2": (mpmath.atan2, PAIRS),
    "hypot": (mpmath.hypot, PAIRS),
    "max": (max, PAIRS),
    "min": (min, PAIRS),
    "fmax": (max, PAIRS),
    "fmin": (min, PAIRS),
    "copysign": (lambda a, b: abs(a) * mpmath.sign(b), PAIRS),
    "mod": (lambda a, b: a - b * mpmath.floor(a / b), PAIRS[:-1]),
    "fmod": (lambda a, b: a - b * mpmath.sign(a / b) * mpmath.floor(abs(a / b)), PAIRS[:-1]),
    "floordiv": (lambda a, b: mpmath.floor(a / b), PAIRS[:-1]),
}


def test_every_rule_is_in_the_tables():
    assert {*ONE_OPERAND, *TWO_OPERANDS, "tofloat"} == set(RULES) - set(SPECIAL)  # see test_specialrules


def close(found, expected, within=1.5e-14):
    scale = max(1.0, *map(abs, expected))
    return all(abs(a - float(b)) <= within * scale for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("name", sorted(ONE_OPERAND))
def test_one_operand(name):
    f, places = ONE_OPERAND[name]
    program = Program(1, 0, ((name, X),), (("v", 0),), (), ())
    drawn = np.random.default_rng(0).uniform(min(places), max(places), 8).tolist()
    with mpmath.workdps(60):
        for x in (*places, *drawn):
            step = {"h": mpmath.mpf(10) ** -20 * max(abs(x), 1e-12)}
            for n, operation in ((1, "gradient"), (2, "hessian")):
                expected = mpmath.diff(f, mpmath.mpf(x), n, **step)
                assert close(derivatives(program, [x], operation), [expected]), (x, n)


TAILS = {
    "tanh": (3.0, -8.0, 10.0, 20.0, -36.0, 300.0, 0.999, -1.0, 1e-9),
    "acosh": (1.0 + 1e-12, 1e16, 1e200, 1e300),
    "asinh": (1e16, 1e200, -1e300),
    "atan": (1e16, -1e150),
    "expm1": (-40.0, -700.0),
    "atanh": (1.0 - 1e-12, -1.0 + 1e-12),
    "asin": (1.0 - 1e-12,),
    "acos": (1.0 - 1e-12,),
}


@pytest.mark.parametrize("name", TAILS)
def test_small_and_large_partials_have_all_their_digits(name):
    program = Program(1, 0, ((name, X),), (("v", 0),), (), ())
    for x in TAILS[name]:
        with mpmath.workdps(320):
            f, h = ONE_OPERAND[name][0], mpmath.mpf(10) ** -60
            expected = float((f(x + x * h) - f(x - x * h)) / (2 * x * h))
        assert derivatives(program, [x]) == [pytest.approx(expected, rel=2e-15 * max(1.0, abs(x)) ** (name == "tanh"))]


@pytest.mark.parametrize("x", [-300.0, -5.0, -1.0, 0.0, 0.5, 1.0, 20.0])
def test_higher_derivatives_of_tanh(x):
    for n in (2, 3, 4):
        with mpmath.workdps(60):
            expected = float(mpmath.diff(mpmath.tanh, mpmath.mpf(x), n, h=mpmath.mpf(10) ** -12))
        found = fastgrad.derivative(np.tanh, x, n=n, method="exact")
        assert found == pytest.approx(expected, rel=1e-13, abs=1e-20)


@pytest.mark.parametrize("name", sorted(TWO_OPERANDS))
def test_two_operands(name):
    f, places = TWO_OPERANDS[name]
    program = Program(2, 0, ((name, X, Y),), (("v", 0),), (), ())
    with mpmath.workdps(60):
        for x in places:
            point = tuple(map(mpmath.mpf, x))
            first = [mpmath.diff(f, point, n, h=mpmath.mpf(10) ** -20) for n in ((1, 0), (0, 1))]
            second = [mpmath.diff(f, point, n, h=mpmath.mpf(10) ** -20) for n in ((2, 0), (1, 1), (1, 1), (0, 2))]
            assert close(derivatives(program, x), first), x
            found = derivatives(program, x, "hessian")
            assert close(found, second, 1e-13), x
            assert found[1] == found[2]


@pytest.mark.parametrize("name", sorted(TWO_OPERANDS))
@pytest.mark.parametrize("place", [0, 1])
def test_two_operands_one_of_which_is_a_constant(name, place):
    f, places = TWO_OPERANDS[name]
    for x in places:
        operands = [("k", x[0]), ("k", x[1])]
        operands[place] = X
        alone = Program(1, 0, ((name, *operands),), (("v", 0),), (), ())
        both = Program(2, 0, ((name, X, Y),), (("v", 0),), (), ())
        assert close(derivatives(alone, [x[place]]), [derivatives(both, x)[place]])
    assert f(*places[0]) is not None


@pytest.mark.parametrize("name", ["/", "pow", "atan2", "hypot", "copysign", "mod", "*"])
def test_both_operands_are_one(name):
    program = Program(1, 0, ((name, X, X),), (("v", 0),), (), ())
    with mpmath.workdps(60):
        expected = mpmath.diff(lambda a: TWO_OPERANDS[name][0](a, a), mpmath.mpf(0.7), h=mpmath.mpf(10) ** -20)
    assert close(derivatives(program, [0.7]), [expected])


# --- kinks ------------------------------------------------------------------------------------------------------------

KINKS = {
    "abs": (lambda x: np.abs(x[0]), [0.0], [0.0]),
    "abs of -0.0": (lambda x: np.abs(x[0]), [-0.0], [0.0]),
    "sign": (lambda x: np.sign(x[0]) * x[0], [0.0], [0.0]),
    "relu": (lambda x: np.maximum(x[0], 0.0), [0.0], [0.5]),
    "a leaky relu": (lambda x: np.maximum(x[0], 0.1 * x[0]), [0.0], [0.55]),
    "the larger of two": (lambda x: np.maximum(x[0], x[1]), [2.0, 2.0], [0.5, 0.5]),
    "the larger of one and itself": (lambda x: np.maximum(x[0], x[0]) + 0.0 * x[0], [2.0], [1.0]),
    "the smaller of two": (lambda x: np.minimum(x[0], x[1]), [2.0, 2.0], [0.5, 0.5]),
    "the largest, of which three are equal": (np.max, [2.0, 2.0, 2.0], [1 / 3, 1 / 3, 1 / 3]),
    "the largest, of which two are equal": (
        np.max,
        [2.0, 1.0, 2.0, 2.0, 0.0],
        [1 / 3, 0, 1 / 3, 1 / 3, 0],
    ),
    "the smallest": (np.min, [2.0, 1.0, 1.0, 1.0], [0.0, 1 / 3, 1 / 3, 1 / 3]),
    "maxima of maxima": (
        lambda x: np.maximum(np.maximum(x[0], x[1]), np.maximum(x[2], x[3])),
        [1.0, 1.0, 1.0, 1.0],
        [0.25] * 4,
    ),
    "along an axis": (
        lambda x: np.sum(np.max(x.reshape(2, 3), axis=1) * np.array([1.0, 3.0])),
        [1.0, 1.0, 1.0, 5.0, 7.0, 7.0],
        [1 / 3, 1 / 3, 1 / 3, 0.0, 1.5, 1.5],
    ),
    "at both ends of clip": (lambda x: np.sum(np.clip(x, -1.0, 1.0)), [-2.0, -1.0, 0.0, 1.0, 2.0], [0, 0.5, 1, 0.5, 0]),
    "hypot at the origin": (lambda x: np.hypot(x[0], x[1]), [0.0, 0.0], [0.0, 0.0]),
    "hypot on an axis": (lambda x: np.hypot(x[0], x[1]), [0.0, -2.0], [0.0, -1.0]),
    "pow with exponent 0": (lambda x: x[0] ** x[1], [0.0, 0.0], [0.0, 0.0]),
    "pow of 0": (lambda x: x[0] ** x[1], [0.0, 2.0], [0.0, 0.0]),
    "pow of 0 to 1": (lambda x: x[0] ** x[1], [0.0, 1.0], [1.0, 0.0]),
    "a square at 0": (lambda x: x[0] ** 2.0, [0.0], [0.0]),
    "a cube of a negative number": (lambda x: x[0] ** 3.0, [-2.0], [12.0]),
    "copysign": (lambda x: np.copysign(x[0], x[1]), [-2.0, 3.0], [-1.0, 0.0]),
    "copysign of -0.0": (lambda x: np.copysign(x[0], x[1]), [2.0, -0.0], [-1.0, 0.0]),
    "copysign at 0": (lambda x: np.copysign(x[0], -1.0), [0.0], [0.0]),
    "copysign at -0.0": (lambda x: np.copysign(x[0], -1.0), [-0.0], [0.0]),
    "mod": (lambda x: np.mod(x[0], x[1]), [-7.0, 3.0], [1.0, 3.0]),
    "fmod": (lambda x: np.fmod(x[0], x[1]), [-7.0, 3.0], [1.0, 2.0]),
    "fmax beside NaN": (lambda x: np.fmax(x[0], x[1]), [NAN, 3.0], [0.0, 1.0]),
    "fmin beside NaN": (lambda x: np.fmin(x[0], x[1]), [3.0, NAN], [1.0, 0.0]),
    "floor": (lambda x: np.floor(x[0]) * x[0], [2.0], [2.0]),
    "np.where on its edge": (lambda x: np.where(x[0] > 0, 3.0 * x[0], x[0]), [0.0], [1.0]),
    "np.heaviside-like comparisons": (lambda x: (x[0] > 0) * x[0], [2.0], [1.0]),
}


@pytest.mark.parametrize("name", sorted(KINKS))
def test_kinks(name):
    f, x, expected = KINKS[name]
    found = of(f, x)
    assert np.allclose(found, expected, rtol=1e-15, atol=0.0), found
    forward = exact(trace(lambda x: np.stack([f(x), 2.0 * f(x)]), np.shape(x)), stencils.jvp(len(x), method="exact"))
    v = np.arange(1.0, len(x) + 1.0)
    slope = evaluate(forward.program, x, [*v, 1.0])[0]
    assert slope == pytest.approx(np.dot(expected, v), rel=1e-14)


def test_a_maximum_that_others_read_is_a_number_among_its_own():
    """(a or b) and c, of which a or b is read again: half to c, a quarter each to a and b."""

    def f(x):
        inner = np.maximum(x[0], x[1])
        return np.maximum(inner, x[2]) + 10.0 * inner

    assert of(f, [1.0, 1.0, 1.0]) == [5.25, 5.25, 0.5]


def test_a_maximum_that_is_an_output():
    program = trace(lambda x: np.array([np.maximum(x[0], x[1]), np.max(x)]), (3,))
    assert np.allclose(np.reshape(derivatives(program, [1.0, 1.0, 1.0], "jacobian"), (2, 3))[0], [0.5, 0.5, 0.0])


def test_numbers_that_are_equal_for_all_x_share_too():
    assert of(lambda x: np.max(np.stack([x[0], x[0], x[1]])), [1.0, 1.0]) == pytest.approx([2 / 3, 1 / 3])


def test_second_derivatives_of_the_largest_of_many():
    f = lambda x: np.max(x**2)
    assert of(f, [1.0, 3.0, 2.0], "hessian") == [0, 0, 0, 0, 2.0, 0, 0, 0, 0]


def test_powers_whose_exponent_is_a_whole_number_here_only():
    """Where b is 0 the derivative by a is, and changes with b."""
    wanted = {
        0.0: [0.0, 0.5, 0.5, math.log(2.0) ** 2],
        1.0: [0.0, *[1.0 + math.log(2.0)] * 2, 2.0 * math.log(2.0) ** 2],
    }
    for b, second in wanted.items():
        assert of(lambda x: x[0] ** x[1], [2.0, b], "hessian") == pytest.approx(second, rel=1e-15)
        product = exact(trace(lambda x: x[0] ** x[1], (2,)), stencils.hvp(2, method="exact")).program
        found = evaluate(product, [2.0, b], [1.0, 2.0, 1.0])[:2]
        assert found == pytest.approx(np.reshape(second, (2, 2)) @ [1.0, 2.0], rel=1e-15)


def test_squares_of_sizes_have_no_kink():
    for f in (lambda x: np.abs(x[0]) ** 2, lambda x: np.square(np.fabs(x[0])), lambda x: abs(x[0]) * abs(x[0])):
        assert of(f, [0.0], "hessian") == [2.0]
        assert of(lambda x, f=f: f(x) ** 2 / 12.0 + x[0], [0.0]) == [1.0]
        assert of(f, [-3.0]) == [-6.0]


# --- branches that are not taken --------------------------------------------------------------------------------------

TRAPS = {
    "log": (lambda x: np.where(x[0] > 0, np.log(x[0]), 0.0), [0.0], [0.0]),
    "sqrt": (lambda x: np.where(x[0] > 0, np.sqrt(x[0]), 0.0), [0.0], [0.0]),
    "a quotient": (lambda x: np.where(x[0] != 0, np.sin(x[0]) / x[0], 1.0), [0.0], [0.0]),
    "exp that overflows": (lambda x: np.where(x[0] > 0, x[0], np.exp(x[0]) - 1.0), [1e4], [1.0]),
    "of what is inside": (lambda x: np.where(x[0] > 0, np.log(x[0] * x[0]) * x[1], x[1]), [0.0, 2.0], [0.0, 1.0]),
    "a product before": (lambda x: 3.0 * np.where(x[0] > 0, np.sqrt(x[0]) * x[1], 0.0) * x[1], [0.0, 2.0], [0.0, 0.0]),
    "a power": (lambda x: np.where(x[0] > 0, x[0] ** 0.5, x[0]), [0.0], [1.0]),
    "a norm": (lambda x: np.where(x[0] > 0, np.sqrt(np.sum(x**2)), 0.0), [0.0, 0.0], [0.0, 0.0]),
    "under two conditions": (
        lambda x: np.where(x[0] > 0, np.sqrt(x[0]), 0.0) + np.where(x[0] > 1, 3.0 * np.sqrt(x[0]), 0.0),
        [0.0],
        [0.0],
    ),
    "one in another": (
        lambda x: np.where(x[0] > 0, np.where(x[0] < 1, np.sqrt(x[0]), 2.0 * np.sqrt(x[0])), 0.0),
        [0.0],
        [0.0],
    ),
    "beside one that is taken": (
        lambda x: np.where(x[1] < 1, 2.0 * x[1] * np.where(x[0] > 0, np.sqrt(x[0]) * x[1], 0.0), x[0]),
        [0.0, 0.5],
        [0.0, 0.0],
    ),
    "factors": (
        lambda x: np.where(x[0] > 0, np.sqrt(x[0]), 0.0) * np.where(x[0] > 1, 3.0 * np.sqrt(x[0]), 0.0),
        [0.0],
        [0.0],
    ),
    "np.select": (lambda x: np.select([x[0] > 1, x[0] > 0], [np.sqrt(x[0]), 2.0 * np.sqrt(x[0])], 0.0), [0.0], [0.0]),
    "what is not the largest": (lambda x: np.maximum(np.sqrt(x[0]), 1.0), [0.0], [0.0]),
    "the root of a sum that is masked": (
        lambda x: np.sqrt(np.where(x[0] > 0, x[0], 0.0) + np.where(x[0] > 1, x[0], 0.0)),
        [-1.0],
        [0.0],
    ),
    "the largest of many": (lambda x: np.where(x[0] > 0, np.max(np.log(x)), 0.0), [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
}


@pytest.mark.parametrize("name", sorted(TRAPS))
@pytest.mark.parametrize("operation", ["gradient", "hessian"])
def test_a_branch_that_is_not_taken_makes_no_nan(name, operation):
    f, x, expected = TRAPS[name]
    found = of(f, x, operation)
    if operation == "gradient":
        assert found == expected
    assert np.isfinite(found).all(), found


@pytest.mark.parametrize("name", sorted(TRAPS))
def test_nor_does_it_in_forward_mode(name):
    f, x, expected = TRAPS[name]
    forward = exact(trace(f, np.shape(x)), stencils.jvp(len(x), method="exact")).program
    assert evaluate(forward, x, [1.0] * len(x) + [1.0]) == [sum(expected)]


# --- what is no number ------------------------------------------------------------------------------------------------


def test_poles_are_infinite_and_nan_stays_where_it_is():
    assert of(lambda x: np.sqrt(x[0]) + x[1], [0.0, 1.0]) == [INF, 1.0]
    assert of(lambda x: np.log(x[0]) + x[1], [0.0, 1.0]) == [INF, 1.0]
    found = of(lambda x: np.sin(x[0]) + x[1] ** 2, [NAN, 3.0])
    assert math.isnan(found[0])
    assert found[1] == 6.0


def test_lengths_do_not_overflow():
    assert of(lambda x: np.arctan2(x[0], x[1]), [1e200, 1e200]) == pytest.approx([5e-201, -5e-201])
    assert of(lambda x: np.hypot(x[0], x[1]), [3e200, 4e200]) == pytest.approx([0.6, 0.8])


@pytest.mark.parametrize("f", [np.hypot, lambda a, b: abs(a + 1j * b)], ids=["hypot", "complex"])
def test_second_derivatives_of_lengths_at_the_origin_are_no_numbers(f):
    assert of(lambda x: f(x[0], x[1]), [0.0, 0.0], "hessian")[::3] == [INF, INF]
    assert np.isnan(of(lambda x: np.cosh(f(x[0], x[1])), [0.0, 0.0], "hessian")[::3]).all()


INFINITE = {
    "atan2": (np.arctan2, [(INF, 1.0), (-INF, 0.0), (2.0, INF), (0.0, -INF), (INF, INF)]),
    "pow": (np.power, [(0.5, INF), (2.0, -INF), (0.0, INF)]),
}


@pytest.mark.filterwarnings("ignore")  # nothing changes there, which jvp and gradient say
@pytest.mark.parametrize("name", INFINITE)
def test_infinite_operands_leave_no_slope(name):
    f, places = INFINITE[name]
    for place in places:
        assert of(lambda x: f(x[0], x[1]), list(place)) == [0.0, 0.0], place
        assert fastgrad.jvp(lambda x: f(x[0], x[1]), np.array(place), np.ones(2), method="exact") == 0.0, place
    many = np.tile(places, (1000, 1))
    assert not fastgrad.gradient(lambda x: f(x[0], x[1]), many, batch=True, method="exact").any()
    assert of(lambda x: np.arctan2(x[0], 1.0), [INF]) == of(lambda x: np.arctan2(x[0], INF), [2.0]) == [0.0]

"""Logarithms of sigmoids: changes against 60 digits, where f's own numbers level off, what is left of them."""

from collections import Counter

import mpmath
import numpy as np
import pytest
import scipy.special

import fastgrad
from fastgrad.formulas import stencils
from fastgrad.program.differences import StepSource, differences
from fastgrad.program.program import ONE, Program, evaluate
from fastgrad.program.sigmoids import logarithms
from fastgrad.program.trace.recording import trace

EPS = np.finfo(float).eps
expit = scipy.special.expit
# f of z, and the softplus that it is: factor and side
FORMS = {
    "log(1 + exp(z))": (lambda z: np.log(1.0 + np.exp(z)), 1, 1),
    "log1p(exp(z))": (lambda z: np.log1p(np.exp(z)), 1, 1),
    "log(exp(-z) + 1)": (lambda z: np.log(np.exp(-z) + 1), 1, -1),
    "log(1 / (1 + exp(-z)))": (lambda z: np.log(1.0 / (1.0 + np.exp(-z))), -1, -1),
    "log((1 + exp(z)) ** -1)": (lambda z: np.log((1.0 + np.exp(z)) ** -1), -1, 1),
    "log(exp(z) / (1 + exp(z)))": (lambda z: np.log(np.exp(z) / (1.0 + np.exp(z))), -1, -1),
    "log(exp(z) * (1 / (1 + exp(z))))": (lambda z: np.log(np.exp(z) * (1.0 / (1.0 + np.exp(z)))), -1, -1),
    "log(1 - 1 / (1 + exp(z)))": (lambda z: np.log(1.0 - 1.0 / (1.0 + np.exp(z))), -1, -1),
    "log(1 - exp(z) / (1 + exp(z)))": (lambda z: np.log(1.0 - np.exp(z) / (1.0 + np.exp(z))), -1, 1),
    "log(1 + -p)": (lambda z: np.log(1.0 + -expit(z)), -1, 1),
    "log1p(-p)": (lambda z: np.log1p(-expit(z)), -1, 1),
    "log1p(-exp(z) / (1 + exp(z)))": (lambda z: np.log1p(-(np.exp(z) / (1.0 + np.exp(z)))), -1, 1),
    "log(p)": (lambda z: np.log(expit(z)), -1, -1),
    "log(1 - p)": (lambda z: np.log(1.0 - expit(z)), -1, 1),
    "log(1 - (1 - p))": (lambda z: np.log(1.0 - (1.0 - expit(z))), -1, -1),
    "log2(p)": (lambda z: np.log2(expit(z)), -1 / np.log(2.0), -1),
    "log10(1 - p)": (lambda z: np.log10(1.0 - expit(z)), -1 / np.log(10.0), 1),
    "xlogy(1, p)": (lambda z: scipy.special.xlogy(1.0, expit(z)), -1, -1),
}
OTHERS = {
    "2 + exp": lambda x: np.log(2.0 + np.exp(x[0])),
    "1 - exp": lambda x: np.log(1.0 - np.exp(x[0])),
    "of two": lambda x: np.log(np.exp(x[0]) / (1.0 + np.exp(x[1]))),
    "a product of two": lambda x: np.log(np.exp(x[1]) * expit(-x[0])),
    "2 - p": lambda x: np.log(2.0 - expit(x[0])),
    "log1p(p)": lambda x: np.log1p(expit(x[0])),
    "log1p(1 + exp)": lambda x: np.log1p(1.0 + np.exp(x[0])),
    "log(-p)": lambda x: np.log(-expit(x[0])),
    "3 / (1 + exp)": lambda x: np.log(3.0 / (1.0 + np.exp(x[0]))),
    "of a number": lambda x: np.log(1.0 + x[0]) + np.exp(x[0]),
    "1 / exp": lambda x: np.log(1.0 / np.exp(x[0])),
}
# of x, with mpmath's numbers too: one whose mean is its value, and one that bends
OPERANDS = {"linear": lambda x: 0.75 * x, "square": lambda x: x * x - 2.0}


def program_of(form, operand="linear"):
    return trace(lambda x: FORMS[form][0](OPERANDS[operand](x[0])), (1,))


def found_by(program, x, h, derivative):
    """Differences by a written program, without machine code."""
    table = stencils.gradient(1) if derivative == 1 else stencils.hessian(1)
    whole = differences(program, table, StepSource("absolute")).program
    return evaluate(Program(**{**vars(whole), "constants": (*program.constants, h)}), [x])[0]


def wanted_by(form, operand, x, h, derivative):
    """The same differences in 60 digits, and the derivative."""
    _, factor, side = FORMS[form]
    with mpmath.workdps(60):
        inner, step = OPERANDS[operand], mpmath.mpf(h)
        above, here, below = (
            factor * mpmath.log1p(mpmath.exp(side * inner(mpmath.mpf(x) + k * step))) for k in (1, 0, -1)
        )
        first = (above - below) / (2 * step)
        return float(first if derivative == 1 else (above - 2 * here + below) / step**2), float(first)


@pytest.mark.parametrize("form", FORMS)
def test_they_are_found(form):
    assert len(logarithms(program_of(form).nodes)) == 1


@pytest.mark.parametrize("name", OTHERS)
def test_others_are_not(name):
    assert logarithms(trace(OTHERS[name], (2,)).nodes) == {}


@pytest.mark.parametrize("operand", OPERANDS)
@pytest.mark.parametrize("form", FORMS)
def test_changes(form, operand):
    """To some roundings of z's and of the exponential's, however short the step."""
    program = program_of(form, operand)
    for h in (2.0**-30, 2.0**-17, 2.0**-9, 0.125):
        for x in (-3.0, -0.5, 0.25, 2.5):
            for derivative in (1, 2):
                found = found_by(program, x, h, derivative)
                if h == 0.125 and operand == "square" and np.isnan(found):
                    continue  # too far for what is known at x: that is for f itself to say
                wanted, slope = wanted_by(form, operand, x, h, derivative)
                assert found == pytest.approx(wanted, rel=64 * EPS, abs=64 * EPS * abs(slope)), (h, x, derivative)


FAR = [30.0, 36.7, 40.0, 700.0, 800.0]


@pytest.mark.filterwarnings("ignore::fastgrad.ConstantFunctionWarning")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("h", [1e-9, 2.0**-17, 0.01, 1.0])
def test_where_f_levels_off(form, h):
    """What f says itself, where it is not finite; elsewhere what it would say with more digits."""
    f = FORMS[form][0]
    points = np.array([*FAR, *[-z for z in FAR], *[0.5] * 6])[:, None]
    with np.errstate(all="ignore"):
        found = fastgrad.gradient(lambda x: f(x[0]), points, batch=True, engine="simd", h=h)[:, 0]
        values, _ = fastgrad.value_and_gradient(lambda x: f(x[0]), points, batch=True, engine="simd", h=h)
        wanted = fastgrad.gradient(lambda x: f(x[0]), points, batch=True, engine="python", h=h)[:, 0]
        own = np.array([f(x[0]) for x in points])
    np.testing.assert_allclose(values, own, rtol=4 * EPS, atol=0)
    asked = ~np.isfinite(own)
    np.testing.assert_array_equal(found[asked], wanted[asked])
    exact = [wanted_by(form, "linear", float(z) / 0.75, h / 0.75, 1)[0] / 0.75 for z in points[:, 0]]
    near = np.where(np.isfinite(own), exact, found)
    np.testing.assert_allclose(found, near, rtol=1e-11, atol=1e-300)


@pytest.mark.parametrize("form", FORMS)
def test_kernels_and_numbers_agree(form):
    f, points = FORMS[form][0], np.linspace(-20.0, 20.0, 41)[:, None]
    h = 2.0**-17
    for operation, derivative in ((fastgrad.gradient, 1), (fastgrad.hessian, 2)):
        kernels = operation(lambda x: f(0.75 * x[0]), points, batch=True, engine="simd", h=h).ravel()
        numbers = [found_by(program_of(form), x, h, derivative) for x in points[:, 0]]
        np.testing.assert_allclose(kernels, numbers, rtol=1e-13)


def counts(f, dimension):
    program = trace(f, (dimension,))
    return Counter(node[0] for node in differences(program, stencils.gradient(dimension)).program.nodes)


def test_nothing_is_left_of_the_quotient():
    """Its own value is, which f's value shows; and both logarithms read one exponential and one quotient."""
    found = counts(lambda x: np.log(expit(x[0] - x[1])) + 2.0 * np.log(1.0 - expit(x[0] - x[1])), 2)
    assert (found["exp"], found["/"], found["softplusc"]) == (1, 1, 4)
    assert not {"atanhc", "geometric", "sinhc", "coshc"} & found.keys()


def test_ones_of_rows_with_other_numbers_stay_parameters():
    """So that the terms of a sum stay alike."""
    ones, others = np.ones(3), np.array([1.0, 2.0, 1.0])
    for numbers, are_literal in ((ones, True), (others, False)):
        program = trace(lambda x, numbers=numbers: np.sum(np.log(numbers + np.exp(x))), (3,))
        sums = [node for node in program.nodes if node[0] == "+" and any(o[0] in "kc" for o in node[1:])]
        assert len(sums) == 3
        assert all((ONE in node[1:]) == are_literal for node in sums)


def test_a_captured_one_that_changes():
    one = 1.0

    def f(x):
        return np.log(one - 1.0 / (1.0 + np.exp(x[0]))) + one * x[0]

    slope = fastgrad.grad(f)
    for one in (1.0, 1.5, 1.0, 3.0):  # noqa: B007  f reads it
        np.testing.assert_allclose(slope(np.array([0.3])), fastgrad.gradient(f, np.array([0.3]), engine="python"))


ROWS = np.random.default_rng(0).normal(size=(40, 3))
LABELS = (np.random.default_rng(1).random(40) < 0.5).astype(float)


def by_expit(x):
    p = expit(ROWS @ x)
    return -np.sum(LABELS * np.log(p) + (1.0 - LABELS) * np.log(1.0 - p)) + 0.01 * np.sum(x**2)


def by_exponentials(x):
    p = 1 / (1 + np.exp(-(ROWS @ x)))
    return -np.mean(LABELS * np.log(p) + (1 - LABELS) * np.log1p(-p))


def by_log_expit(x):
    z = ROWS @ x
    return -np.sum(LABELS * scipy.special.log_expit(z) + (1.0 - LABELS) * scipy.special.log_expit(-z))


@pytest.mark.parametrize("f", [by_expit, by_exponentials, by_log_expit])
def test_logistic_regression(f):
    points = np.random.default_rng(2).uniform(-2.0, 2.0, (19, 3))
    exact = fastgrad.gradient(f, points, batch=True, method="exact")
    fine = fastgrad.gradient(f, points, batch=True, engine="simd", h=2.0**-26)
    np.testing.assert_allclose(fine, exact, rtol=1e-12, atol=1e-12)
    found = fastgrad.gradient(f, points, batch=True, engine="simd")
    wanted = fastgrad.gradient(f, points, batch=True, engine="python")
    np.testing.assert_allclose(found, wanted, rtol=1e-8, atol=1e-8)
    hessians = fastgrad.hessian(f, points, batch=True, engine="simd", h=2.0**-17)
    np.testing.assert_allclose(hessians, fastgrad.hessian(f, points, batch=True, method="exact"), rtol=1e-8, atol=1e-8)

"""The partial derivatives of special functions: first and second ones against 60 digits, far out and near zeros too."""

import math

import mpmath
import numpy as np
import pytest

from fastgrad import derivative
from fastgrad.formulas import stencils
from fastgrad.program.exact import exact
from fastgrad.program.program import Program, evaluate
from fastgrad.program.specialrules import RULES
from fastgrad.program.specials import BY_LIBRARY

special = pytest.importorskip("scipy.special")
X, Y = ("x", 0), ("x", 1)


def erfcx(a):
    return mpmath.erfc(a) * mpmath.exp(a * a)


def mills(a):
    return mpmath.npdf(a) / mpmath.ncdf(a)


def scaled(order):
    return lambda a: mpmath.besseli(order, a) * mpmath.exp(-abs(a))


GAMMAS = (0.01, 0.5, 1.0, 1.4616321449683622, 2.0, 3.7, 9.0, 40.0, -0.3, -3.6)
BESSELS = (-3.0, -0.2, 0.3, 0.999, 1.001, 4.0, 7.9, 8.1, 30.0)
# function, places, relative errors of the first and the second derivative
ONE = {
    "erf": (mpmath.erf, (-3.0, -0.1, 0.4, 2.0, 5.0), 1e-14, 1e-14),
    "erfc": (mpmath.erfc, (-3.0, -0.1, 0.4, 2.0, 5.0), 1e-14, 1e-14),
    "erfcx": (erfcx, (-3.0, -0.1, 0.0, 0.4, 2.0, 7.9, 8.1, 20.0, 300.0), 2e-13, 3e-12),
    "log_ndtr": (lambda a: mpmath.log(mpmath.ncdf(a)), (-40.0, -29.0, -3.0, -0.1, 0.0, 1.0, 6.0), 5e-15, 1e-12),
    "mills": (mills, (-40.0, -31.0, -29.0, -3.0, -0.1, 0.0, 1.0, 6.0), 1e-12, 1e-7),
    "softplus": (lambda a: mpmath.log(1 + mpmath.exp(a)), (-40.0, -1.0, 0.0, 0.5, 30.0), 5e-15, 5e-15),
    "within": (lambda a: mpmath.mpf(0), (0.0, 0.7, 30.0), 0.0, 0.0),
    "logabs": (lambda a: mpmath.log(abs(a)), (-3.0, 1e-9, 0.2), 5e-15, 5e-15),
    "entr": (lambda a: -a * mpmath.log(a), (1e-9, 0.2, 1.0, 30.0), 5e-15, 1e-14),
    "logit": (lambda a: mpmath.log(a / (1 - a)), (1e-9, 0.2, 0.5 - 1e-6, 0.7, 0.999), 5e-15, 1e-13),
    "lgamma": (lambda a: mpmath.log(abs(mpmath.gamma(a))), GAMMAS, 2e-14, 2e-14),
    "tgamma": (mpmath.gamma, GAMMAS, 2e-14, 2e-14),
    "digamma": (mpmath.digamma, GAMMAS, 2e-14, 2e-14),
    "trigamma": (lambda a: mpmath.psi(1, a), GAMMAS, 1e-13, 1e-13),
    "i0e": (scaled(0), BESSELS, 2e-14, 1e-12),
    "i1e": (scaled(1), (*BESSELS, 1e-5, -1e-8), 2e-14, 1e-12),
    "j0": (lambda a: mpmath.besselj(0, a), BESSELS, 1e-14, 1e-14),
    "j1": (lambda a: mpmath.besselj(1, a), (*BESSELS, 0.0, 1e-5), 1e-14, 1e-14),
}
PAIRS = ((0.3, 1.7), (2.0, 0.3), (-0.6, 0.9), (1e3, 1e-3), (0.0, 0.7))
TWO = {
    "xlogy": lambda a, b: a * mpmath.log(b),
    "xlogabs": lambda a, b: a * mpmath.log(abs(b)),
    "rel_entr": lambda a, b: a * mpmath.log(a / b),
    "xlog1py": lambda a, b: a * mpmath.log(1 + b),
}


def derivatives(name, x, operation):
    nodes = ((name, *(X, Y)[: len(x)]),)
    program = Program(len(x), 0, nodes, (("v", 0),), (), ())
    return evaluate(exact(program, getattr(stencils, operation)(len(x), method="exact")).program, x)


def test_every_rule_has_its_case():
    assert {*ONE, *TWO, *BY_LIBRARY} == set(RULES)  # the last in tests of the functions of SciPy's that are traced


@pytest.mark.parametrize("name", ONE)
def test_one_operand(name):
    f, places, first, second = ONE[name]
    with mpmath.workdps(70):
        for x in places:
            for n, operation, within in ((1, "gradient", first), (2, "hessian", second)):
                wanted = float(mpmath.diff(f, mpmath.mpf(x), n, h=mpmath.mpf(10) ** -20))
                found = derivatives(name, [x], operation)[0]
                near_zero = (
                    1e-14 if name in ("logit", "entr") else name.startswith(("j", "i", "di", "lg", "tg")) * 2e-15
                )
                assert found == pytest.approx(wanted, rel=within, abs=near_zero), (x, n)


@pytest.mark.parametrize("name", TWO)
def test_two_operands(name):
    with mpmath.workdps(60):
        for x in PAIRS[:2] if name == "rel_entr" else PAIRS:
            point = tuple(map(mpmath.mpf, x))
            first = [float(mpmath.diff(TWO[name], point, n, h=mpmath.mpf(10) ** -20)) for n in ((1, 0), (0, 1))]
            second = [
                float(mpmath.diff(TWO[name], point, n, h=mpmath.mpf(10) ** -20)) for n in ((2, 0), (1, 1), (0, 2))
            ]
            assert derivatives(name, x, "gradient") == pytest.approx(first, rel=1e-14)
            found = derivatives(name, x, "hessian")
            assert np.take(found, (0, 1, 3)) == pytest.approx(second, rel=1e-13, abs=1e-15)


def test_slopes_at_the_ends():
    assert derivatives("xlogy", [0.0, 0.0], "gradient") == [-math.inf, 0.0]
    assert derivatives("lgamma", [0.0], "gradient") == [-math.inf]
    assert derivatives("mills", [-1e10], "gradient") == pytest.approx([-1.0])
    assert derivatives("i1e", [0.0], "gradient") == [0.5]
    assert derivatives("log_ndtr", [50.0], "gradient") == [0.0]
    assert derivatives("softplus", [-800.0], "gradient") == [0.0]
    assert np.isnan(derivatives("within", [-1.0], "gradient")).all()


def test_higher_derivatives_of_bessel_functions_at_zero():
    """Their rules subtract what is nearly equal there, or have a number for 0 alone."""
    for f, slopes in (
        (special.i0, [0.0, 0.5, 0.0, 0.375]),
        (special.i1, [0.5, 0.0, 0.375, 0.0]),
        (special.j1, [0.5, 0.0, -0.375, 0.0]),
    ):
        for x in (0.0, -1e-8, 1e-5):
            for n, wanted in enumerate(slopes, 1):
                assert derivative(f, x, n=n, method="exact") == pytest.approx(wanted, rel=1e-9, abs=6e-6), (f, n, x)

"""cmath and Python's complex in a function that is traced."""

import cmath

import numpy as np
import pytest

import fastgrad
from fastgrad.program.trace.complexmath import SHIM_MODULE, SHIMS, PythonsComplex
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable
from tests.agreement import assert_as_pythons

POINTS = np.random.default_rng(0).uniform(0.2, 2.0, (40, 2))

FUNCTIONS = {
    **{
        name: lambda x, name=name: abs(getattr(cmath, name)(x[0] + 1j * x[1]))
        for name in [
            "exp",
            "log",
            "log10",
            "sqrt",
            "sin",
            "cos",
            "tan",
            "sinh",
            "cosh",
            "tanh",
            "asin",
            "acos",
            "atan",
            "asinh",
            "acosh",
            "atanh",
        ]
    },
    "of real numbers": lambda x: cmath.sqrt(x[0] - 2.5).imag + cmath.exp(x[1]).real,
    "phase": lambda x: cmath.phase(complex(x[0], x[1])),
    "polar": lambda x: sum(cmath.polar(x[0] - 1j * x[1])),
    "rect": lambda x: cmath.rect(x[0], x[1]).imag,
    "a base": lambda x: cmath.log(complex(x[0], x[1]), 2).imag + cmath.log(3.0, complex(x[0], 1.0)).real,
    "complex": lambda x: (complex(x[0]) * complex(1, x[1]) * complex("2+1j")).imag,
    "of one number": lambda x: complex(x[0] * 1j).imag * x[1],
    "constants": lambda x: (x[0] * cmath.exp(1j * cmath.pi / 3)).imag + cmath.e * x[1],
    "finite": lambda x: x[0] if cmath.isfinite(x[0] + 1j * x[1]) else x[1],
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_what_python_has(name):
    f = FUNCTIONS[name]
    assert_as_pythons(f, POINTS, rtol=1e-6, atol=1e-7)


def test_where_cmath_raises_so_does_a_gradient():
    points = np.vstack([np.ones((3000, 2)), np.zeros((1, 2))])
    with pytest.raises(ValueError, match="math domain"):
        fastgrad.gradient(lambda x: cmath.log(complex(x[0], x[1])).real, points, batch=True, method="exact")


def test_what_has_no_rule_is_refused():
    with pytest.raises(Untraceable, match=r"cmath\.isclose"):
        trace(lambda x: x[0] * cmath.isclose(x[0] * 1j, 1j), (1,))


def test_numbers_stay_numbers():
    assert PythonsComplex(1.0, 2.0) == 1 + 2j
    assert isinstance(1j, PythonsComplex)
    assert SHIM_MODULE.pi == cmath.pi
    assert SHIMS["exp"](0.0) == 1.0

"""Forward mode: along coordinates, along v, and of programs that are derivatives themselves."""

import numpy as np

from fastgrad.formulas import stencils
from fastgrad.program.code import Code
from fastgrad.program.exact import exact
from fastgrad.program.partials import Partials
from fastgrad.program.program import evaluate
from fastgrad.program.tangent import tangent
from fastgrad.program.trace.recording import trace


def test_along_one_coordinate_what_stays_is_zero():
    program = trace(lambda x: np.array([x[0] * x[1], x[1] ** 2, np.sin(x[0])]), (2,))
    code = Code(program)
    moving = range(len(program.nodes))
    found = tangent(code, program, {("x", 0): ("k", 1.0)}, moving, Partials(code, program))
    assert found[:2] == [("x", 1), ("k", 0.0)]


def test_along_v():
    f = lambda x: np.array([x[0] * x[1], np.exp(x[1] / 3.0)])
    made = exact(trace(f, (2,)), stencils.jvp(2, method="exact"))
    assert made.program.rows == 3  # v, and t as for differences
    found = evaluate(made.program, [2.0, 3.0], [0.5, -1.0, 1.0])
    assert np.allclose(found, [3.0 * 0.5 - 2.0, -np.exp(1.0) / 3.0], rtol=1e-15)


def test_batch_arguments_lie_before_v():
    program = trace(lambda x, w: x[0] * w, (2,), rows=[()], types=[np.dtype(float)])
    made = exact(program, stencils.jvp(2, method="exact")).program
    assert evaluate(made, [2.0, 3.0], [7.0, 0.5, -1.0, 1.0]) == [3.5]


def test_derivatives_of_derivatives():
    program = trace(lambda x: np.exp(2.0 * x), (), scalar=True)
    for n in (1, 2, 3, 4):
        made = exact(program, stencils.derivative(n, method="exact")).program
        assert np.allclose(evaluate(made, [0.3]), 2.0**n * np.exp(0.6), rtol=1e-14)


def test_derivatives_that_vanish():
    program = trace(lambda x: 3.0 * x + 1.0, (), scalar=True)
    assert evaluate(exact(program, stencils.derivative(2, method="exact")).program, [0.3]) == [0.0]

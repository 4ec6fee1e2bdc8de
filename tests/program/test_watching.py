"""Values that are finite where f's are, without f's functions once more."""

import dataclasses
import math

import numpy as np
import pytest

from fastgrad.formulas import stencils
from fastgrad.program.code import Code
from fastgrad.program.dependence import live
from fastgrad.program.differences import StepSource, differences
from fastgrad.program.functionchanges import FUNCTIONS
from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import trace
from fastgrad.program.watching import ValueWatch


def watched(f, x, functions=FUNCTIONS):
    """The names of what is written, and its values at a point."""
    program = trace(f, np.shape(x))
    code = Code(program)
    outputs = ValueWatch(code, program, {}, range(len(program.nodes)), functions).outputs()
    made = dataclasses.replace(program, nodes=tuple(code.nodes), outputs=tuple(outputs))
    with np.errstate(all="ignore"):
        return {made.nodes[j][0] for j in live(made)}, evaluate(made, x)


CASES = {
    "sums": (lambda x: x[0] + x[1] * 2.0, [1.0, math.nan]),
    "overflow": (lambda x: x[0] * x[0] + x[1], [1e200, 1.0]),
    "a pole": (lambda x: np.sin(x[0]) / x[1], [1.0, 0.0]),
    "a logarithm's": (lambda x: np.log(x[0]) + x[1], [0.0, 1.0]),
    "a function that overflows": (lambda x: np.exp(x[0]) + x[1], [800.0, 1.0]),
    "a root": (lambda x: np.sqrt(x[0]) + x[1], [-1.0, 1.0]),
    "a root of a function": (lambda x: np.sqrt(np.sinh(x[0])) + x[1], [math.inf, 1.0]),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_not_finite_is_seen(name):
    f, x = CASES[name]
    assert not np.isfinite(watched(f, x)[1]).all()
    assert np.isfinite(watched(f, [0.5, 0.25])[1]).all()


def test_functions_are_not_computed_again():
    names, _ = watched(lambda x: np.sin(x[0]) + np.cos(x[1]), [1.0, 2.0])
    assert {"sin", "cos"}.isdisjoint(names)
    names, values = watched(lambda x: np.sin(x[0]) + np.cos(x[1]), [1.0, 2.0], functions={})
    assert {"sin", "cos"} <= names
    assert values == [math.sin(1.0) + math.cos(2.0)]


def test_where_f_itself_is_asked_at_x_alone():
    """A condition that no displaced point has."""
    program = trace(lambda x: round(float(x[0]), 1) * x[1], (2,))
    written = differences(program, stencils.gradient(2), StepSource("absolute", "uniform"))
    made = dataclasses.replace(written.program, outputs=written.program.outputs[: written.results + written.watched])
    constants = (*made.constants[:-1], 1e-6)
    tie, beside = (evaluate(dataclasses.replace(made, constants=constants), [v, 2.0]) for v in (1.15, 1.17))
    assert np.isnan(tie).any()
    assert np.isfinite(beside).all()

"""Functions that one side of a branch uses are not asked where the other one is taken."""

import math

import numpy as np
import pytest

from fastgrad.program.program import evaluate
from fastgrad.program.sheltered import sheltered
from fastgrad.program.trace.recording import trace

FUNCTIONS = {
    "logarithm": (lambda x: np.where(x[0] > 0, np.log(x[0]), x[1]), 1),
    "other side": (lambda x: np.where(x[0] > 0, x[1], np.log(-x[0]) * x[1]), 1),
    "inside": (lambda x: np.where(x[0] > 0, np.sqrt(np.log1p(x[0])) * np.exp(x[0]), x[1]), 1),
    "both sides": (lambda x: np.where(x[0] > 0, np.exp(x[1]), 2.0 * np.exp(x[1])), 0),
    "used anyhow": (lambda x: np.where(x[0] > 0, np.exp(x[1]), x[0]) + np.exp(x[1]), 0),
    "an output": (lambda x: [np.exp(x[1]), np.where(x[0] > 0, np.exp(x[1]), 0.0)], 0),
    "no branch": (lambda x: np.exp(x[0]) * x[1], 0),
    "two operands": (lambda x: np.where(x[0] > 0, x[0] ** x[1], 0.0), 2),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_are_the_same_and_what_is_not_read_is_of_one(name):
    f, further = FUNCTIONS[name]
    program = trace(f, (2,))
    new = sheltered(program)
    assert len(new.nodes) == len(program.nodes) + further
    for x in ([0.7, -0.3], [-0.7, 0.4], [0.0, 1.0], [math.nan, 1.0], [2.5, math.inf]):
        np.testing.assert_array_equal(evaluate(new, x), evaluate(program, x))
    if further:
        heavy = [node for node in new.nodes if node[0] in ("log", "log1p", "exp", "pow")]
        assert all(new.nodes[o[1]][0] == "select" for node in heavy for o in node[1:])


def test_a_program_without_slow_functions_is_itself():
    program = trace(lambda x: np.where(x[0] > 0, x[0] * x[1], 0.0), (2,))
    assert sheltered(program) is program

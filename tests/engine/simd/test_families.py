"""How a table is done: written out for LLVM or NumPy, in a loop over displacements, or by f's own code."""

import numpy as np
import pytest

from fastgrad import EngineError
from fastgrad.engine.simd import traces
from fastgrad.engine.simd.families import Family, family_of
from fastgrad.formulas import stencils
from fastgrad.program.trace.recording import trace


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def rooted(x):
    return np.sqrt(rosenbrock(x))


def dense(x):
    return x @ np.cos(np.outer(np.arange(x.size), np.arange(x.size))) @ x


def running(x):
    return np.cumsum(x * x)


@pytest.mark.parametrize(
    ("f", "dimension", "table", "how"),
    [
        (rosenbrock, 20, stencils.gradient, "written"),
        (rosenbrock, 600, stencils.gradient, "written"),
        (rosenbrock, 1_200, stencils.gradient, "separated"),
        (rosenbrock, 3_000, stencils.gradient, "separated"),
        (rooted, 850, stencils.gradient, "propagated"),
        (rosenbrock, 100, stencils.hessian, "stacked"),
        (dense, 30, stencils.gradient, "written"),
        (dense, 60, stencils.gradient, "rolled"),
        (np.square, 900, stencils.jacobian, "written"),
        (np.square, 15_000, stencils.jacobian, "separated"),
        (running, 300, stencils.jacobian, "stacked"),
    ],
)
def test_forms(f, dimension, table, how):
    assert Family(trace(f, (dimension,), budget=traces.LONGEST_TRACED), table(dimension)).how == how


def test_what_is_long_and_dense_is_refused():
    with pytest.raises(EngineError, match=r"\d+ operations is too long to compile"):
        family_of(trace(dense, (106,), budget=traces.LONGEST_TRACED), stencils.gradient(106))

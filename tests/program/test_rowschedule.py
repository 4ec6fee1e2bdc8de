"""NumPy over the rows of tables, at several points at once."""

import numpy as np
import pytest

import fastgrad
from fastgrad.program.rowschedule import RowSchedule
from fastgrad.program.sums import summed
from fastgrad.program.trace.recording import trace
from tests import overdata


@pytest.mark.parametrize("count", [1, 2, 7])
@pytest.mark.parametrize("f", overdata.SCALARS, ids=[f.__name__ for f in overdata.SCALARS])
def test_values_at_points_are_those_of_f(f, count):
    program = trace(f, (3,))
    made = summed(program)
    points = np.random.default_rng(count).uniform(0.5, 1.5, (count, 3))
    found = RowSchedule(made.program, made).values(points.T, program.constants)
    np.testing.assert_allclose(found, [[f(x) for x in points]], rtol=1e-12)


def test_few_operations_whatever_the_number_of_rows():
    program = trace(overdata.wave, (3,))
    made = summed(program)
    steps = RowSchedule(made.program, made)
    assert steps.operations < 15
    assert len(steps.steps) <= 3


def test_rows_of_further_arguments_lie_beside_the_point():
    def f(x, weight):
        return np.sum(np.exp(x[0] * overdata.T) * weight)

    program = trace(f, (1,), rows=[()], types=[np.dtype(float)], bits=[0])
    made = summed(program)
    found = RowSchedule(made.program, made).values(np.array([[0.3, 0.4], [2.0, 3.0]]), program.constants)
    np.testing.assert_allclose(found, [[f(np.array([0.3]), 2.0), f(np.array([0.4]), 3.0)]], rtol=1e-13)


PLACES, TABLE = np.arange(20) * 0.7, np.arange(50.0) ** 2
LOOKED_UP = {
    "interpolated": lambda x: np.sum(np.interp(PLACES + x[0], np.arange(50.0), TABLE)) * x[1],
    "read": lambda x: sum(TABLE[int(place + x[0])] * x[1] for place in PLACES),
    "counted": lambda x: np.sum(np.digitize(PLACES + x[0], TABLE) * x[1] ** 2),
}


@pytest.mark.parametrize("f", LOOKED_UP.values(), ids=LOOKED_UP)
def test_tables_that_each_row_reads_from(f):
    x = np.array([0.43, 1.5])
    slopes = fastgrad.gradient(f, x, method="exact")
    np.testing.assert_allclose(slopes, fastgrad.gradient(f, x, engine="python"), rtol=1e-8)
    np.testing.assert_allclose(fastgrad.grad(f, method="exact")(x), slopes, rtol=1e-13)
    second = fastgrad.hessian(f, x, method="exact")
    np.testing.assert_allclose(second, fastgrad.hessian(f, x, engine="python", h=1e-3), rtol=1e-7, atol=1e-4)

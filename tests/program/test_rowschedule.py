"""NumPy over the rows of tables, at several points at once."""

import numpy as np
import pytest

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

"""What had been repeated is summed, of arrays and of Variables."""

import numpy as np
import pytest

from fastgrad import Variable
from fastgrad.formulas.broadcasting import summed_to


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((3,), [3.0, 5.0, 7.0]), ((2, 1), [[3.0], [12.0]]), ((1, 3), [[3.0, 5.0, 7.0]]), ((1, 1), [[15.0]]), ((), 15.0)],
)
@pytest.mark.parametrize("kind", [np.asarray, Variable])
def test_the_sum_over_repetitions(shape, expected, kind):
    found = summed_to(kind(np.arange(6.0).reshape(2, 3)), shape)
    assert found.shape == shape
    assert np.asarray(getattr(found, "array", found)).tolist() == expected


def test_new_axes_and_those_of_length_one_together():
    x = np.arange(24.0).reshape(2, 3, 4)
    assert np.array_equal(summed_to(x, (3, 1)), x.sum(0).sum(1, keepdims=True))
    assert summed_to(x, x.shape) is x


def test_a_variable_is_differentiated_through_it():
    v = Variable(np.arange(6.0).reshape(2, 3))
    (summed_to(v, (3,)) * np.array([1.0, 2.0, 3.0])).sum().backward()
    assert v.grad.tolist() == [[1.0, 2.0, 3.0]] * 2

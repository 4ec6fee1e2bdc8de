"""The module numpy for f: all of NumPy, and lists with symbols."""

import functools
import math
from itertools import count

import numpy as np
import pytest

from fastgrad.program.program import evaluate
from fastgrad.program.trace.numpymodule import NUMPYS
from fastgrad.program.trace.recording import trace

NUMPY = NUMPYS[np]


def test_it_has_all_that_numpy_has():
    assert all(hasattr(NUMPY, name) for name in dir(np))
    assert NUMPY.pi is np.pi
    assert NUMPY.random is np.random
    assert NUMPY.linalg.LinAlgError is np.linalg.LinAlgError
    assert NUMPY.add.reduce is not None
    assert NUMPY.add.nin == 2
    with pytest.raises(AttributeError):
        NUMPY.nonsense  # noqa: B018


def test_numbers_pass_through():
    assert NUMPY.sin(1.0) == np.sin(1.0)
    assert NUMPY.sum([1.0, 2.0]) == 3.0
    assert NUMPY.add.reduce([1, 2]) == 3
    assert NUMPY.float64("1.5") == 1.5
    assert np.dtype(NUMPY.float64) == np.float64
    assert {np.add: 1}[NUMPY.add] == 1
    assert NUMPY.linalg.norm([3.0, 4.0]) == 5.0


def imported_here(x):
    import math as m

    from numpy import sqrt, zeros

    a = zeros(2)
    a[0] = m.sin(x[0])
    return sqrt([x[1], 4.0]).sum() + a.sum()


def by_name(x, make=np.zeros, total=np.sum, power=np.power):
    a = make(2)
    a[:] = x[:2]
    return total([a[0], power(a[1], 2)]) + functools.reduce(np.multiply, x)


@pytest.mark.parametrize(
    "f",
    [imported_here, by_name, lambda x: np.max([x[0], x[1], 0.5]), lambda x: np.float64(x[0]) + np.hypot(*x[:2])],
    ids=count(),
)
def test_it_is_swapped_wherever_f_reaches_it(f):
    x = np.array([0.3, 0.8, 1.5])
    assert math.isclose(evaluate(trace(f, (3,)), x)[0], f(x), rel_tol=1e-14)

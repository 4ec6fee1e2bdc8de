"""max, min, sorted, any, all and isinstance of Python, of symbols."""

import itertools
import math

import numpy as np
import pytest

from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import trace

ORDERS = [np.array(order) for order in itertools.permutations([-1.5, 0.5, 0.5, 2.0])]
FUNCTIONS = {
    "max": lambda x: max(x) * x[0],
    "max of arguments": lambda x: max(x[0], x[1], 0.7) + max(1, x[2]),
    "min": lambda x: min([x[0], x[3], 0.6]),
    "key": lambda x: max(x, key=lambda v: -v),
    "default": lambda x: max([], default=x[0]) if x[0] > 0 else 0.0,
    "sorted": lambda x: sorted(x)[1] * 2 + sorted(x, reverse=True)[1] * x[0],
    "sorted by key": lambda x: sorted(x[:3], key=abs)[1],
    "any": lambda x: x[0] if any(v > 1.0 for v in x[:2]) else x[1],
    "all": lambda x: x[0] if all([x[0] > -2, x[1] > 0, True]) else x[1],
    "of numbers": lambda x: (max(3, 5) + min(2.0, 1.0) + any([0]) + all([])) * (x[0] if x[1] > 0 else 1),
    "isinstance": lambda x: x[0] if isinstance(x[0], float) and isinstance(x[1], (int, np.floating)) else x[1] * 7,
    "isinstance of others": lambda x: x[0] if isinstance(x, np.ndarray) and not isinstance(x[0] > 1, float) else 7.0,
    "generator": lambda x: max(v * v for v in x),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_are_pythons(name):
    f = FUNCTIONS[name]
    program = trace(f, (4,))
    for x in ORDERS:
        assert evaluate(program, x) == [float(f(x))]


def test_one_way_for_all_orders():
    assert trace(lambda x: sorted(x)[2] + max(x), (9,)).branches == 0


def test_nan_stays_where_it_comes_first():
    first, later = np.array([math.nan, 1.0]), np.array([1.0, math.nan])
    for f in (lambda x: max(x[0], x[1]), lambda x: min(x[0], x[1]), lambda x: max(0.5, x[1])):
        program = trace(f, (2,))
        for x in (first, later):
            np.testing.assert_array_equal(evaluate(program, x), [f(x)])
    assert trace(sorted, (3,)).raises  # so that f itself is asked


def test_what_is_wrong_raises_as_in_python():
    for f in (lambda x: max(x[0]) if x[0] > 0 else 1.0, lambda x: max() if x[0] > 0 else 1.0):
        with pytest.raises(BaseException, match=r"iterable|expected at least 1"):
            trace(f, (1,))

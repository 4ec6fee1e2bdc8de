"""Third derivatives along coordinates, against mpmath."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from fastgrad.program.schedule import schedule
from fastgrad.program.trace.recording import trace
from fastgrad.program.truncation import third_along


def _of(f, x, i):
    program = trace(f, x.shape, args=(), rows=[], types=[], scalar=False)
    made = third_along(program, i, 1000)
    return schedule(made).values(x[:, None], made.constants)[:, 0]


@pytest.mark.parametrize("i", [0, 1])
def test_against_mpmath(i):
    x = np.array([0.7, 1.3])

    def exact(t):
        a, b = (t, x[1]) if i == 0 else (x[0], t)
        return mpmath.sin(3 * a * b) * mpmath.exp(a) / b

    found = _of(lambda x: np.sin(3.0 * x[0] * x[1]) * np.exp(x[0]) / x[1], x, i)
    with mpmath.workdps(40):
        expected = [float(mpmath.diff(exact, x[i], n)) for n in (0, 1, 3)]
    np.testing.assert_allclose(found, expected, rtol=1e-13)


FLAT = {"linear": lambda x: x[0] * x[1] + 2.0, "square": lambda x: 3.0 * x[1] ** 2, "itself": lambda x: x[1]}


@pytest.mark.parametrize("f", FLAT.values(), ids=FLAT)
def test_what_has_none(f):
    assert _of(f, np.array([0.7, 1.3]), 1)[2] == 0.0


def test_what_takes_too_much_is_not_made():
    program = trace(lambda x: np.tanh(np.tanh(x[0] * x[1])), (2,), args=(), rows=[], types=[], scalar=False)
    assert third_along(program, 0, 10_000) is not None
    assert third_along(program, 0, 20) is None

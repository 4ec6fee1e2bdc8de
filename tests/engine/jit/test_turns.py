"""Loops that end in Python by an exception, and would turn for ever where Numba overflows to infinity."""

import numpy as np
import pytest

import fastgrad
from fastgrad import EngineError
from fastgrad.engine.jit import turns
from fastgrad.engine.jit.turns import ending

POINTS = np.random.default_rng(0).uniform(0.05, 2.2, (400, 2))


def growing(x):
    c = 0
    while x[0] * 1.1**c < 2.0:
        c += 1
    return c * x[1] + x[0]


def nested(x):
    total, outer = 0.0, 0
    while outer < 3:
        inner = 1.0
        while inner * x[0] < 9.0:
            inner *= 1.5
        total, outer = total + inner * x[1], outer + 1
    return total


def by_a_helper(x):
    return doubled_until(x[0], 4.0) * x[1]


def doubled_until(v, limit):
    while True:
        if v > limit:
            return v
        v = 2.0 * v


def over_a_range(x):
    total = 0.0
    for i in range(5):
        if i == 3:
            continue
        total += x[0] ** i * x[1]
    return total


@pytest.mark.parametrize("f", [growing, nested, by_a_helper, over_a_range])
def test_loops_that_end(f):
    found = fastgrad.gradient(f, POINTS, batch=True, engine="jit")
    np.testing.assert_allclose(found, fastgrad.gradient(f, POINTS, batch=True, engine="python"), rtol=1e-6, atol=1e-6)


def test_only_loops_by_while_count_their_turns():
    assert ending(over_a_range) is over_a_range
    assert {"__fg_turns1", "__fg_turns2"} <= set(ending(nested).__code__.co_varnames)
    assert ending(nested)([1.0, 2.0]) == nested([1.0, 2.0])


@pytest.mark.parametrize("engine", ["jit", "auto"])
def test_what_python_raises_arrives(engine):
    points = np.concatenate([POINTS, [[0.0, 1.0]], POINTS])
    with pytest.raises(OverflowError, match="Numerical result out of range"):
        fastgrad.gradient(growing, points, batch=True, engine=engine)


def test_integers_that_have_an_end_in_numba(monkeypatch):
    """Beyond 2**63 they are 0, and less than any limit."""
    monkeypatch.setattr(turns, "MOST", 1000)

    def f(x):
        n = 1
        while n < x[0]:
            n *= 2
        return n * x[1]

    points = POINTS.copy()
    points[7, 0] = 1e30
    found = fastgrad.gradient(f, points, batch=True, engine="jit")
    assert found[7, 1] == pytest.approx(2.0**100)


def test_without_a_source():
    space = {}
    exec("def f(x):\n    c = 0.0\n    while c < x[0]:\n        c += 1.0\n    return c * x[1]", space)
    with pytest.raises(EngineError, match="no source to count its turns in"):
        fastgrad.gradient(space["f"], POINTS, batch=True, engine="jit")
    np.testing.assert_allclose(fastgrad.gradient(space["f"], POINTS[:5], batch=True)[:, 1], np.ceil(POINTS[:5, 0]))

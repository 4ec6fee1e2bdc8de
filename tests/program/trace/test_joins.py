"""The values of two sides as one."""

import numpy as np
import pytest

from fastgrad.program.trace.joins import ApartError, join
from fastgrad.program.trace.paths import NOTHING, Paths
from fastgrad.program.trace.symbols import Flag, Symbol, Trace
from fastgrad.program.trace.truths import Truth


@pytest.fixture
def given():
    recording = Trace(100)
    with recording:
        x, y = (Symbol(recording, ("x", i)) for i in range(2))
        yield Paths(recording, set(), None, alone=False, swap=lambda f: f), (x > y).key, x, y


def test_numbers(given):
    paths, mask, x, y = given
    joined = join(paths, mask, x, y)
    assert paths.trace.nodes[joined.key[1]] == ("select", mask, ("x", 0), ("x", 1))
    assert join(paths, mask, x, x) is x
    assert join(paths, mask, 2.0, 2.0) == 2.0
    assert type(join(paths, mask, 2, 3)) is Symbol
    assert type(join(paths, mask, 0.0, -0.0)) is Symbol
    assert type(join(paths, mask, x > 1, np.False_)) is Flag
    assert type(join(paths, mask, True, False)) is Truth
    with pytest.raises(ApartError):
        join(paths, mask, x > 1, False)  # NumPy's or Python's, of which a sum is another one


def test_what_python_makes_of_it(given):
    paths, mask, x, _ = given
    assert join(paths, mask, x, 1.0).key in paths.trace.pythons
    assert join(paths, mask, x, np.float64(3.0)).key not in paths.trace.pythons


def test_arrays_and_tuples(given):
    paths, mask, x, y = given
    first, second = np.array([x, 1.0], dtype=object), np.array([y, 1.0], dtype=object)
    joined = join(paths, mask, first, second)
    assert joined[1] == 1.0
    assert type(joined[0]) is Symbol
    with pytest.raises(ValueError, match="read-only"):
        joined[0] = 1.0
    assert join(paths, mask, (x, None, "a"), (x, None, "a")) == (x, None, "a")


def test_one_side_alone(given):
    paths, mask, x, _ = given
    assert join(paths, mask, x, NOTHING) is NOTHING


@pytest.mark.parametrize(
    "pair",
    [("a", "b"), (None, 1.0), ([1.0], [2.0]), ((1.0,), (1.0, 2.0)), (np.zeros(2), np.zeros(3)), ({}, {}),
     (np.zeros(2, "m8[s]"), np.ones(2, "m8[s]"))],
    ids=str,
)  # fmt: skip
def test_what_stays_apart(given, pair):
    paths, mask, *_ = given
    with pytest.raises(ApartError):
        join(paths, mask, *pair)

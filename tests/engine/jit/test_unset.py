"""Local variables that may be read before they are set."""

import numpy as np
import pytest

import fastgrad
from fastgrad.engine.jit.unset import unset

TURNS = 5


def in_a_loop(x):
    for k in range(int(x[0])):
        y = x[1] * k
    return y


def the_loops_own(x):
    for k in range(int(x[0])):  # noqa: B007  it is read behind the loop
        pass
    return k * x[0]


def in_a_branch(x):
    if x[0] > 1:
        y = 1
    return y * x[0]


def inner(x):
    for _ in range(int(x[0])):
        for k in range(int(x[1])):
            z = k
        x = x + z
    return x[0]


def while_it_is(x):
    k = 0
    while k < x[0]:
        k += 1
        y = k
    return y


def never(x):
    for k in range(0):
        y = k
    return y


def so_many(x):
    n = int(x[0])
    for k in range(n):
        y = k
    return y


def deleted(x):
    y = x[0]
    if y > 1:
        del y
    return y


UNSET = {
    in_a_loop: "y", the_loops_own: "k", in_a_branch: "y", inner: "z", while_it_is: "y", never: "y", so_many: "y",
    deleted: "y",
}  # fmt: skip


def known_turns(x):
    for k in range(3):
        y = x[1] * k
    return y * k


def of_an_array(x):
    for v in x:
        y = v
    return y


def of_its_length(x):
    for k in range(len(x)):
        y = x[k]
    for m in range(0, x.shape[0], 1):
        y += m
    return y * m


def of_all_of_an_array(x):
    for k, v in enumerate(x):
        y = v * k
    for v, w in zip(x, x):  # noqa: B905  as it is written mostly
        z = v * w
    for v in reversed(x):
        y += v
    return y * z


def of_a_global(x):
    for k in range(2, TURNS):
        y = k
        if x[0] > 1:
            break
    return y


def before(x, *more, s=1):
    y = 0.0
    for k in range(int(x[0])):
        y += k * s
    return y + len(more)


def both_sides(x):
    if x[0] > 1:
        y = 1
        x = x * 2
    else:
        y = 2
    return y * x[0]


def until_it_breaks(x):
    while True:
        y = x[0]
        if y > 1:
            break
        x = x * 2
    return y


def caught(x):
    try:
        y = 1 / x[0]
    except ZeroDivisionError:
        y = 0
    return y


def a_comprehension(x):
    return [t * t for t in x]


@pytest.mark.parametrize("f", UNSET, ids=lambda f: f.__name__)
def test_what_may_be_unset(f):
    assert unset(f.__code__) == UNSET[f]


@pytest.mark.parametrize(
    "f",
    [
        known_turns, of_an_array, of_its_length, of_all_of_an_array, of_a_global, before, both_sides,
        until_it_breaks, caught, a_comprehension,
    ],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_what_is_set(f):
    assert unset(f.__code__) == ""


def helped(x):
    return in_a_loop(x) * 2.0


@pytest.mark.filterwarnings("ignore::fastgrad.PerformanceWarning")
@pytest.mark.parametrize("f", [in_a_loop, helped, the_loops_own], ids=lambda f: f.__name__)
def test_functions_that_may_read_such_a_variable_are_pythons(f):
    points = np.random.default_rng(0).uniform(1.0, 4.0, (3001, 2))
    with pytest.raises(fastgrad.EngineError, match=r"may read '.' before it is set, .* set '.' before"):
        fastgrad.gradient(f, points, batch=True, engine="jit")
    found = fastgrad.gradient(f, points, batch=True)
    np.testing.assert_array_equal(found, fastgrad.gradient(f, points, batch=True, engine="python"))
    points[1234, 0] = 0.5
    with pytest.raises(UnboundLocalError):
        fastgrad.gradient(f, points, batch=True)

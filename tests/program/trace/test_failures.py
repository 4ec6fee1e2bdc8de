"""Ways on which f fails without a raise of its own: elsewhere it traces, and there f itself says what it is."""

import numpy as np
import pytest

from fastgrad import gradient, value_and_gradient
from fastgrad.program.trace.failures import is_explicit, is_fs_own

POINTS = np.random.default_rng(0).uniform(0.2, 0.9, (60, 4))
POINTS[:, 2] += 1.0
NOWHERE = np.full(4, 0.5)  # no element is above 1


def place_of_the_largest(x):
    numbers = list(x)
    return numbers.index(max(numbers)) * x[0]


def at_the_smallest_square(x):
    squares = tuple(v**2 for v in x)
    return x[squares.index(min(squares))] * x[3]


def ranks(x):
    return sum((list(x).index(v) + 1) * v for v in sorted(x[:3]))


def the_largest_by_a_loop(x):  # noqa: RET503
    largest = max(x)
    for i in range(4):
        if x[i] == largest:
            return x[i] * (i + 1)


NEVER = [place_of_the_largest, at_the_smallest_square, ranks, the_largest_by_a_loop]


@pytest.mark.parametrize("f", NEVER)
def test_ways_that_no_numbers_take(f):
    values, slopes = value_and_gradient(f, POINTS, batch=True, engine="simd")
    np.testing.assert_array_equal(values, [f(x) for x in POINTS])
    np.testing.assert_allclose(slopes, gradient(f, POINTS, batch=True, engine="python"), atol=1e-9)


def first_above(x):
    return next(v for v in x if v > 1) * x[1]


def returns_nothing(x):  # noqa: RET503
    for v in x:
        if v > 1:
            return v * x[1]


def returns_text(x):
    return x[2] * x[1] if x[2] > 1 else "none is above 1"


def stays_none(x):
    found = None
    for v in x:
        if v > 1:
            found = v
    return found * x[1]


def attribute_of_none(x):
    found = None
    if x[2] > 1:
        found = x
    return found.sum() * x[1]


def of_a_helper(x):
    def root(v):  # noqa: RET503
        if v > 1:
            return v**0.5

    return root(x[2]) * x[1]


def unpacks(x):
    (above,) = [v for v in x if v > 1]
    return above * x[1]


def is_not_set(x):
    if x[2] > 1:
        above = x[2] ** 2
    return above * x[1]


def is_no_key(x):
    found = {}
    if x[2] > 1:
        found["above"] = x[2] ** 2
    return found["above"] * x[1]


def of_a_table(x):
    return {1: 2.0, 2: 3.0}[int(x[2])] * x[1]


def of_an_empty_sequence(x):
    return max(v for v in x if v > 1) * x[1]


FAILING = {
    first_above: RuntimeError, returns_nothing: TypeError, returns_text: TypeError, stays_none: TypeError,
    attribute_of_none: AttributeError, of_a_helper: TypeError, unpacks: ValueError, is_not_set: UnboundLocalError,
    is_no_key: KeyError, of_a_table: KeyError, of_an_empty_sequence: ValueError,
}  # fmt: skip


@pytest.mark.parametrize("f", FAILING)
def test_elsewhere_they_trace(f):
    slopes = gradient(f, POINTS, batch=True, engine="simd")
    np.testing.assert_allclose(slopes, gradient(f, POINTS, batch=True, engine="python"), atol=1e-9)
    exact = gradient(f, POINTS, batch=True, method="exact")
    np.testing.assert_allclose(exact, slopes, atol=1e-8)


@pytest.mark.parametrize("f", FAILING)
@pytest.mark.parametrize("options", [{"engine": "simd"}, {}, {"method": "exact"}], ids=str)
def test_there_f_itself_says_what_it_is(f, options):
    with pytest.raises(FAILING[f] if f is not first_above else (RuntimeError, StopIteration)):
        gradient(f, np.vstack([POINTS, NOWHERE]), batch=True, **options)


def error_of(run):
    try:
        run()
    except Exception as error:  # noqa: BLE001
        return error
    raise AssertionError


def test_what_tracing_alone_raises_is_none_of_f():
    class Odd:
        __slots__ = ()

    def raises():
        raise TypeError

    mine = error_of(raises)
    assert is_explicit(mine.__traceback__)
    assert is_fs_own(mine)
    for run in (lambda: Odd() * 2, lambda: float(Odd()), lambda: Odd().shape, lambda: int("a"), lambda: np.sin(Odd())):
        assert not is_fs_own(error_of(run))
    assert is_fs_own(error_of(lambda: [1.0].index(2.0)))
    assert is_fs_own(error_of(lambda: None.shape))
    assert not is_explicit(error_of(lambda: None.shape).__traceback__)

"""Integers of batch arguments in a trace: as NumPy has them, or refused."""

import math

import numpy as np
import pytest

from fastgrad import EngineError, gradient, hessian
from fastgrad.program.program import evaluate
from fastgrad.program.trace.integers import bits
from fastgrad.program.trace.recording import Untraceable, trace

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of integers that wrap, and divide by 0

POINTS = np.random.default_rng(0).uniform(0.5, 1.5, (400, 2))
INT = np.dtype(np.int64)

FORMULAS = {
    "square": lambda x, a: (a * a) * x[0] * 1e-18 + x[1],
    "power": lambda x, a: a**3 * x[0] * 1e-27 + x[1],
    "power of many": lambda x, a: a**70 * x[0] * 1e-18 + x[1],
    "difference": lambda x, a: np.where(a > 100, a - 2**53, a) * x[0],
    "difference of a large constant": lambda x, a: (a - (2**53 + 1)) * x[0],
    "sum": lambda x, a: (a + 2**62 + 2**61) * x[0] * 1e-18,
    "equal": lambda x, a: np.where(a == 2**53, x[0], x[1]),
    "with masks": lambda x, a: (a * (x[0] > 1.0) + (a > 3)) * x[0],
    "larger": lambda x, a: np.maximum(a, 3) * x[0],
    "chosen": lambda x, a: np.where(x[1] > 1.0, a, 2) * x[0],
    "negative": lambda x, a: (-a - 1) * x[0],
    "remainder": lambda x, a: (a % 5 + a // 3) * x[0],
    "by 0": lambda x, a: np.where(7 // a > 1, x[0], x[1] ** 2),
    "quotient": lambda x, a: (a / 3) * x[0] + 1 / (a + 1) * x[1],
    "of floats": lambda x, a: a * 3.0 * 1e9 * x[0] + np.sqrt(np.abs(a)) * x[1],
    "beside x": lambda x, a: a * x[0] * x[1],
}
ROWS = {"few": [], "many": range(100, 150), "one": [50]}


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("large", [7, 4_000_000_000, 2**53 + 1, -(2**62), 2**63 - 1])
def test_as_python_has_it(name, large):
    f = FORMULAS[name]
    for rows in ROWS.values():
        a = np.arange(400) % 7
        a[rows] = large
        some = slice(30, 160, 2)
        found = gradient(f, POINTS, batch=True, batch_args=(a,))[some]
        wanted = gradient(f, POINTS[some], batch=True, batch_args=(a[some],), engine="python")
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-5 * max(1.0, np.abs(wanted).max()))


@pytest.mark.parametrize("name", ["square", "remainder"])
def test_a_later_call_with_larger_rows(name):
    f, small = FORMULAS[name], np.arange(400) % 7
    large = np.full(400, 2**53 + 1)
    gradient(f, POINTS, batch=True, batch_args=(small,), engine="simd")
    for method in ("central", "exact"):
        with pytest.raises(EngineError, match=r"may exceed 2\*\*53, as doubles cannot; .*a\.astype\(float\)"):
            gradient(f, POINTS, batch=True, batch_args=(large,), method=method, engine="simd")
    with pytest.raises(EngineError, match="may exceed"):
        hessian(f, POINTS, batch=True, batch_args=(large,), engine="simd")
    gradient(f, POINTS, batch=True, batch_args=(large.astype(float),), engine="simd")


TRACED = {
    "small": (lambda x, a: (a * a + 1) * x[0], 20, True),
    "as large as doubles hold": (lambda x, a: a * a * x[0], 26, True),
    "larger": (lambda x, a: a * a * x[0], 27, False),
    "beside x": (lambda x, a: a * x[0], 63, True),
    "by a number that is no integer": (lambda x, a: a * 1e18 * x[0], 40, True),
    "by an integer": (lambda x, a: a * 10**18 * x[0], 40, False),
    "by both": (lambda x, a: a * 1e18 * x[0] + a * 10**18 * x[1], 40, False),
    "quotient": (lambda x, a: a / 3 * x[0], 63, True),
    "chosen": (lambda x, a: np.where(a, a, 3) * x[0], 63, True),
    "compared": (lambda x, a: np.where(a > 3, x[0], x[1]), 54, False),
    "compared with a float": (lambda x, a: np.where(a > 3.5, x[0], x[1]), 63, True),
    "remainder by a variable": (lambda x, a: 7 % a * x[0], 3, False),
    "remainder by 0": (lambda x, a: a % 0 * x[0], 3, False),
    "inverse": (lambda x, a: 1 / a * x[0], 3, True),
    "reciprocal": (lambda x, a: np.reciprocal(a) * x[0], 3, False),
    "reciprocal of a power": (lambda x, a: a**-2.0 * x[0], 3, True),
    "root": (lambda x, a: a**0.5 * x[0], 63, True),
}


@pytest.mark.parametrize("name", TRACED)
def test_what_is_traced(name):
    f, count, traced = TRACED[name]
    if traced:
        assert trace(f, (2,), rows=[()], types=[INT], bits=[count])
        return
    with pytest.raises(Untraceable, match="integer"):
        trace(f, (2,), rows=[()], types=[INT], bits=[count])


def test_without_integers_nothing_is_another_program():
    f = lambda x, a: a * 2 * x[0] + a * 2.0 * x[1]
    assert len(trace(f, (2,), rows=[()], types=[np.dtype(float)], bits=[0]).constants) == 1
    assert len(trace(f, (2,), rows=[()], types=[INT], bits=[3]).constants) == 2


def test_bits():
    assert bits(np.array([0.5])) == bits(np.array([], int)) == bits(np.zeros(3, int)) == 0
    assert bits(np.array([True])) == 1
    assert bits(np.array([3, -200], np.int16)) == 16
    assert [bits(np.array([n, 3])) for n in (7, -8, 2**53, -(2**63))] == [3, 4, 54, 64]
    assert bits(np.array([2**64 - 1], np.uint64)) == 64


def test_unsigned_integers_are_compared_in_full():
    a = (np.arange(400) % 7).astype(np.uint64)
    a[100:150] = 2**53 + 1
    f = lambda x, a: np.where(a == np.uint64(2**53), x[0], x[1] ** 2)
    found = gradient(f, POINTS, batch=True, batch_args=(a,))
    np.testing.assert_allclose(found[120], [0.0, 2.0 * POINTS[120, 1]], atol=1e-8)


def twice(x):
    k = 3 if x[0] > 1.0 else 5
    return (k**40 % 7) * x[0] + k // 2 * x[1]


def large(x):
    k = 10**17
    if x[0] > 1.0:
        k += 1
    return (k - 10**17 + 1) * x[0]


def growing(x):
    k = 7 if x[0] > 1.0 else 3
    for _ in range(30):
        k = 7 * k + 1
    return k % 11 * x[0]


def wrapping(x):
    k = np.int64(5) if x[0] > 1.0 else np.int64(3)
    return (k**63 % 7) * x[0]


def counted(x):
    n = 1
    for v in x:
        if v > 1.0:
            n *= 3
    return n * x[0] + [0.5, 1.0, 2.0][(n > 1) + (n > 3)] if isinstance(n, int) else x[1]


@pytest.mark.parametrize("f", [twice, large, growing, wrapping, counted])
def test_integers_of_which_a_branch_chooses_one(f):
    program = trace(f, (2,))
    for x in POINTS:
        assert evaluate(program, x) == [f(x)]


def test_integers_that_are_no_doubles_and_have_too_many_ways():
    def f(x):
        n = 1
        for v in x:
            n *= 7**7 if v > 1.0 else 5**9
        return n % 11 * x[0]

    assert trace(f, (2,)).branches
    with pytest.raises(Untraceable, match=r"of which a branch chooses one that may exceed 2\*\*53, .*; write floats"):
        trace(f, (12,))


def test_many_times_a_number_that_is_no_integer():
    program = trace(lambda x: (1 if x[0] > 1.0 else 2) * 6.02214076e23 * x[1], (2,))
    assert evaluate(program, [2.0, 1.0]) == [6.02214076e23]


# --- 0 of an integer has no sign --------------------------------------------------------------------------------------

ZEROS = {
    "-int": lambda x: -int(x[0]),
    "as a float": lambda x: float(-int(x[0])) * 1.0,
    "-ceil": lambda x: -math.ceil(x[0]),
    "-floor": lambda x: -math.floor(-x[0]),
    "-trunc": lambda x: -math.trunc(x[0]),
    "-round": lambda x: -round(x[0]),
    "a product": lambda x: int(x[0]) * -3,
    "of two": lambda x: -(int(x[0]) * int(x[1])),
    "with zero": lambda x: 0 * int(x[0]),
    "a quotient": lambda x: int(x[0]) // -3,
    "a remainder": lambda x: int(x[0]) % -3,
    "both": lambda x: divmod(int(x[0]), -3)[1],
    "-abs": lambda x: -abs(int(x[0])),
    "-max": lambda x: -max(int(x[0]), 0),
    "a difference": lambda x: int(x[0]) - int(x[0] * 1.1),
    "a power": lambda x: (-int(x[0])) ** 3,
    "a sum": lambda x: -sum(int(v) for v in x),
    "a mask": lambda x: -int(x[0] > 5),
    "a choice": lambda x: -(1 if x[0] > 5 else 0),
    "a float": lambda x: -float(int(x[0])),
    "a float's product": lambda x: int(x[0]) * -3.0,
    "a mask's product": lambda x: -((x[0] > 5) * 2.5),
    "floor of NumPy": lambda x: -np.floor(-x[0]),
    "an array of floats": lambda x: -x.astype(int).astype(float)[0],
    "joined with floats": lambda x: -np.concatenate([x.astype(int), x])[0],
}


@pytest.mark.parametrize("name", ZEROS)
def test_zero_of_an_integer_has_no_sign(name):
    number = ZEROS[name]
    f = lambda x: np.copysign(1.0, number(x)) * x[1]
    program = trace(f, (2,))
    for x in ([-0.3, 0.2], [0.3, 0.2], [-3.7, 0.2], [0.0, 0.2], [2.6, -0.4]):
        found = evaluate(program, x)[0]
        assert found == f(np.array(x)) or np.isnan(found)

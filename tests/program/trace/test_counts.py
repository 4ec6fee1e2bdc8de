"""Traced integers that f counts by, as in `range(int(x[0]))` and `x[:n]`, or looks up lists with."""

import math

import numpy as np
import pytest

import fastgrad
from fastgrad.program.trace.recording import Untraceable, trace

TABLE = np.arange(9.0) ** 2
LISTED = TABLE.tolist()
NAMED = {n: float(n * n + 1) for n in range(-9, 9)}


def powers(x):
    total = 0.0
    for i in range(int(x[0])):
        total += x[1] ** i
    return total


def downwards(x):
    total = 0.0
    for i in range(int(x[0]), 0, -1):
        total += x[1] / i
    return total


def nested(x):
    y = x[1]
    for i in range(int(x[0])):
        for j in range(i):
            y = y * 0.5 + j * x[1]
    return y


def twice(x):
    turns = range(math.floor(x[0]))
    return sum(x[1] * i for i in turns) + sum(x[1] ** 2 * i for i in turns)


def left_early(x):
    total = 0.0
    for _ in range(round(x[0])):
        if total > 3:
            break
        total += x[1]
    else:
        total -= x[0]
    return total


def of_both_ends(x):
    return sum(x[1] * i for i in range(int(x[0]), int(x[0]) + int(x[1])))


def by_threes(x):
    return sum((x[1] * i for i in range(int(x[0]), 7, 3)), start=x[0])


def a_table(x):
    total = 0.0
    for i in range(int(x[0])):
        total += TABLE[i] * x[1] + LISTED[i]
    return total


def horner(x):
    total = 0.0
    for i in reversed(range(int(x[0]))):
        total = total * x[1] + TABLE[i]
    return total


def of_masks(x):
    return sum(x[1] ** i for i in range(np.sum(x > 1.0)))


def membership(x):
    return x[1] * (2 in range(int(x[0]))) + x[0] * isinstance(range(2), range)


def shortest(x):
    return sum(a * x[1] for _, a in zip(range(int(x[0])), [3.0, 4.0, 5.0], strict=False))


def a_slice(x):
    return np.sum(x[: int(x[0])] ** 2) + sum(LISTED[: int(x[1])]) * x[0]


def lists(x):
    return sum([x[1]] * int(x[0])) + list(x).pop(int(x[0]) % 2) * LISTED[min(int(x[1]), 3)] * LISTED[-int(x[0])]


def a_string(x):
    return x[1] * "abcdefgh".index("abcdefgh"[abs(int(x[0]))]) + x[0] * len(range(int(x[1])))


def made_arrays(x):
    n = int(x[0])
    places = np.linspace(0.0, x[1], abs(n) + 1)
    return np.sum(np.zeros(abs(n)) + x[1]) + np.sum(x[1] ** np.arange(n)) + np.sum(np.sin(places))


def combinations(x):
    n = abs(int(x[0]))
    return x[1] * math.comb(6, n) + x[0] / math.factorial(n) + math.gcd(n, 6) * x[1]


def counted_first(x):
    y, n = x[0], 0
    while y > 1.0:
        y, n = y / 2.0, n + 1
    return sum(x[1] ** i for i in range(n))


def by_key(x):
    return NAMED[int(x[0])] * x[1] + NAMED.get(int(x[1]), 7.0) * x[0]


def by_two_keys(x):
    weights = {(i, j): i + 2.0 * j for i in range(-9, 9) for j in range(9)}
    return weights[int(x[0]), int(x[1])] * x[1]


def by_truth(x):
    return {True: x[1], False: x[0]}[x[0] > 1.7] * {True: 2.0, False: x[1]}[bool(x[1] > 2.2)]


def in_a_set(x):
    return x[1] if int(x[0]) in {0, 2, 3} else x[0] ** 2 * (int(x[1]) not in NAMED)


def by_place(x):
    return NAMED[int(np.argmax(x))] * x[1]


LOOPS = [
    powers, downwards, nested, twice, left_early, of_both_ends, by_threes, a_table, horner, of_masks, membership,
    shortest, a_slice, lists, a_string, made_arrays, combinations, counted_first, by_key, by_two_keys, by_truth,
    in_a_set, by_place,
]  # fmt: skip


@pytest.mark.parametrize("f", LOOPS, ids=lambda f: f.__name__)
def test_derivatives(f):
    points = np.random.default_rng(0).uniform(0.6, 4.4, (400, 2))
    points = points[np.abs(points - np.round(points * 2) / 2).min(axis=1) > 1e-3]  # beside jumps no difference is one
    points[7::50, 0] *= -1.0
    wanted = fastgrad.gradient(f, points, batch=True, engine="python")
    for method in ("central", "exact"):
        found = fastgrad.gradient(f, points, batch=True, engine="simd", method=method)
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("f", "error", "text"), [(a_table, IndexError, "out of"), (by_key, KeyError, "12")])
def test_what_is_not_there_raises_as_in_python(f, error, text):
    """On that way, and nowhere else: more turns than a table is long, a key that is not in a dict."""
    points = np.random.default_rng(0).uniform(1.1, 4.4, (400, 2))
    points[9] = 12.5
    with pytest.raises(error, match=text):
        fastgrad.gradient(f, points, batch=True)
    assert np.isfinite(fastgrad.gradient(f, points[:9], batch=True)).all()


def of_floats(x):
    return LISTED[np.floor(x[0])] * x[1]


def of_a_product(x):
    return LISTED[2.0 * int(x[0])] * x[1]


def of_a_float_on_one_side(x):
    n = int(x[0]) if x[1] < 3.0 else float(int(x[0]))
    return LISTED[n] * x[1]


@pytest.mark.parametrize("f", [of_floats, of_a_product, of_a_float_on_one_side])
def test_floats_are_no_counts(f):
    points = np.random.default_rng(0).uniform(0.6, 4.4, (400, 2))
    with pytest.raises(TypeError, match="must be integers"):
        fastgrad.gradient(f, points, batch=True)
    with pytest.raises(
        (TypeError, fastgrad.EngineError), match=r"must be integers|an index or a count|raises TypeError"
    ):
        fastgrad.gradient(f, points, batch=True, method="exact")


def test_very_many_turns_are_not_written_out():
    def f(x):
        return sum(x[1] / (i + 1) for i in range(int(x[0] * 1e4)))

    points = np.random.default_rng(0).uniform(0.6, 4.4, (400, 2))
    with pytest.raises(fastgrad.EngineError, match="more than"):
        fastgrad.gradient(f, points, batch=True, method="exact")


NO_KEYS = {
    "a float": lambda x: NAMED[x[0]] * x[1],
    "a whole one": lambda x: NAMED[np.floor(x[0])] * x[1],
    "in a set": lambda x: {x[0]}.pop(),
}


@pytest.mark.parametrize("name", NO_KEYS)
def test_floats_are_no_keys(name):
    with pytest.raises(Untraceable, match="dict or a set"):
        trace(NO_KEYS[name], (2,))

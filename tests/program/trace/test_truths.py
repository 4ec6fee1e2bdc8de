"""Python's own bools: integers in arithmetic, and what `is` says of them."""

import functools

import numpy as np
import pytest

import fastgrad
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable

RNG = np.random.default_rng(0)


def big(v):
    if v > 1.7:  # noqa: SIM103  a bool of Python's, not one of NumPy's
        return True
    return False


def flags(x):
    found = [False] * 3
    for i in range(3):
        if x[i] > 1.7:
            found[i] = True
    return (found[0] + found[1] * 2 - found[2]) * x[2]


def assigned(x):
    a = b = False
    if x[0] > 1.7:
        a = True
    if x[1] > 1.7:
        b = True
    return (a + b) * x[2]


def counted(x):
    n = big(x[0])
    n += big(x[1])
    n += big(x[2])
    return n * x[2]


def by_a_list(x):
    return [x[0], x[1] ** 2, x[2] ** 3][big(x[0]) + big(x[1])]


def numpys(x):
    return ((x[0] > 1.7) + (x[1] > 1.7)) * x[2]


def numpys_and_pythons(x):
    return ((x[0] > 1.7) + big(x[1])) * x[2]


ARITHMETIC = {
    "sum": lambda x: (big(x[0]) + big(x[1])) * x[2],
    "with True": lambda x: (True + big(x[1])) * x[2],
    "difference": lambda x: (big(x[0]) - big(x[1])) * x[2],
    "product": lambda x: (big(x[0]) * big(x[1]) + 2.0 * big(x[2])) * x[0],
    "negative": lambda x: -big(x[0]) * x[1] + abs(big(x[1])) * x[2] + (+big(x[2])) * x[0],
    "power": lambda x: 3.0 ** big(x[0]) * x[1] + big(x[1]) ** 2 * x[2],
    "quotient": lambda x: big(x[0]) / 4 * x[1] + (big(x[0]) + 3) // 2 * x[2] + (big(x[1]) + 2) % 2 * x[0],
    "comparison": lambda x: (1.0 if big(x[0]) + big(x[1]) > 1 else 3.0) * x[2],
    "equality": lambda x: ((big(x[0]) == big(x[1])) + (big(x[2]) == True)) * x[0],
    "conditional": lambda x: ((True if x[0] > 1.7 else False) + (True if x[1] > 1.7 else False)) * x[2],  # noqa: SIM210
    "any and all": lambda x: (any(v > 1.7 for v in x) + all(v > 0.3 for v in x)) * x[0],
    "float": lambda x: float(big(x[0]) + big(x[1])) * x[2],
    "reduce": lambda x: functools.reduce(lambda n, v: n + big(v), x, 0) * x[0],
    "logic": lambda x: ((big(x[0]) & big(x[1])) + (big(x[0]) | True) + (big(x[0]) ^ big(x[2]))) * x[0],
    "not": lambda x: ((not big(x[0])) + (not big(x[1]))) * x[2],
    "flags": flags,
    "assigned": assigned,
    "counted": counted,
    "a list": by_a_list,
    "NumPy's": numpys,
    "NumPy's and Python's": numpys_and_pythons,
}


def by_hand(f, points):
    h = 1e-6
    return np.array([
        [(f(p + h * e) - f(p - h * e)) / (2.0 * h) for e in np.eye(points.shape[1])] for p in points
    ])  # fmt: skip


@pytest.mark.parametrize("name", ARITHMETIC)
def test_arithmetic(name):
    f, points = ARITHMETIC[name], RNG.uniform(0.0, 2.0, (500, 3))
    points = points[np.abs(points - 1.7).min(axis=1) > 1e-3]  # few have two that are large: a check may miss them
    found = fastgrad.gradient(f, points, batch=True)
    np.testing.assert_allclose(found, by_hand(f, points), rtol=1e-7, atol=1e-7)
    exact = fastgrad.gradient(f, points, batch=True, method="exact")
    np.testing.assert_allclose(exact, found, rtol=1e-7, atol=1e-7)


def is_true(x):
    ok = False
    if x[0] > 1.9:
        ok = True
    return x[1] if ok is True else x[2]


def is_not_true(x):
    return x[1] if big(x[0]) is not True else x[2]


def is_false(x):
    return x[1] if False is any(v > 1.9 for v in x) else x[2]


def of_a_float(x):
    large = float(x[0]) > 1.9
    if large is True:
        return x[1]
    return x[2]


def never_numpys(x):
    return x[1] if (x[0] > 1.0) is True else x[2] ** 2  # a NumPy bool is not True


def inside(x):
    def choose(flag):
        return x[1] if flag is True else x[2]

    return choose(big(x[0]))


IDENTITIES = [is_true, is_not_true, is_false, of_a_float, never_numpys, inside]


@pytest.mark.parametrize("f", IDENTITIES)
def test_what_is_true(f):
    points = RNG.uniform(0.0, 2.0, (500, 3))
    points = points[np.abs(points - 1.9).min(axis=1) > 1e-3]
    points = points[np.abs(points[:, 0] - 1.7) > 1e-3]
    for options in ({}, {"method": "exact"}):
        found = fastgrad.gradient(f, points, batch=True, **options)
        np.testing.assert_allclose(found, by_hand(f, points), rtol=1e-7, atol=1e-7)


def matched(x):
    match any(v > 1.9 for v in x):
        case True:
            return x[1]
    return x[2]


def test_a_case_of_true_goes_to_python():
    with pytest.raises(Untraceable, match="compares a value with True or False by `is`"):
        trace(matched, (3,))
    points = RNG.uniform(0.0, 2.0, (300, 3))
    points = points[np.abs(points - 1.9).min(axis=1) > 1e-3]
    found = fastgrad.gradient(matched, points, batch=True)
    np.testing.assert_allclose(found, by_hand(matched, points), rtol=1e-7, atol=1e-7)


def test_code_without_source_that_asks_for_true():
    space = {}
    exec("def f(x):\n    return x[1] if (x[0] > 1) is True else x[2]", space)
    with pytest.raises(Untraceable, match="by `is`"):
        trace(space["f"], (3,))


class Options:
    strict, level = True, None


def test_options_may_be_asked_for():
    options = Options()
    f = lambda x: x[0] ** 2 if options.strict is True and options.level is None else x[1]
    points = RNG.uniform(0.0, 2.0, (400, 3))
    assert fastgrad.explain(f, points, batch=True).engine == "simd"
    np.testing.assert_allclose(fastgrad.gradient(f, points, batch=True)[:, 0], 2.0 * points[:, 0], rtol=1e-7)


BOOLS = [lambda x: x[1] if (x[0] < 0) is np.True_ else x[2], lambda x: ~(float(x[0]) < 0) * x[1]]


@pytest.mark.parametrize("f", BOOLS, ids=["is", "inverted"])
def test_other_bools_go_to_python(f):
    """`is np.True_` holds for NumPy's bools, and ~True is -2 of Python's."""
    points = np.random.default_rng(0).uniform(0.1, 2.0, (600, 3))
    points[5::60] *= -1.0
    wanted = fastgrad.gradient(f, points, batch=True, engine="python")
    np.testing.assert_allclose(fastgrad.gradient(f, points, batch=True), wanted, rtol=1e-7, atol=1e-9)
    with pytest.raises(fastgrad.EngineError, match=r"is`, or by a case|applies ~"):
        fastgrad.gradient(f, points, batch=True, engine="simd")

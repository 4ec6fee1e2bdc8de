"""Captured floats that change between calls of grad(f): other numbers in a kernel that is bound, no other result."""

from __future__ import annotations

import math
import sys
import threading
import warnings

import numpy as np
import pytest

import fastgrad
from fastgrad.program.freshness import Watch
from fastgrad.program.keys import unchanging
from fastgrad.program.parameters import floats, parameters
from fastgrad.program.trace.recording import trace

X = np.array([0.7, 1.3])
POINTS = np.random.default_rng(0).uniform(0.5, 2.0, (20, 2))
W, V, ARRAY = 3.5, 0.25, np.array([1.5, 2.5])
NUMBERS = [3.5, -2.25, 1e-3, 7.0, 2.0, 0.5, 1.0, 0.0, -0.0, 0.25, 3.0, 1e300, 2.0**-1060, 1.25, 1.75]
HERE = sys.modules[__name__]


def scaled(x):
    return W * x[0] * np.sin(x[1]) + x[1] / W


def two(x):
    return np.sum((W * x - V) ** 2) + 2.0 * x[0]


def with_array(x):
    return np.sum(ARRAY * x) * (x[0] - W)


def of_math(x):
    return math.exp(W * x[0]) + math.sin(x[1]) / (x[0] + W)


def powers(x):
    return x[0] ** W * x[1]


def derived(x):
    return np.sin(2.0 * W) * x[0] + x[1] * x[0]


def branching(x):
    return x[0] * x[1] if W > 1.0 else x[0] - x[1]


def compared(x):
    return np.where(x[0] * W > x[1], x[0] * W, x[1] ** 2)


def index(x):
    return x[int(W) % 2] ** 2 + x[1]


def formatted(x):
    return x[0] * len(f"{W}") + x[1] ** 2


def nested(x):
    inner = lambda y: W * y * y
    return inner(x[0]) + inner(x[1])


def helper(y):
    return W * y


def of_helper(x):
    return helper(x[0]) * x[1] + W * x[0]


def default(x, k=2.0):
    return W * x[0] * x[1] * k


def counted(x):
    return sum(W * v for v in x) + np.max(x) * W


FUNCTIONS = [
    scaled, two, with_array, of_math, powers, derived, branching, compared, index, formatted, nested, of_helper,
    default, counted,
]  # fmt: skip
TUNED = {scaled, two, with_array, of_math, compared, nested, counted}


def same(found, wanted):
    np.testing.assert_array_equal(np.asarray(found).view(np.int64), np.asarray(wanted).view(np.int64))


def outcome(operation, *given, **options):
    """The bits, or the error."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return np.asarray(operation(*given, **options)).view(np.int64).tolist()
        except ArithmeticError as error:
            return type(error), str(error)


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_a_number_that_changes_gives_the_bits_of_a_function_that_is_new(f, monkeypatch):
    g, many, value = fastgrad.grad(f), fastgrad.grad(f, batch=True), fastgrad.value_and_grad(f)
    for number in NUMBERS + NUMBERS[:4]:
        monkeypatch.setattr(HERE, "W", number)
        for x in (X, X + 0.25):
            wanted = outcome(fastgrad.gradient, f, x, engine="simd")
            assert outcome(g, x) == wanted
            assert outcome(lambda x: value(x)[1], x) == wanted
            assert outcome(lambda x: value(x)[0], x) == outcome(
                lambda x: fastgrad.value_and_gradient(f, x, engine="simd")[0], x
            )
        assert outcome(many, POINTS) == outcome(fastgrad.gradient, f, POINTS, batch=True, engine="simd")


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_which_functions_are_traced_once(f, monkeypatch):
    g = fastgrad.grad(f)
    for _ in range(3):
        g(X)
    monkeypatch.setattr(HERE, "W", 4.5)
    g(X)
    compiled, own = [], type(g)._compiled
    monkeypatch.setattr(type(g), "_compiled", lambda *given: compiled.append(1) or own(*given))
    monkeypatch.setattr(HERE, "W", 5.5)
    same(g(X), fastgrad.gradient(f, X, engine="simd"))
    assert bool(compiled) == (f not in TUNED)


def test_cells():
    weight, offset = 2.5, 0.75

    def f(x):
        return weight * x[0] * x[1] + offset * x[1] ** 3

    g = fastgrad.grad(f, method="exact")
    for weight, offset in ((2.5, 0.75), (4.5, 0.75), (1.5, 1.25), (1.25, 1.25), (3.5, 0.125)):
        for _ in range(2):
            np.testing.assert_allclose(
                g(X), [weight * X[1], weight * X[0] + 3 * offset * X[1] ** 2], rtol=1e-14, err_msg=f"{weight} {offset}"
            )


CHANGES = {
    "an array": lambda p: p.setattr(HERE, "ARRAY", np.array([4.0, 5.0])),
    "an array in place": lambda p: ARRAY.__setitem__(0, 9.0),
    "a whole number": lambda p: p.setattr(HERE, "W", 4),
    "a number of NumPy's": lambda p: p.setattr(HERE, "W", np.float64(4.5)),
    "a number of a lower precision": lambda p: p.setattr(HERE, "W", np.float32(4.3)),
    "an array for a number": lambda p: p.setattr(HERE, "W", np.array([4.5])),
    "code": lambda p: p.setattr(with_array, "__code__", scaled.__code__),
    "a default": lambda p: p.setattr(with_array, "__defaults__", (3.0,)),
    "NumPy's": lambda p: p.setattr(np, "sum", np.prod),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_changes_beside_a_number_is_seen(change, monkeypatch):
    g = fastgrad.grad(with_array)
    for number in (3.5, 4.5, 5.5):
        monkeypatch.setattr(HERE, "W", number)
        for _ in range(2):
            g(X)
    kept = ARRAY.copy()
    try:
        with monkeypatch.context() as patch:
            patch.setattr(HERE, "W", 6.5)
            change(patch)
            wanted = fastgrad.gradient(with_array, X, engine="python")
            np.testing.assert_allclose(g(X), wanted, rtol=1e-5)
            np.testing.assert_allclose(g(X), wanted, rtol=1e-5)
    finally:
        ARRAY[:] = kept
    np.testing.assert_allclose(g(X), fastgrad.gradient(with_array, X, engine="python"), rtol=1e-7)


def test_a_number_that_is_gone(monkeypatch):
    g = fastgrad.grad(scaled)
    for number in (3.5, 4.5, 5.5):
        monkeypatch.setattr(HERE, "W", number)
        g(X)
    monkeypatch.delattr(HERE, "W")
    with pytest.raises(NameError):
        g(X)


def test_zeros_are_told_of(monkeypatch):
    def f(x):
        return W * x[0] + W * x[1]

    g = fastgrad.grad(f)
    for number in (3.5, 4.5, 5.5):
        monkeypatch.setattr(HERE, "W", number)
        g(X)
    monkeypatch.setattr(HERE, "W", 0.0)
    with pytest.warns(fastgrad.ConstantFunctionWarning):
        assert g(X).tolist() == [0.0, 0.0]
    monkeypatch.setattr(HERE, "W", math.inf)
    assert not np.isfinite(g(X)).any()


def test_threads_that_share_a_function_get_numbers_of_one_of_its_states(monkeypatch):
    g, wanted = fastgrad.grad(scaled), []
    for number in (3.5, 4.5):
        monkeypatch.setattr(HERE, "W", number)
        wanted.append(fastgrad.gradient(scaled, X, engine="simd").tolist())
        g(X)
    stop, wrong = threading.Event(), []

    def ask():
        while not stop.is_set():
            if g(X).tolist() not in wanted:
                wrong.append(1)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for k in range(300):
        HERE.W = (3.5, 4.5)[k % 2]
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []


def parameters_of(f):
    return parameters(f, trace(f, (2,)), lambda g, count: trace(g, (2,), rows=[()] * count))


def test_parameters():
    found = parameters_of(two)
    assert {found.program.constants[s]: place for s, place in found.slots.items()} == {
        W: ("global", "W"),
        V: ("global", "V"),
    }
    assert found.constants(floats(two)) == found.program.constants
    assert found.constants({}) == found.program.constants
    assert found.constants({("global", "W"): V}) is None
    assert floats(two) == {("global", "V"): V, ("global", "W"): W}
    for f in (powers, derived, default, np.sum, lambda x: x[0] * x[1]):
        assert parameters_of(f) is None


def test_floats_that_a_watch_takes(monkeypatch):
    watch, pi = Watch(), Watch()
    assert unchanging(scaled, (), watch) is not None
    monkeypatch.setattr(HERE, "W", 4.5)
    assert not watch.is_fresh()()
    assert watch.take_floats(scaled) == {("global", "W"): 4.5}
    assert watch.is_fresh()()
    of_pi = lambda x: math.pi * x[0]
    assert unchanging(of_pi, (), pi) is not None
    monkeypatch.setattr(math, "pi", 3.0)  # another one's
    assert pi.take_floats(of_pi) is None

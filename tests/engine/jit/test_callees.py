"""Plain functions that f calls: compiled along, told apart by what they say and capture."""

from __future__ import annotations

import statistics
import sys

import numpy as np
import pytest
from numba import njit

import fastgrad
from fastgrad import EngineError
from fastgrad.engine.jit import callees, functions

P = np.random.default_rng(0).uniform(0.5, 2.0, (50, 3))
FACTOR = 2.0


def power(a, n):
    total = 1.0
    for _ in range(n):
        total *= a
    return total


def clamp(a, low=0.25, high=1.5):
    if a < low:
        return low
    return min(a, high)


def scaled(a):
    return FACTOR * power(clamp(a), 3)


def energy(x):
    return scaled(x[0]) * x[1] + clamp(x[2], 0.0, 1.0)


def same(f, **options):
    found = fastgrad.gradient(f, P, batch=True, engine="jit", **options)
    np.testing.assert_allclose(found, fastgrad.gradient(f, P, batch=True, engine="python", **options), rtol=1e-12)
    return found


@pytest.mark.parametrize("options", [{}, {"order": 4}, {"method": "forward"}], ids=str)
def test_functions_that_call_functions(options):
    same(energy, **options)


def test_other_operations():
    x = P[0]
    for derivative in (fastgrad.hessian, fastgrad.jacobian):
        expected = derivative(energy, x, engine="python")
        np.testing.assert_allclose(derivative(energy, x, engine="jit"), expected, rtol=1e-8, atol=1e-5)


def test_numbers_that_a_called_function_captures_may_change(monkeypatch):
    before = same(energy)
    monkeypatch.setitem(globals(), "FACTOR", 5.0)
    after = same(energy)
    np.testing.assert_allclose(after[:, 1], 2.5 * before[:, 1], rtol=1e-9)


def test_another_function_of_the_same_name(monkeypatch):
    before = same(energy)
    monkeypatch.setitem(globals(), "clamp", lambda a, low=0.0, high=9.0: a * a)
    assert not np.allclose(same(energy), before)


def test_closures_and_defaults():
    def outer(k):
        def inner(a):
            return k * a if a > 1 else a / k

        return lambda x, g=inner: g(x[0]) + inner(x[1]) * x[2]

    two, three = same(outer(2.0)), same(outer(3.0))
    assert not np.allclose(two, three)


def test_two_functions_share_what_they_call():
    callees._compiled.clear()
    same(lambda x: scaled(x[0]) * x[1])
    known = len(callees._compiled)
    assert known == 3
    same(lambda x: scaled(x[0]) + x[1])
    assert len(callees._compiled) == known


def _factorial(n):
    return 1.0 if n < 1 else n * _factorial(n - 1)


def _keyword(a, *, b=2.0):
    return a * b


NAMES = {"FACTORS": np.ones(3)}


def _lookup(a):
    return a * NAMES["FACTORS"][0]


REFUSED = {
    "recursive": (lambda x: _factorial(3) * x[0], "calls itself; write a loop"),
    "keyword-only": (lambda x: _keyword(x[0]), "keyword-only arguments Numba gives no defaults"),
    "of Python": (statistics.fmean, "Numba cannot compile f"),
    "captures a dict": (lambda x: _lookup(x[0]), "it captures 'NAMES', a dict"),
}


@pytest.mark.parametrize(("f", "text"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(f, text):
    with pytest.raises(EngineError, match=text):
        fastgrad.gradient(f, P, batch=True, engine="jit")


def test_a_refusal_is_remembered(monkeypatch):
    def f(x):
        return np.sum(np.array([str(v) for v in x]).astype(float))

    reasons = []
    for _ in range(2):
        with pytest.raises(EngineError) as caught:
            fastgrad.gradient(f, P, batch=True, engine="jit")
        reasons.append(str(caught.value))
        monkeypatch.setattr(functions, "compiling", None)  # the second time nothing is compiled
    assert reasons[0] == reasons[1]


def test_a_refusal_is_remembered_for_other_numbers(monkeypatch):
    made = []
    monkeypatch.setattr(functions, "compiling", lambda inner=functions.compiling: made.append(1) or inner())
    weight: float = 1.0

    def f(x):
        return weight * float(str(x[0]))

    for weight in (1.0, 2.0, 3.0):  # noqa: B007  f reads it
        with pytest.raises(EngineError, match="Numba cannot compile f: "):
            fastgrad.gradient(f, P, batch=True, engine="jit")
    assert len(made) == 1
    for weight in (1, 2):  # noqa: B007  by whole numbers Numba may tell types apart
        with pytest.raises(EngineError, match="Numba cannot compile f: "):
            fastgrad.gradient(f, P, batch=True, engine="jit")
    assert len(made) == 3


def test_a_frozen_function_stays_as_it_was():
    value = 2.0

    def f(x):
        return value * x

    copy = callees.frozen(f, checked=True, raises=True)
    value = 3.0
    assert (copy(1.0), f(1.0)) == (2.0, 3.0)


def _texts(a):
    return float(str(a))


def _through(a):
    return 2.0 * _texts(a)


@njit
def _attribute(a):
    return a.nothing


BLAMED = {
    "itself": (lambda x: float(str(x[0])), "compile f: "),
    "a function": (lambda x: _texts(x[0]) + x[1], "compile '_texts', which f calls: "),
    "a function's function": (lambda x: _through(x[0]), "compile '_texts', which f calls: "),
    "one that the user compiled": (
        lambda x: _attribute(x[0]),
        "compile '_attribute', which f calls: Unknown",
    ),
    "f, that calls another one": (lambda x: _parabola(x[0]) + float(str(x[0])), "compile f: "),
}


def _parabola(a):
    return a * a


@pytest.mark.parametrize(("f", "text"), BLAMED.values(), ids=BLAMED)
def test_a_refusal_names_the_function_that_numba_refuses(f, text):
    for _ in range(2):
        with pytest.raises(EngineError, match=f"engine='jit' cannot run this function: Numba cannot {text}"):
            fastgrad.gradient(f, P, batch=True, engine="jit")


def test_a_called_function_that_is_replaced_between_calls(monkeypatch):
    def f(x):
        return _parabola(x[0]) + x[1]

    module = sys.modules[__name__]
    for power in (2, 3):
        monkeypatch.setattr(module, "_parabola", lambda a, power=power: a**power)
        found = fastgrad.gradient(f, P, batch=True, engine="jit")
        np.testing.assert_allclose(found[:, 0], power * P[:, 0] ** (power - 1), rtol=1e-8)


def test_functions_of_another_module(tmp_path, monkeypatch):
    (tmp_path / "shapes_of_users.py").write_text("SCALE = 2.0\ndef scaled(a, b=3.0): return SCALE * b * a\n")
    monkeypatch.syspath_prepend(tmp_path)
    import shapes_of_users

    scaled = shapes_of_users.scaled

    def f(x):
        return scaled(x[0]) + scaled(x[1], 1.0)

    for scale in (2.0, 5.0):
        shapes_of_users.SCALE = scale
        found = fastgrad.gradient(f, P, batch=True, engine="jit")
        np.testing.assert_allclose(found, np.tile([3.0 * scale, scale, 0.0], (len(P), 1)), rtol=1e-8)


@njit
def _power(a, n):
    return 1.0 if n < 1 else a * _power(a, n - 1)


def test_a_function_of_the_users_that_numba_lets_call_itself():
    f = lambda x: _power(x[0], 3) * x[1]
    np.testing.assert_allclose(
        fastgrad.gradient(f, P, batch=True, engine="jit"), fastgrad.gradient(lambda x: x[0] ** 3 * x[1], P, batch=True),
        rtol=1e-8, atol=1e-8,
    )  # fmt: skip
    assert fastgrad.gradient(njit(lambda x: _power(x[0], 3)), P, batch=True, engine="jit").shape == P.shape

"""Programs that lie are refused; the checks leave arrays and random numbers as they were."""

import contextlib
import random

import numpy as np
import pytest

import fastgrad
from fastgrad import EngineError, numerical_gradient, weight_gradient
from fastgrad.arrays import agreement, blocks, cost, losses, rules, summing, sweep
from fastgrad.arrays.nodes import RefusedError
from fastgrad.arrays.randomness import random_numbers_kept
from fastgrad.arrays.recorder import FUNCTIONS
from fastgrad.arrays.recording import record
from fastgrad.arrays.sweep import roundings
from fastgrad.book import loop
from fastgrad.formulas.stencils import stencil
from fastgrad.results import EPS

X = np.random.default_rng(0).normal(size=(6, 5))


def weights():
    return {"W": np.random.default_rng(1).normal(size=(5, 3)), "b": np.linspace(-1.0, 1.0, 3)}


def loss(p):
    return np.sum(np.tanh(X @ p["W"] + p["b"]) ** 2) + np.sum(np.flip(p["b"]) * p["b"])


UNITS = pytest.mark.parametrize("unit", [1.0, 1e-15, 1e15])


def in_units(unit):
    return lambda p: unit * loss(p)


@UNITS
def test_a_rule_with_another_value_is_refused(monkeypatch, unit):
    monkeypatch.setitem(FUNCTIONS, np.flip, lambda x: x * 1.0)
    p = weights()
    with pytest.raises(EngineError, match=r"the program gives .* here"):
        weight_gradient(in_units(unit), p, engine="arrays")


@UNITS
def test_a_rule_that_is_right_here_only_is_refused(monkeypatch, unit):
    p = weights()
    fixed = p["b"][::-1].copy()
    monkeypatch.setitem(FUNCTIONS, np.flip, lambda x: x * 0.0 + fixed)
    for options in ({"engine": "arrays"}, {"method": "exact"}):
        with pytest.raises(EngineError, match="with all arrays moved"):
            weight_gradient(in_units(unit), p, **options)


@pytest.mark.filterwarnings("ignore::fastgrad.ConstantFunctionWarning")
@UNITS
def test_right_programs_pass_in_all_units_and_where_the_loss_is_zero(unit):
    p, target = weights(), np.tanh(X @ weights()["W"])
    for f in (in_units(unit), lambda p: unit * np.sum((np.tanh(X @ p["W"]) - target) ** 2) + 0.0 * p["b"][0]):
        expected = weight_gradient(f, p, engine="python")
        for options in ({"engine": "arrays"}, {"method": "exact"}):
            found = weight_gradient(f, p, **options)
            for name in p:
                np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=1e-8 * unit)


@UNITS
def test_a_wrong_rule_of_change_is_refused(monkeypatch, unit):
    right = rules._RULES["reduce"]

    def wrong(node, changes, lanes):
        box = right(node, changes, lanes).boxed(node, lanes)
        return box.mapped(box.sets, lambda v: v * 1.001)

    monkeypatch.setitem(rules._RULES, "reduce", wrong)
    with pytest.raises(EngineError, match=r"element \d+ of [Wb] changes the loss by"):
        weight_gradient(in_units(unit), weights(), engine="arrays")


@UNITS
def test_a_wrong_derivative_is_refused(monkeypatch, unit):
    right = sweep._RULES["matmul"]
    monkeypatch.setitem(sweep._RULES, "matmul", lambda *given: [(a, bar * 1.001) for a, bar in right(*given)])
    with pytest.raises(EngineError, match="along an irregular direction"):
        weight_gradient(in_units(unit), weights(), method="exact")


def test_auto_takes_the_loop_then(monkeypatch):
    p, calls = weights(), []
    monkeypatch.setitem(FUNCTIONS, np.flip, lambda x: calls.append(0) or x * 1.0)
    monkeypatch.setattr(losses, "WORTH_A_LOOK", 0)
    monkeypatch.setattr(losses, "MANY", 0)
    monkeypatch.setattr(loop, "FEW", 0)
    found = numerical_gradient(lambda _: loss(p), p["W"])
    assert calls
    assert np.array_equal(found, numerical_gradient(lambda _: loss(p), p["W"], engine="python"))


def test_rules_that_raise_leave_it_to_the_loop(monkeypatch):
    def failing(*_):
        return 1 / 0

    p = weights()
    monkeypatch.setitem(rules._RULES, "matmul", lambda node, changes, lanes: failing() if lanes > 4 else None)
    with pytest.raises(EngineError, match="ZeroDivisionError"):
        numerical_gradient(lambda _: loss(p), p["W"], engine="arrays")
    monkeypatch.setattr(losses, "WORTH_A_LOOK", 0)
    monkeypatch.setattr(losses, "MANY", 0)
    monkeypatch.setattr(cost, "pays", lambda *_: True)
    found = numerical_gradient(lambda _: loss(p), p["W"])
    assert np.array_equal(found, numerical_gradient(lambda _: loss(p), p["W"], engine="python"))


class Stop(Exception):
    pass


@pytest.mark.parametrize("error", [KeyboardInterrupt, Stop])
@pytest.mark.parametrize("at", range(1, 24, 2))
def test_arrays_are_put_back_whenever_it_stops(error, at):
    p, calls = weights(), [0]
    kept = {name: w.tobytes() for name, w in p.items()}

    def stops(q):
        calls[0] += 1
        if calls[0] == at:
            raise error
        return loss(q)

    with contextlib.suppress(KeyboardInterrupt, Stop, EngineError):
        weight_gradient(stops, p, engine="arrays")
    assert {name: w.tobytes() for name, w in p.items()} == kept


def draws(generator):
    def value():
        generator.random()
        return 1.0

    return value


@pytest.mark.parametrize(
    "generator",
    [np.random.default_rng(0), np.random.RandomState(0), random.Random(0)],
    ids=["generator", "state", "random"],
)
def test_generators_are_put_back(generator):
    drawn = generator.random()
    with random_numbers_kept([generator]):
        first = generator.random()
    assert generator.random() == first != drawn


def test_dropout_of_its_own_generator_is_as_in_the_loop():
    rng = np.random.default_rng(3)
    before = rng.bit_generator.state

    def dropout(W):
        return np.sum((X @ W) * (rng.random((6, 3)) > 0.5))

    with pytest.raises(EngineError, match="another value when it is called again"):
        weight_gradient(dropout, weights()["W"], engine="arrays")
    after_one = np.random.default_rng(3)
    after_one.random((6, 3))
    assert rng.bit_generator.state in (before, after_one.bit_generator.state)


def overflows(p):
    return np.sum(p["W"] * (np.exp(p["W"] + 1000.0) > 0))


def test_what_a_loss_raises_or_warns_of_is_for_the_user():
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        weight_gradient(overflows, weights(), engine="arrays")
    w = weights()["W"]
    with np.errstate(over="raise"), pytest.raises(EngineError, match="FloatingPointError"):
        numerical_gradient(lambda W: overflows({"W": W}), w, engine="arrays")
    with pytest.warns(RuntimeWarning, match="overflow"):
        numerical_gradient(lambda W: overflows({"W": W}), w, engine="arrays")


UNSETTLED = {
    "nan": (lambda: np.nan, "its value is nan"), "inf": (lambda: np.inf, "its value is inf"),
    "counter": (iter([1.0, 2.0]).__next__, "another value"), "random": (draws(random), "another value"),
    "numpy": (draws(np.random), "another value"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNSETTLED)
def test_settled(name):
    value, reason = UNSETTLED[name]
    with pytest.raises(RefusedError, match=reason), random_numbers_kept():
        agreement.settled_value(value, [])


def test_a_loss_that_writes_is_refused_and_the_array_put_back():
    w = np.ones(3)

    def writes():
        w[0] += 1.0
        return 1.0

    with pytest.raises(RefusedError, match="writes into its argument"):
        agreement.settled_value(writes, [w])
    assert np.array_equal(w, np.ones(3))


def test_all_elements_that_are_wrong_are_seen_where_they_are_steepest():
    p, formula = {"": np.arange(1.0, 400.0)}, stencil(1, 2, "central")
    recording = record(lambda x: np.sum(x**2), p, lambda arrays: (arrays[""],))
    places, steps = {"": np.arange(399)}, {"": 1e-4}
    found = summing.sums(recording, blocks.families(recording), places, steps, formula)

    def quotient(w, place, h):
        return 2 * h * 2 * w[place]

    agreement.check_elements(p, found, places, steps, formula, 1.0, quotient, recording)
    found[""][17] = np.nan
    with pytest.raises(RefusedError, match="element 17 of the array"):
        agreement.check_elements(p, found, places, steps, formula, 1.0, quotient, recording)
    found[""][17] = 1e9
    with pytest.raises(RefusedError, match="element 17"):
        agreement.check_elements(p, found, places, steps, formula, 1.0, quotient, recording)


OWN_WAYS = {
    "equal": lambda w: np.where(w == 0.0, 0.0, np.tanh(w)),
    "sides": lambda w: np.where(w > 0.0, w, 0.0) - np.where(w < 0.0, -w, 0.0),
    "sign": lambda w: np.sign(w) * np.log1p(np.abs(w)),
}


@pytest.mark.parametrize("name", OWN_WAYS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_way_that_only_some_weights_go(name, dtype):
    for w in (np.zeros(4, dtype), np.linspace(0.0, 1.0, 4, dtype=dtype)):
        with pytest.raises(EngineError, match="goes a way of its own here"):
            weight_gradient(lambda _, w=w: np.sum(OWN_WAYS[name](w)), w, method="exact")


@pytest.mark.filterwarnings("ignore:every difference is zero")
@pytest.mark.parametrize(
    "f", [np.abs, lambda w: np.maximum(w, 0.0), lambda w: np.where(w > 0.0, w, 0.0)], ids=["abs", "maximum", "where"]
)
def test_kinks_are_no_ways_of_their_own(f):
    w = np.zeros(4)
    found = weight_gradient(lambda _: np.sum(f(w)), w, method="exact")
    assert set(found.tolist()) <= {0.0, 0.5}


def test_a_perfect_fit_is_judged_by_its_roundings():
    """-log(1 + 1e-7): a value of 1e-7 whose differences have the roundings of 1."""
    data, labels = np.random.default_rng(3).normal(size=(30, 4)), np.arange(30) % 3
    data[:, 3] = 0.0
    data[np.arange(30), labels] += 33.0

    def loss(w):
        z = data @ w.reshape(4, 3)
        e = np.exp(z - np.max(z, axis=1, keepdims=True))
        return -np.sum(np.log((e / np.sum(e, axis=1, keepdims=True))[np.arange(30), labels] + 1e-7)) / 30

    w = np.eye(4, 3).reshape(-1)
    assert abs(loss(w) + 1e-7) < 1e-12
    found = fastgrad.gradient(loss, w, engine="arrays", h=1e-3)
    np.testing.assert_allclose(found, 0.0, atol=1e-11)
    recording = record(loss, {"": w}, lambda arrays: (arrays[""],))
    assert 1e-16 < roundings(recording) < 1e-13


def test_roundings_are_those_of_the_numbers_that_are_added():
    w = np.array([1e8, 1.0])
    recording = record(lambda w: np.sum(w) - 1e8, {"": w}, lambda arrays: (arrays[""],))
    assert 1e8 * EPS <= roundings(recording) <= 4e8 * EPS

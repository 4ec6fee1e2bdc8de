"""Blocks: every stencil, any places, cut anywhere."""

import numpy as np
import pytest

from fastgrad.arrays import blocks, summing
from fastgrad.arrays.recording import record
from fastgrad.engine.python import mutation
from fastgrad.formulas.stencils import stencil

X = np.random.default_rng(0).normal(size=(6, 5))


def params():
    rng = np.random.default_rng(1)
    return {"W": rng.normal(size=(5, 4)) / 2, "b": rng.normal(size=4), "V": rng.normal(size=(4, 3)), "s": np.array(0.3)}


def loss(p):
    h = np.tanh(X @ p["W"] + p["b"])
    y = np.exp(h @ p["V"] * p["s"])
    return np.mean(y / y.sum(axis=1, keepdims=True) * np.arange(3)) + np.max(h)


def recorded(p):
    return record(loss, p, lambda arrays: (dict(arrays),))


def found(p, places, steps, formula):
    recording = recorded(p)
    return summing.sums(recording, blocks.families(recording), places, steps, formula)


ALL = [
    (m, o) for m, orders in (("central", (2, 4, 6, 8)), ("forward", (1, 2, 5, 8)), ("backward", (1, 3))) for o in orders
]


@pytest.mark.parametrize(("method", "order"), ALL)
def test_every_stencil_is_that_of_the_loop(method, order):
    p, formula = params(), stencil(1, order, method)
    places = {name: np.arange(w.size) for name, w in p.items()}
    steps = {name: np.full(w.shape, 1e-3) for name, w in p.items()}
    loop = mutation.sums(lambda: float(loss(p)), list(p.values()), list(places.values()), list(steps.values()), formula)
    for own, other in zip(found(p, places, steps, formula).values(), loop, strict=True):
        np.testing.assert_allclose(own, other, rtol=0, atol=1e-12 * sum(abs(n) for n, _, _ in formula.terms))


def test_some_places_in_any_order():
    p, formula, rng = params(), stencil(1, 2, "central"), np.random.default_rng(3)
    whole = {name: np.arange(w.size) for name, w in p.items()}
    steps = {name: rng.uniform(1e-4, 1e-3, w.size) for name, w in p.items()}
    every = found(p, whole, steps, formula)
    places = {name: rng.permutation(w.size)[: w.size // 2] for name, w in p.items()}
    some = found(p, places, steps, formula)
    assert not len(some["s"])
    for name, numbers in places.items():
        np.testing.assert_allclose(some[name], every[name][numbers], rtol=0, atol=1e-15)


@pytest.mark.parametrize("size", [1, 37, 200, 3000])
def test_blocks_cut_anywhere_give_the_same(size, monkeypatch):
    p, formula = params(), stencil(1, 2, "central")
    places, steps = {n: np.arange(w.size) for n, w in p.items()}, {n: np.full(w.shape, 1e-4) for n, w in p.items()}
    once = found(p, places, steps, formula)
    monkeypatch.setattr(blocks, "BLOCK", size)
    for name, again in found(p, places, steps, formula).items():
        np.testing.assert_allclose(again, once[name], rtol=0, atol=1e-15)


def test_a_column_and_its_bias_go_together():
    recording = recorded(params())
    together = {frozenset(name for name, _ in family.axes) for family in blocks.families(recording)}
    assert frozenset("Wb") in together


def test_two_names_of_one_array_and_arrays_without_elements():
    w, none = np.random.default_rng(0).normal(size=(5, 5)), np.zeros((0, 3))
    p = {"a": w, "b": w, "none": none}
    recording = record(lambda q: np.sum(np.tanh(q["a"]) @ q["b"]) + q["none"].sum(), p, lambda a: (dict(a),))
    places = {"a": np.arange(25), "b": np.arange(25), "none": np.arange(0)}
    steps = {"a": 1e-4, "b": 1e-4, "none": 1e-4}
    sums = summing.sums(recording, blocks.families(recording), places, steps, stencil(1, 2, "central"))
    assert np.array_equal(sums["a"], sums["b"])
    assert sums["a"].all()
    assert sums["none"].shape == (0,)


def test_progress_is_told_to_the_end():
    p, told = params() | {"unused": np.ones(7)}, []
    recording = recorded(p)
    places = {name: np.arange(w.size) for name, w in p.items()}
    steps = dict.fromkeys(p, 1e-4)
    summing.sums(
        recording, blocks.families(recording), places, steps, stencil(1, 2, "central"), lambda *t: told.append(t)
    )
    assert told[-1] == (44, 44)
    assert told == sorted(told)

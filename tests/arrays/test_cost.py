"""What pays: counted operations, no clock."""

from itertools import pairwise

import numpy as np
import pytest

from fastgrad.arrays import blocks, cost
from fastgrad.arrays.recording import record
from fastgrad.formulas.stencils import stencil

CENTRAL = stencil(1, 2, "central")


def net(inputs, hidden, outputs, rows, layers=1):
    rng = np.random.default_rng(0)
    x, sizes = rng.normal(size=(rows, inputs)), [inputs, *[hidden] * layers, outputs]
    params = {f"W{k}": rng.normal(size=pair) / 9 for k, pair in enumerate(pairwise(sizes))}
    params |= {f"b{k}": np.zeros(n) for k, n in enumerate(sizes[1:])}

    def loss(p):
        out = x
        for k in range(layers + 1):
            out = np.tanh(out @ p[f"W{k}"] + p[f"b{k}"])
        return np.mean(out**2)

    return loss, params


def judged(loss, params, formula=CENTRAL, part=1):
    recording = record(loss, params, lambda arrays: (dict(arrays),))
    chosen = blocks.families(recording)
    places = {name: np.arange(w.size)[::part] for name, w in params.items()}
    pays = cost.may_pay(recording, places, formula) and cost.pays(recording, chosen, places, formula)
    return recording, chosen, places, pays


@pytest.mark.parametrize(
    ("sizes", "pays"),
    [((2, 3, 2, 4), False), ((10, 10, 3, 10), False), ((784, 50, 10, 100), True), ((400, 40, 10, 500), True)],
)
def test_small_nets_stay_with_the_loop(sizes, pays):
    assert judged(*net(*sizes))[-1] is pays


def test_few_elements_stay_with_the_loop():
    loss, params = net(100, 50, 10, 100)
    assert judged(loss, params)[-1]
    assert not judged(loss, params, part=1000)[-1]


def test_a_loss_in_which_all_changes_with_each_element_stays_with_the_loop():
    w = np.ones(60)
    mixing = np.random.default_rng(0).normal(size=(4, 60, 60)) / 8

    def loss(p):
        x = p["w"]
        for m in mixing:
            x = np.tanh(m @ x)
        return x @ x

    assert not judged(loss, {"w": w})[-1]


def test_it_is_a_function_of_the_loss_only():
    loss, params = net(50, 20, 5, 40)
    first, again = judged(loss, params), judged(loss, {name: w + 1.0 for name, w in params.items()})
    assert first[-1] == again[-1]
    assert cost.of_loop(first[0], 1000, CENTRAL) == cost.of_loop(again[0], 1000, CENTRAL)
    assert cost.of_blocks(*first[:3][:2], first[2], CENTRAL) == cost.of_blocks(again[0], again[1], again[2], CENTRAL)


def test_more_displacements_cost_more():
    recording, chosen, places, _ = judged(*net(50, 20, 5, 40))
    wide = stencil(1, 8, "central")
    assert cost.of_loop(recording, 100, wide) == 4 * cost.of_loop(recording, 100, CENTRAL)
    assert cost.of_blocks(recording, chosen, places, wide) > 2 * cost.of_blocks(recording, chosen, places, CENTRAL)


def test_a_bias_is_seen_to_stay_with_the_loop_before_its_blocks_are_known():
    loss, params = net(300, 50, 10, 60)
    some = {"b0": params["b0"]}
    recording = record(lambda p: loss(params | p), some, lambda arrays: (dict(arrays),))
    places = {"b0": np.arange(50)}
    assert not cost.may_pay(recording, places, CENTRAL)
    assert not cost.pays(recording, blocks.families(recording), places, CENTRAL)


def test_what_pays_may_pay():
    for sizes in ((784, 50, 10, 100), (400, 40, 10, 500)):
        recording, chosen, places, _ = judged(*net(*sizes))
        assert cost.may_pay(recording, places, CENTRAL)
        assert cost.pays(recording, chosen, places, CENTRAL)


def test_no_block_takes_less_than_its_elements_alone():
    for sizes in ((784, 50, 10, 100), (10, 10, 3, 10)):
        recording, chosen, places, _ = judged(*net(*sizes))
        least = blocks.least_work(recording)
        assert set(least) == set(places)
        for family in chosen:
            assert family.work >= max(least[name] for name, _ in family.axes)
        assert not cost.may_pay(recording, places, CENTRAL, dict.fromkeys(places, 1e9))


def test_writing_into_a_part_counts_that_part():
    def loss(p):
        columns = np.zeros((50, 9, 100))
        for k in range(9):
            columns[:, k] = p["w"][k : k + 100]
        return np.sum(columns)

    recording = record(loss, {"w": np.ones(108)}, lambda arrays: (dict(arrays),))
    assert recording.operations < 3 * 50 * 9 * 100

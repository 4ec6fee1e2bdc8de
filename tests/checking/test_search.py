"""Planted errors are found, and the elements named."""

import numpy as np
import pytest

from fastgrad import check_gradient
from fastgrad.checking.rays import Slope
from fastgrad.checking.search import by_difference, by_gap, search
from fastgrad.checking.slopes import Loss
from tests.checking.reports import hints, named


@pytest.mark.parametrize("seed", range(20))
def test_one_element_of_ten_thousand_that_is_3_percent_off(many, seed):
    f, g, x = many
    grad = g(x)
    big = np.flatnonzero(np.abs(grad) > 0.3)
    place = int(np.random.default_rng(seed).choice(big))
    right, grad[place] = grad[place], 1.03 * grad[place]
    report = check_gradient(f, grad, x, rng=seed, raises=False)
    assert report.verdict == "wrong"
    assert named(report) == [("x", (place,))]
    (worst,) = report.worst
    assert worst.analytic == pytest.approx(grad[place], rel=1e-9)
    assert worst.numerical == pytest.approx(right, rel=1e-4)
    assert worst.error == pytest.approx(0.03 / 1.03, rel=1e-2)
    assert "all other elements agree" in hints(report)


def test_elements_that_are_swapped_do_not_cancel(many):
    f, g, x = many
    for seed in range(10):
        grad = g(x)
        grad[[17, 4711]] = grad[[4711, 17]]
        report = check_gradient(f, grad, x, rng=seed, raises=False)
        assert set(named(report)) == {("x", (17,)), ("x", (4711,))}


def test_one_wrong_weight_of_a_network(net):
    network, x, t = net
    grads = network.gradient(x, t)
    place = tuple(map(int, np.unravel_index(np.abs(grads["W1"]).argmax(), grads["W1"].shape)))
    grads["W1"][place] *= 1.03
    report = check_gradient(lambda _: network.loss(x, t), grads, network.params, raises=False)
    assert named(report) == [("W1", place)]


def test_single_precision():
    x = np.random.default_rng(9).standard_normal(100).astype(np.float32)
    f = lambda x: np.sum(np.sin(x))
    assert check_gradient(f, np.cos, x).verdict == "ok"
    assert check_gradient(f, np.cos, x, elementwise=True).verdict == "ok"
    for place, elementwise in [(3, False), (98, True)]:
        grad = np.cos(x)
        grad[place] *= -1
        assert (("x", (place,))) in named(check_gradient(f, grad, x, raises=False, elementwise=elementwise))


def test_half_precision_finds_a_sign_error():
    x = np.array([0.5, 1.0], dtype=np.float16)
    assert check_gradient(lambda x: np.sum(x * x), 2 * x, x, raises=False).verdict != "wrong"
    assert check_gradient(lambda x: np.sum(x * x), -2 * x, x, raises=False).verdict == "wrong"


def test_an_error_among_many_kinks():
    x = np.zeros(40)
    x[:20] = np.random.default_rng(0).standard_normal(20)
    weight = np.arange(1.0, 41.0)
    grad = (x > 0) * weight
    place = int(np.flatnonzero(x > 0)[2])
    f = lambda x: np.sum(np.maximum(x, 0) * weight)
    assert check_gradient(f, grad, x).verdict == "kink"
    grad[place] *= 1.03
    assert named(check_gradient(f, grad, x, raises=False)) == [("x", (place,))]


def test_an_error_among_too_many_kinks_to_name():
    x, weight = np.zeros(200), np.random.default_rng(0).standard_normal(200)
    x[:5] = 1.0
    f, grad = lambda x: np.sum(weight * np.abs(x)), weight * np.sign(x)
    report = check_gradient(f, grad, x)
    assert (report.verdict, "elementwise=True" in hints(report)) == ("kink", True)
    grad[2] *= 1.5
    assert named(check_gradient(f, grad, x, raises=False)) == [("x", (2,))]


@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        ({"a": [0]}, set()),
        ({"b": [0]}, {"b"}),
        ({"b": [0, 1, 2]}, set()),
        ({"a": [0], "b": [1]}, {"b"}),
        ({"a": [0], "b": [0, 1, 2]}, set()),
    ],
    ids=["the only one", "one of three", "all of three", "some", "all"],
)
def test_others_agree_where_there_are_others(wrong, names):
    params = {"a": np.array([1.0]), "b": np.array([1.0, 2.0, 3.0]), "c": np.ones(2)}
    grads = {name: 2.0 * w for name, w in params.items()}
    for name, places in wrong.items():
        grads[name][places] *= 1.5
    report = check_gradient(lambda p: sum(np.sum(w**2) for w in p.values()), grads, params, raises=False)
    assert {e.name: e.verdict for e in report.worst} == dict.fromkeys(wrong, "wrong")
    assert {a.name for a in report.arrays if "all other elements agree" in a.hints} == names


def planted(wrong, most=10, evaluations=1000, n=64):
    """What a search finds where some elements of the gradient of a quadratic form are wrong."""
    x = np.random.default_rng(0).standard_normal(n)
    loss = Loss(lambda: np.sum(x**2), {"x": x}, None, 0.0)
    g = 2.0 * x
    g[wrong] += 1.0
    loss.set_gradient(g)
    line, before = loss.line(np.arange(n), np.random.default_rng(1)), loss.evaluations
    axes = search(loss, line, by_difference, True, evaluations, most)
    return sorted(int(axis.where[0]) for axis in axes), {axis.verdict for axis in axes}, loss.evaluations - before


@pytest.mark.parametrize("wrong", [[0], [63], [5, 40], [31, 32, 33]])
def test_halves_lead_to_the_wrong_elements(wrong):
    found, verdicts, evaluations = planted(wrong)
    assert found == wrong
    assert verdicts == {"wrong"}
    assert evaluations <= len(wrong) * (2 * 2 * 6 + 20)


def test_a_search_ends():
    assert len(planted(list(range(64)), most=3)[0]) == 3
    assert planted([7], evaluations=0)[0] == []
    assert planted([])[0] == []


def test_measures_have_no_sign():
    slope = Slope(0.5, 1.0, 2.0, 5.0, 4.0)
    assert (by_difference(slope), by_gap(slope)) == (3.0, 3.0)

"""Right gradients pass, with certainty and for some thirty evaluations."""

import numpy as np
import pytest

from fastgrad import ConstantFunctionWarning, check_gradient, nn
from fastgrad.checking.slopes import Loss
from fastgrad.checking.survey import Survey
from tests.checking.reports import hints, named


def right(rng):
    """A function of up to 300 variables of various sizes, its gradient, a point."""
    n = int(rng.choice([1, 2, 5, 30, 300]))
    a, x, size = rng.standard_normal(n), rng.standard_normal(n), 10.0 ** rng.integers(-4, 5)
    single = x.astype(np.float32)
    return [
        (lambda x: size * np.sum(a * np.sin(x)), lambda x: size * a * np.cos(x), 10 * x),
        (lambda x: size * np.exp(a @ x / n), lambda x: size * np.exp(a @ x / n) * a / n, x),
        (lambda x: 100.0 + np.sum(x**2), lambda x: 2 * x, 3 * x),
        (lambda x: size * np.sum(x**4), lambda x: 4 * size * x**3, x),
        (lambda x: np.sum(np.log1p(x * x)), lambda x: 2 * x / (1 + x * x), x),
        (lambda x: np.sum(np.maximum(x, 0.1 * x) * a), lambda x: np.where(x > 0, a, 0.1 * a), x),
        (lambda x: np.sum(np.sin(x)), np.cos, single),
        (lambda x: np.sqrt(1 + np.sum(x * x)), lambda x: x / np.sqrt(1 + np.sum(x * x)), x),
    ][rng.integers(8)]


def test_a_thousand_right_gradients_pass():
    rng, verdicts = np.random.default_rng(3), []
    for seed in range(1000):
        f, g, x = right(rng)
        verdicts.append(check_gradient(f, g, x, rng=seed, raises=False).verdict)
    assert {"wrong", "inconclusive"}.isdisjoint(verdicts)
    assert verdicts.count("kink") <= 5


def test_a_hundred_right_gradients_pass_element_by_element():
    rng = np.random.default_rng(4)
    for seed in range(100):
        f, g, x = right(rng)
        assert check_gradient(f, g, x, rng=seed, elementwise=x.size <= 30, sample=None if x.size <= 30 else 20).ok


def test_evaluations_of_a_right_gradient_are_thirty(many):
    f, g, x = many
    calls = []

    def counted(x):
        calls.append(1)
        return f(x)

    report = check_gradient(counted, g, x)
    assert report.evaluations == len(calls) <= 30


@pytest.mark.parametrize("activation", sorted(nn.ACTIVATIONS))
@pytest.mark.parametrize("loss", nn.LOSSES)
def test_networks(activation, loss):
    rng = np.random.default_rng(5)
    network = nn.MLP((5, 4, 3), activation, loss, rng=rng)
    x, t = rng.random((6, 5)), rng.integers(0, 3, 6) if "cross" in loss else rng.random((6, 3))
    for options in ({}, {"elementwise": True}):
        assert check_gradient(
            lambda _: network.loss(x, t), lambda _: network.gradient(x, t), network.params, **options
        ).ok
    assert check_gradient(lambda _: network.loss(x, t), network.numerical_gradient(x, t), network.params).ok


def test_two_layer_net_takes_thirty_evaluations(net):
    network, x, t = net
    before = {name: w.copy() for name, w in network.params.items()}
    report = check_gradient(lambda _: network.loss(x, t), lambda _: network.gradient(x, t), network.params)
    assert report.verdict == "ok"
    assert report.evaluations <= 30
    assert all(network.params[name].tobytes() == w.tobytes() for name, w in before.items())
    assert [a.name for a in report.arrays] == ["W1", "b1", "W2", "b2"]


def test_simple_net():
    network, x, t = nn.SimpleNet(), np.array([0.6, 0.9]), np.array([0, 0, 1])
    assert check_gradient(lambda _: network.loss(x, t), network.gradient(x, t)["W1"], network.W, elementwise=True).ok


def test_relu_network_with_dead_units():
    rng = np.random.default_rng(6)
    network = nn.MLP((6, 5, 3), "relu", rng=rng)
    x, t = rng.random((8, 6)), rng.integers(0, 3, 8)
    x[2] = 0.0  # every unit of this sample sits at the kink, as the biases are 0
    report = check_gradient(lambda _: network.loss(x, t), lambda _: network.gradient(x, t), network.params)
    assert {a.name: a.verdict for a in report.arrays}["b1"] == "kink"


def test_sample():
    grad = np.ones(50)
    grad[7] = 2.0
    report = check_gradient(np.sum, grad, np.zeros(50), sample=50, raises=False)
    assert (report.mode, report.checked, named(report)) == ("sample", 50, [("x", (7,))])
    assert check_gradient(np.sum, np.ones(50), np.zeros(50), sample=5).checked == 5


def test_a_function_that_does_not_react():
    inner = np.array([1.0, 2.0])
    f = lambda x: np.sum(inner**2)
    assert "closure" in hints(check_gradient(f, 2 * inner, inner.copy(), raises=False))
    with pytest.warns(ConstantFunctionWarning, match="closure"):
        assert check_gradient(f, np.zeros(2), inner.copy()).ok


def survey(claimed, f=None):
    """A survey of a sum of squares of two arrays."""
    arrays = {"a": np.arange(1.0, 7.0).reshape(2, 3), "b": np.array([3.0, -1.0])}
    value = f or (lambda: sum(np.sum(w**2) for w in arrays.values()))
    return Survey(Loss(value, arrays, None, 0.0), claimed(arrays), True, np.random.default_rng(0))


def test_a_missing_gradient_and_a_turned_one_are_wrong_before_any_line():
    found = survey(lambda w: {"a": 2.0 * w["a"].T, "b": None})
    assert found.verdicts == {"a": ["wrong"], "b": ["wrong"]}
    assert "(3, 2), that of x (2, 3)" in found.hints["a"][0]
    assert "no entry of this name" in found.hints["b"][0]


def test_elements_that_are_not_finite_need_no_line():
    def broken(w):
        g = {name: 2.0 * part for name, part in w.items()}
        g["a"][1, 2] = np.nan
        return g

    report = survey(broken).lines()
    by_name = {array.name: array for array in report.arrays}
    assert (by_name["a"].verdict, by_name["b"].verdict) == ("wrong", "ok")
    assert [(e.name, e.index) for e in report.worst if e.verdict == "wrong"] == [("a", (1, 2))]
    assert np.isnan(report.worst[0].analytic)
    assert report.worst[0].numerical == pytest.approx(12.0)


def test_a_function_that_reacts_to_nothing_is_constant():
    right = lambda w: {name: 2.0 * part for name, part in w.items()}
    assert survey(right, lambda: 3.0).constant
    assert not survey(right).constant


@pytest.mark.parametrize("sample", [0, 9, True, 1.5])
def test_samples_are_some_of_the_elements(sample):
    right = survey(lambda w: {name: 2.0 * part for name, part in w.items()})
    with pytest.raises(ValueError, match="from 1 to the 8 elements"):
        right.elements(sample)
    report = right.elements(5)
    assert (report.mode, report.checked) == ("sample", 5)


@pytest.mark.parametrize("claimed", [[1e8, 2.0, 1.0], [1e8, 1.0, -1.0], [1e8, 1.0, 0.0], [1.001e8, 1.0, 1.0]])
def test_small_elements_beside_a_large_one(claimed):
    def f(x):
        return 1e8 * x[0] + x[1] + x[2]

    for seed in range(5):
        report = check_gradient(f, np.array(claimed), np.ones(3), raises=False, rng=seed)
        wrong = [k for k, (a, b) in enumerate(zip(claimed, [1e8, 1.0, 1.0], strict=True)) if a != b]
        assert report.verdict == "wrong"
        assert [e.index[0] for e in report.worst] == wrong
        right = check_gradient(f, np.array([1e8, 1.0, 1.0]), np.ones(3), rng=seed)
        assert (right.verdict, right.evaluations) == ("ok", 33)  # three for a value that might be rounded


def test_elements_of_all_sizes():
    """One of forty is off by a tenth, where the rounding of f lets it be seen."""
    sizes, x = np.logspace(-6, 6, 40), np.linspace(0.1, 1.0, 40)

    def f(x):
        return np.sum(sizes * np.sin(x))

    right = sizes * np.cos(x)
    assert all(check_gradient(f, right, x, rng=seed).verdict == "ok" for seed in range(20))
    for k in range(16, 40):
        wrong = np.where(np.arange(40) == k, 1.1, 1.0) * right
        assert check_gradient(f, wrong, x, raises=False, rng=k).verdict == "wrong"


@pytest.mark.parametrize("elementwise", [False, True])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3, 1e6])
def test_the_resolution_is_an_error_that_is_seen_whatever_the_scale_of_x(scale, elementwise):
    x = scale * np.array([0.5, -1.5, 2.0])

    def f(x):
        return np.sum(x**2)

    report = check_gradient(f, 2 * x, x, elementwise=elementwise)
    error = report.arrays[0].resolution
    assert error < 1e-3 * scale
    off = 2 * x + np.array([0.0, 1.01 * error, 0.0])
    assert check_gradient(f, off, x, elementwise=elementwise, raises=False).verdict == "wrong"

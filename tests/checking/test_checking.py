"""check_gradient: right gradients pass, planted errors are found and named,
kinks and noise are told apart from errors."""

import json
import signal

import numpy as np
import pytest

import fastgrad
import fastgrad.variable as F
from fastgrad import ConstantFunctionWarning, Variable, check_gradient, nn

N = 10_000
STEP = 2.0**-18  # of one element of size up to 1, in float64


@pytest.fixture
def many():
    """A function of 10 000 variables, its gradient, a point."""
    rng = np.random.default_rng(0)
    c, x = rng.standard_normal(N), rng.standard_normal(N)
    return lambda x: np.sum(c * np.sin(x) + 0.1 * x**2), lambda x: c * np.cos(x) + 0.2 * x, x


@pytest.fixture
def net():
    """The book's network with 39 760 weights, inputs and labels."""
    rng = np.random.default_rng(1)
    network = nn.MLP((784, 50, 10), rng=rng)
    return network, rng.random((20, 784)), rng.integers(0, 10, 20)


def matrix():
    rng = np.random.default_rng(2)
    A, W = rng.standard_normal((7, 6)), rng.standard_normal((6, 6))
    return lambda W: np.sum(np.sin(A @ W)), lambda W: A.T @ np.cos(A @ W), W


def named(report):
    return [(e.name, e.index) for e in report.worst if e.verdict == "wrong"]


def hints(report):
    return " ".join(hint for a in report.arrays for hint in a.hints)


def absolute(x):
    return np.sum(np.abs(x))


# --- right gradients -------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("activation", sorted(nn.networks.ACTIVATIONS))
@pytest.mark.parametrize("loss", nn.networks.LOSSES)
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


# --- planted errors --------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        (lambda g: -g, "its sign is flipped"),
        (lambda g: 2 * g, "too large by the factor 2"),
        (lambda g: g / 2, "too small by the factor 2"),
        (lambda g: g / 6, "too small by the factor 6, the length of axis 0"),
        (lambda g: -3.5 * g, "too large by the factor 3.5, and its sign is flipped"),
        (lambda g: g.T, "transposed"),
        (lambda g: 0 * g, "forgotten"),
    ],
    ids=["sign", "twice", "half", "mean", "sign and factor", "transposed", "zero"],
)
@pytest.mark.parametrize("elementwise", [False, True])
def test_hints(change, hint, elementwise):
    f, g, W = matrix()
    report = check_gradient(f, change(g(W)), W, raises=False, elementwise=elementwise)
    assert report.verdict == "wrong"
    assert hint in hints(report)
    assert named(report)


def test_hint_of_a_forgotten_weight_decay():
    f, g, W = matrix()
    report = check_gradient(lambda W: f(W) + 0.05 * np.sum(W**2), g, W, raises=False)
    assert "0.1 * x" in hints(report)


@pytest.mark.parametrize("turn", [np.transpose, lambda g: g.T.reshape(g.shape)], ids=["shape", "reshape"])
def test_transposed_matrix_that_is_not_square(turn):
    A = np.random.default_rng(7).standard_normal((4, 3))
    W = np.random.default_rng(8).standard_normal((3, 5))
    report = check_gradient(lambda W: np.sum(np.sin(A @ W)), lambda W: turn(A.T @ np.cos(A @ W)), W, raises=False)
    assert report.verdict == "wrong"
    assert "write .T" in hints(report)


def test_gradients_of_two_arrays_swapped():
    params = {"a": np.array([0.1, 0.2, 0.3]), "b": np.array([0.7, 0.5, 0.6])}
    grad = {"a": np.cos(params["b"]), "b": -np.sin(params["a"])}
    f = lambda p: np.sum(np.cos(p["a"]) + np.sin(p["b"]))
    report = check_gradient(f, grad, params, raises=False)
    assert "this is the gradient of b" in hints(report)


@pytest.mark.parametrize("forget", [lambda g: g.pop("b1"), lambda g: g["b1"].fill(0)], ids=["missing", "zero"])
def test_a_forgotten_parameter(net, forget):
    network, x, t = net
    grads = network.gradient(x, t)
    forget(grads)
    report = check_gradient(lambda _: network.loss(x, t), grads, network.params, raises=False)
    assert {a.name: a.verdict for a in report.arrays} == {"W1": "ok", "b1": "wrong", "W2": "ok", "b2": "ok"}
    assert "forgotten" in hints(report)
    assert {e.name for e in report.worst} == {"b1"}


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


def test_sample():
    grad = np.ones(50)
    grad[7] = 2.0
    report = check_gradient(np.sum, grad, np.zeros(50), sample=50, raises=False)
    assert (report.mode, report.checked, named(report)) == ("sample", 50, [("x", (7,))])
    assert check_gradient(np.sum, np.ones(50), np.zeros(50), sample=5).checked == 5


def test_tolerances():
    x = np.array([1.0, 2.0])
    f, g = lambda x: np.sum(x**2), lambda x: 2 * x * 1.001
    assert check_gradient(f, g, x, raises=False).verdict == "wrong"
    assert check_gradient(f, g, x, rtol=0.01).ok
    assert check_gradient(f, g, x, atol=0.01).ok
    assert check_gradient(f, g, x, atol=0.01, elementwise=True).ok


# --- kinks and noise -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("away", [0.0, 0.01, 0.3, 0.8, 1.2, 1.9, 5.0])
@pytest.mark.parametrize("elementwise", [False, True])
def test_kinks_are_no_errors(away, elementwise):
    x = np.array([1.0, away * STEP, -2.0])
    for seed in range(5):
        report = check_gradient(absolute, np.sign, x, rng=seed, elementwise=elementwise)
        if elementwise:
            assert report.verdict == ("kink" if away < 1 else "ok")
            assert all(e.index == (1,) for e in report.worst)
        wrong = check_gradient(absolute, lambda x: -np.sign(x), x, rng=seed, elementwise=elementwise, raises=False)
        assert {("x", (0,)), ("x", (2,))} <= set(named(wrong))


def test_kinks_count_as_errors_on_request():
    x = np.array([1.0, 0.0])
    assert check_gradient(absolute, [1.0, 1.0], x, elementwise=True).verdict == "kink"
    report = check_gradient(absolute, [1.0, 1.0], x, elementwise=True, detect_kinks=False, raises=False)
    assert named(report) == [("x", (1,))]


def test_a_slope_that_no_side_of_a_kink_has_is_wrong():
    report = check_gradient(absolute, [1.0, 1.5], np.array([1.0, 0.0]), elementwise=True, raises=False)
    assert named(report) == [("x", (1,))]


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


@pytest.mark.parametrize("elementwise", [False, True])
def test_functions_that_vary_over_less_than_the_usual_step(elementwise):
    x = np.array([1e4, 1e-6, 3.0])
    f = lambda x: np.sum(np.sin(x)) + np.exp(200 * x[1])
    g = lambda x: np.cos(x) + np.array([0, 200 * np.exp(200 * x[1]), 0])
    assert check_gradient(f, g, x, elementwise=elementwise).ok
    wrong = check_gradient(f, lambda x: -g(x), x, elementwise=elementwise, raises=False)
    assert wrong.verdict == "wrong"


@pytest.mark.parametrize("elementwise", [False, True])
def test_a_step_of_many_periods_allows_no_verdict(elementwise):
    x = np.array([1e6, 2e6])
    report = check_gradient(lambda x: np.sum(np.sin(x)), np.cos, x, elementwise=elementwise, raises=False)
    assert report.verdict != "wrong"


def noisy(kind):
    rng = np.random.default_rng(10)
    if kind == "random":
        return lambda x: 1e-6 * rng.standard_normal()
    return lambda x: 1e-6 * np.sin(1e9 * np.sum(x))


@pytest.mark.parametrize("kind", ["random", "wavy"])
@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("elementwise", [False, True])
def test_noise_allows_no_verdict(kind, size, elementwise):
    x, noise = np.linspace(1.0, 2.0, size), noisy(kind)
    how = {"sample": min(size, 5)} if elementwise else {}
    for seed in range(5):
        report = check_gradient(lambda x: np.sum(x**2) + noise(x), lambda x: 2 * x, x, rng=seed, raises=False, **how)
        assert report.verdict == "inconclusive"
        assert "noisy" in hints(report)
        assert not report.ok
    with pytest.raises(AssertionError, match="noisy"):
        check_gradient(lambda x: np.sum(x**2) + noise(x), lambda x: 2 * x, x)


def test_a_flipped_sign_is_seen_through_noise():
    x, noise = np.linspace(1.0, 2.0, 100), noisy("random")
    assert check_gradient(lambda x: np.sum(x**2) + noise(x), lambda x: -2 * x, x, raises=False).verdict == "wrong"


def test_a_gradient_below_rounding_allows_no_verdict():
    report = check_gradient(lambda x: 1e12 + x[0], [1.0], np.array([1.0]), raises=False)
    assert report.verdict == "inconclusive"
    assert "rounding" in hints(report)


# --- forms -----------------------------------------------------------------------------------------------------------


def test_losses_of_variables():
    x, params = np.array([0.5, 1.0]), {"a": np.array([0.5, 1.0]), "b": np.array([2.0])}
    assert check_gradient(lambda x: np.sum(np.sin(x)), lambda v: F.sum(F.sin(v)), x).verdict == "ok"
    assert check_gradient(lambda v: F.sum(F.sin(v)), Variable, x).verdict == "ok"
    loss = lambda p: F.sum(F.sin(p["a"])) * F.sum(p["b"])
    assert check_gradient(loss, Variable, params).verdict == "ok"
    assert check_gradient(lambda p: np.sum(np.sin(p["a"])) * p["b"], loss, params).verdict == "ok"
    wrong = check_gradient(lambda x: np.sum(np.sin(x)), lambda v: F.sum(F.cos(v)), x, raises=False)
    assert wrong.verdict == "wrong"


@pytest.mark.parametrize("x", [3.0, 3, [1, 2], np.array(2.0), np.arange(3), np.array([[1.0, 2.0]], order="F")])
def test_forms_of_x(x):
    assert check_gradient(lambda x: np.sum(x**3), lambda x: 3 * x**2, x).verdict == "ok"


def test_read_only_and_non_contiguous_arrays():
    whole = np.linspace(0, 1, 12).reshape(3, 4)
    fixed = whole.copy()
    fixed.flags.writeable = False
    for x in (fixed, whole[:, ::2], whole.T):
        before = x.tobytes()
        assert check_gradient(lambda x: np.sum(np.sin(x)), np.cos, x).verdict == "ok"
        assert x.tobytes() == before


def test_further_arguments():
    f, g = lambda x, a, b: a * np.sum(x) + b, lambda x, a, b: np.full(x.shape, a)
    assert check_gradient(f, g, np.ones(3), args=(2.0, 1.0)).verdict == "ok"


def test_empty_arrays():
    assert check_gradient(lambda x: 1.0, np.zeros(0), np.zeros(0)).verdict == "ok"
    params = {"a": np.ones(2), "none": np.zeros((0, 3))}
    assert check_gradient(lambda p: np.sum(p["a"]), {"a": np.ones(2), "none": np.zeros((0, 3))}, params).verdict == "ok"


def test_the_same_call_gives_the_same_report(many):
    f, g, x = many
    assert check_gradient(f, g, x, rng=1) == check_gradient(f, g, x, rng=1)


def test_the_report():
    x = np.array([[0.5, 1.0], [1.5, 2.0]])
    grad = np.cos(x)
    grad[1, 0] += 0.5
    with pytest.raises(AssertionError) as raised:
        check_gradient(lambda x: np.sum(np.sin(x)), grad, x)
    report = check_gradient(lambda x: np.sum(np.sin(x)), grad, x, raises=False)
    assert str(raised.value) == str(report)
    assert "x[1, 0]: analytic 0.570737, numerical 0.0707372, relative error 0.88, step" in str(report)
    facts = json.loads(json.dumps(report.to_dict()))
    assert (facts["ok"], facts["verdict"], facts["worst"][0]["index"]) == (False, "wrong", [1, 0])


def test_not_finite():
    x = np.array([1.0, 2.0])
    report = check_gradient(np.sum, [1.0, np.nan], x, raises=False)
    assert named(report) == [("x", (1,))]
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["worst"][0]["analytic"] is None
    for value in (np.nan, np.inf):
        report = check_gradient(lambda x, value=value: value, [1.0, 1.0], x, raises=False)
        assert (report.verdict, f"f(x) is {value}" in hints(report)) == ("inconclusive", True)
    beside = check_gradient(lambda x: np.log(x[0]) if x[0] == 1.0 else np.nan, [1.0, 0.0], x, raises=False)
    assert beside.verdict == "inconclusive"


def test_a_function_that_does_not_react():
    inner = np.array([1.0, 2.0])
    f = lambda x: np.sum(inner**2)
    assert "closure" in hints(check_gradient(f, 2 * inner, inner.copy(), raises=False))
    with pytest.warns(ConstantFunctionWarning, match="closure"):
        assert check_gradient(f, np.zeros(2), inner.copy()).ok


# --- restored --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fatal", [1, 2, 9, 31, 40])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_arrays_are_restored_when_f_raises(fatal, error):
    params, calls = {"a": np.array([0.1, -0.0, 3.0]), "b": np.ones((2, 2), np.float32)}, []
    before = {name: w.tobytes() for name, w in params.items()}

    def f(p):
        calls.append(1)
        if len(calls) == fatal:
            raise error
        return np.sum(p["a"] ** 2) + np.sum(p["b"])

    with pytest.raises(error):
        check_gradient(f, {"a": np.zeros(3), "b": np.ones((2, 2))}, params)
    assert {name: w.tobytes() for name, w in params.items()} == before


def test_ctrl_c():
    x = np.array([0.1, 0.2])
    before, calls = x.tobytes(), []

    def f(x):
        calls.append(1)
        if len(calls) == 5:
            signal.raise_signal(signal.SIGINT)
        return np.sum(x)

    with pytest.raises(KeyboardInterrupt):
        check_gradient(f, np.ones(2), x)
    assert x.tobytes() == before


def spoil(x):
    x[0] = 7.0
    return x


@pytest.mark.parametrize(
    ("f", "grad"), [(np.sum, spoil), (lambda x: spoil(x).sum(), np.ones_like)], ids=["grad writes", "f writes"]
)
def test_functions_that_write_into_x(f, grad):
    x = np.array([0.1, 0.2])
    with pytest.raises(ValueError, match="writes"):
        check_gradient(f, grad, x)
    assert x.tolist() == [0.1, 0.2]


# --- bad input -------------------------------------------------------------------------------------------------------

W = np.ones((2, 3))
BAD = {
    "f": (TypeError, lambda: check_gradient(W, W, W), "f must be a function"),
    "shape": (ValueError, lambda: check_gradient(np.sum, np.ones(3), W), r"shape \(3,\), x has \(2, 3\)"),
    "complex": (TypeError, lambda: check_gradient(np.sum, W * 1j, W), "complex"),
    "None": (TypeError, lambda: check_gradient(np.sum, None, W), "real numbers"),
    "dict for array": (TypeError, lambda: check_gradient(np.sum, {"a": W}, W), "dict"),
    "array for dict": (TypeError, lambda: check_gradient(lambda p: 1.0, W, {"a": W}), "form of x"),
    "other names": (ValueError, lambda: check_gradient(lambda p: 1.0, {"b": W}, {"a": W}), "none of which"),
    "integers": (TypeError, lambda: check_gradient(lambda p: 1.0, {"a": W}, {"a": [1, 2]}), "got list"),
    "tied": (ValueError, lambda: check_gradient(lambda p: 1.0, {"a": W}, {"a": W, "b": W[1:]}), "share memory"),
    "nan": (ValueError, lambda: check_gradient(np.sum, W, W * np.nan), "x is nan at"),
    "vector": (ValueError, lambda: check_gradient(lambda x: x, W, W), "one number"),
    "scalar grad": (ValueError, lambda: check_gradient(np.sum, lambda x: 3.0, W), "gradient in x's form"),
    "rtol": (ValueError, lambda: check_gradient(np.sum, W, W, rtol=-1.0), "rtol=-1.0"),
    "sample": (ValueError, lambda: check_gradient(np.sum, W, W, sample=7), "sample=7"),
    "args": (TypeError, lambda: check_gradient(np.sum, W, W, args=1), "args must be a tuple"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    error, call, message = BAD[case]
    with pytest.raises(error, match=message):
        call()


def test_the_name_at_the_top():
    assert fastgrad.check_gradient is check_gradient

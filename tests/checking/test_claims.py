"""The forms of x, of the loss and of the gradient."""

import numpy as np
import pytest

import fastgrad.variable as F
from fastgrad import Variable, check_gradient
from fastgrad.checking.claims import gradient_of, movable, parts, value_of


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


def test_arrays_are_moved_where_they_are_if_they_can_be():
    for x in (np.arange(3.0), np.float32([1, 2]), np.zeros((2, 3)).T):
        point, arrays = movable(x)
        assert point is x
        assert arrays["x"] is x
    for x in (np.arange(3), [1.0, 2.0], 3.0):
        point, arrays = movable(x)
        assert point.dtype == np.float64
        assert arrays["x"] is point
        assert not np.shares_memory(point, np.asarray(x))


def test_arrays_that_share_memory_are_refused_but_not_neighbours():
    w = np.zeros((4, 2))
    assert list(movable({"a": w[:, 0], "b": w[:, 1]})[1]) == ["a", "b"]
    with pytest.raises(ValueError, match=r"x\['a'\] and x\['c'\] share memory"):
        movable({"a": w[:2], "b": np.zeros(1), "c": w[1:]})
    w[2, 1] = np.inf
    with pytest.raises(ValueError, match=r"x\['a'\] is inf at \(2, 1\)"):
        movable({"a": w})


def test_a_loss_of_variables_in_place_of_a_gradient_is_followed_back():
    point, f = np.array([1.0, 2.0]), lambda v: F.sum(v * v)
    for grad in (lambda v: F.sum(v * v), Variable):
        assert gradient_of(f, grad, point, ()).tolist() == [2.0, 4.0]
    assert float(value_of(f, Variable, point, ())()) == 5.0
    assert gradient_of(f, lambda x, a: a * x, point, (3.0,)).tolist() == [3.0, 6.0]
    assert gradient_of(f, [7.0, 8.0], point, ()) == [7.0, 8.0]
    params = {"a": point, "unused": np.ones((2, 2))}
    found = gradient_of(None, lambda p: F.sum(p["a"] * 2.0), params, ())
    assert found["a"].tolist() == [2.0, 2.0]
    assert found["unused"].tolist() == [[0.0, 0.0], [0.0, 0.0]]


SIN = lambda x: np.sum(np.sin(x))
LOSS = lambda v: F.sum(F.sin(v))
PAIR, ONE, NUMBER = np.array([0.5, 1.0]), np.array([0.5]), np.array(0.5)
NO_GRADIENTS = {  # f, grad, x, what is said
    "f itself": (SIN, SIN, PAIR, "one number"),
    "a loss like f": (SIN, lambda x: float(SIN(x)), PAIR, "one number"),
    "f itself, of one element": (lambda x: x[0] ** 2, lambda x: x[0] ** 2, ONE, r"shape \(\)"),
    "f itself, of a matrix": (SIN, SIN, np.ones((2, 3)), "one number"),
    "f itself, of a dict": (lambda p: SIN(p["a"]), lambda p: SIN(p["a"]), {"a": PAIR}, "one number"),
    "f itself, of a dict of one element": (lambda p: SIN(p["a"]), lambda p: SIN(p["a"]), {"a": ONE}, "one number"),
    "a number in brackets": (SIN, lambda x: [SIN(x)], PAIR, "one number"),
    "f itself, of Variables": (LOSS, LOSS, PAIR, "grad is f itself"),
    "f itself, of one Variable": (LOSS, LOSS, ONE, "grad is f itself"),
    "a Variable that may be both": (SIN, F.cos, NUMBER, "the gradient, or a loss"),
    "an array that may be both": (SIN, F.cos, ONE, "the gradient, or a loss"),
    "several Variables": (SIN, lambda v: F.concat([v, v], axis=0), PAIR, "a Variable of one element"),
}


@pytest.mark.parametrize("name", NO_GRADIENTS)
def test_a_loss_is_no_gradient(name):
    f, grad, x, said = NO_GRADIENTS[name]
    with pytest.raises(ValueError, match=said) as raised:
        check_gradient(f, grad, x)
    assert "check_gradient(loss, fastgrad.Variable, x)" in str(raised.value) or "shape" in str(raised.value)


def test_what_says_that_it_is_a_loss_or_a_gradient():
    assert check_gradient(LOSS, Variable, PAIR).verdict == "ok"
    assert check_gradient(SIN, LOSS, ONE).verdict == "ok"
    assert check_gradient(SIN, F.cos, PAIR).verdict == "ok"
    assert check_gradient(SIN, lambda x: F.cos(x).array, NUMBER).verdict == "ok"
    assert check_gradient(np.exp, np.exp, NUMBER).verdict == "ok"  # which is its own derivative


def test_parts_are_in_the_shape_of_the_arrays_or_turned_round():
    w = {"a": np.zeros((2, 3)), "b": np.zeros(2)}
    found = parts({"a": np.ones((3, 2)), "other": 1.0}, w, w)
    assert found["a"].shape == (3, 2)
    assert found["b"] is None
    for given, error, said in (
        ({"a": np.ones(6)}, ValueError, r"the gradient of 'a' has shape \(6,\), x has \(2, 3\)"),
        ({"c": 1.0}, ValueError, r"\['c'\], none of which x has"),
        (np.ones(2), TypeError, "of the type ndarray, x is dict"),
    ):
        with pytest.raises(error, match=said):
            parts(given, w, w)


# --- single precision ------------------------------------------------------------------------------------------------


def network(seed, dtype, activation="relu"):
    """A loss, its gradient and its weights."""
    rng = np.random.default_rng(seed)
    x, t = rng.random((40, 12)).astype(dtype), rng.integers(0, 5, 40)
    params = {
        "W1": (0.1 * rng.normal(size=(12, 30))).astype(dtype), "b1": np.zeros(30, dtype),
        "W2": (0.1 * rng.normal(size=(30, 5))).astype(dtype), "b2": np.zeros(5, dtype),
    }  # fmt: skip

    def forward(p):
        a = x @ p["W1"] + p["b1"]
        h = np.maximum(a, 0) if activation == "relu" else np.tanh(a)
        z = h @ p["W2"] + p["b2"]
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return a, h, e / e.sum(axis=1, keepdims=True)

    def loss(p):
        return -np.mean(np.log(forward(p)[2][np.arange(40), t]))

    def gradient(p):
        a, h, d = forward(p)
        d[np.arange(40), t] -= 1
        d /= 40
        inner = (d @ p["W2"].T) * ((a > 0) if activation == "relu" else 1 - h * h)
        return {"W1": x.T @ inner, "b1": inner.sum(axis=0), "W2": h.T @ d, "b2": d.sum(axis=0)}

    return loss, gradient, params


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("seed", range(6))
def test_networks_of_single_precision(seed, activation):
    loss, gradient, params = network(seed, np.float32, activation)
    assert check_gradient(loss, gradient, params).verdict in {"ok", "kink"}

    def wrong(p):
        found = gradient(p)
        found["W2"].flat[np.argmax(np.abs(found["W2"]))] *= -1
        return found

    assert check_gradient(loss, wrong, params, raises=False).verdict == "wrong"
    assert all(w.dtype == np.float32 for w in params.values())


def test_a_loss_that_takes_single_precision_only():
    loss, gradient, params = network(0, np.float32, "tanh")

    def strict(p):
        assert all(w.dtype == np.float32 for w in p.values())
        return loss(p)

    assert check_gradient(strict, gradient, params).verdict == "ok"


def test_a_loss_that_reads_other_arrays_than_its_argument():
    loss, gradient, params = network(0, np.float32, "tanh")
    assert check_gradient(lambda _: loss(params), lambda _: gradient(params), params).verdict == "ok"


def test_a_gradient_that_writes_into_single_precision():
    x = np.array([1.0, 2.0], np.float32)

    def gradient(x):
        x *= 2
        return x

    with pytest.raises(ValueError, match="grad writes into its argument"):
        check_gradient(lambda x: np.sum(x**2), gradient, x)
    assert x.tolist() == [1.0, 2.0]

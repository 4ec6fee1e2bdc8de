"""The networks: the book's numbers and interface, the loop and the chain rule as oracles, and what is refused."""

import copy
import functools
import itertools
import os
import pickle
import signal
import types
import warnings

import numpy as np
import pytest

import fastgrad
from fastgrad.nn import cross_entropy_error, mean_squared_error, softmax
from fastgrad.nn.networks import MLP, SimpleNet, TwoLayerNet
from tests.nn.oracles import assert_same, bits, book, data, plain_predict, rng

ACTIVATIONS = ["identity", "relu", "sigmoid", "tanh"]
LOSSES = ["softmax_cross_entropy", "mean_squared_error"]
activations = pytest.mark.parametrize("activation", ACTIVATIONS)
losses = pytest.mark.parametrize("loss", LOSSES)


# --- the networks -----------------------------------------------------------------------------------------------------


@activations
@losses
@pytest.mark.parametrize("hidden", [(), (5,), (4, 5), (3, 2, 4)], ids=len)
def test_forward_loop_and_chain_rule(activation, loss, hidden):
    net, (x, t) = MLP((3, *hidden, 4), activation, loss, rng=rng(3)), data(7)
    for name in net.params:
        net.params[name] += 0.1 * rng(4).standard_normal(net.params[name].shape)
    target = t if loss == LOSSES[0] else rng(5).standard_normal((7, 4))
    y = plain_predict(net, activation, x, scores=loss == LOSSES[1])
    np.testing.assert_allclose(net.predict(x), y, rtol=1e-12, atol=1e-14, strict=True)
    by_hand = -np.mean(np.log(y[range(7), t] + 1e-7)) if loss == LOSSES[0] else 0.5 * np.sum((y - target) ** 2) / 7
    np.testing.assert_allclose(net.loss(x, target), by_hand, rtol=1e-12)
    grads = net.numerical_gradient(x, target)
    assert_same(grads, book(lambda: net.loss(x, target), net.params), atol=1e-9)
    assert_same(net.gradient(x, target), grads, atol=1e-7)
    closure = {name: fastgrad.numerical_gradient(lambda _: net.loss(x, target), w) for name, w in net.params.items()}
    assert_same(grads, closure, atol=1e-9)


def test_predictions_and_gradients_leave_everything_as_it_was():
    net, (x, t) = MLP((3, 5, 4), "relu", rng=rng()), data()
    before, given = bits(net.params), (x.tobytes(), t.tobytes())
    net.predict(x), net.loss(x, t), net.accuracy(x, t), net.gradient(x, t), net.numerical_gradient(x, t)
    assert bits(net.params) == before
    assert (x.tobytes(), t.tobytes()) == given


def test_the_gradients_own_their_memory():
    net, (x, t) = MLP((3, 5, 4), rng=rng()), data()
    for grads in (net.numerical_gradient(x, t), net.gradient(x, t)):
        expected = bits(grads)
        for name, grad in grads.items():
            assert grad.flags.c_contiguous
            assert not any(np.may_share_memory(grad, w) for w in net.params.values())
            net.params[name] -= 0.0 * grad
            assert bits({name: grad})[name] == expected[name]


@pytest.mark.parametrize("form", ["list", "float32", "Fortran", "strided", "read-only", "uint8"])
def test_forms_of_inputs(form):
    net, (x, t) = MLP((3, 5, 4), rng=rng()), data()
    x = np.round(10 * abs(x))
    wide = np.zeros((12, 6))
    wide[::2, ::2] = x
    read_only = x.copy()
    read_only.flags.writeable = False
    given = {
        "list": x.tolist(), "float32": x.astype(np.float32), "Fortran": np.asfortranarray(x),
        "strided": wide[::2, ::2], "read-only": read_only, "uint8": x.astype(np.uint8),
    }[form]  # fmt: skip
    assert net.loss(given, t) == pytest.approx(net.loss(x, t), rel=1e-14)
    assert_same(net.numerical_gradient(given, t), net.numerical_gradient(x, t), atol=1e-11)
    assert_same(net.gradient(given, t), net.gradient(x, t), atol=1e-14)


@pytest.mark.parametrize("form", ["Fortran", "strided", "read-only", "float32", "float16", "int64"])
def test_forms_of_weights(form):
    net, (x, t) = MLP((3, 5, 4), "tanh", rng=rng()), data()
    plain = copy.deepcopy(net)
    for name, drawn in net.params.items():
        plain.params[name] = w = np.round(3 * drawn) if form == "int64" else np.round(8 * drawn) / 4  # exact everywhere
        twice = np.repeat(w, 2, axis=-1)
        read_only = w.copy()
        read_only.flags.writeable = False
        forms = {"Fortran": np.asfortranarray(w), "strided": twice[..., ::2], "read-only": read_only}
        net.params[name] = forms[form] if form in forms else w.astype(form)
    precise = 1e-2 if form == "float16" else 1e-5 if form == "float32" else 1e-11
    kept = np.dtype(form if form in {"float16", "float32"} else "float64")
    for got, expected in [
        (net.numerical_gradient(x, t), plain.numerical_gradient(x, t)),
        (net.gradient(x, t), plain.gradient(x, t)),
    ]:
        assert {g.dtype for g in got.values()} == {kept}
        assert_same({name: g.astype(float) for name, g in got.items()}, expected, atol=precise)


@pytest.mark.parametrize("h", [1e-3, 1, np.float32(2.0**-10), np.array(1e-3)], ids=repr)
def test_h(h):
    net, (x, t) = MLP((3, 4, 4), "tanh", rng=rng()), data()
    assert_same(net.numerical_gradient(x, t, h=h), book(lambda: net.loss(x, t), net.params, float(h)), atol=1e-9)


def test_forms_of_h_compile_nothing_anew():
    from fastgrad.nn import kernels

    net, (x, t) = MLP((3, 4, 4), "tanh", rng=rng()), data()
    net.numerical_gradient(x, t)
    for h in (1, np.float32(0.5), np.array(1e-3)):
        net.numerical_gradient(x, t, h=h)
    assert [len(kernel.signatures) for kernel in (kernels.hidden, kernels.output)] == [1, 1]


def test_accuracy():
    net = MLP((2, 2), rng=rng())
    net.params["W1"] = np.eye(2)
    x = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 1.0], [0.0, 3.0]])
    assert net.accuracy(x, [0, 1, 0, 1]) == 1.0
    assert net.accuracy(x, [0, 1, 1, 1]) == 0.75
    assert net.accuracy(x, np.eye(2)[[1, 0, 1, 1]]) == 0.25
    assert type(net.accuracy(x, [0, 1, 0, 1])) is float


def test_nan_in_a_sample_arrives():
    net, (x, t) = MLP((3, 4, 4, 4), "relu", rng=rng()), data()
    x[2, 1] = np.nan
    assert np.isnan(net.loss(x, t))
    for grads in (net.numerical_gradient(x, t), book(lambda: net.loss(x, t), net.params)):
        assert all(np.isnan(g).all() for g in grads.values())


@activations
def test_backpropagation_of_huge_inputs_is_quiet(activation):
    net, (x, t) = MLP((3, 4, 4), activation, rng=rng()), data()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        grads = net.gradient(x * 1e200, t)
    assert all(np.isfinite(g).all() for g in grads.values())


# --- the book's -------------------------------------------------------------------------------------------------------


def test_two_layer_net_draws_the_books_weights():
    np.random.seed(3)  # noqa: NPY002  the book's way
    net = TwoLayerNet(7, 5, 3)
    np.random.seed(3)  # noqa: NPY002
    first, second = 0.01 * np.random.randn(7, 5), 0.01 * np.random.randn(5, 3)  # noqa: NPY002
    assert bits(net.params) == bits({"W1": first, "b1": np.zeros(5), "W2": second, "b2": np.zeros(3)})
    np.random.seed(3)  # noqa: NPY002
    wide = TwoLayerNet(input_size=7, hidden_size=5, output_size=3, weight_init_std=1.0)
    np.testing.assert_allclose(wide.params["W2"], 100 * second, rtol=1e-15)


def test_two_layer_net_is_the_mlp_of_one_hidden_sigmoid_layer():
    net, mlp, (x, t) = TwoLayerNet(3, 5, 4, 0.7), MLP((3, 5, 4)), data()
    mlp.params = net.params
    assert net.loss(x, t) == mlp.loss(x, t)
    assert bits(net.numerical_gradient(x, t)) == bits(mlp.numerical_gradient(x, t))
    assert bits(net.gradient(x, t)) == bits(mlp.gradient(x, t))


def test_training_as_in_the_book():
    np.random.seed(0)  # noqa: NPY002
    net, r = TwoLayerNet(4, 8, 3, 0.5), rng()
    x = r.standard_normal((60, 4))
    t = np.eye(3)[(x @ r.standard_normal((4, 3))).argmax(axis=1)]
    before = net.loss(x, t)
    for _ in range(150):
        grad = net.numerical_gradient(x, t)
        for key in ("W1", "b1", "W2", "b2"):
            net.params[key] -= 1.0 * grad[key]
    assert net.loss(x, t) < before / 2
    assert net.accuracy(x, t) > 0.9


def page_110():
    net = SimpleNet()
    net.W = np.array([[0.47355232, 0.9977393, 0.84668094], [0.85557411, 0.03563661, 0.69422093]])
    return net, np.array([0.6, 0.9]), np.array([0, 0, 1])


def test_the_numbers_of_pages_110_and_111():
    net, x, t = page_110()
    p = net.predict(x)
    np.testing.assert_allclose(p, [1.05414809, 0.63071653, 1.1328074], rtol=0, atol=5e-9)
    assert np.argmax(p) == 2
    assert net.loss(x, t) == pytest.approx(0.92806853663411326, abs=3e-7)  # printed before the guard was 1e-7
    printed = [[0.21924763, 0.14356247, -0.36281009], [0.32887144, 0.2153437, -0.54421514]]
    for grad in (
        fastgrad.numerical_gradient(lambda w: net.loss(x, t), net.W),
        net.numerical_gradient(x, t)["W1"],
        net.gradient(x, t)["W1"],
    ):
        np.testing.assert_allclose(grad, printed, rtol=0, atol=2e-7)
    assert_same(net.numerical_gradient(x, t), book(lambda: net.loss(x, t), net.params), atol=1e-11)


def test_simple_net_has_one_array_of_weights():
    np.random.seed(1)  # noqa: NPY002
    net = SimpleNet()
    np.random.seed(1)  # noqa: NPY002
    assert net.W.tobytes() == np.random.randn(2, 3).tobytes()  # noqa: NPY002
    assert list(net.params) == ["W1"]
    assert net.W is net.params["W1"]
    weights = np.arange(6.0).reshape(2, 3)
    net.W = weights
    assert net.params["W1"] is weights
    net.W[0, 0] = 9.0
    net.params["W1"] -= 1.0
    assert weights[0, 0] == 8.0
    assert net.predict([1.0, 0.0]).tolist() == [8.0, 0.0, 1.0]
    assert net.predict([[1.0, 0.0]]).tolist() == [[8.0, 0.0, 1.0]]
    np.testing.assert_allclose(net.loss([1.0, 0.0], 0), -np.log(1 / (1 + np.exp(-8) + np.exp(-7)) + 1e-7), rtol=1e-12)


@pytest.mark.parametrize("make", [SimpleNet, lambda: TwoLayerNet(2, 4, 3), lambda: MLP((2, 4, 3), "relu")], ids="SBM")
def test_copies_are_independent(make):
    net, (x, t) = make(), data(5, 2, 3)
    expected = bits(net.numerical_gradient(x, t))
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        twin.params["W1"] += 0.0
        assert bits(twin.numerical_gradient(x, t)) == expected
        twin.params["W1"] += 1.0
    assert bits(net.numerical_gradient(x, t)) == expected


# --- initial weights --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("activation", "gain"), [("relu", 2.0), ("sigmoid", 1.0), ("tanh", 1.0), ("identity", 1.0)])
def test_deviations_of_the_initial_weights(activation, gain):
    """He and Xavier; a sample deviation of n numbers is off by 1 / sqrt(2 n)."""
    net = MLP((400, 100, 250), activation, rng=rng(1))
    for name, inputs in (("W1", 400), ("W2", 100)):
        w = net.params[name]
        assert w.std() == pytest.approx(np.sqrt(gain / inputs), rel=5 / np.sqrt(2 * w.size))
        assert abs(w.mean()) < 5 * np.sqrt(gain / inputs / w.size)
    assert not net.params["b1"].any()
    assert not net.params["b2"].any()


def test_the_global_state_draws_where_no_generator_is_given():
    np.random.seed(5)  # noqa: NPY002
    first = MLP((3, 4, 2), "relu")
    np.random.seed(5)  # noqa: NPY002
    assert bits(first.params) == bits(MLP([3, 4, 2], "relu").params)
    state = np.random.get_state()[1].tobytes()  # noqa: NPY002
    assert bits(MLP((3, 4), rng=rng(1)).params) == bits(MLP(np.array([3, 4]), rng=rng(1)).params)
    assert np.random.get_state()[1].tobytes() == state  # noqa: NPY002


# --- classes of one's own ---------------------------------------------------------------------------------------------


class Decaying(MLP):
    def loss(self, x, t):
        return super().loss(x, t) + 0.05 * sum(np.sum(w**2) for w in self.params.values())


class Wrapped(MLP):
    @functools.wraps(MLP.loss)
    def loss(self, x, t):
        return 3.0 * MLP.loss(self, x, t)


class Sharper(MLP):
    def predict(self, x):
        return softmax(2.0 * np.log(super().predict(x)))


class Simpler(SimpleNet):
    def predict(self, x):
        return super().predict(x) ** 2


def with_own_loss(sizes, **options):
    net = MLP(sizes, **options)
    inner = net.loss
    net.loss = lambda x, t: 2.0 * inner(x, t)
    return net


def with_bound_predict(sizes, **options):
    net = MLP(sizes, **options)
    net.predict = types.MethodType(lambda self, x: softmax(x @ self.params["W1"] * self.params["W2"].sum()), net)
    return net


def with_partial(sizes, **options):
    net = MLP(sizes, **options)
    net.loss = functools.partial(lambda scale, x, t: scale * MLP.loss(net, x, t), 4.0)
    return net


def with_the_loss_of_another(sizes, **options):
    net = MLP(sizes, **options)
    other = MLP(sizes, loss="mean_squared_error", **options)
    other.params = net.params
    net.loss = lambda x, t: other.loss(x, np.eye(3)[t])
    return net


def with_the_bound_loss_of_another(sizes, **options):
    net, other = MLP(sizes, **options), MLP(sizes, activation="tanh", rng=rng(8))
    other.params = net.params
    net.loss = other.loss
    return net


CHANGED = [
    Decaying, Wrapped, Sharper, with_own_loss, with_bound_predict, with_partial, with_the_loss_of_another,
    with_the_bound_loss_of_another,
]  # fmt: skip


@pytest.mark.parametrize("make", CHANGED)
def test_another_loss_or_predict_is_what_is_differentiated(make):
    net, (x, t) = make((3, 3, 3), rng=rng()), data(5, 3, 3)
    seen = []
    got = net.numerical_gradient(x, t, progress=lambda *a: seen.append(a))
    expected = book(lambda: net.loss(x, t), net.params)
    plain = MLP((3, 3, 3))
    plain.params = net.params
    assert max(np.abs(expected[n] - g).max() for n, g in plain.numerical_gradient(x, t).items()) > 1e-3
    assert_same(got, expected, atol=1e-9)
    assert seen[-1] == (24, 24)
    with pytest.raises(TypeError, match=r"changes loss or predict.*numerical_gradient"):
        net.gradient(x, t)


def test_another_simple_net():
    net, (x, t) = Simpler(), data(5, 2, 3)
    assert_same(net.numerical_gradient(x, t), book(lambda: net.loss(x, t), net.params), atol=1e-9)
    with pytest.raises(TypeError, match="Simpler changes loss or predict"):
        net.gradient(x, t)


def test_h_reaches_another_loss():
    net, (x, t) = Decaying((3, 3), rng=rng()), data(5, 3, 3)
    net.loss = lambda x, t: np.sum(net.params["W1"] ** 4) + np.sum(net.params["b1"])
    h = 0.125
    w = net.params["W1"]
    np.testing.assert_allclose(net.numerical_gradient(x, t, h=h)["W1"], 4 * w**3 + 4 * w * h**2, rtol=1e-12)


class OwnGradient(Decaying):
    def gradient(self, x, t):
        return {name: 2.0 * w for name, w in self.params.items()}


class MoreMethods(MLP):
    def accuracy(self, x, t):
        return -1.0

    def loss_and_accuracy(self, x, t):
        return self.loss(x, t), self.accuracy(x, t)


def test_classes_that_change_something_else():
    net, (x, t) = OwnGradient((3, 3), rng=rng()), data(5, 3, 3)
    assert_same(net.gradient(x, t), {name: 2.0 * w for name, w in net.params.items()}, atol=0)
    more, plain = MoreMethods((3, 4, 3), rng=rng()), MLP((3, 4, 3), rng=rng())
    assert bits(more.numerical_gradient(x, t)) == bits(plain.numerical_gradient(x, t))
    assert bits(more.gradient(x, t)) == bits(plain.gradient(x, t))


# --- threads, progress, Ctrl-C ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_bits_do_not_depend_on_workers(workers):
    net, (x, t) = TwoLayerNet(20, 30, 4), data(150, 20)
    assert bits(net.numerical_gradient(x, t, workers=workers)) == bits(net.numerical_gradient(x, t))


def test_progress():
    net, (x, t), seen = MLP((30, 40, 20, 4), rng=rng()), data(200, 30), []
    net.numerical_gradient(x, t, progress=lambda *a: seen.append(a))
    assert seen[-1] == (2144, 2144)
    assert len(seen) > 1
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert {total for _, total in seen} == {2144}


def test_an_exception_in_the_progress_arrives():
    class StopError(Exception):
        pass

    def stop(done, total):
        raise StopError

    net, (x, t) = MLP((3, 4, 4), rng=rng()), data()
    with pytest.raises(StopError):
        net.numerical_gradient(x, t, progress=stop)


def test_ctrl_c():
    """After the first unit; then most are not computed any more, and the next call is right."""
    net, (x, t), seen = MLP((200, 100, 100, 4), rng=rng()), data(256, 200), []

    def interrupt(done, total):
        seen.append((done, total))
        if len(seen) == 1:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        net.numerical_gradient(x, t, progress=interrupt)
    done, total = seen[-1]
    assert done < total / 2
    small, few = MLP((3, 4, 4), rng=rng()), data()
    assert_same(small.numerical_gradient(*few), small.gradient(*few), atol=1e-7)


def test_ctrl_c_while_another_loss_is_moved():
    net, (x, t) = Decaying((3, 3), rng=rng()), data(5, 3, 3)
    before = bits(net.params)
    with pytest.raises(KeyboardInterrupt):
        net.numerical_gradient(x, t, progress=lambda *_: os.kill(os.getpid(), signal.SIGINT))
    assert bits(net.params) == before


def test_from_several_threads_at_once(at_once):
    """One network, several callers: nothing is moved, so nobody sees another's step."""
    net, (x, t) = TwoLayerNet(10, 20, 4), data(140, 10)
    expected, got = bits(net.numerical_gradient(x, t)), []

    def call():
        got.extend(bits(net.numerical_gradient(x, t, workers=2)) for _ in range(4))

    at_once(lambda _: call(), range(4))
    assert len(got) == 16
    assert all(g == expected for g in got)


# --- what is refused --------------------------------------------------------------------------------------------------

X = np.zeros((4, 3))
Y = np.full((4, 2), 0.5)


def net_with(**params):
    net = MLP((3, 4, 2), rng=rng())
    for name, value in params.items():
        net.params[name] = value
        if value is None:
            del net.params[name]
    return net


def nan_at(place, shape, value=np.nan):
    w = np.ones(shape)
    w[place] = value
    return w


def both(net, x=X, t=(0, 1, 0, 1)):
    return {"numerical_gradient": lambda: net.numerical_gradient(x, t), "gradient": lambda: net.gradient(x, t)}


def everywhere(t):
    net = net_with()
    return both(net, t=t) | {
        "loss": lambda: net.loss(X, t),
        "accuracy": lambda: net.accuracy(X, t),
        "cross_entropy_error": lambda: cross_entropy_error(Y, t),
    }


def inputs(x):
    net = net_with()
    return both(net, x) | {"predict": lambda: net.predict(x), "loss": lambda: net.loss(x, (0, 1, 0, 1))}


def targets(t):
    net = MLP((3, 2), loss="mean_squared_error", rng=rng())
    return both(net, t=t) | {"loss": lambda: net.loss(X, t), "mean_squared_error": lambda: mean_squared_error(Y, t)}


TRANSPOSED = np.array([[1, 0, 1, 0], [0, 1, 0, 1]])  # read row by row it looks one-hot, with other labels

BAD = {
    "label too large": (everywhere([0, 1, 2, 1]), r"t\[2\]=2 must be a whole number from 0 to 1"),
    "label negative": (everywhere([0, -1, 0, 1]), r"t\[1\]=-1 must be a whole number from 0 to 1"),
    "label fractional": (everywhere([0, 1, 0, 0.5]), r"t\[3\]=0.5 must be a whole number"),
    "label NaN": (everywhere([0, 1, np.nan, 1]), r"t\[2\]=nan must be a whole number"),
    "label huge": (everywhere([0, 1, 0, 1e300]), r"t\[3\]=1e\+300 must be a whole number"),
    "label of 64 bits": (everywhere(np.array([0, 2**64 - 1, 0, 1], np.uint64)), r"t\[1\]=18446744073709551615 must be"),
    "labels too few": (everywhere([0, 1, 0]), r"shape \(3,\).*do not fit 4 samples with 2 outputs.*\(4, 2\)"),
    "labels too many": (everywhere([0, 1, 0, 1, 0]), r"shape \(5,\).*do not fit 4 samples"),
    "one label for many": (everywhere(1), r"shape \(\).*do not fit 4 samples"),
    "no labels": (everywhere([]), r"shape \(0,\).*do not fit 4 samples"),
    "labels as text": (everywhere(list("abab")), "dtype <U1 do not fit"),
    "labels complex": (everywhere([0j, 1, 0, 1]), "dtype complex128 do not fit"),
    "labels None": (everywhere(None), "dtype object do not fit"),
    "labels in a square": (everywhere([[0, 1], [0, 1]]), r"shape \(2, 2\).*do not fit 4 samples"),
    "one-hot transposed": (everywhere(TRANSPOSED), r"shape \(2, 4\).*do not fit 4 samples with 2 outputs.*\(4, 2\)"),
    "one-hot in a row": (everywhere([1, 0, 0, 1, 1, 0, 0, 1]), r"shape \(8,\).*do not fit"),
    "two ones": (everywhere([[1, 0], [1, 1], [0, 1], [0, 1]]), r"row 1 of t, \[1 1\], is not one-hot"),
    "no one": (everywhere([[1, 0], [0, 0], [0, 1], [0, 1]]), "row 1 of t"),
    "two and minus one": (everywhere([[1, 0], [2, -1], [0, 1], [0, 1]]), "row 1 of t"),
    "soft labels": (everywhere([[0.5, 0.5]] * 4), "row 0 of t.*not one-hot"),
    "one-hot NaN": (everywhere([[1, 0], [1, 0], [0, 1], [np.nan, 1]]), "row 3 of t"),
    "targets transposed": (targets(np.ones((2, 4))), r"shape \(2, 4\) do not fit outputs of shape \(4, 2\)"),
    "targets too few": (targets([1.0, 2.0]), r"shape \(2,\) do not fit outputs of shape \(4, 2\)"),
    "targets in a row": (targets(np.ones(8)), r"shape \(8,\) do not fit"),
    "targets as text": (targets([["a", "b"]] * 4), "do not fit"),
    "x too narrow": (inputs(np.zeros((4, 2))), r"x has shape \(4, 2\), the network takes 3 inputs.*\(N, 3\)"),
    "x too wide": (inputs(np.zeros((4, 4))), r"x has shape \(4, 4\)"),
    "x of one wrong sample": (inputs(np.zeros(4)), r"x has shape \(4,\)"),
    "x empty": (inputs(np.zeros((0, 3))), r"x has shape \(0, 3\).*N > 0"),
    "x three-dimensional": (inputs(np.zeros((4, 1, 3))), r"x has shape \(4, 1, 3\)"),
    "x a number": (inputs(1.0), r"x has shape \(\)"),
    "W2 missing": (both(net_with(W2=None)), "W2"),
    "W1 of another shape": (both(net_with(W1=np.ones((2, 4)))), r"params\['W1'\] has shape \(2, 4\).*\(3, 4\)"),
    "hidden layer widened": (
        both(net_with(W1=np.ones((3, 5)), b1=np.ones(5), W2=np.ones((5, 2)))),
        r"params\['W1'\] has shape \(3, 5\).*\(3, 4\)",
    ),
    "b1 too short": (both(net_with(b1=np.ones(3))), r"params\['b1'\] has shape \(3,\).*\(4,\)"),
    "b1 that broadcasts": (both(net_with(b1=np.ones(1))), r"params\['b1'\] has shape \(1,\).*\(4,\)"),
    "b1 for each sample": (both(net_with(b1=np.ones((4, 4)))), r"params\['b1'\] has shape \(4, 4\).*\(4,\)"),
    "h vanishes": (
        {"numerical_gradient": lambda: net_with().numerical_gradient(X, [0, 1, 0, 1], h=1e-50)},
        "vanishes beside",
    ),
    "y empty": (
        {"ce": lambda: cross_entropy_error(Y[:0], []), "mse": lambda: mean_squared_error(Y[:0], Y[:0])},
        r"y has shape \(0, 2\)",
    ),
    "y of three axes": (
        {"ce": lambda: cross_entropy_error(Y[None], [0]), "mse": lambda: mean_squared_error(Y[None], Y[None])},
        r"y has shape \(1, 4, 2\)",
    ),
    **{
        f"{value} weight": (
            {"numerical_gradient": both(net_with(W2=nan_at((1, 0), (4, 2), value)))["numerical_gradient"]},
            rf"params\['W2'\] is {value} at \(1, 0\).*diverged",
        )
        for value in (np.nan, np.inf, -np.inf)
    },
    "NaN bias": (
        {"numerical_gradient": both(net_with(b1=nan_at(3, 4)))["numerical_gradient"]},
        r"params\['b1'\] is nan at \(3,\)",
    ),
    **{
        f"h={h!r}": ({"numerical_gradient": lambda h=h: net_with().numerical_gradient(X, [0, 1, 0, 1], h=h)}, "h=")
        for h in (0, -1e-4, np.nan, np.inf, "small", [1e-4], True)
    },
    **{
        f"workers={n!r}": (
            {"": lambda n=n: net_with().numerical_gradient(X, [0, 1, 0, 1], workers=n)},
            f"workers={n!r} must be",
        )
        for n in (0, -1, 1.5, True, "2")
    },
    **{
        f"sizes={sizes!r}": ({"": lambda sizes=sizes: MLP(sizes)}, "sizes=.*must be whole numbers from 1")
        for sizes in ((), (3,), (3, 0), (3, -1, 2), (3, 2.0), (3, "4"), (3, True), "34", 34, None)
    },
    "no hidden units": ({"": lambda: TwoLayerNet(3, 0, 2)}, r"sizes=\(3, 0, 2\)"),
    **{
        f"activation={name!r}": (
            {"": lambda name=name: MLP((3, 2), name)},
            "activation=.*does not exist; use one of 'identity'",
        )
        for name in ("softplus", "ReLU", None, 1, np.tanh)
    },
    **{
        f"loss={getattr(name, '__name__', repr(name))}": (
            {"": lambda name=name: MLP((3, 2), loss=name)},
            "loss=.*use one of 'softmax_cross_entropy'",
        )
        for name in ("mse", "", None, mean_squared_error)
    },
}
ROWS = [
    pytest.param(call, message, id=f"{row}: {where}" if where else row)
    for row, (calls, message) in BAD.items()
    for where, call in calls.items()
]


@pytest.mark.parametrize(("call", "message"), ROWS)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    "x", [X + 1j, [["a", "b", "c"]], [[1, 2, 3], [1, 2]], None], ids=["complex", "text", "ragged", "None"]
)
def test_inputs_that_are_no_real_numbers(x):
    for call in inputs(x).values():
        with pytest.raises(TypeError, match="x "):
            call()


def test_every_pair_of_activation_and_loss_exists():
    for activation, loss in itertools.product(ACTIVATIONS, LOSSES):
        assert set(MLP((2, 2), activation, loss).params) == {"W1", "b1"}


def test_weights_that_are_one_array_move_together():
    rng = np.random.default_rng(0)
    net = MLP((4, 4, 4, 4), rng=rng)
    net.params["W2"] = net.params["W1"]
    x, t = rng.standard_normal((10, 4)), rng.integers(0, 4, 10)
    wanted = fastgrad.weight_gradient(lambda _: net.loss(x, t), net.params, engine="python")
    found = net.numerical_gradient(x, t)
    for name in net.params:
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-6, atol=1e-8)
    assert not np.allclose(found["W1"], MLP.numerical_gradient(untied(net), x, t)["W1"])
    with pytest.raises(ValueError, match="arrays of params share memory"):
        net.gradient(x, t)


def untied(net):
    other = copy.deepcopy(net)
    other.params["W2"] = other.params["W1"].copy()
    return other


def test_weights_that_lie_between_each_other_are_no_ties():
    rng = np.random.default_rng(0)
    net, both = MLP((3, 3, 3), rng=rng), rng.standard_normal((3, 6))
    net.params["W1"], net.params["W2"] = both[:, ::2], both[:, 1::2]
    x, t = rng.standard_normal((10, 3)), rng.integers(0, 3, 10)
    exact, numerical = net.gradient(x, t), net.numerical_gradient(x, t)
    for name in net.params:
        np.testing.assert_allclose(numerical[name], exact[name], rtol=1e-5, atol=1e-7)

"""Losses of every style: differences by structure are those of the loop, exact gradients those of the chain rule."""

import collections
import dataclasses
import functools
import math
import os
import signal
import types

import numpy as np
import pytest
from scipy import special

from fastgrad import EngineError, numerical_gradient, weight_gradient
from fastgrad.arrays import blocks

RNG = np.random.default_rng(5)
X, T = RNG.normal(size=(6, 5)), np.array([0, 2, 1, 2, 0, 1])
IMAGES = RNG.normal(size=(2, 2, 6, 6))


def weights(**shapes):
    rng = np.random.default_rng(7)
    return {name: rng.normal(size=shape) / 2 for name, shape in shapes.items()}


LAYERS = {"W1": (5, 4), "b1": (4,), "W2": (4, 3), "b2": (3,)}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def relu(x):
    return np.maximum(0, x)


def softmax(x):
    x = x - np.max(x, axis=-1, keepdims=True)
    return np.exp(x) / np.sum(np.exp(x), axis=-1, keepdims=True)


def cross_entropy_error(y, t):
    if y.ndim == 1:
        t, y = t.reshape(1, t.size), y.reshape(1, y.size)
    if t.size == y.size:
        t = t.argmax(axis=1)
    batch_size = y.shape[0]
    return -np.sum(np.log(y[np.arange(batch_size), t] + 1e-7)) / batch_size


class Chapter4:
    def __init__(self):
        self.params = weights(**LAYERS)

    def predict(self, x):
        W1, W2 = self.params["W1"], self.params["W2"]
        b1, b2 = self.params["b1"], self.params["b2"]
        z1 = sigmoid(np.dot(x, W1) + b1)
        return softmax(np.dot(z1, W2) + b2)

    def loss(self, x, t):
        return cross_entropy_error(self.predict(x), t)


class Affine:
    def __init__(self, W, b):
        self.W, self.b, self.x = W, b, None

    def forward(self, x):
        self.x = x
        return np.dot(self.x, self.W) + self.b


class Relu:
    def __init__(self):
        self.mask = None

    def forward(self, x):
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out


class Sigmoid:
    def forward(self, x):
        out = sigmoid(x)
        self.out = out
        return out


class SoftmaxWithLoss:
    def __init__(self):
        self.loss = self.y = self.t = None

    def forward(self, x, t):
        self.t, self.y = t, softmax(x)
        self.loss = cross_entropy_error(self.y, self.t)
        return self.loss


class BatchNormalization:
    def __init__(self, gamma, beta, momentum=0.9):
        self.gamma, self.beta, self.momentum = gamma, beta, momentum
        self.running_mean = self.running_var = None

    def forward(self, x, train_flg=True):
        if self.running_mean is None:
            _, D = x.shape
            self.running_mean, self.running_var = np.zeros(D), np.zeros(D)
        if train_flg:
            mu = x.mean(axis=0)
            xc = x - mu
            var = np.mean(xc**2, axis=0)
            xn = xc / np.sqrt(var + 10e-7)
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mu
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        else:
            xn = (x - self.running_mean) / np.sqrt(self.running_var + 10e-7)
        return self.gamma * xn + self.beta


class Dropout:
    def __init__(self, ratio=0.5):
        self.ratio, self.mask = ratio, None

    def forward(self, x):
        if self.mask is None:
            self.mask = np.random.default_rng(3).random(x.shape) > self.ratio
        return x * self.mask


class Chapter5:
    """Layers that hold the very arrays of params."""

    def __init__(self, activation=Relu, norm=False, dropout=False):
        self.params = weights(**LAYERS)
        self.layers = collections.OrderedDict()
        self.layers["Affine1"] = Affine(self.params["W1"], self.params["b1"])
        if norm:
            self.params |= weights(gamma=(4,), beta=(4,))
            self.layers["Norm"] = BatchNormalization(self.params["gamma"], self.params["beta"])
        self.layers["Act"] = activation()
        if dropout:
            self.layers["Drop"] = Dropout()
        self.layers["Affine2"] = Affine(self.params["W2"], self.params["b2"])
        self.lastLayer = SoftmaxWithLoss()

    def predict(self, x):
        for layer in self.layers.values():
            x = layer.forward(x)
        return x

    def loss(self, x, t):
        return self.lastLayer.forward(self.predict(x), t) + 0.05 * np.sum(self.params["W1"] ** 2)


def im2col(input_data, filter_h, filter_w, stride=1, pad=0):
    N, C, H, W = input_data.shape
    out_h, out_w = (H + 2 * pad - filter_h) // stride + 1, (W + 2 * pad - filter_w) // stride + 1
    img = np.pad(input_data, [(0, 0), (0, 0), (pad, pad), (pad, pad)], "constant")
    col = np.zeros((N, C, filter_h, filter_w, out_h, out_w))
    for y in range(filter_h):
        y_max = y + stride * out_h
        for x in range(filter_w):
            x_max = x + stride * out_w
            col[:, :, y, x, :, :] = img[:, :, y:y_max:stride, x:x_max:stride]
    return col.transpose(0, 4, 5, 1, 2, 3).reshape(N * out_h * out_w, -1)


class Convolution:
    def __init__(self, W, b, stride=1, pad=0):
        self.W, self.b, self.stride, self.pad = W, b, stride, pad

    def forward(self, x):
        FN, _, FH, FW = self.W.shape
        N, _, H, W = x.shape
        out_h, out_w = 1 + int((H + 2 * self.pad - FH) / self.stride), 1 + int((W + 2 * self.pad - FW) / self.stride)
        col = im2col(x, FH, FW, self.stride, self.pad)
        out = np.dot(col, self.W.reshape(FN, -1).T) + self.b
        return out.reshape(N, out_h, out_w, -1).transpose(0, 3, 1, 2)


class Pooling:
    def forward(self, x):
        N, C, H, W = x.shape
        col = im2col(x, 2, 2, 2).reshape(-1, 4)
        self.arg_max = np.argmax(col, axis=1)
        return np.max(col, axis=1).reshape(N, H // 2, W // 2, C).transpose(0, 3, 1, 2)


class Chapter7:
    def __init__(self):
        self.params = weights(W1=(3, 2, 3, 3), b1=(3,), W2=(12, 3), b2=(3,))
        p = self.params
        self.layers = [Convolution(p["W1"], p["b1"]), Relu(), Pooling()]
        self.last = Affine(p["W2"], p["b2"])

    def loss(self, x, t):
        for layer in self.layers:
            x = layer.forward(x)
        y = softmax(self.last.forward(x.reshape(x.shape[0], -1)))
        return cross_entropy_error(y, t)


def live(make, *given):
    """A loss that reads its weights by itself."""
    net = make()
    return (lambda _: net.loss(*given)), net.params


class Slotted:
    __slots__ = ("_scale", "params")

    def __init__(self):
        self.params, self._scale = weights(W=(5, 3)), 0.5

    def loss(self, x):
        return np.sum(np.tanh(x @ self.params["W"]) ** 2) * self._scale


@dataclasses.dataclass
class Model:
    W: np.ndarray
    b: np.ndarray

    @property
    def params(self):
        return {"W": self.W, "b": self.b}

    @staticmethod
    def activation(x):
        return np.log1p(np.exp(x))

    def loss(self, x):
        return np.mean(self.activation(x @ self.W + self.b))


@dataclasses.dataclass(frozen=True)
class Problem:
    """Without methods of its own."""

    net: Chapter4
    x: np.ndarray


def frozen():
    problem = Problem(Chapter4(), X)
    return (lambda _: problem.net.loss(problem.x, T)), problem.net.params


class Base:
    def __init__(self):
        self.params = weights(W=(5, 2))

    def loss(self, x):
        return np.sum(self.out(x))

    def out(self, x):
        return x @ self.params["W"]


class Derived(Base):
    def out(self, x):
        return super().out(x) ** 2 + self.half

    half = 0.5


class Keeps:
    """A layer that has kept a view of its weights from an earlier call."""

    def __init__(self):
        self.params = weights(W=(4, 5))
        self.flat, self.turned, self.row = self.params["W"].reshape(-1), self.params["W"].T, self.params["W"][1]

    def loss(self, x):
        return np.sum((x @ self.turned) ** 2) + np.sum(self.flat**3) + self.row @ self.row


def in_lists():
    params = weights(**LAYERS)
    layers = [(params["W1"], params["b1"]), (params["W2"], params["b2"])]

    def loss(_):
        out = X
        for W, b in layers:
            out = np.tanh(out @ W + b)
        return float(np.mean((out - 0.3) ** 2))

    return loss, params


def by_partial():
    def loss(x, scale, params):
        return scale * np.sum(np.sin(x @ params["W"]))

    params = weights(W=(5, 2))
    return functools.partial(loss, X, 0.7), params


GLOBAL = types.SimpleNamespace(**weights(W=(5, 3)))


def of_a_global():
    return (lambda _: np.sum(np.abs(X @ GLOBAL.W))), {"W": GLOBAL.W}


def tied():
    params = weights(W=(5, 5))
    params["V"] = params["W"]
    return (lambda p: np.sum(np.tanh(np.tanh(X @ p["W"]) @ p["V"].T) ** 2)), params


def attention():
    params = weights(q=(5, 4), k=(5, 4), v=(5, 3))

    def loss(p):
        q, k, v = (X[None] @ p[name] for name in "qkv")
        scores = q @ np.swapaxes(k, -1, -2) / np.sqrt(4.0)
        masked = np.where(np.tri(6, dtype=bool), scores, -1e9)
        return np.sum((softmax(masked) @ v) ** 2)

    return loss, params


def embedding():
    params = weights(E=(7, 3), W=(3, 2))

    def loss(p):
        words = p["E"][np.array([[0, 3, 3], [6, 1, 0]])]
        return np.sum(np.tanh(words.mean(axis=1) @ p["W"]) ** 2)

    return loss, params


def recurrent():
    params = weights(Wx=(5, 4), Wh=(4, 4), b=(4,))

    def loss(p):
        h = np.zeros(4)
        for row in X:
            h = np.tanh(row @ p["Wx"] + h @ p["Wh"] + p["b"])
        return np.dot(h, h)

    return loss, params


def mixture():
    params = weights(mu=(3, 5), w=(3,))

    def loss(p):
        logw = p["w"] - special.logsumexp(p["w"])
        r = X[:, None, :] - p["mu"]
        return -np.sum(special.logsumexp(-0.5 * np.einsum("nkd,nkd->nk", r, r) + logw, axis=1))

    return loss, params


def filled():
    params = weights(a=(4,), b=(3,))

    def loss(p):
        out = np.zeros((3, 4))
        for k in range(3):
            out[k] = p["a"] * p["b"][k]
        out[1, 2:] -= 2.0
        out *= 0.5
        both = np.concatenate([out.ravel(), p["a"]])
        return np.sum(both**2) + np.max(p["a"]) - np.min(p["b"]) + np.prod(p["b"]) + np.cumsum(p["a"])[2]

    return loss, params


def by_math():
    params = weights(a=(3,))

    def loss(p):
        a, b, c = p["a"]
        return math.exp(a) * math.sin(b) + math.sqrt(c * c + 1.0) + abs(b) + float(b) ** 3

    return loss, params


def of_many_functions():
    params = weights(a=(3, 4))

    def loss(p):
        a = p["a"]
        total = np.sum(np.tile(a, (2, 1)) ** 2) + np.sum(np.roll(a, 1, axis=0) * a) + np.sum(np.flip(a) * a)
        total += np.linalg.norm(a) + np.sum(np.outer(a[0], a[1])) + np.trace(a @ a.T) + np.var(a) + np.std(a[0])
        total += np.sum(np.diff(a, axis=1) ** 2) + np.einsum("ij,kj->", a, a) + np.tensordot(a, a, 2)
        total += np.sum(np.stack([a[0], a[2]]) * np.vstack([a[1], a[2]])) + np.sum(np.triu(a)) + np.sum(np.repeat(a, 2))
        total += np.sum(np.moveaxis(a[None], 0, -1) ** 2) + np.sum(np.clip(a, -0.3, 0.3)) + np.sum(np.hypot(a, 1.0))
        total += np.sum(special.expit(a)) + np.sum(special.log_softmax(a, axis=1) * a) + np.sum(a[a.shape[0] - 1, ::2])
        return total + np.average(a[0], weights=np.arange(4.0)) + np.sum(np.split(a.reshape(-1), 1)[0][1:-1:3])

    return loss, params


def fortran():
    params = {"W": np.asfortranarray(weights(W=(5, 3))["W"]), "b": weights(b=(6,))["b"][::2]}
    return (lambda p: np.sum(np.tanh(X @ p["W"] + p["b"]))), params


def reused_out():
    params, z, a = weights(W=(5, 4)), np.empty((6, 4)), np.empty((6, 4))

    def loss(p):
        np.dot(X, p["W"], out=z) if type(p["W"]) is np.ndarray else None
        hidden = np.maximum(X @ p["W"], 0.0)
        np.multiply(hidden, 2.0, out=hidden)
        return np.sum(hidden) + 0.0 * a.size

    return loss, params


LOSSES = {
    "chapter 4": lambda: live(Chapter4, X, T), "chapter 4, one-hot": lambda: live(Chapter4, X, np.eye(3)[T]),
    "layers": lambda: live(Chapter5, X, T), "sigmoid": lambda: live(lambda: Chapter5(Sigmoid), X, T),
    "batch norm": lambda: live(lambda: Chapter5(norm=True), X, T),
    "dropout, fixed": lambda: live(lambda: Chapter5(dropout=True), X, T),
    "convolution": lambda: live(Chapter7, IMAGES, T[:2]), "slots": lambda: live(Slotted, X),
    "dataclass": lambda: live(lambda: Model(*weights(W=(5, 3), b=(3,)).values()), X),
    "frozen": frozen,
    "inherited": lambda: live(Derived, X), "views": lambda: live(Keeps, X), "lists": in_lists, "partial": by_partial,
    "global": of_a_global, "tied": tied, "attention": attention, "embedding": embedding, "recurrent": recurrent,
    "mixture": mixture, "filled": filled, "math": by_math, "functions": of_many_functions, "layout": fortran,
}  # fmt: skip


def differences(loss, params, order=2, h=1e-4):
    """The definition, with the arrays moved in place."""
    numbers = {2: ((1, 1),), 8: ((1, 672), (2, -168), (3, 32), (4, -3))}[order]
    scale, found = {2: 2, 8: 840}[order], {}
    for name, w in params.items():
        found[name] = np.empty(w.shape)
        for place in np.ndindex(w.shape):
            saved, total = w[place], 0.0
            for k, number in numbers:
                values = []
                for sign in (1, -1):
                    w[place] = saved + sign * k * h
                    values.append(float(np.asarray(loss(params)).reshape(())))
                total += number * (values[0] - values[1])
            w[place] = saved
            found[name][place] = total / (scale * h)
    return found


@pytest.mark.filterwarnings("ignore::fastgrad.ConstantFunctionWarning")
@pytest.mark.parametrize("name", LOSSES)
def test_the_loop_and_the_chain_rule(name):
    loss, params = LOSSES[name]()
    kept = {k: w.copy() for k, w in params.items()}
    loop, fine = differences(loss, params), differences(loss, params, 8, 1e-3)
    by_structure = weight_gradient(loss, params, engine="arrays", h=1e-4)
    exact = weight_gradient(loss, params, method="exact")
    for k in params:
        size = max(np.abs(fine[k]).max(), 1e-3)
        np.testing.assert_allclose(by_structure[k], loop[k], rtol=0, atol=1e-8 * max(size, 1.0))
        np.testing.assert_allclose(exact[k], fine[k], rtol=0, atol=3e-10 * max(size, 1.0))
        assert params[k].tobytes() == kept[k].tobytes()


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "layout"])  # parts of memory that others share
def test_the_drop_in_moves_the_arrays_that_a_loss_reads(name):
    loss, params = LOSSES[name]()
    key = next(iter(params))
    expected = differences(loss, {key: params[key]} | params)[key]
    found = numerical_gradient(lambda _: loss(params), params[key], engine="arrays")
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8 * max(np.abs(expected).max(), 1.0))


# --- what is refused, with its reason; the loop does it then


class Random(Chapter4):
    def loss(self, x, t):
        return super().loss(x, t) * (1.0 + 1e-3 * np.random.rand())  # noqa: NPY002


class Counter(Chapter4):
    calls = 0

    def loss(self, x, t):
        self.calls += 1
        return super().loss(x, t) + 1e-9 * self.calls


class Decides(Chapter4):
    def loss(self, x, t):
        value = super().loss(x, t)
        return value if value > 1.0 else 2.0 * value


class Formats(Chapter4):
    def loss(self, x, t):
        value = super().loss(x, t)
        return value + len(f"{value:.3f}") * 0.0


def reads_none():
    params = weights(**LAYERS)
    return (lambda _: float(np.sum(X))), params


def returns_many():
    params = weights(W=(5, 3))
    return (lambda p: X @ p["W"]), params


REFUSED = {
    "random": (lambda: live(Random, X, T), "another value when it is called again"),
    "counter": (lambda: live(Counter, X, T), "another value when it is called again"),
    "branch": (lambda: live(Decides, X, T), "decides by values"),
    "text": (lambda: live(Formats, X, T), "decides by values"),
    "constant": (reads_none, "no single number that comes from the arrays"),
    "many": (returns_many, "number"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("options", [{"engine": "arrays"}, {"method": "exact"}], ids=["structure", "exact"])
def test_refusals_say_why(name, options):
    make, reason = REFUSED[name]
    loss, params = make()
    kept, state = {k: w.copy() for k, w in params.items()}, np.random.get_state()[1].copy()  # noqa: NPY002
    with pytest.raises((EngineError, TypeError, ValueError), match=reason):
        weight_gradient(loss, params, **options)
    assert all(params[k].tobytes() == kept[k].tobytes() for k in params)
    if name != "random":
        assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@pytest.mark.filterwarnings("ignore:Exception ignored in. <_io.FileIO")  # a module that was about to be read
def test_ctrl_c_at_any_time():
    params = weights(W=(60, 40), V=(40, 30))
    data = np.random.default_rng(0).normal(size=(200, 60))

    def loss(p):
        return np.sum(np.tanh(np.tanh(data @ p["W"]) @ p["V"]) ** 2)

    before, interrupted = {k: w.tobytes() for k, w in params.items()}, 0
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    try:
        for delay in np.geomspace(0.001, 0.1, 12):
            signal.setitimer(signal.ITIMER_REAL, delay)
            try:
                weight_gradient(loss, params, engine="arrays")
                signal.setitimer(signal.ITIMER_REAL, 0.0)
            except KeyboardInterrupt:
                interrupted += 1
            assert {k: w.tobytes() for k, w in params.items()} == before
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGINT, previous)
    assert interrupted > 3


def test_random_numbers_are_seen_before_blocks_are_looked_for(monkeypatch):
    w = RNG.normal(size=(30, 20))
    data = RNG.normal(size=(40, 30))

    def dropout(p):
        return np.sum((data @ p["w"] * (np.random.rand(40, 20) > 0.5)) ** 2)  # noqa: NPY002

    def seeded(p):
        np.random.seed(3)  # noqa: NPY002
        return dropout(p)

    found = weight_gradient(seeded, {"w": w}, engine="arrays")["w"]
    np.random.seed(3)  # noqa: NPY002
    kept = np.random.rand(40, 20) > 0.5  # noqa: NPY002
    np.testing.assert_allclose(found, 2 * data.T @ (data @ w * kept), rtol=1e-6, atol=1e-6)
    monkeypatch.setattr(blocks, "families", lambda *_: pytest.fail("they were looked for"))
    with pytest.raises(EngineError, match="draws random numbers"):
        weight_gradient(dropout, {"w": w}, engine="arrays")

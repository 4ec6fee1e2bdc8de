"""All weights of networks as readers of the book write them: classes of their own, with layers that hold the arrays."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import rivals
from contest import Case, Contestant
from functions import Array

import fastgrad

H = 1e-4
SAMPLE = {"TwoLayer": 200, "Layered": 60, "Convolutional": 4}  # weights at which the book's loop runs


def softmax(z):
    """As the book writes it."""
    z = z.T
    z = z - np.max(z, axis=0)
    y = np.exp(z) / np.sum(np.exp(z), axis=0)
    return y.T


def cross_entropy(y, t):
    return -np.sum(np.log(y[np.arange(len(t)), t] + 1e-7)) / len(t)


class TwoLayer:
    """The book's network of two layers."""

    def __init__(self, inputs: int, rng: Any) -> None:
        self.params = {
            "W1": 0.01 * rng.standard_normal((inputs, 50)), "b1": np.zeros(50),
            "W2": 0.01 * rng.standard_normal((50, 10)), "b2": np.zeros(10),
        }  # fmt: skip

    def predict(self, x):
        z = np.dot(x, self.params["W1"]) + self.params["b1"]
        return softmax(np.dot(1 / (1 + np.exp(-z)), self.params["W2"]) + self.params["b2"])

    def loss(self, x, t):
        return cross_entropy(self.predict(x), t)

    @staticmethod
    def in_jax(jnp: Any, params: Any, x: Any, t: Any) -> Any:
        z = 1 / (1 + jnp.exp(-(x @ params["W1"] + params["b1"]))) @ params["W2"] + params["b2"]
        return jax_loss(jnp, z, t)


def jax_loss(jnp: Any, z: Any, t: Any) -> Any:
    e = jnp.exp(z - z.max(axis=1, keepdims=True))
    y = e / e.sum(axis=1, keepdims=True)
    return -jnp.sum(jnp.log(y[np.arange(len(t)), t] + 1e-7)) / len(t)


class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return np.dot(x, self.W) + self.b


class Relu:
    def forward(self, x):
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out


class BatchNormalization:
    def __init__(self, gamma, beta):
        self.gamma, self.beta = gamma, beta
        self.running_mean = self.running_var = 0.0

    def forward(self, x):
        mean = x.mean(axis=0)
        centred = x - mean
        var = np.mean(centred**2, axis=0)
        self.running_mean = 0.9 * self.running_mean + 0.1 * mean
        self.running_var = 0.9 * self.running_var + 0.1 * var
        return self.gamma * (centred / np.sqrt(var + 10e-7)) + self.beta


class Layered:
    """784-100-100-10 with relu, and batch normalization in training mode where it is asked for."""

    def __init__(self, inputs: int, rng: Any, norm: bool = False) -> None:
        self.params, self.layers = {}, []
        for k, (a, b) in enumerate(((inputs, 100), (100, 100), (100, 10))):
            own = {f"W{k}": rng.standard_normal((a, b)) * np.sqrt(2 / a), f"b{k}": np.zeros(b)}
            self.layers.append(Affine(*own.values()))
            if norm and k < 2:
                scales = {f"gamma{k}": np.ones(b), f"beta{k}": np.zeros(b)}
                self.layers.append(BatchNormalization(*scales.values()))
                own |= scales
            self.layers += [Relu()] * (k < 2)
            self.params |= own

    def loss(self, x, t):
        for layer in self.layers:
            x = layer.forward(x)
        return cross_entropy(softmax(x), t)

    @staticmethod
    def in_jax(jnp: Any, params: Any, x: Any, t: Any) -> Any:
        for k in range(3):
            x = x @ params[f"W{k}"] + params[f"b{k}"]
            if f"gamma{k}" in params:
                mean, var = x.mean(axis=0), x.var(axis=0)
                x = params[f"gamma{k}"] * ((x - mean) / jnp.sqrt(var + 10e-7)) + params[f"beta{k}"]
            x = jnp.maximum(x, 0) if k < 2 else x
        return jax_loss(jnp, x, t)


def im2col(images, height, width, stride=1):
    n, c, rows, columns = images.shape
    down, across = (rows - height) // stride + 1, (columns - width) // stride + 1
    col = np.zeros((n, c, height, width, down, across))
    for y in range(height):
        for x in range(width):
            col[:, :, y, x] = images[:, :, y : y + stride * down : stride, x : x + stride * across : stride]
    return col.transpose(0, 4, 5, 1, 2, 3).reshape(n * down * across, -1)


class Convolutional:
    """The book's SimpleConvNet: convolution, relu, pooling, two affine layers."""

    def __init__(self, side: int, rng: Any) -> None:
        inside = (side - 4) // 2
        shapes = {"W1": (30, 1, 5, 5), "b1": (30,), "W2": (30 * inside**2, 100), "b2": (100,), "W3": (100, 10)}
        self.params = {name: 0.01 * rng.standard_normal(shape) for name, shape in (shapes | {"b3": (10,)}).items()}

    def loss(self, x, t):
        p, n, out = self.params, len(x), x.shape[2] - 4
        z = np.dot(im2col(x, 5, 5), p["W1"].reshape(30, -1).T) + p["b1"]
        z = np.maximum(z, 0).reshape(n, out, out, -1).transpose(0, 3, 1, 2)
        pooled = np.max(im2col(z, 2, 2, 2).reshape(-1, 4), axis=1)
        pooled = pooled.reshape(n, out // 2, out // 2, 30).transpose(0, 3, 1, 2).reshape(n, -1)
        return cross_entropy(softmax(np.dot(np.maximum(np.dot(pooled, p["W2"]) + p["b2"], 0), p["W3"]) + p["b3"]), t)


@dataclass(frozen=True)
class Problem:
    """A network and its batch; the exact gradients where they are known, all in one row."""

    net: Any
    x: Array
    t: Array
    exact: Array | None


def flat(grads: dict[str, Any]) -> Array:
    return np.concatenate([np.asarray(g).reshape(-1) for g in grads.values()])


def by_jax(p: Problem) -> Callable[[], Array]:
    jax = rivals.jax_in_float64()
    slope = jax.jit(jax.grad(lambda params: p.net.in_jax(jax.numpy, params, p.x, p.t)))

    def run() -> Array:
        found = slope(p.net.params)
        return flat({name: found[name] for name in p.net.params})

    return run


def problem(make: Callable[[int, Any], Any], batch: int, size: int, images: bool = False) -> Problem:
    rng = np.random.default_rng(0)
    shape = (batch, 1, size, size) if images else (batch, size)
    p = Problem(make(size, rng), rng.random(shape), rng.integers(0, 10, batch), None)
    return p if images else Problem(p.net, p.x, p.t, by_jax(p)())


def differences_of(p: Problem) -> Array | None:
    """What differences over 1e-4 should be; of relu units some cross a kink, and are no derivative."""
    return p.exact if isinstance(p.net, TwoLayer) else None


def in_fastgrad(p: Problem, **options: Any) -> Contestant:
    def run() -> Array:
        return flat(fastgrad.weight_gradient(lambda _: p.net.loss(p.x, p.t), p.net.params, **options))

    return Contestant(run, p.exact if "method" in options else differences_of(p))


def book_loop(p: Problem) -> Contestant:
    """The book's numerical gradient, at some of the weights."""
    sizes = [w.size for w in p.net.params.values()]
    places = np.sort(np.random.default_rng(1).choice(sum(sizes), SAMPLE[type(p.net).__name__], replace=False))
    owner = np.searchsorted(np.cumsum(sizes), places, side="right")
    starts = np.cumsum([0, *sizes])

    def run() -> Array:
        grad = np.empty(len(places))
        for n, (k, place) in enumerate(zip(owner, places - starts[owner], strict=True)):
            w = list(p.net.params.values())[k].reshape(-1)
            saved = w[place]
            w[place] = saved + H
            above = p.net.loss(p.x, p.t)
            w[place] = saved - H
            grad[n] = (above - p.net.loss(p.x, p.t)) / (2 * H)
            w[place] = saved
        return grad

    exact = differences_of(p)
    return Contestant(run, None if exact is None else exact[places], share=len(places) / sum(sizes))


def in_one_vector(p: Problem) -> tuple[Callable[[Array], Any], Array]:
    """The loss of all weights in a vector, of which it makes its matrices, and that vector."""
    shapes = {name: w.shape for name, w in p.net.params.items()}
    ends = np.cumsum([w.size for w in p.net.params.values()])[:-1]
    net = copy(p.net)

    def loss(weights):
        net.params = {
            name: part.reshape(shape)
            for (name, shape), part in zip(shapes.items(), np.split(weights, ends), strict=True)
        }
        return net.loss(p.x, p.t)

    return loss, flat(p.net.params)


def of_a_vector(p: Problem, **options: Any) -> Contestant:
    loss, weights = in_one_vector(p)
    return Contestant(lambda: fastgrad.gradient(loss, weights, **options), p.exact)


def loop_over_a_vector(p: Problem) -> Contestant:
    """Central differences of some of its elements."""
    loss, weights = in_one_vector(p)
    places = np.sort(np.random.default_rng(1).choice(weights.size, SAMPLE["TwoLayer"], replace=False))

    def run() -> Array:
        grad = np.empty(len(places))
        for n, place in enumerate(places):
            moved = weights.copy()
            moved[place] = weights[place] + H
            above = loss(moved)
            moved[place] = weights[place] - H
            grad[n] = (above - loss(moved)) / (2 * H)
        return grad

    return Contestant(run, None if p.exact is None else p.exact[places], share=len(places) / weights.size)


NETS: dict[str, Callable[[Problem], Contestant]] = {
    "fastgrad": partial(in_fastgrad, h=H),
    "fastgrad exact": partial(in_fastgrad, method="exact"),
    "the book's loop": book_loop,
    "JAX, exact": lambda p: Contestant(by_jax(p), p.exact),
}
VECTOR: dict[str, Callable[[Problem], Contestant]] = {
    "fastgrad": partial(of_a_vector, h=H),
    "fastgrad exact": partial(of_a_vector, method="exact"),
    "the book's loop": loop_over_a_vector,
    "JAX, exact": NETS["JAX, exact"],
}
CASES = (
    Case(
        "readers", "two", "two layers, 784-50-10, batch of 100", 784, 12, partial(problem, TwoLayer, 100), NETS,
        {"the book's loop": 120.0},
    ),
    Case(
        "readers", "vector", "the same, all weights in one vector", 784, 12, partial(problem, TwoLayer, 100), VECTOR,
        {"the book's loop": 50.0},
    ),
    Case(
        "readers", "relu", "layers with relu, 784-100-100-10, batch of 100", 784, 12, partial(problem, Layered, 100),
        NETS, {"the book's loop": 30.0},
    ),
    Case(
        "readers", "norm", "the same with batch normalization", 784, 12,
        partial(problem, partial(Layered, norm=True), 100), NETS, {"the book's loop": 15.0},
    ),
    Case(
        "readers", "convolution", "SimpleConvNet, 28 by 28, 30 filters, batch of 100", 28, 8,
        partial(problem, Convolutional, 100, images=True),
        {name: NETS[name] for name in ("fastgrad", "fastgrad exact", "the book's loop")}, {"the book's loop": 1000.0},
    ),
)  # fmt: skip

"""Losses of weight matrices: in place behind a closure, compiled by Numba, and whole networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import networks
import numba as nb
import numpy as np
import rivals
from baselines import book_gradient
from contest import ONE_SIDED, TOLERANCE, Case, Contestant
from functions import Array, written_for

import fastgrad

INPUTS, HIDDEN, CLASSES = 20, 10, 5


# A network of two layers ----------------------------------------------------------------------------------------------


def network_loss(params, x, t):
    """Cross-entropy of sigmoid and softmax layers."""
    hidden = 1 / (1 + np.exp(-(np.dot(x, params[0]) + params[1])))
    z = np.dot(hidden, params[2]) + params[3]
    z = z - np.max(z, axis=1, keepdims=True)
    return -np.mean(np.sum(t * (z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))), axis=1))


def backpropagation(params: list[Array], x: Array, t: Array) -> list[Array]:
    hidden = 1 / (1 + np.exp(-(np.dot(x, params[0]) + params[1])))
    e = np.exp(np.dot(hidden, params[2]) + params[3])
    last = (e / e.sum(axis=1, keepdims=True) - t) / len(x)
    middle = np.dot(last, params[2].T) * hidden * (1 - hidden)
    return [np.dot(x.T, middle), middle.sum(axis=0), np.dot(hidden.T, last), last.sum(axis=0)]


@dataclass(frozen=True)
class Network:
    """Weights and biases, a batch of inputs and labels, and the exact gradients in one row."""

    params: list[Array]
    x: Array
    t: Array
    exact: Array

    def loss(self) -> Any:
        return network_loss(self.params, self.x, self.t)

    def shaped(self, flat: Any) -> list[Any]:
        """The parameters from one row."""
        parts, start = [], 0
        for p in self.params:
            parts.append(flat[start : start + p.size].reshape(p.shape))
            start += p.size
        return parts

    @property
    def flat(self) -> Array:
        return np.concatenate([p.reshape(-1) for p in self.params])


def network(batch: int) -> Network:
    rng = np.random.default_rng(0)
    shapes = [(INPUTS, HIDDEN), (HIDDEN,), (HIDDEN, CLASSES), (CLASSES,)]
    params = [rng.standard_normal(shape) for shape in shapes]
    x, t = rng.standard_normal((batch, INPUTS)), np.eye(CLASSES)[rng.integers(0, CLASSES, batch)]
    return Network(params, x, t, np.concatenate([g.reshape(-1) for g in backpropagation(params, x, t)]))


def in_place(gradient: Callable[..., Array], p: Network) -> Contestant:
    """As the book calls it: the loss reads the network's own arrays and never looks at its argument."""

    def run() -> Array:
        return np.concatenate([gradient(lambda _: p.loss(), w.reshape(-1)) for w in p.params])

    return Contestant(run, p.exact)


def raveled(gradient: Callable[..., Any], p: Network, tolerance: float = TOLERANCE) -> Contestant:
    """On a copy of all parameters in one row."""
    slope, flat = gradient(lambda v: network_loss(p.shaped(v), p.x, p.t)), p.flat
    return Contestant(lambda: slope(flat), p.exact, tolerance)


def exactly(p: Network, library: str) -> Contestant:
    module = rivals.jax_in_float64() if library == "JAX" else __import__("autograd")
    loss = written_for(network_loss, module.numpy)
    slope = module.grad(lambda v: loss(p.shaped(v), p.x, p.t))
    run = rivals.jax_at_one_point(slope) if library == "JAX" else slope
    flat = p.flat
    return Contestant(lambda: run(flat), p.exact)


NETWORK: dict[str, Callable[[Network], Contestant]] = {
    "fastgrad": partial(in_place, fastgrad.numerical_gradient),
    "fastgrad, out of place": partial(raveled, fastgrad.grad),
    "the book's loop": partial(in_place, book_gradient),
    "scipy 2-point": partial(raveled, rivals.scipy_2_point, tolerance=ONE_SIDED),
    "scipy 3-point": partial(raveled, rivals.scipy_3_point),
    "autograd, exact": partial(exactly, library="autograd"),
    "JAX, exact": partial(exactly, library="JAX"),
}

# A loss compiled by Numba ---------------------------------------------------------------------------------------------


@nb.njit
def layer_loss(w, x):
    """The sum of squared activations of one tanh layer."""
    total = 0.0
    for j in range(w.shape[1]):
        z = 0.0
        for i in range(w.shape[0]):
            z += x[i] * w[i, j]
        total += np.tanh(z) ** 2
    return total


def whole_layer_loss(w, x):
    return np.sum(np.tanh(np.dot(x, w)) ** 2)


@dataclass(frozen=True)
class Layer:
    """A weight matrix, an input, and the exact gradient."""

    w: Array
    x: Array
    exact: Array


def layer(rows: int) -> Layer:
    rng = np.random.default_rng(0)
    w, x = rng.standard_normal((rows, 20)) / 8, rng.standard_normal(rows)
    y = np.tanh(x @ w)
    return Layer(w, x, np.outer(x, 2 * y * (1 - y**2)))


def layer_in_fastgrad(p: Layer, engine: str) -> Contestant:
    f = layer_loss if engine == "jit" else whole_layer_loss
    return Contestant(lambda: fastgrad.gradient(f, p.w, args=(p.x,), engine=engine), p.exact)


def layer_in_place(p: Layer) -> Contestant:
    """The book's call of a compiled loss."""
    loss = nb.njit(written_for(layer_loss.py_func, np))
    loss(p.w, p.x)
    flat = p.w.reshape(-1)
    return Contestant(lambda: book_gradient(lambda _: loss(p.w, p.x), flat).reshape(p.w.shape), p.exact)


def layer_elsewhere(gradient: Callable[..., Any], p: Layer, tolerance: float = TOLERANCE) -> Contestant:
    slope, flat = gradient(lambda v: layer_loss(v.reshape(p.w.shape), p.x)), p.w.reshape(-1)
    return Contestant(lambda: slope(flat).reshape(p.w.shape), p.exact, tolerance)


def layer_in_jax(p: Layer) -> Contestant:
    library = rivals.jax_in_float64()
    loss = written_for(whole_layer_loss, library.numpy)
    slope = rivals.jax_at_one_point(library.grad(lambda w: loss(w, p.x)))
    return Contestant(lambda: slope(p.w), p.exact)


LAYER: dict[str, Callable[[Layer], Contestant]] = {
    "fastgrad": partial(layer_in_fastgrad, engine="jit"),
    "the book's loop": layer_in_place,
    "scipy 2-point": partial(layer_elsewhere, rivals.scipy_2_point, tolerance=ONE_SIDED),
    "scipy 3-point": partial(layer_elsewhere, rivals.scipy_3_point),
    "JAX, exact": layer_in_jax,
}
CASES = (
    Case("weights", "network", "network 20-10-5 behind a closure, batch of 20", 20, 5, network, NETWORK),
    Case("weights", "layer", "@njit loss of a (50, 20) matrix", 50, 5, layer, LAYER),
    *networks.CASES,
)

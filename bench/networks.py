"""All weights of whole networks, and what several processes or threads gain; cases of the family `weights`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from itertools import count
from pathlib import Path

import numba as nb
import numpy as np
from contest import Case, Contestant
from functions import Array

import fastgrad
from fastgrad import Variable, variable
from fastgrad.engine import threads
from fastgrad.llvm import buffers
from fastgrad.nn import MLP, TwoLayerNet

H, GUARD = 1e-4, 1e-7
SAMPLE = 400  # weights at which the book's loop runs

# The book's way -------------------------------------------------------------------------------------------------------

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "relu": lambda z: np.maximum(0, z),
}
SLOPES: dict[str, Callable[[Array], Array]] = {"sigmoid": lambda a: a * (1 - a), "relu": lambda a: (a > 0) * 1.0}


@dataclass(frozen=True)
class Problem:
    """A network, a batch of inputs and labels, and the exact gradients in one row."""

    net: MLP
    x: Array
    t: Array
    activation: str
    exact: Array

    @property
    def params(self) -> list[Array]:
        return list(self.net.params.values())


def scores(params: list[Array], x: Array, activation: str) -> Array:
    signal = x
    for k in range(0, len(params) - 2, 2):
        signal = ACTIVATIONS[activation](np.dot(signal, params[k]) + params[k + 1])
    return np.dot(signal, params[-2]) + params[-1]


def softmax(z: Array) -> Array:
    e = np.exp(z - np.max(z, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


def book_loss(params: list[Array], x: Array, t: Array, activation: str) -> float:
    """The mean cross-entropy, as in the book, of any number of layers."""
    y = softmax(scores(params, x, activation))
    return -np.sum(np.log(y[np.arange(len(t)), t] + GUARD)) / len(t)


def backpropagation(params: list[Array], x: Array, t: Array, activation: str) -> Array:
    """The exact gradients of `book_loss`, all in one row."""
    signals = [x]
    for k in range(0, len(params) - 2, 2):
        signals.append(ACTIVATIONS[activation](np.dot(signals[-1], params[k]) + params[k + 1]))
    y, rows = softmax(np.dot(signals[-1], params[-2]) + params[-1]), np.arange(len(t))
    likely = y[rows, t]
    delta = y
    delta[rows, t] -= 1
    delta *= (likely / (likely + GUARD) / len(t))[:, None]
    parts: list[Array] = []
    for k in range(len(params) - 2, -1, -2):
        signal = signals[k // 2]
        parts = [np.dot(signal.T, delta).reshape(-1), delta.sum(axis=0), *parts]
        delta = np.dot(delta, params[k].T) * SLOPES[activation](signal) if k else delta
    return np.concatenate(parts)


def picked(total: int) -> Array:
    return np.sort(np.random.default_rng(1).choice(total, min(SAMPLE, total), replace=False))


def book_loop(p: Problem) -> Contestant:
    """The book's numerical gradient, at some of the weights."""
    places, starts = picked(p.exact.size), np.cumsum([0] + [w.size for w in p.params])
    owner = np.searchsorted(starts, places, side="right") - 1
    params, flat = p.params, [w.reshape(-1) for w in p.params]

    def run() -> Array:
        grad = np.empty(len(places))
        for n, (k, place) in enumerate(zip(owner, places - starts[owner], strict=True)):
            w, saved = flat[k], flat[k][place]
            w[place] = float(saved) + H
            above = book_loss(params, p.x, p.t, p.activation)
            w[place] = saved - H
            below = book_loss(params, p.x, p.t, p.activation)
            grad[n] = (above - below) / (2 * H)
            w[place] = saved
        return grad

    return Contestant(run, p.exact[places], share=len(places) / p.exact.size)


# Whole networks -------------------------------------------------------------------------------------------------------


def in_fastgrad(p: Problem) -> Contestant:
    return Contestant(
        lambda: np.concatenate([g.reshape(-1) for g in p.net.numerical_gradient(p.x, p.t).values()]), p.exact
    )


def exactly(p: Problem) -> Contestant:
    others = np.concatenate([g.reshape(-1) for g in p.net.gradient(p.x, p.t).values()])
    return Contestant(lambda: backpropagation(p.params, p.x, p.t, p.activation), others)


def problem(make: Callable[[int], MLP], batch: int, activation: str, inputs: int) -> Problem:
    """The first draw in which no step crosses the kink of a relu, where no derivative is exact."""
    for seed in count():
        np.random.seed(seed)  # noqa: NPY002  the networks draw from it, as in the book
        net, rng = make(inputs), np.random.default_rng(seed)
        x, t = rng.random((batch, inputs)), rng.integers(0, 10, batch)
        params = list(net.params.values())
        if activation != "relu" or min(np.abs(z).min() for z in hidden_sums(params, x)) > 2 * H:
            break
    return Problem(net, x, t, activation, backpropagation(params, x, t, activation))


def hidden_sums(params: list[Array], x: Array) -> Iterator[Array]:
    """What the relu units get."""
    for depth in range(2, len(params), 2):
        yield scores(params[:depth], x, "relu")


def exponentials(p: Problem) -> Contestant:
    """As many exponentials as the definition needs, by the machine's vector instructions, and nothing else.

    A weight of the hidden layer changes one unit and all outputs, one of the output layer one output; both at +h and at
    -h, for each sample:  2 * batch * (hidden weights * (1 + outputs) + output weights * 1).
    """
    (w1, b1, w2, b2), outputs = p.params, p.params[-1].size
    number = 2 * len(p.x) * ((w1.size + b1.size) * (1 + outputs) + w2.size + b2.size)
    address = buffers.address("exp")
    rounds = -(-number // (BUFFER * TOWER))

    def run() -> None:
        threads.run(lambda start, stop: towers(address, start, stop), rounds, workers=threads.cores(), report=None)

    return Contestant(run, None, share=rounds * BUFFER * TOWER / number)


BUFFER, TOWER = 1024, 5  # 8 kB; from -1 on, the sixth exponential of an exponential overflows


@nb.njit(nogil=True)
def towers(address, start, stop):
    """Exponentials of exponentials, so that the buffer is filled once in five times."""
    buffer = np.empty(BUFFER)
    for _ in range(start, stop):
        buffer[:] = -1.0
        for _ in range(TOWER):
            buffers.apply(address, buffer, BUFFER)


PLAIN: dict[str, Callable[[Problem], Contestant]] = {
    "fastgrad": in_fastgrad,
    "the book's loop": book_loop,
    "backpropagation, exact": exactly,
}


def deep(activation: str) -> Case:
    make = partial(problem, lambda inputs: MLP((inputs, 100, 100, 10), activation), 32, activation)
    title = f"MLP(784, 100, 100, 10), {activation}, batch of 32, all 89,610 weights"
    return Case("weights", f"mlp_{activation}", title, 784, 12, make, PLAIN, {"the book's loop": 50.0})


# Backpropagation ------------------------------------------------------------------------------------------------------


def with_variables(p: Problem) -> Contestant:
    """fastgrad.Variable through the functions that Chainer has."""
    params, rows = [Variable(w) for w in p.params], np.arange(len(p.t))

    def run() -> Array:
        for w in params:
            w.cleargrad()
        signal = variable.sigmoid(variable.linear(p.x, params[0].T, params[1]))
        y = variable.softmax(variable.linear(signal, params[2].T, params[3]))
        (-variable.sum(variable.log(y[rows, p.t] + GUARD)) / len(rows)).backward()
        return np.concatenate([w.grad.reshape(-1) for w in params])

    return Contestant(run, p.exact)


def with_autograd(p: Problem) -> Contestant:
    import autograd
    import autograd.numpy as anp

    rows = np.arange(len(p.t))

    def loss(params: list[Array]) -> float:
        signal = 1 / (1 + anp.exp(-(anp.dot(p.x, params[0]) + params[1])))
        z = anp.dot(signal, params[2]) + params[3]
        e = anp.exp(z - anp.max(z, axis=1, keepdims=True))
        y = e / anp.sum(e, axis=1, keepdims=True)
        return -anp.sum(anp.log(y[rows, p.t] + GUARD)) / len(rows)

    slope = autograd.grad(loss)
    return Contestant(lambda: np.concatenate([g.reshape(-1) for g in slope(p.params)]), p.exact)


# Processes and threads ------------------------------------------------------------------------------------------------

# In a process of its own: a fork would copy the threads of whatever else the suite has imported.
FORKED = """
import sys
from time import perf_counter
import numpy as np
from fastgrad import numerical_gradient
from networks import backpropagation, book_loss
rows, workers = map(int, sys.argv[1:])
rng = np.random.default_rng(0)
x, t = rng.random((300, rows)), rng.integers(0, 10, 300)
params = [rng.standard_normal(shape) / 10 for shape in ((rows, 10), 10, (10, 10), 10)]
f = lambda w: book_loss(params, x, t, "sigmoid")
f(params[0])
start = perf_counter()
grad = numerical_gradient(f, params[0], workers=workers)
print(perf_counter() - start)
exact = backpropagation(params, x, t, "sigmoid")[: grad.size].reshape(grad.shape)
np.testing.assert_allclose(grad, exact, rtol=0, atol=1e-8)
"""


def forked(workers: int, rows: int) -> Contestant:
    """Several seconds of work, once for all turns."""

    @cache
    def run() -> float:
        command = [sys.executable, "-W", "error", "-c", FORKED, str(rows), str(workers)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent)
        return float(done.stdout)

    return Contestant(run, None, own_clock=True)


@nb.njit
def matrix_loss(w, x):
    """The sum of squared activations of one tanh layer, along the rows of the matrix."""
    z = np.zeros(w.shape[1])
    for i in range(w.shape[0]):
        for j in range(w.shape[1]):
            z[j] += x[i] * w[i, j]
    return np.sum(np.tanh(z) ** 2)


def matrix(rows: int) -> tuple[Array, Array, Array]:
    """A matrix, an input, and the exact gradient."""
    rng = np.random.default_rng(0)
    w, x = rng.standard_normal((rows, 50)) / 28, rng.standard_normal(rows)
    y = np.tanh(x @ w)
    return w, x, np.outer(x, 2 * y * (1 - y**2))


def threaded(workers: int, p: tuple[Array, Array, Array]) -> Contestant:
    w, x, exact = p
    return Contestant(lambda: fastgrad.gradient(matrix_loss, w, args=(x,), engine="jit", workers=workers), exact)


CASES = (
    Case(
        "weights", "two_layer_net", "TwoLayerNet(784, 50, 10), batch of 100, all 39,760 weights", 784, 12,
        partial(problem, lambda inputs: TwoLayerNet(inputs, 50, 10), 100, "sigmoid"),
        {**PLAIN, "the exponentials alone": exponentials},
        {"the book's loop": 200.0, "the exponentials alone": 0.4},
    ),
    Case(
        "weights", "backpropagation", "backpropagation of TwoLayerNet(784, 50, 10) by Variable, batch of 100", 784, 12,
        partial(problem, lambda inputs: TwoLayerNet(inputs, 50, 10), 100, "sigmoid"),
        {"fastgrad": with_variables, "autograd, exact": with_autograd, "backpropagation, exact": exactly},
        {"autograd, exact": 0.5},
    ),
    deep("sigmoid"),
    deep("relu"),
    Case(
        "weights", "forked", "closure over a (784, 10) matrix, two processes", 784, 8, int,
        {"fastgrad": partial(forked, 2), "one process": partial(forked, 1)}, {"one process": 1.7},
    ),
    Case(
        "weights", "threaded", "@njit loss of a (784, 50) matrix, two threads", 784, 8, matrix,
        {"fastgrad": partial(threaded, 2), "one thread": partial(threaded, 1)}, {"one thread": 1.8},
    ),
)  # fmt: skip

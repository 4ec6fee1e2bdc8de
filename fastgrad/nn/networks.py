"""The book's networks, and networks of any depth, with all their numerical gradients in a fraction of a second.

A weight changes one unit of its layer; `numerical_gradient` computes again only what follows from that. It evaluates
the loss at +h and at -h, as the definition says: ``nn/kernels.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..engine import threads
from ..engine.arguments import check_workers, overlap
from ..engine.numbers import real_array
from ..formulas.stencils import stencil
from ..formulas.steps import choose_steps
from ..llvm.interrupts import loading
from .losses import GUARD, cross_entropy_error, labels, mean_squared_error, relu, sigmoid, softmax, targets
from .weights import weight_gradient

Array = NDArray[Any]
Params = dict[str, Array]

FIRST = stencil(1, 2, "central")

# --- activations: the function, its derivative from its value --------------------------------------------------------

ACTIVATIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "identity": (lambda z: z, np.ones_like),
    "sigmoid": (sigmoid, lambda a: a * (1 - a)),
    "relu": (relu, lambda a: (a > 0).astype(a.dtype)),
    "tanh": (np.tanh, lambda a: 1 - a**2),
}
LOSSES = ("softmax_cross_entropy", "mean_squared_error")


class MLP:
    """A network of fully connected layers.

    Parameters
    ----------
    sizes : sequence of int
        Inputs, units of each hidden layer, outputs.
    activation : {"sigmoid", "relu", "tanh", "identity"}
        Of the hidden layers.
    loss : {"softmax_cross_entropy", "mean_squared_error"}
        What `loss` returns, a mean over the samples.
    rng : numpy.random.Generator, optional
        For the initial weights; by default NumPy's global state, so that `numpy.random.seed` works as in the book.

    Attributes
    ----------
    params : dict of ndarray
        W1, b1, W2, b2, ...: weights of shape (inputs, units), normal with deviation ``sqrt(2 / inputs)`` for relu (He)
        and ``sqrt(1 / inputs)`` otherwise (Xavier), and biases, 0.

    Raises
    ------
    ValueError
        Sizes that are not whole numbers from 1, or fewer than two; an activation or a loss that does not exist.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgrad.nn import MLP
    >>> rng = np.random.default_rng(0)
    >>> net = MLP((4, 5, 5, 3), activation="tanh", rng=rng)
    >>> x, t = rng.standard_normal((10, 4)), rng.integers(0, 3, 10)
    >>> numerical, exact = net.numerical_gradient(x, t), net.gradient(x, t)
    >>> bool(max(np.abs(numerical[name] - exact[name]).max() for name in net.params) < 1e-7)
    True
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str = "sigmoid",
        loss: str = "softmax_cross_entropy",
        *,
        rng: np.random.Generator | None = None,
    ) -> None:
        self._set(sizes, activation, loss)
        gain = 2.0 if activation == "relu" else 1.0
        self._draw(lambda inputs: np.sqrt(gain / inputs), rng)

    def _set(self, sizes: Any, activation: str, loss: str) -> None:
        self._layers = _checked_sizes(sizes)
        self._activation = _one_of("activation", activation, tuple(ACTIVATIONS))
        self._loss = _one_of("loss", loss, LOSSES)

    def _draw(self, deviation: Callable[[int], float], rng: np.random.Generator | None) -> None:
        self.params: Params = {}
        for layer, (inputs, units) in enumerate(pairwise(self._layers), 1):
            self.params[f"W{layer}"] = deviation(inputs) * _normal(rng, inputs, units)
            self.params[f"b{layer}"] = np.zeros(units)

    def predict(self, x: ArrayLike) -> Any:
        """The outputs, (N, K) for x of shape (N, D):
        probabilities for the cross-entropy, else the last layer's sums."""
        scores = self._scores(x)
        return softmax(scores) if self._loss == "softmax_cross_entropy" else scores

    def _scores(self, x: Any) -> Array:
        """The last layer's sums; of one sample (K,)."""
        scores = self._forward(x)[1][-1]
        return scores[0] if np.ndim(x) == 1 else scores

    def loss(self, x: ArrayLike, t: ArrayLike) -> Any:
        """The mean loss of the samples x with labels or targets t."""
        of = cross_entropy_error if self._loss == "softmax_cross_entropy" else mean_squared_error
        return of(self.predict(x), t)

    _own: tuple[Callable[..., Any], ...] = (predict, loss)

    def accuracy(self, x: ArrayLike, t: ArrayLike) -> float:
        """The share of samples whose largest output is that of the label."""
        y = np.atleast_2d(self.predict(x))
        return float(np.mean(np.argmax(y, axis=1) == labels(t, y.shape)))

    def numerical_gradient(
        self,
        x: ArrayLike,
        t: ArrayLike,
        *,
        h: float = 1e-4,
        workers: int | None = None,
        progress: bool | Callable[[int, int], object] = False,
    ) -> Params:
        """Central differences of the loss in every weight, ``(loss(w + h) - loss(w - h)) / (2*h)``.

        Only what a weight changes is computed again: one unit, the next layer's sums, what follows them. Memory grows
        with samples times units, not with the number of weights. A class of yours that changes `loss` or `predict`, and
        arrays of `params` that share memory, are differentiated as they are, by `fastgrad.weight_gradient`.

        Parameters
        ----------
        x, t
            As for `loss`.
        h : float
            The step, the book's by default.
        workers : int, optional
            Threads; all cores by default. Results do not depend on it.
        progress : bool or callable
            True: a progress bar on stderr (extra `progress`); a callable gets (done, total) weights.

        Returns
        -------
        dict of ndarray
            The keys and shapes of `params`.

        Raises
        ------
        ValueError
            Labels or shapes that do not fit; weights that are NaN or infinite, named; h that vanishes beside a weight.
        """
        threads_used = check_workers(workers, "jit") or threads.cores()
        step = choose_steps(np.zeros(()), FIRST, h)
        for weights in self.params.values():
            step.check(np.asarray(weights, dtype=np.float64))
        if self._is_changed() or self._has_ties():
            grads: Params = weight_gradient(lambda _: self.loss(x, t), self.params, h=h, progress=progress)
            return grads
        stacked = self._stacked()
        signals, sums = self._forward(x)
        with loading(f"{__package__}.kernels"):
            from . import kernels  # noqa: PLC0415  loads Numba

        with threads.progress_report(progress, "weight") as report:
            parts = kernels.differences(
                stacked, signals, sums, self._target(t, sums[-1].shape), activation=self._activation,
                loss=self._loss, h=float(h), workers=threads_used, report=report,
            )  # fmt: skip
        return self._as_params(parts)

    def gradient(self, x: ArrayLike, t: ArrayLike) -> Params:
        """The exact gradient of the loss by backpropagation, in the form of `params`.

        Raises
        ------
        TypeError
            A class of yours changes `loss` or `predict`, but not this.
        ValueError
            Labels or shapes that do not fit; arrays of `params` that share memory.
        """
        if self._is_changed():
            msg = (
                f"{type(self).__name__} changes loss or predict, so gradient has to be changed too; "
                "or use numerical_gradient"
            )
            raise TypeError(msg)
        if self._has_ties():
            msg = "arrays of params share memory, which backpropagation does not see; use numerical_gradient"
            raise ValueError(msg)
        self._check_shapes()
        signals, sums = self._forward(x)
        slope, delta = ACTIVATIONS[self._activation][1], self._output_delta(sums[-1], t)
        parts: list[Array] = []
        for layer in range(len(signals), 0, -1):
            signal = signals[layer - 1]
            parts.insert(0, np.vstack([signal.T @ delta, delta.sum(axis=0)]))
            if layer > 1:
                delta = (delta @ self.params[f"W{layer}"].T) * slope(signal)
        return self._as_params(parts)

    def _forward(self, x: Any) -> tuple[list[Array], list[Array]]:
        """What enters each layer, (N, inputs), and its sums before the activation, (N, units)."""
        signals, sums = [self._as_rows(x)], []
        for layer in range(1, len(self._layers)):
            z = signals[-1] @ self.params[f"W{layer}"]
            sums.append(z + self.params[f"b{layer}"] if f"b{layer}" in self.params else z)
            signals.append(ACTIVATIONS[self._activation][0](sums[-1]))
        return signals[:-1], sums

    def _output_delta(self, z: Array, t: Any) -> Array:
        """The loss's derivative in the outputs' sums."""
        target = self._target(t, z.shape)
        if self._loss == "mean_squared_error":
            return (z - target) / len(z)
        y = softmax(z)
        own = np.sum(y * target, axis=1, keepdims=True)
        delta: Array = (y - target) * (own / (own + GUARD)) / len(z)
        return delta

    def _target(self, t: Any, shape: tuple[int, ...]) -> Array:
        if self._loss == "mean_squared_error":
            return targets(t, shape)
        return np.eye(shape[1])[labels(t, shape)]

    def _as_rows(self, x: Any) -> Array:
        rows = np.atleast_2d(real_array(x))
        if rows.ndim != 2 or rows.shape[1] != self._layers[0] or not len(rows):
            msg = (
                f"x has shape {np.shape(x)}, the network takes {self._layers[0]} inputs: "
                f"give (N, {self._layers[0]}), N > 0"
            )
            raise ValueError(msg)
        return rows

    def _check_shapes(self) -> None:
        for layer, (inputs, units) in enumerate(pairwise(self._layers), 1):
            if f"W{layer}" not in self.params:
                msg = f"params has no 'W{layer}', only {sorted(self.params)}; layers of {self._layers} units need it"
                raise ValueError(msg)
            for name, shape in {f"W{layer}": (inputs, units), f"b{layer}": (units,)}.items():
                if name in self.params and np.shape(self.params[name]) != shape:
                    msg = f"params[{name!r}] has shape {np.shape(self.params[name])}, the network needs {shape}"
                    raise ValueError(msg)

    def _has_ties(self) -> bool:
        """Whether weights move together, because they are one array or parts of one."""
        arrays = [np.asarray(w) for w in self.params.values()]
        return any(overlap(a, b) for k, a in enumerate(arrays) for b in arrays[:k])

    def _stacked(self) -> list[Array]:
        """The weights of each layer with its biases as the last row, in float64."""
        self._check_shapes()
        stacked = []
        for layer, units in enumerate(self._layers[1:], 1):
            names = (f"W{layer}", f"b{layer}")
            parts = [_checked(self.params[name], name) for name in names if name in self.params]
            stacked.append(np.vstack([*parts, np.zeros(units)][:2]))
        return stacked

    def _as_params(self, parts: list[Array]) -> Params:
        """A derivative for each layer, in the form of `_stacked`, by name."""
        named: Params = {}
        for layer, part in enumerate(parts, 1):
            named |= {f"W{layer}": part[:-1], f"b{layer}": part[-1]}
        kept = {name: real_array(w).dtype for name, w in self.params.items() if name in named}
        return {name: np.ascontiguousarray(named[name], dtype=dtype) for name, dtype in kept.items()}

    def _is_changed(self) -> bool:
        """Whether `loss` or `predict` are another's: a subclass's, or set on this network."""
        methods = [getattr(self, method.__name__) for method in self._own]
        return any(
            getattr(method, "__func__", None) is not own or method.__self__ is not self
            for method, own in zip(methods, self._own, strict=True)
        )


class TwoLayerNet(MLP):
    """The book's network: one hidden layer of sigmoid units, softmax, cross-entropy.

    Parameters
    ----------
    input_size, hidden_size, output_size : int
    weight_init_std : float
        Standard deviation of the initial weights, drawn by `numpy.random.randn` in the book's order.

    Attributes
    ----------
    params : dict of ndarray
        W1 (inputs, hidden), b1, W2 (hidden, outputs), b2.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgrad.nn import TwoLayerNet
    >>> np.random.seed(0)
    >>> net = TwoLayerNet(input_size=6, hidden_size=4, output_size=3)
    >>> x, t = np.random.rand(5, 6), np.array([0, 1, 2, 1, 0])
    >>> grads = net.numerical_gradient(x, t)
    >>> {name: g.shape for name, g in grads.items()}
    {'W1': (6, 4), 'b1': (4,), 'W2': (4, 3), 'b2': (3,)}
    >>> bool(np.abs(grads["W1"] - net.gradient(x, t)["W1"]).max() < 1e-9)
    True
    """

    def __init__(self, input_size: int, hidden_size: int, output_size: int, weight_init_std: float = 0.01) -> None:
        self._set((input_size, hidden_size, output_size), "sigmoid", "softmax_cross_entropy")
        self._draw(lambda inputs: weight_init_std, None)


class SimpleNet(MLP):
    """The book's smallest network: a layer of 2 x 3 weights without biases, softmax, cross-entropy.

    Attributes
    ----------
    W : ndarray
        The weights, (2, 3), drawn by `numpy.random.randn`; ``params["W1"]`` is the same array.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgrad import numerical_gradient
    >>> from fastgrad.nn import SimpleNet
    >>> net = SimpleNet()
    >>> net.W[...] = [[0.47355232, 0.9977393, 0.84668094], [0.85557411, 0.03563661, 0.69422093]]
    >>> x, t = np.array([0.6, 0.9]), np.array([0, 0, 1])
    >>> net.predict(x)
    array([1.05414809, 0.63071653, 1.1328074 ])
    >>> numerical_gradient(lambda w: net.loss(x, t), net.W).round(8)
    array([[ 0.21924757,  0.14356243, -0.36281   ],
           [ 0.32887136,  0.21534364, -0.544215  ]])
    >>> net.numerical_gradient(x, t)["W1"].round(8)
    array([[ 0.21924757,  0.14356243, -0.36281   ],
           [ 0.32887136,  0.21534364, -0.544215  ]])
    """

    def __init__(self) -> None:
        self._set((2, 3), "identity", "softmax_cross_entropy")
        self._draw(lambda inputs: 1.0, None)
        del self.params["b1"]

    @property
    def W(self) -> Array:
        return self.params["W1"]

    @W.setter
    def W(self, weights: Array) -> None:
        self.params["W1"] = weights

    def predict(self, x: ArrayLike) -> Any:
        """The scores, before softmax."""
        return self._scores(x)

    def loss(self, x: ArrayLike, t: ArrayLike) -> Any:
        """The mean cross-entropy of the softmax of the scores."""
        return cross_entropy_error(softmax(self.predict(x)), t)

    _own = (predict, loss)


def _normal(rng: np.random.Generator | None, *shape: int) -> Array:
    # NumPy's global state: np.random.seed gives the book's numbers
    return np.random.randn(*shape) if rng is None else rng.standard_normal(shape)  # noqa: NPY002


def _checked_sizes(sizes: Any) -> tuple[int, ...]:
    given = tuple(sizes) if np.iterable(sizes) else ()
    if len(given) < 2 or any(isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1 for n in given):
        msg = (
            f"sizes={sizes!r} must be whole numbers from 1: inputs, units of hidden layers, outputs; "
            "write MLP((784, 50, 10))"
        )
        raise ValueError(msg)
    return tuple(map(int, given))


def _one_of(name: str, value: Any, choices: tuple[str, ...]) -> str:
    if value not in choices:
        msg = f"{name}={value!r} does not exist; use one of {', '.join(map(repr, choices))}"
        raise ValueError(msg)
    return str(value)


def _checked(weights: Any, name: str) -> Array:
    array = real_array(weights, f"params[{name!r}]").astype(np.float64)
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        place = tuple(map(int, bad[0]))
        msg = f"params[{name!r}] is {array[place]} at {place}: the training has diverged? lower the learning rate"
        raise ValueError(msg)
    return array

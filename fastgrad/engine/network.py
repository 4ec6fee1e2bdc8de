"""Central differences of a network's loss in each of its weights: only what a weight changes is computed.

A weight W[i, j] of layer l changes one unit j of that layer, for each sample by h times input i; the next layer's
pre-activations by a rank-one term; what follows is computed anew. Samples are the vector lanes: everything is kept as
(features, samples), a weight's step runs through blocks of samples that stay in the first-level cache.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba as nb
import numpy as np
from numpy.typing import NDArray

from . import buffers, native, threads
from .buffers import apply

Array = NDArray[np.float64]

ACTIVATIONS = ("identity", "sigmoid", "relu", "tanh")
_, SIGMOID, RELU, TANH = range(4)
LOSSES = ("softmax_cross_entropy", "mean_squared_error")
CROSS_ENTROPY, SQUARES = range(2)
GUARD = 1e-7  # the book's, inside the logarithm
BLOCK = 128  # samples: ten outputs of them are 10 kB


class Functions(NamedTuple):
    """Addresses of the vector functions."""

    exp: int
    log: int
    tanh: int


class Network(NamedTuple):
    """A network's state at its weights, everything flat: layer l's arrays begin at the l-th start.

    `weights` holds (inputs + 1, units) for each layer, the biases last; `inputs` (inputs + 1, samples), a row of ones
    last; `before` the pre-activations (units, samples).
    """

    sizes: Any
    weights: Any
    weights_at: Any
    inputs: Any
    inputs_at: Any
    before: Any
    before_at: Any
    target: Any  # (outputs, samples): one-hot labels or values
    reach: Any  # (samples,): how far a step moves an output at most
    samples: int  # without the padding
    activation: int
    loss: int
    h: float


@nb.njit(nogil=True, error_model="numpy", cache=True)
def _activate(values, kind, functions):
    """In place, on a contiguous buffer."""
    flat = values.reshape(values.size)
    if kind == SIGMOID:
        for n in range(flat.size):
            flat[n] = -flat[n]
        apply(functions.exp, flat, flat.size)
        for n in range(flat.size):
            flat[n] = 1.0 / (1.0 + flat[n])
    elif kind == RELU:
        for n in range(flat.size):
            flat[n] = max(0.0, flat[n])
    elif kind == TANH:
        apply(functions.tanh, flat, flat.size)


@nb.njit(nogil=True, error_model="numpy", cache=True)
def _next_layer(signal, weights, out):
    """out = weights[:-1].T @ signal + weights[-1], samples in the inner loop."""
    for unit in range(out.shape[0]):
        row = out[unit]
        row[:] = weights[-1, unit]
        for k in range(signal.shape[0]):
            w, given = weights[k, unit], signal[k]
            for n in range(row.size):
                row[n] += w * given[n]


@nb.njit(nogil=True, error_model="numpy", cache=True)
def _loss(z, target, first, count, kind, functions, scratch):
    """Sum over `count` samples of a block that begins at `first`; z is overwritten."""
    total, width = 0.0, z.shape[1]
    if kind == SQUARES:
        for k in range(z.shape[0]):
            for n in range(count):
                total += 0.5 * (z[k, n] - target[k, first + n]) ** 2
        return total
    top, below, above = scratch[0, :width], scratch[1, :width], scratch[2, :width]
    top[:] = z[0]
    for k in range(1, z.shape[0]):
        row = z[k]
        for n in range(row.size):
            top[n] = max(top[n], row[n])
    for k in range(z.shape[0]):
        row = z[k]
        for n in range(row.size):
            row[n] -= top[n]
    apply(functions.exp, z.reshape(z.size), z.size)
    above[:] = 0.0
    below[:] = 0.0
    for k in range(z.shape[0]):
        row, label = z[k], target[k, first : first + width]
        for n in range(row.size):
            below[n] += row[n]
            above[n] += label[n] * row[n]
    for n in range(above.size):
        above[n] = above[n] / below[n] + GUARD
    apply(functions.log, above, above.size)
    for n in range(count):
        total -= above[n]
    return total


@nb.njit(nogil=True, error_model="numpy", cache=True)
def _layer(flat, starts, layer, rows):
    start, stop = starts[layer], starts[layer + 1]
    return flat[start:stop].reshape(rows, (stop - start) // rows)


@nb.njit(nogil=True, error_model="numpy", cache=True)
def hidden(start, stop, layer, net, functions, out):
    """The partial derivatives of units [start, stop) of a layer that is not the last, into out[i, unit]."""
    sizes, depth = net.sizes, net.sizes.size - 1
    weights = _layer(net.weights, net.weights_at, layer, sizes[layer] + 1)
    onward = _layer(net.weights, net.weights_at, layer + 1, sizes[layer + 1] + 1)
    inputs = _layer(net.inputs, net.inputs_at, layer, sizes[layer] + 1)
    own = _layer(net.before, net.before_at, layer, sizes[layer + 1])
    following = _layer(net.before, net.before_at, layer + 1, sizes[layer + 2])
    front, back, scratch = np.empty(sizes.max() * BLOCK), np.empty(sizes.max() * BLOCK), np.empty((5, BLOCK))
    for unit in range(start, stop):
        out[:, unit] = 0.0
        for first in range(0, inputs.shape[1], BLOCK):
            last = min(first + BLOCK, inputs.shape[1])
            width, count = last - first, min(last, net.samples) - first
            before, change, usual = own[unit, first:last], scratch[3, :width], scratch[4, :width]
            usual[:] = before
            _activate(usual, net.activation, functions)
            for i in range(inputs.shape[0]):
                w, given = weights[i, unit], inputs[i, first:last]
                for side in range(2):
                    step = (w + net.h) - w if side == 0 else (w - net.h) - w
                    for n in range(width):
                        change[n] = before[n] + step * given[n]
                    _activate(change, net.activation, functions)
                    for n in range(width):
                        change[n] -= usual[n]
                    z = front[: sizes[layer + 2] * width].reshape(sizes[layer + 2], width)
                    for k in range(z.shape[0]):
                        row, there, v = z[k], following[k, first:last], onward[unit, k]
                        for n in range(width):
                            row[n] = there[n] + v * change[n]
                    for deeper in range(layer + 2, depth):
                        _activate(z, net.activation, functions)
                        link = _layer(net.weights, net.weights_at, deeper, sizes[deeper] + 1)
                        after = back[: sizes[deeper + 1] * width].reshape(sizes[deeper + 1], width)
                        _next_layer(z, link, after)
                        front, back = back, front
                        z = after
                    loss = _loss(z, net.target, first, count, net.loss, functions, scratch)
                    out[i, unit] += loss if side == 0 else -loss
        out[:, unit] /= net.samples * (2.0 * net.h)


@nb.njit(nogil=True, error_model="numpy", cache=True)
def output(start, stop, net, functions, out):
    """The same for units of the last layer: of the outputs, one changes."""
    sizes, layer = net.sizes, net.sizes.size - 2
    weights = _layer(net.weights, net.weights_at, layer, sizes[layer] + 1)
    inputs = _layer(net.inputs, net.inputs_at, layer, sizes[layer] + 1)
    z = _layer(net.before, net.before_at, layer, sizes[layer + 1])
    scratch = np.empty((6, BLOCK))
    for unit in range(start, stop):
        out[:, unit] = 0.0
        for first in range(0, inputs.shape[1], BLOCK):
            last = min(first + BLOCK, inputs.shape[1])
            width, count = last - first, min(last, net.samples) - first
            top, rest, label = scratch[0, :width], scratch[1, :width], scratch[2, :width]
            own, target, value = z[unit, first:last], net.target[unit, first:last], scratch[3, :width]
            if net.loss == CROSS_ENTROPY:
                _others(z, net, first, unit, functions, top, rest, label, value)
            for i in range(inputs.shape[0]):
                w, given = weights[i, unit], inputs[i, first:last]
                for side in range(2):
                    step = (w + net.h) - w if side == 0 else (w - net.h) - w
                    for n in range(width):
                        value[n] = own[n] + step * given[n]
                    loss = 0.0
                    if net.loss == SQUARES:
                        for n in range(count):
                            loss += 0.5 * (value[n] - target[n]) ** 2
                    else:
                        for n in range(width):
                            value[n] -= top[n]
                        apply(functions.exp, value, width)
                        for n in range(width):
                            above = value[n] if target[n] == 1.0 else label[n]
                            value[n] = above / (rest[n] + value[n]) + GUARD
                        apply(functions.log, value, width)
                        for n in range(count):
                            loss -= value[n]
                    out[i, unit] += loss if side == 0 else -loss
        out[:, unit] /= net.samples * (2.0 * net.h)


@nb.njit(nogil=True, error_model="numpy", cache=True)
def _others(z, net, first, unit, functions, top, rest, label, value):
    """The softmax's terms that do not change with a unit: their sum, the label's, and the shift of all."""
    last = first + top.size
    top[:] = net.reach[first:last] + z[unit, first:last]
    for k in range(z.shape[0]):
        row = z[k, first:last]
        for n in range(top.size):
            top[n] = max(top[n], row[n])
    rest[:] = 0.0
    label[:] = 0.0
    for k in range(z.shape[0]):
        if k != unit:
            row, target = z[k, first:last], net.target[k, first:last]
            for n in range(top.size):
                value[n] = row[n] - top[n]
            apply(functions.exp, value, top.size)
            for n in range(top.size):
                rest[n] += value[n]
                label[n] += target[n] * value[n]


# --- from arrays of layers -------------------------------------------------------------------------------------------


def differences(
    weights: list[Array],
    signals: list[Array],
    sums: list[Array],
    target: Array,
    *,
    activation: str,
    loss: str,
    h: float,
    workers: int,
    report: threads.Report | None,
) -> list[Array]:
    """The loss's central differences in the weights of each layer, (inputs + 1, units).

    `weights` have the biases as the last row; `signals` enter a layer, (N, inputs), and `sums` leave it before the
    activation; `target` is one-hot or values, (N, outputs).
    """
    samples = len(target)
    width = -(-samples // native.lanes()) * native.lanes()
    entering = [_across(np.column_stack([signal, np.ones(samples)]), width) for signal in signals]
    reach = 2.0 * h * np.abs(entering[-1]).max(axis=0)
    net = Network(
        np.array([len(w) - 1 for w in weights] + [target.shape[1]]), *_flat(weights), *_flat(entering),
        *_flat([_across(z, width) for z in sums]), _across(target, width), reach, samples,
        ACTIVATIONS.index(activation), LOSSES.index(loss), h,
    )  # fmt: skip
    functions = Functions(*map(buffers.address, Functions._fields))
    out = [np.empty(w.shape) for w in weights]
    starts = np.cumsum([0] + [w.shape[1] for w in weights])

    def work(start: int, stop: int) -> None:
        for layer, first in enumerate(starts[:-1]):
            units = max(start - first, 0), min(stop, starts[layer + 1]) - first
            if units[0] < units[1] and layer + 1 < len(weights):
                hidden(*units, layer, net, functions, out[layer])
            elif units[0] < units[1]:
                output(*units, net, functions, out[layer])

    threads.run(work, int(starts[-1]), workers=workers, report=report)
    return out


def _across(rows: Array, width: int) -> Array:
    """(features, samples), zeros after the samples up to a whole number of vectors."""
    columns = np.zeros((rows.shape[1], width))
    columns[:, : len(rows)] = rows.T
    return columns


def _flat(arrays: list[Array]) -> tuple[Array, Any]:
    """All arrays in one, and where each starts."""
    return np.concatenate([a.ravel() for a in arrays]), np.cumsum([0] + [a.size for a in arrays])

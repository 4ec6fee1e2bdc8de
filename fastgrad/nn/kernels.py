"""Central differences of a network's loss in each of its weights: only what a weight changes is computed.

A weight W[i, j] of layer l changes one unit j of that layer, for each sample by h times input i; the next layer's
pre-activations by a rank-one term; what follows is computed anew. Samples are the vector lanes: everything is kept as
(features, samples), a weight's step runs through blocks of samples that stay in the first-level cache. Rows are copied
by loops: Numba's assignment of whole arrays brings the text of an error, which takes 2 of 10 s of compilation.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..engine import threads
from ..engine.jit.kernels import kernel, part
from ..llvm import buffers, machine
from ..llvm.buffers import apply

Array = NDArray[np.float64]

ACTIVATIONS = ("identity", "sigmoid", "relu", "tanh")
_, SIGMOID, RELU, TANH = range(4)
LOSSES = ("softmax_cross_entropy", "mean_squared_error")
CROSS_ENTROPY, SQUARES = range(2)
GUARD = 1e-7  # the book's, inside the logarithm
FAR = 700.0  # exp of it is finite, and beside it 1.0 is nothing: farther changes no digit of a probability
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
    samples: int  # without the padding
    activation: int
    loss: int
    h: float


@part
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
            flat[n] = max(flat[n], 0.0)  # in this order NaN stays NaN
    elif kind == TANH:
        apply(functions.tanh, flat, flat.size)


@part
def _next_layer(signal, weights, out):
    """out = weights[:-1].T @ signal + weights[-1], samples in the inner loop."""
    for unit in range(out.shape[0]):
        row = out[unit]
        row[:] = weights[-1, unit]
        fours = signal.shape[0] // 4 * 4
        for k in range(0, fours, 4):
            a, b, c, d = weights[k, unit], weights[k + 1, unit], weights[k + 2, unit], weights[k + 3, unit]
            one, two, three, four = signal[k], signal[k + 1], signal[k + 2], signal[k + 3]
            for n in range(row.size):
                row[n] += a * one[n] + b * two[n] + (c * three[n] + d * four[n])
        for k in range(fours, signal.shape[0]):
            w, given = weights[k, unit], signal[k]
            for n in range(row.size):
                row[n] += w * given[n]


@part
def _squares(value, target, count):
    total = 0.0
    for n in range(count):
        total += 0.5 * (value[n] - target[n]) ** 2
    return total


@part
def _sum(values, count):
    """In four chains: additions of one wait for each other."""
    a = b = c = d = 0.0
    fours = count // 4 * 4
    for n in range(0, fours, 4):
        a, b, c, d = a + values[n], b + values[n + 1], c + values[n + 2], d + values[n + 3]
    for n in range(fours, count):
        a += values[n]
    return (a + b) + (c + d)


@part
def _loss(z, target, first, count, kind, functions, scratch):
    """Sum over `count` samples of a block that begins at `first`; z is overwritten."""
    if kind == SQUARES:
        total = 0.0
        for k in range(z.shape[0]):
            total += _squares(z[k], target[k, first : first + z.shape[1]], count)
        return total
    top = scratch[0, : z.shape[1]]
    _top(z, 0, top)
    for k in range(z.shape[0]):
        row = z[k]
        for n in range(row.size):
            row[n] -= top[n]
    return _cross_entropy(z, target, first, count, functions, scratch)


@part
def _top(z, first, top):
    """The largest output of each sample."""
    for n in range(top.size):
        top[n] = z[0, first + n]
    for k in range(1, z.shape[0]):
        row = z[k, first : first + top.size]
        for n in range(top.size):
            top[n] = max(top[n], row[n])


@part
def _cross_entropy(z, target, first, count, functions, scratch):
    """The same of outputs that are shifted so that exp does not overflow, nor underflow for all."""
    below, above = scratch[1, : z.shape[1]], scratch[2, : z.shape[1]]
    apply(functions.exp, z.reshape(z.size), z.size)
    above[:] = 0.0
    below[:] = 0.0
    for k in range(z.shape[0]):
        row, label = z[k], target[k, first : first + z.shape[1]]
        for n in range(row.size):
            below[n] += row[n]
            above[n] += label[n] * row[n]
    for n in range(above.size):
        above[n] = above[n] / below[n] + GUARD
    apply(functions.log, above, above.size)
    return -_sum(above, count)


@part
def _shifted(following, first, width, scratch, out):
    """A block of the last layer's sums minus the largest of each sample."""
    top = scratch[0, :width]
    _top(following, first, top)
    near = out[: following.shape[0] * width].reshape(following.shape[0], width)
    for k in range(near.shape[0]):
        row, there = near[k], following[k, first : first + width]
        for n in range(width):
            row[n] = there[n] - top[n]
    return near


@part
def _within(values, limit):
    """Whether all are below a limit; a count, because that is vectorised."""
    outside = 0
    for n in range(values.size):
        outside += not abs(values[n]) < limit
    return outside == 0


@part
def _layer(flat, starts, layer, rows):
    start, stop = starts[layer], starts[layer + 1]
    return flat[start:stop].reshape(rows, (stop - start) // rows)


@part
def _move_unit(before, step, given, usual, net, functions, change):
    """By how much a unit's signal changes with one of its weights."""
    for n in range(change.size):
        change[n] = before[n] + step * given[n]
    _activate(change, net.activation, functions)
    for n in range(change.size):
        change[n] -= usual[n]


@part
def _move_sums(following, first, weights, change, z):
    """The next layer's sums after such a change."""
    for k in range(z.shape[0]):
        row, there, w = z[k], following[k, first : first + change.size], weights[k]
        for n in range(change.size):
            row[n] = there[n] + w * change[n]


@part
def _last_sums(z, layer, net, functions, front, back):
    """The last layer's sums from those of a layer; z lies in `front`, and the results in turn in `back` and `front`."""
    for deeper in range(layer, net.sizes.size - 1):
        _activate(z, net.activation, functions)
        weights = _layer(net.weights, net.weights_at, deeper, net.sizes[deeper] + 1)
        after = back[: weights.shape[1] * z.shape[1]].reshape(weights.shape[1], z.shape[1])
        _next_layer(z, weights, after)
        front, back, z = back, front, after
    return z


@part
def _displacement(w, side, h):
    """The step that is really taken, up and down."""
    return (w + h) - w if side == 0 else (w - h) - w


@kernel
def hidden(start, stop, layer, net, functions, out):
    """The partial derivatives in weights [start, stop) of a layer that is not the last, unit by unit,
    into out[i, unit]."""
    sizes = net.sizes
    weights = _layer(net.weights, net.weights_at, layer, sizes[layer] + 1)
    onward = _layer(net.weights, net.weights_at, layer + 1, sizes[layer + 1] + 1)
    inputs = _layer(net.inputs, net.inputs_at, layer, sizes[layer] + 1)
    own = _layer(net.before, net.before_at, layer, sizes[layer + 1])
    following = _layer(net.before, net.before_at, layer + 1, sizes[layer + 2])
    widest = sizes[layer + 2 :].max() * BLOCK
    front, back, resting, scratch = np.empty(widest), np.empty(widest), np.empty(widest), np.empty((5, BLOCK))
    last_but_one = layer + 3 == sizes.size and net.loss == CROSS_ENTROPY
    for unit in range(start // len(weights), (stop - 1) // len(weights) + 1):
        places = range(max(start - unit * len(weights), 0), min(stop - unit * len(weights), len(weights)))
        out[places.start : places.stop, unit] = 0.0
        for first in range(0, inputs.shape[1], BLOCK):
            last = min(first + BLOCK, inputs.shape[1])
            width, count = last - first, min(last, net.samples) - first
            before, change, usual = own[unit, first:last], scratch[3, :width], scratch[4, :width]
            for n in range(width):
                usual[n] = before[n]
            _activate(usual, net.activation, functions)
            z = front[: sizes[layer + 2] * width].reshape(sizes[layer + 2], width)
            near = _shifted(following, first, width, scratch, resting) if last_but_one else z
            # So far the outputs' order changes little: a shift for all steps saves a fifth of the time.
            limit = FAR / 2.0 / np.abs(onward[unit]).max() if last_but_one else 0.0
            for i in places:
                for side in range(2):
                    step = _displacement(weights[i, unit], side, net.h)
                    _move_unit(before, step, inputs[i, first:last], usual, net, functions, change)
                    if last_but_one and _within(change, limit):
                        _move_sums(near, 0, onward[unit], change, z)
                        loss = _cross_entropy(z, net.target, first, count, functions, scratch)
                    else:
                        _move_sums(following, first, onward[unit], change, z)
                        scores = _last_sums(z, layer + 2, net, functions, front, back)
                        loss = _loss(scores, net.target, first, count, net.loss, functions, scratch)
                    out[i, unit] += loss if side == 0 else -loss
        for i in places:
            out[i, unit] /= net.samples * (2.0 * net.h)


@kernel
def output(start, stop, net, functions, out):
    """The same for weights of the last layer: of the outputs, one changes."""
    sizes, layer = net.sizes, net.sizes.size - 2
    weights = _layer(net.weights, net.weights_at, layer, sizes[layer] + 1)
    inputs = _layer(net.inputs, net.inputs_at, layer, sizes[layer] + 1)
    z = _layer(net.before, net.before_at, layer, sizes[layer + 1])
    scratch = np.empty((4, BLOCK))
    for unit in range(start // len(weights), (stop - 1) // len(weights) + 1):
        places = range(max(start - unit * len(weights), 0), min(stop - unit * len(weights), len(weights)))
        out[places.start : places.stop, unit] = 0.0
        for first in range(0, inputs.shape[1], BLOCK):
            last = min(first + BLOCK, inputs.shape[1])
            width, count = last - first, min(last, net.samples) - first
            top, rest, label, value = scratch[0, :width], scratch[1, :width], scratch[2, :width], scratch[3, :width]
            own, target = z[unit, first:last], net.target[unit, first:last]
            if net.loss == CROSS_ENTROPY:
                _others(z, net, first, unit, functions, top, rest, label, value)
            for i in places:
                given = inputs[i, first:last]
                for side in range(2):
                    step = _displacement(weights[i, unit], side, net.h)
                    for n in range(width):
                        value[n] = own[n] + step * given[n]
                    if net.loss == CROSS_ENTROPY:
                        loss = _label_losses(value, top, rest, label, target, count, functions)
                    else:
                        loss = _squares(value, target, count)
                    out[i, unit] += loss if side == 0 else -loss
        for i in places:
            out[i, unit] /= net.samples * (2.0 * net.h)


@part
def _label_losses(value, top, rest, label, target, count, functions):
    """The sum of the samples' losses where `value` is one output's sum, and the terms of the others are known."""
    for n in range(value.size):
        value[n] = min(max(value[n] - top[n], -FAR), FAR)
    apply(functions.exp, value, value.size)
    for n in range(value.size):
        above = value[n] if target[n] == 1.0 else label[n]
        value[n] = above / (rest[n] + value[n]) + GUARD
    apply(functions.log, value, value.size)
    return -_sum(value, count)


@part
def _others(z, net, first, unit, functions, top, rest, label, value):
    """The softmax's terms that do not change with a unit: their sum, the label's, and the shift of all."""
    last = first + top.size
    start = z[0 if unit else z.shape[0] - 1, first:last]
    for n in range(top.size):
        top[n] = start[n]
    for k in range(z.shape[0]):
        if k != unit:
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
    net = _network(weights, signals, sums, target, (ACTIVATIONS.index(activation), LOSSES.index(loss)), h)
    functions = Functions(*map(buffers.address, Functions._fields))
    out = [np.empty(w.shape) for w in weights]
    starts = np.cumsum([0] + [w.size for w in weights])

    def work(start: int, stop: int) -> None:
        for layer, first in enumerate(starts[:-1]):
            some = max(start - first, 0), min(stop, starts[layer + 1]) - first
            if some[0] < some[1] and layer + 1 < len(weights):
                hidden(*some, layer, net, functions, out[layer])
            elif some[0] < some[1]:
                output(*some, net, functions, out[layer])

    threads.run(work, int(starts[-1]), workers=workers, report=report)
    return out


def _network(
    weights: list[Array], signals: list[Array], sums: list[Array], target: Array, kinds: tuple[int, int], h: float
) -> Network:
    samples = len(target)
    width = -(-samples // machine.lanes()) * machine.lanes()
    entering = [_across(np.column_stack([signal, np.ones(samples)]), width) for signal in signals]
    return Network(
        np.array([len(w) - 1 for w in weights] + [target.shape[1]]), *_flat(weights), *_flat(entering),
        *_flat([_across(z, width) for z in sums]), _across(target, width), samples, *kinds, h,
    )  # fmt: skip


def _across(rows: Array, width: int) -> Array:
    """(features, samples), zeros after the samples up to a whole number of vectors."""
    columns = np.zeros((rows.shape[1], width))
    columns[:, : len(rows)] = rows.T
    return columns


def _flat(arrays: list[Array]) -> tuple[Array, Any]:
    """All arrays in one, and where each starts."""
    return np.concatenate([a.ravel() for a in arrays]), np.cumsum([0] + [a.size for a in arrays])

"""The kernels of networks against the definition:
a forward pass in NumPy, each weight moved in place, as in the book."""

import itertools
import os
import shutil
import subprocess
import sys
import textwrap
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import fastgrad
from fastgrad.engine import threads
from fastgrad.nn import kernels

H = 1e-4
SIZES = {1: (3, 4), 2: (3, 5, 4), 3: (3, 4, 2, 3), 4: (2, 3, 4, 2, 3)}
ACTIVATE = {
    "identity": lambda z: z,
    "sigmoid": lambda z: 1 / (1 + np.exp(-np.maximum(z, -700))),
    "relu": lambda z: np.where(z < 0, 0, z),
    "tanh": np.tanh,
}
SLOPE = {
    "identity": np.ones_like,
    "sigmoid": lambda z: ACTIVATE["sigmoid"](z) * ACTIVATE["sigmoid"](-z),
    "relu": lambda z: np.where(z > 0, 1.0, 0.0),
    "tanh": lambda z: np.cosh(z) ** -2.0,
}
activations = pytest.mark.parametrize("activation", sorted(ACTIVATE))
losses = pytest.mark.parametrize("loss", ["softmax_cross_entropy", "mean_squared_error"])


def forward(weights, x, activation):
    """What enters each layer, and its sums; weights have the biases as their last row."""
    signals, sums = [x], []
    for w in weights:
        sums.append(signals[-1] @ w[:-1] + w[-1])
        signals.append(ACTIVATE[activation](sums[-1]))
    return signals[:-1], sums


def mean_loss(z, target, loss):
    if loss == "mean_squared_error":
        return 0.5 * np.sum((z - target) ** 2) / len(z)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    y = e / e.sum(axis=1, keepdims=True)
    return -np.sum(np.log(y[np.arange(len(z)), target.argmax(axis=1)] + 1e-7)) / len(z)


def book(weights, x, target, activation, loss, h=H):
    """The book's loop: one weight after the other is moved in place, and the whole loss computed again."""
    weights = [w.copy() for w in weights]
    grads = [np.empty_like(w) for w in weights]
    for w, grad in zip(weights, grads, strict=True):
        for place in np.ndindex(*w.shape):
            saved, values = w[place], []
            for moved in (saved + h, saved - h):
                w[place] = moved
                values.append(mean_loss(forward(weights, x, activation)[1][-1], target, loss))
            w[place] = saved
            grad[place] = (values[0] - values[1]) / (2 * h)
    return grads


def backward(weights, x, target, activation, loss):
    """The chain rule, by hand."""
    signals, sums = forward(weights, x, activation)
    delta = (sums[-1] - target) / len(x)
    if loss == "softmax_cross_entropy":
        e = np.exp(sums[-1] - sums[-1].max(axis=1, keepdims=True))
        y = e / e.sum(axis=1, keepdims=True)
        p = np.sum(y * target, axis=1, keepdims=True)
        delta = (y - target) * p / (p + 1e-7) / len(x)
    grads = []
    for layer in reversed(range(len(weights))):
        grads.append(np.vstack([signals[layer].T @ delta, delta.sum(axis=0)]))
        if layer:
            delta = (delta @ weights[layer][:-1].T) * SLOPE[activation](sums[layer - 1])
    return grads[::-1]


def fast(weights, x, target, activation, loss, h=H, workers=1, report=None):
    signals, sums = forward(weights, x, activation)
    return kernels.differences(
        weights, signals, sums, target, activation=activation, loss=loss, h=h, workers=workers, report=report
    )


def problem(sizes, samples, activation, loss, seed=0):
    """Weights, inputs and targets; no sum of a relu closer to its kink than a step can move it."""
    rng = np.random.default_rng([seed, len(sizes), samples])
    weights = [rng.standard_normal((a + 1, b)) / np.sqrt(a + 1) for a, b in itertools.pairwise(sizes)]
    x = rng.standard_normal((20 * samples + 20, sizes[0]))
    if activation == "relu":
        hidden = np.hstack([*forward(weights, x, activation)[1][:-1], np.ones((len(x), 1))])
        x = x[np.abs(hidden).min(axis=1) > 0.01]
    x = np.ascontiguousarray(x[:samples])
    assert len(x) == samples
    if loss == "mean_squared_error":
        return weights, x, rng.standard_normal((samples, sizes[-1]))
    return weights, x, np.eye(sizes[-1])[rng.integers(0, sizes[-1], samples)]


def assert_close(got, expected, atol, rtol=0.0):
    assert len(got) == len(expected)
    for layer, (g, e) in enumerate(zip(got, expected, strict=True)):
        np.testing.assert_allclose(g, e, rtol=rtol, atol=atol, err_msg=f"layer {layer + 1}", strict=True)


def bits(parts):
    return [part.tobytes() for part in parts]


# --- the definition ---------------------------------------------------------------------------------------------------


@activations
@losses
@pytest.mark.parametrize("depth", sorted(SIZES))
@pytest.mark.parametrize("samples", [1, 7, 8, 100, 129, 300])
def test_the_books_loop_and_the_chain_rule(activation, loss, depth, samples):
    given = problem(SIZES[depth], samples, activation, loss)
    got = fast(*given, activation, loss)
    assert_close(got, book(*given, activation, loss), atol=1e-9)
    assert_close(got, backward(*given, activation, loss), atol=1e-7)
    assert max(np.abs(g).max() for g in got) > 1e-3  # there is something to compare


@losses
@pytest.mark.parametrize("h", [1e-2, 0.5])
def test_a_large_step_shows_the_differences_not_the_derivative(loss, h):
    given = problem((3, 4, 4, 3), 11, "tanh", loss)
    got = fast(*given, "tanh", loss, h=h)
    assert_close(got, book(*given, "tanh", loss, h=h), atol=1e-11)
    assert max(np.abs(g - e).max() for g, e in zip(got, backward(*given, "tanh", loss), strict=True)) > 1e-6


@pytest.mark.parametrize("depth", [2, 3])
def test_at_a_kink_of_relu_both_sides_count(depth):
    sizes = (2, 3, 2) if depth == 2 else (2, 3, 3, 2)
    weights, x, target = problem(sizes, 5, "identity", "softmax_cross_entropy")
    weights[0][:, 1] = 0.0  # the sum of unit 1 is 0 for every sample
    got = fast(weights, x, target, "relu", "softmax_cross_entropy")
    assert_close(got, book(weights, x, target, "relu", "softmax_cross_entropy"), atol=1e-9)
    assert np.abs(got[0][-1, 1] - backward(weights, x, target, "relu", "softmax_cross_entropy")[0][-1, 1]) > 1e-3


@activations
def test_weights_of_very_different_size(activation):
    weights, x, target = problem((4, 5, 3, 3), 20, activation, "softmax_cross_entropy")
    weights = [w * size for w, size in zip(weights, (1e3, 1e-6, 30.0), strict=True)]
    weights[0][0] *= 1e-12
    given = (weights, x, target, activation, "softmax_cross_entropy")
    assert_close(fast(*given), book(*given), atol=1e-8, rtol=1e-8)


@losses
@pytest.mark.parametrize("sizes", [(1, 1), (1, 1, 1), (1, 1, 1, 1), (3, 1, 4), (130, 2)], ids=str)
def test_layers_of_one_unit(sizes, loss):
    given = problem(sizes, 9, "sigmoid", loss)
    assert_close(fast(*given, "sigmoid", loss), book(*given, "sigmoid", loss), atol=1e-9)


def test_a_layer_wider_than_a_block():
    given = problem((2, 3, 150, 140, 2), 3, "tanh", "mean_squared_error")
    expected = backward(*given, "tanh", "mean_squared_error")
    assert_close(fast(*given, "tanh", "mean_squared_error"), expected, atol=1e-4, rtol=1e-5)


# --- the ends of the range --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("size", [1e4, 1e5, 4e6, 1e7])
@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_huge_inputs(depth, size, activation):
    weights, x, target = problem(SIZES[depth], 12, activation, "softmax_cross_entropy")
    given = (weights, x * size, target, activation, "softmax_cross_entropy")
    got = fast(*given)
    assert all(np.isfinite(g).all() for g in got)
    assert_close(got, book(*given), atol=1e-12 * size, rtol=1e-7)


@pytest.mark.parametrize("h", [1.0, 300.0, 1e4])
def test_steps_that_push_the_softmax_from_end_to_end(h):
    given = problem((3, 4), 10, "identity", "softmax_cross_entropy")
    weights, x, target = given[0], given[1] * 5.0, given[2]
    given = (weights, x, target, "identity", "softmax_cross_entropy")
    got, expected = fast(*given, h=h), book(*given, h=h)
    assert max(np.abs(e).max() for e in expected) > 1e-5
    assert_close(got, expected, atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_label_of_probability_zero_has_the_books_guard(depth):
    weights, x, _ = problem(SIZES[depth], 10, "tanh", "softmax_cross_entropy")
    weights[-1][-1, 0] += 17.0  # label 1 has about 1e-7 to 1e-9, label 2 nothing at all
    weights[-1][-1, 2] -= 800.0
    target = np.eye(SIZES[depth][-1])[[1, 2, 0, 1, 2, 1, 1, 2, 1, 1]]
    given = (weights, x, target, "tanh", "softmax_cross_entropy")
    got = fast(*given)
    assert_close(got, book(*given), atol=1e-9)
    assert_close(got, backward(*given), atol=1e-7)
    only_nothing = (weights, x, np.eye(SIZES[depth][-1])[[2] * 10], "tanh", "softmax_cross_entropy")
    assert all((g == 0).all() for g in fast(*only_nothing))


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_saturated_units_have_no_slope(activation):
    weights, x, target = problem((3, 4, 3), 10, activation, "softmax_cross_entropy")
    weights[0][-1] = [1e3, -1e3, 1e300, -1e300]
    got = fast(weights, x, target, activation, "softmax_cross_entropy")
    assert (got[0] == 0).all()
    assert_close(got, book(weights, x, target, activation, "softmax_cross_entropy"), atol=1e-9)


@activations
@losses
@pytest.mark.parametrize("depth", sorted(SIZES))
def test_nan_in_a_sample_is_not_lost(activation, loss, depth):
    weights, x, target = problem(SIZES[depth], 10, activation, loss)
    x[3, 1] = np.nan
    for part in fast(weights, x, target, activation, loss):
        assert np.isnan(part).all()


# --- threads, memory, machines ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", sorted(SIZES))
def test_bits_do_not_depend_on_workers_or_chunks(depth, monkeypatch):
    for name in ("SERIAL_SECONDS", "MEASURABLE_SECONDS", "SMALLEST_SECONDS"):
        monkeypatch.setattr(threads, name, 0.0)
    sizes = (5, *[17] * (depth - 1), 6)
    given = (*problem(sizes, 130, "sigmoid", "softmax_cross_entropy"), "sigmoid", "softmax_cross_entropy")
    alone = bits(fast(*given, workers=1))
    for workers in (2, 3, 16):
        assert bits(fast(*given, workers=workers)) == alone


def test_every_weight_is_written_once(monkeypatch):
    """Chunks that span units and layers, and weights one by one, write the same places."""
    given = (*problem((2, 3, 4, 2), 5, "tanh", "mean_squared_error"), "tanh", "mean_squared_error")
    expected = bits(fast(*given))
    for pieces in ([(0, 35)], [(n, n + 1) for n in range(35)], [(0, 2), (2, 8), (8, 31), (31, 35)]):

        def run(work, total, *, workers, report, pieces=pieces):
            assert total == 35
            for piece in pieces:
                work(*piece)

        monkeypatch.setattr(threads, "run", run)
        assert bits(fast(*given)) == expected


def test_from_several_threads_at_once(at_once):
    cases = [
        (*problem(SIZES[depth], 40, "sigmoid", "softmax_cross_entropy", seed), "sigmoid", "softmax_cross_entropy")
        for depth in (2, 3)
        for seed in range(4)
    ]
    expected, got = [bits(fast(*case)) for case in cases], [None] * len(cases)
    start = threading.Barrier(len(cases))

    def call(n):
        start.wait()
        for _ in range(5):
            got[n] = bits(fast(*cases[n], workers=2))

    at_once(call, range(len(cases)))
    assert got == expected


def test_inputs_are_left_alone_and_may_be_read_only():
    weights, x, target = problem((3, 4, 3), 9, "relu", "softmax_cross_entropy")
    signals, sums = forward(weights, x, "relu")
    arrays = [*weights, *signals, *sums, target]
    before = bits(arrays)
    for array in arrays:
        array.flags.writeable = False
    options = {"activation": "relu", "loss": "softmax_cross_entropy", "h": H, "workers": 2, "report": None}
    got = bits(kernels.differences(weights, signals, sums, target, **options))
    assert bits(arrays) == before
    turned = [[np.asfortranarray(a) for a in part] for part in (weights, signals, sums)]
    assert bits(kernels.differences(*turned, np.asfortranarray(target), **options)) == got


def test_memory_is_that_of_the_samples():
    """Some copies of what enters the layers; not a number for each weight and sample, a hundred times as much."""
    given = (*problem((30, 20, 10), 5000, "sigmoid", "softmax_cross_entropy"), "sigmoid", "softmax_cross_entropy")
    few = tuple(a[:8] if n in {1, 2} else a for n, a in enumerate(given))
    fast(*few)  # compiles
    tracemalloc.start()
    try:
        signals, sums = forward(given[0], given[1], "sigmoid")
        tracemalloc.reset_peak()
        start = tracemalloc.get_traced_memory()[0]
        kernels.differences(
            given[0], signals, sums, given[2], activation="sigmoid", loss="softmax_cross_entropy",
            h=H, workers=2, report=None,
        )  # fmt: skip
        peak = tracemalloc.get_traced_memory()[1] - start
    finally:
        tracemalloc.stop()
    features = (30 + 20) + (20 + 10) + 10
    assert 8 * 5000 * features < peak < 6 * 8 * 5000 * features


CHECK = """
    import sys, warnings
    warnings.simplefilter("error")
    import numpy as np
    from fastgrad.nn import MLP
    sizes = tuple(map(int, sys.argv[1:]))
    x, t = np.random.default_rng(0).standard_normal((20, sizes[0])), np.arange(20) % sizes[-1]
    for activation in ("sigmoid", "tanh", "relu", "identity"):
        net = MLP(sizes, activation, rng=np.random.default_rng(1))
        for name, part in net.numerical_gradient(x, t).items():
            print(part.tobytes().hex())
"""


def values_elsewhere(folder, sizes, **changes):
    """The gradients that a process with other environment variables gets."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CHECK), *map(str, sizes)], cwd=folder,
        env=os.environ | changes, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return [np.frombuffer(bytes.fromhex(line)) for line in done.stdout.split()]


def values_here(sizes):
    x, t = np.random.default_rng(0).standard_normal((20, sizes[0])), np.arange(20) % sizes[-1]
    kinds = ("sigmoid", "tanh", "relu", "identity")
    nets = [fastgrad.nn.MLP(sizes, kind, rng=np.random.default_rng(1)) for kind in kinds]
    return [part.ravel() for net in nets for part in net.numerical_gradient(x, t).values()]


def test_without_vector_math():
    sizes = (3, 4, 4, 3)
    assert_close(values_elsewhere(None, sizes, FASTGRAD_VECTOR_MATH="0"), values_here(sizes), atol=1e-10)


@pytest.fixture
def nowhere(tmp_path):
    """A path at which no folder can be made, whoever runs the tests."""
    (tmp_path / "file").touch()
    return str(tmp_path / "file" / "folder")


def test_a_cache_folder_that_cannot_be_written(tmp_path, nowhere):
    got = values_elsewhere(tmp_path, (3, 3), NUMBA_CACHE_DIR=nowhere, FASTGRAD_CACHE_DIR=nowhere)
    assert_close(got, values_here((3, 3)), atol=1e-10)


def test_without_any_place_for_compiled_code(tmp_path, nowhere):
    """Neither beside the source, nor in the user's folder, nor where NUMBA_CACHE_DIR says."""
    shutil.copytree(Path(fastgrad.__file__).parent, tmp_path / "fastgrad", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in ("", "engine/jit", "nn", "llvm"):
        (tmp_path / "fastgrad" / folder / "__pycache__").touch()  # a file: no folder can be made here
    names = ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME", "FASTGRAD_CACHE_DIR")
    changes = {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"} | dict.fromkeys(names, nowhere)
    got = values_elsewhere(tmp_path, (3, 3), **changes)
    assert_close(got, values_here((3, 3)), atol=1e-10)
    assert list(tmp_path.rglob("*.nb?")) == []

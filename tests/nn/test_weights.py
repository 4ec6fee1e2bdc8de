"""Gradients in weights: exact ones, in every form, and the arrays as they were."""

import os
import signal
import sys

import numba
import numpy as np
import pytest

import fastgrad
from fastgrad import ConstantFunctionWarning, gradient, numerical_gradient
from fastgrad.formulas import reference
from fastgrad.nn.weights import weight_gradient

pytestmark = pytest.mark.usefixtures("nothing_hangs")

SCHEMES = [
    *[("central", order) for order in (2, 4, 6, 8)],
    *[("forward", order) for order in (1, 2, 4)],
    *[("backward", order) for order in (1, 2, 3)],
]


def cubes(w):
    return float(np.sum(np.asarray(w, np.float64) ** 3))


@numba.njit
def compiled_cubes(w):
    return np.sum(w * w * w)


@numba.njit
def compiled_rows(W):
    total = 0.0
    for i in range(W.shape[0]):
        total += (i + 1.0) * np.sum(np.sin(W[i]))
    return total


def weights():
    return np.linspace(0.5, 2.0, 12).reshape(3, 4)


def net():
    rng = np.random.default_rng(0)
    return {"W": rng.normal(size=(4, 3)), "b": rng.normal(size=3), "scale": np.array(1.5)}


X = np.random.default_rng(1).normal(size=(5, 4))


def loss(p):
    return np.sum((X @ p["W"] + p["b"]) ** 2) * p["scale"]


def exact(p):
    out = X @ p["W"] + p["b"]
    return {"W": 2 * X.T @ out * p["scale"], "b": 2 * out.sum(axis=0) * p["scale"], "scale": np.sum(out**2)}


# --- forms ---------------------------------------------------------------------------------------


def test_an_array():
    w = weights()
    before = w.tobytes()
    grad = weight_gradient(cubes, w)
    np.testing.assert_allclose(grad, 3 * w**2, rtol=1e-9)
    assert (type(grad), grad.dtype, grad.shape) == (np.ndarray, np.float64, (3, 4))
    assert w.tobytes() == before


def test_a_dict():
    p = net()
    before = {name: w.tobytes() for name, w in p.items()}
    grads = weight_gradient(loss, p)
    assert list(grads) == ["W", "b", "scale"]
    for name, g in exact(p).items():
        np.testing.assert_allclose(grads[name], g, rtol=1e-7)
        assert grads[name].shape == p[name].shape
    assert {name: w.tobytes() for name, w in p.items()} == before


def test_a_closure_that_never_looks_at_its_argument():
    p = net()
    expected = weight_gradient(loss, p)
    for given in (lambda _: loss(p), lambda *_: loss(p)):
        grads = weight_gradient(given, p)
        assert all(np.array_equal(grads[name], expected[name]) for name in p)


@pytest.mark.parametrize(("method", "order"), SCHEMES)
def test_the_schemes_of_gradient(method, order):
    w = weights()
    grad = weight_gradient(cubes, w, method=method, order=order)
    np.testing.assert_allclose(grad, 3 * w**2, rtol=1e-6 if order == 1 else 1e-8)
    expected = reference.gradient(cubes, w, method=method, order=order)
    np.testing.assert_allclose(grad, expected, rtol=1e-14)


@pytest.mark.parametrize("order", [2, 4, 8])
def test_a_scheme_is_exact_for_polynomials_below_its_order(order):
    w = weights()
    grad = weight_gradient(lambda w: np.sum(w**order), w, order=order, h=0.25)
    error = 0.0 if order > 2 else 1e-9
    np.testing.assert_allclose(grad, order * w ** (order - 1), rtol=1e-12 + error)


@pytest.mark.parametrize("options", [{"h": 0.125}, {"rel_step": 0.25}, {"h": [0.5, 0.25, 0.125, 0.0625]}], ids=str)
@pytest.mark.parametrize("method", ["forward", "backward", "central"])
def test_given_steps(options, method):
    """The third differences of cubes show the steps: (w + h)**3 - w**3 = 3 w**2 h + 3 w h**2 + h**3."""
    w = weights()
    order, side = (2, 0) if method == "central" else (1, 1 if method == "forward" else -1)
    h = np.broadcast_to(options["h"], w.shape) if "h" in options else options["rel_step"] * w
    grad = weight_gradient(cubes, w, method=method, order=order, **options)
    np.testing.assert_allclose(grad, 3 * w**2 + side * 3 * w * h + h**2, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("options", [{}, {"h": 0.013}, {"rel_step": 0.017}], ids=["default", "h", "rel_step"])
def test_the_step_that_is_taken_is_the_step_that_is_divided_by(dtype, options):
    """A linear loss, computed in float64: nothing but a wrong step could be wrong."""
    w = np.linspace(0.3, 2.0, 11).astype(dtype)
    before = w.tobytes()
    slopes = np.linspace(1.0, 3.0, 11).astype(dtype)
    grad = weight_gradient(lambda w: np.sum(w.astype(np.float64) * slopes), w, method="forward", order=1, **options)
    assert grad.dtype == dtype
    np.testing.assert_allclose(grad, slopes, rtol=2 * float(np.finfo(dtype).eps))
    assert w.tobytes() == before


def test_a_loss_of_float32_gets_wider_steps():
    w = weights()
    p = {"a": w, "b": w.astype(np.float32)}
    grads = weight_gradient(lambda p: np.sum(p["a"].astype(np.float32) ** 2) + np.sum(p["b"] ** 2), p)
    np.testing.assert_allclose(grads["a"], 2 * w, rtol=5e-3)
    np.testing.assert_allclose(grads["b"], 2 * w, rtol=5e-3)
    assert [g.dtype for g in grads.values()] == [np.float64, np.float32]


def test_gradients_beyond_the_dtype_are_infinite_without_a_warning():
    w = np.ones(3, np.float16)
    assert np.isposinf(weight_gradient(lambda w: 1e6 * float(np.sum(w, dtype=np.float64)), w)).all()


LAYOUTS = {
    "strided": lambda: np.linspace(0.5, 2.0, 48).reshape(6, 8)[::2, 1::3],
    "Fortran": lambda: np.asfortranarray(weights()),
    "negative": lambda: weights()[::-1, ::-1],
    "0-d": lambda: np.array(1.5),
    "empty": lambda: np.empty((0, 4)),
    "matrix": lambda: np.linspace(0.5, 2.0, 4).reshape(2, 2).view(Matrix),
}


class Matrix(np.ndarray):
    """Never less than two dimensions, as np.matrix, which warns."""

    def reshape(self, *shape, **options):
        out = np.asarray(self).reshape(*shape, **options)
        return out.reshape(1, -1).view(Matrix) if out.ndim < 2 else out.view(Matrix)


@pytest.mark.parametrize("make", LAYOUTS.values(), ids=LAYOUTS)
def test_layouts(make):
    w = make()
    whole = w if w.base is None else w.base
    before = whole.tobytes()
    np.testing.assert_allclose(weight_gradient(lambda _: cubes(w), w), 3 * np.asarray(w) ** 2, rtol=1e-8)
    assert whole.tobytes() == before


def test_the_same_array_twice():
    w = weights()
    grads = weight_gradient(lambda p: cubes(p["a"]) + 2 * cubes(p["b"]), {"a": w, "b": w})
    np.testing.assert_allclose(grads["a"], 9 * w**2, rtol=1e-8)
    np.testing.assert_allclose(grads["b"], 9 * w**2, rtol=1e-8)
    assert w.tobytes() == weights().tobytes()


def test_nan_stays_where_it_is():
    w = np.array([1.0, np.nan, np.inf, 2.0])
    grad = weight_gradient(lambda w: sum(float(v) ** 2 for v in w if np.isfinite(v)), w)
    np.testing.assert_allclose(grad[[0, 3]], [2.0, 4.0], rtol=1e-8)
    grad = weight_gradient(lambda w: float(np.sum(w**2)), w)
    assert np.isnan(grad).all()


def test_nothing_to_do():
    assert weight_gradient(lambda p: 1.0, {}) == {}
    assert weight_gradient(lambda p: 1.0, np.empty((2, 0))).shape == (2, 0)
    assert np.isnan(weight_gradient(cubes, weights(), mask=np.zeros((3, 4), bool))).all()


def test_progress():
    seen = []
    weight_gradient(loss, net(), progress=lambda *report: seen.append(report))
    assert seen == [(k, 16) for k in range(1, 17)]


# --- mask and sample -----------------------------------------------------------------------------


def test_a_mask():
    w, calls = weights(), []
    mask = (np.arange(12) % 3 == 1).reshape(3, 4)

    def counting(w):
        calls.append(1)
        return cubes(w)

    grad = weight_gradient(counting, w, mask=mask)
    assert np.array_equal(np.isnan(grad), ~mask)
    assert np.array_equal(grad[mask], weight_gradient(cubes, w)[mask])
    assert len(calls) == 9  # two for each of four, and the first for the precision of the loss
    assert np.array_equal(weight_gradient(cubes, w, mask=mask.tolist()), grad, equal_nan=True)


def test_a_mask_of_a_strided_array_counts_as_the_array_does():
    w = np.asfortranarray(weights())
    mask = np.zeros((3, 4), bool)
    mask[0, 3] = mask[2, 1] = True
    np.testing.assert_allclose(weight_gradient(cubes, w, mask=mask)[mask], 3 * w[mask] ** 2, rtol=1e-8)


def test_masks_of_a_dict():
    p = net()
    full = weight_gradient(loss, p)
    grads = weight_gradient(loss, p, mask={"b": [True, False, True], "scale": True})
    assert list(grads) == list(p)
    assert np.isnan(grads["W"]).all()
    assert np.isnan(grads["b"]).tolist() == [False, True, False]
    assert np.array_equal(grads["b"][[0, 2]], full["b"][[0, 2]])
    assert grads["scale"] == full["scale"]


@pytest.mark.parametrize("count", [1, 5, 16])
def test_a_sample(count):
    p = net()
    full = weight_gradient(loss, p)
    grads = weight_gradient(loss, p, sample=count)
    chosen = {name: np.isfinite(g) for name, g in grads.items()}
    assert sum(int(c.sum()) for c in chosen.values()) == count
    assert all(np.array_equal(grads[name][chosen[name]], full[name][chosen[name]]) for name in p)


def test_a_sample_is_drawn_from_all_elements_alike_and_can_be_repeated():
    w, count = np.ones(6), np.zeros(6)
    for seed in range(200):
        first = weight_gradient(np.sum, w, sample=2, rng=seed)
        assert np.array_equal(first, weight_gradient(np.sum, w, sample=2, rng=seed), equal_nan=True)
        assert np.array_equal(
            first, weight_gradient(np.sum, w, sample=2, rng=np.random.default_rng(seed)), equal_nan=True
        )
        count += np.isfinite(first)
    assert count.sum() == 400
    assert (abs(count - 400 / 6) < 30).all()
    rng = np.random.default_rng(0)
    draws = {np.isfinite(weight_gradient(np.sum, w, sample=2, rng=rng)).tobytes() for _ in range(10)}
    assert len(draws) > 1
    default = [weight_gradient(np.sum, w, sample=2) for _ in range(2)]
    assert np.array_equal(*default, equal_nan=True)


def test_a_sample_of_a_mask():
    mask = (np.arange(12) % 2 == 0).reshape(3, 4)
    for seed in range(10):
        chosen = np.isfinite(weight_gradient(cubes, weights(), mask=mask, sample=3, rng=seed))
        assert chosen.sum() == 3
        assert not chosen[~mask].any()


# --- compiled losses -----------------------------------------------------------------------------


def test_a_compiled_loss_runs_over_threads():
    W = np.random.default_rng(2).normal(size=(40, 30))
    before = W.tobytes()
    one = weight_gradient(compiled_rows, W, workers=1)
    np.testing.assert_allclose(one, np.arange(1.0, 41.0)[:, None] * np.cos(W), atol=1e-7)
    for workers in (2, 3, None):
        assert weight_gradient(compiled_rows, W, workers=workers).tobytes() == one.tobytes()
    assert gradient(compiled_rows, W, engine="jit").tobytes() == one.tobytes()
    assert W.tobytes() == before


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_compiled_loss_with_a_mask(dtype):
    w = np.linspace(0.5, 2.0, 6).astype(dtype)
    mask = np.array([True, False, True, True, False, False])
    grad = weight_gradient(compiled_cubes, w, mask=mask)
    assert grad.dtype == dtype
    np.testing.assert_allclose(grad[mask], 3 * w[mask] ** 2, rtol=1e-8 if dtype is np.float64 else 2e-2)
    assert np.isnan(grad[~mask]).all()
    assert np.isfinite(weight_gradient(compiled_cubes, w, sample=2)).sum() == 2


def test_a_compiled_loss_keeps_the_dtype():
    w = np.linspace(0.5, 2.0, 6, dtype=np.float32)
    grad = weight_gradient(compiled_cubes, w)
    assert grad.dtype == np.float32
    np.testing.assert_allclose(grad, 3 * w**2, rtol=1e-6)


# --- forked --------------------------------------------------------------------------------------


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are forked on Linux only")
@pytest.mark.parametrize("options", [{}, {"sample": 7}, {"order": 4}, {"method": "forward"}], ids=str)
def test_forked_bits(options):
    p = net()
    before = {name: w.tobytes() for name, w in p.items()}
    serial, forked = (weight_gradient(loss, p, workers=workers, **options) for workers in (None, 2))
    assert {name: g.tobytes() for name, g in serial.items()} == {name: g.tobytes() for name, g in forked.items()}
    assert {name: w.tobytes() for name, w in p.items()} == before


def test_by_default_nothing_is_forked():
    here = os.getpid()

    def f(w):
        assert os.getpid() == here
        return cubes(w)

    weight_gradient(f, weights())
    numerical_gradient(f, weights())


# --- losses that do not react --------------------------------------------------------------------


def test_a_loss_that_does_not_read_the_arrays():
    other, w = weights(), weights()
    with pytest.warns(ConstantFunctionWarning, match=r"does not read these arrays.*net\.params") as caught:
        grad = weight_gradient(lambda _: cubes(other), w)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert not grad.any()
    assert w.tobytes() == weights().tobytes()
    with pytest.warns(ConstantFunctionWarning):
        weight_gradient(lambda _: 1.0, net(), sample=1)


def test_zeros_of_a_loss_that_does_read_them():
    w = np.zeros(4)
    assert not weight_gradient(lambda w: np.sum(w**2), w).any()
    assert not weight_gradient(lambda w: float(w[0] > 0.2), w).any()
    loss, params = lambda p: np.sum(p["a"]) + np.sum(p["b"] ** 2), {"a": w, "b": w.copy()}
    assert not weight_gradient(loss, params, mask={"b": w == 0})["b"].any()


def test_a_loss_that_refuses_weights_far_away():
    def flat(w):
        if np.abs(w - 1.0).max() > 0.1:
            raise ValueError("outside")  # noqa: EM101
        return 1.0

    w = np.ones(3)
    assert weight_gradient(flat, w).tolist() == [0.0, 0.0, 0.0]
    assert w.tolist() == [1.0, 1.0, 1.0]


# --- the arrays are restored ---------------------------------------------------------------------

ODD = np.array([-0.0, 1e-310, 0.1, 1 / 3])


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit, StopIteration])
@pytest.mark.parametrize("failing", range(1, 10, 2))
def test_a_loss_that_raises(kind, failing):
    p = {"a": ODD.copy(), "b": ODD[::-1]}
    calls, error = [], kind("v")

    def f(p):
        calls.append(1)
        if len(calls) == failing:
            raise error
        return np.sum(p["a"] ** 2) + np.sum(p["b"])

    with pytest.raises(kind) as caught:
        weight_gradient(f, p)
    assert caught.value is error
    assert p["a"].tobytes() == ODD.tobytes()
    assert p["b"].tobytes() == ODD[::-1].tobytes()


@pytest.mark.parametrize("failing", [1, 2, 5])
def test_a_loss_that_writes(failing):
    w, calls = weights(), []

    def f(w):
        calls.append(1)
        if len(calls) == failing:
            w[2, 3] += 1.0
        return cubes(w)

    with pytest.raises(ValueError, match=r"writes.*x\.copy\(\)"):
        weight_gradient(f, w)
    assert w.tobytes() == weights().tobytes()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")
def test_ctrl_c():
    w = np.tile(ODD, 10_000)
    before = w.tobytes()
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    try:
        for delay in np.linspace(0.01, 0.05, 8):
            signal.setitimer(signal.ITIMER_REAL, delay)
            with pytest.raises(KeyboardInterrupt):
                weight_gradient(lambda w: w[3], w, engine="python")
            assert w.tobytes() == before
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGINT, previous)


def test_the_name():
    assert fastgrad.weight_gradient.__wrapped__ is weight_gradient


def test_args_reach_the_loss():
    w, data = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    np.testing.assert_allclose(weight_gradient(lambda w, x: float(w @ x), w, args=(data,)), data, rtol=1e-9)
    compiled = numba.njit(lambda w, x: np.sum(w * w * x))
    np.testing.assert_allclose(weight_gradient(compiled, w, args=(data,)), 2.0 * w * data, rtol=1e-9)
    with pytest.raises(TypeError, match="args must be a tuple"):
        weight_gradient(lambda w, x: 0.0, w, args=data)


@pytest.mark.parametrize("options", [{}, {"method": "exact"}, {"method": "exact", "sample": 3}], ids=repr)
def test_progress_ends_at_all_weights(options):
    told = []
    weight_gradient(lambda w: np.sum(w**2), np.ones((2, 3)), progress=lambda *both: told.append(both), **options)
    assert told[-1] == (options.get("sample", 6),) * 2


def test_a_list_of_arrays_is_to_be_a_dict():
    a, b = np.ones(2), np.ones(3)
    with pytest.raises(TypeError, match="write a dict of the arrays themselves"):
        weight_gradient(lambda p: float(np.sum(a**2) + np.sum(b)), [a, b])
    with pytest.raises(TypeError, match=r"write np.array\(params, float\)"):
        weight_gradient(lambda p: 1.0, [1.0, 2.0])


@pytest.mark.parametrize(
    "options", [{}, {"method": "exact"}, {"engine": "arrays"}, {"engine": "python"}, {"sample": 40, "rng": 0}], ids=str
)
def test_one_array_that_is_not_read_is_told(options):
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(20, 5)), rng.normal(size=(20, 3))
    net = {"W1": rng.normal(size=(5, 6)), "W2": rng.normal(size=(6, 3))}
    params = dict(net)

    def loss(_):
        return np.mean((np.tanh(x @ net["W1"]) @ net["W2"] - t) ** 2)

    weight_gradient(loss, params, **options)
    net["W1"] = net["W1"] - 0.1  # another array: the one in params is no longer read
    with pytest.warns(ConstantFunctionWarning, match=r"'W1' of params is moved.*net\.params") as caught:
        weight_gradient(loss, params, **options)
    assert caught[0].filename == __file__


def test_an_array_without_slopes_that_is_read_is_not_told_of():
    params = {"W": np.full(3, 2.0), "dead": np.full(3, -5.0)}
    loss = lambda p: np.sum(p["W"] ** 2) + np.sum(np.round(p["dead"]))  # steps, which are flat
    assert (weight_gradient(loss, params)["dead"] == 0.0).all()


def test_arrays_behind_zeros_are_read():
    params = {"W1": np.ones((2, 3)), "b1": np.ones(3), "W2": np.zeros((3, 1))}  # as layers may begin
    loss = lambda p: np.sum((np.tanh(np.ones(2) @ p["W1"] + p["b1"]) @ p["W2"] - 1.0) ** 2)
    found = weight_gradient(loss, params)
    assert not found["W1"].any()
    assert found["W2"].all()


def test_an_array_that_a_mean_takes_away_is_read():
    params = {"W": np.ones((4, 3)), "b": np.zeros(3)}
    x = np.arange(20.0).reshape(5, 4)

    def loss(p):
        z = x @ p["W"] + p["b"]
        return np.sum((z - z.mean(axis=0)) ** 2)

    assert np.abs(weight_gradient(loss, params)["b"]).max() < 1e-3

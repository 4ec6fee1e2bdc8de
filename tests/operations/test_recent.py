"""Derivatives at many points that are asked for again: the same bits, of what f reads now, and nothing else is kept."""

from __future__ import annotations

import gc
import threading
import types
import warnings
import weakref

import numpy as np
import pytest

import fastgrad
from fastgrad.operations import recent

N = 1_500
X = np.random.default_rng(0).uniform(0.5, 1.5, (N, 3))
FACTOR = 2.0
WEIGHTS = np.array([1.0, 2.0, 3.0])


@pytest.fixture(autouse=True)
def none_kept():
    recent._kept.clear()


def smooth(x):
    return np.sin(x[0] * x[1]) + x[2] ** 2


def three_times(f, x, ask=fastgrad.gradient, **options):
    """The third call needs no reading: whether that is so, and what it gives."""
    for _ in range(2):
        ask(f, x, batch=True, **options)
    found = ask(f, x, batch=True, **options)
    return [kept for kept in recent._kept.values() if type(kept) is tuple], found


def alone(f, x, ask=fastgrad.gradient, **options):
    recent._kept.clear()
    return ask(f, x, batch=True, **options)


LAYOUTS = {
    "rows": X,
    "columns": np.asfortranarray(X),
    "every other row": np.repeat(X, 2, axis=0)[::2],
    "some columns": np.hstack([X, X])[:, 1:4],
    "backwards": X[::-1],
    "read-only": np.frombuffer(X.tobytes()).reshape(X.shape),
    "large": np.tile(X, (100, 1)),
    "few": X[:100],
    "few columns": np.asfortranarray(X[:100]),
}


@pytest.mark.parametrize("options", [{}, {"h": 1e-4}, {"order": 4, "rel_step": 1e-5}, {"method": "exact"}], ids=str)
@pytest.mark.parametrize("name", LAYOUTS)
def test_the_bits_are_those_of_a_first_call(name, options):
    x = LAYOUTS[name]
    kept, found = three_times(smooth, x, **options)
    assert kept
    assert (found == alone(smooth, x, **options)).all()


def exactly_three_times(f, x, **options):
    for _ in range(2):
        fastgrad.gradient(f, x, method="exact", **options)
    found = fastgrad.gradient(f, x, method="exact", **options)
    return [kept for kept in recent._kept.values() if type(kept) is tuple], found


@pytest.mark.parametrize(
    "x", [X[0], X[0, :1], X[:2, :2], X[:4:2, ::2], X[:2]], ids=["three", "one", "rows", "strided", "all"]
)
def test_exact_gradients_at_one_point(x):
    f = lambda x: np.sum(np.sin(x) * x)
    kept, found = exactly_three_times(f, x)
    assert kept
    assert (found == fastgrad.gradient(f, x, method="exact", full_output=True).value).all()
    assert (fastgrad.gradient(f, x + 1.0, method="exact") == alone_exactly(f, x + 1.0)).all()
    out = np.empty(x.shape)
    kept, found = exactly_three_times(f, x, out=out)
    assert found is out
    assert (out == alone_exactly(f, x)).all()


def alone_exactly(f, x):
    recent._kept.clear()
    return fastgrad.gradient(f, x, method="exact")


def test_exact_gradients_of_numbers_and_of_long_programs():
    kept, found = exactly_three_times(lambda x: x**2, np.array(3.0))
    assert not kept
    assert type(found) is np.float64
    x = np.linspace(0.5, 1.5, 1_000)
    f = lambda x: np.sum(x[:, None] * x) + np.sum(x**3)
    _, found = exactly_three_times(f, x)
    np.testing.assert_allclose(found, 2.0 * np.sum(x) + 3.0 * x**2, rtol=1e-12)


def test_exact_gradients_where_f_is_not_finite_or_takes_another_way():
    f = lambda x: np.log(x[0]) * x[1]
    exactly_three_times(f, X[0])
    with np.errstate(all="ignore"):
        bad = np.array([-1.0, 2.0, 3.0])
        np.testing.assert_array_equal(fastgrad.gradient(f, bad, method="exact"), alone_exactly(f, bad))
    g = lambda x: x[0] ** 2 * x[2] if x[0] > 1.0 else x[1] * x[2]
    for x in (np.array([2.0, 1.0, 1.0]), np.array([0.5, 1.0, 1.0])):
        for _ in range(3):
            found = fastgrad.gradient(g, x, method="exact")
        assert found.tolist() == ([4.0, 0.0, 4.0] if x[0] > 1.0 else [0.0, 1.0, 1.0])


def test_results_that_are_zero_whatever_x_is():
    x = np.random.default_rng(2).uniform(0.5, 1.5, (300, 2_500))
    f = lambda x: x[0] * np.sin(x[5] * x[7]) + x[-1] ** 2
    _, found = three_times(f, x)
    assert (found == alone(f, x)).all()
    assert np.count_nonzero(found) == 4 * len(x)


def test_other_points_that_lie_the_same_way():
    three_times(smooth, X)
    found = fastgrad.gradient(smooth, 2.0 * X, batch=True)
    assert (found == alone(smooth, 2.0 * X)).all()
    images = np.random.default_rng(1).uniform(0.5, 1.5, (N, 2, 2))
    kept, found = three_times(lambda x: np.sum(x**3) * x[0, 1], images)
    assert kept
    assert found.shape == images.shape


@pytest.mark.parametrize("order", ["C", "F"])
def test_results_are_written_where_they_are_wanted(order):
    out, other = np.empty(X.shape, order=order), np.zeros(X.shape, order=order)
    kept, found = three_times(smooth, X, out=out)
    assert kept
    assert found is out
    assert fastgrad.gradient(smooth, X + 1.0, batch=True, out=other) is other
    assert (other == alone(smooth, X + 1.0)).all()


def changed_global(f, patch):
    patch.setitem(f.__globals__, "FACTOR", 5.0)


def changed_array(f, patch):
    patch.setitem(f.__globals__, "WEIGHTS", np.array([7.0, 8.0, 9.0]))


def reads_names(x):
    return FACTOR * np.sum(WEIGHTS * x**2)


@pytest.mark.parametrize("change", [changed_global, changed_array])
def test_what_f_reads_is_what_it_is_now(change, monkeypatch):
    kept, before = three_times(reads_names, X)
    assert kept
    change(reads_names, monkeypatch)
    found = fastgrad.gradient(reads_names, X, batch=True)
    assert not np.allclose(found, before)
    assert (found == alone(reads_names, X)).all()


def test_arrays_cells_defaults_and_code_are_seen_to_change():
    inner, power = np.array([1.0, 2.0, 3.0]), 2

    def f(x, k=1.0):
        return k * np.sum(inner * x**power)

    for change in (
        lambda: inner.__setitem__(0, 10.0),
        lambda: setattr(f, "__defaults__", (3.0,)),
        lambda: setattr(f, "__code__", (lambda x, k=1.0: (inner[1] + power) * np.sum(x)).__code__),
    ):
        kept, before = three_times(f, X)
        assert kept
        change()
        found = fastgrad.gradient(f, X, batch=True)
        assert not np.allclose(found, before)
        assert (found == alone(f, X)).all()


def test_what_a_call_refuses_it_refuses_again():
    three_times(smooth, X)
    for bad in ({"order": True}, {"h": -1.0}, {"h": True}, {"method": "sideways"}, {"engine": "none"}):
        with pytest.raises((ValueError, TypeError)):
            fastgrad.gradient(smooth, X, batch=True, **bad)
    out = X.copy()
    three_times(smooth, X, out=out)
    with pytest.raises(ValueError, match="shares memory"):
        fastgrad.gradient(smooth, X, batch=True, out=X)
    out.setflags(write=False)
    with pytest.raises(ValueError, match="read-only"):
        fastgrad.gradient(smooth, X, batch=True, out=out)


def test_points_and_results_that_f_reads_otherwise():
    data = np.ones(3)
    f = lambda x: np.sum(data * x**2)
    three_times(f, X)
    block = np.ones((N + 1, 3))
    three_times(f, block[:N])
    mine = block[N]
    g = lambda x: np.sum(mine * x**2)
    three_times(g, X)
    three_times(g, block[:N])  # beside it, not the same memory
    inside = np.lib.stride_tricks.as_strided(mine, (N, 3), (0, 8))
    with pytest.raises((fastgrad.EngineError, ValueError)):
        fastgrad.gradient(g, inside, batch=True, engine="simd")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_where_f_is_not_finite_it_is_asked(bad):
    f = lambda x: np.log(x[0]) * x[1] + x[2]
    kept, _ = three_times(f, X)
    assert kept
    x = X.copy()
    x[700, 0] = bad
    with np.errstate(all="ignore"):
        found = fastgrad.gradient(f, x, batch=True)
        np.testing.assert_array_equal(found, alone(f, x))


def test_a_step_that_vanishes_is_told():
    three_times(smooth, X, h=1e-4)
    x = X.copy()
    x[3, 2] = 1e15
    with pytest.raises(ValueError, match="vanishes"):
        fastgrad.gradient(smooth, x, batch=True, h=1e-4)


def test_a_function_that_stops_to_react_is_told():
    f = lambda x: np.maximum(x[0], 0.0) * np.maximum(x[1], 0.0)
    three_times(f, X[:, :2].copy())
    with pytest.warns(fastgrad.ConstantFunctionWarning):
        assert not fastgrad.gradient(f, -X[:, :2].copy(), batch=True).any()


def test_zeros_are_no_wrong_numbers():
    x = X.copy()
    three_times(lambda x: np.sum(x**2), x)
    x[0], x[-1] = 0.0, 0.0
    for _ in range(3):
        assert np.allclose(fastgrad.gradient(lambda x: np.sum(x**2), x, batch=True), 2.0 * x)


class Model:
    k = 3.0

    def energy(self, x):
        return self.k * np.sum(x**2)

    __call__ = energy


def test_no_object_is_kept_alive():
    model = Model()
    seen = weakref.ref(model)
    for f in (_in_a_closure(model), model.energy, model):
        kept, _ = three_times(f, X)
        assert not kept
    del model, f
    gc.collect()
    assert seen() is None


def _in_a_closure(model):
    return lambda x: 2.0 * model.energy(x)


def test_points_go_when_they_are_dropped():
    x = X.copy()
    kept, _ = three_times(smooth, x)
    assert kept
    seen = weakref.ref(x)
    del x
    gc.collect()
    assert seen() is None


def test_branches_and_what_may_change_unseen_are_read_each_time():
    module = types.SimpleNamespace(k=2.0)
    functions = [
        lambda x: x[0] ** 2 if x[0] > 10.0 else x[1] * x[2],
        lambda x: module.k * np.sum(x**2),
        lambda x: x[0] * __import__("math").pi,
    ]
    for f in functions:
        kept, _ = three_times(f, X)
        assert not kept


def test_a_branch_of_which_both_sides_were_compared():
    f = lambda x: x[0] ** 2 if x[0] > 1.0 else x[1] * x[2]
    kept, found = three_times(f, X)
    assert kept
    assert (found == alone(f, X)).all()


def test_few_calls_are_kept():
    functions = [eval(f"lambda x: {k + 1}.0 * x[0] * x[1] + x[2]", {}) for k in range(recent.KEPT + 3)]
    for f in functions:
        three_times(f, X)
    assert len(recent._kept) == recent.KEPT
    for k, f in enumerate(functions):
        assert np.allclose(fastgrad.gradient(f, X, batch=True)[:, 0], (k + 1) * X[:, 1])


def test_threads_share_what_is_kept():
    points = [np.tile(X, (40, 1)) + k for k in range(4)]
    three_times(smooth, points[0])
    wanted, found = [alone(smooth, x) for x in points], {}
    three_times(smooth, points[0])

    def work(k):
        for _ in range(20):
            found[k] = fastgrad.gradient(smooth, points[k], batch=True)
            assert (found[k] == wanted[k]).all()

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((found[k] == wanted[k]).all() for k in range(4))


# --- Jacobians and second derivatives ---------------------------------------------------------------------------------


def of_many(x):
    return np.array([x[0] * x[1], np.sin(x[2]), x[0] + 0.0 * x[1]])  # zeros at both ends of a Jacobian


ASKED = {
    "jacobian": (fastgrad.jacobian, of_many),
    "of a gradient's f": (fastgrad.jacobian, smooth),
    "hessian": (fastgrad.hessian, lambda x: np.exp(x[0] * x[1]) * x[2]),
    "hessian with zeros": (fastgrad.hessian, smooth),
    "diagonal": (fastgrad.hessian_diagonal, smooth),
}


@pytest.mark.parametrize("options", [{}, {"h": 1e-3}, {"order": 4}, {"method": "exact"}], ids=str)
@pytest.mark.parametrize("layout", ["rows", "columns", "every other row", "large", "few"])
@pytest.mark.parametrize(("ask", "f"), ASKED.values(), ids=ASKED)
def test_the_bits_of_other_derivatives(ask, f, layout, options):
    x = LAYOUTS[layout]
    kept, found = three_times(f, x, ask, **options)
    assert kept or ask is fastgrad.hessian_diagonal  # whose kernels may be of another kind
    assert (found == alone(f, x, ask, **options)).all()
    three_times(f, x, ask, **options)
    out = np.full(found.shape, np.nan)
    assert (ask(f, x + 1.0, batch=True, **options) == alone(f, x + 1.0, ask, **options)).all()
    for _ in range(3):
        assert ask(f, x, batch=True, out=out, **options) is out
        assert (out == found).all()
        out[...] = np.nan


@pytest.mark.parametrize(("ask", "f"), ASKED.values(), ids=ASKED)
def test_derivatives_of_one_function_are_kept_apart(ask, f):
    found = three_times(f, X, ask)[1]
    for other, _ in ASKED.values():
        if f is not of_many or other is fastgrad.jacobian:
            other(f, X, batch=True)
    assert (ask(f, X, batch=True) == found).all()


@pytest.mark.parametrize("ask", [fastgrad.jacobian, fastgrad.hessian, fastgrad.hessian_diagonal])
def test_exact_ones_at_one_point(ask):
    for _ in range(3):
        found = ask(smooth, X[0], method="exact")
    assert any(type(kept) is tuple for kept in recent._kept.values())
    assert (found == ask(smooth, X[0], method="exact", full_output=True).value).all()


METHODS = ["central", "forward", "backward", "adaptive", "complex", "exact"]


@pytest.mark.parametrize("batch", [True, False])
@pytest.mark.parametrize("engine", ["auto", "simd"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("ask", "f"), ASKED.values(), ids=ASKED)
def test_methods_give_the_bits_of_a_first_call(ask, f, method, engine, batch):
    """Adaptive steps are several kernels, of which one was kept."""
    if method == "complex" and ask in (fastgrad.hessian, fastgrad.hessian_diagonal):
        return
    x = X[:40] if batch else X[0]
    asked = {"batch": batch, "method": method, "engine": "auto" if method in ("complex", "exact") else engine}
    first = ask(f, x + 0.25, **asked)
    for _ in range(4):
        ask(f, x, **asked)
    assert (ask(f, x + 0.25, **asked) == first).all()


@pytest.mark.parametrize(("ask", "f"), [*ASKED.values(), (fastgrad.gradient, smooth)], ids=[*ASKED, "gradient"])
def test_compiled_differences_at_one_point_are_kept(ask, f):
    for _ in range(3):
        found = ask(f, X[0], engine="simd")
    assert any(type(kept) is tuple for kept in recent._kept.values())
    assert (found == ask(f, X[0], engine="simd", full_output=True).value).all()


def step(x):
    u = 1e6 * (x[0] - 9.0)
    return u / np.sqrt(1.0 + u * u) + x[1] ** 2 + x[2] ** 2


def test_steps_that_are_too_long_are_told_each_time():
    x = X.copy()
    x[3, 0] = 9.0 + 1e-4
    for _ in range(4):
        with pytest.warns(fastgrad.StepWarning, match=r"x\[0\]"):
            fastgrad.hessian(step, x, batch=True)


def test_at_one_point_they_are_told_of_one_sided_steps():
    f = lambda x: 1.0 / (1.0 - x[0]) + np.sum(x**2)
    x, asked = np.linspace(1.0, 2.0, 12), {"method": "forward", "order": 8, "engine": "simd"}
    for place in (0.2, 0.2, 0.2, 0.97, 0.97, 0.3):
        x[0] = place
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            found = fastgrad.gradient(f, x, **asked)
            alone = fastgrad.gradient(f, x, full_output=True, **asked).value
        assert [w.category for w in seen] == [fastgrad.StepWarning] * (2 if place == 0.97 else 0)
        assert (found == alone).all()


def test_steps_that_are_too_long_at_later_points_are_told():
    kept, _ = three_times(step, X, fastgrad.hessian)
    assert kept
    x = X.copy()
    x[3, 0] = 9.0 + 1e-4
    with pytest.warns(fastgrad.StepWarning):
        fastgrad.hessian(step, x, batch=True)


def test_what_many_numbers_read_is_what_it_is_now(monkeypatch):
    f = lambda x: FACTOR * of_many(x)
    kept, before = three_times(f, X, fastgrad.jacobian)
    assert kept
    monkeypatch.setitem(globals(), "FACTOR", 6.0)
    np.testing.assert_allclose(fastgrad.jacobian(f, X, batch=True), 3.0 * before, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 3)], ids=str)
@pytest.mark.parametrize("method", ["central", "exact"])
def test_points_without_coordinates_are_asked_for_again(shape, method):
    f, x = lambda x: np.sum(x) * np.sum(x**2), np.zeros(shape)
    how = {"batch": len(shape) > 1, "method": method}
    g = fastgrad.grad(f, **how)
    for _ in range(5):
        assert fastgrad.gradient(f, x, **how).shape == shape
        assert g(x).shape == shape

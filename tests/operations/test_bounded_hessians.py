"""Hessians and values between bounds: mixed differences that move two coordinates never leave them either."""

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgrad import ConstantFunctionWarning, hessian, value_and_gradient
from fastgrad.formulas import reference
from fastgrad.formulas.samples import SAMPLES

engines = pytest.mark.parametrize("engine", ["python", "jit", "simd", "reference"])
INF = np.inf
X = np.array([0.25, 0.5])
SIDES = {
    "at the lower": (X, INF),
    "at the upper": (-INF, X),
    "one of each": ([0.25, -9.0], [9.0, 0.5]),
    "one free": ([0.25, -9.0], [9.0, 9.0]),
    "close to one": ([0.25 - 1e-7, -9.0], [9.0, 9.0]),
    "in a corner's middle": (X - 1e-3, X + 1e-3),
}
sides = pytest.mark.parametrize("bounds", SIDES.values(), ids=SIDES)


def smooth(x):
    return np.exp(0.5 * x[0]) * np.sin(x[1] + 0.25) + x[0] * x[1] ** 2


def second_derivatives(x):
    e, s, c = np.exp(0.5 * x[0]), np.sin(x[1] + 0.25), np.cos(x[1] + 0.25)
    mixed = 0.5 * e * c + 2.0 * x[1]
    return np.array([[0.25 * e * s, mixed], [mixed, -e * s + 2.0 * x[0]]])


class Inside:
    """A function that raises wherever it must not be called."""

    def __init__(self, f, bounds):
        self.f, self.count = f, 0
        self.low, self.high = (np.asarray(b, dtype=float) for b in bounds)

    def __call__(self, x, *args):
        self.count += 1
        if not ((self.low <= x) & (x <= self.high)).all():
            msg = f"called at {x}"
            raise AssertionError(msg)
        return self.f(x, *args)


distances = st.one_of(
    st.just(0.0), st.just(INF), st.floats(1e-17, 10.0), st.sampled_from([1e-300, 1e-12, 1e-6, 1e-3, 1e-2])
)


@settings(max_examples=200, deadline=None)
@given(
    x=st.lists(st.floats(-1e3, 1e3, allow_subnormal=False), min_size=1, max_size=3),
    data=st.data(),
    method=st.sampled_from(["central", "forward", "backward", "adaptive"]),
    order=st.sampled_from([2, 4, 6, 8]),
    steps=st.sampled_from([{}, {"h": 0.125}, {"h": 1e-3}, {"rel_step": 1e-2}]),
    engine=st.sampled_from(["python", "reference"]),
)
def test_never_outside(x, data, method, order, steps, engine):
    x = np.array(x)
    bounds = tuple(x + sign * np.array([data.draw(distances) for _ in x]) for sign in (-1.0, 1.0))
    f = Inside(lambda x: np.sum(x) ** 2 + 1000.0 + np.sum(x * x), bounds)
    engine = "python" if method == "adaptive" else engine
    with np.errstate(all="raise", under="ignore"), contextlib.suppress(ConstantFunctionWarning):
        full = hessian(f, x, bounds=bounds, method=method, order=order, engine=engine, full_output=True, **steps)
        assert (full.value == full.value.T)[np.isfinite(full.value)].all()
        equal = bounds[0] == bounds[1]
        assert np.isnan(full.value[equal]).all()
        assert np.isnan(full.value[:, equal]).all()
        if full.value.any():  # of zeros f is asked twice more
            assert full.nfev == f.count
        wide = np.maximum(x - bounds[0], bounds[1] - x) >= 0.5 * np.maximum(1.0, np.abs(x))
        if method == "adaptive":
            right = np.abs(full.value - 2.0 - 2.0 * np.eye(len(x))) <= 10.0 * full.error
            assert right[np.isfinite(full.value)].all()
        elif wide.all() and not steps:
            assert np.abs(full.value - 2.0 - 2.0 * np.eye(len(x))).max() < 1e-2 * (1.0 + np.abs(x).max())


@engines
@sides
@pytest.mark.parametrize("order", [2, 4, 8])
def test_values_at_a_bound(order, bounds, engine):
    value = hessian(smooth, X, bounds=bounds, order=order, engine=engine)
    np.testing.assert_allclose(value, second_derivatives(X), rtol=1e-6)
    assert (value == value.T).all()


@sides
@pytest.mark.parametrize("order", [2, 4, 8])
def test_refined_steps_stay_inside_and_know_their_errors(order, bounds):
    full = hessian(Inside(smooth, bounds), X, bounds=bounds, order=order, method="adaptive", full_output=True)
    assert (full.status == 0).all()
    assert (np.abs(full.value - second_derivatives(X)) <= full.error + 1e-15).all()
    assert full.error.max() < 1e-4
    for engine in ("simd", "jit"):
        value = hessian(smooth, X, bounds=bounds, order=order, method="adaptive", engine=engine)
        assert (np.abs(value - full.value) <= 2.0 * full.error).all()


@sides
@pytest.mark.parametrize("method", ["central", "forward", "backward"])
def test_the_definition(method, bounds):
    for order in (2, 4, 6, 8):
        options = {"bounds": bounds, "order": order, "method": method}
        one, other = (hessian(smooth, X, engine=e, **options) for e in ("python", "reference"))
        np.testing.assert_allclose(one, other, rtol=5e-16)  # one rounding of a quotient apart
        np.testing.assert_array_equal(other, reference.hessian(smooth, X, **options))


@pytest.mark.parametrize("order", [2, 4])
@pytest.mark.parametrize("bounds", list(SIDES.values())[:4], ids=list(SIDES)[:4])
def test_order_of_convergence(order, bounds):
    first = {2: 2.0**-5, 4: 2.0**-3}[order]
    errors = [
        np.abs(hessian(smooth, X, bounds=bounds, order=order, h=h) - second_derivatives(X)) for h in (first, first / 4)
    ]
    assert (np.log2(errors[0] / errors[1]) / 2 > order - 0.6).all()


@engines
def test_bounds_far_away_change_no_bit(engine):
    plain = hessian(smooth, X, engine=engine, full_output=True)
    for bounds in ((-INF, INF), (-9, 9), (X - 1.0, X + 1.0), [(-9, None), (None, 9)]):
        bounded = hessian(smooth, X, engine=engine, bounds=bounds, full_output=True)
        assert bounded.value.tobytes() == plain.value.tobytes()
        assert (bounded.nfev, bounded.engine) == (plain.nfev, plain.engine)
        assert (bounded.h == plain.h).all()


@engines
@pytest.mark.parametrize("method", ["central", "forward", "adaptive"])
def test_a_batch_is_its_points(method, engine):
    if (method, engine) == ("adaptive", "reference"):
        return  # which has no bounds
    rng = np.random.default_rng(5)
    x = rng.uniform(-1.0, 1.0, (23, 2))
    low, high = x - rng.choice([0.0, 1e-4, 5.0], x.shape, p=[0.1, 0.1, 0.8]), x + rng.choice([1e-3, 5.0], x.shape)
    low[3] = high[3] = x[3]
    low[4, 0] = high[4, 0] = x[4, 0]
    whole = hessian(smooth, x, batch=True, bounds=(low, high), method=method, engine=engine)
    single = [hessian(smooth, p, bounds=b, method=method, engine=engine) for p, *b in zip(x, low, high, strict=True)]
    assert whole.tobytes() == np.array(single).tobytes()
    assert np.isnan(whole[3]).all()
    assert np.isnan(whole[4]).tolist() == [[True, True], [True, False]]
    rest = np.delete(np.arange(23), [3, 4])
    np.testing.assert_allclose(whole[rest], [second_derivatives(p) for p in x[rest]], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["himmelblau", "rational", "softplus"])
def test_samples_in_the_corners_of_their_boxes(name):
    sample = SAMPLES[name]
    low, high = (np.broadcast_to(b, np.shape(sample.point)).astype(float) for b in sample.box)
    corners = np.array([low, high, np.where(np.arange(low.size) % 2, low, high)])
    inner = [hessian(sample.f, c, order=8) for c in corners]
    value = hessian(sample.f, corners, batch=True, bounds=(low, high), order=4)
    scale = max(1.0, np.abs(inner).max(), *(abs(float(sample.f(c))) for c in corners))
    assert np.abs(value - inner).max() < 1e-5 * scale


def test_a_function_that_is_defined_inside_only():
    """sqrt at its end, a likelihood that raises for sigma <= 0, a logarithm."""
    half = hessian(lambda x: np.sum(np.sqrt(x)), np.array([1e-4, 1.0]), bounds=(0.0, INF), method="adaptive")
    np.testing.assert_allclose(half, np.diag([-0.25e6, -0.25]), rtol=1e-6, atol=1e-6)
    bounds = [(None, None), (1e-3, None)]
    f = Inside(lambda x: (0.3 - x[0]) ** 2 / x[1] + np.log(x[1]), ([-INF, 1e-3], [INF, INF]))
    for method in ("central", "adaptive"):
        value = hessian(f, np.array([0.2, 0.5]), bounds=bounds, method=method)
        exact = [[4.0, 0.8], [0.8, 2 * 0.01 / 0.125 - 4.0]]
        np.testing.assert_allclose(value, exact, rtol=1e-5)


def test_single_precision_takes_larger_steps():
    f = Inside(lambda x: np.float32(np.sum(x) ** 2 + x[0] ** 2), (X, INF))
    full = hessian(f, X, bounds=(X, INF), full_output=True)
    np.testing.assert_allclose(full.value, [[4.0, 2.0], [2.0, 2.0]], rtol=2e-2)
    assert (full.h > 1e-3).all()
    rows = np.array([X, X + 1.0, X + 2.0])
    whole = hessian(f, rows, bounds=(X, INF), batch=True)
    np.testing.assert_allclose(whole, np.broadcast_to([[4.0, 2.0], [2.0, 2.0]], (3, 2, 2)), rtol=5e-2)


def test_nan_stays_where_it_is():
    rows = np.array([[0.0, np.nan], [0.0, 0.5], [0.5, 0.0]])
    whole = hessian(smooth, rows, bounds=(0.0, INF), batch=True, engine="simd")
    np.testing.assert_allclose(whole[1], second_derivatives(rows[1]), rtol=1e-6)
    assert np.isnan(whole[0]).all()


@engines
@pytest.mark.parametrize("method", ["central", "forward", "adaptive"])
def test_values_beside_gradients(method, engine):
    if (method, engine) == ("adaptive", "reference"):
        return
    rows = np.array([[0.0, 0.5], [0.3, 0.2], [1.0, 1.0], [0.5, 0.5]])
    value, slope = value_and_gradient(smooth, rows, bounds=(0, 1), batch=True, method=method, engine=engine)
    np.testing.assert_allclose(value, [smooth(p) for p in rows], rtol=1e-15)
    for n, p in enumerate(rows):
        one, alone = value_and_gradient(smooth, p, bounds=[(0, 1), (0, 1)], method=method, engine=engine)
        assert one == value[n]
        assert alone.tobytes() == slope[n].tobytes()
    if engine == "python":
        f = Inside(smooth, (0.0, 1.0))
        full = value_and_gradient(f, rows, bounds=(0, 1), batch=True, method=method, engine=engine, full_output=True)[1]
        assert full.nfev == f.count


def test_values_in_single_precision():
    f = Inside(lambda x: np.float32(np.sum(x) ** 2), (X, INF))
    value, slope = value_and_gradient(f, X, bounds=(X, INF))
    assert value == np.float32(0.5625)
    np.testing.assert_allclose(slope, 1.5, rtol=1e-3)


def test_dask():
    da = pytest.importorskip("dask.array")
    rows = np.random.default_rng(0).uniform(0.0, 1.0, (40, 2))
    rows[:9, 0] = 0.0
    for bounds in ((0, 1), [(0, 1), (0, None)]):
        x = da.from_array(rows, chunks=(7, 2))
        wanted = hessian(smooth, rows, bounds=bounds, batch=True)
        assert hessian(smooth, x, bounds=bounds, batch=True).compute(scheduler="sync").tobytes() == wanted.tobytes()
        value, slope = value_and_gradient(smooth, x, bounds=bounds, batch=True)
        one, other = value_and_gradient(smooth, rows, bounds=bounds, batch=True)
        assert (value.compute(scheduler="sync") == one).all()
        assert (slope.compute(scheduler="sync") == other).all()


@pytest.mark.parametrize("order", [2, 4, 6, 8])
@pytest.mark.parametrize("width", 10.0 ** np.arange(-8.0, -1.5, 0.5))
def test_of_steps_in_a_tight_box_two_digits_are_left_or_nothing(order, width):
    f = lambda x: np.sin(x[0] * x[1]) + x[2] ** 3
    x = np.array([1.13, 0.77, 0.54])
    exact = hessian(f, x, method="exact")
    for bounds in ((x, x + width), (x - width, x)):
        found = hessian(f, x, bounds=bounds, order=order)
        assert np.isnan(found).all() or np.abs(found - exact).max() < 0.02

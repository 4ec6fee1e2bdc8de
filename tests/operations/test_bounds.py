"""`bounds`: f is never called outside, no order is lost at a bound, and bounds that are far away change no bit."""

import contextlib
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgrad import ConstantFunctionWarning, derivative, explain, gradient, jacobian
from fastgrad.engine.call import Call, Rows
from fastgrad.formulas import stencils
from fastgrad.formulas.samples import CURVES, SAMPLES
from fastgrad.formulas.steps import Steps
from fastgrad.operations.bounds import fill, steps_taken

ORDERS = [2, 4, 6, 8]
engines = pytest.mark.parametrize("engine", ["python", "jit", "simd", "reference"])
OPERATIONS = {"gradient": gradient, "jacobian": jacobian}
operations = pytest.mark.parametrize("operate", OPERATIONS.values(), ids=OPERATIONS)


class Recording:
    """A function that keeps the points at which it was called, and that may say what it was called on."""

    def __init__(self, f):
        self.f, self.points = f, []

    def __call__(self, x, *args):
        self.points.append(np.array(x))
        return self.f(x, *args)

    def all_inside(self, low, high):
        return all(((low <= p) & (p <= high)).all() for p in self.points)

    def never_twice(self):
        return len({p.tobytes() for p in self.points}) == len(self.points)


def smooth(x):
    return np.exp(0.5 * x[0]) * np.sin(x[1] + 0.25) + x[0] * x[1]


def smooth_gradient(x):
    e, s, c = np.exp(0.5 * x[0]), np.sin(x[1] + 0.25), np.cos(x[1] + 0.25)
    return np.array([0.5 * e * s + x[1], e * c + x[0]])


def roots(x):
    """NaN outside [0, 1]."""
    return np.sum(np.sqrt(x) + np.sqrt(1.0 - x))


def several(x):
    return np.array([x[0] * x[1], np.sin(x[0]), x[1] * x[1] - 3.0 * x[0]])


def squares_in_single_precision(x):
    return np.float32(np.sum(x * x))


X = np.array([0.25, 0.5])
SIDES = {
    "at the lower": (X, np.inf),
    "at the upper": (-np.inf, X),
    "one of each": (np.array([0.25, -9.0]), np.array([9.0, 0.5])),
    "one free": (np.array([0.25, -9.0]), np.array([9.0, 9.0])),
}
sides = pytest.mark.parametrize("bounds", SIDES.values(), ids=SIDES)


# --- never outside ----------------------------------------------------------------------------------------------------

distances = st.one_of(
    st.just(0.0), st.just(np.inf), st.floats(1e-17, 10.0), st.sampled_from([1e-300, 1e-12, 1e-6, 1e-3])
)
schemes = st.sampled_from(
    [(m, p) for m in ("central", "adaptive") for p in ORDERS]
    + [(m, p) for m in ("forward", "backward") for p in range(1, 9)]
)


@settings(max_examples=200, deadline=None)
@given(
    x=st.lists(st.floats(-1e3, 1e3, allow_subnormal=False), min_size=1, max_size=3),
    data=st.data(),
    scheme=schemes,
    steps=st.sampled_from([{}, {"h": 0.125}, {"h": 1e-3}, {"rel_step": 1e-2}]),
    engine=st.sampled_from(["auto", "python", "reference"]),
    operate=st.sampled_from([gradient, jacobian]),
)
def test_never_outside(x, data, scheme, steps, engine, operate):
    x = np.array(x)
    low, high = (x + sign * np.array([data.draw(distances) for _ in x]) for sign in (-1.0, 1.0))
    f, method = Recording(lambda x: np.sum(x + 0.125 * x * x) + 1000.0), scheme[0]
    if method == "adaptive":
        engine = "python"
    kept = x.copy()
    with np.errstate(all="raise", under="ignore"):
        try:
            full = operate(
                f, x, bounds=(low, high), method=method, order=scheme[1], engine=engine, full_output=True, **steps
            )
        except ConstantFunctionWarning:  # boxes of some floats, on which f is the same
            assert f.all_inside(low, high)
            return
    assert f.all_inside(low, high)
    assert (np.isnan(full.value) == (low == high)).all()
    assert (full.status == np.where(low == high, -3, 0)).all() or method == "adaptive"
    assert x.tobytes() == kept.tobytes()
    if not np.any(full.value):  # f is evaluated twice more, to see whether it reads its argument
        return
    assert full.nfev == len(f.points)
    if engine != "reference" and method != "adaptive":
        assert f.never_twice()
    wide = (np.maximum(x - low, high - x) >= 1e-3) & (low < high)
    if method == "adaptive":
        assert (np.abs(full.value - (1.0 + 0.25 * x)) <= full.error)[wide].all()
    elif not steps and scheme[1] > 1:
        assert (np.abs(full.value - (1.0 + 0.25 * x))[wide] < 1e-3 * (1.0 + np.abs(x[wide]))).all()


@settings(max_examples=60, deadline=None)
@given(
    x=st.lists(st.floats(-100.0, 100.0, allow_subnormal=False), min_size=1, max_size=4),
    data=st.data(),
    n=st.integers(1, 4),
    scheme=schemes,
    engine=st.sampled_from(["auto", "python", "reference"]),
)
def test_never_outside_in_derivatives(x, data, n, scheme, engine):
    x = np.array(x)
    low, high = (x + sign * np.array([data.draw(distances) for _ in x]) for sign in (-1.0, 1.0))
    f = Recording(lambda x: x**4 + x)
    method, order = scheme
    with contextlib.suppress(ConstantFunctionWarning):
        derivative(
            f,
            x,
            n=n,
            bounds=(low, high),
            method=method,
            order=order,
            engine="python" if method == "adaptive" else engine,
        )
    whole = [p for p in f.points if p.size == x.size]  # zeros everywhere: a number shows whether f reads its argument
    assert len(f.points) - len(whole) in {0, 2}
    assert all(((low <= p) & (p <= high)).all() for p in whole)


@pytest.mark.parametrize(
    ("engine", "order", "operate"),
    [("jit", 2, gradient), ("jit", 8, jacobian), *[("simd", p, op) for p in ORDERS for op in (gradient, jacobian)]],
)
def test_compiled_engines_stay_inside(engine, order, operate):
    """f is NaN outside: one evaluation there would show.
    Close to the bounds f' is inf, so points stay a little away."""
    x = np.random.default_rng(order).uniform(0.0, 1.0, (40, 2))
    x[:8] = np.clip(x[:8], 0.0, 1e-3) + 1e-7
    x[8:16] = 1.0 - 1e-7 - np.clip(x[8:16], 0.0, 1e-3)
    for method in ("central", "adaptive"):
        value = operate(roots, x, batch=True, bounds=(0.0, 1.0), order=order, method=method, engine=engine)
        exact = 0.5 / np.sqrt(x) - 0.5 / np.sqrt(1.0 - x)
        assert np.isfinite(value).all()
        inner = (x > 0.1) & (x < 0.9)
        np.testing.assert_allclose(value[inner], exact[inner], rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("bounds", [(X, X + 1.0), (X - 1.0, X), (X, X), (X - 1e-9, X + 1e-9)])
def test_spot_checks_and_fallbacks_stay_inside(bounds):
    """simd compares the compiled f with f itself, the other engines look whether f reads its argument at all."""
    points = np.tile(X, (5, 1))
    for f, engine in (
        (smooth, "simd"),
        (lambda x: np.sqrt(x[0] * 0.0 + 1.0), "simd"),
        (smooth, "jit"),
        (lambda x: 1.0, "python"),
    ):
        recording = Recording(f)
        try:
            gradient(recording, points, batch=True, bounds=bounds, engine=engine)
        except ConstantFunctionWarning:
            pass
        except ValueError as error:  # a recording cannot be compiled
            assert engine == "jit" or "trace" in str(error).lower()  # noqa: PT017
        numbers = [p for p in recording.points if p.dtype != object]
        assert all(((bounds[0] <= p) & (p <= bounds[1])).all() for p in numbers)


# --- accuracy ---------------------------------------------------------------------------------------------------------


@engines
@sides
@pytest.mark.parametrize("order", ORDERS)
def test_values_at_a_bound(order, bounds, engine):
    tolerance = {2: 1e-9, 4: 2e-11, 6: 1e-11, 8: 2e-11}[order]  # one-sided weights add round-off
    value = gradient(smooth, X, bounds=bounds, order=order, engine=engine)
    np.testing.assert_allclose(value, smooth_gradient(X), rtol=tolerance)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("operate", [gradient, jacobian])
@sides
def test_order_of_convergence_at_a_bound(operate, bounds, order):
    first = {2: 2.0**-5, 4: 2.0**-4, 6: 2.0**-3, 8: 2.0**-1}[order]  # above round-off
    errors = [
        np.abs(operate(smooth, X, bounds=bounds, order=order, h=h) - smooth_gradient(X)) for h in (first, first / 4)
    ]
    rate = np.log2(errors[0] / errors[1]) / 2
    assert (np.abs(rate - order) < (0.5 if order < 8 else 1.2)).all()


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_order_of_derivatives_at_a_bound(n, order):
    x, h = np.array([0.0, 0.5, 1.0]), {2: 2.0**-5, 4: 2.0**-4, 6: 2.0**-3, 8: 2.0**-2}[order]
    for bounds in ((x, np.inf), (-np.inf, x)):
        errors = [
            np.abs(derivative(np.exp, x, n=n, order=order, h=s, bounds=bounds) / np.exp(x) - 1.0) for s in (h, h / 2)
        ]
        assert (np.log2(errors[0] / errors[1]) > order - (0.6 if order < 8 else 1.0)).all()


@pytest.mark.parametrize("name", ["bump", "softplus", "himmelblau", "rational"])
@pytest.mark.parametrize("method", ["central", "forward", "backward", "adaptive"])
def test_samples_in_the_corners_of_their_boxes(name, method):
    sample = SAMPLES[name]
    low, high = (np.broadcast_to(b, np.shape(sample.point)).astype(float) for b in sample.box)
    mixed = np.where(np.arange(low.size) % 2, low, high)
    corners = np.array([low, high, mixed])
    value = gradient(sample.f, corners, batch=True, bounds=(low, high), method=method, order=4)
    exact = np.array([sample.gradient(c) for c in corners])
    scale = max(1.0, np.abs(exact).max(), *(abs(float(sample.f(c))) for c in corners))
    assert np.abs(value - exact).max() < 1e-9 * scale


@pytest.mark.parametrize("room", [1e-3, 1e-6, 1e-9, 1e-12])
def test_boxes_narrower_than_the_step_cost_digits_but_not_more(room):
    bounds = (X - room, X + 0.5 * room)
    value = gradient(smooth, X, bounds=bounds)
    assert np.abs(value - smooth_gradient(X)).max() < 1e-9 + 20 * 2.0**-52 / room


@engines
def test_adjacent_floats(engine):
    for x in (np.array([1.0]), np.array([-3.0])):
        for bounds in ((x, np.nextafter(x, 9.0)), (np.nextafter(x, -9.0), x)):
            assert gradient(lambda x: 2.0 * x[0], x, bounds=bounds, engine=engine) == [2.0]


@engines
def test_equal_bounds_leave_nothing(engine):
    full = gradient(smooth, X, bounds=([0.25, 0.0], [0.25, 1.0]), engine=engine, full_output=True)
    assert np.isnan(full.value[0])
    assert full.value[1] == pytest.approx(smooth_gradient(X)[1], rel=1e-9)
    assert full.status.tolist() == [-3, 0]
    assert np.isnan(gradient(smooth, X, bounds=(X, X), engine=engine)).all()
    whole = jacobian(several, X, bounds=(X, [0.25, 1.0]), engine="python")
    assert np.isnan(whole[:, 0]).all()
    np.testing.assert_allclose(whole[:, 1], [0.25, 0.0, 1.0], atol=1e-9)


# --- bits -------------------------------------------------------------------------------------------------------------


@engines
@operations
@pytest.mark.parametrize("method", ["central", "forward", "adaptive"])
def test_bounds_far_away_change_no_bit(operate, method, engine):
    if (method, engine) == ("adaptive", "reference"):
        return  # which has no bounds: tests/test_bad_input.py
    plain = operate(smooth, X, method=method, engine=engine, full_output=True)
    for bounds in ((-np.inf, np.inf), (-9, 9), (X - 1.0, X + 1.0), ([-9, -np.inf], np.inf)):
        bounded = operate(smooth, X, method=method, engine=engine, bounds=bounds, full_output=True)
        assert bounded.value.tobytes() == plain.value.tobytes()
        assert (bounded.nfev, bounded.engine) == (plain.nfev, plain.engine)
        assert (bounded.h == plain.h).all()


@pytest.mark.parametrize("engine", ["auto", "python", "reference"])
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_bounds_far_away_change_no_bit_of_derivatives(n, engine):
    a, x = np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.5, 1.0])
    f = Recording(lambda x: np.exp(a * x))  # which takes arrays of this shape only
    plain = derivative(f, x, n=n, engine=engine, full_output=True)
    calls = len(f.points)
    bounded = derivative(f, x, n=n, engine=engine, bounds=(-9, 9), full_output=True)
    assert bounded.value.tobytes() == plain.value.tobytes()
    assert len(f.points) == 2 * calls
    assert bounded.nfev == plain.nfev


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("method", ["central", "forward", "backward"])
@sides
def test_bits_of_the_definition(method, order, bounds):
    for operate, f in ((gradient, smooth), (jacobian, several), (jacobian, smooth)):
        one, other = (
            operate(f, X, bounds=bounds, method=method, order=order, engine=e) for e in ("python", "reference")
        )
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("curve", ["sin", "exp", "gauss"])
def test_bits_of_derivatives(n, curve):
    x = np.linspace(-1.0, 1.0, 9).reshape(3, 3)
    f = CURVES[curve].f
    for bounds in ((-1.0, 1.0), (x, np.inf), (-1.0 - 1e-7, 1.0)):
        one, other = (derivative(f, x, n=n, bounds=bounds, engine=e) for e in ("python", "reference"))
        np.testing.assert_array_equal(one, other)


@engines
@operations
@pytest.mark.parametrize("method", ["central", "forward"])
def test_a_batch_is_its_points(operate, method, engine):
    """A few points at their bounds among many that are not, with bounds of their own."""
    rng = np.random.default_rng(zlib.crc32(engine.encode()))
    x = rng.uniform(-1.0, 1.0, (23, 2))
    low, high = x - rng.choice([0.0, 1e-7, 5.0], x.shape, p=[0.1, 0.1, 0.8]), x + rng.choice([1e-4, 5.0], x.shape)
    whole = operate(smooth, x, batch=True, bounds=(low, high), method=method, engine=engine)
    single = [operate(smooth, p, bounds=b, method=method, engine=engine) for p, *b in zip(x, low, high, strict=True)]
    assert whole.tobytes() == np.array(single).tobytes()


@engines
def test_forms_of_bounds(engine):
    x = np.array([[0.0, 0.5], [0.25, 1.0], [0.5, 0.5]])
    wanted = gradient(smooth, x, batch=True, bounds=(np.zeros((3, 2)), np.ones((3, 2))), engine=engine)
    for bounds in (
        (0, 1),
        [0.0, 1.0],
        ([0, 0], 1),
        (np.zeros(2), [1.0, 1.0]),
        (np.zeros((1, 2)), np.ones((3, 1))),
        (np.float32(0), True),
    ):
        value = gradient(smooth, x, batch=True, bounds=bounds, engine=engine)
        assert value.tobytes() == wanted.tobytes()
    exact = np.array([smooth_gradient(p) for p in x])
    np.testing.assert_allclose(wanted, exact, rtol=1e-9)


def test_a_point_of_any_shape():
    x = np.array([[0.0, 0.5, 1.0], [0.25, 1.0, 0.0]])
    f = Recording(lambda x: np.sum(x**3 * np.arange(1.0, 7.0).reshape(2, 3)))
    value = gradient(f, x, bounds=(0.0, 1.0), order=4)
    np.testing.assert_allclose(value, 3 * x * x * np.arange(1.0, 7.0).reshape(2, 3), atol=1e-11)
    assert f.all_inside(0.0, 1.0)
    assert {p.shape for p in f.points} == {(2, 3)}
    whole = jacobian(lambda x: x.T * x.T, x, bounds=(0.0, 1.0), order=4)
    assert whole.shape == (3, 2, 2, 3)
    assert whole[2, 0, 0, 2] == pytest.approx(2.0, rel=1e-10)


# --- steps ------------------------------------------------------------------------------------------------------------


def test_steps_really_taken():
    x = np.array([0.0, 0.5, 1.0, 0.5])
    f = Recording(lambda x: np.sum(x * x))
    full = gradient(f, x, bounds=([0, 0, 0, 0.5 - 2.0**-10], [1, 1, 1, 0.5 + 2.0**-10]), h=2.0**-3, full_output=True)
    assert full.h.tolist() == [2.0**-3, 2.0**-3, 2.0**-3, 2.0**-10]
    moves = sorted({float(d) for p in f.points for d in p - x if d})
    assert moves == [-0.25, -0.125, -(2.0**-10), 2.0**-10, 0.125, 0.25]


@pytest.mark.parametrize("steps", [{"h": 1e-3}, {"h": [1e-3, 1e-2]}, {"rel_step": 1e-3}, {"rel_step": [1e-2, 1e-3]}])
@engines
def test_given_steps(steps, engine):
    value = gradient(smooth, X, bounds=(X, 1.0), engine=engine, order=4, **steps)
    np.testing.assert_allclose(value, smooth_gradient(X), rtol=1e-6)
    one, other = (gradient(smooth, X, bounds=(X, 1.0), engine=e, **steps) for e in ("python", "reference"))
    assert (one == other).all()


@pytest.mark.parametrize(("method", "x", "toward"), [("forward", 1.0, -1), ("backward", 0.0, 1)])
def test_one_sided_methods_turn_around(method, x, toward):
    f = Recording(lambda x: np.sum(x * x))
    value = gradient(f, np.array([x]), bounds=(0.0, 1.0), method=method)
    assert value[0] == pytest.approx(2 * x, abs=1e-9)
    assert {float(np.sign(p[0] - x)) for p in f.points} == {0.0, float(toward)}


@engines
def test_a_kink_on_the_bound_is_seen_from_inside(engine):
    def kink(x):
        return np.abs(x[0]) + np.abs(x[1])

    zero = np.zeros(2)
    assert gradient(kink, zero, bounds=([0, -1], [1, 0]), engine=engine).tolist() == [1.0, -1.0]


# --- precision --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["auto", "python", "reference"])
@pytest.mark.parametrize("bounds", [(0.0, 1.0), (0.5, 0.75), (0.5 - 1e-5, 0.75 + 1e-5)])
def test_f_in_single_precision_takes_larger_steps(engine, bounds):
    x, f = np.array([0.5, 0.75]), Recording(squares_in_single_precision)
    full = gradient(f, x, bounds=bounds, engine=engine, full_output=True)
    assert f.all_inside(*bounds)
    assert np.abs(full.value - 2 * x).max() < 1e-3
    assert (full.h >= 2.0**-9).all()
    many = gradient(f, np.tile(x, (3, 1)), batch=True, bounds=bounds, engine=engine)
    assert (many == full.value).all()


@engines
@pytest.mark.parametrize("dtype", [np.float32, np.float16, int])
def test_precision_of_x(dtype, engine):
    x = np.array([1, 2], dtype=dtype)
    value = gradient(smooth, x, bounds=(1.0, 2.0), engine=engine)
    assert value.dtype == (np.float64 if dtype is int else dtype)
    tolerance = {np.float32: 1e-6, np.float16: 2e-3, int: 1e-8}[dtype]
    np.testing.assert_allclose(value, smooth_gradient(x.astype(float)), rtol=tolerance)


# --- derivative on arrays ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("method", ["central", "adaptive"])
def test_f_of_whole_arrays_gets_whole_arrays(n, method):
    a = np.array([[1.0, 2.0, 3.0], [0.5, 1.5, 2.5]])
    x = np.array([[0.0, 0.5, 1.0], [1.0, 0.25, 0.0]])
    f = Recording(lambda x: np.exp(a * x))  # which refuses numbers of other shapes, and has one a for each x
    value = derivative(f, x, n=n, bounds=(0.0, 1.0), order=4, method=method)
    assert {p.shape for p in f.points} == {x.shape}
    assert f.all_inside(0.0, 1.0)
    tolerance = {1: 1e-10, 2: 1e-7, 3: 2e-5, 4: 1e-2}[n] / (1 if method == "central" else 10)
    np.testing.assert_allclose(value, a**n * np.exp(a * x), rtol=tolerance)


@engines
@pytest.mark.parametrize("n", [1, 2])
def test_derivative_of_a_number(n, engine):
    value = derivative(lambda t: np.exp(t) + 0.0, 1.0, n=n, bounds=(1.0, 2.0), order=6, engine=engine)
    assert isinstance(value, np.float64)
    assert value == pytest.approx(np.e, rel=1e-8)


def test_derivative_of_a_function_of_numbers():
    def branch(t):
        assert 0.0 <= t <= 1.0
        return t * t if t > 0.5 else t

    np.testing.assert_allclose(derivative(branch, np.array([0.0, 1.0]), bounds=(0, 1)), [1.0, 2.0], rtol=1e-9)


# --- calls ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
@operations
def test_calls(order, operate):
    """Central: the order for each coordinate. On a bound: as many, and f(x) once for all coordinates."""
    x = np.array([0.0, 0.5, 1.0])
    for bounds, calls in (((-9, 9), 3 * order), ((0, 1), 3 * order + 1), (([-1, 0.5, 0], 9), 3 * order + 1)):
        f = Recording(lambda x: np.sum(x * x * x + x))
        full = operate(f, x, bounds=bounds, order=order, full_output=True)
        assert full.nfev == len(f.points) == calls
        assert f.never_twice()
    for method in ("forward", "backward"):
        f = Recording(lambda x: np.sum(x * x * x + x))
        assert operate(f, x, bounds=(0, 1), order=order, method=method, full_output=True).nfev == 3 * order + 1
        assert len(f.points) == 3 * order + 1


def test_calls_of_a_batch():
    f = Recording(lambda x: x[0] * x[1] + x[0])
    x = np.array([[0.0, 0.5], [0.5, 0.5], [0.25, 0.5]])
    assert gradient(f, x, batch=True, bounds=(0, 1), full_output=True).nfev == len(f.points) == 3 * 4 + 1
    assert f.never_twice()


def test_batch_arguments_follow_their_points():
    x, scale = np.array([[0.0, 0.5], [0.5, 0.5], [1.0, 0.0]]), np.array([1.0, 2.0, 3.0])
    value = gradient(
        lambda x, k, s: s * k * np.sum(x * x), x, batch=True, args=(2.0,), batch_args=(scale,), bounds=(0, 1)
    )
    np.testing.assert_allclose(value, 4.0 * scale[:, None] * x, atol=1e-9)


def test_progress_ends_with_all_points():
    seen = []
    x = np.array([[0.0, 0.5], [0.0, 0.25]])
    gradient(smooth, x, batch=True, bounds=(0, 1), progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (2, 2)


def test_out_and_explain():
    x = np.array([[0.0, 0.5], [0.5, 0.25]])
    out = np.empty((2, 2))
    assert gradient(smooth, x, batch=True, bounds=(0, 1), out=out) is out
    np.testing.assert_allclose(out, [smooth_gradient(p) for p in x], rtol=1e-9)
    half = np.empty((2, 2), np.float32)
    gradient(smooth, x.astype(np.float32), batch=True, bounds=(0, 1), out=half)
    np.testing.assert_allclose(half, out, rtol=1e-6)
    assert explain(smooth, X, bounds=(0, 1)).engine == "python"


def test_no_points_and_no_coordinates():
    assert gradient(smooth, np.empty((0, 2)), batch=True, bounds=(0, 1)).shape == (0, 2)
    assert gradient(lambda x: 1.0, np.empty(0), bounds=(0, 1)).shape == (0,)
    assert jacobian(several, np.empty((0, 2)), batch=True, bounds=(0, 1)).shape == (0, 0, 2)
    assert derivative(np.sin, np.empty(0), bounds=(0, 1)).shape == (0,)


# --- unruly functions -------------------------------------------------------------------------------------------------


def test_f_that_writes_into_its_argument():
    def greedy(x):
        value = np.sum(x * x)
        x[:] = 1e9
        return value

    x = np.array([0.0, 0.5, 1.0])
    np.testing.assert_allclose(gradient(greedy, x, bounds=(0, 1)), [0.0, 1.0, 2.0], atol=1e-9)
    many = np.array([x, x])
    np.testing.assert_allclose(gradient(greedy, many, batch=True, bounds=(0, 1)), 2 * many, atol=1e-9)
    assert x.tolist() == [0.0, 0.5, 1.0]


def test_f_that_raises():
    calls = []

    def fails(x):
        calls.append(1)
        if len(calls) == 3:
            raise ZeroDivisionError
        return np.sum(x * x)

    x = np.array([0.0, 1.0])
    with pytest.raises(ZeroDivisionError):
        gradient(fails, x, bounds=(0, 1))
    assert x.tolist() == [0.0, 1.0]


@engines
def test_nan_stays_where_it_is(engine):
    x = np.array([[0.0, 0.5], [np.nan, 1.0], [0.5, 1.0]])
    value = gradient(smooth, x, batch=True, bounds=(0, 1), engine=engine)
    assert np.isnan(value[1]).all() or np.isfinite(value[1]).sum() <= 1
    np.testing.assert_allclose(value[[0, 2]], [smooth_gradient(p) for p in x[[0, 2]]], rtol=1e-9)


def test_f_that_is_nan_in_one_output():
    def half(x):
        return np.array([x[0] * x[1], np.nan * x[0]])

    plain = jacobian(lambda x: np.array([x[0] * x[1], x[0]]), X, bounds=(X, 1.0))
    value = jacobian(half, X, bounds=(X, 1.0))
    assert (value[0] == plain[0]).all()
    assert np.isnan(value[1]).all()


def test_a_read_only_x_and_an_x_of_strides():
    x = np.array([[0.0, 9.0], [1.0, 9.0], [0.5, 9.0]])[:, 0]
    x.flags.writeable = False
    value = gradient(lambda x: np.sum(x * x), x, bounds=(0, 1))
    np.testing.assert_allclose(value, 2 * x, atol=1e-9)


@pytest.mark.parametrize("engine", ["auto", "reference"])
def test_no_higher_derivative_from_round_off_alone(engine):
    """Between bounds 1e-9 apart a second difference is noise of size 1e3."""
    narrow = (1.0 - 1e-9, 1.0 + 2e-9)
    assert derivative(np.exp, 1.0, bounds=narrow, engine=engine) == pytest.approx(np.e, rel=1e-6)
    for n in (2, 3, 4):
        assert np.isnan(derivative(np.exp, 1.0, n=n, bounds=narrow, engine=engine))
    assert derivative(np.exp, 1.0, n=2, bounds=(0.9, 1.1), engine=engine) == pytest.approx(np.e, rel=1e-7)


@pytest.mark.parametrize("engine", ["python", "simd"])
def test_progress_counts_points_at_bounds_and_others_once(engine):
    x, seen = np.ones((300, 2)), []
    x[::2] = 1.5
    options = {"bounds": (1.0, 2.0), "engine": engine, "progress": lambda done, total: seen.append((done, total))}
    gradient(lambda x: np.sum(x**2), x, batch=True, **options)
    assert {total for _, total in seen} == {300}
    assert seen == sorted(seen)
    assert seen[-1] == (300, 300)


def test_an_x_of_low_precision_lies_on_its_bound():
    """The float32 next to 0.1 is above 0.1."""
    x = np.array([0.1, 0.2], dtype=np.float32)
    assert float(x[0]) > 0.1
    slope = gradient(lambda x: np.sum(x**3), x, bounds=(0.0, np.array([0.1, 0.2])))
    np.testing.assert_allclose(slope, 3.0 * x**2, rtol=1e-6)
    slopes = gradient(lambda x: np.sum(x**3), x[None].repeat(5, axis=0), batch=True, bounds=(0.0, 0.2))
    np.testing.assert_allclose(slopes, 3.0 * x[None].repeat(5, axis=0) ** 2, rtol=1e-6)
    with pytest.raises(ValueError, match="outside its bounds"):
        gradient(lambda x: np.sum(x**3), x, bounds=(0.0, 0.15))


def near_a_bound():
    """Three points of which only the middle one has its first coordinate on a bound; where f was called."""
    x, places = np.array([[0.5, 1.0], [0.0, 1.0], [0.25, 2.0]]), []

    def f(x):
        places.append(x.copy())
        return x[0] ** 2 + 3.0 * x[1]

    bounds = tuple(np.broadcast_to(b, x.shape) for b in (0.0, 8.0))
    steps = Steps("absolute", np.asarray(2.0**-10))
    return Call(f, Rows(x, (2,)), stencils.gradient(2), steps, bounds=bounds), places


def test_only_points_at_a_bound_are_turned():
    call, places = near_a_bound()
    out = np.empty((3, 2))
    facts = fill(call, out, None, "python", None, False)
    np.testing.assert_allclose(out, [[1.0, 3.0], [0.0, 3.0], [0.5, 3.0]], atol=1e-9)
    assert facts.engine == "python"
    assert facts.nfev == len(places)
    assert min(place.min() for place in places) >= 0.0
    assert steps_taken(call, np.finfo(float).eps).shape == (3, 2)


def test_bounds_that_leave_no_room_leave_nan():
    call, _ = near_a_bound()
    low = call.points.values.copy()
    low[:, 1] = 0.0
    call.bounds = low, np.maximum(low, [[0.0, 8.0]])
    out = np.empty((3, 2))
    fill(call, out, None, "python", None, False)
    assert np.isnan(out[:, 0]).all()
    np.testing.assert_allclose(out[:, 1], 3.0, rtol=1e-12)

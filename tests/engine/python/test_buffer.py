"""The python engine: how often it calls f, what f gets, and the bits of the definition."""

from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastgrad
from fastgrad import ConstantFunctionWarning, derivative, gradient, gradient_field, value_and_gradient
from fastgrad.engine.call import Call, Rows, Target
from fastgrad.engine.python import walk
from fastgrad.engine.python.buffer import FEW, apply
from fastgrad.formulas import reference, stencils
from fastgrad.formulas.samples import CURVES, SAMPLES
from fastgrad.formulas.steps import Steps, default_factor

D = 3
X = np.array([0.7, -1.3, 2.6])
ROWS = np.array([X, X + 1, X - 2])


class Counting:
    """A function that remembers the points at which it was called."""

    def __init__(self, f):
        self.f, self.points = f, []

    def __call__(self, x, *args):
        self.points.append(np.array(x).tobytes())
        return self.f(x, *args)

    @property
    def calls(self):
        return len(self.points)

    def never_twice(self):
        return len(set(self.points)) == self.calls


def cubic(x):
    return x[0] * x[1] * x[2] + x[0] * x[0]


def single_precision(x):
    return np.float32(cubic(x))


# --- calls -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [False, True], ids=["gradient", "with value"])
@pytest.mark.parametrize("f", [cubic, single_precision])
@pytest.mark.parametrize(
    ("method", "order", "per_coordinate", "base"),
    [
        *[("central", p, p, 0) for p in (2, 4, 6, 8)],
        *[(m, p, p, 1) for m in ("forward", "backward") for p in (1, 2, 5, 8)],
    ],
)
def test_calls(method, order, per_coordinate, base, f, value):
    function = value_and_gradient if value else gradient
    first = f is single_precision  # the call that shows what f returns, at the steps of double precision
    for x, points in ((X, 1), (ROWS, 3)):
        counting = Counting(f)
        result = function(counting, x, batch=x.ndim == 2, method=method, order=order, full_output=True)
        result = result[1] if value else result
        assert counting.calls == points * (D * per_coordinate + (base or value)) + first
        assert result.nfev == counting.calls
        assert result.engine == "python"
        # the extra first call is at x itself where that is evaluated, which no step moves
        assert counting.never_twice() or (first and (base or value))


@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("order", [2, 4, 6, 8])
def test_calls_of_derivative(n, order):
    offsets = order + 2 * ((n - 1) // 2) + (n % 2 == 0)
    for x in (0.5, np.linspace(0.0, 1.0, 4)):
        counting = Counting(np.exp)
        result = derivative(counting, x, n=n, order=order, full_output=True)
        checks = (2 + 2) * (np.size(x) > 1)  # of what is called with whole arrays at once
        assert counting.calls == result.nfev == offsets + checks
        assert counting.never_twice()


def test_calls_of_a_field():
    counting = Counting(cubic)
    result = gradient_field(counting, [np.array([0.5, 1.0]), np.array([2.0]), np.array([1.0, 3.0])], full_output=True)
    assert counting.calls == result.nfev == 4 * 2 * D
    assert counting.never_twice()


# --- what f gets -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (3,), (2, 2), (1, 2, 1)], ids=str)
def test_one_coordinate_moves_at_a_time_and_all_others_keep_their_bits(shape):
    x = np.linspace(-0.0, 1.0, int(np.prod(shape))).reshape(shape)
    seen = []

    def f(p):
        assert isinstance(p, np.ndarray)
        assert p.shape == shape
        seen.append(p.copy())
        return np.sum(p * p * p)

    h = gradient(f, x, full_output=True).h
    moved = [np.flatnonzero((p != x).ravel()).tolist() for p in seen]
    assert moved == [[i] for i in range(x.size) for _ in range(2)]
    assert [p.ravel()[i] for p, (i,) in zip(seen, moved, strict=True)] == [
        v + s * k for v, k in zip(x.flat, np.ravel(h), strict=True) for s in (1, -1)
    ]


@pytest.mark.parametrize("engine", ["python", "reference"])
def test_f_may_write_into_its_argument(engine):
    def sorting(x):
        x.sort()
        return x[0] * x[1] * x[1]

    def from_the_third_call(x):
        calls.append(0)
        if len(calls) > 2:
            x += 7.0
            return (x[0] - 7.0) * (x[1] - 7.0)
        return x[0] * x[1]

    x = np.array([[2.0, 1.0, 5.0], [1.0, 2.0, 5.0]])
    np.testing.assert_allclose(
        gradient(sorting, x, batch=True, engine=engine), [[4.0, 4.0, 0.0], [4.0, 4.0, 0.0]], atol=1e-8
    )
    calls = []
    np.testing.assert_allclose(
        gradient(from_the_third_call, x, batch=True, engine=engine), [[1, 2, 0], [2, 1, 0]], atol=1e-8
    )
    assert x.tolist() == [[2.0, 1.0, 5.0], [1.0, 2.0, 5.0]]


def test_an_exception_of_f_arrives_and_x_is_whole():
    error = KeyError("f")

    def f(x):
        if x[1] > 3.0:
            raise error
        return x[0] * x[1]

    x = np.array([[1.0, 2.0], [1.0, 4.0]])
    with pytest.raises(KeyError) as caught:
        gradient(f, x, batch=True)
    assert caught.value is error
    assert x.tolist() == [[1.0, 2.0], [1.0, 4.0]]


# --- the bits of the definition --------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"h": 1e-4}, {"rel_step": 3e-6}], ids=["default", "h", "rel_step"])
@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_samples_have_the_bits_of_the_definition(sample, options):
    low, high = sample.box
    margin = 0.01 * (high - low)
    rows = np.random.default_rng(5).uniform(low + margin, high - margin, (5, len(sample.point)))
    both = [value_and_gradient(sample.f, rows, batch=True, engine=e, **options) for e in ("python", "reference")]
    assert (both[0][0] == both[1][0]).all()
    assert (both[0][1] == both[1][1]).all()
    assert (both[0][1] == [gradient(sample.f, x, **options) for x in rows]).all()


@pytest.mark.parametrize(
    ("method", "order"), [*[("central", p) for p in (4, 6, 8)], *[("forward", p) for p in (1, 3, 8)], ("backward", 2)]
)
def test_orders_have_the_bits_of_the_definition(method, order):
    rows = np.random.default_rng(6).uniform(-2, 2, (20, D))
    both = [gradient(cubic, rows, batch=True, method=method, order=order, engine=e) for e in ("python", "reference")]
    assert (both[0] == both[1]).all()


@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("name", ["cube", "reciprocal", "sqrt"])
def test_curves_have_the_bits_of_the_definition(name, n):
    curve = CURVES[name]
    for v in np.random.default_rng(7).uniform(0.6, 2.9, 10):
        assert derivative(curve.f, v, n=n, engine="python") == derivative(curve.f, v, n=n, engine="reference")


BINARY = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}
UNARY = {"sqrt": np.sqrt, "abs": np.abs, "sin": np.sin}
LEAVES = st.sampled_from(["x0", "x1", "x2"]) | st.floats(-4, 4, allow_subnormal=False).map(lambda c: c + 0.0)
# In the range of subnormal numbers dividing by 2 h and by 2 and by h differ.
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.tuples(st.sampled_from(list(BINARY)), inner, inner) | st.tuples(st.sampled_from(list(UNARY)), inner)
    ),
    max_leaves=8,
)
# Adding 0.0 makes -0.0 positive.
COORDINATES = st.floats(-1e3, 1e3).map(lambda c: c + 0.0) | st.sampled_from([np.nan, np.inf, 1e200, 1e-200])


def evaluate(tree, x):
    if isinstance(tree, float):
        return np.float64(tree)
    if isinstance(tree, str):
        return x[int(tree[1])]
    operation = BINARY.get(tree[0]) or UNARY[tree[0]]
    return operation(*[evaluate(t, x) for t in tree[1:]])


@settings(max_examples=150, deadline=None)
@given(tree=TREES, x=st.tuples(COORDINATES, COORDINATES, COORDINATES))
@pytest.mark.filterwarnings("ignore::fastgrad.ConstantFunctionWarning")
def test_random_expressions_have_the_bits_of_the_definition(tree, x):
    def f(p):
        with np.errstate(all="ignore"):
            return evaluate(tree, p)

    mine = gradient(f, x, engine="python")
    with np.errstate(all="ignore"):
        definition = gradient(f, x, engine="reference")
    np.testing.assert_array_equal(mine, definition)
    for order in (4, 8):  # default steps are powers of two: the divisions are exact
        with np.errstate(all="ignore"):
            definition = gradient(f, x, order=order, engine="reference")
        np.testing.assert_array_equal(gradient(f, x, order=order, engine="python"), definition)


def test_constant_rows_warn_only_when_all_are_constant():
    with pytest.warns(ConstantFunctionWarning):
        gradient(lambda x: 1.0, ROWS, batch=True)
    g = gradient(lambda x: max(x[0], 0.0), ROWS, batch=True)
    assert (g[:, 0] == [1.0, 1.0, 0.0]).all()


DEFAULT = Steps("default", np.asarray(default_factor(1, 2)))


@pytest.mark.parametrize("dimension", [2, FEW + 1])
def test_few_and_many_coordinates_have_the_bits_of_the_definition(dimension):
    f = lambda x: np.sum(np.exp(x) * x[::-1])
    x = np.random.default_rng(0).standard_normal((3, dimension))
    out, values = np.empty((3, dimension)), np.empty(3)
    call = Call(f, Rows(x, (dimension,)), stencils.gradient(dimension), DEFAULT, value=True)
    nfev, eps, _ = apply(call, out, values)
    assert (nfev, eps) == (3 * (2 * dimension + 1), np.finfo(float).eps)
    assert out.tolist() == [reference.gradient(f, row).tolist() for row in x]
    assert values.tolist() == [f(row) for row in x]


def test_an_output_of_any_shape_is_made_at_the_first_call():
    x = np.array([[1.0, 2.0], [3.0, 5.0]])
    target = Target(lambda shape: np.empty((2, int(np.prod(shape)), 2)))
    f = lambda x: np.array([[x[0] * x[1]], [x[1]], [4.0]])
    apply(Call(f, Rows(x, (2,)), stencils.jacobian(2), DEFAULT, vector=True), target)
    assert target.shape == (3, 1)
    exact = [[[b, a], [0.0, 1.0], [0.0, 0.0]] for a, b in x]
    np.testing.assert_allclose(target.array, exact, rtol=1e-9, atol=1e-12)


def test_values_alone_and_points_that_f_keeps():
    kept, x = [], np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])

    def f(x):
        kept.append(x)
        return x[0] - x[1] ** 2

    out = np.empty((3, 1))
    call = Call(f, Rows(x, (2,)), stencils.value(), DEFAULT)
    assert apply(call, out)[0] == 3
    assert out[:, 0].tolist() == [-3.0, -13.0, -31.0]
    assert np.array(kept[-3:]).tolist() == x.tolist()  # what f kept stays as it was


def chain(x):
    out = (3.0 - 2.0 * x) * x + 1.0
    out[1:] -= x[:-1]
    out[:-1] -= 2.0 * x[1:]
    return out


def written(x):
    out = chain(x)
    x[:] = 0.0
    return out


def kept(x, held=[]):  # noqa: B006  that is what is tested
    held[:] = [x]
    return chain(x)


def infinite(x):
    return np.where(np.arange(len(x)) == 3, np.inf, chain(x))


@pytest.mark.parametrize(
    "f", [chain, written, kept, infinite, lambda x: chain(x).reshape(2, -1), lambda x: x[:0]], ids=count()
)
@pytest.mark.parametrize("options", [{}, {"order": 4}, {"method": "forward"}, {"h": 1e-4}], ids=str)
def test_many_outputs_in_groups_have_the_bits_of_the_definition(f, options, monkeypatch):
    x = np.random.default_rng(0).uniform(0.5, 2.0, 70)
    wanted = fastgrad.jacobian(f, x, engine="reference", **options)
    for size in (1 << 16, 2_000, 1):
        monkeypatch.setattr(walk, "GROUP", size)
        found = fastgrad.jacobian(f, x, engine="python", full_output=True, **options)
        np.testing.assert_array_equal(found.value, wanted)
        whole = fastgrad.jacobian(f, x[:20], engine="python", full_output=True, **options)
        assert (found.nfev - 1) * 20 == (whole.nfev - 1) * 70 or found.nfev * 20 == whole.nfev * 70


def test_groups_and_an_exception():
    def f(x):
        if x[66] > 1.0:
            raise ZeroDivisionError
        return chain(x)

    with pytest.raises(ZeroDivisionError):
        fastgrad.jacobian(f, np.ones(70), engine="python")

"""gradient, value_and_gradient and derivative: accuracy, precision, steps, shapes and results."""

import zlib

import numpy as np
import pytest

from fastgrad import ConstantFunctionWarning
from fastgrad.formulas import stencils
from fastgrad.formulas.samples import CURVES, SAMPLES
from fastgrad.formulas.steps import EPS
from fastgrad.operations.gradients import derivative, gradient, value_and_gradient

ENGINES = ["python", "reference", "jit", "simd"]
ORDERS = [2, 4, 6, 8]
# Their waves have length 1 where the default step assumes a natural length of 2 pi: truncation is (2 pi)**p larger.
WAVES = {"ackley", "rastrigin"}

engines = pytest.mark.parametrize("engine", ENGINES)
# the engines that run f itself: a function that does not trace is no matter for simd
calling_engines = pytest.mark.parametrize("engine", ["python", "reference", "jit"])


def product(x):
    return x[0] * x[1]


def squares(x):
    return np.sum(x * x)


def identity(x):
    return x[0] + x[0]


def single_precision(x):
    return np.float32(x[0]) * np.float32(x[1])


def ends(x):
    """A function of a vector or matrix: the first row times the last."""
    return np.sum(x[0] * x[-1])


def weighted(x, a, k):
    return k * np.sum(a * x * x)


def fourth(x):
    return x * x * x * x + x


def many_points(sample):
    """The sample's point and four others of its box."""
    rng = np.random.default_rng(zlib.crc32(sample.name.encode()))
    low, high = sample.box
    margin = 0.05 * (high - low)
    return np.vstack([sample.point, rng.uniform(low + margin, high - margin, (4, len(sample.point)))])


def assert_accurate(sample, x, value, factor, order):
    """Within factor * eps**(p/(p+1)), relative to the largest of 1, |f| and the gradient."""
    exact = np.array([sample.gradient(p) for p in x])
    sizes = [max(1.0, abs(float(sample.f(p))), np.abs(g).max()) for p, g in zip(x, exact, strict=True)]
    error = np.abs(value - exact).max(axis=1) / sizes
    assert error.max() < factor * EPS ** (order / (order + 1))


# --- accuracy --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("engine", ["python", "reference"])
@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_samples(sample, engine, order):
    x = many_points(sample)
    value = gradient(sample.f, x, batch=True, order=order, engine=engine)
    assert_accurate(sample, x, value, 1000 if sample.name in WAVES else 20, order)


@pytest.mark.parametrize("order", range(1, 9))
@pytest.mark.parametrize("method", ["forward", "backward"])
@pytest.mark.parametrize("name", ["bump", "rational", "softplus", "himmelblau"])
def test_samples_from_one_side(name, method, order):
    sample = SAMPLES[name]
    x = many_points(sample)
    value = gradient(sample.f, x, batch=True, order=order, method=method)
    assert_accurate(sample, x, value, 3 * 2**order, order)  # round-off grows with the one-sided weights


@pytest.mark.parametrize(("method", "order"), [("central", 4), ("backward", 3)])
@pytest.mark.parametrize("name", ["bump", "softplus"])
def test_samples_compiled(name, method, order):
    sample = SAMPLES[name]
    x = many_points(sample)
    value = gradient(sample.f, x, batch=True, order=order, method=method, engine="jit")
    assert_accurate(sample, x, value, 24, order)


def derivative_factor(n, order):
    """What round-off of f makes of eps**(p/(p+n)): the sum of the weights over the steps' factor, halved at worst."""
    offsets = stencils.stencil(n, order).offsets
    total = float(sum(abs(w) for w in stencils.weights(n, offsets)))
    return total * (2 / min(1.0, 2 / order)) ** n


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
def test_curves(curve, n, order):
    x = np.linspace(*curve.box, 8)[1:-1].reshape(2, 3)
    exact = curve.derivatives[n - 1](x)
    tolerance = derivative_factor(n, order) * EPS ** (order / (order + n))
    tolerance = tolerance * np.maximum(1.0, np.maximum(np.abs(curve.f(x)), np.abs(exact)))
    for engine in ("auto", "reference"):
        value = derivative(curve.f, x, n=n, order=order, engine=engine)
        assert value.shape == x.shape
        assert (np.abs(value - exact) < tolerance).all()
    one = derivative(curve.f, x[1, 2], n=n, order=order)
    assert isinstance(one, np.float64)
    assert abs(one - exact[1, 2]) < tolerance[1, 2]


@pytest.mark.parametrize("n", [1, 4])
def test_derivative_compiled(n):
    x = np.linspace(-1.0, 1.0, 6).reshape(3, 2)
    exact = 4 * x**3 + 1 if n == 1 else np.full(x.shape, 24.0)
    value = derivative(fourth, x, n=n, order=2, engine="jit")
    np.testing.assert_allclose(value, exact, rtol=0, atol=derivative_factor(n, 2) * EPS ** (2 / (2 + n)) * 24)
    assert derivative(fourth, 0.5, n=n, engine="jit") == derivative(fourth, np.array([0.5]), n=n, engine="jit")[0]


def branching(x):
    return x * x if x > 0 else -x


def looking_up(x):
    return [1.0, 2.0, 3.0][int(x)] * x


def whole_sum(x):
    return np.sum(x) * 2.0


@pytest.mark.parametrize(("f", "exact"), [(branching, [3.0, 5.0]), (looking_up, [2.0, 3.0]), (whole_sum, [2.0, 2.0])])
def test_derivative_of_functions_that_refuse_arrays(f, exact):
    np.testing.assert_allclose(derivative(f, np.array([1.5, 2.5])), exact, rtol=1e-9)


def test_derivative_is_the_same_for_an_array_and_its_elements():
    x = np.random.default_rng(0).uniform(-3, 3, (4, 5))
    whole = derivative(fourth, x, n=2, order=4)
    assert (whole == [[derivative(fourth, v, n=2, order=4) for v in row] for row in x]).all()


# --- precision -------------------------------------------------------------------------------------------------------


@calling_engines
@pytest.mark.parametrize("dtype", [np.float16, np.float32, ">f8", "longdouble"])
def test_result_has_the_dtype_of_x(engine, dtype):
    seen = []

    def watching(x):
        seen.append(x.dtype)
        return product(x)

    x = np.array([[1.5, 2.0], [-0.5, 0.25]], dtype)
    f = product if engine == "jit" else watching
    for given, batch in ((x, True), (x[0], False)):
        value, slope = value_and_gradient(f, given, batch=batch, engine=engine)
        assert slope.dtype == given.dtype
        assert slope.shape == given.shape
        assert value.dtype.type is given.dtype.type  # NumPy's scalars have the native byte order
        np.testing.assert_allclose(slope.astype(float), given[..., ::-1].astype(float), rtol=1e-9)
    assert set(seen) <= {np.dtype(np.float64)}


@engines
@pytest.mark.parametrize("x", [[3, 4], np.array([3, 4]), np.array([3, 4], np.uint8), np.array([True, False])])
def test_integers_and_lists_become_float64(engine, x):
    g = gradient(product, x, engine=engine)
    assert g.dtype == np.float64
    np.testing.assert_allclose(g, np.array(x, float)[::-1], rtol=1e-9)


@calling_engines
def test_the_step_follows_the_precision_of_what_f_returns(engine):
    x = np.array([0.7, 1.3])
    result = gradient(single_precision, x, engine=engine, full_output=True)
    ideal = np.finfo(np.float32).eps ** (1 / 3) * np.maximum(1.0, x)
    np.testing.assert_allclose(result.value, x[::-1], rtol=1e-4)
    assert ((result.h <= ideal) & (ideal < 2 * result.h)).all()


def test_the_step_follows_float16_and_ignores_the_precision_of_x():
    half = gradient(lambda x: np.float16(x[0]), [0.3], full_output=True)
    assert half.h == 2.0**-4  # eps16**(1/3) = 0.099
    double = gradient(squares, np.array([0.25], np.float16), full_output=True)
    assert double.h == 2.0**-18
    assert double.value == np.float16(0.5)


@pytest.mark.parametrize("batch", [False, True])
def test_overflow_in_the_dtype_of_x_is_inf_without_a_warning(batch):
    x = np.array([[1.0, 2.0]], np.float16)
    value, slope = value_and_gradient(lambda x: 1e6 * product(x), x if batch else x[0], batch=batch)
    assert np.isinf(np.append(value, slope)).all()


# --- steps -----------------------------------------------------------------------------------------------------------


@engines
@pytest.mark.parametrize("options", [{"h": 1e-6}, {"h": [1e-6]}, {"rel_step": 1e-12}, {"h": 0.1}])
def test_the_step_really_taken_is_divided_by(engine, options):
    # f is exact in floating point; dividing by the h asked for would be wrong in the fifth digit.
    slope = gradient(identity, np.array([[1e6], [-3e5 + 0.1]]), batch=True, engine=engine, **options)
    np.testing.assert_allclose(slope, 2.0, rtol=1e-15)


@pytest.mark.parametrize("order", ORDERS)
def test_the_step_really_taken_at_every_order(order):
    for engine in ("python", "reference"):
        slope = gradient(identity, np.array([1e6]), order=order, h=1e-6, engine=engine)
        np.testing.assert_allclose(slope, 2.0, rtol=2e-15)
    assert derivative(lambda x: x + x, 1e6, h=1e-6, order=order) == pytest.approx(2.0, rel=2e-15)


@engines
def test_default_steps_are_powers_of_two(engine):
    x = np.array([[0.0, 1.5], [3.0, -1e9], [1e300, 1e-300]])
    result = gradient(product, x, batch=True, engine=engine, full_output=True)
    ideal = EPS ** (1 / 3) * np.maximum(1.0, np.abs(x))
    assert result.h.shape == x.shape
    assert (np.frexp(result.h)[0] == 0.5).all()
    assert ((result.h <= ideal) & (ideal < 2 * result.h)).all()


@engines
@pytest.mark.parametrize(
    ("options", "h"),
    [
        ({"h": 2.0**-10}, [2.0**-10, 2.0**-10, 2.0**-10]),
        ({"h": [2.0**-10, 2.0**-4, 2.0**-6]}, [2.0**-10, 2.0**-4, 2.0**-6]),
        ({"rel_step": 2.0**-8}, [2.0**-8, 2.0**-6, 2.0**-8]),
        ({"rel_step": [2.0**-8, 2.0**-3, 2.0**-5]}, [2.0**-8, 2.0**-1, 2.0**-5]),
    ],
    ids=["h", "h per coordinate", "rel_step", "rel_step per coordinate"],
)
def test_given_steps_show_in_the_error_of_a_forward_difference(engine, options, h):
    x = np.array([1.0, -4.0, 0.0])
    for given, batch in ((x, False), (np.array([x, x]), True)):
        result = gradient(
            squares, given, batch=batch, method="forward", order=1, engine=engine, full_output=True, **options
        )
        assert (result.h == np.broadcast_to(h, given.shape)).all()
        assert (result.value == 2 * given + h).all()  # ((x + h)**2 - x**2) / h, exact here


def test_steps_of_the_shape_of_the_points():
    x = np.array([[1.0, 2.0], [4.0, 8.0]])
    h = np.array([[2.0**-4, 2.0**-5], [2.0**-6, 2.0**-7]])
    assert (gradient(squares, x, batch=True, method="forward", order=1, h=h) == 2 * x + h).all()
    assert (gradient(squares, x, method="forward", order=1, h=h) == 2 * x + h).all()
    assert (derivative(lambda v: v * v, x, method="forward", order=1, h=h) == 2 * x + h).all()


# --- values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("engine", "method"), [(e, "central") for e in ENGINES] + [("python", "forward")])
def test_values_are_those_of_f(engine, method):
    x = np.random.default_rng(1).standard_normal((7, 2))
    values, slopes = value_and_gradient(product, x, batch=True, engine=engine, method=method)
    assert values.shape == (7,)
    assert (values == [product(p) for p in x]).all()
    assert (slopes == gradient(product, x, batch=True, engine=engine, method=method)).all()
    value, slope = value_and_gradient(product, x[0], engine=engine, method=method)
    assert isinstance(value, np.float64)
    assert value == values[0]
    assert (slope == slopes[0]).all()


@engines
@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 2)])
def test_values_where_there_is_nothing_to_differentiate(engine, shape):
    batch = len(shape) == 2
    value, slope = value_and_gradient(lambda x: np.sum(x) + 3.0, np.empty(shape), batch=batch, engine=engine)
    assert slope.shape == shape
    assert np.shape(value) == shape[:-1]
    assert np.all(value == 3.0)


# --- shapes ----------------------------------------------------------------------------------------------------------


@engines
@pytest.mark.parametrize("shape", [(2, 3), (3, 4)], ids=str)
def test_points_that_are_matrices(engine, shape):
    x = np.random.default_rng(2).standard_normal((5, *shape))
    exact = np.zeros(x.shape)
    exact[:, 0], exact[:, -1] = x[:, -1], x[:, 0]
    g = gradient(ends, x, batch=True, args=(), engine=engine)
    np.testing.assert_allclose(g, exact, rtol=0, atol=1e-9)
    assert (gradient(ends, x[3], engine=engine) == g[3]).all()
    for layout in (np.asfortranarray(x), x[::-1][::-1], x.transpose(0, 2, 1).copy().transpose(0, 2, 1)):
        assert (gradient(ends, layout, batch=True, engine=engine) == g).all()


@engines
@pytest.mark.parametrize("shape", [(0, 2), (0, 2, 3), (2, 0, 3), (0, 0)], ids=str)
def test_no_points(engine, shape):
    result = gradient(ends, np.empty(shape), batch=True, engine=engine, full_output=True)
    assert result.value.shape == shape
    assert result.nfev == 0


@engines
def test_a_number_is_a_point(engine):
    g = gradient(fourth, 0.5, engine=engine)
    assert np.shape(g) == ()
    assert g == pytest.approx(1.5, abs=1e-9)


@engines
def test_an_array_of_one_element_counts_as_a_number(engine):
    assert gradient(lambda x: x[:1] * x[1], np.array([2.0, 3.0]), engine=engine) == pytest.approx([3, 2], abs=1e-9)


@engines
def test_args(engine):
    x = np.random.default_rng(3).standard_normal((4, 3))
    a = np.array([1.0, 9.0, -2.0, 9.0, 0.5])
    frozen = a[::2].copy()
    frozen.flags.writeable = False
    for args in ([a[::2], 2.0], (frozen, 2)):
        g = gradient(weighted, x, batch=True, args=args, engine=engine)
        np.testing.assert_allclose(g, 4 * a[::2] * x, rtol=0, atol=1e-9)
    assert a.tolist() == [1.0, 9.0, -2.0, 9.0, 0.5]


@engines
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_out(engine, dtype):
    x = np.random.default_rng(4).standard_normal((6, 2)).astype(dtype)
    expected = gradient(product, x, batch=True, engine=engine)
    board = np.full((12, 4), 7.0, dtype)
    for out in (np.empty_like(x), np.empty_like(x, order="F"), board[::-2, 1:3]):
        assert gradient(product, x, batch=True, engine=engine, out=out) is out
        assert (out == expected).all()
    assert (board[::2] == 7.0).all()
    assert (board[:, [0, 3]] == 7.0).all()


@engines
def test_x_is_never_changed_and_may_be_read_only(engine):
    def doubling(x):
        x[0] = 2.0 * x[0]
        return x[0] * x[1]

    x = np.array([[1.0, 2.0], [3.0, -4.0]])
    before = x.copy()
    x.flags.writeable = False
    np.testing.assert_allclose(gradient(doubling, x, batch=True, engine=engine), 2 * x[:, ::-1], rtol=1e-9)
    np.testing.assert_allclose(gradient(doubling, x[1], engine=engine), 2 * x[1, ::-1], rtol=1e-9)
    assert (x == before).all()


def floats(x):
    """The product of Python floats, which overflow without a warning of f's own."""
    return float(x[0]) * float(x[1])


@calling_engines
def test_nan_and_inf_stay_at_their_point(engine):
    x = np.array([[1.0, 2.0], [np.nan, 1.0], [np.inf, 1.0], [3.0, 4.0], [1e308, 1e308]])
    result = gradient(floats, x, batch=True, engine=engine, full_output=True)
    np.testing.assert_allclose(result.value[[0, 3]], [[2.0, 1.0], [4.0, 3.0]], rtol=1e-9)
    assert not np.isfinite(result.value[[1, 2, 4]]).any()
    assert (result.status == np.where(np.isfinite(result.value), 0, -3)).all()


@engines
def test_the_sign_of_zero_reaches_f(engine):
    def signed(x):
        return np.copysign(1.0, x[1]) * x[0]

    assert gradient(signed, np.array([1.0, -0.0]), engine=engine, h=0.25)[0] == -1.0


# --- the rest --------------------------------------------------------------------------------------------------------


@engines
@pytest.mark.parametrize(("shape", "batch"), [((6, 2), True), ((2,), False)], ids=["points", "one point"])
def test_progress_reaches_the_total(engine, shape, batch):
    seen = []
    gradient(product, np.ones(shape), batch=batch, engine=engine, progress=lambda *a: seen.append(a))
    check_progress(seen)


def test_progress_of_derivative():
    seen = []
    derivative(np.sin, np.ones(4), progress=lambda *a: seen.append(a))
    check_progress(seen)


def check_progress(seen):
    assert seen
    assert seen[-1][0] == seen[-1][1] > 0
    assert seen == sorted(seen)
    assert len({total for _, total in seen}) == 1


@engines
def test_full_output(engine):
    result = gradient(product, [[1.0, 2.0]] * 3, batch=True, engine=engine, full_output=True)
    assert (result.engine, result.nfev, result.error) == (engine, 15 if engine == "reference" else 12, None)
    assert (result.status == np.zeros((3, 2), int)).all()


@engines
def test_flat_is_not_constant(engine):
    assert (gradient(squares, np.zeros(3), engine=engine) == 0.0).all()
    if engine != "jit":
        with pytest.warns(ConstantFunctionWarning, match="numerical_gradient"):
            gradient(lambda x: 3.0, np.zeros(3), engine=engine)


MANY = np.linspace(-3.0, 3.0, 150_001)  # more than 200 000 evaluations


def assigns(t):
    y = t * 2.0
    y[t > 0] = 0.0
    return y


@pytest.mark.parametrize(
    "f",
    [
        pytest.param(assigns, id="assigns"),
        pytest.param(lambda t: np.sum(np.sin(t[:, None] * np.array([1.0, 2.0])), axis=1), id="inner axis"),
        pytest.param(lambda t: MANY * t, id="captures an array of its length"),
        pytest.param(lambda t: t * np.size(t), id="counts"),
        pytest.param(lambda t: t * np.ndim(t) + t, id="asks for dimensions"),
        pytest.param(lambda t: np.where(t.size > 1, t**3, t**2), id="other branch for arrays"),
        pytest.param(lambda t: np.array([v**2 for v in t]), id="iterates"),
    ],
)
def test_long_arrays_of_functions_of_arrays(f):
    assert np.array_equal(derivative(f, MANY), derivative(f, MANY, engine="python"))


def test_long_arrays_of_functions_that_are_not_elementwise():
    for engine in ("auto", "python"):
        with pytest.raises(ValueError, match="jacobian"):
            derivative(np.cumsum, MANY, engine=engine)


def test_long_arrays_are_compiled():
    result = derivative(np.sin, MANY, full_output=True)
    assert result.engine == "simd"
    np.testing.assert_allclose(result.value, np.cos(MANY), atol=1e-9)
    assert derivative(np.sin, MANY[:100_000], full_output=True).engine == "python"

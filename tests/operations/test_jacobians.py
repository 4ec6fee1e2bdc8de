"""jacobian and jvp: shapes, accuracy, counts, batches, precision, steps and what callers pass."""

import numpy as np
import pytest

from fastgrad import ConstantFunctionWarning, EngineError, gradient
from fastgrad.formulas import reference
from fastgrad.formulas.samples import SAMPLES
from fastgrad.formulas.steps import EPS
from fastgrad.operations.jacobians import jacobian, jvp
from tests.counting import Counting
from tests.operations.points import ROWS, V, X, points

ORDERS = [2, 4, 6, 8]
WAVES = {"ackley", "rastrigin"}

engines = pytest.mark.parametrize("engine", ["python", "reference", "jit", "simd"])
# the engines that run f itself: a function that does not trace is no matter for simd
calling_engines = pytest.mark.parametrize("engine", ["python", "reference", "jit"])


def polar(x):
    return np.array([x[0] * np.cos(x[1]), x[0] * np.sin(x[1]), x[0]])


def exact_polar(x):
    r, a = x
    return np.array([[np.cos(a), -r * np.sin(a)], [np.sin(a), r * np.cos(a)], [1.0, 0.0]])


def product(x):
    return np.sin(x[0] * x[1])


def as_tuple(x):
    return x[0] * x[1], x[0] + 2.0 * x[1]


def as_list(x):
    return [x[0] * x[1], x[0] + 2.0 * x[1]]


def as_matrix(x):
    return x.reshape(2, 1) * x.reshape(1, 2)


def identity(x):
    return x


def tall(x):
    return np.sin(x * np.sum(x))


def single_precision(x):
    return (x * x).astype(np.float32)


# --- accuracy --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("engine", ["python", "reference"])
@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_samples(sample, engine, order):
    """Two outputs, one three times the other."""
    x, v = points(sample), np.linspace(-1.0, 2.0, len(sample.point))
    exact = np.array([sample.gradient(p) for p in x])
    size = np.maximum(np.maximum(1.0, [abs(float(sample.f(p))) for p in x]), np.abs(exact).max(axis=1))
    tolerance = (1000 if sample.name in WAVES else 20) * EPS ** (order / (order + 1))

    def both(x):
        return np.array([sample.f(x), 3.0 * sample.f(x)])

    value = jacobian(both, x, batch=True, order=order, engine=engine)
    assert value.shape == (4, 2, x.shape[1])
    assert (np.abs(value[:, 0] - exact).max(axis=1) / size).max() < tolerance
    assert (np.abs(value[:, 1] - 3 * exact).max(axis=1) / size).max() < 3 * tolerance
    along = jvp(both, x, v, batch=True, order=order, engine=engine)
    assert along.shape == (4, 2)
    assert (np.abs(along[:, 0] - exact @ v) / size).max() < 5 * tolerance * (5 if sample.name in WAVES else 1)
    scalar = jvp(sample.f, x, v, batch=True, order=order, engine=engine)
    assert (scalar == along[:, 0]).all()


@pytest.mark.parametrize(("method", "order"), [("central", 2), ("forward", 3)])
def test_all_engines_of_a_polar_map(method, order):
    exact = np.array([exact_polar(x) for x in ROWS])
    for engine in ("python", "reference", "jit"):
        options = {"batch": True, "method": method, "order": order, "engine": engine}
        tolerance = 100 * EPS ** (order / (order + 1))
        np.testing.assert_allclose(jacobian(polar, ROWS, **options), exact, rtol=0, atol=tolerance)
        np.testing.assert_allclose(jvp(polar, ROWS, V, **options), exact @ V, rtol=0, atol=tolerance)


def test_bits_of_the_definition():
    value = jacobian(tall, ROWS, batch=True, engine="python")
    assert (value == [reference.jacobian(tall, x) for x in ROWS]).all()
    value = jvp(tall, ROWS, V, batch=True, engine="python")
    assert (value == [reference.jvp(tall, x, V) for x in ROWS]).all()


# --- shapes ----------------------------------------------------------------------------------------------------------


@engines
def test_the_result_has_the_shape_of_the_output_and_of_x(engine):
    matrix = jacobian(as_matrix, X, engine=engine)
    assert matrix.shape == (2, 2, 2)
    np.testing.assert_allclose(matrix[0, 1], [2.0, 0.5], rtol=1e-9)
    if engine != "jit":
        assert jacobian(identity, np.ones((2, 3)), engine=engine).shape == (2, 3, 2, 3)
        assert jacobian(polar, X, engine=engine).shape == (3, 2)
        assert jacobian(polar, ROWS, batch=True, engine=engine).shape == (7, 3, 2)
        assert jvp(as_matrix, ROWS, V, batch=True, engine=engine).shape == (7, 2, 2)


@engines
def test_a_number_gives_the_gradient(engine):
    value = jacobian(product, X, engine=engine)
    assert (value == gradient(product, X, engine=engine)).all()
    assert jacobian(product, ROWS, batch=True, engine=engine).shape == (7, 2)
    along = jvp(product, X, V, engine=engine)
    assert isinstance(along, np.float64)
    assert along == pytest.approx(value @ V, rel=1e-8)


@engines
def test_a_point_that_is_a_number(engine):
    def curve(t):
        return np.array([np.cos(t), np.sin(t)])

    np.testing.assert_allclose(jacobian(curve, 1.0, engine=engine), [-np.sin(1.0), np.cos(1.0)], rtol=1e-9)
    np.testing.assert_allclose(jvp(curve, 1.0, 2.0, engine=engine), [-2 * np.sin(1.0), 2 * np.cos(1.0)], rtol=1e-9)


@engines
@pytest.mark.parametrize("f", [as_tuple, as_list])
def test_tuples_and_lists_are_arrays(f, engine):
    np.testing.assert_allclose(jacobian(f, X, engine=engine), [[2.0, 0.5], [1.0, 2.0]], rtol=1e-9)


@engines
def test_no_points_and_no_coordinates(engine):
    assert jacobian(polar, np.empty((0, 2)), batch=True, engine=engine).shape == (0, 0, 2)
    assert jvp(polar, np.empty((0, 2)), V, batch=True, engine=engine).shape == (0,)
    assert jacobian(identity, np.empty(0), engine=engine).shape == (0, 0)
    if engine != "jit":
        assert jacobian(lambda x: np.array([1.0, 2.0]), np.empty(0), engine=engine).shape == (2, 0)


# --- evaluations -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
def test_counts_and_no_point_twice(order):
    x = np.linspace(0.5, 1.5, 5)
    f = Counting(tall)
    full = jacobian(f, x, order=order, full_output=True)
    assert len(f.points) == len(set(f.points)) == full.nfev == 5 * order
    f = Counting(tall)
    full = jvp(f, x, x, order=order, full_output=True)
    assert len(f.points) == len(set(f.points)) == full.nfev == order
    assert full.h.shape == ()
    f = Counting(tall)
    assert jacobian(f, x, order=order, method="forward", full_output=True).nfev == len(f.points) == 5 * order + 1


# --- batches and threads ---------------------------------------------------------------------------------------------


@engines
def test_a_batch_is_its_points(engine):
    whole = jacobian(polar, ROWS, batch=True, engine=engine)
    assert (whole == [jacobian(polar, x, engine=engine) for x in ROWS]).all()
    vs = ROWS[::-1].copy()
    whole = jvp(polar, ROWS, vs, batch=True, engine=engine)
    assert (whole == [jvp(polar, x, v, engine=engine) for x, v in zip(ROWS, vs, strict=True)]).all()


def test_threads_do_not_matter():
    x = np.random.default_rng(1).standard_normal((20_000, 2))
    one = jacobian(polar, x, batch=True, engine="jit", workers=1)
    assert (one == jacobian(polar, x, batch=True, engine="jit", workers=3)).all()
    large = np.random.default_rng(1).standard_normal(500)
    one = jacobian(tall, large, engine="jit", workers=1)
    assert (one == jacobian(tall, large, engine="jit", workers=3)).all()
    np.testing.assert_allclose(one, jacobian(tall, large, engine="python"), rtol=0, atol=1e-6)


# --- precision and values --------------------------------------------------------------------------------------------


@calling_engines
def test_low_precision(engine):
    value = jacobian(polar, X.astype(np.float32), engine=engine)
    assert value.dtype == np.float32
    np.testing.assert_allclose(value, exact_polar(X), rtol=1e-6)
    assert jvp(polar, X.astype(np.float32), V, engine=engine).dtype == np.float32
    rough = jacobian(single_precision, X, engine=engine, full_output=True)
    np.testing.assert_allclose(rough.value, np.diag(2 * X), rtol=0, atol=1e-3)
    assert (rough.h > 1e-4).all()
    if engine == "jit":
        return
    rough = jvp(single_precision, X, V, engine=engine, full_output=True)
    np.testing.assert_allclose(rough.value, 2 * X * V, rtol=0, atol=1e-3)
    assert rough.h > 1e-4


def roots(x):
    return np.sqrt(x)


@engines
def test_nan_stays_at_its_point_and_output(engine):
    x = np.array([[1.0, 2.0], [-1.0, 2.0], [np.nan, 1.0], [4.0, np.inf]])
    with np.errstate(all="ignore"):
        value = jacobian(roots, x, batch=True, engine=engine)
        along = jvp(roots, x, V, batch=True, engine=engine)
    assert np.isnan(value[1:, [0, 0, 1], :][:, 0]).any()
    assert np.isfinite(value[0]).all()
    assert np.isfinite(value[1, 1]).all()
    assert np.isfinite(along[0]).all()
    assert np.isfinite(along[1, 1])
    assert (value[0] == jacobian(roots, x[0], engine=engine)).all()


def test_our_arithmetic_does_not_warn():
    for f in (lambda x: np.full(2, np.inf), lambda x: np.full(2, np.nan), lambda x: 1e308 * np.sign(x - X)):
        jacobian(f, X)
        jvp(f, X, V)
    jvp(lambda x: x, np.array([1e308, 1e308]), np.array([1e308, 1e-320]))


@engines
def test_no_direction_gives_zeros(engine):
    vs = np.array([[0.0, 0.0], [1.0, 2.0]])
    value = jvp(polar, ROWS[:2], vs, batch=True, engine=engine)
    assert (value[0] == 0).all()
    assert (value[1] == jvp(polar, ROWS[1], vs[1], engine=engine)).all()
    assert jvp(product, X, np.zeros(2), engine=engine) == 0.0


@engines
def test_signed_zeros_are_kept(engine):
    """The angle jumps by 2 pi where -0 becomes 0."""

    def angle(x):
        return x[0] * np.arctan2(x[1], -1.0)

    value = jvp(angle, np.array([2.0, -0.0]), np.array([1.0, 0.0]), engine=engine)
    assert value == pytest.approx(-np.pi, rel=1e-8)


@pytest.mark.parametrize("scale", [1e-300, 1e-8, 1e8, 1e300])
def test_the_length_of_v_does_not_matter(scale):
    np.testing.assert_allclose(jvp(polar, X, V * scale) / scale, exact_polar(X) @ V, rtol=1e-8)


# --- what callers pass -----------------------------------------------------------------------------------------------


BUFFER = np.empty(2)


def reusing(x):
    BUFFER[0], BUFFER[1] = x[0] * x[1], x[0]
    return BUFFER


def writing(x):
    x[1] *= 2.0
    return x


def test_f_that_uses_its_buffer_again():
    for engine in ("python", "reference"):
        np.testing.assert_allclose(jacobian(reusing, X, engine=engine), [[2.0, 0.5], [1.0, 0.0]], rtol=0, atol=1e-9)


@engines
def test_f_that_writes_or_returns_its_argument(engine):
    assert (jacobian(identity, X, engine=engine) == np.eye(2)).all()
    np.testing.assert_allclose(jacobian(writing, X, engine=engine), [[1, 0], [0, 2]], rtol=0, atol=1e-9)
    if engine != "jit":
        np.testing.assert_allclose(jvp(writing, X, V, engine=engine), [1, -1], rtol=0, atol=1e-9)


def growing(x):
    return np.ones(2 if x[0] > 0.5 else 3) * x[0]


@calling_engines
def test_outputs_of_different_shapes(engine):
    with pytest.raises(ValueError, match=r"(one|two|different|broadcast).*(shape|size)"):
        jacobian(growing, np.array([0.5, 1.0]), engine=engine)


def test_steps():
    for options in ({"h": 1e-3}, {"rel_step": 1e-3}, {"h": [1e-3, 2e-3]}):
        np.testing.assert_allclose(jacobian(polar, X, order=4, **options), exact_polar(X), rtol=0, atol=1e-9)
    for options, t in (({"h": 1e-3}, 1e-3), ({"rel_step": 1e-3}, 2e-3)):
        for engine in ("python", "reference", "jit"):
            full = jvp(polar, X, V, engine=engine, full_output=True, **options)
            np.testing.assert_allclose(full.value, exact_polar(X) @ V, rtol=0, atol=2e-5)
            assert full.h == t
    with pytest.raises(ValueError, match="h vanishes beside x="):
        jvp(polar, X, V, h=1e-20)
    with pytest.raises(ValueError, match=r"h has shape \(2,\), but it is the step along v"):
        jvp(polar, X, V, h=[1.0, 2.0])
    with pytest.raises(ValueError, match="must be positive"):
        jvp(polar, X, V, h=-1.0)


def test_out_and_progress():
    out, seen = np.empty((7, 3, 2)), []
    assert jacobian(polar, ROWS, batch=True, out=out, progress=lambda a, b: seen.append((a, b))) is out
    assert seen[-1] == (7, 7)
    assert (out == jacobian(polar, ROWS, batch=True)).all()
    single = np.empty(3, dtype=np.float32)
    assert jvp(polar, X.astype(np.float32), V, out=single) is single
    with pytest.raises(ValueError, match=r"out has shape \(2, 2\)"):
        jacobian(polar, X, out=np.empty((2, 2)))
    with pytest.raises(ValueError, match="shares memory"):
        jvp(identity, X, V, out=V)


def test_wrong_arguments():
    with pytest.raises(ValueError, match=r"v has shape \(3,\), but x has shape \(2,\)"):
        jvp(polar, X, np.ones(3))
    with pytest.raises(TypeError, match="f returned str 'a'; it must return real numbers"):
        jacobian(lambda x: "a", X)
    with pytest.raises(TypeError, match="complex"):
        jvp(lambda x: x * 1j, X, X)
    with pytest.raises(TypeError, match="ragged"):
        jacobian(lambda x: [[1.0], [1.0, 2.0]], X)
    with pytest.raises(TypeError, match="must be a function"):
        jacobian(X, polar)


def mixed(x):
    return x[0], 1


def test_an_output_that_cannot_be_copied_is_refused():
    with pytest.raises(EngineError, match="return a number, or an array"):
        jacobian(mixed, X, engine="jit")
    np.testing.assert_allclose(jacobian(mixed, X), [[1, 0], [0, 0]], rtol=0, atol=1e-9)


def test_constant_functions():
    with pytest.warns(ConstantFunctionWarning) as seen:
        assert not jacobian(lambda x: np.ones(3), X).any()
    assert seen[0].filename == __file__
    with pytest.warns(ConstantFunctionWarning):
        jvp(lambda x: np.ones(3), X, V)
    jvp(lambda x: np.ones(3), X, np.zeros(2))  # zeros were asked for


LAYOUTS = {
    "fortran": lambda shape: np.full(shape, 7.0, order="F"),
    "padded": lambda shape: np.full((*shape[:-1], shape[-1] + 1), 7.0)[..., :-1],
    "backwards": lambda shape: np.full(shape, 7.0)[..., ::-1],
    "upside down": lambda shape: np.full(shape, 7.0)[::-1],
    "every second": lambda shape: np.full((*shape[:-1], 2 * shape[-1]), 7.0)[..., ::2],
    "swapped": lambda shape: np.full((shape[-1], *shape[:-1]), 7.0).transpose(*range(1, len(shape)), 0),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("count", [0, 3, 1500])
@pytest.mark.parametrize("how", [{"method": "exact"}, {}, {"engine": "simd"}, {"engine": "python"}], ids=str)
def test_results_go_into_arrays_of_any_layout(layout, count, how):
    f = lambda x: np.array([x[0] * x[1], x[2]])
    points = np.tile([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], (count, 1))[:count] if count else np.array([1.0, 2.0, 3.0])
    expected = jacobian(f, points, batch=bool(count), **how)
    out = LAYOUTS[layout](expected.shape)
    assert jacobian(f, points, batch=bool(count), out=out, **how) is out
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("step", [{"h": 1e-3}, {"rel_step": 1e-5}, {}], ids=str)
def test_an_infinite_coordinate_along_v_is_a_matter_of_its_row(step):
    points, v = np.array([[1.0, 2.0], [np.inf, 2.0]]), np.array([1.0, 0.0])
    with np.errstate(all="ignore"):
        found = jvp(lambda x: np.sin(x[0]) * x[1], points, v, batch=True, **step)
    np.testing.assert_allclose(found[0], 2.0 * np.cos(1.0), rtol=1e-6)
    assert np.isnan(found[1])

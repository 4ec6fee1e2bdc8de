"""hessian and hvp: accuracy, symmetry, counts, batches, precision, steps and what callers pass."""

import warnings

import numpy as np
import pytest

from fastgrad import ConstantFunctionWarning, EngineError, PerformanceWarning
from fastgrad.formulas import reference
from fastgrad.formulas.samples import SAMPLES
from fastgrad.formulas.steps import EPS
from fastgrad.operations.hessians import hessian, hvp
from tests.counting import Counting
from tests.operations.points import ROWS, V, X, points

ORDERS = [2, 4, 6, 8]
SMOOTH = [s for s in SAMPLES.values() if s.hessian]
WAVES = {"rastrigin"}  # of length 1 where the default step assumes 2 pi

engines = pytest.mark.parametrize("engine", ["python", "reference", "jit", "simd"])
# the engines that run f itself: a function that does not trace is no matter for simd
calling_engines = pytest.mark.parametrize("engine", ["python", "reference", "jit"])


def product(x):
    return np.sin(x[0] * x[1]) + x[0] ** 3


def exact_product(x):
    p = x[0] * x[1]
    s, mixed = np.sin(p), np.cos(p) - p * np.sin(p)
    return np.array([[-(x[1] ** 2) * s + 6 * x[0], mixed], [mixed, -(x[0] ** 2) * s]])


def chain(x):
    total = 0.0
    for i in range(x.size - 1):
        total += (x[i + 1] - x[i] ** 2) ** 2 + x[i]
    return total


def scaled(x, a, k):
    return k * np.sum(a * x * x * x)


def single_precision(x):
    return np.float32(x[0]) * np.float32(x[1]) ** 2


def worst(sample, x, value, exact):
    """The largest error relative to the largest of 1, |f| and the derivative."""
    sizes = [max(1.0, abs(float(sample.f(p))), np.abs(e).max()) for p, e in zip(x, exact, strict=True)]
    return max(np.abs(a - e).max() / s for a, e, s in zip(value, exact, sizes, strict=True))


# --- accuracy --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("engine", ["python", "reference"])
@pytest.mark.parametrize("sample", SMOOTH, ids=lambda s: s.name)
def test_samples(sample, engine, order):
    x = points(sample)
    exact = np.array([sample.hessian(p) for p in x])
    factor = 3000 if sample.name in WAVES else 300
    tolerance = factor * EPS ** (order / (order + 2))
    value = hessian(sample.f, x, batch=True, order=order, engine=engine)
    assert worst(sample, x, value, exact) < tolerance
    assert (value == value.transpose(0, 2, 1)).all()
    v = np.linspace(-1.0, 2.0, x.shape[1])
    product = hvp(sample.f, x, v, batch=True, order=order, engine=engine)
    assert worst(sample, x, product, exact @ v) < 3 * tolerance


def test_samples_compiled():
    sample, order = SAMPLES["softplus"], 8
    x, v = points(sample), np.linspace(-1.0, 2.0, len(sample.point))
    exact = np.array([sample.hessian(p) for p in x])
    value = hessian(sample.f, x, batch=True, order=order, engine="jit")
    assert worst(sample, x, value, exact) < 100 * EPS ** (order / (order + 2))
    assert (value == value.transpose(0, 2, 1)).all()
    product = hvp(sample.f, x, v, batch=True, order=order, engine="jit")
    assert worst(sample, x, product, exact @ v) < 300 * EPS ** (order / (order + 2))


@pytest.mark.parametrize("order", range(1, 9))
@pytest.mark.parametrize("method", ["forward", "backward"])
def test_from_one_side(method, order):
    sample = SAMPLES["bump"]
    x = points(sample)
    exact = np.array([sample.hessian(p) for p in x])
    tolerance = 20 * 3**order * EPS ** (order / (order + 2))  # round-off grows with the one-sided weights
    value = hessian(sample.f, x, batch=True, method=method, order=order)
    assert worst(sample, x, value, exact) < tolerance
    assert worst(sample, x, hvp(sample.f, x, V, batch=True, method=method, order=order), exact @ V) < 3 * tolerance


@engines
@pytest.mark.parametrize("method", ["central", "forward"])
def test_engines_agree(engine, method):
    options = {"batch": True, "method": method, "engine": engine}
    python = {"batch": True, "method": method, "engine": "python"}
    np.testing.assert_allclose(hessian(product, ROWS, **options), hessian(product, ROWS, **python), rtol=0, atol=1e-6)
    np.testing.assert_allclose(hvp(product, ROWS, V, **options), hvp(product, ROWS, V, **python), rtol=0, atol=1e-6)


def squares(x):
    return x[0] * x[0] * x[1] + x[1]


def test_bits_of_the_definition():
    value = hessian(squares, ROWS, batch=True, engine="python")
    assert (value == [reference.hessian(squares, x) for x in ROWS]).all()


@engines
def test_hvp_is_the_hessian_times_v(engine):
    whole = hessian(product, ROWS, batch=True, engine=engine)
    vs = ROWS[::-1].copy()
    value = hvp(product, ROWS, vs, batch=True, engine=engine)
    np.testing.assert_allclose(value, np.einsum("nij,nj->ni", whole, vs), rtol=0, atol=1e-6)


# --- evaluations -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("size", [1, 2, 5])
def test_counts_and_no_point_twice(size, order):
    x, v = np.linspace(0.51, 1.5, size), np.linspace(1.0, 2.0, size)
    f = Counting(lambda x: np.sum(x**3))
    full = hessian(f, x, order=order, full_output=True)
    assert len(f.points) == len(set(f.points)) == full.nfev == order * size * (size + 1) // 2 + 1
    f = Counting(lambda x: np.sum(x**3))
    full = hvp(f, x, v, order=order, full_output=True)
    assert len(f.points) == full.nfev == 2 * order * size
    assert len(f.points) == len(set(f.points)) or size == 1  # e_1 and v are parallel, their steps may cancel
    assert full.h.shape == x.shape


def test_compiled_counts_are_the_same():
    full = hessian(product, ROWS, batch=True, engine="jit", full_output=True)
    assert (full.nfev, full.engine, full.status.shape) == (7 * len(ROWS), "jit", (7, 2, 2))
    assert hvp(product, ROWS, V, batch=True, engine="jit", full_output=True).nfev == 8 * len(ROWS)


# --- batches, threads, shapes ----------------------------------------------------------------------------------------


@engines
def test_a_batch_is_its_points(engine):
    whole = hessian(product, ROWS, batch=True, engine=engine)
    assert (whole == [hessian(product, x, engine=engine) for x in ROWS]).all()
    whole = hvp(product, ROWS, V, batch=True, engine=engine)
    assert (whole == [hvp(product, x, V, engine=engine) for x in ROWS]).all()


def test_threads_do_not_matter():
    x = np.random.default_rng(1).standard_normal((20_000, 2))
    one = hessian(product, x, batch=True, engine="jit", workers=1)
    assert (one == hessian(product, x, batch=True, engine="jit", workers=3)).all()
    large = np.random.default_rng(2).uniform(-1, 1, 90)
    one = hessian(chain, large, engine="jit", workers=1)
    assert (one == hessian(chain, large, engine="jit", workers=3)).all()
    assert (one == one.T).all()
    np.testing.assert_allclose(one, hessian(chain, large, engine="python"), rtol=0, atol=1e-5)
    v = np.linspace(-1, 1, 90)
    assert (hvp(chain, large, v, engine="jit", workers=1) == hvp(chain, large, v, engine="jit", workers=3)).all()


def ends(x):
    return np.sum(x[0] * x[-1] ** 2)


@engines
def test_points_of_any_shape(engine):
    x = np.arange(1.0, 7.0).reshape(2, 3)
    value = hessian(ends, x, engine=engine)
    assert value.shape == (2, 3, 2, 3)
    flat = hessian(lambda p: ends(p.reshape(2, 3)), x.ravel())
    np.testing.assert_allclose(value.reshape(6, 6), flat, rtol=0, atol=1e-5)
    if engine != "jit":
        product = hvp(ends, x, np.ones((2, 3)), engine=engine)
        np.testing.assert_allclose(product, value.sum(axis=(2, 3)), rtol=0, atol=1e-5)


def cube(x):
    return x * x * x


@engines
def test_a_number_is_a_point(engine):
    value = hessian(cube, 2.0, engine=engine)
    assert isinstance(value, np.float64)
    assert value == pytest.approx(12.0, rel=1e-7)
    assert hvp(cube, 2.0, 0.5, engine=engine) == pytest.approx(6.0, rel=1e-7)


@engines
def test_no_points_and_no_coordinates(engine):
    assert hessian(product, np.empty((0, 2)), batch=True, engine=engine).shape == (0, 2, 2)
    assert hvp(product, np.empty((0, 2)), V, batch=True, engine=engine).shape == (0, 2)
    assert hessian(np.sum, np.empty(0), engine=engine).shape == (0, 0)
    assert hvp(np.sum, np.empty(0), np.empty(0), engine=engine).shape == (0,)


# --- precision and values --------------------------------------------------------------------------------------------


@calling_engines
def test_low_precision(engine):
    x = np.array([0.5, 2.0], dtype=np.float32)
    value = hessian(product, x, engine=engine)
    assert value.dtype == np.float32
    np.testing.assert_allclose(value, exact_product(x.astype(float)), rtol=0, atol=1e-5)
    assert hvp(product, x, V, engine=engine).dtype == np.float32
    rough = hessian(single_precision, X, engine=engine, full_output=True)
    np.testing.assert_allclose(rough.value, [[0, 4], [4, 1]], rtol=0, atol=0.02)
    assert (rough.h > 1e-3).all()
    if engine != "jit":
        np.testing.assert_allclose(hvp(single_precision, X, V, engine=engine), [-2, 3.5], rtol=0, atol=0.02)


def with_a_hole(x):
    return np.sqrt(x[0]) * x[1] * x[1]


@engines
def test_nan_stays_at_its_point(engine):
    x = np.array([[1.0, 2.0], [-1.0, 2.0], [np.nan, 1.0], [2.0, np.inf], [4.0, 2.0]])
    with np.errstate(all="ignore"):
        value = hessian(with_a_hole, x, batch=True, engine=engine)
        product = hvp(with_a_hole, x, V, batch=True, engine=engine)
    finite = [0, 4]
    assert np.isnan(value[1:4]).any(axis=(1, 2)).all()
    assert (value[finite] == hessian(with_a_hole, x[finite], batch=True, engine=engine)).all()
    assert (product[finite] == hvp(with_a_hole, x[finite], V, batch=True, engine=engine)).all()


def test_our_arithmetic_does_not_warn():
    for f in (lambda x: np.inf, lambda x: np.nan, lambda x: 1e308 * np.sign(x[0] - 0.5)):
        hessian(f, X)
        hvp(f, X, V)
    hvp(lambda x: 0.5 * x[0] - x[1], np.array([1e308, -1e308]), np.array([1e308, 1e-320]))


@engines
def test_no_direction_gives_zeros(engine):
    vs = np.array([[0.0, 0.0], [1.0, 2.0]])
    value = hvp(product, ROWS[:2], vs, batch=True, engine=engine)
    assert (value[0] == 0).all()
    assert (value[1] == hvp(product, ROWS[1], vs[1], engine=engine)).all()
    assert (hvp(product, X, np.zeros(2), engine=engine) == 0.0).all()


def angle(x):
    """Jumps where x[1] changes from 0 to -0."""
    return x[0] ** 2 * np.arctan2(x[1], -1.0)


@engines
def test_signed_zeros_are_kept(engine):
    value = hvp(angle, np.array([-1.0, -0.0]), np.array([1.0, 0.0]), engine=engine)
    assert value[0] == pytest.approx(-2 * np.pi, rel=1e-6)


@pytest.mark.parametrize("scale", [1e-300, 1e-8, 1e8, 1e300])
def test_the_length_of_v_does_not_matter(scale):
    exact = exact_product(X) @ V
    np.testing.assert_allclose(hvp(product, X, V * scale, order=4) / scale, exact, rtol=1e-7)


# --- what callers pass -----------------------------------------------------------------------------------------------


def writing(x):
    x[1] *= 2.0
    return x[0] * x[1]


def writing_at_times(x):
    if x[0] > 0.5:
        x[0] = 3.0
    return x[0] * x[1] + x[0] ** 2


@calling_engines
def test_f_that_writes_into_its_argument(engine):
    if engine != "jit":
        np.testing.assert_allclose(hessian(writing, X, engine=engine), [[0, 2], [2, 0]], rtol=0, atol=1e-6)
    np.testing.assert_allclose(hvp(writing, X, V, engine=engine), [-1, 2], rtol=0, atol=1e-6)
    x = np.array([[0.25, 2.0], [0.6, 2.0]])
    value = hessian(writing_at_times, x, batch=True, engine=engine)
    np.testing.assert_allclose(value, [[[2, 1], [1, 0]], [[0, 0], [0, 0]]], rtol=0, atol=1e-6)


@engines
def test_x_and_v_are_never_changed(engine):
    x, v = X.copy(), V.copy()
    x.flags.writeable = v.flags.writeable = False
    hessian(product, x, engine=engine)
    hvp(product, x, v, engine=engine)
    assert (x == X).all()
    assert (v == V).all()


@engines
def test_args_and_steps(engine):
    args = (np.array([1.0, 2.0]), 0.5)
    exact = np.diag(3.0 * args[0] * X)
    several = [{}, {"h": 1e-3}, {"rel_step": 1e-3}, {"h": [1e-3, 2e-3]}]
    for options in several[-1:] if engine == "jit" else several:
        full = hessian(scaled, X, args=args, engine=engine, full_output=True, **options)
        np.testing.assert_allclose(full.value, exact, rtol=0, atol=1e-5)
        value = hvp(scaled, X, V, args=args, engine=engine, **options)
        np.testing.assert_allclose(value, exact @ V, rtol=0, atol=1e-5)
    np.testing.assert_allclose(full.h, [1e-3, 2e-3], rtol=1e-9)


def test_a_given_step_bounds_the_way_along_v():
    seen = []
    hvp(lambda x: seen.append(x.copy()) or x[0] * x[1], np.zeros(2), np.array([100.0, 1.0]), h=0.25)
    assert np.abs(seen).max(axis=0).tolist() == [0.5, 0.2525]


def test_out_and_progress():
    out = np.empty((7, 2, 2))
    seen = []
    assert hessian(product, ROWS, batch=True, out=out, progress=lambda a, b: seen.append((a, b))) is out
    assert seen[-1] == (7, 7)
    assert (out == hessian(product, ROWS, batch=True)).all()
    wide = np.empty((7, 2, 4))[..., ::2]
    assert (
        hessian(product, ROWS, batch=True, out=wide, engine="jit") == hessian(product, ROWS, batch=True, engine="jit")
    ).all()
    with pytest.raises(ValueError, match=r"out has shape \(7, 2\)"):
        hessian(product, ROWS, batch=True, out=np.empty((7, 2)))
    with pytest.raises(ValueError, match="shares memory"):
        hvp(product, X, V, out=V)


def test_wrong_directions():
    with pytest.raises(ValueError, match=r"v has shape \(3,\), but x has shape \(2,\); pass v of shape \(2,\)"):
        hvp(product, X, np.ones(3))
    with pytest.raises(ValueError, match=r"pass v of shape \(7, 2\), or \(2,\) for all points"):
        hvp(product, ROWS, np.ones((2, 2)), batch=True)
    with pytest.raises(TypeError, match="v is complex"):
        hvp(product, X, np.ones(2, complex))


@engines
def test_errors_of_values(engine):
    for call in (lambda f: hessian(f, X, engine=engine), lambda f: hvp(f, X, V, engine=engine)):
        with pytest.raises(ValueError, match="one number"):
            call(lambda x: x)
    with pytest.raises(ValueError, match="h=1e-20 vanishes beside"):
        hessian(product, X, h=1e-20, engine=engine)
    with pytest.raises(ValueError, match="order=3"):
        hessian(product, X, order=3, engine=engine)


def test_engines_by_name_do_not_fall_back():
    captured = np.ones(2)
    with pytest.raises(EngineError, match="captures the array"):
        hessian(lambda x: np.sum(captured * x), X, engine="jit")


def test_warnings_point_at_the_caller():
    with pytest.warns(ConstantFunctionWarning) as seen:
        assert not hessian(lambda x: 1.0, X).any()
    assert seen[0].filename == __file__
    with pytest.warns(ConstantFunctionWarning):
        hvp(lambda x: 1.0, X, V)
    with pytest.warns(PerformanceWarning, match="times from Python") as seen:
        hessian(lambda x: float(str(x[0])) ** 2, np.ones((2000, 2)), batch=True)
    assert seen[0].filename == __file__


def test_a_function_of_low_degree_is_no_constant():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hessian(lambda x: x[0] + x[1], np.array([1.0, 2.0]))
        hvp(lambda x: 1.0, X, np.zeros(2))

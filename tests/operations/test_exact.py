"""method="exact" on every operation: forms of x and of the result, numbers of points, what f may do, refusals."""

import math
import warnings
from functools import partial

import numpy as np
import pytest

from fastgrad import (
    ConstantFunctionWarning,
    EngineError,
    derivative,
    explain,
    grad,
    gradient,
    gradient_field,
    hess,
    hessian,
    hvp,
    jac,
    jacobian,
    jvp,
    propagate,
    value_and_grad,
    value_and_gradient,
    vjp,
)
from fastgrad.llvm import machine

EXACT = {"method": "exact"}


def f(x):
    return np.exp(0.3 * x[0]) * np.sin(x[1]) + x[0] * x[2] ** 2


def slope(x):
    x0, x1, x2 = np.moveaxis(np.asarray(x, float), -1, 0)
    e = np.exp(0.3 * x0)
    return np.stack([0.3 * e * np.sin(x1) + x2**2, e * np.cos(x1), 2.0 * x0 * x2], axis=-1)


def curvature(x):
    x0, x1, x2 = np.asarray(x, float)
    e, zero = np.exp(0.3 * x0), 0.0
    rows = [0.09 * e * np.sin(x1), 0.3 * e * np.cos(x1), 2.0 * x2], [-e * np.sin(x1), zero], [2.0 * x0]
    upper = np.array([rows[0], [0.0, *rows[1]], [0.0, 0.0, *rows[2]]])
    return upper + np.triu(upper, 1).T


def several(x):
    return np.stack([x[0] * x[1], np.sin(x[2]), x[1] - x[0]])


def slopes(x):
    return np.array([[x[1], x[0], 0.0], [0.0, 0.0, np.cos(x[2])], [-1.0, 1.0, 0.0]])


def close(found, expected, rtol=1e-14):
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    scale = np.abs(expected).max(initial=1e-300)
    assert np.abs(found - expected).max(initial=0.0) <= rtol * scale


def points(count, d=3):
    return np.random.default_rng(count).uniform(-1.5, 1.5, (count, d))


X = np.array([0.4, 1.1, -0.7])
V = np.array([0.5, -1.0, 2.0])
COUNTS = sorted({0, 1, 2, 17, machine.lanes() - 1, machine.lanes() + 1, 33})


# --- every operation --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("count", [None, *COUNTS])
def test_derivative(n, count):
    x = 0.7 if count is None else points(count, 1)[:, 0]
    expected = {1: 2 * np.cos(2 * x), 2: -4 * np.sin(2 * x), 3: -8 * np.cos(2 * x), 4: 16 * np.sin(2 * x)}[n]
    close(derivative(lambda x: np.sin(2.0 * x), x, n=n, method="exact"), expected)


def test_derivatives_of_arrays_keep_their_shape():
    x = points(6, 4).reshape(2, 3, 4)
    close(derivative(np.exp, x, method="exact"), np.exp(x))
    close(derivative(math.exp, 0.5, method="exact"), math.exp(0.5))


@pytest.mark.parametrize("count", COUNTS)
def test_gradients_of_many_points(count):
    x = points(count)
    close(gradient(f, x, batch=True, method="exact"), slope(x).reshape(count, 3))
    values, found = value_and_gradient(f, x, batch=True, method="exact")
    close(found, slope(x).reshape(count, 3))
    close(values, [f(row) for row in x] if count else np.empty(0))


@pytest.mark.parametrize("count", [1, 17, 100])
def test_values_beside_a_gradient_are_those_of_the_compiled_f(count):
    x = points(count)
    by_differences, _ = value_and_gradient(f, x, batch=True, engine="simd")
    assert np.array_equal(value_and_gradient(f, x, batch=True, method="exact")[0], by_differences)


@pytest.mark.parametrize("count", COUNTS)
def test_other_derivatives_of_many_points(count):
    x = points(count)
    close(
        jacobian(several, x, batch=True, method="exact"),
        np.reshape([slopes(r) for r in x], (count, 3 * bool(count), 3)),
    )
    close(hessian(f, x, batch=True, method="exact"), np.reshape([curvature(r) for r in x], (count, 3, 3)))
    close(hvp(f, x, V, batch=True, method="exact"), np.reshape([curvature(r) @ V for r in x], (count, 3)))
    if count:
        close(jvp(several, x, V, batch=True, method="exact"), [slopes(r) @ V for r in x])
        close(vjp(several, x, V, batch=True, method="exact"), [V @ slopes(r) for r in x])


def test_one_point():
    close(gradient(f, X, method="exact"), slope(X))
    value, found = value_and_gradient(f, X, method="exact")
    assert value == f(X)
    close(found, slope(X))
    close(jacobian(several, X, method="exact"), slopes(X))
    close(hessian(f, X, method="exact"), curvature(X))
    close(jvp(several, X, V, method="exact"), slopes(X) @ V)
    close(jvp(f, X, V, method="exact"), np.asarray(slope(X) @ V))
    close(vjp(several, X, V, method="exact"), V @ slopes(X))
    close(hvp(f, X, V, method="exact"), curvature(X) @ V)


def test_points_of_any_shape():
    g = lambda x: np.sum(x[0] * np.sin(x[1]))
    x = points(2, 6).reshape(2, 2, 3)
    expected = np.stack([np.sin(x[:, 1]), x[:, 0] * np.cos(x[:, 1])], axis=1)
    close(gradient(g, x, batch=True, method="exact"), expected)
    close(gradient(g, x[0], method="exact"), expected[0])
    close(gradient(g, np.stack([x[0]] * 40), batch=True, method="exact"), np.stack([expected[0]] * 40))


@pytest.mark.parametrize("sizes", [(3, 4), (1, 1), (30, 17), (2, machine.lanes() + 1)])
def test_grids(sizes):
    axes = [np.linspace(-1.0, 1.5, n) for n in sizes]
    found = gradient_field(lambda x: np.sin(x[0]) * x[1] ** 2, axes, method="exact")
    a, b = np.meshgrid(*axes, indexing="ij")
    close(found, np.stack([np.cos(a) * b**2, 2.0 * np.sin(a) * b]))


def test_grids_in_other_places(tmp_path):
    axes, g = [np.linspace(-1.0, 1.5, n) for n in (12, 9)], lambda x: np.sin(x[0]) * x[1] ** 2
    whole = gradient_field(g, axes, method="exact")
    file = np.memmap(tmp_path / "field", float, "w+", shape=whole.shape)
    assert np.array_equal(gradient_field(g, axes, method="exact", out=file), whole)
    full = gradient_field(g, axes, method="exact", full_output=True)
    assert np.array_equal(full.value, whole)
    assert full.h is None
    pytest.importorskip("dask.array")
    close(gradient_field(g, axes, method="exact", chunks=5).compute(), whole)


def test_propagation():
    cov = np.array([[0.02, 0.01, 0.0], [0.01, 0.05, 0.0], [0.0, 0.0, 0.01]])
    y, spread = propagate(several, X, cov, method="exact")
    close(spread, slopes(X) @ cov @ slopes(X).T)
    assert y.tolist() == several(X).tolist()
    _, full = propagate(several, X, cov, method="exact", full_output=True)
    assert (full.h, full.error) == (None, None)


# --- functions that return a derivative -------------------------------------------------------------------------------


def test_functions_that_return_a_derivative():
    for x in (X, X + 0.25):
        close(grad(f, method="exact")(x), slope(x))
        value, found = value_and_grad(f, method="exact")(x)
        assert value == pytest.approx(f(x), rel=1e-15)
        close(found, slope(x))
        close(jac(several, method="exact")(x), slopes(x))
        close(hess(f, method="exact")(x), curvature(x))


def test_more_variables_than_differences_are_compiled_for():
    """24 000 operations, by NumPy."""
    x = np.linspace(0.1, 1.0, 3000)
    found = gradient(lambda x: np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2), x, method="exact")
    wanted = np.zeros(x.size)
    wanted[:-1] = -400 * x[:-1] * (x[1:] - x[:-1] ** 2) - 2 * (1 - x[:-1])
    wanted[1:] += 200 * (x[1:] - x[:-1] ** 2)
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


def test_one_object_many_calls():
    g = grad(f, method="exact")
    for x in points(8):
        close(g(x), slope(x))


def test_trees():
    g = lambda p: np.sum(p["w"] ** 2) * p["b"] + p["b"] ** 3
    found = grad(g, method="exact")({"w": np.array([1.0, 2.0]), "b": np.array(3.0)})
    close(found["w"], [6.0, 12.0])
    close(found["b"], np.asarray(5.0 + 27.0))
    assert grad(g, method="exact", full_output=True)({"w": np.ones(2), "b": 1.0}).h is None


def test_captured_numbers_stay_fresh():
    scale = 2.0
    g = grad(lambda x: scale * np.sum(x**2), method="exact")
    close(g(X), 4.0 * X)
    scale = 3.0
    close(g(X), 6.0 * X)


# --- forms of arrays --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 5, 40])
def test_memory_of_any_layout(count):
    x = points(2 * count, 6)
    for some in (x[::2, ::2], x[::-2, :3], np.asfortranarray(x[:count, :3]), x.T[:3, :count].T):
        close(gradient(f, some, batch=True, method="exact"), slope(some))
        close(jacobian(several, some, batch=True, method="exact"), [slopes(r) for r in some])


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("count", [None, 3, 40])
def test_other_precisions(dtype, count):
    x = (X if count is None else points(count)).astype(dtype)
    found = gradient(f, x, method="exact", batch=count is not None)
    assert found.dtype == dtype
    assert np.array_equal(found, slope(x).astype(dtype)) or np.abs(found - slope(x)).max() < np.finfo(dtype).eps * 8


def test_integers_and_lists():
    close(gradient(lambda x: np.sum(x**2), [3, 4], method="exact"), [6.0, 8.0])


@pytest.mark.parametrize("count", [3, 40])
def test_out(count):
    x = points(count)
    out = np.full((count, 3), 7.0)
    assert gradient(f, x, batch=True, method="exact", out=out) is out
    close(out, slope(x))
    wide = np.zeros((count, 6))
    gradient(f, x, batch=True, method="exact", out=wide[:, ::2])
    close(wide[:, ::2], slope(x))
    assert not wide[:, 1::2].any()


@pytest.mark.parametrize("count", [3, 40])
def test_further_arguments(count):
    x, w = points(count), points(count, 1)[:, 0]
    g = lambda x, w, a=3.0: a * w * np.sum(x**2)
    close(gradient(g, x, batch=True, batch_args=(w,), method="exact"), 6.0 * w[:, None] * x)
    v = points(count + 1)[:count]
    close(hvp(g, x, v, batch=True, batch_args=(w,), method="exact"), 6.0 * w[:, None] * v)
    close(gradient(lambda x, a: a * np.sum(x**2), X, args=(3.0,), method="exact"), 6.0 * X)


@pytest.mark.parametrize("power", [2, 3, 2.5])
def test_powers_of_pythons_numbers_that_overflow_raise(power):
    f = lambda x: x[1] / (1.0 + float(x[0]) ** power)
    points = np.tile([1.0, 2.0], (13, 1))
    points[6, 0] = 1e200
    for some in (points, points[6:7]):
        with pytest.raises(OverflowError):
            gradient(f, some, batch=True, method="exact")
    assert np.isfinite(gradient(lambda x: x[1] / (1.0 + x[0] ** power), points, batch=True, method="exact")).all()


OF_NOTHING = {
    "mean": lambda x: x[x > 0].mean(),
    "where": lambda x: np.mean(x, where=x > 0),
    "nanmean": lambda x: np.nanmean(np.where(x > 0, x, np.nan)) + x[0],
    "average": lambda x: np.sum((x > 0) * x) / np.sum(x > 0),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", OF_NOTHING)
def test_a_mean_of_nothing_has_no_derivative(name):
    points = np.tile([[0.8, 0.5], [-0.8, 0.5]], (20, 1))
    points[17] = -1.0, -2.0
    for count in (1, 40):
        found = gradient(OF_NOTHING[name], np.tile(points, (count, 1)), batch=True, method="exact")
        assert np.isnan(found[17]).all()
        assert np.isfinite(found[:17]).all()


LEFT_OUT = {
    "nanmax": lambda x: np.nanmax(np.sqrt(x)),
    "nanmin": lambda x: np.nanmin(np.sqrt(x)),
    "fmax": lambda x: np.fmax.reduce(np.sqrt(x)),
    "sort": lambda x: np.sort(np.sqrt(x))[0],
    "nansum": lambda x: np.nansum(np.sort(np.sqrt(x))),
    "arcsin": lambda x: np.nanmax(np.arcsin(3.0 * x)),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_is_no_number_and_left_out_has_no_part(name):
    x = np.array([-0.02, 0.3, -0.7, 0.11])
    right = gradient(LEFT_OUT[name], x, engine="python", order=4)
    for found in (
        gradient(LEFT_OUT[name], x, method="exact"),
        gradient(LEFT_OUT[name], np.tile(x, (40, 1)), batch=True, method="exact")[7],
    ):
        np.testing.assert_allclose(found, right, rtol=1e-8, atol=1e-9)


NOT_BY_ITS_TRACE = {
    "argmax": (lambda x: x[np.argmax(x)], [0.0, np.inf]),
    "determinant": (lambda x: np.linalg.det(np.diag(x)), [0.0, np.inf]),
    "a sum": (lambda x: np.einsum("i,j->", x, x), [1e308, -1e308]),
    "a quotient": (lambda x: (x[0] / (x[1] + 1j * x[0])).real, [0.0, np.inf]),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", NOT_BY_ITS_TRACE)
@pytest.mark.parametrize("count", [13, 600])
def test_values_are_fs_where_its_trace_is_not_finite(name, count):
    f, there = NOT_BY_ITS_TRACE[name]
    points = np.tile([1.0, 2.0], (count, 1))
    points[6] = there
    values, slopes = value_and_gradient(f, points, batch=True, method="exact")
    np.testing.assert_array_equal(values[6], f(points[6]))
    assert not np.isfinite(slopes[6]).all()
    assert values[7] == pytest.approx(f(points[7]), rel=1e-15)


@pytest.mark.parametrize("count", [1, 3, 40])
def test_full_output(count):
    x = points(count)
    full = gradient(f, x, batch=True, method="exact", full_output=True)
    assert (full.h, full.error, full.engine) == (None, None, "simd")
    assert not full.status.any()
    close(full.value, slope(x))


def test_dask():
    da = pytest.importorskip("dask.array")
    x = points(60)
    found = gradient(f, da.from_array(x, chunks=(25, 3)), batch=True, method="exact")
    close(found.compute(), slope(x))
    found = hessian(f, da.from_array(x, chunks=(25, 3)), batch=True, method="exact")
    close(found.compute(), [curvature(r) for r in x])


def test_rows_do_not_know_each_other():
    x = points(100)
    whole = gradient(f, x, batch=True, method="exact", workers=1)
    assert np.array_equal(whole, gradient(f, x, batch=True, method="exact", workers=2))
    assert np.array_equal(whole[:50], gradient(f, x[:50], batch=True, method="exact"))


# --- what f may do ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 3, 40])
def test_numbers_that_are_none(count):
    x = points(count)
    x[0] = [np.nan, 1.0, 2.0]
    found = gradient(f, x, batch=True, method="exact")
    close(found[1:], slope(x[1:]))
    assert np.isnan(found[0, 0])
    x[0] = [np.inf, 1.0, 2.0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = gradient(lambda x: np.sum(x**2), x, batch=True, method="exact")
    close(found[1:], 2.0 * x[1:])
    assert found[0].tolist() == [np.inf, 2.0, 4.0]


@pytest.mark.parametrize("count", [1, 3, 40])
def test_math_raises_as_in_python(count):
    g = lambda x: math.log(x[0]) + x[1]
    x = np.abs(points(count, 2)) + 0.1
    close(gradient(g, x, batch=True, method="exact"), np.stack([1.0 / x[:, 0], np.ones(count)], axis=1))
    x[-1, 0] = -1.0
    with pytest.raises(ValueError, match=r"math domain error|expected a positive input"):
        gradient(g, x, batch=True, method="exact")


def _caught(function, error):
    def f(x):
        try:
            return function(x[0]) + x[1]
        except error:
            return 5.0 * x[1]

    return f


CAUGHT = {
    "sqrt": (_caught(math.sqrt, ValueError), -0.5),
    "log": (_caught(math.log, ValueError), 0.0),
    "exp": (_caught(math.exp, OverflowError), 800.0),
    "acos": (_caught(math.acos, Exception), 2.0),
}


@pytest.mark.filterwarnings("default::RuntimeWarning")  # else NumPy's errors would be exceptions that f may catch
@pytest.mark.parametrize(("f", "there"), CAUGHT.values(), ids=CAUGHT)
@pytest.mark.parametrize("of", [gradient, value_and_gradient, jacobian, hessian])
def test_exceptions_of_math_that_f_catches(of, f, there):
    points = np.tile([0.5, 0.3], (3000, 1))
    of(f, points, batch=True, method="exact")
    points[1500, 0] = there
    for some in (points, points[1499:1502], points[1500:1501]):
        with pytest.raises(EngineError, match=r"f has a value of its own at|in Python"):
            of(f, some, batch=True, method="exact")
    with pytest.raises(EngineError, match=r"f has a value of its own at|in Python"):
        grad(f, method="exact")(points[1500])


@pytest.mark.parametrize("count", [1, 3, 40])
def test_math_that_raises_where_a_selection_hides_it(count):
    """NumPy's where takes both of its branches: so does f in Python, and raises."""
    g = lambda x: np.where(x[0] > 0, math.log(x[0]), 0.0) + x[1]
    x = np.abs(points(count, 2)) + 0.1
    x[-1, 0] = -1.0
    with pytest.raises(ValueError, match=r"math domain error|expected a positive input"):
        gradient(g, x, batch=True, method="exact")


def test_f_may_write_into_its_argument():
    def g(x):
        x *= 2.0
        return np.sum(x**2)

    x = X.copy()
    close(gradient(g, x, method="exact"), 8.0 * X)
    assert np.array_equal(x, X)


def test_f_that_does_not_read_x():
    for some, batch in ((X, False), (points(40), True)):
        with pytest.warns(ConstantFunctionWarning):
            assert not gradient(lambda x: 3.0, some, batch=batch, method="exact").any()


@pytest.mark.parametrize("count", [1, 40])
def test_coordinates_there_are_none(count):
    assert gradient(lambda x: 3.0, np.empty((count, 0)), batch=True, method="exact").shape == (count, 0)


def test_progress():
    seen = []
    gradient(f, points(40), batch=True, method="exact", progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (40, 40)


def test_kinks_by_both_ways_to_run():
    for x, options in ((np.zeros(3), {}), (np.zeros((40, 3)), {"batch": True})):
        close(gradient(np.max, x, method="exact", **options), np.full(x.shape, 1.0 / 3.0))
        close(gradient(lambda x: np.sum(np.maximum(x, 0.0)), x, method="exact", **options), np.full(x.shape, 0.5))
        close(gradient(lambda x: np.sum(np.abs(x)), x, method="exact", **options), np.zeros(x.shape))


def test_both_ways_to_run_agree():
    x = points(40)
    many = gradient(f, x, batch=True, method="exact")
    close([gradient(f, row, method="exact") for row in x], many, 4e-16)


def test_long_programs():
    rosenbrock = lambda x: np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)
    x = points(3, 200)
    expected = np.zeros_like(x)
    expected[:, :-1] = -400.0 * x[:, :-1] * (x[:, 1:] - x[:, :-1] ** 2) - 2.0 * (1.0 - x[:, :-1])
    expected[:, 1:] += 200.0 * (x[:, 1:] - x[:, :-1] ** 2)
    close(gradient(rosenbrock, x, batch=True, method="exact"), expected, 4e-15)


# --- refusals ---------------------------------------------------------------------------------------------------------

ALL = {
    "derivative": lambda **o: derivative(np.sin, 0.5, **EXACT, **o),
    "gradient": lambda **o: gradient(f, X, **EXACT, **o),
    "value_and_gradient": lambda **o: value_and_gradient(f, X, **EXACT, **o),
    "jacobian": lambda **o: jacobian(several, X, **EXACT, **o),
    "hessian": lambda **o: hessian(f, X, **EXACT, **o),
    "jvp": lambda **o: jvp(several, X, V, **EXACT, **o),
    "vjp": lambda **o: vjp(several, X, V, **EXACT, **o),
    "hvp": lambda **o: hvp(f, X, V, **EXACT, **o),
    "gradient_field": lambda **o: gradient_field(lambda x: x[0] * x[1], [X, X], **EXACT, **o),
    "propagate": lambda **o: propagate(several, X, np.eye(3), **EXACT, **o),
    "grad": lambda **o: grad(f, **EXACT, **o)(X),
    "value_and_grad": lambda **o: value_and_grad(f, **EXACT, **o)(X),
    "jac": lambda **o: jac(several, **EXACT, **o)(X),
    "hess": lambda **o: hess(f, **EXACT, **o)(X),
    "explain": lambda **o: explain(f, X, **EXACT, **o),
}


@pytest.mark.parametrize("name", sorted(ALL))
def test_steps_mean_nothing(name):
    with pytest.raises(ValueError, match=r"h=0\.1 means nothing to method='exact'"):
        ALL[name](h=0.1)
    with pytest.raises(ValueError, match=r"rel_step=0\.1 means nothing to method='exact'"):
        ALL[name](rel_step=0.1)
    with pytest.raises(ValueError, match="order=4 means nothing to method='exact'"):
        ALL[name](order=4)


@pytest.mark.parametrize("name", sorted(ALL))
@pytest.mark.parametrize("engine", ["jit", "python", "reference"])
def test_other_engines_have_no_trace(name, engine):
    with pytest.raises(EngineError, match=f"which engine='{engine}' does not have; leave the engine out"):
        ALL[name](engine=engine)


@pytest.mark.parametrize("name", sorted(ALL))
def test_the_engine_that_has_one(name):
    ALL[name](engine="simd")


WITHIN = [
    "derivative",
    "gradient",
    "value_and_gradient",
    "jacobian",
    "hessian",
    "grad",
    "value_and_grad",
    "jac",
    "hess",
]


@pytest.mark.parametrize("name", WITHIN)
def test_bounds_have_no_effect(name):
    """Also those that x lies on: f is asked at x alone."""
    for bounds in ((-2.0, 2.0), (-0.7, 0.5), (0.4, np.inf)) if name == "derivative" else ((-2.0, 2.0), (X, X)):
        for a, b in zip(_parts(ALL[name]()), _parts(ALL[name](bounds=bounds)), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-15, atol=1e-16)  # one by a kernel, the other by NumPy


def _parts(found):
    return found if isinstance(found, tuple) else (found,)


def branching(x):
    return x[0] if abs(float(str(x[1]))) > 0.5 else x[1]


OPAQUE = {
    "text": lambda x: abs(float(str(x[0]))) + x[1],
    "a branch": branching,
    "bits": lambda x: [1.0, 2.0][int(x[0]) ^ 0] + x[1],
    "linear algebra": lambda x: np.linalg.eigvals(np.outer(x, x))[0].real,
}


@pytest.mark.parametrize("name", sorted(OPAQUE))
@pytest.mark.parametrize("count", [None, 3, 40])
def test_f_that_does_not_trace(name, count):
    x = X if count is None else points(count)
    with pytest.raises(EngineError, match=r"method='exact' needs a trace of f: .*method='central' or 'adaptive'"):
        gradient(OPAQUE[name], x, batch=count is not None, method="exact")


def test_f_whose_trace_lies():
    def g(x):
        return x[0] ** 2 + x[1] if x[0].__class__ is np.float64 else x[0] ** 3 + x[1]

    for some, batch in ((X, False), (points(40), True)):
        with pytest.raises(EngineError, match="method='exact' needs a trace of f"):
            gradient(g, some, batch=batch, method="exact")


def test_complex_functions():
    with pytest.raises((TypeError, EngineError), match="complex"):
        gradient(lambda x: x[0] * 1j + x[1], X, method="exact")
    with pytest.raises(TypeError, match="complex"):
        gradient(f, X + 1j, method="exact")


def test_shapes():
    with pytest.raises(ValueError, match="f returned"):
        gradient(several, X, method="exact")
    with pytest.raises(ValueError, match="shape"):
        jvp(several, X, V[:2], method="exact")


def test_a_wrong_rule_is_not_believed(monkeypatch):
    from fastgrad.program import partials

    g = partial(lambda a, x: np.sum(np.arctan(x) * a), 1.7)
    monkeypatch.setitem(partials.RULES, "atan", lambda y, a: (1.0 / (1.0 + a),))
    for some, batch in ((X, False), (points(40), True)):
        with pytest.raises(EngineError, match="its exact derivative is"):
            gradient(g, some, batch=batch, method="exact")


SINES = {
    "sin": (np.sin, np.cos),
    "cos": (np.cos, lambda x: -np.sin(x)),
    "tan": (np.tan, lambda x: 1.0 + np.tan(x) ** 2),
    "product": (lambda x: np.sin(x) * np.cos(2.0 * x), lambda x: 1.5 * np.cos(3.0 * x) - 0.5 * np.cos(x)),
}


@pytest.mark.parametrize("name", SINES)
def test_waves_far_out_are_no_jumps(name):
    f, slope = SINES[name]
    for x in (1e4, -1e6, 1e8, 3e9, -1e10, 1e13, 1e17):
        assert derivative(f, x, method="exact") == pytest.approx(slope(x), rel=1e-13), x
        found = gradient(lambda x: f(x[0]) + x[1], np.array([x, 0.5]), method="exact")
        assert found == pytest.approx([slope(x), 1.0], rel=1e-13), x


def test_staircases_far_out_are_refused():
    for x in (1e8, -1e10, 1e13):
        with pytest.raises(EngineError, match="its exact derivative is 0, but differences of f give"):
            derivative(np.floor, x, method="exact")


def test_explain_says_what_would_run():
    few, many = explain(f, X, method="exact"), explain(f, points(400), batch=True, method="exact", workers=2)
    assert few == "simd: 1 point, f of 7 operations, with its derivatives 14, by NumPy, 1 thread"
    assert (
        many == f"simd: 400 points, f of 7 operations, with its derivatives 14, on {machine.lanes()} lanes, 2 threads"
    )


BLIND = {
    "maximum": lambda x: np.maximum(x[0], 0.2) * x[1] + x[0] ** 2,
    "minimum": lambda x: np.minimum(x[0], x[1]) ** 2,
    "clip": lambda x: np.clip(x[0], -0.5, 0.5) * x[1] ** 2,
    "fmax": lambda x: np.fmax(x[0] * x[1], x[1]) ** 2,
    "logaddexp": lambda x: np.logaddexp(x[0], x[1]),
    "floor": lambda x: np.floor(x[0]) * x[1] ** 2 + x[0] * x[1],
    "sign": lambda x: np.sign(x[0]) * x[1] ** 3,
    "where": lambda x: np.where(x[0] > x[1], np.maximum(x[0], 0.1) ** 3, x[1] ** 2) + x[0] * x[1],
}


@pytest.mark.parametrize("name", BLIND)
def test_exact_ones_at_many_points_of_functions_that_pick(name):
    f, points = BLIND[name], np.random.default_rng(0).normal(size=(103, 2))
    v = np.ones(2)
    one_by_one = np.array([hessian(f, p, method="exact") for p in points])
    np.testing.assert_allclose(hessian(f, points, batch=True, method="exact"), one_by_one, atol=1e-13)
    np.testing.assert_allclose(hess(f, method="exact")(points[0]), one_by_one[0], atol=1e-13)
    along = hvp(f, points, np.tile(v, (103, 1)), batch=True, method="exact")
    np.testing.assert_allclose(along, one_by_one @ v, atol=1e-12)
    slopes = derivative(lambda t: f([t, 0.3 * t]), points[:, 0], n=2, method="exact")
    line = np.array([1.0, 0.3])
    there = np.array([hessian(f, t * line, method="exact") for t in points[:, 0]])
    np.testing.assert_allclose(slopes, line @ there @ line, atol=1e-12)


OUTSIDE = {
    "log": lambda t: np.log(np.sin(t)), "log1p": lambda t: np.log1p(np.sin(t) - 1.0) + t**3,
    "log2": lambda t: np.log2(np.sin(t)) * t, "atanh": lambda t: np.arctanh(2.0 * np.sin(t)),
    "sum": lambda t: np.log(np.sin(t)) + np.cos(t), "of max": lambda t: np.maximum(np.log(np.sin(t)), -5.0),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("name", OUTSIDE)
def test_exact_ones_are_nan_where_f_is(name, n):
    f, t = OUTSIDE[name], np.linspace(0.1, 6.0, 1501)
    with np.errstate(invalid="ignore"):
        outside = np.isnan(f(t))
    found = derivative(f, t, n=n, method="exact")
    assert outside.any()
    np.testing.assert_array_equal(np.isnan(found[outside]), True)
    if n == 2:
        points = np.column_stack([t, np.ones_like(t)])
        both = hessian(lambda x: f(x[0]) + x[1] ** 3, points, batch=True, method="exact")
        assert np.isnan(both[outside]).all()


def test_a_bisection_is_no_exact_derivative_of_a_root():
    def root(x):
        lo, hi = x[0], x[1]
        for _ in range(40):
            middle = 0.5 * (lo + hi)
            if middle**3 + middle > x[2]:
                hi = middle
            else:
                lo = middle
        return middle

    ends = np.column_stack([np.linspace(1.0, 2.0, 9), np.linspace(3.0, 4.0, 9), np.zeros(9)])
    np.testing.assert_allclose(gradient(root, ends, batch=True, method="exact")[:, 0], 1.0, rtol=1e-9)
    ends[4, 2] = 20.0  # here the root lies between
    with pytest.raises(EngineError, match="f has kinks or jumps"):
        gradient(root, ends, batch=True, method="exact")

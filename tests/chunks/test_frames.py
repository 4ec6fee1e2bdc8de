"""pandas in, pandas out: f reads labels where it does, and every number is that of plain arrays."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import fastgrad
from fastgrad import (
    derivative,
    explain,
    grad,
    gradient,
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
from fastgrad.chunks import frames

X = pd.Series({"a": 1.5, "b": 2.5, "c": -0.5}, name="start")
V = pd.Series({"c": 3.0, "a": 1.0, "b": 2.0})
ROWS = pd.DataFrame({"u": [1.0, 2.0, 3.0], "v": [4.0, 5.0, 6.0]}, index=["p", "q", "r"])


def cubic(p):
    return p["a"] ** 2 * p["b"] + p["c"]


def cubic_of_numbers(p):
    return p[0] ** 2 * p[1] + p[2]


def two(p):
    return pd.Series({"first": p["a"] * p["b"], "second": p.c})


def two_of_numbers(p):
    return np.array([p[0] * p[1], p[2]])


def test_gradient():
    found = gradient(cubic, X)
    pd.testing.assert_series_equal(found, pd.Series(gradient(cubic_of_numbers, X.to_numpy()), index=X.index))


@pytest.mark.parametrize(
    "f",
    [cubic, lambda p: p.a**2 * p.b + p.c, lambda p: p[["a", "b"]].prod() * p["a"] + p.loc["c"], cubic_of_numbers],
    ids=["labels", "attributes", "methods", "positions"],
)
def test_each_way_to_read(f):
    np.testing.assert_allclose(gradient(f, X), gradient(cubic_of_numbers, X.to_numpy()), rtol=1e-9)
    np.testing.assert_allclose(hessian(f, X), hessian(cubic_of_numbers, X.to_numpy()), atol=1e-6)


def test_numbers_as_labels_are_labels():
    x = pd.Series([1.0, 2.0], index=[1, 0])
    found = gradient(lambda p: p[0] ** 2 + 10 * p[1], x)
    assert found.round(6).to_dict() == {1: 10.0, 0: 4.0}


def test_other_series_are_added_by_label():
    factors = pd.Series({"c": 1.0, "b": 10.0, "a": 100.0})
    assert gradient(lambda p: (p * factors).sum(), X).round(6).to_dict() == {"a": 100.0, "b": 10.0, "c": 1.0}


def test_labels_can_be_traced():
    assert gradient(cubic, X, method="exact").to_dict() == {"a": 7.5, "b": 2.25, "c": 1.0}
    assert gradient(cubic, X, engine="simd").round(8).to_dict() == {"a": 7.5, "b": 2.25, "c": 1.0}


@pytest.mark.parametrize(
    "f",
    [
        lambda p: p.values @ p.values * p["a"], lambda p: np.sum(p.to_numpy() ** 3), lambda p: p.iloc[0] * p.iloc[-1],
        lambda p: p.loc["a"] * p.at["b"], lambda p: (p**2).sum() * p.a, lambda p: p.dot(V[["a", "b", "c"]]) ** 2,
        lambda p: p.drop("a").sum() * p.max(), lambda p: sum(k * value for k, (_, value) in enumerate(p.items())),
    ],
    ids=range(8),
)  # fmt: skip
def test_what_a_series_has_is_traced(f):
    found = gradient(f, X, method="exact")
    assert list(found.index) == list(X.index)
    np.testing.assert_allclose(found, gradient(f, X, engine="python", order=4), rtol=1e-9, atol=1e-9)


def test_value_and_gradient():
    value, slope = value_and_gradient(cubic, X)
    assert value == cubic(X)
    assert list(slope.index) == ["a", "b", "c"]


def test_full_output():
    found = gradient(cubic, X, method="adaptive", full_output=True)
    for part in (found.value, found.error, found.status, found.h):
        assert list(part.index) == ["a", "b", "c"]
    assert gradient(cubic, X, method="exact", full_output=True).h is None


def test_hessian():
    found = hessian(cubic, X, method="exact")
    assert found.loc["a", "b"] == found.loc["b", "a"] == 3.0
    assert list(found.index) == list(found.columns) == ["a", "b", "c"]


def test_jacobian():
    found = jacobian(two, X)
    assert list(found.index) == ["first", "second"]
    assert list(found.columns) == ["a", "b", "c"]
    np.testing.assert_array_equal(found, jacobian(two_of_numbers, X.to_numpy()))
    assert list(jacobian(two_of_numbers, X).index) == [0, 1]
    assert type(jacobian(cubic, X)) is pd.Series


def test_products_take_v_by_label():
    v = V[X.index].to_numpy()
    assert jvp(two, X, V).index.tolist() == ["first", "second"]
    np.testing.assert_array_equal(jvp(two, X, V), jvp(two_of_numbers, X.to_numpy(), v))
    pd.testing.assert_series_equal(hvp(cubic, X, V), pd.Series(hvp(cubic_of_numbers, X.to_numpy(), v), index=X.index))
    found = vjp(two, X, [1.0, 2.0])
    np.testing.assert_array_equal(found, vjp(two_of_numbers, X.to_numpy(), [1.0, 2.0]))
    assert list(found.index) == ["a", "b", "c"]


def test_covariances_by_label():
    cov = pd.DataFrame(np.diag([3.0, 1.0, 2.0]), index=V.index, columns=V.index)
    y, spread = propagate(two, X, cov)
    assert list(y.index) == list(spread.index) == list(spread.columns) == ["first", "second"]
    plain = propagate(two_of_numbers, X.to_numpy(), np.diag([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(spread, plain[1])
    y, variance = propagate(cubic, X, pd.Series({"b": 2.0, "a": 1.0, "c": 3.0}))
    assert (y, variance) == propagate(cubic_of_numbers, X.to_numpy(), [1.0, 2.0, 3.0])


def test_steps_and_bounds_by_label():
    h = pd.Series({"c": 1e-2, "b": 1e-3, "a": 1e-4})
    assert gradient(cubic, X, h=h, full_output=True).h.round(5).to_dict() == {"a": 1e-4, "b": 1e-3, "c": 1e-2}
    bounds = (pd.Series({"c": -1.0, "b": 2.5, "a": 0.0}), np.inf)
    seen = []
    gradient(lambda p: seen.append(p["b"]) or cubic(p), X, bounds=bounds, engine="python")
    assert min(seen[4:]) >= 2.5  # before it is looked what f reads


@pytest.mark.parametrize("v", [pd.Series([1.0, 2.0, 3.0]), pd.Series({"a": 1.0}), pd.Series([1.0] * 4, list("abca"))])
def test_other_labels(v):
    with pytest.raises(ValueError, match=r"has the labels .*, x has \['a', 'b', 'c'\].*\.to_numpy\(\)"):
        hvp(cubic, X, v)


@pytest.mark.parametrize("f", [lambda p: p["u"] ** 2 * p["v"], lambda p: p[0] ** 2 * p[1]], ids=["labels", "positions"])
def test_rows(f):
    plain = gradient(lambda p: p[0] ** 2 * p[1], ROWS.to_numpy(), batch=True)
    pd.testing.assert_frame_equal(gradient(f, ROWS, batch=True), pd.DataFrame(plain, ROWS.index, ROWS.columns))
    value, slope = value_and_gradient(f, ROWS, batch=True)
    assert value.to_dict() == {"p": 4.0, "q": 20.0, "r": 54.0}
    assert slope.shape == (3, 2)
    assert hessian(f, ROWS, batch=True).shape == (3, 2, 2)


def test_rows_with_arguments():
    found = gradient(lambda p, a, b: a * b * p["u"], ROWS, args=(2.0,), batch_args=([1.0, 2.0, 3.0],), batch=True)
    assert found["u"].round(6).tolist() == [2.0, 4.0, 6.0]


def test_many_rows_are_compiled():
    many = pd.DataFrame(np.random.default_rng(0).normal(size=(5_000, 2)), columns=["u", "v"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = gradient(lambda p: np.sin(p["u"]) * p["v"], many, batch=True, full_output=True)
    assert found.engine == "simd"
    assert explain(lambda p: np.sin(p["u"]) * p["v"], many, batch=True).engine == "simd"


def test_a_table_as_one_point():
    found = gradient(lambda t: (t["u"] ** 2).sum() + t["v"].sum(), ROWS)
    assert found["u"].round(6).tolist() == [2.0, 4.0, 6.0]
    assert found.index.tolist() == ["p", "q", "r"]


def test_functions_of_functions():
    assert grad(cubic)(X).round(8).to_dict() == {"a": 7.5, "b": 2.25, "c": 1.0}
    value, slope = value_and_grad(cubic)(X)
    assert (value, type(slope)) == (cubic(X), pd.Series)
    assert type(hess(cubic)(X)) is type(jac(two)(X)) is pd.DataFrame


def test_derivative():
    pd.testing.assert_series_equal(derivative(np.sin, X, order=8).round(10), np.cos(X).round(10).rename(None))


def test_errors_are_those_of_the_series():
    with pytest.raises(KeyError, match="nowhere"):
        gradient(lambda p: p["nowhere"], X)
    with pytest.raises(ValueError, match=r"\(N, D\)"):
        gradient(cubic, X, batch=True)
    with pytest.raises(TypeError, match="must be a function"):
        gradient(X, cubic)


def test_out_is_written():
    out = np.empty(3)
    assert gradient(cubic, X, out=out) is out
    assert out.round(6).tolist() == [7.5, 2.25, 1.0]


def test_no_points():
    assert gradient(cubic, X[:0]).shape == (0,)
    assert gradient(cubic, ROWS[:0], batch=True).shape == (0, 2)


def test_data_arrays_of_points():
    points = xr.DataArray(
        np.arange(6.0).reshape(3, 2), dims=("station", "axis"), coords={"station": list("pqr")}, attrs={"units": "m"}
    )
    found = gradient(lambda p: p[0] ** 2 * p[1], points, batch=True)
    assert (found.dims, found.attrs) == (("station", "axis"), {})
    assert found.station.values.tolist() == ["p", "q", "r"]
    value, slope = value_and_gradient(lambda p: p[0] ** 2 * p[1], points, batch=True)
    assert (value.dims, slope.dims) == (("station",), ("station", "axis"))
    assert value.values.tolist() == [0.0, 12.0, 80.0]


def test_what_is_none():
    assert not any(map(frames.is_frame, ([1.0], (1.0,), 1.0, np.ones(2), np.float32(1), None, {"a": 1.0}, range(3))))
    assert fastgrad.gradient(np.sum, [1.0, 2.0]).tolist() == [1.0, 1.0]


WEIGHTS = xr.DataArray([[1.0, 10.0], [100.0, 1000.0]], dims=("b", "a"), coords={"a": [0, 1]})
PLANE = xr.DataArray([[1.0, 2.0], [3.0, 4.0]], dims=("a", "b"), coords={"a": [0, 1]})


@pytest.mark.parametrize("options", [{}, {"order": 4}, {"method": "adaptive"}, {"bounds": (0.0, 9.0)}], ids=repr)
def test_f_that_goes_by_the_names_of_dimensions_gets_them(options):
    f = lambda x: float((x * WEIGHTS).sum())  # plain numbers would be multiplied by those that stand at their places
    found = fastgrad.gradient(f, PLANE, **options)
    np.testing.assert_allclose(found, WEIGHTS.values.T, rtol=1e-7)
    assert found.dims == ("a", "b")
    rows = fastgrad.gradient(lambda x: float((x * WEIGHTS.sel(a=0)).sum()), PLANE, batch=True, **options)
    np.testing.assert_allclose(rows, [[1.0, 100.0]] * 2, rtol=1e-7)
    np.testing.assert_allclose(fastgrad.gradient(lambda x: float(x.sel(a=1).sum()), PLANE, **options), [[0, 0], [1, 1]])


def test_names_of_dimensions_in_other_operations():
    f = lambda x: float((x * WEIGHTS).sum()) ** 2
    slope = WEIGHTS.values.T.ravel()
    np.testing.assert_allclose(fastgrad.hessian(f, PLANE).reshape(4, 4), 2 * np.outer(slope, slope), rtol=1e-4)
    products = fastgrad.jacobian(lambda x: x * WEIGHTS, PLANE).reshape(4, 4)
    np.testing.assert_allclose(products, np.diag(slope), atol=1e-6)
    with pytest.raises(fastgrad.EngineError, match="needs a trace"):
        fastgrad.gradient(f, PLANE, method="exact")
    plain = fastgrad.gradient(lambda x: (x**2).sum(), PLANE, method="exact")
    np.testing.assert_allclose(plain, 2 * PLANE)


WITHOUT_LABELS = {
    "numerical_gradient": fastgrad.numerical_gradient,
    "numerical_gradient_2d": fastgrad.numerical_gradient_2d,
    "numerical_diff": fastgrad.numerical_diff,
    "gradient_descent": fastgrad.gradient_descent,
    "tangent_line": fastgrad.tangent_line,
    "check_gradient": lambda f, x: fastgrad.check_gradient(f, lambda x: x, x),
    "grad of a dict": lambda f, x: fastgrad.grad(lambda p: f(p["x"]))({"x": x}),
}


@pytest.mark.parametrize("ask", WITHOUT_LABELS.values(), ids=WITHOUT_LABELS)
@pytest.mark.parametrize(
    "x", [pd.Series([1.0, 2.0], index=["u", "v"]), PLANE.to_pandas(), PLANE], ids=["series", "frame", "array"]
)
def test_where_labels_would_be_lost_they_are_refused(ask, x):
    with pytest.raises(TypeError, match=rf"is a {type(x).__name__}, and f would be asked with plain numbers"):
        ask(lambda x: float((x * x[::-1]).sum().sum()), x)


def test_dimensions_of_what_comes_with_a_dataarray():
    f = lambda x: float((x * WEIGHTS).sum())
    v = xr.DataArray([[1.0, 2.0], [3.0, 4.0]], dims=("b", "a"))
    product = np.sum(v.values * WEIGHTS.values)
    np.testing.assert_allclose(jvp(f, PLANE, v), product)
    np.testing.assert_allclose(hvp(lambda x: f(x) ** 2, PLANE, v), 2 * product * WEIGHTS.values.T, rtol=1e-5)
    np.testing.assert_allclose(jvp(lambda p: float(p[0] + 9 * p[1]), PLANE, v, batch=True), [28.0, 38.0], rtol=1e-7)
    steps = gradient(f, PLANE, h=v * 2.0**-20, full_output=True).h
    np.testing.assert_array_equal(steps, v.values.T * 2.0**-20)
    at_bound = gradient(f, PLANE, bounds=(v * 0.0, xr.where(v == 3.0, 2.0, 9.0)))
    np.testing.assert_allclose(at_bound, WEIGHTS.values.T, rtol=1e-6)
    _, variance = propagate(f, PLANE, xr.DataArray(np.eye(4)))
    np.testing.assert_allclose(variance, np.sum(WEIGHTS.values**2), rtol=1e-7)
    for other in (v.rename(b="c"), v.assign_coords(a=[1, 0])):
        with pytest.raises(ValueError, match=r"x has \('a', 'b'\), or other coordinates along them"):
            jvp(f, PLANE, other)


@pytest.mark.parametrize("method", ["central", "adaptive", "forward"])
@pytest.mark.parametrize(
    "x", [pd.Series([0.5, 1.0], index=["u", "v"]), xr.DataArray([0.5, 1.0], dims="q")], ids=["series", "array"]
)
def test_f_is_not_asked_out_of_bounds_by_the_look_at_labels(x, method):
    asked = []

    def f(p):
        asked.append(np.array(p))
        return p[0] * p[1] if isinstance(p, np.ndarray) else float(np.prod(np.asarray(p)))

    bounds = (0.25, np.array([2.0, 1.0]))
    np.testing.assert_allclose(gradient(f, x, bounds=bounds, method=method), [1.0, 0.5], rtol=1e-6)
    assert np.min(asked) >= 0.25
    assert (np.array(asked) <= bounds[1]).all()
    rows = pd.DataFrame([[0.5, 1.0], [1.0, 0.5]], columns=["u", "v"])
    asked.clear()
    gradient(f, rows, batch=True, bounds=bounds, method=method)
    assert (np.array(asked) <= bounds[1]).all()


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("name", ["mean", "sum", "std"])
def test_rows_with_missing_numbers(name, at):
    """pandas leaves NaN out, as NumPy does not; the first row need not have any."""
    rows = np.array([[1.0, 2.0, 4.0], [2.0, 3.0, 7.0], [0.5, 1.5, 2.5]])
    rows[at, 1] = np.nan
    f = lambda p: getattr(p, name)() ** 2
    frame = pd.DataFrame(rows, columns=list("abc"))
    found = gradient(f, frame, batch=True)
    for k in range(3):
        np.testing.assert_allclose(found.iloc[k], gradient(f, frame.iloc[k]), rtol=1e-6)
    assert found.iloc[at, [0, 2]].notna().all()


def test_functions_that_branch_by_labels_are_traced():
    def f(p):
        if p["a"] > 1.0:
            return max(p["a"], p["b"]) * math.sqrt(p["c"])
        return p["a"] ** 2 + p.b * p["c"]

    points = pd.DataFrame(np.random.default_rng(0).uniform(0.5, 2.0, (3000, 3)), columns=list("abc"))
    assert fastgrad.explain(f, points, batch=True).engine == "simd"
    exact = gradient(f, points, batch=True, method="exact")
    for k in range(5):
        np.testing.assert_allclose(exact.iloc[k], gradient(f, points.iloc[k], order=6), rtol=1e-8, atol=1e-9)

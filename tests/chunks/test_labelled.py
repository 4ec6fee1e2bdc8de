"""DataArrays: the numbers of plain arrays with their coordinates, names, attributes and units."""

import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from fastgrad import gradient_field, grid
from fastgrad.chunks import labelled
from fastgrad.chunks.coordinates import is_labelled
from fastgrad.chunks.labelled import COMPONENT, has_labels

X, Y = np.linspace(0.0, 3.0, 9), np.linspace(0.0, 1.0, 12) ** 2
VALUES = np.sin(X[:, None]) * np.exp(Y)


def temperature(values=VALUES, **attrs):
    coordinates = {
        "x": ("x", X, {"units": "m", "axis": "X"}),
        "y": ("y", Y, {"units": "s"}),
        "station": ("x", list("abcdefghi")),
        "height": 2.0,
    }
    attrs = {"units": "K", "source": "model", **attrs}
    return xr.DataArray(values, dims=("x", "y"), coords=coordinates, attrs=attrs, name="T")


def check(result, data, name, **attrs):
    """Everything of a result of `temperature`."""
    model = temperature()
    assert type(result) is xr.DataArray
    assert (result.dims, result.name, result.attrs) == (model.dims, name, attrs)
    xr.testing.assert_identical(result.coords.to_dataset(), model.coords.to_dataset())
    np.testing.assert_array_equal(result.values, data)


# --- sampled values ---------------------------------------------------------------------------------------------------


def test_gradient_along_coordinates():
    dx, dy = grid.gradient(temperature())
    expected = np.gradient(VALUES, X, Y)
    check(dx, expected[0], "dT_dx", units="K/m", source="model")
    check(dy, expected[1], "dT_dy", units="K/s", source="model")
    assert temperature().identical(temperature()), "the values keep their attributes"


@pytest.mark.parametrize("axis", ["y", 1, -1, ("y",), ["y"], np.int64(1)])
def test_one_axis_by_name_or_number(axis):
    dy = grid.gradient(temperature(), axis=axis, edge_order=2)
    check(dy, np.gradient(VALUES, Y, axis=1, edge_order=2), "dT_dy", units="K/s", source="model")


def test_axes_in_any_order():
    dy, dx = grid.gradient(temperature(), axis=("y", "x"))
    np.testing.assert_array_equal(dy, np.gradient(VALUES, Y, axis=1))
    np.testing.assert_array_equal(dx, np.gradient(VALUES, X, axis=0))
    assert (dy.name, dx.name) == ("dT_dy", "dT_dx")
    assert grid.gradient(temperature(), axis=()) == ()


def test_options_arrive():
    wave = xr.DataArray(np.sin(X), dims="x", coords={"x": X})
    options = {"accuracy": 4, "periodic": True, "period": 4.0, "workers": 1}
    seen = []
    got = grid.gradient(wave, progress=lambda *a: seen.append(a), **options)
    np.testing.assert_array_equal(got, grid.gradient(np.sin(X), X, **options))
    assert (got.name, got.attrs, bool(seen)) == (None, {}, True)
    got = grid.laplacian(wave, edge_order=1)
    np.testing.assert_array_equal(got, grid.laplacian(np.sin(X), X, edge_order=1))


def test_a_dimension_without_coordinates_has_spacing_one():
    values = xr.DataArray(VALUES, dims=("x", "y"), coords={"y": Y}, attrs={"units": "K"})
    dx, dy = grid.gradient(values)
    np.testing.assert_array_equal(dx, np.gradient(VALUES, axis=0))
    np.testing.assert_array_equal(dy, np.gradient(VALUES, Y, axis=1))
    assert (dx.attrs, dy.attrs) == ({}, {}), "units of a spacing that is not known"


def test_given_spacing_wins():
    dx, dy = grid.gradient(temperature(), 0.5)
    for got, expected in zip((dx, dy), np.gradient(VALUES, 0.5), strict=True):
        np.testing.assert_array_equal(got, expected)
        assert got.attrs == {"source": "model"}
    kilometres = temperature()["x"].copy(data=X / 1000)
    kilometres.attrs["units"] = "km"
    dx, dy = grid.gradient(temperature(), kilometres, 2.0)
    np.testing.assert_array_equal(dx, np.gradient(VALUES, X / 1000, axis=0))
    np.testing.assert_array_equal(dy, np.gradient(VALUES, 2.0, axis=1))
    assert (dx.attrs["units"], "units" in dy.attrs) == ("K/km", False)
    step = xr.DataArray(0.25, attrs={"units": "m"})
    assert [d.attrs["units"] for d in grid.gradient(temperature(), step)] == ["K/m", "K/m"]
    np.testing.assert_array_equal(grid.gradient(temperature(), step)[1], np.gradient(VALUES, 0.25, axis=1))


@pytest.mark.parametrize("unit", ["s", "ms", "ns"])
def test_times_are_seconds(unit):
    seconds = np.array([0, 1, 3, 4, 8, 9, 20, 21, 22], float)
    starts = np.datetime64("2001-02-03T04:05:06", unit)
    times = {
        "when": starts + (seconds * 1000).astype("m8[ms]"),
        "lead": (seconds * 1000).astype("m8[ms]").astype(f"m8[{unit}]"),
    }
    for name, coordinate in times.items():
        values = xr.DataArray(VALUES, dims=(name, "y"), coords={name: coordinate}, attrs={"units": "m"}, name="z")
        got = grid.gradient(values, axis=name)
        np.testing.assert_array_equal(got, np.gradient(VALUES, seconds, axis=0))
        assert (got.attrs, got.name) == ({"units": "m/s"}, f"dz_d{name}")
        np.testing.assert_array_equal(got[name], values[name])
    np.testing.assert_array_equal(grid.gradient(values, values["lead"], 1.0)[0], got)


@pytest.mark.parametrize(
    ("units", "along", "expected"),
    [
        ("K", "m", "K/m"),
        ("m s-1", "m", "m s-1/m"),
        ("K", "m s-1", "K/(m s-1)"),
        ("K", "m2", "K/(m2)"),
        ("K", "degrees_north", "K/degrees_north"),
        ("1", "s", "1/s"),
        ("", "s", "1/s"),
        (2, "s", "2/s"),
        ("K", "1", "K"),
        ("m", "m", "1"),
        ("K", None, None),
        (None, "m", None),
    ],
)
def test_units(units, along, expected):
    def attrs(unit):
        return {} if unit is None else {"units": unit}

    values = xr.DataArray(np.sin(X), dims="x", coords={"x": ("x", X, attrs(along))}, attrs=attrs(units))
    assert grid.gradient(values).attrs.get("units") == expected


def test_attributes_that_would_be_wrong_are_left_out():
    values = temperature(standard_name="air_temperature", valid_range=[0, 9], long_name="air")
    values.encoding = {"dtype": "int16", "scale_factor": 0.1}
    dx = grid.gradient(values, axis="x")
    assert dx.attrs == {"units": "K/m", "source": "model", "long_name": "air"}
    assert dx.encoding == {}
    assert values.encoding
    assert values.attrs["standard_name"] == "air_temperature"


def test_integers_single_precision_and_dask():
    whole = xr.DataArray(np.arange(9) ** 2, dims="x", coords={"x": np.arange(9)})
    np.testing.assert_array_equal(grid.gradient(whole), np.gradient(np.arange(9.0) ** 2))
    assert grid.gradient(whole).dtype == np.float64
    assert grid.gradient(temperature().astype("f4"), axis="x").dtype == np.float32
    lazy = temperature().chunk({"x": 5, "y": 6})
    got = grid.gradient(lazy, axis="x")
    assert type(got.data).__module__.startswith("dask.")
    computed = got.compute(scheduler="synchronous")  # idle threads would keep later tests from forking
    np.testing.assert_allclose(computed, grid.gradient(temperature(), axis="x"), rtol=1e-13)


def test_out():
    out, parts = np.empty((2, *VALUES.shape)), (np.empty_like(VALUES), temperature(np.empty_like(VALUES)))
    for given, memory in ((out, out), (parts, (parts[0], parts[1].values))):
        results = grid.gradient(temperature(), out=given)
        for k, expected in enumerate(np.gradient(VALUES, X, Y)):
            assert type(results[k]) is xr.DataArray
            assert np.shares_memory(results[k].values, memory[k])
            np.testing.assert_array_equal(memory[k], expected)
    one = np.empty((1, *VALUES.shape))
    check(grid.gradient(temperature(), axis="x", out=one), one[0], "dT_dx", units="K/m", source="model")


def test_a_list_of_arrays_is_an_array():
    rows = [xr.DataArray([1.0, 2.0, 4.0]), xr.DataArray([0.0, 3.0, 1.0])]
    for got, expected in zip(grid.gradient(rows), np.gradient(np.array(rows)), strict=True):
        assert type(got) is np.ndarray
        np.testing.assert_array_equal(got, expected)


def test_duplicates_warn_at_the_caller():
    values = xr.DataArray(np.arange(4.0), dims="x", coords={"x": [0.0, 1.0, 1.0, 2.0]})
    with pytest.warns(RuntimeWarning, match="duplicates") as caught:
        grid.gradient(values)
    assert [w.filename for w in caught] == [__file__]


# --- fields of samples ------------------------------------------------------------------------------------------------


def wind(names="uvw"):
    """Components along x, y, z, all in m, with a unit of their own."""
    axes = {"x": X, "y": Y, "z": np.arange(5.0)}
    coordinates = {name: (name, x, {"units": "m"}) for name, x in axes.items()}
    rng = np.random.default_rng(0)
    shape = tuple(map(len, axes.values()))
    attrs = {"units": "m/s", "source": "model"}
    return [
        xr.DataArray(rng.normal(size=shape), coordinates, tuple(axes), name, {**attrs, "long_name": name})
        for name in names
    ]


def test_laplacian():
    values = temperature()
    values["y"].attrs["units"] = "m"
    got = grid.laplacian(values)
    np.testing.assert_array_equal(got, grid.laplacian(VALUES, X, Y))
    assert (got.name, got.attrs) == ("laplacian_T", {"units": "K/m^2", "source": "model"})
    got = grid.laplacian(temperature(), axis="y")
    np.testing.assert_array_equal(got, grid.laplacian(VALUES, Y, axis=1))
    assert got.attrs["units"] == "K/s^2"


def test_terms_per_metre_and_per_second_are_not_added_whatever_the_values_are():
    values = temperature()
    del values.attrs["units"]
    with pytest.raises(ValueError, match=r"terms in 1/m\^2, 1/s\^2 cannot be added"):
        grid.laplacian(values)
    values["y"].attrs["units"] = "m"
    assert "units" not in grid.laplacian(values).attrs


def named(dims):
    """A plane, and the derivatives along x and y that have their names."""
    x, y = np.linspace(0.0, 1.0, 6), np.linspace(0.0, 2.0, 5) ** 2
    plane = xr.DataArray(np.sin(x)[:, None] * np.cos(y), dims=("x", "y"), coords={"x": x, "y": y}, name="T")
    return [grid.gradient(plane.transpose(*dims), axis=axis) for axis in ("x", "y")]


@pytest.mark.parametrize("operation", [grid.divergence, grid.curl])
def test_components_say_by_their_names_where_they_belong(operation):
    along_x, along_y = named(("y", "x"))
    assert [along_x.name, along_y.name, along_x.dims] == ["dT_dx", "dT_dy", ("y", "x")]
    expected = operation([along_x, along_y], axis=("x", "y"))
    xr.testing.assert_identical(operation([along_x, along_y]), expected)
    xr.testing.assert_identical(operation(xr.Dataset({"dT_dx": along_x, "dT_dy": along_y})), expected)
    turned = operation([along_y, along_x], axis=("y", "x"))
    xr.testing.assert_identical(operation([along_y, along_x]), turned)
    spaced = operation([along_x, along_y], along_x.x.values, along_x.y.values)
    np.testing.assert_array_equal(spaced, expected)
    stacked = [part.expand_dims(time=2) for part in (along_x, along_y)]
    np.testing.assert_array_equal(operation(stacked)[0], expected)


@pytest.mark.parametrize("names", [("u", "v"), ("dT_dx", "v"), ("dT_dx", "dS_dx"), ("dT_dx", "dT_dz"), (1, None)])
def test_other_names_say_nothing(names):
    parts = [part.rename(name) for part, name in zip(named(("y", "x")), names, strict=True)]
    xr.testing.assert_identical(grid.divergence(parts), grid.divergence(parts, axis=("y", "x")))
    said = grid.divergence(parts, axis=("x", "y"))
    xr.testing.assert_identical(said, grid.divergence(named(("x", "y")), axis=("x", "y")).T)


def test_of_names_that_end_alike_the_longest_counts():
    values = xr.DataArray(np.random.default_rng(0).normal(size=(4, 5)), dims=("a", "b_da"), name="T")
    parts = grid.gradient(values)[::-1]
    assert parts[0].name == "dT_db_da"
    xr.testing.assert_identical(grid.divergence(parts), grid.divergence(parts, axis=("b_da", "a")))


def test_divergence():
    u, v, w = wind()
    axes = [u[name].values for name in "xyz"]
    expected = grid.divergence([u.values, v.values, w.values], *axes)
    stacked = xr.concat([u, v, w], dim="component").assign_coords(component=list("xyz"))
    for field in ([u, v, w], (u, v.transpose("z", "x", "y"), w), xr.Dataset({"u": u, "v": v, "w": w}), stacked):
        got = grid.divergence(field)
        np.testing.assert_array_equal(got, expected)
        assert (got.name, got.dims, set(got.coords)) == ("divergence", ("x", "y", "z"), {"x", "y", "z"})
        assert (got.attrs["units"], got.attrs["source"]) == ("m/s/m", "model")
    assert "long_name" not in grid.divergence([u, v, w]).attrs, "the components do not agree"
    got = grid.divergence([w, u], axis=("z", "x"))
    np.testing.assert_array_equal(got, grid.divergence([w.values, u.values], axes[2], axes[0], axis=(2, 0)))


def test_curl():
    u, v, w = wind()
    axes = [u[name].values for name in "xyz"]
    got = grid.curl([u, v, w])
    expected = grid.curl([u.values, v.values, w.values], *axes)
    assert [part.name for part in got] == ["curl_x", "curl_y", "curl_z"]
    for part, data in zip(got, expected, strict=True):
        np.testing.assert_array_equal(part, data)
        assert part.attrs == {"units": "m/s/m", "source": "model"}
    flat = grid.curl([u, v], axis=("x", "y"))
    np.testing.assert_array_equal(flat, grid.curl([u.values, v.values], *axes[:2], axis=(0, 1)))
    assert (flat.name, flat.attrs["units"]) == ("curl", "m/s/m")


def test_a_gradient_goes_into_a_divergence():
    values = temperature()
    values["y"].attrs["units"] = "m"
    got = grid.divergence(grid.gradient(values))
    np.testing.assert_array_equal(got, grid.divergence(grid.gradient(VALUES, X, Y), X, Y))
    assert got.attrs["units"] == "K/m/m"


# --- fields of functions ----------------------------------------------------------------------------------------------


def product(p):
    return p[0] * p[1]


def test_field():
    x, y = temperature()["x"], xr.DataArray(Y, dims="phase", attrs={"units": "rad"}, name="angle")
    field = gradient_field(product, [x, y])
    np.testing.assert_array_equal(field, gradient_field(product, [X, Y]))
    assert (field.dims, field.shape, field.name) == (("component", "x", "phase"), (2, 9, 12), "gradient")
    assert field["component"].values.tolist() == ["x", "phase"]
    assert set(field.coords) == {"component", "x", "phase", "station", "height"}
    assert (field["x"].attrs, field["phase"].attrs) == ({"units": "m", "axis": "X"}, {"units": "rad"})
    np.testing.assert_array_equal(field["phase"], Y)
    np.testing.assert_allclose(field.sel(component="phase").isel(phase=0), X, rtol=1e-8, atol=1e-12)


def test_coordinates_of_a_field_are_where_f_was_called():
    x = xr.DataArray(2 * X, dims="x", coords={"x": X}, name="x")
    np.testing.assert_array_equal(gradient_field(lambda p: p[0] * p[0], [x])["x"], 2 * X)


def test_full_output_and_files(tmp_path):
    axes = [temperature()["x"], temperature()["y"]]
    out = np.lib.format.open_memmap(tmp_path / "a.npy", "w+", shape=(2, 9, 12))
    result = gradient_field(product, axes, out=out, full_output=True, order=4, resume=tmp_path / "journal")
    assert np.shares_memory(result.value.values, out)
    np.testing.assert_array_equal(result.value, gradient_field(product, [X, Y], order=4))
    assert result.status.tolist() == [0, 0]
    assert not (tmp_path / "journal").exists()


def test_single_precision_of_axes():
    assert gradient_field(product, [temperature()[name].astype("f4") for name in "xy"]).dtype == np.float32


# --- what is refused --------------------------------------------------------------------------------------------------


def moved(u):
    return u.assign_coords(x=u["x"] + 0.5)


def texts():
    return xr.DataArray(np.zeros(3), dims="s", coords={"s": ["a", "b", "c"]})


REFUSED = {
    "no dimension": (
        lambda: grid.gradient(temperature(), axis="q"), ValueError, "axis='q' is no dimension; values has 'x', 'y'",
    ),
    "no axis": (lambda: grid.gradient(temperature(), axis=2), ValueError, "axis=2 is no dimension"),
    "texts": (lambda: grid.gradient(texts()), TypeError, r"coordinates 's' are <U1.*drop_vars\('s'\)"),
    "a Dataset": (
        lambda: grid.gradient(temperature().to_dataset()), TypeError, r"one array, got Dataset.*dataset\['name'\]",
    ),
    "spacings": (lambda: grid.gradient(temperature(), 1.0, 2.0, 3.0), TypeError, "invalid number of arguments"),
    "two units": (lambda: grid.laplacian(temperature()), ValueError, r"K/m\^2, K/s\^2 cannot be added.*plain numbers"),
    "two units of a field": (
        lambda: grid.divergence([wind()[0], 2 * wind()[1].assign_attrs(units="K"), wind()[2]]),
        ValueError,
        "cannot be added",
    ),
    "components": (lambda: grid.divergence(wind()[:2]), ValueError, "2 components and its grid 3 axes"),
    "components of a curl": (lambda: grid.curl(wind()[:2]), ValueError, "2 components and its grid 3 axes"),
    "mixed": (lambda: grid.divergence([wind()[0], np.zeros((9, 12, 5))]), TypeError, r"\['DataArray', 'ndarray'\]"),
    "dimensions": (
        lambda: grid.curl([wind()[0], wind()[1][0]]), ValueError, r"dimensions \('x', 'y', 'z'\) and \('y', 'z'\)",
    ),
    "other coordinates": (
        lambda: grid.curl([wind()[0], moved(wind()[1]), wind()[2]]), ValueError, "different coordinates along 'x'",
    ),
    "other lengths": (
        lambda: grid.curl([wind()[0], wind()[1][1:], wind()[2]]), ValueError, "different coordinates along 'x'",
    ),
    "no components": (lambda: grid.divergence(xr.Dataset()), TypeError, r"got \[\]"),
    "field: mixed": (
        lambda: gradient_field(product, [temperature()["x"], Y]), TypeError, r"\['DataArray', 'ndarray'\]",
    ),
    "field: one array": (
        lambda: gradient_field(product, temperature()["x"]),
        TypeError, r"got DataArray; write gradient_field\(f, \[x, y\]\)",
    ),
    "field: 2-D": (
        lambda: gradient_field(product, [temperature(), temperature()["x"]]), ValueError, r"1-D arrays.*\(9, 12\)",
    ),
    "field: one name": (
        lambda: gradient_field(product, [temperature()["x"]] * 2), ValueError, r"\['x', 'x'\]; each needs a name",
    ),
    "field: component": (
        lambda: gradient_field(product, [xr.DataArray(X, dims="component")]), ValueError, "none 'component'"
    ),
    "field: out": (
        lambda: gradient_field(product, [temperature()["x"]], out=temperature()),
        TypeError, r"out is a DataArray.*\[x.values",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    call, kind, words = REFUSED[name]
    with pytest.raises(kind, match=words):
        call()


def test_different_units_are_added_where_spacing_is_plain():
    np.testing.assert_array_equal(grid.laplacian(temperature(), X, Y), grid.laplacian(VALUES, X, Y))


def test_xarray_is_not_imported():
    code = "import sys, numpy as np; from fastgrad import grid, gradient_field; grid.gradient(np.ones(9)); "
    code += "gradient_field(lambda p: p[0], [np.ones(3)]); sys.exit('xarray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_is_labelled():
    array = xr.DataArray([1.0, 2.0], dims="x")
    assert is_labelled(array)
    assert is_labelled(xr.Dataset({"a": array}))
    assert has_labels([np.ones(2), array])
    for other in (np.ones(2), [1.0], array.values, array.dims):
        assert not is_labelled(other)
        assert not has_labels(other)


def test_the_operation_gets_plain_arrays_and_numbers_of_axes():
    seen = {}

    def operation(values, *spacing, **options):
        seen.update(options, values=values, spacing=spacing)
        return 2.0 * values

    x = xr.DataArray([0.0, 1.0, 3.0], dims="x", attrs={"units": "m"})
    values = xr.DataArray(np.ones((2, 3)), dims=("t", "x"), coords={"x": x}, name="T", attrs={"units": "K"})
    found = labelled.gradient(operation, values, (), "x", None, accuracy=4)
    assert type(seen["values"]) is np.ndarray
    assert [s.tolist() for s in seen["spacing"]] == [[0.0, 1.0, 3.0]]
    assert (seen["axis"], seen["out"], seen["accuracy"]) == ((1,), None, 4)
    assert (found.name, found.dims, found.attrs["units"]) == ("dT_dx", ("t", "x"), "K/m")
    assert (found == 2.0).all()


def test_a_field_has_a_component_for_each_axis():
    x, y = (xr.DataArray(np.arange(n) + 1.0, dims=name) for n, name in ((2, "x"), (3, "y")))
    found = labelled.field(lambda axes: np.stack(np.meshgrid(*axes, indexing="ij")), [x, y], None)
    assert found.dims == (COMPONENT, "x", "y")
    assert found.sel({COMPONENT: "y", "x": 2.0, "y": 3.0}) == 3.0
    for axes, error, said in (
        ([x, y.values], TypeError, "all be DataArrays or all plain"),
        ([x, x], ValueError, "a name of its own"),
        ([x.rename(x=COMPONENT), y], ValueError, "none 'component'"),
    ):
        with pytest.raises(error, match=said):
            labelled.field(None, axes, None)


def test_out_with_the_same_dimensions_in_another_order():
    values = xr.DataArray(np.arange(25.0).reshape(5, 5) ** 2, dims=("a", "b"))
    out = xr.DataArray(np.empty((5, 5)), dims=("b", "a"))
    whole = xr.DataArray(np.empty((5, 2, 5)), dims=("b", "component", "a"))
    assert grid.gradient(values, axis="a", out=out).dims == ("a", "b")
    np.testing.assert_array_equal(out.transpose("a", "b"), np.gradient(values.values, axis=0))
    grid.laplacian(values, out=out)
    np.testing.assert_array_equal(out.transpose("a", "b"), grid.laplacian(values.values))
    grid.divergence([values, values], axis=("a", "b"), out=out)
    np.testing.assert_array_equal(out.transpose("a", "b"), grid.divergence([values.values] * 2))
    grid.gradient(values, out=whole)
    np.testing.assert_array_equal(whole.transpose("component", "a", "b"), np.gradient(values.values))
    with pytest.raises(ValueError, match=r"out has the dimensions \('c', 'a'\), the values \('a', 'b'\)"):
        grid.gradient(values, axis="a", out=out.rename(b="c"))

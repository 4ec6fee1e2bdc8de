"""Coordinates of DataArrays: axes by any 1-D coordinate, times of any kind, periodic axes by name."""

import datetime
import functools

import numpy as np
import pytest
import xarray as xr

from fastgrad import grid

LAT, LON = np.array([-60.0, -30.0, 0.0, 20.0, 50.0, 80.0, 85.0]), np.arange(9) * 40.0
VALUES = np.random.default_rng(0).uniform(0, 1, (7, 9))
NAMES = ("lat", "lon")


def field(**coordinates):
    return xr.DataArray(
        VALUES, dims=NAMES, coords={"lat": LAT, "lon": LON, **coordinates}, name="T", attrs={"units": "K"}
    )


def same(got, expected):
    got, expected = (list(r) if isinstance(r, tuple) else [r] for r in (got, expected))
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_array_equal(a, b)


# --- periodic axes ----------------------------------------------------------------------------------------------------

CLOSED = {  # periodic, period, the same by position
    "a name": ("lon", 360.0, (False, True), (None, 360.0)),
    "a name in a list": (["lon"], 360.0, (False, True), (None, 360.0)),
    "a name in a set": ({"lon"}, 360, (False, True), (None, 360)),
    "names": (("lon", "lat"), (180.0, 360.0), (True, True), (180.0, 360.0)),
    "a mapping": ({"lon": True, "lat": False}, {"lon": 360.0}, (False, True), (None, 360.0)),
    "a mapping of some": ({"lat": True}, {"lat": 180.0}, (True, False), (180.0, None)),
    "none of a mapping": ({}, None, (False, False), None),
    "bools": ((False, True), (None, 360.0), (False, True), (None, 360.0)),
    "a bool": (True, (180.0, 360.0), (True, True), (180.0, 360.0)),
    "periods by name": ((True, True), {"lat": 180.0, "lon": 360.0}, (True, True), (180.0, 360.0)),
}


@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.parametrize("operation", [grid.gradient, grid.laplacian])
def test_axes_close_by_name(name, operation):
    periodic, period, flags, lengths = CLOSED[name]
    got = operation(field(), periodic=periodic, period=period)
    same(got, operation(VALUES, LAT, LON, periodic=flags, period=lengths))


def test_axes_close_by_name_in_fields_and_along_some_axes():
    u, v = field(), field().transpose("lon", "lat")
    for operation in (grid.divergence, grid.curl):
        expected = operation([VALUES, VALUES], LAT, LON, periodic=(False, True), period=(None, 360.0))
        same(operation([u, v], periodic="lon", period=360.0), expected)
    got = grid.gradient(field(), axis="lon", periodic="lon", period=360.0, accuracy=4)
    same(got, grid.gradient(VALUES, LON, axis=1, periodic=True, period=360.0, accuracy=4))
    got = grid.gradient(field(), axis=("lon", "lat"), periodic="lon", period=360.0)
    same(got, grid.gradient(VALUES, LON, LAT, axis=(1, 0), periodic=(True, False), period=(360.0, None)))


NOT_CLOSED = {
    "no such name": ("longitude", 360.0, "names 'longitude', along which no derivative is taken"),
    "no such name in a mapping": ({"longitude": True}, 360.0, "names 'longitude'"),
    "no such period": ("lon", {"longitude": 360.0}, "period= names 'longitude'"),
    "a number": (2, None, "must be True or False"),
    "a text in a mapping": ({"lon": "yes"}, 360.0, "must be True or False"),
    "nan in a mapping": ({"lon": np.nan}, 360.0, "must be True or False"),
    "names and bools": (["lon", True], 360.0, "names True"),
    "a period of an open axis": ("lon", {"lat": 180.0, "lon": 360.0}, "axis 0, which is not periodic"),
    "a period of no axis": (False, 360.0, "axis 0, which is not periodic"),
    "no period": ("lat", None, "write period="),
}


@pytest.mark.parametrize("name", NOT_CLOSED)
def test_what_closes_no_axis_is_refused(name):
    periodic, period, said = NOT_CLOSED[name]
    for operation in (grid.gradient, grid.laplacian, lambda v, **o: grid.divergence([v, v], **o)):
        with pytest.raises(ValueError, match=said):
            operation(field(), periodic=periodic, period=period)
    with pytest.raises(ValueError, match="along which no derivative is taken"):
        grid.gradient(field(), axis="lat", periodic="lon", period=360.0)


# --- times ------------------------------------------------------------------------------------------------------------


@functools.total_ordering
class Time:
    """A time of another calendar, as cftime has them: differences are datetime.timedelta."""

    def __init__(self, seconds):
        self.seconds = seconds

    def __sub__(self, other):
        return datetime.timedelta(seconds=self.seconds - other.seconds) if isinstance(other, Time) else NotImplemented

    def __eq__(self, other):
        return self.seconds == other.seconds

    def __lt__(self, other):
        return self.seconds < other.seconds

    __hash__ = None


SECONDS = np.array([0.0, 60.0, 90.0, 200.0, 260.0, 400.0, 401.0])


def objects(kind):
    if kind == "cftime":
        cftime = pytest.importorskip("cftime")
        start = cftime.DatetimeNoLeap(2000, 2, 28)
        times = [start + datetime.timedelta(seconds=s) for s in SECONDS]
    elif kind == "timedelta":
        times = [datetime.timedelta(days=9, seconds=s) for s in SECONDS]
    else:
        times = [Time(1e6 + s) for s in SECONDS]
    array = np.empty(len(times), object)
    array[:] = times
    return array


@pytest.mark.parametrize("kind", ["calendar", "cftime", "timedelta"])
def test_objects_whose_differences_are_times(kind):
    values = field().drop_vars("lat").rename(lat="time").assign_coords(time=xr.Variable("time", objects(kind)))
    got = grid.gradient(values, axis="time")
    same(got, np.gradient(VALUES, SECONDS, axis=0))
    assert (got.name, got.attrs["units"]) == ("dT_dtime", "K/s")
    same(grid.laplacian(values, axis="time"), grid.laplacian(VALUES, SECONDS, axis=0))
    for period in (480.0, datetime.timedelta(minutes=8), np.timedelta64(8, "m")):
        got = grid.gradient(values, axis="time", periodic="time", period=period)
        same(got, grid.gradient(VALUES, SECONDS, axis=0, periodic=True, period=480.0))
    same(grid.gradient(values, values["time"], 1.0)[0], np.gradient(VALUES, SECONDS, axis=0))


@pytest.mark.parametrize("bad", ["a", None, (1, 2), np.nan], ids=str)
@pytest.mark.parametrize("place", [0, 3])
def test_objects_that_are_no_times_are_refused(bad, place):
    array = objects("calendar")
    array[place] = bad
    values = field().drop_vars("lat").assign_coords(when=("lat", array))
    with pytest.raises(TypeError, match="'when' are object, not numbers or datetime64"):
        grid.gradient(values, axis="when")


@pytest.mark.parametrize("kind", ["M8[ns]", "M8[s]", "m8[ns]"])
@pytest.mark.parametrize("missing", [[0], [0, 1], [3], [6], list(range(7))], ids=str)
def test_a_time_that_is_not_one_spoils_its_neighbours_only(kind, missing):
    start = np.datetime64("2000-01-01") if kind[0] == "M" else np.timedelta64(10**9, "s")
    times = (start + SECONDS.astype("m8[s]")).astype(kind)
    times[missing] = "NaT"
    seconds = SECONDS.copy()
    seconds[missing] = np.nan
    values = field().drop_vars("lat").assign_coords(when=("lat", times))
    got = grid.gradient(values, axis="when")
    with np.errstate(all="ignore"):
        same(got, np.gradient(VALUES, seconds - np.nanmin([*seconds, np.inf]), axis=0))
    assert np.isfinite(got).values.any() == (len(missing) < 7)


def test_durations_keep_their_digits():
    lead = np.timedelta64(50 * 365, "D").astype("m8[ns]") + np.array([0, 1, 3, 4, 8, 9, 20]).astype("m8[ns]")
    got = grid.gradient(field(lead=("lat", lead)), axis="lead")
    np.testing.assert_allclose(got, np.gradient(VALUES, np.array([0, 1, 3, 4, 8, 9, 20]) * 1e-9, axis=0), rtol=1e-12)


def test_clocks_of_integers_keep_their_digits():
    ticks = np.array([0, 1, 3, 4, 8, 9, 20])
    got = grid.gradient(field(clock=("lat", 1_700_000_000_000_000_000 + ticks)), axis="clock")
    same(got, np.gradient(VALUES, ticks, axis=0))


def test_periods_of_times_need_coordinates_that_are_times():
    day = np.timedelta64(1, "D")
    values = (
        field()
        .drop_vars("lat")
        .assign_coords(lat=np.datetime64("2001-01-01", "s") + np.arange(7) * np.timedelta64(3, "h"))
    )
    expected = grid.gradient(VALUES, np.arange(7) * 10800.0, axis=0, periodic=True, period=86400.0)
    for period in (day, [day], {"lat": day}, datetime.timedelta(days=1), np.timedelta64(24, "h"), 86400.0):
        same(grid.gradient(values, axis="lat", periodic=True, period=period), expected)
    with pytest.raises(TypeError, match=r"period=np\.timedelta64\(1,'D'\) is no number"):
        grid.gradient(field(), axis="lon", periodic=True, period=day)
    with pytest.raises(ValueError, match="must be longer"):
        grid.gradient(values, axis="lat", periodic=True, period=np.timedelta64(3, "h"))


# --- axes -------------------------------------------------------------------------------------------------------------


def test_an_axis_may_be_any_coordinate_of_one_dimension():
    height = np.array([0.0, 1.0, 4.0, 9.0, 10.0, 11.0, 20.0])
    values = field(height=("lat", height, {"units": "m"}), both=(NAMES, VALUES), one=3.0)
    got = grid.gradient(values, axis="height")
    same(got, np.gradient(VALUES, height, axis=0))
    assert (got.name, got.attrs["units"]) == ("dT_dheight", "K/m")
    same(grid.gradient(values, axis=("lon", "height")), np.gradient(VALUES, LON, height, axis=(1, 0)))
    same(grid.laplacian(values, axis=["height"]), grid.laplacian(VALUES, height, axis=0))
    got = grid.divergence([values, values], axis=("height", "lon"))
    same(got, grid.divergence([VALUES, VALUES], height, LON))
    for periodic in ("height", "lat"):
        got = grid.gradient(values, axis="height", periodic=periodic, period=30.0)
        same(got, grid.gradient(VALUES, height, axis=0, periodic=True, period=30.0))
    same(grid.gradient(values, 0.5, axis="height"), np.gradient(VALUES, 0.5, axis=0))
    for name, said in (
        ("both", "a coordinate of 2 dimensions"),
        ("one", "a coordinate of 0"),
        ("none", "is no dimension"),
    ):
        with pytest.raises(ValueError, match=said):
            grid.gradient(values, axis=name)
    with pytest.raises(ValueError, match="repeated axis"):
        grid.gradient(values, axis=("lat", "height"))


@pytest.mark.parametrize("kind", ["float", "int", "M8[ns]"])
@pytest.mark.parametrize("n", [0, 1])
def test_dimensions_of_one_node_are_too_short(kind, n):
    coordinate = np.ones(n).astype(kind)
    values = xr.DataArray(np.ones((n, 9)), dims=NAMES, coords={"lat": coordinate, "lon": LON})
    for how in ({}, {"accuracy": 4}, {"axis": "lat"}):
        with pytest.raises(ValueError, match=r"too small|samples"):
            grid.gradient(values, **how)
    if n:
        same(grid.gradient(values, axis="lon"), np.gradient(np.ones((1, 9)), LON, axis=1))


def test_spacing_of_another_dimension_is_refused():
    square = xr.DataArray(VALUES[:, :7], dims=NAMES, coords={"lat": LAT, "lon": LON[:7]})
    with pytest.raises(ValueError, match="the spacing for 'lat' has the dimension 'lon'"):
        grid.gradient(square, square["lon"], square["lat"])
    with pytest.raises(ValueError, match="the spacing for 'lon' has the dimension 'lat'"):
        grid.gradient(square, square["lat"], axis="lon")
    same(
        grid.gradient(square, square["lon"], square["lat"], axis=("lon", "lat"))[1],
        np.gradient(VALUES[:, :7], LAT, axis=0),
    )
    with pytest.raises(TypeError):
        grid.gradient(square, None)


def test_components_on_different_coordinates_are_refused():
    height = np.array([0.0, 1.0, 4.0, 9.0, 10.0, 11.0, 20.0])
    u, v, bare = field(height=("lat", height)), field(height=("lat", height + LAT)), field().drop_vars("lat")
    for operation in (grid.divergence, grid.curl):
        with pytest.raises(ValueError, match="different coordinates 'height'"):
            operation([u, v], axis=("height", "lon"))
        for pair in ([field(), bare], [bare, field()]):
            with pytest.raises(ValueError, match="different coordinates 'lat'"):
                operation(pair)
            same(operation(pair, 1.0), operation([VALUES, VALUES], 1.0))
        same(operation([u, u], axis=("height", "lon")), operation([VALUES, VALUES], height, LON))


def test_complex_values_and_dask():
    z = field() * (1 + 2j)
    same(grid.laplacian(z), grid.laplacian(z.values, LAT, LON))
    got = grid.gradient(z.chunk({"lat": 7, "lon": 5}), axis="lon", periodic="lon", period=360.0)
    expected = grid.gradient(VALUES * (1 + 2j), LON, axis=1, periodic=True, period=360.0)
    np.testing.assert_allclose(got.compute(scheduler="synchronous"), expected, rtol=1e-13)

"""What the pictures of fields say: read back from matplotlib's artists, against exact values."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.quiver import Quiver

from fastgrad import plot
from fastgrad.plot.fields import ARROWS, quiver

X0, X1 = np.linspace(-2.0, 1.0, 7), np.array([3.0, 0.5, -1.0, 0.0])  # other lengths, spacings and orders
EVEN = np.linspace(-2.0, 1.0, 25), np.linspace(0.5, 1.5, 21)


def slope(p):
    return p[0] ** 2 + 3 * p[1]


def exact_field(axes):
    x, _ = np.meshgrid(*axes, indexing="ij")
    return np.array([2 * x, np.full_like(x, 3.0)])


MESH = np.array(np.meshgrid(*EVEN, indexing="ij"))
WEIGHTS = np.array([1.0, 3.0]).reshape(2, 1, 1)


def valley(p):
    return p[0] ** 2 + 3 * p[1] ** 2


def only(ax, kind):
    (found,) = (c for c in ax.collections if isinstance(c, kind))
    return found


# --- fields ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("f", [slope, exact_field((X0, X1))], ids=["function", "array"])
def test_arrows_start_at_their_nodes_and_follow_the_gradient(f, negative):
    arrows = only(plot.quiver(f, [X0, X1], negative=negative), Quiver)
    x, y = arrows.XY.T
    assert {(a, b) for a, b in zip(x, y, strict=True)} == {(a, b) for a in X0 for b in X1}
    sign = -1 if negative else 1
    np.testing.assert_allclose(arrows.U, sign * 2 * x, atol=1e-9)
    np.testing.assert_allclose(arrows.V, sign * 3.0, atol=1e-9)
    np.testing.assert_allclose(arrows.get_array(), np.hypot(2 * x, 3.0), atol=1e-9)
    assert (arrows.angles, arrows.scale_units) == ("xy", "xy")


def test_the_longest_arrow_fills_a_cell_and_is_in_view():
    axes = np.arange(4.0), 100 * np.arange(3.0)
    field = np.zeros((2, 4, 3))
    field[:, 3, 2] = 5.0, 200.0  # 5 cells by 2 cells
    ax = plot.quiver(field, axes)
    assert only(ax, Quiver).scale == 5.0
    assert ax.get_xlim()[1] >= 4.0
    assert ax.get_ylim()[1] >= 240.0


@pytest.mark.parametrize("field", [np.zeros((2, 2, 3)), np.full((2, 2, 3), np.nan)], ids=["zero", "nan"])
@pytest.mark.parametrize("draw", [plot.quiver, plot.streamplot])
def test_a_field_without_arrows_is_drawn(draw, field):
    ax = draw(field, [[0, 1], [0, 1, 2]])
    ax.figure.canvas.draw()


def test_a_grid_of_one_node():
    ax = plot.quiver(np.ones((2, 1, 1)), [[2.0], [3.0]])
    assert only(ax, Quiver).scale == 1.0
    ax.figure.canvas.draw()


def pixels(field, axes):
    figure, ax = plt.subplots(figsize=(2, 2), dpi=60)
    plot.quiver(field, axes, ax=ax, colorbar=False, scale=1, width=0.02, clim=(0, 2))
    ax.set(xlim=(-1, 3), ylim=(-1, 4))
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())


def test_what_is_masked_is_left_out():
    field = np.ma.masked_equal(np.ones((2, 2, 3), int), 5)
    field[0, 0, 1] = np.ma.masked
    arrows = only(plot.quiver(field, [[0, 1], [0, 1, 2]]), Quiver)
    assert list(arrows.get_array().mask) == [False, True, False, False, False, False]


@pytest.mark.parametrize("bad", [(np.nan, 1.0), (1.0, np.inf), (-np.inf, np.nan)], ids=str)
def test_no_arrow_where_the_gradient_is_not_finite(bad):
    field = np.empty((2, 2, 3))
    field[0], field[1] = bad
    field[:, 1, 2] = 1.0, 1.0
    alone = pixels(field[:, 1:, 2:], [[1], [2]])
    assert (pixels(field, [[0, 1], [0, 1, 2]]) == alone).all()
    assert (pixels(np.full((2, 1, 1), np.nan), [[1], [2]]) != alone).any()


def test_quiver_keywords():
    ax = plot.quiver(slope, EVEN, scale=7.0, pivot="mid", angles="uv", zorder=5)
    arrows = only(ax, Quiver)
    assert (arrows.scale, arrows.scale_units, arrows.pivot, arrows.angles) == (7.0, None, "middle", "uv")
    assert arrows.zorder == 5
    assert len(ax.figure.axes) == 2
    assert ax.figure.axes[1].get_ylabel() == r"$|\nabla f|$"


@pytest.mark.parametrize("name", ["color", "fc"])
def test_arrows_of_one_colour(name):
    ax = plot.quiver(slope, EVEN, **{name: "red"})
    arrows = only(ax, Quiver)
    assert arrows.get_array() is None
    assert tuple(arrows.get_facecolor()[0]) == (1.0, 0.0, 0.0, 1.0)
    assert len(ax.figure.axes) == 1


@pytest.mark.parametrize("draw", [plot.quiver, plot.streamplot])
def test_no_colour_bar(draw):
    assert len(draw(slope, EVEN, colorbar=False).figure.axes) == 1


@pytest.mark.parametrize("draw", [plot.quiver, plot.streamplot])
def test_a_text_beside_the_colour_bar(draw):
    assert draw(slope, EVEN, colorbar="speed [m/s]").figure.axes[1].get_ylabel() == "speed [m/s]"


@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("f", [valley, 2 * WEIGHTS * MESH], ids=["function", "array"])
def test_streamlines_follow_the_gradient(f, negative):
    ax = plot.streamplot(f, EVEN, negative=negative)
    lines = only(ax, LineCollection)
    segments = np.array(lines.get_segments())
    along = segments[:, 1] - segments[:, 0]
    middle = segments.mean(axis=1)
    exact = 2 * WEIGHTS.ravel() * middle
    lengths = np.hypot(*along.T)
    cosine = (along * exact).sum(axis=1)[lengths > 0] / (lengths * np.hypot(*exact.T))[lengths > 0]
    assert len(cosine) > 100
    assert (cosine * (-1 if negative else 1) > 0.99).all()
    at_start = np.hypot(*(2 * WEIGHTS.ravel() * segments[:, 0]).T)
    np.testing.assert_allclose(lines.get_array(), at_start, atol=0.01)


def test_streamplot_keywords():
    ax = plot.streamplot(slope, EVEN, color="red", linewidth=3)
    lines = only(ax, LineCollection)
    assert tuple(lines.get_colors()[0]) == (1.0, 0.0, 0.0, 1.0)
    assert lines.get_linewidths() == [3]
    assert len(ax.figure.axes) == 1


BAD_FIELDS = {
    "no sequence": (slope, 3, TypeError, r"two 1-D arrays, got int; write \w+\(f, \[x0, x1\]\)"),
    "one axis": (slope, [X0], ValueError, r"shapes \[\(7,\)\]"),
    "three axes": (slope, [X0, X1, X1], ValueError, r"shapes \[\(7,\), \(4,\), \(4,\)\]"),
    "meshes": (slope, np.meshgrid(X0, X1), ValueError, r"shapes \[\(4, 7\), \(4, 7\)\]"),
    "empty axis": (slope, [X0, []], ValueError, r"shapes \[\(7,\), \(0,\)\]"),
    "nan": (slope, [X0, [0.0, np.nan]], ValueError, r"axes\[1\] must hold finite coordinates, got nan"),
    "transposed": (np.ones((2, 4, 7)), [X0, X1], ValueError, r"shape \(2, 4, 7\); .* it must be \(2, 7, 4\)"),
    "last axis": (np.ones((7, 4, 2)), [X0, X1], ValueError, r"shape \(7, 4, 2\); .* it must be \(2, 7, 4\)"),
    "text": ("x0", [X0, X1], TypeError, "f must hold real numbers"),
}


@pytest.mark.parametrize("draw", [plot.quiver, plot.streamplot])
@pytest.mark.parametrize(("f", "axes", "error", "says"), BAD_FIELDS.values(), ids=BAD_FIELDS)
def test_bad_fields(draw, f, axes, error, says):
    with pytest.raises(error, match=says):
        draw(f, axes)
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    "axis", [[0, 1, 3], [2, 1, 0], [1.0], [0, 0, 0], 1e-9 * np.array([0, 1, 3])], ids=lambda a: str(list(a))
)
def test_streamlines_need_even_axes(axis):
    with pytest.raises(ValueError, match=r"axes\[1\] must increase in even steps .* quiver"):
        plot.streamplot(slope, [[0, 1, 2], axis])


def test_a_field_that_is_not_that_of_the_axes_says_which_it_should_be():
    axes = [np.arange(3.0), np.arange(4.0)]
    for shape in ((2, 4, 3), (3, 4), (2, 12)):
        with pytest.raises(ValueError, match=r"it must be \(2, 3, 4\)"):
            quiver(np.zeros(shape), axes)
    with pytest.raises(ValueError, match=r"axes\[1\] must hold finite coordinates, got inf"):
        quiver(np.zeros((2, 3, 4)), [axes[0], np.array([0.0, 1.0, np.inf, 3.0])])


# --- dense grids -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("f", [slope, "array"])
@pytest.mark.parametrize(
    ("sizes", "every", "kept"),
    [
        ((100, 26), None, (slice(1, None, 4), slice(None))),
        ((2000, 7), None, (slice(39, None, 80), slice(None))),
        ((9, 10), 3, (slice(1, None, 3), slice(0, None, 3))),
        ((9, 10), (np.int64(2), 1), (slice(0, None, 2), slice(None))),
        ((3, 2), [50, 1], (slice(1, None, 50), slice(None))),
    ],
    ids=str,
)
def test_a_dense_grid_is_thinned(f, sizes, every, kept):
    axes = [np.linspace(-1.0, 1.0, n) ** 3 for n in sizes]
    arrows = only(plot.quiver(exact_field(axes) if f == "array" else f, axes, every=every), Quiver)
    x, y = (axis[some] for axis, some in zip(axes, kept, strict=True))
    assert (arrows.XY == np.array(np.meshgrid(x, y, indexing="ij")).reshape(2, -1).T).all()
    np.testing.assert_allclose(arrows.U, np.repeat(2 * x, y.size), atol=1e-9)


@pytest.mark.parametrize("size", [1, 2, 24, 37, 38, 63, 1000])
def test_about_twenty_five_arrows_an_axis(size):
    arrows = only(plot.quiver(np.ones((2, size, 1)), [np.arange(size), [0.0]]), Quiver)
    assert min(size, 0.7 * ARROWS) <= len(arrows.U) <= 1.5 * ARROWS


def test_a_function_is_asked_where_arrows_are():
    seen = []
    axis = np.linspace(0.0, 1.0, 500)
    plot.quiver(lambda p: seen.append(1) or p[0] * p[1], [axis, axis])
    assert len(seen) < 10 * ARROWS**2


@pytest.mark.parametrize("every", [0, -1, 1.5, "2", (1, 2, 3), (1, 0), [2, 1.0]], ids=str)
def test_every_is_a_whole_number_or_two(every):
    with pytest.raises(ValueError, match=r"every must be a whole number from 1 on, or two of them, got"):
        plot.quiver(slope, EVEN, every=every)
    assert plt.get_fignums() == []


# --- where there is no gradient --------------------------------------------------------------------------------------


def hat(p):
    return np.maximum(1.0 - np.sqrt(p[0] ** 2 + p[1] ** 2), 0.0)


def test_no_streamline_where_the_gradient_is_zero():
    axis = np.linspace(-2.0, 2.0, 41)
    ax = plot.streamplot(hat, [axis, axis])
    ends = np.array(only(ax, LineCollection).get_segments()).reshape(-1, 2)
    assert len(ends) > 100
    assert np.hypot(*ends.T).max() < 1.0
    assert (ax.get_xlim(), ax.get_ylim()) == ((-2.0, 2.0), (-2.0, 2.0))


@pytest.mark.parametrize("nodes", [30, 60, 61])
def test_no_streamline_follows_a_ridge(nodes):
    """The gradient of sin(x0 x1) is 0 along the hyperbolas abs(x0 x1) = pi / 2, and at the saddle between them."""
    axis = np.linspace(-2.0, 2.0, nodes)
    ax = plot.streamplot(lambda p: np.sin(p[0] * p[1]), [axis, axis])
    ends = np.array(only(ax, LineCollection).get_segments()).reshape(-1, 2)
    assert np.abs(np.abs(ends[:, 0] * ends[:, 1]) - np.pi / 2).min() > 0.3 * (axis[1] - axis[0])
    assert np.hypot(*ends.T).min() < 0.1


def test_streamlines_run_into_a_minimum_at_a_node():
    axis = np.linspace(-2.0, 2.0, 41)
    ends = np.array(only(plot.streamplot(lambda p: p[0] ** 2 + p[1] ** 2, [axis, axis]), LineCollection).get_segments())
    assert np.hypot(*ends.reshape(-1, 2).T).min() < 0.05


# --- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("draw", [plot.quiver, plot.streamplot])
def test_the_title_is_the_functions_name(draw):
    assert draw(slope, EVEN).get_title() == r"$\nabla$ slope"
    assert draw(slope, EVEN, ax=plt.figure().add_subplot(), negative=True).get_title() == r"$-\nabla$ slope"
    assert draw(lambda p: p[0] * p[1], EVEN, ax=plt.figure().add_subplot()).get_title() == ""
    titled = plt.figure().add_subplot()
    titled.set_title("mine")
    assert draw(slope, EVEN, ax=titled).get_title() == "mine"


class Named(np.ndarray):
    """An array with the attributes that a Series or a DataArray has."""

    name = None
    attrs: dict[str, str] = {}  # noqa: RUF012


def named(axis, name=None, **attrs):
    array = np.asarray(axis).view(Named)
    array.name, array.attrs = name, attrs
    return array


@pytest.mark.parametrize("draw", [plot.quiver, plot.streamplot])
def test_labels_are_the_names_of_the_axes(draw):
    axes = [named(EVEN[0], "lon", long_name="longitude", units="degrees"), named(EVEN[1], "z")]
    ax = draw(slope, iter(axes))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("longitude [degrees]", "z")


def test_labels_of_pandas_and_xarray():
    pandas, xarray = pytest.importorskip("pandas"), pytest.importorskip("xarray")
    east = xarray.DataArray(EVEN[0], dims="east", name="east", attrs={"units": "km"})
    ax = plot.quiver(slope, [east, pandas.Index(EVEN[1], name="north")])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("east [km]", "north")
    unnamed = xarray.DataArray(EVEN[1], dims="height")
    ax = plot.quiver(slope, [pandas.Series(EVEN[0]), unnamed], ax=plt.figure().add_subplot())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$x_0$", "height")

"""What the pictures say: read back from matplotlib's artists, against exact values."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.quiver import Quiver

from fastgrad import plot
from fastgrad.plot.figures import quiver

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


def bowl(p):
    return p[0] ** 2 + 10 * p[1] ** 2


PATH = np.array([[2.0, 1.0], [1.0, -0.5], [0.25, 0.125]])


@pytest.fixture(autouse=True)
def _figures(monkeypatch):
    def shown(*_, **__):
        pytest.fail("the figure was shown")

    monkeypatch.setattr(plt, "show", shown)
    monkeypatch.setattr(Figure, "show", shown)
    plt.close("all")
    yield
    plt.close("all")


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
    path = np.ma.masked_greater(PATH, 1.5)
    assert (plot.descent(bowl, path, ax=plt.figure().add_subplot()).lines[0].get_xydata() == PATH[1:]).all()


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


# --- descents --------------------------------------------------------------------------------------------------------


@pytest.fixture
def contours(monkeypatch):
    """What contourf is called with."""
    seen = []
    original = Axes.contourf

    def recorded(self, *values, **keywords):
        seen.append((values, keywords))
        return original(self, *values, **keywords)

    monkeypatch.setattr(Axes, "contourf", recorded)
    return seen


def test_path_and_its_ends():
    ax = plot.descent(bowl, PATH)
    path, start, end = ax.lines
    assert (path.get_xydata() == PATH).all()
    assert (start.get_xydata() == PATH[:1]).all()
    assert (end.get_xydata() == PATH[-1:]).all()
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["path", "start", "end"]


def test_contours_lie_where_the_function_has_its_values(contours):
    x, y = np.linspace(0, 1, 5), np.linspace(-2, 0, 3)
    plot.descent(bowl, PATH, [x, y], levels=[0.5, 1.0, 5.0])
    ((drawn_x, drawn_y, values), keywords) = contours[0]
    assert (drawn_x == x).all()
    assert (drawn_y == y).all()
    assert (values == [[a**2 + 10 * b**2 for a in x] for b in y]).all()
    assert keywords["levels"] == [0.5, 1.0, 5.0]


@pytest.mark.parametrize(
    "path", [PATH, [[0, 0], [4, 0]], [[3, 3]], [[1e12, 1e-3]], [[0, 0], [-1e13, 1e12]]], ids=lambda p: str(np.array(p))
)
def test_the_box_holds_the_path_with_a_margin(path, contours):
    plot.descent(bowl, path)
    for axis, coordinates in zip(contours[0][0], np.transpose(path), strict=False):
        assert axis.shape == (200,)
        assert (np.diff(axis) > 0).all()
        assert axis[0] < coordinates.min() <= coordinates.max() < axis[-1]


def test_positions_and_values_that_are_not_finite_are_left_out(contours):
    def partly(p):
        return math.inf if p[0] > 1.5 else bowl(p)

    ax = plot.descent(partly, [*PATH, [np.nan, 0.0], [np.inf, 1.0]])
    assert (ax.lines[0].get_xydata() == PATH).all()
    assert (ax.lines[2].get_xydata() == PATH[-1:]).all()
    x, _, values = contours[0][0]
    assert (values.mask == (x > 1.5)).all()
    ax.figure.canvas.draw()


def test_descent_keywords():
    path = plot.descent(bowl, PATH, c="blue", lw=4, label="mine").lines[0]
    assert (path.get_color(), path.get_linewidth(), path.get_label()) == ("blue", 4, "mine")


BAD_DESCENTS = {
    "no function": ((3, PATH), TypeError, "f must be a function"),
    "columns": ((bowl, PATH.T), ValueError, r"path has shape \(2, 3\); .* write path\.T"),
    "flat": ((bowl, PATH.ravel()), ValueError, r"path has shape \(6,\); it must be \(steps \+ 1, 2\)"),
    "nothing finite": ((bowl, PATH * np.nan), ValueError, "no finite position, out of 3"),
    "falling axis": ((bowl, PATH, [[1, 0], [0, 1]]), ValueError, r"axes\[0\] must increase, .* got \[1\. 0\.\]"),
    "one node": ((bowl, PATH, [[0, 1], [1]]), ValueError, r"axes\[1\] must increase, over at least two nodes"),
    "one axis": ((bowl, PATH, [[0, 1]]), ValueError, r"shapes \[\(2,\)\]; write descent"),
    "nan everywhere": ((lambda p: p[0] * math.nan, PATH), ValueError, "f is finite at none of the 40000 nodes"),
    "vector": ((lambda p: p, PATH), ValueError, "more than one|one number|scalar"),
}


@pytest.mark.parametrize(("arguments", "error", "says"), BAD_DESCENTS.values(), ids=BAD_DESCENTS)
def test_bad_descents(arguments, error, says):
    with pytest.raises(error, match=says):
        plot.descent(*arguments)
    assert plt.get_fignums() == []


# --- convergence -----------------------------------------------------------------------------------------------------


def lines(ax):
    return {line.get_label(): line.get_xydata() for line in ax.lines}


def test_a_field_that_is_not_that_of_the_axes_says_which_it_should_be():
    axes = [np.arange(3.0), np.arange(4.0)]
    for shape in ((2, 4, 3), (3, 4), (2, 12)):
        with pytest.raises(ValueError, match=r"it must be \(2, 3, 4\)"):
            quiver(np.zeros(shape), axes)
    with pytest.raises(ValueError, match=r"axes\[1\] must hold finite coordinates, got inf"):
        quiver(np.zeros((2, 3, 4)), [axes[0], np.array([0.0, 1.0, np.inf, 3.0])])

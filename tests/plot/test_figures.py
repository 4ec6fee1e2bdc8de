"""What the pictures say: read back from matplotlib's artists, against exact values."""

import math
import sys

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.quiver import Quiver

import fastgrad
from fastgrad import plot

EPS = np.finfo(float).eps
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
DRAWN = {
    "quiver": lambda **k: plot.quiver(slope, EVEN, **k),
    "streamplot": lambda **k: plot.streamplot(slope, EVEN, **k),
    "descent": lambda **k: plot.descent(bowl, PATH, **k),
    "convergence": lambda **k: plot.convergence(np.exp, 1.0, **k),
}
every = pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)


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


# --- all of them -----------------------------------------------------------------------------------------------------


@every
def test_the_current_axes_are_drawn_on_and_returned(draw):
    _, (_, right) = plt.subplots(1, 2)
    assert draw() is right
    assert right.has_data()


@every
def test_axes_that_are_given_are_drawn_on(draw):
    figure = Figure()  # not one of pyplot's
    left, right = figure.subplots(1, 2)
    assert draw(ax=left) is left
    assert left.has_data()
    assert not right.has_data()
    assert plt.get_fignums() == []
    figure.canvas.draw()


@every
def test_several_axes_are_refused(draw):
    _, axes = plt.subplots(1, 2)
    with pytest.raises(TypeError, match=r"must be one matplotlib Axes, got ndarray; .* pass axs\[0\]"):
        draw(ax=axes)


@every
def test_without_matplotlib_the_extra_is_named(draw, monkeypatch):
    for name in ("matplotlib", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"pip install 'fastgrad\[plot\]'"):
        draw()


@every
def test_labels_of_the_axes_are_kept(draw):
    _, ax = plt.subplots()
    ax.set(xlabel="weight", ylabel="bias")
    draw(ax=ax)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("weight", "bias")


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


def test_errors_are_those_of_the_textbook():
    h, error = lines(plot.convergence(np.sin, 1.0, math.cos(1.0), orders=2))["order 2"].T
    assert (h == np.logspace(-16, 0, 161)).all()
    for step, drawn in zip(h, error, strict=True):
        quotient = (math.sin(1.0 + step) - math.sin(1.0 - step)) / (2 * step)
        assert drawn == pytest.approx(abs(quotient - math.cos(1.0)), rel=1e-6, abs=4 * EPS / step)


def test_a_step_that_vanishes_gives_the_derivative_as_error():
    ax = plot.convergence(lambda x: 0.01 * x**2 + 0.1 * x, 5, 0.2, steps=[1.0, 1e-50, 1e-16, 1e-4])
    for order in (2, 4):
        h, error = lines(ax)[f"order {order}"].T
        assert list(h) == [1e-50, 1e-16, 1e-4, 1.0]
        assert list(error[:2]) == [0.2, 0.2]
        assert (error[2:] < 1e-10).all()
    shaded = ax.patches[0].get_extents().transformed(ax.transData.inverted())
    np.testing.assert_allclose([shaded.x0, shaded.x1], [1e-50, np.spacing(5.0) / 2], rtol=1e-6)


def test_nothing_is_shaded_where_no_step_vanishes():
    assert not plot.convergence(np.exp, 0.0).patches
    assert not plot.convergence(np.exp, 1.0, steps=[1e-10, 1e-3]).patches


def test_guide_lines():
    found = lines(plot.convergence(np.exp, 1.0, math.e, orders=[2, 4]))
    for order, factor in ((2, math.e / 6), (4, math.e / 30)):
        h, guide = found[f"truncation $\\propto h^{order}$"].T
        drawn = ~np.isnan(guide)
        assert drawn.sum() > 20
        np.testing.assert_allclose(guide[drawn], factor * h[drawn] ** order, rtol=0.02)
    (label,) = (name for name in found if name.startswith("round-off"))
    h, guide = found[label].T
    np.testing.assert_allclose(guide[10:100], EPS * 2 * math.e / h[10:100], rtol=1e-12)


def test_a_parabola_has_no_truncation():
    assert not any("truncation" in name for name in lines(plot.convergence(lambda x: x * x, 3.0, 6.0)))


def test_stars_mark_the_default_steps():
    ax = plot.convergence(np.exp, 100.0, math.exp(100.0), orders=[2, 8])
    stars = [line for line in ax.lines if line.get_marker() == "*" and len(line.get_xdata())]
    for star, order in zip(stars, (2, 8), strict=True):
        result = fastgrad.derivative(np.exp, 100.0, order=order, full_output=True)
        assert star.get_xdata()[0] == result.h
        assert star.get_ydata()[0] == pytest.approx(abs(result.value - math.exp(100.0)), rel=1e-3)


def test_without_exact_the_best_difference_stands_in():
    given = lines(plot.convergence(math.sin, 1.0, math.cos(1.0), ax=plt.figure().add_subplot()))["order 2"]
    found = lines(plot.convergence(math.sin, 1.0, ax=plt.figure().add_subplot()))["order 2"]
    np.testing.assert_allclose(found, given, rtol=0, atol=1e-13)


def test_an_error_of_zero_is_drawn_at_half_a_rounding():
    _, error = lines(plot.convergence(lambda x: x * x, 1.0, 2.0, orders=2, steps=[0.25, 0.5]))["order 2"].T
    assert list(error) == [EPS, EPS]
    _, error = lines(plot.convergence(lambda x: x * x, 0.0, 0.0, orders=4, ax=plt.figure().add_subplot()))["order 4"].T
    assert (error > 0).all()


def test_convergence_keywords():
    ax = plot.convergence(np.exp, 1.0, ls=":", c="blue")
    assert [(line.get_linestyle(), line.get_color()) for line in ax.lines if line.get_label().startswith("order")] == [
        (":", "blue")
    ] * 2


BAD_CONVERGENCES = {
    "no function": ((3, 1.0), {}, TypeError, "f must be a function"),
    "a point": ((np.exp, [1.0, 2.0]), {}, ValueError, r"x must be one finite number, got shape \(2,\)"),
    "nan": ((np.exp, np.nan), {}, ValueError, "x must be one finite number, got nan"),
    "order 3": ((np.exp, 1.0), {"orders": (2, 3)}, ValueError, "order=3 does not exist"),
    "order in words": ((np.exp, 1.0), {"orders": "two"}, ValueError, "order='two' does not exist"),
    "step 0": ((np.exp, 1.0), {"steps": [1.0, 0.0]}, ValueError, r"steps must be positive and finite, got 0\.0"),
    "step nan": ((np.exp, 1.0), {"steps": [1.0, np.nan]}, ValueError, "steps must be positive and finite, got nan"),
    "no steps": ((np.exp, 1.0), {"steps": []}, ValueError, "steps must be positive and finite, got none"),
    "no derivative": ((lambda x: x * math.nan, 1.0), {}, ValueError, "the derivative of f.* got nan"),
    "exact of no number": ((np.exp, 1.0, [1.0, 2.0]), {}, ValueError, r"the derivative of f.* got shape \(2,\)"),
}


@pytest.mark.parametrize(("arguments", "options", "error", "says"), BAD_CONVERGENCES.values(), ids=BAD_CONVERGENCES)
def test_bad_convergences(arguments, options, error, says):
    with pytest.raises(error, match=says):
        plot.convergence(*arguments, **options)
    assert plt.get_fignums() == []


def test_a_function_undefined_at_large_steps_keeps_its_other_errors():
    ax = plot.convergence(np.log, 0.5, 2.0, orders=2)
    h, error = lines(ax)["order 2"].T
    assert np.isnan(error[h > 0.5]).all()
    assert np.isfinite(error[h < 0.49]).all()
    ax.figure.canvas.draw()

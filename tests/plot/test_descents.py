"""What the pictures of descents say: read back from matplotlib's artists."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes

import fastgrad
from fastgrad import plot
from fastgrad.plot.descents import NODES


def bowl(p):
    return p[0] ** 2 + 10 * p[1] ** 2


PATH = np.array([[2.0, 1.0], [1.0, -0.5], [0.25, 0.125]])


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
        assert axis.shape == (NODES,) == (200,)
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


def test_what_gradient_descent_gives_is_drawn_as_it_is():
    end, history = fastgrad.gradient_descent(bowl, np.array([2.0, 1.0]), 0.03, 12, return_history=True)
    path = plot.descent(bowl, (end, history)).lines[0].get_xydata()
    assert (path == np.vstack([history, end])).all()
    alone = plot.descent(bowl, (np.array([2.0, 1.0]), np.empty((0, 2))), ax=plt.figure().add_subplot())
    assert (alone.lines[0].get_xydata() == [[2.0, 1.0]]).all()


def test_two_positions_in_a_tuple_are_two_positions():
    assert (plot.descent(bowl, (PATH[0], PATH[1])).lines[0].get_xydata() == PATH[:2]).all()


def test_contours_are_opaque_and_the_title_is_the_functions_name(contours):
    assert plot.descent(bowl, PATH).get_title() == "bowl"
    cmap = contours[0][1]["cmap"]
    assert {cmap(k)[3] for k in range(256)} == {1.0}
    assert plot.descent(lambda p: p[0] + p[1], PATH, ax=plt.figure().add_subplot()).get_title() == ""


def test_masked_positions_are_left_out():
    path = np.ma.masked_greater(PATH, 1.5)
    assert (plot.descent(bowl, path).lines[0].get_xydata() == PATH[1:]).all()

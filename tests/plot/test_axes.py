"""What all figures share: the axes they draw on, labels, the missing extra."""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from fastgrad import plot
from fastgrad.plot.axes import COLOURS, MAGNITUDES, colours_between, real_values

EVEN = np.linspace(-2.0, 1.0, 25), np.linspace(0.5, 1.5, 21)


def slope(p):
    return p[0] ** 2 + 3 * p[1]


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


def test_masked_values_are_nan_and_colours_are_four():
    values = np.ma.masked_array([1.0, 2.0], [False, True])
    assert np.isnan(real_values(values, "f")).tolist() == [False, True]
    assert len(set(COLOURS)) == 4


def luminance(rgb):
    """Of light, as the Web Content Accessibility Guidelines count it."""
    rgb = np.asarray(rgb)
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


def test_magnitudes_can_be_told_from_a_light_and_from_a_dark_background():
    light = luminance(colours_between(*MAGNITUDES)(np.arange(256))[:, :3])
    assert (1.05 / (light + 0.05) > 3).all()
    assert ((light + 0.05) / 0.05 > 3).all()
    others = luminance(plt.get_cmap("viridis")(np.arange(256))[:, :3])
    assert not (1.05 / (others + 0.05) > 3).all()
    assert not ((others + 0.05) / 0.05 > 3).all()

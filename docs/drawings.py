"""Draw the figures of the documentation into docs/figures: python docs/drawings.py."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib import style
from matplotlib.figure import Figure

import fastgrad
from fastgrad import plot
from fastgrad.formulas.stencils import stencil, weights

FOLDER = Path(__file__).parent / "figures"
STYLE = Path(__file__).with_name("figures.mplstyle")
OPTIONS: dict[str, dict[str, Any]] = {
    ".svg": {"metadata": {"Date": None}},
    ".png": {"metadata": {"Software": None}, "pil_kwargs": {"optimize": True}},  # filled contours are long as text
}
GALLERY = Path(__file__).with_name("gallery.md")
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n!\[[^\]]*\]\(figures/([\w.-]+)\))?", re.MULTILINE | re.DOTALL)
NODES = np.arange(-2, 2.5, 0.25)


def bowl(x: Any) -> Any:
    """The book's function of two variables."""
    return x[0] ** 2 + x[1] ** 2


def long_bowl(x: Any) -> Any:
    """A valley twenty times steeper across than along."""
    return x[0] ** 2 / 20 + x[1] ** 2


def product(x: Any) -> Any:
    """Its partial derivatives mix the coordinates."""
    return x[0] * x[1]


def sin_product(x: Any) -> Any:
    """Waves along hyperbolas."""
    return np.sin(x[0] * x[1])


def panels(rows: int, columns: int, width: float, height: float, **options: Any) -> tuple[Figure, Any]:
    """A figure of its own, outside pyplot, and its axes."""
    figure = Figure(figsize=(width, height))
    return figure, figure.subplots(rows, columns, **options)


def fields() -> Figure:
    """Descent directions of three functions."""
    figure, axes = panels(1, 3, 11, 2.9)
    titles = ["$x_0^2 + x_1^2$", "$x_0\\,x_1$", "$\\sin(x_0\\,x_1)$"]
    for ax, f, title in zip(axes, (bowl, product, sin_product), titles, strict=True):
        plot.quiver(f, [NODES, NODES], ax=ax, negative=True, width=0.0045)
        ax.set(title=f"$-\\nabla f$ of $f = ${title}", aspect="equal")
    return figure


def streamlines() -> Figure:
    """Where descents would run."""
    figure, ax = panels(1, 1, 4.2, 3.4)
    even = np.linspace(-1.2, 1.2, 40)
    plot.streamplot(sin_product, [even, even], ax=ax, negative=True, density=1.2)
    ax.set(title="$-\\nabla f$ of $f = \\sin(x_0\\,x_1)$", aspect="equal")
    return figure


def layout() -> Figure:
    """The third seed: coordinates in rows, taken for two points with 324 coordinates each."""
    figure, axes = panels(1, 2, 8.4, 3.3)
    mesh = np.meshgrid(NODES, NODES)
    rows = np.array([m.ravel() for m in mesh])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it says what is drawn here: did you mean X.T?
        wrong = fastgrad.numerical_gradient_2d(product, rows)
    right = fastgrad.numerical_gradient_2d(product, rows.T).T
    largest = np.hypot(*right).max()
    for ax, gradients, title in zip(
        axes, (wrong, right), ("X of shape (2, 324): wrong", "X.T of shape (324, 2): right"), strict=True
    ):
        by_node = gradients.reshape(2, NODES.size, NODES.size).swapaxes(1, 2)
        plot.quiver(by_node, [NODES, NODES], ax=ax, negative=True, clim=(0, largest), width=0.0045)
        ax.set(title=title, aspect="equal", xlim=(-2.6, 2.6), ylim=(-2.6, 2.6))
    return figure


def descents() -> Figure:
    """The book's descent, and one that zigzags."""
    figure, axes = panels(1, 2, 10, 3.4, width_ratios=[1, 2.4])
    runs = [
        (bowl, (-3.0, 4.0), 0.1, "$x_0^2 + x_1^2$"),
        (long_bowl, (-7.0, 2.0), 0.9, "$x_0^2 / 20 + x_1^2$"),
    ]
    for ax, (f, start, rate, title) in zip(axes, runs, strict=True):
        end, before = fastgrad.gradient_descent(f, np.array(start), rate, 100, return_history=True)
        plot.descent(f, np.vstack([before, end]), ax=ax)
        ax.set(title=f"$f = ${title}, rate {rate}", aspect="equal")
    return figure


def convergence() -> Figure:
    """Why 1e-4 and not 1e-50."""
    figure, axes = panels(1, 2, 10, 4.4)
    plot.convergence(lambda x: 0.01 * x**2 + 0.1 * x, 5, 0.2, orders=2, ax=axes[0])
    axes[0].set(title="$f = 0.01\\,x^2 + 0.1\\,x$ at $x = 5$: no truncation error")
    plot.convergence(np.exp, 1.0, np.e, orders=(2, 4, 8), ax=axes[1])
    axes[1].set(title="$f = e^x$ at $x = 1$", ylim=(1e-19, 1e3))
    for ax in axes:
        ax.axvline(1e-4, color="0.6", linewidth=0.8, zorder=0)
        ax.text(1.3e-4, 0.98, "1e-4", color="0.4", fontsize=8, va="top", transform=ax.get_xaxis_transform())
    return figure


def stencils() -> Figure:
    """Where a central difference looks, and what each value weighs."""
    figure, axes = panels(4, 1, 7, 5.2, sharex=True)
    for ax, order in zip(axes, (2, 4, 6, 8), strict=True):
        offsets = stencil(1, order).offsets
        for k, weight in zip(offsets, weights(1, offsets), strict=True):
            colour = plot.BLUE if weight > 0 else plot.ORANGE
            ax.bar(k, float(weight), width=0.3, color=colour)
            above = weight > 0
            ax.annotate(
                f"{weight}".replace("-", "\N{MINUS SIGN}"), (k, float(weight)), (0, 3 if above else -4),
                textcoords="offset points", ha="center", va="bottom" if above else "top", fontsize=9,
            )  # fmt: skip
        ax.axhline(0, color="0.3", linewidth=0.8)
        ax.plot(range(-4, 5), [0] * 9, "|", color="0.3", markersize=6)
        ax.set(ylabel=f"order {order}", ylim=(-1.25, 1.25), yticks=[])
        ax.spines[["left", "bottom"]].set_visible(False)
        ax.tick_params(bottom=False, labelbottom=order == 8)
    names = {0: "$x$", 1: "$x + h$", -1: "$x - h$"}
    axes[-1].set_xticks(range(-4, 5), [names.get(k, f"$x {'+' if k > 0 else '-'} {abs(k)}h$") for k in range(-4, 5)])
    figure.suptitle("$f'(x) \\approx$ sum of weight $\\times\\, f$, divided by $h$")
    return figure


def polarisation() -> Figure:
    """Seven evaluations for a Hessian of two variables, against nine."""
    figure, axes = panels(1, 2, 8, 4)
    along_axes = [(1, 0), (-1, 0), (0, 1), (0, -1)]
    kinds = [
        (
            [(1, 1), (-1, -1)],
            "along $e_0$, $e_1$ and $e_0 + e_1$: 7 values\n$2\\,H_{01} = S(e_0 + e_1) - S(e_0) - S(e_1)$",
        ),
        (
            [(1, 1), (-1, -1), (1, -1), (-1, 1)],
            "the four corners: 9 values\n$4\\,H_{01} = f_{++} - f_{+-} - f_{-+} + f_{--}$",
        ),
    ]  # fmt: skip
    for ax, (corners, title) in zip(axes, kinds, strict=True):
        for points, colour in ((along_axes, plot.BLUE), (corners, plot.ORANGE)):
            for point in points:
                ax.plot([0, point[0]], [0, point[1]], color=colour, linewidth=1.5, zorder=1)
            ax.scatter(*np.transpose(points), s=110, color=colour, zorder=2)
        ax.scatter([0], [0], s=110, color="black", zorder=2)
        ticks = {"ticks": [-1, 0, 1]}
        ax.set_xticks(**ticks, labels=["$x_0 - h_0$", "$x_0$", "$x_0 + h_0$"])
        ax.set_yticks(**ticks, labels=["$x_1 - h_1$", "$x_1$", "$x_1 + h_1$"])
        ax.set(title=title, aspect="equal", xlim=(-1.4, 1.4), ylim=(-1.4, 1.4))
        ax.grid(color="0.9")
        ax.set_axisbelow(True)
    return figure


def relative_error(found: Any, exact: Any) -> Any:
    """Not below half a rounding, which logarithmic axes may not show at all."""
    return np.maximum(np.abs(found / exact - 1), np.finfo(float).eps / 2)


def default_step() -> Figure:
    """The default step over |x|, and what it is worth where f does and does not change on the scale of x."""
    figure, axes = panels(1, 3, 12, 3.8)
    x = np.logspace(-9, 9, 721)
    taken = fastgrad.derivative(np.square, x, engine="python", full_output=True).h
    axes[0].plot(x, taken, color=plot.BLUE, label="default step")
    axes[0].axhline(1e-4, color=plot.ORANGE, label="numerical_diff, h = 1e-4")
    axes[0].set(title="the step", ylabel="$h$")
    for ax, f, exact, title in (
        (axes[1], lambda x: x**3, 3 * x**2, "$f = x^3$"),
        (axes[2], np.sin, np.cos(x), "$f = \\sin x$, which changes on the scale 1"),
    ):
        default, book = fastgrad.derivative(f, x, engine="python"), fastgrad.numerical_diff(f, x)
        ax.plot(x, relative_error(default, exact), color=plot.BLUE, linewidth=0.8, label="default step")
        ax.plot(x, relative_error(book, exact), color=plot.ORANGE, linewidth=0.8, label="numerical_diff, h = 1e-4")
        ax.set(title=title, ylabel="relative error of $f'$", ylim=(1e-17, 1e6))
    for ax in axes:
        ax.set(xscale="log", yscale="log", xlabel="$|x|$", xticks=[1e-9, 1e-6, 1e-3, 1, 1e3, 1e6, 1e9])
        ax.legend()
    return figure


def gallery() -> Iterator[tuple[str, Figure]]:
    """The pictures of the gallery, by the code above them; all of the page shares its names, as in a notebook."""
    names: dict[str, Any] = {}
    for code, picture in BLOCK.findall(GALLERY.read_text(encoding="utf-8")):
        exec(compile(code, GALLERY.name, "exec"), names)
        if picture:
            yield picture, plt.gcf()
            plt.close("all")


FIGURES: dict[str, Callable[[], Figure]] = {
    "fields.svg": fields,
    "streamlines.svg": streamlines,
    "layout.svg": layout,
    "descents.png": descents,
    "convergence.svg": convergence,
    "stencils.svg": stencils,
    "polarisation.svg": polarisation,
    "default_step.svg": default_step,
}


def save(folder: Path) -> None:
    """Draw every figure; the same bytes each time."""
    folder.mkdir(exist_ok=True)
    with mpl.rc_context({**mpl.rcParamsDefault, "backend": "Agg"}):
        style.use(STYLE)
        for name, figure in chain(((name, draw()) for name, draw in FIGURES.items()), gallery()):
            figure.savefig(folder / name, **OPTIONS[Path(name).suffix])


if __name__ == "__main__":
    save(FOLDER)

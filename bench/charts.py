"""The figures of docs/benchmarks.md: cost against the number of points, of variables and of nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from report import CURVES, Run, along, of_family

mpl.use("Agg")
from matplotlib import pyplot as plt

FIGURES = Path(__file__).parent.parent / "docs" / "figures"
# Colours that the colour-blind tell apart (Okabe and Ito); markers and dashes tell apart what shares one.
STYLES = {
    "fastgrad": ("#000000", "o", "-"),
    "fastgrad simd": ("#000000", "D", ":"),
    "fastgrad, exact": ("#000000", "^", "--"),
    "fastgrad grad(f), exact": ("#000000", "s", "-."),
    "C": ("#0072B2", "s", "-"),
    "JAX, exact": ("#D55E00", "^", "-"),
    "JAX, differences": ("#D55E00", "v", ":"),
    "autograd, exact": ("#CC79A7", "D", "-"),
    "NumPy by hand": ("#009E73", "s", "-"),
    "np.gradient": ("#E69F00", "^", "-"),
    "findiff": ("#56B4E9", "v", "-"),
    "scipy.differentiate": ("#56B4E9", "v", "-"),
    "scipy 2-point": ("#56B4E9", "o", ":"),
    "scipy 3-point": ("#56B4E9", "s", "--"),
    "statsmodels": ("#009E73", "D", "--"),
    "numdifftools": ("#E69F00", "^", "-"),
    "jacobi": ("#CC79A7", "v", "--"),
    "the book's loop": ("#7F7F7F", "o", "--"),
}
LOOK = {"svg.hashsalt": "fastgrad", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
GAP = 0.034  # between labels, in parts of the axis


def draw_all(run: Run) -> None:
    """Into docs/figures."""
    points = {title: per_item(along(run, title)) for title in list(CURVES)[:2]}
    dimensions = {title: series(along(run, title)) for title in list(CURVES)[2:]}
    nodes = [(case.size**2, run.of(case)) for case in of_family("field")]
    FIGURES.mkdir(exist_ok=True)
    with plt.rc_context(LOOK):
        figure("bench-points", points, "number of points N", "seconds per gradient")
        figure("bench-dimension", dimensions, "number of variables D", "seconds")
        figure("bench-fields", {"sin(x0·x1) on a grid": per_item(nodes)}, "nodes", "seconds per node")


Series = dict[str, tuple[list[float], list[float]]]


def series(curve: list[tuple[int, Any]]) -> Series:
    """Library -> sizes and seconds."""
    return {
        library: tuple(zip(*[(size, row[library].best) for size, row in curve if library in row], strict=True))
        for library in STYLES
        if any(library in row for _, row in curve)
    }


def per_item(curve: list[tuple[int, Any]]) -> Series:
    return {library: (n, [t / k for k, t in zip(n, ts, strict=True)]) for library, (n, ts) in series(curve).items()}


def figure(name: str, panels: dict[str, Series], xlabel: str, ylabel: str) -> None:
    drawn, axes = plt.subplots(1, len(panels), figsize=(6.2 * min(2, len(panels)) if len(panels) < 3 else 15, 5.6))
    for ax, (title, lines) in zip(np.atleast_1d(axes), panels.items(), strict=True):
        panel(ax, lines)
        ax.set(title=title, xlabel=xlabel, ylabel=ylabel)
    drawn.tight_layout()
    drawn.savefig(FIGURES / f"{name}.svg", facecolor="white", metadata={"Date": None})
    plt.close(drawn)


def panel(ax: Any, lines: Series) -> None:
    """Lines with their names at their right ends; there is room for the names to the right."""
    ax.set(xscale="log", yscale="log")
    for library, (x, y) in lines.items():
        colour, marker, dashes = STYLES[library]
        ours = library == "fastgrad"
        ax.plot(x, y, dashes, color=colour, marker=marker, ms=4, lw=2.5 if ours else 1.3, zorder=3 if ours else 2)
    ax.grid(alpha=0.25, lw=0.5)
    low, high = ax.get_xlim()
    last = max(max(x) for x, _ in lines.values())
    ax.set_xlim(low, high * (high / low) ** 0.42)
    ax.set_xticks([t for t in ax.get_xticks() if low <= t <= high])
    ax.set_xticks([], minor=True)
    labels(ax, {name: (x[-1], y[-1]) for name, (x, y) in lines.items()}, last)


def labels(ax: Any, ends: dict[str, tuple[float, float]], last: float) -> None:
    """In a column to the right of the longest line, in the order of the ends, pushed apart, tied to the ends."""
    place = {name: ax.transAxes.inverted().transform(ax.transData.transform(end)) for name, end in ends.items()}
    column = ax.transAxes.inverted().transform(ax.transData.transform((last, 1.0)))[0] + 0.06
    names = sorted(place, key=lambda name: place[name][1])
    heights = spaced([place[name][1] for name in names])
    for name, height in zip(names, heights, strict=True):
        colour = STYLES[name][0]
        ax.plot(
            *zip(place[name], (column, height), strict=True), color=colour, lw=0.5, alpha=0.6, transform=ax.transAxes
        )
        weight = "bold" if name == "fastgrad" else "normal"
        ax.text(column + 0.008, height, name, color=colour, va="center", weight=weight, transform=ax.transAxes)


def spaced(heights: list[float]) -> list[float]:
    """Rising heights pushed apart to GAP, around where they were."""
    groups: list[list[float]] = []
    for height in heights:
        groups.append([height])
        while len(groups) > 1 and middle(groups[-1])[0] - middle(groups[-2])[1] < GAP:
            groups[-2:] = [groups[-2] + groups[-1]]
    return [low + GAP * i for group in groups for low in [middle(group)[0]] for i in range(len(group))]


def middle(group: list[float]) -> tuple[float, float]:
    """The ends of a group of labels around its mean."""
    center, half = float(np.mean(group)), GAP * (len(group) - 1) / 2
    return center - half, center + half

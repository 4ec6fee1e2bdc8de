"""The path of a descent over the contours of its function, with matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..engine.arguments import check_function
from ..formulas.values import as_number
from .axes import (
    ORANGE,
    check_increasing,
    colours_between,
    finished,
    full_names,
    names,
    pyplot,
    real_values,
    title_of,
    two_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

NODES = 200
GREYS = ("0.55", "0.95")  # opaque, so that a dark page does not shine through


def descent(
    f: Callable[[Array], Any],
    path: ArrayLike | tuple[ArrayLike, ArrayLike],
    axes: Sequence[ArrayLike] | None = None,
    *,
    ax: Axes | None = None,
    levels: int | ArrayLike = 20,
    **keywords: Any,
) -> Axes:
    """The path of a descent over the contours of a function of two variables; start and end are marked.

    Parameters
    ----------
    f : callable
        A function of one point.
    path : array_like or (ndarray, ndarray)
        The positions in order, one per row: (steps + 1, 2). Or what ``gradient_descent(..., return_history=True)``
        gives, as it is: the end and the positions before each step. Positions that are not finite are left out.
    axes : sequence of two 1-D array_likes, optional
        Where f is evaluated for its contours, increasing; by default 200 nodes each on a box around the path. A
        DataArray, Series or Index with a name labels its axis.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the current axes.
    levels : int or array_like
        The contours: about how many, or at which values.
    **keywords
        To `matplotlib.axes.Axes.plot`, for the path.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        A path or axes that do not fit; f is finite at no node.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> import matplotlib, matplotlib.pyplot as plt
    >>> matplotlib.use("Agg")
    >>> import numpy as np, fastgrad
    >>> from fastgrad import plot
    >>> figure, ax = plt.subplots()
    >>> def bowl(x):
    ...     return x[0] ** 2 + x[1] ** 2
    >>> run = fastgrad.gradient_descent(bowl, np.array([-3.0, 4.0]), 0.1, 20, return_history=True)
    >>> ax = plot.descent(bowl, run, ax=ax)
    >>> len(ax.lines[0].get_xdata()), ax.get_title()
    (21, 'bowl')
    """
    plt = pyplot(ax)
    check_function(f)
    points = _path(path)
    (x, y), labels = (_box(points), names()) if axes is None else two_axes(axes, "descent")
    check_increasing(x, "axes[0]")
    check_increasing(y, "axes[1]")
    values = np.ma.masked_invalid(_values(f, x, y))
    if values.mask.all():
        msg = f"f is finite at none of the {values.size} nodes, so it has no contours; pass axes where it is defined"
        raise ValueError(msg)
    ax = plt.gca() if ax is None else ax
    ax.contourf(x, y, values.T, levels=levels, cmap=colours_between(*GREYS))
    _draw(ax, points, full_names(keywords, "lines.Line2D"))
    return finished(ax, labels=labels, title=title_of(f))


def _path(path: Any) -> Array:
    points = real_values(_joined(path), "path")
    if points.ndim != 2 or points.shape[1] != 2:
        hint = "write path.T" if points.ndim == 2 and len(points) == 2 else "write np.vstack([history, end])"
        msg = f"path has shape {points.shape}; it must be (steps + 1, 2), one position per row: {hint}"
        raise ValueError(msg)
    finite = points[np.isfinite(points).all(axis=1)]
    if not len(finite):
        msg = f"path holds no finite position, out of {len(points)}; there is nothing to draw"
        raise ValueError(msg)
    return finite


def _joined(path: Any) -> Any:
    """The positions of an (end, history) in order; whatever else is given stays what it is."""
    if isinstance(path, tuple) and len(path) == 2 and [np.ndim(part) for part in path] == [1, 2]:
        return np.vstack(path[::-1])
    return path


def _box(points: Array) -> list[Array]:
    """Axes around a path with a margin; a path along one axis, or a single point, still gets an area."""
    low, high = points.min(axis=0), points.max(axis=0)
    widths = np.maximum(high - low, (high - low).max() / 2)
    widths[widths == 0.0] = np.maximum(1.0, np.abs(low))[widths == 0.0]
    middle = (low + high) / 2
    return [np.linspace(m - 0.6 * w, m + 0.6 * w, NODES) for m, w in zip(middle, widths, strict=True)]


def _values(f: Callable[[Array], Any], x: Array, y: Array) -> Array:
    """f at every node, (n0, n1)."""
    nodes = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)
    # 40 000 calls of a lambda in scalars take 13 ms, of one in NumPy calls 0.13 s; compiling it takes 0.1 s.
    return np.array([as_number(f(node)) for node in nodes]).reshape(x.size, y.size)


def _draw(ax: Axes, points: Array, given: dict[str, Any]) -> None:
    """The path and its ends."""
    style = {"color": ORANGE, "marker": ".", "linewidth": 1.5, "label": "path", **given}
    ax.plot(*points.T, **style)
    ends = {"linestyle": "none", "color": style["color"], "markeredgecolor": "black", "zorder": 3}
    ax.plot(*points[0], **ends, marker="o", markersize=8, label="start")
    ax.plot(*points[-1], **ends, marker="*", markersize=14, label="end")
    ax.legend()

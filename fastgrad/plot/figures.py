"""Pictures with matplotlib: gradient fields and descents.

matplotlib (extra `plot`) is imported when a picture is drawn. Every function draws on `ax`, the current axes by
default, and returns it; none shows the figure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..engine.arguments import check_function
from ..formulas.values import as_number
from ..grid.fields import gradient_field
from .axes import ORANGE, finished, full_names, pyplot, real_values

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

NODES = 200


def quiver(
    f: Callable[[Array], Any] | ArrayLike,
    axes: Sequence[ArrayLike],
    *,
    ax: Axes | None = None,
    negative: bool = False,
    colorbar: bool = True,
    **keywords: Any,
) -> Axes:
    """The gradient of a function of two variables as arrows, coloured by its magnitude.

    An arrow starts at its node, points in the direction of the gradient in data coordinates, and is as long as the
    gradient is large; the longest fills one cell of the grid. That scale fits any field, so the colours, and the
    colour bar, say how large the gradient is. Where it is not finite there is no arrow.

    Parameters
    ----------
    f : callable or array_like
        A function of one point, differentiated by `gradient_field`; or its result, an array of shape (2, n0, n1).
    axes : sequence of two 1-D array_likes
        The coordinates x0 and x1, in any order and spacing.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the current axes.
    negative : bool
        Draw the negative gradient, the direction of descent.
    colorbar : bool
        Add a colour bar. Without effect where `color` is given.
    **keywords
        To `matplotlib.axes.Axes.quiver`: `color` for arrows of one colour, `scale`, `norm`, ...

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        axes or an array that do not fit; what `gradient_field` raises.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> import matplotlib, matplotlib.pyplot as plt
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> from fastgrad import plot
    >>> figure, ax = plt.subplots()
    >>> x = np.arange(-2, 2.5, 0.25)
    >>> ax = plot.quiver(lambda p: p[0] * p[1], [x, x], ax=ax, negative=True)
    >>> len(ax.collections[0].U), float(ax.collections[0].get_array().max().round(6))
    (324, 3.181981)
    """
    plt = pyplot(ax)
    x, y, field, magnitude = _field(f, axes, negative, "quiver")
    given = full_names(keywords, "quiver.Quiver")
    options = {"angles": "xy", **given}
    scale = _longest(field, x, y)
    if not given.keys() & {"scale", "scale_units"}:
        options |= {"scale_units": "xy", "scale": scale}
    coloured = not given.keys() & {"color", "facecolor"}
    ax = plt.gca() if ax is None else ax
    nodes = np.array(np.meshgrid(x, y, indexing="ij"))
    arrows = ax.quiver(*nodes, *field, *[magnitude] * coloured, **options)
    ax.update_datalim((nodes + field / scale).reshape(2, -1).T[np.isfinite(magnitude).ravel()])  # the tips
    ax.autoscale_view()
    return finished(ax, arrows if colorbar and coloured else None)


def streamplot(
    f: Callable[[Array], Any] | ArrayLike,
    axes: Sequence[ArrayLike],
    *,
    ax: Axes | None = None,
    negative: bool = False,
    colorbar: bool = True,
    **keywords: Any,
) -> Axes:
    """The gradient of a function of two variables as streamlines, coloured by its magnitude.

    Parameters are those of `quiver`, but the axes must increase in even steps, and further keywords go to
    `matplotlib.axes.Axes.streamplot`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError, ImportError
        As `quiver`; axes that do not increase in even steps.

    Examples
    --------
    >>> import matplotlib, matplotlib.pyplot as plt
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> from fastgrad import plot
    >>> figure, ax = plt.subplots()
    >>> x = np.linspace(-2, 2, 30)
    >>> plot.streamplot(lambda p: np.sin(p[0] * p[1]), [x, x], ax=ax, negative=True, density=0.7)
    <Axes: xlabel='$x_0$', ylabel='$x_1$'>
    """
    plt = pyplot(ax)
    x, y, field, magnitude = _field(f, axes, negative, "streamplot")
    _check_even(x, "axes[0]")
    _check_even(y, "axes[1]")
    coloured = "color" not in keywords
    options = {"color": np.ma.masked_invalid(magnitude.T), **keywords} if coloured else keywords
    ax = plt.gca() if ax is None else ax
    stream = ax.streamplot(x, y, *(component.T for component in field), **options)
    return finished(ax, stream.lines if colorbar and coloured else None)


def descent(
    f: Callable[[Array], Any],
    path: ArrayLike,
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
    path : array_like
        The positions in order, one per row: (steps + 1, 2). Positions that are not finite are left out.
    axes : sequence of two 1-D array_likes, optional
        Where f is evaluated for its contours, increasing; by default 200 nodes each on a box around the path.
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
    >>> end, before = fastgrad.gradient_descent(bowl, np.array([-3.0, 4.0]), 0.1, 20, return_history=True)
    >>> ax = plot.descent(bowl, np.vstack([before, end]), ax=ax)
    >>> len(ax.lines[0].get_xdata())
    21
    """
    plt = pyplot(ax)
    check_function(f)
    points = _path(path)
    x, y = _box(points) if axes is None else _two_axes(axes, "descent")
    _check_increasing(x, "axes[0]")
    _check_increasing(y, "axes[1]")
    values = np.ma.masked_invalid(_values(f, x, y))
    if values.mask.all():
        msg = f"f is finite at none of the {values.size} nodes, so it has no contours; pass axes where it is defined"
        raise ValueError(msg)
    style = {"color": ORANGE, "marker": ".", "linewidth": 1.5, "label": "path", **full_names(keywords, "lines.Line2D")}
    ax = plt.gca() if ax is None else ax
    ax.contourf(x, y, values.T, levels=levels, cmap="Greys_r", alpha=0.6)
    ax.plot(*points.T, **style)
    ends = {"linestyle": "none", "color": style["color"], "markeredgecolor": "black", "zorder": 3}
    ax.plot(*points[0], **ends, marker="o", markersize=8, label="start")
    ax.plot(*points[-1], **ends, marker="*", markersize=14, label="end")
    ax.legend()
    return finished(ax)


# --- what callers pass -----------------------------------------------------------------------------------------------


def _two_axes(axes: Any, caller: str) -> list[Array]:
    if not np.iterable(axes):
        msg = f"axes must be two 1-D arrays, got {type(axes).__name__}; write {caller}(f, [x0, x1])"
        raise TypeError(msg)
    arrays = [real_values(a, "an axis") for a in axes]
    if len(arrays) != 2 or any(a.ndim != 1 or not a.size for a in arrays):
        shapes = [a.shape for a in arrays]
        msg = f"axes must be two 1-D arrays of coordinates, got shapes {shapes}; write {caller}(f, [x0, x1])"
        raise ValueError(msg)
    for k, a in enumerate(arrays):
        if not np.isfinite(a).all():
            msg = f"axes[{k}] must hold finite coordinates, got {a[~np.isfinite(a)][0]}"
            raise ValueError(msg)
    return arrays


def _field(f: Any, axes: Any, negative: bool, caller: str) -> tuple[Array, Array, Array, Array]:
    """Both axes, the field to draw and its magnitude."""
    x, y = _two_axes(axes, caller)
    field = gradient_field(f, [x, y]) if callable(f) else real_values(f, "f")
    if field.shape != (2, x.size, y.size):
        msg = (
            f"f is an array of shape {field.shape}; with axes of {x.size} and {y.size} nodes it must be "
            f"(2, {x.size}, {y.size}), the result of gradient_field(f, axes): element [i, a, b] is the derivative "
            "along axis i at (axes[0][a], axes[1][b])"
        )
        raise ValueError(msg)
    field = -field if negative else field
    with np.errstate(all="ignore"):
        return x, y, field, np.hypot(*field)


def _check_increasing(axis: Array, name: str) -> None:
    if axis.size < 2 or not (np.diff(axis) > 0).all():
        msg = f"{name} must increase, over at least two nodes, got {_shown(axis)}; write np.linspace(start, stop, 200)"
        raise ValueError(msg)


def _check_even(axis: Array, name: str) -> None:
    """matplotlib follows streamlines on even grids only."""
    gaps = np.diff(axis)
    if not gaps.size or not gaps.min() > 0 or np.ptp(gaps) > 1e-5 * gaps.mean():
        msg = (
            f"{name} must increase in even steps for streamlines, got {_shown(axis)}; write np.linspace(start, stop, "
            "30), or draw arrows with quiver"
        )
        raise ValueError(msg)


def _shown(axis: Array) -> str:
    return np.array2string(axis, threshold=6, edgeitems=2, precision=4)


def _path(path: Any) -> Array:
    points = real_values(path, "path")
    if points.ndim != 2 or points.shape[1] != 2:
        hint = "write path.T" if points.ndim == 2 and len(points) == 2 else "write np.vstack([history, end])"
        msg = f"path has shape {points.shape}; it must be (steps + 1, 2), one position per row: {hint}"
        raise ValueError(msg)
    finite = points[np.isfinite(points).all(axis=1)]
    if not len(finite):
        msg = f"path holds no finite position, out of {len(points)}; there is nothing to draw"
        raise ValueError(msg)
    return finite


# --- what is drawn ---------------------------------------------------------------------------------------------------


def _longest(field: Array, x: Array, y: Array) -> float:
    """The scale at which the largest finite component is one cell long, 1 where nothing is longer than 0."""
    cells = np.array([_spacing(x), _spacing(y)])
    cells[cells == 0.0] = cells.max() or 1.0
    with np.errstate(all="ignore"):
        lengths = np.abs(field) / cells[:, None, None]
    return float(lengths.max(initial=0.0, where=np.isfinite(lengths).all(axis=0))) or 1.0


def _spacing(axis: Array) -> float:
    """The usual distance between neighbouring coordinates, 0 for a single one."""
    gaps = np.diff(np.unique(axis))
    return float(np.median(gaps)) if gaps.size else 0.0


def _box(points: Array) -> tuple[Array, Array]:
    """Axes around a path with a margin; a path along one axis, or a single point, still gets an area."""
    low, high = points.min(axis=0), points.max(axis=0)
    widths = np.maximum(high - low, (high - low).max() / 2)
    widths[widths == 0.0] = np.maximum(1.0, np.abs(low))[widths == 0.0]
    middle = (low + high) / 2
    x, y = (np.linspace(m - 0.6 * w, m + 0.6 * w, NODES) for m, w in zip(middle, widths, strict=True))
    return x, y


def _values(f: Callable[[Array], Any], x: Array, y: Array) -> Array:
    """f at every node, (n0, n1)."""
    nodes = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)
    # 40 000 calls of a lambda in scalars take 13 ms, of one in NumPy calls 0.13 s; compiling it takes 0.1 s.
    return np.array([as_number(f(node)) for node in nodes]).reshape(x.size, y.size)

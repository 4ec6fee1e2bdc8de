"""Pictures of gradient fields with matplotlib: arrows and streamlines.

matplotlib (extra `plot`) is imported when a picture is drawn. Every function draws on `ax`, the current axes by
default, and returns it; none shows the figure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, product
from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from ..grid.fields import gradient_field
from .axes import MAGNITUDES, colours_between, finished, full_names, pyplot, real_values, shown, title_of, two_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

ARROWS = 25  # about as many along an axis can be told apart in a figure of the usual size


def quiver(
    f: Callable[[Array], Any] | ArrayLike,
    axes: Sequence[ArrayLike],
    *,
    ax: Axes | None = None,
    negative: bool = False,
    every: int | tuple[int, int] | None = None,
    colorbar: bool | str = True,
    **keywords: Any,
) -> Axes:
    """The gradient of a function of two variables as arrows, coloured by its magnitude.

    An arrow starts at its node, points in the direction of the gradient in data coordinates, and is as long as the
    gradient is large; the longest fills one cell of the grid of arrows. That scale fits any field, so the colours, and
    the colour bar, say how large the gradient is. Where it is not finite there is no arrow. The title is the name of f,
    if it has one, and labels are those of the axes; what `ax` has already stays.

    Parameters
    ----------
    f : callable or array_like
        A function of one point, differentiated by `gradient_field`; or its result, an array of shape (2, n0, n1).
    axes : sequence of two 1-D array_likes
        The coordinates x0 and x1, in any order and spacing. A DataArray, Series or Index with a name labels its axis.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the current axes.
    negative : bool
        Draw the negative gradient, the direction of descent.
    every : int or (int, int), optional
        An arrow at every so many nodes, along each axis. By default about 25 arrows along an axis, all nodes of a
        coarse grid; a function is differentiated only where arrows are.
    colorbar : bool or str
        Add a colour bar, or one with this text beside it. Without effect where `color` is given.
    **keywords
        To `matplotlib.axes.Axes.quiver`: `color` for arrows of one colour, `cmap`, `scale`, `norm`, ... The default
        colours can be told apart from a light and from a dark background.

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
    field = _field(f, axes, negative, "quiver", every=every)
    given = full_names(keywords, "quiver.Quiver")
    coloured = not given.keys() & {"color", "facecolor"}
    scale = _longest(field)
    options = {"angles": "xy", **_colours(coloured), **given}
    if not given.keys() & {"scale", "scale_units"}:
        options |= {"scale_units": "xy", "scale": scale}
    ax = plt.gca() if ax is None else ax
    nodes = np.array(np.meshgrid(field.x, field.y, indexing="ij"))
    arrows = ax.quiver(*nodes, *field.slopes, *[field.magnitude] * coloured, **options)
    tips = nodes + field.slopes / scale
    ax.update_datalim(tips.reshape(2, -1).T[np.isfinite(field.magnitude).ravel()])
    ax.autoscale_view()
    return finished(ax, arrows if colorbar and coloured else None, field.labels, field.title, _text(colorbar))


def streamplot(
    f: Callable[[Array], Any] | ArrayLike,
    axes: Sequence[ArrayLike],
    *,
    ax: Axes | None = None,
    negative: bool = False,
    colorbar: bool | str = True,
    **keywords: Any,
) -> Axes:
    """The gradient of a function of two variables as streamlines, coloured by its magnitude.

    Parameters are those of `quiver` without `every`, but the axes must increase in even steps, and further keywords go
    to `matplotlib.axes.Axes.streamplot`. Lines end a cell before a ridge, a valley's floor or a flat, along which the
    gradient is 0: the finer the axes, the closer.

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
    field = _field(f, axes, negative, "streamplot", every=1, even=True)
    coloured = "color" not in keywords
    colours = {"color": np.ma.masked_invalid(field.magnitude.T)} if coloured else {}
    lines = np.where(_turning(field), np.nan, field.slopes)
    ax = plt.gca() if ax is None else ax
    stream = ax.streamplot(
        field.x, field.y, *(part.T for part in lines), **{**colours, **_colours(coloured), **keywords}
    )
    ax.update_datalim([(field.x[0], field.y[0]), (field.x[-1], field.y[-1])])
    ax.autoscale_view()
    return finished(ax, stream.lines if colorbar and coloured else None, field.labels, field.title, _text(colorbar))


# --- what callers pass -----------------------------------------------------------------------------------------------


class Field(NamedTuple):
    """What is drawn: coordinates, the slopes there (2, n0, n1) and how large they are; what to call it all."""

    x: Array
    y: Array
    slopes: Array
    magnitude: Array
    labels: tuple[str, str]
    title: str


def _field(f: Any, axes: Any, negative: bool, caller: str, every: Any, even: bool = False) -> Field:
    """The field at the nodes that have an arrow."""
    whole, labels = two_axes(axes, caller)
    some = [_some(axis.size, step) for axis, step in zip(whole, _steps(every, whole), strict=True)]
    x, y = (axis[nodes] for axis, nodes in zip(whole, some, strict=True))
    given = None if callable(f) else _checked(real_values(f, "f"), (2, whole[0].size, whole[1].size), caller)
    for number, axis in enumerate(whole if even else ()):
        _check_even(axis, f"axes[{number}]")
    slopes = gradient_field(f, [x, y]) if given is None else given[:, some[0], some[1]]
    slopes = -slopes if negative else slopes
    with np.errstate(all="ignore"):
        magnitude = np.hypot(*slopes)
    return Field(x, y, slopes, magnitude, labels, title_of(f, r"$-\nabla$ " if negative else r"$\nabla$ "))


def _checked(field: Array, shape: tuple[int, int, int], caller: str) -> Array:
    if field.shape != shape:
        msg = (
            f"f is an array of shape {field.shape}; with axes of {shape[1]} and {shape[2]} nodes it must be "
            f"{shape}, the result of gradient_field(f, axes): element [i, a, b] is the derivative "
            "along axis i at (axes[0][a], axes[1][b])"
        )
        if field.shape == shape[1:]:
            msg += f"; of samples of one quantity write plot.{caller}(grid.gradient(f, x0, x1), [x0, x1])"
        raise ValueError(msg)
    return field


def _steps(every: Any, axes: list[Array]) -> list[int]:
    """From one arrow to the next, along each axis."""
    if every is None:
        return [max(1, round(axis.size / ARROWS)) for axis in axes]
    steps = list(every) if isinstance(every, (list, tuple)) else [every, every]
    if len(steps) != 2 or not all(isinstance(k, Integral) and int(k) > 0 for k in steps):
        msg = f"every must be a whole number from 1 on, or two of them, got {every!r}"
        raise ValueError(msg)
    return [int(k) for k in steps]


def _some(size: int, step: int) -> slice:
    """Every so many, with as much left out at one end as at the other."""
    return slice((size - 1) % step // 2, None, step)


def _check_even(axis: Array, name: str) -> None:
    """matplotlib follows streamlines on even grids only."""
    gaps = np.diff(axis)
    if not gaps.size or not gaps.min() > 0 or np.ptp(gaps) > 1e-5 * gaps.mean():
        msg = (
            f"{name} must increase in even steps for streamlines, got {shown(axis)}; write np.linspace(start, stop, "
            "30), or draw arrows with quiver"
        )
        raise ValueError(msg)


# --- what is drawn ---------------------------------------------------------------------------------------------------


def _text(colorbar: bool | str) -> str:
    """What is asked for beside the colour bar."""
    return colorbar if isinstance(colorbar, str) else ""


def _colours(coloured: bool) -> dict[str, Any]:
    return {"cmap": colours_between(*MAGNITUDES)} if coloured else {}


def _longest(field: Field) -> float:
    """The scale at which the largest finite component is one cell long, 1 where nothing is longer than 0."""
    cells = np.array([_spacing(field.x), _spacing(field.y)])
    cells[cells == 0.0] = cells.max() or 1.0
    with np.errstate(all="ignore"):
        lengths = np.abs(field.slopes) / cells[:, None, None]
    return float(lengths.max(initial=0.0, where=np.isfinite(lengths).all(axis=0))) or 1.0


def _turning(field: Field) -> NDArray[np.bool_]:
    """Corners of cells where the gradient is 0 along a line or in an area, (n0, n1).

    matplotlib would draw stubs there: lines that reach a ridge or a flat follow it in small steps from cell to cell. A
    single minimum or saddle is none, lines run into it.
    """
    with np.errstate(all="ignore"):
        zero = field.magnitude <= 1e-12 * field.magnitude.max(initial=0.0, where=np.isfinite(field.magnitude))
        corners = [part for part, _ in _corners(field.slopes / field.magnitude)]
        against = [np.sum(a * b, axis=0) < 0 for a, b in combinations(corners, 2)]
    flat = np.all([part for part, _ in _corners(zero)], axis=0)
    cells = flat | _lines(np.any(against, axis=0))
    found = np.zeros(zero.shape, dtype=np.bool_)
    for _, place in _corners(zero):
        found[place] |= cells
    return found


def _corners(nodes: Array) -> Iterator[tuple[Array, tuple[slice, slice]]]:
    """The nodes at each of the four corners of all cells, and where they are."""
    for a, b in product((slice(1, None), slice(None, -1)), repeat=2):
        yield nodes[..., a, b], (a, b)


def _lines(cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Those with at least four others within three cells: around a single point there are four at most."""
    near = sliding_window_view(np.pad(cells, 3), (7, 7)).sum(axis=(2, 3))
    lines: NDArray[np.bool_] = cells & (near > 4)
    return lines


def _spacing(axis: Array) -> float:
    """The usual distance between neighbouring coordinates, 0 for a single one."""
    gaps = np.diff(np.unique(axis))
    return float(np.median(gaps)) if gaps.size else 0.0

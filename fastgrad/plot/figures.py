"""Pictures with matplotlib: gradient fields, descents, and the error of a difference quotient against its step.

matplotlib (extra `plot`) is imported when a picture is drawn. Every function draws on `ax`, the current axes by
default, and returns it; none shows the figure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..engine.arguments import check_function, check_scheme, real_array
from ..formulas.stencils import Stencil, stencil
from ..formulas.steps import choose_steps
from ..formulas.values import as_number
from ..grid.fields import gradient_field
from ..operations.gradients import derivative
from ..results import EPS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable

Array = NDArray[np.float64]

# Colours that colour-blind readers tell apart (M. Okabe and K. Ito, "Color Universal Design", 2008).
BLUE, ORANGE, GREEN, PURPLE = COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
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
    plt = _pyplot(ax)
    x, y, field, magnitude = _field(f, axes, negative, "quiver")
    given = _full_names(keywords, "quiver.Quiver")
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
    return _finished(ax, arrows if colorbar and coloured else None)


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
    plt = _pyplot(ax)
    x, y, field, magnitude = _field(f, axes, negative, "streamplot")
    _check_even(x, "axes[0]")
    _check_even(y, "axes[1]")
    coloured = "color" not in keywords
    options = {"color": np.ma.masked_invalid(magnitude.T), **keywords} if coloured else keywords
    ax = plt.gca() if ax is None else ax
    stream = ax.streamplot(x, y, *(component.T for component in field), **options)
    return _finished(ax, stream.lines if colorbar and coloured else None)


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
    plt = _pyplot(ax)
    check_function(f)
    points = _path(path)
    x, y = _box(points) if axes is None else _two_axes(axes, "descent")
    _check_increasing(x, "axes[0]")
    _check_increasing(y, "axes[1]")
    values = np.ma.masked_invalid(_values(f, x, y))
    if values.mask.all():
        msg = f"f is finite at none of the {values.size} nodes, so it has no contours; pass axes where it is defined"
        raise ValueError(msg)
    style = {"color": ORANGE, "marker": ".", "linewidth": 1.5, "label": "path", **_full_names(keywords, "lines.Line2D")}
    ax = plt.gca() if ax is None else ax
    ax.contourf(x, y, values.T, levels=levels, cmap="Greys_r", alpha=0.6)
    ax.plot(*points.T, **style)
    ends = {"linestyle": "none", "color": style["color"], "markeredgecolor": "black", "zorder": 3}
    ax.plot(*points[0], **ends, marker="o", markersize=8, label="start")
    ax.plot(*points[-1], **ends, marker="*", markersize=14, label="end")
    ax.legend()
    return _finished(ax)


def convergence(
    f: Callable[[float], Any],
    x: float,
    exact: float | None = None,
    *,
    orders: int | Sequence[int] = (2, 4),
    steps: ArrayLike | None = None,
    ax: Axes | None = None,
    **keywords: Any,
) -> Axes:
    """The error of the central difference quotient of f at x against its step h, on logarithmic axes.

    The quotient is the textbook's: f at x plus multiples of h, divided by h as given. To the right its error is
    truncation, which falls as ``h**order``. To the left it is round-off, about ``eps * (abs(f) + abs(x * f')) / h``:
    values of f and of x + h are known to a relative eps only. Where h vanishes beside x, ``x + h == x``, every
    difference is 0 and the error is ``abs(exact)``; that range is shaded. Stars mark the default steps of fastgrad.

    Parameters
    ----------
    f : callable
        A function of one number.
    x : float
        The point.
    exact : float, optional
        The derivative there. By default the central difference of order 8 with its default step, good to about 14
        digits where f is smooth: errors below that are then not to be trusted.
    orders : int or sequence of int
        Orders of accuracy, of 2, 4, 6, 8: a curve and a guide line each. A guide line is fitted to the errors that are
        clearly truncation; where there are none, as for a parabola, it is left out.
    steps : array_like, optional
        The steps h; by default from 1e-16 to 1, ten per decade.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the current axes.
    **keywords
        To `matplotlib.axes.Axes.plot`, for the curves.

    Returns
    -------
    matplotlib.axes.Axes
        Errors below half a rounding of `exact`, which logarithmic axes may not show at all, are drawn there.

    Raises
    ------
    TypeError, ValueError
        x is not one finite number, an order that does not exist, steps that are not positive, no finite derivative.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> import matplotlib, matplotlib.pyplot as plt
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> from fastgrad import plot
    >>> figure, ax = plt.subplots()
    >>> ax = plot.convergence(np.exp, 1.0, exact=np.e, ax=ax)
    >>> ax.get_xscale(), ax.get_yscale()
    ('log', 'log')
    """
    plt = _pyplot(ax)
    check_function(f)
    at, h = _number(x), _check_steps(steps)
    formulas = [_central(order) for order in np.atleast_1d(np.asarray(orders, dtype=object))]
    slope = _number(derivative(f, at, order=8) if exact is None else exact, "the derivative of f, exact,")
    roundoff = EPS * (abs(as_number(f(at))) + abs(at * slope))
    floor = EPS / 2 * (abs(slope) or roundoff / EPS or 1.0)
    errors = [np.maximum(np.abs(_quotients(f, at, h, formula) - slope), floor) for formula in formulas]
    given = _full_names(keywords, "lines.Line2D")
    ax = plt.gca() if ax is None else ax
    for formula, error, colour in zip(formulas, errors, cycle(COLOURS), strict=False):
        style = {"color": colour, "marker": ".", "markersize": 3, "linewidth": 0.8, "label": f"order {formula.order}"}
        ax.plot(h, error, **{**style, **given})
        chosen = choose_steps(np.asarray(at), formula).at(at)
        its_error = np.maximum(np.abs(_quotients(f, at, chosen.reshape(1), formula) - slope), floor)
        ax.plot(chosen, its_error[0], "*", color=colour, markersize=14, markeredgecolor="black", zorder=3)
    _guides(ax, h, errors, formulas, roundoff, floor)
    vanishes = np.spacing(abs(at)) / 2
    if h[0] <= vanishes:
        ax.axvspan(h[0], vanishes, color="0.85", label="$x + h = x$", zorder=0)
    ax.plot([], [], "*", color="white", markersize=14, markeredgecolor="black", label="default step")
    ax.set(xscale="log", yscale="log")
    ax.legend()
    return _finished(ax, labels=("step $h$", "error of the derivative"))


# --- what callers pass -----------------------------------------------------------------------------------------------


def _pyplot(ax: Any) -> Any:
    try:
        import matplotlib.pyplot as plt  # noqa: PLC0415  an extra, needed only here
    except ImportError as error:
        msg = "fastgrad.plot draws with matplotlib, which is not installed; write: pip install 'fastgrad[plot]'"
        raise ImportError(msg) from error
    if ax is not None and not hasattr(ax, "quiver"):
        msg = f"ax must be one matplotlib Axes, got {type(ax).__name__}; of `fig, axs = plt.subplots(1, 2)` pass axs[0]"
        raise TypeError(msg)
    return plt


def _full_names(keywords: dict[str, Any], artist: str) -> dict[str, Any]:
    """Keywords without matplotlib's abbreviations, so that they replace defaults and do not collide with them."""
    from importlib import import_module  # noqa: PLC0415

    from matplotlib.cbook import normalize_kwargs  # noqa: PLC0415

    module, name = artist.split(".")
    return normalize_kwargs(keywords, getattr(import_module(f"matplotlib.{module}"), name))


def _real(values: Any, name: str) -> Array:
    """An array of float64; NaN where a masked array is masked."""
    if isinstance(values, np.ma.MaskedArray):
        values = np.ma.filled(values.astype(np.float64), np.nan)
    array: Array = real_array(values, name).astype(np.float64)
    return array


def _two_axes(axes: Any, caller: str) -> list[Array]:
    if not np.iterable(axes):
        msg = f"axes must be two 1-D arrays, got {type(axes).__name__}; write {caller}(f, [x0, x1])"
        raise TypeError(msg)
    arrays = [_real(a, "an axis") for a in axes]
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
    field = gradient_field(f, [x, y]) if callable(f) else _real(f, "f")
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
    points = _real(path, "path")
    if points.ndim != 2 or points.shape[1] != 2:
        hint = "write path.T" if points.ndim == 2 and len(points) == 2 else "write np.vstack([history, end])"
        msg = f"path has shape {points.shape}; it must be (steps + 1, 2), one position per row: {hint}"
        raise ValueError(msg)
    finite = points[np.isfinite(points).all(axis=1)]
    if not len(finite):
        msg = f"path holds no finite position, out of {len(points)}; there is nothing to draw"
        raise ValueError(msg)
    return finite


def _number(x: Any, name: str = "x") -> float:
    array = real_array(x, name)
    if array.size != 1 or not np.isfinite(array).all():
        what = f"shape {array.shape}" if array.size != 1 else array.item()
        msg = f"{name} must be one finite number, got {what}"
        raise ValueError(msg)
    return float(array.item())


def _check_steps(steps: Any) -> Array:
    """The steps, smallest first."""
    if steps is None:
        return np.logspace(-16, 0, 161)
    h = np.sort(real_array(steps, "steps").astype(np.float64), axis=None)
    if not h.size or not (h[0] > 0 and np.isfinite(h[-1])):
        got = f"{h[0] if h[0] <= 0 else h[-1]}" if h.size else "none"
        msg = f"steps must be positive and finite, got {got}; write steps=np.logspace(-16, 0, 161)"
        raise ValueError(msg)
    return h


def _central(order: Any) -> Stencil:
    check_scheme("central", order)
    return stencil(1, int(order))


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


def _quotients(f: Callable[[float], Any], x: float, h: Array, formula: Stencil) -> Array:
    """The difference quotient of the textbook for each step."""
    with np.errstate(all="ignore"):
        values = [np.array([as_number(f(moved)) for moved in x + k * h]) for k in formula.offsets]
        total = sum((n * (values[a] - values[b]) for n, a, b in formula.terms), np.zeros(h.size))
        return total / (formula.denominator * h)


def _guides(ax: Axes, h: Array, errors: list[Array], formulas: list[Stencil], roundoff: float, floor: float) -> None:
    """Lines of slope `order` and of slope -1, as far as they run among the errors."""
    highest = max((error[np.isfinite(error)].max(initial=floor) for error in errors), default=floor)
    lines = [(roundoff / h, "0.3", r"round-off $\varepsilon\,(|f| + |x f'|)/h$")]
    for error, formula, colour in zip(errors, formulas, cycle(COLOURS), strict=False):
        # A hundred times the round-off is truncation; the smallest such steps show the slope best.
        clear = np.flatnonzero(error > 100 * (roundoff / h + floor))[:5]
        if clear.size:
            factor = np.median(error[clear] / h[clear] ** formula.order)
            lines.append((factor * h**formula.order, colour, f"truncation $\\propto h^{formula.order}$"))
    for line, colour, label in lines:
        among = np.where((line >= floor) & (line <= 10 * highest), line, np.nan)
        ax.plot(h, among, color=colour, linestyle="--", linewidth=1.2, label=label)


def _finished(ax: Axes, coloured: ScalarMappable | None = None, labels: tuple[str, str] = ("$x_0$", "$x_1$")) -> Axes:
    """The axes with labels, unless they have some, and a colour bar for what is coloured by magnitude."""
    ax.set_xlabel(ax.get_xlabel() or labels[0])
    ax.set_ylabel(ax.get_ylabel() or labels[1])
    if coloured is not None:
        ax.figure.colorbar(coloured, ax=ax, label=r"$|\nabla f|$")
    return ax

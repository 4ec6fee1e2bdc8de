"""What every figure needs of matplotlib: axes to draw on, its names for keywords, colours, labels; and coordinates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..engine.numbers import real_array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Colormap

Array = NDArray[np.float64]

# Colours that colour-blind readers tell apart (M. Okabe and K. Ito, "Color Universal Design", 2008).
BLUE, ORANGE, GREEN, PURPLE = COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
# From the first to the second, each with a contrast of more than 3 to white and to black: viridis has 1.3 at both ends.
MAGNITUDES = (BLUE, "#8A63B0", "#C0507A", ORANGE)


def pyplot(ax: Any) -> Any:
    try:
        import matplotlib.pyplot as plt  # noqa: PLC0415  an extra, needed only here
    except ImportError as error:
        msg = "fastgrad.plot draws with matplotlib, which is not installed; write: pip install 'fastgrad[plot]'"
        raise ImportError(msg) from error
    if ax is not None and not hasattr(ax, "quiver"):
        msg = f"ax must be one matplotlib Axes, got {type(ax).__name__}; of `fig, axs = plt.subplots(1, 2)` pass axs[0]"
        raise TypeError(msg)
    return plt


def full_names(keywords: dict[str, Any], artist: str) -> dict[str, Any]:
    """Keywords without matplotlib's abbreviations, so that they replace defaults and do not collide with them."""
    from importlib import import_module  # noqa: PLC0415

    from matplotlib.cbook import normalize_kwargs  # noqa: PLC0415

    module, name = artist.split(".")
    return normalize_kwargs(keywords, getattr(import_module(f"matplotlib.{module}"), name))


def colours_between(*colours: str) -> Colormap:
    from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415

    return LinearSegmentedColormap.from_list("fastgrad", colours)


def real_values(values: Any, name: str) -> Array:
    """An array of float64; NaN where a masked array is masked."""
    if isinstance(values, np.ma.MaskedArray):
        values = np.ma.filled(values.astype(np.float64), np.nan)
    array: Array = real_array(values, name).astype(np.float64, copy=False)
    return array


# --- coordinates ------------------------------------------------------------------------------------------------------


def two_axes(axes: Any, caller: str) -> tuple[list[Array], tuple[str, str]]:
    """The coordinates, and what to write beside them."""
    if not np.iterable(axes):
        msg = f"axes must be two 1-D arrays, got {type(axes).__name__}; write {caller}(f, [x0, x1])"
        raise TypeError(msg)
    axes = list(axes)
    arrays = [real_values(a, "an axis") for a in axes]
    if len(arrays) != 2 or any(a.ndim != 1 or not a.size for a in arrays):
        shapes = [a.shape for a in arrays]
        msg = f"axes must be two 1-D arrays of coordinates, got shapes {shapes}; write {caller}(f, [x0, x1])"
        raise ValueError(msg)
    for k, a in enumerate(arrays):
        if not np.isfinite(a).all():
            msg = f"axes[{k}] must hold finite coordinates, got {a[~np.isfinite(a)][0]}"
            raise ValueError(msg)
    return arrays, names(axes[0], axes[1])


def check_increasing(axis: Array, name: str) -> None:
    if axis.size < 2 or not (np.diff(axis) > 0).all():
        msg = f"{name} must increase, over at least two nodes, got {shown(axis)}; write np.linspace(start, stop, 200)"
        raise ValueError(msg)


def shown(axis: Array) -> str:
    return np.array2string(axis, threshold=6, edgeitems=2, precision=4)


# --- words ------------------------------------------------------------------------------------------------------------


def names(x: Any = None, y: Any = None) -> tuple[str, str]:
    """What a Series, an Index or a DataArray is called, or its dimension, with its unit; x0 and x1 of what has none."""
    return _name(x) or "$x_0$", _name(y) or "$x_1$"


def _name(axis: Any) -> str:
    attributes = getattr(axis, "attrs", {})
    name = attributes.get("long_name") or getattr(axis, "name", None) or "".join(map(str, getattr(axis, "dims", ())))
    if not name:
        return ""
    return f"{name} [{attributes['units']}]" if "units" in attributes else str(name)


def title_of(f: Any, before: str = "") -> str:
    """The name of a function that has one, and `before` in front of it."""
    name = getattr(f, "__name__", "<lambda>")
    return "" if name == "<lambda>" else before + name


def finished(
    ax: Axes, coloured: ScalarMappable | None = None, labels: tuple[str, str] = ("$x_0$", "$x_1$"), title: str = ""
) -> Axes:
    """The axes with labels and title, unless they have some, and a colour bar for what is coloured by magnitude."""
    ax.set_xlabel(ax.get_xlabel() or labels[0])
    ax.set_ylabel(ax.get_ylabel() or labels[1])
    ax.set_title(ax.get_title() or title)
    if coloured is not None:
        ax.figure.colorbar(coloured, ax=ax, label=r"$|\nabla f|$")
    return ax

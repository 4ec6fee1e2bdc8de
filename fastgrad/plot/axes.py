"""What every figure needs of matplotlib: axes to draw on, its names for keywords, colours, labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..engine.numbers import real_array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable

Array = NDArray[np.float64]

# Colours that colour-blind readers tell apart (M. Okabe and K. Ito, "Color Universal Design", 2008).
BLUE, ORANGE, GREEN, PURPLE = COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")


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


def real_values(values: Any, name: str) -> Array:
    """An array of float64; NaN where a masked array is masked."""
    if isinstance(values, np.ma.MaskedArray):
        values = np.ma.filled(values.astype(np.float64), np.nan)
    array: Array = real_array(values, name).astype(np.float64)
    return array


def finished(ax: Axes, coloured: ScalarMappable | None = None, labels: tuple[str, str] = ("$x_0$", "$x_1$")) -> Axes:
    """The axes with labels, unless they have some, and a colour bar for what is coloured by magnitude."""
    ax.set_xlabel(ax.get_xlabel() or labels[0])
    ax.set_ylabel(ax.get_ylabel() or labels[1])
    if coloured is not None:
        ax.figure.colorbar(coloured, ax=ax, label=r"$|\nabla f|$")
    return ax

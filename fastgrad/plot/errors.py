"""The error of a difference quotient against its step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..engine.arguments import check_function, check_scheme
from ..engine.numbers import real_array
from ..formulas.stencils import Stencil, stencil
from ..formulas.steps import choose_steps
from ..formulas.values import as_number
from ..operations.gradients import derivative
from ..results import EPS
from .axes import COLOURS, finished, full_names, pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]


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
    plt = pyplot(ax)
    check_function(f)
    at, h = _number(x), _check_steps(steps)
    formulas = [_central(order) for order in np.atleast_1d(np.asarray(orders, dtype=object))]
    slope = _number(derivative(f, at, order=8) if exact is None else exact, "the derivative of f, exact,")
    roundoff = EPS * (abs(as_number(f(at))) + abs(at * slope))
    floor = EPS / 2 * (abs(slope) or roundoff / EPS or 1.0)
    errors = [np.maximum(np.abs(_quotients(f, at, h, formula) - slope), floor) for formula in formulas]
    given = full_names(keywords, "lines.Line2D")
    ax = plt.gca() if ax is None else ax
    for formula, error, colour in zip(formulas, errors, cycle(COLOURS), strict=False):
        style = {"color": colour, "marker": ".", "markersize": 3, "linewidth": 0.8, "label": f"order {formula.order}"}
        ax.plot(h, error, **{**style, **given})
        chosen = choose_steps(np.asarray(at), formula).at(at)
        its_error = np.maximum(np.abs(_quotients(f, at, chosen.reshape(1), formula) - slope), floor)
        ax.plot(chosen, its_error[0], "*", color=colour, markersize=14, markeredgecolor="black", zorder=3)
    _guides(ax, h, errors, formulas, roundoff, floor)
    _explain(ax, h, np.spacing(abs(at)) / 2)
    return finished(ax, labels=("step $h$", "error of the derivative"))


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


def _quotients(f: Callable[[float], Any], x: float, h: Array, formula: Stencil) -> Array:
    """The difference quotient of the textbook for each step."""
    with np.errstate(all="ignore"):
        values = [np.array([as_number(f(moved)) for moved in x + k * h]) for k in formula.offsets]
        total = sum((n * (values[a] - values[b]) for n, a, b in formula.terms), np.zeros(h.size))
        return total / (formula.denominator * h)


def _guides(ax: Axes, h: Array, errors: list[Array], formulas: list[Stencil], roundoff: float, floor: float) -> None:
    """Lines of slope `order` and of slope -1, as far as they run among the errors."""
    highest = max((error[np.isfinite(error)].max(initial=floor) for error in errors), default=floor)
    lines = [(roundoff / h, "0.5", r"round-off $\varepsilon\,(|f| + |x f'|)/h$")]
    for error, formula, colour in zip(errors, formulas, cycle(COLOURS), strict=False):
        # A hundred times the round-off is truncation; the smallest such steps show the slope best.
        clear = np.flatnonzero(error > 100 * (roundoff / h + floor))[:5]
        if clear.size:
            factor = np.median(error[clear] / h[clear] ** formula.order)
            lines.append((factor * h**formula.order, colour, f"truncation $\\propto h^{formula.order}$"))
    for line, colour, label in lines:
        among = np.where((line >= floor) & (line <= 10 * highest), line, np.nan)
        ax.plot(h, among, color=colour, linestyle="--", linewidth=1.2, label=label)


def _explain(ax: Axes, h: Array, vanishes: float) -> None:
    """The shade where h vanishes beside x, the stars' meaning, and logarithmic axes."""
    if h[0] <= vanishes:
        ax.axvspan(h[0], vanishes, color="0.5", alpha=0.25, linewidth=0, label="$x + h = x$", zorder=0)
    ax.plot([], [], "*", color="white", markersize=14, markeredgecolor="black", label="default step")
    ax.set(xscale="log", yscale="log")
    ax.legend()

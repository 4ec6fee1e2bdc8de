"""First derivatives of functions with many outputs: all of them, and along a direction."""

from __future__ import annotations

from typing import Any, Literal, Unpack, overload

import numpy as np
from numpy.typing import ArrayLike

from ..chunks.frames import applied, is_frame
from ..chunks.lazy import by_rows
from ..engine.arguments import (
    Array,
    Bounds,
    Function,
    Noise,
    Options,
    Progress,
    Step,
    check_function,
    check_one_step,
    check_scheme,
    read_call,
    read_call_along,
    refuse_bounds,
)
from ..engine.call import Rows, Workers
from ..engine.numbers import is_dask
from ..engine.options import Labelled, Many, Numbers, Sided
from ..formulas import stencils
from ..formulas.steps import Steps, check_direction, choose_steps, direction_step
from ..results import Result
from . import onepoint, recent
from .asked import Asked
from .solve import differentiate


@overload
def jacobian(f: Function, x: Any, *, full_output: Literal[True], **options: Unpack[Sided]) -> Result: ...
@overload
def jacobian(f: Function, x: Labelled, *, full_output: bool = ..., **options: Unpack[Sided]) -> Any: ...
@overload
def jacobian(f: Function, x: ArrayLike, *, full_output: Literal[False] = ..., **options: Unpack[Sided]) -> Array: ...
def jacobian(
    f: Function, x: Numbers, *, args: tuple[Any, ...] = (), batch_args: tuple[Any, ...] = (),
    batch: bool = False, method: str = "central", order: int = 2, h: Step = None, rel_step: Step = None,
    bounds: Bounds = None, side: Step = None, noise: Noise = None, engine: str = "auto", workers: Workers = None,
    out: Array | None = None, progress: Progress = False, full_output: bool = False,
) -> Any:  # fmt: skip
    """Jacobian of a function that returns an array: the derivative of each output by each coordinate.

    All outputs share the evaluations, ``order`` per coordinate (central differences).

    Parameters
    ----------
    f : callable
        ``f(x, *args)``: numbers, an array of any shape, from an array of a point's shape; (D,) to (M,) usually.
        Complex ones as in `gradient`.
    x : array_like
        One point, an array of any shape; with ``batch=True`` points of any shape along the first axis, as in (N, D).
        As in `gradient`, that may be a dask array: f is then called at a made-up point to see what shape it returns.
    args, batch, method, order, h, rel_step, bounds, side, noise, engine, workers, out, progress, full_output
        As in `gradient`. `noise` is of each output; the step is the shortest that suits one of them. Compiled, f must
        return a number, an array, or a tuple or list of numbers.

    Returns
    -------
    ndarray or Result
        The shape of f's output followed by x's: (M, D), element [m, i] being the derivative of output m by coordinate
        i. An f that returns one number gives its gradient. With ``batch=True`` (N, M, D); with no points (0, 0, D),
        since nothing says what f returns. The dtype is x's (float64 for integers).

    Raises
    ------
    TypeError, ValueError, EngineError
        As in `gradient`; f returns arrays of different shapes.

    Warns
    -----
    ConstantFunctionWarning, PerformanceWarning
        As in `gradient`.

    Examples
    --------
    >>> import numpy as np, fastgrad
    >>> fastgrad.jacobian(lambda x: np.array([x[0] * x[1], x[0] + x[2]]), np.array([2.0, 3.0, 4.0])).round(9)
    array([[3., 2., 0.],
           [1., 0., 1.]])
    """
    short = not (full_output or progress) and bounds is side is noise is workers is None
    asked = Asked(f, x, out, args, batch_args, method, order, h, rel_step, engine)
    key = recent.key_of(asked, batch, "jacobian") if short and (batch or asked.is_traced) else None
    found = recent.again(key, x, out) if key is not None else onepoint.jacobian(asked) if short and not batch else None
    if found is not None:
        return found
    check_function(f)
    check_scheme(method, order)
    how = Options(engine, workers, out, progress, full_output)
    what: dict[str, Any] = {"args": args, "batch_args": batch_args, "method": method, "order": order, "bounds": bounds}
    what |= {"h": h, "rel_step": rel_step, "side": side, "noise": noise}
    if type(x) is not np.ndarray and is_frame(x):
        return applied(jacobian, f, x, how, batch=batch, **what)
    if batch and not isinstance(x, np.ndarray) and is_dask(x):
        return by_rows(jacobian, f, x, how, **what)
    given, call = read_call(f, x, stencils.jacobian, batch=batch, vector=True, **what)
    result = differentiate(call, given, how, lead=given.shape[:1] if batch else (), tail=call.points.shape)
    recent.note(key, call, engine, result)
    return result


@overload
def jvp(f: Function, x: Any, v: Numbers, *, full_output: Literal[True], **options: Unpack[Many]) -> Result: ...
@overload
def jvp(f: Function, x: Labelled, v: Numbers, *, full_output: bool = ..., **options: Unpack[Many]) -> Any: ...
@overload
def jvp(
    f: Function, x: ArrayLike, v: Numbers, *, full_output: Literal[False] = ..., **options: Unpack[Many]
) -> Array: ...
def jvp(
    f: Function, x: Numbers, v: Numbers, *, args: tuple[Any, ...] = (), batch_args: tuple[Any, ...] = (),
    batch: bool = False, method: str = "central", order: int = 2, h: Step = None, rel_step: Step = None,
    bounds: Bounds = None, engine: str = "auto", workers: Workers = None, out: Array | None = None,
    progress: Progress = False, full_output: bool = False,
) -> Any:  # fmt: skip
    """Derivative along a direction, the Jacobian times v, for as many evaluations as one coordinate takes.

    ``(f(x + t*v) - f(x - t*v)) / (2*t)`` at order 2.

    Parameters
    ----------
    f : callable
        ``f(x, *args)``: real numbers of any shape, one number too, from an array of a point's shape.
    x : array_like
        As in `gradient`.
    v : array_like
        The direction, of x's shape; with ``batch=True`` one per point, or one of a point's shape for all. Its length
        counts. Along v = 0 the derivative is 0.
    h, rel_step : float, optional
        The step t, or a step that moves the largest component by ``rel_step * max|x|``, of the coordinates that v
        moves. By default the longest that moves no coordinate by more than its default step in `gradient`; where a
        coordinate would move by less than 1e-4 of its own, v is split and the derivatives along the parts are added.
    args, batch, method, order, engine, workers, out, progress, full_output
        As in `gradient`. The `h` of a `Result` is t, the shortest where v was split.

    Returns
    -------
    ndarray, float or Result
        The shape of f's output; with ``batch=True`` N of them. The dtype is x's (float64 for integers).

    Raises
    ------
    TypeError, ValueError, EngineError
        As in `gradient`; v of another shape than x.

    Warns
    -----
    ConstantFunctionWarning, PerformanceWarning
        As in `gradient`.

    Examples
    --------
    >>> import numpy as np, fastgrad
    >>> fastgrad.jvp(lambda x: np.array([x[0] * x[1], x[0]]), np.array([2.0, 3.0]), np.array([1.0, -1.0])).round(9)
    array([1., 1.])
    """
    check_function(f)
    check_scheme(method, order)
    refuse_bounds(bounds, "jvp")
    what: dict[str, Any] = {"args": args, "batch_args": batch_args, "batch": batch, "method": method, "order": order}
    what |= {"h": h, "rel_step": rel_step}
    how = Options(engine, workers, out, progress, full_output)
    if type(x) is not np.ndarray and is_frame(x):
        return applied(jvp, f, x, how, v, **what)
    given, direction, call = read_call_along(f, x, v, stencils.jvp, _steps_along, vector=True, **what)
    return differentiate(call, given, how, lead=given.shape[:1] if batch else (), tail=(), inputs=(direction,))


def _steps_along(_: Array, points: Rows, v: Array, table: stencils.Table, h: Any, rel_step: Any) -> tuple[Array, Steps]:
    """The steps t, and the rule that they follow."""
    check_one_step(h, rel_step, "is the step along v")
    steps = choose_steps(np.zeros(()), table.stencil, h, rel_step)
    t: Array = direction_step(points.values, v, table.stencil, h, rel_step)
    if steps.rule in {"absolute", "relative"}:
        check_direction(points.values, v, t, "h" if rel_step is None else "rel_step")
    return t, steps

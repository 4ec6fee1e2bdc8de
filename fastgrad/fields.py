"""Gradients at every node of a grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import stencils
from .arguments import check_args, check_differences, check_function, check_out, check_workers, real_array
from .engine.call import Call, Grid
from .engine.plan import Facts, check_engine, plan, run, warn_if_constant, warn_if_slow
from .engine.threads import progress_report
from .request import by_definition, none_ran
from .results import Result, status_of
from .steps import Steps, choose_steps

Array = NDArray[Any]


def gradient_field(
    f: Callable[..., Any],
    axes: Sequence[ArrayLike],
    *,
    args: tuple[Any, ...] = (),
    method: str = "central",
    order: int = 2,
    h: ArrayLike | None = None,
    rel_step: ArrayLike | None = None,
    engine: str = "auto",
    workers: int | None = None,
    out: Array | None = None,
    progress: bool | Callable[[int, int], object] = False,
    full_output: bool = False,
) -> Any:
    """Gradient of a scalar function at every node of the grid that 1-D axes span.

    The coordinates of the nodes are never stored: memory is that of the result.

    Parameters
    ----------
    f : callable
        ``f(x, *args)``, a number from an array of shape (D,).
    axes : sequence of D one-dimensional array_likes
        The coordinates along each axis, in any order and spacing.
    h, rel_step : array_like, optional
        A number or one per axis; as in `gradient`.
    out : ndarray, optional
        The array to write into, (D, n0, n1, ...).
    args, method, order, engine, workers, progress, full_output
        As in `gradient`. The `h` of a `Result` is one array per axis here.

    Returns
    -------
    ndarray or Result
        (D, n0, n1, ...): element [i, a, b, ...] is the derivative along axis i at (axes[0][a], axes[1][b], ...), the
        indexing called "ij" in `numpy.meshgrid`. float64, or the axes' common lower precision.

    Raises
    ------
    TypeError, ValueError, EngineError
        As in `gradient`; axes that are not one-dimensional.

    Examples
    --------
    >>> import numpy as np, fastgrad
    >>> x, y = np.linspace(-2, 2, 5), np.linspace(0, 1, 3)
    >>> field = fastgrad.gradient_field(lambda p: p[0] ** 2 * p[1], [x, y])
    >>> field.shape
    (2, 5, 3)
    >>> field[0, 4, 2].round(6), field[1, 4, 2].round(6)
    (np.float64(4.0), np.float64(4.0))
    """
    check_function(f)
    check_differences(method, order)
    check_engine(engine)
    used = check_workers(workers, engine)
    given = _axes(axes)
    grid = Grid(tuple(np.ascontiguousarray(a, dtype=np.float64) for a in given))
    table = stencils.gradient(grid.dimension, order, method)
    call = Call(f, grid, table, _steps(grid, table, h, rel_step), check_args(args))
    result = check_out(out, (grid.dimension, *map(len, given)), np.result_type(*given), *given)
    facts = _fill(call, result, engine, used, progress) if grid.count else Facts(none_ran(engine), 0)
    if not full_output:
        return result
    steps, sizes = call.steps_for(facts.eps), np.broadcast_to(call.steps_for(facts.eps).size, grid.dimension)
    h_taken = tuple(Steps(steps.rule, s).at(a) for s, a in zip(sizes, grid.axes, strict=True))
    return Result(result, None, status_of(result), h_taken, facts.nfev, facts.engine)


def _axes(axes: Any) -> list[Array]:
    try:
        arrays = [real_array(a, "an axis") for a in axes]
    except TypeError as error:
        if np.iterable(axes):
            raise
        msg = f"axes must be a sequence of 1-D arrays, got {type(axes).__name__}; write gradient_field(f, [x, y])"
        raise TypeError(msg) from error
    if not arrays or any(a.ndim != 1 for a in arrays):
        shapes = [a.shape for a in arrays]
        msg = f"axes must be 1-D arrays, one per coordinate, got shapes {shapes}; write gradient_field(f, [x, y])"
        raise ValueError(msg)
    return arrays


def _steps(grid: Grid, table: stencils.Table, h: Any, rel_step: Any) -> Steps:
    """One size for all axes or one per axis, checked against the coordinates of each."""
    whole = choose_steps(np.zeros(grid.dimension), table.stencil, h, rel_step)
    for axis, size in zip(grid.axes, np.broadcast_to(whole.size, grid.dimension), strict=True):
        Steps(whole.rule, size).check(axis)
    return whole


def _fill(call: Call, result: Array, engine: str, workers: int | None, progress: Any) -> Facts:
    """Write the field."""
    flat = result.reshape(call.points.layout[::-1])
    direct = result.dtype == np.float64 and np.may_share_memory(flat, result)
    target = flat.T if direct else np.empty(call.points.layout)
    if engine == "reference":
        with progress_report(progress, "point") as report:
            facts = by_definition(call, target, None, report)
    else:
        chosen = plan(call, engine, target)
        warn_if_slow(call, chosen, 4)
        facts = run(call, chosen, target, None, workers, progress)
    warn_if_constant(call, target, 4)
    if not direct:
        with np.errstate(all="ignore"):
            result[...] = target.T.reshape(result.shape)
    return facts

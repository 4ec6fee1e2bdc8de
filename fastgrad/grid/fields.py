"""Gradients at every node of a grid."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, Unpack, cast, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..chunks import labelled
from ..chunks.lazy import axes_in_memory, by_nodes
from ..engine.arguments import (
    Options,
    arrays_of,
    check_args,
    check_fixed_steps,
    check_function,
    check_map,
    refuse_bounds,
    refuse_steps,
)
from ..engine.bound import Facts
from ..engine.call import Call, Grid, Workers
from ..engine.choose import check_engine, choose, warn_if_constant, warn_if_slow
from ..engine.numbers import real_array
from ..engine.options import Labelled, Scheme
from ..engine.threads import progress_report
from ..formulas import stencils
from ..formulas.steps import Steps, choose_steps
from ..operations.hints import raise_with_signature
from ..operations.solve import by_definition, check_combination, check_out_is_not_read, none_ran
from ..results import Result, StepWarning, status_of, users_level
from . import slabs

Array = NDArray[Any]

# Steps: of a sine with one period on a shorter axis a difference of order 2 is off by more than half a percent.
SPAN = 32


@overload
def gradient_field(
    f: Callable[..., Any],
    axes: Any,
    *,
    full_output: Literal[True],
    chunks: Any = ...,
    resume: Any = ...,
    **options: Unpack[Scheme],
) -> Result: ...
@overload
def gradient_field(
    f: Callable[..., Any],
    axes: Sequence[Labelled],
    *,
    full_output: bool = ...,
    chunks: Any = ...,
    resume: Any = ...,
    **options: Unpack[Scheme],
) -> Any: ...
@overload
def gradient_field(
    f: Callable[..., Any],
    axes: Sequence[ArrayLike],
    *,
    full_output: Literal[False] = ...,
    chunks: None = ...,
    resume: Any = ...,
    **options: Unpack[Scheme],
) -> Array: ...
@overload
def gradient_field(
    f: Callable[..., Any],
    axes: Any,
    *,
    full_output: bool = ...,
    chunks: Any,
    resume: Any = ...,
    **options: Unpack[Scheme],
) -> Any: ...
def gradient_field(
    f: Callable[..., Any], axes: Any, *, args: tuple[Any, ...] = (), method: str = "central", order: int = 2,
    h: ArrayLike | None = None, rel_step: ArrayLike | None = None, bounds: Any = None, chunks: Any = None,
    engine: str = "auto", workers: Workers = None, out: Any = None,
    progress: bool | Callable[[int, int], object] = False, full_output: bool = False,
    resume: str | os.PathLike[str] | None = None,
) -> Any:  # fmt: skip
    """Gradient of a scalar function at every node of the grid that 1-D axes span.

    The coordinates of the nodes are never stored: memory is that of the result.

    Parameters
    ----------
    f : callable
        ``f(x, *args)``, a number from an array of shape (D,).
    axes : sequence of D one-dimensional array_likes
        The coordinates along each axis, in any order and spacing. xarray's DataArrays keep their coordinates; of dask
        arrays, which are computed, the result has the chunks.
    h, rel_step : array_like, optional
        A number or one per axis; as in `gradient`.
    out : ndarray, numpy.memmap or store, optional
        What to write into, (D, n0, n1, ...). A store is anything with `shape`, `dtype` and ``out[:, a:b] = block``,
        such as an array of zarr or a data set of h5py. Files and stores are written slab by slab along the first axis,
        32 MB at a time or a store's chunks where they are larger, and only a slab is in memory. The bits are the same.
    resume : str or path, optional
        A journal of the slabs that are finished in `out`, a file or a store. A call that finds the journal of the same
        field goes on after them, whatever ended the last one; when the field is complete the journal is removed.
    chunks : optional
        The result is a lazy dask array (extra `dask`) in such chunks of the grid, as dask takes them: ``"auto"``, a
        number of nodes or one for each axis. Its first axis is one chunk.
    args, method, order, engine, workers, progress, full_output
        As in `gradient`. The `h` of a `Result` is one array per axis here; of a file or a store `status` is one number
        per component, -3 where any element is NaN or inf.

    Returns
    -------
    ndarray, DataArray, store or Result
        (D, n0, n1, ...): element [i, a, b, ...] is the derivative along axis i at (axes[0][a], axes[1][b], ...), the
        indexing called "ij" in `numpy.meshgrid`. float64, or the axes' common lower precision. `out` where it is given.
        Of axes that are DataArrays a DataArray with the dimensions "component" and theirs.

    Raises
    ------
    TypeError, ValueError, EngineError
        As in `gradient`; axes that are not one-dimensional; a journal of another field.
    OSError
        The disk is full; finished slabs are kept.

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
    if labelled.has_labels(axes):
        what: dict[str, Any] = {"args": args, "method": method, "order": order, "h": h, "rel_step": rel_step}
        what |= {"bounds": bounds, "chunks": chunks, "engine": engine, "workers": workers, "out": out}
        what |= {"progress": progress, "full_output": full_output, "resume": resume}
        return labelled.field(partial(gradient_field, f, **what), axes, out)
    check_function(f)
    check_fixed_steps(method, order, "gradient_field")
    refuse_bounds(bounds, "gradient_field")
    axes, chunks = axes_in_memory(axes, chunks)
    how, scheme = Options(engine, workers, out, progress, full_output), (method, order, h, rel_step)
    call, given = _read_call(f, axes, args, how, *scheme)
    return _computed(call, given, how, resume) if chunks is None else _lazy(call, given, how, resume, chunks, *scheme)


def _read_call(
    f: Any, axes: Any, args: Any, how: Options, method: str, order: int, h: Any, rel_step: Any
) -> tuple[Call, list[Array]]:
    """The call at all nodes, and the axes as arrays."""
    check_engine(how.engine)
    check_map(how.workers, how.engine)
    given = _axes(axes)
    grid = Grid(tuple(np.ascontiguousarray(a, dtype=np.float64) for a in given))
    table = stencils.gradient(grid.dimension, order, method)
    call = Call(f, grid, table, _steps(grid, table, h, rel_step), check_args(args))
    check_combination(call, how.engine)
    return call, given


def _lazy(
    call: Call,
    given: list[Array],
    how: Options,
    resume: Any,
    chunks: Any,
    method: str,
    order: int,
    h: Any,
    rel_step: Any,
) -> Any:
    """The field as a dask array."""
    if resume is not None:
        name = os.fspath(resume)
        msg = f"resume={name!r} does not fit chunks=, whose result is computed later; leave one of them out"
        raise ValueError(msg)
    return by_nodes(gradient_field, call, given, chunks, how, method=method, order=order, h=h, rel_step=rel_step)


def _computed(call: Call, given: list[Array], how: Options, resume: Any) -> Any:
    """The field in memory, a file or a store."""
    shape = (call.points.dimension, *map(len, given))
    result = slabs.check_target(how.out, shape, np.result_type(*given), *given, *arrays_of(call.args))
    check_out_is_not_read(call, how.out)
    outside = slabs.is_outside(result)
    if resume is not None and not outside:
        msg = f"resume={os.fspath(resume)!r} needs out= a file or a store that outlives this process, such as np.memmap"
        raise ValueError(msg)
    facts, finite = Facts(none_ran(how.engine), 0), None
    used = check_map(how.workers, how.engine)
    fill = partial(_fill_or_hint, workers=used)
    if call.points.count and outside:
        facts, finite = slabs.fill(fill, call, result, how.engine, how.progress, resume, finite=how.full_output)
    elif call.points.count:
        facts = fill(call, result, how.engine, how.progress)
    return _full_result(call, result, facts, finite) if how.full_output else result


def _full_result(call: Call, result: Any, facts: Facts, finite: Array | None) -> Result:
    status = status_of(result) if finite is None else np.where(finite, 0, -3)
    if call.table.is_exact:
        return Result(result, None, status, None, facts.nfev, facts.engine)
    steps, axes = call.steps_for(facts.eps), cast("Grid", call.points).axes
    sizes = np.broadcast_to(steps.size, len(axes))
    h_taken = tuple(Steps(steps.rule, s).at(a) for s, a in zip(sizes, axes, strict=True))
    return Result(result, None, status, h_taken, facts.nfev, facts.engine)


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
        some = f"{shapes[:4]}"[:-1] + ", ...]" if len(shapes) > 4 else shapes
        msg = f"axes must be 1-D arrays, one per coordinate, got shapes {some}; write gradient_field(f, [x, y])"
        raise ValueError(msg)
    return arrays


def _steps(grid: Grid, table: stencils.Table, h: Any, rel_step: Any) -> Steps:
    """One size for all axes or one per axis, checked against the coordinates of each."""
    if table.is_exact:
        refuse_steps(h, rel_step)
        return Steps("default", np.asarray(1.0))
    whole = choose_steps(np.zeros(grid.dimension), table.stencil, h, rel_step)
    for axis, size in zip(grid.axes, np.broadcast_to(whole.size, grid.dimension), strict=True):
        Steps(whole.rule, size).check(axis)
    if whole.rule == "default":
        _warn_of_short_axes(grid.axes, whole)
    return whole


def _warn_of_short_axes(axes: tuple[Array, ...], steps: Steps) -> None:
    """The default step is for an f that changes on a length of 1: an axis in micrometres has other plans."""
    for number, axis in enumerate(axes):
        ends = np.array([axis.min(initial=np.inf), axis.max(initial=-np.inf)])
        span, step = ends[1] - ends[0], float(steps.at(ends).max()) if np.isfinite(ends).all() else 0.0
        if 0.0 < span < SPAN * step:
            msg = (
                f"the step {step:.2g} is long beside axis {number}, all of which spans {span:.2g}; give rel_step=1e-5, "
                "or h= in the axis's own units, or method='exact'"
            )
            warnings.warn(msg, StepWarning, stacklevel=users_level())


def _fill_or_hint(call: Call, result: Array, engine: str, progress: Any, *, workers: Workers) -> Facts:
    try:
        return _fill(call, result, engine, progress, workers=workers)
    except TypeError as error:
        raise_with_signature(call.f, error, 1 + len(call.args), call.points.dimension)
        raise


def _fill(call: Call, result: Array, engine: str, progress: Any, *, workers: Workers) -> Facts:
    """Write the field of a call, which may be a part of another."""
    flat = result.reshape(call.points.layout[::-1])
    direct = result.dtype == np.float64 and np.may_share_memory(flat, result)
    target = flat.T if direct else np.empty(call.points.layout)
    if engine == "reference":
        with progress_report(progress, "point") as report:
            facts = by_definition(call, target, None, report)
    else:
        chosen = choose(call, engine, target)
        warn_if_slow(call, chosen, users_level(1))
        facts = chosen.bind(call, target).fill(workers, progress)
    if not call.expected:  # of a part it says nothing
        warn_if_constant(call, target, users_level(1))
    if not direct:
        with np.errstate(all="ignore"):
            result[...] = target.T.reshape(result.shape)
    return facts

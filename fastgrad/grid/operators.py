"""Derivatives of values that were sampled on a grid: np.gradient's contract in one pass over memory, and more."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple
from numpy.typing import NDArray

from ..chunks import labelled
from ..chunks.lazy import dask_array
from ..engine.arguments import check_out, check_workers, is_dask
from ..engine.request import Options
from ..engine.threads import progress_report
from ..formulas.spacings import ACCURACIES, Line, numpy_line, periodic_three_points, uneven_line, uniform_line
from ..results import users_level
from .blocks import check_samples, derivatives

Array = NDArray[Any]
Progress = bool | Callable[[int, int], object]

SMALL = 1 << 17  # samples: below, np.gradient has done its work before threads have begun
SHORT = 8  # nodes along the last axis in memory: below, a row is less work than its start, here as in np.gradient
ROUNDING = 1e-12  # relative: a period that is the number of samples times the spacing
CHECKED = 1 << 20  # coordinates at a time


def gradient(
    values: Any,
    *spacing: Any,
    axis: Any = None,
    edge_order: int = 1,
    accuracy: int = 2,
    periodic: bool | Sequence[bool] = False,
    period: Any = None,
    out: Any = None,
    workers: int | None = None,
    progress: Progress = False,
) -> Any:
    """Derivatives of sampled values along each axis: `numpy.gradient`, several times as fast, with the same bits.

    Everything that `numpy.gradient` accepts is accepted and means the same: its call, its values, the types that it
    returns, its errors. The rest is by keyword. Only xarray's DataArrays, of which `numpy.gradient` sees the bare
    numbers, are more here: without spacing their coordinates are the spacing (datetime64 in seconds; 1 where a
    dimension has none), `axis` takes names of dimensions, and DataArrays come back,
    with units where values and coordinates have them.

    Parameters
    ----------
    values : array_like
        Samples on a grid of any number of dimensions. float32 stays float32, integers become float64. Arrays with gaps
        between neighbours and files (`numpy.memmap`) are read as they are. A dask array gives lazy ones (extra `dask`).
    *spacing : float or 1-D array_like
        None (1 everywhere), one number for all axes, or for each axis a number or the coordinates of its nodes.
    axis : None, int or tuple of ints
        The axes to differentiate along; None for all. For DataArrays also names of dimensions.
    edge_order : {1, 2}
        Order of the one-sided differences at the edges; higher accuracies have edges of their own.
    accuracy : {2, 4, 6, 8}
        The error falls as the spacing to this power, at the edges too where it is above 2, also between coordinates of
        uneven spacing.
    periodic : bool or one per axis
        The sample after the last is the first.
    period : float or one per axis
        After how long the coordinates repeat; needed where a periodic axis has coordinates. With a number as spacing
        it is the number of samples times that.
    out : ndarray or tuple of ndarrays, optional
        Where to write: (axes, ...) as one array or one array for each axis; for one axis an array like `values`.
    workers : int, optional
        Threads; all cores by default. The bits do not depend on it.
    progress : bool or callable
        True for a bar on stderr, or called with (done, total).

    Returns
    -------
    ndarray or tuple of ndarrays
        As `numpy.gradient`: one array for one axis, a tuple for several; or `out`.
        Of a DataArray a DataArray for each axis.

    Raises
    ------
    TypeError, ValueError, numpy.exceptions.AxisError
        Those of `numpy.gradient`; an option that does not fit, or values that have no such derivative.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgrad import grid
    >>> x, y = np.linspace(0, 1, 5), np.linspace(0, 1, 6)
    >>> dx, dy = grid.gradient(x[:, None] ** 2 * y, x, y, edge_order=2)
    >>> bool(np.allclose(dx, 2 * x[:, None] * y))
    True
    >>> angle = np.arange(24) * np.pi / 12
    >>> bool(np.allclose(grid.gradient(np.sin(angle), np.pi / 12, periodic=True, accuracy=8), np.cos(angle), atol=1e-6))
    True
    """
    if labelled.is_labelled(values):
        return labelled.gradient(
            gradient, values, spacing, axis, out, edge_order=edge_order, accuracy=accuracy, periodic=periodic,
            period=period, workers=workers, progress=progress,
        )  # fmt: skip
    scheme = _scheme(edge_order, accuracy, workers)
    asked = accuracy != 2 or periodic is not False or period is not None
    if is_dask(values):
        return _lazy_gradient(values, spacing, axis, periodic, period, scheme, _lazily(workers, out, progress))
    samples = _samples(values)
    axes = None if samples is None else _axes_and_spacing(samples, spacing, axis, edge_order)
    if samples is None or axes is None or (not asked and _numpys(samples, axes)):
        return _by_numpy(values, spacing, axis, edge_order, asked, out)
    lines = _lines(samples, axes, periodic, period, 1, scheme)
    dtype = _floating(samples.dtype)
    outputs, result = _outputs(out, samples, dtype, len(axes))
    _compute(outputs, [(k, samples, a, line) for k, (a, line) in enumerate(lines)], scheme, progress, fresh=out is None)
    return result


def divergence(
    field: Any,
    *spacing: Any,
    axis: Any = None,
    edge_order: int = 1,
    accuracy: int = 2,
    periodic: bool | Sequence[bool] = False,
    period: Any = None,
    out: Array | None = None,
    workers: int | None = None,
    progress: Progress = False,
) -> Any:
    """Divergence of a sampled vector field: the sum of each component's derivative along its own axis.

    Parameters
    ----------
    field : (n, ...) array_like or sequence of n array_likes
        Component k belongs to axis k of the grid, or to the k-th of `axis`. DataArrays, or the arrays of a Dataset in
        their order, are treated as in `gradient`.
    out : ndarray, optional
        Where to write, of a component's shape.
    *spacing, axis, edge_order, accuracy, periodic, period, workers, progress
        As in `gradient`.

    Returns
    -------
    ndarray
        Of a component's shape.

    Raises
    ------
    TypeError, ValueError
        As in `gradient`; another number of components than axes.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgrad import grid
    >>> x, y = np.meshgrid(np.arange(4.0), np.arange(5.0), indexing="ij")
    >>> grid.divergence([x, 2 * y])[1]
    array([3., 3., 3., 3., 3.])
    """
    if labelled.has_labels(field):
        return labelled.divergence(
            divergence, field, spacing, axis, out, edge_order=edge_order, accuracy=accuracy, periodic=periodic,
            period=period, workers=workers, progress=progress,
        )  # fmt: skip
    scheme = _scheme(edge_order, accuracy, workers)
    parts = _components(field)
    axes = _required(parts[0], spacing, axis, edge_order)
    if len(axes) != len(parts):
        msg = (
            f"the field has {len(parts)} components and its grid {len(axes)} axes; "
            "give one component for each axis, or axis="
        )
        raise ValueError(msg)
    lines = _lines(parts[0], axes, periodic, period, 1, scheme)
    terms = [(0, part, *line) for part, line in zip(parts, lines, strict=True)]
    if is_dask(parts[0]):
        return derivatives(terms, 1, parts[0].dtype, _lazily(workers, out, progress))
    result = check_out(out, parts[0].shape, parts[0].dtype, *parts) if out is not None else np.empty_like(parts[0])
    _compute([result], terms, scheme, progress, fresh=out is None)
    return result


def curl(
    field: Any,
    *spacing: Any,
    axis: Any = None,
    edge_order: int = 1,
    accuracy: int = 2,
    periodic: bool | Sequence[bool] = False,
    period: Any = None,
    out: Array | None = None,
    workers: int | None = None,
    progress: Progress = False,
) -> Any:
    """Curl of a sampled vector field with two or three components.

    Parameters
    ----------
    field : (n, ...) array_like or sequence of n array_likes, n = 2 or 3
        Component k belongs to axis k of the grid, or to the k-th of `axis`. DataArrays, or the arrays of a Dataset in
        their order, are treated as in `gradient`.
    out : ndarray, optional
        Where to write, of the result's shape.
    *spacing, axis, edge_order, accuracy, periodic, period, workers, progress
        As in `gradient`.

    Returns
    -------
    ndarray
        Two components: d field[1] / d x0 - d field[0] / d x1, of a component's shape. Three: (3, ...), a tuple of three
        where they are DataArrays.

    Raises
    ------
    TypeError, ValueError
        As in `gradient`; another number of components than axes, or neither two nor three.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgrad import grid
    >>> x, y = np.meshgrid(np.arange(4.0), np.arange(5.0), indexing="ij")
    >>> grid.curl([-y, x])[1]
    array([2., 2., 2., 2., 2.])
    """
    if labelled.has_labels(field):
        return labelled.curl(
            curl, field, spacing, axis, out, edge_order=edge_order, accuracy=accuracy, periodic=periodic,
            period=period, workers=workers, progress=progress,
        )  # fmt: skip
    scheme = _scheme(edge_order, accuracy, workers)
    parts = _components(field)
    axes = _required(parts[0], spacing, axis, edge_order)
    if len(axes) != len(parts) or len(parts) not in {2, 3}:
        msg = f"the field has {len(parts)} components and its grid {len(axes)} axes; a curl needs two of both, or three"
        raise ValueError(msg)
    lines = _lines(parts[0], axes, periodic, period, 1, scheme)
    pairs = [(0, 1)] if len(parts) == 2 else [(1, 2), (2, 0), (0, 1)]
    terms: list[Any] = []
    for output, (a, b) in enumerate(pairs):
        terms.append((output, parts[b], *lines[a]))
        terms.append((output, parts[a], lines[b][0], lines[b][1].negative()))
    if is_dask(parts[0]):
        return derivatives(terms, len(pairs), parts[0].dtype, _lazily(workers, out, progress))
    shape = parts[0].shape if len(pairs) == 1 else (3, *parts[0].shape)
    result = check_out(out, shape, parts[0].dtype, *parts)
    _compute([result] if len(pairs) == 1 else list(result), terms, scheme, progress, fresh=out is None)
    return result


def laplacian(
    values: Any,
    *spacing: Any,
    axis: Any = None,
    edge_order: int = 2,
    accuracy: int = 2,
    periodic: bool | Sequence[bool] = False,
    period: Any = None,
    out: Array | None = None,
    workers: int | None = None,
    progress: Progress = False,
) -> Any:
    """Laplacian of sampled values: the sum of the second derivatives along all axes.

    Each is a second difference, with half the reach and a quarter of the error of `gradient` taken twice.

    Parameters
    ----------
    values : array_like
        Samples on a grid; a DataArray is treated as in `gradient`.
    axis : None, int or tuple of ints
        The axes of the sum; None for all. One axis gives the second derivative.
    edge_order : {1, 2}
        Order at the edges where `accuracy` is 2; higher accuracies have edges of their own.
    out : ndarray, optional
        Where to write, of the values' shape.
    *spacing, accuracy, periodic, period, workers, progress
        As in `gradient`. Coordinates of uneven spacing use two more samples, so that the order is kept.

    Returns
    -------
    ndarray
        Of the values' shape.

    Raises
    ------
    TypeError, ValueError
        As in `gradient`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgrad import grid
    >>> x, y = np.meshgrid(np.arange(5.0), np.arange(4.0), indexing="ij")
    >>> grid.laplacian(x**2 + 3 * y**2)[2]
    array([8., 8., 8., 8.])
    """
    if labelled.is_labelled(values):
        return labelled.laplacian(
            laplacian, values, spacing, axis, out, edge_order=edge_order, accuracy=accuracy, periodic=periodic,
            period=period, workers=workers, progress=progress,
        )  # fmt: skip
    scheme = _scheme(edge_order, accuracy, workers)
    (samples,) = _components([values], "values")
    lines = _lines(samples, _required(samples, spacing, axis, edge_order), periodic, period, 2, scheme)
    if is_dask(samples):
        terms = [(0, samples, a, line) for a, line in lines]
        how = _lazily(workers, out, progress)
        return derivatives(terms, 1, samples.dtype, how) if terms else dask_array().zeros_like(samples)
    result = check_out(out, samples.shape, samples.dtype, samples) if out is not None else np.empty_like(samples)
    if not lines:
        result[...] = 0
    _compute([result], [(0, samples, a, line) for a, line in lines], scheme, progress, fresh=out is None)
    return result


# --- what was asked for ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Scheme:
    edge_order: int
    accuracy: int
    workers: int | None


def _scheme(edge_order: Any, accuracy: Any, workers: Any) -> _Scheme:
    if isinstance(accuracy, bool) or accuracy not in ACCURACIES:
        msg = f"accuracy={accuracy!r} does not exist; use 2, 4, 6 or 8"
        raise ValueError(msg)
    return _Scheme(edge_order, int(accuracy), check_workers(workers, "jit"))


def _lazily(workers: Any, out: Any, progress: Any) -> Options:
    return Options("auto", workers, out, progress, False)


def _lazy_gradient(
    values: Any, spacing: Any, axis: Any, periodic: Any, period: Any, scheme: _Scheme, how: Options
) -> Any:
    """`gradient` of a dask array."""
    samples = check_samples(values)
    lines = _lines(samples, _required(samples, spacing, axis, scheme.edge_order), periodic, period, 1, scheme)
    if not lines:
        return ()
    terms = [(k, samples, a, line) for k, (a, line) in enumerate(lines)]
    result = derivatives(terms, len(lines), _floating(samples.dtype), how)
    return tuple(result) if len(lines) > 1 else result


def _floating(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(np.float64) if dtype.kind in "iu" else dtype


def _samples(values: Any) -> Array | None:
    """The samples as an array that can be computed here; None for what np.gradient alone knows how to treat."""
    if not isinstance(values, np.ndarray) and hasattr(values, "__array_function__"):
        return None
    samples = np.asanyarray(values)
    return samples if _is_plain(samples) else None


def _is_plain(array: Array) -> bool:
    """Whether it holds real numbers that can be computed with here."""
    return type(array) in {np.ndarray, np.memmap} and array.dtype.kind in "iuf" and array.dtype.itemsize <= 8


def _numpys(samples: Array, axes: list[Any]) -> bool:
    """Whether np.gradient, whose bits are the same, is as fast; float16 has arithmetic that only NumPy knows."""
    nearest = min(range(samples.ndim), key=lambda k: (abs(samples.strides[k]), -k), default=0)
    short = nearest in {a for a, _ in axes} and samples.shape[nearest] < SHORT
    return samples.dtype == np.float16 or samples.size <= SMALL or short


def _by_numpy(values: Any, spacing: Any, axis: Any, edge_order: Any, asked: bool, out: Any) -> Any:
    """np.gradient's result or its error; where neither is wanted, an error of our own."""
    if asked:
        samples = np.asanyarray(values)
        np.gradient(np.ones(samples.shape), *spacing, axis=axis, edge_order=edge_order)
        msg = (
            f"accuracy=, periodic= and period= need real numbers in plain arrays and edge_order 1 or 2, got "
            f"{type(values).__name__} of {samples.dtype}; write np.asarray(values, float)"
        )
        raise TypeError(msg)
    with np.errstate(all="ignore"):
        result = np.gradient(values, *spacing, axis=axis, edge_order=edge_order)
    if out is None:
        return result
    parts = result if isinstance(result, tuple) else (result,)
    outputs, given = _outputs(out, np.asanyarray(values), parts[0].dtype if parts else np.dtype(float), len(parts))
    for target, part in zip(outputs, parts, strict=True):
        target[...] = part
    return given


def _axes_and_spacing(samples: Array, spacing: tuple[Any, ...], axis: Any, edge_order: Any) -> list[Any] | None:
    """(axis, a number or the coordinates) for each; None where np.gradient has an error or arithmetic of its own."""
    if is_dask(samples) and any(map(is_dask, spacing)):
        msg = (
            "the spacing of a dask array is needed before it is computed; give coordinates as NumPy arrays: x.compute()"
        )
        raise TypeError(msg)
    try:
        axes = range(samples.ndim) if axis is None else normalize_axis_tuple(axis, samples.ndim)
        given = spacing * len(axes) if len(spacing) == 1 and np.ndim(spacing[0]) == 0 else spacing or (1.0,) * len(axes)
        if len(given) != len(axes) or edge_order not in {1, 2}:
            return None
        found = [(a, _distances(d, samples.shape[a])) for a, d in zip(axes, given, strict=True)]
    except (TypeError, ValueError):
        return None
    fits = all(d is not None and samples.shape[a] > edge_order for a, d in found)
    return found if fits else None


def _distances(given: Any, n: int) -> Any:
    """A number or coordinates that are not evenly spaced, or None."""
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        return given
    array = np.asanyarray(given)
    if type(array) is not np.ndarray or array.dtype.kind not in "iuf" or array.dtype.itemsize > 8:
        return None
    if array.ndim == 0:
        return array[()]
    if array.ndim != 1 or len(array) != n or n < 2:
        return None
    array = array.astype(np.float64) if array.dtype.kind in "iu" else array
    return _first_if_even(array)


def _first_if_even(x: Array) -> Any:
    """The spacing where all are equal, otherwise the coordinates."""
    first, even, repeated = x[1] - x[0], True, False
    for start in range(0, len(x) - 1, CHECKED):
        apart = np.diff(x[start : start + CHECKED + 1])
        even = even and bool((apart == first).all())
        repeated = repeated or not apart.all()
    if repeated:
        msg = "coordinates contain duplicates: derivatives next to them are inf or nan"
        warnings.warn(msg, RuntimeWarning, stacklevel=users_level())
    return first if even else x


def _components(field: Any, name: str = "field") -> list[Array]:
    """Arrays of one shape and one floating-point type, or an error; all are dask arrays if one is."""
    parts = [part if is_dask(part) else np.asanyarray(part) for part in field]
    if not parts or any(part.shape != parts[0].shape for part in parts):
        msg = f"the field's components must have one shape, got {[part.shape for part in parts]}"
        raise ValueError(msg)
    if any(map(is_dask, parts)):
        parts = [check_samples(dask_array().asanyarray(part), name) for part in parts]
    for part in parts:
        if not is_dask(part) and not _is_plain(part):
            msg = (
                f"{name} must hold real numbers in plain arrays, got {type(part).__name__} of {part.dtype}; "
                f"write np.asarray({name}, float)"
            )
            raise TypeError(msg)
    common = np.result_type(*(_floating(part.dtype) for part in parts))
    return [part if part.dtype == common else part.astype(common) for part in parts]


def _required(samples: Array, spacing: tuple[Any, ...], axis: Any, edge_order: Any) -> list[Any]:
    """As `_axes_and_spacing`, with np.gradient's errors."""
    axes = _axes_and_spacing(samples, spacing, axis, edge_order)
    if axes is None:
        np.gradient(np.broadcast_to(1.0, samples.shape), *spacing, axis=axis, edge_order=edge_order)
        msg = (
            f"spacing must be real numbers or 1-D arrays of them, and edge_order 1 or 2; got edge_order={edge_order!r}"
        )
        raise TypeError(msg)
    return axes


# --- a formula for each axis ------------------------------------------------------------------------------------------


def _lines(
    samples: Array, axes: list[Any], periodic: Any, period: Any, derivative: int, scheme: _Scheme
) -> list[tuple[int, Line]]:
    closed = _one_per_axis("periodic", periodic, len(axes))
    periods = _one_per_axis("period", period, len(axes))
    return [
        (axis, _line(axis, samples, distances, bool(wraps), length, derivative, scheme))
        for (axis, distances), wraps, length in zip(axes, closed, periods, strict=True)
    ]


def _one_per_axis(name: str, given: Any, count: int) -> list[Any]:
    if given is None or np.ndim(given) == 0:
        return [given] * count
    if len(given) != count:
        msg = f"{name} has {len(given)} entries for {count} axes; give one for all or one for each"
        raise ValueError(msg)
    return list(given)


def _line(
    axis: int, samples: Array, distances: Any, periodic: bool, period: Any, derivative: int, scheme: _Scheme
) -> Line:
    n, accuracy = samples.shape[axis], scheme.accuracy
    if not periodic and period is not None:
        msg = f"period={period!r} for axis {axis}, which is not periodic; write periodic=True, or one for each axis"
        raise ValueError(msg)
    if not periodic and derivative == 1 and accuracy == 2:
        return numpy_line(n, distances, scheme.edge_order, samples.dtype)
    distances, length = _checked(axis, n, distances, periodic, period)
    edge = accuracy + derivative - (derivative == 2 and accuracy == 2 and scheme.edge_order == 1)
    even = np.ndim(distances) == 0
    points = accuracy + 1 if even or derivative == 1 else accuracy + 3
    needed = points if periodic else max(points, edge)
    if n < needed:
        msg = f"axis {axis} has {n} samples, accuracy={accuracy} needs {needed}: give more samples or a lower accuracy"
        raise ValueError(msg)
    if even:
        return uniform_line(n, distances, derivative, accuracy, edge, periodic=periodic, dtype=samples.dtype)
    if derivative == 1 and accuracy == 2:
        return periodic_three_points(distances, length, samples.dtype)
    return uneven_line(distances.astype(np.float64), derivative, points, edge, length if periodic else None)


def _checked(axis: int, n: int, distances: Any, periodic: bool, period: Any) -> tuple[Any, float]:
    """Distances with a direction, and the signed length after which they repeat."""
    if np.ndim(distances) == 0:
        if not np.isfinite(distances) or distances == 0:
            msg = f"the spacing of axis {axis} is {distances!r}; it must be a finite number other than 0"
            raise ValueError(msg)
        whole = n * float(distances)
        if period is None or abs(abs(period) - abs(whole)) <= ROUNDING * abs(whole):
            return distances, whole
        distances = np.arange(n) * float(distances)
    apart = np.diff(distances)
    if not np.isfinite(distances).all() or not ((apart > 0).all() or (apart < 0).all()):
        msg = (
            f"the coordinates of axis {axis} must rise or fall all the way, without duplicates, inf or nan; "
            "sort the samples"
        )
        raise ValueError(msg)
    return _with_period(axis, distances, period) if periodic else (distances, 0.0)


def _with_period(axis: int, x: Array, period: Any) -> tuple[Any, float]:
    if period is None:
        msg = f"axis {axis} is periodic and has coordinates, which do not tell where they begin again; write period="
        raise ValueError(msg)
    extent = float(abs(x[-1] - x[0]))
    if not np.isfinite(period) or period <= extent:
        msg = (
            f"period={period!r} of axis {axis} must be longer than its coordinates, which cover {extent!r}; "
            "leave out a last sample that is the first again"
        )
        raise ValueError(msg)
    return x, float(period) if x[-1] > x[0] else -float(period)


# --- arrays to write, and the work ------------------------------------------------------------------------------------


def _outputs(out: Any, samples: Array, dtype: np.dtype[Any], count: int) -> tuple[list[Array], Any]:
    """An array for each axis, and what is returned."""
    if out is None:
        new = [np.empty_like(samples, dtype=dtype) for _ in range(count)]
        return new, new[0] if count == 1 else tuple(new)
    if isinstance(out, (tuple, list)):
        if len(out) != count:
            msg = f"out has {len(out)} arrays for {count} axes; give one for each"
            raise ValueError(msg)
        given = [check_out(o, samples.shape, dtype, samples) for o in out]
        if any(np.shares_memory(a, b) for k, a in enumerate(given) for b in given[:k]):
            msg = "the arrays of out share memory, so that one would overwrite another; write out=np.empty((axes, ...))"
            raise ValueError(msg)
        return given, out
    if count == 1 and np.shape(out) == samples.shape:
        return [check_out(out, samples.shape, dtype, samples)], out
    return list(check_out(out, (count, *samples.shape), dtype, samples)), out


def _compute(outputs: list[Array], terms: list[Any], scheme: _Scheme, progress: Progress, *, fresh: bool) -> None:
    if not terms or outputs[0].size == 0:
        return
    from .boxes import Term, compute  # noqa: PLC0415  which loads Numba

    several = len(terms) > len(outputs)
    work = [Term(o, values, axis, line.widened() if several else line) for o, values, axis, line in terms]
    with progress_report(progress, "box") as report:
        compute(outputs, work, scheme.workers, report, fresh=fresh)

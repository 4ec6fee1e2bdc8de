"""What callers say of a grid: axes and their spacing, as np.gradient takes them, and a formula for each axis."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple
from numpy.typing import NDArray

from ..chunks.coordinates import is_duration
from ..engine.arguments import check_workers
from ..engine.numbers import is_dask
from ..formulas.spacings import ACCURACIES, Line, numpy_line, periodic_three_points, uneven_line, uniform_line
from ..results import users_level
from .hints import of_spacing, of_times, right_call
from .numbers import is_duck, real_dtype

Array = NDArray[Any]

ROUNDING = 1e-12  # relative: a period that is the number of samples times the spacing
CHECKED = 1 << 20  # coordinates at a time
WHOLE = 1 << 53  # float64 holds all integers up to here

TOO_SMALL = (  # np.gradient's own, where coordinates of one node make it raise IndexError
    "Shape of array too small to calculate a numerical gradient, at least (edge_order + 1) elements are required."
)


# --- axes -------------------------------------------------------------------------------------------------------------


def axes_and_spacing(samples: Array, spacing: tuple[Any, ...], axis: Any, edge_order: Any) -> list[Any] | None:
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


def coordinates_of(axes: list[Any]) -> list[Array]:
    """The arrays among distances: weights are made of them while results are written."""
    return [distances for _, distances in axes if isinstance(distances, np.ndarray)]


def _distances(given: Any, n: int) -> Any:
    """A number or coordinates that are not evenly spaced, or None."""
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        return given
    if is_duck(given):
        return None
    array = np.asanyarray(exact(given))
    array = array.view(np.ndarray) if type(array) is np.memmap else array
    if type(array) is not np.ndarray or array.dtype.kind not in "iuf" or array.dtype.itemsize > 8:
        return None
    if array.ndim == 0:
        return array[()]
    if array.ndim != 1 or len(array) != n or n < 2:
        return None
    array = array.astype(np.float64) if array.dtype.kind in "iu" else array
    return _first_if_even(array)


def exact(given: Any) -> Any:
    """Spacing as it is; integers that float64 cannot hold, such as a clock's nanoseconds, from the smallest one."""
    try:
        array = np.asarray(given) if isinstance(given, (list, tuple, np.ndarray)) else None
    except ValueError:  # of rows of different lengths
        return given
    if array is None or array.ndim != 1 or array.dtype.kind not in "iu" or array.dtype.itemsize < 8 or not array.size:
        return given
    low, high = int(array.min()), int(array.max())
    if low >= -WHOLE and high <= WHOLE:
        return given
    bits = array.astype(array.dtype.newbyteorder("=")).view(np.uint64)
    return (bits - np.uint64(low % 2**64)).astype(np.float64)  # modulo 2**64, as the difference is below that


def _first_if_even(x: Array) -> Any:
    """The spacing where all are equal, otherwise the coordinates."""
    first, repeated = x[1] - x[0], False
    even = len(x) == 2 or bool(x[2] - x[1] == first)
    for start in range(0, len(x) - 1, CHECKED):
        apart = x[start + 1 : start + CHECKED + 1] - x[start : start + CHECKED][: len(x) - 1 - start]
        even = even and bool((apart == first).all())
        repeated = repeated or not apart.all()
    if repeated:
        msg = "coordinates contain duplicates: derivatives next to them are inf or nan"
        warnings.warn(msg, RuntimeWarning, stacklevel=users_level())
    return first if even else x


def required_axes(samples: Array, spacing: tuple[Any, ...], axis: Any, edge_order: Any) -> list[Any]:
    """As `axes_and_spacing`, with np.gradient's errors."""
    axes = axes_and_spacing(samples, spacing, axis, edge_order)
    if axes is None:
        numpys_gradient(np.broadcast_to(1.0, samples.shape), spacing, axis, edge_order)
        wanted = "spacing must be real numbers or 1-D arrays of them, and edge_order 1 or 2"
        msg = f"{wanted}; {of_spacing(spacing) or f'got edge_order={edge_order!r}'}"
        raise TypeError(msg)
    return axes


def numpys_gradient(values: Any, spacing: tuple[Any, ...], axis: Any, edge_order: Any) -> Any:
    """np.gradient; an axis of one node is always the same error, and masks of coordinates are one."""
    if any(np.ma.is_masked(x) for x in spacing):
        msg = "the coordinates are masked; leave out the samples there, or give coordinates for all"
        raise ValueError(msg)
    try:
        return np.gradient(values, *spacing, axis=axis, edge_order=edge_order)
    except IndexError as error:
        if isinstance(error, ValueError):  # an axis that does not exist
            raise
        raise ValueError(TOO_SMALL) from None
    except (TypeError, ValueError) as error:
        text = right_call(np.shape(values), spacing) or of_times(spacing)
        if not text:
            raise
        msg = f"{error}; {text}"
        raise (TypeError if isinstance(error, TypeError) else type(error))(msg) from None  # ufuncs' take no text


# --- a formula for each axis ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SpacingScheme:
    edge_order: int
    accuracy: int
    workers: int | None


def read_scheme(edge_order: Any, accuracy: Any, workers: Any) -> SpacingScheme:
    if isinstance(accuracy, bool) or accuracy not in ACCURACIES:
        msg = f"accuracy={accuracy!r} does not exist; use 2, 4, 6 or 8"
        raise ValueError(msg)
    return SpacingScheme(edge_order, int(accuracy), check_workers(workers, "jit"))


def lines_of(
    samples: Array, axes: list[Any], periodic: Any, period: Any, derivative: int, scheme: SpacingScheme
) -> list[tuple[int, Line]]:
    closed = [_closes(wraps, periodic) for wraps in _one_per_axis("periodic", periodic, len(axes))]
    periods = list(map(_length, _one_per_axis("period", period, len(axes))))
    return [
        (axis, _line(axis, samples, distances, wraps, length, derivative, scheme))
        for (axis, distances), wraps, length in zip(axes, closed, periods, strict=True)
    ]


def is_flag(given: Any) -> bool:
    """Whether it is True or False, or 1 or 0."""
    if isinstance(given, (bool, np.bool)):
        return True
    return isinstance(given, (int, np.integer)) and not is_duration(given) and given in {0, 1}


def _closes(flag: Any, given: Any) -> bool:
    if not is_flag(flag):
        msg = (
            f"periodic={given!r} must be True or False, or one of them for each axis; "
            "names of dimensions are for DataArrays"
        )
        raise ValueError(msg)
    return bool(flag)


def _length(period: Any) -> Any:
    """A period that is a number, or None."""
    number = isinstance(period, (int, float, np.integer, np.floating)) and not isinstance(period, bool)
    if period is None or (number and not is_duration(period)):  # np.timedelta64 counts as an integer
        return period
    advice = "write period / np.timedelta64(1, 's') for seconds" if is_duration(period) else "give a number"
    msg = f"period={period!r} is no number, as the coordinates are; {advice}"
    raise TypeError(msg)


def _one_per_axis(name: str, given: Any, count: int) -> list[Any]:
    if isinstance(given, np.ndarray) and given.ndim == 0:
        given = given[()]
    if not isinstance(given, (list, tuple, np.ndarray)):
        return [given] * count
    if len(given) != count:
        msg = f"{name} has {len(given)} entries for {count} axes; give one for all or one for each"
        raise ValueError(msg)
    return list(given)


def _line(
    axis: int, samples: Array, distances: Any, periodic: bool, period: Any, derivative: int, scheme: SpacingScheme
) -> Line:
    n, accuracy, dtype = samples.shape[axis], scheme.accuracy, real_dtype(samples.dtype)
    if not periodic and period is not None:
        msg = f"period={period!r} for axis {axis}, which is not periodic; write periodic=True, or one for each axis"
        raise ValueError(msg)
    if not periodic and derivative == 1 and accuracy == 2:
        if type(distances) in {float, int}:
            return _between_numbers(n, distances, isinstance(distances, int), scheme.edge_order, dtype)
        return numpy_line(n, distances, scheme.edge_order, dtype)
    distances, length = _checked(axis, n, distances, periodic, period)
    edge = accuracy + derivative - (derivative == 2 and accuracy == 2 and scheme.edge_order == 1)
    even = np.ndim(distances) == 0
    points = accuracy + 1 if even or derivative == 1 else accuracy + 3
    needed = points if periodic else max(points, edge)
    if n < needed:
        msg = f"axis {axis} has {n} samples, accuracy={accuracy} needs {needed}: give more samples or a lower accuracy"
        raise ValueError(msg)
    if even:
        return uniform_line(n, distances, derivative, accuracy, edge, periodic=periodic, dtype=dtype)
    if derivative == 1 and accuracy == 2:
        return periodic_three_points(distances, length, dtype)
    return uneven_line(distances.astype(np.float64), derivative, points, edge, length if periodic else None)


@lru_cache(maxsize=256)
def _between_numbers(n: int, spacing: float, _: bool, edge_order: int, dtype: np.dtype[Any]) -> Line:
    """np.gradient's formulas for a number between nodes; an int is not the float that it equals."""
    return numpy_line(n, spacing, edge_order, dtype)


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

"""The arrays of the operators on grids: samples that machine code can read, arrays to write, and the work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..chunks.lazy import dask_array
from ..engine.arguments import check_out
from ..engine.numbers import is_dask
from ..engine.threads import progress_report
from ..llvm.interrupts import loading
from .blocks import check_samples

Array = NDArray[Any]
Progress = bool | Callable[[int, int], object]

SMALL = 1 << 17  # samples: below, np.gradient has done its work before threads have begun
SHORT = 8  # nodes along the last axis in memory: below, a row is less work than its start, here as in np.gradient


def floating(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(np.float64) if dtype.kind in "iu" else dtype


def plain_samples(values: Any) -> Array | None:
    """The samples as an array that can be computed here; None for what np.gradient alone knows how to treat."""
    if not isinstance(values, np.ndarray) and hasattr(values, "__array_function__"):
        return None
    samples = np.asanyarray(values)
    return samples if is_plain(samples) else None


def is_plain(array: Array) -> bool:
    """Whether it holds real numbers that can be computed with here."""
    return type(array) in {np.ndarray, np.memmap} and array.dtype.kind in "iuf" and array.dtype.itemsize <= 8


def suits_numpy(samples: Array, axes: list[Any]) -> bool:
    """Whether np.gradient, whose bits are the same, is as fast; float16 has arithmetic that only NumPy knows."""
    nearest = min(range(samples.ndim), key=lambda k: (abs(samples.strides[k]), -k), default=0)
    short = nearest in {a for a, _ in axes} and samples.shape[nearest] < SHORT
    return samples.dtype == np.float16 or samples.size <= SMALL or short


def by_numpy(values: Any, spacing: Any, axis: Any, edge_order: Any, asked: bool, out: Any) -> Any:
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
    outputs, given = read_outputs(out, np.asanyarray(values), parts[0].dtype if parts else np.dtype(float), len(parts))
    for target, part in zip(outputs, parts, strict=True):
        target[...] = part
    return given


def read_components(field: Any, name: str = "field") -> list[Array]:
    """Arrays of one shape and one floating-point type, or an error; all are dask arrays if one is."""
    parts = [part if is_dask(part) else np.asanyarray(part) for part in field]
    if not parts or any(part.shape != parts[0].shape for part in parts):
        msg = f"the field's components must have one shape, got {[part.shape for part in parts]}"
        raise ValueError(msg)
    if any(map(is_dask, parts)):
        parts = [check_samples(dask_array().asanyarray(part), name) for part in parts]
    for part in parts:
        if not is_dask(part) and not is_plain(part):
            msg = (
                f"{name} must hold real numbers in plain arrays, got {type(part).__name__} of {part.dtype}; "
                f"write np.asarray({name}, float)"
            )
            raise TypeError(msg)
    common = np.result_type(*(floating(part.dtype) for part in parts))
    return [part if part.dtype == common else part.astype(common) for part in parts]


def read_outputs(out: Any, samples: Array, dtype: np.dtype[Any], count: int) -> tuple[list[Array], Any]:
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


def fill(outputs: list[Array], terms: list[Any], workers: int | None, progress: Progress, *, fresh: bool) -> None:
    if not terms or outputs[0].size == 0:
        return
    with loading(f"{__package__}.passes"):
        from .boxes import Term  # noqa: PLC0415  which loads Numba
        from .passes import compute  # noqa: PLC0415  which loads Numba

    several = len(terms) > len(outputs)
    work = [Term(o, values, axis, line.widened() if several else line) for o, values, axis, line in terms]
    with progress_report(progress, "box") as report:
        compute(outputs, work, workers, report, fresh=fresh)

"""The arrays of the operators on grids: samples that machine code can read, arrays to write, and the work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from ..chunks.lazy import dask_array
from ..engine.numbers import is_dask
from ..engine.threads import progress_report
from ..llvm.interrupts import imported, loading
from .blocks import check_samples
from .hints import of_spacing
from .numbers import (
    as_array,
    bare,
    floating,
    in_one_piece,
    is_duck,
    is_masked,
    is_plain,
    masks_of,
    new,
    put_mask,
    written,
)
from .spacing import numpys_gradient

Array = NDArray[Any]
NUMBERS = (float, int)
Progress = bool | Callable[[int, int], object]

_FLAT = f"{__package__}.flat"
SMALL = 10_000  # samples: below, np.gradient has done its work before the call of a kernel is put together
EVEN = 1 << 17  # and so many, if they are at equal distances
FLAT = 1 << 22  # bytes: above, two threads and boxes of rows pay
# Up to so many samples along one axis, and among several axes, those with gaps or of other types are copied whole.
COPIED, COPIED_ROWS = 1 << 24, 1 << 18
LOOSE = 1 << 20  # of samples with gaps, at equal distances: here np.gradient is as fast
SHORT = 8  # nodes along the last axis in memory: below, a row is less work than its start, here as in np.gradient


def plain_samples(values: Any) -> Array | None:
    """The samples as an array that can be computed here; None for what np.gradient alone knows how to treat."""
    if is_duck(values):
        return None
    samples = as_array(values)
    return samples if is_plain(samples) else None


def is_small(values: Any, spacing: tuple[Any, ...]) -> bool:
    """Whether it is an array at equal distances for which np.gradient, called at once, takes the least time."""
    return (
        type(values) is np.ndarray
        and values.size <= EVEN
        and values.dtype.kind in "iuf"
        and all(type(d) in NUMBERS for d in spacing)
    )


def by_numpy_at_once(values: Array, spacing: tuple[Any, ...], axis: Any, edge_order: Any) -> Any:
    """np.gradient's result or its error."""
    with np.errstate(all="ignore"):
        return numpys_gradient(values, spacing, axis, edge_order)


def suits_numpy(samples: Array, axes: list[Any]) -> bool:
    """Whether np.gradient, whose bits are the same, is as fast, or has arithmetic of its own: float16 and complex."""
    if samples.dtype == np.float16 or samples.dtype.kind == "c" or is_masked(samples):
        return True
    if samples.size <= SMALL or (samples.size <= COPIED and not samples.dtype.isnative):
        return True
    if samples.ndim == 1 and samples.size <= LOOSE and samples.strides[0] != samples.itemsize:
        return all(type(spacing) in NUMBERS for _, spacing in axes)
    nearest = min(range(samples.ndim), key=lambda k: (abs(samples.strides[k]), -k), default=0)
    return nearest in {a for a, _ in axes} and samples.shape[nearest] < SHORT


def by_numpy(
    values: Any, spacing: Any, axis: Any, edge_order: Any, *, asked: bool, out: Any, progress: Progress = False
) -> Any:  # fmt: skip
    """np.gradient's result or its error; where neither is wanted, an error of our own."""
    if asked:
        _refuse(values, spacing, axis, edge_order)
    samples = values if is_duck(values) else as_array(values)
    with progress_report(progress, "box") as report:
        result = by_numpy_at_once(samples, spacing, axis, edge_order)
        if report:
            report(1, 1)
    if out is None:
        return result
    parts = result if isinstance(result, tuple) else (result,)
    if any(map(is_duck, parts)):
        msg = f"the result is of {type(parts[0]).__name__}s, which out= has no room for; leave out= out"
        raise TypeError(msg)
    along = [x for x in spacing if isinstance(x, np.ndarray)]
    outputs, given = read_outputs(out, samples, parts[0].dtype if parts else np.dtype(float), len(parts), *along)
    for target, part in zip(outputs, parts, strict=True):
        np.asarray(target)[...] = np.asarray(part)
        put_mask(target, np.ma.getmaskarray(part))
    return given


def _refuse(values: Any, spacing: Any, axis: Any, edge_order: Any) -> NoReturn:
    """np.gradient's error for the shape and the spacing, else that there is no such formula for these values."""
    shape, dtype = np.shape(values), getattr(values, "dtype", None) or as_array(values).dtype
    numpys_gradient(np.ones(shape), spacing, axis, edge_order)
    duck = next((x for x in (values, *spacing) if is_duck(x)), None)
    plain = f"write np.asarray(values, {'complex' if np.dtype(dtype).kind == 'c' else 'float'})"
    advice = plain if duck is None else "pass bare numbers, and the unit goes to the result"
    found = f"got {type(values if duck is None else duck).__name__} of {dtype}; {advice}"
    msg = (
        "accuracy=, periodic= and period= need real or complex numbers in plain or masked arrays, bare spacing and "
        f"edge_order 1 or 2, {of_spacing(spacing) or found}"
    )
    raise TypeError(msg)


def read_components(field: Any, name: str = "field") -> list[Array]:
    """Arrays of one shape and one floating-point type, or an error; all are dask arrays if one is."""
    parts = [part if is_dask(part) or is_duck(part) else as_array(part) for part in field]
    if not parts or any(np.shape(part) != np.shape(parts[0]) for part in parts):
        msg = f"the field's components must have one shape, got {[np.shape(part) for part in parts]}"
        raise ValueError(msg)
    if any(map(is_dask, parts)):
        parts = [check_samples(dask_array().asanyarray(part), name) for part in parts]
    for part in parts:
        if not is_dask(part) and (is_duck(part) or not is_plain(part)):
            advice = "pass its bare numbers" if is_duck(part) else f"write np.asarray({name}, float)"
            msg = (
                f"{name} must hold real or complex numbers in plain or masked arrays, got {type(part).__name__} of "
                f"{getattr(part, 'dtype', 'no type')}; {advice}"
            )
            raise TypeError(msg)
    common = np.result_type(*(floating(part.dtype) for part in parts))
    return [part if part.dtype == common else part.astype(common) for part in parts]


def read_outputs(
    out: Any, samples: Array, dtype: np.dtype[Any], count: int, *coordinates: Array
) -> tuple[list[Array], Any]:
    """An array for each axis, and what is returned."""
    if out is None:
        fresh = [new(samples, dtype, masked=is_masked(samples)) for _ in range(count)]
        return fresh, fresh[0] if count == 1 else tuple(fresh)
    if isinstance(out, (tuple, list)):
        if len(out) != count:
            msg = f"out has {len(out)} arrays for {count} axes; give one for each"
            raise ValueError(msg)
        given = [written(o, samples.shape, dtype, samples, *coordinates) for o in out]
        if any(np.shares_memory(a, b) for k, a in enumerate(given) for b in given[:k]):
            msg = "the arrays of out share memory, so that one would overwrite another; write out=np.empty((axes, ...))"
            raise ValueError(msg)
        return given, out
    if count == 1 and np.shape(out) == samples.shape:
        return [written(out, samples.shape, dtype, samples, *coordinates)], out
    return list(written(out, (count, *samples.shape), dtype, samples, *coordinates)), out


def fill(outputs: list[Array], terms: list[Any], workers: int | None, progress: Progress, *, fresh: bool) -> None:
    if not terms or outputs[0].size == 0:
        return
    if outputs[0].size <= (COPIED if outputs[0].ndim == 1 else COPIED_ROWS):
        pieces = {id(values): in_one_piece(values) for _, values, _, _ in terms}
        terms = [(o, pieces[id(values)], axis, line) for o, values, axis, line in terms]
    if outputs[0].nbytes <= FLAT and not progress:
        flat = imported(_FLAT)
        if flat.suits(outputs, terms):
            flat.compute(outputs, terms)
            return
    with loading(f"{__package__}.passes"):
        from .boxes import BoxTerm  # noqa: PLC0415  which loads Numba
        from .passes import compute  # noqa: PLC0415  which loads Numba

    several, masks = len(terms) > len(outputs), masks_of(len(outputs), terms)
    sources = {id(values): bare(values) for _, values, _, _ in terms}
    work = [BoxTerm(o, sources[id(v)], axis, line.widened() if several else line) for o, v, axis, line in terms]
    with progress_report(progress, "box") as report:
        compute([bare(output) for output in outputs], work, workers, report, fresh=fresh)
    for output, mask in zip(outputs, masks, strict=True):
        put_mask(output, mask)

"""Samples that are more than real numbers: complex ones go as pairs, and masks spread along the formulas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.arguments import check_out
from ..engine.numbers import is_dask
from ..formulas.spacings import Line

Array = NDArray[Any]


def floating(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type of derivatives of such samples."""
    return np.dtype(np.float64) if dtype.kind in "iu" else dtype


def real_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type of the real and of the imaginary part; that of real numbers itself."""
    return np.dtype(f"{dtype.str[0]}f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype


def pairs(array: Array) -> Array:
    """Complex numbers as real ones in the same memory, with an axis of two more; real arrays as they are.

    Every formula has real weights: both parts take the same way, each as if it were alone.
    """
    if array.dtype.kind != "c":
        return array
    return array.view(np.ndarray)[..., None].view(real_dtype(array.dtype))


# --- what samples are given as ----------------------------------------------------------------------------------------


def is_duck(values: Any) -> bool:
    """Whether NumPy's functions hand `values` to a library of its own, such as one of units."""
    return not isinstance(values, np.ndarray) and hasattr(values, "__array_function__")


def as_array(values: Any) -> Array:
    """An array of what the caller gives; NumPy would drop the masks of a list of masked arrays."""
    if isinstance(values, (list, tuple)) and any(isinstance(v, np.ma.MaskedArray) for v in values):
        masked: Array = np.ma.array(values)
        return masked
    return np.asanyarray(values)


def is_plain(array: Array) -> bool:
    """Whether it holds numbers that can be computed with here, perhaps under a mask."""
    largest = 16 if array.dtype.kind == "c" else 8
    kinds = {np.ndarray, np.memmap, np.ma.MaskedArray}
    return type(array) in kinds and array.dtype.kind in "iufc" and array.dtype.itemsize <= largest


def in_one_piece(values: Array) -> Array:
    """Samples where machine code can read them: copied if there are gaps, or if they are numbers of another kind.

    In boxes, as larger arrays are, 100 000 samples take ten times as long.
    """
    wanted = floating(values.dtype).newbyteorder("=")
    steps = [s for s, n in zip(values.strides, values.shape, strict=True) if n > 1]
    packed = all(s > 0 for s in steps) and min(steps, default=values.itemsize) == values.itemsize
    if type(values) is not np.ndarray or (packed and values.flags.aligned and values.dtype == wanted):
        return values
    return np.array(values, wanted, order="K")


# --- masks ------------------------------------------------------------------------------------------------------------


def is_masked(array: Any) -> bool:
    return isinstance(array, np.ma.MaskedArray)


def bare(array: Array) -> Array:
    """The numbers, also those under a mask, as real ones."""
    return pairs(array.data if is_masked(array) else array)  # type: ignore[arg-type]


def spread(mask: Array, axis: int, line: Line) -> Array:
    """Where a derivative along an axis reads an element that is masked."""
    given = np.moveaxis(mask, axis, 0)
    found = np.zeros(mask.shape, bool)
    target, start, stop = np.moveaxis(found, axis, 0), line.start, line.stop
    for offset in line.offsets.tolist() if start < stop else []:
        target[start:stop] |= given[start + offset : stop + offset]
    for node, taps in zip([*range(start), *range(stop, line.n)], line.edge_taps, strict=True):
        target[node] |= given[taps].any(axis=0)
    return found


def masks_of(count: int, terms: list[Any]) -> list[Array | None]:
    """The mask of each output, None where nothing that it is made of has masks; terms are (output, values, ...)."""
    masks: list[Array | None] = [None] * count
    for output, values, axis, line in terms:
        mask = np.ma.getmask(values)
        if mask is not np.ma.nomask:
            found, before = spread(mask, axis, line), masks[output]
            masks[output] = found if before is None else before | found
    return masks


def put_mask(output: Array, mask: Array | None) -> None:
    """Write an output's mask into it: whatever it had before is gone."""
    if is_masked(output):
        np.ma.getmaskarray(output)[...] = False if mask is None else mask


# --- what results are written into ------------------------------------------------------------------------------------


def new(samples: Array, dtype: np.dtype[Any], *, masked: bool) -> Array:
    """An array like the samples, with a mask where any of those that it is made of have one."""
    plain = np.empty_like(samples.data if is_masked(samples) else samples, dtype=dtype)
    return with_mask(plain, samples) if masked else plain


def with_mask(array: Array, model: Any) -> Array:
    fill = model.fill_value if is_masked(model) else None
    return np.ma.MaskedArray(array, mask=np.zeros(array.shape, bool), fill_value=fill)


def written(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], *inputs: Array) -> Array:
    """`out`, checked, with room for masks where the inputs have some; or a new array."""
    if out is None:
        array, model = np.empty(shape, dtype), next(filter(is_masked, inputs), None)
        return array if model is None else with_mask(array, model)
    checked = check_out(out, shape, dtype, *inputs)
    if any(map(np.ma.is_masked, inputs)) and not is_masked(checked):
        msg = (
            f"the values are masked, and out is a {type(out).__name__}, which has no room for masks; "
            f"write out=np.ma.empty({shape}, {str(dtype)!r})"
        )
        raise TypeError(msg)
    if is_masked(checked):
        _check_masks_apart(checked, inputs)
        if np.ma.getmask(checked) is np.ma.nomask:
            checked.mask = np.zeros(shape, bool)  # type: ignore[attr-defined]
    return checked


def _check_masks_apart(out: Any, inputs: tuple[Array, ...]) -> None:
    mask_of: Callable[[Any], Any] = np.ma.getmask
    if any(np.shares_memory(mask_of(out), mask_of(x)) for x in inputs if mask_of(x) is not np.ma.nomask):
        msg = "out shares its mask with the values, whose masks would change; write mask=values.mask.copy()"
        raise ValueError(msg)


# --- blocks of dask arrays --------------------------------------------------------------------------------------------


def contiguous(part: Array, dtype: np.dtype[Any]) -> Array:
    """A block in the working precision, in memory without gaps; dask alone has no masks here."""
    assert not is_dask(part)
    single = real_dtype(dtype).itemsize < 8
    wanted = (np.complex64 if single else np.complex128) if dtype.kind == "c" else np.float32 if single else np.float64
    return np.ascontiguousarray(part, dtype=wanted)

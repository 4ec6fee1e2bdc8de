"""The book's loop: the elements of the caller's own array, one at a time; and the steps it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine import threads
from ..engine.numbers import argument_array
from ..engine.python import mutation
from ..formulas import stencils
from ..formulas.steps import default_factor
from ..formulas.values import as_number
from ..program.look import reacts as tells_apart

Array = NDArray[Any]
Function = Callable[..., Any]

FIRST = stencils.stencil(1, 2, "central")
FEW = 16  # elements


def own_array(x: Any) -> tuple[Array, str]:
    """The caller's own array; or a float64 copy of what cannot be moved in place, and its kind."""
    array: Array = argument_array(x)
    if array is not x and not (isinstance(x, np.ndarray) and np.may_share_memory(array, x)):
        kind = f"{x.dtype} array" if isinstance(x, np.ndarray) else type(x).__name__
        return np.array(array), kind
    if not array.flags.writeable:
        msg = "x is read-only, but its elements are moved in place; pass x.copy(), or use fastgrad.gradient(f, x)"
        raise ValueError(msg)
    return array, ""


def book_step(x: Any, h: Any) -> Any:
    """h; for float32 and float16 not below ``eps**(1/3) * max(1, |x|)``, in x's precision."""
    if not isinstance(h, (int, float, np.floating)) or isinstance(h, bool) or not 0.0 < h < np.inf:
        msg = f"h={h!r} must be a positive number; the book takes h=1e-4"
        raise ValueError(msg)
    dtype = getattr(x, "dtype", None)
    if dtype is None or dtype.itemsize >= 8:
        return h
    smallest = float(np.finfo(dtype).eps) ** (1 / 3)
    with np.errstate(all="ignore"):
        return np.maximum(h, smallest * np.maximum(1.0, np.abs(x.astype(np.float64)))).astype(dtype)


def vanishing(x: Any, h: Any) -> Any:
    with np.errstate(all="ignore"):
        return (x + h == x) & np.isfinite(x)


def check_visible(x: Any, h: Any) -> None:
    gone = vanishing(x, h)
    if np.any(gone):
        value = np.broadcast_to(x, np.shape(gone))[gone].flat[0] if np.ndim(gone) else x
        step = np.broadcast_to(h, np.shape(gone))[gone].flat[0] if np.ndim(gone) else h
        workable = default_factor(1, 2) * max(1.0, abs(float(value)))
        msg = f"h={float(step)!r} vanishes beside x={float(value)!r} (x + h == x); use h={workable:.1g}"
        raise ValueError(msg)


def own_copy(value: Any) -> Any:
    """What f returned for a number or an array, copied: f may use the same array again."""
    array = np.array(value)
    if array.dtype.kind not in "fiub":
        as_number(value)  # raises, and says what f returned
    return array if array.ndim else value


def number(value: Any, x: Array) -> float:
    """What f returned, as a number; with the advice that a vector deserves."""
    if type(value) is np.float64 or type(value) is float:
        return value
    if np.ndim(value) and np.size(value) > 1 and x.ndim > 1 and np.shape(value) == x.shape[:1]:
        msg = (
            f"f returned one value per row of x, shape {np.shape(value)}; rows are points? Use "
            "numerical_gradient_2d(f, x) or gradient(f, x, batch=True) with an f of one point"
        )
        raise ValueError(msg)
    if np.ndim(value) and x.ndim == 2 and np.shape(value) == x.shape[1:]:
        msg = (
            f"f returned one value per column of x, shape {np.shape(value)}; columns are points? Use "
            "numerical_gradient_2d(f, x.T), which takes one point per row"
        )
        raise ValueError(msg)
    return as_number(value)


def gradient_by_loop(
    f: Function, x: Array, h: float, progress: Any = False, *, workers: int = 1, diverging: bool = False
) -> Array:
    """The book's loop over the elements of x itself."""
    few = _of_few(f, x, h) if workers == 1 and not progress and is_few(x) else None
    if few is not None:
        return few
    step = book_step(x, h)
    if not diverging:
        check_visible(x, step)
    with threads.progress_report(progress, "coordinate") as report:
        (total,) = mutation.sums(
            lambda: number(f(x), x), [x], [np.arange(x.size)], [step], FIRST, workers=workers, report=report
        )
    with np.errstate(all="ignore"):
        grad: Array = (total.reshape(x.shape) / (2 * step)).astype(x.dtype)
    return grad


def is_few(x: Array) -> bool:
    """Whether Python's floats are faster than arrays, and f is called too few times to be recorded."""
    usual = type(x) is np.ndarray and x.dtype == np.float64 and 0 < x.size <= FEW
    return usual and (x.ndim == 1 or (x.ndim > 1 and x.flags.c_contiguous))


def _of_few(f: Function, x: Array, h: Any) -> Array | None:
    """The same for few numbers, in a fifth of the time; None where the step is to be looked at."""
    original, shape, flat = x.tobytes(), x.shape, x.reshape(-1)
    if type(h) is not float or not 0.0 < h < np.inf or [s for s in flat.tolist() if s + h == s]:
        return None
    value, elements, shifts, grad = lambda: float(number(f(x), x)), mutation.floats(flat), (h, -h), []
    try:
        for i in range(flat.size):
            above, below = mutation.values_around(value, elements, i, shifts)
            grad.append((above - below) / (2 * h))
        if not (is_few(x) and x.shape == shape and x.flags.writeable):
            raise ValueError(mutation.RESHAPES)
        if x.tobytes() != original:
            raise ValueError(mutation.WRITES)
    except BaseException:
        mutation.restore([x], [np.frombuffer(original).reshape(shape).copy()])
        raise
    return np.array(grad).reshape(shape)


def reacts(f: Function, x: Array, first: int = 0) -> bool:
    """Whether f takes another value when the coordinates from number `first` on are moved."""
    moved = np.array(x, dtype=np.float64)
    flat = moved.reshape(-1)
    flat[first:] += 0.3 * np.arange(1.0, flat.size - first + 1) % 1.0 + 0.1
    return tells_apart(f, np.array(x), moved, part=as_number)

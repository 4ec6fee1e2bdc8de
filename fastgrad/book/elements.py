"""Single elements of the caller's own arrays, moved in place and restored:
difference quotients as courses take them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.numbers import real_array
from ..engine.python import mutation
from ..formulas.steps import default_factor

Array = NDArray[Any]


def as_tuple(given: Any) -> tuple[Any, ...]:
    """Several things, or one."""
    return tuple(given) if isinstance(given, (tuple, list)) else (given,)


def _step(x: Array, index: tuple[int, ...], h: float) -> float:
    if not 0.0 < h < np.inf:
        msg = f"the step {h!r} must be a positive number"
        raise ValueError(msg)
    if x.dtype.itemsize == 8:
        return h
    return max(h, default_factor(1, 2, float(np.finfo(x.dtype).eps)) * max(1.0, abs(float(x[index]))))


def quotient(
    value: Callable[[], Any],
    x: Array,
    index: tuple[int, ...],
    h: float,
    difference: Callable[[Any, Any], Any] = np.subtract,
) -> float:
    """The central difference in one element, over the displacement that x really took."""
    h, saved = _step(x, index, h), x[index]
    right, left = float(saved + h), float(saved - h)
    if right == left:
        msg = f"the step {h!r} vanishes beside x={float(saved)!r}; take a longer one"
        raise ValueError(msg)
    above, below = mutation.values_around(value, x, index, (h, -h))
    width = 2 * h if x.dtype.itemsize == 8 else right - left
    with np.errstate(all="ignore"):
        return float(np.divide(difference(above, below), width))


def weighted_quotient(
    f: Callable[[], Any], x: Array, index: tuple[int, ...], h: float, from_above: Sequence[Array]
) -> float:
    """As `quotient`, of the sum of f's outputs times what comes from above.

    Each element is subtracted before it is weighted and summed: what does not change leaves exactly nothing, where the
    difference of two sums keeps their rounding (relu of 10 x 10: 1e-9 beside 3e-12).
    """
    return quotient(lambda: outputs_of(f()), x, index, h, lambda a, b: weighted(_differences(a, b), from_above))


def outputs_of(returned: Any, name: str = "what f returned") -> list[Array]:
    """One array or several, or Variables, in float64 and copied: f may write into them again."""
    return [real_array(getattr(y, "array", y), name).astype(np.float64) for y in as_tuple(returned)]


def _differences(above: Sequence[Array], below: Sequence[Array]) -> list[Array]:
    shapes = [y.shape for y in above], [y.shape for y in below]
    if shapes[0] != shapes[1]:
        msg = f"f returned outputs of the shapes {shapes[0]}, and beside x {shapes[1]}; it must keep to one shape"
        raise ValueError(msg)
    return [a - b for a, b in zip(above, below, strict=True)]


def weighted(outputs: Any, above: Sequence[Array]) -> float:
    """The sum of outputs times what comes from above, in float64."""
    if len(outputs) != len(above):
        msg = f"f returns {len(outputs)} outputs, but there are {len(above)} gradients from above; give one for each"
        raise ValueError(msg)
    total = 0.0
    for output, g in zip(outputs, above, strict=True):
        y = np.asarray(output, dtype=np.float64)
        if g.shape not in {(), y.shape}:
            msg = f"the gradient from above has shape {g.shape}, the output of f {y.shape}"
            raise ValueError(msg)
        total += float(np.sum(y * g))
    return total

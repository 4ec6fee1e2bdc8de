"""What NumPy's broadcasting repeats, put together again."""

from __future__ import annotations

from typing import Any


def summed_to(x: Any, shape: tuple[int, ...]) -> Any:
    """What came back to an array of this shape that had been repeated: the sum over its repetitions.

    x is an array or a Variable; its methods are asked, which both have.
    """
    if x.shape == shape:
        return x
    new = x.ndim - len(shape)
    repeated = (new + i for i, size in enumerate(shape) if size == 1 != x.shape[new + i])
    return x.sum(axis=(*range(new), *repeated)).reshape(shape)

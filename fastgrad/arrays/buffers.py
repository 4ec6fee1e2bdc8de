"""Memory for changes that is used again: half of the time of a fresh array goes to the faults of its pages."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from threading import local
from typing import Any

import numpy as np
from numpy.typing import NDArray

SMALLEST = 4096
"""Numbers; NumPy keeps smaller arrays itself."""

KEPT = 24


class _Pool(local):
    """The buffers of one thread."""

    def __init__(self) -> None:
        self.buffers: list[NDArray[np.float64]] = []
        self.in_use = 0


_pool = _Pool()


@contextmanager
def reused() -> Iterator[None]:
    """Buffers are kept until the end of this."""
    _pool.in_use += 1
    try:
        yield
    finally:
        _pool.in_use -= 1
        if not _pool.in_use:
            _pool.buffers.clear()


def empty(shape: tuple[int, ...]) -> Any:
    """An array of float64, of memory that nothing else refers to any more."""
    size = prod(shape)
    if size < SMALLEST or not _pool.in_use or not hasattr(sys, "getrefcount"):
        return np.empty(shape)
    for buffer in _pool.buffers:
        if size <= buffer.size < 2 * size and sys.getrefcount(buffer) == _FREE:
            return buffer[:size].reshape(shape)
    made = np.empty(size)
    if len(_pool.buffers) >= KEPT:
        _pool.buffers.pop(0)
    _pool.buffers.append(made)
    return made.reshape(shape)


def _counted() -> int:
    """References to a buffer that only a list and a loop's variable hold."""
    held = [np.empty(1)]
    for buffer in held:
        return sys.getrefcount(buffer)
    return 0


_FREE = _counted() if hasattr(sys, "getrefcount") else 0

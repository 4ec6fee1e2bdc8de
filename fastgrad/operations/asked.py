"""What a first derivative is asked for, and whether that is of the usual kind, of which no error has to be told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..formulas.stencils import EXACT

_FLOAT = np.dtype(np.float64)
_STEPS = (type(None), float, int)


class Asked(NamedTuple):
    """The arguments of a call, as they are given."""

    f: Callable[..., Any]
    x: Any
    out: Any
    args: Any
    batch_args: Any
    method: Any
    order: Any
    h: Any
    rel_step: Any
    engine: Any

    @property
    def is_exact(self) -> bool:
        """Whether the derivative itself is wanted."""
        return type(self.method) is str and self.method == EXACT

    @property
    def is_traced(self) -> bool:
        """Whether f's trace does it, even at one point of few coordinates."""
        return self.is_exact or (type(self.engine) is str and self.engine == "simd")

    @property
    def is_usual(self) -> bool:
        """Whether x is a plain array, and all else of the types that are compared without surprises."""
        _, x, _, args, batch_args, method, order, h, rel_step, engine = self
        tuples = type(args) is type(batch_args) is tuple and not batch_args
        names = type(method) is type(engine) is str and type(order) is int
        return tuples and names and type(h) in _STEPS and type(rel_step) in _STEPS and is_plain(x)


def is_plain(x: Any) -> bool:
    """Whether it is an array of float64, and no other kind of array."""
    return type(x) is np.ndarray and x.dtype is _FLOAT

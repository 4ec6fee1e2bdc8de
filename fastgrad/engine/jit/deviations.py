"""Functions that Numba computes otherwise than Python and NumPy: at NaN and infinity, of equal numbers, into texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numba import types

from .integers import typings

_QUOTIENTS = "rounds the quotients of {}, NumPy does not; write a // b and a % b"  # floor_divide(1.0, 0.1) is 9, or 10
_QUANTILES = "computes {} otherwise than NumPy where numbers are NaN or infinite"
_ORDERS = "leaves equal numbers in another order in {} than NumPy"
_SORTS = "computes {} otherwise than Python where numbers are NaN"
_TEXTS = "makes other texts by {} than Python, of what is no integer"

_REASONS: dict[Any, str] = {
    **dict.fromkeys((np.floor_divide, np.divmod), _QUOTIENTS),
    **dict.fromkeys((np.median, np.quantile, np.percentile), _QUANTILES),
    **dict.fromkeys((np.nanmedian, np.nanquantile, np.nanpercentile), _QUANTILES),
    **dict.fromkeys((np.argsort, "array.argsort"), _ORDERS),
    **dict.fromkeys((sorted, (types.List, "sort")), _SORTS),
    **dict.fromkeys((str, repr, format), _TEXTS),
}
_HARMLESS = (types.Integer, types.Boolean, types.UnicodeType)


def deviation(compiled: Any) -> str:
    """What Numba does otherwise in a compiled function, or in one that it calls; "" where nothing is known of it."""
    for function, kinds in _called(compiled):
        reason = _REASONS.get(function)
        if function is np.linalg.norm and len(kinds) > 1:  # norm(x, np.inf) leaves NaN out
            reason = _QUANTILES
        if reason and not (kinds and all(isinstance(getattr(kind, "dtype", kind), _HARMLESS) for kind in kinds)):
            return f"Numba {reason.format(_name(function))}"
    return ""


def _called(compiled: Any) -> Iterator[tuple[Any, list[Any]]]:
    """The functions that are called, or names of methods, with the types of what they get."""
    for typed in typings(compiled, set()):
        for expression in typed.calltypes:
            if getattr(expression, "op", "") == "call":
                kind = typed.typemap[expression.func.name]
                owner = [kind.this] if isinstance(kind, types.BoundFunction) else []
                key = getattr(kind, "typing_key", None)
                yield key, owner + [typed.typemap[a.name] for a in expression.args]


def _name(function: Any) -> str:
    if isinstance(function, (str, tuple)):
        return "ndarray.argsort" if isinstance(function, str) else "list.sort"
    return ("np." if function.__module__.startswith("numpy") else "") + str(function.__name__)

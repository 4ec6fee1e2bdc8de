"""Rules for tracing functions that write into an array under a mask."""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrays import FUNCTIONS, Symbols, holds_symbols, is_mask
from .elementwise import select
from .reductions import objects
from .refusals import refuse

_SELECT = np.frompyfunc(select, 3, 1)


def _write(a: Any, mask: Any, values: Any) -> None:
    if not isinstance(a, Symbols):
        refuse("f writes under a traced mask into an array that it does not make, or one of other numbers than floats")
    a[...] = _SELECT(objects(mask), objects(values), objects(a)).view(Symbols)


def _putmask(a: Any, /, mask: Any, values: Any) -> None:
    """Numbers by their places, over and over."""
    _write(a, np.reshape(mask, np.shape(a)), np.resize(objects(values), np.shape(a)))


def _place(arr: Any, mask: Any, vals: Any) -> None:
    """Numbers in their order: those of a mask that moves with x have to be equal."""
    if not holds_symbols(mask):
        arr[np.reshape(np.asarray(mask, dtype=bool), np.shape(arr))] = np.resize(vals, int(np.sum(mask, dtype=int)))
        return
    if not is_mask(mask) or np.size(vals) != 1:
        refuse("f calls np.place with several numbers, and a mask that depends on x")
    _write(arr, np.reshape(mask, np.shape(arr)), np.ravel(vals)[0])


FUNCTIONS[np.putmask], FUNCTIONS[np.place] = _putmask, _place

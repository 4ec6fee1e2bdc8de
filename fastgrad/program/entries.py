"""Elements of tables at numbers that a program computes: ``("entry", ("t", bytes), place)``.

The table is an operand by its bytes, doubles one after the other: part of the structure, as literals are. A place is
cut to a whole number within the table, NaN to the first; whether it lies there is for the trace to ask.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

ENTRY = "entry"
SIZE = np.dtype(np.float64).itemsize


def length(table: bytes) -> int:
    """How many elements a table has."""
    return len(table) // SIZE


def entry(table: bytes, place: ArrayLike) -> Any:
    """The elements at some places."""
    inside = np.fmin(np.fmax(place, 0.0), length(table) - 1.0)
    return np.frombuffer(table)[inside.astype(np.intp)]


def of_table(table: bytes) -> Callable[[ArrayLike], Any]:
    """The elements of one table as a function of places."""
    return partial(entry, table)

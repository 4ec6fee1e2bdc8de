"""The symbols with which f is called to be traced, in the place of a point and of the rows of batch arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import Symbols
from .symbols import Symbol, Trace
from .tables import as_table
from .workspace import Workspace

_USUAL = (np.float64, np.int64)


@dataclass(frozen=True)
class Given:
    """What f is called with, and points to be sampled, as `trace` describes it."""

    shape: tuple[int, ...]
    args: tuple[Any, ...] = ()
    rows: Sequence[tuple[int, ...]] = ()
    types: Sequence[np.dtype[Any]] = ()
    bits: Sequence[int] = ()
    sample: NDArray[np.float64] | None = None
    picks: bool = False  # whether f picks elements of arrays that it makes
    counts: bool = False  # whether it counts by traced integers
    works: bool = False  # whether it works in arrays that it captures
    anew: bool = False  # whether it is traced at each call, as what reads what is not known

    @property
    def starts(self) -> list[int]:
        """Where the elements of each batch argument begin in a row, and where the last ones end."""
        return [*accumulate(map(prod, self.rows), initial=0)]

    def symbols(self, recording: Trace, space: Workspace | None = None) -> tuple[Any, ...]:
        """The arguments, made anew: f may write into them."""
        argument = space.argument if space else as_table
        rows = zip(self.starts, self.rows, strict=False)
        beside = [_symbols(recording, "b", start, shape) for start, shape in rows]
        return (_symbols(recording, "x", 0, self.shape), *map(argument, self.args), *beside)

    def note_types(self, recording: Trace) -> None:
        """Which batch arguments NumPy may compute with in their own types, how large integers are, and what f picks."""
        recording.picks, recording.counts = self.picks, self.counts
        starts = self.starts
        for start, stop, count in zip(starts, starts[1:], self.bits, strict=False):
            if count:
                recording.whole |= {("b", i): 2**count for i in range(start, stop)}
        for start, stop, kind in zip(starts, starts[1:], self.types, strict=False):
            if kind not in _USUAL:
                recording.narrow |= {("b", i): kind for i in range(start, stop)}


def _symbols(recording: Trace, tag: str, start: int, shape: tuple[int, ...]) -> Any:
    """An array of symbols, or one symbol."""
    if shape == ():
        return Symbol(recording, (tag, start))
    values = np.empty(prod(shape), dtype=object)
    values[:] = [Symbol(recording, (tag, start + i)) for i in range(len(values))]
    return values.reshape(shape).view(Symbols)

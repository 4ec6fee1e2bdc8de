"""Columns in groups: columns of one colour share no row, so that their coordinates can be moved together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.intp]


def colour(shape: tuple[int, int], rows: Ints, columns: Ints) -> Ints:
    """The number of each column's group, -1 for a column without entries.

    Greedy, in the order of the columns and from the fullest to the emptiest; whichever takes fewer groups. To find the
    fewest is as hard as any problem (T. Coleman and J. Moré, "Estimation of sparse Jacobian matrices and graph coloring
    problems", SIAM J. Numer. Anal. 20, 1983); both orders find the three of a tridiagonal matrix.
    """
    counts = np.bincount(columns, minlength=shape[1])
    by_column = rows[np.argsort(columns, kind="stable")].tolist()
    ends = np.cumsum(counts).tolist()
    entries = [by_column[end - count : end] for end, count in zip(ends, counts.tolist(), strict=True)]
    found = [_greedy(shape, entries, order) for order in (np.arange(shape[1]), np.argsort(-counts, kind="stable"))]
    return min(found, key=lambda colours: int(colours.max(initial=-1)))


def _greedy(shape: tuple[int, int], entries: list[list[int]], order: Ints) -> Ints:
    """Each column gets the first group that none of its rows has; the groups of a row are the bits of a number."""
    taken = [0] * shape[0]
    colours = np.full(shape[1], -1)
    for column in order.tolist():
        used = 0
        for row in entries[column]:
            used |= taken[row]
        free = ~used & (used + 1)
        for row in entries[column]:
            taken[row] |= free
        if entries[column]:
            colours[column] = free.bit_length() - 1
    return colours

"""Second derivatives of a sum of terms: coordinates that share no term are moved together, and each term is read off.

A sum of 10 000 terms of two neighbours each has two groups: 7 evaluations of all terms instead of 40 001 of f.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..engine.schedule import Schedule
from ..stencils import Stencil
from .patterns import Pattern

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

VALUES = 2**22  # numbers that are held at a time, 32 MB


@dataclass(frozen=True, eq=False)
class Terms:
    """f as ``sum(factors * schedule.values)``, but for single coordinates.

    Attributes
    ----------
    schedule : Schedule
    factors : ndarray
        (K,).
    support : Pattern
        (K, D): on which coordinates each term depends. No term has two of one group.
    """

    schedule: Schedule
    factors: Array
    support: Pattern

    @cached_property
    def members(self) -> list[Ints]:
        """The entries of the support in each group, by term."""
        of_entries = self.support.groups[self.support.columns]
        order = np.argsort(of_entries, kind="stable")
        return np.split(order, np.searchsorted(of_entries[order], np.arange(1, self.support.count)))

    def directions(self, rows: Ints, columns: Ints) -> Ints:
        """The groups to move for some entries, (R, 2): each alone, then pairs of them; -1 for no second one."""
        count = self.support.count
        alone = np.arange(count)
        pairs = np.sort(np.stack([self.support.groups[rows], self.support.groups[columns]], axis=1), axis=1)
        pairs = pairs[(pairs[:, 0] >= 0) & (pairs[:, 0] < pairs[:, 1])]
        keys = np.unique(pairs[:, 0] * count + pairs[:, 1])
        return np.concatenate(
            [np.stack([alone, np.full_like(alone, -1)], 1), np.stack(np.divmod(keys, max(1, count)), 1)]
        )

    def evaluations(self, rows: Ints, columns: Ints, formula: Stencil) -> int:
        """Points at which the terms are evaluated."""
        return 1 + len(self.directions(rows, columns)) * (len(formula.offsets) - 1)

    def second_derivatives(self, x: Array, h: Array, rows: Ints, columns: Ints, formula: Stencil) -> Array:
        """Some entries of the Hessian at one point, rows <= columns, in order."""
        support, result = self.support, np.zeros(len(rows))
        keys, own = rows * x.size + columns, np.empty(support.nnz)
        for (a, b), along in self._along(x, h, self.directions(rows, columns), formula):
            first, second = (self.members[a],) * 2 if b < 0 else self._in_both(a, b)
            term, i, j = support.rows[first], support.columns[first], support.columns[second]
            with np.errstate(all="ignore"):
                if b < 0:
                    own[first] = sums = along[term]
                else:
                    sums = (along[term] - own[first] - own[second]) / 2
                found = self.factors[term] * sums / (formula.denominator * h[i] * h[j])
            _add(result, keys, np.minimum(i, j) * x.size + np.maximum(i, j), found)
        return result

    def _in_both(self, a: int, b: int) -> tuple[Ints, Ints]:
        """The entries in two groups of the terms that have one in each."""
        first, second = self.members[a], self.members[b]
        terms = self.support.rows
        _, i, j = np.intersect1d(terms[first], terms[second], assume_unique=True, return_indices=True)
        return first[i], second[j]

    def _along(self, x: Array, h: Array, directions: Ints, formula: Stencil) -> Iterator[tuple[tuple[int, int], Array]]:
        """The stencil's sums of all terms along each direction."""
        groups, offsets = self.support.groups, np.array(formula.offsets)
        center = self.schedule.values(x[:, None])
        size = max(1, VALUES // (len(offsets) * max(1, self.schedule.size)))
        for first in range(0, len(directions), size):
            some = directions[first : first + size]
            inside = (groups[:, None] == some[:, 0]) | ((groups[:, None] == some[:, 1]) & (some[:, 1] >= 0))
            points = np.repeat(x[:, None], len(some) * len(offsets), axis=1).reshape(x.size, len(some), -1)
            with np.errstate(all="ignore"):
                moved = x[:, None] + offsets * h[:, None]
            np.copyto(points, moved[:, None, :], where=inside[:, :, None])
            away = np.flatnonzero(offsets)
            values = np.empty((len(center), *points.shape[1:]))
            values[:] = center[:, :, None]
            values[:, :, away] = self.schedule.values(points[:, :, away].reshape(x.size, -1)).reshape(
                len(center), len(some), -1
            )
            with np.errstate(all="ignore"):
                sums = sum(number * (values[:, :, a] - values[:, :, b]) for number, a, b in formula.terms)
            for r, (a, b) in enumerate(some.tolist()):
                yield (a, b), np.asarray(sums)[:, r]


def _add(result: Array, keys: Ints, found: Ints, values: Array) -> None:
    """Add values at some of the sorted keys; what has no place there is zero but for round-off."""
    places = np.minimum(np.searchsorted(keys, found), max(0, len(keys) - 1))
    there = keys[places] == found if len(keys) else np.zeros(len(found), dtype=bool)
    np.add.at(result, places[there], values[there])

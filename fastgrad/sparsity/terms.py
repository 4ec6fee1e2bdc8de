"""Second derivatives of a sum of terms: coordinates that share no term are moved together, and each term is read off.

A sum of 10 000 terms of two neighbours each has two groups: 7 evaluations of all terms instead of 40 001 of f.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from ..formulas.properties import cached_property
from ..formulas.stencils import Stencil
from ..program.schedule import Schedule
from .patterns import Pattern

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

VALUES = 2**22  # numbers that are held at a time, 32 MB


@dataclass(frozen=True)
class Direction:
    """One or two groups to move (b = -1: one), and what the sums of the terms along it are good for.

    Attributes
    ----------
    a, b : int
    first, second : ndarray of int
        Entries of the support, of a term each: the coordinates that move in it.
    kept, places : ndarray of int
        Which of these have a place among the wanted derivatives, and where.
    """

    a: int
    b: int
    first: Ints
    second: Ints
    kept: Ints
    places: Ints


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
    def _directions(self) -> WeakKeyDictionary[Pattern, list[Direction]]:
        return WeakKeyDictionary()

    def directions(self, pattern: Pattern) -> list[Direction]:
        """Each group alone, then the pairs of groups that the pattern of a Hessian needs."""
        if pattern not in self._directions:
            count, groups = self.support.count, self.support.groups
            rows, columns, _ = pattern.upper
            pairs = np.sort(np.stack([groups[rows], groups[columns]]), axis=0)
            pairs = pairs[:, (pairs[0] >= 0) & (pairs[0] < pairs[1])]
            keys = np.unique(pairs[0] * count + pairs[1]).tolist()
            moves = [(a, -1) for a in range(count)] + [divmod(key, count) for key in keys]
            wanted = rows * pattern.shape[1] + columns
            self._directions[pattern] = [self._direction(a, b, wanted) for a, b in moves]
        return self._directions[pattern]

    def _direction(self, a: int, b: int, wanted: Ints) -> Direction:
        first, second = (self._members[a],) * 2 if b < 0 else self._in_both(a, b)
        i, j = self.support.columns[first], self.support.columns[second]
        keys = np.minimum(i, j) * self.support.shape[1] + np.maximum(i, j)
        places = np.minimum(np.searchsorted(wanted, keys), max(0, len(wanted) - 1))
        kept = np.flatnonzero(wanted[places] == keys) if len(wanted) else places[:0]
        return Direction(a, b, first, second, kept, places[kept])

    @cached_property
    def _members(self) -> list[Ints]:
        """The entries of the support in each group, by term."""
        of_entries = self.support.of_entries
        order = np.argsort(of_entries, kind="stable")
        return np.split(order, np.searchsorted(of_entries[order], np.arange(1, self.support.count)))

    def _in_both(self, a: int, b: int) -> tuple[Ints, Ints]:
        """The entries in two groups of the terms that have one in each."""
        first, second = self._members[a], self._members[b]
        terms = self.support.rows
        _, i, j = np.intersect1d(terms[first], terms[second], assume_unique=True, return_indices=True)
        return first[i], second[j]

    def evaluations(self, pattern: Pattern, formula: Stencil) -> int:
        """Points at which the terms are evaluated."""
        return 1 + len(self.directions(pattern)) * (len(formula.offsets) - 1)

    def second_derivatives(self, x: Array, h: Array, pattern: Pattern, formula: Stencil) -> Array:
        """The entries of the Hessian at one point, on the diagonal and above."""
        support, result = self.support, np.zeros(len(pattern.upper[0]))
        own = np.empty(support.nnz)
        for direction, along in self._along(x, h, self.directions(pattern), formula):
            first, second = direction.first, direction.second
            term, i, j = support.rows[first], support.columns[first], support.columns[second]
            with np.errstate(all="ignore"):
                if direction.b < 0:
                    own[first] = sums = along[term]
                else:
                    sums = (along[term] - own[first] - own[second]) / 2
                found = self.factors[term] * sums / (formula.denominator * h[i] * h[j])
            np.add.at(result, direction.places, found[direction.kept])
        return result

    def _along(
        self, x: Array, h: Array, directions: list[Direction], formula: Stencil
    ) -> Iterator[tuple[Direction, Array]]:
        """The stencil's sums of all terms along each direction."""
        offsets, away = np.array(formula.offsets), np.flatnonzero(formula.offsets)
        center = self.schedule.values(x[:, None])
        with np.errstate(all="ignore"):
            moved = x[:, None] + offsets[away] * h[:, None]
        size = max(1, VALUES // (len(away) * max(1, self.schedule.size)))
        for first in range(0, len(directions), size):
            some = directions[first : first + size]
            values = np.empty((len(center), len(some), len(offsets)))
            values[:] = center[:, :, None]
            points = self._points(x, moved, some)
            values[:, :, away] = self.schedule.values(points).reshape(len(center), len(some), -1)
            with np.errstate(all="ignore"):
                sums = sum(number * (values[:, :, a] - values[:, :, b]) for number, a, b in formula.terms)
            yield from zip(some, np.asarray(sums).T, strict=True)

    def _points(self, x: Array, moved: Array, directions: list[Direction]) -> Array:
        """The points of some directions in columns."""
        a, b = np.array([(d.a, d.b if d.b >= 0 else d.a) for d in directions]).T
        groups = self.support.groups[:, None]
        inside = (groups == a) | (groups == b)
        return np.where(inside[:, :, None], moved[:, None, :], x[:, None, None]).reshape(x.size, -1)

"""The search for wrong elements:
halves of a line on which gradient and slopes differ, until single elements are left."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

import numpy as np
from numpy.typing import NDArray

from .rays import Ray, Slope
from .slopes import Loss

Places = NDArray[np.intp]
Measure = Callable[[Slope], float]


def search(loss: Loss, line: Ray, measure: Measure, kinks: bool, evaluations: int, most: int) -> list[Ray]:
    """The elements, as judged lines, that a line owes its difference to: the half with the larger one first.

    Both halves move as they do on the whole line, so what is seen on it is seen on one of them.
    """
    if line.verdict == "kink" and 4 * len(line.where) <= evaluations:  # the kinks of many elements hide what is wrong
        axes = [loss.axis(place) for place in line.where.tolist()]
        return [axis for axis in axes if loss.judge(axis, kinks) != "ok"]
    limit, order = loss.evaluations + evaluations, count()
    heap = [(0.0, next(order), line)]
    found: list[Ray] = []
    while heap and loss.evaluations < limit and len(found) < most:
        _, _, whole = heapq.heappop(heap)
        if len(whole.where) == 1:
            axis = loss.axis(int(whole.where[0]))
            if loss.judge(axis, kinks) != "ok":
                found.append(axis)
            continue
        for half in _halves(whole):
            slope = loss.slope(half, half.step)
            size = measure(slope)
            if not size <= loss.allowed(half, slope) + loss.noise_at(half.step):  # NaN is followed too
                # by size alone a gradient that is wrong throughout would keep the search among long lines
                rank = size / len(half.where) ** 0.5 if np.isfinite(size) else np.inf
                heapq.heappush(heap, (-rank, next(order), half))
    return found


def _halves(line: Ray) -> tuple[Ray, Ray]:
    middle = len(line.where) // 2
    return line.part(slice(middle), line.step), line.part(slice(middle, None), line.step)


def by_difference(slope: Slope) -> float:
    """How far slope and gradient differ."""
    return abs(slope.difference)


def by_gap(slope: Slope) -> float:
    """How far the slopes to the left and to the right differ."""
    return abs(slope.gap)

"""Sums of the elements that stand at the same place: np.bincount, np.add.at and np.add.reduceat of recorders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .functions import rule
from .nodes import refuse
from .recorder import OWN, Recorder, joined, plain_index, recorder_of


def _sums(values: Recorder, places: Any, count: int) -> Any:
    """Of `count` groups, by the place of each element.

    Groups of like size are the rows of one array, filled up with zeros: less than twice the elements in all.
    """
    order, sizes = np.argsort(places, kind="stable"), np.bincount(places, minlength=count)
    starts, classes = np.cumsum(sizes) - sizes, np.ceil(np.log2(np.maximum(sizes, 1))).astype(int)
    of_class = [np.flatnonzero(classes == k) for k in np.unique(classes)]
    padded, order = joined([values.reshape(-1), np.zeros(1)]), np.append(order, values.size)
    parts = [padded[_rows(order, starts[rows], sizes[rows])].sum(axis=1) for rows in of_class]
    return joined(parts)[np.argsort(np.concatenate(of_class))]


def _rows(order: Any, starts: Any, sizes: Any) -> Any:
    """The elements of each group, and the last of all where it has no more."""
    k = np.arange(max(sizes.max(), 1))
    return np.where(k < sizes[:, None], order[np.minimum(starts[:, None] + k, len(order) - 1)], order[-1])


@rule(np.bincount)
def _bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    places = np.asarray(plain_index(x))
    if weights is None:
        return np.bincount(places, minlength=minlength)
    count = np.bincount(places, minlength=minlength).size
    return _sums(recorder_of(weights), places, count) if count else np.bincount(places, minlength=minlength) * 1.0


def _at(ufunc: np.ufunc) -> Callable[..., None]:
    def stand_in(x: Any, indices: Any, values: Any) -> None:
        if type(x) is not Recorder:
            refuse(OWN)
        places = np.arange(x.size).reshape(x.shape)[plain_index(indices)]
        values = recorder_of(np.broadcast_to(values, places.shape))
        x.become(ufunc(x, _sums(values, places.ravel(), x.size).reshape(x.shape)).node)

    return stand_in


for _ufunc in (np.add, np.subtract):
    rule(_ufunc.at)(_at(_ufunc))


@rule(np.add.reduceat)
def _reduceat(x: Any, indices: Any, axis: int = 0) -> Any:
    starts = np.asarray(plain_index(indices))
    if x.ndim != 1 or (np.diff(starts) <= 0).any():
        refuse("np.add.reduceat of more than one axis, or of parts that overlap, has no rule for whole arrays")
    places = np.searchsorted(starts, np.arange(starts[0], x.size), side="right") - 1
    return _sums(x[int(starts[0]) :], places, len(starts))

"""Differences of a vector function along groups of coordinates that move together, on the engines."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.bound import Facts
from ..engine.call import Call, Target, Workers
from ..engine.choose import choose, warn_if_slow
from ..formulas import stencils
from ..formulas.stencils import Table
from ..operations.solve import check_combination, none_ran
from ..results import EPS, users_level
from .patterns import Pattern
from .task import Found, Task

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

DIFFERENCES = 2**23  # numbers that are held at a time, 64 MB; a matrix with a full row has D groups


def differentiate(task: Task, engine: str, workers: Workers) -> Found:
    """The entries of the Jacobians at all points, by a compiled engine if that pays or is asked for."""
    task.steps.check(task.points.values)
    if not task.points.count or not task.pattern.nnz or task.groups.max(initial=-1) < 0:
        return Found(np.zeros((task.points.count, task.pattern.nnz)), task.steps_at(EPS), EPS, 0, none_ran(engine))
    pattern, groups = task.pattern, task.groups
    count = int(groups.max(initial=-1)) + 1
    whole, of_entries = _call(task, 0, count), groups[pattern.columns]
    check_combination(whole, engine)
    chosen = choose(whole, engine)
    warn_if_slow(whole, chosen, users_level(1))
    size = max(1, DIFFERENCES // max(1, pattern.shape[0])) if chosen.code is None else count
    data, every = np.empty((task.points.count, pattern.nnz)), list[Facts]()
    for first in range(0, count, size):
        last = min(first + size, count)
        call, target = _call(task, first, last) if size < count else whole, _target(task, last - first)
        every.append(chosen.bind(call, target).fill(workers))
        assert target.array is not None
        some = _within(of_entries, first, last)
        data[:, some] = target.array[:, pattern.rows[some], of_entries[some] - first]
    eps = max(facts.eps for facts in every)
    h = task.steps_at(eps)
    with np.errstate(all="ignore"):
        data /= task.formula.denominator * h[:, pattern.columns]
    return Found(data, h, eps, sum(facts.nfev for facts in every), chosen.engine)


def _call(task: Task, first: int, last: int) -> Call:
    """The sums along groups [first, last)."""
    scheme = task.formula.order, task.formula.method
    if task.moving is None:
        table = _table_of_pattern(task.pattern, first, last, *scheme)
    else:
        table = _table(task.groups, first, last, *scheme)
    bounds, fits = task.bounds, task.fits
    return Call(task.f, task.points, table, task.steps, task.args, vector=True, bounds=bounds, fits=fits)


@lru_cache(maxsize=64)
def _table_of_pattern(pattern: Pattern, *what: Any) -> Table:
    """One table for all calls with a pattern: code is kept with it."""
    return _table(pattern.groups, *what)


def _table(groups: Ints, first: int, last: int, *scheme: Any) -> Table:
    return stencils.jacobian_in_groups(np.where((groups >= first) & (groups < last), groups - first, -1), *scheme)


def _within(groups: Ints, first: int, last: int) -> Any:
    """Where a group is one of some; a slice, without copies, where all are."""
    inside = (groups >= first) & (groups < last)
    return slice(None) if inside.all() else np.flatnonzero(inside)


def _target(task: Task, groups: int) -> Target:
    """Room for the sums, once f has shown that it has an output for each row."""
    rows = task.pattern.shape[0]

    def make(shape: tuple[int, ...]) -> Array:
        task.check_outputs(shape)
        return np.empty((task.points.count, rows, groups))

    return Target(make)

"""Differences of a vector function along groups of coordinates that move together, on the engines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.bound import Choice
from ..engine.call import Call, Rows, Target
from ..engine.choose import TRACED_CALLS, choose, warn_if_slow
from ..engine.request import Function
from ..formulas import stencils
from ..formulas.stencils import Stencil, Table
from ..formulas.steps import Steps
from ..operations.solve import none_ran
from ..results import EPS, users_level
from .task import Found, Task

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

DIFFERENCES = 2**23  # numbers that are held at a time, 64 MB; a matrix with a full row has D groups


def evaluations(task: Task) -> int:
    """Calls of f."""
    base = task.formula.base >= 0
    return task.points.count * (task.pattern.count * (len(task.formula.offsets) - base) + base)


def differentiate(task: Task, engine: str, workers: int | None) -> Found:
    """The entries of the Jacobians at all points, by a compiled engine if that pays or is asked for."""
    task.steps.check(task.points.values)
    if not task.points.count or not task.pattern.nnz:
        return Found(np.zeros((task.points.count, task.pattern.nnz)), task.steps_at(EPS), EPS, 0, none_ran(engine))
    reason = "engine='python' was asked for"
    if engine in {"simd", "jit"} or (engine == "auto" and evaluations(task) > TRACED_CALLS):
        found = _compiled(task, engine, workers)
        if isinstance(found, Found):
            return found
        reason = found
    found = _by_python(task, EPS, workers, reason)
    if found.eps > EPS:  # f returns float32: differences over the steps of float64 are round-off
        more = _by_python(task, found.eps, workers, reason)
        return replace(more, nfev=more.nfev + found.nfev)
    return found


def _by_python(task: Task, eps: float, workers: int | None, reason: str) -> Found:
    """f of the amounts by which groups are moved, from x in units of the steps: a small dense Jacobian."""
    h, pattern, points = task.steps_at(eps), task.pattern, task.points
    data, nfev = np.empty((points.count, pattern.nnz)), 0
    size = max(1, DIFFERENCES // max(1, pattern.shape[0]))
    for first in range(0, pattern.count, size):
        count = min(size, pattern.count - first)
        target = _target(task, count)
        call = Call(
            _moving(task, first, count),
            Rows(np.zeros((points.count, count)), (count,)),
            _differences(count, task.formula),
            Steps("absolute", np.ones(())),
            task.args,
            (points.values, h),
            vector=True,
        )
        python = Choice("python", reason=reason)
        warn_if_slow(replace(call, f=task.f), python, users_level(1))
        facts = python.bind(call, target).fill(workers)
        nfev, eps = nfev + facts.nfev, max(eps, facts.eps)
        assert target.array is not None
        chosen = _within(pattern.of_entries, first, count)
        data[:, chosen] = target.array[:, pattern.rows[chosen], pattern.of_entries[chosen] - first]
    with np.errstate(all="ignore"):
        data /= task.formula.denominator * h[:, pattern.columns]
    return Found(data, h, eps, nfev, "python")


def _differences(count: int, formula: Stencil) -> Table:
    """The stencil's sums along each of some coordinates, divided by nothing but a step of 1."""
    table = stencils.jacobian(count, formula.order, formula.method)
    return replace(table, name="differences", scale=np.ones(count, dtype=np.intp), along_axes=False)


def _moving(task: Task, first: int, count: int) -> Function:
    """f as a function of the amounts z; x and the steps h at a point come last."""
    f, shape, groups = task.f, task.points.shape, task.pattern.groups
    moved = _within(groups, first, count)
    group = groups[moved] - first

    def of_amounts(z: Array, *rest: Any) -> Any:
        *args, x, h = rest
        y = x.copy()
        with np.errstate(all="ignore"):
            back = (0.0 - z[group]) * h[moved]
            back[np.isnan(back)] = 0.0  # h is infinite beside an x that is, or is NaN
            y[moved] -= back  # x + 0 would turn -0.0 into 0.0
        return f(y.reshape(shape), *args)

    return of_amounts


def _within(groups: Ints, first: int, count: int) -> Any:
    """Where a group is one of some; a slice, without copies, where all are."""
    inside = (groups >= first) & (groups < first + count)
    return slice(None) if inside.all() else np.flatnonzero(inside)


def _target(task: Task, groups: int) -> Target:
    """Room for the differences, once f has shown that it has an output for each row."""
    rows = task.pattern.shape[0]

    def make(shape: tuple[int, ...]) -> Array:
        task.check_outputs(shape)
        return np.empty((task.points.count, rows, groups))

    return Target(make)


def _compiled(task: Task, engine: str, workers: int | None) -> Found | str:
    """As derivatives along the groups, x once for each of them; or the reason why Python is to do it."""
    count = task.pattern.count
    points = Rows(np.repeat(task.points.values, count, axis=0), task.points.shape)
    formula = task.formula
    table = stencils.jvp(points.dimension, formula.order, formula.method)

    def along_groups(h: Array) -> Call:
        v = np.where(task.pattern.groups == np.arange(count)[:, None], h[:, None, :], 0.0).reshape(points.layout)
        steps = Steps("absolute", np.ones(()))
        return Call(task.f, points, table, steps, task.args, vector=True, v=v, t=np.ones(len(v)))

    h, target = task.steps_at(EPS), Target(lambda shape: _of_groups(task, shape))
    call = along_groups(h)
    chosen = choose(call, engine)
    if chosen.code is None:
        return chosen.reason
    if chosen.code.eps > EPS:
        h = task.steps_at(chosen.code.eps)
        call = along_groups(h)
    facts = chosen.bind(call, target).fill(workers)
    assert target.array is not None
    sums = target.array.reshape(task.points.count, count, -1)
    with np.errstate(all="ignore"):
        data = sums[:, task.pattern.of_entries, task.pattern.rows] / h[:, task.pattern.columns]
    return Found(data, h, facts.eps, facts.nfev, facts.engine)


def _of_groups(task: Task, shape: tuple[int, ...]) -> Array:
    task.check_outputs(shape)
    return np.empty((task.points.count * task.pattern.count, task.pattern.shape[0], 1))

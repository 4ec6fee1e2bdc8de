"""Sparse derivatives between bounds: columns move in their groups, those of a group by one formula at a time.

A coordinate whose formula does not fit turns to one side, or takes a shorter step. Its group is then moved twice: the
columns that stay as they are, and those that turn. The others have step 0 meanwhile.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..engine.call import Rows, Workers
from ..formulas import sides
from ..formulas.sides import SidesScheme
from ..formulas.steps import Steps
from ..program.look import CoarserError, with_steps_for_f
from . import groups
from .task import Found, Task

Array = NDArray[np.float64]


def differentiate(task: Task, engine: str, workers: Workers) -> Found:
    """The entries of the Jacobians at all points, by formulas that stay between the bounds."""
    task.steps.check(task.points.values)
    return with_steps_for_f(lambda eps: _differentiate(replace(task, fits=max(eps, task.fits)), engine, workers))


def fits(task: Task) -> bool:
    """Whether nothing has to turn or to be shortened, of second derivatives that move coordinates together."""
    if task.bounds is None or task.is_exact:
        return True
    x, h = task.points.values, task.steps_at(task.fits)
    scheme = sides.fit_together(x, h, task.bounds, task.formula, task.fits)
    return not _turned(scheme, h, task).any()


def _turned(scheme: SidesScheme, h: Array, task: Task) -> NDArray[np.bool_]:
    """The points at which a coordinate has another formula or step than it was asked for."""
    asked = sides.asked_for(task.points.values, h, task.formula)
    return np.asarray(((scheme.kind != asked.kind) | (scheme.step != asked.step)).any(axis=1))


def _differentiate(task: Task, engine: str, workers: Workers) -> Found:
    assert task.bounds is not None
    x, h = task.points.values, task.steps_at(task.fits)
    scheme = sides.fit(x, h, task.bounds, task.formula)
    turned = _turned(scheme, h, task)
    if not turned.any():
        return groups.differentiate(task, engine, workers)
    data, found = np.full((len(x), task.pattern.nnz), np.nan), list[Found]()
    plain = np.flatnonzero(~turned)
    if plain.size:
        found.append(groups.differentiate(_at(task, plain), engine, workers))
        data[plain] = found[-1].data
    for kind in (sides.CENTRAL, sides.ONE_SIDED, sides.TWO_POINT):
        own = (scheme.kind == kind) & turned[:, None]
        rows = np.flatnonzero(own.any(axis=1))
        if not rows.size:
            continue
        part = _by_kind(_at(task, rows), kind, own[rows], scheme.step[rows])
        found.append(groups.differentiate(part, engine, workers))
        mine = own[rows][:, task.pattern.columns]
        data[rows] = np.where(mine, found[-1].data, data[rows])
    eps = max((f.eps for f in found), default=task.fits)
    if eps > task.fits and task.steps.rule == "default":
        raise CoarserError(eps)
    taken = np.abs(np.where(turned[:, None], scheme.step, h))
    return Found(data, taken, eps, sum(f.nfev for f in found), found[-1].engine if found else "python")


def _by_kind(task: Task, kind: int, own: NDArray[np.bool_], step: Array) -> Task:
    """The same for the columns of a kind, which have signed steps; the others stay."""
    formula = sides.formula_of(kind, task.formula)
    assert formula is not None
    return replace(
        task, formula=formula, steps=Steps("book", np.where(own, step, 0.0)), moving=np.asarray(own.any(axis=0))
    )


def _at(task: Task, picks: NDArray[np.intp]) -> Task:
    """The same at some of the points."""
    assert task.bounds is not None
    bounds = task.bounds[0][picks], task.bounds[1][picks]
    points = Rows(task.points.values[picks], task.points.shape)
    return replace(task, points=points, bounds=bounds, steps=task.steps.part(picks, task.points.layout))

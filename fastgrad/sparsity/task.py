"""What is to be differentiated, what is found, and the matrices made of it."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.arguments import (
    Function,
    check_fixed_steps,
    check_function,
    check_map,
)
from ..engine.call import Call, Rows, Workers
from ..engine.choose import check_engine, warn_if_constant
from ..formulas.properties import cached_property
from ..formulas.stencils import EXACT, Stencil, Table
from ..formulas.steps import Steps, with_precision
from ..results import EPS, Result, status_of, users_level
from .patterns import Pattern, scipy_sparse

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Task:
    """A function, its points, the pattern of its derivative and the scheme."""

    f: Function
    points: Rows
    pattern: Pattern
    formula: Stencil
    steps: Steps
    args: tuple[Any, ...]
    bounds: tuple[Array, Array] | None = None
    fits: float = EPS  # the precision of f's results for whose steps there is room between the bounds
    moving: NDArray[np.bool_] | None = None  # the columns that move, where not all do

    @cached_property
    def groups(self) -> NDArray[np.intp]:
        """The group of each column that moves; of a part of them without those groups that stay."""
        groups = self.pattern.groups
        if self.moving is None:
            return groups
        groups, moves = groups.copy(), self.moving & (groups >= 0)
        groups[moves] = np.unique(groups[moves], return_inverse=True)[1]
        groups[~moves] = -1
        return groups

    def inside(self, n: int, by: Array) -> Array:
        """By how much to move point n instead, so that it stays between its bounds."""
        if self.bounds is None:
            return by
        x = self.points.row(n)
        with np.errstate(all="ignore"):
            return np.where(np.isfinite(x), np.clip(x + by, *(b[n] for b in self.bounds)) - x, 0.0)

    @property
    def is_exact(self) -> bool:
        """Whether derivatives are made of f's trace."""
        return self.formula.method == EXACT

    @property
    def method(self) -> str:
        """By which differences f is looked at beside its derivatives."""
        return "central" if self.is_exact else self.formula.method

    def steps_at(self, eps: float) -> Array:
        """The steps (N, D) for an f whose results have precision eps; 1 where nothing is moved."""
        if self.is_exact:
            return np.ones(self.points.layout)
        return with_precision(self.steps, self.formula, eps).at(self.points.values) * np.ones(self.points.layout)

    def check_outputs(self, shape: tuple[int, ...]) -> None:
        """Raise ValueError unless f returns a number for each row of the pattern."""
        if prod(shape) != self.pattern.shape[0]:
            msg = (
                f"pattern has shape {self.pattern.shape}, but f returns {prod(shape)} numbers; it needs a row for each"
            )
            raise ValueError(msg)

    @property
    def options(self) -> dict[str, Any]:
        """The scheme and the steps as arguments of a function that takes all points."""
        size, points = self.steps.size, self.points
        size = np.broadcast_to(size, points.layout).reshape(points.count, *points.shape) if size.ndim else size
        step: dict[str, Any] = {"default": {}, "absolute": {"h": size}, "relative": {"rel_step": size}}[self.steps.rule]
        if self.bounds is not None:
            step["bounds"] = tuple(np.reshape(b, (points.count, *points.shape)) for b in self.bounds)
        return {"args": self.args, "order": self.formula.order, "method": self.formula.method, **step}


def check_request(f: Any, method: Any, order: Any, engine: Any, workers: Any, name: str) -> Workers:
    """Raise where scipy, a function, a scheme or an engine is missing; the number of workers."""
    scipy_sparse()
    check_function(f)
    check_fixed_steps(method, order, name)
    check_engine(engine)
    return check_map(workers, engine)


@dataclass(frozen=True)
class Found:
    """The derivatives at the entries of the pattern, (N, nnz), and how they came about."""

    data: Array
    h: Array
    eps: float
    nfev: int
    engine: str


def warn_if_all_zero(task: Task, table: Table, found: Found, *, vector: bool = False) -> None:
    """The warning of a function that does not react to its argument, whatever its pattern."""
    if task.points.values.size and not found.data.any():
        call = Call(task.f, task.points, table, task.steps, task.args, vector=vector, bounds=task.bounds)
        warn_if_constant(call, np.zeros(1), users_level(1))


def by_definition(task: Task, dense: Function) -> Found:
    """The entries of the dense matrices."""
    points, (rows, columns) = task.points, task.pattern.shape
    x = points.values.reshape(points.count, *points.shape)
    full = dense(task.f, x, batch=True, engine="reference", full_output=True, **task.options)
    if points.count and points.dimension:
        task.check_outputs((full.value.size // (points.count * columns),))
    data = full.value.reshape(points.count, rows, columns)[:, task.pattern.rows, task.pattern.columns]
    return Found(data, full.h.reshape(points.layout), EPS, full.nfev, full.engine)


def as_matrices(found: Found, task: Task, given: NDArray[Any], batch: bool, full_output: bool) -> Any:
    """A matrix, a list of them, or a result with either."""
    with np.errstate(all="ignore"):
        data = found.data.astype(np.promote_types(given.dtype, np.float32), copy=False)
    matrices = [task.pattern.matrix(row) for row in data]
    value, status = (matrices, status_of(data)) if batch else (matrices[0], status_of(data)[0])
    if not full_output:
        return value
    h = None if task.is_exact else found.h.reshape(given.shape)
    return Result(value, None, status, h, found.nfev, found.engine)

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
    refuse_bounds,
)
from ..engine.call import Call, Rows, Workers
from ..engine.choose import check_engine, warn_if_constant
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
        step = {"default": {}, "absolute": {"h": size}, "relative": {"rel_step": size}}[self.steps.rule]
        return {"args": self.args, "order": self.formula.order, "method": self.formula.method, **step}


def check_request(f: Any, method: Any, order: Any, bounds: Any, engine: Any, workers: Any, name: str) -> Workers:
    """Raise where scipy, a function, a scheme or an engine is missing; the number of workers."""
    scipy_sparse()
    check_function(f)
    check_fixed_steps(method, order, name)
    refuse_bounds(bounds, name)
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
        call = Call(task.f, task.points, table, task.steps, task.args, vector=vector)
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

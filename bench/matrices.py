"""Jacobians and Hessians, at one point and at many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import functions
import numpy as np
import rivals
from contest import ONE_SIDED, TOLERANCE, Case, Contestant
from functions import CHAIN, ROSENBROCK, Array, written_for
from single import CALLED, TRACED

import fastgrad
from fastgrad.formulas.samples import SAMPLES

SECOND = 1e-4  # second differences have half the digits


def broyden(x):
    """Broyden's tridiagonal function, of one point or of many, coordinates first."""
    zero = 0 * x[:1]
    return (3 - 2 * x) * x + 1 - np.concatenate((zero, x[:-1])) - 2 * np.concatenate((x[1:], zero))


def broyden_jacobian(x: Array) -> Array:
    return np.diag(3 - 4 * x) - np.eye(x.size, k=-1) - 2 * np.eye(x.size, k=1)


@dataclass(frozen=True)
class Task:
    """Which derivative of what; `whole` is f of all points at once."""

    f: Callable[[Array], Any]
    whole: Callable[[Array], Any]
    exact: Callable[[Array], Array]
    ours: Callable[..., Any]
    jax: str
    tolerance: float


JACOBIAN = Task(broyden, broyden, broyden_jacobian, fastgrad.jacobian, "jacfwd", TOLERANCE)
FORCES = Task(CHAIN.force, CHAIN.force, CHAIN.hessian, fastgrad.jacobian, "", TOLERANCE)
HESSIAN = Task(ROSENBROCK.f, ROSENBROCK.whole, SAMPLES["rosenbrock"].hessian, fastgrad.hessian, "hessian", SECOND)


@dataclass(frozen=True)
class Problem:
    """A task at points in rows; `single`: there is one, and matrices come without a first axis."""

    task: Task
    points: Array
    exact: Array
    single: bool


def at_one_point(task: Task, dimension: int) -> Problem:
    points = functions.normal(1, dimension)
    return Problem(task, points, task.exact(points[0])[None], single=True)


def at_many(task: Task, dimension: int, count: int) -> Problem:
    points = functions.normal(count, dimension)
    return Problem(task, points, np.array([task.exact(x) for x in points]), single=False)


def ours(p: Problem, **options: Any) -> Contestant:
    if p.single:
        return Contestant(lambda: p.task.ours(p.task.f, p.points[0], **options), p.exact[0], p.task.tolerance)
    out = np.full_like(p.exact, np.nan)
    return Contestant(
        lambda: p.task.ours(p.task.f, p.points, batch=True, out=out, **options), p.exact, p.task.tolerance
    )


def loop(derivative: Callable[..., Any], rows: int, p: Problem, tolerance: float | None = None) -> Contestant:
    """A library that takes one point at a time, at some of the points."""
    matrix, allowed = derivative(p.task.f), tolerance or p.task.tolerance
    if p.single:
        return Contestant(lambda: matrix(p.points[0]), p.exact[0], allowed)
    some = p.points[:rows]
    return Contestant(lambda: np.array([matrix(x) for x in some]), p.exact[:rows], allowed, len(some) / len(p.points))


def together(derivative: Callable[..., Any], rows: int, p: Problem) -> Contestant:
    """A library that takes points in columns and returns a last axis of points."""
    matrices = derivative(p.task.whole)
    if p.single:
        return Contestant(lambda: matrices(p.points[0]), p.exact[0], p.task.tolerance)
    x = np.ascontiguousarray(p.points[:rows].T)
    share = x.shape[1] / len(p.points)
    return Contestant(lambda: np.moveaxis(matrices(x), -1, 0), p.exact[:rows], p.task.tolerance, share)


def jax(p: Problem, how: str) -> Contestant:
    library = rivals.jax_in_float64()
    f = written_for(p.task.f, library.numpy)
    matrix = getattr(library, p.task.jax)(f) if how == "exact" else rivals.differences(f)
    if p.single:
        run = rivals.jax_at_one_point(matrix)
        return Contestant(lambda: run(p.points[0]), p.exact[0], p.task.tolerance)
    return Contestant(rivals.jax_everywhere(library.vmap(matrix), p.points, p.exact.shape), p.exact, p.task.tolerance)


def numpy_jacobian(whole: Callable[[Array], Any]) -> Callable[[Array], Array]:
    """By hand: for one point all displacements in one call."""

    def jacobian(x: Array) -> Array:
        if x.ndim == 2:
            return rivals.numpy_by_hand(whole, x)
        moves = functions.H * np.eye(x.size)
        return (whole(x[:, None] + moves) - whole(x[:, None] - moves)) / (2 * functions.H)

    return jacobian


def numpy_hessian(whole: Callable[[Array], Any]) -> Callable[[Array], Array]:
    """By hand, the four-point formula."""

    def hessian(x: Array) -> Array:
        moves = functions.H * np.eye(len(x)).reshape(len(x), len(x), *[1] * (x.ndim - 1))
        result = np.empty((len(x), *x.shape))
        for i, a in enumerate(moves):
            for j, b in enumerate(moves[: i + 1]):
                corners = whole(x + a + b) - whole(x + a - b) - whole(x - a + b) + whole(x - a - b)
                result[i, j] = result[j, i] = corners / (4 * functions.H**2)
        return result

    return hessian


Builders = dict[str, Callable[[Problem], Contestant]]
OURS: Builders = {
    "fastgrad": ours,
    "fastgrad simd": partial(ours, engine="simd"),
    "fastgrad, exact": partial(ours, method="exact"),
}
JACOBIANS: Builders = OURS | {
    "fastgrad, order 8": partial(ours, order=8),
    "JAX, exact": partial(jax, how="exact"),
    "JAX, differences": partial(jax, how="differences"),
    "autograd, exact": partial(loop, rivals.autograd_jacobian, 50),
    "NumPy by hand": partial(together, numpy_jacobian, 10**6),
    "scipy.differentiate": partial(together, rivals.scipy_jacobian, 5000),
    "scipy 2-point": partial(loop, rivals.scipy_2_point, 500, tolerance=ONE_SIDED),
    "scipy 3-point": partial(loop, rivals.scipy_3_point, 500),
    "statsmodels": partial(loop, rivals.statsmodels, 500),
    "numdifftools": partial(loop, rivals.numdifftools_jacobian, 20),
    "jacobi": partial(loop, rivals.jacobi, 20),
}
HESSIANS: Builders = OURS | {
    "JAX, exact": partial(jax, how="exact"),
    "autograd, exact": partial(loop, rivals.autograd_hessian, 20),
    "NumPy by hand": partial(together, numpy_hessian, 10**6),
    "scipy.differentiate": partial(together, rivals.scipy_hessian, 2000),
    "statsmodels": partial(loop, rivals.statsmodels_hessian, 100),
    "numdifftools": partial(loop, rivals.numdifftools_hessian, 10),
}


def without(line_up: Builders, *names: str) -> Builders:
    return {name: build for name, build in line_up.items() if name not in names}


def single(
    family: str, task: Task, name: str, dimension: int, line_up: Builders, ratios: dict[str, float], kind: str = ""
) -> Case:
    title = f"{name}, D = {dimension}, one point"
    ratios = {library: ratio for library, ratio in ratios.items() if library in line_up}
    return Case(family, f"{family}_at_a_point{kind}", title, dimension, 4, partial(at_one_point, task), line_up, ratios)


def batch(
    family: str, task: Task, name: str, dimension: int, count: int, line_up: Builders, ratios: dict[str, float]
) -> Case:
    title = f"{name}, D = {dimension}, N = {count:,}"
    return Case(family, f"{family}s", title, count, 50, partial(at_many, task, dimension), line_up, ratios)


def jacobian(dimension: int, *left_out: str) -> Case:
    return single("jacobian", JACOBIAN, "Broyden tridiagonal", dimension, without(JACOBIANS, *left_out), TRACED)


def forces(dimension: int, *left_out: str) -> Case:
    line_up = {name: JACOBIANS[name] for name in OPAQUE if name not in left_out}
    return single("jacobian", FORCES, "forces of an object, opaque", dimension, line_up, CALLED, "_opaque")


def hessian(dimension: int, *left_out: str) -> Case:
    return single("hessian", HESSIAN, "Rosenbrock", dimension, without(HESSIANS, *left_out), SECOND_ORDER)


OPAQUE = ("fastgrad", "fastgrad, order 8", "scipy 2-point", "scipy 3-point", "statsmodels", "numdifftools", "jacobi")
SECOND_ORDER = {"numdifftools": 10.0, "scipy.differentiate": 10.0}
LOOPING = {"statsmodels": 50.0, "numdifftools": 50.0, "autograd, exact": 50.0}
# At D = 1000 a Jacobian of these takes seconds.
SLOW = ("numdifftools", "jacobi", "scipy.differentiate", "autograd, exact")
CASES = (
    jacobian(2),
    jacobian(10),
    jacobian(100),
    jacobian(1000, "fastgrad, order 8", *SLOW),
    *(forces(dimension) for dimension in (2, 10, 100)),
    forces(1000, "fastgrad, order 8", *SLOW),
    batch("jacobian", JACOBIAN, "Broyden tridiagonal", 4, 10**4, without(JACOBIANS, "fastgrad simd"), {}),
    batch("jacobian", JACOBIAN, "Broyden tridiagonal", 30, 5000, without(JACOBIANS, "fastgrad simd"), {}),
    hessian(4),
    hessian(20),
    hessian(100, "numdifftools", "scipy.differentiate"),
    batch("hessian", HESSIAN, "Rosenbrock", 4, 10**5, without(HESSIANS, "fastgrad simd"), LOOPING),
)

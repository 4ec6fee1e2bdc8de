"""One gradient at one point, from 2 to 1000 variables."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import functions
import rivals
from contest import ONE_SIDED, TOLERANCE, Case, Contestant
from functions import Array, Function, written_for

import fastgrad


@dataclass(frozen=True)
class Problem:
    """A point and its exact gradient."""

    function: Function
    x: Array
    exact: Array


def problem(function: Function, dimension: int) -> Problem:
    x = function.points(1, dimension)[0]
    return Problem(function, x, function.exact(x))


def ours(p: Problem, **options: Any) -> Contestant:
    return Contestant(lambda: fastgrad.gradient(p.function.f, p.x, **options), p.exact)


def bound(p: Problem, **options: Any) -> Contestant:
    """The function that `grad` gives, after its first call."""
    slope = fastgrad.grad(p.function.f, **options)
    return Contestant(lambda: slope(p.x), p.exact)


def library(gradient: Callable[..., Any], p: Problem, tolerance: float = TOLERANCE) -> Contestant:
    slope = gradient(p.function.f)
    return Contestant(lambda: slope(p.x), p.exact, tolerance)


def scipy_differentiate(p: Problem) -> Contestant:
    slope = rivals.scipy_jacobian(p.function.whole)
    return Contestant(lambda: slope(p.x), p.exact)


def jax(p: Problem, how: str) -> Contestant:
    module = rivals.jax_in_float64()
    f = written_for(p.function.f, module.numpy)
    slope = rivals.jax_at_one_point(module.grad(f) if how == "exact" else rivals.differences(f))
    return Contestant(lambda: slope(p.x), p.exact)


LINE_UP: dict[str, Callable[[Problem], Contestant]] = {
    "fastgrad": ours,
    "fastgrad, order 8": partial(ours, order=8),
    "fastgrad simd": partial(ours, engine="simd"),
    "fastgrad, exact": partial(ours, method="exact"),
    "fastgrad grad(f)": bound,
    "fastgrad grad(f), exact": partial(bound, method="exact"),
    "fastgrad reference": partial(ours, engine="reference"),
    "scipy 2-point": partial(library, rivals.scipy_2_point, tolerance=ONE_SIDED),
    "scipy 3-point": partial(library, rivals.scipy_3_point),
    "scipy.differentiate": scipy_differentiate,
    "numdifftools": partial(library, rivals.numdifftools_gradient),
    "jacobi": partial(library, rivals.jacobi),
    "statsmodels": partial(library, rivals.statsmodels),
    "autograd, exact": partial(library, rivals.autograd_gradient),
    "JAX, exact": partial(jax, how="exact"),
    "JAX, differences": partial(jax, how="differences"),
    "the book's loop": partial(library, rivals.book),
}
# At D = 1000 one gradient of these takes seconds.
TOO_SLOW = {1000: {"numdifftools", "jacobi", "scipy.differentiate"}}
OPAQUE = (
    "fastgrad",
    "fastgrad, order 8",
    "scipy 2-point",
    "scipy 3-point",
    "numdifftools",
    "jacobi",
    "statsmodels",
    "the book's loop",
)
# Figures to reach: of a function that is called as it is, and of one that can be traced.
CALLED = {"scipy 3-point": 1.8, "numdifftools": 5.0, "jacobi": 5.0}
TRACED = CALLED | {"scipy 3-point": 2.0}


def case(function: Function, dimension: int, ratios: dict[str, float], names: Iterable[str] = LINE_UP) -> Case:
    line_up = {name: LINE_UP[name] for name in names if name not in TOO_SLOW.get(dimension, ())}
    ratios = {name: ratio for name, ratio in ratios.items() if name in line_up}
    title = f"{function.title}, D = {dimension}"
    return Case("single", function.name, title, dimension, 2, partial(problem, function), line_up, ratios)


CASES = (
    case(functions.SIN_PRODUCT, 2, TRACED | {"scipy 2-point": 1.0}),
    *(case(functions.ROSENBROCK, dimension, TRACED) for dimension in (2, 10, 100, 1000)),
    *(case(functions.OPAQUE, dimension, CALLED, OPAQUE) for dimension in (2, 10, 100, 1000)),
)

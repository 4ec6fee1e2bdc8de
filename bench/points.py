"""Gradients at many points: six functions at one size each, and two of them from one point to a million."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import ckernels
import functions
import numpy as np
import rivals
from baselines import hand_written
from contest import ONE_SIDED, TOLERANCE, Case, Contestant, into
from functions import Array, Function, H, written_for

import fastgrad
from fastgrad.engine import threads


@dataclass(frozen=True)
class Problem:
    """Points in rows, their exact gradients, and the array that everybody but JAX and NumPy writes into."""

    function: Function
    points: Array
    out: Array
    exact: Array


def problem(function: Function, dimension: int, count: int) -> Problem:
    points = function.points(count, dimension)
    exact = np.ascontiguousarray(function.exact(points.T).T)
    return Problem(function, points, np.empty_like(points), exact)


def ours(p: Problem, engine: str = "auto", **step: float) -> Contestant:
    if engine == "jit" and p.function.for_jit:
        import scipy.linalg  # noqa: F401  Numba's np.dot needs it

    f, args = p.function.for_jit if p.function.for_jit and engine == "jit" else (p.function.f, ())
    return into(p, lambda: fastgrad.gradient(f, p.points, args=args, batch=True, engine=engine, out=p.out, **step))


def exactly(p: Problem) -> Contestant:
    return into(p, lambda: fastgrad.gradient(p.function.f, p.points, batch=True, method="exact", out=p.out))


def c(p: Problem) -> Contestant:
    kernel = ckernels.compiled(p.function, p.points.shape[1])
    return into(p, lambda: kernel(p.points, p.out))


def numba_by_hand(p: Problem) -> Contestant:
    def part(start: int, stop: int) -> None:
        hand_written(p.points, H, p.out, start, stop)

    return into(p, lambda: threads.run(part, len(p.points), workers=threads.cores()))


def jax(p: Problem, how: str) -> Contestant:
    library = rivals.jax_in_float64()
    f = written_for(p.function.f, library.numpy)
    slope = library.grad(f) if how == "exact" else rivals.differences(f)
    return Contestant(rivals.jax_everywhere(library.vmap(slope), p.points, p.points.shape), p.exact)


def autograd(p: Problem) -> Contestant:
    """Written by hand for all points at once: the gradient of the sum over the points."""
    import autograd as library

    whole = written_for(p.function.whole, library.numpy)
    slope = library.grad(lambda x: library.numpy.sum(whole(x)))
    return Contestant(lambda: slope(p.points.T).T, p.exact)


def heyoka(p: Problem) -> Contestant:
    columns = np.ascontiguousarray(p.points.T)
    slope, out = rivals.heyoka_gradient(p.function.f, len(columns)), np.empty_like(columns)
    return Contestant(lambda: slope(columns, out).T, p.exact)


def first(p: Problem, rows: int) -> tuple[Array, Array, float]:
    """The first rows, their exact gradients and their share."""
    rows = max(1, min(rows, len(p.points)))
    return p.points[:rows].copy(), p.exact[:rows], rows / len(p.points)


def numpy_by_hand(p: Problem) -> Contestant:
    some, exact, share = first(p, 2 * 10**7 // p.points.shape[1] ** 2)
    x = np.ascontiguousarray(some.T)
    return Contestant(lambda: rivals.numpy_by_hand(p.function.whole, x).T, exact, share=share)


def scipy_differentiate(p: Problem) -> Contestant:
    some, exact, share = first(p, 2 * 10**5 // p.points.shape[1] ** 2)
    slope = rivals.scipy_jacobian(p.function.whole)
    return Contestant(lambda: slope(some.T).T, exact, share=share)


def loop(gradient: Callable[..., Any], rows: int, p: Problem, tolerance: float = TOLERANCE) -> Contestant:
    """A library that takes one point at a time, at `rows` / D of them."""
    some, exact, share = first(p, rows // p.points.shape[1])
    slope = gradient(p.function.f)
    return Contestant(lambda: np.array([slope(x) for x in some]), exact, tolerance, share)


FAST: dict[str, Callable[[Problem], Contestant]] = {
    "fastgrad": partial(ours, h=H),
    "fastgrad, default steps": ours,
    "fastgrad, exact": exactly,
    "C": c,
    "JAX, exact": partial(jax, how="exact"),
    "JAX, differences": partial(jax, how="differences"),
    "autograd, exact": autograd,
    "NumPy by hand": numpy_by_hand,
}
ADAPTIVE: dict[str, Callable[[Problem], Contestant]] = {
    "scipy.differentiate": scipy_differentiate,
    "numdifftools": partial(loop, rivals.numdifftools_gradient, 60),
    "jacobi": partial(loop, rivals.jacobi, 60),
}
LOOPS: dict[str, Callable[[Problem], Contestant]] = {
    "scipy 3-point": partial(loop, rivals.scipy_3_point, 2000),
    "scipy 2-point": partial(loop, rivals.scipy_2_point, 2000, tolerance=ONE_SIDED),
    "statsmodels": partial(loop, rivals.statsmodels, 4000),
    "the book's loop": partial(loop, rivals.book, 10_000),
}
SYMBOLIC = (functions.SIN_PRODUCT, functions.BUMP, functions.SPHERE, functions.ROSENBROCK)  # which symbols can run
UP_TO = {"numdifftools": 100, "jacobi": 100, "scipy 3-point": 1000, "scipy 2-point": 1000, "statsmodels": 1000}
"""Points up to which a library stays on the curve over N: further on it would take a second and more."""


def case(function: Function, dimension: int, count: int, ratios: dict[str, float]) -> Case:
    line_up = FAST | {"fastgrad jit": partial(ours, engine="jit", h=H)} | LOOPS
    if function.smooth:
        line_up |= ADAPTIVE
    if function in SYMBOLIC:
        line_up |= {"heyoka, exact": heyoka}
    if function is functions.SIN_PRODUCT:
        line_up |= {"Numba by hand": numba_by_hand}
    name, title = f"{function.name}{dimension}", f"{function.title}, D = {dimension}, N = {count:,}"
    return Case("points", name, title, count, 257, partial(problem, function, dimension), line_up, ratios)


def curve(function: Function, dimension: int, counts: list[int]) -> list[Case]:
    line_up, name = FAST | ADAPTIVE | LOOPS, f"{function.name}{dimension}"
    return [
        Case(
            "curve",
            name,
            f"{function.title}, D = {dimension}, N = {count:,}",
            count,
            1,
            partial(problem, function, dimension),
            {library: build for library, build in line_up.items() if count <= UP_TO.get(library, 10**6)},
        )
        for count in counts
    ]


CASES = (
    case(functions.SIN_PRODUCT, 2, 10**6, {"C": 0.95, "JAX, exact": 1.3, "fastgrad jit": 6, "the book's loop": 1000}),
    case(functions.BUMP, 2, 10**6, {"C": 0.9, "JAX, exact": 1.1}),
    case(functions.SPHERE, 10, 2 * 10**5, {"fastgrad jit": 80, "JAX, exact": 1 / 1.5}),
    case(functions.ROSENBROCK, 10, 2 * 10**5, {"fastgrad jit": 20, "JAX, exact": 1 / 1.8}),
    case(functions.ROSENBROCK, 20, 10**5, {"fastgrad jit": 20, "JAX, exact": 1 / 2.2}),
    case(functions.ROSENBROCK, 100, 10**4, {"fastgrad jit": 20, "JAX, exact": 1 / 2.8}),
    case(functions.CROSS_ENTROPY, 6, 10**5, {"fastgrad jit": 10, "JAX, exact": 1}),
    case(functions.ROBUST, 4, 2 * 10**5, {"fastgrad jit": 5}),
    *curve(functions.SIN_PRODUCT, 2, [10**n for n in range(6)]),
    *curve(functions.ROSENBROCK, 10, [10**n for n in range(7)]),
)

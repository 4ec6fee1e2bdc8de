"""Jacobians and Hessians of which nearly all entries are zero, at one point; the pattern is known beforehand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import functions
import numpy as np
import rivals
from contest import ONE_SIDED, TOLERANCE, Array, Case, Contestant
from functions import ROSENBROCK, written_for
from matrices import SECOND, broyden

from fastgrad import sparsity
from fastgrad.formulas.samples import SAMPLES


@dataclass(frozen=True)
class Band:
    """A function with a tridiagonal matrix: the pattern, the exact matrix, its entries row by row, three groups."""

    f: Callable[[Array], Any]
    x: Array
    pattern: Any
    exact: Array
    tolerance: float

    @property
    def groups(self) -> Array:
        return np.arange(self.x.size) % 3

    def entries(self, compressed: Array) -> Array:
        """The entries from the sums of the columns of each group, (3, D)."""
        return compressed[self.groups[self.pattern.columns], self.pattern.rows]


def band(f: Callable[[Array], Any], diagonals: Callable[[Array], list[Array]], tolerance: float, size: int) -> Band:
    from scipy import sparse

    x = functions.normal(1, size)[0]
    matrix = sparse.diags_array(diagonals(x), offsets=[-1, 0, 1]).tocsr()
    pattern = sparsity.Pattern(matrix)
    assert pattern.count == 3  # computed now
    return Band(f, x, pattern, matrix.data, tolerance)


def of_broyden(x: Array) -> list[Array]:
    return [-np.ones(x.size - 1), 3 - 4 * x, -2 * np.ones(x.size - 1)]


def of_rosenbrock(x: Array) -> list[Array]:
    main, side = np.zeros(x.size), -400 * x[:-1]
    main[:-1] = 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
    main[1:] += 200
    return [side, main, side]


Derivative = Callable[..., Any]


def ours(derivative: Derivative, p: Band, **options: Any) -> Contestant:
    return Contestant(lambda: derivative(p.f, p.x, pattern=p.pattern, **options).data, p.exact, p.tolerance)


def scipy(method: str, tolerance: float, p: Band) -> Contestant:
    from scipy.optimize._numdiff import approx_derivative

    known = (p.pattern.matrix(), p.groups)
    return Contestant(lambda: approx_derivative(p.f, p.x, method=method, sparsity=known).data, p.exact, tolerance)


def scipy_of_gradient(p: Band) -> Contestant:
    """Scipy has no differences of second order: its first ones of the gradient that somebody derived by hand."""
    by_hand = Band(SAMPLES["rosenbrock"].gradient, p.x, p.pattern, p.exact, p.tolerance)
    return scipy("3-point", TOLERANCE, by_hand)


def numpy_jacobian(p: Band) -> Contestant:
    moves = [functions.H * (p.groups == group) for group in range(3)]

    def run() -> Array:
        return p.entries(np.array([p.f(p.x + move) - p.f(p.x - move) for move in moves]) / (2 * functions.H))

    return Contestant(run, p.exact, p.tolerance)


def jax(p: Band, transform: str) -> Contestant:
    """Products with the three groups, of the function or of its gradient."""
    library = rivals.jax_in_float64()
    f = getattr(library, transform)(written_for(p.f, library.numpy))
    seeds = library.numpy.asarray(np.eye(3)[:, p.groups])

    def products(x: Any) -> Any:
        return library.vmap(lambda seed: library.jvp(f, (x,), (seed,))[1])(seeds)

    run = rivals.jax_at_one_point(products)
    return Contestant(lambda: p.entries(run(p.x)), p.exact, p.tolerance)


JACOBIANS: dict[str, Callable[[Band], Contestant]] = {
    "fastgrad": partial(ours, sparsity.jacobian),
    "fastgrad, check=False": partial(ours, sparsity.jacobian, check=False),
    "JAX, exact": partial(jax, transform="jit"),
    "NumPy by hand": numpy_jacobian,
    "scipy 2-point": partial(scipy, "2-point", ONE_SIDED),
    "scipy 3-point": partial(scipy, "3-point", TOLERANCE),
}
HESSIANS: dict[str, Callable[[Band], Contestant]] = {
    "fastgrad": partial(ours, sparsity.hessian),
    "fastgrad, check=False": partial(ours, sparsity.hessian, check=False),
    "JAX, exact": partial(jax, transform="grad"),
    "scipy 3-point of the gradient": scipy_of_gradient,
}
BROYDEN = partial(band, broyden, of_broyden, TOLERANCE)
CHAIN = partial(band, ROSENBROCK.f, of_rosenbrock, SECOND)
CASES = (
    Case(
        "sparse",
        "sparse_jacobian",
        "Jacobian, Broyden tridiagonal, D = 10,000",
        10_000,
        20,
        BROYDEN,
        JACOBIANS,
        {"scipy 3-point": 1.8},
    ),
    Case("sparse", "sparse_hessian", "Hessian, Rosenbrock, D = 10,000", 10_000, 400, CHAIN, HESSIANS),
)

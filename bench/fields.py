"""The gradient at every node of a grid, and elementwise derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import ckernels
import functions
import numpy as np
import rivals
from contest import TOLERANCE, Case, Contestant, into
from functions import Array, Function, H, written_for

import fastgrad
from fastgrad.formulas.samples import CURVES

# Fields ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Problem:
    """An axis that both coordinates share, the exact field, and the array that most write into."""

    function: Function
    axis: Array
    out: Array
    exact: Array

    @property
    def spacing(self) -> float:
        return float(self.axis[1] - self.axis[0])

    @property
    def nodes(self) -> Array:
        """All nodes, coordinates first."""
        return np.array(np.meshgrid(self.axis, self.axis, indexing="ij"))


def problem(function: Function, count: int) -> Problem:
    axis = np.linspace(-2.0, 2.0, count)
    exact = function.exact(np.array(np.meshgrid(axis, axis, indexing="ij")))
    return Problem(function, axis, np.empty_like(exact), exact)


def ours(p: Problem, engine: str = "auto", **step: float) -> Contestant:
    return into(p, lambda: fastgrad.gradient_field(p.function.f, [p.axis, p.axis], engine=engine, out=p.out, **step))


def c(p: Problem) -> Contestant:
    kernel = ckernels.compiled(p.function, 2, grid=True)
    return into(p, lambda: kernel(p.axis, p.out))


def jax(p: Problem, how: str) -> Contestant:
    library = rivals.jax_in_float64()
    f = written_for(p.function.f, library.numpy)
    slope = library.grad(f) if how == "exact" else rivals.differences(f)
    column = library.vmap(lambda a, b: slope(library.numpy.stack([a, b])), (None, 0), out_axes=1)
    plane = library.vmap(column, (0, None), out_axes=1)
    return Contestant(rivals.jax_everywhere(lambda x: plane(x, x), p.axis, p.exact.shape), p.exact)


def numpy_by_hand(p: Problem) -> Contestant:
    a, b = p.axis[:, None], p.axis

    def run() -> Array:
        f = p.function.whole
        p.out[0] = (f((a + H, b)) - f((a - H, b))) / (2 * H)
        p.out[1] = (f((a, b + H)) - f((a, b - H))) / (2 * H)
        return p.out

    return into(p, run)


def np_gradient(p: Problem) -> Contestant:
    """From values at the nodes alone: the grid's spacing is the step, one-sided at the edges."""

    def run() -> Sequence[Array]:
        values = p.function.whole((p.axis[:, None], p.axis))
        return np.gradient(values, p.axis, p.axis)

    return Contestant(run, p.exact, tolerance=10 * p.spacing)


def findiff(p: Problem) -> Contestant:
    """From values at the nodes alone, second order also at the edges."""
    from findiff import Diff

    parts = [Diff(i, p.spacing, acc=2) for i in (0, 1)]

    def run() -> Sequence[Array]:
        values = p.function.whole((p.axis[:, None], p.axis))
        return [part(values) for part in parts]

    return Contestant(run, p.exact, tolerance=10 * p.spacing)


def book(p: Problem) -> Contestant:
    """At a sample of the nodes."""
    some = np.linspace(0, p.axis.size**2 - 1, min(5000, p.axis.size**2)).astype(int)
    points = np.ascontiguousarray(p.nodes.reshape(2, -1)[:, some].T)
    slope = rivals.book(p.function.f)
    exact = p.exact.reshape(2, -1)[:, some].T
    return Contestant(lambda: np.array([slope(x) for x in points]), exact, share=some.size / p.axis.size**2)


FIELD: dict[str, Callable[[Problem], Contestant]] = {
    "fastgrad": partial(ours, h=H),
    "fastgrad, default steps": ours,
    "fastgrad jit": partial(ours, engine="jit", h=H),
    "C": c,
    "JAX, exact": partial(jax, how="exact"),
    "JAX, differences": partial(jax, how="differences"),
    "NumPy by hand": numpy_by_hand,
    "np.gradient": np_gradient,
    "findiff": findiff,
    "the book's loop": book,
}


def field(count: int, ratios: dict[str, float]) -> Case:
    function = functions.SIN_PRODUCT
    title = f"{function.title}, {count} x {count} nodes"
    return Case("field", function.name, title, count, 41, partial(problem, function), FIELD, ratios)


# Curves ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Elements:
    """A function of one variable, values of it, and the exact derivative at them."""

    f: Callable[[Array], Any]
    x: Array
    exact: Array


def elements(name: str, count: int) -> Elements:
    curve = CURVES[name]
    x = np.linspace(*curve.box, count)
    return Elements(curve.f, x, curve.derivatives[0](x))


def our_derivative(p: Elements, **options: Any) -> Contestant:
    out = np.full_like(p.x, np.nan)
    return Contestant(lambda: fastgrad.derivative(p.f, p.x, out=out, **options), p.exact)


def numpy_derivative(p: Elements) -> Contestant:
    return Contestant(lambda: (p.f(p.x + H) - p.f(p.x - H)) / (2 * H), p.exact)


def jax_derivative(p: Elements) -> Contestant:
    library = rivals.jax_in_float64()
    slope = library.vmap(library.grad(written_for(p.f, library.numpy)))
    return Contestant(rivals.jax_everywhere(slope, p.x, p.x.shape), p.exact)


def autograd_derivative(p: Elements) -> Contestant:
    import autograd

    slope = autograd.elementwise_grad(written_for(p.f, autograd.numpy))
    return Contestant(lambda: slope(p.x), p.exact)


def scipy_derivative(p: Elements) -> Contestant:
    from scipy.differentiate import derivative

    return sampled(p, lambda x: derivative(p.f, x).df, 10**5)


def numdifftools_derivative(p: Elements) -> Contestant:
    import numdifftools

    return sampled(p, numdifftools.Derivative(p.f), 10**4)


def jacobi_derivative(p: Elements) -> Contestant:
    from jacobi import jacobi

    # one step for all elements: some were seen to come out with three digits
    return sampled(p, lambda x: jacobi(p.f, x, diagonal=True)[0], 10**4, tolerance=0.1)


def book_derivative(p: Elements) -> Contestant:
    """Element by element."""
    return sampled(p, lambda x: np.array([(p.f(a + H) - p.f(a - H)) / (2 * H) for a in x]), 5000)


def sampled(p: Elements, slope: Callable[[Array], Any], count: int, tolerance: float = TOLERANCE) -> Contestant:
    some = np.linspace(0, p.x.size - 1, min(count, p.x.size)).astype(int)
    x = p.x[some]
    return Contestant(lambda: slope(x), p.exact[some], tolerance, x.size / p.x.size)


CURVE: dict[str, Callable[[Elements], Contestant]] = {
    "fastgrad": partial(our_derivative, h=H),
    "fastgrad, default steps": our_derivative,
    "fastgrad simd": partial(our_derivative, engine="simd", h=H),
    "fastgrad jit": partial(our_derivative, engine="jit", h=H),
    "JAX, exact": jax_derivative,
    "autograd, exact": autograd_derivative,
    "NumPy by hand": numpy_derivative,
    "scipy.differentiate": scipy_derivative,
    "numdifftools": numdifftools_derivative,
    "jacobi": jacobi_derivative,
    "the book's loop": book_derivative,
}
CASES = (
    field(256, {}),
    field(1024, {}),
    field(4096, {"C": 0.9}),
    Case("derivative", "gauss", "x·exp(-x²), 1,000,000 values", 10**6, 1000, partial(elements, "gauss"), CURVE),
)

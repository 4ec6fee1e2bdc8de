"""Plain Python that branches on its data, and functions of SciPy, at many points."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import rivals
import scipy.special
import scipy.stats
from contest import Case, Contestant, into
from functions import Array

import fastgrad

COUNT, PYTHONS = 100_000, 300  # points, and at how many of them Python runs


def huber(x):
    total = 0.0
    for r in x:
        if abs(r) < 1.0:
            total += 0.5 * r * r
        else:
            total += abs(r) - 0.5
    return total


def clamps(x):
    total = 0.0
    for v in x:
        c = v
        if c > 1.0:
            c = 1.0
        elif c < -1.0:
            c = -1.0
        total += c * c * v
    return total


def lennard_jones(x):
    """Particles in a plane with a cutoff; cores are soft, so that no two of them are ever too close."""
    energy = 0.0
    for i in range(len(x) // 2):
        for j in range(i):
            square = (x[2 * i] - x[2 * j]) ** 2 + (x[2 * i + 1] - x[2 * j + 1]) ** 2
            if square < 4.0:
                s = 1.0 / (square + 0.1) ** 3
                energy += 4.0 * (s * s - s)
    return energy


def potential(t):
    if t < -1.0:
        return t * t + 2.0 * t
    if t < 0.0:
        return -t * t
    if t < 1.0:
        return 2.0 * t**3
    return 2.0 * t + math.log(t)


def potentials(x):
    return potential(x[0]) + potential(x[1]) * x[2] + potential(x[0] * x[2])


def smaller_root(x):
    a, b, c = x[0], x[1], x[2]
    d = b * b - 4.0 * a * c
    if d < 0.0:
        return -b / (2.0 * a)
    q = -0.5 * (b + math.sqrt(d)) if b > 0.0 else -0.5 * (b - math.sqrt(d))
    return min(q / a, c / q)


def newton(x):
    a = x[0] * x[0] + 1.0
    y = a
    while abs(y * y - a) > 1e-12 * a:
        y = y - (y * y - a) / (2.0 * y)
    return y * x[1]


@dataclass(frozen=True)
class Problem:
    """A function, points in rows, and what Numba's compiled f gives there."""

    f: Callable[..., Any]
    points: Array
    out: Array
    exact: Array
    jax: Callable[..., Any] | None = None


def beside_numba(f: Callable[..., Any], dimension: int, low: float, high: float, count: int) -> Problem:
    """Points beside whose kinks and jumps no step passes, so that exact derivatives are what differences tend to."""
    more = np.random.default_rng(0).uniform(low, high, (count + count // 4, dimension))
    near, far = (fastgrad.gradient(f, more, batch=True, engine="jit", h=h) for h in (5e-6, 2e-5))
    smooth = np.isclose(near, far, rtol=2e-7, atol=2e-7).all(axis=1)
    points = more[smooth][:count].copy()
    return Problem(f, points, np.empty_like(points), fastgrad.gradient(f, points, batch=True, engine="jit"))


def ours(p: Problem, **options: Any) -> Contestant:
    return into(p, lambda: fastgrad.gradient(p.f, p.points, batch=True, out=p.out, **options))


def python(p: Problem) -> Contestant:
    some = p.points[:PYTHONS].copy()
    share = len(some) / len(p.points)
    return Contestant(
        lambda: fastgrad.gradient(p.f, some, batch=True, engine="python"), p.exact[: len(some)], share=share
    )


RESIDUALS = np.random.default_rng(1).standard_t(4.0, 40)
ROWS = np.random.default_rng(2).normal(size=(40, 8))
FREQUENCIES = np.logspace(-1.0, 2.0, 20)
MEASURED = 10.0 + 200.0 / (1.0 + 2j * np.pi * FREQUENCIES * 0.05)
LABELS = (np.random.default_rng(3).random(40) < 0.5).astype(float)


def black_scholes(x):
    """Of x = (price, volatility, rate, time) the value of a call, struck at 100."""
    spread = x[1] * np.sqrt(x[3])
    d = (np.log(x[0] / 100.0) + (x[2] + 0.5 * x[1] ** 2) * x[3]) / spread
    return x[0] * scipy.stats.norm.cdf(d) - 100.0 * np.exp(-x[2] * x[3]) * scipy.stats.norm.cdf(d - spread)


def student(x):
    """Minus the log likelihood of a location, a scale and degrees of freedom."""
    z, n = (RESIDUALS - x[0]) / x[1], x[2]
    each = scipy.special.gammaln(0.5 * (n + 1.0)) - scipy.special.gammaln(0.5 * n) - 0.5 * np.log(n * np.pi)
    return 0.5 * (n + 1.0) * np.sum(np.log(1.0 + z**2 / n)) - len(RESIDUALS) * (each - np.log(x[1]))


def logistic(x):
    p = scipy.special.expit(ROWS @ x)
    return -np.sum(LABELS * np.log(p) + (1.0 - LABELS) * np.log(1.0 - p)) + 0.01 * np.sum(x**2)


class InJax:
    """SciPy and NumPy, as JAX has them."""

    def __init__(self) -> None:
        import jax.scipy

        self.np, self.scipy = rivals.jax_in_float64().numpy, jax.scipy

    def written(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """f with JAX's modules in the place of NumPy and SciPy."""
        space = f.__globals__ | {"np": self.np, "scipy": self.scipy}
        return type(f)(f.__code__, space, f.__name__)


def beside_jax(f: Callable[..., Any], low: list[float], high: list[float], count: int) -> Problem:
    points = np.random.default_rng(0).uniform(low, high, (count, len(low)))
    return Problem(f, points, np.empty_like(points), in_jax(f, points)())


def in_jax(f: Callable[..., Any], points: Array) -> Callable[[], Array]:
    jax = rivals.jax_in_float64()
    return rivals.jax_everywhere(jax.vmap(jax.grad(InJax().written(f))), points, points.shape)  # type: ignore[no-any-return]


BRANCHES: dict[str, Callable[[Problem], Contestant]] = {
    "fastgrad": ours,
    "fastgrad exact": partial(ours, method="exact"),
    "jit engine": partial(ours, engine="jit"),
    "Python": python,
}
SPECIAL: dict[str, Callable[[Problem], Contestant]] = {
    "fastgrad": ours,
    "fastgrad exact": partial(ours, method="exact"),
    "JAX, exact": lambda p: Contestant(in_jax(p.f, p.points), p.exact),
}
WANTED = {"jit engine": 0.8, "Python": 500.0}


def branch(name: str, title: str, f: Callable[..., Any], dimension: int, low: float = -2.0, high: float = 2.0) -> Case:
    make = partial(beside_numba, f, dimension, low, high)
    return Case("branches", name, f"{title}, D = {dimension}", COUNT, 400, make, BRANCHES, WANTED)


def of_scipy(name: str, title: str, f: Callable[..., Any], low: list[float], high: list[float]) -> Case:
    return Case("special", name, title, COUNT, 400, partial(beside_jax, f, low, high), SPECIAL, {"JAX, exact": 0.5})


def impedance(x):
    """How far a resistor beside one with a capacitor is from what was measured, at 20 frequencies."""
    model = x[0] + x[1] / (1.0 + 2j * np.pi * FREQUENCIES * x[2])
    return np.sum(np.abs(model - MEASURED) ** 2)


CASES = (
    branch("huber", "Huber loss with `if`", huber, 10),
    branch("clamps", "clamps", clamps, 10),
    branch("lennard_jones", "Lennard-Jones with a cutoff", lennard_jones, 12),
    branch("potentials", "piecewise potentials", potentials, 3, 0.05, 2.0),
    branch("root", "root of a quadratic", smaller_root, 3, 0.5, 2.0),
    branch("newton", "Newton's method by `while`", newton, 2),
    of_scipy("black_scholes", "Black-Scholes, `norm.cdf`", black_scholes, [80, 0.1, 0.0, 0.2], [120, 0.5, 0.1, 2.0]),
    of_scipy("student", "t-likelihood, `gammaln`, 40 rows", student, [-1.0, 0.5, 2.0], [1.0, 2.0, 10.0]),
    of_scipy("impedance", "impedance at 20 frequencies, complex", impedance, [5.0, 100.0, 0.02], [20.0, 300.0, 0.1]),
    of_scipy("logistic", "logistic regression, `expit`, 40 rows", logistic, [-1.0] * 8, [1.0] * 8),
)

"""The cases of the accuracy table: functions with exact derivatives, and what each library makes of them.

Every function takes one point, or points in columns, coordinates first: scipy.differentiate hands it many at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from functions import ROSENBROCK, Array

import fastgrad
from fastgrad.formulas.samples import SAMPLES

# Functions ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Problem:
    """A function at a point, and its exact derivative: gradient, Jacobian or Hessian.

    Attributes
    ----------
    name, title : str
        For reasons, and for tables.
    f : callable
        One point or points in columns -> numbers.
    x, exact : ndarray
    kind : str
        Name of the operation.
    scale : ndarray or None
        What errors are relative to: by default the largest element of `exact`.
    bounds : tuple or None
        Beyond which f is NaN.
    """

    name: str
    title: str
    f: Callable[[Array], Any]
    x: Array
    exact: Array
    kind: str = "gradient"
    scale: Array | None = None
    bounds: tuple[Array, Array] | None = None

    def error(self, value: Any) -> float:
        """The largest error; NaN where something is."""
        scale = np.abs(self.exact).max() or 1.0 if self.scale is None else self.scale
        return float(np.max(np.abs(np.reshape(value, self.exact.shape) - self.exact) / scale))


def curve(name: str, title: str, f: Callable[[Array], Any], at: float, exact: float) -> Problem:
    """Of one variable."""
    return Problem(name, title, lambda x: f(x[0]), np.array([at]), np.array([exact]))


def product(x):
    return x[0] * x[1] * x[2] + np.exp(x[0]) * x[1]


def wave(x):
    return np.sin(x[0] * x[1]) * np.log(x[0])


def roots(x):
    return np.stack([x[0] * np.sin(x[1]), x[1] * np.cos(x[0]), x[0] ** 3 / np.sqrt(x[1])])


def roots_jacobian(x: Array) -> Array:
    a, b = x
    return np.array([
        [np.sin(b), a * np.cos(b)],
        [-b * np.sin(a), np.cos(a)],
        [3 * a**2 / np.sqrt(b), -0.5 * a**3 / b**1.5],
    ])  # fmt: skip


def boxed(x):
    """`roots` between 1 and 2, and nothing elsewhere."""
    with np.errstate(all="ignore"):
        return np.where(((x >= 1.0) & (x <= 2.0)).all(axis=0), roots(x), np.nan)


def crossed(x):
    return np.stack([(x[0] + 3) * (x[1] ** 3 - 7) + 18, np.sin(x[1] * np.exp(x[0]) - 1)])


def crossed_jacobian(x: Array) -> Array:
    a, b = x
    slope = np.cos(b * np.exp(a) - 1) * np.exp(a)
    return np.array([[b**3 - 7, 3 * (a + 3) * b**2], [b * slope, slope]])


SCALES = np.array([1.0, 1e9, 1e-9, 1.0])


def mixed(x):
    return sum(np.sin(each / scale) for each, scale in zip(x, SCALES, strict=True))


TIMES = np.linspace(0.0, 1.0, 20)


def residual(x):
    """Sum of squares of a fit of a·exp(b·t) + c, at its zero."""
    return sum((x[0] * np.exp(x[1] * t) + x[2] - (np.exp(2 * t) + 0.75)) ** 2 for t in TIMES)


def noisy(x):
    """The fraction of a large number is as good as random, and the same at every call."""
    return np.sin(x) + 1e-6 * (np.sin(1.3e7 * x) * 4.4e4 % 1.0 - 0.5)


TRAP, CHARGE = 1e-12, 2.3e-28  # m·ω² in N/m, q²/(4·π·ε0) in N·m²
IONS = np.array([-4.86e-6, 4.86e-6])


def ions(x):
    """The energy of two ions in a trap, some 1e-6 m apart."""
    return 0.5 * TRAP * (x[0] ** 2 + x[1] ** 2) + CHARGE / np.abs(x[1] - x[0])


def ions_hessian(x: Array) -> Array:
    bond = 2 * CHARGE / (x[1] - x[0]) ** 3
    return np.array([[TRAP + bond, -bond], [-bond, TRAP + bond]])


def gradient(
    name: str, title: str, f: Callable[[Array], Any], at: list[float], exact: Callable[[Array], Any]
) -> Problem:
    x = np.array(at)
    return Problem(name, title, f, x, np.array(exact(x)))


def matrix(
    name: str, title: str, f: Callable[[Array], Any], x: Any, exact: Callable[[Array], Array], kind: str, **more: Any
) -> Problem:
    x = np.array(x)
    return Problem(name, title, f, x, exact(x), kind, **more)


ONES = np.array([1.0, 1.0])
PROBLEMS = (
    curve("sinh", "sinh x at 1", np.sinh, 1.0, np.cosh(1.0)),
    gradient(
        "product",
        "x0·x1·x2 + exp(x0)·x1 at (3, 5, 7)",
        product,
        [3.0, 5.0, 7.0],
        lambda x: [x[1] * x[2] + np.exp(x[0]) * x[1], x[0] * x[2] + np.exp(x[0]), x[0] * x[1]],
    ),
    curve("fast", "oscillating: sin(100·x) at 1", lambda x: np.sin(100 * x), 1.0, 100 * np.cos(100.0)),
    gradient(
        "wave",
        "oscillating: sin(x0·x1)·log(x0) at (100, -0.5)",
        wave,
        [100.0, -0.5],
        lambda x: [
            x[1] * np.cos(x[0] * x[1]) * np.log(x[0]) + np.sin(x[0] * x[1]) / x[0],
            x[0] * np.cos(x[0] * x[1]) * np.log(x[0]),
        ],
    ),
    curve("tiny", "small x: log(x) at 0.001", np.log, 1e-3, 1e3),
    curve("narrow", "tiny x: exp(1e9·x) at 1e-9", lambda x: np.exp(1e9 * x), 1e-9, 1e9 * np.e),
    curve("huge", "huge x: sqrt(x) at 1e12", np.sqrt, 1e12, 5e-7),
    curve("power", "large values: x^99 at 7", lambda x: x**99, 7.0, 99 * 7.0**98),
    curve("peak", "near a pole: 1/(x² + 0.0001) at 0.01", lambda x: 1 / (x * x + 1e-4), 0.01, -0.02 / 4e-8),
    Problem(
        "mixed",
        "mixed scales: Σ sin(x/s) at (1, 1e9, 1e-9, 0)",
        mixed,
        np.array([1.0, 1e9, 1e-9, 0.0]),
        np.cos([1.0, 1.0, 1.0, 0.0]) / SCALES,
        scale=1.0 / SCALES,
    ),
    gradient("fit", "a zero gradient: the residual of a fit", residual, [1.0, 2.0, 0.75], np.zeros_like),
    curve("noisy", "noisy: sin(x) + 1e-6·noise at 1", noisy, 1.0, np.cos(1.0)),
    matrix("crossed", "Jacobian of 2 outputs at (0.3, 0.7)", crossed, [0.3, 0.7], crossed_jacobian, "jacobian"),
    matrix(
        "boxed",
        "Jacobian at two bounds, NaN beyond",
        boxed,
        [1.0, 2.0],
        roots_jacobian,
        "jacobian",
        bounds=(ONES, 2 * ONES),
    ),
    matrix(
        "rosenbrock",
        "Hessian of Rosenbrock, D = 4",
        ROSENBROCK.whole,
        [0.5, -1.2, 1.0, 2.0],
        SAMPLES["rosenbrock"].hessian,  # type: ignore[arg-type]
        "hessian",
    ),
    matrix("ions", "Hessian of two ions, x = ±4.86e-6", ions, IONS, ions_hessian, "hessian"),
)

# Libraries ------------------------------------------------------------------------------------------------------------

Found = tuple[Any, Any]
"""A derivative and its estimated error, None where there is none."""
Job = Callable[[], Found]


def ours(p: Problem, **options: Any) -> Job:
    operation = getattr(fastgrad, p.kind)
    if p.bounds is not None:
        options["bounds"] = p.bounds

    def run() -> Found:
        found = operation(p.f, p.x, full_output=True, **options)
        return found.value, found.error

    return run


def scipy(p: Problem, method: str) -> Job | None:
    from scipy.optimize._numdiff import approx_derivative

    if p.kind == "hessian":
        return None
    bounds = (-np.inf, np.inf) if p.bounds is None else p.bounds
    return lambda: (approx_derivative(p.f, p.x, method=method, bounds=bounds), None)


def scipy_differentiate(p: Problem) -> Job:
    from scipy import differentiate

    if p.kind == "hessian":

        def second() -> Found:
            found = differentiate.hessian(p.f, p.x)
            return found.ddf, found.error

        return second
    inside = 0 if p.bounds is None else np.where(p.x == p.bounds[0], 1, -1)

    def first() -> Found:
        found = differentiate.jacobian(p.f, p.x, step_direction=inside)
        return found.df, found.error

    return first


def numdifftools(p: Problem) -> Job:
    import numdifftools

    matrix = getattr(numdifftools, p.kind.title())(p.f, full_output=True)

    def run() -> Found:
        found = matrix(p.x)
        return found[0], found[1]

    return run


def jacobi(p: Problem) -> Job | None:
    from jacobi import jacobi as value_and_error

    return None if p.kind == "hessian" else lambda: value_and_error(p.f, p.x)


def statsmodels(p: Problem) -> Job:
    from statsmodels.tools.numdiff import approx_fprime, approx_hess3

    if p.kind == "hessian":
        return lambda: (approx_hess3(p.x, p.f), None)
    return lambda: (approx_fprime(p.x, p.f, centered=True), None)

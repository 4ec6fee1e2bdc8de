"""What is measured point by point: functions, inputs, C sources, and the figures to reach.

This module imports NumPy and the samples only: the first-call figures load it in processes where Numba is not yet there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastgrad.samples import SAMPLES

H = 1e-4


@dataclass(frozen=True)
class Case:
    """One function at many points.

    Attributes
    ----------
    name : str
        As the table shows it.
    f : callable
        Plain NumPy; JAX runs the same code with jax.numpy as `np`.
    exact : callable
        Exact gradient at one point.
    count, dimension : int
        Points (nodes along each axis where `grid`) and coordinates.
    c : str
        Body of the same function in C, over ``const double x[D]``.
    ratios : dict
        Figures to reach: a rival's time over the engine's, at least; below 1 the rival may be faster by that much.
    points : callable
        (count, dimension) -> points in rows.
    grid : bool
        Whether the points are the nodes of a grid, for `gradient_field`.
    for_jit : tuple
        f and its `args` for the jit engine where f itself does not compile; () otherwise.
    """

    name: str
    f: Callable[..., Any]
    exact: Callable[[np.ndarray], np.ndarray]
    count: int
    dimension: int
    c: str
    ratios: dict[str, float]
    points: Callable[[int, int], np.ndarray]
    grid: bool = False
    for_jit: tuple[Callable[..., Any], tuple[Any, ...]] | tuple[()] = ()


def normal(count: int, dimension: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((count, dimension))


def smooth_for_robust(count: int, dimension: int) -> np.ndarray:
    """Points at which no step crosses a kink of `robust`, where differences and the exact gradient disagree."""
    points = normal(2 * count + 100, dimension)
    margin = np.abs(1.0 - points[:, 0] * points[:, 1])
    kept = (np.abs(np.abs(points) - 1.0).min(axis=1) > 1e-3) & (margin > 0.01)
    return np.ascontiguousarray(points[kept][:count])


def axis(count: int, _: int = 1) -> np.ndarray:
    return np.linspace(-2.0, 2.0, count)


def linear_cross_entropy(w, x, t):
    z = np.dot(x, w.reshape(2, 3))
    e = np.exp(z - np.max(z))
    y = e / np.sum(e)
    return -np.log(y[t])


def capturing(x: np.ndarray, t: int) -> Callable[..., Any]:
    """The same as the book writes it: the loss of the weights alone, input and label captured."""

    def cross_entropy(w):
        z = np.dot(x, w.reshape(2, 3))
        e = np.exp(z - np.max(z))
        y = e / np.sum(e)
        return -np.log(y[t])

    return cross_entropy


def robust(x):
    loss = np.where(np.abs(x) <= 1.0, 0.5 * x**2, np.abs(x) - 0.5)
    return np.sum(loss) + np.maximum(1.0 - x[0] * x[1], 0.0)


def robust_gradient(x: np.ndarray) -> np.ndarray:
    g = np.clip(x, -1.0, 1.0)
    if x[0] * x[1] < 1.0:
        g[:2] -= x[1::-1]
    return g


# The sample's input and label, so that its exact gradient is this one's.
INPUT, LABEL = np.array([0.6, 0.9]), 2

SIN_C = "return sin(x[0] * x[1]);"
BUMP_C = "return exp(-x[0] * x[0] - x[1] * x[1]) * cos(3 * x[0]) + log(1 + x[1] * x[1]);"
SPHERE_C = """
    double sum = 0;
    for (int i = 0; i < D; i++) sum += x[i] * x[i];
    return sum;
"""
ROSENBROCK_C = """
    double sum = 0;
    for (int i = 0; i < D - 1; i++) {
        const double u = x[i + 1] - x[i] * x[i], v = 1 - x[i];
        sum += 100 * u * u + v * v;
    }
    return sum;
"""
CROSS_ENTROPY_C = """
    double z[3], e[3];
    for (int j = 0; j < 3; j++) z[j] = 0.6 * x[j] + 0.9 * x[3 + j];
    const double top = fmax(z[0], fmax(z[1], z[2]));
    for (int j = 0; j < 3; j++) e[j] = exp(z[j] - top);
    return -log(e[2] / (e[0] + e[1] + e[2]));
"""
ROBUST_C = """
    double sum = 0;
    for (int i = 0; i < D; i++) {
        const double a = fabs(x[i]);
        sum += a <= 1 ? 0.5 * x[i] * x[i] : a - 0.5;
    }
    return sum + fmax(1 - x[0] * x[1], 0.0);
"""


Ratios = dict[str, float]


def of_sample(name: str, title: str, count: int, dimension: int, c: str, ratios: Ratios, *, grid: bool = False) -> Case:
    sample = SAMPLES[name]
    return Case(title, sample.f, sample.gradient, count, dimension, c, ratios, axis if grid else normal, grid)


CASES = (
    of_sample(
        "sin_product",
        "sin(x0·x1), N = 1,000,000",
        10**6,
        2,
        SIN_C,
        {"C": 0.95, "JAX": 1.3, "jit": 6, "book": 1000},
    ),
    of_sample(
        "bump",
        "exp(-x0²-x1²)·cos(3·x0)+log(1+x1²), N = 1,000,000",
        10**6,
        2,
        BUMP_C,
        {"C": 0.9, "JAX": 1.1},
    ),
    of_sample(
        "sphere",
        "np.sum(x**2), D = 10, N = 200,000",
        2 * 10**5,
        10,
        SPHERE_C,
        {"jit": 80, "JAX": 1 / 1.5},
    ),
    *(
        of_sample(
            "rosenbrock",
            f"Rosenbrock with slices, D = {dimension}, N = {count:,}",
            count,
            dimension,
            ROSENBROCK_C,
            {"jit": 20, "JAX": 1 / allowed},
        )
        for dimension, count, allowed in [(10, 2 * 10**5, 1.8), (20, 10**5, 2.2), (100, 10**4, 2.8)]
    ),
    Case(
        "softmax cross-entropy of a linear model, 6 weights, N = 100,000",
        capturing(INPUT, LABEL),
        SAMPLES["cross_entropy"].gradient,
        10**5,
        6,
        CROSS_ENTROPY_C,
        {"jit": 10, "JAX": 1},
        normal,
        # the jit engine refuses captured arrays: there input and label arrive by args=
        for_jit=(linear_cross_entropy, (INPUT, LABEL)),
    ),
    Case(
        "Huber loss and hinge through np.where and np.maximum, D = 4, N = 200,000",
        robust,
        robust_gradient,
        2 * 10**5,
        4,
        ROBUST_C,
        {"jit": 5},
        smooth_for_robust,
    ),
    of_sample(
        "sin_product",
        "gradient_field of sin(x0·x1), 4096 x 4096 nodes",
        4096,
        2,
        SIN_C,
        {"C": 0.9},
        grid=True,
    ),
)

"""The landscapes on which optimizers are tested, with their exact derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def himmelblau(x: Array) -> Any:
    return (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2


def himmelblau_grad(x: Array) -> Array:
    u, v = x[0] ** 2 + x[1] - 11, x[0] + x[1] ** 2 - 7
    return np.array([4 * x[0] * u + 2 * v, 2 * u + 4 * x[1] * v])


def himmelblau_hess(x: Array) -> Array:
    a, b = x
    return np.array([[12 * a**2 + 4 * b - 42, 4 * (a + b)], [4 * (a + b), 12 * b**2 + 4 * a - 26]])


def beale(x: Array) -> Any:
    u = 1.5 - x[0] + x[0] * x[1]
    v = 2.25 - x[0] + x[0] * x[1] ** 2
    w = 2.625 - x[0] + x[0] * x[1] ** 3
    return u**2 + v**2 + w**2


def beale_grad(x: Array) -> Array:
    a, b = x
    u, v, w = 1.5 - a + a * b, 2.25 - a + a * b**2, 2.625 - a + a * b**3
    first = 2 * u * (b - 1) + 2 * v * (b**2 - 1) + 2 * w * (b**3 - 1)
    return np.array([first, 2 * a * (u + 2 * b * v + 3 * b**2 * w)])


def booth(x: Array) -> Any:
    return (x[0] + 2 * x[1] - 7) ** 2 + (2 * x[0] + x[1] - 5) ** 2


def booth_grad(x: Array) -> Array:
    return np.array([10 * x[0] + 8 * x[1] - 34, 8 * x[0] + 10 * x[1] - 38])


def matyas(x: Array) -> Any:
    return 0.26 * (x[0] ** 2 + x[1] ** 2) - 0.48 * x[0] * x[1]


def matyas_grad(x: Array) -> Array:
    return 0.52 * x - 0.48 * x[::-1]


def mccormick(x: Array) -> Any:
    return np.sin(x[0] + x[1]) + (x[0] - x[1]) ** 2 - 1.5 * x[0] + 2.5 * x[1] + 1


def mccormick_grad(x: Array) -> Array:
    c, d = np.cos(x[0] + x[1]), 2 * (x[0] - x[1])
    return np.array([c + d - 1.5, c - d + 2.5])


_BRANIN_B, _BRANIN_C, _BRANIN_S = 5.1 / (4 * np.pi**2), 5 / np.pi, 10 * (1 - 1 / (8 * np.pi))


def branin(x: Array) -> Any:
    return (x[1] - _BRANIN_B * x[0] ** 2 + _BRANIN_C * x[0] - 6) ** 2 + _BRANIN_S * np.cos(x[0]) + 10


def branin_grad(x: Array) -> Array:
    u = x[1] - _BRANIN_B * x[0] ** 2 + _BRANIN_C * x[0] - 6
    return np.array([2 * u * (_BRANIN_C - 2 * _BRANIN_B * x[0]) - _BRANIN_S * np.sin(x[0]), 2 * u])


def ackley(x: Array) -> Any:
    radius = np.sqrt(np.mean(x**2))
    return -20 * np.exp(-0.2 * radius) - np.exp(np.mean(np.cos(2 * np.pi * x))) + 20 + np.e


def ackley_grad(x: Array) -> Array:
    radius = np.sqrt(np.mean(x**2))
    waves = 2 * np.pi * np.sin(2 * np.pi * x) * np.exp(np.mean(np.cos(2 * np.pi * x)))
    return np.asarray((4 * np.exp(-0.2 * radius) * x / radius + waves) / x.size)


def rastrigin(x: Array) -> Any:
    return 10 * x.size + np.sum(x**2 - 10 * np.cos(2 * np.pi * x))


def rastrigin_grad(x: Array) -> Array:
    return 2 * x + 20 * np.pi * np.sin(2 * np.pi * x)


def rastrigin_hess(x: Array) -> Array:
    return np.diag(2 + 40 * np.pi**2 * np.cos(2 * np.pi * x))


def griewank(x: Array) -> Any:
    return np.sum(x**2) / 4000 - np.prod(np.cos(x / np.sqrt(np.arange(1, x.size + 1)))) + 1


def griewank_grad(x: Array) -> Array:
    root = np.sqrt(np.arange(1, x.size + 1))
    # No double has a cosine of exactly zero, so the tangent is finite.
    return np.asarray(x / 2000 + np.prod(np.cos(x / root)) * np.tan(x / root) / root)


def styblinski(x: Array) -> Any:
    return 0.5 * np.sum(x**4 - 16 * x**2 + 5 * x)


def styblinski_grad(x: Array) -> Array:
    return 2 * x**3 - 16 * x + 2.5


def styblinski_hess(x: Array) -> Array:
    return np.diag(6 * x**2 - 16)


def powell(x: Array) -> Any:
    a, b, c, d = x[0], x[1], x[2], x[3]
    return (a + 10 * b) ** 2 + 5 * (c - d) ** 2 + (b - 2 * c) ** 4 + 10 * (a - d) ** 4


def powell_grad(x: Array) -> Array:
    s, t = 2 * (x[0] + 10 * x[1]), 10 * (x[2] - x[3])
    u, v = 4 * (x[1] - 2 * x[2]) ** 3, 40 * (x[0] - x[3]) ** 3
    return np.array([s + v, 10 * s + u, t - 2 * u, -t - v])

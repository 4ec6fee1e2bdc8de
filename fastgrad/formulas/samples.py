"""Named sample functions with exact derivatives, for tests, benchmarks, the README and the command line.

>>> import numpy as np
>>> from fastgrad.formulas.samples import CURVES, SAMPLES
>>> SAMPLES["rosenbrock"].gradient(np.array([0.0, 1.0]))
array([ -2., 200.])
>>> [float(d(np.array(2.0))) for d in CURVES["cube"].derivatives]
[12.0, 12.0, 6.0, 0.0]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CURVES", "SAMPLES", "Curve", "Sample"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """A scalar function of one point with its exact derivatives.

    Attributes
    ----------
    name : str
        Key in `SAMPLES`.
    f : callable
        Function of a 1-D array, returning a scalar.
    gradient : callable
        Exact gradient at a point, a 1-D array.
    hessian : callable or None
        Exact Hessian at a point, a 2-D array; None where it is not given.
    point : tuple of float
        A point inside `box` that is not stationary.
    box : tuple of float
        Interval for all coordinates in which `f` is smooth.
    dimension : int or None
        Number of coordinates; None for any number (Rosenbrock needs two), `point` then being an example.
    """

    name: str
    f: Callable[[Array], Any]
    gradient: Callable[[Array], Array]
    hessian: Callable[[Array], Array] | None
    point: tuple[float, ...]
    box: tuple[float, float]
    dimension: int | None


@dataclass(frozen=True)
class Curve:
    """An elementwise function with its exact derivatives.

    Attributes
    ----------
    name : str
        Key in `CURVES`.
    f : callable
        Elementwise function of an array of any shape.
    derivatives : tuple of callable
        Exact derivatives of orders 1 to 4, elementwise.
    box : tuple of float
        Interval in which `f` is smooth.
    """

    name: str
    f: Callable[[Array], Any]
    derivatives: tuple[Callable[[Array], Any], ...]
    box: tuple[float, float]


def _sphere(x: Array) -> Any:
    return np.sum(x**2)


def _double(x: Array) -> Array:
    return 2.0 * x


def _tmp(x: Array) -> Any:
    return x[0] * x[0] + 4.0**2.0


def _parabola(x: Array) -> Any:
    return x[0] ** 2 - 2 * x[0] + 1


def _product(x: Array) -> Any:
    return x[0] * x[1]


def _product_grad(x: Array) -> Array:
    return np.array([x[1], x[0]])


def _sin_product(x: Array) -> Any:
    return np.sin(x[0] * x[1])


def _sin_product_grad(x: Array) -> Array:
    return np.asarray(np.cos(x[0] * x[1]) * np.array([x[1], x[0]]))


def _sin_product_hess(x: Array) -> Array:
    p = x[0] * x[1]
    s, mixed = np.sin(p), np.cos(p) - p * np.sin(p)
    return np.array([[-(x[1] ** 2) * s, mixed], [mixed, -(x[0] ** 2) * s]])


def _bump(x: Array) -> Any:
    return np.exp(-(x[0] ** 2) - x[1] ** 2) * np.cos(3 * x[0]) + np.log(1 + x[1] ** 2)


def _bump_grad(x: Array) -> Array:
    a, b = x
    e, c, s = np.exp(-(a**2) - b**2), np.cos(3 * a), np.sin(3 * a)
    return np.array([-e * (2 * a * c + 3 * s), -2 * b * e * c + 2 * b / (1 + b**2)])


def _bump_hess(x: Array) -> Array:
    a, b = x
    e, c, s = np.exp(-(a**2) - b**2), np.cos(3 * a), np.sin(3 * a)
    mixed = 2 * b * e * (2 * a * c + 3 * s)
    last = e * c * (4 * b**2 - 2) + 2 * (1 - b**2) / (1 + b**2) ** 2
    return np.array([[e * ((4 * a**2 - 11) * c + 12 * a * s), mixed], [mixed, last]])


def _rosenbrock(x: Array) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def _rosenbrock_grad(x: Array) -> Array:
    g = np.zeros(x.size)
    u = x[1:] - x[:-1] ** 2
    g[:-1] = -400.0 * x[:-1] * u - 2.0 * (1.0 - x[:-1])
    g[1:] += 200.0 * u
    return g


def _rosenbrock_hess(x: Array) -> Array:
    main = np.zeros(x.size)
    main[:-1] = 1200.0 * x[:-1] ** 2 - 400.0 * x[1:] + 2.0
    main[1:] += 200.0
    side = -400.0 * x[:-1]
    return np.diag(main) + np.diag(side, 1) + np.diag(side, -1)


# A line through these points leaves residuals well below and well above 1 for all coefficients in the
# box, so both branches of the Huber loss are taken and the jumps of its second derivative stay outside.
_LINE_T = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
_LINE_Y = np.array([0.1, -2.0, 0.2, 2.5, -0.1])


def _huber(x: Array) -> Any:
    r = x[0] + x[1] * _LINE_T - _LINE_Y
    return np.sum(np.where(np.abs(r) <= 1.0, 0.5 * r**2, np.abs(r) - 0.5))


def _huber_grad(x: Array) -> Array:
    slope = np.clip(x[0] + x[1] * _LINE_T - _LINE_Y, -1.0, 1.0)
    return np.array([np.sum(slope), np.sum(slope * _LINE_T)])


def _softplus(x: Array) -> Any:
    return np.sum(np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x))))


def _sigmoid(x: Array) -> Array:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))


def _softplus_hess(x: Array) -> Array:
    return np.diag(_sigmoid(x) * _sigmoid(-x))


_INPUT = np.array([0.6, 0.9])
_LABEL = 2


def _cross_entropy(x: Array) -> Any:
    z = np.dot(_INPUT, x.reshape(2, 3))
    e = np.exp(z - np.max(z))
    y = e / np.sum(e)
    return -np.log(y[_LABEL])


def _softmax(z: Array) -> Array:
    e = np.exp(z - np.max(z))
    return np.asarray(e / np.sum(e))


def _cross_entropy_grad(x: Array) -> Array:
    y = _softmax(_INPUT @ x.reshape(2, 3))
    y[_LABEL] -= 1.0
    return np.outer(_INPUT, y).ravel()


def _cross_entropy_hess(x: Array) -> Array:
    inner = _log_sum_exp_hess(_INPUT @ x.reshape(2, 3))
    return np.asarray(np.kron(np.outer(_INPUT, _INPUT), inner))


def _log_sum_exp(x: Array) -> Any:
    m = np.max(x)
    return m + np.log(np.sum(np.exp(x - m)))


def _log_sum_exp_hess(x: Array) -> Array:
    y = _softmax(x)
    return np.asarray(np.diag(y) - np.outer(y, y))


# Not symmetric, so that a gradient which forgets the transpose is wrong.
_Q = np.array([[2.0, -1.0, 0.5], [0.0, 3.0, 1.0], [-0.5, 0.25, 1.0]])


def _quadratic(x: Array) -> Any:
    return x @ _Q @ x


def _quadratic_grad(x: Array) -> Array:
    return np.asarray((_Q + _Q.T) @ x)


def _prod(x: Array) -> Any:
    return np.prod(x)


def _prod_grad(x: Array) -> Array:
    return np.array([np.prod(np.delete(x, i)) for i in range(x.size)])


def _rational(x: Array) -> Any:
    return (x[0] * x[1] + x[2]) / (1 + x[0] ** 2 + x[2] ** 2)


def _rational_grad(x: Array) -> Array:
    a, b, c = x
    d = 1 + a**2 + c**2
    q = (a * b + c) / d
    return np.array([(b - 2 * a * q) / d, a / d, (1 - 2 * c * q) / d])


def _himmelblau(x: Array) -> Any:
    return (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2


def _himmelblau_grad(x: Array) -> Array:
    u, v = x[0] ** 2 + x[1] - 11, x[0] + x[1] ** 2 - 7
    return np.array([4 * x[0] * u + 2 * v, 2 * u + 4 * x[1] * v])


def _himmelblau_hess(x: Array) -> Array:
    a, b = x
    return np.array([[12 * a**2 + 4 * b - 42, 4 * (a + b)], [4 * (a + b), 12 * b**2 + 4 * a - 26]])


def _beale(x: Array) -> Any:
    u = 1.5 - x[0] + x[0] * x[1]
    v = 2.25 - x[0] + x[0] * x[1] ** 2
    w = 2.625 - x[0] + x[0] * x[1] ** 3
    return u**2 + v**2 + w**2


def _beale_grad(x: Array) -> Array:
    a, b = x
    u, v, w = 1.5 - a + a * b, 2.25 - a + a * b**2, 2.625 - a + a * b**3
    first = 2 * u * (b - 1) + 2 * v * (b**2 - 1) + 2 * w * (b**3 - 1)
    return np.array([first, 2 * a * (u + 2 * b * v + 3 * b**2 * w)])


def _booth(x: Array) -> Any:
    return (x[0] + 2 * x[1] - 7) ** 2 + (2 * x[0] + x[1] - 5) ** 2


def _booth_grad(x: Array) -> Array:
    return np.array([10 * x[0] + 8 * x[1] - 34, 8 * x[0] + 10 * x[1] - 38])


def _matyas(x: Array) -> Any:
    return 0.26 * (x[0] ** 2 + x[1] ** 2) - 0.48 * x[0] * x[1]


def _matyas_grad(x: Array) -> Array:
    return 0.52 * x - 0.48 * x[::-1]


def _mccormick(x: Array) -> Any:
    return np.sin(x[0] + x[1]) + (x[0] - x[1]) ** 2 - 1.5 * x[0] + 2.5 * x[1] + 1


def _mccormick_grad(x: Array) -> Array:
    c, d = np.cos(x[0] + x[1]), 2 * (x[0] - x[1])
    return np.array([c + d - 1.5, c - d + 2.5])


_BRANIN_B, _BRANIN_C, _BRANIN_S = 5.1 / (4 * np.pi**2), 5 / np.pi, 10 * (1 - 1 / (8 * np.pi))


def _branin(x: Array) -> Any:
    return (x[1] - _BRANIN_B * x[0] ** 2 + _BRANIN_C * x[0] - 6) ** 2 + _BRANIN_S * np.cos(x[0]) + 10


def _branin_grad(x: Array) -> Array:
    u = x[1] - _BRANIN_B * x[0] ** 2 + _BRANIN_C * x[0] - 6
    return np.array([2 * u * (_BRANIN_C - 2 * _BRANIN_B * x[0]) - _BRANIN_S * np.sin(x[0]), 2 * u])


def _ackley(x: Array) -> Any:
    radius = np.sqrt(np.mean(x**2))
    return -20 * np.exp(-0.2 * radius) - np.exp(np.mean(np.cos(2 * np.pi * x))) + 20 + np.e


def _ackley_grad(x: Array) -> Array:
    radius = np.sqrt(np.mean(x**2))
    waves = 2 * np.pi * np.sin(2 * np.pi * x) * np.exp(np.mean(np.cos(2 * np.pi * x)))
    return np.asarray((4 * np.exp(-0.2 * radius) * x / radius + waves) / x.size)


def _rastrigin(x: Array) -> Any:
    return 10 * x.size + np.sum(x**2 - 10 * np.cos(2 * np.pi * x))


def _rastrigin_grad(x: Array) -> Array:
    return 2 * x + 20 * np.pi * np.sin(2 * np.pi * x)


def _rastrigin_hess(x: Array) -> Array:
    return np.diag(2 + 40 * np.pi**2 * np.cos(2 * np.pi * x))


def _griewank(x: Array) -> Any:
    return np.sum(x**2) / 4000 - np.prod(np.cos(x / np.sqrt(np.arange(1, x.size + 1)))) + 1


def _griewank_grad(x: Array) -> Array:
    root = np.sqrt(np.arange(1, x.size + 1))
    # No double has a cosine of exactly zero, so the tangent is finite.
    return np.asarray(x / 2000 + np.prod(np.cos(x / root)) * np.tan(x / root) / root)


def _styblinski(x: Array) -> Any:
    return 0.5 * np.sum(x**4 - 16 * x**2 + 5 * x)


def _styblinski_grad(x: Array) -> Array:
    return 2 * x**3 - 16 * x + 2.5


def _styblinski_hess(x: Array) -> Array:
    return np.diag(6 * x**2 - 16)


def _powell(x: Array) -> Any:
    a, b, c, d = x[0], x[1], x[2], x[3]
    return (a + 10 * b) ** 2 + 5 * (c - d) ** 2 + (b - 2 * c) ** 4 + 10 * (a - d) ** 4


def _powell_grad(x: Array) -> Array:
    s, t = 2 * (x[0] + 10 * x[1]), 10 * (x[2] - x[3])
    u, v = 4 * (x[1] - 2 * x[2]) ** 3, 40 * (x[0] - x[3]) ** 3
    return np.array([s + v, 10 * s + u, t - 2 * u, -t - v])


def _constant(matrix: Any) -> Callable[[Array], Array]:
    """Hessian of a quadratic function."""
    return lambda _: np.array(matrix, dtype=np.float64)


_SAMPLES = (
    Sample("sphere", _sphere, _double, lambda x: 2.0 * np.eye(x.size), (3.0, 4.0), (-5.0, 5.0), None),
    Sample("tmp", _tmp, _double, _constant([[2]]), (3.0,), (-5.0, 5.0), 1),
    Sample("parabola", _parabola, lambda x: 2.0 * x - 2.0, _constant([[2]]), (5.0,), (-6.0, 6.0), 1),
    Sample("product", _product, _product_grad, _constant([[0, 1], [1, 0]]), (1.5, -0.5), (-2.0, 2.0), 2),
    Sample("sin_product", _sin_product, _sin_product_grad, _sin_product_hess, (0.5, 1.25), (-2.0, 2.0), 2),
    Sample("bump", _bump, _bump_grad, _bump_hess, (0.3, -0.7), (-2.0, 2.0), 2),
    Sample("rosenbrock", _rosenbrock, _rosenbrock_grad, _rosenbrock_hess, (-1.2, 1.0), (-2.0, 2.0), None),
    Sample("huber", _huber, _huber_grad, None, (0.2, -0.1), (-0.3, 0.3), 2),
    Sample("softplus", _softplus, _sigmoid, _softplus_hess, (-1.0, 0.5, 2.0), (-3.0, 3.0), None),
    Sample(
        "cross_entropy",
        _cross_entropy,
        _cross_entropy_grad,
        _cross_entropy_hess,
        (0.5, -0.3, 0.2, 0.1, 0.8, -0.6),
        (-2.0, 2.0),
        6,
    ),
    Sample("log_sum_exp", _log_sum_exp, _softmax, _log_sum_exp_hess, (0.5, -1.0, 1.5), (-3.0, 3.0), None),
    Sample("quadratic", _quadratic, _quadratic_grad, _constant(_Q + _Q.T), (1.0, -0.5, 2.0), (-3.0, 3.0), 3),
    Sample("prod", _prod, _prod_grad, None, (0.5, -1.5, 1.25), (-2.0, 2.0), None),
    Sample("rational", _rational, _rational_grad, None, (0.5, -1.0, 0.75), (-2.0, 2.0), 3),
    Sample("himmelblau", _himmelblau, _himmelblau_grad, _himmelblau_hess, (1.0, -1.5), (-5.0, 5.0), 2),
    Sample("beale", _beale, _beale_grad, None, (1.0, 0.5), (-4.5, 4.5), 2),
    Sample("booth", _booth, _booth_grad, _constant([[10, 8], [8, 10]]), (-2.0, 5.0), (-9.0, 9.0), 2),
    Sample(
        "matyas",
        _matyas,
        _matyas_grad,
        _constant([[0.52, -0.48], [-0.48, 0.52]]),
        (3.0, -4.0),
        (-9.0, 9.0),
        2,
    ),
    Sample("mccormick", _mccormick, _mccormick_grad, None, (0.5, 1.5), (-1.5, 4.0), 2),
    Sample("branin", _branin, _branin_grad, None, (2.0, 6.0), (-5.0, 10.0), 2),
    # Ackley has a corner at the origin.
    Sample("ackley", _ackley, _ackley_grad, None, (0.7, 1.3), (0.5, 3.0), None),
    Sample("rastrigin", _rastrigin, _rastrigin_grad, _rastrigin_hess, (0.3, -1.2), (-5.0, 5.0), None),
    Sample("griewank", _griewank, _griewank_grad, None, (1.0, -2.0, 0.5), (-6.0, 6.0), None),
    Sample("styblinski", _styblinski, _styblinski_grad, _styblinski_hess, (1.0, -2.0), (-5.0, 5.0), None),
    Sample("powell", _powell, _powell_grad, None, (3.0, -1.0, 0.5, 1.0), (-4.0, 4.0), 4),
)

SAMPLES: dict[str, Sample] = {sample.name: sample for sample in _SAMPLES}
"""Sample functions of one point, by name."""


def _powers(a: float, p: float, shift: float = 0.0) -> tuple[Callable[[Array], Any], ...]:
    """a * (x + shift)**p and its first three derivatives."""
    factors = [a, a * p, a * p * (p - 1), a * p * (p - 1) * (p - 2)]
    return tuple(lambda x, k=k, c=c: c * (x + shift) ** (p - k) for k, c in enumerate(factors))


def _of_tanh(*coefficients: float) -> Callable[[Array], Any]:
    """Polynomial in tanh(x)."""
    return lambda x: np.polyval(coefficients, np.tanh(x))


def _times_gauss(*coefficients: float) -> Callable[[Array], Any]:
    """Polynomial in x times exp(-x**2)."""
    return lambda x: np.polyval(coefficients, x) * np.exp(-(x**2))


def _over_square(n: int, *coefficients: float) -> Callable[[Array], Any]:
    """Polynomial in x over (1 + x**2)**n."""
    return lambda x: np.polyval(coefficients, x) / (1 + x**2) ** n


def _minus_sin(x: Array) -> Any:
    return -np.sin(x)


def _minus_cos(x: Array) -> Any:
    return -np.cos(x)


_TANH = (_of_tanh(-1, 0, 1), _of_tanh(2, 0, -2, 0), _of_tanh(-6, 0, 8, 0, -2), _of_tanh(24, 0, -40, 0, 16, 0))
_ARCTAN = (
    _over_square(1, 1),
    _over_square(2, -2, 0),
    _over_square(3, 6, 0, -2),
    _over_square(4, -24, 0, 24, 0),
)
_GAUSS = (
    _times_gauss(-2, 0, 1),
    _times_gauss(4, 0, -6, 0),
    _times_gauss(-8, 0, 24, 0, -6),
    _times_gauss(16, 0, -80, 0, 60, 0),
)

_CURVES = (
    Curve("sin", np.sin, (np.cos, _minus_sin, _minus_cos, np.sin), (-3.0, 3.0)),
    Curve("cos", np.cos, (_minus_sin, _minus_cos, np.sin, np.cos), (-3.0, 3.0)),
    Curve("exp", np.exp, (np.exp, np.exp, np.exp, np.exp), (-2.0, 2.0)),
    Curve("log", np.log, _powers(1.0, -1.0), (0.5, 4.0)),
    Curve("sqrt", np.sqrt, _powers(0.5, -0.5), (0.5, 4.0)),
    Curve("arctan", np.arctan, _ARCTAN, (-3.0, 3.0)),
    Curve("tanh", np.tanh, _TANH, (-2.0, 2.0)),
    Curve(
        "cube",
        lambda x: x**3,
        (lambda x: 3 * x**2, lambda x: 6 * x, lambda x: 6 + 0 * x, lambda x: 0 * x),
        (-3.0, 3.0),
    ),
    Curve("reciprocal", lambda x: 1 / x, _powers(-1.0, -2.0), (0.5, 4.0)),
    Curve("gauss", lambda x: x * np.exp(-(x**2)), _GAUSS, (-2.0, 2.0)),
    Curve("sinh", np.sinh, (np.cosh, np.sinh, np.cosh, np.sinh), (-2.0, 2.0)),
    Curve("log1p", np.log1p, _powers(1.0, -1.0, shift=1.0), (-0.4, 3.0)),
)

CURVES: dict[str, Curve] = {curve.name: curve for curve in _CURVES}
"""Elementwise functions of one variable, by name."""

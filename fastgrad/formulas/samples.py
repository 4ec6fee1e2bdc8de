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

from . import landscapes
from .curves import CURVES, Curve

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
    Sample(
        "himmelblau",
        landscapes.himmelblau,
        landscapes.himmelblau_grad,
        landscapes.himmelblau_hess,
        (1.0, -1.5),
        (-5.0, 5.0),
        2,
    ),
    Sample("beale", landscapes.beale, landscapes.beale_grad, None, (1.0, 0.5), (-4.5, 4.5), 2),
    Sample(
        "booth", landscapes.booth, landscapes.booth_grad, _constant([[10, 8], [8, 10]]), (-2.0, 5.0), (-9.0, 9.0), 2
    ),
    Sample(
        "matyas",
        landscapes.matyas,
        landscapes.matyas_grad,
        _constant([[0.52, -0.48], [-0.48, 0.52]]),
        (3.0, -4.0),
        (-9.0, 9.0),
        2,
    ),
    Sample("mccormick", landscapes.mccormick, landscapes.mccormick_grad, None, (0.5, 1.5), (-1.5, 4.0), 2),
    Sample("branin", landscapes.branin, landscapes.branin_grad, None, (2.0, 6.0), (-5.0, 10.0), 2),
    # Ackley has a corner at the origin.
    Sample("ackley", landscapes.ackley, landscapes.ackley_grad, None, (0.7, 1.3), (0.5, 3.0), None),
    Sample(
        "rastrigin",
        landscapes.rastrigin,
        landscapes.rastrigin_grad,
        landscapes.rastrigin_hess,
        (0.3, -1.2),
        (-5.0, 5.0),
        None,
    ),
    Sample("griewank", landscapes.griewank, landscapes.griewank_grad, None, (1.0, -2.0, 0.5), (-6.0, 6.0), None),
    Sample(
        "styblinski",
        landscapes.styblinski,
        landscapes.styblinski_grad,
        landscapes.styblinski_hess,
        (1.0, -2.0),
        (-5.0, 5.0),
        None,
    ),
    Sample("powell", landscapes.powell, landscapes.powell_grad, None, (3.0, -1.0, 0.5, 1.0), (-4.0, 4.0), 4),
)

SAMPLES: dict[str, Sample] = {sample.name: sample for sample in _SAMPLES}
"""Sample functions of one point, by name."""

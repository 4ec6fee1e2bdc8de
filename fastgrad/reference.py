"""Every operation in plain NumPy, a few lines each: the definition, the tests' oracle and the benchmarks' baseline.

One point at a time, no engine, no table: a stencil of `stencils`, a step of `steps`, and the formula.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import steps
from .stencils import Stencil, stencil

Array = NDArray[np.float64]
Function = Callable[..., Any]


def along(f: Callable[[float], Any], formula: Stencil) -> Any:
    """The stencil's sum of a function of one variable at unit step around 0, the denominator included."""
    values = [f(float(k)) for k in formula.offsets]
    total: Any = 0.0
    for number, a, b in formula.terms:
        total = total + number * (values[a] - values[b])
    return total / formula.denominator


def _unit(i: int, size: int) -> Array:
    e = np.zeros(size)
    e[i] = 1.0
    return e


def _steps(x: Array, formula: Stencil, h: Any, rel_step: Any) -> Array:
    chosen = steps.choose_steps(x, formula, h, rel_step)
    chosen.check(x)
    return np.broadcast_to(chosen.at(x), x.shape)


def derivative(
    f: Function, x: Any, *, n: int = 1, args: tuple[Any, ...] = (), h: Any = None, rel_step: Any = None,
    order: int = 2, method: str = "central",
) -> Any:  # fmt: skip
    """The n-th derivative of f: R -> R, for each element of x."""
    x = np.asarray(x, dtype=np.float64)
    formula = stencil(n, order, method)
    step = _steps(x, formula, h, rel_step)
    flat = [along(lambda k: f(v + k * s, *args), formula) / s**n for v, s in zip(x.flat, step.flat, strict=True)]  # noqa: B023
    return np.reshape(flat, x.shape)[()]


def gradient(
    f: Function, x: Any, *, args: tuple[Any, ...] = (), h: Any = None, rel_step: Any = None, order: int = 2,
    method: str = "central",
) -> Array:  # fmt: skip
    """One stencil per coordinate; x of any shape is one point."""
    x = np.asarray(x, dtype=np.float64)
    formula = stencil(1, order, method)
    step, out = _steps(x, formula, h, rel_step), np.empty(x.shape)
    for i in np.ndindex(x.shape):
        moved = np.zeros(x.shape)
        moved[i] = step[i]
        total = along(lambda k: np.asarray(f(x + k * moved, *args)).reshape(()), formula)  # noqa: B023
        out[i] = total / step[i]
    return out


def value_and_gradient(f: Function, x: Any, *, args: tuple[Any, ...] = (), **options: Any) -> tuple[Any, Array]:
    """f(x) and the gradient."""
    x = np.asarray(x, dtype=np.float64)
    return f(x.copy(), *args), gradient(f, x, args=args, **options)


def jacobian(
    f: Function, x: Any, *, args: tuple[Any, ...] = (), h: Any = None, rel_step: Any = None, order: int = 2,
    method: str = "central",
) -> Array:  # fmt: skip
    """Column i is the stencil along coordinate i: f: (D,) -> (M,) gives (M, D)."""
    x = np.asarray(x, dtype=np.float64)
    formula = stencil(1, order, method)
    step = _steps(x, formula, h, rel_step)
    columns = [
        along(lambda k: np.array(f(x + k * step[i] * _unit(i, x.size), *args)), formula) / step[i]  # noqa: B023
        for i in range(x.size)
    ]
    return np.stack(columns, axis=-1)


def jvp(f: Function, x: Any, v: Any, *, args: tuple[Any, ...] = (), h: Any = None, order: int = 2) -> Any:
    """The derivative along v."""
    x, v = np.asarray(x, dtype=np.float64), np.asarray(v, dtype=np.float64)
    formula = stencil(1, order)
    t = steps.direction_step(x, v, formula, h) if v.any() else 1.0
    return along(lambda k: np.array(f(x + k * t * v, *args)), formula) / t


def vjp(f: Function, x: Any, u: Any, **options: Any) -> Array:
    """u @ J."""
    product: Array = np.asarray(u, dtype=np.float64) @ jacobian(f, x, **options)
    return product


def hessian(
    f: Function, x: Any, *, args: tuple[Any, ...] = (), h: Any = None, rel_step: Any = None, order: int = 2
) -> Array:
    """Second derivatives along e_i and e_i + e_j, and polarisation."""
    x = np.asarray(x, dtype=np.float64)
    formula, size = stencil(2, order), x.size
    step = _steps(x, formula, h, rel_step)

    def second(direction: Array) -> Any:
        return along(lambda k: np.asarray(f(x + k * (step * direction), *args)).reshape(()), formula)

    axes = [_unit(i, size) for i in range(size)]
    own = [second(e) for e in axes]
    out = np.diag([s / (t * t) for s, t in zip(own, step, strict=True)]) if size else np.empty((0, 0))
    for i, j in zip(*np.triu_indices(size, 1), strict=True):
        out[i, j] = out[j, i] = (second(axes[i] + axes[j]) - own[i] - own[j]) / (2.0 * step[i] * step[j])
    return out


def hvp(
    f: Function, x: Any, v: Any, *, args: tuple[Any, ...] = (), h: Any = None, rel_step: Any = None, order: int = 2
) -> Array:
    """Second derivatives along e_i + v and e_i - v: H v without H."""
    x, v = np.asarray(x, dtype=np.float64), np.asarray(v, dtype=np.float64)
    formula, size = stencil(2, order), x.size
    step = _steps(x, formula, h, rel_step)
    t = steps.direction_step(x, v, formula) if v.any() else 1.0

    def second(direction: Array) -> Any:
        return along(lambda k: np.asarray(f(x + k * direction, *args)).reshape(()), formula)

    both = [(step[i] * _unit(i, size), step[i]) for i in range(size)]
    return np.array([(second(e + t * v) - second(e - t * v)) / (4.0 * s * t) for e, s in both])


def gradient_field(f: Function, axes: Sequence[Any], **options: Any) -> Array:
    """The gradient at every node of the grid that the axes span: (D, n0, n1, ...)."""
    axes = [np.asarray(a, dtype=np.float64) for a in axes]
    out = np.empty((len(axes), *map(len, axes)))
    for node in np.ndindex(out.shape[1:]):
        out[:, *node] = gradient(f, np.array([a[i] for a, i in zip(axes, node, strict=True)]), **options)
    return out


def propagate(f: Function, x: Any, cov: Any, **options: Any) -> tuple[Any, Array]:
    """f(x) and J @ cov @ J.T."""
    jac = np.atleast_2d(jacobian(f, x, **options))
    return f(np.array(x, dtype=np.float64)), jac @ np.asarray(cov) @ jac.T


def weight_gradient(loss: Function, params: Mapping[str, Array], *, h: float = 1e-4) -> dict[str, Array]:
    """Each parameter moved in place, the loss read at both sides: the book's definition."""
    out = {}
    for name, weights in params.items():
        out[name] = np.empty(weights.shape)
        for i in np.ndindex(weights.shape):
            saved = weights[i]
            weights[i] = saved + h
            above = loss(weights)
            weights[i] = saved - h
            out[name][i] = (above - loss(weights)) / (2 * h)
            weights[i] = saved
    return out

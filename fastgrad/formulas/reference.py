"""Every operation in plain NumPy, a few lines each: the definition, the tests' oracle and the benchmarks' baseline.

One point at a time, no engine, no table: a stencil of `stencils`, a step of `steps`, and the formula.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import sides, steps
from .stencils import COMPLEX, Stencil, stencil
from .values import as_number, as_numbers, imaginary_part, precision

Array = NDArray[np.float64]
Function = Callable[..., Any]


def along(f: Callable[[Any], Any], formula: Stencil) -> Any:
    """The stencil's sum of a function of one variable at unit step around 0, the denominator included.

    Of the complex step it is the function at 1j.
    """
    if formula.method == COMPLEX:
        return f(1j)
    values = [f(float(k)) for k in formula.offsets]
    with np.errstate(all="ignore"):
        total: Any = 0.0
        for number, a, b in formula.terms:
            total = total + number * (values[a] - values[b])
        return total / formula.denominator


def _moved(x: Array, k: Any, step: Array, *coordinates: int) -> Any:
    """x with some (flat) coordinates moved by k of their steps; the others keep their bits, -0.0 too."""
    if k == 1j:
        return _imaginary(x, np.where(np.isin(np.arange(x.size), coordinates).reshape(x.shape), step, 0.0))
    moved = x.copy()
    with np.errstate(all="ignore"):
        for i in coordinates:
            moved.flat[i] += k * step.flat[i]
    return moved


def _imaginary(x: Array, step: Array) -> Any:
    """x + 1j * step; the real part keeps its bits."""
    moved = x.astype(complex)
    moved.imag = step
    return moved


def _seen(f: Function, formula: Stencil) -> Function:
    """What counts of the values of f: in a complex step their imaginary part."""
    return (lambda *given: imaginary_part(f(*given))) if formula.method == COMPLEX else f


def _moved_along(x: Array, k: Any, t: float, v: Array) -> Any:
    """x + k*t*v; the coordinates in which v is 0 keep their bits."""
    if k == 1j:
        return _imaginary(x, t * v)
    with np.errstate(all="ignore"):
        return np.where(v == 0.0, x, x + k * t * v)


def _steps(x: Array, formula: Stencil, h: Any, rel_step: Any, value: Any) -> Array:
    """The steps at x for an f that returned `value` there."""
    chosen = steps.choose_steps(x, formula, h, rel_step)
    chosen.check(x)
    return np.broadcast_to(steps.with_precision(chosen, formula, precision(value)).at(x), x.shape)


def _between(x: Array, step: Array, formula: Stencil, bounds: Any) -> tuple[list[Stencil | None], Array]:
    """For each coordinate the formula that fits between the bounds, and its signed step."""
    if bounds is None:
        return [formula] * x.size, step
    low, high = (np.broadcast_to(b, x.shape) for b in bounds)
    kinds, step = sides.without_noise(x, step, sides.fit(x, step, (low, high), formula), formula)
    return [sides.formula_of(kind, formula) for kind in kinds.flat], step


def extrapolated(estimate: Callable[[float], Any], order: int) -> Array:
    """The limit of central estimates at steps that shrink: C. Ridders, Adv. Eng. Softw. 4, 1982, for each element."""
    before = [np.asarray(estimate(1.0))]
    best, error = before[0], np.full(before[0].shape, np.inf)
    with np.errstate(all="ignore"):
        for level in range(1, 11):
            row = [np.asarray(estimate(2.0**-level))]
            for j, old in enumerate(before):
                row.append(row[j] + (row[j] - old) / (2.0 ** (order + 2 * j) - 1.0))
                apart = np.maximum(np.abs(row[j + 1] - row[j]), np.abs(row[j + 1] - old))
                best, error = np.where(apart < error, row[j + 1], best), np.fmin(apart, error)
            before = row
    return np.asarray(best)


def _first_step(scale: Any) -> Any:
    """Of what is not finite any: there is nothing to refine."""
    usual = np.isfinite(scale) & (scale != 0.0)
    return steps.IRREGULAR * steps.power_of_two_below(0.17 * np.where(usual, scale, 1.0))


def _refined(define: Function, f: Function, x: Any, *along: Any, order: int, **options: Any) -> Any:
    """An operation by steps that are refined."""
    x = np.asarray(x, dtype=np.float64)
    first = _first_step(np.abs(x))
    if define is _along_one:
        first = _first_step(steps.sizes_along(x.ravel(), along[0].ravel())[0])
    return extrapolated(lambda s: define(f, x, *along, h=s * first, order=order, **options), order)[()]


def derivative(
    f: Function, x: Any, *, n: int = 1, args: tuple[Any, ...] = (), h: Any = None, rel_step: Any = None,
    order: int = 2, method: str = "central", bounds: Any = None,
) -> Any:  # fmt: skip
    """The n-th derivative of f: R -> R, of all elements of x at once or, where f refuses arrays, of one at a time."""
    if method == "adaptive":
        return _refined(derivative, f, x, n=n, args=args, order=order)
    x = np.asarray(x, dtype=np.float64)
    formula = stencil(n, order, method)
    value: Any = None
    with suppress(Exception):
        value = f(x.copy()[()], *args)
    seen = on_arrays = _seen(f, formula)
    if np.shape(value) != x.shape:

        def on_arrays(a: Any, *args: Any) -> Any:
            return np.reshape([as_number(seen(v, *args)) for v in np.ravel(a)], np.shape(a))

    step = _steps(x, formula, h, rel_step, value)
    fitting, step = _between(x, step, formula, bounds)
    total = np.full(x.shape, np.nan)
    for each in set(fitting) - {None}:
        moved = [i for i in range(x.size) if fitting[i] is each]
        sums = along(lambda k: as_numbers(on_arrays(_moved(x, k, step, *moved)[()], *args)), each)  # type: ignore[arg-type]  # noqa: B023
        total.flat[moved] = np.ravel(sums)[moved]
    with np.errstate(all="ignore"):
        return (total / step**n)[()]


def gradient(
    f: Function, x: Any, *, args: tuple[Any, ...] = (), h: Any = None, rel_step: Any = None, order: int = 2,
    method: str = "central", bounds: Any = None,
) -> Array:  # fmt: skip
    """One stencil per coordinate; x of any shape is one point."""
    if method == "adaptive":
        return np.asarray(_refined(gradient, f, x, args=args, order=order))
    return _along_each(f, x, stencil(1, order, method), args, h, rel_step, bounds)


def _along_each(f: Function, x: Any, formula: Stencil, args: Any, h: Any, rel_step: Any, bounds: Any) -> Array:
    x = np.asarray(x, dtype=np.float64)
    fitting, step = _between(x, _steps(x, formula, h, rel_step, f(x.copy(), *args)), formula, bounds)
    sums, seen = np.full(x.size, np.nan), _seen(f, formula)
    for i, each in enumerate(fitting):
        if each:
            sums[i] = along(lambda k: as_number(seen(_moved(x, k, step, i), *args)), each)  # noqa: B023
    with np.errstate(all="ignore"):
        return np.reshape(sums, x.shape) / step**formula.derivative


def hessian_diagonal(
    f: Function, x: Any, *, args: tuple[Any, ...] = (), h: Any = None, rel_step: Any = None, order: int = 2,
    method: str = "central", bounds: Any = None,
) -> Array:  # fmt: skip
    """One stencil of a second derivative per coordinate."""
    if method == "adaptive":
        return np.asarray(_refined(hessian_diagonal, f, x, args=args, order=order))
    return _along_each(f, x, stencil(2, order, method), args, h, rel_step, bounds)


def value_and_gradient(f: Function, x: Any, *, args: tuple[Any, ...] = (), **options: Any) -> tuple[Any, Array]:
    """f(x) and the gradient."""
    x = np.asarray(x, dtype=np.float64)
    return as_number(f(x.copy(), *args)), gradient(f, x, args=args, **options)


def jacobian(
    f: Function, x: Any, *, args: tuple[Any, ...] = (), h: Any = None, rel_step: Any = None, order: int = 2,
    method: str = "central", bounds: Any = None,
) -> Array:  # fmt: skip
    """Column i is the stencil along coordinate i: f: (D,) -> (M,) gives (M, D)."""
    if method == "adaptive":
        return np.asarray(_refined(jacobian, f, x, args=args, order=order))
    x = np.asarray(x, dtype=np.float64)
    formula = stencil(1, order, method)
    value = f(x.copy(), *args)
    fitting, step = _between(x, _steps(x, formula, h, rel_step, value), formula, bounds)
    out, seen = np.full((*np.shape(value), x.size), np.nan), _seen(f, formula)
    for i, each in enumerate(fitting):
        if each:
            out[..., i] = along(lambda k: as_numbers(seen(_moved(x, k, step, i), *args)), each)  # noqa: B023
    with np.errstate(all="ignore"):
        return np.asarray(out.reshape(np.shape(value) + x.shape) / step)


def jvp(
    f: Function, x: Any, v: Any, *, args: tuple[Any, ...] = (), h: Any = None, rel_step: Any = None, order: int = 2,
    method: str = "central",
) -> Any:  # fmt: skip
    """The derivative along v; 0 along no direction, the sum over the parts of v that need steps of their own."""
    x, v = np.asarray(x, dtype=np.float64), np.asarray(v, dtype=np.float64)
    if not v.any():
        return np.zeros(np.shape(f(x.copy(), *args)))[()]
    how: dict[str, Any] = {"args": args, "order": order}
    how |= {} if method == "adaptive" else {"h": h, "rel_step": rel_step}
    formula = stencil(1, order, "central" if method == "adaptive" else method)
    split = h is None and rel_step is None and method != COMPLEX
    parts = _parts(x, v, steps.choose_steps(x, formula).at(x)) if split else [v]
    if method == "adaptive":
        return sum(_refined(_along_one, f, x, part, **how) for part in parts)
    return sum(_along_one(f, x, part, method=method, **how) for part in parts)


def _parts(x: Array, v: Array, step: Array) -> list[Array]:
    return [part.reshape(x.shape) for part in steps.split_direction(v.ravel(), step.ravel())]


def _along_one(
    f: Function, x: Array, v: Array, *, args: tuple[Any, ...], h: Any = None, rel_step: Any = None, order: int = 2,
    method: str = "central",
) -> Any:  # fmt: skip
    """The derivative along a direction that is not split."""
    formula, value = stencil(1, order, method), f(x.copy(), *args)
    t = steps.direction_step(x.ravel(), v.ravel(), formula, h, rel_step, precision(value))
    seen = _seen(f, formula)
    total = along(lambda k: as_numbers(seen(_moved_along(x, k, t, v), *args)), formula)
    with np.errstate(all="ignore"):
        return total / t


def vjp(f: Function, x: Any, u: Any, **options: Any) -> Array:
    """u @ J."""
    u = np.asarray(u, dtype=np.float64)
    return np.asarray(np.tensordot(u, jacobian(f, x, **options), axes=u.ndim))


def _between_together(x: Array, step: Array, formula: Stencil, bounds: Any) -> tuple[Stencil, Array]:
    """The formula that fits in all coordinates, and their signed steps; 0 where none does."""
    if bounds is None:
        return formula, step
    limits = np.broadcast_to(bounds[0], x.shape).reshape(1, -1), np.broadcast_to(bounds[1], x.shape).reshape(1, -1)
    kinds, sizes = sides.fit_together(x.reshape(1, -1), step[None], limits, formula)
    kind = sides.ONE_SIDED if (kinds == sides.ONE_SIDED).any() else sides.CENTRAL
    return sides.formula_of(kind, formula) or formula, np.where(kinds == sides.NOWHERE, 0.0, sizes)[0]


def hessian(
    f: Function, x: Any, *, args: tuple[Any, ...] = (), h: Any = None, rel_step: Any = None, order: int = 2,
    method: str = "central", bounds: Any = None,
) -> Array:  # fmt: skip
    """Second derivatives along e_i and e_i + e_j, and polarisation."""
    if method == "adaptive":
        return np.asarray(_refined(hessian, f, x, args=args, order=order))
    x = np.asarray(x, dtype=np.float64)
    asked, size = stencil(2, order, method), x.size
    step, out = _steps(x, asked, h, rel_step, f(x.copy(), *args)).ravel(), np.empty((size, size))
    formula, step = _between_together(x, step, asked, bounds)

    def second(*coordinates: int) -> Any:
        return along(lambda k: as_number(f(_moved(x, k, step, *coordinates), *args)), formula)

    own = [second(i) for i in range(size)]
    for i in range(size):
        out[i, i] = own[i]
        for j in range(i):
            out[i, j] = out[j, i] = 0.5 * (second(j, i) - own[j] - own[i])
    step = np.where(step == 0.0, np.nan, step)
    with np.errstate(all="ignore"):
        return np.asarray(out / np.multiply.outer(step, step)).reshape(x.shape + x.shape)


def hvp(
    f: Function, x: Any, v: Any, *, args: tuple[Any, ...] = (), h: Any = None, rel_step: Any = None, order: int = 2,
    method: str = "central",
) -> Array:  # fmt: skip
    """Second derivatives along e_i + v and e_i - v: H v without H; the sum over the parts of v, as in `jvp`."""
    x, v = np.asarray(x, dtype=np.float64), np.asarray(v, dtype=np.float64)
    formula = stencil(2, order, "central" if method == "adaptive" else method)
    if not v.any():
        return np.zeros(x.shape)
    parts = _parts(x, v, np.broadcast_to(steps.choose_steps(x, formula, h, rel_step).at(x), x.shape))
    how: dict[str, Any] = {"args": args, "order": order}
    if method == "adaptive":
        return np.asarray(sum(_refined(_times_one, f, x, part, **how) for part in parts))
    return np.asarray(sum(_times_one(f, x, part, h=h, rel_step=rel_step, method=method, **how) for part in parts))


def _times_one(
    f: Function, x: Array, v: Array, *, args: tuple[Any, ...], h: Any = None, rel_step: Any = None, order: int = 2,
    method: str = "central",
) -> Array:  # fmt: skip
    """H v for a direction that is not split."""
    formula, value = stencil(2, order, method), f(x.copy(), *args)
    step = _steps(x, formula, h, rel_step, value)
    if h is None and rel_step is None:
        t = steps.direction_step(x.ravel(), v.ravel(), formula, eps=precision(value))
    else:
        t = steps.step_within(v.ravel(), step.ravel())

    def second(i: int, side: float) -> Any:
        return along(lambda k: as_number(f(_moved_along(_moved(x, k, step, i), k * side, t, v), *args)), formula)

    sums = [second(i, 1.0) - second(i, -1.0) for i in range(x.size)]
    with np.errstate(all="ignore"):
        return np.asarray(np.reshape(sums, x.shape) / (4.0 * t * step))


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

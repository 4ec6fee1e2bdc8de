"""How each library differentiates at one point, and JAX and NumPy at many. They are imported when asked for."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from baselines import book_gradient
from functions import Array, H, written_for

Derivative = Callable[[Array], Any]


# One point: f -> (x -> derivative) ------------------------------------------------------------------------------------


def book(f: Callable[..., Any]) -> Derivative:
    return lambda x: book_gradient(f, x)


def scipy_2_point(f: Callable[..., Any]) -> Derivative:
    from scipy.optimize._numdiff import approx_derivative

    return lambda x: approx_derivative(f, x, method="2-point")


def scipy_3_point(f: Callable[..., Any]) -> Derivative:
    from scipy.optimize._numdiff import approx_derivative

    return lambda x: approx_derivative(f, x, method="3-point")


def numdifftools_gradient(f: Callable[..., Any]) -> Derivative:
    import numdifftools

    return numdifftools.Gradient(f)


def numdifftools_jacobian(f: Callable[..., Any]) -> Derivative:
    import numdifftools

    return numdifftools.Jacobian(f)


def numdifftools_hessian(f: Callable[..., Any]) -> Derivative:
    import numdifftools

    return numdifftools.Hessian(f)


def jacobi(f: Callable[..., Any]) -> Derivative:
    from jacobi import jacobi as value_and_error

    return lambda x: value_and_error(f, x)[0]


def statsmodels(f: Callable[..., Any]) -> Derivative:
    from statsmodels.tools.numdiff import approx_fprime

    return lambda x: approx_fprime(x, f, centered=True)


def statsmodels_hessian(f: Callable[..., Any]) -> Derivative:
    from statsmodels.tools.numdiff import approx_hess3

    return lambda x: approx_hess3(x, f)


def autograd_gradient(f: Callable[..., Any]) -> Derivative:
    import autograd

    return autograd.grad(written_for(f, autograd.numpy))


def autograd_jacobian(f: Callable[..., Any]) -> Derivative:
    import autograd

    return autograd.jacobian(written_for(f, autograd.numpy))


def autograd_hessian(f: Callable[..., Any]) -> Derivative:
    import autograd

    return autograd.hessian(written_for(f, autograd.numpy))


# Whole arrays, coordinates first --------------------------------------------------------------------------------------


def numpy_by_hand(f: Callable[..., Any], x: Array) -> Array:
    """Central differences of a function of all points at once, (D, N) -> (..., D, N)."""
    x, parts = x.copy(), []
    for row in x:
        center = row.copy()
        np.add(center, H, out=row)
        above = f(x)
        np.subtract(center, H, out=row)
        parts.append((above - f(x)) / (2 * H))
        row[...] = center
    return np.stack(parts, axis=-2)


def scipy_jacobian(f: Callable[..., Any]) -> Derivative:
    from scipy.differentiate import jacobian

    return lambda x: jacobian(f, x).df


def scipy_hessian(f: Callable[..., Any]) -> Derivative:
    from scipy.differentiate import hessian

    return lambda x: hessian(f, x).ddf


# JAX ------------------------------------------------------------------------------------------------------------------


def jax_in_float64() -> Any:
    """JAX on the processor in double precision."""
    import jax

    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)
    return jax


def heyoka_gradient(f: Callable[..., Any], dimension: int) -> Callable[[Array, Array], Array]:
    """Symbols of its own, compiled for points in columns (D, N): what takes them and an array for the gradients."""
    import heyoka

    functions = {name: np.frompyfunc(getattr(heyoka, name), 1, 1) for name in ("sin", "cos", "exp", "log")}
    numpy = SimpleNamespace(sum=lambda terms: heyoka.sum([*terms]), **functions)
    x = [heyoka.expression(f"x{i}") for i in range(dimension)]
    value = written_for(f, numpy)(np.array(x, dtype=object))
    slopes = heyoka.diff_tensors([value], diff_args=x).gradient
    compiled = heyoka.cfunc(slopes, vars=x, compact_mode=dimension > 20)
    return lambda points, out: compiled(points, outputs=out)


def differences(f: Callable[..., Any]) -> Derivative:
    """What `jax.grad` gives, by central differences; a column for each coordinate if f has many outputs."""
    jax = jax_in_float64()

    def quotients(x):
        moves = H * jax.numpy.eye(x.size)
        return jax.vmap(lambda move: (f(x + move) - f(x - move)) / (2 * H), out_axes=-1)(moves)

    return quotients


def jax_at_one_point(transform: Derivative) -> Derivative:
    """Compiled, from a NumPy array to a NumPy array."""
    compiled = jax_in_float64().jit(transform)
    return lambda x: np.asarray(compiled(x))


def jax_everywhere(transform: Derivative, given: Array, shape: tuple[int, ...]) -> Callable[[], Any]:
    """Compiled, from `given` in JAX's own memory into a buffer that is donated again and again."""
    jax = jax_in_float64()
    compiled = jax.jit(lambda x, _: transform(x), donate_argnums=1, keep_unused=True)
    points, last = jax.numpy.asarray(given), [jax.numpy.zeros(shape)]

    def run() -> Any:
        last[0] = compiled(points, last[0]).block_until_ready()
        return last[0]

    return run

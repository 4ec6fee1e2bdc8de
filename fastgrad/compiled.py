"""Derivatives for use inside compiled code: f is an @njit function, and so is what comes back.

>>> import numba, numpy as np
>>> from fastgrad import compiled
>>> @numba.njit
... def f(x, a):
...     return a * np.sum(x**2)
>>> slope = compiled.grad(f)
>>> @numba.njit
... def descend(x, steps):
...     for _ in range(steps):
...         x = x - 0.1 * slope(x, 1.0)
...     return x
>>> descend(np.array([3.0, 4.0]), 100).round(6)
array([0., 0.])
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .engine.arguments import check_fixed_steps, check_one_step, refuse_exact
from .formulas.stencils import Stencil, stencil
from .formulas.steps import choose_steps, with_precision
from .llvm.interrupts import loading
from .program.captures import is_compiled


def grad(
    f: Any, *, method: str = "central", order: int = 2, h: float | None = None, rel_step: float | None = None
) -> Any:
    """The compiled function that gives the gradient of a compiled f.

    It computes what ``gradient(f, x, engine="jit")`` computes, to the bit, without Python and without the GIL: in a
    loop, in a `prange`, in a solver.

    Parameters
    ----------
    f : function compiled by ``numba.njit``
        ``f(x, *args)``, a number from an array of any shape.
    method, order
        As in `gradient`.
    h, rel_step : float, optional
        As in `gradient`, one number for all coordinates.

    Returns
    -------
    function compiled by ``numba.njit``
        ``g(x, *args)``, a new array of x's shape, float64. x is not changed.

    Raises
    ------
    TypeError
        f is not compiled, or has keyword-only arguments.
    ValueError
        A method, order or step that does not exist. From within compiled code: a given step that vanishes beside x.

    Examples
    --------
    >>> import numba, numpy as np
    >>> from fastgrad import compiled
    >>> compiled.grad(numba.njit(lambda x: x[0] * x[1]), order=4)(np.array([2.0, 3.0])).round(9)
    array([3., 2.])
    """
    derivatives, formula = _checked(f, method, order, "compiled.grad")
    return derivatives.gradient(f, formula, *_sizes(formula, h, rel_step))


def jacobian(
    f: Any, *, method: str = "central", order: int = 2, h: float | None = None, rel_step: float | None = None
) -> Any:
    """The compiled function that gives the Jacobian of a compiled f that returns an array.

    Parameters
    ----------
    f : function compiled by ``numba.njit``
        ``f(x, *args)``, an array, or a tuple of numbers, from an array of any shape. It is called once more than the
        differences need, to see what it returns.
    method, order, h, rel_step
        As in `grad`.

    Returns
    -------
    function compiled by ``numba.njit``
        ``g(x, *args)``, a new array of the shape of f's output followed by x's, (M, D), float64.

    Raises
    ------
    TypeError, ValueError
        As in `grad`.

    Examples
    --------
    >>> import numba, numpy as np
    >>> from fastgrad import compiled
    >>> compiled.jacobian(numba.njit(lambda x: np.array([x[0] * x[1], x[0]])))(np.array([2.0, 3.0])).round(9)
    array([[3., 2.],
           [1., 0.]])
    """
    derivatives, formula = _checked(f, method, order, "compiled.jacobian")
    return derivatives.jacobian(f, formula, *_sizes(formula, h, rel_step))


def _checked(f: Any, method: Any, order: Any, name: str) -> tuple[Any, Stencil]:
    """The module that makes compiled functions, and the stencil, once the arguments are known to be right."""
    _check_compiled(f)
    check_fixed_steps(method, order, name)
    refuse_exact(method, name)
    with loading(f"{__package__}.engine.jit.derivatives"):
        from .engine.jit import derivatives  # noqa: PLC0415

    return derivatives, stencil(1, order, method)


def _check_compiled(f: Any) -> None:
    if not is_compiled(f):
        msg = f"f must be compiled by Numba, got {type(f).__name__}; write @numba.njit above it"
        raise TypeError(msg)
    if f.py_func.__kwdefaults__:
        name = next(iter(f.py_func.__kwdefaults__))
        msg = (
            f"Numba gives the keyword-only argument {name!r} of f no default; write def f(x, {name}=...) without the *"
        )
        raise TypeError(msg)


def _sizes(formula: Stencil, h: Any, rel_step: Any) -> tuple[str, float, float]:
    """The rule of the steps, and their size for an f that returns float64 and for one that returns float32."""
    check_one_step(h, rel_step, "is compiled in")
    steps = choose_steps(np.zeros(()), formula, h, rel_step)
    single = with_precision(steps, formula, float(np.finfo(np.float32).eps))
    return steps.rule, float(steps.size), float(single.size)

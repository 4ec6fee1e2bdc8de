"""Gradients at one point of few coordinates, and derivatives at a number, by f itself: what else is done takes longer.

Anything but a plain array, central differences and an f that leaves its argument alone goes the way of all calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.arguments import read_call
from ..engine.call import Call
from ..engine.python.buffer import FEW, around, quotients
from ..formulas import stencils
from ..formulas.stencils import Stencil
from ..formulas.steps import few_steps
from ..formulas.values import ComplexError, as_number, may_be_single, precision, precision_by_digits
from ..program.look import CoarserError, Look, WroteError
from ..results import EPS
from . import hints
from .asked import Asked
from .solve import check_that_f_reads

Array = NDArray[Any]
Function = Callable[..., Any]

_ENGINES, _ORDERS = ("auto", "python"), (2, 4, 6, 8)
_STEPS, _NUMBERS = (type(None), float, int), (float, int, np.float64)


def gradient(asked: Asked) -> Array | None:
    """The gradient; None where the call is of another kind, or f."""
    f, x, out, args, _, method, order, h, rel_step, engine = asked
    few = asked.is_usual and x.ndim == 1 and 0 < x.size <= FEW and out is rel_step is None and callable(f)
    if not (few and method == "central" and engine in _ENGINES and order in _ORDERS):
        return None
    formula = stencils.stencil(1, order, method)
    hs = few_steps(x.tolist(), formula, h)
    found = None if hs is None else _found(f, x, args, formula, hs, h)
    if found is None:
        return None
    result = np.array(found)
    if not (found[0] and found[-1]):
        check_that_f_reads(_call(f, x, args, order, h), result[None])
    return result


def derivative(
    f: Function, x: Any, n: Any, args: Any, method: Any, order: Any, h: Any, rel_step: Any, engine: Any
) -> np.float64 | None:
    """The first derivative at a number; None where the call is of another kind, or f."""
    plain = type(x) in _NUMBERS and rel_step is None and type(args) is tuple and callable(f)
    named = type(method) is type(engine) is str and method == "central" and engine in _ENGINES
    if not (plain and named and type(n) is type(order) is int and n == 1 and order in _ORDERS and type(h) in _STEPS):
        return None
    formula, there = stencils.stencil(1, order, method), float(x)
    hs = few_steps([there], formula, h)
    found = None if hs is None else _quotient(f, there, args, formula, hs, h)
    return np.float64(found) if found else None  # of a zero it is told why


def _quotient(
    f: Function, x: float, args: tuple[Any, ...], formula: Stencil, hs: list[float], h: float | None
) -> float | None:
    """None also where f raises: what to write instead is told by the usual way, which calls it once more."""
    values: list[float] = []
    try:
        for k in formula.displaced:
            value = f(np.float64(x + k * hs[0]), *args)
            if not values and precision(value) > EPS:
                return None
            values.append(as_number(value))
    except Exception:  # noqa: BLE001
        return None
    if h is None and may_be_single(values[0]) and precision_by_digits(values) > EPS:
        return None
    return quotients(formula, values, 0.0, hs)[0]


def _found(
    f: Function, x: Array, args: tuple[Any, ...], formula: Stencil, hs: list[float], h: float | None
) -> list[float] | None:
    try:
        return around(Look(f, args), x, formula, hs, given=h is not None)
    except (CoarserError, ComplexError, WroteError):  # which the usual way knows what to do with
        return None
    except Exception as error:
        hints.raise_with_hint(_call(f, x, args, formula.order, h), error)
        raise


def _call(f: Function, x: Array, args: tuple[Any, ...], order: int, h: float | None) -> Call:
    how: dict[str, Any] = {"args": args, "batch_args": (), "batch": False, "method": "central", "order": order}
    return read_call(f, x, stencils.gradient, h=h, rel_step=None, **how)[1]

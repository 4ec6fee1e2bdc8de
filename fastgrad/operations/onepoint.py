"""First derivatives at one point of few coordinates, or at a number, by f itself: what else is done takes longer.

Anything but a plain array, central differences and an f that leaves its argument alone goes the way of all calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..engine.arguments import read_call
from ..engine.call import Call, Target
from ..engine.python.around import Around, quotients
from ..engine.python.buffer import FEW
from ..formulas import stencils
from ..formulas.steepness import is_any_suspicious
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
Result = TypeVar("Result")

_ENGINES, _ORDERS = ("auto", "python"), (2, 4, 6, 8)
_STEPS, _NUMBERS = (type(None), float, int), (float, int, np.float64)


def gradient(asked: Asked) -> Array | None:
    """The gradient; None where the call is of another kind, or f."""
    around = _around(asked)
    found = None if around is None else _of_f(around.slopes, asked)
    return None if found is None else _looked_at(np.array(found[0]), asked)


def gradient_of_a_row(asked: Asked) -> Array | None:
    """The gradient at the only one of points in rows; None as of `gradient`, of several, and where f may not react."""
    if not asked.is_usual or asked.x.shape[:-1] != (1,):
        return None
    alone = asked._replace(x=asked.x[0].copy())
    around = _around(alone)
    found = None if around is None else _of_f(around.slopes, alone)
    return np.array([found[0]]) if found is not None and found[0][0] and found[0][-1] else None


def value_and_gradient(asked: Asked) -> tuple[np.float64, Array] | None:
    """The value and the gradient; None as of `gradient`, and where f's values tell that the steps may be too long."""
    around = _around(asked, orders=(2,))
    found = None if around is None else _of_f(around.value_and_slopes, asked)
    if found is None or is_any_suspicious(found[0], found[2], EPS):
        return None
    return np.float64(found[0]), _looked_at(np.array(found[1]), asked)


def jacobian(asked: Asked) -> Array | None:
    """The Jacobian; None as of `gradient`, and of an f that returns nothing."""
    room = Target(np.empty)
    around = _around(asked, room)
    found = None if around is None else _of_f(around.of_many, asked, stencils.jacobian)
    if found is None or room.shape is None:
        return None
    return _looked_at(found, asked, stencils.jacobian).reshape(*room.shape, asked.x.size)


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


def _around(asked: Asked, room: Target | None = None, orders: tuple[int, ...] = _ORDERS) -> Around | None:
    """What asks f around a point; None where the call is of another kind."""
    f, x, out, args, _, method, order, h, rel_step, engine = asked
    few = asked.is_usual and x.ndim == 1 and 0 < x.size <= FEW and out is rel_step is None and callable(f)
    if not (few and method == "central" and engine in _ENGINES and order in orders):
        return None
    formula = stencils.stencil(1, order, method)
    hs = few_steps(x.tolist(), formula, h)
    if hs is None:
        return None
    look = Look(f, args) if room is None else Look(f, args, None, room.reserve)
    return Around(look, x, formula, hs, given=h is not None)


def _of_f(ask: Callable[[], Result], asked: Asked, table: Any = stencils.gradient) -> Result | None:
    """What was found; None where the usual way knows what to do with what f returned or did."""
    try:
        return ask()
    except (CoarserError, ComplexError, WroteError):
        return None
    except Exception as error:
        hints.raise_with_hint(_call(asked, table), error)
        raise


def _looked_at(found: Array, asked: Asked, table: Any = stencils.gradient) -> Array:
    """The derivatives; who calls is told if they are such as an f has that does not react."""
    if found.size and not (found.item(0) and found.item(-1)):
        check_that_f_reads(_call(asked, table), found[None])
    return found


def _call(asked: Asked, table: Any) -> Call:
    f, x, _, args, _, method, order, h, _, _ = asked
    how: dict[str, Any] = {"args": args, "batch_args": (), "batch": False, "method": method, "order": order}
    return read_call(f, x, table, h=h, rel_step=None, vector=table is stencils.jacobian, **how)[1]

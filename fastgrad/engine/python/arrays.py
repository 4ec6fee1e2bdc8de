"""A function of one variable on arrays of all points at once, from Python."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...formulas.steps import Steps, irregular
from ...formulas.values import as_numbers, may_be_single, precision
from ...program import look
from ...program.look import CoarserError, precision_around, with_steps_for_f
from ...results import EPS
from ..call import Call
from . import elementwise

Array = NDArray[np.float64]


class _RefusedError(Exception):
    """f does not take arrays element by element."""


def apply_to_arrays(call: Call, out: Array) -> tuple[int, float] | None:
    """A function of one variable on all points at once: as `apply`, or None where f refuses arrays."""
    x = call.points.row(slice(None)).reshape(call.whole)
    try:
        count, eps = with_steps_for_f(lambda eps: (_whole(call, x, call.steps_for(eps), eps, out), eps))
        return count + (eps > EPS), eps
    except _RefusedError:
        return None


def _whole(call: Call, x: Array, steps: Steps, eps: float, out: Array) -> int:
    formula, size = call.table.stencil, steps.size
    steps = Steps(steps.rule, size.reshape(x.shape) if size.ndim else size)
    steps.check(x)
    h = steps.at(x)
    values = []
    for k in formula.offsets:
        with np.errstate(all="ignore"):
            moved = x + k * h
        value = _array_value(call, moved)
        if precision(value) > eps:
            raise CoarserError(precision(value))
        values.append(value.astype(np.float64))
    if eps == EPS and call.steps.rule == "default" and may_be_single(values[0].flat[0]):
        between = x + formula.offsets[0] * h * irregular(x.size).reshape(x.shape)
        eps = precision_around(values, lambda: _array_value(call, between))
        if eps > EPS:
            raise CoarserError(eps)
    asked = _check_ends(call, x, h, values, eps)
    with np.errstate(all="ignore"):
        total = sum(number * (values[a] - values[b]) for number, a, b in formula.terms)
        out[...] = (total / (formula.denominator * h**formula.derivative)).reshape(out.shape)
    return len(values) + asked


def _check_ends(call: Call, x: Array, h: Array, values: list[Array], eps: float) -> int:
    """f of the arrays at both ends of the stencil."""
    near, far = call.table.stencil.offsets[0], call.table.stencil.offsets[-1]
    h = h if h.shape == x.shape else np.broadcast_to(h, x.shape)
    flat = [a.reshape(-1) for a in (x, h, values[0], values[-1])]

    def ends(picks: Any) -> elementwise.Ends:
        x, h, *ends = (a[picks] for a in flat)
        with np.errstate(all="ignore"):
            return elementwise.Ends(x + near * h, x + far * h, *ends)

    return elementwise.check_ends(call, x.shape, ends, eps)


def _array_value(call: Call, x: Array) -> Any:
    shape = x.shape
    try:
        returned = call.f(x, *call.args)
        value = np.asarray(returned)
    except Exception:  # noqa: BLE001  whatever is wrong, a call with one element says it better
        raise _RefusedError from None
    if isinstance(returned, np.ma.MaskedArray) and np.ma.is_masked(returned):
        as_numbers(returned)  # raises, and says what to return
    real = value.dtype.kind in "fiub"
    if value.shape != shape or not real:
        if value.size == x.size and real:  # in another order, or made of all of them, as cumsum is of a matrix
            elementwise.check_arrays(call)
        raise _RefusedError
    return value


def values_on_array(call: Call, x: Array) -> tuple[Array, float] | None:
    """f of an array in the shape of all points, and the precision of that; None where f refuses arrays."""
    try:
        value = _array_value(call, x.reshape(call.whole))
    except _RefusedError:
        return None
    return value.astype(np.float64).ravel(), precision(value)


def is_elementwise(call: Call) -> bool:
    """Whether f gives on an array of five points what it gives on each of them."""
    row = call.points.row(np.linspace(0, call.points.count - 1, 5).astype(int)).reshape(-1)
    return look.is_elementwise(call.f, row, call.args)

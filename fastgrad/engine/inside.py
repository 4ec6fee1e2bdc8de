"""What `fastgrad.compiled` makes: the loops of the jit engine around an f that is called from compiled code."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from ..stencils import Stencil
from . import directions, loops
from .loops import njit, part

VANISHES = "the step that was given vanishes beside a coordinate of x (x + h == x); leave it out"
RESIZED = "f returned arrays of different sizes; it must keep to one shape"


@intrinsic
def _is_single(context: Any, f: Any, point: Any, args: Any) -> Any:
    """Whether f returns float32, found out without calling it."""
    returns = context.resolve_function_type(f, (point, *args.types), {}).return_type
    single = getattr(returns, "dtype", returns) == types.float32

    def codegen(context: Any, _builder: Any, _signature: Any, _arguments: Any) -> Any:
        return context.get_constant(types.boolean, single)

    return types.boolean(f, point, args), codegen


def _evaluation(f: Any) -> Any:
    """f as the loops call it. What goes with x begins with a flag: f that writes into x gets copies.

    Of two loops, one of which copies, the compilation takes twice as long.
    """

    def evaluate(x, point, args):
        return f(point.copy() if args[0] else point, *args[1:])

    return part(evaluate)


@lru_cache(maxsize=64)
def gradient(f: Any, formula: Stencil, rule: str, size: float, single_size: float) -> Any:
    """``g(x, *args)``: the gradient of f. The size of the steps is another one where f returns float32."""
    differences, fill = loops.stencil_sums(_evaluation(f), formula, False), loops.step_filler(rule, True)

    @njit
    def g(x, *args):
        point, out, values = np.empty(x.shape), np.empty(x.shape), np.empty((1, 1))
        flat, row, axes, steps = point.reshape(x.size), out.reshape((1, x.size)), np.arange(x.size), np.empty(x.size)
        point[...] = x
        chosen = single_size if _is_single(f, point, args) else size
        if fill(steps, flat, chosen, axes, 0, 0, x.size):
            raise ValueError(VANISHES)
        original = flat.copy()
        for copies in (False, True):
            wrote = differences(flat, point, steps, axes, row, values, 0, 0, x.size, (copies, *args))
            for i in range(x.size):
                wrote |= loops._changed(flat[i], original[i])
            if not wrote:
                break
            flat[:] = original
        return out

    return g


@lru_cache(maxsize=64)
def jacobian(f: Any, formula: Stencil, rule: str, size: float, single_size: float) -> Any:
    """``g(x, *args)``: the Jacobian of f."""
    inner, denominator = _evaluation(f), formula.denominator
    evaluate, fill = part(lambda x, point, args: np.asarray(inner(x, point, args))), loops.step_filler(rule, True)
    store, view, uses_base = directions._store_array, loops._reshaped, formula.base >= 0
    fill_table = directions.over_tables(evaluate, store, formula, fill, uses_base, False, view, 0)
    wrote, resized, vanished = loops.WROTE, directions.RESIZED, loops.VANISHED

    @njit
    def g(x, *args):
        point, count = np.empty(x.shape), x.size
        point[...] = x
        chosen = single_size if _is_single(f, point, args) else size
        rows = point.copy().reshape((1, count))
        first = np.asarray(f(point, *args))
        moves, signs, ones = np.full((count, 2), -1), np.zeros((count, 2), np.int64), np.ones((count, 1), np.int64)
        moves[:, 0], signs[:, 0] = np.arange(count), 1
        axes = moves[:, :1].copy()
        table = (axes, ones, axes, np.full(count, denominator))
        sums, out = np.empty((count, first.size)), np.empty((1, first.size, count))
        v, t, saw = np.zeros((1, 0)), np.zeros(1), 0
        for copies in (False, True):
            given = (copies, *args)
            saw = fill_table(rows, chosen, moves, signs, table, v, t, sums, out, 0, 1, 0, count, True, x.shape, given)
            if not saw & wrote:
                break
        if saw & resized:
            raise ValueError(RESIZED)
        if saw & vanished:
            raise ValueError(VANISHES)
        return out.reshape(first.shape + x.shape)

    return g

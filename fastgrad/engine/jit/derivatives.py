"""What `fastgrad.compiled` makes: the loops of the jit engine around an f that is called from compiled code.

Numbers are copied one by one: Numba's assignment of whole arrays brings the text of an error with both shapes, whose
compilation takes 1.6 s in each process; np.full, np.zeros, np.ones and np.arange take 0.1 s each.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from ...formulas.stencils import Stencil
from . import directions, loops
from .kernels import njit, part
from .numbers import known, values

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

    def evaluate(x, point, args, n):
        return f(point.copy() if args[0] else point, *args[1:])

    return part(evaluate)


@lru_cache(maxsize=64)
def gradient(f: Any, formula: Stencil, rule: str, size: float, single_size: float) -> Any:
    """``g(x, *args)``: the gradient of f. The size of the steps is another one where f returns float32."""
    numbers = known(values(formula, rule))
    differences, fill = loops.stencil_sums(_evaluation(f), numbers), loops.step_filler(numbers, True)

    @njit
    def g(x, *args):
        flat, original, steps = np.empty(x.size), np.empty(x.size), np.empty(x.size)
        point, row, unused = flat.reshape(x.shape), np.empty((1, x.size)), np.empty((1, 1))
        for i in range(x.size):
            flat[i] = original[i] = x.flat[i]
        chosen = single_size if _is_single(f, point, args) else size
        if fill(steps, flat, chosen, 0, 0, x.size):
            raise ValueError(VANISHES)
        for copies in (False, True):
            wrote = differences(flat, point, steps, row, unused, 0, 0, x.size, (copies, *args))
            for i in range(x.size):
                wrote |= loops.changed(flat[i], original[i])
            if not wrote:
                break
            for i in range(x.size):
                flat[i] = original[i]
        return row.reshape(x.shape)

    return g


@part
def _combination_of_axes(count, denominator):
    """Parts, factors, divisors and scale of a table: output i is direction i's sum."""
    axes, ones, scale = np.empty((count, 1), np.int64), np.empty((count, 1), np.int64), np.empty(count, np.int64)
    for i in range(count):
        axes[i, 0], ones[i, 0], scale[i] = i, 1, denominator
    return axes, ones, axes, scale


@lru_cache(maxsize=64)
def jacobian(f: Any, formula: Stencil, rule: str, size: float, single_size: float) -> Any:
    """``g(x, *args)``: the Jacobian of f."""
    inner, denominator = _evaluation(f), formula.denominator
    evaluate = part(lambda x, point, args, n: np.asarray(inner(x, point, args, n)))
    numbers = known(values(formula, rule, uses_base=formula.base >= 0))
    fill, store, view = loops.step_filler(numbers, True), directions.store_array, loops.reshaped
    fill_table = directions.over_tables(evaluate, store, numbers, fill, False, view, False, 0)

    @njit
    def g(x, *args):
        count, rows, flat, starts = x.size, np.empty((1, x.size)), np.empty(x.size), np.arange(x.size + 1)
        ones, table = np.ones(count, np.int64), _combination_of_axes(count, denominator)
        for i in range(count):
            rows[0, i] = flat[i] = x.flat[i]
        point = flat.reshape(x.shape)
        chosen = single_size if _is_single(f, point, args) else size
        first = np.asarray(f(point, *args))
        sums, out = np.empty((count, first.size)), np.empty((1, first.size, count))
        v, t, saw = np.empty((1, 0)), np.empty(0), 0  # of tables along a direction
        for copies in (False, True):
            given, span = (copies, *args), (0, 1, 0, count, True)
            saw = fill_table(rows, chosen, starts[:-1], ones, starts, table, v, t, sums, out, *span, x.shape, given)
            if not saw & loops.WROTE:
                break
        if saw & directions.RESIZED:
            raise ValueError(RESIZED)
        if saw & loops.VANISHED:
            raise ValueError(VANISHES)
        return out.reshape(first.shape + x.shape)

    return g

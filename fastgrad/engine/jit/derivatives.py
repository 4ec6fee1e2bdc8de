"""What `fastgrad.compiled` makes: loops around an f that is called from compiled code.

The loops have holes, as those of the jit engine. What Numba compiles for each f copies x, calls the loop and raises: a
third of a second, where the loop of a gradient took one and that of a Jacobian four.

Numbers are copied one by one: Numba's assignment of whole arrays brings the text of an error with both shapes, whose
compilation takes 1.6 s in each process; np.full, np.zeros, np.ones and np.arange take 0.1 s each.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from ...formulas.stencils import Stencil
from . import directions, loops
from .kernels import inlined, njit, part
from .linking import Shape, call_linked
from .numbers import Numbers, unknown, values

VANISHES = "the step that was given vanishes beside a coordinate of x (x + h == x); leave it out"
RESIZED = "f returned arrays of different sizes; it must keep to one shape"


def _loop_of(name: str, make: Callable[[Any, Any], Any], numbers: Numbers, size: float, single: float) -> Any:
    """A function for compiled code: a loop around f, whose steps are of another size where f returns float32."""

    @intrinsic
    def run(_context: Any, f: Any, flat: Any, out: Any, shape: Any, args: Any) -> Any:
        point = types.Array(types.float64, len(shape), "C")

        def codegen(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
            compiled = _overload(context, f, (point, *args))
            returns = compiled.signature.return_type
            given = size if getattr(returns, "dtype", returns) != types.float32 else single
            signature = (flat, types.float64, out, shape, args)
            loop = Shape((name,), signature, lambda hole: make(hole, returns), None)
            arguments = [values[1], context.get_constant(types.float64, given), *values[2:]]
            return call_linked(context, builder, types.int64(*signature), arguments, loop, numbers, compiled)

        return types.int64(f, flat, out, shape, args), codegen

    return run


def _overload(context: Any, f: Any, given: tuple[Any, ...]) -> Any:
    """f as Numba has compiled it, for exactly these types of its arguments."""
    inner = f.dispatcher
    if context.typing_context.resolve_function_type(f, given, {}).args == given:
        return inner.overloads[given]
    caller, both = part(lambda x, args: inner(x, *args)), (given[0], types.Tuple(given[1:]))
    caller.compile(both)
    return caller.overloads[both]


def _evaluation(f: Any) -> Any:
    """f as the loops call it. What goes with x begins with a flag: f that writes into x gets copies.

    Of two loops, one of which copies, the compilation takes twice as long.
    """

    def evaluate(x, point, args, n):
        return f(point.copy() if args[0] else point, args[1], n)

    return part(evaluate)


def _loop_around(differences: Any) -> Any:
    """A loop from what writes the differences of f along all axes; an f that writes into x is asked again."""
    fill = loops.step_filler(unknown(), True)

    @part
    def kernel(flat, size, out, shape, args):
        dimension, saw = flat.size, loops.VANISHED
        original, steps, point = np.empty(dimension), np.empty(dimension), flat.reshape(shape)
        for i in range(dimension):
            original[i] = flat[i]
        if fill(steps, flat, size, 0, 0, dimension):
            return saw
        for copies in (False, True):
            saw = differences(flat, point, steps, out, (copies, args))
            for i in range(dimension):
                saw |= loops.WROTE * loops.changed(flat[i], original[i])
                flat[i] = original[i]
            if not saw & loops.WROTE:
                break
        return saw

    return kernel


def _of_numbers(f: Any, _returns: Any) -> Any:
    sums = loops.stencil_sums(_evaluation(f), unknown())

    @inlined
    def differences(flat, point, steps, out, given):
        return loops.WROTE * sums(flat, point, steps, out, out, 0, 0, flat.size, given)

    return _loop_around(differences)


@lru_cache(maxsize=64)
def gradient(f: Any, formula: Stencil, rule: str, size: float, single_size: float) -> Any:
    """``g(x, *args)``: the gradient of f. The size of the steps is another one where f returns float32."""
    run = _loop_of("gradient", _of_numbers, values(formula, rule), size, single_size)

    @njit
    def g(x, *args):
        flat, row = np.empty(x.size), np.empty((1, x.size))
        for i in range(x.size):
            flat[i] = x.flat[i]
        if run(f, flat, row, x.shape, args) & loops.VANISHED:
            raise ValueError(VANISHES)
        return row.reshape(x.shape)

    return g


def _of_arrays(f: Any, returns: Any) -> Any:
    """The loop of the jit engine for tables, without what only other tables need: it is compiled in half the time."""
    numbers, evaluate, store = unknown(), _evaluation(f), directions.storing(returns)
    denominator, samples, offset, base = numbers.denominator, numbers.samples, numbers.offset, numbers.base
    sum_terms = directions.term_sums(numbers)
    if store is None:
        inner, store = evaluate, directions.store_array
        evaluate = part(lambda x, point, args, n: np.asarray(inner(x, point, args, n)))

    @inlined
    def differences(flat, point, steps, out, given):
        outputs, saw = out.shape[0], 0
        values, sums = np.empty(samples() * outputs), np.empty((1, outputs))
        if base() >= 0 and flat.size:
            saw |= directions.RESIZED * store(values, base(), outputs, evaluate(flat, point, given, 0))
        for r in range(flat.size):
            saved, h = flat[r], steps[r]
            for e in range(samples()):
                if e != base():
                    flat[r] = moved = saved + offset(e) * h
                    saw |= directions.RESIZED * store(values, e, outputs, evaluate(flat, point, given, 0))
                    saw |= loops.WROTE * loops.changed(flat[r], moved)
            flat[r] = saved
            sum_terms(values, sums, 0, outputs)
            for m in range(outputs):
                out[m, r] = sums[0, m] / (h * denominator())
        return saw

    return _loop_around(differences)


@lru_cache(maxsize=64)
def jacobian(f: Any, formula: Stencil, rule: str, size: float, single_size: float) -> Any:
    """``g(x, *args)``: the Jacobian of f."""
    run = _loop_of("jacobian", _of_arrays, values(formula, rule, uses_base=formula.base >= 0), size, single_size)

    @njit
    def g(x, *args):
        flat, given = np.empty(x.size), np.empty(x.size)
        for i in range(x.size):
            flat[i] = given[i] = x.flat[i]
        first = np.asarray(f(given.reshape(x.shape), *args))
        out = np.empty((first.size, x.size))
        saw = run(f, flat, out, x.shape, args)
        if saw & directions.RESIZED:
            raise ValueError(RESIZED)
        if saw & loops.VANISHED:
            raise ValueError(VANISHES)
        return out.reshape(first.shape + x.shape)

    return g

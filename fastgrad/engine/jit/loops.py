"""The loops of the jit engine: points, directions and the terms of a stencil around a compiled f."""

from __future__ import annotations

from functools import cache
from typing import Any

import llvmlite.ir
import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

from ...formulas.steps import COMPLEX_LEAST, COMPLEX_PART, COMPLEX_SMALL
from .kernels import inlined, part
from .linking import call_at
from .numbers import RULES, Numbers

DEFAULT, ABSOLUTE, RELATIVE, COMPLEX, NONE = (
    RULES[name] for name in ("default", "absolute", "relative", "complex", "")
)

# What a kernel returns: the sum of what it saw.
VANISHED, WROTE = 1, 2


@intrinsic
def _power_of_two_below(_context: Any, h: Any) -> Any:
    """`steps.power_of_two_below` of one number, on its bits."""

    def codegen(_cgctx: Any, builder: Any, _signature: Any, args: Any) -> Any:
        bits = builder.bitcast(args[0], llvmlite.ir.IntType(64))
        kept = builder.and_(bits, llvmlite.ir.Constant(llvmlite.ir.IntType(64), 0x7FF0000000000000))
        return builder.bitcast(kept, llvmlite.ir.DoubleType())

    return types.float64(h), codegen


@intrinsic
def stack_array(_context: Any, size: Any, capacity: Any) -> Any:
    """An array of at most a literal size on the stack, which LLVM can keep in registers."""
    if not isinstance(capacity, types.IntegerLiteral):
        return None
    array, length = types.Array(types.float64, 1, "C"), capacity.literal_value

    def codegen(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        data = cgutils.alloca_once(builder, llvmlite.ir.ArrayType(llvmlite.ir.DoubleType(), length))
        made, eight = make_array(array)(context, builder), context.get_constant(types.intp, 8)
        populate_array(
            made,
            data=builder.bitcast(data, llvmlite.ir.DoubleType().as_pointer()),
            shape=cgutils.pack_array(builder, [args[0]]),
            strides=cgutils.pack_array(builder, [eight]),
            itemsize=eight,
            meminfo=None,
        )
        return made._getvalue()

    return array(types.int64, capacity), codegen


@part
def _step_default(x: float, size: float) -> float:
    scale = abs(x)
    if not scale > 1.0:  # Numba's max() has another branch for NaN
        scale = 1.0
    return _power_of_two_below(size * scale)


@part
def _step_complex(x: float, size: float) -> float:
    scale = abs(x)
    if 0.0 < scale < COMPLEX_SMALL:
        return max(_power_of_two_below(scale * COMPLEX_PART), COMPLEX_LEAST)
    return _step_default(x, size)


@part
def _step_absolute(x: float, size: float) -> float:
    return (abs(x) + size) - abs(x)


@part
def _step_relative(x: float, size: float) -> float:
    return _step_absolute(x, size if x == 0.0 else size * abs(x))


@inlined
def step_at(rule, x, size):
    """The step of a coordinate by one of `numbers.RULES`."""
    if rule == DEFAULT:
        return _step_default(x, size)
    if rule == ABSOLUTE:
        return _step_absolute(x, size)
    if rule == RELATIVE:
        return _step_relative(x, size)
    if rule == COMPLEX:
        return _step_complex(x, size)
    return size


@inlined
def place_row(source, n, node, x):
    for i in range(x.size):
        x[i] = source[n, i]


@inlined
def _place_node(source, n, node, x):
    values, starts, lengths = source
    for i in range(x.size - 1, -1, -1):
        node[i] = n % lengths[i]
        n //= lengths[i]
        x[i] = values[starts[i] + node[i]]


@inlined
def _next_node(source, node, x):
    """The odometer's next position: a division per axis and node would cost a tenth of a sin-sized f."""
    values, starts, lengths = source
    for i in range(x.size - 1, -1, -1):
        node[i] += 1
        if node[i] < lengths[i]:
            x[i] = values[starts[i] + node[i]]
            return
        node[i] = 0
        x[i] = values[starts[i]]


@inlined
def changed(now, before):
    return before == before and now != before  # noqa: PLR0124  not NaN


@inlined
def one_size(sizes, n, i):
    return sizes


@inlined
def own_size(sizes, n, i):
    return sizes[n, i]


@part
def _as_it_is(x, shape):
    return x


@part
def reshaped(x, shape):
    return x.reshape(shape)


def view(shape: tuple[int, ...]) -> Any:
    """What gives the buffer of a point the shape of a point."""
    return _as_it_is if len(shape) < 2 else reshaped


def evaluation(f: Any, scalar: bool, writes: bool, array: bool) -> Any:
    """f as the kernel calls it: on the number, on the point, or on a copy of it where f writes into its argument."""

    def on_number(x, point, args, n):
        return f(x[0], args, n)

    def on_point(x, point, args, n):
        return f(point, args, n)

    def on_copy(x, point, args, n):
        return f(point.copy(), args, n)

    inner = part(on_number if scalar else on_copy if writes else on_point)
    if not array:
        return inner
    return part(lambda x, point, args, n: inner(x, point, args, n).flat[0])


def stencil_sums(evaluate: Any, numbers: Numbers) -> Any:
    """The stencil along directions [first, last) at one point; returns whether f wrote into its argument.

    Where f is compiled into the loop LLVM sees that it does not write, and the comparisons cost nothing.
    """
    _, _, value, power, denominator, terms, weight, above, below, _, offset, base, _ = numbers

    @inlined
    def differences(x, point, steps, out, values, n, first, last, args):
        center, wrote, with_value = 0.0, False, value() and first == 0
        if base() >= 0 or with_value:
            center = float(evaluate(x, point, args, n))
        if with_value:
            values[n, 0] = center
        for r in range(first, last):
            saved, h, total = x[r], steps[r], 0.0
            for q in range(terms()):
                x[r] = moved = saved + offset(above(q)) * h
                difference = float(evaluate(x, point, args, n))
                wrote |= changed(x[r], moved)
                if base() >= 0:
                    difference -= center
                else:
                    x[r] = moved = saved + offset(below(q)) * h
                    difference -= float(evaluate(x, point, args, n))
                    wrote |= changed(x[r], moved)
                total += weight(q) * difference
            x[r] = saved
            divisor = denominator()
            for _ in range(power()):
                divisor *= h
            out[n, r] = total / divisor
        return wrote

    return differences


@cache  # compiled once for all functions
def step_filler(numbers: Numbers, uniform: bool) -> Any:
    """The steps of directions [first, last): all of them before the first call of f, which overlaps their latencies.

    Returns whether one of them vanishes beside its coordinate.
    """
    rule, size_at = numbers.rule, one_size if uniform else own_size

    @inlined
    def fill(steps, x, sizes, n, first, last):
        vanished = False
        if rule() != NONE:
            for r in range(first, last):
                steps[r] = step_at(rule(), x[r], size_at(sizes, n, r))
                if rule() in (ABSOLUTE, RELATIVE):
                    vanished |= steps[r] == 0.0
        return vanished

    return fill


def launch(address, source, sizes, out, values, start, stop, size, shape, args):
    """The two loops below, from Python."""
    return call_at(address, (source, sizes, out, values, start, stop, size, shape, args))


def over_points(differences: Any, fill: Any, numbers: Numbers, grid: bool) -> Any:
    """Items are points, the dimension is small and known to LLVM: loops unroll and the point lives in registers.

    For sin(x0*x1) that is 31 against 47 ms with a dimension known only at run time; by hand 29. Loading a row where it
    is used instead of at the end of the turn before is 2 of these milliseconds.
    """
    place = _place_node if grid else place_row
    known = numbers.dimension

    @part
    def kernel(source, sizes, out, values, start, stop, size, shape, args):
        dimension = known()
        x, steps, original = stack_array(dimension, 8), stack_array(dimension, 8), stack_array(dimension, 8)
        node, vanished, wrote = np.empty(dimension, dtype=np.int64), False, False
        if grid:
            place(source, start, node, x)
        for n in range(start, stop):
            if not grid:
                place(source, n, node, x)
            for i in range(dimension):
                original[i] = x[i]
            vanished |= fill(steps, x, sizes, n, 0, dimension)
            wrote |= differences(x, x, steps, out, values, n, 0, dimension, args)
            for i in range(dimension):
                wrote |= changed(x[i], original[i])
            if grid and n + 1 < stop:
                _next_node(source, node, x)
        return VANISHED * vanished + WROTE * wrote

    return kernel


def over_directions(differences: Any, fill: Any, grid: bool, vector: bool) -> Any:
    """Items are (point, direction) pairs, so that one large point spreads over threads like many points."""
    place = _place_node if grid else place_row
    view = _as_it_is if vector else reshaped

    @part
    def kernel(source, sizes, out, values, start, stop, dimension, shape, args):
        x, original, steps = np.empty(dimension), np.empty(dimension), np.empty(dimension)
        node, point, directions = np.empty(x.size, dtype=np.int64), view(x, shape), dimension
        vanished, wrote = False, False
        for n in range(start // directions, (stop - 1) // directions + 1):
            place(source, n, node, x)
            first, last = max(start - n * directions, 0), min(stop - n * directions, directions)
            for i in range(dimension):  # original[:] = x would compile 1.6 s longer, for the text of an error
                original[i] = x[i]
            vanished |= fill(steps, x, sizes, n, first, last)
            wrote |= differences(x, point, steps, out, values, n, first, last, args)
            for i in range(dimension):
                wrote |= changed(x[i], original[i])
        return VANISHED * vanished + WROTE * wrote

    return kernel

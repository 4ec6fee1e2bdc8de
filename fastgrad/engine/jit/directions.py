"""The loop of the jit engine for tables of any directions and for an f that returns arrays.

Gradients have loops of their own: a direction that moves one coordinate and makes one number needs no buffers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import types

from .kernels import inlined, part, pasted
from .linking import call_at
from .loops import VANISHED, WROTE, changed, place_row, stack_array
from .numbers import Numbers

# What a kernel returns besides: outputs of f that differ in size.
RESIZED = 4


@inlined
def _store_number(values, place, size, value):
    values[place] = float(value)
    return False


@inlined
def _store_vector(values, place, size, value):
    if len(value) != size:
        return True
    for m in range(size):
        values[place * size + m] = float(value[m])
    return False


@inlined
def store_array(values, place, size, value):
    if value.size != size:
        return True
    for m in range(size):
        values[place * size + m] = float(value.flat[m])
    return False


def storing(returns: Any) -> Any:
    """What copies a value of f into a buffer, and whether its size differs; None for a type that cannot be copied."""
    real = lambda element: isinstance(element, (types.Float, types.Integer, types.Boolean))
    return fitting(returns, _store_number, _store_vector, store_array, real)


def fitting(returns: Any, number: Any, vector: Any, array: Any, is_known: Callable[[Any], bool]) -> Any:
    """The one of three that takes what f returns; None where its numbers are of no type that is known."""
    if isinstance(returns, types.Array):
        return vector if returns.ndim == 1 else array
    element = getattr(returns, "dtype", None) if isinstance(returns, (types.UniTuple, types.List)) else returns
    if not is_known(element):
        return None
    return number if element is returns else vector


@inlined
def _move_axes(x, saved, expected, units, signs, first, last, k, steps, vs, n):
    for p in range(first, last):
        i = units[p]
        x[i] = saved[i] + signs[p] * k * steps[i]
        expected[i] = x[i]


@inlined
def _move_all(x, saved, expected, units, signs, first, last, k, steps, vs, n):
    """Coordinates in which v is 0 keep their bits, -0.0 too; v is the last of the units."""
    dimension = x.size
    for c in range(dimension):
        x[c] = saved[c]
    for p in range(first, last):
        i, far = units[p], signs[p] * k * steps[units[p]]
        if i < dimension:
            x[i] += far
        else:
            for c in range(dimension):
                if vs[n, c] != 0.0:
                    x[c] += far * vs[n, c]
    for c in range(dimension):
        expected[c] = x[c]


@inlined
def _restore_axes(x, saved, units, first, last):
    """Only what was moved: what f wrote elsewhere stays to be seen."""
    for p in range(first, last):
        x[units[p]] = saved[units[p]]


@inlined
def _copy(x, saved, units, first, last):
    for c in range(x.size):
        x[c] = saved[c]


@inlined
def _wrote_axes(x, expected, units, first, last):
    wrote = False
    for p in range(first, last):
        wrote |= changed(x[units[p]], expected[units[p]])
    return wrote


@inlined
def _wrote_all(x, expected, units, first, last):
    wrote = False
    for c in range(x.size):
        wrote |= changed(x[c], expected[c])
    return wrote


def _moving(along_v: bool) -> tuple[Any, Any, Any]:
    """What moves x, says whether f wrote into it, and puts it back."""
    return (_move_all, _wrote_all, _copy) if along_v else (_move_axes, _wrote_axes, _restore_axes)


@part
def _combine(table, sums, steps, out, n):
    """`Table.combine` at one point."""
    parts, factors, divisors, scale = table
    for k in range(parts.shape[0]):
        divisor = 1.0
        for q in range(divisors.shape[1]):
            divisor *= steps[divisors[k, q]]
        divisor *= scale[k]
        for m in range(sums.shape[1]):
            total = sums[parts[k, 0], m] * factors[k, 0]
            for q in range(1, parts.shape[1]):
                total += sums[parts[k, q], m] * factors[k, q]
            out[n, m, k] = total / divisor


@cache  # compiled once for all functions
def term_sums(numbers: Numbers) -> Any:
    """What sums the terms of a stencil, of all outputs in direction r."""
    terms, weight, above, below = numbers.terms, numbers.weight, numbers.above, numbers.below

    @inlined
    def sum_terms(values, sums, r, outputs):
        for m in range(outputs):
            total = 0.0
            for q in range(terms()):
                total += weight(q) * (values[above(q) * outputs + m] - values[below(q) * outputs + m])
            sums[r, m] = total

    return sum_terms


def launch_tables(
    at, source, sizes, units, signs, starts, table, vs, ts, sums, out, start, stop, first, last, finish, shape, args
):  # fmt: skip
    """The loop below, from Python."""
    given = (source, sizes, units, signs, starts, table, vs, ts, sums, out, start, stop, first, last, finish)
    return call_at(at, (*given, shape, args))


@inlined
def _heap_array(size, capacity):
    """As `stack_array`, of any size."""
    return np.empty(size)


def _with_buffers(evaluate: Any, store: Any, numbers: Numbers, fill: Any, along_v: bool) -> Any:
    """The loops of `over_tables`. Arrays that they hand on at each turn are counted, which takes a sixth longer."""
    base, offset, count, uses_base = numbers.base, numbers.offset, numbers.samples, numbers.uses_base
    (move, wrote, restore), sum_terms = _moving(along_v), term_sums(numbers)

    @pasted
    def loops(buffers, rows, point, outputs, args):
        source, sizes, units, signs, starts, table, vs, ts, sums, out, start, stop, first, last, finish = rows
        (x, original, saved, expected, steps, values, node), saw, vanished = buffers, 0, False
        for n in range(start, stop):
            place_row(source, n, node, x)
            _copy(original, x, units, 0, 0)
            vanished |= fill(steps, x, sizes, n, 0, x.size)
            steps[x.size] = ts[n] if along_v else 1.0
            if uses_base() and first < last:
                saw |= RESIZED * store(values, base(), outputs, evaluate(x, point, args, n))
            for r in range(first, last):
                here, end = starts[r], starts[r + 1]
                _copy(saved, x, units, 0, 0)
                for e in range(count()):
                    if e != base():
                        move(x, saved, expected, units, signs, here, end, offset(e), steps, vs, n)
                        saw |= RESIZED * store(values, e, outputs, evaluate(x, point, args, n))
                        saw |= WROTE * wrote(x, expected, units, here, end)
                restore(x, saved, units, here, end)
                sum_terms(values, sums, r, outputs)
            if finish:
                _combine(table, sums, steps, out, n)
            saw |= WROTE * _wrote_all(x, original, units, 0, 0)
        return saw | VANISHED * vanished

    return loops


def over_tables(
    evaluate: Any, store: Any, numbers: Numbers, fill: Any, along_v: bool, view: Any, small: bool, capacity: int
) -> Any:
    """Directions [first, last) at points [start, stop): sums[r, m], and, with `finish`, the table's outputs from them.

    A chunk of one large point leaves its sums to the chunk that is finished last. Rows are read by two indices: each
    slice would count references, atomically, which takes ten times as long as a small f. For the same reason, and to
    unroll loops, arrays of a `small` dimension are on the stack: a Hessian of sin(x0*x1) in a fifth of the time. The
    stencil has at most `capacity` samples.
    """
    count, known, number = numbers.samples, numbers.dimension, store is _store_number
    loops = _with_buffers(evaluate, store, numbers, fill, along_v)
    made, kept = (stack_array if fits else _heap_array for fits in (small, number))

    @part
    def kernel(
        source, sizes, units, signs, starts, table, vs, ts, sums, out, start, stop, first, last, finish, shape, args
    ):  # fmt: skip
        dimension, outputs = known() if small else source.shape[1], 1 if number else sums.shape[1]
        x, original, saved, expected = made(dimension, 8), made(dimension, 8), made(dimension, 8), made(dimension, 8)
        steps, values, node = made(dimension + 1, 9), kept(count() * outputs, capacity), np.empty(0, np.int64)
        if not number:
            values[:] = 0.0
        buffers = x, original, saved, expected, steps, values, node
        rows = source, sizes, units, signs, starts, table, vs, ts, sums, out, start, stop, first, last, finish
        return loops(buffers, rows, view(x, shape), outputs, args)

    return kernel


def launch_values(address, source, out, outputs, start, stop, shape, args):
    """The loop below, from Python."""
    return call_at(address, (source, out, outputs, start, stop, shape, args))


def over_values(evaluate: Any, store: Any, numbers: Numbers, view: Any, small: bool) -> Any:
    """f itself at points [start, stop), `outputs` numbers each; returns whether their number differs."""
    known = numbers.dimension

    @part
    def kernel(source, out, outputs, start, stop, shape, args):
        x = stack_array(known(), 8) if small else np.empty(source.shape[1])
        node, point, resized = np.empty(0, np.int64), view(x, shape), False
        for n in range(start, stop):
            place_row(source, n, node, x)
            resized |= store(out, n, outputs, evaluate(x, point, args, n))
        return resized

    return kernel

"""The loop of the jit engine for tables of any directions and for an f that returns arrays.

Gradients have loops of their own: a direction that moves one coordinate and makes one number needs no buffers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from ..stencils import Stencil
from .loops import VANISHED, WROTE, _changed, _place_row, inlined, njit, part

# What a kernel returns besides: outputs of f that differ in size.
RESIZED = 4


@inlined
def _store_number(target, value):
    target[0] = float(value)
    return False


@inlined
def _store_vector(target, value):
    if len(value) != target.size:
        return True
    for m in range(target.size):
        target[m] = float(value[m])
    return False


@inlined
def _store_array(target, value):
    if value.size != target.size:
        return True
    for m in range(target.size):
        target[m] = float(value.flat[m])
    return False


def storing(returns: Any) -> Any:
    """What copies a value of f into a buffer, and whether its size differs; None for a type that cannot be copied."""
    if isinstance(returns, types.Array):
        return _store_vector if returns.ndim == 1 else _store_array
    element = getattr(returns, "dtype", None) if isinstance(returns, (types.UniTuple, types.List)) else returns
    if not isinstance(element, (types.Float, types.Integer, types.Boolean)):
        return None
    return _store_number if element is returns else _store_vector


@inlined
def _move_axes(x, saved, expected, i, j, a, b, k, steps, vs, n):
    x[i] = saved[i] + a * k * steps[i]
    expected[i] = x[i]
    if j >= 0:
        x[j] = saved[j] + b * k * steps[j]
        expected[j] = x[j]


@inlined
def _move_all(x, saved, expected, i, j, a, b, k, steps, vs, n):
    """Coordinates in which v is 0 keep their bits, -0.0 too; v is the last of the units."""
    dimension = x.size
    last = i if j < 0 else j
    sign = a if j < 0 else b
    for c in range(dimension):
        moved = saved[c]
        if j >= 0 and c == i:
            moved += a * k * steps[c]
        if last == dimension and vs[n, c] != 0.0:
            moved += sign * k * steps[dimension] * vs[n, c]
        x[c] = moved
        expected[c] = moved


@inlined
def _wrote_axes(x, expected, i, j):
    return _changed(x[i], expected[i]) or (j >= 0 and _changed(x[j], expected[j]))


@inlined
def _wrote_all(x, expected, i, j):
    wrote = False
    for c in range(x.size):
        wrote |= _changed(x[c], expected[c])
    return wrote


@inlined
def _no_steps(steps, x, sizes, axes, n, first, last):
    return False


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


def _sampling(evaluate: Any, store: Any, along_v: bool) -> Any:
    """f at a point moved by k steps along a direction, into a buffer; returns what it saw."""
    move, wrote = (_move_all, _wrote_all) if along_v else (_move_axes, _wrote_axes)

    @inlined
    def sample(target, x, point, saved, expected, i, j, a, b, k, steps, vs, n, args):
        move(x, saved, expected, i, j, a, b, k, steps, vs, n)
        resized = store(target, evaluate(x, point, args))
        return RESIZED * resized + WROTE * wrote(x, expected, i, j)

    return sample


def over_tables(evaluate: Any, store: Any, formula: Stencil, fill: Any, uses_base: bool, along_v: bool, view: Any) -> Any:
    """Directions [first, last) at points [start, stop): sums[r, m], and, with `finish`, the table's outputs from them.

    A chunk of one large point leaves its sums to the chunk that is finished last. Rows are read by two indices: each
    slice would count references, atomically, on all threads, which is ten times the work of a small f.
    """
    numbers = tuple(float(c) for c, _, _ in formula.terms)
    above = tuple(float(formula.offsets[a]) for _, a, _ in formula.terms)
    below = tuple(float(formula.offsets[b]) for _, _, b in formula.terms)
    count, centered = len(numbers), formula.base >= 0
    sample = _sampling(evaluate, store, along_v)
    fill = fill or _no_steps

    @njit
    def kernel(source, sizes, moves, signs, table, vs, ts, sums, out, start, stop, first, last, finish, shape, args):
        dimension, outputs, saw, vanished = source.shape[1], sums.shape[1], 0, False
        x, original = np.empty(dimension), np.empty(dimension)
        saved, expected, steps = np.empty(dimension), np.empty(dimension), np.empty(dimension + 1)
        axes, node, point = np.arange(dimension), np.empty(0, np.int64), view(x, shape)
        one, other = np.zeros(outputs), np.zeros(outputs)
        for n in range(start, stop):
            _place_row(source, n, node, x)
            for c in range(dimension):
                original[c] = x[c]
            vanished |= fill(steps, x, sizes, axes, n, 0, dimension)
            steps[dimension] = ts[n] if along_v else 1.0
            if uses_base and first < last:
                saw |= RESIZED * store(other, evaluate(x, point, args))
            for r in range(first, last):
                i, j, a, b = moves[r, 0], moves[r, 1], float(signs[r, 0]), float(signs[r, 1])
                for c in range(dimension):
                    saved[c] = x[c]
                for m in range(outputs):
                    sums[r, m] = 0.0
                for q in range(count):
                    saw |= sample(one, x, point, saved, expected, i, j, a, b, above[q], steps, vs, n, args)
                    if not centered:
                        saw |= sample(other, x, point, saved, expected, i, j, a, b, below[q], steps, vs, n, args)
                    for m in range(outputs):
                        sums[r, m] += numbers[q] * (one[m] - other[m])
                for c in range(dimension):
                    x[c] = saved[c]
            if finish:
                _combine(table, sums, steps, out, n)
            for c in range(dimension):
                if _changed(x[c], original[c]):
                    saw |= WROTE
        return saw | VANISHED * vanished

    return kernel

"""What a program's values depend on: what moves with a coordinate, and which pairs of coordinates mix.

Sets of indices, not masks of D bits: those of 80 000 nodes take 100 MB at D = 10 000, of which a chain uses nothing.
"""

from __future__ import annotations

from itertools import chain, compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .program import BOOLEAN, SUMS, Operand, Program

Support = frozenset[int]

LARGEST = 10_000_000  # entries of sets; those of a running sum at D = 4 500. A second or two, and half a gigabyte
_NOTHING: Support = frozenset()


class DenseError(ValueError):
    """Too much depends on too much to be called sparse."""


def coordinates(program: Program, still: frozenset[int] = frozenset()) -> list[int]:
    """The coordinates on which each node depends, as bits: for short programs. Some nodes may stay still."""
    found: list[int] = []
    for j, (_, *operands) in enumerate(program.nodes):
        bits = 0
        for tag, k in operands if j not in still else ():
            bits |= found[int(k)] if tag == "v" else 1 << int(k) if tag == "x" else 0
        found.append(bits)
    return found


def supports(program: Program) -> list[Support]:
    """The coordinates on which each node depends; equal sets are mostly one object.

    Raises
    ------
    DenseError
    """
    found: list[Support] = []
    made = 0
    singles = [frozenset((i,)) for i in range(program.inputs)]
    for _, *operands in program.nodes:
        support = _NOTHING
        for tag, k in operands:
            if tag in "vx":
                more = found[k] if tag == "v" else singles[k]
                if more <= support:
                    continue
                if not support <= more:
                    more |= support
                    made += len(more)
                support = more
        if made > LARGEST:
            msg = (
                f"f's values depend on more than {LARGEST:,} coordinates in all, too many for a sparse matrix: "
                "use fastgrad.jacobian or fastgrad.hessian, or pass pattern="
            )
            raise DenseError(msg)
        found.append(support)
    return found


def support_of(operand: Operand, found: list[Support]) -> Support:
    """The coordinates on which an operand depends."""
    tag, k = operand
    return found[int(k)] if tag == "v" else frozenset((int(k),)) if tag == "x" else _NOTHING


def mixing(program: Program, found: list[Support]) -> set[tuple[Support, Support]]:
    """Pairs of sets: each coordinate of the first may have a second derivative with each of the second.

    Sums mix nothing, products only factor with factor; all else mixes everything that it depends on, also where it is
    linear piece by piece.
    """
    mixed = set()
    for name, *operands in program.nodes:
        if name in BOOLEAN or name in SUMS:
            continue
        parts = [support_of(o, found) for o in operands]
        if name in {"*", "/"}:
            mixed.add((parts[0], parts[1]))
        if name == "/":
            mixed.add((parts[1], parts[1]))
        elif name != "*":
            whole = _NOTHING.union(*parts)
            mixed.add((whole, whole))
    return {(a, b) for a, b in mixed if a and b}


def mixed_pairs(mixed: set[tuple[Support, Support]], dimension: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The pairs i <= j in order.

    Raises
    ------
    DenseError
    """
    total = sum(len(a) * len(b) for a, b in mixed)
    if total > LARGEST:
        msg = (
            f"f mixes its coordinates in more than {LARGEST:,} pairs, too many for a sparse Hessian: "
            "use fastgrad.hessian, or pass pattern= if most of them are 0"
        )
        raise DenseError(msg)
    each = chain.from_iterable(
        (i * dimension + j if i <= j else j * dimension + i for i in a for j in b) for a, b in mixed
    )
    keys = np.unique(np.fromiter(each, dtype=np.int64, count=total))
    return keys // dimension, keys % dimension


def terms(program: Program) -> dict[int, float]:
    """The nodes of which the first output is a linear combination, apart from single coordinates; and their factors."""
    tag, root = program.outputs[0]
    factors = {int(root): 1.0} if tag == "v" else {}
    for j in range(len(program.nodes) - 1, -1, -1):
        passed = _passed(program, j, factors[j]) if j in factors else None
        if passed is not None:
            del factors[j]
            for (kind, k), factor in passed:
                if kind == "v":
                    factors[k] = factors.get(k, 0.0) + factor
    return factors


def _passed(program: Program, j: int, factor: float) -> list[tuple[Any, float]] | None:
    """The operands of a sum, a difference or a multiple with their factors; None of what is not linear."""
    name, *operands = program.nodes[j]
    if name == "+":
        return [(operands[0], factor), (operands[1], factor)]
    if name in {"-", "neg"}:
        return list(zip(operands, (-factor,) if name == "neg" else (factor, -factor), strict=True))
    if name == "*" and operands[0][0] in "ck":
        operands.reverse()
    if name in {"*", "/"} and operands[1][0] in "ck":
        number = _number(program, operands[1])
        with np.errstate(all="ignore"):
            return [(operands[0], float(np.multiply(factor, number) if name == "*" else np.divide(factor, number)))]
    return None


def _number(program: Program, operand: Operand) -> float:
    tag, value = operand
    return program.constants[int(value)] if tag == "c" else float(value)


def live(program: Program) -> list[int]:
    """The nodes that the outputs need, in order."""
    nodes = program.nodes
    needed = [False] * len(nodes)
    for tag, k in program.outputs:
        if tag == "v":
            needed[int(k)] = True
    for j in range(len(nodes) - 1, -1, -1):
        if needed[j]:
            node = nodes[j]
            (tag, k), (other, n) = node[1], node[-1]  # mostly all; a loop over them takes a third longer
            if tag == "v":
                needed[k] = True
            if other == "v":
                needed[n] = True
            for tag, k in node[2:-1] if len(node) > 3 else ():
                if tag == "v":
                    needed[k] = True
    return [*compress(range(len(nodes)), needed)]

"""A program run by NumPy: all nodes of one operation whose operands are there, at many points, in one call.

For programs too long to compile: 80 000 nodes of a sum of 20 000 terms are 20 calls of NumPy.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..formulas.steps import power_of_two_below
from .dependence import live
from .entries import ENTRY, of_table
from .program import WRITTEN, ZERO, Operand, Program

Array = NDArray[np.float64]
Picks = slice | NDArray[np.intp]


OF_ARRAYS: dict[str, Callable[..., Any]] = WRITTEN | {
    "power": power_of_two_below,
    "and": np.logical_and,
    "or": np.logical_or,
    "not": np.logical_not,
    "xor": np.logical_xor,
    "select": np.where,
    "tofloat": np.positive,
}
"""The operations on arrays; masks are 1.0 and 0.0."""

# As functions that write where they are told to, which of 400 numbers takes a third of the time less.
_WRITING: dict[str, Callable[..., Any]] = OF_ARRAYS | {
    "+": np.add, "-": np.subtract, "*": np.multiply, "neg": np.negative, "lt": np.less, "le": np.less_equal,
    "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal,
}  # fmt: skip


@dataclass(frozen=True)
class Schedule:
    """Steps that fill a column of values per point.

    Attributes
    ----------
    inputs : int
        The first rows are the coordinates and what lies beside them ...
    fixed : ndarray
        ... the next ones numbers of the program ...
    slots : ndarray
        ... or of its constants, whose numbers these are; -1 for others.
    size : int
        The number of rows.
    steps : list of (function, slice, list of slices or index arrays)
        ``values[rows] = function(*(values[picks] for picks in operands))``; a ufunc writes there itself.
    wanted : slice or ndarray
        The rows to return.
    """

    inputs: int
    fixed: Array
    slots: NDArray[np.intp]
    size: int
    steps: list[tuple[Callable[..., Any], slice, list[Picks]]]
    wanted: Picks

    @property
    def operations(self) -> int:
        """How many nodes of the program are computed."""
        return sum(target.stop - target.start for _, target, _ in self.steps)

    def values(self, points: Array, constants: Sequence[float] = ()) -> Array:
        """The wanted values (K, P) at points in columns; perhaps with other constants than the program's."""
        count = points.shape[1]
        rows = np.empty(self.size if count == 1 else (self.size, count))  # of one point in half the time
        rows[: self.inputs] = points[:, 0] if count == 1 else points
        if len(self.fixed):
            fixed = self.fixed
            if len(constants):
                fixed = np.where(self.slots < 0, fixed, np.asarray(constants)[self.slots])
            rows[self.inputs : self.inputs + len(fixed)] = fixed if count == 1 else fixed[:, None]
        with np.errstate(all="ignore"):
            for function, target, operands in self.steps:
                if type(function) is np.ufunc:
                    function(*[rows[picks] for picks in operands], out=rows[target])
                else:
                    rows[target] = function(*[rows[picks] for picks in operands])
        found: Array = rows[self.wanted].reshape(-1, count)
        return found


def schedule(program: Program) -> Schedule:
    """The steps that compute a program's outputs."""
    places = _Places(program)
    inputs, slots = program.inputs + program.rows, list[int]()
    needed = live(program)
    fixed: list[float] = []
    batches, constants = _batches(program, needed)
    for operand in constants:
        places[operand] = inputs + len(fixed)
        slots.append(int(operand[1]) if operand[0] == "c" else -1)
        fixed.append(program.constants[int(operand[1])] if operand[0] == "c" else float.fromhex(operand[1]))
    start = inputs + len(fixed)
    steps = []
    for name, nodes in batches:
        stop = start + len(nodes)
        for place, j in enumerate(nodes, start):
            places.nodes[j] = place
        _, *columns = zip(*[program.nodes[j] for j in nodes], strict=True)
        if name == ENTRY:
            (_, table), *_ = columns.pop(0)
        function = of_table(table) if name == ENTRY else _WRITING[name]
        steps.append((function, slice(start, stop), [places.of(column) for column in columns]))
        start = stop
    return Schedule(inputs, np.array(fixed), np.array(slots, np.intp), start, steps, places.of(program.outputs))


class _Places(dict[Any, int]):
    """The rows of operands; those of literals by their bits, and by themselves but for 0; those of nodes in a list."""

    def __init__(self, program: Program) -> None:
        self.nodes = [0] * len(program.nodes)
        self.update({("x", i): i for i in range(program.inputs)})
        self.update({("b", i): program.inputs + i for i in range(program.rows)})

    def __missing__(self, operand: Operand) -> int:
        found = self[_key(operand)]
        if operand[1]:
            self[operand] = found
        return found

    def of(self, operands: Sequence[Operand]) -> Picks:
        """A slice where rows follow each other, which takes a tenth of the time."""
        nodes = self.nodes
        numbers = [nodes[o[1]] if o[0] == "v" else self[o] for o in operands]
        if numbers and numbers[-1] - numbers[0] == len(numbers) - 1:
            whole = range(numbers[0], numbers[-1] + 1)
            if numbers == [*whole]:
                return slice(whole.start, whole.stop)
        return np.array(numbers, dtype=np.intp)


def _key(operand: Operand) -> tuple[str, Any]:
    """An operand by its bits: 0.0 and -0.0 are equal."""
    tag, value = operand
    return (tag, float(value).hex()) if tag == "k" else operand


def _batches(program: Program, needed: list[int]) -> tuple[list[tuple[str, list[int]]], Iterable[tuple[str, Any]]]:
    """The nodes of one name that have equally many others below them, level by level; and the numbers that are read.

    Entries table by table. Literals by their bits.
    """
    level = [0] * len(program.nodes)
    batches: defaultdict[tuple[int, str, bytes], list[int]] = defaultdict(list)
    read = list[Operand]()
    nodes = program.nodes
    for j in needed:
        node, below = nodes[j], 0
        first, last = node[1], node[-1]  # mostly all; a loop over them takes twice as long
        if first[0] == "v":
            below = level[first[1]]
        if last[0] == "v" and level[last[1]] > below:
            below = level[last[1]]
        if len(node) > 3:
            below = max(below, *[level[k] for tag, k in node[2:-1] if tag == "v"], 0)
            read += [o for o in node[2:-1] if o[0] in "ck"]
        if first[0] in "ck":
            read.append(first)
        if last[0] in "ck":
            read.append(last)
        level[j] = below + 1
        batches[below, node[0], node[1][1] if node[0] == ENTRY else b""].append(j)
    read += [o for o in program.outputs if o[0] in "ck"]
    zeros = [o for o in read if o == ZERO]  # of both signs
    numbers = dict.fromkeys(map(_key, (*dict.fromkeys(read), *zeros)))
    return [(key[1], batches[key]) for key in sorted(batches)], numbers

"""Which sides of a branch points of a call take: of a function with very many ways through it only these are traced."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..program import Operand
from ..schedule import OF_ARRAYS
from .symbols import Trace

Array = NDArray[np.float64]


Supposed = list[tuple[Operand, bool]]


class Ways(NamedTuple):
    """What a trace has asked a sample: others that give the same answers lead through f the same ways.

    `asked` are what was known, the mask in question, and which sides of it are taken.
    """

    nodes: list[tuple[Any, ...]]
    constants: list[float]
    inputs: int
    asked: list[tuple[Supposed, Operand, set[bool]]]

    def are_those_of(self, points: Array) -> bool:
        """Whether these points give the same answers."""
        with np.errstate(all="ignore"):
            sample = PointSample(self, points, self.inputs)
            return all(sample.sides(known, key) == sides for known, key, sides in self.asked)


class PointSample:
    """Points, and the values that the nodes of a trace have there."""

    def __init__(self, trace: Trace | Ways, points: Array, inputs: int) -> None:
        # Columns that lie together, as those of a program that is run: of others NumPy rounds some sines otherwise.
        self._trace, self._columns, self._inputs = trace, np.ascontiguousarray(points.T), inputs
        self._values: list[Array] = []
        self._asked: list[tuple[Supposed, Operand, set[bool]]] = []
        self._known: Supposed = []  # what was known at the last decision ...
        self._here = [np.ones(len(points), dtype=bool)]  # ... and the points that are left by each of it

    @property
    def ways(self) -> Ways:
        """What has been asked so far."""
        return Ways(self._trace.nodes, self._trace.constants, self._inputs, self._asked)

    def sides(self, known: Supposed, key: Operand) -> set[bool]:
        """The sides of a mask that are taken where others are known; both where no point comes by."""
        pairs = zip(known, self._known, strict=False)
        same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
        del self._here[same + 1 :]
        for other, value in known[same:]:
            self._here.append(self._here[-1] & (self._truth(other) == value))
        self._known = list(known)
        truth = self._truth(key)[self._here[-1]]
        sides = {side for side in (True, False) if not truth.size or (truth == side).any()}
        self._asked.append((self._known, key, sides.copy()))
        return sides

    def _truth(self, key: Operand) -> NDArray[np.bool_]:
        nodes = self._trace.nodes
        for name, *operands in nodes[len(self._values) : int(key[1]) + 1]:
            value = OF_ARRAYS[name](*map(self._load, operands))
            self._values.append(np.broadcast_to(np.asarray(value, dtype=np.float64), self._columns.shape[1]))
        truth: NDArray[np.bool_] = self._values[int(key[1])] != 0.0
        return truth

    def _load(self, operand: Operand) -> Any:
        kind, place = operand
        if kind == "k":
            return place
        number = int(place)
        if kind == "c":
            return self._trace.constants[number]
        return self._values[number] if kind == "v" else self._columns[number + self._inputs * (kind == "b")]

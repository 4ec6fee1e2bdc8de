"""Maxima and minima of three and more numbers, written as those of two: numbers that are equal share the derivative."""

from __future__ import annotations

from typing import Any

from .program import BOOLEAN, Operand, Program

_NAMES = frozenset({"max", "min", "fmax", "fmin"})


class Extrema:
    """What belongs to one maximum or minimum of many.

    Python's keeps a NaN that comes first, by a `select` around each, through which derivatives go as if it were not.

    Attributes
    ----------
    inner : set of int
        Nodes that only the next one reads.
    firsts : dict of Operand
        Those selects, with what they select where there is no NaN.
    leaves : dict of list
        The numbers of each outer node.
    """

    def __init__(self, program: Program) -> None:
        self.inner, self.firsts, self.leaves = set[int](), dict[int, Operand](), dict[int, list[Operand]]()
        self._nodes = program.nodes
        if _NAMES.isdisjoint([node[0] for node in program.nodes]):
            return
        self.firsts = {j: node[3] for j, node in enumerate(program.nodes) if self._keeps_first(node)}
        uses = self._uses(program)
        for j, (name, *operands) in enumerate(program.nodes):
            if name in _NAMES:
                found = [leaf for o in operands for leaf in self._leaves_of(o, name, uses)]
                if len(found) > 2:
                    self.leaves[j] = found

    def _keeps_first(self, node: tuple[Any, ...]) -> bool:
        if node[0] != "select":
            return False
        _, mask, kept, other = node
        if mask[0] != "v" or other[0] != "v" or self._nodes[int(mask[1])] != ("isnan", kept):
            return False
        name, *operands = self._nodes[int(other[1])]
        return name in ("fmax", "fmin") and kept in operands

    def _uses(self, program: Program) -> dict[Operand, int]:
        """How often a node is read, by others than comparisons; twice as often by what is no extremum."""
        uses = dict[Operand, int]()
        for j, (name, *operands) in enumerate((*program.nodes, ("", *program.outputs))):
            read = [self.firsts[j]] if j in self.firsts else [] if name in BOOLEAN else operands
            for o in read:
                uses[o] = uses.get(o, 0) + (1 if name in _NAMES or j in self.firsts else 2)
        return uses

    def _leaves_of(self, operand: Operand, name: str, uses: dict[Operand, int]) -> list[Operand]:
        j = int(operand[1]) if operand[0] == "v" else -1
        extremum = self.firsts.get(j, operand)
        k = int(extremum[1]) if j >= 0 else -1
        if k < 0 or self._nodes[k][0] != name or uses[operand] != 1 or uses[extremum] != 1:
            return [operand]
        self.inner |= {j, k}
        return self.leaves.pop(k, [*self._nodes[k][1:]])

"""The order of a program's nodes: depth first, each as late as the first output that needs it allows.

So values live briefly, in registers: the gradient of Rosenbrock's function of 1 000 variables runs three times as fast.
What is wanted beside the results, f's value above all, is a sum of what they read: it grows as they come.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Nodes = Sequence[tuple[Any, ...]]


def depth_first(nodes: Nodes, outputs: Sequence[Any], results: int) -> list[int]:
    """Numbers of the nodes that outputs need; what only those after the first `results` need comes when it can."""
    order: dict[int, None] = {}
    beside = _UnneededNodes(nodes, outputs, results)
    for operand in outputs[:results]:
        fresh = _visit(nodes, operand, order)
        if beside.readers:
            beside.follow(fresh, order)
    for operand in outputs[results:]:
        _visit(nodes, operand, order)
    return list(order)


def _visit(nodes: Nodes, operand: Any, order: dict[int, None]) -> list[int]:
    """Append the nodes that an operand needs and that are not there; these."""
    fresh = []
    tag, k = operand
    stack = [int(k)] if tag == "v" else []
    while stack:
        j = stack[-1]
        todo = [o for t, o in nodes[j][1:] if t == "v" and o not in order] if j not in order else None
        if todo:
            todo.reverse()
            stack += todo
        else:
            stack.pop()
            if j not in order:
                order[j] = None
                fresh.append(j)
    return fresh


class _UnneededNodes:
    """Nodes that results do not need: `readers` of an operand, and how many operands each waits for."""

    def __init__(self, nodes: Nodes, outputs: Sequence[Any], results: int) -> None:
        self.nodes = nodes
        self.readers: dict[Any, list[int]] = {}
        self.waits: dict[int, int] = {}
        self.there: set[Any] = set()
        if results == len(outputs):
            return
        needed: dict[int, None] = {}
        for operand in outputs[:results]:
            _visit(nodes, operand, needed)
        own = len(needed)
        for operand in outputs[results:]:
            _visit(nodes, operand, needed)
        for j in list(needed)[own:]:
            operands = {o for o in nodes[j][1:] if o[0] in "vxb"}
            self.waits[j] = len(operands)
            for o in operands:
                self.readers.setdefault(o, []).append(j)

    def follow(self, fresh: list[int], order: dict[int, None]) -> None:
        """After some nodes those that wait for no other operand than theirs, and themselves."""
        for j in fresh:
            stack = [("v", j), *reversed(self.nodes[j][1:])]
            while stack:
                operand = stack.pop()
                if operand in self.there or operand[0] not in "vxb":
                    continue
                self.there.add(operand)
                ready = []
                for reader in self.readers.get(operand, ()):
                    self.waits[reader] -= 1
                    if not self.waits[reader] and reader not in order:
                        order[reader] = None
                        ready.append(("v", reader))
                stack += reversed(ready)

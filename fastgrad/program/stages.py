"""A program with sums over tables, cut into stages: nodes, then loops over rows that need them, then the next nodes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .program import Operand, Program


class StageLoop(NamedTuple):
    """One loop: its table, the nodes of a row, in order, and the sums with what is added up."""

    table: int
    nodes: list[int]
    sums: dict[int, Operand]


def stages(program: Program) -> Iterator[tuple[list[int], list[StageLoop]]]:
    """Nodes, and loops that need these and what came before."""
    inside, stage = list[bool](), list[int]()
    for name, *operands in program.nodes:
        reads = [int(k) for tag, k in operands if tag == "v"]
        data = any(tag == "d" for tag, _ in operands) or any(inside[k] for k in reads)
        inside.append(name != "sum" and data)
        stage.append(max((stage[k] for k in reads), default=0) + (name == "sum"))
    for number in range(max(stage, default=0) + 1):
        nodes, loops = list[int](), dict[int, StageLoop]()
        for j, (name, *operands) in enumerate(program.nodes):
            if name == "sum" and stage[j] == number + 1:
                table = int(operands[0][1])
                loops.setdefault(table, StageLoop(table, [], {})).sums[j] = operands[1]
            elif name != "sum" and stage[j] == number and not inside[j]:
                nodes.append(j)
        for loop in loops.values():
            loop.nodes.extend(_of_rows(program, loop.sums, inside))
        yield nodes, [*loops.values()]


def _of_rows(program: Program, sums: dict[int, Operand], inside: list[bool]) -> list[int]:
    found, stack = set[int](), list(sums.values())
    while stack:
        tag, k = stack.pop()
        if tag == "v" and inside[int(k)] and k not in found:
            found.add(int(k))
            stack += program.nodes[int(k)][1:]
    return sorted(found)

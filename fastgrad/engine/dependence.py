"""What of a program has to be computed again when coordinates move."""

from __future__ import annotations

from ..stencils import Table
from .program import Program


def live(program: Program) -> list[int]:
    """The nodes that the outputs need, in order."""
    needed = {int(k) for kind, k in program.outputs if kind == "v"}
    for j in range(len(program.nodes) - 1, -1, -1):
        if j in needed:
            needed.update(int(k) for kind, k in program.nodes[j][1:] if kind == "v")
    return sorted(needed)


def dependents(program: Program) -> list[list[int]]:
    """For each coordinate the live nodes that move with it; one more list for those that move with any."""
    masks: dict[int, int] = {}
    lists: list[list[int]] = [[] for _ in range(program.inputs + 1)]
    for j in live(program):
        mask = 0
        for kind, k in program.nodes[j][1:]:
            mask |= masks[k] if kind == "v" else 1 << k if kind == "x" else 0
        masks[j] = mask
        if mask:
            lists[-1].append(j)
        while mask:
            low = mask & -mask
            lists[low.bit_length() - 1].append(j)
            mask ^= low
    return lists


def operations(program: Program, table: Table) -> int:
    """Nodes to emit for the unrolled form, at most."""
    moves_with = dependents(program)
    per_direction = sum(sum(len(moves_with[u]) for u in units if u >= 0) for units in table.moves.tolist())
    return len(table.stencil.offsets) * per_direction + len(program.nodes)

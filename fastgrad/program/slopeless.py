"""Values that move and whose slope is of no use: f's operation is done at both points, which may take less.

All that read them are computed at both points themselves: what jumps, what has no identity, what is selected by a mask
that moves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from .entries import ENTRY
from .program import BOOLEAN, SUMS, Operand, Program

IDENTITIES = frozenset({"+", "-", "*", "/", "neg", "sqrt", "sum"})
DECIDING = BOOLEAN | {
    "floor", "ceil", "trunc", "rint", "sign", "copysign", "mod", "fmod", "floordiv", "atan2", "fmin", "fmax",
    ENTRY,
}  # fmt: skip
"""Operations that jump; atan2 where its first operand is 0 and the second negative. And those that are deaf to NaN,
which an identity gives where f has none: the mean of 1 / x around 0 does not exist."""

_FREE = frozenset({"*", "/", "select"}) | SUMS


def slopeless(program: Program, nodes: list[int], functions: Collection[str] = ()) -> set[int]:
    """Of nodes that move those whose slope is of no use: all that read them are computed at both points, as exp may be.

    So is a selection by a mask that moves. Huber's loss takes half the operations for it, Lennard-Jones' potential with
    a cutoff 0.4 of the time.
    """
    read = {int(k) for tag, k in program.outputs if tag == "v"}
    there = set(nodes)
    for j in reversed(nodes):
        name, *operands = program.nodes[j]
        passes = name in IDENTITIES or name in functions
        if name == "select":
            passes = operands[0][0] != "v" or operands[0][1] not in there
        if name == "sum" or (passes and j in read):
            read.update([int(k) for tag, k in operands if tag == "v"])
    return {j for j in nodes if j not in read}


def decided(program: Program, nodes: list[int]) -> set[int]:
    """Nodes that move of which f's own are computed at both points, because something is decided by them there.

    To take these takes Newton's method by `while` 0.6 of the time, piecewise potentials and roots of a quadratic 0.8.
    """
    there, found = set(nodes), set[int]()
    for j in reversed(nodes):
        name, *operands = program.nodes[j]
        if name in DECIDING or j in found:
            found.update([int(k) for tag, k in operands if tag == "v" and k in there])
    return found


def at_points(
    program: Program, nodes: list[int], slopeless: Collection[int], coordinates: Iterable[Operand]
) -> set[int]:
    """Of nodes whose slope is of no use those for which f's operation at both points takes less.

    That is 2 operations a node. What is linear in what moves may be many nodes, such as a sum of a thousand terms, of
    which one moves.
    """
    moving = {("v", j) for j in nodes}.union(coordinates)
    chosen, groups = set[int](), dict[int, _Group]()
    for j in nodes:
        name, *operands = program.nodes[j]
        if j in slopeless and name in _FREE:
            moves = [o for o in operands if o in moving]
            if name in SUMS or (name == "*" and len(moves) == 1) or (name == "/" and moves == operands[:1]):
                _Group.join(groups, j, moves, name not in SUMS or len(moves) > 1)
            else:
                chosen.add(j)
    for j in nodes:
        for tag, k in program.nodes[j][1:]:
            if tag == "v" and k in groups and groups.get(j) is not groups[k]:
                groups[k].ends.add(k)
    return chosen.union(*[group.members for group in groups.values() if group.takes_less_at_points()])


class _Group:
    """Nodes that are linear in what moves and read each other; `entering` is what moves, `ends` what others read."""

    def __init__(self, members: set[int], entering: set[Operand], steps: int) -> None:
        self.members, self.entering, self.steps, self.ends = members, entering, steps, set[int]()

    @staticmethod
    def join(groups: dict[int, _Group], j: int, moves: list[Operand], changes: bool) -> None:
        """Put a node into the group of those that it reads; `changes` where its slope is not one of theirs."""
        own = _Group({j}, {o for o in moves if o[0] == "x" or o[1] not in groups}, int(changes))
        for group in {id(groups[int(k)]): groups[int(k)] for tag, k in moves if tag == "v" and k in groups}.values():
            smaller, own = sorted((own, group), key=lambda each: len(each.members))
            own.members |= smaller.members
            own.entering |= smaller.entering
            own.steps += smaller.steps
            groups.update(dict.fromkeys(smaller.members, own))
        groups[j] = own

    def takes_less_at_points(self) -> bool:
        """By slopes a function that enters takes some 6 operations and makes of one number two, slope and distance."""
        functions = sum(tag == "v" for tag, _ in self.entering)
        slopes = 6 * functions + (self.steps + 2 * len(self.ends)) * (2 if functions else 1)
        return 2 * len(self.members) + 2 * (len(self.entering) - functions) < slopes

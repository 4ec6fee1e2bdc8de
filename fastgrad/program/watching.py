"""What a difference does not notice and a subtraction would have: where f's value is not finite."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ..formulas.properties import cached_property
from .code import Code
from .functionchanges import witness
from .poles import DIVISIONS, POLES, before_poles, read_by_value, with_poles
from .program import BOOLEAN, ONE, ZERO, Operand, Program


class ValueWatch:
    """Writes values that are finite where f's are.

    Attributes
    ----------
    points : dict
        Of nodes computed at displaced points one such value.
    moving : collection of int
        Nodes that move with any coordinate.
    functions : collection of str
        Operations whose changes are known.
    """

    def __init__(
        self, code: Code, program: Program, points: Mapping[int, Operand], moving: Collection[int],
        functions: Collection[str],
    ) -> None:  # fmt: skip
        self.code, self.program, self.points, self.functions = code, program, points, functions
        self.moving = moving

    @cached_property
    def poles(self) -> set[int]:
        return with_poles(self.program, set(self.moving))

    @cached_property
    def read(self) -> set[int]:
        return read_by_value(self.program)

    @cached_property
    def exact(self) -> set[int]:
        return before_poles(self.program, self.poles)

    def outputs(self) -> list[Operand]:
        """One value for each output of f, unless that is computed at displaced points: then the results show it."""
        roots = [o for o in self.program.outputs if not (o[0] == "v" and self._shown(int(o[1])))]
        return list(dict.fromkeys(self._of(o) for o in roots if o[0] in "xbvc"))

    def _of(self, operand: Operand) -> Operand:
        """f's own value, in which what was computed at a displaced point stays there.

        sin and exp are not computed once more at x to be watched, but poles are: no displaced point shows them.
        """
        found: dict[Operand, Operand] = {}
        stack = [operand]
        while stack:
            here = stack[-1]
            tag, j = here
            if tag != "v" or self._shown(int(j)) or self.program.nodes[int(j)][0] in BOOLEAN:
                found[stack.pop()] = self.points[int(j)] if tag == "v" and self._shown(int(j)) else self.code.own(here)
                continue
            todo = [o for o in self.program.nodes[int(j)][1:] if o not in found]
            if todo:
                stack += todo
            else:
                found[stack.pop()] = self._seen(int(j), found)
        return found[operand]

    def _shown(self, j: int) -> bool:
        """Whether a node is not finite at displaced points where it is not at x."""
        return (
            j in self.points and j not in self.poles and j not in self.exact and self.program.nodes[j][0] not in BOOLEAN
        )

    def _seen(self, j: int, found: dict[Operand, Operand]) -> Operand:
        """A node of what is found; where that would be a function once more, its value beside x and what it is of."""
        keep, (name, *operands) = self.code.keep, self.program.nodes[j]
        at = [found[o] for o in operands]
        if j not in self.points and j not in self.read and name in self.functions and name != "pow":
            return witness(self.code, name, at[0])
        if name == "sqrt" and at[0] != self.code.own(operands[0]):
            return at[0]  # of several displaced points together it may be negative, where their parts have swapped
        if j not in self.points or j in self.exact or name == "select":
            return keep(name, *at)
        if name in DIVISIONS or name == "pow" or name in POLES:
            return self._seen_pole(name, operands, at)
        total = self.points[j]
        for o, value in zip(operands, at, strict=True):
            is_pole = o[0] == "v" and int(o[1]) in self.poles and self.program.nodes[int(o[1])][0] not in BOOLEAN
            if is_pole:  # of a term of each row in all rows
                total = keep("+", total, self.code.sum(operands[0], value) if name == "sum" else value)
        return total

    def _seen_pole(self, name: str, operands: list[Operand], at: list[Operand]) -> Operand:
        keep = self.code.keep
        if name in DIVISIONS:
            return keep(name, at[0], self.code.own(operands[1]))
        if name == "pow":
            pole = keep("pow", ZERO, at[1])
            return keep("+", keep("select", keep("eq", at[0], ZERO), pole, ONE), keep("+", *at))
        zero = keep("+", at[0], ONE) if name == "log1p" else at[0]
        return keep("/", zero, zero)  # 0 / 0 is where a logarithm is -inf

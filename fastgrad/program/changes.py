"""How changes go through a program: every value at two points beside x, as its mean and its slope.

A value that moves is looked at at two points, p and m, as its mean c and its slope s: p = c + h s, m = c - h s. Sums,
products, quotients and square roots have identities in (c, s) that hold without a condition: the change of a sum is the
sum of the changes of the terms that move, so nearly equal totals are not subtracted, and sums are not summed again.
Where the middle of both points is x, there is also e, the distance of the mean from the value z at x: c = z + h² e, and
F[k] - 2 F[0] + F[-k] = 2 h² e.

Where there is no identity, f's operation is done at both points, as the definition says; and what decides something (a
comparison, a floor) sees f's own operations at the displaced points, with the bits that they have in Python.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from ..formulas.properties import cached_property
from .code import Code
from .program import HALF, ONE, SUMS, ZERO, Operand, Program
from .slopeless import DECIDING, at_points

Shift = Callable[[Operand, Operand], Operand]
Rule = Callable[["DirectionWalk", Operand, list["Moved"], bool], "Moved"]
Rules = Mapping[str, "type[Identity]"]


class Moved:
    """A value along one direction: mean c, slope s, distance e of the mean from the value z, its two points p and m."""

    c: Operand
    s: Operand
    e: Operand

    def __init__(self, walk: DirectionWalk, z: Operand) -> None:
        self.walk, self.code, self.z = walk, walk.code, z

    @cached_property
    def p(self) -> Operand:
        return self._at(self.walk.offsets[0], self.code.add)

    @cached_property
    def m(self) -> Operand:
        return self._at(self.walk.offsets[1], self.code.sub)

    def _at(self, offset: int, shift: Shift) -> Operand:
        """At offset 0 that is x itself."""
        return shift(self.c, self.code.mul(self.walk.h, self.s)) if offset else self.z


class Still(Moved):
    """A value that does not move."""

    def __init__(self, walk: DirectionWalk, z: Operand) -> None:
        super().__init__(walk, z)
        self.c = self.p = self.m = z
        self.s = self.e = ZERO


class Coordinate(Moved):
    """One that moves by `far` a step; where `still` holds it keeps its bits."""

    def __init__(
        self, walk: DirectionWalk, x: Operand, slope: Operand, far: Operand, still: Operand | None = None
    ) -> None:
        super().__init__(walk, x)
        self.s, self.e, self.far, self.still = slope, ZERO, far, still
        middle = sum(walk.offsets) / 2.0
        self.c = self.code.add(x, self.code.mul(("k", middle), far)) if middle else x

    def _at(self, offset: int, shift: Shift) -> Operand:
        code = self.code
        if not offset:
            return self.z
        there = code.add(self.z, code.mul(("k", float(offset)), self.far))
        return code.select(self.still, self.z, there) if self.still else there


class Points(Moved):
    """Computed at both points: no identity. Its slope is for a step of 1, half the distance of these."""

    def __init__(self, walk: DirectionWalk, z: Operand, p: Operand, m: Operand) -> None:
        super().__init__(walk, z)
        self.p, self.m = p, m

    @cached_property
    def s(self) -> Operand:
        return self.code.mul(HALF, self.code.sub(self.p, self.m))

    @cached_property
    def e(self) -> Operand:
        sub = self.code.sub
        return self.code.mul(HALF, self.code.add(sub(self.p, self.z), sub(self.m, self.z)))

    @cached_property
    def c(self) -> Operand:
        return self.code.mul(HALF, self.code.add(self.p, self.m))


class Identity(Moved):
    """A value whose slope and, where they are `wanted`, mean and e follow from those of its operands."""

    @classmethod
    def fits(cls, moving: int) -> bool:
        """Whether they do where so many of these move."""
        return moving > 0

    def __init__(self, walk: DirectionWalk, z: Operand, parts: list[Moved], wanted: bool) -> None:
        super().__init__(walk, z)
        self.write(parts, wanted)

    def write(self, parts: list[Moved], wanted: bool) -> None:
        raise NotImplementedError

    def centre(self) -> None:
        """The mean where the middle is x."""
        self.c = self.code.add(self.z, self.code.mul(self.walk.square, self.e))


class Linear(Identity):
    """A sum, a difference, a sign, a selection by a mask that does not move: each number by the operation itself."""

    def __init__(self, walk: DirectionWalk, z: Operand, parts: list[Moved], wanted: bool, *by: Any) -> None:
        self.by = by  # the operation's name, and the mask or the table
        self.parts = parts
        super().__init__(walk, z, parts, wanted)

    def _at(self, offset: int, shift: Shift) -> Operand:
        """Where one part moves by the operation itself: of 1e17 beside 88 the mean and the slope do not tell 88."""
        moving = sum(not isinstance(part, Still) for part in self.parts)
        if not offset or moving > 1 or self.by[0] == "sum":
            return super()._at(offset, shift)
        side = "p" if offset == self.walk.offsets[0] else "m"
        for part in reversed(self._below(side)):
            getattr(part, side)
        return self.code.apply(*self.by, *[getattr(part, side) for part in self.parts])

    def _below(self, side: str) -> list[Moved]:
        """The sums that this one is of, one of the other, as far as they have no such number: a chain of any length."""
        found, here = list[Moved](), [part for part in self.parts if not isinstance(part, Still)]
        while len(here) == 1 and side not in vars(here[0]):
            found += here
            here = [part for part in getattr(here[0], "parts", ()) if not isinstance(part, Still)]
        return found

    def write(self, parts: list[Moved], wanted: bool) -> None:
        apply, by = self.code.apply, self.by
        self.s = apply(*by, *[part.s for part in parts])
        if not wanted:
            return
        if self.walk.centred:
            self.e = apply(*by, *[part.e for part in parts])
            self.centre()
        else:
            self.c = apply(*by, *[part.c for part in parts])


class Product(Identity):
    def write(self, parts: list[Moved], wanted: bool) -> None:
        (a, b), add, mul = parts, self.code.add, self.code.mul
        self.s = add(mul(a.c, b.s), mul(b.c, a.s))
        if not wanted:
            return
        both = mul(a.s, b.s)
        if self.walk.centred:
            self.e = add(add(mul(a.z, b.e), mul(a.e, b.c)), both)
            self.centre()
        else:
            self.c = add(mul(a.c, b.c), mul(self.walk.square, both))


class Quotient(Identity):
    """y b = a at both points: two equations for the mean and the slope of y.

    Divided by the mean of b first, so that nothing overflows that y does not: b * b does at 1e155, and the slope would
    be 0 without a word. Centred, y = z + h² e, they are those of (y - z) b = a - z b.
    """

    def write(self, parts: list[Moved], wanted: bool) -> None:
        a, b = parts
        if b.s == ZERO and (not self.walk.centred or b.e == ZERO):
            self._by_a_fixed_number(a, b.c)
        elif self.walk.centred:
            self._centred(a, b)
        else:
            self._anywhere(a, b)

    def _by_a_fixed_number(self, a: Moved, b: Operand) -> None:
        div = self.code.div
        self.s = div(a.s, b)
        if self.walk.centred:
            self.e = div(a.e, b)
            self.centre()
        else:
            self.c = div(a.c, b)

    def _centred(self, a: Moved, b: Moved) -> None:
        sub, mul, square = self.code.sub, self.code.mul, self.walk.square
        inverse, ratio, weight = self._divisor(b)
        even = mul(sub(a.e, mul(self.z, b.e)), inverse)
        odd = mul(sub(a.s, mul(self.z, b.s)), inverse)
        self.s = mul(sub(odd, mul(square, mul(even, ratio))), weight)
        self.e = mul(sub(even, mul(odd, ratio)), weight)
        self.centre()

    def _anywhere(self, a: Moved, b: Moved) -> None:
        sub, mul, square = self.code.sub, self.code.mul, self.walk.square
        inverse, ratio, weight = self._divisor(b)
        even, odd = mul(a.c, inverse), mul(a.s, inverse)
        self.s = mul(sub(odd, mul(even, ratio)), weight)
        self.c = mul(sub(even, mul(square, mul(ratio, odd))), weight)

    def _divisor(self, b: Moved) -> tuple[Operand, Operand, Operand]:
        """1 over the mean of b, its slope over its mean r, and 1 over 1 - h² r².

        Where r² overflows that is NaN, so that the point is f's to compute: 0 would make 1e-30 / x flat at 1e-160.
        """
        code = self.code
        inverse = code.div(ONE, b.c)
        ratio = code.mul(b.s, inverse)
        return inverse, ratio, code.keep("geometric", code.mul(self.walk.square, code.mul(ratio, ratio)))


class Root(Identity):
    """The roots at both points, and the change of what is under them over their sum."""

    def write(self, parts: list[Moved], wanted: bool) -> None:
        (a,), code = parts, self.code
        self.p, self.m = code.apply("sqrt", a.p), code.apply("sqrt", a.m)
        both = code.add(self.p, self.m)
        self.s, self.c = code.div(a.s, both), code.mul(HALF, both)
        if self.walk.centred:
            self.e = code.div(code.sub(a.e, code.mul(self.s, self.s)), code.add(self.c, self.z))


class DirectionWalk:
    """All values along one direction, for one pair of points.

    Attributes
    ----------
    offsets : (int, int)
        Where p and m are, in steps.
    h, square : operands
        What slopes are multiplied with for half the distance of p and m, and its square.
    centred : bool
        Whether the middle of both is x.
    rules : dict
        What is known of a change by the name of an operation.
    instead : dict
        Nodes whose changes are those of another function, and of what.
    """

    def __init__(
        self, code: Code, program: Program, offsets: tuple[int, int], h: Operand, functions: Rules | None = None,
        instead: Mapping[int, tuple[Rule, tuple[Operand, ...]]] | None = None,
    ) -> None:  # fmt: skip
        self.code, self.program, self.offsets, self.h = code, program, offsets, h
        self.square, self.centred = code.mul(h, h), sum(offsets) == 0
        self.rules = {**_PROPAGATED, **functions} if functions and self.centred else _PROPAGATED
        self.instead = (instead or {}) if self.centred else {}
        self.moved: dict[Operand, Moved] = {}
        self._own: dict[tuple[int, int], Operand] = {}

    def run(
        self, nodes: list[int], wanted: set[int], slopeless: Collection[int] = (), own: Collection[int] = ()
    ) -> None:
        """Follow the coordinates that move, which are set, through the nodes that depend on them.

        Of sums that only sums read nothing but the slope is written, unless they are `wanted`; of `slopeless` nodes,
        where that takes less, only f's operation at both points; and f's `own` at both.
        """
        there = at_points(self.program, nodes, slopeless, self.moved) if slopeless else frozenset()
        for j in reversed(nodes):
            name, *operands = self.program.nodes[j]
            if j not in own and ((name not in SUMS and name != "sum") or j in wanted or j in there):
                read = self.instead[j][1] if j in self.instead else operands
                wanted.update([int(k) for tag, k in read if tag == "v"])
        for j in nodes:
            if j in own:
                self.moved["v", j] = Points(self, self.code.of[j], self.own(j, 0), self.own(j, 1))
            else:
                self.moved["v", j] = self._points(j) if j in there else self._node(j, j in wanted)

    def at(self, operand: Operand) -> Moved:
        """An operand of f's."""
        if operand not in self.moved:
            self.moved[operand] = Still(self, self.code.own(operand))
        return self.moved[operand]

    def _node(self, j: int, wanted: bool) -> Moved:
        name, *operands = self.program.nodes[j]
        z = self.code.of[j]
        if j in self.instead:
            rule, others = self.instead[j]
            return rule(self, z, [self.at(o) for o in others], wanted)
        parts = [self.at(o) for o in operands]
        if name in SUMS:
            return Linear(self, z, parts, wanted, name)
        if name == "sum" or (name == "select" and isinstance(parts[0], Still)):
            return Linear(self, z, parts[1:], wanted, name, parts[0].z)
        if name in self.rules and self.rules[name].fits(sum(not isinstance(part, Still) for part in parts)):
            return self.rules[name](self, z, parts, wanted)
        if name in DECIDING:
            return Points(self, z, self.own(j, 0), self.own(j, 1))
        return self._points(j)

    def _points(self, j: int) -> Points:
        """A node by its operation at both points."""
        name, *operands = self.program.nodes[j]
        parts = [self.at(o) for o in operands]
        p, m = [part.p for part in parts], [part.m for part in parts]
        return Points(self, self.code.of[j], self.code.apply(name, *p), self.code.apply(name, *m))

    def own(self, j: int, side: int) -> Operand:
        """A node by f's own operations, at one of the two points."""
        stack = [j]
        while stack:
            k = stack[-1]
            name, *operands = self.program.nodes[k]
            todo = [int(o[1]) for o in operands if self._moves(o) and (int(o[1]), side) not in self._own]
            if todo:
                stack += todo
            else:
                self._own[k, side] = self.code.keep(name, *[self._own_operand(o, side) for o in operands])
                stack.pop()
        return self._own[j, side]

    def _own_operand(self, operand: Operand, side: int) -> Operand:
        if self._moves(operand):
            return self._own[int(operand[1]), side]
        return self.at(operand).m if side else self.at(operand).p

    def _moves(self, operand: Operand) -> bool:
        """Whether it is a node that moves."""
        return operand[0] == "v" and not isinstance(self.at(operand), Still)


_PROPAGATED: Rules = {"*": Product, "/": Quotient, "sqrt": Root}

"""A table written out as a program: the differences of f along every direction, and what is made of them.

Every term F[a] - F[b] of a stencil is a pair of points, whose difference `changes` propagates. Two things that a
subtraction would have noticed are told to the emitter: `watched` values are not finite where f's value is not (x0 + x1
at (nan, 1) has finite slopes), and `steps` are 0 where a given step vanishes beside x.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

from ..formulas.properties import cached_property
from ..formulas.stencils import Table
from .changes import Coordinate, DirectionWalk, Points, Rule
from .code import Code
from .combination import Combination, Weighted, total
from .dependence import coordinates
from .functionchanges import FUNCTIONS, of_sigmoid
from .invariance import held
from .program import HALF, ONE, ZERO, Operand, Program
from .sigmoids import logarithms
from .slopeless import DECIDING, IDENTITIES, decided, slopeless
from .watching import ValueWatch

MANY = 2_000  # results of which the zeros may be left out

Units = tuple[tuple[int, int], ...]
"""A direction: (unit vector, sign) pairs."""


@dataclass(frozen=True)
class Written:
    """A program whose outputs are a table's results, then f's values, then what is watched, then the steps taken.

    Attributes
    ----------
    program : Program
        Its constants begin with f's, its rows with those of f's batch arguments.
    sizes : int
        How many of the constants are sizes of steps.
    results, values, watched, steps : int
        How many outputs of each kind there are.
    places : tuple of int, optional
        Which of the table's results there are, if those that are 0 whatever x is are left out.
    checked : bool
        Whether anybody wants to know of results that are not finite.
    """

    program: Program
    sizes: int
    results: int
    values: int
    watched: int
    steps: int
    places: tuple[int, ...] | None = None
    checked: bool = True

    @property
    def parts(self) -> tuple[slice, slice, slice, slice]:
        """Where the results, the values, what is watched and the steps are among the outputs."""
        a, b, c = accumulate((self.results, self.values, self.watched))
        return slice(a), slice(a, b), slice(b, c), slice(c, c + self.steps)

    def split(self, outputs: list[str]) -> tuple[list[str], list[str], list[str], list[str]]:
        """The results, the values, what is watched and the steps, of as many things as there are outputs."""
        a, b, c, d = self.parts
        return outputs[a], outputs[b], outputs[c], outputs[d]


@dataclass(frozen=True)
class StepSource:
    """Where steps come from.

    Attributes
    ----------
    rule : str
        As in `formulas.steps.Steps`.
    sizes : {"uniform", "coordinate", "point"}
        One size, a constant after f's; one a coordinate, as many; or a row of them with each point.
    exact : bool
        Whether steps along v are powers of two.
    """

    rule: str = "default"
    sizes: str = "uniform"
    exact: bool = True


DEFAULT = StepSource()


class _TableWriter:
    """Writes a table: the steps, the sums along its directions, the results."""

    def __init__(self, program: Program, table: Table, steps: StepSource) -> None:
        self.program, self.table, self.steps = program, table, steps
        self.code, self.stencil = Code(program), table.stencil
        central = self.stencil.method == "central"
        self.even = self.stencil.derivative % 2 == 0 and central
        self.functions = FUNCTIONS if central else {}
        point = program.inputs if steps.sizes == "point" else 0
        self.first_v = program.rows + point
        self.t: Operand = ("b", self.first_v + program.inputs)
        self.along_v = program.inputs in table.units
        self.rows = self.first_v + (program.inputs + 1 if self.along_v else 0)
        self.places: dict[Operand, list[int]] = {}  # of f's outputs
        for k, operand in enumerate(program.outputs):
            self.places.setdefault(operand, []).append(k)
        self.taken: dict[int, Operand] = {}
        self.points: dict[int, Operand] = {}  # of nodes computed at displaced points one such value

    @cached_property
    def moves_with(self) -> list[list[int]]:
        return dependents(self.program, held(self.program, apart=True) if self.functions else frozenset())

    @cached_property
    def slopeless(self) -> set[int]:
        return slopeless(self.program, self.moves_with[-1], self.functions)

    @cached_property
    def jumps(self) -> bool:
        return any(node[0] == "select" or node[0] in DECIDING for node in self.program.nodes)

    @cached_property
    def instead(self) -> dict[int, tuple[Rule, tuple[Operand, ...]]]:
        return {j: of_sigmoid(self.program, found) for j, found in logarithms(self.program.nodes).items()}

    @property
    def constants(self) -> tuple[float, ...]:
        more = {"uniform": 1, "coordinate": self.program.inputs, "point": 0}[self.steps.sizes]
        return (*self.program.constants, *[0.0] * more)

    def step(self, i: int) -> Operand:
        """The step of a coordinate.

        By default size * max(1, |x|), rounded down to a power of two: here the larger of two such powers, which takes
        three instructions instead of seven.
        """
        if i not in self.taken:
            code, size = self.code, self._size(i)
            if self.steps.rule == "default":
                there, least = code.keep("power", code.mul(size, ("x", i))), code.keep("power", size)
                self.taken[i] = code.keep("select", code.keep("gt", there, least), there, least)
                return self.taken[i]
            x = code.apply("abs", ("x", i))
            if self.steps.rule == "relative":
                size = code.select(code.keep("eq", x, ZERO), size, code.mul(size, x))
            self.taken[i] = code.keep("-", code.keep("+", x, size), x)
        return self.taken[i]

    def _size(self, i: int) -> Operand:
        if self.steps.sizes == "point":
            return ("b", self.program.rows + i)
        return ("c", len(self.program.constants) + (i if self.steps.sizes == "coordinate" else 0))

    def per(self, a: Operand, unit: int) -> Operand:
        """Divided by the step of a unit vector."""
        if a == ZERO:
            return a
        if unit == self.program.inputs:
            return self.code.mul(a, self.code.keep("inverse", self.t)) if self.steps.exact else self.code.div(a, self.t)
        h = self.step(unit)
        return self.code.mul(a, self.code.keep("inverse", h)) if self.steps.rule == "default" else self.code.div(a, h)

    def pairs(self) -> list[tuple[int, int, int]]:
        """(number, offset of p, offset of m): the stencil's terms; of even ones those of F[k] - 2 F[0] + F[-k]."""
        offsets = self.stencil.offsets
        if self.even:
            return [(number, offsets[a], -offsets[a]) for number, a, _ in self.stencil.terms if offsets[a] > 0]
        return [(number, offsets[a], offsets[b]) for number, a, b in self.stencil.terms]

    def along_axis(self, units: Units) -> dict[int, Operand]:
        """The stencil's sum over what it is divided by, for the outputs that move."""
        nodes = self.moving(units)
        slopes = self._are_known(nodes)
        totals = {k: total(self.code, weighted) for k, weighted in self.sums(units, nodes, slopes).items()}
        for _ in range(self.stencil.derivative - (2 if self.even else 1) if slopes else self.stencil.derivative):
            totals = {k: self.per(one, units[0][0]) for k, one in totals.items()}
        return totals

    def _are_known(self, nodes: list[int]) -> bool:
        """Whether all of what moves has an identity."""
        there = set(nodes)
        for j in nodes:
            name, *operands = self.program.nodes[j]
            moving = sum(o[0] == "x" or (o[0] == "v" and o[1] in there) for o in operands)
            if name not in IDENTITIES and not (name in self.functions and self.functions[name].fits(moving)):
                return False
        return True

    def moving(self, units: Units) -> list[int]:
        """The nodes that move along a direction."""
        return sorted({j for unit, _ in units for j in self.moves_with[unit]})

    def sums(self, units: Units, nodes: list[int], slopes: bool = False) -> dict[int, list[Weighted]]:
        """The stencil's sum along a direction, number by number, for the outputs that move."""
        axes = self.table.along_axes
        moving = [k for j in nodes for k in self.places.get(("v", j), ())]
        moving += [k for unit, _ in units for k in self.places.get(("x", unit), ())]
        if self.program.inputs in dict(units):
            moving = [k for k, operand in enumerate(self.program.outputs) if operand[0] in "vx"]
        found = {k: list[Weighted]() for k in moving}
        for number, *offsets in self.pairs():
            half = (offsets[0] - offsets[1]) / 2.0
            walk = self._walk(units, nodes, (offsets[0], offsets[1]), half, slopes)
            scale = half ** (2 if self.even else 1) if slopes else 1.0
            weight = 2.0 * number * scale / (self.stencil.denominator if axes else 1)
            for k, weighted in found.items():
                moved = walk.at(self.program.outputs[k])
                weighted.append((weight, moved.e if self.even else moved.s))
        return found

    def _walk(
        self, units: Units, nodes: list[int], offsets: tuple[int, int], half: float, slopes: bool
    ) -> DirectionWalk:
        """Slopes by the step where all is an identity; else half differences, a slope by a step of 1."""
        code = self.code
        h = code.mul(("k", half), self.step(units[0][0])) if slopes else ONE
        walk = DirectionWalk(code, self.program, offsets, h, self.functions, self.instead)
        for i, (along, guard) in self._far(units).items():
            slope = ("k", float(units[0][1])) if slopes else code.mul(("k", half), along)
            walk.moved["x", i] = Coordinate(walk, ("x", i), slope, along, guard)
        wanted = {int(k) for tag, k in self.program.outputs if tag == "v"} if self.even else set[int]()
        walk.run(nodes, wanted, *(() if slopes else self._free(nodes)))
        for j in nodes:
            moved = walk.moved["v", j]
            if type(moved) is Points and moved.p != moved.m:  # else no result has any of it, as of min(x - x, 1)
                self.points[j] = moved.p
        return walk

    def _free(self, nodes: list[int]) -> tuple[set[int], set[int]]:
        """Nodes whose slope is of no use, without those of which f's own are computed at both points; and these."""
        if not self.jumps:
            return self.slopeless, set()
        free = slopeless(self.program, nodes, self.functions)
        own = decided(self.program, nodes) & free
        return free - own, own

    def _far(self, units: Units) -> dict[int, tuple[Operand, Operand | None]]:
        """How far a direction moves each coordinate; of those that move along v alone, where v is 0."""
        code, inputs, far = self.code, self.program.inputs, dict[int, tuple[Operand, Operand | None]]()
        for unit, sign in sorted(units, reverse=True):  # v first
            for i in range(inputs) if unit == inputs else (unit,):
                along = code.mul(self.t, ("b", self.first_v + i)) if unit == inputs else self.step(unit)
                guard = code.keep("eq", along, ZERO) if unit == inputs else None
                signed = code.mul(("k", float(sign)), along)
                far[i] = (code.add(far[i][0], signed), None) if i in far else (signed, guard)
        return far

    def watched(self) -> list[Operand]:
        """What is finite where f's values are."""
        return ValueWatch(self.code, self.program, self.points, self.moves_with[-1], self.functions).outputs()

    def vanishing(self) -> list[Operand]:
        """What is 0 where a given step is: the steps, or where one is given half of it beside the largest coordinate.

        That may be 0 where no step is: whoever is told looks again. It takes an instruction a coordinate.
        """
        taken, keep = list(self.taken.values()), self.code.keep
        if self.steps.rule != "absolute" or self.steps.sizes != "uniform" or not taken:
            return [] if self.steps.rule == "default" else taken
        largest = ZERO
        for i in self.taken:
            x = keep("abs", ("x", i))
            largest = keep("select", keep("gt", x, largest), x, largest)
        moved = keep("-", keep("+", largest, self.code.mul(HALF, self._size(0))), largest)
        return [keep("select", keep("gt", moved, ZERO), moved, ZERO)]  # beside infinity too, where it is NaN

    def results(self) -> tuple[list[Operand], tuple[int, ...] | None]:
        """Output by output of f, the table's; or of many, most of them 0, the others and their places."""
        if self.table.is_value:
            return [*map(self.code.own, self.program.outputs)], None
        results, places = self._along_axes() if self.table.along_axes else without_zeros(self._combined())
        return [*map(self.code.result, results)], places

    def _along_axes(self) -> tuple[list[Operand], tuple[int, ...] | None]:
        """Without a list of all results, which of 3,000 outputs and variables takes three seconds."""
        along, outputs = [self.along_axis(units) for units in self.table.directions], range(len(self.program.outputs))
        there = {k * len(along) + i: one for i, of in enumerate(along) for k, one in of.items() if one != ZERO}
        if _are_few(len(there), len(along) * len(outputs)):
            places = tuple(sorted(there))
            return [there[place] for place in places], places
        return [of.get(k, ZERO) for k in outputs for of in along], None

    def _combined(self) -> list[Operand]:
        code, table, outputs = self.code, self.table, range(len(self.program.outputs))
        sums, combination = [self.sums(units, self.moving(units)) for units in table.directions], Combination(code)
        found = []
        for k in outputs:
            for parts, factors, divisors, scale in zip(
                table.parts.tolist(), table.factors.tolist(), table.divisors.tolist(), table.scale.tolist(), strict=True
            ):
                one = combination.of([(float(c), sums[r].get(k, [])) for r, c in zip(parts, factors, strict=True) if c])
                for unit in divisors:
                    one = self.per(one, unit)
                exact = scale & (scale - 1) == 0
                found.append(code.mul(("k", 1.0 / scale), one) if exact else code.div(one, ("k", float(scale))))
        return found


def without_zeros(results: list[Operand]) -> tuple[list[Operand], tuple[int, ...] | None]:
    """Results that can be other than 0, and their places, where most of many cannot: 998 of 1 000 of a chain.

    Else all, and None. To store a million zeros one by one takes LLVM minutes.
    """
    if len(results) <= MANY:
        return results, None
    places = tuple(place for place, operand in enumerate(results) if operand != ZERO)
    if not _are_few(len(places), len(results)):
        return results, None
    return [results[place] for place in places], places


def _are_few(some: int, all_of_them: int) -> bool:
    return all_of_them > MANY and 0 < 2 * some <= all_of_them


def dependents(program: Program, still: frozenset[int] = frozenset()) -> list[list[int]]:
    """For each coordinate the live nodes that move with it; one more list for those that move with any."""
    lists: list[list[int]] = [[] for _ in range(program.inputs + 1)]
    for j, moving in enumerate(coordinates(program, still)):
        mask = moving
        if mask:
            lists[-1].append(j)
        while mask:
            low = mask & -mask
            lists[low.bit_length() - 1].append(j)
            mask ^= low
    return lists


def operations(program: Program, table: Table) -> int:
    """Nodes to emit for the unrolled form, at most."""
    if table.along_axes:  # lists of the nodes would be long, of a program in which all moves
        moved = sum(map(int.bit_count, coordinates(program)))
    else:
        moves_with = dependents(program)
        moved = sum(len(moves_with[unit]) for unit in table.units.tolist())
    return len(table.stencil.offsets) * moved + len(program.nodes)


def differences(
    program: Program, table: Table, steps: StepSource = DEFAULT, *, value: bool = False, ordered: bool = True
) -> Written:
    """Write a table out, its nodes in the order in which a processor needs few registers, if that is wanted.

    The rows of the result are f's, then the sizes of steps if each point has its own, then v and t if the table moves
    along v; its constants f's, then the sizes of the steps.
    """
    writer = _TableWriter(program, table, steps)
    code = writer.code
    results, places = writer.results()
    values = [code.own(program.outputs[0])] if value else []
    watched = [] if table.is_value else writer.watched()
    taken = writer.vanishing()
    outputs = (*results, *values, *watched, *taken)
    shape = (*program.shape, len(table.scale))
    beside = {"rows": writer.rows, "constants": writer.constants}
    made = code.finish(outputs, shape, len(results), **beside) if ordered else code.unordered(outputs, shape, **beside)
    return Written(
        made,
        len(writer.constants) - len(program.constants),
        len(results),
        len(values),
        len(watched),
        len(taken),
        places,
    )

"""Programs of functions, kept where nothing that f reads can change unseen; no LLVM is needed to make them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...formulas.properties import cached_property
from ...formulas.values import as_number, as_numbers
from ...llvm.interrupts import imported
from ...llvm.memory import Memory
from ...program.captures import shares_state
from ...program.keys import unchanging
from ...program.parameters import Parameters, parameters
from ...program.program import Program
from ...program.ties import asks_over_rows, ties
from ...program.trace.integers import bits
from ...program.trace.recording import ManyWaysError, Untraceable, trace
from ...program.trace.retargeted import check_errors, is_of_whole_arrays
from ...program.trace.sampling import Ways
from ...results import EngineError
from ..bound import Code
from ..call import Call, Grid
from .comparison import compare_new_sides, compare_ties
from .coverage import Sides, Ties, columns_at, sample, takes_sides, used

Array = NDArray[np.float64]

_SCHEDULED = f"{__package__}.scheduled"
# Nodes of a program in a kernel that holds it once: f itself, or the rolled form, for which LLVM takes 0.4 s for 8 000.
# A dense quadratic form of 100 variables has 20 100, for which LLVM takes 3 s; then it is 1.7 times as fast as Python.
LONGEST_OPERATIONS = 20_000
# Of a longer f the exact derivative is made nevertheless: by NumPy at a few points, in short functions at many.
# That of Rosenbrock's function of 5 000 variables, 40 000 nodes, takes 1 to 2 s to be made and 2 to 4 of LLVM.
# And any derivative of what is shorter as sums over data.
LONGEST_TRACED = 100_000
SAMPLE = 1024  # points that say which ways through f are taken, where there are too many
LOOPING = 200  # decisions, as those of a loop that ends by data: of 20 turns it has 210
MANY = 10_000  # points, where a trace of 5 ms pays
CALLS = 8  # of f for each coordinate, as many as a trace of an f of few operations may be long
# Programs of functions, and reasons why others have none; the least recently used ones are forgotten. Of programs at
# most as many nodes: some 250 bytes each, and as much again in what is made of them.
KEPT, NODES = 1024, 1_000_000


@dataclass(frozen=True)
class TracedFunction:
    """A function's program, and the code for each table, whose f has been compared with f itself on some sides.

    The sides on which its slopes have been compared are others. And where it is kept, if it is the only one there,
    and, where it is that of a sample's ways, what the sample was asked.
    """

    program: Program
    place: Hashable | None = None
    codes: dict[Any, Code] = field(default_factory=dict)
    sides: Sides = field(default_factory=Sides)
    sides_of_slopes: Sides = field(default_factory=Sides)
    ways: Ways | None = None

    @cached_property
    def ties(self) -> Ties:
        """Where f goes a way of its own."""
        return Ties(self.program)

    def compared(self, call: Call) -> Sides:
        """The sides that a call like this one has taken."""
        return self.sides_of_slopes if call.table.is_exact else self.sides

    def code(self, key: Any, call: Call, make: Callable[[], Code]) -> Code:
        """The code of a key, compared with f when it is made, and again where other sides of its branches are taken."""
        slopes = partial(imported(_SCHEDULED).derivatives, self.program) if call.table.is_exact else None
        sides = self.compared(call)
        if key not in self.codes:
            self.codes[key] = make()
            if self.place is not None and _place(call) != self.place:
                _traces.drop(self.place)  # f, which has been called, wrote into what it reads
            if takes_sides(call, self.program) and call.points.count:
                sides.note(sides.unseen(call, self.program)[1])
        elif takes_sides(call, self.program) and not self.program.sampled:  # of a sample's ways all were compared
            compare_new_sides(call, self.program, sides, slopes)
        if slopes and self.ties and not call.ahead and (tied := self.ties.at(call)):
            compare_ties(call, self.program, tied, slopes)
        return self.codes[key]


class UntracedError(EngineError):
    """f is no program of single numbers, whatever points there are."""


_traces: Memory[TracedFunction] = Memory(NODES)
_refusals: Memory[tuple[type[Untraceable], str]] = Memory(KEPT)
_writing: Memory[bool] = Memory(KEPT)  # the code of functions that wrote into what they read, as those that count


def traced(call: Call) -> TracedFunction:
    """f's program. A function that captures nothing but what a key can hold is traced once, others at every call.

    Raises
    ------
    EngineError
        f cannot be traced.
    """
    place = _place(call)
    try:
        try:
            found = (
                TracedFunction(_trace(call, LONGEST_TRACED, twice=True))
                if place is None
                else _kept(call, place, LONGEST_TRACED)
            )
        except ManyWaysError:
            if call.ahead or call.often:
                raise
            return _of_sample(call, place)
        return _of_sample(call, place) if _is_wasteful(call, found.program) else found
    except Untraceable as refused:
        n = call.finite()
        value = call.value_at(n)
        (as_numbers if call.vector else as_number)(value)  # an f that returns no number at all says so on every engine
        raise UntracedError(str(refused)) from None


def _is_wasteful(call: Call, program: Program) -> bool:
    """Whether many points take few of the turns that a loop may take, so that another trace pays for itself."""
    if program.branches < LOOPING or call.points.count < MANY or call.ahead or call.often:
        return False
    return 2 * used(program, columns_at(call, sample(call.points.count, SAMPLE // 8))) < len(program.nodes)


def _of_sample(call: Call, place: Hashable | None) -> TracedFunction:
    """As `sampled`, the last trace again where points go the same ways; to ask them takes a third of its time.

    What has been compared with f is not compared again, which took as long as a trace.
    """
    if place is None:
        return TracedFunction(sampled(call))
    last = _traces.get(("ways", place))
    if last and last.ways and last.ways.are_those_of(_sample_of(call)):
        return last
    program = sampled(call)
    numbers = np.array(program.constants, dtype=np.float64).tobytes()
    key = (place, program.structure, numbers, program.shape, program.raises, program.branches)
    found = replace(_traces.get(key) or _keep(key, program), ways=program.ways)
    return _traces.keep(("ways", place), found, NODES // KEPT + len(program.nodes))


def _sample_of(call: Call) -> Array:
    return columns_at(call, sample(call.points.count, SAMPLE)).T


def sampled(call: Call) -> Program:
    """The program of the ways through f that points of the call take."""
    return _trace(call, LONGEST_OPERATIONS, sampled=True)


def proved(call: Call, longest: int) -> TracedFunction | None:
    """As `traced`; None of a function that is traced at every call, cannot be traced or is longer than that."""
    code: Any = getattr(call.f, "__code__", type(call.f))
    try:
        place = None if _writing.get(code) else _place(call)
        kept = None if place is None else _kept(call, place, longest)
    except (Untraceable, EngineError):
        return None
    if kept is not None and kept.place is None:  # f is to be called, as it writes
        _writing.keep(code, value=True)
        return None
    return kept if kept is not None and len(kept.program.nodes) <= longest else None


def is_settled(call: Call, program: Program) -> bool:
    """Whether a program that has been compared with f is f's at all points: none takes a side that is new."""
    if program.sampled or (call.table.is_exact and (ties(program) or asks_over_rows(program))):
        return False
    return not takes_sides(call, program) or traced(call).compared(call).are_all_seen()


def is_brief(call: Call) -> bool:
    """Whether f is traced at each call, and it takes less time to call f on whole arrays, for one point's differences.

    A node of a trace takes 9 us and each coordinate needs some, a call of f without loops 5 to 20 us.
    """
    table, points = call.table, call.points
    if not table.along_axes or table.stencil.derivative != 1 or points.count != 1 or call.ahead or call.often:
        return False
    if call.total > CALLS * points.dimension or unchanging(call.f, call.args) is not None:
        return False
    return is_of_whole_arrays(call.f)


def traced_shape(call: Call) -> tuple[int, ...]:
    """The shape of what f returns."""
    return traced(call).program.shape


def traced_parameters(call: Call, program: Program) -> Parameters | None:
    """Which constants of f's program are floats that f captures; None where they are not these alone."""

    def again(f: Any, count: int) -> Program:
        return _trace(replace(call, f=f), LONGEST_TRACED, count)

    try:
        return None if call.batch else parameters(call.f, program, again)
    except Untraceable:
        return None


def check_outputs(call: Call, program: Program) -> None:
    """Raise TypeError or ValueError where f returns many numbers and one is wanted."""
    if not call.vector and len(program.outputs) != 1:
        as_number(np.empty(program.shape))  # raises, and says what f returned


def _place(call: Call) -> Hashable | None:
    """Where f's program is kept; None where it cannot be."""
    points, arrays = call.points, list[Any]()
    check_errors(call.f)
    key = unchanging(call.f, call.args, arrays=arrays)
    if key is None or arrays:  # a matter of this call's x, whether f was traced before or not
        reason = shares_state(call.f, [*points.axes] if isinstance(points, Grid) else [points.owner])
        if reason:
            raise EngineError(reason)
    if key is None:
        return None
    return (key, points.shape, call.scalar, tuple((rows.shape[1:], rows.dtype.char, bits(rows)) for rows in call.batch))


def _kept(call: Call, place: Hashable, budget: int) -> TracedFunction:
    kept = _traces.get(place)
    if kept is not None:
        return kept
    refusal = _refusals.get((place, budget))
    if refusal is not None:
        kind, reason = refusal
        raise kind(reason)
    try:
        program = _trace(call, budget)
        if _place(call) != place:  # f wrote into what it reads
            return TracedFunction(program)
        return _traces.keep(place, TracedFunction(program, place), NODES // KEPT + len(program.nodes))
    except Untraceable as refused:
        _refusals.keep((place, budget), (type(refused), str(refused)))
        raise


def _keep(key: Hashable, program: Program) -> TracedFunction:
    return _traces.keep(key, TracedFunction(program), NODES // KEPT + len(program.nodes))


def _trace(call: Call, budget: int, numbers: int = 0, *, sampled: bool = False, twice: bool = False) -> Program:
    """The program of an f of x, the further arguments, the rows of its point, and so many numbers.

    Only of the ways through f that a sample of the call's points takes, which depends on no other part of the call.
    """
    for k, given in enumerate(call.batch):
        if given.dtype.kind not in "fiub":
            msg = f"batch_args[{k}] holds {given.dtype}, and vectors real numbers"
            raise Untraceable(msg)
    rows = [*(rows.shape[1:] for rows in call.batch), *[()] * numbers]
    types = [*(rows.dtype for rows in call.batch), *[np.dtype(np.float64)] * numbers]
    sizes = [*(bits(rows) for rows in call.batch), *[0] * numbers]
    how: dict[str, Any] = {"args": call.args, "rows": rows, "types": types, "bits": sizes, "scalar": call.scalar}
    if sampled:
        how["sample"] = _sample_of(call)
    return trace(call.f, call.points.shape, **how, budget=budget, twice=twice)

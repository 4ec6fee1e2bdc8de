"""A function that f differentiates itself, by method="exact": recorded among f's operations, and differentiated there.

It gets its argument as other numbers, by a choice that has no alternative: whatever it reads of f's own argument
besides is constant. Its derivatives are written out of the argument itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...formulas.stencils import Table
from ..code import Code
from ..program import ZERO, Operand, Program
from ..saturation import signs_of
from ..ties import question, ties
from .arrays import Objects, wrap
from .elementwise import ask_where
from .flips import note_derivative
from .outputs import outputs_of
from .reductions import objects
from .refusals import active, refuse
from .symbols import OBJECT, Symbol, Trace

NAN: Operand = ("k", float("nan"))


@dataclass(frozen=True)
class Inside:
    """What was recorded.

    Attributes
    ----------
    given, fresh : sequence of operands
        The argument, number by number, and what the function got instead.
    outputs : tuple of operands
        What it returned, of some shape.
    """

    trace: Trace
    given: Sequence[Operand]
    fresh: Sequence[Operand]
    outputs: tuple[Operand, ...]
    shape: tuple[int, ...]

    def program(self) -> tuple[Program, list[Operand]]:
        """What it does with its argument, and f's operands that it reads besides, as rows."""
        here: dict[Operand, Operand] = {o: ("x", i) for i, o in enumerate(self.fresh)}
        rows: dict[Operand, Operand] = {}
        nodes: list[tuple[Any, ...]] = []

        def of(operand: Operand) -> Operand:
            if operand[0] in "kc":
                return operand
            return here.get(operand) or rows.setdefault(operand, ("b", len(rows)))

        for j in self._needed():
            name, *operands = self.trace.nodes[j]
            if any(o in here for o in operands):
                nodes.append((name, *map(of, operands)))
                here["v", j] = ("v", len(nodes) - 1)
        outputs, constants = tuple(map(of, self.outputs)), tuple(self.trace.constants)
        return Program(len(self.given), len(rows), tuple(nodes), outputs, self.shape, constants), list(rows)

    def _needed(self) -> list[int]:
        """The nodes on which the outputs depend, without those of which the argument is made."""
        ends, found, stack = set(self.fresh), set[int](), list(self.outputs)
        while stack:
            operand = stack.pop()
            if operand[0] == "v" and operand not in ends and operand[1] not in found:
                found.add(int(operand[1]))
                stack += self.trace.nodes[int(operand[1])][1:]
        return sorted(found)

    def reads(self, operands: set[Operand]) -> bool:
        """Whether its outputs depend on some others of f's nodes."""
        return any(("v", j) in operands for j in self._needed())

    def ask_at_ties(self) -> None:
        """f itself is asked where the function goes a way of its own, and compares the derivative with differences."""
        program, rows = self.program()
        pairs = ties(program)
        sides = tuple(operand for pair in pairs for operand in pair)
        operands: dict[Operand, Operand] = {("x", i): o for i, o in enumerate(self.given)}
        operands |= {("b", k): o for k, o in enumerate(rows)}
        found = self._recorded(replace(program, outputs=sides), operands) if pairs else []
        for a, b in zip(found[::2], found[1::2], strict=True):
            ask_where(self.trace.node(*question(a, b)))

    def derivatives(self, table: Table, beside: Sequence[Operand] = ()) -> tuple[list[Operand], list[Operand]]:
        """A table's results and the values, as operands of f; `beside` are a direction and 1."""
        from ..exact import exact  # noqa: PLC0415  few functions take derivatives themselves

        program, rows = self.program()
        written = exact(program, table, watch=True)
        operands: dict[Operand, Operand] = {("x", i): o for i, o in enumerate(self.given)}
        operands |= {("b", k): o for k, o in enumerate((*rows, *beside))}
        found = self._recorded(written.program, operands)
        results, _, values, _ = (found[part] for part in written.parts)
        every: list[Operand] = [ZERO] * (len(program.outputs) * len(table.scale))
        for place, result in zip(written.places or range(len(every)), results, strict=True):
            every[place] = result
        return (self._where_defined(every, values) if signs_of(Code(program), program) else every), values

    def _where_defined(self, results: list[Operand], values: list[Operand]) -> list[Operand]:
        """Derivatives that are NaN where the function is: that of a logarithm has a number below 0."""
        node, each, found = self.trace.node, len(results) // len(values), list[Operand]()
        for k, value in enumerate(values):
            undefined = node("ne", value, value).key
            found += [node("select", undefined, NAN, result).key for result in results[k * each : (k + 1) * each]]
        return found

    def _recorded(self, program: Program, operands: Mapping[Operand, Operand]) -> list[Operand]:
        """The outputs of a program of these operands, recorded as if f had computed them."""
        results: list[Operand] = []

        def of(operand: Operand) -> Operand:
            return results[int(operand[1])] if operand[0] == "v" else operands.get(operand, operand)

        for name, *read in program.nodes:
            results.append(self.trace.node(name, *map(of, read)).key)
        return [*map(of, program.outputs)]


def recorded(f: Callable[..., Any], x: Any, args: tuple[Any, ...]) -> Inside:
    """Call a function with numbers of its own."""
    if isinstance(x, (np.ndarray, np.number)) and x.dtype != OBJECT and x.dtype not in (np.float64, np.int64):
        refuse(f"f takes a derivative at {x.dtype}, which NumPy would round to it; give x.astype(float)")
    trace, numbers = active.trace, objects(x)
    note_derivative(trace)
    given = operands_of(trace, numbers)
    with _deeper() as depth:
        fresh = _marked(trace, given, depth)
        outputs, shape = outputs_of(trace, f(shaped(trace, fresh, numbers.shape), *args))
    inside = Inside(trace, given, fresh, outputs, shape)
    inside.ask_at_ties()
    return inside


def _marked(trace: Trace, operands: Sequence[Operand], depth: int) -> list[Operand]:
    """The same numbers as others, of which no function that is differentiated inside of this one has one."""
    always = trace.node("eq", ZERO, ZERO).key
    return [trace.node("select", always, operand, ("k", float(depth))).key for operand in operands]


@contextmanager
def _deeper() -> Iterator[int]:
    depth = active.depth = getattr(active, "depth", 0) + 1
    try:
        yield depth
    finally:
        active.depth = depth - 1


def operands_of(trace: Trace, numbers: Objects) -> list[Operand]:
    """Each of some numbers and symbols as an operand."""
    found = [trace.operand(value) for value in numbers.ravel().tolist()]
    return [refuse("f takes a derivative at what is no number") if operand is None else operand for operand in found]


def shaped(trace: Trace, operands: Sequence[Operand], shape: tuple[int, ...]) -> Any:
    """The symbols of operands in an array, or one symbol; literals are numbers."""
    values = np.empty(len(operands), dtype=object)
    values[:] = [o[1] if o[0] == "k" else Symbol(trace, o) for o in operands]
    return wrap(values.reshape(shape)) if shape else values[0]

"""Long programs as many short functions: values that cross from one to the next lie in memory.

So LLVM's time is linear in the nodes, 40 us each, and registers are not kept for values that are wanted much later.
Each function reads the coordinates that it needs (1.2 times as fast as from the stack, for 100 variables); results are
transposed in a loop (written by the functions themselves they took as long).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...llvm import points
from ...llvm.vectormath import Vectors
from ...program.differences import Written
from ...program.program import BOOLEAN, Operand, Program
from .arguments import KernelForm
from .emission import Coordinates, Straight, emit
from .outputs import Finite, vanished

LENGTH = 400  # nodes of a function
# Of each point its coordinates and what lies beside them; f's constants, which are single numbers; sizes of steps;
# where values go; and of coordinates in an array the strides.
_PARAMETERS = ", ".join(f"ptr noalias %{name}" for name in ("x", "b", "c", "sizes", "slots", "out"))
_PARAMETERS += ", i64 %row, i64 %column"


class Parts:
    """A program's nodes in short functions.

    Attributes
    ----------
    constants : int
        How many of the program's constants are f's; the others are sizes of steps.
    slots : int
        Places in memory for what crosses from one to another.
    source : str
        How the coordinates lie: as in a layout of that kind, or "stack", one vector after the other.
    """

    def __init__(self, program: Program, lanes: int, name: str, sizes: int = 0, source: str = "stack") -> None:
        self.source = source
        nodes = len(program.nodes)
        self.program, self.lanes, self.name, self.constants = program, lanes, name, len(program.constants) - sizes
        self.ranges = [range(start, min(start + LENGTH, nodes)) for start in range(0, nodes, LENGTH)]
        self.slot, self.slots = _slots(program.nodes, self.ranges)
        self.places: dict[int, list[int]] = {}
        for place, (tag, k) in enumerate(program.outputs):
            if tag == "v":
                self.places.setdefault(int(k), []).append(place)
        self.declared: dict[str, str] = {}

    def functions(self) -> list[str]:
        """Their lines."""
        lines = []
        for number, nodes in enumerate(self.ranges):
            v = Vectors(self.lanes)
            _Segment(v, self, nodes).write()
            lines += [f"define internal void @{self.name}_part{number}({_PARAMETERS}) #2 {{\nentry:", *v.lines]
            lines += ["  ret void\n}"]
            self.declared |= v.declared
        return lines

    def call(self, v: Vectors, stacks: Sequence[str], strides: tuple[str, str] = ("0", "0")) -> None:
        """Run them one after the other; the addresses are in the order of `_PARAMETERS`."""
        pointers = ", ".join([*(f"ptr {stack}" for stack in stacks), *(f"i64 {stride}" for stride in strides)])
        for number in range(len(self.ranges)):
            v.do(f"call void @{self.name}_part{number}({pointers})")


class Segmented(Straight):
    """A kernel that calls its parts one after the other for each vector of points."""

    def __init__(self, written: Written, form: KernelForm, name: str = "kernel") -> None:
        super().__init__(written, form, name)
        source = "stack" if form.source == "grid" else form.source
        self.written_out = False
        self.parts = Parts(self.program, form.lanes, name, written.sizes, source)

    def functions(self) -> list[str]:
        parts = self.parts.functions()
        self.v.declared |= self.parts.declared
        return [*parts, *super().functions()]

    def _registers(self) -> int:
        return 0

    def _reserve(self) -> None:
        v, p = self.v, self.program
        sizes = (p.inputs, p.rows, self.sizes, self.parts.slots, len(p.outputs), 1)
        x, b, steps, slots, self.out, self.bad = (
            v.emit(f"alloca {v.double}, i64 {max(n, 1)}, align 64") for n in sizes
        )
        self.stacks = (x, b, self.arguments["constants"], steps, slots, self.out)
        for k, register in enumerate(self._step_sizes()):
            self._put(steps, str(k), register)
        self.loop(self.roll, "0", str(len(p.outputs)), 1, lambda k: self._put(self.out, k, v.splat(0.0)))
        for place, (tag, value) in enumerate(p.outputs):
            if tag in "kc" and (tag, repr(value)) != ("k", "0.0"):
                self._put(self.out, str(place), v.splat(value) if tag == "k" else self.arguments.constant(int(value)))

    def _rows(self, n: str, base: str, strides: tuple[str, str]) -> None:
        """Each function reads the coordinates that it needs."""
        x = points.Columns(self.v, self.form.source, base, strides, self.program.inputs)
        self._run(n, x, (base, *self.stacks[1:]), strides)

    def _block(self, n: str, x: Coordinates) -> None:
        for i in range(self.program.inputs):
            self._put(self.stacks[0], str(i), x[i])
        self._run(n, x, self.stacks, ("0", "0"))

    def _run(self, n: str, x: Coordinates, stacks: Sequence[str], strides: tuple[str, str]) -> None:
        beside = self._rows_beside(n)
        for i, register in enumerate(beside):
            self._put(self.stacks[1], str(i), register)
        self.parts.call(self.v, stacks, strides)
        for place, (tag, k) in enumerate(self.program.outputs):
            if tag in "xb":
                self._put(self.out, str(place), x[int(k)] if tag == "x" else beside[int(k)])
        self._look(n)

    def _look(self, n: str) -> None:
        """As for short programs, but what comes out lies on the stack, and is looked at in loops."""
        v, made, out = self.v, self.written, self.out
        for k in range(made.results, made.results + made.values):
            value = self._get(out, str(k))
            at = v.emit(f"getelementptr double, ptr {self.arguments['values']}, i64 {n}")
            v.do(f"store {v.double} {value}, ptr {at}, align 8")
            self._watch_results(Finite(v, [value]))
        first = made.results + made.values
        self._watch(first, first + made.watched)
        self._store(n)
        self.loop(self.roll, str(first + made.watched), str(len(self.program.outputs)), 1, self._watch_step)

    def _watch(self, first: int, last: int) -> None:
        """Where a watched value is not finite the first result becomes NaN."""
        if first == last:
            return
        v, bad = self.v, self.bad
        self._put(bad, "0", v.splat(0.0))

        def add(k: str) -> None:
            value = self._get(self.out, k)
            self._put(bad, "0", v.apply("+", self._get(bad, "0"), v.apply("-", value, value)))

        self.loop(self.roll, str(first), str(last), 1, add)
        poisoned = v.select(v.is_nan(self._get(bad, "0")), v.splat(float("nan")), self._get(self.out, "0"))
        self._put(self.out, "0", poisoned)

    def _watch_step(self, k: str) -> None:
        self._watch_steps(vanished(self.v, "", self._get(self.out, k)))

    def _store(self, n: str) -> None:
        """The results from the stack, some columns at a time."""
        v, m, strides = self.v, self.written.results, self.arguments.strides("out")
        width = min(1 << (m.bit_length() - 1), v.lanes)
        row = self.place(n)

        def some(i: str) -> None:
            first = v.least(i, str(m - width))
            columns = v.emit(f"getelementptr double, ptr {row}, i64 {v.emit(f'mul i64 {first}, {strides[1]}')}")
            found = [self._get(self.out, v.emit(f"add i64 {first}, {k}")) for k in range(width)]
            points.store(v, self.form.out, columns, strides, found)
            self._watch_results(Finite(v, found))

        self.loop(self.roll, "0", str(m), width, some)

    def _put(self, stack: str, k: str, register: str) -> None:
        self.v.do(f"store {self.v.double} {register}, ptr {_place(self.v, stack, k)}, align {8 * self.v.lanes}")

    def _get(self, stack: str, k: str) -> str:
        return self.v.emit(f"load {self.v.double}, ptr {_place(self.v, stack, k)}, align {8 * self.v.lanes}")


class _Segment:
    """One of the short functions. What it reads is loaded where it is first used."""

    def __init__(self, v: Vectors, whole: Parts, nodes: range) -> None:
        self.v, self.whole, self.nodes = v, whole, nodes
        self.values: dict[Operand, str] = {}
        if whole.source != "stack":
            self.x = points.Columns(v, whole.source, "%x", ("%row", "%column"), whole.program.inputs)

    def write(self) -> None:
        for j in self.nodes:
            name, *operands = self.whole.program.nodes[j]
            for o in operands:
                if o[0] not in "kt" and o not in self.values:
                    self.values[o] = self._load(o)
            self.values["v", j] = register = emit(self.v, (name, *operands), self.values)
            if j in self.whole.slot:
                self._store(
                    "%slots", self.whole.slot[j], self.v.apply("tofloat", register) if name in BOOLEAN else register
                )
            for place in self.whole.places.get(j, []):
                self._store("%out", place, register)

    def _load(self, operand: Operand) -> str:
        tag, k = operand
        if tag == "x" and self.whole.source != "stack":
            return self.x[int(k)]
        if tag == "c" and k < self.whole.constants:
            return self.v.broadcast(self.v.emit(f"load double, ptr {self._constant(int(k))}, align 8"))
        place = self.whole.slot[int(k)] if tag == "v" else k - self.whole.constants if tag == "c" else k
        address = _place(self.v, {"v": "%slots", "x": "%x", "b": "%b", "c": "%sizes"}[tag], str(place))
        loaded = self.v.emit(f"load {self.v.double}, ptr {address}, align {8 * self.v.lanes}")
        is_mask = tag == "v" and self.whole.program.nodes[int(k)][0] in BOOLEAN
        return self.v.compare("une", loaded, self.v.splat(0.0)) if is_mask else loaded

    def _constant(self, k: int) -> str:
        return self.v.emit(f"getelementptr double, ptr %c, i64 {k}")

    def _store(self, stack: str, k: int, register: str) -> None:
        self.v.do(f"store {self.v.double} {register}, ptr {_place(self.v, stack, str(k))}, align {8 * self.v.lanes}")


def _place(v: Vectors, stack: str, k: str) -> str:
    return v.emit(f"getelementptr {v.double}, ptr {stack}, i64 {k}")


def _slots(nodes: tuple[tuple[Any, ...], ...], parts: list[range]) -> tuple[dict[int, int], int]:
    """Where each node lies that a later part reads, and how many places there are: free ones are used again."""
    last: dict[int, int] = {}
    for number, part in enumerate(parts):
        for j in part:
            last.update({int(k): number for tag, k in nodes[j][1:] if tag == "v"})
    slot: dict[int, int] = {}
    free: list[int] = []
    ends: list[list[int]] = [[] for _ in parts]
    count = 0
    for number, part in enumerate(parts):
        for j in part:
            if last.get(j, number) > number:
                if not free:
                    free.append(count)
                    count += 1
                slot[j] = free.pop()
                ends[last[j]].append(slot[j])
        free += ends[number]
    return slot, count

"""A written program as machine code's text: explicit vectors, one point per lane, in loops over points.

A tail shorter than a vector is done by the same code, moved back to the last full vector: some points are computed
twice, with equal bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...llvm import points
from ...llvm.tables import entry
from ...llvm.vectormath import CALLING, FUNCTIONS, OWN, PAIRED, Vectors, length
from ...program.differences import Written
from ...program.entries import ENTRY
from ...program.program import Operand, Program
from ...program.ratios import OPERATIONS as RATIOS
from .arguments import Arguments, KernelForm, stream_width
from .outputs import Finite, Outputs
from .stream import Stream

Coordinates = Sequence[str] | points.Columns
# Operations for each number that is read or written. Rosenbrock's exact gradient has 4.3, its central one 11, which at
# 100 000 points of 20 coordinates and 10 000 of 100 takes 0.85 and 0.45 of the time; a sum of quotients with 20 takes
# 1.05 times the time.
LIGHT = 12
SLOW = {
    "/": 5,
    "sqrt": 5,
    ENTRY: 10,
    **dict.fromkeys(FUNCTIONS | OWN.keys() | CALLING.keys(), 20),
    **dict.fromkeys(RATIOS, 4),
}  # how many operations others are
# Instructions of functions in the midst of a kernel's code, 20 sines. LLVM takes a millisecond or two for each: four
# make a kernel 1.3 times as fast (32 ms instead of 29 to compile), 20 still 1.25 times (71 and 60), 80 1.1 times (420
# and 170).
WRITTEN_OUT = 650
_WAVES = ("sin", "cos")
VANISHED, NOT_FINITE = 1, 2  # what a kernel returns: the sum of what it saw


def module(*frames: Frame) -> str:
    """The text of a module with the functions of all frames."""
    body = [line for frame in frames for line in frame.functions()]
    declared = {name: text for frame in frames for name, text in frame.declared.items()}
    wide = " ".join(f'"{kind}-vector-width"="{64 * frames[0].form.lanes}"' for kind in ("min-legal", "prefer"))
    # Without "stackrealign" every spilled register straddles two cache lines in half of the processes: 1.3 to 1.65
    # times the time, by lottery.
    attributes = [
        f'attributes #0 = {{ nounwind "stackrealign" {wide} }}',
        "attributes #1 = { nounwind willreturn readnone }",
        f'attributes #2 = {{ noinline nounwind "stackrealign" {wide} }}',
        f'attributes #3 = {{ noinline optnone nounwind "stackrealign" {wide} }}',
    ]
    return "\n".join([*body, *declared.values(), *attributes, "!0 = !{i32 1}", ""])


class Frame:
    """A function over a range of items, and the loops that bring one vector of points after another.

    What is done with a vector of points is for those who fill the frame to say: `_block`.
    """

    def __init__(
        self,
        program: Program,
        form: KernelForm,
        name: str = "kernel",
        sizes: int = 0,
        stored: tuple[int, ...] | None = None,
    ) -> None:
        self.program, self.form, self.name, self.sizes, self.stored = program, form, name, sizes, stored
        self.v = Vectors(form.lanes)
        self.width = 0  # results of a point, if they may go past the cache
        self.checked = True
        self.written_out = False  # whether functions stand in the midst of the code
        self.attributes = 0
        self.beside: list[str] = []  # lines of functions that are called

    @property
    def declared(self) -> dict[str, str]:
        """What the functions call."""
        return self.v.declared

    def functions(self) -> list[str]:
        """The lines of all functions."""
        v = self.v
        self.arguments = Arguments(v, self._registers())
        self.flags, self.counter, self.inner, self.roll, self.sample = (v.emit("alloca i64") for _ in range(5))
        v.do(f"store i64 0, ptr {self.flags}")
        self._reserve()
        self.stream = (
            Stream(v, self.arguments, self._copy_loop, (self.program.inputs, self.width)) if self.width else None
        )
        if self.form.source == "grid":
            self._grid_loop()
        else:
            self._row_loop()
        v.do(f"ret i64 {v.emit(f'load i64, ptr {self.flags}')}")
        head = f"define i64 @{self.name}(i64 %start, i64 %stop, ptr %arguments) #{self.attributes}"
        return [f"{head} {{\nentry:", *v.lines, "}", *self.beside]

    def _raise_flag(self, mask: str, flag: int) -> None:
        """Add a flag to what the kernel returns where the mask is set in some lane."""
        v = self.v
        some = v.emit(f"icmp ne i{v.lanes} {v.emit(f'bitcast {v.mask} {mask} to i{v.lanes}')}, 0")
        bit = v.emit(f"select i1 {some}, i64 {flag}, i64 0")
        known = v.emit(f"load i64, ptr {self.flags}")
        v.do(f"store i64 {v.emit(f'or i64 {known}, {bit}')}, ptr {self.flags}")

    def _watch_results(self, finite: Finite) -> None:
        """Say if one of them is not finite, if anybody wants to know."""
        total = finite.total() if self.checked else ""
        if total:
            self._raise_flag(self.v.is_nan(total), NOT_FINITE)

    # --- to be filled ------------------------------------------------------------------------------------------------

    def _registers(self) -> int:
        """How many of f's constants are read before the loop; LLVM takes 11 s for 2 500."""
        return 0

    def _reserve(self) -> None:
        """Memory on the stack, and what is computed before the loop."""

    def _vector(self, n: str, work: Callable[[str], None]) -> None:
        """What is done for a vector of points, from a number on."""
        work(n)

    def _rows(self, n: str, base: str, strides: tuple[str, str]) -> None:
        """Points that lie in rows, from the first on."""
        self._block(n, points.Columns(self.v, self.form.source, base, strides, self.program.inputs))

    def _block(self, n: str, x: Coordinates) -> None:
        """One vector of points, from number n on."""
        raise NotImplementedError

    # --- loops -------------------------------------------------------------------------------------------------------

    def loop(self, counter: str, first: str, end: str, step: int | str, body: Callable[[str], None]) -> None:
        """``for i in range(first, end, step)``."""
        v = self.v
        v.count += 1
        name = f"b{v.count}"
        v.do(f"store i64 {first}, ptr {counter}")
        v.do(f"br label %{name}.test")
        v.do(f"{name}.test:")
        i = v.emit(f"load i64, ptr {counter}")
        v.do(f"br i1 {v.emit(f'icmp slt i64 {i}, {end}')}, label %{name}.body, label %{name}.end")
        v.do(f"{name}.body:")
        body(i)
        v.do(f"store i64 {v.emit(f'add i64 {i}, {step}')}, ptr {counter}")
        v.do(f"br label %{name}.test")
        v.do(f"{name}.end:")

    def _copy_loop(self, first: str, end: str, step: int, body: Callable[[str], None]) -> None:
        self.loop(self.roll, first, end, step, body)

    def _clamped(self, i: str, end: str) -> str:
        """i, or the start of the last full vector before end."""
        last = self.v.emit(f"sub i64 {end}, {self.v.lanes}")
        return self.v.least(i, last)

    def _row_loop(self) -> None:
        """Some points at a time where results go past the cache."""
        if self.stream is None:
            self._range("%start", "%stop")
            return
        stream, last = self.stream, self.v.emit(f"sub i64 %stop, {self.v.lanes}")

        def some(i: str) -> None:
            first = self.v.least(i, last)
            end = self.v.emit(f"add i64 {i}, {stream.points}")
            end = self.v.least(end, "%stop")
            stream.begin(first)
            self._range(i, end)
            stream.end(self.v.emit(f"sub i64 {end}, {first}"))

        self.loop(self.counter, "%start", "%stop", stream.points, some)
        self.v.do("fence seq_cst")  # what went past the cache is there before the kernel returns

    def _range(self, start: str, end: str) -> None:
        def block(i: str) -> None:
            n = self._clamped(i, end)
            strides = self.arguments.strides("source")

            def rows(n: str) -> None:
                self._rows(n, self.arguments.element("source", n, "source_row"), strides)

            self._vector(n, rows)

        self.loop(self.inner, start, end, self.v.lanes, block)

    def place(self, n: str) -> str:
        """Where the results of the points from number n on go."""
        index = self.v.emit(f"mul i64 {n}, {self.arguments['out_row']}")
        base = self.stream.base if self.stream else self.arguments["out"]
        return self.v.emit(f"getelementptr double, ptr {base}, i64 {index}")

    def _grid_loop(self) -> None:
        """Items are segments of the grid's rows along the last axis, in which the other coordinates are constant."""
        v, axes = self.v, self.program.inputs
        lengths, starts = ([self.arguments.integer(name, d) for d in range(axes)] for name in ("lengths", "starts"))
        segment, last = self.arguments["segment"], lengths[-1]
        rounded = v.emit(f"add i64 {last}, {v.emit(f'sub i64 {segment}, 1')}")
        per_row = v.emit(f"sdiv i64 {rounded}, {segment}")

        def item(i: str) -> None:
            row = v.emit(f"sdiv i64 {i}, {per_row}")
            first = v.emit(f"mul i64 {v.emit(f'srem i64 {i}, {per_row}')}, {segment}")
            end = v.least(v.emit(f"add i64 {first}, {segment}"), last)
            outer, rest = [], row
            for d in range(axes - 2, -1, -1):
                outer.append(v.broadcast(self._coordinate(starts[d], v.emit(f"srem i64 {rest}, {lengths[d]}"))))
                rest = v.emit(f"sdiv i64 {rest}, {lengths[d]}")
            node = v.emit(f"mul i64 {row}, {last}")

            def block(j: str) -> None:
                def nodes(k: str) -> None:
                    index = v.emit(f"add i64 {starts[-1]}, {k}")
                    at = v.emit(f"getelementptr double, ptr {self.arguments['axes']}, i64 {index}")
                    along = v.emit(f"load {v.double}, ptr {at}, align 8")
                    self._block(v.emit(f"add i64 {node}, {k}"), [*reversed(outer), along])

                self._vector(self._clamped(j, end), nodes)

            self.loop(self.inner, first, end, v.lanes, block)

        self.loop(self.counter, "%start", "%stop", 1, item)

    def _coordinate(self, start: str, k: str) -> str:
        index = self.v.emit(f"add i64 {start}, {k}")
        at = self.v.emit(f"getelementptr double, ptr {self.arguments['axes']}, i64 {index}")
        return self.v.emit(f"load double, ptr {at}, align 8")


class Straight(Frame):
    """All nodes, one after the other."""

    def __init__(self, written: Written, form: KernelForm, name: str = "kernel") -> None:
        super().__init__(written.program, form, name, written.sizes, written.places)
        self.written, self.checked = written, written.checked
        instructions = sum(length(node) for node, *_ in self.program.nodes)
        self.written_out = name == "kernel" and not form.quick and 0 < instructions <= WRITTEN_OUT
        if name == "kernel" and is_light(written):
            self.width = stream_width(form, self.program.inputs, written.results)

    def _registers(self) -> int:
        return len(self.program.constants) - self.sizes

    def _reserve(self) -> None:
        """Nodes of constants alone are computed before the loop."""
        constants = [*self.arguments.constants, *self._step_sizes()]
        self.fixed: dict[Operand, str] = {("c", k): register for k, register in enumerate(constants)}
        for j, (_, *operands) in enumerate(self.program.nodes):
            if all(o in self.fixed or o[0] == "k" for o in operands):
                self.fixed["v", j] = emit(self.v, self.program.nodes[j], self.fixed)

    def _step_sizes(self) -> list[str]:
        v, found = self.v, []
        for k in range(self.sizes):
            index = v.emit(f"mul i64 {self.arguments['size_column']}, {k}")
            at = v.emit(f"getelementptr double, ptr {self.arguments['sizes']}, i64 {index}")
            found.append(v.broadcast(v.emit(f"load double, ptr {at}, align 8")))
        return found

    def _block(self, n: str, x: Coordinates) -> None:
        """What comes out is stored or looked at as soon as it is there, so that little of it waits for that."""
        values = Values(self.fixed, x)
        values |= {("b", i): register for i, register in enumerate(self._rows_beside(n))}
        strides, count = self.arguments.strides("out"), self.written.results
        outputs = Outputs(self.written, points.Results(self.v, self.form.out, self.place(n), strides, count))
        waiting: dict[Operand, list[int]] = {}
        for place, o in enumerate(self.program.outputs):
            waiting.setdefault(o, []).append(place)
        self._nodes(values, outputs, waiting)
        for o, places in waiting.items():
            outputs.put(places, operand(self.v, o, values))
        self._finish(n, outputs)

    def _nodes(self, values: Values, outputs: Outputs, waiting: dict[Operand, list[int]]) -> None:
        """All nodes; `waiting` are the places of outputs."""
        for j in range(len(self.program.nodes)):
            self._node(j, values, outputs, waiting)

    def _node(self, j: int, values: Values, outputs: Outputs, waiting: dict[Operand, list[int]]) -> None:
        if ("v", j) not in values:
            values["v", j] = emit(self.v, self.program.nodes[j], values)
        outputs.put(waiting.pop(("v", j), []), values["v", j])

    def _vector(self, n: str, work: Callable[[str], None]) -> None:
        """Functions are written out, if they are few; outside of their range all is done again, with calls."""
        v = self.v
        if not self.written_out:
            work(n)
            return
        known = v.emit(f"load i64, ptr {self.flags}")
        rows = self.form.source != "grid" and self.stream is None
        v.written_out(lambda: work(n), lambda: self._apart(n, known) if rows else self._within(n, known, work))

    def _within(self, n: str, known: str, work: Callable[[str], None]) -> None:
        """The number of the points is hidden: else LLVM takes registers from before, which would have to be saved."""
        self.v.do(f"store i64 {known}, ptr {self.flags}")
        work(self.v.emit(f'call i64 asm "", "=r,0"(i64 {n})'))

    def _apart(self, n: str, known: str) -> None:
        """By a function that LLVM leaves as it is, made in a fifth of the time: what takes long there are the calls."""
        v, again = self.v, Straight(self.written, self.form, f"{self.name}.again")
        again.attributes = 3
        self.beside = again.functions()
        v.declared |= again.declared
        end = v.emit(f"add i64 {n}, {v.lanes}")
        saw = v.emit(f"call i64 @{again.name}(i64 {n}, i64 {end}, ptr %arguments)")
        v.do(f"store i64 {v.emit(f'or i64 {known}, {saw}')}, ptr {self.flags}")

    def _rows_beside(self, n: str) -> list[str]:
        """What lies with each point beside x: f's batch arguments, sizes of steps, v and t."""
        v, d, found = self.v, self.program.inputs, []
        arguments, form = self.arguments, self.form
        if form.batch:
            found += points.load(
                v, "rows", arguments.element("batch", n, "batch_row"), (arguments["batch_row"], "1"), form.batch
            )
        if form.sizes == "point":
            strides = arguments.strides("size")
            found += points.load(v, "any", arguments.element("sizes", n, "size_row"), strides, d)
        if len(found) < self.program.rows:
            found += points.load(v, "any", arguments.element("v", n, "v_row"), (arguments["v_row"], "1"), d)
            at = v.emit(f"getelementptr double, ptr {arguments['t']}, i64 {n}")
            found.append(v.emit(f"load {v.double}, ptr {at}, align 8"))
        return found

    # --- what comes out ----------------------------------------------------------------------------------------------

    def _finish(self, n: str, outputs: Outputs) -> None:
        """Store f's value and say what is not finite and what has vanished."""
        outputs.poison()
        if outputs.value:
            at = self.v.emit(f"getelementptr double, ptr {self.arguments['values']}, i64 {n}")
            self.v.do(f"store {self.v.double} {outputs.value}, ptr {at}, align 8")
        self._watch_results(outputs.finite)
        self._watch_steps(outputs.gone)

    def _watch_steps(self, gone: str) -> None:
        if gone:
            self._raise_flag(gone, VANISHED)


def emit(v: Vectors, node: tuple[Any, ...], values: Mapping[Operand, str]) -> str:
    """One node."""
    name, *operands = node
    if name == ENTRY:
        return entry(v, operands[0][1], operand(v, operands[1], values))
    return v.apply(name, *[operand(v, o, values) for o in operands])


def operand(v: Vectors, operand: Operand, values: Mapping[Operand, str]) -> str:
    return v.splat(operand[1]) if operand[0] == "k" else values[operand]


def paired(program: Program, f: Program) -> Program:
    """A program made from f's. Where f has sine and cosine of a number all have forms that share most operations.

    In all programs of f, because the forms differ in the last bit: 1.25 times as fast for both, 0.8 times for one.
    """
    sines, cosines = ({o for name, o, *_ in f.nodes if name == wave} for wave in _WAVES)
    if sines.isdisjoint(cosines):
        return program
    nodes = ((name + PAIRED if name in _WAVES else name, *operands) for name, *operands in program.nodes)
    return replace(program, nodes=tuple(nodes))


def is_light(written: Written) -> bool:
    """Whether a kernel waits for memory: then what goes past the cache is worth its way through a buffer.

    Of many results for each coordinate, such as Hessians, no more than there are coordinates count: they fill the cache
    alone before `is_streamed` lets them past it.
    """
    inputs = written.program.inputs
    numbers = inputs + min(written.results, inputs)
    return sum(SLOW.get(name, 1) for name, *_ in written.program.nodes) <= LIGHT * numbers


class Values(dict[Operand, str]):
    """The registers of operands; coordinates are read when they are wanted."""

    def __init__(self, fixed: dict[Operand, str], x: Coordinates) -> None:
        super().__init__(fixed)
        self.x = x

    def __missing__(self, key: Operand) -> str:
        if key[0] != "x":
            raise KeyError(key)
        self[key] = self.x[int(key[1])]
        return self[key]

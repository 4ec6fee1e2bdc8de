"""The rolled form of a kernel: loops over the coordinates and the offsets around one copy of the whole program.

It is for programs whose displacements, each written out, would take LLVM too long. Coordinates lie in a stack array, of
which a displacement moves one, so that nothing of the program at the point itself is used again: at run time this form
takes some 7 times as long as the other.
"""

from __future__ import annotations

from typing import Any

from ...formulas import stencils
from ...formulas.stencils import Table
from ...llvm import points
from ...program import differences
from ...program.program import Program
from .arguments import KernelForm
from .emission import VANISHED, Coordinates, Frame, paired
from .outputs import Finite
from .segments import Parts


class Rolled(Frame):
    """Central or one-sided differences along the axes, of one copy of f."""

    def __init__(self, program: Program, table: Table, form: KernelForm) -> None:
        value = differences.differences(program, stencils.value()).program  # depth first: 4 times as fast
        value = paired(value, program)
        super().__init__(value, form)
        self.table, self.parts = table, Parts(value, form.lanes, self.name)

    def functions(self) -> list[str]:
        parts = self.parts.functions()
        self.v.declared |= self.parts.declared
        return [*parts, *super().functions()]

    def _reserve(self) -> None:
        v, p, m = self.v, self.program, len(self.program.outputs)
        self.offsets = [k for k in self.table.stencil.offsets if k]
        sizes = (p.inputs, p.rows, self.parts.slots, m, len(self.offsets), len(self.offsets) * m)
        stacks = [v.emit(f"alloca {v.double}, i64 {max(n, 1)}, align 64") for n in sizes]
        self.stack_x, self.stack_b, slots, self.stack_f, self.stack_k, self.stack_v = stacks
        constants = self.arguments["constants"]
        self.stacks = (self.stack_x, self.stack_b, constants, constants, slots, self.stack_f)
        for q, k in enumerate(self.offsets):
            v.do(f"store {v.double} {v.splat(float(k))}, ptr {self._place(self.stack_k, str(q))}")
        if self.form.sizes == "uniform":
            self.uniform = v.broadcast(v.emit(f"load double, ptr {self.arguments['sizes']}, align 8"))

    def _rows(self, n: str, base: str, strides: tuple[str, str]) -> None:
        self._fill(base, strides)
        self._whole_block(n)

    def _block(self, n: str, x: Coordinates) -> None:
        self._keep([x[i] for i in range(self.program.inputs)], "0")
        self._whole_block(n)

    def _fill(self, base: str, strides: tuple[str, str]) -> None:
        """The coordinates into the stack array, some columns at a time."""
        v, d = self.v, self.program.inputs
        width = min(1 << (d.bit_length() - 1), v.lanes)

        def some(i: str) -> None:
            first = v.least(i, str(d - width))
            index = v.emit(f"mul i64 {first}, {strides[1]}")
            columns = v.emit(f"getelementptr double, ptr {base}, i64 {index}")
            self._keep(points.load(v, self.form.source, columns, strides, width), first)

        self.loop(self.roll, "0", str(d), width, some)

    def _keep(self, x: list[str], first: str) -> None:
        for i, vector in enumerate(x):
            self.v.do(f"store {self.v.double} {vector}, ptr {self._place(self.stack_x, self._index(first, i))}")

    def _whole_block(self, n: str) -> None:
        """All results at one vector of points."""
        for k, register in enumerate(self._batch(n)):
            self.v.do(f"store {self.v.double} {register}, ptr {self._place(self.stack_b, str(k))}")
        center = self._f() if self.form.value or self.table.stencil.base >= 0 else []
        if self.form.value:
            at = self.v.emit(f"getelementptr double, ptr {self.arguments['values']}, i64 {n}")
            self.v.do(f"store {self.v.double} {center[0]}, ptr {at}, align 8")
            self._watch_results(Finite(self.v, center[:1]))
        self.loop(self.roll, "0", str(self.program.inputs), 1, lambda r: self._direction(n, r, center))

    def _batch(self, n: str) -> list[str]:
        if not self.program.rows:
            return []
        strides = self.arguments["batch_row"], "1"
        return points.load(self.v, "rows", self.arguments.element("batch", n, "batch_row"), strides, self.program.rows)

    def _f(self) -> list[str]:
        """The whole program at the coordinates on the stack."""
        self.parts.call(self.v, self.stacks)
        return [self._output(k, *output) for k, output in enumerate(self.program.outputs)]

    def _output(self, k: int, tag: str, value: Any) -> str:
        if tag == "k":
            return self.v.splat(value)
        if tag == "c":
            return self.arguments.constant(value)
        stack = {"v": self.stack_f, "x": self.stack_x, "b": self.stack_b}[tag]
        return self._read(stack, str(k if tag == "v" else value))

    def _direction(self, n: str, r: str, center: list[str]) -> None:
        v, d, m, count = self.v, self.program.inputs, len(self.program.outputs), len(self.offsets)
        place = self._place(self.stack_x, r)
        saved = v.emit(f"load {v.double}, ptr {place}")
        h = self._step(n, r, saved)

        def sample(q: str) -> None:
            far = v.apply("*", self._read(self.stack_k, q), h)
            v.do(f"store {v.double} {v.apply('+', saved, far)}, ptr {place}")
            for k, value in enumerate(self._f()):
                v.do(f"store {v.double} {value}, ptr {self._place(self.stack_v, self._index(q, k * count))}")

        self.loop(self.sample, "0", str(count), 1, sample)
        v.do(f"store {v.double} {saved}, ptr {place}")
        for k in range(m):
            at = [self._read(self.stack_v, str(q + k * count)) for q in range(count)]
            values = dict(zip(self.offsets, at, strict=True)) | ({0: center[k]} if center else {})
            self._store(n, self._index(r, k * d), self._quotient(values, h))

    def _step(self, n: str, r: str, x: str) -> str:
        v, rule, size = self.v, self.form.rule, self._size(n, r)
        scale = v.apply("abs", x)
        if rule == "default":
            return v.apply("power", v.apply("*", size, v.apply("max", scale, v.splat(1.0))))
        if rule == "relative":
            size = v.select(v.compare("oeq", scale, v.splat(0.0)), size, v.apply("*", size, scale))
        h = v.apply("-", v.apply("+", scale, size), scale)
        self._raise_flag(v.compare("oeq", h, v.splat(0.0)), VANISHED)
        return h

    def _size(self, n: str, r: str) -> str:
        if self.form.sizes == "uniform":
            return self.uniform
        v, strides = self.v, self.arguments.strides("size")
        base = self.arguments.element("sizes", n, "size_row")
        at = v.emit(f"getelementptr double, ptr {base}, i64 {v.emit(f'mul i64 {strides[1]}, {r}')}")
        if self.form.sizes == "coordinate":
            return v.broadcast(v.emit(f"load double, ptr {at}"))
        return points.load(v, "any", at, strides, 1)[0]

    def _quotient(self, values: dict[int, str], h: str) -> str:
        """The stencil's sum over the steps; powers of two are divided by exactly."""
        v, stencil, total = self.v, self.table.stencil, ""
        for number, a, b in stencil.terms:
            term = v.apply("-", values[stencil.offsets[a]], values[stencil.offsets[b]])
            term = term if number == 1 else v.apply("*", v.splat(float(number)), term)
            total = v.apply("+", total, term) if total else term
        for _ in range(stencil.derivative if self.form.rule == "default" else 0):
            total = v.apply("*", total, v.apply("inverse", h))
        divisor = v.splat(float(stencil.denominator))
        for _ in range(0 if self.form.rule == "default" else stencil.derivative):
            divisor = v.apply("*", divisor, h)
        return v.apply("/", total, divisor)

    def _store(self, n: str, k: str, result: str) -> None:
        """One result of all lanes."""
        v, strides = self.v, self.arguments.strides("out")
        self._watch_results(Finite(v, [result]))
        column = v.emit(f"mul i64 {k}, {strides[1]}")
        base = v.emit(f"getelementptr double, ptr {self.arguments.element('out', n, 'out_row')}, i64 {column}")
        points.store(v, "columns" if self.form.out == "columns" else "any", base, strides, [result])

    def _index(self, r: str, k: int) -> str:
        return self.v.emit(f"add i64 {r}, {k}") if k else r

    def _place(self, array: str, k: str) -> str:
        return self.v.emit(f"getelementptr {self.v.double}, ptr {array}, i64 {k}")

    def _read(self, array: str, k: str) -> str:
        return self.v.emit(f"load {self.v.double}, ptr {self._place(array, k)}")

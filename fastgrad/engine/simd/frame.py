"""The frame of a kernel: a function over a range of items, and the loops that bring one vector of points after another.

What is done with a vector of points is for those who fill the frame to say: `_block`.
"""

from __future__ import annotations

from collections.abc import Callable

from ...formulas.stencils import Table
from ...llvm import layout
from ...llvm.vectormath import Vectors
from ...program.program import Program
from .arguments import Arguments, Form


class Frame:
    """Emits the functions of a module for a program and a table."""

    def __init__(self, program: Program, table: Table, form: Form) -> None:
        self.program, self.table, self.form = program, table, form
        self.v = Vectors(form.lanes)

    def _kernel(self) -> list[str]:
        v = self.v
        self.arguments = Arguments(v, self.program)
        self.flags, self.counter, self.inner, self.roll, self.sample = (v.emit("alloca i64") for _ in range(5))
        v.do(f"store i64 0, ptr {self.flags}")
        self._reserve()
        if self.form.sizes == "uniform":
            self.uniform = v.broadcast(v.emit(f"load double, ptr {self.arguments['sizes']}, align 8"))
        if self.form.source == "grid":
            self._grid_loop()
        else:
            self._row_loop()
        v.do(f"ret i64 {v.emit(f'load i64, ptr {self.flags}')}")
        return self._function("kernel")

    def _function(self, name: str) -> list[str]:
        lines = [f"define i64 @{name}(i64 %start, i64 %stop, ptr %arguments) #0 {{\nentry:", *self.v.lines, "}"]
        self.v.lines, self.v.count = [], 0
        return lines

    def _with_attributes(self, body: list[str]) -> str:
        v = self.v
        wide = f'"min-legal-vector-width"="{64 * v.lanes}" "prefer-vector-width"="{64 * v.lanes}"'
        attributes = [f"attributes #0 = {{ nounwind {wide} }}", "attributes #1 = { nounwind willreturn readnone }"]
        return "\n".join([*body, *v.declared.values(), *attributes, ""])

    def _raise_flag(self, mask: str, flag: int) -> None:
        """Add a flag to what the kernel returns where the mask is set in some lane."""
        v = self.v
        some = v.emit(f"icmp ne i{v.lanes} {v.emit(f'bitcast {v.mask} {mask} to i{v.lanes}')}, 0")
        bit = v.emit(f"select i1 {some}, i64 {flag}, i64 0")
        known = v.emit(f"load i64, ptr {self.flags}")
        v.do(f"store i64 {v.emit(f'or i64 {known}, {bit}')}, ptr {self.flags}")

    # --- to be filled ------------------------------------------------------------------------------------------------

    def _reserve(self) -> None:
        """Memory on the stack for what the blocks need."""

    def _rows(self, n: str, base: str, strides: tuple[str, str]) -> None:
        """Points that lie in rows, from the first on."""
        self._block(n, layout.load(self.v, self.form.source, base, strides, self.program.inputs))

    def _block(self, n: str, x: list[str]) -> None:
        """One vector of points, from number n on."""
        raise NotImplementedError

    # --- loops -------------------------------------------------------------------------------------------------------

    def _loop(self, counter: str, first: str, end: str, step: int | str, body: Callable[[str], None]) -> None:
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

    def _clamped(self, i: str, end: str) -> str:
        """i, or the start of the last full vector before end."""
        last = self.v.emit(f"sub i64 {end}, {self.v.lanes}")
        return self.v.emit(f"call i64 @{self._smin()}(i64 {i}, i64 {last})")

    def _smin(self) -> str:
        return self.v.declare("llvm.smin.i64", "i64", "i64", "i64")

    def _row_loop(self) -> None:
        def block(i: str) -> None:
            n = self._clamped(i, "%stop")
            strides = self.arguments.strides("source")
            base = self.arguments.element("source", n, "source_row")
            self._rows(n, base, strides)

        self._loop(self.counter, "%start", "%stop", self.v.lanes, block)

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
            end = v.emit(f"call i64 @{self._smin()}(i64 {v.emit(f'add i64 {first}, {segment}')}, i64 {last})")
            outer, rest = [], row
            for d in range(axes - 2, -1, -1):
                outer.append(v.broadcast(self._coordinate(starts[d], v.emit(f"srem i64 {rest}, {lengths[d]}"))))
                rest = v.emit(f"sdiv i64 {rest}, {lengths[d]}")
            node = v.emit(f"mul i64 {row}, {last}")

            def block(j: str) -> None:
                k = self._clamped(j, end)
                index = v.emit(f"add i64 {starts[-1]}, {k}")
                at = v.emit(f"getelementptr double, ptr {self.arguments['axes']}, i64 {index}")
                along = v.emit(f"load {v.double}, ptr {at}, align 8")
                n, x = v.emit(f"add i64 {node}, {k}"), [*reversed(outer), along]
                self._block(n, x)

            self._loop(self.inner, first, end, v.lanes, block)

        self._loop(self.counter, "%start", "%stop", 1, item)

    def _coordinate(self, start: str, k: str) -> str:
        index = self.v.emit(f"add i64 {start}, {k}")
        at = self.v.emit(f"getelementptr double, ptr {self.arguments['axes']}, i64 {index}")
        return self.v.emit(f"load double, ptr {at}, align 8")

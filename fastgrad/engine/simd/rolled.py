"""The rolled form of a kernel: loops over the coordinates and the offsets around one copy of the whole program.

It is for programs whose displacements, each written out, would take LLVM too long. Coordinates lie in a stack array, of
which a displacement moves one, so that nothing of the program at the point itself is used again: at run time this form
takes some 7 times as long as the other. Everything stands there once, because LLVM's time grows faster than the text:
for Rosenbrock's function of 1 000 coordinates 0.7 s, and 7 s with the program twice and loads, steps and stores for
each coordinate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...formulas.stencils import Table
from ...llvm import layout
from ...program.program import Program
from .arguments import Form
from .lanes import Body, Module


def kernel(program: Program, table: Table, form: Form, *, alone: bool = False) -> str:
    """As `lanes.kernel`."""
    return _Rolled(program, table, form).text(alone=alone)


class _Coordinates(dict[int, str]):
    """Registers of coordinates, each loaded where it is first used: a thousand at once would all have to be kept."""

    def __init__(self, load: Callable[[int], str]) -> None:
        self.load = load

    def __missing__(self, i: int) -> str:
        self[i] = self.load(i)
        return self[i]


class _Rolled(Module):
    shares_unmoved = False

    def _reserve(self) -> None:
        v, d, m = self.v, self.program.inputs, len(self.program.outputs)
        self.offsets = [k for k in self.table.stencil.offsets if k]
        sizes = (d, len(self.offsets), len(self.offsets) * m, 1, 1)
        stacks = [v.emit(f"alloca {v.double}, i64 {n}") for n in sizes]
        self.stack_x, self.stack_k, self.stack_v, self.stack_bad, self.stack_gone = stacks
        for q, k in enumerate(self.offsets):
            v.do(f"store {v.double} {v.splat(float(k))}, ptr {self._place(self.stack_k, str(q))}")

    def _rows(self, n: str, base: str, strides: tuple[str, str]) -> None:
        self._fill(base, strides)
        self._whole_block(n)

    def _block(self, n: str, x: list[str]) -> None:
        self._keep(x, "0")
        self._whole_block(n)

    def _fill(self, base: str, strides: tuple[str, str]) -> None:
        """The coordinates into the stack array, some columns at a time."""
        v, d = self.v, self.program.inputs
        width = min(1 << (d.bit_length() - 1), v.lanes)

        def some(i: str) -> None:
            first = v.emit(f"call i64 @{self._smin()}(i64 {i}, i64 {d - width})")
            index = v.emit(f"mul i64 {first}, {strides[1]}")
            columns = v.emit(f"getelementptr double, ptr {base}, i64 {index}")
            self._keep(layout.load(v, self.form.source, columns, strides, width), first)

        self._loop(self.roll, "0", str(d), width, some)

    def _keep(self, x: list[str], first: str) -> None:
        for i, vector in enumerate(x):
            self.v.do(f"store {self.v.double} {vector}, ptr {self._place(self.stack_x, self._index(first, i))}")

    def _whole_block(self, n: str) -> None:
        """All results at one vector of points."""
        v, program = self.v, self.program
        body = Body(v, program, self.arguments.constants, self._batch(n))
        self.bad, zero = v.splat(0.0), v.splat(0.0)
        x: Any = self._coordinates()
        if self.form.value or self.table.stencil.base >= 0:
            body.run(range(len(program.nodes)), x, body.base)
        if self.form.value:
            self._store_value(n, body.outputs(x, body.base)[0])
        center = body.outputs(x, body.base) if self.table.stencil.base >= 0 else []
        v.do(f"store {v.double} {self.bad}, ptr {self.stack_bad}")
        v.do(f"store {v.double} {zero}, ptr {self.stack_gone}")
        self._loop(self.roll, "0", str(program.inputs), 1, lambda r: self._direction(body, n, r, center))
        self.bad = v.emit(f"load {v.double}, ptr {self.stack_bad}")
        self.vanished = v.compare("une", v.emit(f"load {v.double}, ptr {self.stack_gone}"), zero)
        self._raise_flags()

    def _direction(self, body: Body, n: str, r: str, center: list[str]) -> None:
        v, d, m, count = self.v, self.program.inputs, len(self.program.outputs), len(self.offsets)
        place = self._place(self.stack_x, r)
        saved = v.emit(f"load {v.double}, ptr {place}")
        h = self._own_step(n, r, saved)

        def sample(q: str) -> None:
            far = v.apply("*", self._read(self.stack_k, q), h)
            v.do(f"store {v.double} {v.apply('+', saved, far)}, ptr {place}")
            for k, value in enumerate(self._whole_program(body)):
                v.do(f"store {v.double} {value}, ptr {self._place(self.stack_v, self._index(q, k * count))}")

        self._loop(self.sample, "0", str(count), 1, sample)
        v.do(f"store {v.double} {saved}, ptr {place}")

        def at(offset: int) -> list[str]:
            q = self.offsets.index(offset)
            return [self._read(self.stack_v, str(q + k * count)) for k in range(m)]

        self.bad = v.emit(f"load {v.double}, ptr {self.stack_bad}")
        for k, total in enumerate(self._stencil(at, lambda: center)):
            self._store_column(n, self._index(r, k * d), self._result(total, h))
        v.do(f"store {v.double} {self.bad}, ptr {self.stack_bad}")

    def _own_step(self, n: str, r: str, x: str) -> str:
        v = self.v
        self.vanished = "zeroinitializer"
        h = self._step(n, r, x)
        if self.vanished != "zeroinitializer":
            gone = v.select(self.vanished, v.splat(1.0), v.emit(f"load {v.double}, ptr {self.stack_gone}"))
            v.do(f"store {v.double} {gone}, ptr {self.stack_gone}")
        return h

    def _result(self, total: str, h: str) -> str:
        return self._divided(total, int(self.table.scale[0]), [0] * self.table.divisors.shape[1], [h], "")

    def _store_column(self, n: str, k: str, result: str) -> None:
        """One result of all lanes."""
        v, strides = self.v, self.arguments.strides("out")
        self._watch(result)
        column = v.emit(f"mul i64 {k}, {strides[1]}")
        base = v.emit(f"getelementptr double, ptr {self.arguments.element('out', n, 'out_row')}, i64 {column}")
        layout.store(v, "columns" if self.form.out == "columns" else "any", base, strides, [result])

    def _coordinates(self) -> Any:
        return _Coordinates(lambda i: self._read(self.stack_x, str(i)))

    def _whole_program(self, body: Body) -> list[str]:
        shifted = self._coordinates()
        values: dict[int, str] = {}
        body.run(range(len(self.program.nodes)), shifted, values)
        return body.outputs(shifted, values)

    def _index(self, r: str, k: int) -> str:
        return self.v.emit(f"add i64 {r}, {k}") if k else r

    def _place(self, array: str, k: str) -> str:
        return self.v.emit(f"getelementptr {self.v.double}, ptr {array}, i64 {k}")

    def _read(self, array: str, k: str) -> str:
        return self.v.emit(f"load {self.v.double}, ptr {self._place(array, k)}")

"""Kernels with loops over data: sums over the rows of tables, whose terms are written once.

Columns lie one after the other. At many points a lane is a point, and goes through all rows; at one point it is a row.

What the terms have in common is computed before the loop, what is made of the sums after it. Functions stand in the
midst of a row's code, and where one is outside of its range that row is done again, with calls.
"""

from __future__ import annotations

from itertools import accumulate

from ...program.differences import Written
from ...program.program import Operand
from ...program.stages import StageLoop, stages
from .arguments import KernelForm
from .emission import Straight, Values, emit, operand
from .outputs import Outputs

Registers = dict[Operand, str]


class DataLoops(Straight):
    """Stages of nodes and of loops that need them."""

    def __init__(self, written: Written, form: KernelForm, name: str = "kernel") -> None:
        super().__init__(written, form, name)
        self.inline, self.written_out = self.written_out, False
        self.width = 0  # whatever results take, going through the rows takes longer
        self.stages = list(stages(self.program))
        sizes = [rows for rows, columns in self.program.tables for _ in range(columns)]
        self.starts = [self._registers() + start for start in accumulate(sizes, initial=0)]  # of columns

    def _reserve(self) -> None:
        super()._reserve()
        self.row = self.v.emit("alloca i64")
        self.totals = {
            j: self.v.emit(f"alloca {self.v.double}, align {8 * self.v.lanes}")
            for _, loops in self.stages for loop in loops for j in loop.sums
        }  # fmt: skip

    def _nodes(self, values: Values, outputs: Outputs, waiting: dict[Operand, list[int]]) -> None:
        for nodes, loops in self.stages:
            for j in nodes:
                self._node(j, values, outputs, waiting)
            for loop in loops:
                self._sum(loop, values)
                for j in loop.sums:
                    outputs.put(waiting.pop(("v", j), []), values["v", j])

    def _sum(self, loop: StageLoop, values: Values) -> None:
        """One loop; its totals are among the values then."""
        v = self.v
        for j in loop.nodes:
            for o in self.program.nodes[j][1:]:
                if o[0] == "x":
                    values[o]
        for j in loop.sums:
            self._put(j, v.splat(0.0))
        count = self.program.tables[loop.table][0]
        self.loop(self.row, "0", str(count), v.lanes if self.form.rows else 1, lambda i: self._row(i, loop, values))
        for j in loop.sums:
            values["v", j] = v.added_up(self._get(j)) if self.form.rows else self._get(j)

    def _row(self, i: str, loop: StageLoop, values: Values) -> None:
        """A row, or as many as there are lanes; the last ones with some of those before, which do not count again."""
        v, before, fresh = self.v, {j: self._get(j) for j in loop.sums}, ""
        if self.form.rows:
            first = v.least(i, str(self.program.tables[loop.table][0] - v.lanes))
            fresh, i = v.lanes_from(v.emit(f"sub i64 {i}, {first}")), first

        def work(i: str) -> None:
            inner = _Row(self, i, values)
            for j in loop.nodes:
                inner["v", j] = emit(v, self.program.nodes[j], inner)
            for j, term in loop.sums.items():
                more = operand(v, term, inner)
                more = v.select(fresh, more, v.splat(0.0)) if fresh else more
                self._put(j, v.apply("+", before[j], more))

        if self.inline:
            v.written_out(lambda: work(i), lambda: work(v.emit(f'call i64 asm "", "=r,0"(i64 {i})')))
        else:
            work(i)

    def number(self, column: int, i: str) -> str:
        """A number of row i in all lanes, or those of the rows from i on."""
        v, constants = self.v, self.arguments["constants"]
        at = v.emit(f"add i64 {i}, {self.starts[column]}")
        address = v.emit(f"getelementptr double, ptr {constants}, i64 {at}")
        if self.form.rows:
            return v.emit(f"load {v.double}, ptr {address}, align 8")
        return v.broadcast(v.emit(f"load double, ptr {address}, align 8"))

    def _put(self, j: int, register: str) -> None:
        self.v.do(f"store {self.v.double} {register}, ptr {self.totals[j]}, align {8 * self.v.lanes}")

    def _get(self, j: int) -> str:
        return self.v.emit(f"load {self.v.double}, ptr {self.totals[j]}, align {8 * self.v.lanes}")


class _Row(Registers):
    """The registers of one row, and those from outside."""

    def __init__(self, kernel: DataLoops, i: str, values: Values) -> None:
        super().__init__()
        self.kernel, self.i, self.outside = kernel, i, values

    def __missing__(self, key: Operand) -> str:
        if key[0] != "d":
            return self.outside[key]
        self[key] = self.kernel.number(int(key[1]), self.i)
        return self[key]

"""A traced program and a table as one LLVM function: explicit vectors, one point per lane.

Each displacement computes again only what depends on the coordinates it moves. Where that would be too much code, there
is the form of `rolled`. A tail shorter than a vector is done by the same code, moved back to the last full vector: some
points are computed twice, with equal bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ...formulas import stencils
from ...formulas.stencils import Table
from ...llvm import layout
from ...llvm.vectormath import Vectors
from ...program.dependence import dependents
from ...program.program import Program
from .arguments import Form, read, read_constants
from .frame import Frame

UNROLLED_OPERATIONS = 8000  # more take LLVM seconds: 49 551 took 9.9 s, the rolled form of the same program 0.8 s

# What a kernel returns: the sum of what it saw.
VANISHED, NOT_FINITE = 1, 2

EXPONENT = "9218868437227405312"  # 0x7FF0000000000000
INVERSE = "9214364837600034816"  # 0x7FE0000000000000, minus the bits of a power of two: the bits of its inverse


class Body:
    """Emits a program's nodes, keeping for each the register of its value at the point itself."""

    def __init__(self, v: Vectors, program: Program, constants: list[str], batch: list[str]) -> None:
        self.v, self.program, self.constants, self.batch = v, program, constants, batch
        self.base: dict[int, str] = {}

    def operand(self, operand: Any, x: list[str], moved: dict[int, str]) -> str:
        kind, k = operand
        if kind == "k":
            return self.v.splat(k)
        if kind == "v" and k in moved:
            return moved[k]
        place: Any = {"v": self.base, "x": x, "c": self.constants, "b": self.batch}[kind]
        return str(place[k])

    def run(self, nodes: Iterable[int], x: list[str], into: dict[int, str]) -> None:
        for j in nodes:
            name, *operands = self.program.nodes[j]
            into[j] = self.v.apply(name, *[self.operand(o, x, into) for o in operands])

    def outputs(self, x: list[str], moved: dict[int, str]) -> list[str]:
        return [self.operand(o, x, moved) for o in self.program.outputs]


def value(program: Program, lanes: int) -> str:
    """The text of a module with the function `value` alone."""
    return Module(program, stencils.value(), Form(lanes, "default", "uniform", "rows", "rows", False, False)).value()


def kernel(program: Program, table: Table, form: Form, *, alone: bool = False) -> str:
    """The text of a module with the functions `kernel` and, unless it is to be `alone`, `value`."""
    return Module(program, table, form).text(alone=alone)


class Module(Frame):
    """Displacements written out, one after the other."""

    shares_unmoved = True  # whether the sum of an output that a direction does not move is the same for all directions

    def text(self, *, alone: bool) -> str:
        body = self._kernel()
        return self._with_attributes(body if alone else [*body, *self._value()])

    def value(self) -> str:
        return self._with_attributes(self._value())

    def _value(self) -> list[str]:
        self._value_function()
        return self._function("value")

    # --- one vector of points ----------------------------------------------------------------------------------------

    def _block(self, n: str, x: list[str]) -> None:
        v, program = self.v, self.program
        body = Body(v, program, self.arguments.constants, self._batch(n))
        self.bad, self.vanished = v.splat(0.0), "zeroinitializer"
        self.unmoved: dict[str, str] = {}
        steps = self._steps(n, x)
        body.run(range(len(program.nodes)), x, body.base)
        if self.form.value:
            self._store_value(n, body.outputs(x, body.base)[0])
        results = body.outputs(x, body.base) if self.table.is_value else self._unrolled(body, n, x, steps)
        for result in dict.fromkeys(results):
            self._watch(result)
        strides = self.arguments.strides("out")
        layout.store(v, self.form.out, self.arguments.element("out", n, "out_row"), strides, results)
        self._raise_flags()

    def _store_value(self, n: str, value: str) -> None:
        self._watch(value)
        at = self.v.emit(f"getelementptr double, ptr {self.arguments['values']}, i64 {n}")
        self.v.do(f"store {self.v.double} {value}, ptr {at}, align 8")

    def _batch(self, n: str) -> list[str]:
        if not self.program.rows:
            return []
        strides = self.arguments["batch_row"], "1"
        return layout.load(self.v, "rows", self.arguments.element("batch", n, "batch_row"), strides, self.program.rows)

    def _watch(self, result: str) -> None:
        """``r - r`` is NaN where r is not finite, and NaN stays in a sum."""
        self.bad = self.v.apply("+", self.bad, self.v.apply("-", result, result))

    def _raise_flags(self) -> None:
        for mask, flag in ((self.vanished, VANISHED), (self.v.is_nan(self.bad), NOT_FINITE)):
            if mask != "zeroinitializer":
                self._raise_flag(mask, flag)

    # --- steps -------------------------------------------------------------------------------------------------------

    def _steps(self, n: str, x: list[str]) -> list[str]:
        """The steps of the coordinates that some direction moves; "" for the others."""
        used = set(self.table.moves.ravel().tolist())
        return [self._step(n, i, x[i]) if i in used else "" for i in range(len(x))]

    def _step(self, n: str, i: int | str, x: str) -> str:
        v, size, rule = self.v, self._size(n, i), self.form.rule
        scale = v.intrinsic("fabs", x)
        if rule == "default":
            one = v.splat(1.0)
            return self._power_of_two(v.apply("*", size, v.select(v.compare("ogt", scale, one), scale, one)))
        if rule == "relative":
            size = v.select(v.compare("oeq", scale, v.splat(0.0)), size, v.apply("*", size, scale))
        h = v.apply("-", v.apply("+", scale, size), scale)
        gone = v.compare("oeq", h, v.splat(0.0))
        self.vanished = gone if self.vanished == "zeroinitializer" else v.apply("or", self.vanished, gone)
        return h

    def _size(self, n: str, i: int | str) -> str:
        v = self.v
        if self.form.sizes == "uniform":
            return self.uniform
        base = self.arguments.element("sizes", n, "size_row")
        if self.form.sizes == "coordinate":
            index = v.emit(f"mul i64 {self.arguments['size_column']}, {i}")
            return v.broadcast(v.emit(f"load double, ptr {v.emit(f'getelementptr double, ptr {base}, i64 {index}')}"))
        strides = self.arguments.strides("size")
        index = v.emit(f"mul i64 {strides[1]}, {i}")
        return layout.load(v, "any", v.emit(f"getelementptr double, ptr {base}, i64 {index}"), strides, 1)[0]

    def _power_of_two(self, h: str) -> str:
        v = self.v
        bits = v.emit(f"bitcast {v.double} {h} to {v.ints}")
        kept = v.emit(f"and {v.ints} {bits}, <{', '.join([f'i64 {EXPONENT}'] * v.lanes)}>")
        return v.emit(f"bitcast {v.ints} {kept} to {v.double}")

    def _inverse(self, h: str) -> str:
        """1/h of a power of two: a subtraction of exponents."""
        v = self.v
        bits = v.emit(f"bitcast {v.double} {h} to {v.ints}")
        flipped = v.emit(f"sub {v.ints} <{', '.join([f'i64 {INVERSE}'] * v.lanes)}>, {bits}")
        return v.emit(f"bitcast {v.ints} {flipped} to {v.double}")

    # --- directions --------------------------------------------------------------------------------------------------

    def _unrolled(self, body: Body, n: str, x: list[str], steps: list[str]) -> list[str]:
        along = self._along_v(n, x) if self.program.inputs in self.table.moves else []
        moves_with = dependents(self.program)
        sums: list[list[str]] = []  # [direction][output]
        for units, signs in zip(self.table.moves.tolist(), self.table.signs.tolist(), strict=True):
            moved = [(u, s) for u, s in zip(units, signs, strict=True) if u >= 0]
            nodes = sorted({j for u, _ in moved for j in moves_with[u]})

            def at(offset: int, moved: Any = moved, nodes: Any = nodes) -> list[str]:
                shifted = self._displaced(x, steps, along, moved, offset)
                values: dict[int, str] = {}
                body.run(nodes, shifted, values)
                return body.outputs(shifted, values)

            sums.append(self._stencil(at, lambda: body.outputs(x, body.base)))
        columns = list(zip(*sums, strict=True)) if sums else [()] * len(self.program.outputs)
        return [r for column in columns for r in self._combined(list(column), steps, n)]

    def _along_v(self, n: str, x: list[str]) -> list[str]:
        """t * v at the points, one vector per coordinate."""
        v, strides = self.v, (self.arguments["v_row"], "1")
        vectors = layout.load(v, "any", self.arguments.element("v", n, "v_row"), strides, len(x))
        t = self._t(n)
        return [v.apply("*", t, vector) for vector in vectors]

    def _t(self, n: str) -> str:
        at = self.v.emit(f"getelementptr double, ptr {self.arguments['t']}, i64 {n}")
        return self.v.emit(f"load {self.v.double}, ptr {at}, align 8")

    def _displaced(
        self, x: list[str], steps: list[str], along: list[str], moved: list[tuple[int, int]], offset: int
    ) -> list[str]:
        shifted = list(x)
        for unit, sign in moved:
            if unit < len(x):
                shifted[unit] = self._shift(shifted[unit], steps[unit], sign * offset)
            else:
                zero = self.v.splat(0.0)  # coordinates that do not move keep their bits, -0.0 too
                shifted = [
                    self.v.select(self.v.compare("oeq", b, zero), a, self._shift(a, b, sign * offset))
                    for a, b in zip(shifted, along, strict=True)
                ]
        return shifted

    def _shift(self, x: str, h: str, k: int) -> str:
        far = h if abs(k) == 1 else self.v.apply("*", self.v.splat(float(abs(k))), h)
        return self.v.apply("+" if k > 0 else "-", x, far)

    def _stencil(self, at: Callable[[int], list[str]], center: Callable[[], list[str]]) -> list[str]:
        """The stencil's sum for each output."""
        values = [center() if not offset else at(offset) for offset in self.table.stencil.offsets]
        return [self._sum(of_output) for of_output in zip(*values, strict=True)]

    def _sum(self, values: tuple[str, ...]) -> str:
        """The stencil's sum of an output's values."""
        v, total = self.v, ""
        if len(set(values)) == 1 and self.shares_unmoved:
            return self._unmoved(values[0])
        for number, a, b in self.table.stencil.terms:
            term = v.apply("-", values[a], values[b])
            term = term if number == 1 else v.apply("*", v.splat(float(number)), term)
            total = v.apply("+", total, term) if total else term
        return total

    def _unmoved(self, value: str) -> str:
        """The sum of an output that a direction does not move: 0, or NaN where it is not finite. One for all
        directions: in the Jacobian of 30 outputs that read three inputs each, nine of ten are such
        (LLVM: 0.3 s instead of 1.2)."""
        if value not in self.unmoved:
            self.unmoved[value] = self.v.apply("-", value, value)
        return self.unmoved[value]

    def _combined(self, sums: list[str], steps: list[str], n: str) -> list[str]:
        """The table's outputs from the directions' sums."""
        v, table, results = self.v, self.table, []
        for k in range(len(table.scale)):
            total = ""
            for part, factor in zip(table.parts[k].tolist(), table.factors[k].tolist(), strict=True):
                if factor:
                    name = "+" if factor > 0 else "-"
                    total = v.apply(name, total, sums[part]) if total else sums[part]
            zero = total in self.unmoved.values()
            results.append(
                total if zero else self._divided(total, int(table.scale[k]), table.divisors[k].tolist(), steps, n)
            )
        return results

    def _divided(self, total: str, scale: int, units: list[int], steps: list[str], n: str) -> str:
        """``total / (scale * steps)``; of powers of two by multiplication, which is exact."""
        v = self.v
        exact = [u for u in units if self.form.rule == "default" and u < len(steps)]
        exact += [u for u in units if u == len(steps) and not self.form.vector_steps]
        for u in exact:
            total = v.apply("*", total, self._inverse(steps[u] if u < len(steps) else self._t(n)))
        rest = [steps[u] if u < len(steps) else self._t(n) for u in units if u not in exact]
        if scale & (scale - 1) == 0 and not rest:
            return v.apply("*", total, v.splat(1.0 / scale))
        divisor = v.splat(float(scale))
        for h in rest:
            divisor = v.apply("*", divisor, h)
        return v.apply("/", total, divisor)

    # --- the value ---------------------------------------------------------------------------------------------------

    def _value_function(self) -> None:
        """f itself at one vector of points in column order: what the spot check calls."""
        v, program = self.v, self.program
        constants = read_constants(self.v, self.program)
        lanes = str(v.lanes)
        x = layout.load(v, "columns", read(v, "source"), ("1", lanes), program.inputs)
        batch = layout.load(v, "columns", read(v, "batch"), ("1", lanes), program.rows)
        body = Body(v, program, constants, batch)
        body.run(range(len(program.nodes)), x, body.base)
        layout.store(v, "columns", read(v, "out"), ("1", lanes), body.outputs(x, body.base))
        v.do("ret i64 0")

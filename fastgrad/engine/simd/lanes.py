"""A traced program and a table as one LLVM function: explicit vectors, one point per lane.

Each displacement computes again only what depends on the coordinates it moves. Where that would be too much code, there
is the form of `rolled`. A tail shorter than a vector is done by the same code, moved back to the last full vector: some
points are computed twice, with equal bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ...formulas import stencils
from ...formulas.stencils import Table
from ...llvm import layout
from ...llvm.vectormath import Vectors
from ...program.dependence import dependents
from ...program.program import Program

UNROLLED_OPERATIONS = 8000  # more take LLVM seconds: 49 551 took 9.9 s, the rolled form of the same program 0.8 s

# What a kernel finds in its argument block, a row of 64-bit numbers and addresses; strides count doubles.
SLOTS = (
    "source", "source_row", "source_column", "out", "out_row", "out_column", "values", "constants", "sizes", "size_row",
    "size_column", "batch", "batch_row", "batch_column", "v", "v_row", "v_column", "t", "axes", "starts", "lengths",
    "segment",
)  # fmt: skip

# What it returns: the sum of what it saw.
VANISHED, NOT_FINITE = 1, 2

EXPONENT = "9218868437227405312"  # 0x7FF0000000000000
INVERSE = "9214364837600034816"  # 0x7FE0000000000000, minus the bits of a power of two: the bits of its inverse


class Form(NamedTuple):
    """Everything that shapes a kernel beside program and table."""

    lanes: int
    rule: str
    sizes: str  # "uniform", "coordinate" or "point"
    source: str  # a kind of `layout`, or "grid"
    out: str
    value: bool
    vector_steps: bool  # whether steps of v are not powers of two


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


class Module:
    shares_unmoved = True  # whether the sum of an output that a direction does not move is the same for all directions

    def __init__(self, program: Program, table: Table, form: Form) -> None:
        self.program, self.table, self.form = program, table, form
        self.v = Vectors(form.lanes)

    # --- the module --------------------------------------------------------------------------------------------------

    def text(self, *, alone: bool) -> str:
        self._grid_loop() if self.form.source == "grid" else self._row_loop()
        body = self._function("kernel")
        return self._with_attributes(body if alone else [*body, *self._value()])

    def value(self) -> str:
        return self._with_attributes(self._value())

    def _value(self) -> list[str]:
        self._value_function()
        return self._function("value")

    def _function(self, name: str) -> list[str]:
        lines = [f"define i64 @{name}(i64 %start, i64 %stop, ptr %arguments) #0 {{\nentry:", *self.v.lines, "}"]
        self.v.lines, self.v.count = [], 0
        return lines

    def _with_attributes(self, body: list[str]) -> str:
        v = self.v
        wide = f'"min-legal-vector-width"="{64 * v.lanes}" "prefer-vector-width"="{64 * v.lanes}"'
        attributes = [f"attributes #0 = {{ nounwind {wide} }}", "attributes #1 = { nounwind willreturn readnone }"]
        return "\n".join([*body, *v.declared.values(), *attributes, ""])

    def _slot(self, name: str, kind: str = "i64") -> str:
        at = self.v.emit(f"getelementptr i64, ptr %arguments, i64 {SLOTS.index(name)}")
        return self.v.emit(f"load {kind}, ptr {at}, align 8")

    def _constants(self) -> list[str]:
        """Parameters in all lanes, read once before the loop."""
        v, address = self.v, self._slot("constants", "ptr")
        loaded = []
        for k in range(len(self.program.constants)):
            at = v.emit(f"getelementptr double, ptr {address}, i64 {k}")
            loaded.append(v.broadcast(v.emit(f"load double, ptr {at}, align 8")))
        return loaded

    def _prologue(self) -> None:
        v = self.v
        self.constants = self._constants()
        self.slots = {name: self._slot(name) for name in SLOTS if name.endswith(("_row", "_column", "segment"))}
        self.pointers = {name: self._slot(name, "ptr") for name in SLOTS if name not in self.slots}
        self.flags, self.counter, self.inner, self.roll, self.sample = (v.emit("alloca i64") for _ in range(5))
        v.do(f"store i64 0, ptr {self.flags}")
        self._reserve()
        if self.form.sizes == "uniform":
            self.uniform = v.broadcast(v.emit(f"load double, ptr {self.pointers['sizes']}, align 8"))

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
        self._prologue()

        def block(i: str) -> None:
            n = self._clamped(i, "%stop")
            strides = self.slots["source_row"], self.slots["source_column"]
            base = self._element("source", n, "source_row")
            self._rows(n, base, strides)

        self._loop(self.counter, "%start", "%stop", self.v.lanes, block)
        self.v.do(f"ret i64 {self.v.emit(f'load i64, ptr {self.flags}')}")

    def _grid_loop(self) -> None:
        """Items are segments of the grid's rows along the last axis, in which the other coordinates are constant."""
        v, axes = self.v, self.program.inputs
        self._prologue()
        lengths, starts = ([self._entry(name, d) for d in range(axes)] for name in ("lengths", "starts"))
        segment, last = self.slots["segment"], lengths[-1]
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
                at = v.emit(f"getelementptr double, ptr {self.pointers['axes']}, i64 {index}")
                along = v.emit(f"load {v.double}, ptr {at}, align 8")
                n, x = v.emit(f"add i64 {node}, {k}"), [*reversed(outer), along]
                self._block(n, x)

            self._loop(self.inner, first, end, v.lanes, block)

        self._loop(self.counter, "%start", "%stop", 1, item)
        v.do(f"ret i64 {v.emit(f'load i64, ptr {self.flags}')}")

    def _entry(self, name: str, k: int) -> str:
        at = self.v.emit(f"getelementptr i64, ptr {self.pointers[name]}, i64 {k}")
        return self.v.emit(f"load i64, ptr {at}, align 8")

    def _coordinate(self, start: str, k: str) -> str:
        index = self.v.emit(f"add i64 {start}, {k}")
        at = self.v.emit(f"getelementptr double, ptr {self.pointers['axes']}, i64 {index}")
        return self.v.emit(f"load double, ptr {at}, align 8")

    def _element(self, name: str, n: str, stride: str) -> str:
        """The address of a point's first number."""
        index = self.v.emit(f"mul i64 {n}, {self.slots[stride]}")
        return self.v.emit(f"getelementptr double, ptr {self.pointers[name]}, i64 {index}")

    def _reserve(self) -> None:
        """Memory on the stack for what the blocks need."""

    # --- one vector of points ----------------------------------------------------------------------------------------

    def _rows(self, n: str, base: str, strides: tuple[str, str]) -> None:
        """Points that lie in rows, from the first on."""
        self._block(n, layout.load(self.v, self.form.source, base, strides, self.program.inputs))

    def _block(self, n: str, x: list[str]) -> None:
        v, program = self.v, self.program
        body = Body(v, program, self.constants, self._batch(n))
        self.bad, self.vanished = v.splat(0.0), "zeroinitializer"
        self.unmoved: dict[str, str] = {}
        steps = self._steps(n, x)
        body.run(range(len(program.nodes)), x, body.base)
        if self.form.value:
            self._store_value(n, body.outputs(x, body.base)[0])
        results = body.outputs(x, body.base) if self.table.is_value else self._unrolled(body, n, x, steps)
        for result in dict.fromkeys(results):
            self._watch(result)
        strides = self.slots["out_row"], self.slots["out_column"]
        layout.store(v, self.form.out, self._element("out", n, "out_row"), strides, results)
        self._raise_flags()

    def _store_value(self, n: str, value: str) -> None:
        self._watch(value)
        at = self.v.emit(f"getelementptr double, ptr {self.pointers['values']}, i64 {n}")
        self.v.do(f"store {self.v.double} {value}, ptr {at}, align 8")

    def _batch(self, n: str) -> list[str]:
        if not self.program.rows:
            return []
        strides = self.slots["batch_row"], "1"
        return layout.load(self.v, "rows", self._element("batch", n, "batch_row"), strides, self.program.rows)

    def _watch(self, result: str) -> None:
        """``r - r`` is NaN where r is not finite, and NaN stays in a sum."""
        self.bad = self.v.apply("+", self.bad, self.v.apply("-", result, result))

    def _raise_flags(self) -> None:
        v = self.v
        for mask, flag in ((self.vanished, VANISHED), (v.is_nan(self.bad), NOT_FINITE)):
            if mask != "zeroinitializer":
                some = v.emit(f"icmp ne i{v.lanes} {v.emit(f'bitcast {v.mask} {mask} to i{v.lanes}')}, 0")
                bit = v.emit(f"select i1 {some}, i64 {flag}, i64 0")
                known = v.emit(f"load i64, ptr {self.flags}")
                v.do(f"store i64 {v.emit(f'or i64 {known}, {bit}')}, ptr {self.flags}")

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
        base = self._element("sizes", n, "size_row")
        if self.form.sizes == "coordinate":
            index = v.emit(f"mul i64 {self.slots['size_column']}, {i}")
            return v.broadcast(v.emit(f"load double, ptr {v.emit(f'getelementptr double, ptr {base}, i64 {index}')}"))
        strides = self.slots["size_row"], self.slots["size_column"]
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
        v, strides = self.v, (self.slots["v_row"], "1")
        vectors = layout.load(v, "any", self._element("v", n, "v_row"), strides, len(x))
        t = self._t(n)
        return [v.apply("*", t, vector) for vector in vectors]

    def _t(self, n: str) -> str:
        at = self.v.emit(f"getelementptr double, ptr {self.pointers['t']}, i64 {n}")
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
        constants = self._constants()
        lanes = str(v.lanes)
        x = layout.load(v, "columns", self._slot("source", "ptr"), ("1", lanes), program.inputs)
        batch = layout.load(v, "columns", self._slot("batch", "ptr"), ("1", lanes), program.rows)
        body = Body(v, program, constants, batch)
        body.run(range(len(program.nodes)), x, body.base)
        layout.store(v, "columns", self._slot("out", "ptr"), ("1", lanes), body.outputs(x, body.base))
        v.do("ret i64 0")

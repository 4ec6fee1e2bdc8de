"""One formula along a row of samples, as machine code: explicit vectors, and stores that go past the cache.

A row operation is ``void row(n, out, sum, taps, weights, stride)``: `taps` are addresses of the rows that the formula
reads, at the same n places in each; `sum`, where there is one, is added. The arithmetic is np.gradient's, operation by
operation, so that results are equal to the last bit: nothing is contracted or reordered.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from ..formulas.spacings import AROUND, COMBINATION, DIFFERENCE, THREE_POINTS, SampleFormula
from ..llvm import machine

SCRATCH, PLAIN, STREAM = range(3)  # where a row goes: to the sum of several terms, to memory, to memory past the cache
FEW_ROWS = 8  # of uneven coordinates, for which it takes longer to make weights than to divide
LINE = 64  # bytes: a store past the cache must fill whole lines

_TEXT = """define i64 @row(i64 %n, ptr %out, ptr %sum, ptr %taps, ptr %weights, i64 %stride) #0 {{
entry:
{setup}
  br label %head
{loops}
end:
  ret i64 0
}}
attributes #0 = {{ nounwind "min-legal-vector-width"="{bits}" "prefer-vector-width"="{bits}" }}
"""

_ROWS = """define i64 @rows(i64 %from, i64 %to, ptr %given) #0 {{
entry:
  %taps = alloca ptr, i64 {count}
{numbers}
  br label %loop
loop:
  %r = phi i64 [%from, %entry], [%next, %loop]
  %far = mul i64 %r, %jump
  %to.r = getelementptr i8, ptr %out, i64 %far
  %aside = mul i64 %r, %across
  %weights.r = getelementptr i8, ptr %weights, i64 %aside
{moves}
  %done = call i64 @row(i64 %n, ptr %to.r, ptr null, ptr %taps, ptr %weights.r, i64 %stride)
  %next = add i64 %r, 1
  %more = icmp slt i64 %next, %to
  br i1 %more, label %loop, label %end
end:
  ret i64 0
}}
"""
_GIVEN = (("n", "i64"), ("out", "ptr"), ("jump", "i64"), ("weights", "ptr"), ("across", "i64"), ("stride", "i64"))

_LOOP = """{label}:
  %some.{label} = icmp sle i64 {after}, {limit}
  br i1 %some.{label}, label %body.{label}, label %{following}
body.{label}:
  %i.{label} = phi i64 [{first}, %{label}], [%next.{label}, %body.{label}]
{body}
  %next.{label} = add i64 %i.{label}, {lanes}
  %then.{label} = add i64 %next.{label}, {lanes}
  %more.{label} = icmp sle i64 %then.{label}, {limit}
  br i1 %more.{label}, label %body.{label}, label %{following}
"""


@dataclass(frozen=True)
class Row:
    """A formula, and how it runs along a row.

    `single`: float32 samples. `varying`: the weights change from place to place (a row of them for each weight,
    `stride` bytes apart), otherwise they are loaded once. `adds`: to a row that is there. `goes`:
    SCRATCH, PLAIN or STREAM.
    """

    formula: SampleFormula
    single: bool
    varying: bool
    adds: bool
    goes: int

    @property
    def wide(self) -> bool:
        """Computed in float64."""
        return not self.single or self.formula.wide


class _Body:
    """Instructions for `lanes` neighbouring places."""

    def __init__(self, row: Row, lanes: int, label: str) -> None:
        self.row, self.lanes, self.label = row, lanes, label
        self.lines: list[str] = []
        self.sample = self._type("float" if row.single else "double")
        self.number = self._type("double" if row.wide else "float")

    def _type(self, name: str) -> str:
        return name if self.lanes == 1 else f"<{self.lanes} x {name}>"

    def emit(self, instruction: str) -> str:
        name = f"%{self.label}.{len(self.lines)}"
        self.lines.append(f"  {name} = {instruction}")
        return name

    def number_of(self, sample: str) -> str:
        return sample if self.sample == self.number else self.emit(f"fpext {self.sample} {sample} to {self.number}")

    def calculate(self, operation: str, a: str, b: str) -> str:
        return self.emit(f"{operation} {self.number} {a}, {b}")

    def difference(self, a: str, b: str) -> str:
        return self.number_of(self.emit(f"fsub {self.sample} {a}, {b}"))

    def tap(self, k: int) -> str:
        return self.load(f"%tap{k}", self.sample)

    def load(self, base: str, kind: str) -> str:
        element = kind.rsplit(maxsplit=1)[-1].strip(">")
        place = self.emit(f"getelementptr {element}, ptr {base}, i64 %i.{self.label}")
        return self.emit(f"load {kind}, ptr {place}, align {4 if element == 'float' else 8}")

    def weight(self, k: int) -> str:
        if not self.row.varying:
            return f"%weight{k}" if self.lanes == 1 else f"%weights{k}"
        value = self.load(f"%weight{k}", self._type("double"))
        return value if self.row.wide else self.emit(f"fptrunc {self._type('double')} {value} to {self.number}")

    def formula(self) -> str:
        formula = self.row.formula
        taps = [self.tap(k) for k in range(formula.taps)]
        if formula.kind == DIFFERENCE:
            return self.calculate("fdiv", self.difference(taps[0], taps[1]), self.weight(0))
        if formula.kind == COMBINATION:
            return self.total([self.product(k, self.number_of(tap)) for k, tap in enumerate(taps)])
        if formula.kind == THREE_POINTS:
            return self.total(
                [self.calculate("fmul", w, self.number_of(t)) for w, t in zip(self.three(), taps, strict=True)]
            )
        values = [self.number_of(tap) for tap in taps]
        if formula.kind == AROUND:
            apart = [self.calculate("fsub", value, values[0]) for value in values[1:]]
            return self.total([self.product(k, value) for k, value in enumerate(apart)])
        apart = [self.calculate("fsub", a, b) for a, b in zip(values[::2], values[1::2], strict=True)]
        total = self.total([self.product(k, value) for k, value in enumerate(apart)])
        return self.calculate("fdiv", total, self.weight(len(apart)))

    def three(self) -> list[str]:
        """np.gradient's weights of three nodes, whose coordinates follow each other: three divisions."""
        x = [self.load("%weight0", self.number)]
        for k in (1, 2):
            beside = self.emit(f"getelementptr double, ptr %weight0, i64 {k}")
            x.append(self.load(beside, self.number))
        left, right = self.calculate("fsub", x[1], x[0]), self.calculate("fsub", x[2], x[1])
        both, negative = self.calculate("fadd", left, right), self.emit(f"fneg {self.number} {right}")
        return [
            self.calculate("fdiv", negative, self.calculate("fmul", left, both)),
            self.calculate("fdiv", self.calculate("fsub", right, left), self.calculate("fmul", left, right)),
            self.calculate("fdiv", left, self.calculate("fmul", right, both)),
        ]

    def product(self, k: int, value: str) -> str:
        return self.calculate("fmul", self.weight(k), value)

    def total(self, values: list[str]) -> str:
        result = values[0]
        for value in values[1:]:
            result = self.calculate("fadd", result, value)
        return result

    def store(self, value: str) -> None:
        kind = self.number if self.row.goes == SCRATCH else self.sample
        if kind != self.number:
            value = self.emit(f"fptrunc {self.number} {value} to {kind}")
        element = kind.split()[-1].strip(">")
        size = 4 if element == "float" else 8
        place = self.emit(f"getelementptr {element}, ptr %out, i64 %i.{self.label}")
        past = self.row.goes == STREAM and self.lanes > 1
        align = f"{size * self.lanes}, !nontemporal !0" if past else f"{size}"
        self.lines.append(f"  store {kind} {value}, ptr {place}, align {align}")

    def text(self) -> str:
        value = self.formula()
        if self.row.adds:
            value = self.calculate("fadd", self.load("%sum", self.number), value)
        self.store(value)
        return "\n".join(self.lines)


def _setup(row: Row, lanes: int) -> str:
    """Addresses and weights, and how many places lie before the first whole line of the output."""
    lines = []
    for k in range(row.formula.taps):
        lines += [f"%at{k} = getelementptr ptr, ptr %taps, i64 {k}", f"%tap{k} = load ptr, ptr %at{k}"]
    for k in range(row.formula.weights):
        if row.varying:
            lines += [f"%skip{k} = mul i64 %stride, {k}", f"%weight{k} = getelementptr i8, ptr %weights, i64 %skip{k}"]
        else:
            lines += _constant_weight(k, "double" if row.wide else "float", lanes)
    if row.goes == STREAM:
        size = 4 if row.single else 8
        lines += ["%address = ptrtoint ptr %out to i64", "%negative = sub i64 0, %address"]
        lines += [f"%bytes = and i64 %negative, {LINE - 1}", f"%odd = udiv i64 %bytes, {size}"]
        lines += ["%few = icmp slt i64 %odd, %n", "%start = select i1 %few, i64 %odd, i64 %n"]
    else:
        lines += ["%start = add i64 0, 0"]
    lines += ["%rest = sub i64 %n, %start", f"%whole = and i64 %rest, -{lanes}"]
    lines += [
        "%stop = add i64 %start, %whole",
        f"%after.start = add i64 %start, {lanes}",
        "%after.stop = add i64 %stop, 1",
    ]
    return "\n".join(f"  {line}" for line in lines)


def _constant_weight(k: int, number: str, lanes: int) -> list[str]:
    vector = f"<{lanes} x {number}>"
    loaded = f"%weight{k}" if number == "double" else f"%given{k}"
    lines = [f"%from{k} = getelementptr double, ptr %weights, i64 {k}", f"{loaded} = load double, ptr %from{k}"]
    if number == "float":
        lines += [f"%weight{k} = fptrunc double %given{k} to float"]
    lines += [f"%in{k} = insertelement {vector} poison, {number} %weight{k}, i32 0"]
    return [*lines, f"%weights{k} = shufflevector {vector} %in{k}, {vector} poison, <{lanes} x i32> zeroinitializer"]


def text(row: Row, lanes: int) -> str:
    """The module of one row operation; `lanes` doubles fit into a register."""
    wide = lanes if row.wide else 2 * lanes
    parts = [
        ("head", 1, "0", "1", "%start", "full"),
        ("full", wide, "%start", "%after.start", "%stop", "tail"),
        ("tail", 1, "%stop", "%after.stop", "%n", "end"),
    ]
    loops = "".join(
        _LOOP.format(
            label=label, lanes=size, first=first, after=after, limit=limit, following=following,
            body=_Body(row, size, label).text(),
        )
        for label, size, first, after, limit, following in parts
    )  # fmt: skip
    metadata = "!0 = !{i32 1}\n"
    return _TEXT.format(setup=_setup(row, wide), loops=loops, bits=64 * lanes) + metadata


@cache
def _compiled_row(row: Row, lanes: int) -> Any:
    return machine.functions(text(row, lanes), "row")[0]


def _text_of_rows(row: Row, lanes: int) -> str:
    """The module of a row operation that is repeated: `given` are the numbers of `_GIVEN`, then the first taps."""
    numbers, moves = [], []
    for k, (name, kind) in enumerate([*_GIVEN, *((f"tap.{k}", "ptr") for k in range(row.formula.taps))]):
        numbers += [f"%at.{name} = getelementptr i64, ptr %given, i64 {k}", f"%{name} = load {kind}, ptr %at.{name}"]
    for k in range(row.formula.taps):
        moves += [
            f"%moved.{k} = getelementptr i8, ptr %tap.{k}, i64 %far",
            f"%slot.{k} = getelementptr ptr, ptr %taps, i64 {k}",
        ]
        moves += [f"store ptr %moved.{k}, ptr %slot.{k}"]
    lines = ["\n".join(f"  {line}" for line in some) for some in (numbers, moves)]
    return text(row, lanes) + _ROWS.format(count=row.formula.taps, numbers=lines[0], moves=lines[1])


@cache
def _compiled_rows(row: Row, lanes: int) -> Any:
    return machine.functions(_text_of_rows(row, lanes), "rows")[0]


def rows(row: Row) -> Any:
    """A row operation for so many rows: ``rows(0, count, numbers)``, rows and their weights equally far apart."""
    return _compiled_rows(row, machine.lanes())


def address(row: Row) -> int:
    """Where the machine code of a row operation is."""
    place: int = _compiled_row(row, machine.lanes()).address
    return place

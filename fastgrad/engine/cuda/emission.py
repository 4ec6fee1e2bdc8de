"""A written program as a kernel of a GPU: one thread a point, in a loop over as many points as there are threads.

Arrays lie in the device's memory, by strides: neighbouring threads read neighbouring numbers where points lie in
columns. Of each point a byte says whether f itself is to be asked, as the simd engine's flags do for a range.
The point's function is the same text for a processor, by another entry: so its numbers are compared with simd's.
"""

from __future__ import annotations

import math
from typing import ClassVar

from ...llvm.calls import Unsupported
from ...llvm.vectormath import CALLING, OWN, Vectors
from ...program.differences import Written
from ...program.entries import ENTRY
from ...program.program import Operand
from ..simd.emission import NOT_FINITE, VANISHED, emit, operand
from ..simd.outputs import Outputs

POINTER = "ptr addrspace(1)"
ARRAYS = ("x", "beside", "out", "values", "constants", "marks")
STRIDES = ("x_row", "x_column", "beside_row", "out_row", "out_column")
ATTRIBUTES = "attributes #1 = { nounwind willreturn memory(none) }"
_PARAMETERS = ", ".join([*(f"{POINTER} %{name}" for name in ARRAYS), *(f"i64 %{name}" for name in STRIDES)])
_ON_DEVICE = f"""define ptx_kernel void @kernel(i64 %count, {_PARAMETERS}) {{
entry:
  %block = call i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
  %blocks = call i32 @llvm.nvvm.read.ptx.sreg.nctaid.x()
  %size = call i32 @llvm.nvvm.read.ptx.sreg.ntid.x()
  %thread = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %block.wide = zext i32 %block to i64
  %blocks.wide = zext i32 %blocks to i64
  %size.wide = zext i32 %size to i64
  %thread.wide = zext i32 %thread to i64
  %before = mul i64 %block.wide, %size.wide
  %first = add i64 %before, %thread.wide
  %threads = mul i64 %blocks.wide, %size.wide
  br label %test
test:
  %n = phi i64 [ %first, %entry ], [ %next, %work ]
  %inside = icmp slt i64 %n, %count
  br i1 %inside, label %work, label %done
work:
  call void @point(i64 %n, {_PARAMETERS})
  %next = add i64 %n, %threads
  br label %test
done:
  ret void
}}
declare i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.nctaid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.ntid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()"""
_READS = "\n".join(
    f"  %{name}.at = getelementptr i64, ptr %arguments, i64 {k}\n"
    + (
        f"  %{name}.number = load i64, ptr %{name}.at\n  %{name} = inttoptr i64 %{name}.number to {POINTER}"
        if name in ARRAYS
        else f"  %{name} = load i64, ptr %{name}.at"
    )
    for k, name in enumerate((*ARRAYS, *STRIDES))
)
_ON_HOST = f"""define i64 @kernel(i64 %start, i64 %stop, ptr %arguments) {{
entry:
{_READS}
  br label %test
test:
  %n = phi i64 [ %start, %entry ], [ %next, %work ]
  %inside = icmp slt i64 %n, %stop
  br i1 %inside, label %work, label %done
work:
  call void @point(i64 %n, {_PARAMETERS})
  %next = add i64 %n, 1
  br label %test
done:
  ret i64 0
}}"""


class Threads(Vectors):
    """Values are those of one thread. There is no C library: outside of the range of a function its value is NaN."""

    def __init__(self) -> None:
        super().__init__(1, fused=True)

    def alike(self) -> Threads:
        return Threads()

    def function(self, name: str, *operands: str) -> str:
        if name not in OWN and name not in CALLING:
            msg = f"the function {name!r}"
            raise Unsupported(msg)
        return self.call(self.apart(name, len(operands)), *operands)

    def by_library(self, name: str, *operands: str) -> str:
        return self.splat(math.nan)


class _Stores:
    """Where results go."""

    def __init__(self, v: Vectors) -> None:
        self.v = v

    def __setitem__(self, k: int, register: str) -> None:
        self.v.do(f"store {self.v.double} {register}, {POINTER} {place(self.v, 'out', k)}, align 8")


def place(v: Vectors, array: str, k: int) -> str:
    """Where number k of this thread's point lies in an array."""
    index = v.emit(f"mul i64 %n, %{array}_row") if array != "constants" else "0"
    if k:
        along = v.emit(f"mul i64 %{array}_column, {k}") if array in ("x", "out") else str(k)
        index = v.emit(f"add i64 {index}, {along}")
    return v.emit(f"getelementptr double, {POINTER} %{array}, i64 {index}")


def text_for_device(written: Written) -> str:
    """The module of a GPU.

    Raises
    ------
    Unsupported
        The program has a function that is not our own, or a table of numbers.
    """
    return _module(written, _ON_DEVICE)


def text_for_host(written: Written) -> str:
    """The same for a processor: a function of a range of points and the address of its arguments."""
    return _module(written, _ON_HOST)


def _module(written: Written, entry: str) -> str:
    v = Threads()
    _write(v, written)
    body = [f"define internal void @point(i64 %n, {_PARAMETERS}) {{", "entry:", *v.lines, "}"]
    return "\n".join([*body, *v.declared.values(), entry, ATTRIBUTES, ""])


def _write(v: Threads, written: Written) -> None:
    """The function of one point."""
    program, values = written.program, _Values(v)
    if any(name == ENTRY for name, *_ in program.nodes):
        msg = "tables of numbers"
        raise Unsupported(msg)
    outputs = Outputs(written, _Stores(v))
    for j, node in enumerate(program.nodes):
        values["v", j] = emit(v, node, values)
    for k, o in enumerate(program.outputs):
        outputs.put([k], operand(v, o, values))
    outputs.poison()
    if outputs.value:
        at = v.emit(f"getelementptr double, {POINTER} %values, i64 %n")
        v.do(f"store {v.double} {outputs.value}, {POINTER} {at}, align 8")
    total = outputs.finite.total() if written.checked else ""
    marks = [(v.is_nan(total), NOT_FINITE)] if total else []
    _mark(v, marks + ([(outputs.gone, VANISHED)] if outputs.gone else []))
    v.do("ret void")


def _mark(v: Threads, marks: list[tuple[str, int]]) -> None:
    """The byte of the point: the sum of what is to be seen to."""
    total = "0"
    for mask, flag in marks:
        bit = v.emit(f"select i1 {v.any(mask)}, i8 {flag}, i8 0")
        total = v.emit(f"or i8 {total}, {bit}")
    at = v.emit(f"getelementptr i8, {POINTER} %marks, i64 %n")
    v.do(f"store i8 {total}, {POINTER} {at}")


class _Values(dict[Operand, str]):
    """The registers of operands; numbers are read when they are wanted."""

    ARRAYS: ClassVar = {"x": "x", "b": "beside", "c": "constants"}

    def __init__(self, v: Threads) -> None:
        super().__init__()
        self.v = v

    def __missing__(self, key: Operand) -> str:
        at = place(self.v, self.ARRAYS[str(key[0])], int(key[1]))
        self[key] = self.v.emit(f"load {self.v.double}, {POINTER} {at}, align 8")
        return self[key]

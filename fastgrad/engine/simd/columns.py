"""Programs as they are, on vectors: their outputs at points in columns, again and again with other constants."""

from __future__ import annotations

from string import Template

import numpy as np
from numpy.typing import NDArray

from ...formulas import stencils
from ...llvm import machine
from ...llvm.calls import Unsupported
from ...program import differences
from ...program.program import Program
from ...results import EngineError
from .arguments import PLACES, SLOTS, address_of, form_of_columns
from .emission import module
from .families import written_out

Array = NDArray[np.float64]

MOVED = ("source", "out", "constants")  # addresses that are others for each set of points

# The kernel for one set after the other. In a loop of Python over 100 sets of 1 000 points, 20 us each, threads waited
# for its lock at every second one.
_SETS = Template("""
define i64 @sets(i64 %start, i64 %stop, ptr %given) #0 {
entry:
  %slots = alloca [$length x i64], align 8
  %steps = getelementptr i64, ptr %given, i64 $length
  %count_at = getelementptr i64, ptr %steps, i64 $moved
  %count = load i64, ptr %count_at, align 8
  call void @llvm.memcpy.p0.p0.i64(ptr %slots, ptr %given, i64 $bytes, i1 false)
  br label %each
each:
  %n = phi i64 [%start, %entry], [%following, %go]
  %saw = phi i64 [0, %entry], [%all, %go]
  %more = icmp slt i64 %n, %stop
  br i1 %more, label %go, label %end
go:
$moves
  %mark = call i64 @kernel(i64 0, i64 %count, ptr %slots)
  %all = or i64 %saw, %mark
  %following = add i64 %n, 1
  br label %each
end:
  ret i64 %saw
}
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
""")
_MOVE = Template("""
  %step_at.$name = getelementptr i64, ptr %steps, i64 $k
  %step.$name = load i64, ptr %step_at.$name, align 8
  %first_at.$name = getelementptr i64, ptr %given, i64 $place
  %first.$name = load i64, ptr %first_at.$name, align 8
  %far.$name = mul i64 %n, %step.$name
  %here.$name = add i64 %first.$name, %far.$name
  %slot.$name = getelementptr i64, ptr %slots, i64 $place
  store i64 %here.$name, ptr %slot.$name, align 8""")


class CompiledColumns:
    """A compiled program.

    `fill` reads points (inputs, P) and writes outputs (K, P), both contiguous; P is a multiple of `lanes`.
    """

    def __init__(self, program: Program) -> None:
        self.lanes = machine.lanes()
        try:
            made = differences.differences(program, stencils.value())
            frame = written_out(program, made, form_of_columns(), "kernel")
            text = module(frame) + _sets()
            (self._sets,) = machine.functions(text, "sets", straight=True)
        except Unsupported as missing:
            msg = f"this machine has no vector form of {missing}"
            raise EngineError(msg) from None

    def fill(self, points: Array, out: Array, table: Array) -> None:
        """The outputs out[n] at points[n], with the n-th row of a table for constants; other threads may run."""
        count, size = points.shape[2], np.ones(1)
        arrays = dict(zip(MOVED, (points, out, table), strict=True))
        given = np.zeros(len(SLOTS) + len(MOVED) + 1, np.int64)
        for name, number in {
            "source_row": 1, "source_column": count, "out_row": 1, "out_column": count, "sizes": address_of(size),
            **{name: address_of(array) for name, array in arrays.items()},
        }.items():  # fmt: skip
            given[PLACES[name]] = number
        given[len(SLOTS) :] = [*(array.strides[0] for array in arrays.values()), count]
        self._sets(0, len(table), address_of(given))


def _sets() -> str:
    moves = [_MOVE.substitute(name=name, k=k, place=PLACES[name]) for k, name in enumerate(MOVED)]
    length = len(SLOTS)
    return _SETS.substitute(length=length, bytes=8 * length, moved=len(MOVED), moves="\n".join(moves))

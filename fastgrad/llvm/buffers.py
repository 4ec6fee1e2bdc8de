"""Elementary functions over a buffer, for kernels that Numba compiles: `apply(address, buffer, n)`.

Numba's own exp is scalar; ours takes a whole vector (2 against 5 ns a value with AVX2). The loop over vectors is
LLVM text of our own. Kernels receive its address as a number, so that Numba can keep them on disk.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from . import machine
from .vectormath import Vectors

_TEXT = """{declarations}
define i64 @over(i64 %start, i64 %stop, ptr %data) #0 {{
entry:
  %some = icmp slt i64 %start, %stop
  br i1 %some, label %loop, label %end
loop:
  %n = phi i64 [%start, %entry], [%next, %last]
  %place = getelementptr double, ptr %data, i64 %n
{body}
  %next = add i64 %n, {lanes}
  %more = icmp slt i64 %next, %stop
  br i1 %more, label %loop, label %end
end:
  ret i64 0
}}
attributes #0 = {{ nounwind "min-legal-vector-width"="{bits}" "prefer-vector-width"="{bits}" }}
attributes #1 = {{ nounwind readnone willreturn }}
"""


@cache
def _kernel(name: str, lanes: int) -> Any:
    v = Vectors(lanes)
    x = v.emit(f"load {v.double}, ptr %place, align 8")

    def replace() -> None:
        v.do(f"store {v.double} {v.apply(name, x)}, ptr %place, align 8")

    v.written_out(replace, replace)
    v.do("br label %last\nlast:")
    text = _TEXT.format(
        declarations="\n".join(v.declared.values()), body="\n".join(v.lines), lanes=lanes, bits=64 * lanes
    )
    return machine.functions(text, "over", straight=True)[0]


def address(name: str) -> int:
    """Where the machine code is that replaces a buffer's elements by exp, tanh, ... of them."""
    place: int = _kernel(name, machine.lanes()).address
    return place


@intrinsic
def apply(typing: Any, place: Any, buffer: Any, n: Any) -> Any:
    """Call the code at an address on the first n elements of a contiguous buffer; n is a multiple of the lanes."""

    def codegen(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        data = context.make_array(signature.args[1])(context, builder, given[1]).data
        i64, void = ir.IntType(64), ir.IntType(8).as_pointer()
        function = builder.inttoptr(given[0], ir.FunctionType(i64, [i64, i64, void]).as_pointer())
        return builder.call(function, [ir.Constant(i64, 0), given[2], builder.bitcast(data, void)])

    return types.int64(types.int64, buffer, types.int64), codegen

"""One of our own functions at many points, compiled."""

import numpy as np
import pytest

from fastgrad.llvm import machine
from fastgrad.llvm.vectormath import Vectors

LANES = 2
TEXT = """{declared}
define i64 @over(i64 %start, i64 %stop, ptr %data) {{
entry:
  br label %loop
loop:
  %n = phi i64 [%start, %entry], [%next, %loop]
  %a = getelementptr double, ptr %data, i64 %n
{body}
  %next = add i64 %n, {lanes}
  %more = icmp slt i64 %next, %stop
  br i1 %more, label %loop, label %end
end:
  ret i64 0
}}
attributes #1 = {{ nounwind readnone willreturn }}
"""


@pytest.fixture
def computed():
    """A function of a name and an array."""

    def at(name, x):
        v = Vectors(LANES)
        operand = v.emit(f"load {v.double}, ptr %a, align 8")
        v.do(f"store {v.double} {v.function(name, operand)}, ptr %a, align 8")
        text = TEXT.format(declared="\n".join(v.declared.values()), body="\n".join(v.lines), lanes=LANES)
        data = np.append(x, [1.0] * (-len(x) % LANES))
        machine.functions(text, "over", straight=True)[0](0, len(data), data.ctypes.data)
        return data[: len(x)]

    return at

"""Elements of tables of doubles, which are constants of a module, lane by lane."""

from __future__ import annotations

from hashlib import sha256

import numpy as np

from .lanes import Lanes

_PRINTED = {byte: f"\\{byte:02X}" for byte in range(256)}


def entry(v: Lanes, table: bytes, place: str) -> str:
    """The elements at places, cut to whole numbers within the table; NaN is cut to the first."""
    last = len(table) // np.dtype(np.float64).itemsize - 1
    inside = v.intrinsic("minnum", v.intrinsic("maxnum", place, v.splat(0.0)), v.splat(float(last)))
    whole = v.emit(f"fptosi {v.double} {inside} to <{v.lanes} x i32>")
    at = v.emit(f"getelementptr double, ptr @{_constant(v, table)}, <{v.lanes} x i32> {whole}")
    pointers = f"<{v.lanes} x ptr>"
    gather = f"llvm.masked.gather.v{v.lanes}f64.v{v.lanes}p0"
    v.declared[gather] = f"declare {v.double} @{gather}({pointers}, i32, {v.mask}, {v.double})"
    everywhere = ", ".join(["i1 true"] * v.lanes)
    return v.emit(f"call {v.double} @{gather}({pointers} {at}, i32 8, {v.mask} <{everywhere}>, {v.double} poison)")


def _constant(v: Lanes, table: bytes) -> str:
    """The name of a table in the module, in which equal ones are one; text by bytes is read fastest."""
    name = f"table.{sha256(table).hexdigest()[:24]}"
    if name not in v.declared:
        text = "".join(map(_PRINTED.__getitem__, table))
        v.declared[name] = f'@{name} = internal constant [{len(table)} x i8] c"{text}", align 8'
    return name

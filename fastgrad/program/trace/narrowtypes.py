"""Numbers of other types than float64 and int64, such as uint8 and float32, which NumPy computes with in their type.

250 + 130 is 124 of uint8, and a product of float32 is rounded to float32. A trace computes with doubles: what it does
with such numbers alone is refused. Together with one of NumPy's float64, as x has them, they are float64 in NumPy too;
with numbers of Python's, which have no type of their own, they are not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..program import Operand
from .refusals import refuse

_OTHER = (np.dtype(np.float64), np.dtype(np.int64), np.dtype(np.longdouble))  # the last is refused anyway
_COMPARING = {"lt", "le", "gt", "ge", "eq", "ne"}
_ASKING = {"isnan", "isinf", "isfinite"}
_CHOOSING = {"select", "max", "min", "fmax", "fmin"}


def is_narrow(dtype: np.dtype[Any]) -> bool:
    """Whether doubles do not do what NumPy does with numbers of a type."""
    return dtype.kind in "iuf" and dtype not in _OTHER


def with_types(array: NDArray[Any]) -> NDArray[np.object_]:
    """An array of objects whose elements keep their type, which Python's own numbers would not have."""
    values = np.empty_like(array, dtype=object)  # and lie in memory in the same order
    if not is_narrow(array.dtype):
        values[...] = array
        return values
    for k, number in enumerate(array.flat):
        values.flat[k] = number
    return values


def type_of_result(trace: Any, key: tuple[Any, ...]) -> np.dtype[Any] | None:
    """The type of a node's result if that is narrow; refused where it is computed in such a type."""
    kinds, name, operands = trace.narrow, key[0], key[2:] if key[0] == "select" else key[1:]
    own = [kinds[o] for o in operands if o in kinds]
    whole = all(kind.kind in "iub" for kind in own)
    if not own or name in _ASKING or not all(o in kinds or _is_weak(trace, o, whole) for o in operands):
        return None
    if name in _CHOOSING:
        return np.result_type(*own)
    if name not in _COMPARING or not (whole or all(o == ("k", 0.0) for o in operands[1:])):
        rows = any(o[0] == "b" for o in kinds)
        refuse(
            f"f computes with a {own[0]}{' of batch_args' * rows} without x, which NumPy does in that type; "
            + ("pass batch_args of float64, as in labels.astype(float)" if rows else "write a.astype(float)")
        )
    return None


def _is_weak(trace: Any, operand: Operand, whole: bool) -> bool:
    """Whether a number takes the type of what it meets, as Python's and masks do: of integers, and else of floats."""
    kind, place = operand
    if kind in "kc":
        return not whole or float(place if kind == "k" else trace.constants[int(place)]).is_integer()
    if kind == "v" and trace.nodes[int(place)][0] == "tofloat":
        return True
    pythons = operand in trace.pythons or (kind in "xb" and trace.unpacked)
    return bool(pythons and (not whole or operand in trace.integers or operand in trace.whole))

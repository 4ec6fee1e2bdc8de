"""Where Numba computes otherwise than Python and NumPy: with booleans always, with integers at some points.

NumPy's True + True is True, Numba's is 2; of True * True both make 1, but Numba's may become 2 by further sums.
Python's integers have any size, NumPy's small ones wrap, both raise where a divisor is 0 or what becomes an integer is
NaN; Numba's have 64 bits and raise nowhere.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np
from numba import types

_NAMES = ("add", "sub", "pow", "floordiv", "mod", "lshift", "rshift")
_UFUNCS = {np.add, np.subtract, np.power, np.floor_divide, np.mod, np.left_shift, np.right_shift}
_ARITHMETIC = {getattr(operator, prefix + name) for name in _NAMES for prefix in ("", "i")} | _UFUNCS
_SUMMING = {operator.add, operator.iadd, operator.sub, operator.isub, np.add, np.subtract}
_PRODUCTS = {operator.mul, operator.imul, np.multiply}
_SHIFTS = {operator.lshift, operator.ilshift, operator.rshift, operator.irshift, np.left_shift, np.right_shift}


def adds_booleans(compiled: Any) -> bool:
    """Whether a compiled function, or one that it calls, does arithmetic with two booleans, other than products.

    Or with such products, which are integers to Numba.
    """
    found = [*typings(compiled, set())]
    if any(_pairs_booleans(typed, _ARITHMETIC) for typed in found):
        return True
    return any(_pairs_booleans(typed, _PRODUCTS) for typed in found) and any(map(_adds_integers, found))


def inverts_booleans(compiled: Any) -> bool:
    """Whether a compiled function, or one that it calls, applies ~ to a boolean: Python's are integers there."""
    return any(
        getattr(expression, "op", "") == "unary"
        and expression.fn is operator.invert
        and isinstance(typed.typemap[expression.value.name], types.Boolean)
        for typed in typings(compiled, set())
        for expression in typed.calltypes
    )


def _adds_integers(typed: Any) -> bool:
    pairs = (operands(expression, typed.typemap, _SUMMING) for expression in typed.calltypes)
    return any(pair and all(isinstance(element(kind), types.Integer) for kind in pair) for pair in pairs)


def odd_integers(compiled: Any, negative: bool) -> str:
    """Why integers of a compiled function, or of one that it calls, are others than NumPy's or Python's; or "".

    Numba widens small ones, shifts by any number, and gives powers of integers to any exponent; `negative` says whether
    code has negative integers.
    """
    odd = (*_ODD, ({operator.pow, operator.ipow}, _may_be_negative)) if negative else _ODD
    for typed in typings(compiled, set()):
        for expression in typed.calltypes:
            for operations, reason in odd:
                a, *b = operands(expression, typed.typemap, operations) or [None]
                if b and reason(a, b[0]):
                    return _ODD_REASON.format(_text(a), _text(b[0]))
    return ""


_ODD_REASON = (
    "f computes with {} and {}, as Numba does otherwise: NumPy keeps small integers small, and a shift or a power of "
    "integers by a negative number raises; write floats, or use engine='python'"
)


def _text(kind: Any) -> str:
    return f"an array of {kind.dtype}" if isinstance(kind, types.Array) else str(getattr(kind, "literal_type", kind))


def _are_small(a: Any, b: Any) -> bool:
    both = element(a), element(b)
    return all(isinstance(kind, (types.Integer, types.Boolean)) for kind in both) and (_is_small(a) or _is_small(b))


def _count_may_be_negative(a: Any, b: Any) -> bool:
    """Of Python's own powers the result is a float then, which is seen when f is compared."""
    of_arrays = isinstance(a, types.Array) or isinstance(b, types.Array)
    return of_arrays and _may_be_negative(a, b)


def _may_be_negative(a: Any, b: Any) -> bool:
    known = getattr(b, "literal_value", -1)
    return all(isinstance(element(kind), types.Integer) for kind in (a, b)) and known < 0


_ODD = (
    (_ARITHMETIC | _PRODUCTS, _are_small),
    (_SHIFTS | {np.power}, _may_be_negative),
    ({operator.pow, operator.ipow}, _count_may_be_negative),
)


def makes_integers(compiled: Any) -> bool:
    """Whether a compiled function, or one that it calls, makes integers of floats or has others than of 64 bits."""
    return any(
        any(map(_from_float, typed.calltypes.values()))
        or any(map(_is_small, typed.typemap.values()))
        or _pairs_booleans(typed, _PRODUCTS)
        for typed in typings(compiled, set())
    )


def typings(compiled: Any, seen: set[Any]) -> Iterator[Any]:
    """What Numba found out about the types of a function, and of those that it calls."""
    yield compiled.type_annotation
    for kind in compiled.type_annotation.typemap.values():
        if isinstance(kind, types.Dispatcher) and kind not in seen:
            seen.add(kind)
            for callee in kind.dispatcher.overloads.values():
                yield from typings(callee, seen)


def _pairs_booleans(typed: Any, operations: set[Any]) -> bool:
    found = (operands(expression, typed.typemap, operations) for expression in typed.calltypes)
    return any(kinds and all(isinstance(element(kind), types.Boolean) for kind in kinds) for kinds in found)


def operands(expression: Any, kinds: dict[str, Any], operations: set[Any]) -> list[Any]:
    """The types of both operands of one of some operations as they were before Numba made numbers of them."""
    what = getattr(expression, "op", "")
    if what in {"binop", "inplace_binop"} and expression.fn in operations:
        return [kinds[side.name] for side in (expression.lhs, expression.rhs)]
    if what == "call" and getattr(kinds[expression.func.name], "typing_key", None) in operations:
        return [kinds[argument.name] for argument in expression.args[:2]]
    return []


def element(kind: Any) -> Any:
    return kind.dtype if isinstance(kind, types.Array) else kind


def _from_float(signature: Any) -> bool:
    returns = getattr(signature, "return_type", None)
    if not isinstance(element(returns), types.Integer):
        return False
    return isinstance(returns, types.Array) or any(isinstance(kind, types.Float) for kind in signature.args)


def _is_small(kind: Any) -> bool:
    number = element(kind)
    return isinstance(number, types.Integer) and (number.bitwidth < 64 or not number.signed)

"""Numbers of float32 with Python's own, which NumPy computes in float32 and Numba in float64."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from typing import Any

import numpy as np
from numba import types
from numba.core import ir

from .domains import CHECKED
from .integers import element, operands, typings

_NAMES = ("add", "sub", "mul", "truediv", "floordiv", "mod", "lt", "le", "gt", "ge", "eq", "ne")
_OPERATIONS = {
    *(getattr(operator, name) for name in _NAMES),
    *(getattr(operator, "i" + name) for name in _NAMES[:6]),
    np.add, np.subtract, np.multiply, np.divide, np.floor_divide, np.mod, np.power, np.arctan2, np.hypot,
    np.maximum, np.minimum, np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal,
}  # fmt: skip
_MAKES_PYTHONS = {float, int, len, round, *CHECKED.values(), *(v for v in vars(math).values() if callable(v))}


def widens_singles(compiled: Any) -> bool:
    """Whether a compiled function, or one that it calls, computes with a float32 and a number of Python's."""
    return any(any(_pairs(typed)) for typed in typings(compiled, set()))


def _pairs(typed: Any) -> Iterator[bool]:
    if not any(map(_is_single, typed.typemap.values())):
        return
    stored = [(s.target.name, s.value) for block in typed.blocks.values() for s in block.find_insts(ir.Assign)]
    yield any(_becomes_wide(name, value, typed.typemap) for name, value in stored)
    made = dict(stored)
    for expression in typed.calltypes:
        kinds = operands(expression, typed.typemap, _OPERATIONS)
        if len(kinds) == 2 and any(map(_is_single, kinds)):
            pythons = [_is_pythons(name, made, typed.typemap) for name in _names(expression)]
            own = [_is_single(kind) and not python for kind, python in zip(kinds, pythons, strict=True)]
            yield any(own) and any(pythons)


def _is_single(kind: Any) -> bool:
    return bool(element(kind) == types.float32)


def _becomes_wide(name: str, value: Any, kinds: dict[str, Any]) -> bool:
    """Whether a variable that is a float32 on some way to there is a float64."""
    joined = isinstance(value, ir.Expr) and value.op == "phi"
    before = [value] if isinstance(value, ir.Var) else value.list_vars() if joined else []
    return not _is_single(kinds[name]) and any(_is_single(kinds[v.name]) for v in before)


def _names(expression: Any) -> list[str]:
    sides = expression.args[:2] if expression.op == "call" else (expression.lhs, expression.rhs)
    return [side.name for side in sides]


def _is_pythons(name: str, made: dict[str, Any], kinds: dict[str, Any], before: frozenset[str] = frozenset()) -> bool:
    """Whether a number is one of Python's: written in f, found beside it, or computed of such.

    What a loop carries along, computed of itself `before`, is what else it is computed of.
    """
    value, before = made.get(name), before | {name}
    if isinstance(value, ir.Var):
        return value.name in before or _is_pythons(value.name, made, kinds, before)
    if isinstance(value, (ir.Const, ir.Global, ir.FreeVar)):
        return type(value.value) in (float, int)
    if not isinstance(value, ir.Expr) or value.op in {"getitem", "static_getitem"}:
        return False
    if isinstance(kinds[name], types.Integer):
        return True
    if value.op == "call":
        called = kinds[value.func.name]
        return _function(called) in _MAKES_PYTHONS
    sides = [side.name for side in value.list_vars() if side.name not in before]
    return value.op in _COMPUTED and all(_is_pythons(side, made, kinds, before) for side in sides)


def _function(kind: Any) -> Any:
    return kind.dispatcher if isinstance(kind, types.Dispatcher) else getattr(kind, "typing_key", None)


_COMPUTED = {"binop", "inplace_binop", "unary", "cast", "phi"}

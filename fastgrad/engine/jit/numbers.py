"""The numbers of a stencil in a loop: functions that LLVM folds, known when the loop is linked with f.

So one loop does for all stencils, rules of steps and small dimensions, without being slower.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import llvmlite.binding as llvm
import llvmlite.ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ...formulas.stencils import Stencil

# Rules of steps; without one no coordinate has a step.
RULES = {"default": 0, "absolute": 1, "relative": 2, "book": 3, "": 4, "complex": 5}

Value = int | float | tuple[int, ...] | tuple[float, ...]


class Numbers(NamedTuple):
    """Functions without an argument, or of a position."""

    dimension: Any  # where it is small
    rule: Any
    value: Any  # whether f's values are asked for
    power: Any
    denominator: Any
    terms: Any  # their number
    weight: Any  # of a term
    above: Any  # a term's position among the offsets
    below: Any
    samples: Any  # the number of offsets
    offset: Any
    base: Any  # the position of offset 0, or -1
    uses_base: Any  # whether directions need f at x itself


def values(formula: Stencil, rule: str, *, dimension: int = 0, value: bool = False, uses_base: bool = False) -> Numbers:
    """The numbers as they are."""
    terms = formula.terms or ((0, 0, 0),)  # a complex step has none
    return Numbers(
        dimension=dimension,
        rule=RULES[rule],
        value=int(value),
        power=formula.derivative,
        denominator=float(formula.denominator),
        terms=len(formula.terms),
        weight=tuple(float(weight) for weight, _, _ in terms),
        above=tuple(above for _, above, _ in terms),
        below=tuple(below for _, _, below in terms),
        samples=len(formula.offsets),
        offset=tuple(map(float, formula.offsets)),
        base=formula.base,
        uses_base=int(uses_base),
    )


def _symbol(name: str) -> str:
    return f"fastgrad.number.{name}"


def _type(value: Value) -> Any:
    element = value[0] if isinstance(value, tuple) else value
    return types.float64 if isinstance(element, float) else types.int64


_EXAMPLE = values(Stencil(1, 2, "central", (-1, 1), ((1, 1, 0),), 2), "default")


@cache
def unknown() -> Numbers:
    """Functions that are defined when a loop is linked; no loop with them runs before."""
    for name in Numbers._fields:
        llvm.add_symbol(_symbol(name), 1)
    return Numbers(*(_number(value, _calling(name)) for name, value in _EXAMPLE._asdict().items()))


def _number(value: Value, emit: Callable[[Any, Any], Any]) -> Any:
    """A function for compiled code, of nothing or of a position."""
    kind = _type(value)

    def codegen(_context: Any, builder: Any, _signature: Any, position: Any) -> Any:
        return emit(builder, position)

    @intrinsic
    def number(_context: Any) -> Any:
        return kind(), codegen

    @intrinsic
    def number_at(_context: Any, _position: Any) -> Any:
        return kind(types.int64), codegen

    return number_at if isinstance(value, tuple) else number


def _calling(name: str) -> Callable[[Any, Any], Any]:
    def emit(builder: Any, position: Any) -> Any:
        function = _declared(builder.module, name)
        for attribute in ("readnone", "nounwind"):
            function.attributes.add(attribute)
        return builder.call(function, position)

    return emit


def _giving(value: Value) -> Callable[[Any, Any], Any]:
    def emit(builder: Any, position: Any) -> Any:
        constant = _constant(value)
        if not isinstance(value, tuple):
            return constant
        table = cgutils.global_constant(builder, "numbers", constant)
        return builder.load(cgutils.gep_inbounds(builder, table, 0, *position))

    return emit


def _constant(value: Value) -> Any:
    element = llvmlite.ir.DoubleType() if _type(value) == types.float64 else llvmlite.ir.IntType(64)
    if not isinstance(value, tuple):
        return element(value)
    return llvmlite.ir.ArrayType(element, len(value))([element(each) for each in value])


def _declared(module: Any, name: str) -> Any:
    """A function of a module that has yet to be defined."""
    value = getattr(_EXAMPLE, name)
    returns = llvmlite.ir.DoubleType() if _type(value) == types.float64 else llvmlite.ir.IntType(64)
    takes = [llvmlite.ir.IntType(64)] * isinstance(value, tuple)
    return cgutils.get_or_insert_function(module, llvmlite.ir.FunctionType(returns, takes), _symbol(name))


def definitions(numbers: Numbers) -> Any:
    """A module that gives the functions their values."""
    module = llvmlite.ir.Module()
    for name, value in numbers._asdict().items():
        function = _declared(module, name)
        function.attributes.add("alwaysinline")
        builder = llvmlite.ir.IRBuilder(function.append_basic_block())
        builder.ret(_giving(value)(builder, function.args))
    return llvm.parse_assembly(str(module))


def define(module: Any, numbers: Numbers) -> None:
    """Give the functions of a module their values."""
    module.link_in(definitions(numbers))
    for name in Numbers._fields:
        module.get_function(_symbol(name)).linkage = "internal"

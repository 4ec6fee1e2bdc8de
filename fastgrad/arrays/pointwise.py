"""Partial derivatives of functions of single numbers, on arrays: the table of the scalar programs, run by NumPy."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from ..program.adjoint import adjoint
from ..program.code import Code
from ..program.partials import Partials
from ..program.program import Program
from ..program.schedule import OF_ARRAYS
from ..program.trace.recording import Untraceable, trace
from .nodes import Node, refuse
from .specials import curvature, slope


def partials(node: Node) -> list[tuple[Node, Any]]:
    """For each argument that moves: the derivative of a ufunc by it, an array that may have to be spread."""
    known = slope(node.how)
    if known:
        return [(node.args[0], known(node.args[0].value))]
    literals = tuple(a.value if _is_literal(a) else None for a in node.args)
    program = _derivatives(node.how, literals)
    given = [np.asarray(a.value) for a, literal in zip(node.args, literals, strict=True) if literal is None]
    found = iter(_run(program, given))
    each = [(a, next(found)) for a, literal in zip(node.args, literals, strict=True) if literal is None]
    return [(a, partial) for a, partial in each if a.moves and a.is_float]


def _is_literal(a: Node) -> bool:
    return not a.moves and isinstance(a.value, (int, float)) and not isinstance(a.value, bool)


def second_partials(node: Node) -> list[tuple[Node, Any, list[tuple[Node, Any]]]]:
    """For each argument that moves: the derivative of a ufunc by it, and its derivatives by all arguments that move."""
    first, second = slope(node.how), curvature(node.how)
    if first and second:
        (a,) = node.args
        return [(a, first(a.value), [(a, second(a.value))])]
    literals = tuple(a.value if _is_literal(a) else None for a in node.args)
    program = _second_derivatives(node.how, literals)
    own = [a for a, literal in zip(node.args, literals, strict=True) if literal is None]
    found = _run(program, [np.asarray(a.value) for a in own])
    count = len(own)
    wanted = [k for k, a in enumerate(own) if a.moves and a.is_float]
    return [(own[k], found[k], [(own[m], found[count + k * count + m]) for m in wanted]) for k in wanted]


@lru_cache(maxsize=512)
def _second_derivatives(function: Callable[..., Any], literals: tuple[Any, ...]) -> Program:
    """The program of the first and the second derivatives."""
    first, count = _derivatives(function, literals), literals.count(None)
    code = Code(first)
    rules = Partials(code, first)
    own = [code.own(o) for o in first.outputs]
    rows = [operand for output in first.outputs for operand in adjoint(code, first, output, rules)]
    return code.finish([*own, *rows], (count + count * count,))


@lru_cache(maxsize=512)
def _derivatives(function: Callable[..., Any], literals: tuple[Any, ...]) -> Program:
    """The program of a function's derivatives by the arguments that are no literals."""
    count = literals.count(None)

    def of(x: Any) -> Any:
        given = iter(x)
        return function(*[next(given) if literal is None else literal for literal in literals])

    try:
        program = trace(of, (count,))
    except Untraceable as refused:
        name = getattr(function, "__name__", "a function")
        return refuse(f"the derivative of np.{name} is not known: {refused}")  # type: ignore[no-any-return]
    code = Code(program)
    found = adjoint(code, program, program.outputs[0], Partials(code, program))
    return code.finish(found, (count,))


def _run(program: Program, given: list[Any]) -> list[Any]:
    """The outputs of a program whose inputs are arrays."""
    values: list[Any] = []

    def load(operand: Any) -> Any:
        tag, place = operand
        if tag == "x":
            return given[place]
        return values[place] if tag == "v" else program.constants[place] if tag == "c" else place

    with np.errstate(all="ignore"):
        for name, *operands in program.nodes:
            values.append(OF_ARRAYS[name](*map(load, operands)))
    return [load(operand) for operand in program.outputs]

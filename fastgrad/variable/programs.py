"""Rules for all that traces: an operation of NumPy's is recorded as a program, whose derivative is a program.

Elementwise functions of arrays are programs of one number each, which NumPy runs on whole arrays. Of other functions
the program has an input for each element of their arrays, so that these must be small.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..program.adjoint import adjoint
from ..program.code import Code
from ..program.partials import Partials
from ..program.program import ZERO, Program
from ..program.schedule import schedule
from ..program.trace.arrays import FUNCTIONS, LOOPS
from ..program.trace.recording import Untraceable, trace
from ..program.trace.symbols import RULES as TRACED_UFUNCS
from . import matrices, moves  # noqa: F401  # they come first
from .calls import VariableCall
from .functions import concat
from .graph import Node
from .operands import constant
from .operators import ARRAY_FUNCTIONS, TRACED, Variable, record
from .rules import Rule

Array = NDArray[Any]

LONGEST = 20_000  # operations of a function that is no elementwise one


# --- programs from programs ------------------------------------------------------------------------------------------


def _slopes(program: Program) -> Program:
    """The derivatives of a program's first output by all its inputs."""
    code = Code(program)
    found = adjoint(code, program, program.outputs[0], Partials(code, program, careful=True))
    return code.unordered(found, (program.inputs,), raises=False)


def _output(program: Program, k: int) -> Program:
    """A program with one of its outputs alone."""
    code = Code(program)
    return code.unordered((code.own(program.outputs[k]),), ())


def _weighted(program: Program) -> Program:
    """The sum of a program's outputs, each times a further input of its own."""
    code, total = Code(program), ZERO
    for k, output in enumerate(program.outputs):
        total = code.add(total, code.mul(code.own(output), ("x", program.inputs + k)))
    return code.unordered((total,), (), inputs=program.inputs + len(program.outputs))


def _values(program: Program, columns: Array) -> Array:
    """The outputs (K, P) of a program at P points."""
    return schedule(program).values(np.asarray(columns, dtype=float))


# --- elementwise -----------------------------------------------------------------------------------------------------


def _elementwise_rule(name: str, program: Program, forward: Callable[..., Any] | None = None) -> Rule:
    """A program of single numbers as a rule of arrays."""
    slopes = lru_cache(lambda: _slopes(program))

    def by_program(*inputs: Array) -> Array:
        arrays = np.broadcast_arrays(*inputs)
        found: Array = _values(program, np.stack([a.ravel() for a in arrays]))[0].reshape(arrays[0].shape)
        return found

    def product(i: int) -> Callable[..., Any]:
        def times_slope(g: Any, y: Any, *inputs: Any) -> Any:
            rule = _elementwise_rule(f"the derivative of {name}", _output(slopes(), i))
            slope = record(rule, *inputs) if any(isinstance(v, Node) for v in inputs) else rule.forward(*inputs)
            return g * slope

        return times_slope

    return Rule(name, forward or by_program, tuple(map(product, range(program.inputs))))


@lru_cache(maxsize=256)
def _rule_of_ufunc(ufunc: np.ufunc) -> Rule:
    program = trace(lambda x: ufunc(*x), (ufunc.nin,))
    return _elementwise_rule(ufunc.__name__, program, ufunc)


def _of_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """A ufunc on Variables; where its results are no floats, on their numbers."""
    if method != "__call__":
        return _of_arrays(getattr(ufunc, method), f"{ufunc.__name__}.{method}", inputs, options)
    if ufunc not in TRACED_UFUNCS or ufunc.nout > 1 or ufunc is np.ldexp:
        return _of_arrays(ufunc, ufunc.__name__, inputs, options)
    dtype = next(v.dtype for v in inputs if isinstance(v, Variable))
    arrays = [v.array if isinstance(v, Variable) else constant(v, dtype) for v in inputs]
    if dtype.kind != "f" or np.asarray(ufunc(*(a.ravel()[:0] for a in map(np.asarray, arrays)))).dtype.kind != "f":
        return ufunc(*arrays)
    return record(_rule_of_ufunc(ufunc), *inputs)


# --- functions of small arrays ---------------------------------------------------------------------------------------


def _program_rule(name: str, program: Program, forward: Callable[[Array], Array] | None = None) -> Rule:
    """A program as a rule of all its numbers in a row."""

    def by_program(z: Array) -> Array:
        return _values(program, z[:, None])[:, 0]

    def product(g: Any, y: Any, z: Any) -> Any:
        rule = _program_rule(f"the derivative of {name}", _slopes(_weighted(program)))
        if not isinstance(g, Node) and not isinstance(z, Node):
            return rule.forward(np.concatenate([z, g]))[: program.inputs]
        return record(rule, concat([z, g], axis=0))[: program.inputs]

    return Rule(name, forward or by_program, (product,))


def _of_arrays(function: Any, name: str, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    call = VariableCall(function, args, options)
    numbers = call.of([v.array for v in call.variables])
    if not isinstance(numbers, (tuple, list)):
        return _one(call, name, numbers, lambda result: result)
    results = [_one(call, name, part, itemgetter(k)) for k, part in enumerate(numbers)]
    return results if isinstance(numbers, list) else tuple(results)


def _one(call: VariableCall, name: str, numbers: Any, pick: Callable[[Any], Any]) -> Any:
    """One result as a Variable; as it is where it holds no floats. No Variable is complex."""
    if np.iscomplexobj(numbers):
        msg = f"np.{name} gives complex numbers, which no Variable is; fastgrad.gradient takes a function with them"
        raise TypeError(msg)
    if np.asarray(numbers).dtype.kind != "f" or any(v.dtype.kind != "f" for v in call.variables):
        return numbers
    try:
        program = trace(lambda z: pick(call.of_row(z)), (call.ends[-1],), budget=LONGEST)
    except Untraceable as refused:
        msg = f"np.{name} does not work on these Variables: {refused}"
        raise TypeError(msg) from None

    def forward(z: Array) -> Array:
        return np.ravel(pick(call.of_row(z)))

    return record(_program_rule(name, program, forward), call.row()).reshape(np.shape(numbers))


def _traced(function: Any) -> Callable[..., Any]:
    """A function of NumPy's that traces, on Variables."""

    def on_variables(*args: Any, **options: Any) -> Any:
        return _of_arrays(function, function.__name__, args, options)

    return on_variables


TRACED.update({function: _traced(function) for function in FUNCTIONS if function not in ARRAY_FUNCTIONS})
TRACED.update(dict.fromkeys((*TRACED_UFUNCS, *LOOPS), _of_ufunc))

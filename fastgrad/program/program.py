"""A traced function: straight-line scalar arithmetic on the coordinates of one point."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

Operand = tuple[str, int] | tuple[str, float]

BOOLEAN = frozenset({"lt", "le", "gt", "ge", "eq", "ne", "isnan", "isinf", "isfinite", "and", "or", "not", "xor"})
"""Nodes whose result is a mask."""


@dataclass(frozen=True)
class Program:
    """What f does with one point.

    Attributes
    ----------
    inputs : int
        Number of coordinates; the operand ``("x", i)`` is coordinate i of the flattened point.
    rows : int
        Number of batch-argument elements that belong to each point, ``("b", k)``.
    nodes : tuple of tuple
        ``(name, operand, ...)``; the operand ``("v", j)`` is the result of an earlier node.
    outputs : tuple of operands
        The elements of f's result.
    shape : tuple of int
        Shape of f's result.
    constants : tuple of float
        Values of the parameters ``("c", s)``; ``("k", value)`` is a literal, which is part of the structure.
    dtype : str
        Type in which f computes.
    """

    inputs: int
    rows: int
    nodes: tuple[tuple[Any, ...], ...]
    outputs: tuple[Operand, ...]
    shape: tuple[int, ...]
    constants: tuple[float, ...]
    dtype: str = "d"

    @cached_property
    def structure(self) -> str:
        """Everything but the values of the constants, as a text."""
        head = f"{self.dtype} {self.inputs} {self.rows} {len(self.constants)} {self.shape}"
        nodes = [" ".join([node[0], *map(_text, node[1:])]) for node in self.nodes]
        return "\n".join([head, *nodes, " ".join(["out", *map(_text, self.outputs)])])


def _text(operand: Operand) -> str:
    tag, value = operand
    return f"{tag}{value}" if tag != "k" else f"k{float(value).hex()}"


_NUMPY = {
    "abs": np.fabs, "min": np.minimum, "max": np.maximum, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "atan2": np.arctan2, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "pow": np.power,
    "floordiv": np.floor_divide,
}  # fmt: skip
_SAME = [
    "sqrt",
    "fmin",
    "fmax",
    "floor",
    "ceil",
    "trunc",
    "rint",
    "sign",
    "copysign",
    "sin",
    "cos",
    "tan",
    "sinh",
    "cosh",
    "tanh",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log2",
    "log10",
    "log1p",
    "cbrt",
    "hypot",
    "mod",
    "fmod",
    "isnan",
    "isinf",
    "isfinite",
]

OPERATIONS: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": np.divide,
    "neg": operator.neg,
    **_NUMPY,
    **{name: getattr(np, name) for name in _SAME},
    **{name: getattr(operator, name) for name in ("lt", "le", "gt", "ge", "eq", "ne", "xor")},
    "and": operator.and_,
    "or": operator.or_,
    "not": np.logical_not,
    "select": lambda mask, a, b: a if mask else b,
    "tofloat": float,
    "power": lambda a: math.ldexp(1.0, math.frexp(a)[1] - 1),
    "inverse": lambda a: 1.0 / a,
}
"""What each node computes; the interpreter's table and the definition for code generators."""


def evaluate(program: Program, x: Any, rows: Sequence[float] = ()) -> list[float]:
    """Interpret a program at one point.

    Parameters
    ----------
    program : Program
    x : array_like
        The point.
    rows : sequence of float
        The point's elements of the batch arguments.

    Returns
    -------
    list of float
        The elements of f's result.
    """
    values: list[Any] = []
    spaces: dict[str, Any] = {"x": np.ravel(x).tolist(), "b": np.ravel(rows).tolist(), "v": values}
    spaces["c"] = program.constants

    def load(operand: Operand) -> Any:
        tag, index = operand
        return index if tag == "k" else spaces[tag][index]

    def run() -> None:
        for name, *operands in program.nodes:
            values.append(OPERATIONS[name](*map(load, operands)))
            if isinstance(values[-1], np.generic):
                values[-1] = values[-1].item()

    with np.errstate(all="ignore"):
        run()
    return [float(load(operand)) for operand in program.outputs]

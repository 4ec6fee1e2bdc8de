"""A traced function: straight-line scalar arithmetic on the coordinates of one point."""

from __future__ import annotations

import marshal
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..formulas.properties import cached_property
from . import ratios, specials
from .entries import ENTRY, entry

Operand = tuple[str, Any]  # a number behind "k", an index behind all else

BOOLEAN = frozenset({"lt", "le", "gt", "ge", "eq", "ne", "isnan", "isinf", "isfinite", "and", "or", "not", "xor"})
"""Nodes whose result is a mask."""

SUMS = frozenset({"+", "-", "neg"})
"""Nodes that only add their operands up, or take them off."""


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
        ``(name, operand, ...)``; the operand ``("v", j)`` is the result of an earlier node, ``("t", bytes)`` a table.
    outputs : tuple of operands
        The elements of f's result.
    shape : tuple of int
        Shape of f's result.
    constants : tuple of float
        Values of the parameters ``("c", s)``; ``("k", value)`` is a literal, which is part of the structure.
    dtype : str
        Type in which f computes.
    raises : bool
        Whether f raises in Python for some numbers where NumPy gives NaN or inf.
    branches : int
        How often f decided by its data while it was traced; 0 of one without branches.
    sampled : bool
        Whether only those ways through f are in it that points of a sample take; elsewhere its outputs are NaN.
    ways : object, optional
        Of such a program what the sample was asked.
    tables : tuple of (rows, columns)
        Of numbers that follow the constants, column by column. The operand ``("d", k)`` is the k-th column of all;
        a node ``("sum", ("k", t), operand)`` is the sum of an operand over the rows of table t.
    data : ndarray, optional
        These numbers, where they are no constants of another program.
    """

    inputs: int
    rows: int
    nodes: tuple[tuple[Any, ...], ...]
    outputs: tuple[Operand, ...]
    shape: tuple[int, ...]
    constants: tuple[float, ...]
    dtype: str = "d"
    raises: bool = False
    branches: int = 0
    sampled: bool = False
    ways: Any = field(default=None, compare=False, repr=False)
    tables: tuple[tuple[int, int], ...] = ()
    data: NDArray[np.float64] | None = field(default=None, compare=False)

    @property
    def numbers(self) -> NDArray[np.float64]:
        """The constants, and the tables' numbers behind them."""
        constants = np.array(self.constants, dtype=np.float64)
        return constants if self.data is None else np.concatenate([constants, self.data])

    @cached_property
    def structure(self) -> bytes:
        """Everything but the values of the constants, as a key; a text of it takes five times as long to write."""
        head = (self.dtype, self.inputs, self.rows, len(self.constants), self.shape, self.tables)
        return marshal.dumps((head, self.nodes, self.outputs), _BY_VALUE)


_BY_VALUE = 0  # marshal's format in which equal numbers and texts have equal bytes, whoever else holds them


def _power_of_two_below(a: float) -> float:
    """Of a number that is not finite infinity, and 0 of 0: the bits of the exponent alone."""
    return math.ldexp(1.0, math.frexp(a)[1] - 1) if 0.0 < a < math.inf else 0.0 if a == 0.0 else math.inf


_NUMPY = {
    "abs": np.fabs, "min": np.minimum, "max": np.maximum, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "atan2": np.arctan2, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "pow": np.power,
    "floordiv": np.floor_divide,
}  # fmt: skip
_SAME = [
    "sqrt", "fmin", "fmax", "floor", "ceil", "trunc", "rint", "sign", "copysign", "sin", "cos", "tan", "sinh", "cosh",
    "tanh", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "cbrt", "hypot", "mod", "fmod", "isnan", "isinf",
    "isfinite",
]  # fmt: skip

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
    "power": lambda a: _power_of_two_below(abs(a)),
    "inverse": lambda a: 1.0 / a,
    **specials.OPERATIONS,
}
"""What each node of f computes; the interpreter's table and the definition for code generators."""
WRITTEN = OPERATIONS | ratios.OPERATIONS | {ENTRY: entry}
"""And what nodes compute that only written programs have."""


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
        return index if tag in "kt" else spaces[tag][index]

    def run() -> None:
        for name, *operands in program.nodes:
            values.append(WRITTEN[name](*map(load, operands)))
            if isinstance(values[-1], np.generic):
                values[-1] = values[-1].item()

    with np.errstate(all="ignore"):
        run()
    return [float(load(operand)) for operand in program.outputs]


ZERO, ONE, MINUS_ONE, HALF, TWO = ("k", 0.0), ("k", 1.0), ("k", -1.0), ("k", 0.5), ("k", 2.0)

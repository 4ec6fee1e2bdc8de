"""The patterns of a traced function's derivatives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.arguments import Function
from ..engine.call import Rows
from ..formulas.properties import cached_property
from ..formulas.steps import irregular
from ..formulas.values import as_numbers, precision
from ..program.captures import shares_state
from ..program.dependence import mixed_pairs, mixing, support_of, supports, terms
from ..program.keys import unchanging
from ..program.look import agree
from ..program.program import Program
from ..program.schedule import schedule
from ..program.trace.recording import Untraceable, trace
from ..results import EPS
from .patterns import Pattern
from .terms import Terms

Array = NDArray[np.float64]
Limits = tuple[Array, Array] | None
"""The lowest and the highest coordinates of a point."""

# Operations that are recorded: a second or two and half a gigabyte at most.
BUDGET, BUDGET_PER_COORDINATE = 200_000, 50
REMEMBERED = 400_000  # operations of functions that are traced once; 100 MB


@dataclass(frozen=True, eq=False)
class Structure:
    """A program, and what follows from it."""

    program: Program

    @cached_property
    def supports(self) -> list[frozenset[int]]:
        return supports(self.program)

    @cached_property
    def jacobian(self) -> Pattern:
        """Which outputs depend on which coordinates."""
        return self._dependence(self.program.outputs)

    def _dependence(self, outputs: Any) -> Pattern:
        sets = [support_of(o, self.supports) for o in outputs]
        rows = np.repeat(np.arange(len(sets)), [len(s) for s in sets])
        columns = np.fromiter((i for s in sets for i in s), dtype=np.intp, count=len(rows))
        return Pattern.at((len(sets), self.program.inputs), rows, columns)

    @cached_property
    def hessian(self) -> Pattern:
        """Which coordinates mix in second derivatives of the one output."""
        rows, columns = mixed_pairs(mixing(self.program, self.supports), self.program.inputs)
        shape = (self.program.inputs, self.program.inputs)
        return Pattern.at(shape, np.append(rows, columns), np.append(columns, rows))

    @cached_property
    def terms(self) -> Terms:
        """The terms of the sum that the one output is."""
        factors = {j: c for j, c in terms(self.program).items() if self.supports[j]}
        operands = tuple(("v", j) for j in factors)
        parts = schedule(replace(self.program, outputs=operands))
        return Terms(parts, np.array(list(factors.values())), self._dependence(operands))


def detected(f: Function, points: Rows, args: tuple[Any, ...], bounds: Limits = None) -> Structure:
    """The structure of f, or ValueError that asks for a pattern."""
    try:
        return structure_of(f, a_point(points, bounds), args, of_a_point(points, bounds), points.owner)
    except Untraceable as refused:
        msg = (
            f"the pattern cannot be found by tracing f: {refused}. "
            "Pass pattern=, a matrix of scipy.sparse or a 0/1 array with a row per output and a column per coordinate"
        )
        raise ValueError(msg) from None


def a_point(points: Rows, bounds: Limits = None) -> Array:
    """The first point without NaN and inf, or a point of zeros, in its own shape; between its bounds."""
    finite = _finite(points)
    x = (points.row(finite[0]) if finite else np.zeros(points.dimension)).reshape(points.shape)
    limits = of_a_point(points, bounds)
    return x if limits is None else np.clip(x, *limits)


def of_a_point(points: Rows, bounds: Limits) -> Limits:
    """The bounds of that point, in its shape."""
    if bounds is None or not points.count:
        return None
    n = (_finite(points) or [0])[0]
    return bounds[0][n].reshape(points.shape), bounds[1][n].reshape(points.shape)


def _finite(points: Rows) -> list[int]:
    found: list[int] = np.flatnonzero(np.isfinite(points.values).all(axis=1))[:1].tolist()
    return found


_structures: dict[Any, Structure] = {}


def structure_of(
    f: Function, x: Array, args: tuple[Any, ...], bounds: Limits = None, owner: Array | None = None
) -> Structure:  # fmt: skip
    """What f does with a point, compared with f itself between the bounds of this point.

    An f that captures nothing that may change is traced once. `owner` is the user's array of which x is a copy.

    Raises
    ------
    Untraceable
        With the reason.
    """
    reason = shares_state(f, [x if owner is None else owner])
    if reason:  # a matter of this call's x, whether f was traced before or not
        raise Untraceable(reason)
    key = unchanging(f, args)
    if key is None:
        return _traced(f, x, args, bounds)
    place = (key, x.shape)
    if place not in _structures:
        structure = _traced(f, x, args, bounds)
        if sum(len(s.program.nodes) for s in list(_structures.values())) > REMEMBERED:
            _structures.clear()
        if unchanging(f, args) == key:  # f wrote into nothing that it reads
            _structures[place] = structure
        return structure
    return _structures[place]


def _traced(f: Function, x: Array, args: tuple[Any, ...], bounds: Limits) -> Structure:
    program = trace(f, x.shape, args=args, budget=BUDGET + BUDGET_PER_COORDINATE * x.size)
    _check(f, x, args, program, bounds)
    return Structure(program)


def _check(f: Function, x: Array, args: tuple[Any, ...], program: Program, bounds: Limits) -> None:
    """Compare with f at a point that is displaced in every coordinate."""
    with np.errstate(all="ignore"):
        moved = x + 2.0**-20 * irregular(x.size).reshape(x.shape) * (1.0 + np.abs(x))
    if bounds is not None:
        moved = np.clip(moved, *bounds)
    result = f(moved.copy(), *args)
    expected = as_numbers(result).ravel()
    if precision(result) > EPS:
        msg = f"f returns {result.dtype}, whose rounding the trace does not have"
        raise Untraceable(msg)
    found = schedule(program).values(moved.reshape(-1, 1))[:, 0]
    if not agree(found, expected):
        msg = "traced, f gives other values than in Python: it keeps state, is random or looks at types"
        raise Untraceable(msg)

"""Differences of a long function of which each coordinate moves a small part, written out and run by NumPy.

Written so, the gradient of Rosenbrock's function of 1,000 variables is 21,000 nodes in 26 calls of NumPy: 60 us, where
a loop over 2,000 displacements of all of f takes 1.8 ms. LLVM needs a second to make a kernel of as many nodes, NumPy
nothing. That function is a sum of terms, of which `separated` takes less; of its root there is no such sum.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...formulas.properties import cached_property
from ...formulas.stencils import Table
from ...llvm.memory import Memory
from ...program.differences import StepSource, differences
from ...program.program import Program
from ...program.schedule import Schedule, schedule
from ...results import EPS
from ..bound import Bound, Fill, bound_anew, bound_at_once
from ..call import Call, Output
from .arguments import form_of
from .comparison import FEW_LOOKED_AT, compare
from .coverage import columns_at
from .displaced import DisplacedCode, mend_items
from .traces import is_settled

Array = NDArray[np.float64]

AT_ONCE = 1 << 22  # numbers of all nodes at some points, 32 MB
NODES = 4_000_000  # of all that is kept, 40 bytes each


class _WrittenOut(NamedTuple):
    """What NumPy computes, and where results, values, what is watched and steps are in it."""

    steps: Schedule
    parts: tuple[slice, slice, slice, slice]
    places: tuple[int, ...] | None


_kept: Memory[_WrittenOut] = Memory(NODES)


def _written_out(program: Program, table: Table, source: StepSource, *, value: bool) -> _WrittenOut:
    key = (program.structure, table.key, source, value)
    found = _kept.get(key)
    if found is None:
        written = differences(program, table, source, value=value, ordered=False)
        steps = schedule(written.program)
        found = _kept.keep(key, _WrittenOut(steps, written.parts, written.places), steps.size)
    return found


class PropagatedCode:
    """A program and a table along the axes as calls of NumPy: f's changes, propagated through what moves."""

    eps, is_shared = EPS, False

    def __init__(self, program: Program, table: Table) -> None:
        self.program, self.table = program, table

    @property
    def description(self) -> str:
        """How f is run."""
        steps = _written_out(self.program, self.table, StepSource(), value=False).steps
        return f"as {len(self.program.nodes)} operations, with their differences {steps.operations}, by NumPy"

    @cached_property
    def own(self) -> DisplacedCode:
        """f itself."""
        return DisplacedCode(self.program)

    def bind(self, call: Call, out: Output, values: Array | None = None) -> Bound:
        """The code with the arrays of a call; one thread does all of it."""

        def fill(flat: Array) -> None:
            if not self.fill(call, flat, values):
                mend_items(self.program, call, flat, values, [(0, call.points.count)], self.own.values_at)

        return bound_at_once(call, out, self.program.shape, fill)

    def again(self, call: Call, _: Array) -> Fill | None:
        """As that of `DisplacedCode`."""
        return bound_anew(self, call) if is_settled(call, self.program) else None

    def fill(self, call: Call, out: Array, values: Array | None) -> bool:
        """The derivatives (N, M K), and f's values at the points; whether all are finite."""
        form, count = form_of(call, "any"), call.points.count
        written = _written_out(self.program, self.table, StepSource(form.rule, form.sizes), value=call.value)
        numbers, size = [*self.program.constants], call.steps.size
        if form.sizes != "point":
            numbers += np.atleast_1d(size[0] if size.ndim == 2 else size).tolist()
        each, good = max(AT_ONCE // written.steps.size, 1), True
        for start in range(0, count, each):
            some = np.arange(start, min(start + each, count))
            found = written.steps.values(_beside(call, some, form.sizes == "point"), numbers)
            good &= _put(written, found, call, some, out, values)
        return good


def _beside(call: Call, some: NDArray[np.intp], own_steps: bool) -> Array:
    """Points in columns, with their rows of batch arguments, and the sizes of their steps where each has its own."""
    columns = columns_at(call, some)
    if not own_steps:
        return columns
    return np.concatenate([columns, np.broadcast_to(call.steps.size, call.points.layout)[some].T])


def _put(
    written: _WrittenOut, found: Array, call: Call, some: NDArray[np.intp], out: Array, values: Array | None
) -> bool:  # fmt: skip
    """Into their places what was found at some points; NaN first where a watched value is not finite."""
    results, own, watched, taken = (found[part] for part in written.parts)
    if not taken.all():
        call.steps.check(call.points.row(some))
    if written.places is None:
        out[some] = results.T
    else:
        out[some] = 0.0
        out[some[:, None], written.places] = results.T
    if values is not None:
        values[some] = own[0]
    good = bool(np.isfinite(found).all())
    if not good and out.shape[1]:
        out[some[~np.isfinite(watched).all(axis=0)], 0] = np.nan
    return good


def checked_code(call: Call, program: Program) -> PropagatedCode:
    """The code, once f has been compared with its trace."""
    code = PropagatedCode(program, call.table)
    compare(call, program, FEW_LOOKED_AT, code.own.evaluate)
    return code

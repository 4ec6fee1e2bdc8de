"""The kernels of programs: a table written out and compiled once for all programs of one structure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...formulas import stencils
from ...formulas.stencils import Table
from ...llvm import machine
from ...llvm.calls import Unsupported
from ...llvm.memory import Memory
from ...program import differences
from ...program.program import Program
from ...program.saturation import SIGNS
from ...program.separation import Separation, separated
from ...program.sums import summed
from ...results import EngineError
from ..threads import Pace
from .arguments import KernelForm, form_of_columns
from .emission import Frame, Straight, module, paired
from .traces import LONGEST_OPERATIONS

# Above, LLVM makes f itself without looking for the best registers:
# 0.3 s instead of 6 for 6 000 nodes with 1 000 outputs.
QUICK_OPERATIONS = 1_500
# So it makes their tables where f has more outputs: 0.7 s instead of 6 for the Jacobian of 1 000 outputs.
QUICK_OUTPUTS = 500
# Operations up to which a table is written out as a program, by an estimate that is mostly too high: the gradient of
# Rosenbrock's function of 1 000 variables is 22 000 nodes, for which LLVM takes 0.9 s in short functions.
WRITTEN = 40_000
# Of a program with loops over data, which is one function: the Hessian of 15 variables, 5 000 nodes, takes a second.
LOOPED = 8_000
# Operations up to which NumPy runs what is written out, by the same estimate, of which Python writes some 200,000 a
# second; where a loop over the displacements would do so many times as many, of which it does one in that share of
# NumPy's time.
PROPAGATED, SHARE = 150_000, 25
# Times the operations of terms, once for each of their coordinates, are fewer than all of f for each; of one term at
# most so many, for which LLVM takes 0.3 s.
SEPARATE, TERM = 4, 4_000
STRAIGHT = 600  # nodes of a kernel in one function; LLVM's time grows faster than their number
RESULTS = 2_000  # numbers that the rolled form writes for a point
# Of the programs whose families are kept so many operations, and as much as a thousand of them for each; the least
# recently used ones are forgotten.
KEPT, OF_EACH = 1_000_000, 1_000


class Family:
    """The kernels of all programs of one structure with one table: one for each layout of arrays.

    It knows where their code is kept and does not hold it: beyond 32 MB the code that was not used lately is dropped,
    and made or read again for the next call.

    Attributes
    ----------
    how : {"written", "separated", "propagated", "rolled", "stacked"}
        The table written out as a program, for LLVM; that of the terms of a sum; the table for NumPy; a loop over the
        displacements around f's program; or f's alone, for points that somebody else displaces.
    """

    def __init__(self, program: Program, table: Table) -> None:
        self.summed = None if program.tables else summed(program)
        short = self.summed.program if self.summed else program
        self.length, self.is_over_rows = len(short.nodes), bool(short.tables)
        count = 0 if table.is_value or table.is_exact else differences.operations(short, table)
        self.how = "written"
        self.separation: Separation | None = None
        if count > (LOOPED if self.is_over_rows else WRITTEN):
            self.how = self._long_form(program, table, count)
        self.places: dict[KernelForm, list[machine.Place]] = {}
        self._stored: dict[KernelForm, Any] = {}
        self.pace = Pace()

    def _long_form(self, program: Program, table: Table, count: int) -> str:
        """How a table is done that is too long for LLVM, of so many operations."""
        if table.along_axes and not self.is_over_rows:
            self.separation = self._separation(program, table)
            if self.separation:
                return "separated"
            if count <= PROPAGATED and count * SHARE <= table.displacements * self.length:
                return "propagated"
            if self.length <= LONGEST_OPERATIONS and len(program.outputs) * len(table.scale) <= RESULTS:
                return "rolled"
        return "stacked"

    @staticmethod
    def _separation(program: Program, table: Table) -> Separation | None:
        """f as sums of terms, if these are a small part of the work."""
        found = separated(program) if table.stencil.derivative <= 2 else None
        if found is None or SEPARATE * found.operations > table.count * len(program.nodes):
            return None
        return found if all(kind.dimension * len(kind.program.nodes) <= TERM for kind in found.kinds) else None

    def kernel(self, program: Program, table: Table, form: KernelForm) -> Any:
        """The derivatives' code, from the memo, the folder or LLVM."""
        return self._function(0, program, table, self._shape(form))

    def value(self, program: Program, table: Table, form: KernelForm) -> Any:
        """f's own code, for the check."""
        return self._function(1, program, table, self._shape(form))

    def _shape(self, form: KernelForm) -> KernelForm:
        """A loop over displacements runs f a thousand times at one point: it is always worth LLVM's best."""
        return form if self.how == "written" else form._replace(quick=False)

    def _function(self, k: int, program: Program, table: Table, form: KernelForm) -> Any:
        places = self.places.get(form)
        made = machine.kept.get(places[k][0]) if places else None
        return made[places[k][1]] if places and made else self._compiled(program, table, form)[k]

    def stored(self, form: KernelForm) -> Any:
        """Which results a kernel that is there stores; None for all."""
        return self._stored[self._shape(form)]

    def _compiled(self, program: Program, table: Table, form: KernelForm) -> list[Any]:
        try:
            made = self._compile(program, table, form)
        except Unsupported as missing:
            msg = f"this machine has no vector form of {missing}"
            raise EngineError(msg) from None
        self.places[form] = [function.place for function in made]
        return made

    def _compile(self, program: Program, table: Table, form: KernelForm) -> list[Any]:
        """Of long programs f is a function apart, made quickly and once for all tables."""
        program = self.summed.program if self.summed else program
        frame, value = self._frame(program, table, form), _value_of(program, form.batch)
        self._stored[form] = frame.stored
        straight = self.how == "written" and form.source != "grid"
        if len(program.nodes) <= QUICK_OPERATIONS:
            return machine.functions(module(frame, value), "kernel", "value", quick=form.quick, straight=straight)
        quick = form.quick or table.is_value or (self.how == "written" and len(program.outputs) > QUICK_OUTPUTS)
        kernel = machine.functions(module(frame), "kernel", quick=quick, straight=straight)
        return [*kernel, *machine.functions(module(value), "value", quick=True)]

    def _frame(self, program: Program, table: Table, form: KernelForm) -> Frame:
        if self.how == "rolled":
            from .rolled import Rolled  # noqa: PLC0415  dense programs are rare

            return Rolled(program, table, form)
        if table.is_exact:
            watch: bool | str = program.raises or SIGNS
            return written_out(program, with_exact(program, table, value=form.value, watch=watch), form, "kernel")
        steps = differences.StepSource(form.rule, form.sizes, form.exact)
        made = differences.differences(program, table, steps, value=form.value)
        return written_out(program, made, form, "kernel")


def with_exact(
    program: Program, table: Table, *, value: bool = False, watch: bool | str = False
) -> differences.Written:
    """A program and its exact derivatives."""
    from ...program.exact import exact  # noqa: PLC0415  only for what is exact

    return exact(program, table, value=value, watch=watch)


def _value_of(program: Program, batch: int) -> Frame:
    made = differences.differences(program, stencils.value())
    return written_out(program, made, form_of_columns(batch), "value")


def written_out(program: Program, made: differences.Written, form: KernelForm, name: str) -> Frame:
    """The code of what has been written, of a program, as one function or several."""
    written = replace(made, program=paired(made.program, program))
    if program.tables:
        from .dataloops import DataLoops  # noqa: PLC0415  few programs have any

        return DataLoops(written, form, name)
    if len(written.program.nodes) <= STRAIGHT:
        return Straight(written, form, name)
    from .segments import Segmented  # noqa: PLC0415  long programs are rare

    return Segmented(written, form, name)


_families: Memory[Family] = Memory(KEPT)


def family_of(program: Program, table: Table) -> Family:
    """From the memo, for functions that are traced at every call: counting operations takes as long as tracing."""
    key = (program.structure, program.raises, table.key)
    family = _families.get(key)
    if family is None:
        family = _families.keep(key, Family(program, table), OF_EACH + len(program.nodes))
    if family.length > LONGEST_OPERATIONS and not (table.is_exact or family.how in ("separated", "propagated")):
        msg = f"its program of {family.length} operations is too long to compile"
        raise EngineError(msg)
    return family

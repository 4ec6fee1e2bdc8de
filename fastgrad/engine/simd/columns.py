"""Programs as they are, on vectors: their outputs at points in columns, again and again with other constants."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...formulas import stencils
from ...llvm import machine
from ...llvm.vectormath import Unsupported
from ...program import differences
from ...program.program import Program
from ...results import EngineError
from .. import threads
from .arguments import PLACES, SLOTS, address_of, form_of_columns
from .code import QUICK_OPERATIONS, written_out
from .emission import module

Array = NDArray[np.float64]


class Columns:
    """A compiled program.

    `fill` reads points (inputs, P) and writes outputs (K, P), both contiguous; P is a multiple of `lanes`.
    """

    def __init__(self, program: Program) -> None:
        self.lanes = machine.lanes()
        try:
            made = differences.differences(program, stencils.value())
            frame = written_out(program, made, form_of_columns(), "kernel")
            quick = len(program.nodes) > QUICK_OPERATIONS
            (self._kernel,) = machine.functions(module(frame), "kernel", quick=quick, straight=frame.written_out)
        except Unsupported as missing:
            msg = f"this machine has no vector form of {missing}"
            raise EngineError(msg) from None
        self._pace = threads.Pace()

    def fill(self, points: Array, out: Array, table: Array) -> None:
        """The outputs out[n] at points[n], with the n-th row of a table for constants; threads share the rows."""
        count = points.shape[2]
        size = np.ones(1)
        common = {"source_row": 1, "source_column": count, "out_row": 1, "out_column": count, "sizes": address_of(size)}
        firsts = {"source": points, "out": out, "constants": table}
        addresses = np.array([address_of(array) for array in firsts.values()])
        strides = np.array([array.strides[0] for array in firsts.values()])

        def work(start: int, stop: int) -> None:
            slots = np.zeros(len(SLOTS), np.int64)
            for name, number in common.items():
                slots[PLACES[name]] = number
            places, kernel, arguments = [PLACES[name] for name in firsts], self._kernel, address_of(slots)
            for row in addresses + strides * np.arange(start, stop)[:, None]:
                slots[places] = row
                kernel(0, count, arguments)

        threads.run(work, len(table), workers=threads.cores(), pace=self._pace)

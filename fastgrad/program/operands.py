"""Operands that stand for the results of nodes, one object of each number: a dictionary finds it without a comparison.

They are a third of the tuples that programs are made of, and the garbage collector has so much less to look at.
"""

from __future__ import annotations

from typing import Any

MOST = 100_000  # kept for all programs: 15 MB
READY = 2048  # there from the start: 0.2 ms, which a first gradient of 100 variables would take


class _OperandNames(dict[int, tuple[str, Any]]):
    def __missing__(self, j: int) -> tuple[str, Any]:
        return self.setdefault(j, ("v", j)) if j < MOST else ("v", j)


RESULTS = _OperandNames({j: ("v", j) for j in range(READY)})
"""The operand of each node's number."""

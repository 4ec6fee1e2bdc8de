"""Operands that stand for the results of nodes, one object of each number: a dictionary finds it without a comparison.

They are a third of the tuples that programs are made of, and the garbage collector has so much less to look at.
"""

from __future__ import annotations

from typing import Any

MOST = 100_000  # kept for all programs: 15 MB


class _Results(dict[int, tuple[str, Any]]):
    def __missing__(self, j: int) -> tuple[str, Any]:
        return self.setdefault(j, ("v", j)) if j < MOST else ("v", j)


RESULTS = _Results()
"""The operand of each node's number."""

"""Operands of nodes are shared, up to a number of them."""

import numpy as np

from fastgrad.program.operands import MOST, RESULTS
from fastgrad.program.trace.recording import trace


def test_each_number_has_one_object_but_large_ones():
    assert RESULTS[7] == ("v", 7)
    assert RESULTS[7] is RESULTS[7]
    assert RESULTS[MOST] == ("v", MOST)
    assert MOST not in RESULTS


def test_programs_share_them():
    first, second = (trace(lambda x, f=f: f(f(x[0])), (1,)) for f in (np.sin, np.exp))
    assert first.nodes[1][1] is second.nodes[1][1]

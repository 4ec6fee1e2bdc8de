"""Stages: nodes, and the loops that need them."""

import numpy as np

from fastgrad.program.stages import stages
from fastgrad.program.sums import summed
from fastgrad.program.trace.recording import trace
from tests import overdata


def staged(f):
    program = summed(trace(f, (3,))).program
    return program, list(stages(program))


def test_every_node_has_its_place_after_what_it_needs():
    for f in [*overdata.SCALARS, overdata.moments]:
        program, found = staged(f)
        there = set()
        for nodes, loops in found:
            for j in nodes:
                assert {o[1] for o in program.nodes[j][1:] if o[0] == "v"} <= there
                there.add(j)
            for loop in loops:
                row = set()
                for j in loop.nodes:
                    assert {o[1] for o in program.nodes[j][1:] if o[0] == "v"} <= there | row
                    row.add(j)
                assert {o[1] for o in loop.sums.values() if o[0] == "v"} <= row
            there |= {j for loop in loops for j in loop.sums}
        assert {o[1] for o in program.outputs} <= there


def test_a_loop_that_needs_a_sum_comes_after_it():
    _, found = staged(overdata.spread)
    assert [len(loops) for _, loops in found] == [1, 1, 0]


def test_a_program_without_tables_is_one_stage():
    program = trace(lambda x: np.sin(x[0]) + x[1], (2,))
    assert list(stages(program)) == [([0, 1], [])]

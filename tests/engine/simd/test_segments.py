"""Long programs in short functions: the values are those of the interpreter, places are used again."""

import numpy as np
import pytest

from fastgrad.engine.call import Call, Rows
from fastgrad.engine.simd import segments
from fastgrad.engine.simd.arguments import KernelMemory, form_of, kind_of
from fastgrad.engine.simd.emission import module
from fastgrad.engine.simd.segments import Segmented
from fastgrad.formulas import stencils
from fastgrad.formulas.steps import Steps
from fastgrad.llvm import machine
from fastgrad.program.differences import differences
from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import trace


def long(x):
    """Values that are wanted much later, a mask among them, outputs that are a coordinate and a literal."""
    first, mask = x[0] * x[1], x[2] > x[1]
    total = x[2] + 1.0
    for k in range(20):
        total = total * 0.5 + x[k % 3]
    return [np.where(mask, total + first, total - first), x[1] + 0.0, first, 2.5]


@pytest.mark.parametrize("length", [3, 7, 1000])
@pytest.mark.parametrize("count", [5, 8])
def test_segments_compute_what_the_program_computes(monkeypatch, length, count):
    monkeypatch.setattr(segments, "LENGTH", length)
    program, steps = trace(long, (3,)), Steps("default", np.asarray(1.0))
    points = np.random.default_rng(count).uniform(0.5, 1.5, (max(count, machine.lanes()), 3))
    call = Call(long, Rows(points, (3,)), stencils.value(), steps)
    out = np.full((len(points), 4), np.nan)
    form = form_of(call, kind_of(out.shape, out.strides))
    text = module(Segmented(differences(program, call.table), form))
    (run,) = machine.functions(text, "kernel")
    block = KernelMemory(program, form.lanes, 1.0, np.array(program.constants))
    items, _ = block.write(call, form, out, None)
    run(0, items, block.address)
    expected = [evaluate(program, row) for row in points]
    np.testing.assert_allclose(out, expected, rtol=1e-15)


def test_places_are_shared_by_values_that_never_live_together():
    rng, count, length = np.random.default_rng(0), 60, 4
    nodes = [("sin", ("x", 0))]
    for j in range(1, count):
        nodes.append(("+", ("v", int(rng.integers(max(0, j - 12), j))), ("v", j - 1)))
    parts = [range(start, start + length) for start in range(0, count, length)]
    slot, places = segments._slots(tuple(nodes), parts)
    last = {int(k): j // length for j, (_, *operands) in enumerate(nodes) for tag, k in operands if tag == "v"}
    crossing = {j for j, part in last.items() if part > j // length}
    assert set(slot) == crossing
    for part in range(len(parts)):
        alive = [slot[j] for j in crossing if j // length <= part <= last[j]]
        assert len(set(alive)) == len(alive)
    assert places == max(slot.values()) + 1 < len(crossing) / 2


def test_nothing_crosses_in_a_single_part():
    assert segments._slots((("sin", ("x", 0)), ("cos", ("v", 0))), [range(2)]) == ({}, 0)

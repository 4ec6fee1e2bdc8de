"""What shapes a kernel, and the block of numbers it gets."""

import numpy as np
import pytest

import fastgrad
from fastgrad.engine.call import SEGMENT, Call, Grid, Rows, batch_rows, segments
from fastgrad.engine.simd.arguments import (
    PLACES,
    SLOTS,
    KernelMemory,
    address_of,
    form_of,
    is_odd,
    kind_of,
)
from fastgrad.formulas import stencils
from fastgrad.formulas.steps import Steps
from fastgrad.program.trace.recording import trace

DEFAULT = Steps("default", np.asarray(2.0**-17))
PROGRAM = trace(lambda x: 3.0 * x[0] + x[1], (2,))


def call(values, **options):
    return Call(np.sum, Rows(values, (values.shape[1],)), stencils.gradient(2), DEFAULT, **options)


@pytest.mark.parametrize(
    ("array", "kind"),
    [
        (np.zeros((5, 3)), "rows"),
        (np.zeros((5, 2)), "pairs"),
        (np.zeros((5, 1)), "columns"),
        (np.zeros((3, 5)).T, "columns"),
        (np.zeros((1, 3)), "rows"),
        (np.zeros((5, 4))[:, ::2], "any"),
        (np.zeros((5, 4))[:, :2], "rows"),
        (np.zeros((1, 6))[:, ::2], "any"),
        (np.zeros((10, 3))[::2], "rows"),
        (np.zeros((5, 2))[::-1], "rows"),
    ],
    ids=["rows", "pairs", "one", "turned", "point", "gaps", "wide", "point with gaps", "every second", "backward"],
)
def test_how_points_lie(array, kind):
    assert kind_of(array.shape, array.strides) == kind
    assert array.strides != np.empty(array.shape).strides or kind_of(array.shape) == kind


def test_packed_records_are_odd():
    records = np.zeros(4, dtype=[("flag", "i1"), ("x", "f8", (2,))])
    assert is_odd(records["x"])
    assert not is_odd(np.zeros((4, 2))[::2])


def test_the_form_tells_steps_apart():
    x = np.ones((8, 2))
    for size, kind in ((0.25, "uniform"), (np.broadcast_to([0.25, 0.5], (8, 2)), "coordinate"), (x, "point")):
        steps = Steps("absolute", np.asarray(size))
        assert form_of(Call(np.sum, Rows(x, (2,)), stencils.gradient(2), steps), "rows").sizes == kind
    assert form_of(call(x, t=np.full(8, 0.25)), "rows").exact
    assert not form_of(call(x, t=np.full(8, 0.3)), "rows").exact
    assert form_of(call(x, batch=(np.ones(8), np.ones((8, 2, 2)))), "rows").batch == 5
    assert not form_of(call(x), "rows", long=True).quick
    assert form_of(call(x[:1]), "rows", long=True).quick


def test_the_slots_of_a_block_point_to_the_arrays():
    x, out, b = np.arange(16.0).reshape(8, 2), np.zeros((2, 8)).T, np.arange(8.0)
    given = call(x, batch=(b,))
    block = KernelMemory(PROGRAM, 4, 0.125, np.array(PROGRAM.constants))
    items, grain = block.write(given, form_of(given, "columns")._replace(lanes=4), out, None)
    slots = {name: int(block.slots[k]) for name, k in PLACES.items()}
    assert (items, grain) == (8, 4)
    assert (slots["source"], slots["source_row"], slots["source_column"]) == (address_of(x), 2, 1)
    assert (slots["out"], slots["out_row"], slots["out_column"]) == (address_of(out), 1, 8)
    assert (slots["batch_row"], slots["v"], slots["values"]) == (1, 0, 0)
    assert block.memory[(slots["sizes"] - block.address) // 8] == 0.125
    assert block.memory[(slots["constants"] - block.address) // 8] == 3.0


def test_a_single_point_is_all_lanes_at_once():
    x, out = np.ones((1, 2)), np.zeros((1, 2))
    block = KernelMemory(PROGRAM, 4, 0.125, np.array(PROGRAM.constants))
    form = form_of(call(x), "rows")._replace(lanes=4)
    assert block.write(call(x), form, out, None) == (4, 4)
    assert block.slots[PLACES["source_row"]] == block.slots[PLACES["out_row"]] == 0
    assert block.slots[PLACES["source_column"]] == 1


def test_a_grid_is_handed_out_in_segments_of_its_rows():
    axes = (np.arange(3.0), np.arange(2.0), np.arange(SEGMENT + 1.0))
    grid = Grid(axes)
    assert segments(grid) == 2
    block, out = KernelMemory(trace(lambda x: x[0], (3,)), 4, 0.125, np.empty(0)), np.zeros((grid.count, 3))
    given = Call(np.sum, grid, stencils.gradient(3), DEFAULT)
    assert block.write(given, form_of(given, "rows"), out, None) == (3 * 2 * 2, 1)
    assert block.kept["starts"].tolist() == [0, 3, 5]
    assert block.kept["axes"].tolist() == np.concatenate(axes).tolist()


def test_batch_arguments_lie_side_by_side():
    a, b = np.arange(3), np.arange(12.0).reshape(3, 2, 2)
    found = batch_rows(call(np.ones((3, 2)), batch=(a, b)), slice(1, 3))
    assert found.tolist() == [[1.0, 4.0, 5.0, 6.0, 7.0], [2.0, 8.0, 9.0, 10.0, 11.0]]
    assert len(SLOTS) == len(PLACES)


ROWS = {
    "texts": (np.array(["a", "b", "b"] * 340), lambda x, b: x[0] ** 2 if b == "a" else x[1]),
    "bytes": (np.array([b"a", b"b", b"b"] * 340), lambda x, b: x[0] ** 2 if b == b"a" else x[1]),
    "objects": (np.array([2, 3.5, True] * 340, dtype=object), lambda x, b: b * x[0] ** 2),
    "lists": (np.array([[1], [2, 3], []] * 340, dtype=object), lambda x, b: len(b) * x[0] ** 2),
    "complex": (np.full(1020, 3.0 + 4.0j), lambda x, b: abs(b) * x[0] ** 2),
    "days": (np.arange(1020).astype("M8[D]"), lambda x, b: x[0] ** 2 if b > np.datetime64("1970-09-01") else x[1]),
}


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.filterwarnings("ignore::fastgrad.PerformanceWarning")
def test_rows_that_are_no_real_numbers(name):
    rows, f = ROWS[name]
    options = {"batch": True, "batch_args": (rows,)}
    x = np.random.default_rng(0).uniform(0.5, 2.0, (1020, 2))
    expected = fastgrad.gradient(f, x, engine="python", **options)
    np.testing.assert_allclose(fastgrad.gradient(f, x, **options), expected, rtol=1e-8)
    with pytest.raises(fastgrad.EngineError, match=r"batch_args\[0\] holds .* real numbers"):
        fastgrad.gradient(f, x, engine="simd", **options)
    with pytest.warns(fastgrad.PerformanceWarning, match=r"one of 1,020 points after the other: batch_args\[0\] holds"):
        np.testing.assert_allclose(fastgrad.gradient(f, x, method="exact", **options), expected, rtol=1e-8)

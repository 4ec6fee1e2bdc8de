"""Values whose slope is of no use, and what is done instead at both points."""

from collections import Counter

import numpy as np
import pytest

import fastgrad
from fastgrad.formulas import stencils
from fastgrad.program.changes import Coordinate, DirectionWalk, Points
from fastgrad.program.code import Code
from fastgrad.program.dependence import coordinates
from fastgrad.program.differences import differences
from fastgrad.program.program import evaluate
from fastgrad.program.slopeless import decided, slopeless
from fastgrad.program.trace.recording import trace

H = 0.25
SHORT = lambda x: np.log(np.exp(x[0] * 2.0 - np.exp(x[1])) / (1.0 + np.exp(x[1]) * x[2]))
LONG = lambda x: np.exp(2.0 * (x[0] + x[1]) + np.sum(x) + np.sum(x) * x[2])


def test_where_only_points_are_read_what_takes_less_is_written():
    program = trace(SHORT, (3,))
    inner = {j for j, node in enumerate(program.nodes) if node[0] in "+-*/"}
    assert inner < slopeless(program, moving(program, 0, 1, 2))
    assert set(kinds(SHORT, inner)) == {Points}
    long = trace(LONG, (3,))
    assert Points not in kinds(LONG, slopeless(long, moving(long, 0, 1, 2)))


def moving(program, *units):
    """The nodes that move with some of the coordinates."""
    mask = sum(1 << unit for unit in units)
    return [j for j, moves in enumerate(coordinates(program)) if moves & mask]


def test_what_decides_is_made_of_fs_own_numbers():
    program = trace(lambda x: np.floor(np.exp(x[0]) + x[1]) * np.sqrt(x[0] * x[0]) + np.exp(x[2]), (3,))
    names = {program.nodes[j][0] for j in decided(program, moving(program, 0, 1, 2))}
    assert names == {"exp", "+"}
    assert decided(program, moving(program, 2)) == set()


HUBER = lambda x: np.sum(np.where(np.abs(x) <= 1.0, 0.5 * x**2, np.abs(x) - 0.5)) + x[0] * x[1]
STEADY = lambda x: np.where(x[0] > 1.0, x[1] ** 2, x[2]) + np.where(x[0] + x[1] > 1.0, 3.0 * x[1], x[0])


def test_what_is_selected_by_a_mask_that_moves_is_computed_at_both_points():
    huber = trace(HUBER, (3,))
    names = [node[0] for node in huber.nodes]
    free = slopeless(huber, moving(huber, 0, 1, 2))
    assert [names[j] for j in sorted(free)].count("*") == 6  # three squares, each by a half
    assert [name for j, name in enumerate(names) if j not in free and name == "*"] == ["*"]
    steady, square = trace(STEADY, (3,)), ("*", ("x", 1), ("x", 1))
    still, both = ({steady.nodes[j] for j in slopeless(steady, moving(steady, *units))} for units in ((1,), (0, 1)))
    assert {node[0] for node in still} == {"*", "+", "gt"}  # of the second choice; the square's mask stands still
    assert square not in still
    assert square in both


def test_turns_of_a_loop_are_computed_once_for_the_masks_and_for_what_is_selected():
    """Newton's method: y at both points decides, and is what f returns."""

    def newton(x):
        y = x[0]
        while abs(y * y - x[0]) > 1e-12 * x[0]:
            y = y - (y * y - x[0]) / (2.0 * y)
        return y * x[1]

    points = np.random.default_rng(0).uniform(1.5, 3.0, (99, 2))
    program = trace(newton, (2,), sample=points)
    turns = Counter(node[0] for node in program.nodes)["/"]
    written = differences(program, stencils.gradient(2)).program
    assert Counter(node[0] for node in written.nodes)["/"] == 3 * turns  # at x and beside it
    found = fastgrad.gradient(newton, points, batch=True, engine="simd")
    roots = np.sqrt(points[:, 0])
    np.testing.assert_allclose(found, np.stack([points[:, 1] / (2.0 * roots), roots], axis=1), rtol=1e-9)


@pytest.mark.parametrize("f", [HUBER, STEADY], ids=["huber", "steady"])
def test_selected_values_have_the_differences_of_the_definition(f):
    rng, h = np.random.default_rng(3), 2.0**-13
    rows = np.concatenate([rng.uniform(-2.0, 2.0, (200, 3)), rng.choice([1.0, -1.0, 1.0 - h, 1.0 + h / 2], (50, 3))])
    found = fastgrad.gradient(f, rows, batch=True, h=h, engine="simd")
    wanted = fastgrad.gradient(f, rows, batch=True, h=h, engine="reference")
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-11)


def kinds(f, nodes):
    _, _, walk = by_half_differences(f, (1, -1), nodes)
    return [type(walk.moved["v", j]) for j in nodes if ("v", j) in walk.moved]


@pytest.mark.parametrize("f", [SHORT, LONG], ids=["short", "long"])
@pytest.mark.parametrize("offsets", [(1, -1), (2, 1)])
def test_points_of_what_is_written_either_way(f, offsets):
    x = [0.5, 0.25, 0.125]
    exact = [f(np.array([x[0] + k * H, x[1] - k * H / 2, x[2]])) for k in offsets]
    program = trace(f, (3,))
    for free in (set(), slopeless(program, moving(program, 0, 1, 2))):
        _, code, walk = by_half_differences(f, offsets, free)
        moved = walk.at(program.outputs[0])
        found = evaluate(code.finish((moved.p, moved.m), (2,)), x)
        assert found == pytest.approx(exact, rel=1e-13)


def by_half_differences(f, offsets, free):
    program = trace(f, (3,))
    code, half = Code(program), (offsets[0] - offsets[1]) / 2.0
    walk = DirectionWalk(code, program, offsets, ("k", 1.0))
    for i, far in enumerate((H, -H / 2)):
        walk.moved["x", i] = Coordinate(walk, ("x", i), ("k", half * far), ("k", far))
    walk.run(moving(program, 0, 1), set(), free)
    return program, code, walk

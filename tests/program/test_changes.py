"""Mean, slope and distance of each value along a direction, against fractions."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import fastgrad
from fastgrad.program.changes import Coordinate, DirectionWalk, Points, Still
from fastgrad.program.code import Code
from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import trace

H = 0.25
FUNCTIONS = {
    "sum": lambda x: x[0] + x[1] - 3.0 * x[2],
    "product": lambda x: x[0] * x[1] * x[0],
    "quotient": lambda x: (x[2] - x[0]) / (x[1] + x[0]),
    "divided by what is still": lambda x: x[0] * x[1] / x[2],
    "divided by what moves": lambda x: x[2] / x[0],
}


def walked(f, offsets):
    """f's program, and the walk of x[0] by H and x[1] by -H/2 a step; x[2] stays."""
    program = trace(f, (3,))
    code = Code(program)
    half = (offsets[1] - offsets[0]) / -2.0
    walk = DirectionWalk(code, program, offsets, ("k", half * H))
    for i, slope in enumerate((1.0, -0.5)):
        walk.moved["x", i] = Coordinate(walk, ("x", i), ("k", slope), ("k", slope * H))
    moving = [j for j in range(len(program.nodes)) if {0, 1} & needed(program, ("v", j))]
    walk.run(moving, {int(program.outputs[0][1])})
    return program, code, walk


def needed(program, operand):
    tag, k = operand
    if tag == "v":
        return set().union(*(needed(program, o) for o in program.nodes[int(k)][1:]))
    return {k} if tag == "x" else set()


def numbers(code, operands, x):
    return evaluate(code.finish(operands, (len(operands),)), x)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("offsets", [(1, -1), (2, -2), (1, 0), (2, 1)])
def test_both_points_follow_from_mean_and_slope(name, offsets):
    f, x = FUNCTIONS[name], [1.5, 0.75, 2.0]
    program, code, walk = walked(f, offsets)
    moved = walk.at(program.outputs[0])
    exact = [f([Fraction(x[0]) + k * Fraction(H), Fraction(x[1]) - k * Fraction(H) / 2, x[2]]) for k in offsets]
    p, m, slope, mean = numbers(code, [moved.p, moved.m, moved.s, moved.c], x)
    half = (offsets[0] - offsets[1]) / 2.0 * H
    assert [p, m] == pytest.approx([float(v) for v in exact], rel=1e-14)
    assert slope == pytest.approx(float(exact[0] - exact[1]) / (2.0 * half), rel=1e-14)
    assert mean == pytest.approx(float(exact[0] + exact[1]) / 2.0, rel=1e-14)
    if walk.centred:
        (apart,) = numbers(code, [moved.e], x)
        assert apart == pytest.approx((float(exact[0] + exact[1]) / 2.0 - f(x)) / half**2, rel=1e-13, abs=1e-14)


def test_a_slope_beside_a_large_total_keeps_its_digits():
    program, code, walk = walked(lambda x: x[2] + x[0] * x[0], (1, -1))
    (slope,) = numbers(code, [walk.at(program.outputs[0]).s], [1.5, 0.0, 1e20])
    assert slope == 3.0  # a subtraction of the totals gives 0


def test_what_does_not_move_is_still():
    program, _, walk = walked(lambda x: np.sin(x[2]) + x[0], (1, -1))
    still = walk.at(("x", 2))
    assert isinstance(still, Still)
    assert (still.s, still.e, still.p, still.m) == (("k", 0.0), ("k", 0.0), ("x", 2), ("x", 2))
    assert not isinstance(walk.at(program.outputs[0]), Still)


@pytest.mark.parametrize(
    "f", [lambda x: np.sin(x[0] * x[1]), lambda x: np.floor(x[0] * 4.0 * x[1])], ids=["sine", "floor"]
)
def test_without_an_identity_f_is_done_at_both_points(f):
    program, code, walk = walked(f, (1, -1))
    moved, x = walk.at(program.outputs[0]), np.array([1.5, 0.75, 2.0])
    assert isinstance(moved, Points)
    step = np.array([H, -H / 2, 0.0])
    assert numbers(code, [moved.p, moved.m], x) == pytest.approx([f(x + step), f(x - step)], rel=1e-14)


def test_a_coordinate_that_is_still_keeps_its_bits():
    program = replace(trace(lambda x: x[0] + x[1], (3,)), outputs=(("x", 0),), nodes=())
    code = Code(program)
    walk = DirectionWalk(code, program, (1, -1), ("k", H))
    mask = code.keep("eq", ("x", 1), ("k", 0.0))
    moved = Coordinate(walk, ("x", 0), ("x", 1), code.mul(("k", H), ("x", 1)), mask)
    for v, expected in ((0.0, -0.0), (2.0, 0.5)):
        (found,) = numbers(code, [moved.p], [-0.0, v, 0.0])
        assert found == expected
        assert np.signbit(found) == np.signbit(expected)


@pytest.mark.parametrize("count", [24, 30])
@pytest.mark.parametrize(
    "end", [abs, lambda s: np.maximum(s, 0.0), lambda s: np.hypot(s, 1.0)], ids=["abs", "max", "hypot"]
)
def test_long_chains_of_sums_are_no_recursion(end, count):
    def f(x):
        total = 0.0
        for i in range(count):
            for j in range(i, count):
                total += (0.1 * (j - i) + 0.3) * x[i] * x[j]
        return end(total)

    points = np.full((3, count), 0.2) + np.linspace(0.0, 0.1, count)
    found = fastgrad.gradient(f, points, batch=True, engine="simd")
    np.testing.assert_allclose(found, fastgrad.gradient(f, points, batch=True, engine="python"), rtol=1e-7, atol=1e-8)

"""Which sides points take."""

import numpy as np
import pytest

import fastgrad
from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.sampling import PointSample
from fastgrad.program.trace.symbols import Symbol, Trace


def test_sides_of_points_where_others_are_known():
    recording = Trace(100)
    points = np.array([[1.0, 5.0, 0.5], [2.0, 1.0, 0.5], [3.0, 4.0, 2.0]])
    with recording:
        x, y, b = Symbol(recording, ("x", 0)), Symbol(recording, ("x", 1)), Symbol(recording, ("b", 0))
        sample = PointSample(recording, points, 2)
        large, more, beside = (x * x > 3.0).key, (y > x).key, (b >= 1.0).key
    assert sample.sides([], large) == {True, False}
    assert sample.sides([(large, True)], more) == {True, False}
    assert sample.sides([(large, False)], more) == {True}
    assert sample.sides([(large, True), (more, True)], beside) == {True}
    assert sample.sides([(large, False), (more, False)], beside) == {True, False}  # no point is there


def test_masks_and_selections_have_values_too():
    recording = Trace(100)
    with recording:
        x = Symbol(recording, ("x", 0))
        both = np.where((x > 1) | (x < -1), x, 0.5) + (x > 0)
        sample = PointSample(recording, np.array([[2.0], [0.2], [-3.0]]), 1)
        asked = (both > 1.4).key
    assert sample.sides([], asked) == {True, False}


def test_a_sampled_program_says_so():
    def f(x):
        y = x[0]
        while y > 1.0:
            y = y * 0.5
        return y * x[1]

    program = trace(f, (2,), sample=np.array([[3.0, 1.0], [5.0, 1.0]]))
    assert program.sampled
    assert program.raises


def test_points_that_go_the_same_ways_are_told():
    def f(x):
        y = x[0]
        while y > 1.0:
            y = y * 0.5
        return y * x[1]

    points = np.array([[3.0, 1.0], [7.0, -1.0]])
    ways = trace(f, (2,), sample=points).ways
    assert ways.are_those_of(points)
    assert ways.are_those_of(np.array([[6.0, -2.0], [2.5, 4.0], [3.5, 0.5]]))
    for others in ([[3.0, 1.0]], [[3.0, 1.0], [9.0, -1.0]], [[np.nan, 1.0], [7.0, 1.0]]):
        assert not ways.are_those_of(np.array(others))
    assert trace(lambda x: x[0] * x[1], (2,)).ways is None


def root(a):
    y = 1.0
    for _ in range(30):
        new = 0.5 * (y + a / y)
        if abs(new - y) < 1e-14:
            break
        y = new
    return y


def roots(x):
    v = x[0]
    for k in range(12):
        if x[k % 3] > 0.1 * k:
            v += root(1.0 + v * v) * 0.5
        else:
            v = root(2.0 + v * v) - 1.0
    return v


def test_ways_of_one_point_where_those_put_together_are_too_many():
    x = np.array([0.35, -0.7, 1.15])
    found = fastgrad.gradient(roots, x, method="exact")
    np.testing.assert_allclose(found, fastgrad.gradient(roots, x, engine="python", order=6), rtol=1e-8, atol=1e-10)


def test_beside_a_sampled_point_another_way_may_be_gone():
    points = np.random.default_rng(3).normal(size=(9, 3))
    points[:, 0] = 2.0  # f itself is asked where a point beside it takes a turn more
    found = fastgrad.gradient(roots, points, batch=True, engine="simd")
    np.testing.assert_allclose(found, fastgrad.gradient(roots, points, batch=True, engine="python"), rtol=1e-6)


def test_what_points_decide_on_a_side_is_no_matter_of_others():
    def f(x):
        v = x[2]
        if x[0] > 0:
            v = x[1] ** 2 if bool(x[1] > 0) else -x[2]
        return v * x[1]

    points = np.array([[1.0, 2.0, 3.0], [-1.0, -2.0, 3.0], [2.0, 0.5, 1.0]])
    program = trace(f, (3,), sample=points)
    assert [evaluate(program, x) for x in points] == [[f(x)] for x in points]
    assert np.isnan(evaluate(program, [1.0, -2.0, 3.0]))


def walk(p):
    """Some hundred turns, each of which only some points take."""
    if p[0] <= 0.0:
        raise RecursionError  # it would go on for ever
    s, t = 0.0, 0.0
    while s < 1.0:
        s = s + p[0]
        t = t + p[1] * s
    return t


@pytest.mark.parametrize(("turns", "count"), [(40, 300), (400, 1), (400, 30)])
def test_loops_of_many_turns(turns, count):
    points = np.column_stack([np.full(count, 1.0 / (turns - 0.5)), np.linspace(1.0, 2.0, count)])
    wanted = np.column_stack([points[:, 1] * turns * (turns + 1) / 2.0, points[:, 0] * turns * (turns + 1) / 2.0])
    found = fastgrad.gradient(walk, points, batch=True, method="exact")
    np.testing.assert_allclose(found, wanted, rtol=1e-9)
    found = fastgrad.gradient(walk, points, batch=True, engine="simd", h=1e-7)
    np.testing.assert_allclose(found, wanted, rtol=1e-4)
    second = fastgrad.hessian(walk, points, batch=True, method="exact")
    np.testing.assert_allclose(second[:, 0, 1], turns * (turns + 1) / 2.0, rtol=1e-9)

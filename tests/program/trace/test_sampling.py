"""Which sides points take."""

import numpy as np
import pytest
from scipy.integrate import odeint

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


def to_text_and_back(x):
    if x[0] > 100:
        return float(f"{x[0]:.3f}")
    return x[0] ** 2 * x[1]


def of_a_library(x):
    if x[0] * x[1] > 100:
        return odeint(lambda y, t: -x[0] * y, x[1], [0.0, 1.0])[-1, 0]
    return np.sin(x[0]) * x[1]


def of_another_length(x):
    return np.array([v for v in x if v > 0.1]) @ np.ones(2) * x[0]


def in_a_loop(x):
    total = 0.0
    for v in x:
        if v > 50:
            total += float(str(v))
            continue
        total += v**2
    return total * x[0]


def in_a_helper(x):
    def steps(v):
        return float(repr(v)) if v > 100 else v**3

    return steps(x[0]) * steps(x[1])


@pytest.mark.parametrize("f", [to_text_and_back, of_a_library, of_another_length, in_a_loop, in_a_helper])
def test_what_cannot_be_traced_on_a_way_that_no_point_takes(f):
    points = np.random.default_rng(0).uniform(0.5, 2.0, (60, 2))
    reference = fastgrad.gradient(f, points, batch=True, engine="python")
    np.testing.assert_allclose(fastgrad.gradient(f, points, batch=True, engine="simd"), reference, atol=1e-8)
    np.testing.assert_allclose(fastgrad.gradient(f, points, batch=True, method="exact"), reference, atol=1e-7)


@pytest.mark.filterwarnings("ignore::fastgrad.PerformanceWarning")
def test_where_points_take_it_f_is_refused():
    points = np.random.default_rng(0).uniform(0.5, 2.0, (60, 2))
    points[30] = [150.0, 1.0]
    reference = fastgrad.gradient(to_text_and_back, points, batch=True, engine="python")
    np.testing.assert_array_equal(fastgrad.gradient(to_text_and_back, points, batch=True), reference)
    with pytest.raises(fastgrad.EngineError, match="when traced"):
        fastgrad.gradient(to_text_and_back, points, batch=True, engine="simd")
    many = np.random.default_rng(0).uniform(0.5, 2.0, (3000, 2))
    many[1501] = [150.0, 1.0]  # which no sample sees: f itself is asked
    found = fastgrad.gradient(to_text_and_back, many, batch=True)
    np.testing.assert_allclose(found[1501], fastgrad.gradient(to_text_and_back, many[1501], engine="python"), atol=1e-8)

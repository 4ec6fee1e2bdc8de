"""Points that take each side of each branch."""

import itertools

import numpy as np
import pytest

from fastgrad import EngineError, grad, gradient
from fastgrad.engine.call import Call, Rows
from fastgrad.engine.simd import comparison
from fastgrad.engine.simd.coverage import Sides, columns_at, covering, sample, used
from fastgrad.formulas import stencils
from fastgrad.formulas.steps import Steps
from fastgrad.program.trace.recording import trace


def call_of(f, points, batch=()):
    return Call(f, Rows(points, (2,)), stencils.gradient(2), Steps("default", np.asarray(1.0)), batch=batch)


def nested(x):
    if x[0] > 0.0:
        return x[1] if x[1] > 0.5 else x[0]
    return x[0] * x[1]


def test_each_side_that_points_take():
    points = np.full((1000, 2), -1.0)
    points[500], points[700] = (1.0, 1.0), (1.0, 0.0)
    chosen = points[covering(call_of(nested, points), trace(nested, (2,)))]
    assert {tuple(row) for row in chosen} == {(-1.0, -1.0), (1.0, 1.0), (1.0, 0.0)}
    assert len(covering(call_of(nested, points[:400]), trace(nested, (2,)))) == 1


def test_batch_arguments_decide_too():
    def f(x, y):
        return x[0] if y > 0 else x[1]

    points, y = np.zeros((50, 2)), np.zeros(50)
    y[30] = 1.0
    found = covering(call_of(f, points, (y,)), trace(f, (2,), rows=[()]))
    assert sorted(y[found]) == [0.0, 1.0]


def test_nodes_that_points_use():
    program = trace(nested, (2,))
    assert used(program, np.array([[-1.0], [2.0]])) < used(program, np.array([[-1.0, 1.0], [2.0, 2.0]]))


def test_a_sample_is_even_and_has_both_ends():
    assert sample(10, 100).tolist() == [*range(10)]
    picks = sample(100_000, 1024)
    assert len(picks) == 1024
    assert (picks[0], picks[-1]) == (0, 99_999)
    call = call_of(nested, np.arange(8.0).reshape(4, 2), (np.arange(4), np.ones((4, 2))))
    np.testing.assert_array_equal(columns_at(call, np.array([1, 3])), [[2, 6], [3, 7], [1, 3], [1, 1], [1, 1]])


def test_sides_that_were_compared_are_not_looked_at_again():
    program, sides = trace(nested, (2,)), Sides()
    low, high = np.full((100, 2), -1.0), np.full((100, 2), 1.0)
    places, new = sides.unseen(call_of(nested, low), program)
    assert len(places) == 1
    sides.note(new)
    assert sides.unseen(call_of(nested, low), program)[0] == []
    high[30] = 1.0, 0.0
    places, new = sides.unseen(call_of(nested, high), program)
    assert len(places) == 2
    sides.note(new)
    assert sides.unseen(call_of(nested, -high), program)[0] == []


def test_the_first_comparison_says_which_sides_it_saw(monkeypatch):
    def f(x):
        return x[0] ** 2 * x[1] if x[0] > 1.0 else x[1] ** 3

    points, seen = np.random.default_rng(0).normal(size=(300, 2)), []
    gradient(f, points, batch=True, engine="simd")
    monkeypatch.setattr(comparison, "_check_elsewhere", lambda call, n, point, found: seen.append(n))
    gradient(f, points, batch=True, engine="simd")
    assert seen == []


@pytest.mark.parametrize("method", ["central", "exact"])
def test_more_combinations_of_tests_than_are_compared(method):
    points = np.random.default_rng(3).integers(0, 2, size=(400, 12)).astype(float)
    found = gradient(lambda x: np.sum(np.where(x == 0.0, 0.0, np.exp(x))), points, batch=True, method=method)
    np.testing.assert_allclose(found[points == 1.0], np.e, rtol=1e-9)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.where(x[0] > 0.5, x[1], x[0] * x[1]),
        lambda x: x[0] * x[1] + (x[0] > 0.5) * x[1],
        lambda x: np.maximum(x[0] * x[1], 0.5 * x[1]),
        lambda x: np.fmin(x[0] * x[1], 0.5 * x[1]),
    ],
    ids=["where", "factor", "maximum", "fmin"],
)
def test_each_side_of_a_choice_without_branches(f):
    points = np.stack([np.linspace(0.0, 0.4, 1000), np.linspace(1.0, 2.0, 1000)], axis=1)
    points[700, 0] = 0.9
    program = trace(f, (2,))
    assert not program.branches
    chosen = covering(call_of(f, points), program)
    assert 700 in chosen
    assert len(chosen) == 2
    assert covering(call_of(f, points), program, [0]) == [700]
    assert covering(call_of(f, points), program, [0, 700]) == []


def test_a_side_inside_of_another_counts_where_it_is_reached():
    def f(x):
        return np.where(x[0] > 0.5, np.maximum(x[1], 0.0), x[0])

    points = np.full((100, 2), 0.25)
    points[::2, 1] = -1.0
    program = trace(f, (2,))
    assert len(covering(call_of(f, points), program)) == 1
    points[40:44, 0] = 0.75
    assert len(covering(call_of(f, points), program)) == 3


def test_what_a_rare_side_shows_is_seen():
    count = itertools.count(1)

    def f(x):
        return np.where(x[0] > 1.99, x[1] * 1000.0 ** (next(count) > 3), x[0])

    points = np.full((3000, 2), 1.0)
    points[1111, 0] = 1.995
    with pytest.raises(EngineError, match="keeps state"):
        gradient(f, points, batch=True, engine="simd")


STAIRS = {
    "where": lambda x: np.where(x[0] > 1, np.floor(1e8 * x[0]) * 1e-8, x[0]),
    "maximum": lambda x: np.maximum(np.floor(1e8 * x[0]) * 1e-8, 1.0) * x[0],
    "a mask as a factor": lambda x: (x[0] > 1) * np.floor(1e8 * x[0]) * 1e-8 + x[0],
}


@pytest.mark.parametrize("name", STAIRS)
def test_slopes_of_a_staircase_are_refused_whatever_points_came_before(name):
    f = STAIRS[name]
    low, high = np.array([0.5]), np.array([1.5])
    for _ in range(4):
        assert np.isfinite(gradient(f, low, method="exact")).all()
        with pytest.raises(EngineError, match="exact derivative is"):
            gradient(f, high, method="exact")
    with pytest.raises(EngineError, match="exact derivative is"):
        gradient(lambda x: f(x) + 0.0, np.array([low, high, low]), batch=True, method="exact")
    g = grad(f, method="exact")
    for _ in range(4):
        g(low)
    with pytest.raises(EngineError, match="exact derivative is"):
        g(high)

"""A call as the engines see it: points, steps for what f returns, parts of a call, where derivatives go."""

import numpy as np
import pytest

from fastgrad.engine.call import Call, Grid, Rows, Target, subset
from fastgrad.formulas import stencils
from fastgrad.formulas.steps import Steps, direction_step
from fastgrad.program.look import CoarserError

X = np.array([[0.5, np.nan], [1.5, -2.0], [3.0, 40.0]])
DEFAULT = Steps("default", np.asarray(2.0**-17))
FLOAT32 = float(np.finfo(np.float32).eps)


def call(**options):
    return Call(np.sum, **{"points": Rows(X, (2,)), "table": stencils.gradient(2), "steps": DEFAULT, **options})


def test_a_grid_has_the_nodes_of_meshgrid():
    axes = (np.array([0.0, 1.0]), np.array([5.0, 6.0, 7.0]), np.array([-1.0, -2.0]))
    grid = Grid(axes)
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    assert grid.layout == nodes.shape
    assert [grid.row(n).tolist() for n in range(grid.count)] == nodes.tolist()
    assert grid.row(np.array([3, 7])).tolist() == nodes[[3, 7]].tolist()


def test_the_first_point_without_nan():
    assert call().finite() == 1
    assert call(points=Rows(X[:1], (2,))).finite() == 0


def test_evaluations_are_counted():
    assert call().evaluations == 3 * 4
    assert call(value=True).evaluations == 3 * 5
    assert call(table=stencils.gradient(2, 1, "forward")).evaluations == 3 * 3
    assert call(expected=7).total == 7
    assert call(adaptive=True).total > call().total == 12


def test_what_moves_single_coordinates():
    assert call().moves_coordinates
    assert call(table=stencils.hvp(2)).moves_coordinates
    assert not call(table=stencils.jvp(2)).moves_coordinates


def test_steps_follow_the_precision_of_f():
    assert call().steps_for(np.finfo(float).eps) is DEFAULT
    assert (call().steps_for(FLOAT32).size > 100 * DEFAULT.size).all()
    bounds = (X - 1.0, X + 1.0)
    with pytest.raises(CoarserError):
        call(bounds=bounds).steps_for(FLOAT32)
    assert call(bounds=bounds, fits=FLOAT32).steps_for(FLOAT32).size > DEFAULT.size
    given = Steps("absolute", np.asarray(0.25))
    assert call(bounds=bounds, steps=given).steps_for(FLOAT32).size == 0.25


def test_steps_along_v_follow_it_too():
    v, table = np.ones((3, 2)), stencils.jvp(2)
    t = direction_step(X, v, table.stencil)
    along = call(table=table, v=v, t=t)
    assert along.t_for(np.finfo(float).eps) is t
    assert (along.t_for(FLOAT32)[1:] > 100 * t[1:]).all()
    assert call(table=table, v=v, t=t, steps=Steps("absolute", np.asarray(0.25))).t_for(FLOAT32) is t


def test_some_points_keep_what_belongs_to_them():
    size, b = np.arange(6.0).reshape(3, 2) + 1.0, np.array([10.0, 20.0, 30.0])
    whole = call(steps=Steps("absolute", size), batch=(b,), v=X + 1.0, t=b, bounds=(X - 1.0, X + 2.0), args=(3,))
    some = subset(whole, np.array([2, 1]))
    assert some.points.values.tolist() == X[[2, 1]].tolist()
    assert some.steps.size.tolist() == size[[2, 1]].tolist()
    assert [some.args_at(0), some.args_at(1)] == [(3, 30.0), (3, 20.0)]
    assert some.t.tolist() == [30.0, 20.0]
    assert some.v.tolist() == (X + 1.0)[[2, 1]].tolist()
    assert some.inside(0, np.array([100.0, 0.0])).tolist() == [5.0, 39.0]
    grid = subset(call(points=Grid((X[1:, 0], X[1:, 1]))), np.array([3, 0]))
    assert grid.points.values.tolist() == [[3.0, 40.0], [1.5, -2.0]]


def test_an_argument_is_fresh_and_a_number_where_f_takes_one():
    row = np.array([1.0, 2.0])
    given = call(points=Rows(X, (2, 1))).argument(row)
    assert given.shape == (2, 1)
    given[:] = 0.0
    assert row.tolist() == [1.0, 2.0]
    assert type(call(scalar=True).argument(row)) is np.float64


def test_a_target_is_made_once():
    made = []
    target = Target(lambda shape: made.append(shape) or np.zeros(shape))
    assert target.shape is None
    first = target.reserve((2, 3))
    assert target.reserve((2, 3)) is first is target.array
    assert made == [(2, 3)]
    with pytest.raises(ValueError, match=r"shape \(3,\) after one of shape \(2, 3\)"):
        target.reserve((3,))

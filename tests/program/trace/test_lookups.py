"""Elements at traced integers: from either end, beyond them, along several axes."""

import numpy as np
import pytest

import fastgrad
from fastgrad.program.program import evaluate
from fastgrad.program.schedule import schedule
from fastgrad.program.trace.lookups import LONGEST
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable

CUBE = np.random.default_rng(0).normal(size=(3, 4, 5))
LONG = np.arange(LONGEST + 1.0)


@pytest.mark.parametrize(
    "pick",
    [
        lambda i, j: CUBE[i, j],
        lambda i, j: CUBE[i, :, j],
        lambda i, j: CUBE[:, i, 1:3],
        lambda i, j: CUBE[..., j],
        lambda i, j: CUBE[i, ..., j],
        lambda i, j: CUBE[None, i, 2],
        lambda i, j: CUBE[-1 - i, j, 1],
        lambda i, j: CUBE[np.stack([i, j]), 2],
        lambda i, j: CUBE[np.stack([i, j]), np.stack([j, i]), 3],
        lambda i, j: CUBE[np.stack([[i, j], [j, i]])],
        lambda i, j: CUBE[1, i, j],
    ],
    ids=range(11),
)
def test_as_numpy_has_it(pick):
    f = lambda x: pick(x[0].astype(int), x[1].astype(int)) * x[2]
    program = trace(f, (3,))
    for x in ([0.5, 0.2, 1.0], [1.7, 2.9, 2.0], [2.0, 1.0, -1.0], [-1.2, -2.0, 1.0]):
        wanted = f(np.array(x))
        assert program.shape == wanted.shape
        np.testing.assert_allclose(evaluate(program, x), wanted.ravel(), rtol=1e-15)


def test_beyond_both_ends_f_itself_is_asked():
    program = trace(lambda x: CUBE[int(x[0]), 0, 0] * 1.0, (1,))
    assert np.isnan([evaluate(program, [v])[0] for v in (3.0, -4.0, 1e9)]).all()
    assert evaluate(program, [-3.0]) == [CUBE[0, 0, 0]]


def test_what_is_refused():
    for f, reason in (
        (lambda x: (LONG * x[1])[x[0].astype(int)], f"one of {LONGEST + 1} elements"),
        (lambda x: CUBE[np.stack([x[0], x[1]]).astype(int), :2][0], "together with slices"),
        (lambda x: CUBE[x[0]], "a traced float as an index"),
    ):
        with pytest.raises(Untraceable, match=reason):
            trace(f, (2,))


ROWS, WHOLE = np.random.default_rng(0).normal(size=(300, 3)), np.arange(300)[::-1].copy()


def made(x):
    table = np.array([[1.0, 2.0, 4.0, 8.0, 16.0], [1.0, 3.0, 9.0, 27.0, 81.0], *np.ones((4, 5))])
    return table[int(x[0] / 8.0), int(x[1])] * x[2]


TABLES = {
    "one": lambda x: LONG[int(x[0])] * x[2],
    "from the end": lambda x: LONG[-1 - int(x[0])] * x[2],
    "an integer of another table": lambda x: LONG[WHOLE[int(x[0])] - 60] * x[2],
    "a row": lambda x: ROWS[int(x[0])] @ x,
    "a column": lambda x: ROWS.T[:, int(x[0])] @ x,
    "of two axes": lambda x: ROWS[int(x[0]), int(x[1])] * x[2],
    "one is known": lambda x: ROWS[int(x[0]), 1] * x[2],
    "a slice": lambda x: ROWS[1:, ::2][int(x[0]), :] @ x[1:],
    "a slice first": lambda x: ROWS.reshape(3, 50, 6)[:, int(x[0]), 1:4] @ x @ x,
    "an axis more": lambda x: (ROWS[int(x[0]), None, :] @ x)[0],
    "the rest": lambda x: ROWS.reshape(25, 4, 9)[..., int(x[1]), int(x[1]) + 4].sum() * x[2],
    "all places": lambda x: np.sum(LONG[(x * 6.5).astype(int)] * x),
    "an array of f's": made,
    "a list": lambda x: np.array([float(k * k) for k in range(40)])[int(x[0])] * x[2],
    "take": lambda x: np.take(LONG, int(x[0])) * x[2],
    "take many": lambda x: np.sum(np.take(LONG, (x * 6.5).astype(int)) * x),
    "take rows": lambda x: np.sum(np.take(ROWS, (x * 6.5).astype(int), axis=0) @ x),
    "take columns": lambda x: np.sum(x @ np.take(ROWS[:3], (x * 0.0).astype(int) + 1, axis=1)),
    "take of a method": lambda x: LONG.take(int(x[0])) * x[2],
    "take round": lambda x: np.take(LONG, (x[0] * 1000.0).astype(int), mode="wrap") * x[2],
    "take the last": lambda x: np.take(LONG, (x[0] * 1000.0).astype(int), mode="clip") * x[2],
    "take of symbols": lambda x: np.take(np.array([x[0], x[1], x[2] ** 2]), int(x[1])),
    "take of a list": lambda x: np.take([1.0, 2.0, 4.5, 8.0], int(x[1])) * x[2],
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_of_numbers(name):
    f, points = TABLES[name], np.random.default_rng(1).uniform(0.1, 2.9, (67, 3)) * [13.0, 1.0, 1.0]
    program, steps = trace(f, (3,)), schedule(trace(f, (3,)))
    wanted = np.array([f(x) for x in points])
    np.testing.assert_allclose([evaluate(program, x)[0] for x in points], wanted, rtol=1e-13)
    np.testing.assert_allclose(steps.values(points.T)[0], wanted, rtol=1e-13)
    reference = fastgrad.gradient(f, points, batch=True, engine="python")
    np.testing.assert_allclose(fastgrad.gradient(f, points, batch=True, engine="simd"), reference, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(fastgrad.gradient(f, points[:20], batch=True), reference[:20], rtol=1e-6, atol=1e-6)


def test_exact_derivatives_pass_by_the_places():
    f, x = lambda x: ROWS[int(x[0])] @ np.sin(x), np.array([[3.5, 1.25, 2.0], [120.25, 0.5, 1.0]])
    wanted = [ROWS[int(v[0])] * np.cos(v) for v in x]
    np.testing.assert_allclose(fastgrad.gradient(f, x, batch=True, method="exact"), wanted, rtol=1e-13)
    hessians = [np.diag(-ROWS[int(v[0])] * np.sin(v)) for v in x]
    np.testing.assert_allclose(fastgrad.hessian(f, x, batch=True, method="exact"), hessians, rtol=1e-13)


def test_places_beyond_a_long_table():
    points = np.tile([[5.5, 1.0]], (400, 1))
    points[123] = [300.5, 1.0]
    with pytest.raises(IndexError, match="out of bounds"):
        fastgrad.gradient(lambda x: LONG[int(x[0])] * x[1], points, batch=True, engine="simd")
    points[123] = [np.nan, 1.0]
    with pytest.raises(ValueError, match="NaN"):
        fastgrad.gradient(lambda x: LONG[int(x[0])] * x[1], points, batch=True, engine="simd")


def test_a_table_that_changes_between_calls():
    table, points = np.arange(50.0), np.tile([[5.5, 2.0]], (400, 1))
    f = lambda x: table[int(x[0])] * x[1]
    np.testing.assert_allclose(fastgrad.gradient(f, points, batch=True)[7], [0.0, 5.0], atol=1e-9)
    table[5] = -3.0
    np.testing.assert_allclose(fastgrad.gradient(f, points, batch=True)[7], [0.0, -3.0], atol=1e-9)


def test_how_often_a_number_of_a_long_row_is_below():
    places = np.sort(np.random.default_rng(3).normal(size=83))
    places[40] = places[41]
    points = np.concatenate([places, np.nextafter(places, 9.0), [-np.inf, np.inf, np.nan, 0.0]])
    for side in ("left", "right"):
        program = trace(lambda x, side=side: np.searchsorted(places, x[0], side) + 0.0 * x[0], (1,))
        found = schedule(program).values(points[None])[0]
        known = np.isfinite(points)
        assert (found[known] == np.searchsorted(places, points[known], side)).all()
        assert len(program.nodes) < 40


FORMS = {
    "a list beside a traced place": lambda x: np.outer(x, x)[[3, 0, 1, 2], np.argmax(x)] @ np.arange(4.0),
    "along an axis": lambda x: np.take_along_axis(x, np.argsort(x), 0) @ np.arange(4.0),
    "along an axis of several": lambda x: np.take_along_axis(np.outer(x, x), np.argsort(np.outer(x, x), axis=1), 1)[
        :, 0
    ].sum(),
    "of all": lambda x: np.take_along_axis(x.reshape(2, 2), np.argsort(x)[::-1], None)[0] * x[0],
    "the first that is true": lambda x: x[(x > 1.0).argmax()] * x[0] + np.argmin(x > 0.7) * x[1],
}


@pytest.mark.parametrize("name", FORMS)
def test_other_forms_of_places(name):
    f, points = FORMS[name], np.random.default_rng(0).uniform(0.5, 2.0, (40, 4))
    found = fastgrad.gradient(f, points, batch=True, engine="simd")
    np.testing.assert_allclose(found, fastgrad.gradient(f, points, batch=True, engine="python"), atol=1e-8)

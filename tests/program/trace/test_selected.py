"""Elements that a mask selects: one of them, how many there are, all of them one after the other."""

import numpy as np
import pytest

import fastgrad
from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.selected import Selected, SelectedPlaces

TABLE = np.arange(4.0) ** 2


def picked(x, places):
    return x[places].sum()


PICKED = {
    "first": lambda x: x[x > 0][0] * x[1],
    "last": lambda x: x[x > 0][-1] ** 2,
    "second": lambda x: x[x > 0][1] * 2.0,
    "last but one": lambda x: x[x > 0][np.int64(-2)] * x[0],
    "of a table": lambda x: TABLE[x > 0][0] * x[0],
    "of places": lambda x: x[np.arange(4)[x > 0][0]],
    "where": lambda x: x[np.where(x > 0)[0][0]] * x[1],
    "flatnonzero": lambda x: x[np.flatnonzero(x > 0)[-1]] ** 2,
    "all places": lambda x: x[np.where(x > 0)[0]].sum() + x[np.nonzero(x > 0)].sum() + x[np.flatnonzero(x > 0)].sum(),
    "axes": lambda x: len(np.nonzero(x > 0)) * x[0] + len(np.where(np.outer(x, x) > 0)) * x[1],
    "unpacked": lambda x: picked(x, *np.where(x > 0)),
    "computed": lambda x: np.exp(x[x > 0])[0] + (x * x)[x > 0][1],
}
WAYS = {
    "len": lambda x: len(x[x > 0]) * x[0],
    "number of places": lambda x: len(np.where(x > 0)[0]) * x[0] + len(np.flatnonzero(x > 0)) * x[1],
    "a loop": lambda x: sum(v**2 for v in x[x > 0]),
    "a loop over places": lambda x: sum(x[i] ** 2 * i for i in np.where(x > 0)[0]),
    "a range": lambda x: sum(x[x > 0][k] * k for k in range(len(x[x > 0]))),
    "a slice": lambda x: x[x > 0][:2].sum() + x[x > 0][::-1][0],
    "sort": lambda x: np.sort(x[x > 0])[0],
    "median": lambda x: np.median(x[x > -0.2]),
    "diff": lambda x: np.diff(x[x > 0]).sum(),
    "joined": lambda x: np.sum(np.concatenate([np.exp(-x[x <= 0.5]), 2.0 * x[x > 0.5]]) ** 2),
    "appended": lambda x: np.append(x[x > 0], x[0])[-2] + np.hstack([x[x > 0], x])[0],
    "cumsum": lambda x: np.cumsum(x[x > 0])[-1],
    "a mean of many": lambda x: x[x > 0].sum() / len(x[x > 0]) if len(x[x > 0]) > 2 else x[0],
}


def points():
    found = np.random.default_rng(0).normal(size=(400, 4))
    return found[((found > 0).sum(axis=1) > 1) & (np.abs(found).min(axis=1) > 1e-3)][:150]


@pytest.mark.parametrize("name", PICKED)
def test_one_of_them_is_no_way_of_its_own(name):
    f = PICKED[name]
    program = trace(f, (4,))
    assert not program.branches
    for x in points()[:40]:
        np.testing.assert_allclose(evaluate(program, x), f(x), rtol=1e-14)


@pytest.mark.parametrize("f", [*PICKED.values(), *WAYS.values()], ids=[*PICKED, *WAYS])
def test_derivatives(f):
    x = points()
    wanted = fastgrad.gradient(f, x, batch=True, engine="python")
    for method in ("central", "exact"):
        found = fastgrad.gradient(f, x, batch=True, engine="simd", method=method)
        np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-8)


def test_where_there_are_not_so_many_f_raises():
    f = lambda x: x[x > 0][1] * x[0]
    assert np.isnan(evaluate(trace(f, (3,)), [1.0, -2.0, -3.0]))
    x = np.random.default_rng(0).uniform(0.5, 1.0, (500, 3))
    x[200] = 1.0, -1.0, -2.0
    with pytest.raises(IndexError):
        fastgrad.gradient(f, x, batch=True, engine="simd")


OF_SOME = {
    "max": lambda x: max(x[x > 0.5]) * x[0],
    "min": lambda x: min(np.where(x > 0.5)[0]) * x[1],
    "argmax": lambda x: np.argmax(x[x > 0.5]) * x[1] + x[x > 0.5][0],
    "ptp": lambda x: np.ptp(np.sort(x[x > 0.5])),
}


@pytest.mark.parametrize("name", OF_SOME)
def test_of_no_elements_f_raises_and_of_some_it_traces(name):
    f, x = OF_SOME[name], np.random.default_rng(0).uniform(-1.0, 2.0, (400, 3))
    x = x[np.abs(x - 0.5).min(axis=1) > 1e-3]
    some = x[(x > 0.5).any(axis=1)]
    wanted = fastgrad.gradient(f, some, batch=True, engine="python")
    found = fastgrad.gradient(f, some, batch=True, engine="simd")
    np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-8)
    with pytest.raises(ValueError, match=r"empty|zero-size"):
        fastgrad.gradient(f, x, batch=True)


def test_places_are_a_tuple_or_the_array_in_it():
    mask = np.array([True, False, True], dtype=object)
    places = SelectedPlaces(mask)
    assert len(places) == 1
    assert len(places[0]) == 2
    assert list(places[0]) == [0, 2]
    assert list(Selected(np.arange(3.0) + 0.5, mask)) == [0.5, 2.5]


OF_ROWS = [
    "rows[m][0].sum()", "np.linalg.norm(rows[m][0])", "rows[m][:1].sum()", "(rows[m] ** 2)[0].sum()",
    "rows[np.where(m)[0]][0].sum()", "rows[np.where(m)][0].sum()", "rows[m][-1].max()", "rows[m][0, 1] * x[1]",
    "np.concatenate([rows[m], rows[~m]])[0].sum()", "sum(np.linalg.norm(r) for r in rows[m])", "len(rows[m]) * x[0]",
    "rows[m][::-1][0].sum()", "np.sort(rows[m], axis=0)[0].sum()", "np.diff(rows[m], axis=0).sum()", "rows[m].max()",
    "np.transpose(rows[m])[0].sum()", "sum(i * r.sum() for i, r in enumerate(rows[m]))", "PAIRS[m][0].sum() * x[1]",
    "len(PAIRS[m]) * x[1]", "rows[m].sum()", "rows[m].size * x[0]", "rows[rows > 0][0]", "deep[m][0].sum()",
    "deep[deep[0] > 0][0].sum()", "deep[deep[:, :, 0] > 0][0].sum()", "rows[m].sum(axis=0)[0]",
    "x[1] * rows[m].shape[0]",
    "rows[m].mean(axis=0).sum()", "rows[m].max(axis=0).sum()", "rows[m].var(axis=0).sum()", "rows[m].T[0].sum()",
    "rows[m].copy()[0].sum()", "(2.0 * rows[m] + 1.0)[0].sum()", "rows[m].ndim * x[0]",
]  # fmt: skip
PAIRS = np.array([[1.0, 2.0], [3.0, 5.0]])


@pytest.mark.parametrize("method", ["central", "exact"])
@pytest.mark.parametrize("expression", OF_ROWS)
def test_a_mask_of_the_first_axes_selects_rows(expression, method):
    """Also where only some points show it: the excess over 0.97 is 0 for most of them."""
    space = {"np": np, "PAIRS": PAIRS}
    lines = ["rows = np.c_[x, np.maximum(x - 0.97, 0.0)]", "m = x > 0", "deep = np.stack([rows, 2.0 * rows + x[0]])"]
    exec("def f(x):\n    " + "\n    ".join([*lines, f"return {expression}"]), space)
    f, points = space["f"], np.random.default_rng(0).uniform(-1.0, 1.0, (400, 2))
    points[:, 1] = np.abs(points[:, 1])
    points[150] = 0.99, 0.5
    values, slopes = fastgrad.value_and_gradient(f, points, batch=True, method=method, engine="simd")
    np.testing.assert_allclose(values, [f(x) for x in points], rtol=1e-13, atol=1e-13)
    wanted = fastgrad.gradient(f, points, batch=True, engine="python")
    np.testing.assert_allclose(slopes, wanted, rtol=1e-6, atol=1e-7)

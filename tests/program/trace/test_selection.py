"""What a mask selects: sums, extremes and writes through the same mask; all else is refused with its reason."""

from itertools import count

import numpy as np
import pytest

import fastgrad
from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable

POINTS = np.random.default_rng(2).uniform(-1.0, 1.0, (12, 4))


def changed(x):
    y = x.copy()
    positive = y > 0
    y[positive] = np.log(y[positive])
    y[~positive] **= 2
    y[(y > 0.5) & (x < 0)] = 0.25
    y[np.where(x > 0.9)] = 1.5
    return y


def rows(x):
    a = np.outer(x, x + 1.0)
    a[x > 0] = 2.0
    a[a < -0.5] *= 3.0
    return a.sum(axis=0)


FORMS = [
    lambda x: x[x > 0].sum() + np.sum(x[x < 0] ** 2) + x[x > -2].mean(),
    lambda x: np.prod(x[x > 0]) + (1.0 - x[x > 0]).prod(),
    lambda x: x[np.abs(x) > -1].max() - np.min(x[x > -2]),
    lambda x: np.sum(np.exp(-x[x > 0]) * x[x > 0] / 2.0),
    lambda x: x[x > 0] @ x[x > 0] + np.linalg.norm(x[x < 0.5]) + x[np.nonzero(x > 0)].sum(),
    lambda x: np.any(x[x > 0] > 0.5) * x[0] + np.all(x[x > 0] > 0.1) * x[1] + np.count_nonzero(x[x > 0]) * x[2],
    lambda x: x[x > 0].size * x[0] + x[x > -2].std(ddof=1) + np.average(x[x > -2]) + x[x > -2].var(),
    lambda x: np.outer(x, x)[x > 0].sum() + np.outer(x, x)[np.outer(x, x) > 0].sum(),
    lambda x: np.extract(x > 0, x).sum() + np.compress(x > 0, x).sum() + abs(-x[x > 0]).sum(),
    changed,
    rows,
]


@pytest.mark.parametrize("f", FORMS, ids=range(len(FORMS)))
def test_values_at_points_with_different_masks(f):
    program = trace(f, (4,))
    for x in POINTS:
        with np.errstate(all="ignore"):
            want = f(x.copy())
        np.testing.assert_allclose(evaluate(program, x), np.ravel(want), rtol=1e-12, atol=1e-14)


def test_of_no_elements_numpy_raises_or_gives_nan():
    points = np.full((300, 2), 0.5)
    points[4] = -0.5
    with pytest.raises(ValueError, match="zero-size"):
        fastgrad.gradient(lambda x: np.fmin(x[x > 0].max(), 3.0) * x[0], points, batch=True, engine="simd")
    with np.errstate(all="ignore"), pytest.warns(RuntimeWarning):
        found = fastgrad.gradient(lambda x: x[x > 0].mean() + x[0], points, batch=True, engine="simd")
    assert np.isnan(found[4]).all()
    np.testing.assert_allclose(found[0], [1.5, 0.5], rtol=1e-9)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.array([1.0, 5.0, 2.0, 7.0])[x > 0].sum() * x[0],
        lambda x: np.sum(np.array([1.0, 5.0, 2.0])[np.digitize(x, [0.5, 1.0])] * x),
        lambda x: np.array([1, 5, 2])[np.searchsorted(np.array([0.5, 1.0]), x[0])] * x[1],
        lambda x: (np.arange(3) + 2)[int(x[0] > 0.5)] * x[1] if x[2] > 0 else x[0],
        lambda x: np.linspace(0.5, 1.0, 5)[np.argmax(x)] * x[0],
        lambda x: np.reshape([1.0, 2.0, 3.0, 4.0], (2, 2))[int(x[0] > 0.5), int(x[1] > 0.5)] * x[1],
    ],
    ids=count(),
)
def test_tables_that_f_makes(f):
    points = np.random.default_rng(0).uniform(-0.2, 1.5, (60, 4))
    found = fastgrad.gradient(f, points, batch=True, method="exact")
    wanted = [fastgrad.gradient(f, x, engine="python") for x in points]
    np.testing.assert_allclose(found, wanted, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    ("f", "reason"),
    [
        (lambda x: np.where(np.outer(x, x) > 0)[1][0] * x[0], "some of the places"),
        (lambda x: x[x > 0].__setitem__(0, 1.0), "writes into some of the elements"),
        (lambda x: (x[x > 0] * x).sum(), "elements that a mask selects with an array"),
        (lambda x: (x[x > 0] + x[x > 0.5]).sum(), "two masks"),
        (lambda x: np.outer(x, x)[x > 0].sum(axis=1)[0], "along an axis"),
        (lambda x: x.__setitem__(x > 0, np.ones(4)), "array through a mask"),
        (lambda x: x.__setitem__(slice(None), x[x > 0]), "to other places"),
        (lambda x: x[(x > 0)[:2]].sum(), "by a mask of shape"),
    ],
    ids=count(),
)
def test_what_needs_the_number_of_elements_is_refused(f, reason):
    with pytest.raises(Untraceable, match=reason):
        trace(f, (4,))


def copies(x):
    picked, places = x[x > 0], np.where(x > 0)
    same, own = picked, picked.copy()
    picked *= 2.0
    x[:] = 5.0
    x[places] = 1.0
    return np.array([picked.sum(), same.sum(), own.sum(), x.sum()])


def test_what_is_selected_is_a_copy():
    program = trace(copies, (4,))
    for x in POINTS:
        np.testing.assert_allclose(evaluate(program, x), copies(x.copy()), rtol=1e-13)


def histogram(x):
    """Each number is put where it says itself."""
    bins = np.zeros(5)
    for v in x:
        bins[int(2.0 * v + 2.0)] += v
    bins[int(x[0] > 0) - 5] = x[1]
    return np.sum(bins**2 * np.arange(1.0, 6.0))


def rows_at_places(x):
    a = np.outer(x, x)
    a[int(x[0] > 0)] = x
    return a.sum(axis=0) * a[np.argmax(x)]


@pytest.mark.parametrize("f", [histogram, rows_at_places])
def test_writes_at_traced_places(f):
    program = trace(f, (4,))
    for x in POINTS:
        np.testing.assert_allclose(evaluate(program, x), np.ravel(f(x)), rtol=1e-14)


def test_writes_beyond_an_array_raise():
    def f(x):
        a = np.zeros(3)
        a[int(x[0])] = x[1]
        return a.sum()

    points = np.vstack([np.ones((3000, 2)), np.full((1, 2), 3.0)])
    assert np.array_equal(fastgrad.gradient(f, points[:-1], batch=True, engine="simd")[0], [0.0, 1.0])
    with pytest.raises(IndexError):
        fastgrad.gradient(f, points, batch=True)


def stable_sigmoid(z):
    out, positive = np.empty_like(z), z >= 0.0
    out[positive] = 1.0 / (1.0 + np.exp(-z[positive]))
    e = np.exp(z[~positive])
    out[~positive] = e / (1.0 + e)
    return out


def by_places(x):
    a, i = np.empty((3, 2)), int(3.0 * abs(x[0]))
    a[i % 3], a[(i + 1) % 3], a[(i + 2) % 3] = x[:2], 1.0, 2.0
    return (a * a).sum() * x[1] + a[0, 0]


def of_two_masks(x):
    out = np.empty(4)
    out[x >= 0.0], out[x < 0.0] = 1.0, 2.0
    return np.sum(out * x)


@pytest.mark.parametrize("f", [lambda x: stable_sigmoid(x).sum(), by_places, of_two_masks], ids=count())
def test_what_is_made_empty_is_written_in_parts(f):
    values = fastgrad.value_and_gradient(f, POINTS, batch=True, engine="simd")[0]
    np.testing.assert_allclose(values, [f(x) for x in POINTS], rtol=1e-13)


def test_where_a_part_is_never_written_there_is_no_number():
    def f(x):
        out = np.empty(4)
        out[x > 0.0] = 1.0
        return np.sum(np.where(x > 0.0, out, 0.0) * x)

    def g(x):
        out = np.empty(4)
        out[x > 0.0] = 1.0
        return np.sum(out * x)

    assert evaluate(trace(f, (4,)), np.array([1.0, -1.0, 2.0, 3.0])) == [6.0]
    assert np.isnan(evaluate(trace(g, (4,)), np.array([1.0, -1.0, 2.0, 3.0]))).all()


def test_a_bool_among_the_conditions():
    f = lambda x: np.select([x[0] < 0.2, True], [x[0] ** 2, 2.0 * x[0] - 1.0], default=np.nan) * x[1]
    values = fastgrad.value_and_gradient(f, POINTS, batch=True, engine="simd")[0]
    np.testing.assert_allclose(values, [f(x) for x in POINTS], rtol=1e-13)

"""Keys of partials; those of other functions are in the tests of what a trace of them is kept by."""

from functools import partial

import numpy as np

import fastgrad
from fastgrad.program.keys import unchanging


def of_rows(x, rows, scale=1.0):
    return scale * np.sum((rows @ x) ** 2)


def test_partials_are_told_apart_by_what_they_hold():
    rows = np.ones((4, 2))
    keys = [
        unchanging(f, ())
        for f in (
            partial(of_rows, rows=rows),
            partial(of_rows, rows=2.0 * rows),
            partial(of_rows, rows=rows, scale=2.0),
            partial(of_rows, scale=2.0),
            partial(np.sum, axis=0),
        )
    ]
    assert None not in keys[:4]
    assert len(set(keys[:4])) == 4
    assert keys[4] is None  # no function of the user's
    assert unchanging(partial(of_rows, rows=rows.copy()), ()) == keys[0]
    with_attribute = partial(of_rows, rows=rows)
    with_attribute.more = 1
    assert unchanging(with_attribute, ()) is None
    assert unchanging(partial(of_rows, rows=[1.0]), ()) is None


def test_partials_that_change():
    rows, x = np.random.default_rng(0).uniform(size=(20, 3)), np.ones(3)
    f = partial(of_rows, rows=rows, scale=2.0)
    slope = fastgrad.grad(f, method="exact")
    for _ in range(3):
        np.testing.assert_allclose(slope(x), 4.0 * rows.T @ (rows @ x))
    rows[0] += 1.0
    np.testing.assert_allclose(slope(x), 4.0 * rows.T @ (rows @ x))
    f.keywords["scale"] = 3.0
    np.testing.assert_allclose(slope(x), 6.0 * rows.T @ (rows @ x))

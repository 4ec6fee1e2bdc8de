"""np.place and np.putmask into arrays that f makes."""

import numpy as np
import pytest

import fastgrad
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable

POINTS = np.random.default_rng(0).uniform(-1.0, 1.0, (40, 4))


def placed(x):
    a = x.copy()
    np.place(a, x > 0.2, 3.0 * x[0])
    return np.sum(a * x)


def put(x):
    a = x**2
    np.putmask(a, x > 0.2, x[::-1])
    return np.sum(a * x)


def by_known_masks(x):
    a = np.zeros(4)
    np.place(a, np.array([True, False, True, True]), [x[0], x[1]])
    np.putmask(a, [False, True, False, False], [1.0, x[2]])
    return np.sum(a * x)


@pytest.mark.parametrize("f", [placed, put, by_known_masks])
def test_derivatives(f):
    found = fastgrad.gradient(f, POINTS, batch=True, method="exact")
    np.testing.assert_allclose(found, [fastgrad.gradient(f, x, engine="python") for x in POINTS], rtol=1e-7, atol=1e-7)


def test_what_is_refused():
    known = np.zeros(4)
    for f, said in (
        (lambda x: np.place(known, x > 0, 1.0), "into an array that it does not make"),
        (lambda x: np.putmask(known, x > 0, x), "into an array that it does not make"),
        (lambda x: np.place(x.copy(), x > 0, [1.0, 2.0]), "with several numbers"),
    ):
        with pytest.raises(Untraceable, match=said):
            trace(f, (4,))
    assert known.tolist() == [0.0] * 4

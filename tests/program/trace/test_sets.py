"""What has as many elements as numbers say: decided on each way through f, and counted where it is only counted."""

import numpy as np
import pytest

import fastgrad
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable

DATA, EDGES = np.linspace(0.0, 2.0, 9), [0.0, 0.7, 1.1, 2.0]
ROW = np.array([1.0, 2.0, 3.0])

FUNCTIONS = {
    "unique": lambda x: np.sum(np.unique(x) ** 2) * x[0],
    "unique of equal numbers": lambda x: np.sum(np.unique([x[0], x[1], x[0], 1.0]) ** 2) * x[2],
    "unique of whole numbers": lambda x: len(np.unique(np.round(x))) * x[0] + np.unique(np.floor(x))[0],
    "counts": lambda x: np.unique(np.round(x), return_counts=True)[1].max() * x[0],
    "union": lambda x: np.union1d(x[:2], x[1:]).prod(),
    "intersection": lambda x: np.intersect1d(x[:3], x[1:]).sum(),
    "difference": lambda x: np.setdiff1d(x, [x[1], 0.7])[0] * x[1],
    "argwhere": lambda x: x[np.argwhere(x > 1.0)[:, 0]].sum() * x[0],
    "argwhere of a matrix": lambda x: sum(x[2 * i + j] for i, j in np.argwhere(x.reshape(2, 2) > 1.0)) * x[0],
    "histogram": lambda x: np.histogram(x, EDGES)[0] @ ROW * x[0],
    "histogram of a range": lambda x: np.histogram(x, 3, (0.5, 2.0))[0] @ ROW * x[0],
    "histogram with weights": lambda x: np.histogram(x, EDGES, weights=x**2)[0] @ ROW,
    "weights alone": lambda x: np.histogram(DATA[:4], 3, weights=x**2)[0] @ ROW,
    "infinities": lambda x: np.where(np.isposinf(x) | np.isneginf(-x), 0.0, x).sum() * x[0],
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_derivatives(name):
    f, points = FUNCTIONS[name], np.random.default_rng(0).uniform(0.5, 2.0, (60, 4))
    points[3], points[4, 2] = [0.7, 0.7, 2.0, 1.1], points[4, 1]
    values, slopes = fastgrad.value_and_gradient(f, points, batch=True, engine="simd")
    np.testing.assert_allclose(values, [float(f(x)) for x in points], rtol=1e-12)
    reference = fastgrad.gradient(f, points, batch=True, engine="python")
    smooth = np.abs(reference).max(axis=1) < 1e3  # elsewhere a difference goes over a step
    assert smooth.sum() > 50
    np.testing.assert_allclose(slopes[smooth], reference[smooth], atol=1e-8)


def test_numbers_that_are_none():
    points = np.random.default_rng(0).uniform(0.5, 2.0, (60, 4))
    points[7] = [np.nan, 1.0, np.nan, 1.0]
    for f in (lambda x: len(np.unique(x)) * x[1], lambda x: len(np.argwhere(x > 1.0)) * x[1]):
        values, _ = fastgrad.value_and_gradient(f, points, batch=True, engine="simd")
        np.testing.assert_allclose(values, [f(x) for x in points])


def test_what_is_refused():
    for f, reason in (
        (lambda x: np.unique(x, return_index=True)[1].sum() * x[0], "for places"),
        (lambda x: np.intersect1d(x, x, assume_unique=True).sum(), "assume_unique="),
        (lambda x: np.histogram(x, 3)[0].sum() * x[0], "without known edges"),
        (lambda x: np.histogram(x, EDGES, density=True)[0].sum(), "for a density"),
        (lambda x: np.histogram(DATA, [0.0, x[0], 3.0])[0].sum() * x[0], "traced edges"),
    ):
        with pytest.raises(Untraceable, match=reason):
            trace(f, (2,))

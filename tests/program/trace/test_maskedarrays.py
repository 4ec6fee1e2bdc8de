"""Masked arrays in f: numpy.ma's values, and derivatives of what counts."""

from itertools import count

import numpy as np
import pytest
from numpy import ma

import fastgrad
from fastgrad.program.trace.maskedarrays import shims
from fastgrad.program.trace.numpymodule import NUMPYS
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable

POINTS = np.random.default_rng(0).integers(3, 19, (60, 6)) / 10.0 + 0.03 + 0.001 * np.arange(6)  # far from all limits
POINTS[:, [0, 1, 4]] = 1.2371, 0.7372, 0.8373  # something is left of all
WEIGHTS = np.ma.masked_array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], mask=[0, 1, 0, 0, 1, 0])
KNOWN = np.array([0, 1, 0, 0, 1, 0], dtype=bool)


def rows(x):
    return np.ma.masked_where(x.reshape(2, 3) > 1.2, x.reshape(2, 3) ** 2)


FUNCTIONS = {
    "a known mask": lambda x: (np.ma.array(x, mask=KNOWN) ** 2).sum(),
    "two known masks": lambda x: (np.ma.masked_array(x, KNOWN) * WEIGHTS / 3.0).sum(),
    "one that f captures": lambda x: np.sum(WEIGHTS * x) + (x / WEIGHTS).mean(),
    "operators of one": lambda x: (WEIGHTS / x[0]).sum() + ((WEIGHTS - x) ** 2).mean() - (x[1] // 1.0 - WEIGHTS).sum(),
    "functions of one": lambda x: np.exp(WEIGHTS * -x[0]).sum() + np.log(WEIGHTS + x[1]).mean() + (WEIGHTS**x).sum(),
    "another of one": lambda x: (x[0] ** WEIGHTS).sum() + (x[2] / WEIGHTS).sum() + WEIGHTS.mean() * x[1] * WEIGHTS[0],
    "where": lambda x: np.ma.masked_where(x > 1.5, x).sum() + ma.masked_where(x < 0.5, x**2).mean(),
    "above": lambda x: np.ma.masked_greater(x, 1.7).mean() + np.ma.masked_greater_equal(x, 1.7).prod(),
    "below": lambda x: np.ma.masked_less(x, 0.5).var() + np.ma.masked_less_equal(x, 0.6).std(ddof=1),
    "inside": lambda x: np.ma.masked_inside(x, 0.9, 1.1).sum() - np.ma.masked_outside(x, 1.9, 0.4).mean(),
    "equal": lambda x: np.ma.masked_equal(np.floor(x), 1.0).sum() + (np.ma.masked_not_equal(x, x[0]) * x).sum(),
    "invalid": lambda x: np.ma.masked_invalid(np.log(x - 0.6)).mean(),
    "domains of numpy.ma": lambda x: np.ma.log(x - 0.6).sum() + np.ma.sqrt(x - 0.7).mean() + np.ma.arcsin(x).sum(),
    "domains of NumPy": lambda x: np.log(np.ma.array(x - 0.6, mask=KNOWN)).sum(),
    "a quotient by 0": lambda x: (x / np.ma.array(np.floor(x))).sum(),
    "powers": lambda x: (np.ma.array(x - 0.6) ** 1.5).sum() + (2.0 ** np.ma.masked_less(x, 0.5)).sum(),
    "extremes": lambda x: np.ma.masked_less(x, 0.5).min() * np.ma.max(np.ma.masked_greater(x, 1.8)),
    "filled": lambda x: ma.masked_less(x, 0.8).filled(0.25) @ x + ma.filled(ma.masked_greater(x, 1.0), x[0])[2],
    "a count": lambda x: np.sum(x**2) / ma.masked_less(x, 0.4).count() + ma.count(ma.array(x, mask=KNOWN)) * x[0],
    "what is left": lambda x: np.sum(ma.masked_less(x, 0.5).compressed() ** 2),
    "what is known to be left": lambda x: ma.array(x, mask=KNOWN).compressed()[1] * x[0],
    "an average": lambda x: ma.average(ma.masked_less(x, 0.5), weights=x**2) + np.average(ma.array(x, mask=KNOWN)),
    "axes": lambda x: rows(x).sum(axis=1).filled(1.0) @ x[:2] + np.sum(rows(x), axis=0).filled(-1.0) @ x[3:],
    "means of axes": lambda x: rows(x).mean(axis=0).sum() + rows(x).T.std(axis=0).filled(0.5).sum() * x[0],
    "shapes": lambda x: rows(x).ravel()[1:].reshape(5, 1).sum() * rows(x).ndim + len(rows(x)) * x[0] * rows(x).size,
    "functions": lambda x: np.exp(-np.ma.masked_less(x, 0.5)).sum() + abs(-np.ma.masked_greater(x, 1.8)).sum(),
    "products": lambda x: ma.dot(ma.masked_less(x, 0.5), x) + np.dot(ma.array(x, mask=KNOWN), WEIGHTS.filled(0)),
    "a known element": lambda x: np.ma.array(x, mask=KNOWN)[2] ** 2 + x[1],
    "masks of masks": lambda x: np.ma.masked_where(np.ma.getmaskarray(ma.masked_less(x, 0.5)), x * 2.0).sum(),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning", "ignore:divide by zero:RuntimeWarning")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_derivatives(name):
    f = FUNCTIONS[name]
    trace(f, (6,))
    plain = fastgrad.gradient(f, POINTS, batch=True, engine="python", order=4)
    values, central = fastgrad.value_and_gradient(f, POINTS, batch=True, engine="simd", order=4)
    np.testing.assert_allclose(values, [f(x) for x in POINTS], rtol=1e-13)
    np.testing.assert_allclose(central, plain, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(fastgrad.gradient(f, POINTS, batch=True, method="exact"), plain, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize(
    "f", [lambda x: np.ma.masked_less(x, 2.0).mean(), lambda x: np.ma.masked_less(x, 2.0).max()], ids=["mean", "max"]
)
def test_where_nothing_is_left_there_is_no_number(f):
    points = np.array([[1.0, 2.5, 3.0]] * 30)
    assert fastgrad.explain(f, points, batch=True, engine="simd").engine == "simd"
    points[7] = 1.0
    for engine in ("simd", "python"):
        with pytest.raises(TypeError, match="masked elements, which are no numbers"):
            fastgrad.gradient(f, points, batch=True, engine=engine)


def test_numbers_go_to_numpy():
    own = NUMPYS[np.ma]
    assert {"masked_less", "median"} <= shims().keys()
    assert own.masked_less(np.array([1.0, 3.0]), 2.0).tolist() == [None, 3.0]
    assert own.masked is np.ma.masked
    assert own.median(np.ma.array([1.0, 2.0, 9.0], mask=[0, 0, 1])) == 1.5


@pytest.mark.parametrize(
    ("f", "reason"),
    [
        (lambda x: np.ma.median(np.ma.masked_less(x, 1.0)), "np.ma.median, which has no rule"),
        (lambda x: np.ma.masked_less(x, 1.0)[0], "picks an element of a masked array"),
        (lambda x: (np.ma.masked_less(x, 1.0) > 2.0).sum(), "compare"),
        (lambda x: np.cumsum(np.ma.masked_less(x, 1.0))[-1], "np.cumsum of a masked array"),
        (lambda x: sum(np.ma.masked_less(x, 1.0)), "goes through one"),
        (lambda x: np.add.reduce(np.ma.masked_less(x, 1.0)), "np.add of a masked array"),
        (lambda x: np.ma.array(x, mask=KNOWN, fill_value=2.0).sum(), "a masked array in a way"),
        (lambda x: np.ma.average(np.ma.masked_less(x, 1.0), weights=x[:1]), "weights of another shape"),
    ],
    ids=count(),
)
def test_what_is_refused(f, reason):
    with pytest.raises(Untraceable, match=reason):
        trace(f, (6,))

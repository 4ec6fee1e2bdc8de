"""Statistics that leave out NaN, covariances, and comparisons of whole arrays."""

import numpy as np
import pytest

from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable

POINTS = [np.array([0.5, 2.0, -1.0, 3.0]), np.array([np.nan, 2.0, 1.0, 3.0]), np.array([np.nan] * 4)]
FORMS = [
    np.nansum,
    np.nanprod,
    np.nanmean,
    np.nanmax,
    np.nanmin,
    np.nancumsum,
    lambda x: np.nanvar(x) + np.nanstd(x, ddof=1),
    lambda x: np.nanmean(np.outer(x, [1.0, 2.0]), axis=1, keepdims=True),
    lambda x: np.nanvar(np.outer(x, [1.0, 2.0, 4.0]), axis=0),
    lambda x: np.isclose(x, [0.5, 2.0 + 1e-7, -1.0, 4.0]) * 1.0,
    lambda x: np.allclose(x, x) * 1.0 + np.array_equal(x, np.ones(4)) + np.array_equal(x, x[:2]),
]
COVARIANCES = [
    np.cov,
    lambda x: np.cov(x, x**2),
    lambda x: np.cov(np.outer(x, x), rowvar=False, bias=True),
    lambda x: np.cov(x, ddof=0),
    lambda x: np.cov(np.outer(x, [1.0, 2.0, 4.0]) ** 2, aweights=x[:3] ** 2, fweights=[1, 2, 3]),
    lambda x: np.cov(np.outer(x, x) ** 2, rowvar=False, aweights=x**2, ddof=0),
    lambda x: np.corrcoef(x, x**2),
    lambda x: np.cov(np.outer(x, [1.0, 2.0, 4.0]) ** 2, fweights=[1, 2, 3]),
    lambda x: np.cov(np.outer(x, [1.0, 2.0, 4.0]) ** 2, aweights=[1.0, 0.5, 2.0], ddof=0),
    lambda x: np.cov(np.outer(x, x) ** 2, rowvar=False, fweights=[1, 2, 3, 1], aweights=[1.0, 0.5, 2.0, 3.0]),
]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("f", FORMS + COVARIANCES, ids=range(len(FORMS + COVARIANCES)))
def test_values(f):
    program = trace(f, (4,))
    for x in POINTS[:1] if f in COVARIANCES else POINTS:
        want = f(x.copy())
        assert program.shape == np.shape(want)
        np.testing.assert_allclose(evaluate(program, x), np.ravel(want), rtol=1e-12, atol=1e-14)


def test_polynomials_through_traced_values():
    places, weights = np.array([0.0, 1.0, 2.5, 4.0]), np.array([1.0, 2.0, 1.0, 0.5])
    f = lambda x: np.concatenate([np.polyfit(places, x, 2), np.polyfit(places, x**2, 1, w=weights)])
    x = np.array([0.3, -1.0, 2.0, 0.7])
    np.testing.assert_allclose(evaluate(trace(f, (4,)), x), f(x), rtol=1e-13)
    many = lambda x: np.polyfit(places, np.stack([x, x * x], axis=1), 1).ravel()
    np.testing.assert_allclose(evaluate(trace(many, (4,)), x), many(x), rtol=1e-12)
    with pytest.raises(Untraceable, match="at traced places"):
        trace(lambda x: np.polyfit(x, places, 1), (4,))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("ddof", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_variances_of_too_few_numbers(ddof, axis):
    f = lambda x: np.nanvar(np.where(x > 0, x, np.nan).reshape(2, 2), axis, ddof=ddof)
    program = trace(f, (4,))
    for x in ([1.0, 2.0, 3.0, 5.0], [1.0, -1.0, 2.0, 3.0], [1.0, 1.0, -1.0, -1.0], [-1.0, 2.0, -1.0, -1.0], [-1.0] * 4):
        np.testing.assert_array_equal(evaluate(program, x), np.ravel(f(np.array(x))))


def test_infinities_among_numbers_that_are_none():
    """Their distance from the mean is none, and was left out with those that are left out."""
    f = lambda x: np.nanstd(np.where(x > 0, x, np.nan)) + np.nanvar(x)
    for x in ([np.inf, np.inf, -0.5], [-0.5, 0.0, np.inf], [1.0, 2.0, -1.0]):
        with np.errstate(invalid="ignore"):
            wanted = f(np.array(x))
        np.testing.assert_allclose(evaluate(trace(f, (3,)), x)[0], wanted)

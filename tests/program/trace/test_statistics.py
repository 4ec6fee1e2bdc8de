"""Statistics that leave out NaN, covariances, and comparisons of whole arrays."""

import numpy as np
import pytest

from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import trace

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
    lambda x: np.corrcoef(x, x**2),
]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("f", FORMS + COVARIANCES, ids=range(len(FORMS + COVARIANCES)))
def test_values(f):
    program = trace(f, (4,))
    for x in POINTS[:1] if f in COVARIANCES else POINTS:
        want = f(x.copy())
        assert program.shape == np.shape(want)
        np.testing.assert_allclose(evaluate(program, x), np.ravel(want), rtol=1e-12, atol=1e-14)

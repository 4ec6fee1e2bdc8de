"""log(gamma) and its derivatives at poles, at infinity, for NaN, below 0. See test_math for their digits."""

import math

import mpmath
import numpy as np
import pytest

from fastgrad.llvm.math.gammafunctions import LARGE, LARGEST, SMALLEST
from fastgrad.llvm.math.specialcoefficients import DIGAMMAS_ROOT

INF, NAN = math.inf, math.nan
PLACES = [0.0, -0.0, INF, -INF, NAN, -1.0, -2.0, -1e16, 5e-324, 1e308, SMALLEST, LARGEST]
LOG = 690.7755278982137  # of 1e300
ENDS = {
    "lgamma": [
        INF,
        INF,
        INF,
        INF,
        NAN,
        INF,
        INF,
        INF,
        744.4400719213812,
        INF,
        690.7755278982137,
        6.897755278982137e302,
    ],
    "digamma": [-INF, INF, INF, NAN, NAN, NAN, NAN, NAN, -INF, 709.1962086421661, -1e300, LOG],
    "trigamma": [INF, INF, 0.0, NAN, NAN, INF, INF, INF, INF, 1e-308, INF, 1e-300],
}


@pytest.mark.parametrize("name", ENDS)
def test_ends(name, computed):
    x = np.array(PLACES)
    np.testing.assert_allclose(computed(name, x), ENDS[name], rtol=1e-14)


@pytest.mark.parametrize(
    ("name", "exact"),
    [
        ("lgamma", lambda x: mpmath.log(abs(mpmath.gamma(x)))),
        ("digamma", mpmath.digamma),
        ("trigamma", lambda x: mpmath.psi(1, x)),
    ],
)
def test_below_zero(name, exact, computed):
    x = -np.random.default_rng(0).uniform(0.01, 40.0, 64)
    with mpmath.workdps(40):
        wanted = [float(exact(mpmath.mpf(float(v)))) for v in x]
    np.testing.assert_allclose(computed(name, x), wanted, rtol=1e-12, atol=1e-13)


def test_where_the_formulas_meet(computed):
    places = np.array(
        [f(v) for v in (0.5, 1.0, 1.5, 2.0, 2.5, LARGE) for f in (lambda a: a, lambda a: a * (1 - 2**-53))]
    )
    assert computed("digamma", np.array([DIGAMMAS_ROOT[0]]))[0] == pytest.approx(
        DIGAMMAS_ROOT[1] * -0.9676722, rel=1e-6
    )
    with mpmath.workdps(40):
        wanted = [float(mpmath.loggamma(mpmath.mpf(float(v)))) for v in places]
    np.testing.assert_allclose(computed("lgamma", places), wanted, rtol=1e-15, atol=1e-30)

"""erfc and its relatives where they end: in tails, at infinity, for NaN. See test_math for their digits."""

import math

import numpy as np
import pytest

from fastgrad.llvm.math.errorfunctions import BELL, TAIL
from fastgrad.llvm.vectormath import Vectors, length

INF, NAN = math.inf, math.nan
ENDS = {
    "erfc": ([INF, -INF, NAN, 0.0, 30.0, -30.0, 1e300], [0.0, 2.0, NAN, 1.0, 0.0, 2.0, 0.0]),
    "erfcx": ([INF, -INF, NAN, 0.0, -27.0, 1e300, -1e300], [0.0, INF, NAN, 1.0, INF, 5.641895835477563e-301, INF]),
    "log_ndtr": ([INF, -INF, NAN, 0.0, 40.0, -1e300, 1e300], [0.0, -INF, NAN, -math.log(2), 0.0, -INF, 0.0]),
    "mills": ([INF, -INF, NAN, 40.0, -1e300, 1e300], [0.0, INF, NAN, 0.0, 1e300, 0.0]),
}


@pytest.mark.parametrize("name", ENDS)
def test_ends(name, computed):
    places, wanted = ENDS[name]
    np.testing.assert_allclose(computed(name, np.array(places)), wanted, rtol=1e-15, atol=1e-300)


def test_tails_are_continued(computed):
    x = np.array([math.nextafter(TAIL, 0.0), TAIL, math.nextafter(TAIL, 99.0)])
    np.testing.assert_allclose(computed("erfc", x), [math.erfc(v) for v in x], rtol=1e-14)
    x = np.array([math.nextafter(BELL, 0.0), BELL])
    np.testing.assert_allclose(computed("mills", x), np.exp(-x * x / 2) / math.sqrt(2 * math.pi), rtol=1e-12)


def test_they_are_short():
    for name in ENDS:
        assert 0 < length(name) < 250
    assert Vectors(2).function("erfc", "%a")

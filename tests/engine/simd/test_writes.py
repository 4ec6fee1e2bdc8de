"""Functions that write numbers into what they capture."""

import numpy as np
import pytest

import fastgrad

WRITES = {
    "an element": lambda w: w.__setitem__(0, 1.0),
    "all": lambda w: w.fill(1.0),
    "by a ufunc": lambda w: np.multiply(3.0, 2.0, out=w),
    "sorted": lambda w: w.sort(),
    "copied": lambda w: np.copyto(w, 1.5),
}


@pytest.mark.parametrize("method", ["central", "exact"])
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_captured_array_that_becomes_read_only(write, method):
    """A kept trace would go on, where f raises."""
    w = np.ones(2)

    def f(x):
        write(w)
        return x[0] * x[1] + w[0]

    points = np.random.default_rng(2).uniform(0.5, 2.0, (1_000, 2))
    slope = fastgrad.grad(f, method=method)
    assert np.allclose(slope(points[0]), points[0, ::-1])
    assert np.allclose(fastgrad.gradient(f, points, batch=True, method=method), points[:, ::-1])
    w.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        slope(points[0])
    with pytest.raises(ValueError, match="read-only"):
        fastgrad.gradient(f, points, batch=True, method=method)
    w.flags.writeable = True
    assert np.allclose(slope(points[0]), points[0, ::-1])

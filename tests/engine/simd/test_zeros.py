"""The sign of a zero, where an f reads it: that of NumPy."""

import itertools

import numpy as np
import pytest

import fastgrad

ZEROS = np.array(list(itertools.product((0.0, -0.0), repeat=3)))
POINTS = np.concatenate([np.ones((300, 3)), ZEROS, np.ones((300, 3))])

OF_ZEROS = {
    "maximum": lambda x: np.maximum(x[0], x[1]),
    "minimum": lambda x: np.minimum(x[0], x[1]),
    "largest": np.max,
    "smallest": np.min,
    "clip below": lambda x: np.clip(x[0], 0.0, 1.0),
    "clip above": lambda x: np.clip(x[0], -1.0, 0.0),
    "clip to both": lambda x: np.clip(x, 0.0, 0.0)[1],
    "sum of two": lambda x: x[0] + x[1],
    "product": np.prod,
    "mod": lambda x: np.mod(x[0], -1.0),
    "rint": lambda x: np.rint(x[0] - 0.25),
}
READ = {"copysign": lambda z: np.copysign(1.0, z), "arctan2": lambda z: np.arctan2(z, -1.0)}


@pytest.mark.parametrize("read", READ.values(), ids=READ)
@pytest.mark.parametrize("zero", OF_ZEROS.values(), ids=OF_ZEROS)
def test_signs_of_zeros(zero, read):
    def f(x):
        return read(zero(x)) + 0.5 * x[0] * x[1]

    values = fastgrad.value_and_gradient(f, POINTS, batch=True, engine="simd")[0]
    assert np.allclose(values, [f(row) for row in POINTS], rtol=1e-15)

"""Differences of eighth order, and what is near them."""

import numpy as np

OFFSETS = np.array([-4, -3, -2, -1, 1, 2, 3, 4])
WEIGHTS = np.array([3, -32, 168, -672, 672, -168, 32, -3]) / 840
STEP = 1e-2


def assert_near(exact, numerical, size):
    scale = max(size, np.max(np.abs(numerical)))
    np.testing.assert_allclose(exact, numerical, rtol=1e-9, atol=1e-9 * min(scale, 1.0) + 1e-12 * scale)

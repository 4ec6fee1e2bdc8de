"""Points at which derivatives are compared with exact ones."""

import zlib

import numpy as np

X = np.array([0.5, 2.0])
ROWS = np.random.default_rng(3).uniform(-2.0, 2.0, (7, 2))
V = np.array([1.0, -0.5])


def points(sample):
    rng = np.random.default_rng(zlib.crc32(sample.name.encode()))
    low, high = sample.box
    margin = 0.05 * (high - low)
    return np.vstack([sample.point, rng.uniform(low + margin, high - margin, (3, len(sample.point)))])

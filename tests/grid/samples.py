"""Samples, their coordinates, and how results are compared with np.gradient's."""

import numpy as np


def samples(shape, dtype="f8", seed=0):
    return (100 * np.random.default_rng(seed).uniform(0, 1, shape)).astype(dtype)


def coordinates(n, dtype="f8"):
    return np.cumsum(np.random.default_rng(n).uniform(0.3, 1.0, n)).astype(dtype)


def same(got, expected):
    assert type(got) is type(expected)
    pairs = zip(got, expected, strict=True) if isinstance(expected, tuple) else [(got, expected)]
    for a, b in pairs:
        assert type(a) is type(b)
        assert a.dtype == b.dtype
        assert a.strides == b.strides
        np.testing.assert_array_equal(a, b)

"""What a traced function gives beside what the function itself gives."""

import numpy as np

import fastgrad


def assert_as_pythons(f, points, **tolerances):
    """Differences by simd, and exact derivatives, beside differences by Python."""
    pythons = fastgrad.gradient(f, points, batch=True, engine="python")
    np.testing.assert_allclose(fastgrad.gradient(f, points, batch=True, engine="simd"), pythons, **tolerances)
    np.testing.assert_allclose(fastgrad.gradient(f, points, batch=True, method="exact"), pythons, **tolerances)

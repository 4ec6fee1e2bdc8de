"""Functions that leave the real numbers where they have to."""

import numpy as np
import pytest

import fastgrad

POINTS = np.random.default_rng(0).uniform(0.1, 1.5, (60, 2)) * np.random.default_rng(1).choice([-1.0, 1.0], (60, 2))
FORMS = {
    "sqrt": lambda x: np.abs(np.emath.sqrt(x[0])) + x[1],
    "log": lambda x: np.real(np.emath.log(x[0])) * (1.0 + np.imag(np.emath.log(x[1]))),
    "log2": lambda x: np.abs(np.emath.log2(x)).sum(),
    "log10": lambda x: np.real(np.emath.log10(x[0] * x[1])),
    "arccos": lambda x: np.real(np.emath.arccos(x[0])) + np.abs(np.emath.arcsin(x[1])),
    "arctanh": lambda x: np.real(np.emath.arctanh(x[0])),
    "close": lambda x: np.real_if_close(x[0] * np.exp(1j * 0.0)) ** 2 + np.real_if_close(x[1]),
    "not close": lambda x: np.abs(np.real_if_close(np.exp(1j * x[0]))) * x[1] + x[0],
}


@pytest.mark.parametrize("name", FORMS)
def test_derivatives(name):
    f = FORMS[name]
    found = fastgrad.gradient(f, POINTS, batch=True, method="exact")
    wanted = [fastgrad.gradient(f, x, engine="python") for x in POINTS]
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)

"""Steps that are refined: exact values, honest errors, and how it ends."""

import numpy as np

from fastgrad.formulas.extrapolation import refine, starts
from fastgrad.formulas.neville import CONVERGED, NOT_FINITE, exponents
from fastgrad.formulas.stencils import stencil

CENTRAL = stencil(1, 2)


def refined(f, x):
    x = np.asarray(x, float)

    def estimate(some, steps):
        values = (f(x[some] + steps) - f(x[some] - steps)) / (2.0 * steps)
        return values[:, None], (np.spacing(np.abs(f(x[some]))) / steps)[:, None]

    with np.errstate(all="ignore"):
        return refine(estimate, *starts(np.abs(x), 1), CENTRAL)


def test_smooth_functions_to_the_last_digits():
    found = refined(np.exp, [0.0, 1.0, 2.0])
    np.testing.assert_allclose(found.value[:, 0], np.exp([0.0, 1.0, 2.0]), rtol=1e-12)
    assert (found.status == CONVERGED).all()


def test_the_estimated_error_covers_the_true_one():
    x = np.linspace(0.3, 3.0, 40)
    found = refined(np.sin, x)
    assert (np.abs(found.value[:, 0] - np.cos(x)) <= 10 * found.error[:, 0]).all()


def test_nan_stays_in_its_element():
    found = refined(lambda x: np.where(x < 0, np.nan, x**2), [-3.0, 2.0])
    assert found.status[:, 0].tolist() == [NOT_FINITE, CONVERGED]
    assert abs(found.value[1, 0] - 4.0) < 1e-12


def test_powers_of_the_step_in_the_error():
    assert exponents(CENTRAL)[:3].tolist() == [2, 4, 6]
    assert exponents(stencil(1, 2, "forward"))[:3].tolist() == [2, 3, 4]
